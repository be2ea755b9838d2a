"""How much of a group is drawn, and what has come of it."""

from __future__ import annotations

from wecom_logging._runtime.values import NamedTuple

#: More than any message holds.
EVERYTHING = 4096


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
