"""Which groups are drawn as one, because they have a cause or a place in common; and in which
order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from wecom_logging._model.digest import OTHERS, Digest, Report
from wecom_logging._rendering.sample import as_str
from wecom_logging._rendering.sections import STATES, Section
from wecom_logging._rendering.words import outline

#: From so many groups on they are drawn as one with their names: their own counts are lost by it.
_NAMES = 3
#: The same for whole texts, and characters of one that is as short as a name.
_TEXTS, _TEXT = 5, 40

_PUNCTUATION = "'\"`“”‘’「」.,:;()[]"

#: Seconds since the epoch, then a time stamp.
Moment = tuple[float, str]


def sections_of(digest: Digest) -> tuple[list[Section], list[Report]]:
    """The sections of a digest in the order of drawing, and what is not told apart."""
    reports: list[Report] = []
    crowd: list[Report] = []
    for report in digest.reports:
        (crowd if report.identity.id in OTHERS else reports).append(report)
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
    sections = [_section(block, ended) for block in blocks.values()]
    if len(sections) == 1:
        return sections, crowd
    named = _folded(sections, ended, _in_one_word, _different_words)
    told_as_one = _folded(named, ended, _in_a_short_text, _different_texts)
    return sorted(told_as_one, key=_rank), crowd


def _section(reports: list[Report], ended: set[str], names: Sequence[str] = ()) -> Section:
    if len(reports) > 1:
        reports.sort(key=_strength)
    has_ended = bool(ended) and all(report.identity.id in ended for report in reports)
    return Section(tuple(reports), tuple(names), ended=has_ended)


def _folded(
    sections: Iterable[Section],
    ended: set[str],
    key: Callable[[Section], object],
    names_of: Callable[[list[Section]], Sequence[str]],
) -> Iterator[Section]:
    """Sections that are alike become one, where there are names to tell them apart by."""
    alike: dict[object, list[Section]] = {}
    for section in sections:
        alike.setdefault(key(section) or id(section), []).append(section)
    for found in alike.values():
        found.sort(key=_rank)
        if names := names_of(found):
            yield _section([r for section in found for r in section.reports], ended, names)
        else:
            yield from found


def _in_one_word(section: Section) -> object:
    """What sections of one place have in common that may differ in one word only."""
    lead, words = section.lead.identity, _words(section)
    says_it = bool(section.type) or len(words) > 1
    # One silence is told for all of them.
    silence = section.lead.silence
    alike = (lead.place, bool(section.type), section.level, section.over, len(words), silence)
    return alike if lead.place and says_it else None


def _words(section: Section) -> list[str]:
    """Type, message and value word by word."""
    if section.varying:
        return []
    return [*filter(None, [section.type]), *f"{section.message} {section.value}"[:1000].split()]


def _different_words(alike: Sequence[Section]) -> Sequence[str]:
    if len(alike) < _NAMES:
        return ()
    columns = list(zip(*map(_words, alike), strict=True))
    types = int(bool(alike[0].type))  # their numbers are part of a name
    outlines = [*columns[:types], *(list(map(outline, column)) for column in columns[types:])]
    different = [n for n, column in enumerate(outlines) if len(set(column)) > 1]
    if len(different) != 1:
        return ()
    return list(dict.fromkeys(word.strip(_PUNCTUATION) for word in columns[different[0]]))


def _in_a_short_text(section: Section) -> object:
    """What texts have in common that a helper has logged for others, and as many of each."""
    lead = section.lead.identity
    if section.type or section.varying or section.names or not 0 < len(section.name) <= _TEXT:
        return None
    as_many = len(str(section.count))
    route, silence = section.sample.route, section.lead.silence
    return lead.place, lead.logger, section.level, section.state, route, as_many, silence


def _different_texts(alike: Sequence[Section]) -> Sequence[str]:
    names = [section.name for section in alike]
    return names if _TEXTS <= len(set(names)) == len(names) else ()


def _strength(report: Report) -> tuple[bool, int, bool, int, Moment]:
    identity = report.identity
    state = STATES.index(report.state)
    return not identity.critical, state, identity.library, -report.count, _first(report)


def _rank(section: Section) -> tuple[bool, bool, bool, bool, int, Moment]:
    return (
        section.over,
        not section.critical,
        section.state != "new",
        # What a library reports of itself most often led to what the application reports, and
        # libraries say it many times.
        section.lead.identity.library,
        -max(section.count, section.total * section.over),
        min(map(_first, section.reports)),
    )


def _first(report: Report) -> Moment:
    """When it came. What was merged at once has one time there, and its own in its events."""
    samples = (sample for sample in report.samples[:1] if isinstance(sample, Mapping))
    times = (as_str(sample.get("timestamp")) for sample in samples)
    return report.first or report.since, next(times, "") or "~"
