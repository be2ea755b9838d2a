"""Counting against limits: sliding and fixed windows, and the block that follows an excess."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta, timezone

MINUTE = 60.0
HOUR = 3600.0

#: WeCom's calendar day ends at midnight in Beijing, which has no summer time.
_BEIJING = timezone(timedelta(hours=8))


class Window:
    """How much happened in the last `seconds`, against a limit.

    Sliding: any span of that length counts. Fixed: the span begins with the first event
    after the previous one ended.
    """

    def __init__(self, limit: int, seconds: float, *, fixed: bool = False) -> None:
        self.limit = limit
        self.seconds = seconds
        self.fixed = fixed
        self._times: deque[float] = deque()

    def used(self, now: float) -> int:
        times = self._times
        if self.fixed:
            if times and times[0] <= now - self.seconds:
                times.clear()
        else:
            while times and times[0] <= now - self.seconds:
                times.popleft()
        return len(times)

    def full(self, now: float) -> bool:
        return self.used(now) >= self.limit

    def add(self, now: float) -> None:
        self._times.append(now)


class Gate:
    """A window that closes for its own length when somebody goes beyond it."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.closed_until: float = 0.0

    def closed(self, now: float) -> bool:
        """Whether a call at `now` is refused; the call that goes beyond closes the gate."""
        if now < self.closed_until:
            return True
        if not self.window.full(now):
            return False
        self.closed_until = now + self.window.seconds
        return True


class Quota:
    """What one member may get from one application: 30 messages a minute, 1000 an hour."""

    def __init__(self) -> None:
        self.minute: Window = Window(30, MINUTE)
        self.hour: Window = Window(1000, HOUR)

    def full(self, now: float) -> bool:
        return self.minute.full(now) or self.hour.full(now)

    def add(self, now: float) -> None:
        self.minute.add(now)
        self.hour.add(now)


class Counter:
    """A fixed window that holds only a number, for limits in the ten thousands."""

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit = limit
        self.seconds = seconds
        self.used: int = 0
        self._began = 0.0
        self._closed_until = 0.0

    def take(self, now: float) -> bool:
        """Count one call; False if it is refused."""
        if now < self._closed_until:
            return False
        if now - self._began >= self.seconds:
            self._began, self.used = now, 0
        if self.used >= self.limit:
            self._closed_until = now + self.seconds
            return False
        self.used += 1
        return True


class Daily:
    """Person-times of one application on one calendar day."""

    def __init__(self) -> None:
        self._day = ""
        self._used = 0

    def used(self, now: float) -> int:
        day = datetime.fromtimestamp(now, _BEIJING).strftime("%Y-%m-%d")
        if day != self._day:
            self._day, self._used = day, 0
        return self._used

    def add(self, now: float, people: int) -> None:
        self._used = self.used(now) + people
