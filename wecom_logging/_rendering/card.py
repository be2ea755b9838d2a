"""A template card: what broke, how often and why on one screen, and where to go from there.

Nothing on a card is markup. Each part has so many characters that WeCom shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wecom_logging._model import text
from wecom_logging._model.links import Link, Target
from wecom_logging._rendering.blocks import said
from wecom_logging._rendering.context import DetailLevel, RenderContext
from wecom_logging._rendering.dialects import Pen, whole_words
from wecom_logging._rendering.headline import hosts, marker, span, title, why_elsewhere
from wecom_logging._rendering.labels import Said, Vocabulary
from wecom_logging._rendering.links import links_of
from wecom_logging._rendering.rows import history, row
from wecom_logging._rendering.sections import Section
from wecom_logging._rendering.style import Language
from wecom_logging._rendering.words import joined
from wecom_logging._senders.protocol import CardLimits

Json = dict[str, Any]

#: How many facts and jumps a card has (WeCom API documents 90236 and 91770).
_FACTS, _JUMPS = 6, 3
#: What is said at all is cut to the card's characters afterwards.
_DETAIL = DetailLevel(text=600)

_MARKER_COLOURS = {"🔴": 2, "✅": 3, "🔶": 1}


class _Words(Vocabulary):
    """Short ones: a card has few characters for each."""

    figure = Said("error{s}", "次错误")
    id = Said("id", "编号")
    late = Said("late", "延迟")
    late_from = Said("not reached from {}", "{} 起无法连接")
    why = Said("why", "缘由")
    told = Said("told", "已送出")
    told_by = Said("{:,} by {}", "{:,} 次，{}")
    twice = Said("told?", "重复")
    perhaps = Said("{:,} perhaps told before", "{:,} 次可能已通知")
    lost = Said("lost", "丢失")
    quiet = Said("quiet", "免打扰")
    more = Said("more", "另有")
    kinds = Said("{:,} kinds", "{:,} 类")
    others = Said("other", "其他")
    also = Said("also", "还有")
    past = Said("past", "经过")
    last_seen = Said("last seen in {}", "上次见于 {}")
    when = Said("when", "时间")
    route = Said("in", "请求")
    hosts = Said("host", "主机")
    release = Said("ver", "版本")
    file = Said("file", "报告")
    below = Said("see below", "见下方文件")
    message = Said("msg", "消息")


_WORDS: dict[Language, _Words] = {"en": _Words("en"), "zh": _Words("zh")}


def card(context: RenderContext) -> Json | None:
    """The card of a digest; None where it would lead nowhere, for WeCom takes no such card."""
    if not context.sections or context.style.card is None:
        return None
    found = links_of(context.sections[0], context)
    return _Card(context, context.style.card).drawn(found) if found else None


class _Card:
    def __init__(self, context: RenderContext, limits: CardLimits) -> None:
        self._page, self._limits = context, limits
        self._words = _WORDS[context.style.language]
        self._section = context.sections[0]
        self._row = row(self._section, context)

    def drawn(self, links: list[Link]) -> Json:
        limits, errors = self._limits, self._page.errors
        sign = marker(self._page)
        drawn = {
            "card_type": "text_notice",
            "source": {"desc": self._sender(), "desc_color": _MARKER_COLOURS.get(sign, 0)},
            "main_title": {
                "title": self._title(f"{sign} {self._state(self._section)} "),
                "desc": text.shorten_middle(self._row.place, limits.desc),
            },
            "emphasis_content": {
                "title": f"{errors:,}" if errors < 10**8 else str(errors)[: limits.figure],
                "desc": self._words.figure(errors),
            },
            "sub_title_text": self._said(),
            "horizontal_content_list": [
                {"keyname": name, "value": value} for name, value in self._facts()
            ],
            "jump_list": [
                {"title": text.cut_characters(name, limits.jump), **target_of(target)}
                for name, target in links[1 : _JUMPS + 1]
            ],
            "card_action": target_of(links[0].target),
        }
        return {key: value for key, value in drawn.items() if value}

    def _sender(self) -> str:
        """App and environment; what is cut is the app."""
        pen, style = Pen(plain=True), self._page.style
        most = self._limits.source
        environment = text.cut_characters(pen.start(style.environment, 60), most // 2)
        room = most - len(environment) - bool(environment)
        app = text.cut_characters(pen.start(style.app, 60), room)
        return joined(" ", app, environment)

    def _title(self, start: str) -> str:
        room, kind = self._limits.title - len(start), self._row.kind
        if self._section.type and not self._section.over and len(kind) > room:
            return start + text.shorten_middle(kind, room)
        return start + _cut(kind, room)

    def _said(self) -> str:
        """What was logged, and the root of it: each has half of the room at least."""
        most = self._limits.text
        words, reasons = said(self._section, self._page, _DETAIL)
        if not self._section.type:
            whole = Pen(plain=True).lines(title(self._section, self._page), _DETAIL.text)
            words = whole if len(" · ".join(whole)) > self._limits.title // 2 else []
        if len(self._section.sample.chain) > 1:
            reasons = [reason.replace("… ← ", "", 1) for reason in reasons[-1:]]
        message, root = " · ".join(words), " · ".join(reasons)
        if not root or not message:
            return _cut(message or root, most)
        root = _cut(root, max(most // 2, most - len(message) - 1))
        return f"{_cut(message, most - len(root) - 1)}\n{root}"

    def _facts(self) -> Iterator[tuple[str, str]]:
        """The rows, the most important first; the last one helps to find the message again."""
        rows = [*self._counts(), *self._warnings(), *self._circumstances()]
        for key, value in rows[: _FACTS - 1]:
            yield key, text.cut_characters(value, self._limits.value)
        if self._page.file_follows:
            yield self._words.file, f"{self._words.below} · {self._page.digest.message_id}"
        else:
            yield self._words.message, self._page.digest.message_id

    def _counts(self) -> Iterator[tuple[str, str]]:
        """All errors of the message: nothing that stands there is cut."""
        yield self._words.id, joined(" ", self._row.id, self._row.times)
        rest = self._page.sections[1:]
        count = sum(section.count for section in rest)
        if len(rest) == 1:
            yield self._words.more, self._another(rest[0])
        elif rest:
            kinds = sum(section.kinds for section in rest)
            told = f" ×{count:,}" if count else f" {self._page.labels.states['over']}"
            yield self._words.more, self._words.kinds(kinds) + told
        if self._page.others:
            yield self._words.others, f"×{self._page.others:,}"

    def _another(self, section: Section) -> str:
        other = row(section, self._page)
        count = f" {other.times or self._state(section)}"
        return text.cut_characters(other.kind, self._limits.value - len(count)) + count

    def _state(self, section: Section) -> str:
        labels = self._page.labels
        return labels.recovered if section.works_again else labels.states[section.state]

    def _warnings(self) -> Iterator[tuple[str, str]]:
        digest, times = self._page.digest, self._page.times
        if why := why_elsewhere(self._page):
            yield self._words.why, why
        if told := digest.by_fallback:
            name = Pen(plain=True).name(told.name, 20) or self._page.labels.the_fallback
            yield self._words.told, self._words.told_by(told.errors, name)
        if digest.outage and not self._page.style.instead_of:
            yield self._words.late, self._words.late_from(times.minute(digest.outage.since))
        if doubtful := sum(report.doubtful for report in digest.reports):
            yield self._words.twice, self._words.perhaps(doubtful)
        if digest.lost:
            yield self._words.lost, self._page.labels.errors(digest.lost)
        if digest.quiet:
            yield self._words.quiet, "–".join(map(times.minute, digest.quiet))

    def _circumstances(self) -> Iterator[tuple[str, str]]:
        pen, style = Pen(plain=True), self._page.style
        also = self._row.extent or self._page.labels.comma.join(self._section.also)
        if also:
            yield self._words.also, pen.say(also, 90)
        back_from = next((r.back_from for r in self._section.reports if r.back_from), "")
        if back_from and not self._section.over:
            before = pen.name(back_from, self._limits.value // 2)
            yield self._words.past, self._words.last_seen(before)
        for fact in history(self._section, self._page):
            yield self._words.past, fact
        yield self._words.when, span(self._page, self._limits.value)
        if route := self._section.sample.route:
            yield self._words.route, pen.say(route, 90)
        if self._page.hosts:
            yield self._words.hosts, hosts(self._page, pen, self._limits.value)
        if style.release:
            yield self._words.release, pen.name(style.release, self._limits.value)


def target_of(target: Target) -> Json:
    """Where a tap leads, as WeCom writes it."""
    if isinstance(target, str):
        return {"type": 1, "url": target}
    return {"type": 2, "appid": target.appid, "pagepath": target.pagepath}


def _cut(words: str, most: int) -> str:
    return whole_words(words, text.cut_characters(words, most))
