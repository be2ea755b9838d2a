"""Decide what of a digest gets into the bytes of one message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from wecom_logging._rendering.blocks import Block, DetailLevel, draw, row
from wecom_logging._rendering.context import RenderContext
from wecom_logging._rendering.dialects import Row
from wecom_logging._rendering.sections import Section

#: The part of the detail that the first group leaves to the lines of the others, if they
#: need so much.
_FOR_OTHERS = 0.4


#: Groups that are over and have a line each. There may be hundreds, after a bad night.
_LINES_FOR_OVER = 6


class Body(NamedTuple):
    """The groups of a message: some at length, some in one line, the rest counted."""

    blocks: tuple[Block, ...]
    rows: tuple[Row, ...]
    hidden: tuple[Section, ...]

    def text(self, context: RenderContext) -> str:
        lines = context.dialect.rows(self.rows, context.labels.columns)
        if counted := " · ".join(_overflow(self.hidden, context)):
            # Right after a table, a line would be its next row.
            lines.append(f"\n{counted}" if context.dialect.tables and lines else counted)
        parts = [block.text for block in self.blocks]
        return "\n\n".join([*parts, "\n".join(lines)] if lines else parts)

    def frames_left_out(self, context: RenderContext) -> Iterator[str]:
        """Ids of the groups that are shown without all of their own frames."""
        for index, section in enumerate(context.sections[: len(self.blocks) + len(self.rows)]):
            at_length = index < len(self.blocks)
            cut = self.blocks[index].frames_left_out if at_length else len(section.trace) > 1
            if cut or section.has_locals:  # which only the file has detail for
                yield from (report.identity.id for report in section.reports)

    def fits(self, context: RenderContext, max_bytes: int) -> bool:
        return size(self.text(context)) <= max_bytes


def size(text: str) -> int:
    """Bytes of UTF-8."""
    return len(text.encode())


def arrange(context: RenderContext, max_bytes: int, levels: Sequence[DetailLevel]) -> Body:
    """The first group as rich as it fits, the others as lines, and richer if detail is left.

    Fits into `max_bytes` bytes, whatever the digest holds: what finds no place is counted.
    """
    others = _add_rows(context, (), context.sections[1:], int(max_bytes * _FOR_OTHERS))
    left = max_bytes - size(others.text(context)) - len("\n\n")
    for block in _richest_first(context.sections[0], context, levels) if context.sections else ():
        if size(block.text) <= left:
            return _enrich(
                context,
                _add_rows(context, (block,), context.sections[1:], max_bytes),
                max_bytes,
                levels,
            )
    return _add_rows(context, (), context.sections, max_bytes)


def _add_rows(
    context: RenderContext, blocks: tuple[Block, ...], sections: Sequence[Section], max_bytes: int
) -> Body:
    """A line for each of the `sections`, as far as they fit."""
    body = Body(blocks, (), tuple(sections))
    worth_a_line = sum(not section.over for section in sections) + _LINES_FOR_OVER
    for index, section in enumerate(sections[:worth_a_line], 1):
        more = Body(blocks, (*body.rows, row(section, context)), tuple(sections[index:]))
        if not more.fits(context, max_bytes):
            break
        body = more
    return body


def _enrich(
    context: RenderContext, body: Body, max_bytes: int, levels: Sequence[DetailLevel]
) -> Body:
    """Draw more groups at length, in their order, as long as none is hidden for it."""
    while body.rows and not body.hidden:
        section = context.sections[len(body.blocks)]
        for block in _richest_first(section, context, levels):
            richer = Body((*body.blocks, block), body.rows[1:], ())
            if richer.fits(context, max_bytes):
                body = richer
                break
        else:
            break
    return body


def _richest_first(
    section: Section, context: RenderContext, levels: Sequence[DetailLevel]
) -> Iterator[Block]:
    return (draw(section, context, detail) for detail in levels)


def _overflow(hidden: Sequence[Section], context: RenderContext) -> Iterator[str]:
    """What is only counted, so that all the counts of a message still add up."""
    told = [section for section in hidden if section.count]
    if told:
        yield context.labels.more_kinds(len(told), sum(section.count for section in told))
    if len(hidden) > len(told):
        yield context.labels.more_over(len(hidden) - len(told))
    if context.others:
        yield f"{context.labels.others} ×{context.others:,}"
