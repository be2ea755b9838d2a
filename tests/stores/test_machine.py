"""Whatever happens in whatever order: three stores answer alike, and every account is exact.

Hypothesis draws the steps: errors of several sources with two sets of options, visits, what
becomes of what was claimed, processes that die or come too late, and a clock that moves.
Memory is what the others are held to; each step is played in all of them, side by side.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from tests.helpers.redis_server import RedisServer
from tests.helpers.store_kits import Client, MemoryKit, RedisKit, SQLiteKit, event
from wecom_logging._model import digest
from wecom_logging._model.digest import Report
from wecom_logging._model.ratelimit import Fleet
from wecom_logging._model.schedule import Policy
from wecom_logging._stores.failover import FailoverStore
from wecom_logging._stores.marks import Act
from wecom_logging._stores.protocol import (
    Claim,
    Elsewhere,
    Failure,
    FollowUp,
    Rules,
    StoreError,
)

LIMIT = ((9, 60.0), (40, 3600.0))
#: Two handlers of one app that are not set alike.
OPTIONS: tuple[dict[str, Any], ...] = (
    {
        "max_groups": 10,
        "rate_limit": LIMIT,
        "policy": Policy(forget_after=7200.0, repeat_intervals=(60.0, 300.0, 900.0)),
        "release": "2.2.0",
    },
    {
        "max_groups": 5,
        "rate_limit": LIMIT,
        "policy": Policy(group_wait=5.0, repeat_intervals=(120.0,), recovery="off"),
        "release": "2.3.1",
    },
)
SOURCES = ("web-1/1/a", "web-1/1/b", "web-2/7/c")

#: Seconds that add up to no limit of any option.
MOVES = (0.3, 2.1, 14.3, 31.7, 63.1, 303.7, 702.9, 7205.3)

#: Nor do these pauses add up to any number of the steps' 0.02 s and moves: whether one has just
#: ended would be a matter of how a store rounds.
FAILURES = {
    "refused": Failure("refused", 7.207),
    "strict": Failure("errcode 45009", 65.307, strict=True),
    "unclear": Failure("timed out", 7.207, unclear=True),
    "way": Failure("no route to host", 60.407, way=True),
    "setup": Failure("errcode 93000", 60.407, setup=True),
}

KINDS = st.sampled_from(
    ("A", "B", "C", "D", "job", "text 1", "text 2", "text 3", "constant 1", "constant 2", "code 1")
)
LEVELS = st.sampled_from(("error", "error", "error", "critical"))
COUNTS = st.sampled_from((1, 1, 3, 200))
CLIENTS = st.integers(0, len(SOURCES) - 1)


@dataclass
class World:
    """One store with its clients. All worlds of a run have the same clock."""

    name: str
    clients: list[Client]
    prepare: Callable[[int], object]

    def do(self, number: int, step: Callable[[Client], Any]) -> Any:
        self.prepare(number)
        return step(self.clients[number])


@dataclass
class Taken:
    """What was claimed by a client, under another id in each world."""

    client: int
    found: dict[str, Claim | FollowUp] = field(default_factory=dict)

    @property
    def groups(self) -> list[str]:
        first = next(iter(self.found.values()))
        return [r.identity.id for r in first.digest.reports] if isinstance(first, Claim) else []


def shown(answer: object) -> object:
    """What a reader or a worker sees of an answer."""
    if isinstance(answer, Claim):
        reports = sorted(map(_shown, answer.digest.reports))
        late = answer.digest.outage and answer.digest.outage.reason
        quiet, told = answer.digest.quiet is not None, answer.digest.by_fallback
        elsewhere = answer.fallback, told and told._replace(since=0.0, until=0.0)
        return (
            "claim", reports, answer.body, answer.failures, answer.digest.lost, late, quiet,
            elsewhere,
        )  # fmt: skip
    if isinstance(answer, FollowUp):
        return "follow-up", answer.kind, answer.body, answer.slots, answer.attempt
    return answer


def alike(one: object, other: object) -> bool:
    """Whether two stores say the same, but for milliseconds."""
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) < 0.5
    return shown(one) == shown(other)


def _shown(report: Report) -> tuple[object, ...]:
    samples = tuple(sample["event"] for sample in report.samples)
    return (
        report.identity.id, report.state, report.count, report.doubtful, report.total,
        report.before[0], report.news, report.hosts, samples, report.left, report.short_id,
        report.releases, report.back_from,
    )  # fmt: skip


def _known(store: Any) -> object:
    """What command line and bot see of a store.

    Of the counts by hour their sum: Redis' own clock goes on, and comes sooner to the next hour.
    """
    app = store.groups()
    groups = sorted(
        (g.id, g.state, g.taken_by, g.first_release, g.last_release, sum(g.hours))
        for g in app.groups
    )
    jobs = sorted((j.name, len(j.runs), bool(j.worked_at), bool(j.failed_at)) for j in app.jobs)
    return groups, jobs, sum(app.hours), [(source.name, source.errors) for source in app.sources]


class StoresAgree(RuleBasedStateMachine):
    """The steps, and what has to hold after each of them."""

    redis: RedisServer
    taken = Bundle("taken")

    @initialize(duplicate_check=st.booleans())
    def open(self, duplicate_check: bool) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.redis.client().flushall()
        self.kits = (
            MemoryKit(shared=True),
            SQLiteKit(Path(self.directory.name)),
            RedisKit(self.redis.url, frozen=True),
        )
        self.worlds = [self._world(kit, duplicate_check) for kit in self.kits]
        self.logged = dict.fromkeys(SOURCES, 0)
        self.acts = 0

    def _world(self, kit: Any, duplicate_check: bool) -> World:
        options = [{**OPTIONS[n % 2], "duplicate_check": duplicate_check} for n in range(3)]
        clients = [
            Client(kit, source, route=f"route {n}", **options[n])
            for n, source in enumerate(SOURCES)
        ]

        def prepare(number: int) -> None:
            if isinstance(kit, MemoryKit):
                store = clients[number].store
                store._rules = Rules(**options[number])  # type: ignore[attr-defined]  # its own

        return World(type(kit).__name__, clients, prepare)

    def everywhere(self, number: int, step: Callable[[Client], Any]) -> dict[str, Any]:
        """A step of one client in all worlds, which have to answer alike."""
        self.move(0.02)  # no two steps at once: which was first would be a matter of taste
        answers = {world.name: world.do(number, step) for world in self.worlds}
        first, *others = answers.values()
        for other in others:
            assert alike(first, other), (shown(first), shown(other))
        return answers

    def move(self, seconds: float) -> None:
        for kit in self.kits:
            kit.advance(seconds)

    # -- the steps ---------------------------------------------------------------------

    @rule(seconds=st.sampled_from(MOVES))
    def time_passes(self, seconds: float) -> None:
        self.move(seconds)

    @rule(client=CLIENTS, kind=KINDS, level=LEVELS, count=COUNTS, sampled=st.booleans())
    def errors_come(self, client: int, kind: str, level: str, count: int, sampled: bool) -> None:
        samples = (event(f"sample of {kind}"),) if sampled else ()
        self.logged[SOURCES[client]] += count

        def step(each: Client) -> None:
            batch = each.batch(f"{kind} {level}", count, level=level, samples=samples)
            each.store.merge(batch)
            each.store.merge(batch)

        self.everywhere(client, step)

    @rule(client=CLIENTS)
    def a_job_works_again(self, client: int) -> None:
        self.everywhere(client, lambda each: each.end("job error"))

    @rule(
        client=CLIENTS,
        verb=st.sampled_from(
            ("silence", "silence", "unsilence", "take", "untake", "quiet", "undo")
        ),
        which=st.integers(0, 3),
        seconds=st.sampled_from((0.0, 290.1, 3000.1)),
        until_release=st.sampled_from((False, False, True)),
    )
    def somebody_marks(
        self, client: int, verb: Any, which: int, seconds: float, until_release: bool
    ) -> None:
        self.acts += 1
        act = Act(verb, f"key {self.acts}", "lisi", "lisi", "web", seconds=seconds)

        def step(each: Client) -> object:
            store: Any = each.store
            if verb == "undo":
                undone = store.undo(act, 600.0)
                return undone and (undone.act.key, sorted(undone.ids))
            ids = sorted(group.id for group in store.groups().groups)[which : which + 2]
            ids = [] if verb == "quiet" else ids
            done = store.mark(act._replace(ids=tuple(ids), until_release=until_release))
            return sorted(done.ids), sorted(done.refused.items())

        self.everywhere(client, step)

    @rule(
        target=taken,
        client=CLIENTS,
        why=st.sampled_from(("due", "due", "flush", "insist")),
        leaving=st.sampled_from((False, False, False, True)),
        lived=st.sampled_from((0.0, 0.0, 70.0)),
        quiet=st.sampled_from((None, None, None, (60.0, 290.0), (3600.0, 7200.0))),
        fallback=st.sampled_from((None, Elsewhere("mails", 60.307), Elsewhere("", 0.0))),
    )
    def somebody_looks(
        self,
        client: int,
        why: str,
        leaving: bool,
        lived: float,
        quiet: tuple[float, float] | None,
        fallback: Elsewhere | None,
    ) -> Any:
        how: dict[str, Any] = {"why": why, "leaving": leaving, "quiet": quiet, "lived": lived}
        answers = self.everywhere(client, lambda each: each.ask(fallback=fallback, **how))
        if any(isinstance(answer, (Claim, FollowUp)) for answer in answers.values()):
            return Taken(client, answers)
        return multiple()

    @rule(
        target=taken,
        client=CLIENTS,
        kind=KINDS,
        level=LEVELS,
        count=COUNTS,
    )
    def errors_come_and_are_asked_for(self, client: int, kind: str, level: str, count: int) -> Any:
        self.logged[SOURCES[client]] += count
        answers = self.everywhere(
            client, lambda each: each.ask(each.batch(f"{kind} {level}", count, level=level))
        )
        if any(isinstance(answer, (Claim, FollowUp)) for answer in answers.values()):
            return Taken(client, answers)
        return multiple()

    @rule(
        client=CLIENTS,
        kind=KINDS,
        level=LEVELS,
        count=COUNTS,
        ends=st.sampled_from(("told", "told", "told", "lost", "died", *sorted(FAILURES))),
        frozen=st.booleans(),
        follow_ups=st.integers(0, 2),
        leaving=st.booleans(),
        before=st.sampled_from(MOVES),
    )
    def a_script_runs(
        self,
        before: float,
        client: int,
        kind: str,
        level: str,
        count: int,
        ends: str,
        frozen: bool,
        follow_ups: int,
        leaving: bool,
    ) -> None:
        """Errors, a flush, and what becomes of it, at once."""
        self.move(before)
        self.logged[SOURCES[client]] += count
        answers = self.everywhere(
            client,
            lambda each: each.ask(
                each.batch(f"{kind} {level}", count, level=level), why="insist", leaving=leaving
            ),
        )
        if not isinstance(answers["MemoryKit"], Claim):
            return
        one = Taken(client, answers)
        if frozen or ends == "unclear":
            self.it_is_about_to_be_sent(one, 3 if follow_ups else 0)
        if ends in FAILURES:
            self.it_is_not_told(one, ends)
        elif ends != "died":
            self.it_is_told(one, follow_ups, ends == "lost")

    @rule(client=CLIENTS, ends=st.sampled_from(("told", "died", "refused")))
    def what_follows_is_sent(self, client: int, ends: str) -> None:
        self.move(8.1)
        answers = self.everywhere(client, lambda each: each.ask())
        if not isinstance(answers["MemoryKit"], (Claim, FollowUp)):
            return
        one = Taken(client, answers)
        if ends == "told":
            self.it_is_told(one, 0, 0)
        elif ends == "refused":
            self.it_is_not_told(one, ends)

    @rule(one=taken, extra=st.sampled_from((0, 0, 1, 2)))
    def it_is_about_to_be_sent(self, one: Taken, extra: int) -> None:
        if one.groups:
            self.with_it(one, lambda each, claim: each.store.freeze(claim.id, "body", extra=extra))

    @rule(one=taken)
    def it_is_tried_once_more(self, one: Taken) -> None:
        self.with_it(one, lambda each, claim: each.store.renew(claim.id))

    @rule(one=taken, lost=st.booleans(), which=st.integers(0, 3))
    def a_part_is_told(self, one: Taken, lost: bool, which: int) -> None:
        groups = one.groups[which : which + 1]
        if groups:
            self.with_it(
                one, lambda each, claim: each.store.settle(claim.id, lost=lost, groups=groups)
            )

    @rule(one=consumes(taken), follow_ups=st.integers(0, 2), lost=st.sampled_from((0, 0, 0, 1)))
    def it_is_told(self, one: Taken, follow_ups: int, lost: int) -> None:
        after = (FollowUp("file", "the report", 2), FollowUp("call", "somebody"))[:follow_ups]
        for _ in range(2):
            self.with_it(
                one, lambda each, claim: each.store.settle(claim.id, *after, lost=bool(lost))
            )

    @rule(one=consumes(taken), how=st.sampled_from(sorted(FAILURES)))
    def it_is_not_told(self, one: Taken, how: str) -> None:
        for _ in range(2):
            self.with_it(one, lambda each, claim: each.store.release(claim.id, FAILURES[how]))

    @rule(one=consumes(taken))
    def who_has_it_dies(self, one: Taken) -> None:
        pass

    def with_it(self, one: Taken, step: Callable[[Client, Any], Any]) -> None:
        names = {id(world.clients[one.client]): world.name for world in self.worlds}
        self.everywhere(one.client, lambda each: step(each, one.found[names[id(each)]]))

    # -- what has to hold --------------------------------------------------------------

    @invariant()
    def accounts_are_exact(self) -> None:
        if not hasattr(self, "logged"):
            return
        for world in self.worlds:
            for number, source in enumerate(SOURCES):
                account = world.clients[number].store.account(source)
                assert account.merged == self.logged[source], world.name
                assert account.reported + account.lost <= account.merged, world.name
        for number in range(len(SOURCES)):
            accounts = [
                world.clients[number].store.account(SOURCES[number]) for world in self.worlds
            ]
            first, *others = [(*account[:4], account.by_fallback) for account in accounts]
            assert others == [first, first]

    def teardown(self) -> None:
        """In the end everything is told, by whoever comes."""
        if hasattr(self, "logged"):
            self.everything_is_told()
            self.directory.cleanup()

    def everything_is_told(self) -> None:
        self.move(0.02)  # what has just ended is over a millisecond later
        known = [_known(world.clients[0].store) for world in self.worlds]
        assert known[0] == known[1] == known[2]
        self.move(4 * 3600.0)
        for _ in range(30):
            answers = self.everywhere(0, lambda each: each.ask(why="insist"))
            if all(answer is None for answer in answers.values()):
                break
            taken = {n: a for n, a in answers.items() if isinstance(a, Claim)}
            if taken:
                one = Taken(0, taken)  # type: ignore[arg-type]  # a step is a list of anything
                self.with_it(one, lambda each, claim: each.store.settle(claim.id))
            self.move(63.1)
        for world in self.worlds:
            for number, source in enumerate(SOURCES):
                account = world.clients[number].store.account(source)
                assert account.reported + account.lost == self.logged[source], world.name


class Cut:
    """A way to a store that can be cut, before a step is done or after it."""

    durable = True

    def __init__(self, inner: Any) -> None:
        self.inner, self.where = inner, ""

    def __getattr__(self, name: str) -> Any:
        step = getattr(self.inner, name)

        def run(*arguments: Any, **options: Any) -> Any:
            if self.where == "before":
                raise StoreError("connection refused")
            answer = step(*arguments, **options)
            if self.where == "after":
                raise StoreError("timed out", unclear=True)
            return answer

        return run


class RedisLostAndBack(RuleBasedStateMachine):
    """Couriers whose Redis goes away and comes back: each error is told once."""

    redis: RedisServer

    @initialize()
    def open(self) -> None:
        self.redis.client().flushall()
        self.kit = RedisKit(self.redis.url, frozen=True)
        self.now = 1000.0
        self.told = 0
        self.logged = dict.fromkeys(SOURCES[:2], 0)
        self.clients = [Client(self.kit, source) for source in self.logged]
        self.cuts = [Cut(client.store) for client in self.clients]
        for client, cut in zip(self.clients, self.cuts, strict=True):
            store = FailoverStore(
                cut,
                Rules(),
                "the store",
                clock=lambda: self.now,
                wall=lambda: self.now,
            )
            store._fleet = Fleet(0, 1)
            client.store = store

    @rule(which=st.integers(0, 1), where=st.sampled_from(("", "", "before", "after")))
    def the_way_changes(self, which: int, where: str) -> None:
        self.cuts[which].where = where

    @rule(seconds=st.sampled_from(MOVES[:6]))
    def time_passes(self, seconds: float) -> None:
        self.kit.advance(seconds)
        self.now += seconds

    @rule(which=st.integers(0, 1), kind=KINDS, count=COUNTS, asks=st.booleans())
    def errors_come(self, which: int, kind: str, count: int, asks: bool) -> None:
        client = self.clients[which]
        self.logged[client.source] += count
        batch = client.batch(kind, count)
        if asks:
            self.deliver(client, client.ask(batch))
        else:
            client.store.merge(batch)

    @rule(which=st.integers(0, 1), why=st.sampled_from(("due", "flush")))
    def somebody_looks(self, which: int, why: str) -> None:
        self.deliver(self.clients[which], self.clients[which].ask(why=why))

    def deliver(self, client: Client, answer: object) -> None:
        if isinstance(answer, Claim):
            try:
                client.store.freeze(answer.id, "body")
            except StoreError:
                client.store.release(answer.id, Failure("not kept", 1.0))
                return
            self.told += sum(report.count for report in answer.digest.reports)
            client.store.settle(answer.id)

    @invariant()
    def nothing_is_uncounted(self) -> None:
        for client in getattr(self, "clients", ()):
            account = client.store.account(client.source)
            assert account.lost == 0
            assert account.reported <= account.merged <= self.logged[client.source]

    def teardown(self) -> None:
        if not hasattr(self, "clients"):
            return
        for cut in self.cuts:
            cut.where = ""
        for _ in range(8):
            self.time_passes(100.3)
            for client in self.clients:
                self.deliver(client, client.ask(why="insist"))
        for client in self.clients:
            account = client.store.account(client.source)
            assert account.reported == account.merged == self.logged[client.source]
        assert self.told == sum(self.logged.values())


PROFILE = settings(
    max_examples=25,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)


def test_stores_agree_and_accounts_are_exact(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digest, "MAX_VARIANTS", 2)
    monkeypatch.setattr(digest, "MAX_CONSTANT", 1)
    StoresAgree.redis = redis_server
    run_state_machine_as_test(StoresAgree, settings=PROFILE)


def test_errors_are_told_once_although_redis_is_lost_and_back(redis_server: RedisServer) -> None:
    RedisLostAndBack.redis = redis_server
    run_state_machine_as_test(RedisLostAndBack, settings=PROFILE)
