"""What is to be sent, and what instead if WeCom does not take it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from wecom_logging._bot.frames import Message
from wecom_logging._bot.session import Cmd
from wecom_logging._bot.texts import fitted
from wecom_logging._bot.uploads import Upload

Json = dict[str, Any]

#: Seconds within which an answer to an event is taken, less the way there.
EVENT = 4.5
#: Seconds within which an answer or a push is of use.
_ANSWER, _PUSH = 10.0, 60.0


@dataclass(frozen=True)
class Outgoing:
    """A frame to be sent."""

    cmd: Cmd
    body: Json = field(repr=False)
    #: Of the callback that it answers.
    req_id: str | None = None
    #: Seconds after which it is of no use.
    within: float = _ANSWER
    #: Go out instead if WeCom does not take this one.
    otherwise: tuple[Outgoing, ...] = ()
    #: Go out after WeCom has taken it.
    then: tuple[Outgoing, ...] = ()
    #: The file that it is a step of.
    upload: Upload | None = None
    #: Whom it asks to write in private.
    asks: str = ""


def answer(message: Message, words: str) -> Outgoing:
    """An answer to a message; should WeCom not take it as one, the same by itself."""
    body = {"msgtype": "markdown", "markdown": {"content": fitted(words)}}
    instead = push(message.chat, words, single=message.single)
    return Outgoing("aibot_respond_msg", body, message.req_id, otherwise=(instead,))


def push(
    chat: str, words: str, *, single: bool = False, otherwise: tuple[Outgoing, ...] = ()
) -> Outgoing:
    """A message that nobody has asked for."""
    content = {"content": fitted(words)}
    return send(chat, "markdown", content, single=single, otherwise=otherwise)


def send(
    chat: str,
    kind: str,
    content: Json,
    *,
    single: bool = False,
    otherwise: tuple[Outgoing, ...] = (),
) -> Outgoing:
    """A message of any kind to a chat, or alone to somebody."""
    body = {"chatid": chat, "chat_type": 1 if single else 2, "msgtype": kind, kind: content}
    return Outgoing("aibot_send_msg", body, within=_PUSH, otherwise=otherwise)
