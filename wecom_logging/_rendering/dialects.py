"""The three languages a client understands, as the few forms that a message is made of.

Whatever is handed to a form is inert already (see `Pen`); the forms add our own markup.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wecom_logging._model import text
from wecom_logging._rendering.words import joined
from wecom_logging._runtime import lazy
from wecom_logging._runtime.values import NamedTuple
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
    #: `#40871`.
    id: str
    #: Trend and total, since when.
    history: str = ""
    place: str = ""
    #: In which release, where that is news of it.
    release: str = ""
    #: What the exception says, in short.
    why: str = ""


#: Bytes of what is cut by columns.
_WIDE = 400
#: Characters of a name; in what is longer, only both ends are looked at.
_LONG_NAME = 500
#: Lines that one text has, and what may stand before those that have to share one.
_LINES = 3
_BULLETS = "-‐+∗•· "
#: What cannot be the last thing before an ellipsis.
_LOOSE = " :,;·(←-"
#: A word of more characters is cut rather than left out.
_LONG_WORD = 16

#: Our own markers, and what looks like them.
_MARKERS = str.maketrans(
    dict.fromkeys("🔴🟠🟡🟢🔵🟣🟤⚫⭕", "●")
    | dict.fromkeys("🔶🔷🔸🔹", "◆")
    | dict.fromkeys("✅☑✔", "✓")
    | {"⚪": "○"}
)
#: Our own state words and numbers of errors, where a text begins and where a part of a line
#: would: parts are told apart by a dot.
_OUR_WORDS = (
    r"(NEW|AGAIN|STILL|OVER|SILENCED|CRITICAL"
    r"|新出现|再次出现|仍在发生|已平息|已恢复|静默结束|[\d,]+ errors?|[\d,]+ ?次|[\d,]+ 个错误)\b"
)
_OURS = lazy.regex(rf"((?:^|·)[^\w‹·]*){_OUR_WORDS}")
#: A text that is inert as it is.
_INERT = lazy.regex(rf"(?!\W?{_OUR_WORDS})(?:{text.PLAIN})?")


class Markdown:
    """The subset that applications and robots share: bold, code, quotes, three colours."""

    #: Whether lines of a table are text, so that `|` has to go from them.
    tables = False
    #: Whether markup is text.
    plain = False

    strong = "**{}**".format
    code = "`{}`".format
    quote = "> {}".format
    grey = '<font color="comment">{}</font>'.format
    #: A name and where it leads to.
    link = "[{}]({})".format
    #: A line of a group.
    line = "{}".format

    def facts(self, words: str, link: str = "") -> str:
        """Last line of a group."""
        said = joined(" · ", words, link)
        return said and self.grey(said)

    def rows(self, rows: Sequence[Row], header: str) -> list[str]:
        """Groups in one line each, under the names of their columns where these have any."""
        return [self.heading(row) for row in rows]

    def heading(self, row: Row) -> str:
        """First line of a group that is drawn at length."""
        place = row.place and self.code(row.place)
        count = row.times and self.strong(row.times)
        words = joined(
            " ", self.strong(row.state), row.kind, count, row.extent, row.id, row.release, place
        )
        # What is ours stands after dots, what was logged after a colon: no text can pass for ours.
        return joined(" · ", joined(": ", words, row.why), row.history)


class Text(Markdown):
    """The same lines without markup, for readers inside WeChat."""

    plain = True
    strong = code = grey = "{}".format
    quote = "│ {}".format
    link = "{}: {}".format


class MarkdownV2(Markdown):
    """What robots understand since 2025: headings, lists, fenced code and tables, no colour.

    Every line is a block of its own (heading, list item, fence, row), because nobody says whether
    a line break inside of a paragraph is kept.
    """

    tables = True
    quote = grey = line = "- {}".format

    def heading(self, row: Row) -> str:
        words = joined(" ", "###", row.state, row.kind, row.times, row.extent, row.id, row.release)
        return joined(": ", words, row.why)

    def rows(self, rows: Sequence[Row], header: str) -> list[str]:
        if not rows:
            return []
        names = header.split()
        return [_cells(names), "|---" * len(names) + "|", *map(self._cells, rows)]

    def _cells(self, row: Row) -> str:
        count = joined(" · ", joined(" ", row.times, row.extent), row.history)
        kind = joined(" ", row.kind, row.id, row.release)
        return _cells((row.state, kind, count, row.place and self.code(row.place)))


DIALECTS: dict[MsgType, Markdown] = {
    "markdown": Markdown(),
    "text": Text(),
    "markdown_v2": MarkdownV2(),
    "card": Text(),
}


class Pen:
    """Makes texts inert and short, and remembers whether anything was lost by it. What it writes
    brings no marker, state word or count of its own."""

    def __init__(self, *, tables: bool = False, plain: bool = False) -> None:
        self._tables = tables
        self._plain = plain
        self.shortened = False

    def lines(self, words: str, max_bytes: int) -> list[str]:
        """A text in lines of its own, a few at most; its start and its end if it is too long."""
        if len(words) <= max_bytes and _INERT.fullmatch(words):
            return [words] if words else []
        lines = [self._inert(line) for line in self._ends(words, max_bytes).splitlines()]
        lines = [line for line in lines if line]
        if len(lines) > _LINES:
            rest = (line.lstrip(_BULLETS) for line in lines[_LINES - 1 :])
            lines[_LINES - 1 :] = [self._inert(" · ".join(rest))]
        inert = "\n".join(lines)
        cut = text.shorten_middle(inert, max_bytes, head=0.6)
        if cut == inert:
            return lines
        return [self._shortened(line) for line in cut.split("\n") if line]

    def say(self, words: str, max_bytes: int) -> str:
        """`lines` in one line."""
        return " · ".join(self.lines(words, max_bytes))

    def start(self, words: str, max_bytes: int) -> str:
        """The start of a text, in one line."""
        if len(words) <= max_bytes and _INERT.fullmatch(words):
            return words
        inert = self._inert(self._ends(words, max_bytes))
        cut = text.cut_bytes(inert, max_bytes)
        return inert if cut == inert else self._shortened(whole_words(inert, cut))

    def within(self, words: str, width: int) -> str:
        """The start of a text in so many columns, without a part of a word."""
        inert = self.start(words, _WIDE)
        if len(inert) <= width and inert.isascii():
            return inert
        cut = whole_words(inert, text.cut_columns(inert, width))
        # Characters without width would be free of charge: bytes bound them.
        cut = text.cut_bytes(cut, 3 * max(width, 0))
        return inert if cut == inert else self._shortened(cut)

    def name(self, words: str, max_bytes: int) -> str:
        """Start and end of a type or a name."""
        if len(words) <= max_bytes and _INERT.fullmatch(words):
            return words
        inert = self._inert(self._ends(words, _LONG_NAME))
        cut = text.shorten_middle(inert, max_bytes)
        return inert if cut == inert else self._shortened(cut)

    def place(self, words: str, max_bytes: int) -> str:
        """Start and end of a place or a source line, to stand in a code span."""
        if len(words) <= max_bytes and _INERT.fullmatch(words):
            return words
        inert = self._inert(self._ends(words, _LONG_NAME), text.code)
        cut = text.shorten_middle(inert, max_bytes)
        self.shortened |= cut != inert
        return cut

    def _ends(self, words: str, max_bytes: int) -> str:
        """No more of a text than may be needed: what is invisible in it takes room as well."""
        most = max_bytes + 400
        if len(words) <= 2 * most:
            return words
        self.shortened = True
        return f"{words[:most]} {text.ELLIPSIS} {words[-most:]}"

    def _inert(self, words: str, neutral: Callable[..., str] = text.neutralise) -> str:
        words = words if words.isascii() else words.translate(_MARKERS)
        if self._plain:
            inert = text.plain(words, newline=" · ")
        else:
            inert = neutral(words, newline=" · ", table=self._tables)
        return _OURS.sub(lambda ours: f"{ours[1]}‹{ours[2]}›", inert)

    def _shortened(self, cut: str) -> str:
        """What is left of an inert text, whose new end may have become markup."""
        self.shortened = True
        return self._inert(cut)


def whole_words(inert: str, cut: str) -> str:
    """`cut` without the part of a word at its end, unless that is a long one."""
    kept = cut.removesuffix(text.ELLIPSIS)
    if kept == cut:
        return cut
    start, _, part = kept.rpartition(" ")
    word = part + inert[len(kept) :].partition(" ")[0]
    is_cut = inert[len(kept) :][:1].isalnum() and part.isascii()
    if is_cut and len(word) <= _LONG_WORD and len(start) >= _LONG_WORD // 2:
        kept = start
    return f"{kept.rstrip(_LOOSE)}{text.ELLIPSIS}"


def _cells(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
