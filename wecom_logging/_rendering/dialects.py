"""The three languages a client understands, as the few forms that a message is made of.

Whatever is handed to a form is inert already (see `Pen`); the forms add our own markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from wecom_logging._model import text
from wecom_logging._senders.protocol import MsgType


class Row(NamedTuple):
    """A group in one line."""

    state: str
    #: Level, if it has to be said, and type or message.
    kind: str
    #: `×12`; "" for a group that is over.
    times: str
    #: `in 60 places`, for a block.
    extent: str
    #: Trend and total, since when.
    history: str
    place: str = ""


#: Characters of a name; in what is longer, only both ends are looked at.
_LONG_NAME = 1000


class Markdown:
    """The subset that applications and robots share: bold, code, quotes, three colours."""

    msgtype: MsgType = "markdown"
    #: Whether lines of a table are text, so that `|` has to go from them.
    tables = False

    def strong(self, words: str) -> str:
        return f"**{words}**"

    def code(self, words: str) -> str:
        return f"`{words}`"

    def quote(self, words: str) -> str:
        return f"> {words}"

    def grey(self, words: str) -> str:
        return f'<font color="comment">{words}</font>'

    def link(self, label: str, url: str) -> str:
        return f"[{label}]({url})"

    def heading(self, row: Row) -> str:
        """First line of a group that is drawn at length."""
        return self._row(row)

    def trace(self, lines: Sequence[tuple[str, str]]) -> list[str]:
        """Places and source lines, each with a sign before it or none."""
        return [_words(sign, self.code(line)) for sign, line in lines]

    def facts(self, words: str, link: str) -> str:
        """Last line of a group."""
        return _words(self.grey(words), link)

    def rows(self, rows: Sequence[Row], header: Sequence[str]) -> list[str]:
        """Groups in one line each."""
        return [self._row(row) for row in rows]

    def _row(self, row: Row) -> str:
        place = row.place and self.code(row.place)
        count = row.times and self.strong(row.times)
        words = _words(self.strong(row.state), row.kind, count, row.extent, place)
        return " · ".join(filter(None, (words, row.history)))


class Text(Markdown):
    """The same lines without markup, for readers inside WeChat."""

    msgtype: MsgType = "text"

    def strong(self, words: str) -> str:
        return words

    def code(self, words: str) -> str:
        return words

    def quote(self, words: str) -> str:
        return f"│ {words}"

    def grey(self, words: str) -> str:
        return words

    def link(self, label: str, url: str) -> str:
        return f"{label}: {url}"

    def facts(self, words: str, link: str) -> str:
        return "\n".join(filter(None, (words, link)))


class MarkdownV2(Markdown):
    """What robots understand since 2025: headings, lists, fenced code and tables, no colour.

    Every line is a block of its own (heading, list section, fence, row), because nobody says
    whether a line break inside of a paragraph is kept.
    """

    msgtype: MsgType = "markdown_v2"
    tables = True

    def quote(self, words: str) -> str:
        return f"- {words}"

    def grey(self, words: str) -> str:
        return f"- {words}"

    def heading(self, row: Row) -> str:
        words = _words("###", row.state, row.kind, row.times, row.extent)
        return " · ".join(filter(None, (words, row.history)))

    def trace(self, lines: Sequence[tuple[str, str]]) -> list[str]:
        if len(lines) < 2:
            return [self.quote(_words(sign, self.code(line))) for sign, line in lines]
        return ["```", *(_words(sign, line) for sign, line in lines), "```"]

    def facts(self, words: str, link: str) -> str:
        return self.grey(" · ".join(filter(None, (words, link))))

    def rows(self, rows: Sequence[Row], header: Sequence[str]) -> list[str]:
        if not rows:
            return []
        head = [_cells(header), "|---" * len(header) + "|"]
        return head + [self._cells(row) for row in rows]

    def _cells(self, row: Row) -> str:
        count = " · ".join(filter(None, (_words(row.times, row.extent), row.history)))
        return _cells((row.state, row.kind, count, row.place and self.code(row.place)))


DIALECTS: dict[MsgType, Markdown] = {
    dialect.msgtype: dialect for dialect in (Markdown(), Text(), MarkdownV2())
}


class Pen:
    """Makes texts inert and short, and remembers whether anything was lost by it."""

    def __init__(self, *, tables: bool = False) -> None:
        self._tables = tables
        self.shortened = False

    def say(self, words: str, max_bytes: int) -> str:
        """The start of a text."""
        inert = text.neutralise(self._start(words, max_bytes), table=self._tables)
        return self._inert_end(inert, text.cut_bytes(inert, max_bytes))

    def name(self, words: str, max_bytes: int) -> str:
        """Start and end of a type or a name."""
        inert = text.neutralise(self._ends(words), table=self._tables)
        return self._inert_end(inert, text.shorten_middle(inert, max_bytes))

    def place(self, words: str, max_bytes: int) -> str:
        """Start and end of a place, to stand in a code span."""
        inert = text.code(self._ends(words), table=self._tables)
        return self._noted(inert, text.shorten_middle(inert, max_bytes))

    def source(self, words: str, max_bytes: int) -> str:
        """The start of a source line, to stand in a code span."""
        inert = text.code(self._start(words, max_bytes), table=self._tables)
        return self._noted(inert, text.cut_bytes(inert, max_bytes))

    def _start(self, words: str, max_bytes: int) -> str:
        """No more of a text than may be needed: what is invisible in it takes room as well."""
        start = words[: 2 * max_bytes + 400]
        self.shortened |= start != words
        return start

    def _ends(self, words: str) -> str:
        if len(words) <= _LONG_NAME:
            return words
        self.shortened = True
        return words[: _LONG_NAME // 2] + words[-_LONG_NAME // 2 :]

    def _inert_end(self, inert: str, cut: str) -> str:
        # A cut can bring something to an end that means something there, like `foo_`.
        return text.neutralise(self._noted(inert, cut), table=self._tables)

    def _noted(self, inert: str, cut: str) -> str:
        self.shortened |= cut != inert
        return cut


def _words(*words: str) -> str:
    return " ".join(filter(None, words))


def _cells(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
