"""How messages look in the process that sends them."""

from __future__ import annotations

from datetime import tzinfo
from typing import Literal

from wecom_logging._model.links import Link
from wecom_logging._runtime.values import NamedTuple
from wecom_logging._senders.protocol import CardLimits, MsgType

Language = Literal["en", "zh"]

#: How plain a message is. Each is for when the one before it was refused: everything; half
#: the bytes; no markup; counts and places without any logged text.
Shape = Literal["full", "short", "text", "bare"]


class Style(NamedTuple):
    """The options of the sending process that decide how a message looks."""

    app: str
    environment: str = ""
    release: str = ""
    #: Start of the process, seconds since the epoch: told in its first hour; 0: unknown.
    started: float = 0.0
    language: Language = "en"
    msgtype: MsgType = "markdown"
    #: Bytes of UTF-8 that a message of this type may hold; not below 1024.
    max_bytes: int = 2048
    #: Zone of the times shown; None: the local one.
    timezone: tzinfo | None = None
    #: False if the zone was set by hand, so that the reader knows it.
    show_offset: bool = True
    show_source: bool = True
    #: Where each group leads to.
    links: tuple[Link, ...] = ()
    #: With msgtype "card": how much its parts hold.
    card: CardLimits | None = None
    #: A message for the fallback: what does not take it ("robot", "application", "sender").
    instead_of: str = ""
