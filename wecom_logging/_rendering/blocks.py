"""Draw a group: at length, as much as a `Room` allows, or in one line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from wecom_logging._model import text
from wecom_logging._rendering import links
from wecom_logging._rendering.context import Page
from wecom_logging._rendering.dialects import Pen, Row
from wecom_logging._rendering.headline import started, title
from wecom_logging._rendering.sample import Failure, Frame
from wecom_logging._rendering.sections import Item
from wecom_logging._rendering.times import per_unit


class Room(NamedTuple):
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
LADDER = (
    Room(text=1200, source=240, callers=2, causes=4, places=8, context=12, crumbs=5, output=20),
    Room(text=600, source=200, callers=2, causes=3, places=6, context=8, crumbs=3, output=20),
    Room(text=360, source=160, callers=2, causes=3, places=5, context=6, crumbs=2, output=14),
    Room(text=240, source=120, callers=2, causes=2, places=4, context=5, output=10),
    Room(text=160, source=100, callers=1, causes=2, places=3, context=3, output=6),
    Room(text=100, source=80, context=1, output=3),
    Room(text=80, link=False),
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


def draw(item: Item, page: Page, room: Room) -> Block:
    """A group at length: what, how often, why, where, for whom."""
    artist = _Artist(item, page, room)
    lines = [line for line in artist.lines() if line]
    return Block("\n".join(lines), artist.pen.shortened, artist.frames_left_out)


def row(item: Item, page: Page) -> Row:
    """A group in one line: state, type, count and place."""
    pen = Pen(tables=page.dialect.tables)
    return Row(
        state=_state(item, page),
        kind=_kind(item, pen, pen.say(title(item, page), _ROW_TITLE)),
        times=_count(item),
        extent=_extent(item, page),
        history=" · ".join(filter(None, _history(item, page))),
        place=pen.place(item.places(1)[0][1], _PLACE),
    )


#: Seconds below which a span says nothing about how many errors come in a minute.
_TREND = 5.0


class _Artist:
    """Draws one group into one room; keeps an account of what found no place there."""

    def __init__(self, item: Item, page: Page, room: Room) -> None:
        self.item, self.page, self.room = item, page, room
        self.labels, self.dialect = page.labels, page.dialect
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
        item, page = self.item, self.page
        return self.dialect.heading(
            Row(
                state=_state(item, page),
                kind=_kind(item, self.pen, self._split_title()[0]),
                times=_count(item),
                extent=_extent(item, page),
                history=" · ".join(filter(None, [*_trend(item, page), *_history(item, page)])),
            )
        )

    def _split_title(self) -> tuple[str, str]:
        """The message where it takes the place of the type: what the heading holds, the rest."""
        whole = text.neutralise(title(self.item, self.page)[:_LONG_TITLE])
        start = text.cut_bytes(whole, _TITLE)
        return start, "" if start == whole else whole[len(start) - 1 :]

    def _message(self) -> str:
        """What was logged, unless heading or exception say it already."""
        item = self.item
        if item.varying:
            return self.pen.say(item.sample.message, self.room.text)
        if not item.type:
            return self.pen.say(self._split_title()[1], self.room.text)
        in_value = item.message in item.value and item.message != item.value
        if in_value or item.message == item.type:
            return ""
        return self.pen.say(item.message, self.room.text)

    # -- why -------------------------------------------------------------------------

    def _reasons(self) -> Iterator[str]:
        chain = self.item.sample.chain
        if not chain:
            return
        failure = chain[0]
        if self.item.value not in self.item.message:
            yield self.pen.say(failure.value, self.room.text)
        yield from self._parts(failure)
        for note in failure.notes[:2]:
            yield self.labels.note + self.pen.say(note, self.room.text // 2)
        yield from self._causes(chain[1:])

    def _parts(self, failure: Failure) -> Iterator[str]:
        types = failure.part_types()
        if not types:
            return
        named = [self.labels.part(self.pen.name(name, _TYPE), n) for name, n in types[:5]]
        more = ["…"] if len(types) > 5 else []
        total = sum(n for _, n in types)
        yield self.labels.parts(total, self.labels.comma.join(named + more))
        yield self._named(next(failure.leaves()))

    def _causes(self, causes: Sequence[Failure]) -> Iterator[str]:
        """The chain in short: the nearest causes, and always the first of all, the root."""
        shown = list(causes)
        if len(causes) > self.room.causes:
            self.pen.shortened = True
            shown = [*causes[: self.room.causes - 1], causes[-1]]
        for cause in shown:
            if cause is causes[-1] and len(causes) > len(shown):
                yield self.labels.between(len(causes) - len(shown))
            yield self.labels.link_of(is_cause=cause.is_cause) + self._named(cause)

    def _named(self, failure: Failure) -> str:
        """`KeyError: 'sku'`, and where, if that is somewhere else."""
        name = self.pen.name(failure.type, _TYPE)
        value = self.pen.say(failure.value, self.room.text // 2)
        words = f"{name}: {value}" if value else name
        places = failure.places
        if not places or places[0][0].place == self.item.trace[0][0].place:
            return words
        return f"{words} {self.dialect.code(self.pen.place(places[0][0].place, _PLACE))}"

    # -- where -----------------------------------------------------------------------

    def _trace(self) -> Iterator[tuple[str, str]]:
        item = self.item
        chain = item.sample.chain
        if chain and chain[0].syntax:
            yield from self._place(chain[0].syntax, 1)
        if not item.is_block:
            yield from self._place(*item.trace[0])
            yield from self._callers()
        else:
            self.frames_left_out = len(item.trace) > 1
            if item.same_place:
                yield from self._place(*item.trace[0])
            for count, place in item.places(self.room.places):
                yield f"{count:,}", self.pen.place(place, _PLACE)

    def _place(self, frame: Frame, times: int) -> Iterator[tuple[str, str]]:
        if frame.place:
            yield "", self.pen.place(frame.place, _PLACE) + self._repeated(times)
        if frame.source and self.page.style.show_source and self.room.source:
            yield "", self.pen.source(frame.source, self.room.source)

    def _callers(self) -> Iterator[tuple[str, str]]:
        callers = self.item.trace[1:]
        self.frames_left_out = len(callers) > self.room.callers
        for frame, times in callers[: self.room.callers]:
            yield "←", self.pen.place(frame.place, _PLACE) + self._repeated(times)

    def _repeated(self, times: int) -> str:
        if times < 2:
            return ""
        skipped = any(failure.skipped for failure in self.item.sample.chain)
        return self.labels.in_brackets(self.labels.repeated(times, at_least=skipped))

    # -- for whom, and what led up to it ----------------------------------------------

    def _crumbs(self) -> Iterator[str]:
        crumbs = self.item.sample.crumbs
        shown = crumbs[-self.room.crumbs :] if self.room.crumbs else ()
        self.pen.shortened |= len(shown) < len(crumbs)
        for crumb in shown:
            time = self.page.calendar.second(crumb.time)
            words = " ".join(filter(None, (time, crumb.level.upper(), crumb.message)))
            yield self.pen.say(words, self.room.text // 3)

    def _output(self) -> Iterator[str]:
        lines = self.item.sample.output
        if len(lines) > self.room.output:
            self.pen.shortened = True
            yield text.ELLIPSIS
        for line in lines[-self.room.output :]:
            yield self.pen.say(line, min(_OUTPUT, self.room.text))

    def _facts(self) -> str:
        facts = [*self._context(), self._hosts(), self._left_out()]
        if not self.item.type:
            facts.append(self.pen.name(self.item.lead.identity.logger, _TYPE))
        facts.append(f"#{self.pen.name(self.item.lead.identity.id[:4], 4)}")
        return self.dialect.facts(" · ".join(filter(None, facts)), self._link())

    def _context(self) -> Iterator[str]:
        context = self.item.sample.context
        request = " ".join(filter(None, (context.get("method"), context.get("path"))))
        yield self.pen.say(request, _PLACE)
        yield self.pen.name(context.get("task", ""), _PLACE)
        keys = [key for key in _IDS if key in context]
        keys += [key for key in context if key not in _IDS and key not in _REQUEST]
        self.pen.shortened |= len(keys) > self.room.context
        for key in keys[: self.room.context]:
            yield self.pen.say(f"{key}={context[key]}", _VALUE)

    def _hosts(self) -> str:
        hosts = self.item.hosts
        if len(self.page.hosts) < 2 or not hosts:
            return ""
        if len(hosts) > 2:
            return self.labels.hosts(len(hosts))
        return self.labels.comma.join(self.pen.name(host, 40) for host in hosts)

    def _left_out(self) -> str:
        left_out = self.item.sample.left_out
        return left_out and self.labels.left_out + self.pen.say(left_out, _VALUE)

    def _link(self) -> str:
        template = self.page.style.link
        if not template or not self.room.link:
            return ""
        url = links.fill(template, self._link_values())
        return url and self.dialect.link(self.labels.logs, url)

    def _link_values(self) -> dict[str, str]:
        item, context = self.item, self.item.sample.context
        start = min(started(report, self.page.digest.now) for report in item.reports)
        return {
            "id": item.lead.identity.id,
            "logger": item.lead.identity.logger,
            "type": item.type,
            "request_id": context.get("request_id", ""),
            "trace_id": context.get("trace_id", ""),
            "from": str(int((start - links.MARGIN) * 1000)),
            "to": str(int((item.last + links.MARGIN) * 1000)),
        }


def _state(item: Item, page: Page) -> str:
    if item.works_again:
        return page.labels.states["over"]
    return page.labels.over(_silent(item, page))[0] if item.over else page.labels.states[item.state]


def _silent(item: Item, page: Page) -> float:
    return max(page.digest.now - item.last, 0.0)


def _kind(item: Item, pen: Pen, message: str) -> str:
    """Level, if it has to be said, and type or `message`."""
    name = pen.name(item.type, _TYPE) if item.type else message
    level = pen.name(item.level, 12)
    return f"{level} {name}" if level else name


def _count(item: Item) -> str:
    return "" if item.over and not item.count else f"×{item.count:,}"


def _extent(item: Item, page: Page) -> str:
    return page.labels.in_places(len(item.spots)) if item.is_block else ""


def _history(item: Item, page: Page) -> Iterator[str]:
    """How many in all, since when; and when the last ones were, if they come again."""
    if item.works_again:
        yield page.labels.works_again(item.total, max(page.digest.now - item.since, 0.0))
        return
    if item.over:
        yield page.labels.over(_silent(item, page))[1]
        yield page.labels.lasted(item.total, max(item.last - item.since, 0.0))
    elif item.state == "again" and item.earlier:
        yield page.labels.again(
            page.calendar.minute(max(report.last_before for report in item.earlier)),
            item.total + sum(report.earlier for report in item.earlier),
            page.calendar.minute(min(report.earliest for report in item.earlier)),
        )
    elif item.total > item.count:
        yield page.labels.since(item.total, page.calendar.minute(item.since))
    if item.ended:
        yield page.labels.ended(_silent(item, page))


def _trend(item: Item, page: Page) -> Iterator[str]:
    """Errors per minute, now and before."""
    spans = [r for r in item.reports if r.before[0] > 0 and min(r.span, r.before[1]) >= _TREND]
    if item.state != "still" or not spans:
        return
    now = sum(report.count / report.span for report in spans)
    before = sum(report.before[0] / report.before[1] for report in spans)
    arrow = "↑" if now > before * _STEADY else "↓" if before > now * _STEADY else "→"
    yield page.labels.trend(arrow, *per_unit(now, before))
