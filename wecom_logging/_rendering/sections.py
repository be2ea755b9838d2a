"""What is drawn as one: a group, or all groups that one cause explains; and in which order."""

from __future__ import annotations

from collections.abc import Sequence

from wecom_logging._capture.grouping import VARYING
from wecom_logging._model.digest import OTHERS, Digest, Report, State
from wecom_logging._rendering.sample import Frame, Sample, read
from wecom_logging._runtime.lazy import cached

_STATES: tuple[State, ...] = ("new", "silenced", "again", "still", "over")


class Section:
    """Reports that are drawn together, the one that stands for them first.

    Args:
        reports: At least one.
        ended: What is told here were the last errors: the groups are over.
    """

    def __init__(self, reports: tuple[Report, ...], *, ended: bool = False) -> None:
        self.reports = reports
        self.ended = ended

    @property
    def lead(self) -> Report:
        return self.reports[0]

    @property
    def is_block(self) -> bool:
        """Whether one cause explains several groups."""
        return len(self.reports) > 1

    @cached
    def state(self) -> State:
        """The one that most deserves to be told."""
        return min((report.state for report in self.reports), key=_STATES.index)

    @property
    def over(self) -> bool:
        return self.state == "over"

    @property
    def works_again(self) -> bool:
        """Whether this is a job that has failed and works again."""
        return (self.over or self.ended) and self.lead.identity.job

    @cached
    def critical(self) -> bool:
        return any(report.identity.critical for report in self.reports)

    @cached
    def count(self) -> int:
        return _count(self.reports)

    @cached
    def total(self) -> int:
        return sum(report.total for report in self.reports)

    @cached
    def since(self) -> float:
        return min(report.since for report in self.reports)

    @cached
    def earlier(self) -> list[Report]:
        """The reports that have been told before, and had been over."""
        return [r for r in self.reports if r.state == "again" and r.earlier]

    @cached
    def last(self) -> float:
        return max(report.last for report in self.reports)

    @cached
    def hosts(self) -> tuple[str, ...]:
        return hosts_of(self.reports)

    @cached
    def sample(self) -> Sample:
        """The first event that was captured: the nearest to the cause."""
        samples = (sample for report in self.reports for sample in report.samples)
        return read(next(samples, None))

    @cached
    def level(self) -> str:
        """The level, if it is not the usual one."""
        level = "critical" if self.critical else self.lead.identity.level
        return "" if level == "error" else level.upper()

    @cached
    def type(self) -> str:
        """Type of the exception; "" without one."""
        return self.lead.identity.type or next((one.type for one in self.sample.chain), "")

    @cached
    def message(self) -> str:
        """What was logged, or the template if no event was captured."""
        return self.sample.message.strip() or self.lead.identity.template.strip()

    @cached
    def value(self) -> str:
        """What the exception itself says; "" without one."""
        return next((failure.value.strip() for failure in self.sample.chain), "")

    @cached
    def trace(self) -> list[tuple[Frame, int]]:
        """Where it broke and how it got there, innermost place first, each once."""
        return trace(self.lead, self.sample)

    @cached
    def has_locals(self) -> bool:
        """Whether local variables were captured, because the user asked for them."""
        return any(frame.locals for failure in self.sample.chain for frame in failure.frames)

    @property
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
        return [(_count(spot), name(spot[0])) for spot in self.spots[:limit]]


def sections_of(digest: Digest) -> tuple[list[Section], int]:
    """The sections of a digest in the order of drawing, and the errors of "others"."""
    reports = [report for report in digest.reports if not _is_others(report)]
    others = sum(report.count for report in digest.reports if _is_others(report))
    told = {report.identity.id for report in reports if report.state != "over"}
    ended = {report.identity.id for report in reports if report.state == "over"} & told
    blocks: dict[object, list[Report]] = {}
    for report in reports:
        if report.state == "over" and report.identity.id in told:
            continue  # one group is drawn once, with its last errors
        cause = report.identity.cause
        alone = not cause or report.silence is not None
        key = id(report) if alone else (cause, report.state == "over")
        blocks.setdefault(key, []).append(report)
    sections = [
        Section(
            tuple(sorted(block, key=_strength)),
            ended=all(report.identity.id in ended for report in block),
        )
        for block in blocks.values()
    ]
    return sorted(sections, key=_rank), others


def hosts_of(reports: Sequence[Report]) -> tuple[str, ...]:
    return tuple(sorted({host for report in reports for host in report.hosts}))


def trace(report: Report, sample: Sample) -> list[tuple[Frame, int]]:
    """The frames from the one that the group is known by, outwards, and how often each.

    The identity names a place without a line. Its own spelling (qualified name, path below
    the import root) is kept, and the line is the sample's.
    """
    traces = [failure.places for failure in sample.chain] + [[(sample.site, 1)]]
    path, name = split_place(report.identity.place)
    if not path:
        return traces[0] or traces[-1]
    for places in traces:
        for index, (frame, times) in enumerate(places):
            if _same_file(frame.path, path) and _same_function(frame.name, name):
                return [(frame._replace(path=path, name=name), times), *places[index + 1 :]]
    return [(Frame(path, name=name), 1)]


def split_place(place: str) -> tuple[str, str]:
    """Path and function of `pay/gateway.py post`."""
    path, _, name = place.rpartition(" ")
    return (path, name) if path else (name, "")


def _count(reports: Sequence[Report]) -> int:
    return sum(report.count for report in reports)


def _place(report: Report) -> str:
    return trace(report, _first_sample(report))[0][0].place


def _site(report: Report) -> str:
    sample = _first_sample(report)
    logger = report.identity.logger
    # Failed tasks are all logged in one place of Celery's, and stand under their names.
    return logger if sample.context.get("task") == logger else sample.site.place or logger


def _first_sample(report: Report) -> Sample:
    return read(report.samples[0] if report.samples else None)


def _same_file(whole: str, below_root: str) -> bool:
    return whole == below_root or whole.replace("\\", "/").endswith(f"/{below_root}")


def _same_function(name: str, qualified: str) -> bool:
    return not qualified or qualified.rpartition(".")[2] == name.rpartition(".")[2]


def _is_others(report: Report) -> bool:
    return report.identity.id in OTHERS


def _strength(report: Report) -> tuple[bool, int, int]:
    return not report.identity.critical, _STATES.index(report.state), -report.count


def _rank(section: Section) -> tuple[bool, bool, bool, int]:
    return (
        section.over,
        not section.critical,
        section.state != "new",
        -max(section.count, section.total * section.over),
    )
