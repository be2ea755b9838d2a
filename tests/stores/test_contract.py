"""What every store does: one suite for memory, SQLite and Redis."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.store_kits import KITS, Client, Kit, MemoryKit, event, identity, kit, near, told
from wecom_logging._model.digest import VARYING, Report
from wecom_logging._model.schedule import UNCLEAR_FOR, Policy
from wecom_logging._stores import register
from wecom_logging._stores.protocol import (
    FLEET_FOR,
    LEASE,
    LOOK,
    OUTLASTS,
    TURN,
    Asker,
    Batch,
    Claim,
    Dropped,
    Entry,
    Failure,
    FollowUp,
    Left,
)

REFUSED = Failure("connection refused", 5.0)
UNCLEAR = Failure("read timed out", 5.0, unclear=True)


@pytest.fixture(params=KITS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Kit:
    return kit(request.param, tmp_path, request)


@pytest.fixture
def client(place: Kit) -> Client:
    return Client(place)


# -- when ----------------------------------------------------------------------------------


def test_an_empty_store_has_nothing_to_do(client: Client) -> None:
    assert client.wait() is None
    assert client.wait(why="flush") is None


def test_first_news_waits_for_company(client: Client) -> None:
    client.log("A", 3)
    assert client.wait() == near(1.0)
    client.log("B", 2)
    waited, claim = client.until_due()
    assert waited == near(1.0)
    assert told(claim) == {"A new": 3, "B new": 2}


def test_a_critical_waits_for_nothing(client: Client) -> None:
    client.log("Fire", level="critical")
    assert told(client.claim()) == {"Fire new": 1}


def test_the_next_news_keeps_its_distance(client: Client) -> None:
    client.log("A")
    client.deliver()
    client.log("B")
    client.log("A", 4)
    waited, claim = client.until_due()
    assert waited == near(15.0)
    assert told(claim) == {"A still": 4, "B new": 1}


def test_what_goes_on_is_told_after_growing_pauses(place: Kit) -> None:
    client = Client(place, policy=Policy(recovery="off"))
    client.log("A")
    client.deliver()
    for pause in (60, 300, 900, 3600, 3600):
        client.log("A", 2)
        waited, claim = client.until_due()
        assert waited == near(pause)
        assert told(claim) == {"A still": 2}
        client.store.settle(claim.digest.id)


def test_a_surge_is_told_like_news(client: Client) -> None:
    client.log("A", 3)
    client.deliver()
    client.kit.advance(30)
    client.log("A", 500)
    waited, claim = client.until_due()
    assert waited == near(1.0)
    assert claim.digest.reports[0].news
    client.store.settle(claim.digest.id)
    client.log("A")
    assert client.until_due()[0] == near(60)


def test_flush_makes_everything_due(client: Client) -> None:
    client.log("A")
    assert told(client.claim(why="flush")) == {"A new": 1}


def test_that_a_group_is_over_is_told_by_itself_if_it_was_told_twice(client: Client) -> None:
    client.log("A", 5)
    client.deliver()
    client.log("A", 2)
    client.deliver()
    waited, claim = client.until_due()
    assert waited == near(540)  # 600 s after its last error, which waited for a minute
    assert told(claim) == {"A over": 0}
    assert claim.digest.reports[0].total == 7
    client.store.settle(claim.digest.id)
    assert client.wait() is None


def test_a_group_that_was_over_comes_again(client: Client) -> None:
    client.log("A")
    client.deliver()
    client.kit.advance(700)
    client.log("A")
    assert told(client.deliver()) == {"A again": 1}


def test_a_script_that_fails_each_minute_of_a_day() -> None:
    """A process of its own each time, which waits for nothing at its end: a message after each
    pause, and every error in one of them, but for those that the store still keeps."""
    place = MemoryKit(shared=True)  # 1440 processes: the step is the same in all stores
    found = []
    for minute in range(1440):
        script = Client(place, f"web-1/{minute}/a")
        script.log("A")
        answer = script.ask(why="flush", leaving=True)
        if isinstance(answer, Claim):
            assert script.store.freeze(answer.id, "body")
            script.store.settle(answer.id)
            found.append(sum(told(answer).values()))
        place.advance(60.0)
    assert found[0] == 1
    assert 24 <= len(found) <= 60
    kept = Client(place, "web-1/last/a").claim(why="insist") if sum(found) < 1440 else None
    assert sum(found) + (sum(told(kept).values()) if kept else 0) == 1440


def test_a_group_is_forgotten_after_a_day(client: Client) -> None:
    client.log("A")
    client.deliver()
    client.kit.advance(90_000)
    client.log("A")
    assert told(client.deliver()) == {"A new": 1}


def test_what_has_not_been_told_is_never_forgotten(client: Client) -> None:
    client.log("A", 7)
    client.kit.advance(3 * 86400)
    client.log("A", 1)
    assert told(client.claim()) == {"A new": 8}


def test_nothing_more_is_told_of_what_is_over(client: Client) -> None:
    client.log("A")
    client.deliver()
    assert client.wait() is None


# -- what ----------------------------------------------------------------------------------


def test_the_same_batch_twice_changes_nothing(client: Client) -> None:
    batch = client.log("A", 3)
    client.store.merge(batch)
    assert told(client.claim(why="flush")) == {"A new": 3}
    assert client.store.account(client.source).merged == 3


def test_counts_of_all_sources_add_up_and_hosts_are_named(place: Kit) -> None:
    clients = [Client(place, f"web-{n % 2}/{n}/x") for n in range(4)]
    for n, each in enumerate(clients):
        each.log("A", n + 1)
    claim = clients[0].claim(why="flush")
    assert told(claim) == {"A new": 10}
    assert claim.digest.reports[0].hosts == ("web-0", "web-1")


def test_a_report_says_when_and_how_much(client: Client) -> None:
    client.log("A", 3)
    client.deliver()
    client.kit.advance(10)
    client.log("A", 2)
    client.kit.advance(20)
    client.log("A", 2)
    (report,) = client.claim(why="flush").digest.reports
    assert (report.count, report.total, report.before[0]) == (4, 7, 3)
    assert report.last - report.first == near(20)
    assert report.first - report.since == near(11)
    assert report.span == near(30)


def test_the_first_sample_stays_and_the_latest(client: Client) -> None:
    for n in range(8):
        client.log("A", samples=(event(f"sample {n}"),))
    (report,) = client.claim(why="flush").digest.reports
    assert [s["event"] for s in report.samples] == [f"sample {n}" for n in (0, 4, 5, 6, 7)]


def test_texts_come_out_as_they_went_in(client: Client) -> None:
    hostile = 'lone \ud800 surrogate, \x00, "quotes", 数据库 💥 [link](http://x) {"a": [1.5, null]}'
    sample = {"event": hostile, "deep": {"list": [1, 2.5, None, True, {"x": []}], "none": {}}}
    entry = Entry(identity("A")._replace(type=hostile), 1, (sample,))
    client.store.merge(Batch(client.source, 1, (entry,)))
    (report,) = client.claim(why="flush").digest.reports
    assert report.identity.type == hostile
    assert report.samples == (sample,)


def test_large_counts_stay_exact(client: Client) -> None:
    for _ in range(3):
        client.log("A", 3_000_000_001)
    assert told(client.claim(why="flush")) == {"A new": 9_000_000_003}


def test_two_apps_and_two_environments_never_mix(place: Kit) -> None:
    every = [
        Client(place, f"web/{n}/x", app=app, environment=environment)
        for n, (app, environment) in enumerate(
            [("shop", "prod"), ("shop", "staging"), ("till", "prod"), ("till", "")]
        )
    ]
    for n, client in enumerate(every):
        client.log("A", n + 1)
    for n, client in enumerate(every):
        claim = client.claim(why="flush")
        assert told(claim) == {"A new": n + 1}
        client.store.settle(claim.digest.id)
        assert client.store.account(client.source).reported == n + 1
        assert client.store.account("web/0/x").merged == (1 if n == 0 else 0)


def test_errors_may_come_doubtful(client: Client) -> None:
    client.log("A", 5, doubtful=2)
    assert client.claim(why="flush").digest.reports[0].doubtful == 2


# -- what becomes of it --------------------------------------------------------------------


def test_settling_twice_is_settling_once(client: Client) -> None:
    client.log("A", 3)
    claim = client.claim(why="flush")
    for _ in range(2):
        client.store.settle(claim.digest.id)
    account = client.store.account(client.source)
    assert (account.merged, account.reported, account.lost) == (3, 3, 0)


def test_who_gets_no_digest_has_the_account_with_the_answer(place: Kit) -> None:
    one, two = Client(place, "web/1/a"), Client(place, "web/2/b")
    one.log("A", 3)
    claim = one.claim(why="flush")
    one.store.settle(claim.id)
    wait, account = one.store.claim(Asker(one.source), one.batch("A", 2))
    assert not isinstance(wait, Claim)
    assert account is not None
    assert (account.merged, account.reported) == (5, 3)
    assert account == one.store.account(one.source)
    then, account = two.store.claim(Asker(two.source, "flush"))
    assert isinstance(then, Claim)
    assert account is None, "what becomes of a digest is still to come"
    two.store.settle(then.id)
    _, account = two.store.claim(Asker(two.source))
    assert account is not None
    assert account.merged == 0, "of nobody else"
    assert one.store.account(one.source).reported == 5


def test_the_account_in_an_answer_counts_nobody_whom_the_same_step_has_forgotten(
    place: Kit,
) -> None:
    for number in range(3):
        Client(place, f"web/{number}/a").ask()
    place.advance(2 * FLEET_FOR)
    _, account = Client(place, "web/3/a").store.claim(Asker("web/3/a"))
    assert account is not None
    assert (account.rank, account.sources) == (0, 1)


def test_an_account_is_no_older_than_what_was_merged(place: Kit) -> None:
    client = Client(place)
    client.ask(client.batch("A", 2))
    client.log("A", 5)
    assert client.store.account(client.source).merged == 7


def test_each_source_learns_what_was_told_for_it(place: Kit) -> None:
    one, two = Client(place, "web/1/x"), Client(place, "web/2/x")
    one.log("A", 3)
    two.log("A", 4)
    claim = one.claim(why="flush")
    assert two.store.account(two.source).reported == 0
    one.store.settle(claim.digest.id)
    assert two.store.account(two.source).reported == 4


def test_what_is_refused_is_pending_again(client: Client) -> None:
    client.log("A", 3, samples=(event("first"),))
    claim = client.claim(why="flush")
    client.log("A", 2, samples=(event("second"),))
    for _ in range(2):
        client.store.release(claim.digest.id, REFUSED)
    assert client.wait() == near(5.0)
    _, again = client.until_due()
    assert told(again) == {"A new": 5}
    assert again.failures == 1
    assert again.body is None
    (report,) = again.digest.reports
    assert report.doubtful == 0
    assert [s["event"] for s in report.samples] == ["first", "second"]


def test_flush_overrides_a_pause_but_not_a_strict_one(client: Client) -> None:
    client.log("A")
    claim = client.claim(why="flush")
    client.store.release(claim.digest.id, Failure("wrong secret", 300.0))
    assert client.wait(why="flush") == near(LOOK if client.kit.shared else 300)
    claim = client.claim(why="insist")
    client.store.release(claim.digest.id, Failure("errcode 45009", 300.0, strict=True))
    assert client.wait(why="insist") == near(LOOK if client.kit.shared else 300)


def test_after_an_outage_the_message_says_so(client: Client) -> None:
    client.log("A")
    claim = client.claim(why="flush")
    client.store.release(claim.digest.id, Failure("no route to host", 60.0))
    _, again = client.until_due()
    assert again.digest.outage is not None
    assert again.digest.outage.reason == "no route to host"
    assert again.digest.now - again.digest.outage.since == near(60)
    client.store.settle(again.digest.id)
    client.log("A")
    _, after = client.until_due()
    assert after.digest.outage is None
    assert after.failures == 0


def test_of_a_way_and_a_destination_that_failed_at_once_the_destination_says_why(
    place: Kit,
) -> None:
    for route in ("route 1", "route 2"):
        client = Client(place, route=route, source=f"web/1/{route}")
        client.log("A")
        claim = client.claim(why="insist")
        client.store.release(claim.digest.id, Failure("no route to host", 60.0, way=True))
    place.advance(61.0)
    claim = client.claim(why="insist")
    client.store.release(claim.digest.id, Failure("refused", 60.0))
    _, again = client.until_due()
    assert again.digest.outage is not None
    assert again.digest.outage.reason == "refused"


def test_an_unclear_message_is_repeated_as_it_was(place: Kit) -> None:
    client = Client(place, duplicate_check=True)
    client.log("A", 3)
    claim = client.claim(why="flush")
    client.store.freeze(claim.digest.id, "the bytes")
    client.log("B", 1)
    client.store.release(claim.digest.id, UNCLEAR)
    _, again = client.until_due()
    assert (again.digest.id, again.body) == (claim.digest.id, "the bytes")
    assert told(again) == told(claim) == {"A new": 3}
    assert again.digest.reports == claim.digest.reports
    client.store.settle(again.digest.id)
    assert client.store.account(client.source).reported == 3
    assert told(client.deliver()) == {"B new": 1}


def test_an_unclear_message_without_duplicate_check_is_told_again_as_doubtful(
    client: Client,
) -> None:
    client.log("A", 3)
    claim = client.claim(why="flush")
    client.store.freeze(claim.digest.id, "the bytes")
    client.log("A", 1)
    client.store.release(claim.digest.id, UNCLEAR)
    _, again = client.until_due()
    assert again.body is None
    assert (again.digest.reports[0].count, again.digest.reports[0].doubtful) == (4, 3)


def test_an_unclear_message_is_repeated_for_three_and_a_half_hours(place: Kit) -> None:
    client = Client(place, duplicate_check=True)
    client.log("A", 3)
    claim = client.claim(why="flush")
    client.store.freeze(claim.digest.id, "the bytes")
    client.store.release(claim.digest.id, UNCLEAR)
    client.kit.advance(UNCLEAR_FOR - 60)
    again = client.claim()
    assert again.body == "the bytes"
    client.store.release(again.digest.id, UNCLEAR)
    client.kit.advance(120)
    after = client.claim()
    assert after.body is None
    assert after.digest.reports[0].doubtful == 3


def test_two_messages_of_an_app_that_are_unclear_are_repeated_one_after_the_other(
    place: Kit,
) -> None:
    client = Client(place, duplicate_check=True)
    client.log("slow")
    first = client.claim(why="flush")
    client.store.freeze(first.id, "first")
    client.log("fire", level="critical")
    beside = client.claim()
    client.store.freeze(beside.id, "beside")
    client.store.release(beside.id, UNCLEAR)
    place.advance(0.1)
    client.store.release(first.id, UNCLEAR)
    bodies = [client.deliver().body, client.deliver().body]
    assert bodies == ["beside", "first"]


def test_while_a_message_is_unclear_it_is_the_only_attempt_at_the_destination(
    place: Kit,
) -> None:
    shop, till = (Client(place, app=app, duplicate_check=True) for app in ("shop", "till"))
    shop.log("A")
    till.log("B")
    one, two = shop.claim(why="flush"), till.claim(why="flush")
    shop.store.freeze(one.digest.id, "one")
    till.store.freeze(two.digest.id, "two")
    shop.store.release(one.digest.id, UNCLEAR)
    place.advance(1)
    till.store.release(two.digest.id, UNCLEAR)
    place.advance(6)
    assert till.wait(why="flush") is not None
    again = shop.claim(why="flush")
    assert again.body == "one"
    assert till.wait(why="flush") is not None
    shop.store.settle(again.digest.id)
    assert till.claim(why="flush").body == "two"


def test_errors_refused_in_every_form_are_declared_in_the_next_message(client: Client) -> None:
    client.log("A", 3)
    claim = client.claim(why="flush")
    client.store.settle(claim.digest.id, lost=True)
    account = client.store.account(client.source)
    assert (account.reported, account.lost) == (0, 3)
    client.log("B")
    assert client.deliver().digest.lost == 3
    client.log("C")
    assert client.deliver().digest.lost == 0


# -- sent apart ----------------------------------------------------------------------------


def test_a_digest_can_be_told_in_parts(client: Client) -> None:
    for kind, count in (("A", 3), ("B", 2), ("C", 1)):
        client.log(kind, count)
    claim = client.claim(why="flush")
    client.store.freeze(claim.id, "all of it")
    client.store.settle(claim.id, groups=["A"])
    account = client.store.account(client.source)
    assert (account.merged, account.reported) == (6, 3)
    assert client.store.renew(claim.id)
    client.store.settle(claim.id, groups=["B"], lost=True)
    assert client.store.account(client.source).lost == 2
    client.store.release(claim.id, REFUSED)
    _, again = client.until_due()
    assert told(again) == {"C new": 1}
    assert again.digest.lost == 2
    client.store.settle(again.id, groups=["C"])
    client.store.settle(again.id)
    assert client.store.account(client.source)[:3] == (4, 2, 6)
    assert not isinstance(client.ask(why="flush"), Claim)


def test_what_is_left_of_a_digest_that_was_told_in_part_has_no_body(place: Kit) -> None:
    client = Client(place, duplicate_check=True)
    client.log("A", 3)
    client.log("B", 2)
    claim = client.claim(why="flush")
    client.store.freeze(claim.id, "both")
    client.store.release(claim.id, UNCLEAR)
    _, again = client.until_due()
    assert again.body == "both"
    client.store.settle(again.id, groups=["A"])
    place.advance(LEASE + 1)
    rest = client.claim(why="flush")
    assert rest.body is None
    (report,) = (r for r in rest.digest.reports if r.identity.id == "B")
    assert (report.count, report.doubtful) == (2, 2)


# -- leases --------------------------------------------------------------------------------


def test_one_digest_at_a_time(place: Kit) -> None:
    one, two = Client(place, "web/1/x"), Client(place, "web/2/x")
    one.log("A")
    claim = one.claim(why="flush")
    two.log("B")
    wait = two.wait()
    assert wait is not None
    assert 0 < wait <= LEASE
    assert two.wait(why="flush") == pytest.approx(0.1)
    one.store.settle(claim.id)
    assert told(two.claim(why="flush")) == {"B new": 1}


def test_a_new_critical_goes_beside_a_digest_that_is_out(place: Kit) -> None:
    one, two = Client(place, "web/1/x"), Client(place, "web/2/x")
    one.log("A", 3)
    first = one.claim(why="flush")
    one.log("A", 2)
    two.log("B")
    two.log("Fire", level="critical")
    beside = two.claim()
    assert told(beside) == {"B new": 1, "Fire new": 1}, "and all else, but for what is out"
    two.log("Fire", 5, level="critical")
    wait = two.wait()
    assert wait is not None, "it is not new any more"
    two.store.settle(beside.id)
    one.store.settle(first.id)
    assert told(two.claim(why="flush")) == {"A still": 2, "Fire still": 5}
    assert two.store.account(one.source).reported == 3


def test_a_new_critical_waits_for_no_process_that_died(place: Kit) -> None:
    one, two = (Client(place, f"web/{n}/x", duplicate_check=True) for n in (1, 2))
    one.log("A", 3)
    dead = one.claim(why="flush")
    one.store.freeze(dead.id, "the bytes")
    two.log("Fire", level="critical")
    two.store.settle(two.claim().id)
    place.advance(LEASE + 1)
    again = two.claim()
    assert (again.id, again.body) == (dead.id, "the bytes")
    two.log("Flood", level="critical")
    assert two.wait() is not None, "a repetition is the only attempt"
    two.store.settle(again.id)
    assert two.store.account(one.source).reported == 3


# -- routes --------------------------------------------------------------------------------

STALE = Failure("invalid credential", 60.0, way=True)


@pytest.mark.parametrize("level", ["error", "critical"])
def test_a_route_that_fails_pauses_nobody_else(place: Kit, level: str) -> None:
    bad, good = (Client(place, f"web/{n}/x", route=f"route {n}") for n in (1, 2))
    for n in range(3):
        bad.log(f"A{n}")
        claim = bad.claim(why="insist")
        assert claim.failures == n
        bad.store.release(claim.id, STALE)
        assert bad.wait() is not None
    good.log("B", level=level)
    waited, claim = good.until_due()
    assert waited <= 1.0
    assert claim.failures == 0
    assert claim.digest.outage is None
    good.store.settle(claim.id)
    bad.log("C", level="critical")
    wait = bad.wait()
    assert wait is not None
    assert wait > 20, "the success of another is none of this route"


def test_two_routes_that_fail_share_one_pause(place: Kit) -> None:
    clients = [Client(place, f"web/{n}/x", route=f"route {n}") for n in range(3)]
    clients[0].log("A")
    for n in range(2):
        clients[n].store.release(clients[n].claim(why="flush").id, STALE)
    for client in clients:
        wait = client.wait(why="flush")
        assert wait is not None
        assert wait > 20
    assert told(clients[2].claim(why="insist")) == {"A new": 1}


def test_a_success_in_between_tells_two_routes_apart(place: Kit) -> None:
    one, two, good = (Client(place, f"web/{n}/x", route=f"route {n}") for n in range(3))
    for bad in (one, two):
        good.log("A")
        bad.store.release(bad.claim(why="flush").id, STALE)
        good.store.settle(good.claim(why="flush").id)
    good.log("A")
    assert told(good.claim(why="flush")) == {"A still": 1}


def test_a_failure_of_the_destination_pauses_all(place: Kit) -> None:
    one, two = (Client(place, f"web/{n}/x", route=f"route {n}") for n in (1, 2))
    one.log("A")
    one.store.release(one.claim(why="flush").id, Failure("errcode -1", 60.0))
    wait = two.wait(why="flush")
    assert wait is not None
    assert wait > 20
    assert two.claim(why="insist").failures == 1


def test_the_route_that_failed_says_why_it_is_late(place: Kit) -> None:
    client = Client(place)
    client.log("A")
    client.store.release(client.claim(why="flush").id, Failure("no network", 60.0, way=True))
    _, claim = client.until_due()
    assert claim.digest.outage is not None
    assert claim.digest.outage.reason == "no network"


# -- follow-ups ----------------------------------------------------------------------------


def deliver(client: Client, *follow_ups: FollowUp, extra: int = 0) -> None:
    client.log("A")
    claim = client.claim(why="flush")
    assert client.store.freeze(claim.id, "body", extra=extra)
    client.store.settle(claim.id, *follow_ups)


def follow_up(client: Client) -> FollowUp:
    found = client.ask()
    assert isinstance(found, FollowUp), found
    return found


def test_a_file_follows_its_message(client: Client) -> None:
    deliver(client, FollowUp("file", "the report", slots=2), extra=2)
    assert client.wait(why="flush") is not None
    assert client.wait(leaving=True) is None
    found = follow_up(client)
    assert (found.kind, found.body, found.attempt) == ("file", "the report", 1)
    assert not isinstance(client.ask(), FollowUp), "one has it"
    client.store.settle(found.id)
    assert client.wait() is None


def test_it_never_stands_before_a_digest_and_needs_no_slot_of_the_second_half(
    place: Kit,
) -> None:
    client = Client(place, rate_limit=FEW)
    deliver(client, FollowUp("file", "the report", slots=2))
    client.log("Fire", level="critical")
    claim = client.claim()
    client.store.settle(claim.id)
    wait = client.wait()
    assert wait is not None
    place.advance(61)
    assert follow_up(client).body == "the report"


def test_a_newer_one_takes_the_place_of_an_older(client: Client) -> None:
    deliver(client, FollowUp("file", "old"), FollowUp("call", "somebody"))
    deliver(client, FollowUp("file", "new"))
    found = [follow_up(client), follow_up(client)]
    assert sorted(each.body for each in found) == ["new", "somebody"]
    for each in found:
        client.store.settle(each.id)
    assert not isinstance(client.ask(), FollowUp)


def test_it_is_given_up_after_three_attempts(client: Client) -> None:
    deliver(client, FollowUp("file", "the report"))
    for attempt in range(1, 4):
        found = follow_up(client)
        assert found.attempt == attempt
        assert client.store.renew(found.id)
        client.store.release(found.id, Failure("media refused", 30.0))
        client.log("B")
        claim = client.claim(why="flush")
        assert claim.failures == 0, "that is nobody else's trouble"
        client.store.settle(claim.id)
        place_wait = client.wait()
        if attempt < 3:
            assert place_wait is not None
        client.kit.advance(31)
    assert not isinstance(client.ask(), FollowUp)


def test_it_is_given_up_after_ten_minutes_and_taken_over_from_the_dead(client: Client) -> None:
    deliver(client, FollowUp("file", "the report"))
    dead = follow_up(client)
    client.kit.advance(LEASE + 1)
    again = follow_up(client)
    assert (again.id, again.attempt) == (dead.id, 2)
    client.kit.advance(601)
    assert client.ask() is None


# -- what is left --------------------------------------------------------------------------


def run_and_end(place: Kit, number: int, kind: str = "A", level: str = "error") -> Claim | None:
    """A script that fails, as a process of its own; what it told at its end."""
    script = Client(place, f"web/{number}/x")
    script.log(kind, level=level)
    answer = script.ask(why="flush", leaving=True)
    if not isinstance(answer, Claim):
        assert answer is None
        return None
    script.store.settle(answer.id)
    return answer


def test_a_script_that_fails_in_a_loop_is_told_once_for_each_pause(place: Kit) -> None:
    if not place.shared:
        pytest.skip("what is in memory is told at its end")
    claims = []
    for number in range(14):
        claims.append(run_and_end(place, number))
        place.advance(10)
    assert [number for number, claim in enumerate(claims) if claim] == [0, 6]
    assert claims[6] is not None
    (report,) = claims[6].digest.reports
    assert (report.state, report.count, report.left) == ("still", 6, 5)


@pytest.mark.parametrize("level", ["error", "critical"])
def test_what_was_left_delays_neither_over_nor_again_nor_new(place: Kit, level: str) -> None:
    if not place.shared:
        pytest.skip("what is in memory is told at its end")
    run_and_end(place, 1, level=level)
    assert run_and_end(place, 2, level=level) is None
    place.advance(700)
    claim = run_and_end(place, 3, level=level)
    assert claim is not None
    report = claim.digest.reports[0]
    assert (report.state, report.count, report.left) == ("again", 2, 1)
    assert run_and_end(place, 4, level=level) is None
    place.advance(90_001)
    claim = run_and_end(place, 5, level=level)
    assert claim is not None
    assert (claim.digest.reports[0].state, claim.digest.reports[0].count) == ("new", 2)


def test_that_a_group_is_over_is_told_although_errors_of_it_were_left(place: Kit) -> None:
    if not place.shared:
        pytest.skip("what is in memory is told at its end")
    run_and_end(place, 1, level="critical")
    assert run_and_end(place, 2, level="critical") is None
    place.advance(700)
    stays = Client(place, "web/9/x")
    assert told(stays.claim()) == {"A still": 1, "A over": 0}


# -- short ids -----------------------------------------------------------------------------


def test_a_group_has_a_short_id_that_stays(place: Kit) -> None:
    client = Client(place)
    client.log("A")
    (first,) = client.deliver().digest.reports
    assert re.fullmatch(r"\d{5}", first.short_id)
    place.advance(100_000)
    client.log("A")
    (again,) = client.deliver().digest.reports
    assert (again.state, again.short_id) == ("new", first.short_id)


def test_short_ids_are_unique_at_a_destination(place: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(register, "first_choice", lambda names, group_id: 90_000 * 7 - 1)
    shop, till = (Client(place, app=app) for app in ("shop", "till"))
    found: list[str] = []
    for client in (shop, till, shop):
        client.log(f"kind {len(found)}")
        found += [report.short_id for report in client.deliver().digest.reports]
    assert found == ["99999", "10000", "10001"], "the younger one takes the next"


def test_when_many_are_taken_they_get_a_digit_more(
    place: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(register, "FIVE_DIGITS", 10)
    client = Client(place)
    for n in range(12):
        client.log(f"kind {n}")
    found = [report.short_id for report in client.deliver().digest.reports]
    assert sorted(map(len, found)) == [2] * 10 + [3] * 2
    assert len(set(found)) == 12


# -- leases --------------------------------------------------------------------------------


def test_a_lease_that_ran_out_before_sending_leaves_its_errors_pending(place: Kit) -> None:
    one, two = Client(place, "web/1/x"), Client(place, "web/2/x")
    one.log("A", 3)
    claim = one.claim(why="flush")
    place.advance(LEASE + 1)
    again = two.claim(why="flush")
    assert told(again) == {"A new": 3}
    assert again.digest.reports[0].doubtful == 0
    assert again.digest.id != claim.digest.id
    one.store.settle(claim.digest.id)  # too late: somebody else has it
    assert two.store.account(one.source).reported == 0
    two.store.settle(again.digest.id)
    assert two.store.account(one.source).reported == 3


def test_who_inherits_a_lease_sends_the_frozen_body(place: Kit) -> None:
    one, two = (Client(place, f"web/{n}/x", duplicate_check=True) for n in (1, 2))
    one.log("A", 3)
    claim = one.claim(why="flush")
    one.store.freeze(claim.digest.id, "the bytes")
    place.advance(LEASE + 1)
    two.log("B")
    again = two.claim()
    assert (again.digest.id, again.body) == (claim.digest.id, "the bytes")
    two.store.settle(again.digest.id)
    assert two.store.account(one.source).reported == 3


def test_what_was_left_for_longer_than_wecom_remembers_is_told_again_as_doubtful(
    place: Kit,
) -> None:
    """Nobody logs at night: its repetition in the morning would be shown a second time."""
    one, two = (Client(place, f"web/{n}/x", duplicate_check=True) for n in (1, 2))
    one.log("A", 3)
    one.store.freeze(one.claim(why="flush").digest.id, "the bytes")
    place.advance(LEASE + 5 * 3600)
    again = two.claim(why="flush")
    assert again.body is None
    assert again.digest.reports[0].doubtful == 3


def test_of_two_that_were_left_the_older_one_is_repeated_first(place: Kit) -> None:
    one, two = (Client(place, f"web/{n}/x", duplicate_check=True) for n in (1, 2))
    one.log("A")
    first = one.claim(why="flush")
    one.store.freeze(first.id, "the bytes")
    two.log("Fire", level="critical")
    beside = two.claim()
    two.store.freeze(beside.id, "the bytes")
    place.advance(1)
    assert one.store.renew(first.id)
    place.advance(LEASE + 1)
    for left in (beside, first):
        assert one.claim(why="insist").id == left.id
        one.store.settle(left.id)


def test_a_lost_robot_message_is_told_again_as_doubtful(place: Kit) -> None:
    one, two = Client(place, "web/1/x"), Client(place, "web/2/x")
    one.log("A", 3)
    one.store.freeze(one.claim(why="flush").digest.id, "the bytes")
    place.advance(LEASE + 1)
    assert two.claim(why="flush").digest.reports[0].doubtful == 3


def test_renewing_extends_the_lease(client: Client) -> None:
    client.log("A")
    claim = client.claim(why="flush")
    client.kit.advance(LEASE - 5)
    assert client.store.renew(claim.digest.id)
    client.kit.advance(LEASE - 5)
    client.store.settle(claim.digest.id)
    assert client.store.account(client.source).reported == 1
    assert not client.store.renew(claim.digest.id)


def test_a_courier_that_is_closed_out_is_told_when_to_look(place: Kit) -> None:
    one, two = Client(place, "web/1/x"), Client(place, "web/2/x")
    one.log("A")
    one.claim(why="flush")
    place.advance(LEASE - 2)
    assert two.wait() == near(2.0) if place.shared else 0.1


# -- the budget ----------------------------------------------------------------------------

FEW = ((4, 60.0),)


def test_slots_are_shared_by_all_at_the_destination(place: Kit) -> None:
    shop, till = (Client(place, app=app, rate_limit=FEW) for app in ("shop", "till"))
    for client in (shop, till, shop, till):
        client.log("A")
        client.deliver(why="flush")
    shop.log("A")
    assert shop.wait(why="flush") == near(LOOK if place.shared else 60)


def test_the_second_half_of_a_window_is_spent_slowly_and_the_last_slot_kept(place: Kit) -> None:
    client = Client(place, rate_limit=FEW, policy=Policy(group_wait=0, group_interval=0))
    times = []
    for n in range(4):
        client.log(f"kind {n}")
        waited, claim = client.until_due()
        client.store.settle(claim.digest.id)
        times.append(waited)
    assert times == [near(0), near(0), near(30), near(30)]


def test_a_slot_comes_back_a_window_after_its_answer(place: Kit) -> None:
    client = Client(place, rate_limit=((1, 60.0),))
    client.log("A")
    claim = client.claim(why="flush")
    place.advance(10)
    client.store.settle(claim.digest.id)
    client.log("A")
    waited, _ = client.until_due(why="flush")
    assert waited == near(60)


def test_another_attempt_costs_another_slot(place: Kit) -> None:
    client = Client(place, rate_limit=((2, 60.0),))
    client.log("A")
    claim = client.claim(why="flush")
    assert client.store.renew(claim.digest.id)
    assert not client.store.renew(claim.digest.id)


def test_files_never_take_the_second_half(place: Kit) -> None:
    client = Client(place, rate_limit=FEW)
    client.log("A")
    claim = client.claim(why="flush")
    assert not client.store.freeze(claim.id, "with a file", extra=2), "one is left of the half"
    assert client.store.freeze(claim.id, "with a call", extra=1)
    client.log("B", level="critical")
    assert told(client.claim(why="flush")) == {"B new": 1}, "and the other half is for messages"


def test_slots_that_were_taken_for_what_does_not_follow_come_back(place: Kit) -> None:
    client = Client(place, rate_limit=((6, 60.0),))
    client.log("A")
    claim = client.claim(why="flush")
    for _ in range(3):
        assert client.store.freeze(claim.id, "with a file", extra=2)
        client.store.release(claim.id, Failure("refused", 0.0))
        place.advance(61)
        claim = client.claim(why="flush")
    assert client.store.freeze(claim.id, "with a file", extra=2)
    client.store.settle(claim.id)
    client.log("B")
    claim = client.claim(why="flush")
    assert not client.store.freeze(claim.id, "with a file", extra=2)
    assert client.store.freeze(claim.id, "with a call", extra=1)


def test_the_slots_of_the_dead_come_back(place: Kit) -> None:
    client = Client(place, rate_limit=((1, 60.0),))
    client.log("A")
    client.claim(why="flush")
    place.advance(LEASE + 59)
    assert client.wait(why="flush") == near(1)
    place.advance(2)
    client.claim(why="flush")


# -- bounds --------------------------------------------------------------------------------


def crowd_of(place: Kit, kind: str, processes: int = 64, **options: Any) -> dict[str, Report]:
    """What is told of a call site that many processes reach, each with kinds of its own."""
    for number in range(processes):
        client = Client(place, f"web-{number}/1/a", **options)
        client.log(f"{kind} {number}", samples=(event(f"text {number}"),))
    claim = Client(place, **options).claim(why="flush")
    return {r.identity.id: r for r in claim.digest.reports}


@pytest.mark.parametrize(("kind", "most"), [("text", 10), ("constant", 100)])
def test_one_line_makes_few_groups_however_many_processes_run_it(
    place: Kit, kind: str, most: int
) -> None:
    reports = crowd_of(place, kind, most + 20)
    crowd = reports.pop("error site")
    assert len(reports) == most
    assert (crowd.count, crowd.identity.template) == (20, VARYING)
    assert [sample["event"] for sample in crowd.samples][-1] == f"text {most + 19}"
    assert len(crowd.hosts) == 20


def test_exceptions_of_a_place_lose_their_code_before_their_words(place: Kit) -> None:
    reports = crowd_of(place, "code", 30)
    bare = reports.pop("any error")
    assert len(reports) == 10
    assert (bare.count, bare.identity.type, bare.identity.code) == (20, "code 10", "")
    assert bare.identity.place == "shop.py pay"


def test_one_line_does_not_take_the_place_of_others(place: Kit) -> None:
    options: dict[str, Any] = {"max_groups": 20}
    for number in range(40):
        Client(place, f"web-{number}/1/a", **options).log(f"constant {number}")
    client = Client(place, "another", **options)
    client.log("a real failure", samples=(event("out of stock"),))
    client.log("fire", level="critical", samples=(event("disk gone"),))
    client.log("one too many")
    reports = {r.identity.id: r for r in client.claim(why="flush").digest.reports}
    assert reports["a real failure"].samples[0]["event"] == "out of stock"
    assert reports["fire"].samples[0]["event"] == "disk gone"
    assert reports["others"].count == 23
    assert sum(r.count for r in reports.values()) == 43


def test_the_place_of_groups_that_are_over_is_free_for_others_of_their_line(place: Kit) -> None:
    client = Client(place)
    for number in range(10):
        client.log(f"text {number}")
    client.deliver()
    client.log("text 10")
    assert told(client.deliver(why="flush")) == {" new": 1}
    place.advance(3000)
    client.log("text 11")
    new = [r for r in client.claim(why="flush").digest.reports if r.state == "new"]
    assert [r.identity.template for r in new] == ["text 11"]


def test_a_crowd_is_news_when_somebody_joins_it_but_not_more_than_ten_times_an_hour(
    place: Kit,
) -> None:
    client = Client(place)
    for number in range(11):
        client.log(f"text {number}")
    client.deliver()
    news = []
    for number in range(11, 22):
        place.advance(20)
        client.log(f"text {number}")
        client.log("text 10")
        place.advance(1)
        answer = client.ask()
        news.append(isinstance(answer, Claim))
        if isinstance(answer, Claim):
            client.store.settle(answer.id)
    assert news == [True] * 9 + [False] * 2


def test_a_text_that_turns_out_to_be_constant_makes_room(place: Kit) -> None:
    client = Client(place)
    for number in range(10):
        client.log(f"text {number}")
    same = identity("text 0")._replace(changing=False)
    client.store.merge(Batch(client.source, 100, (Entry(same, 1),)))
    other = Client(place, "web-2/1/a")
    other.log("text 10")
    other.log("text 11")
    reports = {r.identity.id: r.count for r in client.claim(why="flush").digest.reports}
    assert reports["text 10"] == 1
    assert reports["error site"] == 1
    assert len(reports) == 12


def test_what_is_beyond_max_groups_is_counted_as_others(place: Kit) -> None:
    client = Client(place, max_groups=2)
    for n in range(5):
        client.log(f"kind {n}", n + 1)
    client.log("fire", level="critical")
    claim = client.claim(why="flush")
    reports = {r.identity.id: r.count for r in claim.digest.reports}
    assert reports == {"kind 0": 1, "kind 1": 2, "others": 12, "others-critical": 1}


def test_groups_that_are_over_make_room_longest_silent_first(place: Kit) -> None:
    client = Client(place, max_groups=2)
    client.log("old")
    client.deliver()
    place.advance(100)
    client.log("older than new")
    client.deliver()
    place.advance(700)
    client.log("new")
    assert told(client.deliver()) == {"new new": 1, "older than new over": 0}
    client.log("older than new")
    assert told(client.deliver()) == {"older than new again": 1}


def test_what_comes_again_says_how_often_and_when_it_came_before(place: Kit) -> None:
    client = Client(place)
    for count in (3, 4):
        client.log("A", count)
        (report,) = (r for r in client.deliver().digest.reports if r.state != "over")
        assert report.earlier == (0 if count == 3 else 3)
        place.advance(2000)
    client.log("A", 5)
    (report,) = (r for r in client.deliver().digest.reports if r.state == "again")
    assert (report.total, report.earlier) == (5, 7)
    assert report.last - report.last_before == near(2000)
    assert report.last - report.earliest >= 4000


@pytest.mark.parametrize("level", ["error", "critical"])
def test_what_comes_while_its_group_is_being_told_waits_for_the_pause(
    place: Kit, level: str
) -> None:
    here, there = Client(place, "web-1/1/x"), Client(place, "web-2/2/x")
    here.log("A", 3, level=level)
    place.advance(1)
    claim = here.claim()
    there.log("A", 5, level=level)
    here.store.settle(claim.digest.id)
    waited, claim = here.until_due()
    assert waited == near(60)
    assert told(claim) == {"A still": 5}


def test_a_surge_before_the_interval_waits_for_it(place: Kit) -> None:
    client = Client(place, policy=Policy(group_interval=300.0))
    client.log("A", 3)
    client.deliver()
    client.log("A", 2)
    place.advance(20)
    client.log("A", 5000)
    waited, claim = client.until_due()
    assert waited == near(280)
    assert told(claim) == {"A still": 5002}


def test_whoever_settles_an_end_is_told_by_those_who_tell_ends(place: Kit) -> None:
    if not place.shared:
        pytest.skip("the options of the latest handler hold in memory")
    quiet = Client(place, "web-1/1/x", policy=Policy(recovery="off"))
    quiet.log("A", 3)
    quiet.deliver()
    place.advance(700)
    other = Client(place, "web-2/2/x")
    other.log("B")
    assert told(other.deliver()) == {"B new": 1, "A over": 0}


def test_threads_and_clients_at_once_lose_nothing(place: Kit) -> None:
    def work(number: int) -> None:
        client = Client(place, f"web/{number}/x")
        for _ in range(100):
            client.log("A")
            client.log(f"B{number}")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(told(Client(place).claim(why="flush")).values()) == 800


# -- who is there --------------------------------------------------------------------------


def test_an_exit_leaves_what_is_no_news_to_a_courier_that_will_look(place: Kit) -> None:
    if not place.shared:
        pytest.skip("nobody else looks at a memory store")
    here, there = Client(place, "web/1/x"), Client(place, "web/2/x")
    here.log("A")
    here.deliver()
    here.log("A", 3)
    assert there.wait() is not None
    assert here.wait(why="flush", leaving=True) is None
    place.advance(60)
    assert told(there.claim()) == {"A still": 3}


def test_who_was_left_something_tells_it_at_its_own_exit_if_its_pause_has_passed(
    place: Kit,
) -> None:
    if not place.shared:
        pytest.skip("nobody else looks at a memory store")
    here, there = Client(place, "web/1/x"), Client(place, "web/2/x")
    there.log("A")
    there.deliver()
    here.log("A", 3)
    assert there.wait() is not None, "it is due to look"
    assert here.wait(why="flush", leaving=True) is None, "so it is left to it"
    assert there.wait(leaving=True) is None, "which leaves it to whoever comes"
    place.advance(61)
    assert told(there.claim(leaving=True)) == {"A still": 3}


def test_who_leaves_sends_nothing_that_another_is_going_to_send(place: Kit) -> None:
    if not place.shared:
        pytest.skip("nobody else looks at a memory store")
    stays = Client(place, "web/1/x")
    leave = [Client(place, f"web/{n}/x") for n in range(2, 5)]
    stays.log("A")
    stays.deliver()
    stays.log("B")
    assert stays.wait() is not None, "B waits for the interval"
    for client in leave:
        client.wait()
    for client in leave:
        assert client.wait(leaving=True) is not None, "it is news, so it is not left; nor sent now"


def test_an_exit_tells_news_itself(place: Kit) -> None:
    here, there = Client(place, "web/1/x"), Client(place, "web/2/x")
    here.log("A")
    assert there.wait() is not None
    assert told(here.claim(why="flush", leaving=True)) == {"A new": 1}


@pytest.mark.parametrize("other", ["nobody", "dead", "sibling", "asleep"])
def test_an_exit_tells_what_is_due_if_nobody_will_look(place: Kit, other: str) -> None:
    here = Client(place, "web/1/x")
    here.log("A")
    here.deliver()
    here.log("A", 3)
    place.advance(45)
    there = Client(place, "web/1/y" if other == "sibling" else "web/2/x")
    if other != "nobody":
        there.wait()
    place.advance(LOOK if other == "dead" else 16)
    if other == "asleep":
        here.deliver(why="flush")
        assert there.wait() == near(539)  # until it can say that A is over
        here.log("A", 3)
        place.advance(301)
    assert told(here.claim(why="flush", leaving=True)) == {"A still": 3}


@pytest.mark.parametrize("lived", [0.0, 10.0, 50.0])
def test_what_a_child_leaves_is_told_by_the_parent_that_saw_its_kind_begin(
    place: Kit, lived: float
) -> None:
    if not place.shared:
        pytest.skip("children have a memory store of their own")
    first, killed = Client(place, "web/2/x"), Client(place, "web/3/x")
    first.log("A")
    told_by_it = first.claim(why="flush", leaving=True)
    assert told(told_by_it) == {"A new": 1}
    first.store.settle(told_by_it.id)
    place.advance(20)
    killed.log("A", 3)  # in its pause, and is no news
    parent = Client(place, "web/1/x")
    how: dict[str, Any] = {"why": "flush", "leaving": True, "lived": lived}
    if lived > 20:
        assert told(parent.claim(**how)) == {"A still": 3}
    else:
        assert parent.wait(**how) is None, "a job that fails every minute"


def test_what_a_child_leaves_is_left_to_a_courier_that_will_look(place: Kit) -> None:
    if not place.shared:
        pytest.skip("children have a memory store of their own")
    parent, other, child = (Client(place, f"web/{n}/x") for n in (1, 2, 3))
    child.log("A")
    child.deliver()
    child.log("A", 3)
    assert other.wait() is not None
    assert parent.wait(why="flush", leaving=True, lived=50.0) is None


def test_who_has_left_is_not_waited_for(place: Kit) -> None:
    here, there = Client(place, "web/1/x"), Client(place, "web/2/x")
    here.log("A")
    here.deliver()
    here.log("A", 3)
    if place.shared:
        here.wait()
        assert there.wait(why="flush", leaving=True) is None
    place.advance(61)
    assert told(here.claim(why="flush", leaving=True)) == {"A still": 3}


def test_a_shared_store_that_holds_something_is_looked_at_every_half_minute(place: Kit) -> None:
    client = Client(place)
    client.log("A")
    client.deliver()
    client.log("A")
    assert client.wait() == near(LOOK if place.shared else 60)


def test_the_fleet_is_known(place: Kit) -> None:
    clients = [Client(place, f"web/{n}/x", app=f"app {n}") for n in range(3)]
    for client in clients:
        client.log("A")
        client.wait()
    assert sorted(map(among, clients)) == [(0, 3), (1, 3), (2, 3)]
    if place.shared:
        clients[0].claim(why="flush", leaving=True)
        assert among(clients[1])[1] == 2
        place.advance(2 * 3600)
        clients[2].until_due()
        assert among(clients[2]) == (0, 1)


def among(client: Client) -> tuple[int, int]:
    account = client.store.account(client.source)
    return account.rank, account.sources


# -- tokens --------------------------------------------------------------------------------


def test_one_fetches_a_token_while_the_others_wait(place: Kit) -> None:
    one, two = Client(place, app="shop").store, Client(place, app="till").store
    assert one.lease("key") is None
    assert two.lease("key") == pytest.approx(0.1)
    assert two.lease("other key") is None
    one.lease("key", Left("secret", 6900))
    assert one.lease("key") == two.lease("key") == "secret"
    place.advance(6901)
    assert two.lease("key") is None


def test_nobody_waits_for_the_next_token_while_the_one_before_is_good(place: Kit) -> None:
    """Whoever fetches it may have been stopped."""
    one, two = Client(place, app="shop").store, Client(place, app="till").store
    assert one.lease("key") is None
    one.lease("key", Left("old", 6900))
    place.advance(6901)
    assert one.lease("key") is None
    assert two.lease("key") == "old"
    one.lease("key", Left(used=True))
    assert two.lease("key") == "old", "its fetch failed, and the next is ten seconds away"
    two.lease("key", Dropped("old"))
    assert two.lease("key") == near(10)


def test_what_is_over_for_long_is_waited_for(place: Kit) -> None:
    one, two = Client(place, app="shop").store, Client(place, app="till").store
    assert one.lease("key") is None
    one.lease("key", Left("old", 6900))
    place.advance(6901 + OUTLASTS)
    assert one.lease("key") is None
    assert two.lease("key") == pytest.approx(0.1)


def test_a_refused_token_is_never_handed_out_again_and_newer_ones_stay(place: Kit) -> None:
    store = Client(place).store
    assert store.lease("key") is None
    store.lease("key", Left("old", 6900))
    place.advance(11)
    store.lease("key", Dropped("old"))
    assert store.lease("key") is None
    store.lease("key", Left("new", 6900))
    store.lease("key", Dropped("old"))
    assert store.lease("key") == "new"


def test_ten_seconds_lie_between_two_fetches(place: Kit) -> None:
    store = Client(place).store
    assert store.lease("key") is None
    store.lease("key", Left(used=True))
    assert store.lease("key") == near(10)
    place.advance(10)
    assert store.lease("key") is None
    store.lease("key", Left(used=False))  # it never reached WeCom
    assert store.lease("key") is None


def test_who_dies_while_fetching_a_token_is_not_waited_for_long(place: Kit) -> None:
    store = Client(place).store
    assert store.lease("key") is None
    place.advance(TURN + 1)
    assert store.lease("key") is None


# -- a batch of many -----------------------------------------------------------------------


def test_a_batch_of_many_groups_is_one_step(place: Kit) -> None:
    client = Client(place)
    entries = tuple(Entry(identity(f"kind {n}"), n + 1) for n in range(200))
    client.store.merge(Batch(client.source, 1, entries))
    claim = client.ask(why="flush")
    assert isinstance(claim, Claim)
    assert sum(told(claim).values()) == 200 * 201 // 2


# -- jobs ----------------------------------------------------------------------------------


def test_a_job_works_again(place: Kit, client: Client) -> None:
    """Told at once, by whichever process: with all failures, and since when."""
    client.log("job", 2)
    client.deliver()
    client.log("job")
    other = Client(place, "web-2/2/b")
    other.end("job")
    claim = other.claim()
    assert told(claim) == {"job still": 1, "job over": 0}
    assert [report.total for report in claim.digest.reports] == [3, 3]
    other.store.settle(claim.digest.id)
    other.end("job")
    assert not isinstance(other.ask(why="flush"), Claim)


@pytest.mark.parametrize("recovery", ["auto", "always", "fold", "off"])
def test_that_a_job_works_again_is_told_whatever_is_told_of_others(
    place: Kit, recovery: str
) -> None:
    client = Client(place, policy=Policy(recovery=recovery))
    client.log("job")
    client.deliver()
    client.end("job")
    assert told(client.claim()) == {"job over": 0}


def test_a_job_is_not_over_because_it_is_silent(place: Kit, client: Client) -> None:
    """One that runs once a week has not been mended in between."""
    client.log("job")
    client.deliver()
    for _ in range(7):
        place.advance(86400)
        client.log("other")
        assert "job over" not in told(client.deliver())
    client.log("job")
    assert "job still" in told(client.until_due()[1])


def test_what_nobody_was_told_of_does_not_end(client: Client) -> None:
    client.end("job")
    assert client.wait() is None
    client.log("job")
    client.deliver()
    client.end("job")
    assert told(client.deliver()) == {"job over": 0}
    client.end("job")
    assert not isinstance(client.ask(why="flush"), Claim)


def test_a_failure_that_was_not_told_yet_is_told_with_its_end(client: Client) -> None:
    """One message and not two; and it waits as long as it would have waited."""
    client.log("job")
    client.end("job")
    assert client.wait() == near(1.0)
    assert told(client.until_due()[1]) == {"job new": 1, "job over": 0}


def test_a_job_that_fails_again_is_not_over(client: Client) -> None:
    client.log("job")
    client.deliver()
    client.end("job")
    client.log("job")
    waited, claim = client.until_due()
    assert waited == near(60.0)
    assert told(claim) == {"job again": 1}
    client.store.settle(claim.digest.id)
    client.end("job")
    assert told(client.claim()) == {"job over": 0}


def test_an_end_that_comes_while_the_failure_is_being_told(client: Client) -> None:
    client.log("job")
    _, claim = client.until_due()
    client.end("job")
    client.store.settle(claim.digest.id)
    assert told(client.deliver()) == {"job over": 0}


def test_an_end_that_could_not_be_told_is_told_later(client: Client) -> None:
    client.log("job")
    client.deliver()
    client.end("job")
    client.store.release(client.claim().digest.id, REFUSED)
    waited, claim = client.until_due()
    assert waited == near(5.0)
    assert told(claim) == {"job over": 0}


def test_a_job_that_is_done_leaves_what_is_not_due_but_no_news(place: Kit) -> None:
    if not place.shared:
        pytest.skip("what is in memory is told at its end")
    client = Client(place)
    client.log("job")
    claim = client.claim(why="flush", leaving=True)  # without waiting for company
    client.store.settle(claim.digest.id)
    client.log("job")
    assert client.wait(why="flush", leaving=True) is None
    assert told(client.claim(why="flush")) == {"job still": 1}


def test_a_job_that_ends_tells_that_it_works_again(place: Kit) -> None:
    client = Client(place)
    client.log("job")
    client.deliver()
    client.end("job")
    assert told(client.claim(leaving=True)) == {"job over": 0}


def test_ten_thousand_batches_that_have_waited_are_taken_in_at_once(client: Client) -> None:
    batches = [client.batch(f"kind {n % 7}") for n in range(10_000)]
    client.store.merge(*batches)
    client.store.merge(*batches)
    assert client.store.account(client.source).merged == 10_000
    assert sum(told(client.claim(why="flush")).values()) == 10_000
