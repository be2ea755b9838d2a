"""What people do in the chats of the first bot: write, press buttons, open a chat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from wecom_logging.simulator import cards
from wecom_logging.simulator.bots import Body, Bots, Callback, Told
from wecom_logging.simulator.inbox import Message

if TYPE_CHECKING:
    from wecom_logging.simulator.world import World


class Chats:
    """All of them, under the lock of their `World`. Each method returns what the bot is told."""

    def __init__(self, world: World, bots: Bots) -> None:
        self._world = world
        self._bots = bots

    def say(
        self, text: str, user: str | None = None, chat: str | None = None, quote: str = ""
    ) -> Told:
        """Somebody writes to the first bot; `chat` "" is alone with it, None the first group.

        Returns the frames that the bot is told, with their connection and `cmd`.
        """
        user, chat = self._who(user), self._where(chat)
        bot = self._world.config.bot
        self._bots.open(chat or user)
        now = self._world.clock.now()
        # Who writes to it in a group chooses it from a list, or types its name.
        is_typed = not chat or text.startswith(f"@{bot.name}")
        words = text if is_typed else f"@{bot.name} {text}"
        body: Body = {"msgtype": "text", "text": {"content": words}}
        if quote:
            body["quote"] = {"msgtype": "text", "text": {"content": quote}}
        self._world.inbox.add(
            Message(
                time=now,
                source="person",
                sender=user,
                destination=chat or user,
                msgtype="text",
                content=text,
                shown={"content": text},
                bytes=len(text.encode("utf-8", "replace")),
                recipients={"chat": self._bots.name(chat) if chat else bot.name},
                fate="said",
                request=body,
            )
        )
        callback = Callback("message", chat or user, now)
        return self._bots.call_back("aibot_msg_callback", callback, user, chat, body)

    def enter(self, user: str | None = None) -> Told:
        """Somebody opens the chat with the first bot."""
        user = self._who(user)
        self._bots.open(user)
        event = {"msgtype": "event", "event": {"eventtype": "enter_chat"}}
        callback = Callback("enter_chat", user, self._world.clock.now())
        return self._bots.call_back("aibot_event_callback", callback, user, "", event)

    def press(
        self,
        message_id: int,
        key: str,
        selected: Mapping[str, list[str]] | None = None,
        user: str | None = None,
    ) -> Told:
        """Somebody presses a button of a bot's card; a `ValueError` if there is none."""
        found = [m for m in self._world.inbox.messages() if m.id == message_id]
        card = found[0].shown if found and found[0].source == "bot" else {}
        if key not in cards.buttons(card):
            raise ValueError(f"key: there is no button {key!r} on message {message_id}")
        asked = cards.questions(card)
        for question, options in (selected or {}).items():
            if not set(options) <= asked.get(question, set()):
                raise ValueError(f"selected: {question!r} does not offer {options!r}")
        chosen = [{"question_key": question, "option_ids": {"option_id": list(options)}}
                  for question, options in (selected or {}).items()]  # fmt: skip
        chat = found[0].destination
        group = chat if chat in {each.id for each in self._world.config.chats} else ""
        event = {
            "eventtype": "template_card_event",
            "template_card_event": {
                "card_type": card.get("card_type"), "event_key": key,
                "task_id": card.get("task_id", ""), "selected_items": {"selected_item": chosen},
            },
        }  # fmt: skip
        callback = Callback(
            "template_card_event", chat, self._world.clock.now(), message_id,
            str(card.get("task_id", "")),
        )  # fmt: skip
        body = {"msgtype": "event", "event": event}
        return self._bots.call_back("aibot_event_callback", callback, self._who(user), group, body)

    def _who(self, user: str | None) -> str:
        if user is None:
            return self._world.config.users[0]
        if user not in self._world.config.users:
            raise ValueError(f"user: {user!r} is none of {', '.join(self._world.config.users)}")
        return user

    def _where(self, chat: str | None) -> str:
        known = [each.id for each in self._world.config.chats]
        if chat is None:
            return known[0]
        if chat and chat not in known:
            raise ValueError(f"chat: {chat!r} is none of {', '.join(known)}")
        return chat
