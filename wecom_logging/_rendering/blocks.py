"""Draw a group: at length, as much as a `DetailLevel` allows, or in one line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wecom_logging._model import text
from wecom_logging._rendering.context import EVERYTHING, Block, DetailLevel, RenderContext
from wecom_logging._rendering.dialects import Pen, whole_words
from wecom_logging._rendering.headline import title
from wecom_logging._rendering.links import links_of, runbook
from wecom_logging._rendering.rows import PLACE, TYPE, heading, history, trend
from wecom_logging._rendering.sample import ExceptionView, Frame
from wecom_logging._rendering.sections import Section, hosts_of
from wecom_logging._rendering.words import contains, first_line, joined, repeats
from wecom_logging._runtime import lazy

#: Bytes of a value of the context, of the name of a link, and of a line of a command's output.
_VALUE, _LINK, _OUTPUT = 80, 40, 300
#: A message takes the place of the type up to here; it goes on below.
_TITLE = 160
_LONG_TITLE = 4096
#: Columns of the cause in the heading: what two lines of a phone hold.
_WHY = 64
#: Columns of a source line: a longer one is looked up rather than read on a phone.
_SOURCE = 72
_OTHER_TEXT = 100
#: Places of a block that are named.
_PLACES = 3
#: Types of the parts of an exception group that have a line.
_PARTS = 8
#: Context that is looked for first when an error has to be found in a log.
_IDS = ("request_id", "trace_id", "user_id")
#: Context that is shown in a form of its own.
_REQUEST = frozenset({"method", "path", "task"})

_SENTENCE_END = lazy.regex(r"[.!?:;](?=\s)|[。！？；：]")


def draw(section: Section, context: RenderContext, detail: DetailLevel) -> Block:
    """A group at length: what, how often, where, why, for whom."""
    renderer = _BlockRenderer(section, context, detail)
    text, facts = "\n".join(filter(None, renderer.lines())), renderer.facts()
    return Block(text, facts, renderer.pen.shortened, renderer.frames_left_out)


def said(
    section: Section, context: RenderContext, detail: DetailLevel
) -> tuple[list[str], list[str]]:
    """What was logged, and why it came to that, without what the heading says already."""
    renderer = _BlockRenderer(section, context, detail)
    return list(renderer._message()), list(renderer._reasons())


class _BlockRenderer:
    """Draws one group into one detail; keeps an account of what found no place there."""

    def __init__(self, section: Section, context: RenderContext, detail: DetailLevel) -> None:
        self.section, self.context, self.detail = section, context, detail
        self.labels, self.dialect = context.labels, context.dialect
        self.pen = Pen(plain=context.dialect.plain)
        self.frames_left_out = False
        #: The texts so far: what a reader has read already is not said again.
        self._said: list[str] = []

    def lines(self) -> list[str]:
        line, quote = self.dialect.line, self.dialect.quote
        row = heading(self.section, self.context, self.pen, self._name())
        lines = [self.dialect.heading(row._replace(why=self._why()))]
        if self.section.works_again:  # before how it failed last, which is over
            lines.append(line(" · ".join(history(self.section, self.context))))
        lines += map(line, filter(None, (self._where(), *self._message())))
        lines += map(quote, self._reasons())
        lines += map(line, filter(None, (self._source(), self._also())))
        lines += map(quote, self._crumbs())
        lines += map(quote, self._output())
        return lines

    def _why(self) -> str:
        """Both texts of the cause, if the line has room for them, or that of the root; where it
        is one text, with the beginning of its second line (`3 errors for Order · number: …`),
        but for what a library puts into brackets, like a statement."""
        found, pen = self.section.why, Pen(plain=self.dialect.plain)
        if not found:
            return ""
        shown = pen.within(": ".join(found), _WHY)
        if pen.shortened and len(found) > 1:
            found, pen = found[-1:], Pen(plain=self.dialect.plain)
            shown = pen.within(found[0], _WHY)
        if pen.shortened:
            return shown
        is_list = any(failure.parts for failure in self.section.own.chain[:1])
        self._said += found[:-1] if is_list else found
        second = self.section.value.strip().partition("\n")[2].lstrip()
        if found == [first_line(self.section.value)] and second[:1] not in ("", "["):
            return pen.within(f"{found[0]} · {first_line(second)}", _WHY)
        return shown

    def _name(self) -> str:
        if self.section.type:
            return self.pen.name(self.section.type, TYPE)
        return self.pen.start(self._split_title[0], EVERYTHING)

    @lazy.cached
    def _split_title(self) -> tuple[str, str]:
        """The message where it takes the place of the type: what the heading holds, the rest."""
        first, _, rest = title(self.section, self.context)[:_LONG_TITLE].strip().partition("\n")
        start = text.cut_bytes(first, _TITLE)
        if start == first or not start.endswith(text.ELLIPSIS):
            return first, rest
        ends = [end.end() for end in _SENTENCE_END.finditer(start)]
        if ends and ends[-1] > _TITLE // 4:
            return first[: ends[-1]], f"{first[ends[-1] :]}\n{rest}"
        start = whole_words(first, start)
        return start, f"…{first[len(start) - 1 :]}\n{rest}"

    def _message(self) -> Iterator[str]:
        """What was logged, unless heading or exception say it already."""
        section = self.section
        if not section.type:
            start, rest = self._split_title
            self._said.append(start)
            yield from self._text(rest)
            self._said.append(section.name)
            yield from self._text(section.message)
        elif section.message == section.value or not contains(
            f"{section.type} {section.value}", section.message
        ):
            yield from self._text(section.line)

    def _reasons(self) -> Iterator[str]:
        chain = self.section.sample.chain
        if not chain:
            return
        failure = chain[0]
        if failure.from_text:
            yield f"{self.labels.in_the_text}{self._named(failure, self._short(failure.words))}"
        elif not self.section.own.chain and failure.type != self.section.type:
            yield self._named(failure, self._short(failure.words))  # another of the groups
        elif not contains(self.section.type, failure.words):
            yield from self._text(failure.words)
        yield from self._text(failure.stderr)
        yield from self._parts(failure)
        for note in failure.notes[:2]:
            yield self.labels.note + self.pen.say(note, max(self.detail.text // 2, 80))
        yield from self._causes(chain[1:])

    def _parts(self, failure: ExceptionView) -> Iterator[str]:
        """Every type of an exception group, with the text of the first of them."""
        types = failure.part_types()
        texts: dict[str, ExceptionView] = {}
        for leaf in failure.leaves():
            if leaf.type not in texts or not texts[leaf.type].words:
                texts[leaf.type] = leaf
        for name, count in types[:_PARTS]:
            words = self._named(texts[name], self._short(texts[name].words))
            yield f"{count:,} {words}" if count > 1 else words
        if len(types) > _PARTS:
            self.pen.shortened = True
            rest = ", ".join(self.pen.name(name, TYPE) for name, _ in types[_PARTS : 2 * _PARTS])
            yield f"… {rest}"

    def _causes(self, causes: Sequence[ExceptionView]) -> Iterator[str]:
        """The chain: types, texts where they are new, and always the first of all, the root."""
        shown, is_cut = causes, len(causes) > self.detail.causes
        if is_cut:
            self.pen.shortened = True
            shown = [*causes[: self.detail.causes - 1], causes[-1]]
        lead, names = str(self.labels.because), list[str]()
        above = self.section.sample.chain[0].type
        for index, cause in enumerate(shown):
            # What a later one says as well stands with that one, which is nearer to the root.
            elsewhere = [*self._said, *(one.words for one in shown[index + 1 :])]
            known = any(contains(each, cause.words) for each in elsewhere)
            words = "" if known else self._short(cause.words)
            if is_cut and cause is causes[-1]:
                names.append("…")
            named = self._named(cause, words, place=cause is causes[-1])
            if cause.type == above and named == self.pen.name(above, TYPE):
                continue  # a driver's error in the words of its wrapper
            above = cause.type
            names.append(named)
            if words:
                yield lead + " ← ".join(names)
                lead, names = "← ", []
        if names not in ([], [""]):
            yield lead + " ← ".join(names)

    def _named(self, failure: ExceptionView, words: str, *, place: bool = True) -> str:
        """`KeyError: 'sku'`, and where, if that is somewhere else in the application."""
        said = joined(": ", self.pen.name(failure.type, TYPE), words)
        frame = failure.places[0][0] if place and failure.places else Frame()
        where = frame.place
        known = [each.place for each, _ in self.section.trace if each.place] if where else []
        # One of them may be spelled from an import root on.
        is_known = any(where.endswith(one) or one.endswith(where) for one in known)
        if not where or frame.library or is_known:
            return said
        return f"{said} {self.dialect.code(self.pen.place(where, PLACE))}"

    def _text(self, words: str) -> Iterator[str]:
        """The lines of a text, if it is not part of one that stands there."""
        first, _, rest = words.strip().partition("\n")
        if not first:
            return
        if self._is_said(first):
            words = rest
        if words.strip() and not self._is_said(words):
            self._said.append(words)
            yield from self.pen.lines(words, self.detail.text)

    def _is_said(self, words: str) -> bool:
        return words in self._said or any(repeats(said, words) for said in self._said)

    def _short(self, words: str) -> str:
        """`_text` in one line."""
        return " · ".join(self._text(words))

    def _where(self) -> str:
        """The innermost place of the application's own and its callers, or the worst places."""
        section, code = self.section, self.dialect.code
        if section.is_block:
            self.frames_left_out = len(section.spots) > _PLACES
            first = [self._place(*section.trace[0])] if section.same_place else []
            counted = section.places(_PLACES)
            listed = [f"{n:,} {code(self.pen.place(place, PLACE))}" for n, place in counted]
            return joined(" · ", *(first + listed))
        chain = section.sample.chain
        parsed = chain[0].syntax if chain else None
        # "<string>" is no file that can be opened.
        syntax = [(parsed, 1)] if parsed and not parsed.path.startswith("<") else []
        callers = section.trace[1:]
        self.frames_left_out = len(callers) > self.detail.callers
        frames = [*syntax, section.trace[0], *callers[: self.detail.callers]]
        return joined(" ← ", *(self._place(*frame) for frame in frames))

    def _place(self, frame: Frame, times: int) -> str:
        if not frame.place:
            return ""
        where = self.pen.place(frame.place, PLACE)
        if times > 1:
            skipped = any(failure.skipped for failure in self.section.sample.chain)
            repeated = self.labels.repeated_at_least if skipped else self.labels.repeated
            where += self.labels.in_brackets(repeated(times))
        return self.dialect.code(where)

    def _source(self) -> str:
        """The line that broke, where it is short and says something new."""
        chain = self.section.sample.chain
        if not self.context.style.show_source or not chain or not self.detail.source:
            return ""
        frame = chain[0].syntax or self.section.trace[0][0]
        source = frame.source
        if not source or len(source) > _SOURCE or "raise" in source.split():
            return ""
        return self.dialect.code(self.pen.place(source, _SOURCE * 3))

    def _also(self) -> str:
        """Other texts and routes of the group."""
        texts = [*self.section.also, *self.section.routes[1:]]
        self.pen.shortened |= len(texts) > self.detail.others
        shown = [self.pen.say(each, _OTHER_TEXT) for each in texts[: self.detail.others]]
        return self.labels.also + self.labels.comma.join(shown) if shown else ""

    def _crumbs(self) -> Iterator[str]:
        crumbs = self.section.sample.crumbs
        shown = crumbs[-self.detail.crumbs :] if self.detail.crumbs else ()
        self.pen.shortened |= len(shown) < len(crumbs)
        for crumb in shown:
            time = self.context.times.second(crumb.time)
            words = joined(" ", time, crumb.level.upper(), crumb.message)
            yield self.pen.say(words, self.detail.text // 3)

    def _output(self) -> Iterator[str]:
        lines = self.section.sample.output
        if len(lines) > self.detail.output:
            self.pen.shortened = True
            yield text.ELLIPSIS
        for line in lines[-self.detail.output :]:
            yield self.pen.say(line, min(_OUTPUT, self.detail.text))

    def facts(self) -> tuple[str, str]:
        """The last line, and the links in it."""
        section, left_out = self.section, self.section.sample.left_out
        facts = [self._route(), *self._context(), self._hosts()]
        facts += [
            *trend(section, self.context),
            *(() if section.works_again else history(section, self.context)),
            left_out and self.labels.left_out + self.pen.say(left_out, _VALUE),
        ]
        if not section.type or not any(facts):
            facts.append(self.pen.name(section.lead.identity.logger, TYPE))
        return " · ".join(dict.fromkeys(filter(None, facts))), self._links()

    def _route(self) -> str:
        sample, more = self.section.sample, len(self.section.routes) - 1
        whole = sample.message if sample.is_job_failure else sample.route
        route = self.pen.say(whole, PLACE)
        if route and more > 0:
            return f"{route} {self.labels.and_routes(more, more + 1)}"
        # The heading may have had to cut it.
        return "" if whole in self.section.why and self._is_said(whole) else route

    def _context(self) -> Iterator[str]:
        context = self.section.sample.context
        if not context:
            return
        if "task" in context and self.section.sample.route != context["task"]:
            yield self.pen.name(context["task"], PLACE)
        elsewhere = _REQUEST | ({"runbook"} if runbook(self.section) else set())
        keys = [key for key in _IDS if key in context]
        keys += [key for key in context if key not in _IDS and key not in elsewhere]
        self.pen.shortened |= len(keys) > self.detail.context
        for key in keys[: self.detail.context]:
            yield self.pen.say(f"{key}={context[key]}", _VALUE)

    def _hosts(self) -> str:
        hosts = hosts_of(self.section.reports) if len(self.context.hosts) > 1 else ()
        if not hosts:
            return ""
        if len(hosts) > 2:
            return self.labels.hosts(len(hosts))
        return self.labels.comma.join(self.pen.name(host, 40) for host in hosts)

    def _links(self) -> str:
        shown = links_of(self.section, self.context)[: self.detail.links]
        named = ((self.pen.name(name, _LINK), url) for name, url in shown if isinstance(url, str))
        return " ".join(self.dialect.link(name, url) for name, url in named)
