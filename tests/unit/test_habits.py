"""When a job is overdue: by what was said, and by its own habit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest

from wecom_logging._model.habits import DAY, HOUR, WEEK, expected, overdue

#: Shanghai.
ZONE = timezone(timedelta(hours=8))
#: Monday, 02:10.
MONDAY = datetime(2026, 3, 2, 2, 10, tzinfo=ZONE).timestamp()
SATURDAY, NEXT_MONDAY = MONDAY + 5 * DAY, MONDAY + WEEK


def runs(days: int, hours: range = range(1), weekdays: range = range(7)) -> list[float]:
    """On these weekdays, so many hours after 02:10, a minute later each time or sooner."""

    def found() -> Iterator[float]:
        for day in range(days):
            for hour in hours:
                if day % 7 in weekdays:
                    yield MONDAY + day * DAY + hour * HOUR + 60.0 * ((day + hour) % 3 - 1)

    return list(found())


def late(times: list[float], now: float, every: float = 0.0) -> bool:
    return overdue(times, now, every, ZONE) is not None


def test_what_was_said_holds_from_the_first_run_on() -> None:
    assert expected([MONDAY], 3600.0) == MONDAY + HOUR
    assert not late([MONDAY], MONDAY + 1.2 * HOUR, 3600.0)
    assert late([MONDAY], MONDAY + 1.6 * HOUR, 3600.0)
    assert late([MONDAY], MONDAY + 130.0, 60.0)


def test_who_never_ran_is_not_overdue() -> None:
    assert expected([], 60.0) is None


@pytest.mark.parametrize("days", [1, 2, 3])
def test_a_few_runs_are_no_habit(days: int) -> None:
    assert not late(runs(days), MONDAY + 30 * DAY)


def test_a_nightly_job() -> None:
    for days in (4, 7, 9, 15):
        times = runs(days)
        assert not late(times, times[-1] + 23 * HOUR)
        assert not late(times, times[-1] + DAY + 2 * HOUR)
        assert late(times, times[-1] + DAY + 4 * HOUR), days


@pytest.mark.parametrize("weeks", [0, 1, 2])
def test_one_that_does_not_run_on_weekends(weeks: int) -> None:
    times = runs(5 + 7 * weeks, weekdays=range(5))
    friday = times[-1]
    for hours in range(0, 72, 3):
        assert not late(times, friday + hours * HOUR), hours
    at = overdue(times, friday + 3 * DAY + 4 * HOUR, 0.0, ZONE)
    assert at == pytest.approx(NEXT_MONDAY + weeks * WEEK, abs=300)


def test_one_of_working_hours() -> None:
    times = runs(12, range(7, 16), range(5))  # to Friday, 17:10
    for hours in range(63):
        assert not late(times, times[-1] + hours * HOUR), hours
    assert late(times, times[-1] + 64 * HOUR + 50 * 60.0)
    mid_day = [t for t in times if t < times[-1] - 4.5 * HOUR]
    assert late(mid_day, mid_day[-1] + 1.7 * HOUR)


def test_a_weekly_job() -> None:
    times = [MONDAY, MONDAY + WEEK]
    assert not late(times, MONDAY + 5 * WEEK)  # two runs
    times = [MONDAY + n * WEEK for n in range(4)]
    assert not late(times, times[-1] + 6.9 * DAY)
    assert late(times, times[-1] + WEEK + 4 * HOUR)


def test_a_run_by_hand_is_no_habit() -> None:
    times = sorted([*runs(10), MONDAY + DAY + 13 * HOUR])
    while times[-1] < MONDAY + 8 * DAY:
        times.append(times[-1] + DAY)
    times = [t for t in times if t <= MONDAY + 8 * DAY + HOUR]
    assert not late(times, MONDAY + 8 * DAY + 17 * HOUR)
    assert late(times, MONDAY + 9 * DAY + 4 * HOUR)


def test_every_hour() -> None:
    times = runs(10, range(24))
    assert not late(times, times[-1] + 1.4 * HOUR)
    assert late(times, times[-1] + 1.6 * HOUR)
