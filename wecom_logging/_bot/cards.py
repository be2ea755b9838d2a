"""Cards with two buttons and a list: what they look like, and what is known of each."""

from __future__ import annotations

import dataclasses
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from wecom_logging._bot.store import Notes, app_of
from wecom_logging._bot.texts import Texts
from wecom_logging._model import text
from wecom_logging._model.links import Link, MiniProgram
from wecom_logging._model.spans import CRITICAL_LIMIT, HOUR, MORNING, PHONE_LIMIT, Span
from wecom_logging._rendering.card import target_of
from wecom_logging._stores.marks import KnownGroup

Json = dict[str, Any]
Key = Literal["take", "silence"]

#: Seconds for which a card's buttons work. Nobody scrolls back further.
LIFE = 3 * 86400.0
#: Groups on one card, and characters of its parts, as WeCom recommends.
ROWS, JUMPS = 6, 3
_TITLE, _DESC, _KEY, _VALUE, _SOURCE, _JUMP, _BUTTON = 26, 30, 5, 26, 13, 13, 10
_SUBTITLE = 112

#: What the list offers: the id of a choice, and what it means.
CHOICES: dict[str, Span] = {"1h": Span(HOUR), "9": Span(hour=MORNING), "24h": Span(PHONE_LIMIT)}
CRITICAL_CHOICES: dict[str, Span] = {"1h": Span(CRITICAL_LIMIT)}

_QUESTION = "silence_for"
_TASK_ID = re.compile(r"[0-9A-Za-z_@-]{1,128}")
# A notice has to lead somewhere, and an update without `card_action` was refused: 42045.
_NOWHERE: Json = {"type": 1, "url": "https://work.weixin.qq.com/"}


@dataclass(frozen=True)
class Card:
    """A card that was sent: a press acts on its ids and on nothing else."""

    task_id: str
    chat: str
    ids: tuple[str, ...]
    critical: bool = False
    #: Where its jumps lead.
    links: tuple[Link, ...] = ()
    #: What the exception says, on a card about one group.
    cause: str = ""
    #: What became of it, once somebody has answered.
    fact: str = ""

    @property
    def choices(self) -> Mapping[str, Span]:
        return CRITICAL_CHOICES if self.critical else CHOICES


def new(chat: str, groups: Sequence[KnownGroup], critical: bool) -> Card:
    """A card about the first of these groups, with a task id that nobody can guess."""
    task_id = f"wl-{secrets.token_urlsafe(24)}"
    return Card(task_id, chat, tuple(group.id for group in groups[:ROWS]), critical)


class Cards:
    """What is known of the cards that were sent, in the store."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    def keep(self, card: Card) -> None:
        self._notes.write(f"bot card {card.task_id}", json.dumps(dataclasses.asdict(card)), LIFE)

    def find(self, task_id: str) -> Card | None:
        """The card; None for one that was never sent, or too long ago."""
        if not _TASK_ID.fullmatch(task_id):
            return None
        try:
            data = json.loads(self._notes.read(f"bot card {task_id}") or "null")
            links = tuple(map(_link, data["links"]))
            card = Card(**{**data, "ids": tuple(map(str, data["ids"])), "links": links})
        except (ValueError, TypeError, KeyError):
            return None
        return card if card.task_id == task_id else None


def _link(read: Any) -> Link:
    name, target = read
    return Link(str(name), str(target) if isinstance(target, str) else MiniProgram(*target))


def question(card: Card, groups: Sequence[KnownGroup], texts: Texts) -> Json:
    return {
        "card_type": "button_interaction",
        **_head(card, groups, texts),
        **({"sub_title_text": _cut(_plain(card.cause), _SUBTITLE)} if card.cause else {}),
        "button_selection": {
            "question_key": _QUESTION,
            "title": texts.say("list title"),
            "option_list": [
                {"id": each, "text": _cut(texts.say(f"choice {each}"), 10)} for each in card.choices
            ],
            "selected_id": next(iter(card.choices)),
        },
        "button_list": [
            {"text": _cut(texts.say("button take"), _BUTTON), "style": 1, "key": "take"},
            {"text": _cut(texts.say("button silence"), _BUTTON), "style": 2, "key": "silence"},
        ],
    }


def answered(card: Card, groups: Sequence[KnownGroup], texts: Texts) -> Json:
    """The card with what became of it instead of its buttons."""
    return {
        "card_type": "text_notice",
        **_head(card, groups, texts),
        "sub_title_text": _cut(card.fact, _SUBTITLE),
    }


def _head(card: Card, groups: Sequence[KnownGroup], texts: Texts) -> Json:
    phrase = "card critical" if card.critical else "card one" if len(groups) == 1 else "card title"
    apps = dict.fromkeys(_plain(str(app_of(group))) for group in groups)
    head: Json = {
        "source": {
            "desc": _cut(", ".join(filter(None, apps)) or "wecom-logging", _SOURCE),
            "desc_color": 2 if card.critical else 0,
        },
        "main_title": {
            "title": _cut(texts.say(phrase, number=len(groups)), _TITLE),
            "desc": _cut(_description(groups, texts), _DESC),
        },
        "horizontal_content_list": [
            # Five characters are recommended, and an id of six is still read.
            {"keyname": each.id[: _KEY + 1], "value": _row(each)}
            for each in groups[:ROWS]
        ],
        "card_action": target_of(card.links[0].target) if card.links else _NOWHERE,
        "task_id": card.task_id,
    }
    if card.links:
        head["jump_list"] = [
            {"title": _cut(_plain(name), _JUMP) or "…", **target_of(target)}
            for name, target in card.links
        ]
    return head


def _description(groups: Sequence[KnownGroup], texts: Texts) -> str:
    if len(groups) > ROWS:
        return texts.say("more kinds", number=len(groups) - ROWS)
    return _plain(groups[0].text) if groups else ""


def _row(group: KnownGroup) -> str:
    count = f" ×{group.count:,}"
    return _cut(_plain(group.type or group.text), _VALUE - len(count)) + count


def _plain(words: str) -> str:
    """Text of others on a card, where nothing is markup: on one line, with nothing hidden."""
    return " ".join(text.strip_hidden(words[:400]).split()).replace("×", "x")


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[: most - 1]}…"
