"""The daily report: what has been in an app since yesterday, for terminal, message and bot.

A plain function from what a store knows to lines of text, in which whatever was logged or
written by people is inert. Groups are forgotten after `marks.HOURS`, so it reaches no further.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import tzinfo

from wecom_logging._model import habits, text
from wecom_logging._rendering.labels import LABELS
from wecom_logging._rendering.style import Language
from wecom_logging._rendering.times import TimeFormatter
from wecom_logging._runtime.values import NamedTuple
from wecom_logging._stores.marks import HOURS, KnownApp, KnownGroup, KnownJob

#: Groups of one list that are named.
_NAMED = 10
#: Columns of an app, a type or message, a place, a name, a reason.
_APP, _KIND, _PLACE, _NAME, _WHY = 40, 60, 60, 40, 100

_BARS = "▁▂▃▄▅▆▇█"

_ENGLISH = {
    "errors": "{n:,} errors", "error": "1 error", "kinds": "{n} kinds", "kind": "1 kind",
    "told": "all told", "pending": "{n:,} not told yet", "held": "{n:,} of them silenced",
    "all": "all of them silenced",
    "and": ", ", "quiet": "quiet until {until}", "new": "new: {n}", "open": "open: {n}",
    "calmed": "over: {n}", "silenced": "silenced: {n}", "in": "in {release}",
    "last in": "last in {release}", "over": "over", "taken": "taken by {by} {at}",
    "until": "until {until} by {by}", "until release": "until the next release, {until} at most, by"
    " {by}", "why": ": {why}", "more": "+ {n} more ×{count:,}", "others": "others ×{count:,}",
    "processes": "errors came from {n} on {hosts}", "process": "1 process",
    "many processes": "{n} processes", "host": "1 host", "hosts": "{n} hosts",
    "overdue": "overdue: {name}, expected {at}, ran last {last}", "failed": " and failed",
    "next": "next report: {at}", "lines": "+ {n} more lines",
}  # fmt: skip
_CHINESE = {
    "errors": "{n:,} 次", "error": "1 次", "kinds": "{n} 类", "kind": "1 类",
    "told": "均已通知", "pending": "{n:,} 次尚未通知", "held": "其中 {n:,} 次静默中",
    "all": "均在静默中",
    "and": "，", "quiet": "免打扰至 {until}", "new": "新出现 {n} 类", "open": "未恢复 {n} 类",
    "calmed": "已平息 {n} 类", "silenced": "静默中 {n} 类", "in": "{release} 新出现",
    "last in": "上次见于 {release}", "over": "已平息", "taken": "{by} {at} 接手",
    "until": "{by} 静默至 {until}", "until release": "{by} 静默至下一版本，最晚 {until}",
    "why": "：{why}", "more": "另有 {n} 类 ×{count:,}", "others": "其他 ×{count:,}",
    "processes": "报告过错误的有 {hosts}的 {n}", "process": "1 个进程",
    "many processes": "{n} 个进程", "host": "1 台主机", "hosts": "{n} 台主机",
    "overdue": "任务逾期：{name}，应于 {at} 运行，上次运行 {last}", "failed": "（失败）",
    "next": "下次报告：{at}", "lines": "另有 {n} 行",
}  # fmt: skip


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
    words = _CHINESE if language == "zh" else _ENGLISH
    parts = [_Lines(daily(app, now, hours, zone), times, words) for app in apps]
    found = "\n\n".join("\n".join(part.lines()) for part in parts)
    if next_at is not None:
        found = f"{found}\n{words['next'].format(at=times.minute(next_at))}".lstrip()
    return found


def fitted(report: str, max_bytes: int, language: str = "en") -> str:
    """As many whole lines of a report as fit into a message."""
    if len(report.encode()) <= max_bytes:
        return report
    lines, shown = report.splitlines(), list[str]()
    more = (_CHINESE if language == "zh" else _ENGLISH)["lines"]
    room = max_bytes - len(more.format(n=len(lines)).encode())
    for line in lines:
        room -= len(line.encode()) + 1
        if room < 0:
            break
        shown.append(line)
    return "\n".join([*shown, more.format(n=len(lines) - len(shown))])


class _Lines:
    """The lines about one app."""

    def __init__(self, found: Daily, times: TimeFormatter, words: dict[str, str]) -> None:
        self._found, self._times, self._words = found, times, words
        self._kept = len(found.hours)

    def lines(self) -> Iterator[str]:
        found, app = self._found, self._found.app
        name = " ".join(filter(None, (_inert(app.app, _APP), _inert(app.environment, _APP))))
        comma = self._words["and"]
        errors = self._number("errors", "error", found.errors)
        kinds = self._number("kinds", "kind", found.kinds)
        span = f"{self._times.minute(found.since)} – {self._times.minute(found.now)}"
        yield " · ".join(
            ("📋 " + name, comma.join((errors, kinds) if found.kinds else (errors,)), span)
        )
        yield f"{sparkline(found.hours)} {self._told()}"
        if app.quiet_until is not None:
            yield self._say("quiet", until=self._times.minute(app.quiet_until))
        for kind in ("new", "open", "calmed", "silenced"):
            yield from self._groups(kind, getattr(found, kind))
        named = sum(_count(group, self._kept) for group in app.groups)
        if found.errors > named:
            yield self._say("others", count=found.errors - named)
        if found.processes:
            yield self._say(
                "processes",
                n=self._number("many processes", "process", found.processes),
                hosts=self._number("hosts", "host", found.hosts),
            )
        yield from map(self._overdue, found.overdue)

    def _told(self) -> str:
        found = self._found
        if not found.pending:
            return self._words["told"]
        said = [self._say("pending", n=found.pending)]
        if found.held:
            said.append(self._say("held" if found.held < found.pending else "all", n=found.held))
        return self._words["and"].join(said)

    def _groups(self, kind: str, groups: Sequence[KnownGroup]) -> Iterator[str]:
        if not groups:
            return
        yield self._say(kind, n=len(groups))
        for group in groups[:_NAMED]:
            facts = (self._name(group), _inert(group.place, _PLACE), *self._facts(kind, group))
            yield "  " + " · ".join(filter(None, facts))
        if rest := groups[_NAMED:]:
            count = sum(_count(group, self._kept) for group in rest)
            yield "  " + self._say("more", n=len(rest), count=count)

    def _name(self, group: KnownGroup) -> str:
        critical = "CRITICAL " if group.critical else ""
        name = _inert(group.type or group.text, _KIND)
        return f"#{group.id} {critical}{name} ×{_count(group, self._kept):,}"

    def _facts(self, kind: str, group: KnownGroup) -> Iterator[str]:
        minute = self._times.minute
        if kind == "new" and group.first_release:
            yield self._say("in", release=_inert(group.first_release, _NAME))
        elif group.last_release:
            yield self._say("last in", release=_inert(group.last_release, _NAME))
        if kind == "new" and group.state == "over":
            yield self._words["over"]
        if group.taken_by and group.taken_at is not None:
            yield self._say("taken", by=_inert(group.taken_by, _NAME), at=minute(group.taken_at))
        if group.silenced_until is not None:
            how = "until release" if group.until_release else "until"
            by, until = _inert(group.silenced_by, _NAME), minute(group.silenced_until)
            why = _inert(group.silenced_why, _WHY)
            yield self._say(how, until=until, by=by) + (self._say("why", why=why) if why else "")

    def _overdue(self, late: Overdue) -> str:
        job, minute = late.job, self._times.minute
        said = self._say(
            "overdue",
            name=_inert(job.name, _NAME),
            at=minute(late.expected),
            last=minute(job.runs[-1]),
        )
        has_failed = (job.failed_at or 0.0) > (job.worked_at or 0.0)
        return said + (self._words["failed"] if has_failed else "")

    def _number(self, many: str, one: str, n: int) -> str:
        return self._say(one if n == 1 else many, n=n)

    def _say(self, phrase: str, **fields: object) -> str:
        return self._words[phrase].format(**fields)


def sparkline(counts: Sequence[int]) -> str:
    """`▁▁▃█`: a bar for each number, the lowest only where there was none."""
    most = max(1, *counts)
    return "".join(_BARS[-(-n * (len(_BARS) - 1) // most)] for n in counts)


def _inert(words: str, width: int) -> str:
    """What was logged, or written by people: one line in which nothing means anything."""
    return text.cut_columns(text.plain(words[:1000]), width)
