"""Plain functions on untrusted text: make it inert, and make it fit.

WeCom's markdown has no escape mechanism, so what could become markup is changed into
characters that look alike: `**` into `∗∗`, `<module>` into `‹module›`. Limits are bytes of
UTF-8, headlines are columns of a phone; both are cut between characters as people see them.

Everything here takes time in proportion to the text, whoever wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from unicodedata import category, east_asian_width

from wecom_logging._runtime import lazy

ELLIPSIS = "…"

# --- what is not there to be seen ----------------------------------------------------

# String sequences (titles, hyperlinks) are taken only with their end: without it, a lone
# introducer could make the rest of a text disappear. A stray ESC goes in any case, so
# that what is left cannot join up to a new sequence.
_ANSI = lazy.regex(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|\x1b(?:[ -/]+[0-~]|[0-OQ-WYZ`-~])?"
    r"|\x9b"
)

_SURROGATE = lazy.regex("[\ud800-\udfff]")

# Control characters that are no white space, Unicode's Default_Ignorable_Code_Point
# (bidirectional controls, zero-width characters, fillers, variation selectors, tags),
# interlinear annotation and the format controls of hieroglyphs.
_INVISIBLE = lazy.regex(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)

#: More combining marks than this on one character only serve to draw over other lines.
_MAX_MARKS = 4
# Combining marks are no word characters: a cheap way to find where they could pile up.
_MAYBE_MARKS = lazy.regex(rf"[^\w\s\x00-\x7f]{{{_MAX_MARKS + 1},}}")


def strip_ansi(text: str) -> str:
    """`text` without terminal colours and other escape sequences."""
    return _ANSI.sub("", text) if "\x1b" in text or "\x9b" in text else text


def strip_hidden(text: str) -> str:
    """`text` as it is going to be seen: nothing that hides in it may hide a secret."""
    if text.isascii() and text.isprintable():
        return str.__str__(text)  # a subclass may say something else when it is formatted
    return _INVISIBLE.sub("", strip_ansi(text))


def _encodable(text: str) -> str:
    """`text` with U+FFFD for lone surrogates, which UTF-8 cannot hold."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub("\ufffd", text)
    return text


def _is_mark(char: str) -> bool:
    return char > "\u02ff" and category(char)[0] == "M"


def _cap_marks(run: re.Match[str]) -> str:
    kept, marks = [], 0
    for char in run[0]:
        marks = marks + 1 if _is_mark(char) else 0
        if marks <= _MAX_MARKS:
            kept.append(char)
    return "".join(kept)


def _one_visible_line(text: str, newline: str) -> str:
    """All that can be seen of `text`, on one line, in the order in which it stands there."""
    text = strip_hidden(_encodable(text)).replace("\u2800", " ")
    lines = (" ".join(line.split()) for line in text.splitlines())
    text = _MAYBE_MARKS.sub(_cap_marks, newline.join(filter(None, lines)))
    # A leading mark would be drawn on whatever our own markup ends with.
    return f"◌{text}" if text and _is_mark(text[0]) else text


# --- what could become markup --------------------------------------------------------

# Anywhere in a text. Multiplication signs go because `×n` is how our messages count.
_COUNTS = str.maketrans(dict.fromkeys("×✕✖⨉⨯", "x"))
_LOOK_ALIKE = str.maketrans({"*": "∗", "`": "'"}) | _COUNTS
# A tag, mention or autolink begins like this; at the end, our own text may follow.
_ANGLE = lazy.regex(r"[-=]>|<(?=[A-Za-z/!?@]|$)|>")
# An entity would be decoded, possibly to something that _INVISIBLE has just removed.
_ENTITY = lazy.regex(r"&(?=#?\w{1,32};)")

_STRIKE = lazy.regex(r"~{2,}")
# Only an underscore that follows a word and precedes none ends emphasis. Without an end
# there is no beginning either, so that `_id`, `foo_bar` and most URLs stay as they are.
_EMPHASIS_END = lazy.regex(r"(?<=[^\s_])_+(?!\w)")
# A backslash escapes the punctuation after it, which at the end would be our own.
_ESCAPE = lazy.regex(r"\\(?=[!-/:-@\[-`{-~]|$)")

# What makes a line a heading, quote, list item, rule, underline of a heading, row of a
# table or definition of a link. The last character of the match is the one to change.
_LINE_START = lazy.regex(
    r"#(?=#{0,5}(?:\s|$))"
    r"|>"
    r"|[-+](?=\s|$)"
    r"|\d{1,9}[.)](?=\s|$)"
    r"|[-:|](?=[-:|\s]*$)"
    r"|=(?==*\s*$)"
    r"|_(?=[_\s]*$)"
    r"|\[[^\]]*\]:"
)
_LINE_START_LOOK_ALIKE = {
    "#": "＃", ">": "›", "-": "‐", "+": "＋", ".": "．", ")": "）",
    ":": "：", "|": "¦", "=": "＝", "_": "ˍ",
}  # fmt: skip


#: Words with single blanks between them, which most names and many messages are: nothing in
#: such a text could become markup, and looking for it takes fifty times as long.
PLAIN = (
    r"(?!\d+[.)](?:\s|$))[#'\"(]?[A-Za-z0-9][A-Za-z0-9.,:;/='\"()!?%$@{}+-]*"
    r"(?:(?: |_(?=[A-Za-z0-9]))[A-Za-z0-9.,:;/='\"()!?%$@{}+-]+)*"
)


def neutralise(text: str, *, newline: str = " ⏎ ", table: bool = False) -> str:
    """One line of plain text that means nothing to WeCom: neither markdown, markdown_v2 nor text.

    No link, image, mention, colour, heading, quote, list, emphasis, code, entity or count
    (`×3`) comes out of it, and nothing that hides or reorders what stands there. A bare URL
    stays. Doing it twice changes nothing more. The text grows at most fourfold in UTF-8.

    `newline` stands for line breaks, however many in a row; in a `table`, `|` is markup as well.
    """
    text = _without_inline_markup(_one_visible_line(text, newline))
    text = _without_line_markup(_ESCAPE.sub("∖", text))
    text = _EMPHASIS_END.sub(lambda run: "ˍ" * len(run[0]), text)
    text = _STRIKE.sub(lambda run: "∼" * len(run[0]), text)
    return text.replace("|", "¦") if table else text


def code(text: str, *, newline: str = " ⏎ ", table: bool = False) -> str:
    """The inside of an inline code span: like `neutralise`, but nearer to the original.

    Inside of a code span underscores, tildes, backslashes and the start mean nothing. A
    backslash at the end is changed all the same: not every parser is sure about it.
    """
    text = _without_inline_markup(_one_visible_line(text, newline))
    text = text[:-1] + "∖" if text.endswith("\\") else text
    return text.replace("|", "¦") if table else text


# All that means anything to a client in a message of type "text".
_LINK_OR_MENTION = lazy.regex(r"<(?=/?[aA](?:[\s>]|$)|@|/?$)")


def plain(text: str, *, newline: str = " ⏎ ") -> str:
    """One line for a message of type "text", where markup is text: nothing in it is a link, a
    mention or a count, and nothing hides or reorders what stands there."""
    return without_links(_one_visible_line(text, newline)).translate(_COUNTS)


def without_links(text: str) -> str:
    """`text` without what a client takes for a link or mention in a message of type "text"."""
    return _LINK_OR_MENTION.sub("‹", text)


def _without_inline_markup(text: str) -> str:
    text = text.translate(_LOOK_ALIKE).replace("](", "] (")
    return _without_tags(_ENTITY.sub("＆", text))


def _without_tags(text: str) -> str:
    """`<module>` as `‹module›`; arrows and comparisons with a space stay."""
    if "<" not in text:
        return text
    depth = 0

    def look_alike(sign: re.Match[str]) -> str:
        nonlocal depth
        if sign[0] == "<":
            depth += 1
            return "‹"
        if sign[0] == ">" and depth:
            depth -= 1
            return "›"
        return sign[0]

    return _ANGLE.sub(look_alike, text)


def _without_line_markup(text: str) -> str:
    start = _LINE_START.match(text)
    if not start:
        return text
    last = start.end() - 1
    return text[:last] + _LINE_START_LOOK_ALIKE[text[last]] + text[last + 1 :]


# --- what fits -----------------------------------------------------------------------

_JOINER = "\u200d"
_EMOJI_STYLE = "\ufe0f"
_SKIN_TONES = "\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
#: A character that is longer than this is no character but a nuisance, and may be cut.
_LONGEST_CHARACTER = 32


def cut_bytes(text: str, max_bytes: int, ellipsis: str = ELLIPSIS) -> str:
    """As much of the start of `text` as fits into `max_bytes` of UTF-8.

    The `ellipsis` counts too; where not even that fits, the result is empty. Lone surrogates
    become U+FFFD. Neutralised text stays inert.
    """
    if len(text) <= max_bytes and text.isascii():
        return text[:max_bytes]
    # No more characters than bytes: a text of megabytes costs what its start does.
    return shorten_middle(text[: max(max_bytes, 0) + 1], max_bytes, ellipsis, head=1.0)


def shorten_middle(
    text: str, max_bytes: int, ellipsis: str = ELLIPSIS, *, head: float = 1 / 3
) -> str:
    """Start and end of `text` within `max_bytes` of UTF-8.

    `head` is the share of the start. The end of places and types says more than their start, as
    in `shop/pay…/gateway.py post`.
    """
    if len(text) <= max_bytes and text.isascii():
        return text
    text = _encodable(text)
    data = text.encode()
    if len(data) <= max_bytes:
        return text
    room = max_bytes - len(ellipsis.encode())
    if room < 0:
        return ""
    first = int(room * head)
    end = len(text) - len(_readable(data[len(data) - (room - first) :]))
    start = _start(text, len(_readable(data[:first])))
    return start + ellipsis + text[_boundary(text, end, 1) :]


def cut_characters(text: str, most: int) -> str:
    """As much of the start of `text` as `most` characters hold, the ellipsis included."""
    if len(text) <= most:
        return text
    return _start(text, most - 1) + ELLIPSIS if most >= 1 else ""


# Each a column wide, wherever it stands, unless a sign that changes its neighbours does too.
_NARROW = lazy.regex("[ -~·…]+")
# The same of two columns: Han, their punctuation, and the signs that our messages begin with.
_WIDE = lazy.regex("[\u3001-\u3011\u4e00-\u9fff\uff01-\uff5e🔴🔶⚪✅]+")


def columns(text: str) -> int:
    """How wide `text` is: 2 for East Asian characters and emoji, 0 for what has no width."""
    if _JOINER in text or _EMOJI_STYLE in text:
        return sum(_widths(text))
    others = _NARROW.sub("", text)
    rest = _WIDE.sub("", others)
    return len(text) + len(others) - 2 * len(rest) + sum(_widths(rest))


def cut_columns(text: str, max_columns: int) -> str:
    """As much of the start of `text` as fits into `max_columns`, the ellipsis included."""
    if len(text) <= 2 * max_columns and columns(text) <= max_columns:
        return text
    room = max_columns - 1
    if _NARROW.fullmatch(text, 0, max_columns + 1):
        return _start(text, room) + ELLIPSIS if room >= 0 else ""
    end = used = 0
    for index, width in enumerate(_widths(text)):
        used += width
        if used <= room:
            end = index + 1
        if used > max_columns:
            return _start(text, end) + ELLIPSIS if room >= 0 else ""
    return text


def _readable(data: bytes) -> str:
    """The whole characters in a slice of UTF-8, whose ends may have cut one."""
    return data.decode(errors="ignore")


def _start(text: str, end: int) -> str:
    """What to keep of `text` up to about `end`, such that an ellipsis may follow.

    Neutralised text must stay inert: the underscore of `foo_bar` would end emphasis if
    an ellipsis came after it.
    """
    return text[: _boundary(text, end, -1)].rstrip("_")


def _boundary(text: str, index: int, step: int) -> int:
    """The nearest place from `index` in the direction `step` that is between characters."""
    place = index
    while 0 < place < len(text) and _inside_character(text, place):
        place += step
        if abs(place - index) > _LONGEST_CHARACTER:
            return index
    return place


def _inside_character(text: str, index: int) -> bool:
    """Whether what people see as one character goes on from before `index` to after it."""
    before, after = text[index - 1], text[index]
    if _is_flag_half(before) and _is_flag_half(after):
        halves = index
        while halves and _is_flag_half(text[halves - 1]):
            halves -= 1
        return (index - halves) % 2 == 1
    return before == _JOINER or _extends(after)


def _extends(char: str) -> bool:
    """Whether `char` belongs to the one before: marks, joiners, skin tones, tags, jamo."""
    return (
        _is_mark(char)
        or char in "\u200c\u200d"
        or char in _SKIN_TONES
        or "\U000e0020" <= char <= "\U000e007f"
        or "\u1160" <= char <= "\u11ff"
    )


def _is_flag_half(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _widths(text: str) -> Iterator[int]:
    """The columns that each character adds."""
    before, width = "", 0
    for char in text:
        if char == _EMOJI_STYLE:
            # The same sign as a picture: ⚠ is narrow, ⚠️ is not.
            width = 1 if width == 1 else 0
        elif before == _JOINER or char in _SKIN_TONES:
            width = 0
        else:
            width = _width(char)
        yield width
        before = char


def _width(char: str) -> int:
    if char.isascii() and char.isprintable():
        return 1
    if _extends(char) or category(char) in {"Cc", "Cf"}:
        return 0
    return 2 if east_asian_width(char) in "WF" else 1


# -- texts of others in texts of ours: WeCom's `errmsg`, a server's status line -----------------

#: Characters of such a text that are shown.
MOST = 200


def one_line(text: str, most: int = MOST) -> str:
    """One line of at most so many characters that can be printed to a terminal."""
    line = " ".join(text[: 10 * most].split())
    line = "".join(char if char.isprintable() else "�" for char in line[: most + 1])
    return line if len(line) <= most else line[: most - 1] + "…"
