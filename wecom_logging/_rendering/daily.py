"""The daily report: what has been in an app since yesterday, for terminal, message and bot.

A plain function from what a store knows to lines of text, in which whatever was logged or
written by people is inert. Groups are forgotten after `marks.HOURS`, so it reaches no further.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import tzinfo

from wecom_logging._model import habits, text
from wecom_logging._rendering.labels import LABELS, Said, SaidOf, Vocabulary
from wecom_logging._rendering.style import Language
from wecom_logging._rendering.times import TimeFormatter
from wecom_logging._rendering.words import joined
from wecom_logging._runtime.values import NamedTuple
from wecom_logging._stores.marks import HOURS, KnownApp, KnownGroup, KnownJob

#: Groups of one list that are named.
_NAMED = 10
#: Columns of an app, a type or message, a place, a name, a reason.
_APP, _KIND, _PLACE, _NAME, _WHY = 40, 60, 60, 40, 100

_BARS = "▁▂▃▄▅▆▇█"


class _Words(Vocabulary):
    """What the report says."""

    errors = Said("{:,} error{s}", "{:,} 次")
    kinds = Said("{} kind{s}", "{} 类")
    told = Said("all told", "均已通知")
    pending = Said("{:,} not told yet", "{:,} 次尚未通知")
    held = Said("{:,} of them silenced", "其中 {:,} 次静默中")
    all_held = Said("all of them silenced", "均在静默中")
    clause = Said(", ", "，")
    quiet = Said("quiet until {}", "免打扰至 {}")
    lists = SaidOf(
        new=("new: {}", "新出现 {} 类"),
        open=("open: {}", "未恢复 {} 类"),
        calmed=("over: {}", "已平息 {} 类"),
        silenced=("silenced: {}", "静默中 {} 类"),
    )
    new_in = Said("in {}", "{} 新出现")
    last_in = Said("last in {}", "上次见于 {}")
    over = Said("over", "已平息")
    taken = Said("taken by {} {}", "{} {} 接手")
    until = Said("until {until} by {by}", "{by} 静默至 {until}")
    until_release = Said(
        "until the next release, {until} at most, by {by}", "{by} 静默至下一版本，最晚 {until}"
    )
    why = Said(": {}", "：{}")
    more = Said("+ {} more ×{:,}", "另有 {} 类 ×{:,}")
    others = Said("others ×{:,}", "其他 ×{:,}")
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


class Overdue(NamedTuple):
    """A job that should have run."""

    job: KnownJob
    expected: float


class Daily(NamedTuple):
    """What the report says of one app. Times for display."""

    app: KnownApp
    since: float
    now: float
    #: Errors by hour, and in all, of how many kinds.
    hours: tuple[int, ...]
    errors: int
    kinds: int
    #: Errors that no message has told, and how many of them are silenced.
    pending: int
    held: int
    #: Each open or lately open group is in one of these.
    new: tuple[KnownGroup, ...]
    open: tuple[KnownGroup, ...]
    calmed: tuple[KnownGroup, ...]
    silenced: tuple[KnownGroup, ...]
    #: Processes that have reported errors in a day, and their hosts. Others write nothing.
    processes: int
    hosts: int
    overdue: tuple[Overdue, ...]


def daily(app: KnownApp, now: float, hours: int = HOURS, zone: tzinfo | None = None) -> Daily:
    """What has been in the current hour and the whole ones before it, `HOURS` at most."""
    kept = min(hours, HOURS) + 1
    since = app.hours_end - 3600.0 * kept
    told = app.groups
    silenced = [group for group in told if group.silenced_until]
    rest = [group for group in told if not group.silenced_until]
    new = [group for group in rest if group.first_seen >= since]
    known = [group for group in rest if group.first_seen < since]
    told_of = (s for s in app.sources if s.errors and now - s.seen <= 24 * 3600.0)
    sources = {source.name.rpartition("/")[0] for source in told_of}
    late = ((job, habits.overdue(job.runs, now, job.every, zone)) for job in app.jobs)
    lately = app.hours[-kept:]

    def sort(groups: list[KnownGroup]) -> tuple[KnownGroup, ...]:
        return tuple(sorted(groups, key=lambda each: (not each.critical, -_count(each, kept))))

    return Daily(
        app,
        since,
        now,
        lately,
        sum(lately),
        sum(_count(group, kept) > 0 for group in told),
        sum(group.pending for group in told),
        sum(group.pending for group in silenced),
        sort(new),
        sort([group for group in known if group.state != "over"]),
        sort([g for g in known if g.over_since is not None and g.over_since >= since]),
        sort(silenced),
        len(sources),
        len({each.partition("/")[0] for each in sources}),
        tuple(Overdue(job, at) for job, at in late if at is not None),
    )


def _count(group: KnownGroup, kept: int) -> int:
    return sum(group.hours[-kept:])


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

    Args:
        apps: As a store knows them (`MarkingStore.groups`, `OnCall.known`).
        now: Seconds since the epoch.
        language: "en" or "zh".
        zone: Of the times shown; None: the local one.
        hours: How far it reaches back, beside the current hour; `HOURS` at most.
        next_at: When the next one comes, if that is known.
    """
    times = TimeFormatter(now, zone, LABELS[language])
    words = _WORDS[language]
    parts = [_Lines(daily(app, now, hours, zone), times, words) for app in apps]
    found = "\n\n".join("\n".join(part.lines()) for part in parts)
    if next_at is not None:
        found = f"{found}\n{words.next_at(times.minute(next_at))}".lstrip()
    return found


def fitted(report: str, max_bytes: int, language: str = "en") -> str:
    """As many whole lines of a report as fit into a message."""
    if len(report.encode()) <= max_bytes:
        return report
    lines, shown = report.splitlines(), list[str]()
    more = _WORDS[language].more_lines
    room = max_bytes - len(more(len(lines)).encode())
    for line in lines:
        room -= len(line.encode()) + 1
        if room < 0:
            break
        shown.append(line)
    return "\n".join([*shown, more(len(lines) - len(shown))])


class _Lines:
    """The lines about one app."""

    def __init__(self, found: Daily, times: TimeFormatter, words: _Words) -> None:
        self._found, self._times, self._words = found, times, words
        self._kept = len(found.hours)

    def lines(self) -> Iterator[str]:
        found, app = self._found, self._found.app
        name = joined(" ", _inert(app.app, _APP), _inert(app.environment, _APP))
        words = self._words
        counts = [words.errors(found.errors), *([words.kinds(found.kinds)] if found.kinds else [])]
        span = f"{self._times.minute(found.since)} – {self._times.minute(found.now)}"
        yield " · ".join(("📋 " + name, words.clause.join(counts), span))
        yield f"{sparkline(found.hours)} {self._told()}"
        if app.quiet_until is not None:
            yield words.quiet(self._times.minute(app.quiet_until))
        for kind in ("new", "open", "calmed", "silenced"):
            yield from self._groups(kind, getattr(found, kind))
        named = sum(_count(group, self._kept) for group in app.groups)
        if found.errors > named:
            yield words.others(found.errors - named)
        if found.processes:
            yield words.came_from(words.processes(found.processes), words.hosts(found.hosts))
        yield from map(self._overdue, found.overdue)

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
            count = sum(_count(group, self._kept) for group in rest)
            yield "  " + self._words.more(len(rest), count)

    def _name(self, group: KnownGroup) -> str:
        critical = "CRITICAL " if group.critical else ""
        name = _inert(group.type or group.text, _KIND)
        return f"#{group.id} {critical}{name} ×{_count(group, self._kept):,}"

    def _facts(self, kind: str, group: KnownGroup) -> Iterator[str]:
        minute, words = self._times.minute, self._words
        if kind == "new" and group.first_release:
            yield words.new_in(_inert(group.first_release, _NAME))
        elif group.last_release:
            yield words.last_in(_inert(group.last_release, _NAME))
        if kind == "new" and group.state == "over":
            yield words.over
        if group.taken_by and group.taken_at is not None:
            yield words.taken(_inert(group.taken_by, _NAME), minute(group.taken_at))
        if group.silenced_until is not None:
            how = words.until_release if group.until_release else words.until
            by, until = _inert(group.silenced_by, _NAME), minute(group.silenced_until)
            why = _inert(group.silenced_why, _WHY)
            yield how(until=until, by=by) + (words.why(why) if why else "")

    def _overdue(self, late: Overdue) -> str:
        job, minute = late.job, self._times.minute
        name = _inert(job.name, _NAME)
        said = self._words.overdue(name, minute(late.expected), minute(job.runs[-1]))
        has_failed = (job.failed_at or 0.0) > (job.worked_at or 0.0)
        return said + (self._words.failed if has_failed else "")


def sparkline(counts: Sequence[int]) -> str:
    """`▁▁▃█`: a bar for each number, the lowest only where there was none."""
    most = max(1, *counts)
    return "".join(_BARS[-(-n * (len(_BARS) - 1) // most)] for n in counts)


def _inert(words: str, width: int) -> str:
    """What was logged, or written by people: one line in which nothing means anything."""
    return text.cut_columns(text.plain(words[:1000]), width)
