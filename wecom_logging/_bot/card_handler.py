"""When there is a card, and what a press on it does."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Literal

from wecom_logging._bot import cards
from wecom_logging._bot.cards import Card, Cards
from wecom_logging._bot.command_handler import account
from wecom_logging._bot.frames import Press
from wecom_logging._bot.outgoing import EVENT, Outgoing, push, send
from wecom_logging._bot.pairing import Chat
from wecom_logging._bot.store import BotStore, app_of
from wecom_logging._bot.texts import Texts, inert, name
from wecom_logging._model.links import Link
from wecom_logging._stores.marks import Act, KnownGroup, Verb

#: Seconds between two cards for a chat, and how old news may be.
PAUSE, NEWS = 300.0, 3600.0

CardPolicy = Literal["news", "critical", "off"]


class CardHandler:
    """The cards of all chats. `say` gets a line about each act."""

    def __init__(
        self, store: BotStore, card_policy: CardPolicy, texts: Texts, say: Callable[[str], None]
    ) -> None:
        self._store = store
        self._card_policy = card_policy
        self._texts = texts
        self._say = say
        self._cards = Cards(store)

    def begin(self, chat: Chat, now: float) -> None:
        """A chat was paired: its news begins now."""
        self._store.write(_key(chat), f"0 {now} {now}")

    def next_cards(self, chats: Sequence[Chat], now: float) -> list[Outgoing]:
        """A card for each chat for which there is news, and whose last is long enough ago."""
        if self._card_policy == "off" or not chats:
            return []
        fresh = [group for group in self._store.news(now - NEWS) if _unanswered(group, now)]
        return [out for chat in chats if fresh for out in self._next_card(chat, fresh, now)]

    def _next_card(self, chat: Chat, fresh: Sequence[KnownGroup], now: float) -> list[Outgoing]:
        sent, news, critical = self._pointers(chat, now)
        if now - sent < PAUSE:
            return []
        fresh = [group for group in fresh if chat.scope.covers(app_of(group))]
        worst = [each for each in fresh if each.critical and _told(each) > critical]
        rest = [each for each in fresh if not each.critical and _told(each) > news]
        if worst:  # has a card of its own, and the rest waits for the next one
            chosen = [min(worst, key=_told)]
            critical = _told(chosen[0])
        elif rest and self._card_policy == "news":
            chosen = sorted(rest, key=lambda group: (-group.count, group.first))
            news = max(map(_told, rest))
        else:
            return []
        card = cards.new(chat.id, chosen, critical=bool(worst))
        cause = self._store.cause(chosen[0].id) if len(chosen) == 1 else ""
        card = dataclasses.replace(card, links=self._links(card), cause=cause)
        self._cards.keep(card)
        self._store.write(_key(chat), f"{now} {news} {critical}")
        body = cards.question(card, chosen, self._texts)
        return [send(chat.id, "template_card", body, single=chat.single)]

    def handle_press(self, press: Press, chat: Chat, who: str, now: float) -> list[Outgoing]:
        """Act on exactly what the card shows, and make the card a fact for everybody."""
        card = self._find(press, chat)
        if card is None:
            return []
        # Without those that are this chat's business no longer.
        groups = [
            each
            for each in self._store.groups()
            if each.id in card.ids and chat.scope.covers(app_of(each))
        ]
        if not card.fact:
            card = dataclasses.replace(card, fact=self._fact(press, card, groups, who, now))
            self._cards.keep(card)
        update = {
            "response_type": "update_template_card",
            "template_card": cards.answered(card, groups, self._texts),
        }
        line = f"{self._texts.ids(card.ids)} {inert(card.fact)}"
        told = push(chat.id, line, single=chat.single)
        return [
            Outgoing("aibot_respond_update_msg", update, press.req_id, EVENT, otherwise=(told,))
        ]

    def has_button(self, press: Press, chat: Chat) -> bool:
        return self._find(press, chat) is not None

    def _links(self, card: Card) -> tuple[Link, ...]:
        chinese = self._texts.chinese
        links = [link for each in card.ids for link in self._store.links(each, chinese)]
        return tuple({link.target: link for link in links}.values())[: cards.JUMPS]

    def _find(self, press: Press, chat: Chat) -> Card | None:
        card = self._cards.find(press.task_id)
        real = card is not None and card.chat == chat.id and press.key in ("take", "silence")
        return card if real else None

    def _pointers(self, chat: Chat, now: float) -> tuple[float, float, float]:
        """When the last card was sent; up to where news was told, and CRITICAL news."""
        try:
            sent, news, critical = map(float, (self._store.read(_key(chat)) or "0 0 0").split())
        except ValueError:
            sent = news = critical = 0.0
        # A clock that was set back must not stop all cards.
        return (sent if sent <= now else 0.0), news, critical

    def _fact(
        self, press: Press, card: Card, groups: Sequence[KnownGroup], who: str, now: float
    ) -> str:
        """Do what was pressed; what is true of it now, with its time."""
        at = self._texts.clock(now, now)
        open_ = [group for group in groups if group.state != "over"]
        loud = [group for group in open_ if (group.silenced_until or 0.0) <= now]
        if open_ and not loud and press.key == "silence":
            by = name(open_[0].silenced_by)
            return self._texts.say("fact already", at=at, who=by)
        act = self._act(press, card, loud if press.key == "silence" else open_, who, now)
        done = self._store.mark(act) if act.ids else None
        if done is None or not done.ids:
            return self._texts.say("fact over", at=at)
        self._say(account(act, self._texts.ids(done.ids), now, self._texts))
        until = self._texts.clock(now + act.seconds, now) if act.seconds else ""
        return self._texts.say(f"fact {press.key}", who=who, at=at, until=until)

    def _act(
        self, press: Press, card: Card, groups: Sequence[KnownGroup], who: str, now: float
    ) -> Act:
        seconds = 0.0
        if press.key == "silence":
            chosen = next((each for each in press.chosen if each in card.choices), "1h")
            seconds = card.choices[chosen].end(now, self._texts.zone) - now
        # On a card for others no CRITICAL is silenced, whatever it has become since.
        ids = [each.id for each in groups if card.critical or not seconds or not each.critical]
        verb: Verb = "silence" if seconds else "take"
        return Act(verb, press.msgid, who, press.user, press.chat, ids=tuple(ids), seconds=seconds)


def _unanswered(group: KnownGroup, now: float) -> bool:
    return not group.taken_by and (group.silenced_until or 0.0) <= now


def _told(group: KnownGroup) -> float:
    return group.news_at or 0.0


def _key(chat: Chat) -> str:
    return f"bot news {chat.id}"
