"""The daily report: what has been in an app since yesterday, for terminal, message and bot.

From what a store knows to lines of text, in which whatever was logged or written by people is
inert. Groups are forgotten after `marks.HOURS`, so it reaches no further.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import tzinfo
from itertools import accumulate

from wecom_logging._model import habits, text
from wecom_logging._rendering.labels import Labels, Said, SaidOf
from wecom_logging._rendering.style import Language
from wecom_logging._rendering.times import TimeFormatter
from wecom_logging._rendering.words import joined
from wecom_logging._stores.marks import HOURS, KnownApp, KnownGroup, KnownJob

#: Groups of one list that are named.
_NAMED = 10
#: Columns of an app, a type or message, a place, a name, a reason.
_APP, _KIND, _PLACE, _NAME, _WHY = 40, 60, 60, 40, 100

_BARS = "▁▂▃▄▅▆▇█"


class _Words(Labels):
    errors = Said("{:,} error{s}", "{:,} 次")
    kinds = Said("{} kind{s}", "{} 类")
    told = Said("all told", "均已通知")
    pending = Said("{:,} not told yet", "{:,} 次尚未通知")
    held = Said("{:,} of them silenced", "其中 {:,} 次静默中")
    all_held = Said("all of them silenced", "均在静默中")
    quiet_until = Said("quiet until {}", "免打扰至 {}")
    lists = SaidOf(
        new=("new: {}", "新出现 {} 类"),
        open=("open: {}", "未恢复 {} 类"),
        calmed=("over: {}", "已平息 {} 类"),
        silenced=("silenced: {}", "静默中 {} 类"),
    )
    is_over = Said("over", "已平息")
    until = Said("until {until} by {by}", "{by} 静默至 {until}")
    until_release = Said(
        "until the next release, {until} at most, by {by}", "{by} 静默至下一版本，最晚 {until}"
    )
    why = Said(": {}", "：{}")
    more = Said("+ {} more ×{:,}", "另有 {} 类 ×{:,}")
    came_from = Said("errors came from {} on {}", "报告过错误的有 {1}的 {0}")
    processes = Said("{} process{es}", "{} 个进程")
    hosts = Said("{} host{s}", "{} 台主机")
    overdue = Said(
        "overdue: {}, expected {}, ran last {}", "任务逾期：{}，应于 {} 运行，上次运行 {}"
    )
    failed = Said(" and failed", "（失败）")
    next_at = Said("next report: {}", "下次报告：{}")
    more_lines = Said("+ {} more lines", "另有 {} 行")


_WORDS: dict[str, _Words] = {"en": _Words("en"), "zh": _Words("zh")}


class Daily:
    """What the report says of one app, as of `now`: the current hour and as many whole ones before
    it, `HOURS` at most. Times for display."""

    def __init__(
        self, app: KnownApp, now: float, hours: int = HOURS, zone: tzinfo | None = None
    ) -> None:
        self.app, self.now = app, now
        self._kept = min(hours, HOURS) + 1
        self.since = app.hours_end - 3600.0 * self._kept
        #: Errors by hour, and in all, of how many kinds.
        self.hours = app.hours[-self._kept :]
        self.errors = sum(self.hours)
        self.kinds = sum(self.count(group) > 0 for group in app.groups)
        groups = sorted(app.groups, key=lambda group: (not group.critical, -self.count(group)))
        rest = [group for group in groups if not group.silenced_until]
        known = [group for group in rest if group.first_seen < self.since]
        #: Each open or lately open group is in one of these.
        self.new = [group for group in rest if group.first_seen >= self.since]
        self.open = [group for group in known if group.state != "over"]
        self.calmed = [g for g in known if g.over_since is not None and g.over_since >= self.since]
        self.silenced = [group for group in groups if group.silenced_until]
        #: Errors that no message has told, and how many of them are silenced.
        self.pending = sum(group.pending for group in groups)
        self.held = sum(group.pending for group in self.silenced)
        heard = (s for s in app.sources if s.errors and now - s.seen <= 24 * 3600.0)
        sources = {source.name.rpartition("/")[0] for source in heard}
        #: Processes that have reported errors in a day, and their hosts. Others write nothing.
        self.processes = len(sources)
        self.hosts = len({each.partition("/")[0] for each in sources})
        late = ((job, habits.overdue(job.runs, now, job.every, zone)) for job in app.jobs)
        #: Jobs that should have run, and when.
        self.overdue = [(job, at) for job, at in late if at is not None]

    def count(self, group: KnownGroup) -> int:
        """Errors of a group in these hours."""
        return sum(group.hours[-self._kept :])


def daily_report(
    apps: Sequence[KnownApp],
    now: float,
    *,
    language: Language = "en",
    zone: tzinfo | None = None,
    hours: int = HOURS,
    next_at: float | None = None,
) -> str:
    """The report about these apps, as lines of plain text.

    It reaches back `hours` whole hours before the current one, `HOURS` at most. `next_at` says
    when the next one comes, if that is known.
    """
    words = _WORDS[language]
    times = TimeFormatter(now, zone, words)
    parts = [_Lines(Daily(app, now, hours, zone), times, words) for app in apps]
    found = "\n\n".join("\n".join(part.lines()) for part in parts)
    if next_at is not None:
        found = f"{found}\n{words.next_at(times.minute(next_at))}".lstrip()
    return found


def fitted(report: str, max_bytes: int, language: str = "en") -> str:
    """As many whole lines of a report as fit into a message."""
    if len(report.encode()) <= max_bytes:
        return report
    lines, more = report.splitlines(), _WORDS[language].more_lines
    room = max_bytes - len(more(len(lines)).encode())
    shown = sum(end <= room for end in accumulate(len(line.encode()) + 1 for line in lines))
    return "\n".join([*lines[:shown], more(len(lines) - shown)])


class _Lines:
    """The lines about one app."""

    def __init__(self, found: Daily, times: TimeFormatter, words: _Words) -> None:
        self._found, self._times, self._words = found, times, words

    def lines(self) -> Iterator[str]:
        found, app = self._found, self._found.app
        name = joined(" ", _inert(app.app, _APP), _inert(app.environment, _APP))
        words = self._words
        counts = [words.errors(found.errors), *([words.kinds(found.kinds)] if found.kinds else [])]
        span = f"{self._times.minute(found.since)} – {self._times.minute(found.now)}"
        yield " · ".join(("📋 " + name, words.clause.join(counts), span))
        yield f"{sparkline(found.hours)} {self._told()}"
        if app.quiet_until is not None:
            yield words.quiet_until(self._times.minute(app.quiet_until))
        for kind in ("new", "open", "calmed", "silenced"):
            yield from self._groups(kind, getattr(found, kind))
        if others := max(0, found.errors - sum(map(found.count, app.groups))):
            yield f"{words.others} ×{others:,}"
        if found.processes:
            yield words.came_from(words.processes(found.processes), words.hosts(found.hosts))
        for job, expected in found.overdue:
            yield self._overdue(job, expected)

    def _told(self) -> str:
        found, words = self._found, self._words
        if not found.pending:
            return words.told
        said = [words.pending(found.pending)]
        if found.held:
            held = words.held if found.held < found.pending else words.all_held
            said.append(held(found.held))
        return words.clause.join(said)

    def _groups(self, kind: str, groups: Sequence[KnownGroup]) -> Iterator[str]:
        if not groups:
            return
        yield self._words.lists[kind](len(groups))
        for group in groups[:_NAMED]:
            facts = (self._name(group), _inert(group.place, _PLACE), *self._facts(kind, group))
            yield "  " + joined(" · ", *facts)
        if rest := groups[_NAMED:]:
            yield "  " + self._words.more(len(rest), sum(map(self._found.count, rest)))

    def _name(self, group: KnownGroup) -> str:
        critical = "CRITICAL " if group.critical else ""
        name = _inert(group.type or group.text, _KIND)
        return f"#{group.id} {critical}{name} ×{self._found.count(group):,}"

    def _facts(self, kind: str, group: KnownGroup) -> Iterator[str]:
        minute, words = self._times.minute, self._words
        if kind == "new" and group.first_release:
            yield words.new_in(_inert(group.first_release, _NAME))
        elif group.last_release:
            yield words.last_in(_inert(group.last_release, _NAME))
        if kind == "new" and group.state == "over":
            yield words.is_over
        if group.taken_by and group.taken_at is not None:
            yield words.taken(_inert(group.taken_by, _NAME), minute(group.taken_at))
        if group.silenced_until is not None:
            how = words.until_release if group.until_release else words.until
            by, until = _inert(group.silenced_by, _NAME), minute(group.silenced_until)
            why = _inert(group.silenced_why, _WHY)
            yield how(until=until, by=by) + (words.why(why) if why else "")

    def _overdue(self, job: KnownJob, expected: float) -> str:
        name, minute = _inert(job.name, _NAME), self._times.minute
        said = self._words.overdue(name, minute(expected), minute(job.runs[-1]))
        has_failed = (job.failed_at or 0.0) > (job.worked_at or 0.0)
        return said + (self._words.failed if has_failed else "")


def sparkline(counts: Sequence[int]) -> str:
    """`▁▁▃█`: a bar for each number, the lowest only where there was none."""
    most = max(1, *counts)
    return "".join(_BARS[-(-n * (len(_BARS) - 1) // most)] for n in counts)


def _inert(words: str, width: int) -> str:
    """What was logged, or written by people: one line in which nothing means anything."""
    return text.cut_columns(text.plain(words[:1000]), width)
