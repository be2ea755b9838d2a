"""Decide what of a digest gets into the bytes of one message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wecom_logging._rendering.blocks import draw
from wecom_logging._rendering.context import EVERYTHING, Block, DetailLevel, RenderContext
from wecom_logging._rendering.dialects import Pen, Row
from wecom_logging._rendering.rows import row
from wecom_logging._rendering.sections import Section
from wecom_logging._rendering.words import joined
from wecom_logging._runtime.values import NamedTuple

#: The part of the detail that the first group leaves to the lines of the others, if they
#: need so much.
_FOR_OTHERS = 0.4
#: Bytes of a text that are not worth another look.
_PRECISION = 24
#: Texts that are shown of what is not told apart, and bytes of one.
_OTHER_TEXTS, _OTHER_TEXT = 3, 80
#: Bytes that the line of what is only counted, and the head of a table, may take at most.
_COUNTED = 500
#: Groups that are over and have a line each. There may be hundreds, after a bad night.
_LINES_FOR_OVER = 6


class Body(NamedTuple):
    """The groups of a message: some at length, some in one line, the rest counted."""

    blocks: tuple[Block, ...]
    rows: tuple[Row, ...]
    hidden: tuple[Section, ...]

    def left_out(self, context: RenderContext) -> Iterator[str]:
        """Ids of the groups that are shown without all of their own frames or texts."""
        for index, section in enumerate(context.sections[: len(self.blocks) + len(self.rows)]):
            if index < len(self.blocks):
                block = self.blocks[index]
                cut = block.frames_left_out or block.shortened
            else:
                cut = len(section.trace) > 1 or bool(section.names)
            # What the user asked for, and only the file shows.
            frames = (frame for failure in section.sample.chain for frame in failure.frames)
            if cut or any(frame.locals for frame in frames):
                yield from (report.identity.id for report in section.reports)


def size(text: str) -> int:
    """Bytes of UTF-8."""
    return len(text.encode())


class Layout(NamedTuple):
    """Fits the groups of a context into bytes: the first as rich as it can be, the others as
    lines, and richer as far as there is detail. What finds no place is counted."""

    context: RenderContext
    #: Bytes for all of it.
    budget: int
    #: The end of the message.
    foot: str
    #: How groups may be drawn at length, the richest first.
    levels: Sequence[DetailLevel]

    def text(self, body: Body) -> str:
        """The lines; the foot ends the last one that is grey, or the last one."""
        context, dialect, foot = self.context, self.context.dialect, self.foot
        lines = dialect.rows(body.rows, context.labels.columns)
        if counted := " · ".join(_overflow(body.hidden, context)):
            # Right after a table, a line would be its next row.
            lines.append(f"\n{counted}" if dialect.tables and lines else counted)
        parts = []
        for index, block in enumerate(body.blocks):
            words, link = block.facts
            if not (lines or context.file_follows) and index == len(body.blocks) - 1:
                words, link, foot = joined(" · ", words, link, foot), "", ""
            parts.append(joined("\n", block.text, dialect.facts(words, link)))
        if foot and (not lines or dialect.tables or context.file_follows):
            lines.append(dialect.grey(foot))
        elif foot:
            lines[-1] += f" · {dialect.grey(foot)}"
        if lines:
            parts.append("\n".join(lines))
        return "\n\n".join(parts)

    def body(self) -> Body:
        sections = self.context.sections
        others = self._with_rows((), sections[1:], int(self.budget * _FOR_OTHERS))
        first = self._richest(sections[0], self._left(others)) if sections else None
        if first is None:
            return self._with_rows((), sections, self.budget)
        body = self._with_rows((first,), sections[1:], self.budget)
        return self._enriched(self._at_length(body))

    def _with_rows(
        self, blocks: tuple[Block, ...], sections: Sequence[Section], max_bytes: int
    ) -> Body:
        """A line for each of the `sections`, as far as they fit."""
        body = Body(blocks, (), tuple(sections))
        if not sections:
            return body
        surely = size(self.text(body)) + _COUNTED
        worth_a_line = sum(not section.over for section in sections) + _LINES_FOR_OVER
        for index, section in enumerate(sections[:worth_a_line], 1):
            drawn = row(section, self.context)
            more = Body(blocks, (*body.rows, drawn), tuple(sections[index:]))
            # All of it is only put together where it may be too much.
            surely += size("\n".join(self.context.dialect.rows((drawn,), ""))) + 1
            if surely > max_bytes and size(self.text(more)) > max_bytes:
                break
            body = more
        return body

    def _at_length(self, body: Body) -> Body:
        """More groups in a few lines instead of one, as long as none is hidden for it."""
        while body.rows and not body.hidden:
            section = self.context.sections[len(body.blocks)]
            richer = (
                Body((*body.blocks, self._block(section, detail)), body.rows[1:], ())
                for detail in self.levels[-2:]
            )
            found = next((each for each in richer if self._left(each) >= 0), None)
            if found is None:
                break
            body = found
        return body

    def _enriched(self, body: Body) -> Body:
        """What detail is left is for the groups in their order."""
        for index in range(1, len(body.blocks)):
            before, after = body.blocks[:index], body.blocks[index + 1 :]
            without = body._replace(blocks=(*before, Block(""), *after))
            if richest := self._richest(self.context.sections[index], self._left(without)):
                body = body._replace(blocks=(*before, richest, *after))
        return body

    def _left(self, body: Body) -> int:
        return self.budget - size(self.text(body))

    def _richest(self, section: Section, room_left: int) -> Block | None:
        """The richest drawing of a group within so many bytes, its texts as long as they may be."""
        for detail in self.levels:
            block = self._fit(section, detail, room_left)
            if block is not None and block.shortened and detail.text < EVERYTHING:
                fits, most = detail.text, room_left
                while most - fits > _PRECISION:
                    middle = (fits + most) // 2
                    longer = self._fit(section, detail._replace(text=middle), room_left)
                    fits, most = (middle, most) if longer else (fits, middle)
                    block = longer or block
            if block is not None:
                return block
        return None

    def _fit(self, section: Section, detail: DetailLevel, room_left: int) -> Block | None:
        block = self._block(section, detail)
        facts = self.context.dialect.facts(*block.facts)
        # The foot may follow the facts in their line, which takes more than an empty line.
        return block if size(f"{block.text}\n{facts} · ") <= room_left else None

    def _block(self, section: Section, detail: DetailLevel) -> Block:
        known = self.context.blocks
        if (section, detail) not in known:
            known[section, detail] = draw(section, self.context, detail)
        return known[section, detail]


def _overflow(hidden: Sequence[Section], context: RenderContext) -> Iterator[str]:
    """What is only counted, so that all the counts of a message still add up."""
    if told := [section for section in hidden if section.count]:
        kinds = sum(section.kinds for section in told)
        yield context.labels.more_kinds(kinds, sum(section.count for section in told))
    if len(hidden) > len(told):
        yield context.labels.more_over(len(hidden) - len(told))
    if context.others:
        pen = Pen(tables=context.dialect.tables, plain=context.dialect.plain)
        texts = [pen.start(text, _OTHER_TEXT) for text in context.other_texts[-_OTHER_TEXTS:]]
        said = context.labels.comma.join(texts)
        yield f"{context.labels.others} ×{context.others:,}{said and f': {said}'}"
