"""A chat with a bot that has no connection: frames in, frames out, time moved by hand."""

from __future__ import annotations

import itertools
import json
from typing import Any
from zoneinfo import ZoneInfo

from tests.helpers.bot_store import NOW, FakeStore
from wecom_logging._bot.bot import Bot
from wecom_logging._bot.core import ConnectionEvent, Core
from wecom_logging._bot.pairing import Chat, Pairings, Scope
from wecom_logging._bot.session import Session
from wecom_logging._bot.users import Users
from wecom_logging._model.secret import Secret

SECRET = "bot-secret-of-a-test-opens-nothing"
GROUP = "wrTESTgroup"
SHANGHAI = ZoneInfo("Asia/Shanghai")


class Phone:
    """WeCom's end of the wire, and the people behind it."""

    def __init__(self, users: str = "", **options: Any) -> None:
        self.now = NOW
        self.store = FakeStore(lambda: self.now)
        self.lines: list[str] = []
        options = {"chinese": True, "zone": SHANGHAI, "say": self.lines.append, **options}
        bot = Bot(self.store, Users.parse(users), **options)
        self.core = Core(Session("bot-1", Secret(SECRET)), bot, lambda: self.now, lambda: self.now)
        self.turns: list[ConnectionEvent] = []
        self._ids = itertools.count(1)
        #: Answers with this errcode from now on; None: with nothing.
        self.errcode: int | None = 0

    @classmethod
    def on(cls, store: FakeStore, users: str = "") -> Phone:
        """Another host's bot on the same store."""
        phone = cls(users)
        bot = Bot(store, Users.parse(users), chinese=True, zone=SHANGHAI)
        phone.core._bot = bot
        return phone

    # The connection.

    def connect(self) -> Phone:
        self.core.opened()
        self.exchange()
        return self

    def exchange(self) -> list[dict[str, Any]]:
        """Take all frames that are to be written, and answer each of them."""
        taken: list[dict[str, Any]] = []
        while frames := [json.loads(each) for each in self.core.outgoing()]:
            taken += frames
            for frame in frames:
                if self.errcode is not None:
                    self.reply(frame, self.errcode)
        return taken

    def reply(self, frame: dict[str, Any], errcode: int = 0, **body: Any) -> None:
        answer = {"headers": frame["headers"], "errcode": errcode, "errmsg": "ok", "body": body}
        self.turns += self.core.receive(json.dumps(answer))

    def tick(self, seconds: float = 0.0) -> list[dict[str, Any]]:
        self.now += seconds
        self.turns += self.core.tick()
        return self.exchange()

    def pair(self, chat: str = GROUP, *apps: str, name: str = "报警") -> Phone:
        Pairings(self.store).add(Chat(chat, Scope(apps), name))
        return self

    # What people do.

    def frame(self, cmd: str, body: dict[str, Any]) -> str:
        number = next(self._ids)
        headers = {"req_id": f"callback-{number}"}
        body = {"msgid": f"msg-{number}", "aibotid": "bot-1", "create_time": int(self.now), **body}
        return json.dumps({"cmd": cmd, "headers": headers, "body": body}, ensure_ascii=False)

    def message(self, text: str, user: str = "zhangsan", chat: str = GROUP, **more: Any) -> str:
        where = {"chatid": chat, "chattype": "group"} if chat else {"chattype": "single"}
        words = {"msgtype": "text", "text": {"content": text}}
        return self.frame(
            "aibot_msg_callback", {**where, "from": {"userid": user}, **words, **more}
        )

    def click(
        self, task_id: str, key: str, user: str = "zhangsan", chat: str = GROUP, **more: Any
    ) -> str:
        chosen = more.pop("chosen", None)
        item = {"question_key": "silence_for", "option_ids": {"option_id": [chosen]}}
        press = {
            "card_type": "button_interaction", "event_key": key, "task_id": task_id,
            "selected_items": {"selected_item": [item] if chosen else []},
        }  # fmt: skip
        event = {"eventtype": "template_card_event", "template_card_event": press}
        where = {"chatid": chat, "chattype": "group", "from": {"userid": user}}
        return self.frame(
            "aibot_event_callback", {**where, "msgtype": "event", "event": event, **more}
        )

    def hear(self, frame: str) -> list[dict[str, Any]]:
        self.turns += self.core.receive(frame)
        return self.exchange()

    def ask(self, text: str, user: str = "zhangsan", chat: str = GROUP, **more: Any) -> str:
        """What is answered in the chat, as one text."""
        frames = self.hear(self.message(text, user, chat, **more))
        return "\n".join(
            each["body"]["markdown"]["content"]
            for each in frames
            if each["cmd"] == "aibot_respond_msg"
        )


def cards(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The cards among these frames."""
    return [f["body"]["template_card"] for f in frames if f.get("body", {}).get("template_card")]


def pushed(frames: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Chat and text of the messages that nobody has asked for."""
    return [
        (f["body"]["chatid"], f["body"]["markdown"]["content"])
        for f in frames
        if f["cmd"] == "aibot_send_msg" and f["body"]["msgtype"] == "markdown"
    ]
