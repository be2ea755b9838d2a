"""What a group's first line says, and what its history: state, count, extent, trend."""

from __future__ import annotations

from collections.abc import Iterator

from wecom_logging._rendering.context import RenderContext
from wecom_logging._rendering.dialects import Pen, Row
from wecom_logging._rendering.headline import title
from wecom_logging._rendering.labels import Labels
from wecom_logging._rendering.marks import marks
from wecom_logging._rendering.releases import releases
from wecom_logging._rendering.sections import Section
from wecom_logging._rendering.times import per_unit

#: Bytes of a type and of a place: whole for all but absurd ones.
TYPE, PLACE = 64, 96
#: Bytes of a message that takes the place of the type.
_TITLE = 80
#: Bytes of the names of groups that are one section.
_NAMES = 120
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
    return Row(
        state=_state(section, context),
        kind=_kind(section, pen, name),
        times=_count(section),
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


def _kind(section: Section, pen: Pen, name: str) -> str:
    """Level, if it has to be said, and what the group is called."""
    level = section.level if section.critical else pen.name(section.level, 12)
    return f"{level} {name}" if level else name


def _count(section: Section) -> str:
    return "" if section.over and not section.count else f"×{section.count:,}"


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
    labels = context.labels
    if section.works_again:
        lasted = labels.duration(max(context.digest.now - section.since, 0.0))
        yield labels.works_again(labels.works_after(section.total), lasted)
    if left := sum(report.left for report in section.reports):
        yield labels.left(left)
    if section.works_again:
        return
    if section.over:
        yield from filter(None, (labels.silent(_silent(section, context)),))
        yield _lasted(section, labels)
    elif section.state == "again" and section.earlier:
        yield labels.again(
            context.times.minute(max(report.last_before for report in section.earlier)),
            section.total + sum(report.earlier for report in section.earlier),
            context.times.minute(min(report.earliest for report in section.earlier)),
        )
    elif section.total > section.count:
        yield labels.since(section.total, context.times.minute(section.since))
    yield from marks(section, context)
    if section.ended:
        yield labels.ended(_silent(section, context))


def _lasted(section: Section, labels: Labels) -> str:
    seconds = section.last - section.since
    if seconds < 1:
        return labels.in_all(section.total)
    return labels.lasted(section.total, labels.duration(seconds))


def trend(section: Section, context: RenderContext) -> Iterator[str]:
    """Errors per minute, now and before."""
    spans = [r for r in section.reports if r.before[0] > 0 and min(r.span, r.before[1]) >= _TREND]
    if section.state != "still" or not spans:
        return
    now = sum(report.count / report.span for report in spans)
    before = sum(report.before[0] / report.before[1] for report in spans)
    arrow = "↑" if now > before * _STEADY else "↓" if before > now * _STEADY else "→"
    *rates, unit = per_unit(now, before)
    yield context.labels.trend(arrow, *rates, context.labels.unit(unit))
