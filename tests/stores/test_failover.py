"""Degrade and return: what a worker does while its store cannot be reached, and after."""

from __future__ import annotations

import random
import time
from copy import deepcopy
from typing import Any

import pytest

from tests.helpers.store_kits import Client, event, identity, told
from wecom_logging._model.ratelimit import DEFAULT_RATE_LIMIT, Fleet, split_limit, until_time_slice
from wecom_logging._runtime.deadline import deadline
from wecom_logging._runtime.native import monotonic
from wecom_logging._stores import failover
from wecom_logging._stores.failover import FailoverStore
from wecom_logging._stores.memory import MemoryStore
from wecom_logging._stores.protocol import (
    LEASE,
    Asker,
    Batch,
    Claim,
    Entry,
    Failure,
    Left,
    Rules,
    StoreError,
)

RULES = Rules()


class Shaky:
    """A store that can be cut off: before a step is done, or after it (then nobody knows)."""

    durable = True

    def __init__(self, clock: Clock) -> None:
        self.clock, self.cut = clock, ""
        #: How many more steps find others at work.
        self.busy = 0
        self.steps = 0
        self.empty()

    def empty(self) -> None:
        self.inner = MemoryStore(
            rules=Rules(duplicate_check=True), clock=self.clock, wall=self.clock
        )

    def copy(self) -> MemoryStore:
        """What a backup of it would hold."""
        lock = self.inner._place.lock
        return deepcopy(self.inner, {id(self.clock): self.clock, id(lock): lock})

    def __getattr__(self, name: str) -> Any:
        step = getattr(self.inner, name)

        def run(*arguments: Any, **options: Any) -> Any:
            self.steps += 1
            if self.cut == "before":
                raise StoreError("connection refused")
            if self.cut == "busy" or self.busy > 0:
                self.busy -= 1
                self.clock.now += 0.1
                raise StoreError("it is locked", busy=True)
            answer = step(*arguments, **options)
            if self.cut == "after":
                raise StoreError("timed out", unclear=True)
            return answer

        return run


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Place:
    """A kit of one worker behind a shaky store, as `Client` wants it."""

    shared = True

    def __init__(self) -> None:
        self.clock = Clock()
        self.shaky = Shaky(self.clock)

    def open(self, app: str = "shop", environment: str = "prod", **rules: Any) -> FailoverStore:
        return FailoverStore(
            self.shaky,
            RULES,
            "the store",
            clock=self.clock,
            wall=self.clock,
        )

    def advance(self, seconds: float) -> None:
        self.clock.now += seconds


@pytest.fixture
def place() -> Place:
    random.seed(1)
    return Place()


@pytest.fixture
def client(place: Place) -> Client:
    client = Client(place)
    client.store._fleet = Fleet(0, 1)  # type: ignore[attr-defined]  # the fallback's own
    return client


def settled(client: Client) -> tuple[int, int]:
    account = client.store.account(client.source)
    return account.reported, account.lost


def back(place: Place) -> None:
    """It can be reached again, and is tried with the next visit."""
    place.shaky.cut = ""
    place.advance(90)


def test_while_it_is_away_the_process_alerts_for_itself(
    place: Place, client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    place.shaky.cut = "before"
    for _ in range(3):
        client.log("A", 2)
    assert told(client.deliver()) == {"A new": 6}
    assert settled(client) == (6, 0)
    assert capsys.readouterr().err.count("\n") == 1


def test_what_was_not_told_is_merged_when_it_is_back(place: Place, client: Client) -> None:
    client.log("A", 1)
    place.shaky.cut = "before"
    client.log("A", 2)
    client.log("B", 3, samples=(event("text"),))
    back(place)
    claim = client.claim(why="flush")
    assert told(claim) == {"A new": 3, "B new": 3}
    assert [s["event"] for r in claim.digest.reports for s in r.samples] == ["text"]
    client.store.settle(claim.digest.id)
    assert settled(client) == (6, 0)


@pytest.mark.parametrize("told_alone", [False, True])
@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_batch_of_which_nobody_knew_is_counted_once(
    place: Place, client: Client, cut: str, told_alone: bool
) -> None:
    client.log("A", 1)
    client.deliver()
    place.shaky.cut = cut
    client.log("A", 5)
    place.shaky.cut = "before"
    client.log("A", 7)
    unclear = 5 if cut == "after" else 0  # only the store can say whether it has them
    if told_alone:
        assert told(client.deliver(why="flush")) == {"A new": 12 - unclear}
    back(place)
    client.log("A", 1)
    claim = client.claim(why="flush")
    assert sum(told(claim).values()) == (1 + unclear if told_alone else 13)
    client.store.settle(claim.digest.id)
    assert settled(client) == (14, 0)


def test_nothing_newer_is_merged_before_a_batch_of_which_nobody_knew(
    place: Place, client: Client
) -> None:
    place.shaky.cut = "after"
    client.log("A", 5)
    client.log("A", 7)
    place.advance(90)
    assert client.ask(why="flush") is not None, "nobody knows about the batch again"
    assert place.shaky.inner.account(client.source).merged == 5
    back(place)
    client.ask(client.batch("A", 2))
    assert place.shaky.inner.account(client.source).merged == 7
    assert settled(client) == (0, 0)


def test_tokens_and_turns_are_its_own_while_it_is_away(place: Place, client: Client) -> None:
    place.shaky.cut = "before"
    assert client.store.lease("key") is None
    assert client.store.lease("key") == pytest.approx(0.1)
    client.store.lease("key", Left("secret", 6900))
    assert client.store.lease("key") == "secret"
    assert place.shaky.steps == 1


def test_a_settlement_that_did_not_get_through_is_made_good(place: Place, client: Client) -> None:
    client.log("A", 4)
    claim = client.claim(why="flush")
    client.store.freeze(claim.digest.id, "body")
    place.shaky.cut = "before"
    client.store.settle(claim.digest.id)
    assert settled(client) == (0, 0)
    place.shaky.cut = ""
    place.advance(5)  # before the lease ends
    client.ask()
    assert settled(client) == (4, 0)


def test_nothing_is_sent_that_could_not_be_frozen(place: Place, client: Client) -> None:
    client.log("A")
    claim = client.claim(why="flush")
    place.shaky.cut = "before"
    with pytest.raises(StoreError):
        client.store.freeze(claim.digest.id, "body")
    assert not client.store.renew(claim.digest.id)
    client.store.release(claim.digest.id, Failure("nothing sent", 1.0))


def test_nobody_waits_for_the_lease_of_what_could_not_be_frozen(
    place: Place, client: Client
) -> None:
    """A flush of a neighbour would wait for half a minute, for what nobody sends."""
    neighbour = Client(place)
    client.log("A", 3)
    claim = client.claim(why="flush")
    place.shaky.cut = "before"
    with pytest.raises(StoreError):
        client.store.freeze(claim.id, "body")
    place.shaky.cut = ""
    assert not isinstance(neighbour.ask(why="insist"), Claim)
    assert told(client.deliver(why="insist")) == {"A new": 3}
    assert settled(client) == (3, 0)


@pytest.mark.parametrize("lost", ["freeze", "release"])
def test_what_somebody_else_has_claimed_meanwhile_is_not_taken_from_them(
    place: Place, client: Client, lost: str
) -> None:
    neighbour = Client(place)
    client.log("A", 3)
    claim = client.claim(why="flush")
    if lost == "release":
        client.store.freeze(claim.id, "body")
    place.shaky.cut = "before"
    if lost == "freeze":
        with pytest.raises(StoreError):
            client.store.freeze(claim.id, "body")
    else:
        client.store.release(claim.id, Failure("timed out", 1.0, unclear=True))
    place.shaky.cut = ""
    place.advance(LEASE + 1)
    taken = neighbour.claim(why="insist")
    assert not isinstance(client.ask(why="insist"), Claim), "it has the lease"
    neighbour.store.settle(taken.id)
    assert settled(client) == (3, 0)


def test_a_message_claimed_alone_is_settled_alone_although_the_store_is_back(
    place: Place, client: Client
) -> None:
    place.shaky.cut = "before"
    client.log("A", 4)
    _, claim = client.until_due()
    place.shaky.cut = ""
    client.store.freeze(claim.digest.id, "body")
    client.store.settle(claim.digest.id)
    back(place)
    assert settled(client) == (4, 0)
    assert client.ask() is None


def test_an_emptied_store_is_noticed_and_its_loss_declared(
    place: Place, client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    client.log("A", 2)
    client.deliver()
    client.log("A", 3)
    assert settled(client) == (2, 0)
    place.shaky.empty()
    client.log("A", 4)
    assert settled(client) == (2, 3)
    said = capsys.readouterr().err
    assert "3 errors are lost" in said
    assert "silences, and who has taken what, are gone with it" in said
    client.deliver()
    assert settled(client) == (6, 3)


def test_what_was_told_stays_told_when_an_older_copy_is_put_back(
    place: Place, client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    client.log("A")
    client.deliver()
    copy = place.shaky.copy()
    client.log("B", 2)
    client.deliver()
    assert settled(client) == (3, 0)
    place.shaky.inner = copy
    assert settled(client) == (3, 0)
    client.log("C", 4)
    client.deliver()
    assert settled(client) == (7, 0)
    assert "lost" not in capsys.readouterr().err


def test_it_is_tried_again_ever_more_seldom_and_not_without_need(
    place: Place, client: Client
) -> None:
    place.shaky.cut = "before"
    client.log("A")
    client.deliver()
    assert client.ask() is None, "all is told: nothing to bring it"
    client.log("A")
    steps = place.shaky.steps
    for _ in range(600):
        client.ask()
        place.advance(1)
    assert 10 <= place.shaky.steps - steps <= 25


def test_a_batch_of_unknown_fate_is_brought_again_at_once(place: Place, client: Client) -> None:
    """A connection that broke: whoever waits for the errors does not wait for a pause."""
    place.shaky.cut = "after"
    assert not isinstance(client.ask(client.batch("A", 3), why="flush"), Claim)
    place.shaky.cut = ""
    place.advance(0.1)
    client.ask(why="flush")
    assert place.shaky.inner.account(client.source).merged == 3
    assert client.store.durable


# -- others are at work in it --------------------------------------------------------------


def test_errors_wait_for_who_is_at_work_in_it(place: Place, client: Client) -> None:
    place.shaky.cut = "busy"
    batch = client.batch("A", 3)
    for _ in range(10):
        with pytest.raises(StoreError):
            client.ask(batch)
    place.shaky.cut = ""
    assert client.ask(why="flush") is None, "nothing was kept of it: it comes again"
    client.ask(batch)
    assert settled(client) == (0, 0)
    assert place.shaky.inner.account(client.source).merged == 3


def test_errors_wait_no_longer_than_they_may(place: Place, client: Client) -> None:
    place.shaky.cut = "busy"
    batch, began = client.batch("A", 3), place.clock.now
    while True:
        try:
            answer = client.ask(batch, why="flush")
        except StoreError:
            continue
        break
    assert isinstance(answer, Claim)
    assert told(answer) == {"A new": 3}
    assert place.clock.now - began == pytest.approx(failover.BUSY_FOR, abs=0.3)


def test_a_critical_waits_for_nobody_and_takes_with_it_what_waited(
    place: Place, client: Client
) -> None:
    client.log("A", 2)
    place.shaky.cut = "busy"
    waiting = client.batch("B", 3)
    with pytest.raises(StoreError):
        client.ask(waiting)
    claim = client.ask(waiting, client.batch("C", level="critical"))
    assert isinstance(claim, Claim)
    assert told(claim) == {"B new": 3, "C new": 1}
    assert client.store.freeze(claim.id, "body")
    client.store.settle(claim.id)
    assert settled(client) == (4, 0)
    back(place)
    assert told(client.deliver(why="flush")) == {"A new": 2}
    assert settled(client) == (6, 0)
    assert place.shaky.inner.account(client.source).merged == 2, "it has no part in what was told"


@pytest.mark.parametrize("twice", [False, True])
def test_what_became_of_a_message_is_written_down_when_it_can_be(
    place: Place, client: Client, capsys: pytest.CaptureFixture[str], twice: bool
) -> None:
    client.log("A", 4)
    claim = client.claim(why="flush")
    assert client.store.freeze(claim.id, "body")
    place.shaky.cut = "busy"
    client.store.settle(claim.id)
    if twice:
        with pytest.raises(StoreError):
            client.ask(client.batch("B"))
    place.shaky.cut = ""
    assert client.store.durable
    assert not isinstance(client.ask(), Claim)
    assert settled(client) == (4, 0)
    assert capsys.readouterr().err == ""


def test_a_token_that_was_fetched_is_left_when_it_can_be(place: Place, client: Client) -> None:
    assert client.store.lease("key") is None
    place.shaky.cut = "busy"
    client.store.lease("key", Left("secret", 6900))
    place.shaky.cut = ""
    client.ask()
    assert place.shaky.inner.lease("key") == "secret"


def test_what_is_owed_comes_before_the_next_step_of_a_message(place: Place, client: Client) -> None:
    """Of a digest that is told in parts: the settlement of one takes the frozen body away,
    which must not be that of the next."""
    client.log("A")
    client.log("B")
    claim = client.claim(why="flush")
    assert client.store.freeze(claim.id, "A")
    place.shaky.cut = "busy"
    client.store.settle(claim.id, groups=["A"])
    place.shaky.cut = ""
    assert client.store.freeze(claim.id, "B")
    assert place.shaky.inner._state.bodies[claim.id] == "B"
    assert settled(client) == (1, 0)


def test_what_is_owed_is_waited_for_as_the_step_itself(place: Place, client: Client) -> None:
    """Else counts would be lost that are merged at a last moment, or a digest stay leased."""
    client.log("A", 5)
    client.log("B")
    claim = client.claim(why="flush")
    assert client.store.freeze(claim.id, "A")
    place.shaky.busy = 3
    client.store.settle(claim.id, groups=[identity("A").id])
    assert client.store.freeze(claim.id, "B")
    place.shaky.busy = 3
    client.store.settle(claim.id)
    client.store.merge(client.batch("A", 7))
    assert client.store.durable
    assert client.store.account(client.source).merged == 13
    assert settled(client) == (6, 0)


def test_somebody_who_waits_leaves_the_machine_to_others(place: Place, client: Client) -> None:
    client.log("A")
    claim = client.claim(why="flush")
    place.shaky.cut, tries = "busy", place.shaky.steps
    began = time.thread_time()
    with deadline(monotonic() + 0.2), pytest.raises(StoreError):
        client.store.freeze(claim.id, "A")
    assert place.shaky.steps - tries < 100
    assert time.thread_time() - began < 0.1


def test_a_token_and_an_account_wait_a_moment_for_who_is_at_work(
    place: Place, client: Client
) -> None:
    """On a busy machine that is nothing: no reason to go on without the store."""
    client.log("A", 3)
    place.shaky.busy = 3
    assert client.store.lease("key") is None
    client.store.lease("key", Left("secret", 6900))
    place.shaky.busy = 3
    assert settled(client) == (0, 0)
    assert client.store.durable
    assert place.shaky.inner.lease("key") == "secret"
    place.shaky.cut = "busy"
    with deadline(monotonic() + 0.05):
        assert client.store.lease("key") is None, "it may have been stopped"
    assert not client.store.durable


def test_all_that_a_visit_asks_for_waits_no_longer_than_one_question(
    place: Place, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(failover, "monotonic", lambda: now)
    monkeypatch.setattr("time.sleep", sleep)

    def ask(number: int) -> None:
        for n in range(number):
            place.shaky.busy = 20  # a tenth of a second
            client.store.lease(f"key {n}")

    for _ in range(3):
        ask(9)
        assert client.store.durable
        client.ask()
    ask(11)
    assert not client.store.durable
    assert now == pytest.approx(3 * 0.9 + failover.ASKS_BUSY_FOR, abs=0.02)


def test_a_token_is_read_although_something_is_owed(place: Place, client: Client) -> None:
    place.shaky.inner.lease("key")
    place.shaky.inner.lease("key", Left("secret", 6900))
    client.log("A", 4)
    claim = client.claim(why="flush")
    assert client.store.freeze(claim.id, "body")
    place.shaky.cut = "busy"
    client.store.settle(claim.id)
    place.shaky.cut = ""
    before = place.shaky.steps
    assert client.store.lease("key") == "secret"
    assert place.shaky.steps == before + 1


def test_the_program_has_its_random_numbers_for_itself(place: Place, client: Client) -> None:
    before = random.getstate()
    client.log("A", 3)
    place.shaky.cut = "before"
    client.ask(why="flush")
    place.advance(60.0)
    client.ask()
    assert not client.store.durable
    assert random.getstate() == before


def test_a_token_that_could_not_be_left_in_time_is_not_left(place: Place, client: Client) -> None:
    """Somebody else may have fetched a newer one."""
    assert client.store.lease("key") is None
    place.shaky.cut = "busy"
    client.store.lease("key", Left("old", 6900))
    place.shaky.cut = ""
    place.advance(60)
    assert place.shaky.inner.lease("key") is None
    place.shaky.inner.lease("key", Left("new", 6900))
    client.ask()
    assert place.shaky.inner.lease("key") == "new"


# -- the share of the budget ---------------------------------------------------------------


def test_shares_of_a_small_fleet_need_no_turns() -> None:
    assert split_limit(DEFAULT_RATE_LIMIT, 1) == DEFAULT_RATE_LIMIT
    assert split_limit(DEFAULT_RATE_LIMIT, 4) == ((2, 60.0), (112, 3600.0))
    assert until_time_slice(DEFAULT_RATE_LIMIT, Fleet(3, 4), 12345.6) == 0.0


def test_who_has_never_reached_its_store_speaks_at_once_and_sixteen_stay_within_the_limit() -> None:
    """Nobody has counted them: a service that starts while its store is down is told of."""
    clocks, sent = Clock(), []
    stores = []
    for _ in range(16):
        shaky = Shaky(clocks)
        shaky.cut = "before"
        store = FailoverStore(shaky, RULES, "x", clock=clocks, wall=clocks)
        store.merge(Batch("s", 1, (Entry(identity("A", "critical"), 1),)))
        stores.append(store)
    for tick in range(600):
        clocks.now = 1000.0 + tick
        for number, store in enumerate(stores):
            claim, _ = store.claim(Asker("s"))
            assert tick or isinstance(claim, Claim), "at once"
            if isinstance(claim, Claim):
                sent.append(clocks.now)
                store.settle(claim.digest.id)
                kind = f"{number} {clocks.now}"
                store.merge(Batch("s", 1, (Entry(identity(kind, "critical"), 1),)))
    assert len(sent) > 100, "and they go on"
    for i, at in enumerate(sent):
        assert sum(at <= other < at + 60.0 for other in sent[i:]) <= 18


@pytest.mark.parametrize("size", [2, 9, 10, 50, 200])
def test_a_fleet_that_loses_its_store_stays_within_the_limit(size: int) -> None:
    """Each tells as soon and as often as it may, for an hour; nobody knows of the others."""
    clocks, sent = Clock(), []
    stores = []
    for rank in range(size):
        shaky = Shaky(clocks)
        shaky.cut = "before"
        store = FailoverStore(shaky, RULES, "x", clock=clocks, wall=clocks)
        store._fleet = Fleet(rank, size)
        store.merge(Batch("s", 1, (Entry(identity("A", "critical"), 1),)))
        stores.append(store)
    step = 0.25 if size < 100 else 1.0
    for tick in range(int(600 / step)):
        clocks.now = 1000.0 + tick * step
        for number, store in enumerate(stores):
            claim, _ = store.claim(Asker("s"))
            if isinstance(claim, Claim):
                sent.append(clocks.now)
                store.settle(claim.digest.id)
                kind = f"{number} {clocks.now}"
                store.merge(Batch("s", 1, (Entry(identity(kind, "critical"), 1),)))
    assert sent[0] - 1000.0 < 10.0, "the first of them speaks within seconds"
    for i, at in enumerate(sent):
        assert sum(at <= other < at + 60.0 for other in sent[i:]) <= 18
