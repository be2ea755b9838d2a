"""Claims for a fallback, on every store: when, what of them is kept, and what is said after."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.store_kits import KITS, Client, Kit, kit, near, told
from wecom_logging._model.digest import Report
from wecom_logging._stores.protocol import Claim, Elsewhere, Failure

MAILS = Elsewhere("mails", 300.0)
REFUSED = Failure("WeCom refused with errcode 93000: gone", 60.0, setup=True)
AWAY = Failure("no route to host", 30.0)


@pytest.fixture(params=KITS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Kit:
    return kit(request.param, tmp_path, request)


@pytest.fixture
def client(place: Kit) -> Client:
    return Client(place)


def fail(client: Client, failure: Failure = REFUSED, kind: str = "Timeout", count: int = 3) -> None:
    client.log(kind, count)
    _, claim = client.until_due(fallback=MAILS)
    assert not claim.fallback
    assert client.store.freeze(claim.id, "body")
    client.store.release(claim.id, failure)


def elsewhere(client: Client) -> Claim:
    claim = client.claim(fallback=MAILS)
    assert claim.fallback
    return claim


def test_at_once_where_the_set_up_is_wrong(client: Client) -> None:
    fail(client)
    claim = elsewhere(client)
    assert told(claim) == {"Timeout new": 3}
    assert claim.body is None
    assert claim.digest.outage is not None
    assert "93000" in claim.digest.outage.reason
    assert client.store.freeze(claim.id, "mail")
    client.store.settle(claim.id)
    account = client.store.account(client.source)
    assert (account.reported, account.by_fallback) == (3, 3)


def test_not_for_who_has_none(client: Client) -> None:
    fail(client)
    assert client.wait() == pytest.approx(30.0, abs=31.0)


def test_after_so_long_where_it_is_away_and_not_later(client: Client) -> None:
    fail(client, AWAY)
    waited = 0.0
    while True:
        seconds, claim = client.until_due(fallback=MAILS)
        waited += seconds
        if claim.fallback:
            break
        client.store.release(claim.id, AWAY._replace(pause=120.0))
    assert waited == near(300.0)


def test_the_destination_is_tried_first_when_its_pause_has_passed(client: Client) -> None:
    fail(client)
    client.store.settle(elsewhere(client).id)
    client.kit.advance(61.0)
    client.log("Other")
    _, claim = client.until_due(fallback=MAILS)
    assert not claim.fallback


def test_the_destination_is_told_in_one_line_and_once(client: Client) -> None:
    fail(client)
    client.store.settle(elsewhere(client).id)
    client.kit.advance(61.0)
    client.log("Other", 2)
    _, claim = client.until_due(fallback=MAILS)
    line = claim.digest.by_fallback
    assert line is not None
    assert (line.errors, line.name) == (3, "mails")
    assert claim.digest.outage is None, "nothing in it is late"
    client.store.settle(claim.id)
    client.log("Later")
    _, claim = client.until_due(fallback=MAILS)
    assert claim.digest.by_fallback is None
    account = client.store.account(client.source)
    assert (account.reported, account.by_fallback) == (5, 3)


def test_a_message_that_did_not_arrive_leaves_the_line_to_the_next(client: Client) -> None:
    fail(client)
    client.store.settle(elsewhere(client).id)
    client.kit.advance(61.0)
    client.log("Other", 2)
    _, claim = client.until_due(fallback=MAILS)
    client.store.release(claim.id, AWAY)
    _, claim = client.until_due()
    assert claim.digest.by_fallback is not None
    assert claim.digest.outage is not None or told(claim) == {"Other new": 2}


def test_one_that_fails_is_pending_again_and_the_fallback_left_alone(client: Client) -> None:
    fail(client)
    claim = elsewhere(client)
    client.store.freeze(claim.id, "mail")
    client.store.release(claim.id, Failure("smtp", 20.0))
    account = client.store.account(client.source)
    assert (account.reported, account.by_fallback) == (0, 0)
    wait = client.wait(fallback=MAILS)
    assert wait == near(20.0)
    client.kit.advance(20.1)
    claim = elsewhere(client)
    assert (claim.failures, only(claim).doubtful) == (1, 0)


def only(claim: Claim) -> Report:
    (report,) = claim.digest.reports
    return report


def test_who_dies_with_it_may_have_told_it(client: Client) -> None:
    fail(client)
    claim = elsewhere(client)
    client.store.freeze(claim.id, "mail")
    client.kit.advance(30.1)
    assert only(elsewhere(client)).doubtful == 3


def test_what_the_destination_may_have_taken_stays_frozen_until_the_fallback_took_it(
    place: Kit,
) -> None:
    client = Client(place, duplicate_check=True)
    fail(client, Failure("no answer", 30.0, unclear=True))
    client.kit.advance(299.0)
    claim = client.claim(fallback=MAILS)
    assert (claim.fallback, claim.body) == (False, "body")
    client.store.release(claim.id, Failure("no answer", 30.0, unclear=True))
    client.kit.advance(5.0)
    claim = elsewhere(client)
    assert claim.body == "body"
    client.store.freeze(claim.id, "mail")
    client.store.release(claim.id, Failure("smtp", 1.0))
    client.kit.advance(30.0)
    claim = client.claim(fallback=MAILS)
    assert (claim.fallback, claim.body) == (False, "body")
    client.store.release(claim.id, Failure("no answer", 30.0, unclear=True))
    claim = elsewhere(client)
    client.store.freeze(claim.id, "mail")
    client.store.settle(claim.id)
    client.kit.advance(31.0)
    assert not isinstance(client.ask(fallback=MAILS), Claim)
    assert client.store.account(client.source).by_fallback == 3


def test_slots_are_the_destinations(client: Client) -> None:
    """None is taken, and none is needed."""
    fail(client)
    for number in range(30):
        client.log(f"Kind{number}", level="critical")
        _, claim = client.until_due(fallback=MAILS)
        assert claim.fallback
        assert client.store.renew(claim.id)
        client.store.settle(claim.id)


def test_who_leaves_does_not_wait(client: Client) -> None:
    fail(client, AWAY)
    now = Elsewhere("mails", 0.0)
    assert client.claim(fallback=now, why="flush", leaving=True).fallback
