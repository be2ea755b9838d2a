"""What the bot needs of the store: the alerts that are open, marks on them, and a few notes.

The bot knows nothing else of a store. Whoever implements `BotStore` carries the rules of the
schedule (what a silence does, when it ends, what breaks through); the limits of what may be
asked for from a phone are the bot's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from wecom_logging._model.links import Link
from wecom_logging._stores.marks import Act, Done, KnownGroup
from wecom_logging._stores.oncall import Undone


class App(NamedTuple):
    """What has groups of its own in a store."""

    app: str
    environment: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, self))


def app_of(group: KnownGroup) -> App:
    return App(group.app, group.environment)


class Notes(Protocol):
    """Small documents of the bot's own in the same store. Any method may raise `StoreError`."""

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


class BotStore(Notes, Protocol):
    """Notes, groups, and marks on them. Any method may raise `StoreError`.

    Called from one thread. Answers have to come within two seconds: a button waits for them.
    """

    def groups(self) -> Sequence[KnownGroup]:
        """All groups of all apps that are open, or were over only lately."""

    def news(self, after: float) -> Sequence[KnownGroup]:
        """Open groups with a `news_at` later than that, of apps that are not quiet."""

    def apps(self) -> Sequence[App]:
        """All apps that the store knows."""

    def mark(self, act: Act, apps: Sequence[App] = ()) -> Done:
        """Do it for the whole fleet, all ids in one step; write it down for the audit. `apps`
        are whose quiet it is."""

    def undo(self, act: Act, within: float) -> Undone | None:
        """Take back the last act of `act.user` in so many seconds; None: there is none."""

    def report(self, apps: Sequence[App], chinese: bool) -> str:
        """The daily report about these, as text."""

    def detail(self, group: str, chinese: bool) -> str:
        """The whole report about one group, as text."""

    def links(self, group: str, chinese: bool) -> Sequence[Link]:
        """Where the group leads to: pages and mini-programs."""

    def cause(self, group: str) -> str:
        """What the exception of the group says, after its type; "" without one."""

    def written(self) -> float | None:
        """When something was last written to the store by whoever reports errors."""

    def name(self) -> str:
        """What the store is called, without secrets."""
