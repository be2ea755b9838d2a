"""What a sender is: the `Sender` protocol, and the `Message` that it is given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

MsgType = Literal["markdown", "text", "markdown_v2", "file"]


@dataclass(frozen=True)
class Limits:
    """What a destination can carry."""

    #: Bytes of UTF-8 that one message may hold, for each dialect it understands.
    max_bytes: Mapping[MsgType, int]
    #: Whether a byte-identical repetition is recognised and not shown a second time.
    duplicate_check: bool = False
    #: Whether `upload` works.
    files: bool = False
    #: Whether people can be called by name (`Message.mentions`).
    mentions: bool = False


@dataclass(frozen=True)
class Message:
    """What one API call sends."""

    msgtype: MsgType
    #: The text, or for a file the media id that `Sender.upload` returned.
    content: str
    #: User ids, mobile numbers or "@all" to call; needs `Limits.mentions` and text.
    mentions: tuple[str, ...] = field(default=())


@runtime_checkable
class Sender(Protocol):
    """Delivers messages to one destination.

    `send` and `upload` are called from one thread at a time. They return when the
    destination has accepted, and raise a `DeliveryError` if it has not; its `unclear`
    says whether the message may have arrived all the same. The same message always
    becomes the same bytes: that is what a duplicate check recognises a retry by.
    """

    @property
    def destination(self) -> str:
        """A stable name of where messages go, without a secret in it.

        Senders with the same destination share its token, rate limit and back-off.
        """

    @property
    def limits(self) -> Limits: ...

    def secrets(self) -> Iterable[str]:
        """Strings that must never be shown: in no alert, log line or file."""

    def send(self, message: Message) -> None: ...

    def upload(self, name: str, data: bytes) -> str:
        """Upload a file; returns the media id for a message of type "file"."""
