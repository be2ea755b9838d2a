"""Template cards: what is on them, within the characters that WeCom shows of each part."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.helpers.rendering_cases import CASES, after_an_outage, crowded, one_error, over, releases
from tests.rendering.test_golden import STYLE, compare
from tests.rendering.test_properties import HOSTILE, digests, hostile_digest, styles
from wecom_logging._model.digest import Digest
from wecom_logging._model.links import Link, MiniProgram
from wecom_logging._rendering import Language, Rendered, Style, render
from wecom_logging._rendering.context import RenderContext
from wecom_logging._rendering.labels import LABELS
from wecom_logging._senders.protocol import APP_CARD, CARD_BYTES, ROBOT_CARD, CardLimits
from wecom_logging.simulator.cards import check_card

LINKS = (
    Link("日志", "https://logs.example/?from={from}&to={to}"),
    Link("the runbook of all payments", "https://wiki.example/{type}"),
    Link("订单", MiniProgram("wx0123456789abcdef", "pages/order?q={request_id}")),
    Link("trace", "https://traces.example/{trace_id}"),
    Link("all", "https://logs.example/{id}"),
)
CARD = STYLE._replace(msgtype="card", links=LINKS, card=APP_CARD)
LIMITS = {"en": APP_CARD, "zh": ROBOT_CARD}


def shown(rendered: Rendered) -> dict[str, Any]:
    assert rendered.message.msgtype == "card"
    card = json.loads(rendered.message.content)
    assert isinstance(card, dict)
    return card


def facts(card: dict[str, Any]) -> dict[str, str]:
    return {row["keyname"]: row["value"] for row in card["horizontal_content_list"]}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_cards(case: Callable[[], Digest], language: Language) -> None:
    """Every case in both languages: to an application in English, to a robot in Chinese."""
    style = CARD._replace(language=language, card=LIMITS[language])
    rendered = render(case(), style, file_follows=case.__name__ == "crowded")
    check(rendered, case(), style)
    pretty = json.dumps(shown(rendered), ensure_ascii=False, indent=2)
    compare(f"{case.__name__}.card.{language}", f"{pretty}\n")


@settings(max_examples=75, deadline=None, suppress_health_check=list(HealthCheck))
@given(digest=digests, style=styles)
@pytest.mark.parametrize("limits", [APP_CARD, ROBOT_CARD])
def test_every_card_keeps_the_rules(limits: CardLimits, digest: Digest, style: Style) -> None:
    style = style._replace(msgtype="card", links=LINKS, card=limits)
    rendered = render(digest, style, file_follows=True)
    if not RenderContext.of(digest, style).sections:
        assert rendered.message.msgtype == "markdown"
        return
    check(rendered, digest, style)


@pytest.mark.parametrize("limits", [APP_CARD, ROBOT_CARD])
@pytest.mark.parametrize("hostile", [*HOSTILE, "付×x" * 30000], ids=range(len(HOSTILE) + 1))
def test_hostile_text_in_every_place_of_a_card(hostile: str, limits: CardLimits) -> None:
    style = CARD._replace(app=hostile, environment=hostile, release=hostile, card=limits)
    check(render(hostile_digest(hostile), style), hostile_digest(hostile), style)


def check(rendered: Rendered, digest: Digest, style: Style) -> None:
    content = rendered.message.content
    assert len(content.encode()) <= CARD_BYTES
    card, limits = shown(rendered), style.card
    assert limits is not None
    check_card(card, robot=limits is ROBOT_CARD, callback=False)
    check_lengths(card, limits)
    errors = sum(report.count for report in digest.reports)
    assert int(card["emphasis_content"]["title"].replace(",", "")) == errors
    check_voice(card, errors)
    assert digest.message_id in card["horizontal_content_list"][-1]["value"]


def check_lengths(card: dict[str, Any], limits: CardLimits) -> None:
    assert len(card["source"]["desc"]) <= limits.source
    assert len(card["main_title"]["title"]) <= limits.title
    assert len(card["main_title"]["desc"]) <= limits.desc
    assert len(card["emphasis_content"]["title"]) <= limits.figure
    assert len(card.get("sub_title_text", "")) <= limits.text
    assert 1 <= len(card["horizontal_content_list"]) <= 6
    for row in card["horizontal_content_list"]:
        assert 1 <= len(row["keyname"]) <= 5
        assert len(row["value"]) <= limits.value
    assert len(card.get("jump_list", ())) <= 3
    for jump in card.get("jump_list", ()):
        assert 1 <= len(jump["title"]) <= limits.jump


def check_voice(card: dict[str, Any], errors: int) -> None:
    """One marker and one state word at its place, and counts that add up: nothing that was
    logged brings any of its own, hides anything or reorders what stands there."""
    said = "\n".join(texts(card))
    assert not re.search("[\u200b-\u200f\u202a-\u202e\x00-\x09\x0b-\x1f\ud800-\udfff]", said)
    title = card["main_title"]["title"]
    assert [char for char in said if char in "🔴🟠🟡🟢🔶✅⚪"] == [title[0]]
    states = [word for labels in LABELS.values() for word in labels.states.values()]
    states += [labels.recovered for labels in LABELS.values()]
    assert re.match(rf"\S (?:{'|'.join(states)}) \S", title)
    assert sum(int(n.replace(",", "")) for n in re.findall(r"×([\d,]+)", said)) == errors
    assert not re.search(r"(?i)<(?:/?a\b|@)", said)
    targets = [card["card_action"], *card.get("jump_list", ())]
    places = {each.get("url", each.get("appid", "")).split("/?")[0] for each in targets}
    known = ("https://logs.example", "https://wiki.example/", "wx", "https://traces.example/")
    assert all(place.startswith((*known, "https://r/")) for place in places)


def texts(card: dict[str, Any]) -> list[str]:
    found = [card["source"]["desc"], *card["main_title"].values(), card.get("sub_title_text", "")]
    found += card["emphasis_content"].values()
    found += [text for row in card["horizontal_content_list"] for text in row.values()]
    return [*found, *(jump["title"] for jump in card.get("jump_list", ()))]


def test_a_card_says_what_where_how_often_why_and_for_whom() -> None:
    card = shown(render(one_error(), CARD, file_follows=True))
    assert card["source"] == {"desc": "payments prod", "desc_color": 2}
    assert card["main_title"] == {
        "title": "🔴 NEW ConnectTimeout",
        "desc": "pay/gateway.py:41 post",
    }
    assert card["emphasis_content"] == {"title": "1", "desc": "error"}
    message, root = card["sub_title_text"].split("\n")
    assert message == "payment 8841 failed: gateway timeout"
    assert root == "← TimeoutError: [Errno 110] Connection timed out"
    assert facts(card) == {
        "id": "#7f3a ×1",
        "when": "14:03:25–14:03:26 +08",
        "in": "POST /pay",
        "host": "web-1",
        "ver": "2.3.1",
        "file": "see below · m-5c1e",
    }


def test_a_tap_opens_the_first_link_and_three_more_stand_below() -> None:
    """In their order, to pages and mini-programs; what has no value leads nowhere."""
    card = shown(render(one_error(), CARD))
    assert card["card_action"]["type"] == 1
    assert card["card_action"]["url"].startswith("https://logs.example/?from=17")
    assert card["jump_list"] == [
        {"title": "the runbook of al…", "type": 1, "url": "https://wiki.example/ConnectTimeout"},
        {
            "title": "订单",
            "type": 2,
            "appid": "wx0123456789abcdef",
            "pagepath": "pages/order?q=ab12",
        },
        {"title": "all", "type": 1, "url": "https://logs.example/7f3a7f3a7f3a7f3a"},
    ]


def test_without_anywhere_to_lead_it_is_markdown() -> None:
    """WeCom takes no card without a target (42045)."""
    style = CARD._replace(links=(Link("trace", "https://traces.example/{trace_id}"),))
    rendered = render(one_error(), style)
    assert rendered.message == render(one_error(), STYLE).message


@pytest.mark.parametrize(("shape", "msgtype"), [("short", "markdown"), ("text", "text")])
def test_a_card_that_is_refused_becomes_plainer(shape: Any, msgtype: str) -> None:
    rendered = render(one_error(), CARD, shape=shape)
    assert rendered.message == render(one_error(), STYLE._replace(links=LINKS), shape=shape).message
    assert rendered.message.msgtype == msgtype


def test_the_file_has_what_is_on_no_card() -> None:
    rendered = render(crowded(), CARD)
    assert rendered.left_out
    assert rendered.kinds_left_out == 299


def test_what_concerns_the_message_as_a_whole_stands_before_circumstances() -> None:
    found = facts(shown(render(after_an_outage(), CARD)))
    assert list(found)[1:4] == ["late", "told?", "lost"]
    assert found["lost"] == "12 errors"


def test_what_is_back_says_where_it_was_last_seen() -> None:
    reports = tuple(r for r in releases().reports if r.back_from)
    found = facts(shown(render(releases()._replace(reports=reports), CARD)))
    assert found["past"] == "last seen in 2.2.0"


def test_what_is_over_has_no_errors() -> None:
    card = shown(render(over(), CARD))
    assert card["main_title"]["title"] == "✅ OVER ConnectTimeout"
    assert card["emphasis_content"]["title"] == "0"
    assert card["source"]["desc_color"] == 3
