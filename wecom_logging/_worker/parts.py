"""How a digest is told when its content is refused: plainer, then its groups apart.

What one group says must not cost the others their words: groups are sent in halves until the one is
found that is refused by itself, which is told last, without anything that was logged.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wecom_logging._model.digest import Digest, Identity, Report
from wecom_logging._rendering import Shape
from wecom_logging._runtime.values import NamedTuple, replace

#: Each is for when the one before it was refused, as long as all groups are together.
SHAPES: tuple[Shape, ...] = ("full", "short", "text")


class Part(NamedTuple):
    """Groups of a digest that one message tells."""

    groups: tuple[str, ...]
    #: "bare": without anything that was logged.
    shape: Shape = "full"
    #: The second half of what was refused: if the first one is accepted, this is to blame.
    second: bool = False


def groups_of(digest: Digest) -> tuple[str, ...]:
    """Ids of its groups, in their order."""
    return tuple(dict.fromkeys(report.identity.id for report in digest.reports))


def parts_of(digest: Digest, refused: Sequence[Part] = ()) -> list[Part]:
    """How to begin: what has not been refused before first, so that it is told in time.

    Args:
        refused: What was left to be sent when the attempt before had to end.
    """
    groups = groups_of(digest)
    if not refused:
        return [Part(groups)] if groups else []
    again = {group for part in refused for group in part.groups}
    fresh = Part(tuple(group for group in groups if group not in again))
    rest = (Part(tuple(g for g in part.groups if g in groups), part.shape) for part in refused)
    return [part for part in (fresh, *rest) if part.groups]


def accepted(rest: list[Part]) -> list[Part]:
    """What is left to be sent after a part was accepted."""
    # Of the last form no presumption: what is refused in that is lost.
    if rest and rest[0].second and rest[0].shape != "bare":
        return plainer(rest[0], rest[1:])
    return rest


def plainer(refused: Part, rest: list[Part]) -> list[Part]:
    """What is left to be sent after `refused` was not accepted.

    Without a new part for it there is nothing plainer.
    """
    rest = put_off(rest[:1]) + rest[1:]
    if refused.shape in SHAPES[:-1]:
        following = SHAPES[SHAPES.index(refused.shape) + 1]
        return [Part(refused.groups, following), *rest]
    if len(refused.groups) > 1:
        middle = len(refused.groups) // 2
        first, second = refused.groups[:middle], refused.groups[middle:]
        return [Part(first, refused.shape), Part(second, refused.shape, second=True), *rest]
    if refused.shape == "bare":
        return rest
    if rest and rest[-1].shape == "bare":
        return [*rest[:-1], Part((*rest[-1].groups, *refused.groups), "bare")]
    return [*rest, Part(refused.groups, "bare")]


def put_off(parts: list[Part]) -> list[Part]:
    """The same, where nobody knows what becomes of the halves before."""
    return [part._replace(second=False) for part in parts]


def is_lost(refused: Part) -> bool:
    """Whether there is nothing plainer."""
    return refused.shape == "bare" and len(refused.groups) == 1


def told_by(part: Part, digest: Digest, *, first: bool) -> Digest:
    """What the message of a part tells; the first one also what concerns all."""
    groups = frozenset(part.groups)
    reports: Iterable[Report] = (r for r in digest.reports if r.identity.id in groups)
    if part.shape == "bare":
        reports = map(_wordless, reports)
    told = digest._replace(reports=tuple(reports))
    if not first:
        return told._replace(outage=None, lost=0, quiet=None, by_fallback=None)
    if part.shape == "bare" and told.outage:
        return told._replace(outage=told.outage._replace(reason=""))
    return told


def doubtful(digest: Digest) -> Digest:
    """A digest of which a message that nobody can read any more may have told."""
    reports = tuple(replace(report, doubtful=report.count) for report in digest.reports)
    return digest._replace(reports=reports)


def _wordless(report: Report) -> Report:
    """Id, level and numbers: nothing that somebody else may have written."""
    group = report.identity.id
    name = f"#{report.short_id or group[:4]}"
    return replace(report, identity=Identity(group, "", report.identity.level, name), samples=())
