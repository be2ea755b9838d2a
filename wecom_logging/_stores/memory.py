"""The store of one process: plain values under one lock."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from wecom_logging._runtime import fork
from wecom_logging._runtime.native import monotonic
from wecom_logging._stores.ledger import Ledger
from wecom_logging._stores.ledger_store import LedgerStore
from wecom_logging._stores.merging import withdraw
from wecom_logging._stores.protocol import Asker, Entry, Rules
from wecom_logging._stores.rate_limiter import MemorySlots
from wecom_logging._stores.records import Destination, ScopeState
from wecom_logging._stores.state import OWN, SHARED, State, Wanted

T = TypeVar("T")

Clock = Callable[[], float]

NO_RULES = Rules()

_LONG_AGO = 10 * 365 * 86400.0


def clock() -> float:
    """Monotonic seconds, as if the machine had been on for ten years.

    A record's 0.0 is "never", and has to lie before all that is: the quiet hours of a machine that
    started at eight have begun at ten in the evening.
    """
    return monotonic() + _LONG_AGO


class MemoryDestination:
    """What all memory stores of one destination share, and the lock of them all."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.destination = Destination()
        self.slots = MemorySlots()
        self.mappings: dict[str, Any] = {name: {} for name in (*SHARED, "tokens")}


class MemoryState(State):
    """The state of one app and environment."""

    def __init__(self, shared: MemoryDestination, names: tuple[str, str]) -> None:
        self.names, self.scope = names, "\x00".join(names)
        self.scope_state, self.destination = ScopeState(), shared.destination
        vars(self).update({name: {} for name in OWN}, **shared.mappings)
        self.slots = shared.slots

    def read_ahead(self, wanted: Iterable[Wanted]) -> None:
        pass  # all of it is at hand


_places: dict[str, MemoryDestination] = {}
_stores: WeakValueDictionary[tuple[str, str, str], MemoryStore] = WeakValueDictionary()
#: Keeps the latest ones: a handler that takes the place of another goes on with its store.
_latest: deque[MemoryStore] = deque(maxlen=16)


def shared_store(destination: str, app: str, environment: str, rules: Rules) -> MemoryStore:
    """The store of this process for an app and environment at a destination.

    Handlers share it, so that a `dictConfig` in a storm does not tell the storm anew. The options
    of the latest handler hold.
    """
    key = (destination, app, environment)
    store = _stores.get(key)
    if store is None:
        place = _places.setdefault(destination, MemoryDestination())
        store = _stores.setdefault(key, MemoryStore(place, app, environment))
        _latest.append(store)
    store._rules = rules
    return store


def forget_parent() -> None:
    """In a forked child: threads that are not here may hold locks, and what is pending is the
    parent's."""
    _places.clear()
    _stores.clear()
    _latest.clear()


fork.in_child(forget_parent)


class MemoryStore(LedgerStore):
    """Groups, schedule and budget in the memory of this process.

    What a process that is killed had not delivered is gone with it. Any thread may call.
    """

    durable = False

    def __init__(
        self,
        place: MemoryDestination | None = None,
        app: str = "",
        environment: str = "",
        rules: Rules = NO_RULES,
        *,
        provisional: bool = False,
        clock: Clock = clock,
        wall: Clock = time.time,
    ) -> None:
        self._place = place or MemoryDestination()
        #: The options of the latest handler.
        self._rules = rules
        self._clock, self._wall, self._provisional = clock, wall, provisional
        self._names = app, environment
        self._state = MemoryState(self._place, self._names)

    def _step(
        self, step: Callable[[Ledger], T], wanted: Iterable[Wanted] = (), asker: Asker | None = None
    ) -> T:
        with self._place.lock:
            return step(self._ledger())

    def _ledger(self) -> Ledger:
        now, wall, provisional = self._clock(), self._wall(), self._provisional
        return Ledger(self._state, self._rules, now, wall, shared=False, provisional=provisional)

    def hold_back(self, seconds: float) -> None:
        """Let no message go out for so long that nobody insists on."""
        with self._place.lock:
            trouble = self._place.destination.trouble
            trouble.resume_at = max(trouble.resume_at, self._clock() + seconds)

    def withdraw(self, source: str) -> tuple[Entry, ...]:
        """Take out everything of a source that is pending, to be merged into another store.

        A digest whose answer was unclear is taken apart for it: its errors are doubtful.
        """
        return self._step(lambda ledger: withdraw(ledger, source))
