"""When an app is quiet: weekly hours in a time zone, as "Mon-Fri 22:00-08:00" says them."""

from __future__ import annotations

import re
import time as clocks
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timedelta, tzinfo

from wecom_logging._runtime.values import NamedTuple

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: How many days around are looked at for both ends: a week that is quiet throughout has none.
_AROUND = 8


class Window(NamedTuple):
    """Hours of some days. An end that is not after the start is one of the next day."""

    days: frozenset[int]
    start: int  # minutes after midnight
    end: int

    def on(self, day: date, zone: tzinfo | None) -> tuple[float, float] | None:
        """From when to when (seconds since the epoch) it is quiet because of this day."""
        if day.weekday() not in self.days:
            return None
        return _moment(day, self.start, zone), _moment(day, self.last, zone)

    @property
    def last(self) -> int:
        """The end, in minutes after the midnight before the start."""
        return self.end if self.end > self.start else self.end + 24 * 60


def parse(text: str) -> Window:
    """A window from "22:00-08:00", "Mon-Fri 22:00-08:00" or "Sat,Sun"; else a `ValueError`."""
    *days, hours = text.split() or [""]
    match = re.fullmatch(r"([01]?\d|2[0-4]):([0-5]\d)-([01]?\d|2[0-4]):([0-5]\d)", hours)
    if match is None:
        days.append(hours)
    if len(days) > 1:
        raise ValueError("days are written without spaces, like 'Mon-Fri' or 'Sat,Sun'")
    chosen = frozenset(_days(days[0])) if days else frozenset(range(7))
    if match is None:
        return Window(chosen, 0, 24 * 60)
    hour, minute, to_hour, to_minute = map(int, match.groups())
    start, end = hour * 60 + minute, to_hour * 60 + to_minute
    if max(start, end) > 24 * 60 or start == 24 * 60:
        raise ValueError("a day has 24 hours")
    if start == end:
        raise ValueError("it begins when it ends")
    return Window(chosen, start, end)


def _days(text: str) -> Iterator[int]:
    for part in text.lower().split(","):
        first, dash, last = part.partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            raise ValueError(f"{part!r} is no day like 'Mon' and no range like 'Mon-Fri'")
        start, end = DAYS.index(first), DAYS.index(last or first)
        yield from (day % 7 for day in range(start, end + (1 if end >= start else 8)))


class QuietHours(NamedTuple):
    """The windows of one handler, by the clock of its host."""

    windows: tuple[Window, ...]
    zone: tzinfo | None = None
    clock: Callable[[], float] = clocks.time

    def now(self) -> tuple[float, float] | None:
        """How long ago quiet hours have begun, and how much longer they last, seconds."""
        now = self.clock()
        span = quiet_span(self.windows, now, self.zone)
        return span and (now - span[0], span[1] - now)


def is_always(windows: Sequence[Window]) -> bool:
    """Whether no hour of the week is left."""
    week = range(7 * 24 * 60)
    quiet = {
        (day * 24 * 60 + minute) % len(week)
        for window in windows
        for day in window.days
        for minute in range(window.start, window.last)
    }
    return len(quiet) == len(week)


def quiet_span(
    windows: Sequence[Window], now: float, zone: tzinfo | None
) -> tuple[float, float] | None:
    """From when to when the quiet lasts that holds at `now`; None if it does not hold.

    Windows that touch are one. Wall-clock times of the zone (None: the local one): a night in
    which the clock is changed is an hour longer or shorter.
    """
    today = datetime.fromtimestamp(now, zone).date()
    days = [today + timedelta(days=n) for n in range(-_AROUND, _AROUND)]
    spans = sorted(span for day in days for w in windows if (span := w.on(day, zone)))
    since = until = now
    for start, end in spans:
        if start <= until < end:
            since, until = min(since, start), end
    for start, end in reversed(spans):  # the windows that lead up to it
        if start < since <= end:
            since = start
    return (since, until) if until > now else None


def _moment(day: date, minutes: int, zone: tzinfo | None) -> float:
    extra, minutes = divmod(minutes, 24 * 60)
    at = datetime.combine(day + timedelta(days=extra), time(*divmod(minutes, 60)), tzinfo=zone)
    return at.timestamp()
