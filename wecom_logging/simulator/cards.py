"""Template cards: what WeCom requires of them, and the text that is in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from wecom_logging.simulator.errcodes import Refusal, parameter, too_long

_NOTICES = ("text_notice", "news_notice")
_INTERACTIONS = ("button_interaction", "vote_interaction", "multiple_interaction")
_TASK_ID = re.compile(r"[0-9A-Za-z_@-]{1,128}")


def check_card(card: Mapping[str, Any], *, robot: bool, callback: bool) -> None:
    """A `Refusal` if a required part is missing or a list is too long.

    `callback`: whether the application can be told that somebody pressed a button.
    """
    kind = card.get("card_type")
    if kind not in (_NOTICES if robot else _NOTICES + _INTERACTIONS):
        raise Refusal(42031)
    _check_titles(card, str(kind))
    _check_lists(card)
    if kind in _NOTICES:
        _check_action(card.get("card_action"))
    if not robot and (kind in _INTERACTIONS or card.get("action_menu")):
        if not callback:
            raise Refusal(43012)
        if not card.get("task_id"):
            raise Refusal(42014)
    if "task_id" in card and not _TASK_ID.fullmatch(str(card["task_id"])):
        raise Refusal(42014)


def _check_titles(card: Mapping[str, Any], kind: str) -> None:
    title = part(card, "main_title").get("title")
    if kind == "text_notice" and not (title or card.get("sub_title_text")):
        raise parameter("main_title.title and sub_title_text are empty")
    if kind != "text_notice" and not title:
        raise parameter("main_title.title is empty")
    if kind == "news_notice" and not (card.get("card_image") or card.get("image_text_area")):
        raise parameter("card_image and image_text_area are empty")


def _check_lists(card: Mapping[str, Any]) -> None:
    lines = _items(card, "horizontal_content_list", 6, 42035)
    if any(not line.get("keyname") for line in lines):
        raise Refusal(42027)
    jumps = _items(card, "jump_list", 3, 42042)
    for jump in jumps:
        if not jump.get("title"):
            raise parameter("jump_list.title is empty")
        needed = {1: "url", 2: "appid"}.get(jump.get("type") or 0)
        if needed and not jump.get(needed):
            raise parameter(f"jump_list.{needed} is empty")
    _items(card, "vertical_content_list", 4, 40058)
    buttons = _items(card, "button_list", 6, 40058)
    if card.get("card_type") == "button_interaction" and not buttons:
        raise parameter("button_list is empty")
    for button in buttons:
        if not button.get("text"):
            raise parameter("button_list.text is empty")
        if len(str(button.get("key") or "").encode("utf-8", "replace")) > 1024:
            raise too_long("button_list.key", 1024)
    selection = part(card, "button_selection")
    options = _items(selection, "option_list", 10, 40058)
    if selection and not (selection.get("question_key") and options):
        raise parameter("button_selection.question_key or option_list is empty")


def _check_action(action: object) -> None:
    if not isinstance(action, dict) or action.get("type") not in (1, 2):
        raise Refusal(42045)
    if action["type"] == 1 and not action.get("url"):
        raise Refusal(42028)
    if action["type"] == 2 and not action.get("appid"):
        raise Refusal(42045)


def part(card: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The object of that name in another one; an empty one if there is none."""
    found = card.get(key)
    return found if isinstance(found, dict) else {}


def _items(card: Mapping[str, Any], key: str, limit: int, errcode: int) -> list[dict[str, Any]]:
    items = card.get(key) or []
    if not isinstance(items, list):
        raise parameter(f"{key} should be an array")
    if len(items) > limit:
        if errcode == 40058:
            raise parameter(f"{key} expect array size in [0, {limit}]")
        raise Refusal(errcode)
    return [each if isinstance(each, dict) else {} for each in items]


def card_text(card: Mapping[str, Any]) -> str:
    """Everything that can be read on the card, one line each."""
    title, big, quote = (
        part(card, key) for key in ("main_title", "emphasis_content", "quote_area")
    )
    lines = [
        part(card, "source").get("desc"), title.get("title"), title.get("desc"),
        " ".join(str(big[key]) for key in ("title", "desc") if big.get(key)),
        quote.get("title"), quote.get("quote_text"), card.get("sub_title_text"),
    ]  # fmt: skip
    pairs = _items(card, "horizontal_content_list", 6, 42035)
    lines += [f"{pair.get('keyname')}: {pair.get('value', '')}" for pair in pairs]
    for each in _items(card, "vertical_content_list", 4, 40058):
        lines += [each.get("title"), each.get("desc")]
    lines += [jump.get("title") for jump in _items(card, "jump_list", 3, 42042)]
    return "\n".join(str(line) for line in lines if line)


def buttons(card: Mapping[str, Any]) -> set[str]:
    """The keys of what can be pressed on the card."""
    menu, submit = part(card, "action_menu"), part(card, "submit_button")
    pressed = [
        *_items(card, "button_list", 6, 40058), *_items(menu, "action_list", 3, 40058), submit,
    ]  # fmt: skip
    return {str(each["key"]) for each in pressed if each.get("key")}


def questions(card: Mapping[str, Any]) -> dict[str, set[str]]:
    """The lists and boxes on the card by their key, with the ids of their options."""
    asked = [
        part(card, "button_selection"), part(card, "checkbox"),
        *_items(card, "select_list", 3, 40058),
    ]  # fmt: skip
    return {
        str(each["question_key"]): {
            str(option.get("id")) for option in _items(each, "option_list", 20, 40058)
        }
        for each in asked
        if each.get("question_key")
    }
