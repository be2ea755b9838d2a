"""A handler's account: what became of each error that reached it."""

from __future__ import annotations

import time
from threading import Lock
from typing import Any

from wecom_logging._runtime.values import dataclass, replace


@dataclass(frozen=True)
class Stats:
    """A handler's account. `seen == reported + pending + muted + lost`, in every reading."""

    #: Errors that reached the handler.
    seen: int = 0
    #: Errors told in messages that WeCom has accepted, whoever sent them.
    reported: int = 0
    #: Errors not told yet.
    pending: int = 0
    #: Errors that a processor has dropped (`structlog.DropEvent`).
    muted: int = 0
    #: Errors that will not be told; each loss was declared on stderr.
    lost: int = 0
    #: Messages that this handler has sent, and attempts that failed.
    messages: int = 0
    failures: int = 0
    #: What the last failed attempt said, without secrets.
    last_error: str | None = None
    #: When this handler last delivered a message, seconds since the epoch.
    last_success: float | None = None
    #: Errors of `reported` that the fallback took.
    by_fallback: int = 0


class StatsRecorder:
    """What the worker writes into the account.

    Replaced as a whole, so that a reader needs no lock and never sees half a change.
    """

    def __init__(self) -> None:
        self._writing = Lock()
        self._entries = Stats()

    @property
    def last_error(self) -> str | None:
        return self._entries.last_error

    @property
    def settled(self) -> int:
        """Errors that nobody has to tell any more."""
        entries = self._entries
        return entries.reported + entries.muted + entries.lost

    def add(self, **counts: int) -> None:
        """Add to some of the counts."""
        with self._writing:
            now = self._entries
            grown: dict[str, Any] = {name: getattr(now, name) + n for name, n in counts.items()}
            if counts.get("messages"):
                grown["last_success"] = time.time()
            self._entries = replace(now, **grown)

    def write(self, **values: Any) -> None:
        """Replace some of the entries."""
        with self._writing:
            self._entries = replace(self._entries, **values)

    def read(self, count_seen: Any) -> Stats:
        """The account; `count_seen()` is asked after the entries are read, so that an error
        counted in between is pending and never negative."""
        entries = self._entries
        seen = count_seen()
        settled = entries.reported + entries.muted + entries.lost
        return replace(entries, seen=seen, pending=seen - settled)
