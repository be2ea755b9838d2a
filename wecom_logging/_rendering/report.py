"""Everything a digest knows, as plain text: the file for whoever sits down to mend it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from copy import copy

from wecom_logging._model.digest import Digest
from wecom_logging._model.text import cut_bytes, cut_characters, strip_ansi
from wecom_logging._rendering.context import RenderContext
from wecom_logging._rendering.dialects import Pen
from wecom_logging._rendering.headline import summary
from wecom_logging._rendering.rows import marks, releases
from wecom_logging._rendering.sample import ExceptionView, Frame, Sample
from wecom_logging._rendering.sections import Section
from wecom_logging._rendering.style import Style
from wecom_logging._rendering.words import first_line, flattened, joined

#: Bytes of what follows a message, its name included: a phone still opens it.
MAX_BYTES = 256 * 1024
#: Bytes that are kept for the line that says what was left out.
_LAST_LINE = 200
#: A place is written out so many times in one traceback; the rest is counted.
_REPEATS = 3
#: Parts of an exception group that are written out.
_PARTS = 20
#: Places that stand before everything else where only the first lines are read.
_PLACES = 3

_RULE = "=" * 72


def report_text(
    digest: Digest,
    style: Style,
    context: RenderContext | None = None,
    *,
    name: str = "",
    max_bytes: int = MAX_BYTES,
) -> str:
    """The whole report: a list of all groups, then each with messages, context, traceback.

    Beyond `max_bytes` the last groups are in the list only, and the last line says so. `context`
    is what the message was drawn from, `name` that of the file, for a first line.
    """
    context = context or RenderContext.of(digest, style)
    # What a message draws as one is told apart.
    groups = [
        section if len(section.reports) == 1 else Section((report,))
        for section in context.sections
        for report in section.reports
    ]
    # In copies, so that what is worked out of a thousand groups goes with their lines.
    overview = "\n".join([*filter(None, [name]), *_overview(map(copy, groups), context)])
    parts, room = [cut_bytes(overview, max_bytes - _LAST_LINE)], max_bytes - _LAST_LINE
    room -= len(parts[0].encode())
    for index, group in enumerate(groups):
        part = "\n".join(_group(copy(group), context))
        size = len(part.encode())
        room -= size + 2
        if room < 0:
            some = cut_bytes(part, room + size)
            parts += filter(None, [some, context.labels.not_described(len(groups) - index)])
            break
        parts.append(part)
    # Put together once: each copy is as large as the file, and stays the program's for good.
    parts[-1] += "\n"
    return "\n\n".join(parts)


def group_text(context: RenderContext) -> str:
    """The report of a digest of one group, without the list. A chat shows the first lines only:
    they say what broke, where in the application's own code, and for whom."""
    groups = (Section((report,)) for report in context.digest.reports)
    return "\n".join(line for group in groups for line in _for_chat(group, context)) + "\n"


def _for_chat(group: Section, context: RenderContext) -> Iterator[str]:
    # Two blanks do not stay two in a chat.
    yield _line(group, context, " · ")
    yield visible(" · ".join(_facts(group, context)))
    yield from (f"    {visible(line)}" for line in _gist(group))
    yield from _sections(group, context, told=group.sample)


def _gist(group: Section) -> Iterator[str]:
    """The exception, the innermost places of the application's own, the root, the context."""
    chain = [joined(": ", one.type, first_line(one.value)) for one in group.sample.chain]
    yield from chain[:1]
    for index, (frame, _) in enumerate(group.trace[:_PLACES]):
        yield f"  {frame.place}"
        if frame.source and not index:
            yield f"      {frame.source}"
    yield from (f"← {root}" for root in chain[1:][-1:])
    if context := group.sample.context:
        yield " · ".join(f"{key} = {value}" for key, value in context.items())


def _overview(groups: Iterable[Section], context: RenderContext) -> Iterator[str]:
    labels, style, digest = context.labels, context.style, context.digest
    sender, now = joined(" ", style.app, style.environment), context.times.full(digest.now)
    yield visible(joined(" · ", sender, labels.errors(context.errors), digest.message_id, now))
    if style.release:
        yield visible(labels.release(style.release))
    if context.hosts:
        yield visible(labels.comma.join(context.hosts))
    yield ""
    yield from (_line(group, context) for group in groups)
    if context.others:
        yield f"{labels.others} ×{context.others:,}"


def _line(group: Section, context: RenderContext, between: str = "  ") -> str:
    count = f"×{group.count:,}" if group.count or not group.over else ""
    said = cut_characters(": ".join(map(flattened, summary(group, context))), 100)
    state, place = context.labels.states[group.lead.state], group.places(1)[0][1]
    return visible(joined(between, group.lead.shown_id, state, group.level, count, said, place))


def _group(group: Section, context: RenderContext) -> Iterator[str]:
    yield _RULE
    yield _line(group, context)
    yield visible(" · ".join(_facts(group, context)))
    yield from _sections(group, context)


def _sections(group: Section, context: RenderContext, told: Sample | None = None) -> Iterator[str]:
    """All that was captured. `told`: whose context stands elsewhere."""
    samples = group.samples[:5]
    yield from _section(context.labels.seen, _seen(samples, context, told))
    for sample in samples[:1]:
        yield from _section(context.labels.traceback, _chain(sample.chain, context))
        yield from _section(context.labels.stack, sample.stack.splitlines())
        yield from _section(context.labels.before, _crumbs(sample, context))
        yield from _section(context.labels.output, sample.output)


def _facts(section: Section, context: RenderContext) -> Iterator[str]:
    report = section.lead
    yield context.labels.since(report.total, context.times.full(report.since))
    yield context.labels.last(context.times.full(report.last))
    if report.identity.logger:
        yield report.identity.logger
    if release := releases(section, context, Pen(plain=True)):
        yield release
    yield from marks(section, context)
    if report.hosts:
        yield context.labels.comma.join(report.hosts)


def _section(name: str, lines: Iterable[str]) -> Iterator[str]:
    """A heading and its lines, indented so that no logged line looks like one of ours."""
    found = [f"    {visible(line)}" for line in lines]
    if found:
        yield from ("", name, *found)


def _seen(samples: Sequence[Sample], context: RenderContext, told: Sample | None) -> Iterator[str]:
    """The messages, each once, with the context of its first appearance."""
    for sample in {sample.message: sample for sample in reversed(samples)}.values():
        yield context.times.second(sample.timestamp)
        yield from (f"  {line}" for line in sample.message.splitlines())
        who = joined(" ", sample.process, sample.thread)
        if where := joined(" · ", sample.site.place, who):
            yield f"    {where}"
        for key, value in () if sample is told else sample.context.items():
            yield f"    {key} = {value}"


def _crumbs(sample: Sample, context: RenderContext) -> Iterator[str]:
    for crumb in sample.crumbs:
        time = context.times.second(crumb.time)
        yield joined(" ", time, crumb.level.upper(), crumb.logger, crumb.message)


def _chain(chain: Sequence[ExceptionView], context: RenderContext) -> Iterator[str]:
    for index, failure in enumerate(chain):
        if index:
            yield ""
            yield context.labels.caused_by if failure.is_cause else context.labels.while_handling
        yield from _failure(failure, context)


def _failure(failure: ExceptionView, context: RenderContext) -> Iterator[str]:
    value = failure.value.splitlines() or [""]
    yield joined(": ", failure.type, value[0])
    yield from value[1:]
    for note in failure.notes:
        yield f"{context.labels.note}{note}"
    yield from failure.stderr.splitlines()
    if failure.syntax:
        yield from _frame(failure.syntax)
    yield from _frames(failure.frames, context)
    for number, part in enumerate(failure.parts[:_PARTS], 1):
        yield f"  [{number}/{len(failure.parts)}]"
        yield from (f"  {line}" for line in _chain(part, context))
    if len(failure.parts) > _PARTS:
        types = (f"{name} {n:,}" for name, n in failure.part_types())
        yield f"  … {context.labels.comma.join(types)}"


def _frames(frames: Sequence[Frame], context: RenderContext) -> Iterator[str]:
    """All frames, the most recent call last; a recursion is written out a few times only."""
    times: Counter[str] = Counter()
    skipped = 0
    for frame in frames:
        times[frame.place] += 1
        if times[frame.place] > _REPEATS:
            skipped += 1
            continue
        if skipped:
            yield f"  … {context.labels.like_these(skipped)}"
            skipped = 0
        yield from _frame(frame)
    if skipped:
        yield f"  … {context.labels.like_these(skipped)}"


def _frame(frame: Frame) -> Iterator[str]:
    yield f"  {frame.place}"
    if frame.source:
        yield f"      {frame.source}"
    for name, value in frame.locals:
        yield f"      · {name} = {value}"


def visible(line: str) -> str:
    """One line without anything that hides or reorders what stands there."""
    line = strip_ansi(line)
    return line if line.isprintable() else "".join(map(_visible, line))


def _visible(char: str) -> str:
    if char.isprintable():
        return char
    if "\ud800" <= char <= "\udfff":
        return "\ufffd"
    return " " if char.isspace() else ""
