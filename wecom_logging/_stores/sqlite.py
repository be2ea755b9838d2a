"""The store of one host: a SQLite file that all processes of a user share."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from math import isfinite

from wecom_logging._runtime.values import NamedTuple
from wecom_logging._stores.documents import FORGET, SCHEMA, DocumentState, Question, ask, scope
from wecom_logging._stores.ledger import Ledger
from wecom_logging._stores.ledger_store import LedgerStore
from wecom_logging._stores.protocol import FollowUp, Rules
from wecom_logging._stores.sqlite_file import BUSY_FOR, SQLiteFile, shared_file
from wecom_logging._stores.upgrade import SharedSlots, is_beside, take_over

#: Documents that nobody has written for so long belong to an app that is gone.
ABANDONED_AFTER = 30 * 86400.0

#: How often to look whether an older version is at work on the file, seconds.
OLDER_EVERY = 60.0

#: How exactly it is written down what time it is, seconds.
TICK = 5.0

_CLOCK = "CREATE TABLE IF NOT EXISTS clock_1 (id INTEGER PRIMARY KEY, last REAL, ahead REAL)"


def is_running(source: str) -> bool:
    """Whether the process of a source on this host may still be there."""
    try:
        os.kill(int(source.split("/")[-2]), 0)
    except (ProcessLookupError, ValueError, IndexError, OverflowError):
        return False
    except OSError:
        pass  # somebody else's: there it is
    return True


class SQLiteStore(LedgerStore):
    """Groups, schedule, budget and token in a file of mode 0600.

    What was merged survives the process, and a power cut but for the last seconds. Each
    worker has one; all of a process on one file share its connection. Bounded by
    `max_groups` and by what is swept: forgotten groups, silent sources, apps that are gone.

    Args:
        path: Made, with its directory, if it does not exist.
        wall: The host's clock. Steps back are bridged: the store's own time only grows.
        owned: A damaged file is set aside for a new one, instead of left alone.
        patience: How long a step waits for another process that holds the file and writes
            nothing, seconds.
        is_alive: Whether the process of a source may still be there.

    Raises:
        StoreError: From every method, if the file cannot be used; nothing was done then.
    """

    durable = True

    def __init__(
        self,
        path: str,
        destination: str,
        app: str,
        environment: str,
        rules: Rules,
        *,
        owned: bool = False,
        patience: float = BUSY_FOR,
        wall: Callable[[], float] = time.time,
        is_alive: Callable[[str], bool] = is_running,
    ) -> None:
        self._path, self._owned, self._patience = path, owned, patience
        self._wall, self._is_alive = wall, is_alive
        self._rules = rules
        self._scopes = scope(destination), scope(destination, app, environment)
        self._names = app, environment
        self._shared_file: SQLiteFile | None = None
        self._looked_for_older, self._is_beside = float("-inf"), False
        #: What time it was at the last step, which is not always written down.
        self._latest = float("-inf")

    @property
    def file(self) -> SQLiteFile:
        """The file, which it has a part in from its first step on."""
        if self._shared_file is None:
            self._shared_file = shared_file(self._path)
        return self._shared_file

    def settle(
        self,
        claim_id: str,
        *follow_ups: FollowUp,
        lost: bool = False,
        groups: Collection[str] | None = None,
    ) -> None:
        super().settle(claim_id, *follow_ups, lost=lost, groups=groups)
        self.file.write_back()

    @contextmanager
    def _step(self, *wanted: tuple[str, str]) -> Iterator[Ledger]:
        with self._transaction() as connection:
            clock, state, ledger = self._begin(connection, wanted)
            now = clock.now
            self._share_with_older(ledger, connection)
            yield ledger
            wrote = state.save(now)
            if clock.set_back or (wrote and now - clock.last > TICK):
                connection.execute(
                    "INSERT OR REPLACE INTO clock_1 VALUES (1, ?, ?)", (now, clock.ahead)
                )
            if wrote:
                self.file.wrote()

    @contextmanager
    def _look(self, *wanted: tuple[str, str]) -> Iterator[Ledger]:
        with self._transaction(reads=True) as connection:
            yield self._begin(connection, wanted)[2]

    def _transaction(self, *, reads: bool = False) -> AbstractContextManager[sqlite3.Connection]:
        return self.file.transaction(
            self._make_tables, owned=self._owned, reads=reads, patience=self._patience
        )

    def _begin(
        self, connection: sqlite3.Connection, wanted: tuple[tuple[str, str], ...]
    ) -> tuple[_Clock, DocumentState, Ledger]:
        wall = round(self._wall(), 3)  # a document holds it in ten places
        state, known = DocumentState(connection, *self._scopes, self._names), list[object]()
        state.begin(wanted, *_ask_clock(known))
        clock = _clock(known, wall, self._latest)
        self._latest = clock.now
        shared = Ledger(state, self._rules, clock.now, wall, shared=True, is_alive=self._is_alive)
        return clock, state, shared

    def _share_with_older(self, ledger: Ledger, connection: sqlite3.Connection) -> None:
        """An older version may be at work on the same file, or have left something there."""
        if abs(ledger.now - self._looked_for_older) >= OLDER_EVERY:
            self._looked_for_older = ledger.now
            longest = max(window for _, window in self._rules.rate_limit)
            self._is_beside = is_beside(connection.cursor(), self._scopes[0], ledger.now - longest)
            take_over(ledger, connection.cursor())
        if self._is_beside:
            ledger.state.slots = SharedSlots(connection.cursor(), self._scopes[0], ledger.now)

    def _make_tables(self, connection: sqlite3.Connection) -> None:
        for statement in (*SCHEMA, _CLOCK):
            connection.execute(statement)
        known = list[object]()
        ask(connection.cursor(), _ask_clock(known))
        now = _clock(known, self._wall()).now
        for statement in FORGET:
            connection.execute(statement, (now - ABANDONED_AFTER,))


class _Clock(NamedTuple):
    now: float
    #: How far it is ahead of the wall clock, and whether that is news.
    ahead: float = 0.0
    set_back: bool = False
    #: What it was when it was last written down.
    last: float = float("-inf")


def _ask_clock(known: list[object]) -> list[Question]:
    """What is written down of it is asked for together with all else."""
    return [
        Question(f"(SELECT {name} FROM clock_1)", (), known.append) for name in ("last", "ahead")
    ]


def _clock(known: list[object], wall: float, latest: float = float("-inf")) -> _Clock:
    """The store's time.

    Where the wall clock has been set back it goes on from where it was: a pause of a
    minute must not last until the clock has caught up.
    """
    last, ahead = known
    if not (isinstance(last, float) and isinstance(ahead, float) and isfinite(last + ahead)):
        return _Clock(wall)
    latest = max(last, latest)
    set_back = wall + ahead < latest
    if set_back:
        ahead = latest - wall
    return _Clock(wall + ahead, ahead, set_back, last)
