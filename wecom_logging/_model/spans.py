"""Times as people write them, for the command line and the bot, and how long is too long.

`90s 30m 2h 1d`, `2小时`, `半小时`, `until 9:00`, `到9点`, `到早上`. Nothing is rounded to something
else: what cannot be a time is a `SpanError` that says why.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from typing import Literal, NamedTuple

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
#: Of a silence that names no time.
DEFAULT = HOUR
#: How long a silence may last: from the phone; from a terminal (with a reason), or until a
#: release; for a CRITICAL, wherever it comes from.
PHONE_LIMIT, TERMINAL_LIMIT, CRITICAL_LIMIT = DAY, 7 * DAY, HOUR
#: Hour of the day that "the morning" begins with.
MORNING = 9

Problem = Literal["none", "too long", "no such time"]


class SpanError(ValueError):
    """A time that cannot be; `problem` is for whoever says it in another language."""

    def __init__(self, problem: Problem, text: str) -> None:
        super().__init__(text)
        self.problem = problem


@dataclass(frozen=True)
class Span:
    """How long from now (`seconds`), or until a time of the day (`hour`, `minute`)."""

    seconds: float = 0.0
    hour: int | None = None
    minute: int = 0
    #: Days from today; 0 is the next time that the clock shows it.
    days: int = 0

    def end(self, now: float, zone: tzinfo | None = None) -> float:
        """When it ends, in seconds since the epoch; `zone` None is the local one."""
        if self.hour is None:
            return now + self.seconds
        today = datetime.fromtimestamp(now, zone).date()
        at = time(self.hour, self.minute, tzinfo=zone)  # without a zone the machine's own
        days = (today + timedelta(days=n) for n in (self.days, self.days + 1))
        ends = [datetime.combine(day, at).timestamp() for day in days]
        return ends[0] if ends[0] > now else ends[1]


class Found(NamedTuple):
    """A time in a text, and what is left of the text without it."""

    span: Span
    rest: str


_UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds", "秒", "秒钟"), 1.0),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes", "分", "分钟"), MINUTE),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours", "时", "小时", "钟头", "个小时"), HOUR),
    **dict.fromkeys(("个钟头", "个钟", "个半小时", "个半钟头"), HOUR),
    **dict.fromkeys(("d", "day", "days", "天", "日"), DAY),
}
_DIGITS = {
    "零": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5,
    "六": 6, "七": 7, "八": 8, "九": 9,
}  # fmt: skip
_NUMBER = rf"\d{{1,6}}(?:\.\d{{1,3}})?|[{''.join(_DIGITS)}十]{{1,3}}"
_UNIT = "|".join(sorted(_UNITS, key=len, reverse=True))
# A unit in Latin letters ends with its word: `5max` is no five minutes.
_LENGTH = rf"(?:{_NUMBER})\s*(?:{_UNIT})(?![a-z])(?:半)?"
_HALF = r"半个?(?:小时|钟头|钟)|半天|half an hour"
_BEFORE = r"(?<![0-9a-z_./:#\-])"
# Several lengths make one: `1h30m`, `1小时30分钟`.
_DURATION = re.compile(rf"{_BEFORE}(?:for )?(?:{_HALF}|{_LENGTH}(?:\s*{_LENGTH})*)", re.I)
_PART = re.compile(rf"({_NUMBER})\s*({_UNIT})(?![a-z])(半)?", re.I)

_TWO_DIGITS = rf"\d{{1,2}}|[{''.join(_DIGITS)}十]{{1,3}}"
_TIMES = (
    rf"(?P<hour>{_TWO_DIGITS})(?:\s*[:.](?P<minute>\d{{2}})(?!\d)"
    rf"|\s*点(?:钟|整)?(?:(?P<half>半)|(?P<minute_zh>{_TWO_DIGITS})分?)?"
    r"|\s*(?P<bare>(?=am|pm)|(?![0-9a-z年月])))\s*(?P<apm>am|pm)?(?![0-9a-z])"
)
_PARTS_OF_DAY = (
    "今早", "今晚", "明早", "明晚", "早上", "早晨", "上午", "中午", "下午", "晚上", "傍晚", "凌晨",
)  # fmt: skip
# What comes first and is a time on its own needs no word before it: `下午3点`, `明早 8:30`.
_ALONE = (
    rf"^\s*(?=(?:明天|今天)?(?:{'|'.join(_PARTS_OF_DAY)})\s?"
    r"[^\s点:]{1,3}(?::\d\d|点(?:钟|整|半|[^\s点:]{1,3}分)?)(?:\s|$))"
)
_UNTIL = re.compile(
    rf"(?:(?<![a-z])(?:until|till|til)\b|直?到|至|{_ALONE})\s*"
    r"(?P<day>tomorrow|today|明天|今天)?\s*"
    rf"(?:(?P<part>{'|'.join(_PARTS_OF_DAY)})?\s*{_TIMES}|(?P<morning>明早|早上|早晨|morning))?",
    re.I,
)


def find(text: str) -> Found | None:
    """The first time in a text (half-width, single blanks), or None; a `SpanError` for what reads
    like a time and cannot be one, as `until 25:00`."""
    for found in _UNTIL.finditer(text):
        if found["hour"] or found["morning"]:
            return Found(_clock_time(found), _without(text, found))
    found_length = _DURATION.search(text)
    if found_length is None:
        return None
    seconds = _seconds(found_length[0].lower().removeprefix("for "))
    return Found(Span(seconds), _without(text, found_length))


def parse(text: str) -> Span:
    """A text that is a time and nothing else, for the command line; else a `SpanError`."""
    found = find(" ".join(text.split()))
    if found is None or found.rest:
        rule = f"{text!r} is no time: 90s, 30m, 2h, 1d or until 9:00 would be"
        raise SpanError("no such time", rule)
    return found.span


def within(end: float, now: float, limit: float) -> None:
    """A `SpanError` unless `end` comes after `now`, and by no more than `limit` seconds."""
    if end <= now:
        raise SpanError("none", "that is no time at all: it has to be more than zero")
    # A second of grace: two clocks, or the way from the phone to here.
    if end - now > limit + 1.0:
        raise SpanError("too long", f"that is too long: {said(limit)} at most")


def said(seconds: float, chinese: bool = False) -> str:
    """`90 s`, `30 min`, `2 h`, `1 h 30 min`, `7 days`; in Chinese `2 小时`, `1 小时 30 分钟`."""
    left = max(0, round(seconds))
    if left >= 60:
        left = round(left / 60) * 60
    units = ("天", "小时", "分钟", "秒") if chinese else ("days", "h", "min", "s")
    parts = []
    for unit, size, least in zip(units, (86400, 3600, 60, 1), (2, 1, 1, 1), strict=True):
        if left >= least * size:
            count, left = divmod(left, size)
            parts.append(f"{count} {unit}")
    return " ".join(parts) or f"0 {units[-1]}"


def _without(text: str, found: re.Match[str]) -> str:
    return " ".join(f"{text[: found.start()]} {text[found.end() :]}".split())


def _seconds(text: str) -> float:
    if text == "半天":
        return DAY / 2
    if text.startswith(("半", "half")):
        return HOUR / 2
    seconds = 0.0
    for number, unit, half in _PART.findall(text):
        seconds += (_number(number) + (0.5 if half or "半" in unit else 0.0)) * _UNITS[unit]
    return seconds


def _number(text: str) -> float:
    """Digits, or Chinese numerals up to 99."""
    if text[0].isascii():
        return float(text)
    tens, ten, ones = text.rpartition("十")
    if not ten:
        return float(int("".join(str(_DIGITS[sign]) for sign in text)))
    return 10.0 * (_DIGITS[tens[-1]] if tens else 1) + (_DIGITS[ones[-1]] if ones else 0)


def _clock_time(found: re.Match[str]) -> Span:
    part, half_of_day = found["part"] or "", (found["apm"] or "").lower()
    day = (found["day"] or "").lower()
    days = int(day in ("tomorrow", "明天") or part in ("明早", "明晚"))
    if found["morning"]:
        return Span(hour=MORNING, days=1 if found["morning"] == "明早" else days)
    hour = int(_number(found["hour"]))
    minute = 30 if found["half"] else int(_number(found["minute"] or found["minute_zh"] or "0"))
    late = half_of_day == "pm" or part in ("下午", "晚上", "傍晚", "今晚", "明晚")
    if (late or (part == "中午" and hour < 10)) and hour < 12:
        hour += 12
    if (half_of_day == "am" and hour == 12) or (hour, minute) == (24, 0):
        hour = 0
    if hour > 23 or minute > 59:
        raise SpanError("no such time", f"there is no {found['hour']}:{minute:02} on a clock")
    return Span(hour=hour, minute=minute, days=days)
