"""The simulator's clock: like the wall clock, but tests can move it."""

from __future__ import annotations

import threading
import time


class Clock:
    """Seconds since the epoch, as the simulated WeCom sees them.

    It runs with real time, never backwards, and `advance` moves it ahead: tokens expire
    and windows empty without anybody waiting. A `frozen` clock only moves when it is told.
    """

    def __init__(self, *, start: float | None = None, frozen: bool = False) -> None:
        self._start = time.time() if start is None else start
        self._origin = time.monotonic()
        self._moved = 0.0
        self._lock = threading.Lock()
        self.frozen = frozen

    def now(self) -> float:
        """The current time, in seconds since the epoch."""
        running = 0.0 if self.frozen else time.monotonic() - self._origin
        with self._lock:
            return self._start + running + self._moved

    def advance(self, seconds: float) -> None:
        """Move the clock ahead by `seconds`; a `ValueError` if that would be backwards."""
        if not 0 <= seconds < float("inf"):
            raise ValueError(f"a clock moves ahead only, not by {seconds!r} s")
        with self._lock:
            self._moved += seconds

    @property
    def moved(self) -> float:
        """Seconds by which it has been moved ahead in all."""
        return self._moved
