"""The store of one host: a SQLite file that all processes of a user share."""

from __future__ import annotations

import math
import os
import sqlite3
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from wecom_logging._model.ratelimit import ranks
from wecom_logging._runtime.values import NamedTuple
from wecom_logging._stores.documents import (
    FORGET,
    SCHEMA,
    Asked,
    DocumentState,
    Kept,
    Question,
    ask,
    keep_body,
    scope,
)
from wecom_logging._stores.ledger import Ledger
from wecom_logging._stores.ledger_store import LedgerStore
from wecom_logging._stores.protocol import Asker, FollowUp, Rules
from wecom_logging._stores.sqlite_file import BUSY_FOR, Begin, SQLiteFile, shared_file
from wecom_logging._stores.state import Wanted
from wecom_logging._stores.upgrade import SharedSlots, is_beside, take_over

T = TypeVar("T")

#: Documents that nobody has written for so long belong to an app that is gone.
ABANDONED_AFTER = 30 * 86400.0

#: How often to look whether an older version is at work on the file, seconds.
OLDER_EVERY = 60.0

#: How exactly it is written down what time it is, seconds.
TICK = 5.0

#: The time that was last written down, and how far it was ahead of the wall clock.
_WRITTEN = "(SELECT last||' '||ahead FROM clock_1 WHERE id=?)"

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
        self._clock = _Clock(float("-inf"))
        self._kept: Kept = {}

    @property
    def file(self) -> SQLiteFile:
        """The file, shared with the other stores of the process from the first step on."""
        if self._shared_file is None:
            self._shared_file = shared_file(self._path)
        return self._shared_file

    def settle(self, claim_id: str, *follow_ups: FollowUp, **how: Any) -> None:
        super().settle(claim_id, *follow_ups, **how)
        self.file.write_back()

    def freeze(self, claim_id: str, body: str, *, extra: int = 0) -> bool:
        if not extra:
            own = self._scopes[1]
            if self._run(lambda connection: keep_body(connection, own, claim_id, body), begin=""):
                return True
        return super().freeze(claim_id, body, extra=extra)

    def _step(
        self, step: Callable[[Ledger], T], wanted: Iterable[Wanted] = (), asker: Asker | None = None
    ) -> T:
        def work(connection: sqlite3.Connection) -> T:
            state, ledger = self._begin(connection, wanted, asker)
            self._share_with_older(ledger, connection)
            answer = step(ledger)
            wrote, clock = state.save(ledger.now), self._clock
            if clock.set_back or (wrote and ledger.now - clock.last > TICK):
                connection.execute(
                    "INSERT OR REPLACE INTO clock_1 VALUES (1, ?, ?)", (ledger.now, clock.ahead)
                )
            return answer

        return self._run(work)

    def _look(self, step: Callable[[Ledger], T], wanted: Iterable[Wanted]) -> T:
        return self._run(lambda connection: step(self._begin(connection, wanted)[1]), begin="BEGIN")

    def _run(self, work: Callable[[sqlite3.Connection], T], begin: Begin = "BEGIN IMMEDIATE") -> T:
        return self.file.run(
            work, self._make_tables, owned=self._owned, begin=begin, patience=self._patience
        )

    def _begin(
        self, connection: sqlite3.Connection, wanted: Iterable[Wanted], asker: Asker | None = None
    ) -> tuple[DocumentState, Ledger]:
        wall = round(self._wall(), 3)  # a document holds it in ten places
        state = DocumentState(connection.cursor(), self._scopes, self._names, self._kept)
        asked: list[Asked] = [state.asked(each) for each in dict.fromkeys(wanted)]
        if asker is not None:
            # Mostly there are not so many slots, and that is all there is to know.
            rank = min(ranks(self._rules.rate_limit, "message"))
            asked += [(state.slots, rank), *state.about(asker.source)]
        written = Question(_WRITTEN)
        state.begin([(written, 1), *asked])
        self._clock = _clock(written, wall, self._clock.now)
        now, rules, is_alive = self._clock.now, self._rules, self._is_alive
        return state, Ledger(state, rules, now, wall, shared=True, is_alive=is_alive)

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
        written = Question(_WRITTEN)
        ask(connection.cursor(), [(written, 1)])
        now = _clock(written, self._wall()).now
        for statement in FORGET:
            connection.execute(statement, (now - ABANDONED_AFTER,))


class _Clock(NamedTuple):
    now: float
    #: How far it is ahead of the wall clock, and whether that is news.
    ahead: float = 0.0
    set_back: bool = False
    #: What it was when it was last written down.
    last: float = float("-inf")


def _clock(written: Question, wall: float, latest: float = float("-inf")) -> _Clock:
    """The time, which goes on where the wall clock was set back: a pause of a minute must not last
    until that has caught up."""
    last, ahead = written.pair()
    if not math.isfinite(last + ahead):
        return _Clock(wall)
    latest = max(last, latest)
    set_back = wall + ahead < latest
    if set_back:
        ahead = latest - wall
    return _Clock(wall + ahead, ahead, set_back, last)
