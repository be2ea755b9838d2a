"""Times as a reader on a phone wants them: local, with a date only if it is not today."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from wecom_logging._rendering.labels import Labels

#: What lies outside (a clock gone mad, a number that is none) is drawn at the edge.
_EARLIEST, _LATEST = 0.0, 250_000_000_000.0


def sane(seconds: float) -> float:
    """A number that every calculation with times can bear."""
    # NaN is the one number that is unlike itself.
    return min(max(seconds, _EARLIEST), _LATEST) if seconds == seconds else _EARLIEST


class TimeFormatter:
    """Writes seconds since the epoch as of `now`, in one zone and one language."""

    def __init__(
        self, now: float, zone: tzinfo | None, labels: Labels, *, show_offset: bool = True
    ) -> None:
        self._zone = zone
        self._labels = labels
        self._show_offset = show_offset
        self._now = self._local(now)

    def span(self, start: float, end: float) -> str:
        """`14:03:11–14:03:26 +08`, with the date if it is not today."""
        last = self._local(end)
        first = last if start == end else self._local(min(start, end))
        if first == last:
            return f"{self._dated(last)}{self._offset(last)}"
        if first.date() == last.date():
            return f"{self._dated(first)}–{last:%H:%M:%S}{self._offset(last)}"
        return f"{self._day(first)} {first:%H:%M:%S} – {self._dated(last)}{self._offset(last)}"

    def minute(self, at: float) -> str:
        """`13:58`, with the date if it is not today."""
        moment = self._local(at)
        return f"{self._date_before(moment)}{moment:%H:%M}"

    def second(self, stamp: str) -> str:
        """`14:03:11` for an ISO 8601 time; what cannot be read as one is returned as it is."""
        try:
            moment = datetime.fromisoformat(stamp.replace("Z", "+00:00"))
            return self._dated(self._local(moment.timestamp()))
        except (ValueError, OverflowError, OSError):
            return stamp

    def full(self, at: float) -> str:
        """`2026-03-04 14:03:11 +08`, for the file, which is read later."""
        moment = self._local(at)
        return f"{moment:%Y-%m-%d %H:%M:%S}{self._offset(moment)}"

    def _local(self, at: float) -> datetime:
        moment = datetime.fromtimestamp(int(sane(at)), self._zone)
        return moment if self._zone else moment.astimezone()

    def _dated(self, moment: datetime) -> str:
        return f"{self._date_before(moment)}{moment:%H:%M:%S}"

    def _date_before(self, moment: datetime) -> str:
        return "" if moment.date() == self._now.date() else f"{self._day(moment)} "

    def _day(self, moment: datetime) -> str:
        return self._labels.date(moment, year=moment.year != self._now.year)

    def _offset(self, moment: datetime) -> str:
        if not self._show_offset:
            return ""
        minutes = (moment.utcoffset() or timedelta()) // timedelta(minutes=1)
        if minutes == 0:
            return " UTC"
        hours, rest = divmod(abs(minutes), 60)
        return f" {'+' if minutes > 0 else '-'}{hours:02}{(rest and f':{rest:02}') or ''}"


def per_unit(now: float, before: float) -> tuple[str, str, int]:
    """Two rates (errors a second) as numbers to compare, and the unit: 1 minute, 2 hour."""
    unit, seconds = (1, 60.0) if max(now, before) * 60 >= 1 else (2, 3600.0)
    return _rate(now * seconds), _rate(before * seconds), unit


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 or rate == int(rate) else f"{rate:.1f}"
