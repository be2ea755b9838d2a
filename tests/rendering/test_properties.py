"""Whatever a digest holds, its message keeps to the rules that a reader relies on."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from wecom_logging._model.digest import ByFallback, Digest, Identity, Outage, Report, State
from wecom_logging._model.links import Link
from wecom_logging._model.text import columns
from wecom_logging._rendering import Rendered, Shape, Style, render, report_text
from wecom_logging._rendering.context import RenderContext
from wecom_logging._rendering.dialects import Pen
from wecom_logging._rendering.folding import sections_of
from wecom_logging._rendering.labels import LABELS

NOW = 1772603006.0
ZONE = timezone(timedelta(hours=8))
LINKS = (
    (),
    (Link("", "https://logs/?q={request_id}&t={type}&f={from}"),),
    (Link("logs", "https://l/{type}?{logger}"), Link("手册", "https://l/{id}{to}")),
)
SHAPES: tuple[Shape, ...] = ("full", "short", "text", "bare")

HOSTILE = (
    "×3 **bold** `code` <font color='info'>x</font> [a](http://evil)",
    "```\n# heading\n> quote\n- item\n| a | b |\n|---|---|\n",
    "<@everyone> @all <a href='http://evil'>x</a> &#42; \\* foo_",
    "\ud800 \udfff \u202e\u200b\x1b[31m\x00\r\n\t",
    "e\u0301\u0301\u0301" * 40 + "👨‍👩‍👧‍👦🇨🇳👍🏽",
    "付款失败：网关超时，请稍后再试。" * 20,
    "×××`" * 300,
    "🔴 shop prod · 9 errors\n**NEW** Fake ×9 #12345\nOVER\n> 已平息 新出现 Fake\n🔶⚪✅🟢",
    "NEW",
    "2026-03-04 14:03:11 ERROR [a] " * 50,
    "](" * 200,
    "x" * 500,
    "`",
    "*",
    "",
)

texts = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=40),
    st.builds("{}{}".format, st.sampled_from(HOSTILE), st.text(max_size=10)),
    st.sampled_from(("KeyError", "pay/gateway.py Gateway.post", "shop.stock", "order 8 failed")),
)
odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
frames = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "filename": texts | odd,
            "lineno": st.integers(-1, 10**6) | odd,
            "name": texts | odd,
            "line": texts | odd,
            "library": st.booleans() | odd,
            "locals": odd,
        },
    )
    | odd,
    max_size=6,
)
failures = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "exc_type": texts | odd,
            "exc_value": texts | odd,
            "exc_notes": odd,
            "syntax_error": odd,
            "is_cause": st.booleans(),
            "frames": frames,
            "is_group": st.booleans(),
            "exceptions": st.lists(st.lists(st.fixed_dictionaries({"exc_type": texts})), max_size=3)
            | odd,
        },
    ),
    max_size=4,
)
events: st.SearchStrategy[Any] = (
    st.fixed_dictionaries(
        {},
        optional={
            "event": texts | odd,
            "exception": failures | odd,
            "pathname": texts,
            "lineno": odd,
            "func_name": texts,
            "breadcrumbs": st.lists(st.dictionaries(texts, odd, max_size=2), max_size=3) | odd,
            "request_id": texts,
            "path": texts,
            "task": texts,
            "user": odd,
            "left_out": texts,
        },
    )
    | odd
)
identities = st.builds(
    Identity,
    id=st.text("0123456789abcdef", min_size=16, max_size=16)
    | st.sampled_from(("others", "others-critical")),
    logger=texts,
    level=st.sampled_from(("error", "critical", "warning")) | texts,
    type=texts,
    place=texts,
    template=texts | st.just("varying messages"),
    cause=st.sampled_from(("", "", "c1", "c2")),
    from_text=st.booleans(),
    text=st.just("") | texts,
)
moments = st.floats(NOW - 90000, NOW) | st.floats()
counts = st.integers(0, 2000)


@st.composite
def reports(draw: st.DrawFn) -> Report:
    states: tuple[State, ...] = ("new", "again", "still", "over")
    state = draw(st.sampled_from(states))
    return Report(
        identity=draw(identities),
        state=state,
        count=0 if state == "over" else draw(st.integers(1, 10**6)),
        doubtful=draw(st.integers(0, 3)),
        total=draw(counts),
        since=draw(moments),
        last=draw(moments),
        before=(draw(counts), draw(st.floats(0, 4000))),
        span=draw(st.floats(0, 4000)),
        news=draw(st.booleans()),
        hosts=tuple(draw(st.lists(texts, max_size=3))),
        samples=tuple(draw(st.lists(events, max_size=2))),
        short_id=draw(st.sampled_from(("", "40871", "40871?"))),
        left=draw(st.integers(0, 3)),
        earlier=draw(counts),
        earliest=draw(moments),
        last_before=draw(moments),
    )


digests = st.builds(
    Digest,
    id=st.text("0123456789abcdef", min_size=16, max_size=16),
    reports=st.lists(reports(), max_size=8).map(tuple),
    now=st.just(NOW),
    outage=st.none() | st.builds(Outage, since=moments, reason=texts),
    lost=st.integers(0, 100),
    quiet=st.none() | st.tuples(moments, moments),
    by_fallback=st.none()
    | st.builds(ByFallback, since=moments, until=moments, errors=st.integers(1, 99), name=texts),
)
styles = st.builds(
    Style,
    app=texts,
    environment=texts,
    release=texts,
    started=st.sampled_from((0.0, NOW - 100, NOW - 10000)),
    language=st.sampled_from(("en", "zh")),
    msgtype=st.sampled_from(("markdown", "text", "markdown_v2")),
    max_bytes=st.sampled_from((2048, 4096)),
    timezone=st.just(ZONE) | st.none(),
    links=st.sampled_from(LINKS),
    card=st.none(),
)


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(digest=digests, style=styles, shape=st.sampled_from(SHAPES), file=st.booleans())
def test_every_message_keeps_the_rules(
    digest: Digest, style: Style, shape: Shape, file: bool
) -> None:
    """Bytes, counts, first line and markup, for any text in any place."""
    check(render(digest, style, shape=shape, file_follows=file), digest, style, shape)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(digest=digests, style=styles)
def test_the_file_can_always_be_written(digest: Digest, style: Style) -> None:
    """The report names every group and is valid UTF-8 without anything invisible."""
    content = report_text(digest, style)
    content.encode()
    assert all(line.isprintable() for line in content.split("\n"))
    for item in sections_of(digest)[0]:
        for report in item.reports:
            assert report.shown_id in content


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("msgtype", ["markdown", "text", "markdown_v2"])
@pytest.mark.parametrize("hostile", [*HOSTILE, "付×x" * 30000], ids=range(len(HOSTILE) + 1))
def test_hostile_text_in_every_place(hostile: str, msgtype: Any, shape: Shape) -> None:
    """One hostile text everywhere at once, in every dialect."""
    digest = hostile_digest(hostile)
    style = Style(hostile, hostile, hostile, NOW - 60, msgtype=msgtype, links=LINKS[-1])
    check(render(digest, style, shape=shape), digest, style, shape)


def hostile_digest(hostile: str) -> Digest:
    failure = {
        "exc_type": hostile,
        "exc_value": f"value {hostile}",
        "exc_notes": [hostile],
        "frames": [{"filename": hostile, "lineno": 3, "name": hostile, "line": hostile}],
        "syntax_error": {"filename": hostile, "lineno": 3, "line": hostile},
    }
    event = {
        "event": hostile,
        "exception": [failure, {**failure, "is_cause": True}],
        "breadcrumbs": [{"time": hostile, "level": hostile, "event": hostile}],
        "request_id": hostile,
        hostile or "k": hostile,
        "method": hostile,
        "path": hostile,
        "task": hostile,
        "left_out": hostile,
        "runbook": f"https://r/{hostile}",
    }
    known = Identity("7f3a" * 4, hostile, "error", hostile, hostile, hostile)
    plain = Identity("e07b" * 4, hostile, "error", "", hostile, hostile)
    return Digest(
        "5c1e" * 4,
        tuple(
            Report(
                identity=identity._replace(id=f"{n:016x}"),
                state="new",
                count=n + 1,
                doubtful=1,
                total=n + 1,
                since=NOW,
                last=NOW,
                before=(0, 0.0),
                span=1.0,
                news=True,
                hosts=(hostile, "web-2"),
                samples=(event,),
            )
            for n, identity in enumerate((known, plain, known, plain))
        ),
        NOW,
        Outage(NOW - 100, hostile),
    )


@pytest.mark.parametrize("msgtype", ["markdown", "text", "markdown_v2"])
def test_a_thousand_groups(msgtype: Any) -> None:
    """Counts add up, and the first group is still told at length."""
    digest = thousand_groups()
    style = Style("shop", "prod", msgtype=msgtype)
    rendered = render(digest, style)
    check(rendered, digest, style, "full")
    assert "+999 kinds" in rendered.message.content.splitlines()[0]
    assert "it broke" in rendered.message.content
    assert rendered.kinds_left_out > 900


def test_the_foot_in_the_line_of_facts_is_counted() -> None:
    """Whatever the length of a text, at the last byte too."""
    digest = thousand_groups()
    one = digest.reports[0]
    for length in range(1876, 1900):
        text = "".join(chr(97 + i % 26) for i in range(length))
        report = replace(one, samples=({"event": text, "request_id": "ab12"},))
        style = Style("shop", "prod", msgtype="text")
        alone = digest._replace(reports=(report,))
        check(render(alone, style), alone, style, "full")


def thousand_groups() -> Digest:
    sample = {"event": "it broke", "exception": [{"exc_type": "Boom", "exc_value": "bad"}]}
    return Digest(
        "5c1e" * 4,
        tuple(
            Report(
                identity=Identity(f"{n:016x}", "shop", "error", f"Type{n}Error", f"m{n}.py f"),
                state="new",
                count=2000 - n,
                doubtful=0,
                total=2000 - n,
                since=NOW,
                last=NOW,
                before=(0, 0.0),
                span=1.0,
                news=True,
                hosts=("web-1",),
                samples=(sample,),
            )
            for n in range(1000)
        ),
        NOW,
    )


def check(rendered: Rendered, digest: Digest, style: Style, shape: Shape) -> None:
    content = rendered.message.content
    expected = sum(report.count for report in digest.reports)
    assert len(content.encode()) <= budget(style, shape)
    assert counted(content) == expected
    check_first_line(content.split("\n")[0], expected, style)
    check_markup(content, rendered.message.msgtype)
    check_shown(content, rendered, digest, style, shape)
    assert content.removesuffix("</font>").endswith(digest.message_id)


def budget(style: Style, shape: Shape) -> int:
    if shape == "full":
        return style.max_bytes
    return (style.max_bytes if shape == "short" else 2048) // 2


def counted(content: str) -> int:
    return sum(int(n.replace(",", "")) for n in re.findall(r"×([\d,]+)", content))


def check_first_line(line: str, expected: int, style: Style) -> None:
    assert line[0] in "🔴🔶✅⚪"
    assert columns(line) <= 64
    words = "次" if style.language == "zh" else " error"
    assert f"{expected:,}{words}" in line
    assert not re.search(r"\*\*|`|<font|\]\(", line)


def check_markup(content: str, msgtype: str) -> None:
    assert not re.search("[\u200b-\u200f\u202a-\u202e\x00-\x09\x0b-\x1f]", content)
    links = re.findall(r"\[(?:logs|查看日志|runbook|手册)\]\([^()\s<>`]+\)", content)
    assert msgtype == "text" or content.count("](") == len(links)
    fence = False
    for line in content.split("\n"):
        if msgtype == "markdown_v2" and line == "```":
            fence = not fence
            continue
        if msgtype == "text":  # where markup is text
            assert not re.search(r"<(?:/?a\b|@)", line)
            continue
        marks = line.count("`"), line.count("**"), line.count("*")
        if fence:
            assert marks == (0, 0, 0)
        assert marks[0] % 2 == marks[1] % 2 == 0
        assert marks[2] == 2 * marks[1]
        assert len(re.findall("<[A-Za-z/!?@]", line)) == 2 * line.count("</font>")
        assert line.count('<font color="comment">') == line.count("</font>")
    assert not fence


def check_voice(content: str, items: int) -> None:
    """One marker, and a state word for each group that is shown: nothing logged brings any."""
    assert [char for char in content if char in "🔴🟠🟡🟢🔶✅⚪"] == [content[0]]
    start = r"(?:[>│-] |### |\| )?(?:\*\*)?"
    states = [(*labels.states.values(), labels.recovered) for labels in LABELS.values()]
    words = "|".join(word for found in states for word in found)
    assert len(re.findall(rf"(?m)^{start}(?:{words})\b", content)) == items


def check_shown(
    content: str, rendered: Rendered, digest: Digest, style: Style, shape: Shape
) -> None:
    """Type and place of every group that is drawn are there, if shortened in the middle."""
    if shape == "bare":
        silent = [r.identity._replace(template="", text="") for r in digest.reports]
        reports = zip(digest.reports, silent, strict=True)
        digest = digest._replace(
            reports=tuple(replace(r, identity=one, samples=()) for r, one in reports)
        )
    shown = list(RenderContext.of(digest, style).sections)  # times as they are shown
    left_out = rendered.kinds_left_out
    while left_out:
        left_out -= len(shown.pop().reports)
    check_voice(content, len(shown))
    pens = Pen(), Pen(tables=True), Pen(plain=True)
    for item in shown:
        place = item.places(1)[0][1]
        assert any(pen.name(item.type, 64) in content for pen in pens)
        assert any(pen.place(place, 96) in content for pen in pens)
