"""Promise 13: content that is refused. One group loses its words, nobody else anything."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.support import Watched, balanced, counted, eventually
from wecom_logging import WeComHandler
from wecom_logging._model.digest import Digest, Identity, Outage, Report
from wecom_logging._rendering import Style, render
from wecom_logging._senders.protocol import Limits, Message
from wecom_logging._stores.memory import MemoryStore
from wecom_logging._stores.protocol import LEASE, Asker, Batch, Claim, Entry, Rules, StoreError
from wecom_logging._worker.delivery import MOST_RETRIES, Delivery
from wecom_logging._worker.frozen import Frozen, body_of, read_body
from wecom_logging._worker.parts import (
    Part,
    accepted,
    doubtful,
    groups_of,
    is_lost,
    parts_of,
    plainer,
    told_by,
)
from wecom_logging.errors import ContentError, TransportError
from wecom_logging.stats import StatsRecorder
from wecom_logging.testing import RecordingSender

Watch = Callable[..., Watched]


def digest(number: int) -> Digest:
    identities = [
        Identity(f"{i:016x}", "shop", "error", f"Type{i}", f"place{i}.py f", f"template {i}")
        for i in range(number)
    ]
    reports = [
        Report(
            identity=identity,
            state="new",
            count=2,
            doubtful=0,
            total=2,
            since=0.0,
            last=0.0,
            before=(0, 0.0),
            span=1.0,
            news=True,
            hosts=("web-1",),
            samples=({"event": f"text of {i}"},),
        )
        for i, identity in enumerate(identities)
    ]
    return Digest("5c1e0000", tuple(reports), 1.0, outage=Outage(0.0, "a reason"), lost=3)


# -- the halves ------------------------------------------------------------------------


def outcome(
    whole: Digest, is_refused: Callable[[Part], bool]
) -> tuple[list[Part], list[Part], int]:
    """What is accepted and what is lost in the end, and how many requests it took."""
    parts, told, lost, requests = parts_of(whole), list[Part](), list[Part](), 0
    while parts:
        part, *rest = parts
        requests += 1
        if not is_refused(part):
            told.append(part)
            parts = accepted(rest)
            continue
        if is_lost(part):
            lost.append(part)
        parts = plainer(part, rest)
    return told, lost, requests


@given(st.integers(1, 200), st.data())
def test_only_those_that_are_refused_lose_their_words(number: int, data: Any) -> None:
    whole = digest(number)
    groups = groups_of(whole)
    bad = data.draw(st.sets(st.sampled_from(groups), max_size=3))
    found, lost, requests = outcome(
        whole, lambda part: part.shape != "bare" and not bad.isdisjoint(part.groups)
    )
    assert not lost
    assert sorted(group for part in found for group in part.groups) == sorted(groups)
    assert {g for part in found if part.shape == "bare" for g in part.groups} == bad
    assert requests <= 4 + 2 * len(bad) * (1 + math.ceil(math.log2(number)))


@given(st.integers(1, 50), st.data())
def test_only_what_is_refused_without_words_as_well_is_lost(number: int, data: Any) -> None:
    whole = digest(number)
    groups = groups_of(whole)
    bad = data.draw(st.sets(st.sampled_from(groups), max_size=3))
    found, lost, _ = outcome(whole, lambda part: not bad.isdisjoint(part.groups))
    assert sorted(part.groups[0] for part in lost) == sorted(bad)
    assert sorted(group for part in found for group in part.groups) == sorted(set(groups) - bad)


def test_what_was_not_refused_before_comes_first() -> None:
    whole = digest(4)
    one, two, three, four = groups_of(whole)
    refused = [Part(("gone", one), "text"), Part(("gone",), "text"), Part((three, two), "bare")]
    assert parts_of(whole, refused) == [
        Part((four,)),
        Part((one,), "text"),
        Part((three, two), "bare"),
    ]


def test_without_words_is_without_anything_that_was_logged() -> None:
    whole = digest(3)
    part = Part(groups_of(whole)[1:2], "bare")
    message = render(told_by(part, whole, first=True), Style("shop", ""), shape="bare").message
    for words in ("Type", "place", "template", "text of", "a reason"):
        assert words not in message.content
    assert "×2" in message.content
    assert "#0000" in message.content


def test_what_concerns_all_is_told_once() -> None:
    whole = digest(2)._replace(quiet=(1.0, 2.0))
    first, second = (Part((group,), "text") for group in groups_of(whole))
    assert told_by(first, whole, first=True)[3:] == whole[3:]
    assert told_by(second, whole, first=False)[3:] == (None, 0, None, None)


# -- sent for real ---------------------------------------------------------------------


class Censor(RecordingSender):
    """Refuses messages with a word in them."""

    def __init__(self, word: str = "FORBIDDEN") -> None:
        super().__init__(Limits({"markdown": 4096, "text": 2048}))
        self.word = word
        self.requests = 0

    def send(self, message: Message) -> None:
        self.requests += 1
        if self.word in message.content:
            raise ContentError(40201, f"a word that is not {self.word.lower()}")
        super().send(message)


def test_the_others_keep_their_words(watch: Watch, any_store: str) -> None:
    sender = Censor()
    w = watch(sender=sender, store=any_store)
    log(w, 9, bad={4})
    assert w.flush()
    assert (w.stats.reported, w.stats.lost) == (9, 0)
    content = "\n".join(message.content for message in sender.messages)
    for i in range(9):
        assert (f"kind {i} of trouble" in content) is (i != 4)
    assert counted(sender.messages) == 9
    assert sender.inbox.total_errors == 9
    log(w, 3)
    assert w.flush()
    assert len(sender.messages[-1].content.split("**NEW**")) > 1, "with markup again"


def log(w: Watched, number: int, *, bad: frozenset[int] | set[int] = frozenset()) -> None:
    for i in range(number):
        word = "FORBIDDEN " * (i in bad)
        w.log.error("%skind %d of trouble", word, i, extra={"fingerprint": f"{w.stats.seen} {i}"})


def test_a_word_that_cannot_be_avoided_costs_its_group_only(
    watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the other one alone everything is refused, even the bare count."""
    sender = Censor()
    w = watch(sender=sender)
    w.log.error("innocent")
    w.log.error("guilty", extra={"fingerprint": "x"})

    def refuse(message: Message) -> None:
        if "guilty" in message.content or "innocent" not in message.content:
            raise ContentError(40201, "no")
        RecordingSender.send(sender, message)

    sender.send = refuse  # type: ignore[method-assign]  # it refuses from now on
    assert w.flush()
    assert (w.stats.reported, w.stats.lost) == (1, 1)
    assert "innocent" in sender.inbox.one().content
    assert "1 errors are lost" in capsys.readouterr().err
    assert balanced(w.stats)


def test_the_slots_for_it_are_bounded_and_what_is_new_comes_first(watch: Watch) -> None:
    sender = Censor()
    w = watch(sender=sender, rate_limit=[[1000, 60]], group_interval=0.1, group_wait=0.0)
    log(w, 24, bad=set(range(0, 24, 3)))
    eventually(lambda: sender.requests >= MOST_RETRIES)
    before = len(sender.messages)
    w.log.error("quite another failure")
    eventually(lambda: any("quite another" in m.content for m in sender.messages[before:]))
    new = next(i for i, m in enumerate(sender.messages) if "quite another" in m.content)
    assert sum("FORBIDDEN" in message.content for message in sender.messages) == 0
    assert w.stats.reported < 25
    assert new - before < MOST_RETRIES
    eventually(lambda: w.flush(1.0))
    assert (w.stats.reported, w.stats.lost) == (25, 0)


@pytest.mark.parametrize("unclear", [False, True])
def test_what_a_part_has_told_stays_told(watch: Watch, any_store: str, unclear: bool) -> None:
    """The second half finds the destination gone, or may have arrived."""
    sender = Censor()
    w = watch(sender=sender, store=any_store)
    log(w, 4, bad={0})
    send = sender.send
    failed: list[Message] = []

    def fails_after_the_first_half(message: Message) -> None:
        if sender.messages and not failed:
            failed.append(message)
            raise TransportError("reset", unclear=unclear)
        send(message)

    sender.send = fails_after_the_first_half  # type: ignore[method-assign]  # as its name says
    eventually(lambda: w.flush(0.5))
    assert failed
    assert (w.stats.reported, w.stats.lost) == (4, 0)
    assert counted(sender.messages) == 4
    assert ("told before" in sender.messages[-1].content) is unclear


class Moody(RecordingSender):
    """Refuses the words of some groups, and fails as it is told to."""

    def __init__(self, bad: set[int], moods: list[str]) -> None:
        super().__init__(Limits({"markdown": 4096, "text": 2048}))
        self.bad, self.moods = bad, moods

    def send(self, message: Message) -> None:
        mood = self.moods.pop(0) if self.moods else "well"
        if mood == "refuses":
            raise TransportError("no route")
        if mood == "unclear, lost":
            raise TransportError("reset", unclear=True)
        if any(f"kind {i}." in message.content for i in self.bad):
            raise ContentError(40201, "a word")
        super().send(message)
        if mood == "unclear, arrived":
            raise TransportError("reset", unclear=True)


MOODS = st.sampled_from(["well", "refuses", "unclear, lost", "unclear, arrived"])


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 12),
    st.sets(st.integers(0, 11), max_size=3),
    st.lists(MOODS, max_size=12),
)
def test_whatever_else_happens_nobody_loses_anything_for_another(
    number: int, bad: set[int], moods: list[str]
) -> None:
    is_clear = not any(mood.startswith("unclear") for mood in moods)
    sender, now = Moody(bad, moods), 0.0
    store = MemoryStore(clock=lambda: now)
    handler = WeComHandler(sender=sender, app="shop", store="memory")
    delivery = Delivery(
        sender, handler._components.style, handler._components.follow_ups, StatsRecorder()
    )
    entries = tuple(
        Entry(Identity(f"{i:016x}", "shop", "error", f"kind {i}."), 2) for i in range(number)
    )
    store.merge(Batch("web-1/1/a", 1, entries))
    for _ in range(60):
        found, _ = store.claim(Asker("web-1/1/a", "insist"))
        if isinstance(found, Claim):
            delivery.deliver(store, found)
        now += 100.0
    account = store.account("web-1/1/a")
    assert (account.reported, account.lost) == (2 * number, 0)
    content = "\n".join(message.content for message in sender.messages)
    for i in range(number):
        assert (f"kind {i}." in content) is (i not in bad)
    told = sender.inbox.total_errors
    assert told == 2 * number if is_clear else told >= 2 * number


# -- as a store keeps it ---------------------------------------------------------------


def test_a_body_reads_back() -> None:
    message = Message("text", "错 \ud800", ("zhangsan", "@all"))
    assert read_body(body_of(message)) == Frozen(message)
    assert read_body(body_of(message, ["a", "b"])) == Frozen(message, ("a", "b"))
    assert set(json.loads(body_of(message))) == {"msgtype", "content", "mentions"}, (
        "an older version reads it"
    )


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no JSON",
        "null",
        "[]",
        "{}",
        "7",
        "Infinity",
        "[" * 100_000,
        '{"msgtype": "markdown"}',
        '{"content": "x"}',
        '{"msgtype": "html", "content": "x"}',
        '{"msgtype": ["text"], "content": "x"}',
        '{"msgtype": "text", "content": null}',
        '{"msgtype": "text", "content": "x", "mentions": "@all"}',
        '{"msgtype": "text", "content": "x", "mentions": [7]}',
        '{"msgtype": "text", "content": "x", "groups": {"a": 1}}',
    ],
)
def test_a_body_that_cannot_be_read_counts_as_none(body: str) -> None:
    assert read_body(body) is None


def test_a_field_of_a_newer_version_is_no_hindrance() -> None:
    body = '{"msgtype": "text", "content": "x", "mentions": [], "colour": {"of": "it"}}'
    assert read_body(body) == Frozen(Message("text", "x"))


class Destination:
    """A store, and a process at it that is killed after its message has left."""

    def __init__(self, *, duplicate_check: bool) -> None:
        limits = Limits({"markdown": 4096, "text": 2048}, duplicate_check=duplicate_check)
        self.sender = RecordingSender(limits)
        self.now = 0.0
        rules = Rules(duplicate_check=duplicate_check)
        self.store = MemoryStore(rules=rules, clock=lambda: self.now)
        handler = WeComHandler(sender=self.sender, app="shop", store="memory")
        components = handler._components
        self.delivery = Delivery(
            self.sender, components.style, components.follow_ups, StatsRecorder()
        )
        entry = Entry(Identity("a" * 16, "shop", "error", "KeyError"), 3)
        self.claim(Batch("web-1/1/a", 1, (entry,)))

    def claim(self, *batches: Batch) -> Claim:
        found, _ = self.store.claim(Asker("web-1/1/a", "flush"), *batches)
        assert isinstance(found, Claim)
        self.claimed = found
        return found

    def dies_after_sending(self, body: str) -> None:
        self.store.freeze(self.claimed.id, body)
        self.now += LEASE + 1

    def goes_on(self) -> str:
        assert self.delivery.deliver(self.store, self.claim()) == ["a" * 16]
        return self.sender.inbox.one().content


def test_killed_between_sending_and_writing_it_down() -> None:
    destination = Destination(duplicate_check=False)
    destination.dies_after_sending(body_of(Message("markdown", "KeyError ×3")))
    content = destination.goes_on()
    assert "×3" in content
    assert "told before" in content


def test_the_same_bytes_again_where_that_is_recognised() -> None:
    destination = Destination(duplicate_check=True)
    destination.dies_after_sending(body_of(Message("markdown", "KeyError ×3")))
    assert destination.goes_on() == "KeyError ×3"


@pytest.mark.parametrize("duplicate_check", [False, True])
@pytest.mark.parametrize("body", ["", "null", '{"msgtype": "markdown"}', "[" * 100_000])
def test_what_was_sent_cannot_be_read_any_more(body: str, duplicate_check: bool) -> None:
    destination = Destination(duplicate_check=duplicate_check)
    destination.dies_after_sending(body)
    content = destination.goes_on()
    assert "×3" in content
    assert "told before" in content


def test_what_cannot_be_kept_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever inherited it would not know what to send."""

    def away(*args: Any, **options: Any) -> bool:
        raise StoreError("it is away")

    destination = Destination(duplicate_check=False)
    monkeypatch.setattr(destination.store, "freeze", away)
    with pytest.raises(StoreError):
        destination.delivery.deliver(destination.store, destination.claimed)
    assert destination.sender.messages == []


def test_what_nobody_can_read_may_have_been_told() -> None:
    assert [report.doubtful for report in doubtful(digest(2)).reports] == [2, 2]
