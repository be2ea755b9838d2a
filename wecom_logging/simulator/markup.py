"""Message texts as trees of plain data, the way WeCom's clients would show them.

A tree is a list of nodes; a node is a string, which is text and nothing else, or a
dictionary with the tag `t`, the children `c` and few attributes. A page builds elements
from the tags it knows and never sees markup, so that no message can bring any along.

What WeCom's first markdown does not know stays literal. Its second one is close to
CommonMark with tables, and is parsed by markdown-it with HTML switched off.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from wecom_logging.simulator.config import Switches

if TYPE_CHECKING:
    from markdown_it.token import Token

Node = str | dict[str, Any]
Tree = list[Node]

_COLOURS = ("info", "comment", "warning")
_HEADING = re.compile(r"(#{1,6}) +(.*)")
_URL = re.compile(r"https?://[^\s<>\"'，。；、）】]+")
_LINK = re.compile(r"<a\s+href\s*=\s*[\"']([^\"'<>]*)[\"'][^<>]*>(.*?)</a>", re.DOTALL)
_DIV = re.compile(r"<div class=[\"'](gray|highlight|normal)[\"']>(.*?)</div>|<br\s*/?>", re.DOTALL)
_MENTION = re.compile(r"<@([^<>\s]{1,64})>")


def node(tag: str, children: Tree, **attributes: Any) -> Node:
    return {"t": tag, "c": children, **attributes}


def render(msgtype: str, shown: Mapping[str, Any], switches: Switches, *, robot: bool) -> Tree:
    """The tree of a message whose content is one text; [] for cards, news and files."""
    content = str(shown.get("content") or "")
    if msgtype == "text":
        return text(content, mentions=robot)
    if msgtype == "markdown":
        return Markdown(switches, mentions=robot).render(content)
    if msgtype == "markdown_v2":
        return markdown_v2(content)
    if msgtype == "textcard":
        return card_description(str(shown.get("description") or ""))
    return []


def text(content: str, *, mentions: bool = False) -> Tree:
    """A text message: line breaks, `<a href>`, bare addresses, and a robot's mentions."""
    patterns: list[_Rule] = [
        (_LINK, lambda match: node("a", [match[2]], href=match[1])),
        (_URL, lambda match: node("a", [match[0]], href=match[0])),
    ]
    if mentions:
        patterns.append((_MENTION, lambda match: node("mention", [match[1]])))
    return [node("p", _split(line, patterns)) for line in content.split("\n")]


def card_description(content: str) -> Tree:
    """A text card's description: `<br>` and three classes of `<div>`, everything else text."""

    def found(match: re.Match[str]) -> Node:
        return node(match[1], card_description(match[2])) if match[1] else node("br", [])

    return _split(content, [(_DIV, found)])


_Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], Node]]


def _split(content: str, rules: list[_Rule]) -> Tree:
    """Text with each rule's matches replaced, the earliest first."""
    tree: Tree = []
    while content:
        found = [(rule.search(content), make) for rule, make in rules]
        hits = [(match.start(), match, make) for match, make in found if match]
        if not hits:
            break
        start, match, make = min(hits, key=lambda hit: hit[0])
        if start:
            tree.append(content[:start])
        tree.append(make(match))
        content = content[match.end() :]
    return tree + ([content] if content else [])


class Markdown:
    """WeCom's first markdown: six headings, bold, links, code, quotes, three colours."""

    def __init__(self, switches: Switches, *, mentions: bool = False) -> None:
        self._hex = switches.hex_colours
        colour = "|".join(_COLOURS) + (r"|\#[0-9a-fA-F]{6}" if self._hex else "")
        alternatives = [
            r"`(?P<code>[^`\n]+)`",
            r"\*\*(?P<bold>(?=\S).+?(?<=\S))\*\*",
            r"\[(?P<label>[^\[\]\n]+)\]\((?P<url>[^()\s]+)\)",
            rf"<font color=[\"'](?P<colour>{colour})[\"']>(?P<inner>.*?)</font>",
        ]
        if mentions:
            alternatives.append(r"<@(?P<mention>[^<>\s]{1,64})>")
        if switches.italic:
            alternatives.append(r"\*(?P<italic>(?=[^\s*])[^*]+?(?<=\S))\*")
        if switches.escapes:
            alternatives.insert(0, r"\\(?P<escaped>[\\`*_\[\]()<>#])")
        self._inline = re.compile("|".join(alternatives))

    def render(self, content: str) -> Tree:
        """Line by line: no block of this dialect is longer than a line, but quotes join."""
        tree: Tree = []
        quote: Tree = []
        for line in content.replace("\r\n", "\n").split("\n"):
            if line.startswith(">"):
                if not quote:
                    tree.append(node("quote", quote))
                quote.append(node("p", self.inline(line[1:].removeprefix(" "))))
                continue
            quote = []
            heading = _HEADING.fullmatch(line)
            if heading:
                tree.append(node(f"h{len(heading[1])}", self.inline(heading[2])))
            else:
                tree.append(node("p", self.inline(line)))
        return tree

    def inline(self, line: str) -> Tree:
        """One line's text with what this dialect knows inside of it."""
        tree: Tree = []
        place = 0
        for match in self._inline.finditer(line):
            tree.append(line[place : match.start()])
            tree.append(self._element(match))
            place = match.end()
        tree.append(line[place:])
        return [each for each in tree if each != ""]

    def _element(self, match: re.Match[str]) -> Node:
        kind = str(match.lastgroup)
        inner = match[kind]
        if kind == "url":
            return node("a", self.inline(match["label"]), href=inner)
        if kind == "inner":
            return node("font", self.inline(inner), colour=match["colour"])
        if kind in ("bold", "italic"):
            return node(kind[0], self.inline(inner))
        return inner if kind == "escaped" else node(kind, [inner])  # code, mention


_V2_TAGS = {
    "paragraph": "p", "strong": "b", "em": "i", "blockquote": "quote", "bullet_list": "ul",
    "ordered_list": "ol", "list_item": "li", "table": "table", "thead": "thead",
    "tbody": "tbody", "tr": "tr", "th": "th", "td": "td",
}  # fmt: skip


def markdown_v2(content: str) -> Tree:
    """WeCom's second markdown: lists, tables, fenced code, images, rules; no colours."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable("table")
    tree, _ = _nest(parser.parse(content), 0)
    return tree


def _nest(tokens: list[Token], place: int) -> tuple[Tree, int]:
    """The nodes from `place` up to the end of their parent, and where that is."""
    tree: Tree = []
    while place < len(tokens):
        token = tokens[place]
        place += 1
        if token.nesting == -1:
            break
        if token.nesting == 1:
            children, place = _nest(tokens, place)
            tree.append(_container(token, children))
        elif token.type == "inline":
            tree += _nest(token.children or [], 0)[0]
        else:
            tree.append(_leaf(token))
    return tree, place


def _container(token: Token, children: Tree) -> Node:
    name = token.type.removesuffix("_open")
    if name == "heading":
        return node(token.tag, children)
    if name == "link":
        return node("a", children, href=str(token.attrGet("href") or ""))
    if name in ("th", "td"):
        align = str(token.attrGet("style") or "").removeprefix("text-align:")
        return node(name, children, align=align)
    return node(_V2_TAGS.get(name, "p"), children)


def _leaf(token: Token) -> Node:
    if token.type in ("fence", "code_block"):
        return node("pre", [token.content.rstrip("\n")], language=token.info.strip())
    if token.type == "code_inline":
        return node("code", [token.content])
    if token.type == "hr":
        return node("hr", [])
    if token.type in ("softbreak", "hardbreak"):
        return node("br", [])
    if token.type == "image":
        return node("image", [token.content], href=str(token.attrGet("src") or ""))
    return token.content
