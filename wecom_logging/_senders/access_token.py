"""The access token: fetched once, shared, and fetched again only when it has to be."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wecom_logging._runtime import fork
from wecom_logging._runtime.deadline import remaining, time_left
from wecom_logging._runtime.native import monotonic
from wecom_logging._runtime.values import NamedTuple
from wecom_logging.errors import TransportError

#: Seconds that a token lives if the answer does not say (WeCom API document 91039 names
#: 7200 as the normal value; some gateways in front of private deployments drop it).
LIFETIME = 7200.0

#: Seconds between two `gettoken` calls with the same credentials. WeCom limits them
#: without saying how (document 91039) and bans an address that overdoes it for an hour.
SPACING = 10.0

#: Seconds to wait for a thread that is fetching: longer than any fetch should take.
PATIENCE = 60.0

#: Asks WeCom: returns a token and the seconds that it lives.
Fetch = Callable[[], "tuple[str, float]"]


class _Grant(NamedTuple):
    token: str
    #: From when on a new token is fetched, although this one may still be good.
    refresh_at: float


class _Slot:
    """One token key's state. `grant` is replaced as a whole, so reading it needs no lock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.grant: _Grant | None = None
        self.asked_at = -math.inf
        #: No store has it: it was fetched without one, or could not be left there.
        self.own = False


class TokenCache:
    """Tokens of this process, for any number of senders and threads.

    One thread fetches a token while the others wait for it, `min(300, lifetime / 10)` seconds
    before the old one ends and never within 10 s of the previous fetch: it waits for that, or
    fails if the thread's deadline is sooner. A forked child goes on with the tokens it inherits
    and locks of its own.

    Args:
        clock: Seconds that only grow.
        sleep: Waits for so many of them.
    """

    def __init__(
        self, clock: Callable[[], float] = monotonic, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._slots: dict[str, _Slot] = {}
        self._pid = os.getpid()

    def get(self, key: str, fetch: Fetch) -> str:
        """Return the token of `key`, fetched if need be. Errors of `fetch` pass through."""
        slot = self._slot(key)
        grant = self._good(slot)
        if grant is None:
            with _held(slot.lock):
                # A second look: whoever held the lock may have fetched one meanwhile.
                grant = self._good(slot) or self._refresh(slot, fetch)
        return grant.token

    def keep(self, key: str, token: str, seconds: float, *, shared: bool) -> None:
        """Remember what was fetched for a store, for when that cannot be reached.

        `shared`: the store has it, so another process may drop it, and it must not come back
        from here.
        """
        slot = self._slot(key)
        slot.grant, slot.own = _Grant(token, self._clock() + seconds), not shared

    def unshared(self, key: str, fetch: Fetch) -> tuple[str, float]:
        """For whoever has a store's turn to fetch: a good token that no store has, fetched if need
        be, and its seconds. Errors of `fetch` pass through.

        Under the lock, because a thread without that store may be fetching one as well.
        """
        slot = self._slot(key)
        with _held(slot.lock):
            grant = (self._good(slot) if slot.own else None) or self._refresh(slot, fetch)
        return grant.token, grant.refresh_at - self._clock()

    def invalidate(self, key: str, token: str) -> None:
        """Forget `token`, unless a newer one has taken its place."""
        slot = self._slot(key)
        with _held(slot.lock):
            if slot.grant is not None and slot.grant.token == token:
                slot.grant = None

    def _good(self, slot: _Slot) -> _Grant | None:
        grant = slot.grant
        return grant if grant is not None and self._clock() < grant.refresh_at else None

    def _refresh(self, slot: _Slot, fetch: Fetch) -> _Grant:
        wait = slot.asked_at + SPACING - self._clock()
        if time_left(wait) < wait:
            raise TransportError(f"the next access token may be fetched in {wait:.1f} s only")
        if wait > 0:
            self._sleep(wait)
        before, slot.asked_at = slot.asked_at, self._clock()
        try:
            token, lifetime = fetch()
        except TransportError as error:
            if not error.written:
                slot.asked_at = before  # it never reached WeCom, so it does not count
            raise
        # Counted from the request: the answer may have taken long.
        slot.own = True
        slot.grant = _Grant(token, slot.asked_at + lifetime - min(300.0, lifetime / 10))
        return slot.grant

    def _slot(self, key: str) -> _Slot:
        if os.getpid() != self._pid:
            self.after_fork()
        # One step for the interpreter: two threads get the same slot without a lock.
        return self._slots.setdefault(key, _Slot())

    def after_fork(self) -> None:
        """In a forked child: replace the locks, which a thread of the parent may hold.

        Whoever holds one is fetching, for an answer that never comes to the child: it need not
        keep the distance to that fetch either.
        """
        for slot in self._slots.values():
            if slot.lock.locked():
                slot.lock, slot.asked_at = threading.Lock(), -math.inf
        self._pid = os.getpid()


@contextmanager
def _held(lock: threading.Lock) -> Iterator[None]:
    """Hold the lock; whoever waits for another thread's fetch keeps its own deadline."""
    try:
        held = lock.acquire(timeout=remaining(PATIENCE))
    except TimeoutError:
        held = False
    if not held:
        raise TransportError("another thread is still asking for the access token")
    try:
        yield
    finally:
        lock.release()


#: The tokens of this process: of every `AppSender` that is not given one.
TOKENS = TokenCache()

fork.in_child(TOKENS.after_fork)


def lifetime_of(expires_in: object) -> float:
    """`expires_in` as given, or the normal lifetime where it is no positive number."""
    if isinstance(expires_in, bool) or not isinstance(expires_in, (int, float, str)):
        return LIFETIME
    try:
        seconds = float(expires_in)
    except (ValueError, OverflowError):
        return LIFETIME
    return seconds if 0 < seconds < math.inf else LIFETIME
