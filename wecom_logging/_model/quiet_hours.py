"""When an app is quiet: weekly hours in a time zone, as "Mon-Fri 22:00-08:00" says them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from typing import NamedTuple

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

#: How many days ahead are looked at for an end: a week that is quiet throughout has none.
_AHEAD = 8

_HOURS = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)-([01]?\d|2[0-4]):([0-5]\d)")


class Window(NamedTuple):
    """Hours of some days. An end that is not after the start is one of the next day."""

    days: frozenset[int]
    start: int  # minutes after midnight
    end: int

    def on(self, day: date, zone: tzinfo | None) -> tuple[float, float] | None:
        """From when to when (seconds since the epoch) it is quiet because of this day."""
        if day.weekday() not in self.days:
            return None
        end = self.end if self.end > self.start else self.end + 24 * 60
        return _moment(day, self.start, zone), _moment(day, end, zone)


def parse(text: str) -> Window:
    """A window from "22:00-08:00", "Mon-Fri 22:00-08:00" or "Sat,Sun".

    Raises:
        ValueError: It is not written like that.
    """
    *days, hours = text.split() or [""]
    if not _HOURS.fullmatch(hours):
        days, hours = [*days, hours], ""
    if len(days) > 1:
        raise ValueError("days are written without spaces, like 'Mon-Fri' or 'Sat,Sun'")
    chosen = frozenset(_days(days[0])) if days else frozenset(range(7))
    if not hours:
        return Window(chosen, 0, 24 * 60)
    match = _HOURS.fullmatch(hours)
    assert match is not None
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


def quiet_until(windows: Sequence[Window], now: float, zone: tzinfo | None) -> float | None:
    """When the quiet that holds at `now` ends; None if it does not hold.

    Windows that touch are one. Wall-clock times of the zone: a night in which the clock is
    changed is an hour longer or shorter.

    Args:
        now: Seconds since the epoch.
        zone: None: the local one.
    """
    today = datetime.fromtimestamp(now, zone).date()
    days = [today + timedelta(days=n) for n in range(-1, _AHEAD)]
    spans = sorted(span for day in days for w in windows if (span := w.on(day, zone)))
    until: float | None = None
    for start, end in spans:
        reached = now if until is None else until
        if start <= reached < end:
            until = end
    return until


def _moment(day: date, minutes: int, zone: tzinfo | None) -> float:
    extra, minutes = divmod(minutes, 24 * 60)
    at = datetime.combine(day + timedelta(days=extra), time(*divmod(minutes, 60)), tzinfo=zone)
    return at.timestamp()
