"""What shall happen at most once in a while, whichever process would do it.

A mark is kept in the store like an access token, since it has the same needs: one process
at a time has the turn, and what it has done holds for all the others, for so long.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from wecom_logging._stores.protocol import Store, StoreError

_KEPT = "kept"


class Cooldowns:
    """The cooldowns of one app at one destination. For one thread at a time.

    While the store cannot be reached, those of this handler hold.

    Args:
        name: Tells them from those of others.
        clock: Monotonic seconds.
    """

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._own: dict[str, float] = {}

    def take(self, store: Store, key: str) -> bool:
        """Whether it is our turn: nobody has done it lately or is about to."""
        try:
            return store.token(self._full(key)) is None
        except StoreError:
            return self._own.get(key, 0.0) <= self._clock()

    def keep(self, store: Store, key: str, seconds: float) -> None:
        """We have done it: nobody does for so long."""
        now = self._clock()
        self._own = {k: until for k, until in self._own.items() if until > now}
        self._own[key] = now + seconds
        try:
            store.put_token(self._full(key), _KEPT, seconds)
        except StoreError:
            pass

    def leave(self, store: Store, key: str) -> None:
        """We have not done it: the next one may."""
        try:
            store.miss_token(self._full(key), asked=False)
        except StoreError:
            pass  # the turn ends by itself

    def _full(self, key: str) -> str:
        return f"mark {self._name} {key}"


class CooldownSet:
    """Cooldowns that are taken together, and kept or left together."""

    def __init__(self, cooldowns: Cooldowns, store: Store) -> None:
        self._cooldowns = cooldowns
        self._store = store
        self._taken: dict[str, float] = {}

    def take(self, key: str, seconds: float) -> bool:
        if not self._cooldowns.take(self._store, key):
            return False
        self._taken[key] = seconds
        return True

    def keep(self) -> None:
        for key, seconds in self._taken.items():
            self._cooldowns.keep(self._store, key, seconds)

    def leave(self) -> None:
        for key in self._taken:
            self._cooldowns.leave(self._store, key)
        self._taken.clear()
