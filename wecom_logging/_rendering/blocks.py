"""Draw a group: at length, as much as a `DetailLevel` allows, or in one line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from wecom_logging._model import text
from wecom_logging._rendering import links
from wecom_logging._rendering.context import RenderContext
from wecom_logging._rendering.dialects import Pen, Row
from wecom_logging._rendering.headline import started, title
from wecom_logging._rendering.marks import marks
from wecom_logging._rendering.sample import ExceptionView, Frame
from wecom_logging._rendering.sections import Section
from wecom_logging._rendering.times import per_unit


class DetailLevel(NamedTuple):
    """How much of a group is drawn. Texts in bytes, all else in pieces."""

    text: int
    source: int = 0
    callers: int = 0
    causes: int = 1
    places: int = 2
    context: int = 0
    crumbs: int = 0
    link: bool = True
    output: int = 1


#: From everything down to the least that is more than one line.
DETAIL_LEVELS = (
    DetailLevel(
        text=1200, source=240, callers=2, causes=4, places=8, context=12, crumbs=5, output=20
    ),
    DetailLevel(
        text=600, source=200, callers=2, causes=3, places=6, context=8, crumbs=3, output=20
    ),
    DetailLevel(
        text=360, source=160, callers=2, causes=3, places=5, context=6, crumbs=2, output=14
    ),
    DetailLevel(text=240, source=120, callers=2, causes=2, places=4, context=5, output=10),
    DetailLevel(text=160, source=100, callers=1, causes=2, places=3, context=3, output=6),
    DetailLevel(text=100, source=80, context=1, output=3),
    DetailLevel(text=80, link=False),
)

#: Bytes of names: whole for all but absurd ones.
_TYPE, _PLACE, _VALUE = 64, 96, 80
#: Bytes of one line of a command's output.
_OUTPUT = 300
#: A message takes the place of the type up to here; it goes on in the next line.
_TITLE = 120
_ROW_TITLE = 60
_LONG_TITLE = 4096

#: A rate that changed by less than this factor is no trend.
_STEADY = 1.25

#: Context that is looked for first when an error has to be found in a log.
_IDS = ("request_id", "trace_id", "user_id")
#: Context that is shown in a form of its own.
_REQUEST = frozenset({"method", "path", "task"})


class Block(NamedTuple):
    """A group that was drawn."""

    text: str
    shortened: bool = False
    #: Whether frames of the application's own were left out.
    frames_left_out: bool = False


def draw(section: Section, context: RenderContext, detail: DetailLevel) -> Block:
    """A group at length: what, how often, why, where, for whom."""
    renderer = _BlockRenderer(section, context, detail)
    lines = [line for line in renderer.lines() if line]
    return Block("\n".join(lines), renderer.pen.shortened, renderer.frames_left_out)


def row(section: Section, context: RenderContext) -> Row:
    """A group in one line: state, type, count and place."""
    pen = Pen(tables=context.dialect.tables)
    return Row(
        state=_state(section, context),
        kind=_kind(section, pen, pen.say(title(section, context), _ROW_TITLE)),
        times=_count(section),
        extent=_extent(section, context),
        history=" · ".join(filter(None, _history(section, context))),
        place=pen.place(section.places(1)[0][1], _PLACE),
    )


#: Seconds below which a span says nothing about how many errors come in a minute.
_TREND = 5.0


class _BlockRenderer:
    """Draws one group into one detail; keeps an account of what found no place there."""

    def __init__(self, section: Section, context: RenderContext, detail: DetailLevel) -> None:
        self.section, self.context, self.detail = section, context, detail
        self.labels, self.dialect = context.labels, context.dialect
        self.pen = Pen()
        self.frames_left_out = False

    def lines(self) -> Iterator[str]:
        yield self._heading()
        yield self._message()
        yield from map(self.dialect.quote, self._reasons())
        yield from self.dialect.trace(list(self._trace()))
        yield from map(self.dialect.quote, self._crumbs())
        yield from map(self.dialect.quote, self._output())
        yield self._facts()

    # -- what, and how often ---------------------------------------------------------

    def _heading(self) -> str:
        section, context = self.section, self.context
        return self.dialect.heading(
            Row(
                state=_state(section, context),
                kind=_kind(section, self.pen, self._split_title()[0]),
                times=_count(section),
                extent=_extent(section, context),
                history=" · ".join(
                    filter(None, [*_trend(section, context), *_history(section, context)])
                ),
            )
        )

    def _split_title(self) -> tuple[str, str]:
        """The message where it takes the place of the type: what the heading holds, the rest."""
        whole = text.neutralise(title(self.section, self.context)[:_LONG_TITLE])
        start = text.cut_bytes(whole, _TITLE)
        return start, "" if start == whole else whole[len(start) - 1 :]

    def _message(self) -> str:
        """What was logged, unless heading or exception say it already."""
        section = self.section
        if section.varying:
            return self.pen.say(section.sample.message, self.detail.text)
        if not section.type:
            return self.pen.say(self._split_title()[1], self.detail.text)
        in_value = section.message in section.value and section.message != section.value
        if in_value or section.message == section.type:
            return ""
        return self.pen.say(section.message, self.detail.text)

    # -- why -------------------------------------------------------------------------

    def _reasons(self) -> Iterator[str]:
        chain = self.section.sample.chain
        if not chain:
            return
        failure = chain[0]
        if self.section.value not in self.section.message:
            yield self.pen.say(failure.value, self.detail.text)
        yield from self._parts(failure)
        for note in failure.notes[:2]:
            yield self.labels.note + self.pen.say(note, self.detail.text // 2)
        yield from self._causes(chain[1:])

    def _parts(self, failure: ExceptionView) -> Iterator[str]:
        types = failure.part_types()
        if not types:
            return
        named = [self.labels.part(self.pen.name(name, _TYPE), n) for name, n in types[:5]]
        more = ["…"] if len(types) > 5 else []
        total = sum(n for _, n in types)
        yield self.labels.parts(total, self.labels.comma.join(named + more))
        yield self._named(next(failure.leaves()))

    def _causes(self, causes: Sequence[ExceptionView]) -> Iterator[str]:
        """The chain in short: the nearest causes, and always the first of all, the root."""
        shown = list(causes)
        if len(causes) > self.detail.causes:
            self.pen.shortened = True
            shown = [*causes[: self.detail.causes - 1], causes[-1]]
        for cause in shown:
            if cause is causes[-1] and len(causes) > len(shown):
                yield self.labels.between(len(causes) - len(shown))
            yield self.labels.link_of(is_cause=cause.is_cause) + self._named(cause)

    def _named(self, failure: ExceptionView) -> str:
        """`KeyError: 'sku'`, and where, if that is somewhere else."""
        name = self.pen.name(failure.type, _TYPE)
        value = self.pen.say(failure.value, self.detail.text // 2)
        words = f"{name}: {value}" if value else name
        places = failure.places
        if not places or places[0][0].place == self.section.trace[0][0].place:
            return words
        return f"{words} {self.dialect.code(self.pen.place(places[0][0].place, _PLACE))}"

    # -- where -----------------------------------------------------------------------

    def _trace(self) -> Iterator[tuple[str, str]]:
        section = self.section
        chain = section.sample.chain
        if chain and chain[0].syntax:
            yield from self._place(chain[0].syntax, 1)
        if not section.is_block:
            yield from self._place(*section.trace[0])
            yield from self._callers()
        else:
            self.frames_left_out = len(section.trace) > 1
            if section.same_place:
                yield from self._place(*section.trace[0])
            for count, place in section.places(self.detail.places):
                yield f"{count:,}", self.pen.place(place, _PLACE)

    def _place(self, frame: Frame, times: int) -> Iterator[tuple[str, str]]:
        if frame.place:
            yield "", self.pen.place(frame.place, _PLACE) + self._repeated(times)
        if frame.source and self.context.style.show_source and self.detail.source:
            yield "", self.pen.source(frame.source, self.detail.source)

    def _callers(self) -> Iterator[tuple[str, str]]:
        callers = self.section.trace[1:]
        self.frames_left_out = len(callers) > self.detail.callers
        for frame, times in callers[: self.detail.callers]:
            yield "←", self.pen.place(frame.place, _PLACE) + self._repeated(times)

    def _repeated(self, times: int) -> str:
        if times < 2:
            return ""
        skipped = any(failure.skipped for failure in self.section.sample.chain)
        return self.labels.in_brackets(self.labels.repeated(times, at_least=skipped))

    # -- for whom, and what led up to it ----------------------------------------------

    def _crumbs(self) -> Iterator[str]:
        crumbs = self.section.sample.crumbs
        shown = crumbs[-self.detail.crumbs :] if self.detail.crumbs else ()
        self.pen.shortened |= len(shown) < len(crumbs)
        for crumb in shown:
            time = self.context.times.second(crumb.time)
            words = " ".join(filter(None, (time, crumb.level.upper(), crumb.message)))
            yield self.pen.say(words, self.detail.text // 3)

    def _output(self) -> Iterator[str]:
        lines = self.section.sample.output
        if len(lines) > self.detail.output:
            self.pen.shortened = True
            yield text.ELLIPSIS
        for line in lines[-self.detail.output :]:
            yield self.pen.say(line, min(_OUTPUT, self.detail.text))

    def _facts(self) -> str:
        facts = [*self._context(), self._hosts(), self._left_out()]
        if not self.section.type:
            facts.append(self.pen.name(self.section.lead.identity.logger, _TYPE))
        facts.append(f"#{self.pen.name(self.section.lead.identity.id[:4], 4)}")
        return self.dialect.facts(" · ".join(filter(None, facts)), self._link())

    def _context(self) -> Iterator[str]:
        context = self.section.sample.context
        request = " ".join(filter(None, (context.get("method"), context.get("path"))))
        yield self.pen.say(request, _PLACE)
        yield self.pen.name(context.get("task", ""), _PLACE)
        keys = [key for key in _IDS if key in context]
        keys += [key for key in context if key not in _IDS and key not in _REQUEST]
        self.pen.shortened |= len(keys) > self.detail.context
        for key in keys[: self.detail.context]:
            yield self.pen.say(f"{key}={context[key]}", _VALUE)

    def _hosts(self) -> str:
        hosts = self.section.hosts
        if len(self.context.hosts) < 2 or not hosts:
            return ""
        if len(hosts) > 2:
            return self.labels.hosts(len(hosts))
        return self.labels.comma.join(self.pen.name(host, 40) for host in hosts)

    def _left_out(self) -> str:
        left_out = self.section.sample.left_out
        return left_out and self.labels.left_out + self.pen.say(left_out, _VALUE)

    def _link(self) -> str:
        template = self.context.style.link
        if not template or not self.detail.link:
            return ""
        url = links.fill(template, self._link_values())
        return url and self.dialect.link(self.labels.logs, url)

    def _link_values(self) -> dict[str, str]:
        section, context = self.section, self.section.sample.context
        start = min(started(report, self.context.digest.now) for report in section.reports)
        return {
            "id": section.lead.identity.id,
            "logger": section.lead.identity.logger,
            "type": section.type,
            "request_id": context.get("request_id", ""),
            "trace_id": context.get("trace_id", ""),
            "from": str(int((start - links.MARGIN) * 1000)),
            "to": str(int((section.last + links.MARGIN) * 1000)),
        }


def _state(section: Section, context: RenderContext) -> str:
    if section.works_again:
        return context.labels.states["over"]
    return (
        context.labels.over(_silent(section, context))[0]
        if section.over
        else context.labels.states[section.state]
    )


def _silent(section: Section, context: RenderContext) -> float:
    return max(context.digest.now - section.last, 0.0)


def _kind(section: Section, pen: Pen, message: str) -> str:
    """Level, if it has to be said, and type or `message`."""
    name = pen.name(section.type, _TYPE) if section.type else message
    level = pen.name(section.level, 12)
    return f"{level} {name}" if level else name


def _count(section: Section) -> str:
    return "" if section.over and not section.count else f"×{section.count:,}"


def _extent(section: Section, context: RenderContext) -> str:
    return context.labels.in_places(len(section.spots)) if section.is_block else ""


def _history(section: Section, context: RenderContext) -> Iterator[str]:
    """How many in all, since when; and when the last ones were, if they come again."""
    if section.works_again:
        yield context.labels.works_again(
            section.total, max(context.digest.now - section.since, 0.0)
        )
        return
    if section.over:
        yield context.labels.over(_silent(section, context))[1]
        yield context.labels.lasted(section.total, max(section.last - section.since, 0.0))
    elif section.state == "again" and section.earlier:
        yield context.labels.again(
            context.times.minute(max(report.last_before for report in section.earlier)),
            section.total + sum(report.earlier for report in section.earlier),
            context.times.minute(min(report.earliest for report in section.earlier)),
        )
    elif section.total > section.count:
        yield context.labels.since(section.total, context.times.minute(section.since))
    yield from marks(section, context)
    if section.ended:
        yield context.labels.ended(_silent(section, context))


def _trend(section: Section, context: RenderContext) -> Iterator[str]:
    """Errors per minute, now and before."""
    spans = [r for r in section.reports if r.before[0] > 0 and min(r.span, r.before[1]) >= _TREND]
    if section.state != "still" or not spans:
        return
    now = sum(report.count / report.span for report in spans)
    before = sum(report.before[0] / report.before[1] for report in spans)
    arrow = "↑" if now > before * _STEADY else "↓" if before > now * _STEADY else "→"
    yield context.labels.trend(arrow, *per_unit(now, before))
