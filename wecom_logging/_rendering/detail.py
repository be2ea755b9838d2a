"""How much of a group is drawn."""

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
    DetailLevel(
        EVERYTHING,
        callers=3,
        causes=20,
        context=50,
        crumbs=20,
        output=20,
        others=4,
        source=True,
        links=20,
    ),
    DetailLevel(
        text=400, callers=3, causes=20, context=12, crumbs=5, output=20, others=4, source=True
    ),
    DetailLevel(
        text=300, callers=2, causes=4, context=6, crumbs=2, output=12, others=3, source=True
    ),
    DetailLevel(text=160, callers=1, causes=2, context=3, output=6, others=2),
    DetailLevel(text=80, context=1, output=3),
    DetailLevel(text=80, links=0),
)
