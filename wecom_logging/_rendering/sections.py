"""What is drawn as one: a group, or groups that have a cause or a place in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter

from wecom_logging._model.digest import VARYING, Report, State
from wecom_logging._rendering.sample import ExceptionView, Frame, Sample, places, read
from wecom_logging._rendering.words import (
    contains,
    first_line,
    flattened,
    joined,
    of_template,
    others,
    outline,
    without_errno,
    without_strerror,
)
from wecom_logging._runtime.lazy import cached

STATES: tuple[State, ...] = ("new", "silenced", "again", "still", "over")
#: Groups of a block that are looked at for what differs.
_BLOCK = 100


class Section:
    """Reports that are drawn together, the one that stands for them first.

    `names`: what groups of one place are called that differ in nothing else. `ended`: these were
    their last errors, the groups are over.
    """

    def __init__(
        self, reports: tuple[Report, ...], names: tuple[str, ...] = (), *, ended: bool = False
    ) -> None:
        self.reports, self.lead = reports, reports[0]
        self.names = names
        self.ended = ended
        #: Whether one cause explains several groups.
        self.is_block = len(reports) > 1 and not names
        #: How many kinds of errors this is to a reader.
        self.kinds = len(names) or 1
        self.critical = any(report.identity.critical for report in reports)
        self.count = _count(reports)
        self.total = sum([report.total for report in reports])
        self.since = min([report.since for report in reports])
        self.last = max([report.last for report in reports])

    @cached
    def state(self) -> State:
        """The one that most deserves to be told."""
        if self.varying and self.lead.news and self.lead.state != "over":
            return "new"  # one of the texts is, which are not told apart
        return min((report.state for report in self.reports), key=STATES.index)

    @cached
    def over(self) -> bool:
        return self.state == "over"

    @cached
    def works_again(self) -> bool:
        """Whether this is a job that has failed and works again."""
        return (self.over or self.ended) and self.lead.identity.job

    @cached
    def sample(self) -> Sample:
        """The first event that was captured: the nearest to the cause."""
        samples = (sample for report in self.reports for sample in report.samples)
        return read(next(samples, None))

    @cached
    def own(self) -> Sample:
        """The lead's first event: what another group says is not true of the lead's type."""
        return self._read(self.lead)

    @cached
    def samples(self) -> list[Sample]:
        """All of the group that stands for them, and one of each other that has its cause."""
        others = self.reports[1:_BLOCK] if self.is_block else ()
        found = [*self.lead.samples, *(one.samples[0] for one in others if one.samples)]
        return [self.sample, *map(read, found[1:])] if found else []

    @cached
    def level(self) -> str:
        """The level, if it is not the usual one."""
        level = "critical" if self.critical else self.lead.identity.level
        return "" if level == "error" else level.upper()

    @cached
    def type(self) -> str:
        """Type of the exception; "" without one, and for one that a text tells of."""
        if self.lead.identity.from_text:
            return ""
        types = (self.lead.identity.type, *(one.type for one in self.own.chain[:1]))
        return next(filter(None, map(str.strip, types)), "")

    @cached
    def message(self) -> str:
        """What was logged, if that says anything; without an event, what is remembered of it."""
        if self.lead.samples:
            return self.sample.words.strip()
        identity = self.lead.identity
        template = "" if self.varying else of_template(identity.template.strip())
        return template if identity.job else identity.text.strip() or template

    @cached
    def line(self) -> str:
        """The message as a formatter of the user's has made it."""
        whole = self.sample.message.strip()
        return whole if self.message and whole.endswith(self.message) else self.message

    @cached
    def name(self) -> str:
        """What a group without an exception is called, the same in all messages."""
        is_another = self.varying or self.lead.identity.job  # each time it says something else
        return self.message if is_another else self.lead.identity.text.strip() or self.message

    @cached
    def value(self) -> str:
        """What the exception itself says; "" without one."""
        return next((failure.words for failure in self.own.chain), "")

    @cached
    def said(self) -> list[str]:
        """Type or name, message, the exception's own text, the reason: as far as they are known,
        and none that another contains."""
        chain = self.own.chain
        # The event that is shown below: what the first one of all said contradicts it.
        texts = [self.own.words or self.message] if self.type else [self.name]
        if chain and self.type:
            texts += [_brief(chain[0]), _root(chain, _brief)]
        elif chain:  # what a text tells of
            texts.append(joined(": ", chain[0].type, chain[0].words))
        said = [self.type] if self.type else []
        if not any(texts):  # the type has said all
            texts = [self.own.route]
        for text in filter(None, map(str.strip, texts)):
            known = outline(": ".join(map(flattened, said)))
            if not (said and contains(known, outline(flattened(text)))):
                said.append(text)
        return said

    @cached
    def why(self) -> list[str]:
        """What the heading says beside the type: the exception's own text, then the root's.
        Where the type says all and nobody else said more, the request."""
        if not self.type or not self.own.chain or self.works_again:
            return []
        found = _causes(self.own.chain)
        if not contains(self.type, ": ".join(found)):
            return found
        return [] if self.message else list(filter(None, [self.own.route]))

    @cached
    def also(self) -> list[str]:
        """Other texts of the group, where they differ in more than numbers."""
        if len(self.samples) < 2:
            return []
        firsts = [sample.text for sample in self.samples]
        values = (s.chain[0].words if s.chain else "" for s in self.samples)
        return list(others(firsts)) or list(others(values))

    @cached
    def routes(self) -> list[str]:
        """The requests or tasks that it happened in, where they differ in more than numbers."""
        routes = [sample.route for sample in self.samples]
        return [*routes[:1], *others(routes)] if any(routes) else []

    @cached
    def trace(self) -> list[tuple[Frame, int]]:
        """Where it broke and how it got there, innermost place first, each once."""
        return trace(self.lead, self.sample)

    @cached
    def varying(self) -> bool:
        """Whether this is a call site with too many messages to tell them apart."""
        return not self.type and self.lead.identity.template == VARYING

    @cached
    def same_place(self) -> bool:
        """Whether it broke in one place, however many groups there are."""
        return len({report.identity.place for report in self.reports}) == 1

    @cached
    def spots(self) -> list[list[Report]]:
        """The reports by place: where it broke or, if that is one place, where it was logged."""
        if self.same_place:
            return [[report] for report in self.reports]
        spots: dict[str, list[Report]] = {}
        for report in self.reports:
            spots.setdefault(report.identity.place, []).append(report)
        return sorted(spots.values(), key=lambda spot: -_count(spot))

    def places(self, limit: int) -> list[tuple[int, str]]:
        """The places with most errors, and how many."""
        name = _site if self.is_block and self.same_place else _place
        return [(_count(spot), name(spot[0], self._read(spot[0]))) for spot in self.spots[:limit]]

    def _read(self, report: Report) -> Sample:
        """The first event of a report."""
        is_first = report.samples and report is self.lead
        return self.sample if is_first else read(next(iter(report.samples), None))


def hosts_of(reports: Sequence[Report]) -> tuple[str, ...]:
    return tuple(sorted({host for report in reports for host in report.hosts}))


def trace(report: Report, sample: Sample) -> list[tuple[Frame, int]]:
    """The frames from the one that the group is known by, outwards, and how often each.

    The identity names a place without a line. Its own spelling (qualified name, path below
    the import root) is kept, and the line is the sample's.
    """
    path, _, name = report.identity.place.rpartition(" ")
    path, name = (path, name) if path else (name, "")
    if not path:
        return next(filter(None, _traces(sample)))
    for found in _traces(sample):
        for index, (frame, times) in enumerate(found):
            is_file = frame.path == path or frame.path.replace("\\", "/").endswith(f"/{path}")
            if is_file and (not name or name.rpartition(".")[2] == frame.name.rpartition(".")[2]):
                return [(frame._replace(path=path, name=name), times), *found[index + 1 :]]
    return [(Frame(path, name=name), 1)]


def _traces(sample: Sample) -> Iterator[list[tuple[Frame, int]]]:
    for failure in sample.chain:
        yield failure.places
    yield places(sample.calls)
    yield [(sample.site, 1)]


def _count(reports: Sequence[Report]) -> int:
    return sum([report.count for report in reports])


def _place(report: Report, sample: Sample) -> str:
    return trace(report, sample)[0][0].place


def _site(report: Report, sample: Sample) -> str:
    logger = report.identity.logger
    # Failed tasks are all logged in one place of Celery's, and stand under their names.
    return logger if sample.context.get("task") == logger else sample.site.place or logger


def _causes(chain: Sequence[ExceptionView]) -> list[str]:
    """The first lines of what an exception and the root of it say, none that the other has."""
    own, root = first_line(chain[0].words), first_line(_root(chain, attrgetter("words")))
    if contains(own, without_errno(root)):
        return [own] if own else []
    return [root] if contains(root, own) else [own, root]


def _root(chain: Sequence[ExceptionView], says: Callable[[ExceptionView], str]) -> str:
    """Why: the first part of a group; else what the root of all says, if it was captured."""
    if leaf := next(chain[0].leaves(), None):
        return joined(": ", leaf.type, says(leaf))
    if chain[-1].goes_on:
        return ""
    root = next((failure for failure in reversed(chain) if failure.words), chain[-1])
    words = root.stderr.rpartition("\n")[2] or says(root)
    # A key or a number is none without its type.
    return words if " " in words or root.type == chain[0].type else joined(": ", root.type, words)


def _brief(failure: ExceptionView) -> str:
    """What an exception says, without its number and, for `FileNotFoundError` and the like,
    without what its type says."""
    words = without_errno(failure.words)
    return words if failure.type == "OSError" else without_strerror(words)
