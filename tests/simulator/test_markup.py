"""Texts look as they do in WeCom, and nothing in them becomes more than text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wecom_logging.simulator import Switches
from wecom_logging.simulator.markup import Markdown, Tree, markdown_v2, node, render, text


def p(*children: Any) -> Any:
    return node("p", list(children))


def words(tree: Tree) -> str:
    """All text of a tree."""
    return "".join(each if isinstance(each, str) else words(each["c"]) for each in tree)


@pytest.mark.parametrize(
    ("line", "children"),
    [
        ("plain", ["plain"]),
        ("**bold** on", [node("b", ["bold"]), " on"]),
        ("`a **b**`", [node("code", ["a **b**"])]),
        ("[t](http://x)", [node("a", ["t"], href="http://x")]),
        (
            '<font color="warning">a **b**</font>',
            [node("font", ["a ", node("b", ["b"])], colour="warning")],
        ),
        ("**a `b`**", [node("b", ["a ", node("code", ["b"])])]),
        # what WeCom does not know stays as it is
        ("#no space", ["#no space"]),
        ("- item", ["- item"]),
        ("*italic* ~~gone~~", ["*italic* ~~gone~~"]),
        ("** no **", ["** no **"]),
        ("<b>x</b><br/>", ["<b>x</b><br/>"]),
        ('<font color="red">x</font>', ['<font color="red">x</font>']),
        ('<font color="#ff0000">x</font>', ['<font color="#ff0000">x</font>']),
        (r"\*\*x", [r"\*\*x"]),
        ("|a|b|", ["|a|b|"]),
        ("---", ["---"]),
        ("![i](http://x/y.png)", ["!", node("a", ["i"], href="http://x/y.png")]),
        ("<@LiSi>", ["<@LiSi>"]),
        ("http://bare.example", ["http://bare.example"]),
    ],
)
def test_lines_of_markdown(line: str, children: list[object]) -> None:
    assert Markdown(Switches()).render(line) == [p(*children)]


def test_headings_and_quotes() -> None:
    tree = Markdown(Switches()).render("# a\n###### b\n> c\n>d\ne\n\n> f")
    assert tree == [
        node("h1", ["a"]),
        node("h6", ["b"]),
        node("quote", [p("c"), p("d")]),
        p("e"),
        p(),
        node("quote", [p("f")]),
    ]


def test_undocumented_markup_is_a_switch() -> None:
    on = Markdown(Switches(italic=True, hex_colours=True, escapes=True))
    assert on.inline("*a* b") == [node("i", ["a"]), " b"]
    assert on.inline('<font color="#00ff00">x</font>') == [node("font", ["x"], colour="#00ff00")]
    assert on.inline(r"\`x\`") == ["`", "x", "`"]


def test_mentions_belong_to_robots() -> None:
    shown = {"content": "hello <@LiSi>"}
    mention = [p("hello ", node("mention", ["LiSi"]))]
    for msgtype in ("text", "markdown"):
        assert render(msgtype, shown, Switches(), robot=True) == mention
        assert render(msgtype, shown, Switches(), robot=False) == [p("hello <@LiSi>")]


def test_text_has_lines_and_links() -> None:
    assert text('a <a href="http://x">b</a>\nhttp://y, **c**') == [
        p("a ", node("a", ["b"], href="http://x")),
        p(node("a", ["http://y,"], href="http://y,"), " **c**"),
    ]


def test_text_cards_have_three_classes() -> None:
    shown = {"description": '<div class="gray">a</div>b<br><b>c</b><div class="x">d</div>'}
    assert render("textcard", shown, Switches(), robot=False) == [
        node("gray", ["a"]), "b", node("br", []), '<b>c</b><div class="x">d</div>',
    ]  # fmt: skip


def test_markdown_v2_has_tables_lists_code_and_no_html() -> None:
    tree = markdown_v2("|a|\n|-:|\n|<b>|\n\n```py\nx\n```\n- *i*\n\n![p](http://x)\n\n---\n<hr>")
    parts: list[Any] = tree
    table, code, bullets, image, rule, html = parts
    cell = table["c"][1]["c"][0]["c"][0]
    assert cell == node("td", ["<b>"], align="right")
    assert code == node("pre", ["x"], language="py")
    assert bullets == node("ul", [node("li", [p(node("i", ["i"]))])])
    assert image == p(node("image", ["p"], href="http://x"))
    assert rule == node("hr", [])
    assert html == p("<hr>")


@given(st.text(alphabet=st.sampled_from('*`[]()<>#\n \\@/"=font color:ax汉'), max_size=200))
def test_no_text_is_lost_and_all_is_plain_data(content: str) -> None:
    for switches in (Switches(), Switches(italic=True, escapes=True, hex_colours=True)):
        tree = Markdown(switches, mentions=True).render(content)
        letters = [each for each in words(tree) if each == "汉"]
        assert len(letters) <= content.count("汉")
        json.dumps(tree)
    json.dumps(markdown_v2(content))
    assert words(text(content)).count("汉") <= content.count("汉")
