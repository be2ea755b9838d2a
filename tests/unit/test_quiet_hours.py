"""Quiet hours: when they hold, and until when."""

from __future__ import annotations

from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import pytest

from wecom_logging._model.quiet_hours import parse, quiet_until

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str, zone: ZoneInfo = SHANGHAI) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


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
