"""What people have done to groups, as a message says it: dated facts, with names as text."""

from __future__ import annotations

from collections.abc import Iterator

from wecom_logging._model.digest import Holder, SilenceEnd
from wecom_logging._rendering.context import RenderContext
from wecom_logging._rendering.dialects import Pen
from wecom_logging._rendering.sections import Section

#: Bytes of a name, and of a reason.
_NAME, _WHY = 40, 100


def marks(section: Section, context: RenderContext) -> Iterator[str]:
    """How a silence of the group was, and who has taken it."""
    for report in section.reports[:1]:
        if report.silence is not None:
            yield _silence(report.silence, context)
        if report.taken is not None:
            yield _taken(report.taken, context)


def quiet(context: RenderContext) -> Iterator[str]:
    """That the app was quiet before this message."""
    if context.digest.quiet is not None:
        yield context.labels.quiet(*map(context.times.minute, context.digest.quiet))


def _silence(end: SilenceEnd, context: RenderContext) -> str:
    labels, pen = context.labels, Pen()
    said = labels.silenced(context.times.minute(end.since), context.times.minute(end.until))
    if end.by:
        said += labels.by(pen.name(end.by, _NAME))
    how = labels.silence_ended.get(end.ended)
    facts = (how and how(pen.name(end.release, _NAME)), pen.say(end.why, _WHY))
    return labels.clause.join(filter(None, (said, *facts)))


def _taken(holder: Holder, context: RenderContext) -> str:
    said = context.labels.lapsed if holder.lapsed else context.labels.taken
    return said(Pen().name(holder.by, _NAME), context.times.minute(holder.at))
