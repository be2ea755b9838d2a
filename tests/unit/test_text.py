"""Text: what is neutralised means nothing to any dialect; what is cut fits and stays whole."""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from wecom_logging._model.text import (
    PLAIN,
    code,
    columns,
    cut_bytes,
    cut_columns,
    neutralise,
    plain,
    shorten_middle,
    strip_ansi,
)

examples = settings(max_examples=100, deadline=None)

#: Pieces that mean something to some client, glued together at random with anything else.
PIECES = [
    "<", ">", "</", "<@", "<font color=\"info\">", "<a href=\"http://x\">", "<!--", "[", "]", "](",
    "(", ")", "[x](http://x)", "![", "]:", "*", "**", "_", "__", "~", "~~", "`", "```", "#", "##",
    "|", "---", "===", "- ", "+ ", "1. ", "2) ", "×", "✖", "3", "３", "\\", "&lt;", "&#8238;", "&",
    "\n", "\r\n", "\u2028", "\x85", "\v", "\f", "\x1c", "\t", " ", "\u3000", "\xa0", "\u2800",
    "\x00", "\x1b", "\x1b[31m", "\x1b]0;t\x07", "\x9b1m", "\u202e", "\u2066", "\u200b", "\u200d",
    "\ufe0f", "\ufeff", "\u00ad", "\u3164", "\uffa0", "\U000e0041", "\ud83d", "\udc00", "\u0301",
    "\u0336", "\u20dd", "字", "错误", "👨‍👩‍👧", "👍🏽", "🇨🇳", "a", "b_c", "x", " a ", ":", "=", "-",
    "!",
]  # fmt: skip
anything = st.lists(
    st.sampled_from(PIECES) | st.text(max_size=5) | st.characters(), max_size=25
).map("".join)

#: markdown_v2 at its most generous, so also everything that v1 could make of a text.
MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def rendered_markup(text: str) -> set[str]:
    """Types of all that a markdown parser sees in `text` besides words."""
    tokens = MARKDOWN.parse(text)
    inline = [child for token in tokens for child in token.children or ()]
    return {t.type for t in [*tokens, *inline]} - {
        "paragraph_open", "paragraph_close", "inline", "text",
    }  # fmt: skip


READABLE = {
    "SELECT * FROM t WHERE a < 3": "SELECT ∗ FROM t WHERE a < 3",
    "__init__() got an unexpected argument": "__initˍˍ() got an unexpected argument",
    "foo_bar and _private": "foo_bar and _private",
    "in <module>": "in ‹module›",
    "<function <lambda> at 0x7f>": "‹function ‹lambda› at 0x7f›",
    "a -> b => c >= d": "a -> b => c >= d",
    "a[0](x)": "a[0] (x)",
    r"C:\dir\file": r"C:\dir\file",
    "支付失败，请重试（超时）": "支付失败，请重试（超时）",
    "https://x.example/a_b?c=d&e=f#g": "https://x.example/a_b?c=d&e=f#g",
    "Traceback:\n  File x\n\n\n    y\r\n": "Traceback: ⏎ File x ⏎ y",
    "call **kwargs `now`": "call ∗∗kwargs 'now'",
    "# heading": "＃ heading",
    "#7f3a": "#7f3a",
    "> quoted": "› quoted",
    "- item": "‐ item",
    "-1 is no item": "-1 is no item",
    "1. item": "1． item",
    "[ERROR]: x": "[ERROR]： x",
    "[ERROR] x": "[ERROR] x",
    "failed ×3 and × ３": "failed x3 and x ３",
    "<font color='warning'>x</font>": "‹font color='warning'›x‹/font›",
    "<@all>": "‹@all›",
    "&lt;b&gt; a&b": "＆lt;b＆gt; a&b",
    "\x1b[31mred\x1b[0m": "red",
    "user\u202egnp.exe": "usergnp.exe",
    "\ud800": "\ufffd",
    "Z" + "\u0336" * 40: "Z" + "\u0336" * 4,
    "\u0336x": "◌\u0336x",
}


@pytest.mark.parametrize(("text", "expected"), READABLE.items())
def test_neutralised_text_stays_readable(text: str, expected: str) -> None:
    assert neutralise(text) == expected


def test_code_stays_nearer_to_the_original() -> None:
    assert code("self.__dict__['a'] = ~b | c  # `d`") == "self.__dict__['a'] = ~b | c # 'd'"
    assert code("return {**a, 'b': 2}") == "return {∗∗a, 'b': 2}"
    assert code("C:\\dir\\") == "C:\\dir∖"


def test_a_cell_of_a_table_has_no_bars() -> None:
    assert neutralise("a|b", table=True) == code("a|b", table=True) == "a¦b"
    assert neutralise("a|b") == code("a|b") == "a|b"


def test_line_breaks_become_what_is_asked_for() -> None:
    assert neutralise("a\nb\r\n\u2029c", newline=" / ") == "a / b / c"


@pytest.mark.parametrize("function", [neutralise, code])
@examples
@given(text=anything)
def test_nothing_significant_is_left(function: Callable[[str], str], text: str) -> None:
    """The checks that no parser is needed for, in both functions."""
    result = function(text)
    assert not re.search(r"\]\(|\*|`|<[A-Za-z/!?@]|&#?\w{1,32};|[×✖]", result)
    assert not any(unicodedata.category(c) in {"Cc", "Cs"} for c in result)
    assert not re.search("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\u3164\ufe0f\U000e0041]", result)
    assert result == result.strip()
    assert "  " not in result
    assert len(result.splitlines()) <= 1
    assert len(result.encode()) <= 4 * len(text.encode("utf-8", "replace"))


@examples
@given(text=anything)
def test_no_markdown_parser_finds_markup_in_neutralised_text(text: str) -> None:
    result = neutralise(text)
    assert rendered_markup(result) == set()
    assert rendered_markup(f"word\n{result}\nword") <= {"softbreak"}
    assert rendered_markup(f"> {result}") == {"blockquote_open", "blockquote_close"}


@examples
@given(one=anything, two=anything)
def test_two_texts_in_one_paragraph_make_no_markup_together(one: str, two: str) -> None:
    assert rendered_markup(f"{neutralise(one)}\n{neutralise(two)}") <= {"softbreak"}


@examples
@given(text=anything)
def test_a_code_span_is_one_code_span(text: str) -> None:
    inside = code(text)
    if inside:
        (spans,) = (token.children for token in MARKDOWN.parse(f"x `{inside}` y") if token.children)
        assert [child.type for child in spans] == ["text", "code_inline", "text"]


@examples
@given(text=anything)
def test_text_that_was_cut_afterwards_is_still_inert(text: str) -> None:
    result = neutralise(text)
    for size in range(3, len(result.encode()), 3):
        assert rendered_markup(cut_bytes(result, size)) == set()
        assert rendered_markup(shorten_middle(result, size)) == set()


@pytest.mark.parametrize("function", [neutralise, code, strip_ansi])
@examples
@given(text=anything)
def test_doing_it_twice_changes_nothing_more(function: Callable[[str], str], text: str) -> None:
    once = function(text)
    assert function(once) == once


@pytest.mark.parametrize("function", [neutralise, code, plain])
@examples
@given(text=st.from_regex(PLAIN, fullmatch=True))
def test_plain_text_is_not_changed(function: Callable[[str], str], text: str) -> None:
    """Who writes it may leave all of these out."""
    assert function(text) == text


def test_escape_sequences_go_and_what_they_do_not_end_stays() -> None:
    assert (
        strip_ansi("\x1b[1;31mERROR\x1b[0m \x1b]8;;http://x\x1b\\link\x1b]8;;\x07") == "ERROR link"
    )
    assert strip_ansi("\x1b]0;all of this would be gone") == "]0;all of this would be gone"
    assert strip_ansi("\x1b\x1b[31m[31m") == "[31m"


WHOLE = {
    "Chinese": "支付失败",
    "combining": "e\u0301" * 4,
    "emoji family": "👨‍👩‍👧" * 2,
    "skin tone": "👍🏽" * 3,
    "emoji style": "⚠\ufe0f" * 3,
    "flags": "🇨🇳🇩🇪🇫🇷",
    "keycap": "1\ufe0f\u20e3" * 3,
    "hangul": "\u1112\u1161\u11ab" * 3,
}


@pytest.mark.parametrize("text", WHOLE.values(), ids=WHOLE)
def test_characters_are_never_cut_in_two(text: str) -> None:
    """At every position: what is kept is a whole number of characters as people see them."""
    for size in range(len(text.encode()) + 2):
        for kept in (cut_bytes(text, size), cut_columns(text, size)):
            start = kept.removesuffix("…")
            assert text.startswith(start)
            assert not start or text[len(start) :] == "" or starts_a_character(text, len(start))


def starts_a_character(text: str, index: int) -> bool:
    """All of WHOLE but the Chinese and the flags repeat one character."""
    if text[0] == "支":
        return True
    length = 2 if text[0] == "🇨" else len(text) // text.count(text[0])
    if text[0] == "👨":
        length = 5
    return index % length == 0


@examples
@given(text=anything, size=st.integers(-1, 80))
def test_cut_text_is_valid_and_within_bytes(text: str, size: int) -> None:
    for function in (cut_bytes, shorten_middle):
        result = function(text, size)
        assert len(result.encode()) <= max(size, 0)
    assert cut_bytes("ab\ud800", 5) == "ab\ufffd"


@examples
@given(text=anything, size=st.integers(0, 60))
def test_cut_text_is_within_columns(text: str, size: int) -> None:
    result = cut_columns(text, size)
    assert columns(result) <= size
    assert result == text if columns(text) <= size else result.endswith("…") or not result


def test_what_fits_is_not_changed() -> None:
    assert cut_bytes("错误", 6) == shorten_middle("错误", 6) == "错误"
    assert cut_columns("错误", 4) == "错误"
    assert cut_bytes("错误", 5) == "…"
    assert cut_bytes("abcdef", 5, ellipsis="") == "abcde"


def test_the_middle_goes_first() -> None:
    assert (
        shorten_middle("shop/payments/providers/gateway.py post", 26) == "shop/pa…/gateway.py post"
    )


@pytest.mark.parametrize(
    ("text", "width"),
    [("abc", 3), ("错误", 4), ("ｆｕ", 4), ("e\u0301", 1), ("🔴", 2), ("⚠", 1), ("⚠\ufe0f", 2),
     ("👨‍👩‍👧", 2), ("👍🏽", 2), ("🇨🇳", 2), ("\u200b\x07", 0), ("🔴 app · 错误：é…", 17)],
)  # fmt: skip
def test_columns(text: str, width: int) -> None:
    assert columns(text) == width


HOSTILE = ["<", "](", "[", "\\", "_", "__a", "*", "&a", "\x1b]", "\x1b[", "e\u0301", "\u0301", "🇨",
           "\n", " ", "\u200d", "|-", "#", "字", "\x1b"]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE, ids=ascii)
@pytest.mark.parametrize(
    "function",
    [neutralise, lambda t: cut_bytes(t, len(t)), lambda t: shorten_middle(t, len(t)), columns,
     lambda t: cut_columns(t, len(t) // 4)],
    ids=["neutralise", "cut_bytes", "shorten_middle", "columns", "cut_columns"],
)  # fmt: skip
def test_time_grows_with_the_text_and_no_faster(
    function: Callable[[str], object], piece: str
) -> None:
    """Eight times the text may take up to 32 times as long: a square would take 64."""

    def seconds(size: int) -> float:
        text = (piece * size)[:size]
        best = float("inf")
        for _ in range(4):
            began = time.thread_time()
            function(text)
            best = min(best, time.thread_time() - began)
        return best

    assert seconds(65536) < 32 * max(seconds(8192), 1e-4)
