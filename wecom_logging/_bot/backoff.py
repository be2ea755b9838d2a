"""When to come back after a connection has ended."""

from __future__ import annotations

from collections.abc import Callable


class Backoff:
    """How long to wait before the next connection: growing, and never the same twice, by a
    `jitter` between 0 and 1."""

    #: Seconds: the first pause and the longest, after a failure; after a kick; after a refusal
    #: that no waiting mends, as a wrong secret; and how long a connection has to hold for
    #: the next failure to be the first.
    FIRST, LONGEST, KICKED, REFUSED, HELD = 2.0, 120.0, 300.0, 900.0, 600.0

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self._failures = self._kicks = 0

    def held(self, seconds: float) -> None:
        """A subscription has held for so long."""
        if seconds >= self.HELD:
            self._failures = self._kicks = 0

    def failed(self) -> float:
        self._failures = min(self._failures + 1, 30)
        return self._spread(min(self.FIRST * 2.0 ** (self._failures - 1), self.LONGEST))

    def kicked(self) -> float:
        """Another client is there. To come back at once would be a fight without end."""
        self._kicks = min(self._kicks + 1, 10)
        return self._spread(min(self.KICKED * 2.0 ** (self._kicks - 1), 3600.0))

    def refused(self, errcode: int) -> float:
        self._failures = min(self._failures + 1, 30)
        if errcode in (-1, 45009):  # busy, or too often
            return self._spread(min(60.0 * 2.0 ** (self._failures - 1), self.REFUSED))
        return self._spread(self.REFUSED)

    def _spread(self, seconds: float) -> float:
        return seconds * (0.75 + 0.5 * self._jitter())
