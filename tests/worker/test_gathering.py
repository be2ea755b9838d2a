"""How long what was counted waits for company: with the time passed in."""

from __future__ import annotations

import logging
import math

import pytest

from wecom_logging._capture.tally import GroupSeed, Tally
from wecom_logging._worker.gathering import GATHER, STORM, STORM_EACH, Gathering


@pytest.fixture
def gathering() -> Gathering:
    found = Gathering()
    found.begin(100.0, math.inf)
    return found


def tally(number: int = 0) -> Tally:
    record = logging.makeLogRecord({"msg": f"kind {number}", "levelno": logging.ERROR})
    return Tally(GroupSeed(record, (f"kind {number}",)))


def test_nothing_noted_is_nothing_to_wait_for(gathering: Gathering) -> None:
    assert gathering.left(1e6) == math.inf


def test_a_new_kind_when_nothing_was_going_on_waits_for_nobody(gathering: Gathering) -> None:
    gathering.add_new()
    assert gathering.left(100.0 + GATHER) == 0


def test_new_kinds_after_a_visit_gather(gathering: Gathering) -> None:
    gathering.add_new()
    assert gathering.left(100.01) == pytest.approx(GATHER - 0.01)


def test_new_kinds_without_end_do_not_put_off_the_first_one(gathering: Gathering) -> None:
    for moment in range(5):
        gathering.add_new()
        assert gathering.left(100.0 + moment / 100) > 0
    gathering.add_new()
    assert gathering.left(100.0 + GATHER) == 0


def test_a_known_kind_that_was_quiet_gathers_as_long_as_the_store_says(
    gathering: Gathering,
) -> None:
    gathering.add_known(200.0, 2.0)
    gathering.add_known(201.0, 2.0)
    assert gathering.left(201.0) == pytest.approx(1.0)
    assert gathering.left(202.0) == 0


def test_who_waits_is_served_at_once(gathering: Gathering) -> None:
    gathering.add_storm(tally(), 100.0, GATHER)
    gathering.at_once()
    assert gathering.left(100.0) == 0


def test_the_last_errors_of_a_storm_are_brought_in_within_a_tenth_of_a_second(
    gathering: Gathering,
) -> None:
    group, now = tally(), 100.0
    next(group)
    gathering.add_storm(group, now, GATHER)
    for _ in range(8):
        now += gathering.left(now)
        next(group)
        assert gathering.left(now) > 0, "it goes on"
    last = now
    while gathering.left(now):
        now += gathering.left(now)
    assert now - last == pytest.approx(GATHER)


@pytest.mark.parametrize("kinds", [1, 1000])
def test_a_storm_without_end_is_brought_in_all_the_same(kinds: int, gathering: Gathering) -> None:
    groups, now = [tally(n) for n in range(kinds)], 100.0
    for group in groups:
        next(group)
        gathering.add_storm(group, now, GATHER)
    while left := gathering.left(now):
        assert left <= GATHER + 1e-9, "it has to be seen to end"
        now += left
        next(groups[-1])
    assert now - 100.0 == pytest.approx(STORM + STORM_EACH * kinds, abs=0.01)


def test_a_new_kind_in_a_storm_is_not_held_up_by_it(gathering: Gathering) -> None:
    gathering.add_storm(tally(), 100.2, GATHER)
    gathering.add_new()
    assert gathering.left(100.2) == 0


def test_after_a_visit_everything_begins_anew(gathering: Gathering) -> None:
    gathering.add_storm(tally(), 100.0, GATHER)
    gathering.begin(101.0, 130.0)
    assert gathering.left(101.0) == pytest.approx(29.0)
