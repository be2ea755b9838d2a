"""Decide what of a digest gets into the bytes of one message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from wecom_logging._rendering.blocks import Block, Room, draw, row
from wecom_logging._rendering.context import Page
from wecom_logging._rendering.dialects import Row
from wecom_logging._rendering.sections import Item

#: The part of the room that the first group leaves to the lines of the others, if they
#: need so much.
_FOR_OTHERS = 0.4


#: Groups that are over and have a line each. There may be hundreds, after a bad night.
_LINES_FOR_OVER = 6


class Body(NamedTuple):
    """The groups of a message: some at length, some in one line, the rest counted."""

    blocks: tuple[Block, ...]
    rows: tuple[Row, ...]
    hidden: tuple[Item, ...]

    def text(self, page: Page) -> str:
        lines = page.dialect.rows(self.rows, page.labels.columns)
        if counted := " · ".join(_overflow(self.hidden, page)):
            # Right after a table, a line would be its next row.
            lines.append(f"\n{counted}" if page.dialect.tables and lines else counted)
        parts = [block.text for block in self.blocks]
        return "\n\n".join([*parts, "\n".join(lines)] if lines else parts)

    def frames_left_out(self, page: Page) -> Iterator[str]:
        """Ids of the groups that are shown without all of their own frames."""
        for index, item in enumerate(page.items[: len(self.blocks) + len(self.rows)]):
            at_length = index < len(self.blocks)
            cut = self.blocks[index].frames_left_out if at_length else len(item.trace) > 1
            if cut or item.has_locals:  # which only the file has room for
                yield from (report.identity.id for report in item.reports)

    def fits(self, page: Page, budget: int) -> bool:
        return size(self.text(page)) <= budget


def size(text: str) -> int:
    """Bytes of UTF-8."""
    return len(text.encode())


def arrange(page: Page, budget: int, ladder: Sequence[Room]) -> Body:
    """The first group as rich as it fits, the others as lines, and richer if room is left.

    Fits into `budget` bytes, whatever the digest holds: what finds no place is counted.
    """
    others = _add_rows(page, (), page.items[1:], int(budget * _FOR_OTHERS))
    left = budget - size(others.text(page)) - len("\n\n")
    for block in _richest_first(page.items[0], page, ladder) if page.items else ():
        if size(block.text) <= left:
            return _enrich(page, _add_rows(page, (block,), page.items[1:], budget), budget, ladder)
    return _add_rows(page, (), page.items, budget)


def _add_rows(page: Page, blocks: tuple[Block, ...], items: Sequence[Item], budget: int) -> Body:
    """A line for each of the `items`, as far as they fit."""
    body = Body(blocks, (), tuple(items))
    worth_a_line = sum(not item.over for item in items) + _LINES_FOR_OVER
    for index, item in enumerate(items[:worth_a_line], 1):
        more = Body(blocks, (*body.rows, row(item, page)), tuple(items[index:]))
        if not more.fits(page, budget):
            break
        body = more
    return body


def _enrich(page: Page, body: Body, budget: int, ladder: Sequence[Room]) -> Body:
    """Draw more groups at length, in their order, as long as none is hidden for it."""
    while body.rows and not body.hidden:
        item = page.items[len(body.blocks)]
        for block in _richest_first(item, page, ladder):
            richer = Body((*body.blocks, block), body.rows[1:], ())
            if richer.fits(page, budget):
                body = richer
                break
        else:
            break
    return body


def _richest_first(item: Item, page: Page, ladder: Sequence[Room]) -> Iterator[Block]:
    return (draw(item, page, room) for room in ladder)


def _overflow(hidden: Sequence[Item], page: Page) -> Iterator[str]:
    """What is only counted, so that all the counts of a message still add up."""
    told = [item for item in hidden if item.count]
    if told:
        yield page.labels.more_kinds(len(told), sum(item.count for item in told))
    if len(hidden) > len(told):
        yield page.labels.more_over(len(hidden) - len(told))
    if page.others:
        yield f"{page.labels.others} ×{page.others:,}"
