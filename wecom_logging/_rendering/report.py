"""Everything a digest knows, as plain text: the file for whoever sits down to mend it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from wecom_logging._model.digest import Digest, Report
from wecom_logging._model.text import strip_ansi
from wecom_logging._rendering.context import Page
from wecom_logging._rendering.headline import title
from wecom_logging._rendering.sample import Failure, Frame, Sample, read
from wecom_logging._rendering.sections import Item
from wecom_logging._rendering.style import Style

#: Bytes of a file that a phone still opens. WeCom itself takes 20 MB.
MAX_BYTES = 1024 * 1024

#: A place is written out so many times in one traceback; the rest is counted.
_REPEATS = 3

#: Parts of an exception group that are written out.
_PARTS = 20

_RULE = "=" * 72


def report_text(digest: Digest, style: Style) -> str:
    """The whole report: a list of all groups, then each with messages, context, traceback.

    A digest beyond `MAX_BYTES` has its last groups in the list only, and says so.
    """
    page = Page.of(digest, style)
    overview = "\n".join(_overview(page))
    parts, room = [overview], MAX_BYTES - len(overview.encode()) - 200
    reports = [(item, report) for item in page.items for report in item.reports]
    for index, (item, report) in enumerate(reports):
        part = "\n".join(_group(item, report, page))
        room -= len(part.encode()) + 2
        if room < 0:
            parts.append(page.labels.not_described(len(reports) - index))
            break
        parts.append(part)
    return "\n\n".join(parts) + "\n"


# -- the list of everything ------------------------------------------------------------


def _overview(page: Page) -> Iterator[str]:
    labels, style, digest = page.labels, page.style, page.digest
    sender = " ".join(filter(None, (style.app, style.environment)))
    facts = [sender, labels.errors(page.errors), digest.message_id, page.calendar.full(digest.now)]
    yield visible(" · ".join(filter(None, facts)))
    if style.release:
        yield visible(labels.release(style.release))
    if page.hosts:
        yield visible(labels.comma.join(page.hosts))
    yield ""
    for item in page.items:
        for report in item.reports:
            yield _line(item, report, page)
    if page.others:
        yield f"{labels.others} ×{page.others:,}"


def _line(item: Item, report: Report, page: Page) -> str:
    one = Item((report,))
    count = f"×{report.count:,}" if report.count or not item.over else ""
    words = (
        f"#{report.identity.id[:4]}",
        page.labels.states[report.state],
        one.level,
        count,
        _short(title(one, page)),
        one.places(1)[0][1],
    )
    return visible("  ".join(filter(None, words)))


def _short(words: str) -> str:
    return words if len(words) <= 100 else f"{words[:99]}…"


# -- one group -------------------------------------------------------------------------


def _group(item: Item, report: Report, page: Page) -> Iterator[str]:
    samples = [read(sample) for sample in report.samples[:5]]
    yield _RULE
    yield _line(item, report, page)
    yield visible(" · ".join(_facts(report, page)))
    yield from _section(page.labels.seen, _seen(samples, page))
    for sample in samples[:1]:
        yield from _section(page.labels.traceback, _chain(sample.chain, page))
        yield from _section(page.labels.stack, sample.stack.splitlines())
        yield from _section(page.labels.before, _crumbs(sample, page))
        yield from _section(page.labels.output, sample.output)


def _facts(report: Report, page: Page) -> Iterator[str]:
    yield page.labels.since(report.total, page.calendar.full(report.since))
    yield page.labels.last(page.calendar.full(report.last))
    if report.identity.logger:
        yield report.identity.logger
    if report.hosts:
        yield page.labels.comma.join(report.hosts)


def _section(name: str, lines: Iterable[str]) -> Iterator[str]:
    """A heading and its lines, indented so that no logged line looks like one of ours."""
    found = [f"    {visible(line)}" for line in lines]
    if found:
        yield from ("", name, *found)


def _seen(samples: Sequence[Sample], page: Page) -> Iterator[str]:
    """The messages, each once, with the context of its first appearance."""
    for sample in {sample.message: sample for sample in reversed(samples)}.values():
        yield page.calendar.second(sample.timestamp)
        yield from (f"  {line}" for line in sample.message.splitlines())
        yield from _context(sample)


def _context(sample: Sample) -> Iterator[str]:
    who = " ".join(filter(None, (sample.process, sample.thread)))
    if where := " · ".join(filter(None, (sample.site.place, who))):
        yield f"    {where}"
    for key, value in sample.context.items():
        yield f"    {key} = {value}"


def _crumbs(sample: Sample, page: Page) -> Iterator[str]:
    for crumb in sample.crumbs:
        time = page.calendar.second(crumb.time)
        yield " ".join(filter(None, (time, crumb.level.upper(), crumb.logger, crumb.message)))


# -- the traceback ---------------------------------------------------------------------


def _chain(chain: Sequence[Failure], page: Page) -> Iterator[str]:
    for index, failure in enumerate(chain):
        if index:
            yield ""
            yield page.labels.link_of(is_cause=failure.is_cause).rstrip()
        yield from _failure(failure, page)


def _failure(failure: Failure, page: Page) -> Iterator[str]:
    value = failure.value.splitlines() or [""]
    yield ": ".join(filter(None, (failure.type, value[0])))
    yield from value[1:]
    for note in failure.notes:
        yield f"{page.labels.note}{note}"
    if failure.syntax:
        yield from _frame(failure.syntax)
    yield from _frames(failure.frames, page)
    for number, part in enumerate(failure.parts[:_PARTS], 1):
        yield f"  [{number}/{len(failure.parts)}]"
        yield from (f"  {line}" for line in _chain(part, page))
    if len(failure.parts) > _PARTS:
        types = (page.labels.part(name, n) for name, n in failure.part_types())
        yield f"  … {page.labels.comma.join(types)}"


def _frames(frames: Sequence[Frame], page: Page) -> Iterator[str]:
    """All frames, the most recent call last; a recursion is written out a few times only."""
    times: Counter[str] = Counter()
    skipped = 0
    for frame in frames:
        times[frame.place] += 1
        if times[frame.place] > _REPEATS:
            skipped += 1
            continue
        if skipped:
            yield f"  … {page.labels.like_these(skipped)}"
            skipped = 0
        yield from _frame(frame)
    if skipped:
        yield f"  … {page.labels.like_these(skipped)}"


def _frame(frame: Frame) -> Iterator[str]:
    yield f"  {frame.place}"
    if frame.source:
        yield f"      {frame.source}"
    for name, value in frame.locals:
        yield f"      · {name} = {value}"


def visible(line: str) -> str:
    """One line without anything that hides or reorders what stands there."""
    line = strip_ansi(line)
    if line.isprintable():
        return line
    return "".join(map(_visible, line))


def _visible(char: str) -> str:
    if char.isprintable():
        return char
    if "\ud800" <= char <= "\udfff":
        return "\ufffd"
    return " " if char.isspace() else ""
