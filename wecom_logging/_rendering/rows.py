"""What a group's first line says, and what its history: state, count, extent, releases, trend,
and what people have done to it, as dated facts."""

from __future__ import annotations

from collections.abc import Iterator

from wecom_logging._model.digest import SilenceEnd
from wecom_logging._rendering.context import RenderContext
from wecom_logging._rendering.dialects import Pen, Row
from wecom_logging._rendering.headline import title
from wecom_logging._rendering.sections import Section
from wecom_logging._rendering.times import per_unit
from wecom_logging._rendering.words import joined

#: Bytes of a type and of a place: whole for all but absurd ones.
TYPE, PLACE = 64, 96
#: Bytes of a message that takes the place of the type.
_TITLE = 80
#: Bytes of the names of groups that are one section.
_NAMES = 120
#: Bytes of who did something, and of a reason.
_BY, _WHY = 40, 100
#: Bytes of a release, and how many of them stand in one line.
_RELEASE, _RELEASES = 40, 3
#: A rate that changed by less than this factor is no trend.
_STEADY = 1.25
#: Seconds below which a span says nothing about how many errors come in a minute.
_TREND = 5.0


def row(section: Section, context: RenderContext) -> Row:
    """A group in one line: state, type, count and place."""
    pen = Pen(tables=context.dialect.tables, plain=context.dialect.plain)
    name = pen.name(section.type, TYPE) or pen.start(title(section, context), _TITLE)
    name = name or context.labels.no_message  # where all of it was invisible
    if section.over and section.type and section.message:
        name = f"{name}: {pen.start(section.message, _TITLE)}"
    return heading(section, context, pen, name)._replace(
        history=" · ".join(history(section, context)),
        place=pen.place(section.places(1)[0][1], PLACE),
    )


def heading(section: Section, context: RenderContext, pen: Pen, name: str) -> Row:
    """What stands over a group of this name."""
    level = section.level if section.critical else pen.name(section.level, 12)
    return Row(
        state=_state(section, context),
        kind=f"{level} {name}" if level else name,
        times=f"×{section.count:,}" if section.count or not section.over else "",
        extent=_extent(section, context, pen),
        id=pen.name(section.lead.shown_id, 12),
        release=releases(section, context, pen),
    )


def _state(section: Section, context: RenderContext) -> str:
    if section.works_again:
        return context.labels.recovered
    if section.over:
        return context.labels.over(_silent(section, context))
    return context.labels.states[section.state]


def _silent(section: Section, context: RenderContext) -> str:
    return context.labels.duration(max(context.digest.now - section.last, 0.0))


def _extent(section: Section, context: RenderContext, pen: Pen) -> str:
    """In how many places, or under which other names."""
    if section.is_block:
        return context.labels.in_places(len(section.spots))
    if section.varying:
        return context.labels.in_brackets(context.labels.varying).strip() if section.message else ""
    shown: list[str] = []
    for name in section.names[1:]:
        if shown and sum(map(len, shown)) + len(name) > _NAMES:
            pen.shortened = True
            break
        shown.append(pen.name(name, TYPE))
    names, more = context.labels.comma.join(shown), len(section.names) - 1 - len(shown)
    if not names:
        return ""
    return context.labels.and_more_names(names, more) if more else context.labels.and_names(names)


def history(section: Section, context: RenderContext) -> Iterator[str]:
    """How many in all, since when; and when the last ones were, if they come again."""
    labels, state = context.labels, section.state
    if section.works_again:
        lasted = labels.duration(max(context.digest.now - section.since, 0.0))
        yield labels.works_again(labels.works_after(section.total), lasted)
    if left := sum(report.left for report in section.reports):
        yield labels.left(left)
    if section.works_again:
        return
    if section.over:
        if silent := labels.silent(_silent(section, context)):
            yield silent
        seconds = section.last - section.since
        lasted = labels.lasted(section.total, labels.duration(seconds))
        yield lasted if seconds >= 1 else labels.in_all(section.total)
    elif earlier := [r for r in section.reports if r.earlier and r.state == state == "again"]:
        yield labels.again(
            context.times.minute(max(report.last_before for report in earlier)),
            section.total + sum(report.earlier for report in earlier),
            context.times.minute(min(report.earliest for report in earlier)),
        )
    elif section.total > section.count:
        yield labels.since(section.total, context.times.minute(section.since))
    yield from marks(section, context)
    if section.ended:
        yield labels.ended(_silent(section, context))


def trend(section: Section, context: RenderContext) -> Iterator[str]:
    """Errors per minute, now and before."""
    if section.state != "still":
        return
    spans = [r for r in section.reports if r.before[0] > 0 and min(r.span, r.before[1]) >= _TREND]
    if not spans:
        return
    now = sum(report.count / report.span for report in spans)
    before = sum(report.before[0] / report.before[1] for report in spans)
    arrow = "↑" if now > before * _STEADY else "↓" if before > now * _STEADY else "→"
    *rates, unit = per_unit(now, before)
    yield context.labels.trend(arrow, *rates, context.labels.unit(unit))


def marks(section: Section, context: RenderContext) -> Iterator[str]:
    """How a silence of the group was, and who has taken it."""
    silence, taken = section.lead.silence, section.lead.taken
    if silence is not None:
        yield _silence(silence, context)
    if taken is not None:
        said = context.labels.lapsed if taken.lapsed else context.labels.taken
        yield said(Pen().name(taken.by, _BY), context.times.minute(taken.at))


def _silence(end: SilenceEnd, context: RenderContext) -> str:
    labels, pen = context.labels, Pen()
    said = labels.silenced(context.times.minute(end.since), context.times.minute(end.until))
    if end.by:
        said += labels.by(pen.name(end.by, _BY))
    how = labels.silence_ended.get(end.ended)
    facts = (how and how(pen.name(end.release, _BY)), pen.say(end.why, _WHY))
    return joined(labels.clause, said, *facts)


def releases(section: Section, context: RenderContext, pen: Pen) -> str:
    """A release is news of a new group and of one that is back in another one; else it is
    said where line 2, which names that of the sending process, would be wrong about it."""
    found = list(dict.fromkeys(each for report in section.reports for each in report.releases))
    labels = context.labels
    if not found or section.over:
        return ""
    first, *others = (pen.name(each, _RELEASE) for each in found[:_RELEASES])
    before = next((report.back_from for report in section.reports if report.back_from), "")
    if before:
        return labels.back_in(first, pen.name(before, _RELEASE))
    if others:
        *rest, last = first, *others
        return labels.seen_in(labels.comma.join(rest), last)
    if section.state == "new":
        return labels.new_in(first)
    return labels.last_in(first) if found[0] != context.style.release else ""
