"""Bots on their long connection: subscriptions, frames, chats. Nothing here knows sockets."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from wecom_logging.simulator.budgets import MINUTE, Gate, Quota, Window
from wecom_logging.simulator.cards import part
from wecom_logging.simulator.config import Bot
from wecom_logging.simulator.content import (
    BOT_ANSWER_CHECKS,
    BOT_CHECKS,
    BOT_WELCOME_CHECKS,
    Check,
    Content,
    check_content,
)
from wecom_logging.simulator.errcodes import Refusal, parameter
from wecom_logging.simulator.inbox import Message
from wecom_logging.simulator.uploads import ChunkedUploads

if TYPE_CHECKING:
    from wecom_logging.simulator.world import World


Body = dict[str, Any]

#: Seconds: an event waits for its answer; a message for its own; a stream for its end.
EVENT, MESSAGE, STREAM = 5.0, 86400.0, 600.0
#: Seconds of silence after which the connection is closed.
SILENCE = 120.0
#: Subscriptions of a bot in a minute. That there is a limit is known, the number is not.
_SUBSCRIPTIONS = 6
#: Callbacks, streams and tasks that are remembered, the newest of each.
_MOST = 2000

#: What a bot is told: on which connection, the frame's `cmd`, the frame.
Told = list[tuple["Connection", str, str]]


@dataclass(eq=False)
class Connection:
    """One connection of a client; `send`, `close` and `cut` (no farewell) are the socket's."""

    send: Callable[[str], None]
    close: Callable[[], None]
    cut: Callable[[], None]
    last_frame: float
    #: The id of the bot that it has subscribed as.
    bot_id: str | None = None
    #: Whether groups are told to it; and whether anything is.
    hears_groups: bool = True
    half_open: bool = False


@dataclass
class Callback:
    """Something that was told to a bot and can be answered."""

    kind: Literal["message", "enter_chat", "template_card_event"]
    chat: str
    at: float
    #: Of a press: the card's message, and its task.
    message_id: int = 0
    task_id: str = ""


@dataclass
class _Stream:
    message_id: int
    began: float
    finished: bool = False


class Bots:
    """All bots of a `World`, under its lock."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._connections: dict[str, Connection] = {}
        self._subscriptions: dict[str, Gate] = {}
        self._callbacks: OrderedDict[str, Callback] = OrderedDict()
        self._streams: OrderedDict[tuple[str, str], _Stream] = OrderedDict()
        self._uploads = ChunkedUploads()
        self._tasks: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._numbers = itertools.count(1)
        #: (bot, chat) in which somebody has written, and what each has been sent.
        self._open = {
            (bot.id, chat.id)
            for bot in world.config.bots
            for chat in world.config.chats
            if chat.open
        }
        self.quotas: dict[tuple[str, str], Quota] = {}

    # Connections.

    def connected(self, bot_id: str) -> bool:
        return bot_id in self._connections

    def gone(self, connection: Connection) -> None:
        for bot_id, each in list(self._connections.items()):
            if each is connection:
                del self._connections[bot_id]

    def kick(self, connection: Connection) -> None:
        """Tell a connection that another client has taken over, and end it."""
        self.unsubscribe(connection)
        body = {
            "msgid": secrets.token_hex(16), "create_time": int(self._world.clock.now()),
            "msgtype": "event", "event": {"eventtype": "disconnected_event"},
        }  # fmt: skip
        if not connection.half_open:
            connection.send(_frame("aibot_event_callback", secrets.token_hex(12), body))
        connection.close()

    def unsubscribe(self, connection: Connection) -> None:
        """Forget its subscription without a word."""
        self.gone(connection)
        connection.bot_id = None

    # Frames of a client.

    def answer(self, connection: Connection, frame: object, drop: bool = False) -> Body:
        """What WeCom answers; `drop`: errcode 0, and nobody sees it."""
        data = frame if isinstance(frame, dict) else {}
        req_id = part(data, "headers").get("req_id")
        answer: Body = {"headers": {"req_id": req_id if isinstance(req_id, str) else ""}}
        now = self._world.clock.now()
        connection.last_frame = now
        try:
            if not isinstance(req_id, str) or not 0 < len(req_id.encode()) <= 256:
                raise Refusal(846605)
            call = _Call(connection, req_id, part(data, "body"), now, drop)
            result = self._operate(data.get("cmd"), call)
            answer |= {"errcode": 0, "errmsg": "ok"} | ({"body": result} if result else {})
        except Refusal as refusal:
            answer |= {"errcode": refusal.errcode, "errmsg": refusal.text}
        return answer

    def _operate(self, cmd: object, call: _Call) -> Body | None:
        operation = _OPERATIONS.get(cmd) if isinstance(cmd, str) else None
        if operation is None:
            raise parameter("cmd is invalid")
        if cmd != "aibot_subscribe" and call.connection.bot_id is None:
            raise Refusal(846609)
        return operation(self, call)

    def _subscribe(self, call: _Call) -> None:
        bot = self._bot(call.body.get("bot_id"))
        if call.body.get("secret") != bot.secret:
            raise Refusal(853000)
        gate = self._subscriptions.setdefault(bot.id, Gate(Window(_SUBSCRIPTIONS, MINUTE)))
        if gate.closed(call.now):
            raise Refusal(45009)
        gate.window.add(call.now)
        older = self._connections.get(bot.id)
        if older is not None and older is not call.connection:
            self.kick(older)
        self._connections[bot.id] = call.connection
        call.connection.bot_id = bot.id
        call.connection.hears_groups = True

    def _respond(self, call: _Call) -> None:
        callback = self._answered(call, MESSAGE, "message", "enter_chat", "template_card_event")
        if call.body.get("msgtype") == "stream":
            self._stream(call, callback)
            return
        if call.body.get("msgtype") == "stream_with_template_card":
            self._stream(call, callback)
            call.body["msgtype"] = "template_card"
        self._deliver(call, callback.chat, BOT_ANSWER_CHECKS)

    def _stream(self, call: _Call, callback: Callback) -> None:
        stream = part(call.body, "stream")
        stream_id = stream.get("id")
        if not isinstance(stream_id, str) or not stream_id:
            raise parameter("stream.id is empty")
        known = self._streams.get((call.bot_id, stream_id))
        if known is None:
            message = self._deliver(call, callback.chat, BOT_ANSWER_CHECKS, "stream")
            known = _Stream(message.id, call.now)
            _keep(self._streams, (call.bot_id, stream_id), known)
        else:
            if known.finished or call.now - known.began > STREAM:
                raise Refusal(846608)
            self._change(known.message_id, self._check(call, "stream", BOT_ANSWER_CHECKS))
        known.finished = stream.get("finish") is True

    def _welcome(self, call: _Call) -> None:
        callback = self._answered(call, EVENT, "enter_chat")
        self._deliver(call, callback.chat, BOT_WELCOME_CHECKS)

    def _update(self, call: _Call) -> None:
        callback = self._answered(call, EVENT, "template_card_event")
        card = part(call.body, "template_card")
        if call.body.get("response_type") != "update_template_card":
            raise parameter("response_type is invalid")
        if card.get("task_id") != callback.task_id:
            raise Refusal(42014)
        required = self._world.config.switches.bot_update_card_action == "required"
        if required and not card.get("card_action"):
            raise Refusal(42045)
        content = self._check(call, "template_card", BOT_CHECKS)
        self._take_quota(call, callback.chat)
        if not call.drop:
            self._change(callback.message_id, content)

    def _send(self, call: _Call) -> None:
        chat, kind = call.body.get("chatid"), call.body.get("chat_type", 0)
        if kind not in (0, 1, 2):
            raise parameter("chat_type is invalid")
        groups = {each.id for each in self._world.config.chats}
        if (
            not isinstance(chat, str)
            or (kind and (kind == 2) != (chat in groups))
            or (call.bot_id, self._chat(chat)) not in self._open
        ):
            raise Refusal(93006)
        self._deliver(call, self._chat(chat), BOT_CHECKS)

    # Files.

    def _init(self, call: _Call) -> Body:
        return {"upload_id": self._uploads.begin(call.bot_id, call.body, call.now)}

    def _chunk(self, call: _Call) -> None:
        self._uploads.add(call.body, call.now)

    def _finish(self, call: _Call) -> Body:
        kind, upload = self._uploads.end(call.body, call.now)
        file = self._world.media.store(upload, kind, f"bot {call.bot_id}", call.now)
        return {"type": file.type, "media_id": file.id, "created_at": int(call.now)}

    # What they have in common.

    def _bot(self, bot_id: object) -> Bot:
        for each in self._world.config.bots:
            if each.id == bot_id:
                return each
        raise Refusal(93019)

    def _chat(self, chat: str) -> str:
        """A chat's id; of a member, whose id knows no case, as it is written."""
        members = {
            self.userid(bot, user).lower(): user
            for bot in self._world.config.bots
            for user in self._world.config.users
        }
        return members.get(chat.lower(), chat)

    def _answered(self, call: _Call, within: float, *kinds: str) -> Callback:
        callback = self._callbacks.get(call.req_id)
        if callback is None or callback.kind not in kinds or call.now - callback.at > within:
            raise Refusal(846605)
        return callback

    def _check(self, call: _Call, kind: object, checks: Mapping[str, Check]) -> Content:
        rules = self._world.rules(f"bot {call.bot_id}", checks, callback=True)
        return check_content(kind, call.body, rules)

    def _take_quota(self, call: _Call, chat: str) -> None:
        quota = self.quotas.setdefault((call.bot_id, chat), Quota())
        if quota.full(call.now):
            raise Refusal(45009)
        quota.add(call.now)

    def _deliver(
        self, call: _Call, chat: str, checks: Mapping[str, Check], msgtype: str | None = None
    ) -> Message:
        kind = msgtype or call.body.get("msgtype")
        content = self._check(call, kind, checks)
        card = content.shown if kind == "template_card" else {}
        if card.get("task_id") and (call.bot_id, card["task_id"]) in self._tasks:
            raise Refusal(42014)
        self._take_quota(call, chat)
        if card.get("task_id"):
            _keep(self._tasks, (call.bot_id, str(card["task_id"])), None)
        name = self.name(chat)
        return self._world.inbox.add(
            Message(
                time=call.now,
                source="bot",
                sender=self._bot(call.bot_id).name,
                destination=chat,
                msgtype=str(kind),
                recipients={"chat": name},
                delivered_to=() if call.drop else (name,),
                dropped_for=(name,) if call.drop else (),
                fate="dropped" if call.drop else "delivered",
                request=call.body,
                raw=json.dumps(call.body, ensure_ascii=False).encode("utf-8", "replace"),
                answer={"errcode": 0, "errmsg": "ok"},
                **vars(content),
            )
        )

    def _change(self, message_id: int, content: Content) -> None:
        for each in self._world.inbox.messages():
            if each.id == message_id:
                changed = dataclasses.replace(
                    each, content=content.content, shown=content.shown, bytes=content.bytes
                )
                self._world.inbox.replace(changed)

    def open(self, chat: str) -> None:
        """Somebody has written to the first bot there: from now on it may write, too."""
        self._open.add((self._world.config.bot.id, chat))

    def name(self, chat: str) -> str:
        """What a chat is called; alone with somebody, their id."""
        return next((each.name for each in self._world.config.chats if each.id == chat), chat)

    def userid(self, bot: Bot, user: str) -> str:
        """The id under which a bot knows a member."""
        if bot.plain_userids:
            return user
        digest = hashlib.sha256(f"{bot.id} {user}".encode()).hexdigest()
        return f"wo{digest[:30]}"

    def call_back(self, cmd: str, callback: Callback, user: str, chat: str, body: Body) -> Told:
        """What the first bot is told of something; nothing, if it does not hear that."""
        bot = self._world.config.bot
        req_id = secrets.token_hex(12)
        where: Body = {"chatid": chat, "chattype": "group"} if chat else {"chattype": "single"}
        whole = {
            "msgid": f"{secrets.token_hex(12)}{next(self._numbers)}",
            "create_time": int(callback.at),
            "aibotid": bot.id,
            **where,
            "from": {"userid": self.userid(bot, user)},
            **body,
        }
        connection = self._connections.get(bot.id)
        if connection is None or (chat and not connection.hears_groups):
            return []  # told once, and nobody was there
        _keep(self._callbacks, req_id, callback)
        return [(connection, cmd, _frame(cmd, req_id, whole))]


@dataclass
class _Call:
    """A frame of a client."""

    connection: Connection
    req_id: str
    body: Body
    now: float
    drop: bool

    @property
    def bot_id(self) -> str:
        return self.connection.bot_id or ""


_OPERATIONS: dict[str, Callable[[Bots, _Call], Body | None]] = {
    "aibot_subscribe": Bots._subscribe,
    "ping": lambda bots, call: None,
    "aibot_respond_msg": Bots._respond,
    "aibot_respond_welcome_msg": Bots._welcome,
    "aibot_respond_update_msg": Bots._update,
    "aibot_send_msg": Bots._send,
    "aibot_upload_media_init": Bots._init,
    "aibot_upload_media_chunk": Bots._chunk,
    "aibot_upload_media_finish": Bots._finish,
}


def _keep(kept: OrderedDict[Any, Any], key: object, value: object) -> None:
    kept[key] = value
    if len(kept) > _MOST:
        kept.popitem(last=False)


def _frame(cmd: str, req_id: str, body: Body) -> str:
    frame = {"cmd": cmd, "headers": {"req_id": req_id}, "body": body}
    return json.dumps(frame, ensure_ascii=False).encode("utf-8", "replace").decode()
