"""What every store does: one suite for memory, SQLite and Redis."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.helpers.store_kits import KITS, Client, Kit, event, identity, kit, told
from wecom_logging._model.schedule import UNCLEAR_FOR, Policy
from wecom_logging._stores.protocol import LEASE, LOOK, Batch, Claim, Entry, Failure

REFUSED = Failure("connection refused", 5.0)
UNCLEAR = Failure("read timed out", 5.0, unclear=True)


@pytest.fixture(params=KITS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Kit:
    return kit(request.param, tmp_path, request)


@pytest.fixture
def client(place: Kit) -> Client:
    return Client(place)


def near(seconds: float) -> object:
    """Redis has its own clock, which goes on while a test runs, and it may run slowly."""
    return pytest.approx(seconds - 0.5, abs=0.75)


# -- when ----------------------------------------------------------------------------------


def test_an_empty_store_has_nothing_to_do(client: Client) -> None:
    assert client.wait() is None
    assert client.wait(urgent=True) is None


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
    assert told(client.claim(urgent=True)) == {"A new": 1}


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


def test_a_group_is_forgotten_after_a_day(client: Client) -> None:
    client.log("A")
    client.deliver()
    client.kit.advance(86400)
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
    assert told(client.claim(urgent=True)) == {"A new": 3}
    assert client.store.account(client.source).merged == 3


def test_counts_of_all_sources_add_up_and_hosts_are_named(place: Kit) -> None:
    clients = [Client(place, f"web-{n % 2}/{n}/x") for n in range(4)]
    for n, each in enumerate(clients):
        each.log("A", n + 1)
    claim = clients[0].claim(urgent=True)
    assert told(claim) == {"A new": 10}
    assert claim.digest.reports[0].hosts == ("web-0", "web-1")


def test_a_report_says_when_and_how_much(client: Client) -> None:
    client.log("A", 3)
    client.deliver()
    client.kit.advance(10)
    client.log("A", 2)
    client.kit.advance(20)
    client.log("A", 2)
    (report,) = client.claim(urgent=True).digest.reports
    assert (report.count, report.total, report.before[0]) == (4, 7, 3)
    assert report.last - report.first == near(20)
    assert report.first - report.since == near(11)
    assert report.span == near(30)


def test_the_first_sample_stays_and_the_latest(client: Client) -> None:
    for n in range(8):
        client.log("A", samples=(event(f"sample {n}"),))
    (report,) = client.claim(urgent=True).digest.reports
    assert [s["event"] for s in report.samples] == [f"sample {n}" for n in (0, 4, 5, 6, 7)]


def test_texts_come_out_as_they_went_in(client: Client) -> None:
    hostile = 'lone \ud800 surrogate, \x00, "quotes", 数据库 💥 [link](http://x) {"a": [1.5, null]}'
    sample = {"event": hostile, "deep": {"list": [1, 2.5, None, True, {"x": []}], "none": {}}}
    entry = Entry(identity("A")._replace(type=hostile), 1, (sample,))
    client.store.merge(Batch(client.source, 1, (entry,)))
    (report,) = client.claim(urgent=True).digest.reports
    assert report.identity.type == hostile
    assert report.samples == (sample,)


def test_large_counts_stay_exact(client: Client) -> None:
    for _ in range(3):
        client.log("A", 3_000_000_001)
    assert told(client.claim(urgent=True)) == {"A new": 9_000_000_003}


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
        claim = client.claim(urgent=True)
        assert told(claim) == {"A new": n + 1}
        client.store.settle(claim.digest.id)
        assert client.store.account(client.source).reported == n + 1
        assert client.store.account("web/0/x").merged == (1 if n == 0 else 0)


def test_errors_that_were_told_elsewhere_are_taken_back(client: Client) -> None:
    client.log("A", 5)
    client.log("A", -2)
    client.log("B", -2)
    assert client.store.account(client.source).merged == 3
    assert told(client.claim(urgent=True)) == {"A new": 3}


def test_errors_may_come_doubtful(client: Client) -> None:
    client.log("A", 5, doubtful=2)
    assert client.claim(urgent=True).digest.reports[0].doubtful == 2


# -- what becomes of it --------------------------------------------------------------------


def test_settling_twice_is_settling_once(client: Client) -> None:
    client.log("A", 3)
    claim = client.claim(urgent=True)
    for _ in range(2):
        client.store.settle(claim.digest.id)
    account = client.store.account(client.source)
    assert (account.merged, account.reported, account.lost) == (3, 3, 0)


def test_each_source_learns_what_was_told_for_it(place: Kit) -> None:
    one, two = Client(place, "web/1/x"), Client(place, "web/2/x")
    one.log("A", 3)
    two.log("A", 4)
    claim = one.claim(urgent=True)
    assert two.store.account(two.source).reported == 0
    one.store.settle(claim.digest.id)
    assert two.store.account(two.source).reported == 4


def test_what_is_refused_is_pending_again(client: Client) -> None:
    client.log("A", 3, samples=(event("first"),))
    claim = client.claim(urgent=True)
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
    claim = client.claim(urgent=True)
    client.store.release(claim.digest.id, Failure("wrong secret", 300.0))
    assert client.wait(urgent=True) == near(LOOK if client.kit.shared else 300)
    claim = client.claim(urgent=True, insist=True)
    client.store.release(claim.digest.id, Failure("errcode 45009", 300.0, strict=True))
    assert client.wait(urgent=True, insist=True) == near(LOOK if client.kit.shared else 300)


def test_after_an_outage_the_message_says_so(client: Client) -> None:
    client.log("A")
    claim = client.claim(urgent=True)
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


def test_an_unclear_message_is_repeated_as_it_was(place: Kit) -> None:
    client = Client(place, duplicate_check=True)
    client.log("A", 3)
    claim = client.claim(urgent=True)
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
    claim = client.claim(urgent=True)
    client.store.freeze(claim.digest.id, "the bytes")
    client.log("A", 1)
    client.store.release(claim.digest.id, UNCLEAR)
    _, again = client.until_due()
    assert again.body is None
    assert (again.digest.reports[0].count, again.digest.reports[0].doubtful) == (4, 3)


def test_an_unclear_message_is_repeated_for_three_and_a_half_hours(place: Kit) -> None:
    client = Client(place, duplicate_check=True)
    client.log("A", 3)
    claim = client.claim(urgent=True)
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


def test_while_a_message_is_unclear_it_is_the_only_attempt_at_the_destination(
    place: Kit,
) -> None:
    shop, till = (Client(place, app=app, duplicate_check=True) for app in ("shop", "till"))
    shop.log("A")
    till.log("B")
    one, two = shop.claim(urgent=True), till.claim(urgent=True)
    shop.store.freeze(one.digest.id, "one")
    till.store.freeze(two.digest.id, "two")
    shop.store.release(one.digest.id, UNCLEAR)
    place.advance(1)
    till.store.release(two.digest.id, UNCLEAR)
    place.advance(6)
    assert till.wait(urgent=True) is not None
    again = shop.claim(urgent=True)
    assert again.body == "one"
    assert till.wait(urgent=True) is not None
    shop.store.settle(again.digest.id)
    assert till.claim(urgent=True).body == "two"


def test_errors_refused_in_every_form_are_declared_in_the_next_message(client: Client) -> None:
    client.log("A", 3)
    claim = client.claim(urgent=True)
    client.store.settle(claim.digest.id, lost=True)
    account = client.store.account(client.source)
    assert (account.reported, account.lost) == (0, 3)
    client.log("B")
    assert client.deliver().digest.lost == 3
    client.log("C")
    assert client.deliver().digest.lost == 0


# -- leases --------------------------------------------------------------------------------


def test_one_digest_at_a_time(place: Kit) -> None:
    one, two = Client(place, "web/1/x"), Client(place, "web/2/x")
    one.log("A")
    claim = one.claim(urgent=True)
    two.log("B", level="critical")
    wait = two.wait()
    assert wait is not None
    assert 0 < wait <= LEASE
    assert two.wait(urgent=True) == pytest.approx(0.1)
    one.store.settle(claim.digest.id)
    assert told(two.claim()) == {"B new": 1}


def test_a_lease_that_ran_out_before_sending_leaves_its_errors_pending(place: Kit) -> None:
    one, two = Client(place, "web/1/x"), Client(place, "web/2/x")
    one.log("A", 3)
    claim = one.claim(urgent=True)
    place.advance(LEASE + 1)
    again = two.claim(urgent=True)
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
    claim = one.claim(urgent=True)
    one.store.freeze(claim.digest.id, "the bytes")
    place.advance(LEASE + 1)
    two.log("B")
    again = two.claim()
    assert (again.digest.id, again.body) == (claim.digest.id, "the bytes")
    two.store.settle(again.digest.id)
    assert two.store.account(one.source).reported == 3


def test_a_lost_robot_message_is_told_again_as_doubtful(place: Kit) -> None:
    one, two = Client(place, "web/1/x"), Client(place, "web/2/x")
    one.log("A", 3)
    one.store.freeze(one.claim(urgent=True).digest.id, "the bytes")
    place.advance(LEASE + 1)
    assert two.claim(urgent=True).digest.reports[0].doubtful == 3


def test_renewing_extends_the_lease(client: Client) -> None:
    client.log("A")
    claim = client.claim(urgent=True)
    client.kit.advance(LEASE - 5)
    assert client.store.renew(claim.digest.id)
    client.kit.advance(LEASE - 5)
    client.store.settle(claim.digest.id)
    assert client.store.account(client.source).reported == 1
    assert not client.store.renew(claim.digest.id)


def test_a_courier_that_is_closed_out_is_told_when_to_look(place: Kit) -> None:
    one, two = Client(place, "web/1/x"), Client(place, "web/2/x")
    one.log("A")
    one.claim(urgent=True)
    place.advance(LEASE - 2)
    assert two.wait() == near(2.0) if place.shared else 0.1


# -- the budget ----------------------------------------------------------------------------

FEW = ((4, 60.0),)


def test_slots_are_shared_by_all_at_the_destination(place: Kit) -> None:
    shop, till = (Client(place, app=app, rate_limit=FEW) for app in ("shop", "till"))
    for client in (shop, till, shop, till):
        client.log("A")
        client.deliver(urgent=True)
    shop.log("A")
    assert shop.wait(urgent=True) == near(LOOK if place.shared else 60)


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
    claim = client.claim(urgent=True)
    place.advance(10)
    client.store.settle(claim.digest.id)
    client.log("A")
    waited, _ = client.until_due(urgent=True)
    assert waited == near(60)


def test_another_attempt_costs_another_slot(place: Kit) -> None:
    client = Client(place, rate_limit=((2, 60.0),))
    client.log("A")
    claim = client.claim(urgent=True)
    assert client.store.renew(claim.digest.id)
    assert not client.store.renew(claim.digest.id)


def test_files_never_take_the_second_half(place: Kit) -> None:
    client = Client(place, rate_limit=FEW)
    assert client.store.take_slot("extra")
    assert client.store.take_slot("extra")
    assert not client.store.take_slot("extra")
    client.store.give_back()
    client.store.give_back()
    client.store.give_back()
    place.advance(61)
    assert client.store.take_slot("extra")


def test_the_slots_of_the_dead_come_back(place: Kit) -> None:
    client = Client(place, rate_limit=((1, 60.0),))
    assert client.store.take_slot("flush")
    place.advance(LEASE + 59)
    assert not client.store.take_slot("flush")
    place.advance(2)
    assert client.store.take_slot("flush")


# -- bounds --------------------------------------------------------------------------------


def test_what_is_beyond_max_groups_is_counted_as_others(place: Kit) -> None:
    client = Client(place, max_groups=2)
    for n in range(5):
        client.log(f"kind {n}", n + 1)
    client.log("fire", level="critical")
    claim = client.claim(urgent=True)
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


def test_nothing_is_claimed_when_all_has_been_taken_back(place: Kit) -> None:
    client = Client(place)
    client.log("A", 3)
    client.log("A", -3)
    for how in ({"leaving": True}, {"urgent": True}, {}):
        assert not isinstance(client.store.claim(client.source, **how), Claim), how


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
    assert sum(told(Client(place).claim(urgent=True)).values()) == 800


# -- who is there --------------------------------------------------------------------------


def test_an_exit_leaves_what_is_no_news_to_a_courier_that_will_look(place: Kit) -> None:
    if not place.shared:
        pytest.skip("nobody else looks at a memory store")
    here, there = Client(place, "web/1/x"), Client(place, "web/2/x")
    here.log("A")
    here.deliver()
    here.log("A", 3)
    assert there.wait() is not None
    assert here.wait(urgent=True, leaving=True) is None
    place.advance(60)
    assert told(there.claim()) == {"A still": 3}


def test_who_was_left_something_tells_it_at_its_own_exit(place: Kit) -> None:
    if not place.shared:
        pytest.skip("nobody else looks at a memory store")
    here, there = Client(place, "web/1/x"), Client(place, "web/2/x")
    there.log("A")
    there.deliver()
    here.log("A", 3)
    assert there.wait() is not None, "it is due to look"
    assert here.wait(urgent=True, leaving=True) is None, "so it is left to it"
    assert told(there.claim(leaving=True)) == {"A still": 3}, "which has nothing of its own"


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
    assert told(here.claim(urgent=True, leaving=True)) == {"A new": 1}


@pytest.mark.parametrize("other", ["nobody", "dead", "sibling", "asleep"])
def test_an_exit_tells_everything_if_nobody_will_look(place: Kit, other: str) -> None:
    here = Client(place, "web/1/x")
    here.log("A")
    here.deliver()
    here.log("A", 3)
    there = Client(place, "web/1/y" if other == "sibling" else "web/2/x")
    if other != "nobody":
        there.wait()
    if other == "dead":
        place.advance(LOOK + 11)
    if other == "asleep":
        here.deliver(urgent=True)
        assert there.wait() == near(600)  # until it can say that A is over
        here.log("A", 3)
    assert told(here.claim(urgent=True, leaving=True)) == {"A still": 3}


def test_who_has_left_is_not_waited_for(place: Kit) -> None:
    here, there = Client(place, "web/1/x"), Client(place, "web/2/x")
    here.log("A")
    here.deliver()
    here.log("A", 3)
    if place.shared:
        here.wait()
        assert there.wait(urgent=True, leaving=True) is None
    assert told(here.claim(urgent=True, leaving=True)) == {"A still": 3}


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
    assert sorted(c.store.fleet(c.source) for c in clients) == [(0, 3), (1, 3), (2, 3)]
    if place.shared:
        clients[0].claim(urgent=True, leaving=True)
        assert clients[1].store.fleet(clients[1].source).size == 2
        place.advance(2 * 3600)
        clients[2].until_due()
        assert clients[2].store.fleet(clients[2].source) == (0, 1)


# -- tokens --------------------------------------------------------------------------------


def test_one_fetches_a_token_while_the_others_wait(place: Kit) -> None:
    one, two = Client(place, app="shop").store, Client(place, app="till").store
    assert one.token("key") is None
    assert two.token("key") == pytest.approx(0.1)
    assert two.token("other key") is None
    one.put_token("key", "secret", 6900)
    assert one.token("key") == two.token("key") == "secret"
    place.advance(6901)
    assert two.token("key") is None


def test_a_refused_token_is_never_handed_out_again_and_newer_ones_stay(place: Kit) -> None:
    store = Client(place).store
    assert store.token("key") is None
    store.put_token("key", "old", 6900)
    place.advance(11)
    store.drop_token("key", "old")
    assert store.token("key") is None
    store.put_token("key", "new", 6900)
    store.drop_token("key", "old")
    assert store.token("key") == "new"


def test_ten_seconds_lie_between_two_fetches(place: Kit) -> None:
    store = Client(place).store
    assert store.token("key") is None
    store.miss_token("key", asked=True)
    assert store.token("key") == near(10)
    place.advance(10)
    assert store.token("key") is None
    store.miss_token("key", asked=False)  # it never reached WeCom
    assert store.token("key") is None


def test_who_dies_while_fetching_a_token_is_not_waited_for_long(place: Kit) -> None:
    store = Client(place).store
    assert store.token("key") is None
    place.advance(LEASE + 1)
    assert store.token("key") is None


# -- a batch of many -----------------------------------------------------------------------


def test_a_batch_of_many_groups_is_one_step(place: Kit) -> None:
    client = Client(place)
    entries = tuple(Entry(identity(f"kind {n}"), n + 1) for n in range(200))
    client.store.merge(Batch(client.source, 1, entries))
    claim = client.store.claim(client.source, urgent=True)
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
    assert not isinstance(other.store.claim(other.source, urgent=True), Claim)


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
    assert not isinstance(client.store.claim(client.source, urgent=True), Claim)


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


def test_a_job_that_is_done_leaves_what_is_not_due_but_no_news(client: Client) -> None:
    client.log("job")
    claim = client.claim(urgent=True, news_only=True)  # without waiting for company
    client.store.settle(claim.digest.id)
    client.log("job")
    assert client.wait(urgent=True, news_only=True) is not None
    assert told(client.claim(urgent=True)) == {"job still": 1}
