"""What shall happen at most once in a while, whichever process would do it.

A cooldown is kept in the store as an access token is: one process at a time has the turn, and what
it has done holds for all of them for so long.
"""

from __future__ import annotations

from wecom_logging._stores.protocol import Left, Store


class Cooldowns:
    """The turns that one delivery has taken, to be kept or left together.

    Args:
        store: Where they are kept. This is gone before the delivery is.
        scope: Tells them from those of others.
    """

    def __init__(self, store: Store, scope: str) -> None:
        self._store, self._scope = store, scope
        self._taken: dict[str, float] = {}

    def take(self, key: str, seconds: float) -> bool:
        """Whether nobody has done it for so long, or is about to: then it is our turn."""
        if self._store.lease(self._full(key)) is not None:
            return False
        self._taken[key] = seconds
        return True

    def keep(self) -> None:
        """It is done, and nobody does it for a while."""
        for key, seconds in self._taken.items():
            self._store.lease(self._full(key), Left("kept", seconds))
        self._taken.clear()

    def leave(self) -> None:
        """It is not done, and the next one may."""
        for key in self._taken:
            self._store.lease(self._full(key), Left(used=False))
        self._taken.clear()

    def _full(self, key: str) -> str:
        return f"mark {self._scope} {key}"
