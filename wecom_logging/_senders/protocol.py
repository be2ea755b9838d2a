"""What a sender is: the `Sender` protocol, and the `Message` that it is given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, Protocol, runtime_checkable

from wecom_logging._runtime.values import NamedTuple, dataclass

MsgType = Literal["markdown", "text", "markdown_v2", "card", "file"]


class CardLimits(NamedTuple):
    """Characters that the parts of a template card hold."""

    source: int
    title: int
    desc: int
    figure: int
    text: int
    value: int
    jump: int


#: More bytes than our fullest card has. WeCom's own limits are characters of each part.
CARD_BYTES = 8192
#: WeCom API documents 90236 and 91770.
APP_CARD = CardLimits(source=20, title=36, desc=44, figure=14, text=160, value=30, jump=18)
ROBOT_CARD = CardLimits(source=13, title=26, desc=30, figure=10, text=112, value=26, jump=13)


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
    #: Whether each call needs an access token: the sender is a `TokenSender`.
    token: bool = False
    #: Whether it says by which route it gets there: the sender is a `RoutedSender`.
    route: bool = False
    #: Whether no other process knows the destination, so that there is nothing to share.
    local: bool = False
    #: Whether it can connect before there is a message: the sender is a `ConnectingSender`.
    connects: bool = False
    #: How much a template card holds, where there are any ("card" in `max_bytes`).
    card: CardLimits | None = None


@dataclass(frozen=True)
class Message:
    """What one API call sends."""

    msgtype: MsgType
    #: The text; a template card as JSON; for a file the media id that `Sender.upload` returned.
    content: str
    #: User ids, mobile numbers or "@all" to call; needs `Limits.mentions` and text.
    mentions: tuple[str, ...] = ()


class Receipt(NamedTuple):
    """What a destination has said when it accepted a message."""

    #: Who did not get it all the same: names for each field of the answer that lists some,
    #: {} if everybody did. WeCom writes user ids in lower case there.
    missed: Mapping[str, frozenset[str]]


@runtime_checkable
class Sender(Protocol):
    """Delivers messages to one destination.

    A sender does what it is asked to, once, and knows nothing of stores, budgets or retries:
    those are the worker's. What it is able to beyond this protocol, its `limits` declare.

    `send` and `upload` are called from one thread at a time. They return when the
    destination has accepted, and raise a `DeliveryError` if it has not; its `unclear`
    says whether the message may have arrived all the same. The same message always
    becomes the same bytes: that is what a duplicate check recognises a retry by.

    Signals of the process are blocked in that thread, and in a program that is started from it.
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

    def send(self, message: Message) -> Receipt | None:
        """Send a message; None says no more than that it was accepted."""

    def upload(self, name: str, data: bytes) -> str:
        """Upload a file; returns the media id for a message of type "file"."""


class RoutedSender(Sender, Protocol):
    """A sender whose `limits.route` is true."""

    @property
    def route(self) -> str:
        """Names host, credentials and proxy, hashed: what fails on the way to a destination
        is nothing to processes that get there by another route."""


class ConnectingSender(Sender, Protocol):
    """A sender whose `limits.connects` is true."""

    def connect(self) -> None:
        """Have a connection ready for a call that comes within the second. Whatever is wrong
        is for that call to meet."""


class TokenSender(Sender, Protocol):
    """A sender whose `limits.token` is true: each call needs an access token.

    The worker brings it, because one is enough for all processes that share a store. A token that
    is refused is a `TokenError`. Without one, as in a script, the sender takes that of its process.
    """

    @property
    def token_key(self) -> str:
        """Names host and credentials, hashed: senders with the same key share a token."""

    def fetch_token(self) -> tuple[str, float]:
        """Ask for a token; returns it and the seconds that it lives."""

    def send(self, message: Message, token: str | None = None) -> Receipt | None: ...

    def upload(self, name: str, data: bytes, token: str | None = None) -> str: ...
