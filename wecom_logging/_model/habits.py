"""When a job is expected to run again, by what somebody has said or by its own habit.

Plain functions over times in seconds since the epoch. A habit is claimed only where it is one:
whoever is told of a job that is not overdue looks at no later report.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from itertools import pairwise
from statistics import median

HOUR, DAY, WEEK = 3600.0, 86_400.0, 7 * 86_400.0
#: A job has no habit before it has run so often, and for so long.
_RUNS, _SPAN = 4, 2.9 * DAY
#: From so much on it is known what it did on this day of the last week.
_WEEKLY = 8 * DAY
#: How late a run may be: part of the pause between two runs, and at least and at most so much.
_PART, _LEAST, _MOST = 0.25, 0.5 * HOUR, 3 * HOUR


def expected(runs: Sequence[float], every: float = 0.0, zone: tzinfo | None = None) -> float | None:
    """When the run after the last one should come; None where nobody can know.

    `runs`: the oldest first, of each hour at most one. `every`: seconds between two, as somebody
    has said; 0: nobody has. `zone`: for its weekends; None: the local one.
    """
    if not runs:
        return None
    if every > 0:
        return runs[-1] + every
    span = runs[-1] - runs[0]
    if len(runs) < _RUNS or span < _SPAN:
        return None
    return _as_last_week(runs) if span >= _WEEKLY else _as_before(runs, zone)


def overdue(
    runs: Sequence[float], now: float, every: float = 0.0, zone: tzinfo | None = None
) -> float | None:
    """When the run should have come that has not; None: none is missing."""
    at = expected(runs, every, zone)
    pause = every or (_pause(runs) if len(runs) > 1 else 0.0)
    # What is said to run every minute is late after a minute, not after half an hour.
    grace = max(min(_LEAST, pause), min(_MOST, _PART * pause))
    return at if at is not None and now > at + grace else None


def _pause(runs: Sequence[float]) -> float:
    return median(after - before for before, after in pairwise(runs))


def _as_last_week(runs: Sequence[float]) -> float | None:
    """A week after the run that followed on this one's of last week: nights, weekends and
    whatever else a week has are in it. One by hand, at a time of the day that it was seen at
    never again, is none."""
    near = min(_pause(runs) / 2, HOUR)
    before = runs[-1] - WEEK
    for run in runs:
        if run > before + near and any(_same_time(run, other, near) for other in runs):
            return run + WEEK
    return None


def _same_time(one: float, other: float, near: float) -> bool:
    """Whether two runs are at about the same time of different days."""
    days = round((one - other) / DAY)
    return days != 0 and abs(one - other - days * DAY) <= near


def _as_before(runs: Sequence[float], zone: tzinfo | None) -> float:
    """After the longest pause so far; not on a day of the weekend that it has never run on."""
    longest = max(after - before for before, after in pairwise(runs))
    days = {datetime.fromtimestamp(run, zone).weekday() for run in runs}
    moment = datetime.fromtimestamp(runs[-1] + longest, zone)
    while moment.weekday() >= 5 and moment.weekday() not in days:
        moment += timedelta(days=1)
    return moment.timestamp()
