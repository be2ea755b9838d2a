"""Times as people write them."""

from __future__ import annotations

from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import pytest

from wecom_logging._model import spans
from wecom_logging._model.spans import Span, SpanError

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 4, 3, 16, tzinfo=SHANGHAI).timestamp()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("30m", 1800),
        ("2h", 7200),
        ("1d", 86400),
        ("1.5h", 5400),
        ("1h30m", 5400),
        ("2 hours", 7200),
        ("half an hour", 1800),
        ("2小时", 7200),
        ("两小时", 7200),
        ("两个小时", 7200),
        ("30分钟", 1800),
        ("半小时", 1800),
        ("半个小时", 1800),
        ("一个半小时", 5400),
        ("1小时30分钟", 5400),
        ("十五分钟", 900),
        ("二十五分钟", 1500),
        ("三天", 259200),
        ("半天", 43200),
    ],
)
def test_lengths(text: str, seconds: float) -> None:
    assert spans.parse(text) == Span(seconds)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("until 9:00", "2026-03-04 09:00"),
        ("until 3:00", "2026-03-05 03:00"),
        ("until 9pm", "2026-03-04 21:00"),
        ("until 9", "2026-03-04 09:00"),
        ("until tomorrow 8:30", "2026-03-05 08:30"),
        ("until morning", "2026-03-04 09:00"),
        ("到9点", "2026-03-04 09:00"),
        ("到十点二十分", "2026-03-04 10:20"),
        ("下午3点", "2026-03-04 15:00"),
        ("明早 8:30", "2026-03-05 08:30"),
        ("今晚十一点", "2026-03-04 23:00"),
        ("到9点半", "2026-03-04 09:30"),
        ("到九点", "2026-03-04 09:00"),
        ("到 09:00", "2026-03-04 09:00"),
        ("到早上", "2026-03-04 09:00"),
        ("到明早", "2026-03-05 09:00"),
        ("到下午3点", "2026-03-04 15:00"),
        ("到明天8点", "2026-03-05 08:00"),
        ("直到22:15", "2026-03-04 22:15"),
    ],
)
def test_times_of_the_day(text: str, end: str) -> None:
    found = datetime.fromtimestamp(spans.parse(text).end(NOW, SHANGHAI), SHANGHAI)
    assert f"{found:%Y-%m-%d %H:%M}" == end


@pytest.mark.parametrize(
    "text",
    ["", "soon", "until 25:00", "到28点", "2x", "5max", "40871", "until", "h", "-2h", "2h x"],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(SpanError):
        spans.parse(text)


def test_found_in_a_sentence() -> None:
    found = spans.find("40871 2小时 上游维护")
    assert found == (Span(7200.0), "40871 上游维护")
    assert spans.find("40871 上游维护") is None
    assert spans.find("v2.3m is no time: a-2m, x/2h") is None


def test_the_hour_that_a_clock_shows_twice_is_one_that_comes() -> None:
    zone = ZoneInfo("Europe/Berlin")  # clocks go back at 03:00 on 25 October 2026
    now = datetime(2026, 10, 25, 0, 30, tzinfo=timezone.utc).timestamp()
    assert spans.parse("until 2:45").end(now, zone) > now


@pytest.mark.parametrize(
    ("end", "problem"), [(0.0, "none"), (-5.0, "none"), (spans.DAY + 60, "too long")]
)
def test_limits(end: float, problem: str) -> None:
    with pytest.raises(SpanError) as caught:
        spans.within(NOW + end, NOW, spans.PHONE_LIMIT)
    assert caught.value.problem == problem
    spans.within(NOW + spans.DAY, NOW, spans.PHONE_LIMIT)


def test_said() -> None:
    assert [spans.said(each) for each in (45, 90, 3600, 5400, 86400, 7 * 86400)] == [
        "45 s", "2 min", "1 h", "1 h 30 min", "24 h", "7 days",
    ]  # fmt: skip
    assert spans.said(5400, chinese=True) == "1 小时 30 分钟"
