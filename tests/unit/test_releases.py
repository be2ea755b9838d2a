"""In which releases a group was seen, on every store; and silences until the next one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.helpers.store_kits import KITS, Client, Kit, kit, told
from tests.unit.test_marks import act, do, group, only, told_once
from wecom_logging._stores.protocol import Failure

HOUR, DAY = 3600.0, 86_400.0


@pytest.fixture(params=KITS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Kit:
    return kit(request.param, tmp_path, request)


@pytest.fixture
def old(place: Kit) -> Client:
    return Client(place, release="2.2.0")


@pytest.fixture
def new(place: Kit) -> Client:
    return Client(place, "web-2/2/b", release="2.3.1")


def test_a_new_group_says_which_release_it_is_new_in(new: Client) -> None:
    new.log()
    report = only(new.deliver())
    assert (report.state, report.releases, report.back_from) == ("new", ("2.3.1",), "")
    assert (group(new).first_release, group(new).last_release) == ("2.3.1", "2.3.1")


def test_a_group_that_comes_back_with_another_release_is_news(old: Client, new: Client) -> None:
    told_once(old)
    old.kit.advance(2 * HOUR)
    new.log(count=4)
    waited, claim = new.until_due()
    assert waited < 20.0
    report = only(claim)
    assert (report.state, report.news) == ("again", True)
    assert (report.releases, report.back_from) == (("2.3.1",), "2.2.0")
    new.store.settle(claim.id)
    assert (group(new).first_release, group(new).last_release) == ("2.2.0", "2.3.1")
    new.kit.advance(3 * HOUR)
    new.log()
    report = only(new.deliver())
    assert (report.back_from, report.news) == ("", False)


def test_one_that_comes_back_with_the_same_release_is_no_news(old: Client) -> None:
    told_once(old)
    old.kit.advance(HOUR)
    old.log()
    report = only(old.deliver())
    assert (report.state, report.news, report.back_from) == ("again", False, "")


def test_one_that_goes_on_through_a_release_is_no_news(old: Client, new: Client) -> None:
    told_once(old)
    new.log()
    report = only(new.deliver())
    assert (report.state, report.news, report.back_from) == ("still", False, "")


def test_the_old_release_may_be_the_first_that_comes_back(old: Client, new: Client) -> None:
    told_once(old)
    old.kit.advance(HOUR)
    old.log()
    new.log()
    waited, claim = new.until_due()
    assert waited < 20.0
    report = only(claim)
    assert (report.releases, report.back_from) == (("2.3.1", "2.2.0"), "2.2.0")


def test_old_releases_that_still_run_do_not_make_new_ones_old(old: Client, new: Client) -> None:
    told_once(old, "Other")
    told_once(new, "Another")
    new.log()
    old.log()
    report = only(new.deliver())
    assert report.releases == ("2.3.1", "2.2.0")
    assert (group(new).first_release, group(new).last_release) == ("2.2.0", "2.3.1")


def test_what_could_not_be_told_keeps_its_releases(old: Client, new: Client) -> None:
    told_once(old)
    old.kit.advance(HOUR)
    new.log()
    _, claim = new.until_due()
    new.store.release(claim.id, Failure("refused", 5.0))
    old.log()
    report = only(new.deliver())
    assert (report.releases, report.back_from) == (("2.3.1", "2.2.0"), "2.2.0")


def test_a_group_that_is_forgotten_begins_anew(old: Client, new: Client) -> None:
    told_once(old)
    old.kit.advance(2 * DAY)
    new.log()
    report = only(new.deliver())
    assert (report.state, report.back_from) == ("new", "")
    assert group(new).first_release == "2.3.1"


def test_who_has_no_release_says_none(place: Kit) -> None:
    client = Client(place)
    told_once(client)
    client.kit.advance(HOUR)
    client.log()
    assert only(client.deliver()).releases == ()
    assert group(client).first_release == ""


def test_hostile_names_of_releases_are_names(place: Kit) -> None:
    for n, release in enumerate(("\ud800x", "a\nb", '"}', "\x1b[31m", "ä" * 100)):
        client = Client(place, f"web-1/{n}/a", release=release)
        client.log(f"Kind {n}")
        assert len(only(client.deliver()).releases) == 1


def test_so_many_releases_are_known(place: Kit) -> None:
    for n in range(40):
        client = Client(place, f"web-1/{n}/a", release=f"1.{n}")
        told_once(client)
        client.kit.advance(HOUR + 1.0)
    assert (group(client).first_release, group(client).last_release) == ("1.0", "1.39")


# -- silences ----------------------------------------------------------------------------------


def silence(client: Client, **more: Any) -> None:
    do(client, "silence", "Timeout", seconds=7 * DAY, until_release=True, **more)


def test_a_silence_until_the_next_release(place: Kit, old: Client, new: Client) -> None:
    told_once(old)
    silence(old)
    assert group(old).until_release
    for _ in range(20):
        old.kit.advance(HOUR)
        old.log(count=3)
        wait = old.wait()
        assert wait is None or wait > 0
    new.log(count=2)
    claim = new.claim()
    assert told(claim) == {"Timeout silenced": 62}
    end = only(claim).silence
    assert end is not None
    assert (end.ended, end.release) == ("release", "2.3.1")
    assert end.until - end.since == pytest.approx(20 * HOUR, abs=5.0)
    new.store.settle(claim.id)
    assert (group(new).state, group(new).until_release) == ("open", False)


def test_who_has_ended_it_and_ends_itself_tells_it(place: Kit, old: Client, new: Client) -> None:
    if not place.shared:
        pytest.skip("what is in memory is told at its end")
    told_once(old)
    silence(old)
    old.log(count=3)
    assert old.ask(why="flush", leaving=True) is None
    old.kit.advance(HOUR)
    new.log(count=2)
    assert told(new.claim(why="flush", leaving=True)) == {"Timeout silenced": 5}


def test_a_release_that_was_known_does_not_end_it(old: Client, new: Client) -> None:
    told_once(old)
    told_once(new, "Other")
    silence(old)
    new.log()
    assert group(new).state == "silenced"


def test_another_group_in_a_new_release_does_not_end_it(old: Client, new: Client) -> None:
    told_once(old)
    silence(old)
    old.kit.advance(1.0)
    told_once(new, "Other")
    assert group(new).state == "silenced"
    new.log()
    assert group(new).state == "open"


def test_it_lasts_for_seven_days_at_most(old: Client) -> None:
    told_once(old)
    silence(old)
    waited, claim = old.until_due()
    assert waited == pytest.approx(7 * DAY, abs=5.0)
    assert only(claim).silence.ended == ""  # type: ignore[union-attr]  # there is one


def test_without_releases_there_is_no_next_one(place: Kit) -> None:
    client = Client(place)
    told_once(client)
    store: Any = client.store
    number = group(client).id
    done = store.mark(act("silence", number, until_release=True))
    assert (done.ids, done.refused) == ((), {number: "no release"})


# -- what has been -----------------------------------------------------------------------------


def test_errors_by_hour(old: Client) -> None:
    store: Any = old.store
    for count in (5, 0, 7):
        if count:
            old.log(count=count)
        old.kit.advance(HOUR)
    old.log("Other", 2)
    known = store.groups()
    assert known.hours[-4:] == (5, 0, 7, 2)
    assert group(old).hours[-4:] == (5, 0, 7, 0)
    assert len(known.hours) == len(group(old).hours) == 25
    old.kit.advance(24 * HOUR)
    known = store.groups()
    assert (sum(known.hours), known.hours[0]) == (2, 2)
    assert 0 < known.hours_end - known.written - 24 * HOUR <= HOUR + 5.0


def test_runs_of_a_job(place: Kit, old: Client) -> None:
    store: Any = old.store
    old.end("job a")
    old.kit.advance(DAY)
    old.log("job a")
    old.kit.advance(60.0)
    old.end("job b")
    second, first = sorted(store.groups().jobs, key=lambda job: len(job.runs))
    assert (first.name, len(first.runs), second.failed_at) == ("shop", 2, None)
    assert first.runs[1] - first.runs[0] == pytest.approx(DAY, abs=2.0)
    assert first.failed_at == pytest.approx(first.runs[1], abs=0.01)
    assert first.worked_at == pytest.approx(first.runs[0], abs=0.01)


def test_of_each_hour_one_run_is_kept_and_of_sixteen_days(old: Client) -> None:
    store: Any = old.store
    for _ in range(17 * 24):
        old.end("job a")
        old.kit.advance(HOUR)
    (job,) = store.groups().jobs
    assert 15 * 24 < len(job.runs) <= 16 * 24 + 1
    for _ in range(20):
        old.kit.advance(1.0)
        old.end("job a")
    assert len(store.groups().jobs[0].runs) <= 16 * 24 + 2


def test_who_has_reported_errors(old: Client, new: Client) -> None:
    store: Any = old.store
    old.log()
    new.log()
    assert [source.name for source in store.groups().sources] == ["web-1/1/a", "web-2/2/b"]


def test_slots_for_messages_of_no_digest(place: Kit) -> None:
    """Half of the budget, as files may take; what was answered comes back a minute later."""
    client = Client(place, rate_limit=((4, 60.0),))
    store: Any = client.store
    first = store.take_slot()
    store.answered(first)
    assert isinstance(first, str)
    assert isinstance(store.take_slot(), str)
    wait = store.take_slot()
    assert wait == pytest.approx(60.0, abs=2.0)
    client.kit.advance(wait)
    assert isinstance(store.take_slot(), str)
