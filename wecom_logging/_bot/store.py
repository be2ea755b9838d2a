"""What the bot needs of the store: the alerts that are open, marks on them, and a few notes.

The bot knows nothing else of a store. Whoever implements `BotStore` carries the rules of the
schedule (what a silence does, when it ends, what breaks through); the limits of what may be
asked for from a phone are the bot's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from wecom_logging._model.links import Link

Verb = Literal["silence", "unsilence", "take", "untake", "quiet", "unquiet"]

#: Why a mark was not made on a group: it is not there, it is over, nothing is to be undone,
#: nobody has ever said which release is running.
Rejection = Literal["unknown", "over", "nothing", "no release"]


class BotStoreError(Exception):
    """The store cannot be reached; nothing was changed, or nobody knows."""


class App(NamedTuple):
    """What has groups of its own in a store."""

    app: str
    environment: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, self))


@dataclass(frozen=True)
class Group:
    """One kind of error, as far as answers are about it. Times in seconds since the epoch."""

    #: Five digits, or six.
    id: str
    app: App
    #: Type of the exception, with its module where it has one; "" for a plain message.
    type: str
    text: str
    place: str
    critical: bool = False
    over: bool = False
    count: int = 0
    pending: int = 0
    first: float = 0.0
    last: float = 0.0
    silenced_until: float | None = None
    silenced_by: str = ""
    until_release: bool = False
    taken_by: str = ""
    taken_at: float | None = None
    #: When a message last told of it as news, and the ids of the latest ones, as in `m-5c1e`.
    news_at: float | None = None
    messages: Sequence[str] = ()


@dataclass(frozen=True)
class Action:
    """What somebody wants done, with all that the store has to keep of it for 30 days."""

    verb: Verb
    #: Who: a name to be shown, and the user id behind it.
    who: str
    user: str
    #: From where: the chat's id.
    where: str
    at: float
    #: The same act twice has the same key, also from another host: it is done once.
    key: str
    #: Ids of groups; of "quiet" and "unquiet" the apps.
    ids: tuple[str, ...] = ()
    apps: tuple[App, ...] = ()
    #: Of "silence" and "quiet".
    until: float | None = None
    #: Of "silence": or by the next release, if that is sooner.
    until_release: bool = False
    why: str = ""


@dataclass(frozen=True)
class Result:
    """What became of an act."""

    #: Ids of the groups that are marked now as the act wants it.
    ids: tuple[str, ...] = ()
    #: Those that are not, and why.
    refused: Mapping[str, Rejection] = field(default_factory=dict)


class Alerts(Protocol):
    """Groups, and marks on them. Any method may raise `BotStoreError`.

    Called from one thread. Answers have to come within two seconds: a button waits for them.
    """

    def groups(self) -> Sequence[Group]:
        """All groups of all apps that are open, or were over only lately."""

    def news(self, after: float) -> Sequence[Group]:
        """Open groups with a `news_at` later than that, of apps that are not quiet."""

    def apps(self) -> Sequence[App]:
        """All apps that the store knows."""

    def mark(self, act: Action) -> Result:
        """Do it for the whole fleet, all ids in one step; write it down for the audit."""

    def undo(self, user: str, since: float, act: Action) -> Action | None:
        """Take back the last act of this user that came after `since`; None: there is none.

        `act` says who undoes, from where and when, as for `mark`; its verb has no meaning.
        """

    def report(self, apps: Sequence[App], chinese: bool) -> str:
        """The daily report about these, as text."""

    def detail(self, group: str, chinese: bool) -> str:
        """The whole report about one group, as text."""

    def links(self, group: str, chinese: bool) -> Sequence[Link]:
        """Where the group leads to: pages and mini-programs."""

    def written(self) -> float | None:
        """When something was last written to the store by whoever reports errors."""

    def name(self) -> str:
        """What the store is called, without secrets."""


class Notes(Protocol):
    """Small documents of the bot's own in the same store. Any method may raise `BotStoreError`."""

    def read(self, key: str) -> str | None:
        """What was written and has not passed."""

    def write(self, key: str, value: str, seconds: float | None = None) -> None:
        """Keep it for so long (None: for good). The last one wins."""

    def erase(self, keys: Iterable[str]) -> None:
        """Forget them."""

    def hold(self, key: str, owner: str, seconds: float) -> bool:
        """Whether `owner` has the lease `key` now, for so long from now: it was free, had
        passed or was its own."""

    def leave(self, key: str, owner: str) -> None:
        """Give the lease back, if it is `owner`'s."""


class BotStore(Alerts, Notes, Protocol):
    """All of it."""
