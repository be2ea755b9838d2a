"""The daily report: what has been in an app since yesterday."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from wecom_logging._rendering.daily import Daily, daily_report, sparkline
from wecom_logging._stores.marks import KnownApp, KnownGroup, KnownJob, KnownSource

#: Shanghai.
ZONE = timezone(timedelta(hours=8))
NOW = datetime(2026, 3, 4, 8, 5, tzinfo=ZONE).timestamp()
END = datetime(2026, 3, 4, 9, 0, tzinfo=ZONE).timestamp()
HOUR, DAY = 3600.0, 86_400.0


def hours(*last: int) -> tuple[int, ...]:
    return (*(0,) * (25 - len(last)), *last)


def group(number: int, **more: Any) -> KnownGroup:
    values: dict[str, Any] = {
        "id": str(number), "app": "pay", "environment": "prod", "state": "open",
        "critical": False, "count": 9, "pending": 0, "first": NOW - 3 * DAY, "last": NOW - HOUR,
        "type": "Timeout", "text": "x", "place": "pay/gateway.py post",
        "first_seen": NOW - 3 * DAY, "hours": hours(9), **more,
    }  # fmt: skip
    return KnownGroup(**values)


NEW = group(
    40871, type="ConnectTimeout", hours=hours(200, 100), first_seen=NOW - HOUR,
    first_release="2.3.1", last_release="2.3.1", taken_by="lisi", taken_at=NOW - 2 * HOUR,
)  # fmt: skip
OPEN = group(52210, type="", text="erp refused", hours=hours(12, 0), last_release="2.2.0")
SILENCED = group(
    11111, state="silenced", pending=8, hours=hours(8), silenced_until=NOW + HOUR,
    silenced_by="zhangsan", silenced_why="bank is down",
)  # fmt: skip
CALMED = group(22222, state="over", hours=hours(33, 0, 0), over_since=NOW - HOUR)
LONG_OVER = group(33333, state="over", hours=hours(0), over_since=NOW - 40 * HOUR)
JOB = KnownJob("nightly import", DAY, (NOW - 30 * HOUR,), NOW - 30 * HOUR)
APP = KnownApp(
    "pay", "prod", (NEW, OPEN, SILENCED, CALMED, LONG_OVER), written=NOW,
    hours=hours(33, 212, 108), hours_end=END, jobs=(JOB,),
    sources=(KnownSource("web-1/7/ab", NOW, 3), KnownSource("web-1/7/cd", NOW, 1),
             KnownSource("web-2/7/ab", NOW, 1), KnownSource("web-3/1/ab", NOW - 2 * DAY, 9),
             KnownSource("web-4/1/ab", NOW, 0)),
)  # fmt: skip


def test_all_that_it_says() -> None:
    said = daily_report([APP], NOW, zone=ZONE, next_at=NOW + DAY)
    assert said.splitlines() == [
        "📋 pay prod · 353 errors, 4 kinds · 3 Mar 08:00 – 08:05",
        "▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▃█▅ 8 not told yet, all of them silenced",
        "new: 1",
        "  #40871 ConnectTimeout ×300 · pay/gateway.py post · in 2.3.1 · taken by lisi 06:05",
        "open: 1",
        "  #52210 erp refused ×12 · pay/gateway.py post · last in 2.2.0",
        "over: 1",
        "  #22222 Timeout ×33 · pay/gateway.py post",
        "silenced: 1",
        "  #11111 Timeout ×8 · pay/gateway.py post · until 09:05 by zhangsan: bank is down",
        "errors came from 2 processes on 2 hosts",
        "overdue: nightly import, expected 02:05, ran last 3 Mar 02:05",
        "next report: 5 Mar 08:05",
    ]


def test_in_chinese() -> None:
    said = daily_report([APP], NOW, zone=ZONE, next_at=NOW + DAY, language="zh")
    assert said.splitlines() == [
        "📋 pay prod · 353 次，4 类 · 3月3日 08:00 – 08:05",
        "▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▃█▅ 8 次尚未通知，均在静默中",
        "新出现 1 类",
        "  #40871 ConnectTimeout ×300 · pay/gateway.py post · 2.3.1 新出现 · lisi 06:05 接手",
        "未恢复 1 类",
        "  #52210 erp refused ×12 · pay/gateway.py post · 上次见于 2.2.0",
        "已平息 1 类",
        "  #22222 Timeout ×33 · pay/gateway.py post",
        "静默中 1 类",
        "  #11111 Timeout ×8 · pay/gateway.py post · zhangsan 静默至 09:05：bank is down",
        "报告过错误的有 2 台主机的 2 个进程",
        "任务逾期：nightly import，应于 02:05 运行，上次运行 3月3日 02:05",
        "下次报告：3月5日 08:05",
    ]


def test_a_night_without_errors() -> None:
    said = daily_report([KnownApp("pay", "prod", hours=hours(0), hours_end=END)], NOW, zone=ZONE)
    first, second = said.splitlines()
    assert first == "📋 pay prod · 0 errors · 3 Mar 08:00 – 08:05"
    assert second.endswith(" all told")


def test_fewer_hours() -> None:
    found = Daily(APP, NOW, 1, ZONE)
    assert (found.errors, found.since) == (320, END - 2 * HOUR)
    assert [each.id for each in found.new] == ["40871"]


def test_what_has_made_room_is_counted_all_the_same() -> None:
    said = daily_report([replace(APP, groups=(OPEN,))], NOW, zone=ZONE)
    assert "others ×341" in said.splitlines()


def test_so_many_are_named() -> None:
    many = tuple(group(10000 + n, hours=hours(2)) for n in range(30))
    said = daily_report([replace(APP, groups=many)], NOW, zone=ZONE).splitlines()
    assert sum(line.startswith("  #") for line in said) == 10
    assert "  + 20 more ×40" in said


def test_until_a_release() -> None:
    silenced = replace(SILENCED, until_release=True)
    said = daily_report([replace(APP, groups=(silenced,))], NOW, zone=ZONE)
    assert "until the next release, 09:05 at most, by zhangsan: bank is down" in said


def test_critical_stands_first() -> None:
    worse = replace(OPEN, id="99999", critical=True, hours=hours(1))
    said = daily_report([replace(APP, groups=(OPEN, worse))], NOW, zone=ZONE).splitlines()
    at = said.index("open: 2")
    assert said[at + 1].startswith("  #99999 CRITICAL erp refused ×1")


@pytest.mark.parametrize("hostile", ["\x1b[31mred", "a\n#99999 Fake ×9", "\u202eabc", "<@all>"])
def test_hostile_texts_stay_text(hostile: str) -> None:
    told = replace(
        NEW, type=hostile, place=hostile, taken_by=hostile, first_release=hostile,
        silenced_until=NOW + HOUR, silenced_by=hostile, silenced_why=hostile,
    )  # fmt: skip
    app = replace(APP, app=hostile, environment=hostile, groups=(told,))
    app = replace(app, jobs=(JOB._replace(name=hostile),))
    said = daily_report([app], NOW, zone=ZONE)
    plain = daily_report([replace(APP, groups=(replace(told, type="x"),))], NOW, zone=ZONE)
    assert said.count("\n") == plain.count("\n")
    assert not set(said) & set("\x1b\u202e")
    assert "<@all>" not in said
    assert "×9" not in said


def test_sparkline() -> None:
    assert sparkline([0, 1, 50, 100]) == "▁▂▅█"
    assert sparkline([0, 0]) == "▁▁"
    assert sparkline([1, 0, 1]) == "█▁█"
