"""What all parts of one message share: what is drawn, with which means, in how much detail."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from wecom_logging._model.digest import Digest, Report
from wecom_logging._rendering.dialects import DIALECTS, Markdown
from wecom_logging._rendering.folding import sections_of
from wecom_logging._rendering.labels import LABELS, Labels
from wecom_logging._rendering.sample import read
from wecom_logging._rendering.sections import Section, hosts_of
from wecom_logging._rendering.style import Style
from wecom_logging._rendering.times import TimeFormatter, sane
from wecom_logging._runtime.values import NamedTuple, replace
from wecom_logging._senders.protocol import Message

#: More than any message holds.
EVERYTHING = 4096
#: A message that comes this much later than its errors is late, if its process is new.
_LATE = 120.0


class DetailLevel(NamedTuple):
    """How much of a group is drawn. Texts in bytes, all else in pieces."""

    text: int
    callers: int = 0
    causes: int = 1
    context: int = 0
    crumbs: int = 0
    others: int = 0
    source: bool = False
    links: int = 3
    output: int = 1


#: From everything down to the least that is more than one line. Texts grow beyond what is
#: written here as far as there are bytes for them.
DETAIL_LEVELS = (
    # text, callers, causes, context, crumbs, others, source, links, output
    DetailLevel(EVERYTHING, 3, 20, 50, 20, 4, source=True, links=20, output=20),
    DetailLevel(400, 3, 20, 12, 5, 4, source=True, output=20),
    DetailLevel(300, 2, 4, 6, 2, 3, source=True, output=12),
    DetailLevel(160, 1, 2, 3, 0, 2, output=6),
    DetailLevel(80, context=1, output=3),
    DetailLevel(80, links=0),
)


class Block(NamedTuple):
    """A group that was drawn."""

    text: str
    #: What its last line says, and the link in it.
    facts: tuple[str, str] = ("", "")
    shortened: bool = False
    #: Whether frames of the application's own were left out.
    frames_left_out: bool = False


class RenderContext(NamedTuple):
    """A digest, sorted for drawing, and the means to draw it."""

    digest: Digest
    style: Style
    sections: tuple[Section, ...]
    #: Errors of the kinds beyond `max_groups`, and the latest of their texts.
    others: int
    other_texts: tuple[str, ...]
    labels: Labels
    dialect: Markdown
    times: TimeFormatter
    hosts: tuple[str, ...]
    #: The groups that have been drawn at length: to see what fits, each may be more than once.
    blocks: dict[tuple[Section, DetailLevel], Block]
    #: Whether a file with the whole report comes after the message.
    file_follows: bool = False

    @classmethod
    def of(cls, digest: Digest, style: Style) -> RenderContext:
        outage = digest.outage and digest.outage._replace(since=sane(digest.outage.since))
        reports = tuple(map(_with_sane_times, digest.reports))
        digest = digest._replace(now=sane(digest.now), outage=outage, reports=reports)
        sections, crowd = sections_of(digest)
        samples = [read(sample) for report in crowd for sample in report.samples]
        labels = LABELS[style.language]
        times = TimeFormatter(digest.now, style.timezone, labels, show_offset=style.show_offset)
        return cls(
            digest,
            style,
            tuple(sections),
            sum([report.count for report in crowd]),
            tuple(dict.fromkeys(sample.text for sample in samples if sample.text)),
            labels,
            DIALECTS[style.msgtype],
            times,
            hosts_of(digest.reports),
            {},
        )

    @property
    def errors(self) -> int:
        """N: what this message newly reports."""
        return sum(report.count for report in self.digest.reports)

    @property
    def late(self) -> bool:
        """Whether this comes after an outage, or is what a process before this one left."""
        last = max((report.last for report in self.digest.reports if report.count), default=0.0)
        left = 0.0 < last < min(self.style.started, self.digest.now - _LATE)
        return self.digest.outage is not None or left


class Rendered(NamedTuple):
    """A message, and what of the digest did not get into it."""

    message: Message
    #: Kinds of errors that are only counted ("+ 7 more kinds").
    kinds_left_out: int = 0
    #: Ids of groups that are shown, but without all of their own frames or texts.
    left_out: tuple[str, ...] = ()
    #: What it was drawn from: to read a thousand events takes longer than to draw them.
    context: RenderContext | None = None


def _with_sane_times(report: Report) -> Report:
    times = (*_times(report), report.before[1])
    # So all of them are: one that is too great or NaN would make the sum so.
    if min(times) >= 0.0 and sane(total := sum(times)) == total:
        return report
    known: dict[str, Any] = dict(zip(_TIMES, map(sane, times), strict=False))
    return replace(report, before=(report.before[0], sane(report.before[1])), **known)


_TIMES = ("first", "since", "last", "span", "earliest", "last_before")
_times = attrgetter(*_TIMES)
