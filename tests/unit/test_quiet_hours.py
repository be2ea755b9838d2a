"""Quiet hours: when they hold, and until when."""

from __future__ import annotations

from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import pytest

from wecom_logging._model.quiet_hours import QuietHours, Window, is_always, parse, quiet_span

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str, zone: ZoneInfo = SHANGHAI) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def quiet_until(windows: list[Window], now: float, zone: ZoneInfo | None) -> float | None:
    span = quiet_span(windows, now, zone)
    return span and span[1]


def until(windows: str, now: str, zone: ZoneInfo = SHANGHAI) -> str | None:
    found = quiet_until([parse(each) for each in windows.split(";")], at(now, zone), zone)
    return f"{datetime.fromtimestamp(found, zone):%a %H:%M}" if found else None


@pytest.mark.parametrize(
    ("windows", "now", "expected"),
    [
        # 2026-11-26 is a Thursday.
        ("22:00-08:00", "2026-11-26 21:59:59", None),
        ("22:00-08:00", "2026-11-26 22:00", "Fri 08:00"),
        ("22:00-08:00", "2026-11-26 03:16", "Thu 08:00"),
        ("22:00-08:00", "2026-11-26 08:00", None),
        ("Mon-Fri 22:00-08:00", "2026-11-27 23:00", "Sat 08:00"),
        ("Mon-Fri 22:00-08:00", "2026-11-28 23:00", None),
        ("mon-fri 22:00-8:00", "2026-11-30 03:00", None),
        ("Sat,Sun", "2026-11-28 12:00", "Mon 00:00"),
        ("Fri-Mon", "2026-11-27 00:00", "Tue 00:00"),
        ("12:00-13:00", "2026-11-26 12:30", "Thu 13:00"),
        ("00:00-24:00", "2026-11-26 12:30", "Fri 00:00"),
        # Several that touch or overlap are one.
        ("Sat,Sun;22:00-08:00", "2026-11-27 23:00", "Mon 08:00"),
        ("12:00-13:00;13:00-14:00", "2026-11-26 12:30", "Thu 14:00"),
    ],
)
def test_until_when(windows: str, now: str, expected: str | None) -> None:
    if windows == "00:00-24:00":  # every day, so that it never ends
        assert quiet_until([parse(windows)], at(now), SHANGHAI) is not None
        return
    assert until(windows, now) == expected


def test_a_night_in_which_the_clock_is_changed() -> None:
    start = at("2026-10-24 22:00", BERLIN)
    end = quiet_until([parse("22:00-08:00")], start, BERLIN)
    assert end is not None
    assert end - start == 11 * 3600


def test_the_local_zone() -> None:
    now = datetime(2026, 11, 26, 23, 0).timestamp()
    end = quiet_until([parse("22:00-08:00")], now, None)
    assert end == datetime(2026, 11, 27, 8, 0).timestamp()


def test_another_zone_than_that_of_the_time() -> None:
    now = datetime(2026, 11, 26, 15, 0, tzinfo=timezone.utc).timestamp()
    assert quiet_until([parse("22:00-08:00")], now, SHANGHAI) == at("2026-11-27 08:00")


@pytest.mark.parametrize(
    "text",
    ["", "22:00", "25:00-08:00", "22:00-22:00", "Moon 22:00-08:00", "Mon Tue", "24:00-08:00",
     "Mon-Fri 22:00-24:30", "night", "22.00-08.00"],
)  # fmt: skip
def test_what_is_not_written_like_that(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(text)


def since(windows: str, now: str, zone: ZoneInfo = SHANGHAI) -> str | None:
    span = quiet_span([parse(each) for each in windows.split(";")], at(now, zone), zone)
    return span and f"{datetime.fromtimestamp(span[0], zone):%a %H:%M}"


@pytest.mark.parametrize(
    ("windows", "now", "expected"),
    [
        ("22:00-08:00", "2026-11-26 22:00", "Thu 22:00"),
        ("22:00-08:00", "2026-11-27 03:16", "Thu 22:00"),
        ("22:00-08:00", "2026-11-27 09:00", None),
        ("Sat,Sun;22:00-08:00", "2026-11-29 12:00", "Fri 22:00"),
        ("Sat,Sun;Fri 18:00-24:00", "2026-11-29 12:00", "Fri 18:00"),
        ("12:00-13:00;13:00-14:00", "2026-11-26 13:30", "Thu 12:00"),
    ],
)
def test_since_when(windows: str, now: str, expected: str | None) -> None:
    assert since(windows, now) == expected


def test_nights_in_which_the_clock_is_changed_begin_and_end_by_the_clock_on_the_wall() -> None:
    # Forward on 28 March 2027: 02:00 to 03:00 are not there.
    assert until("22:00-02:30", "2027-03-27 23:00", BERLIN) == "Sun 03:30"
    assert until("02:15-03:00", "2027-03-28 04:30", BERLIN) is None
    assert since("22:00-08:00", "2027-03-28 07:59", BERLIN) == "Sat 22:00"
    # Back on 25 October 2026: 02:00 to 03:00 are there twice, and the first one counts.
    first = at("2026-10-25 02:29", BERLIN)
    assert quiet_until([parse("22:00-02:30")], first, BERLIN) == first + 60
    assert quiet_until([parse("22:00-02:30")], first + 3600, BERLIN) is None


def test_the_hours_of_a_handler_go_by_its_clock() -> None:
    now = at("2026-11-26 23:00")
    hours = QuietHours((parse("22:00-08:00"),), SHANGHAI, lambda: now)
    assert hours.now() == (3600.0, 9 * 3600.0)
    assert hours._replace(clock=lambda: now - 7200).now() is None


@pytest.mark.parametrize(
    ("windows", "always"),
    [
        ("22:00-08:00", False),
        ("00:00-24:00", True),
        ("Mon-Sun", True),
        ("Mon-Fri 22:00-08:00;Sat,Sun", False),
        ("Mon-Fri 08:00-22:00;22:00-08:00;Sat,Sun", True),
        ("Mon-Sat;Sun 00:00-23:59", False),
    ],
)
def test_hours_that_leave_none(windows: str, always: bool) -> None:
    assert is_always([parse(each) for each in windows.split(";")]) is always
