"""The schedule, simulated: how many messages an incident makes, and when."""

from __future__ import annotations

import random

import pytest

from tests.helpers.simulation import Error, Outcome, every, play
from wecom_logging._model import schedule
from wecom_logging._model.ratelimit import Purpose, RateLimit, free_at
from wecom_logging._model.schedule import Policy
from wecom_logging.errors import BusyError, RateLimitedError, SetupError, TransportError

HOUR = 3600.0


def told(outcome: Outcome, kind: str) -> list[tuple[float, str, int]]:
    return [
        (round(m.at), r.state, r.count)
        for m in outcome.messages
        for r in m.digest.reports
        if r.identity.id == kind
    ]


# -- the incidents of the specification ----------------------------------------------------


@pytest.mark.parametrize("per_second", [1, 1000])
def test_a_storm_of_three_kinds_for_an_hour_is_five_messages(per_second: int) -> None:
    errors = [(float(s), k, per_second, "error") for s in range(3600) for k in "abc"]
    outcome = play(errors)
    assert outcome.between(0, 60) == 1
    assert outcome.between(0, 600) == 3
    assert len(outcome.messages) == 5
    assert outcome.errors == 3 * 3600 * per_second


def _failing(kinds: int, *, appear: float, last: float, seed: int) -> list[Error]:
    """Kinds that appear within `appear` seconds and then go on at rates of their own."""
    rng = random.Random(seed)
    errors = []
    for i in range(kinds):
        at, rate = rng.uniform(0, appear), rng.choice([0.5, 2, 10])
        while at < last:
            errors.append((at, f"kind{i}", 1, "error"))
            at += rng.expovariate(1 / rate)
    return errors


@pytest.mark.parametrize("seed", range(2))
def test_a_database_down_for_ten_minutes_under_sixty_endpoints(seed: int) -> None:
    errors = _failing(60, appear=45, last=600, seed=seed)
    outcome = play(errors)
    assert outcome.between(0, 60) <= 4
    assert len(outcome.messages) <= 8
    assert outcome.errors == len(errors)


@pytest.mark.parametrize("seed", range(2))
def test_a_bad_release_with_twelve_new_kinds(seed: int) -> None:
    errors = _failing(12, appear=45, last=HOUR, seed=seed)
    outcome = play(errors)
    assert outcome.between(0, 60) <= 4
    assert outcome.between(0, 600) <= 7
    assert len(outcome.messages) <= 10
    assert outcome.errors == len(errors)


def test_an_error_every_quarter_of_an_hour_for_a_night() -> None:
    outcome = play(every(900, "x", until=8 * HOUR))
    assert outcome.between(0, 8 * HOUR) == 11
    assert outcome.errors == 32
    last = outcome.messages[-1]
    assert [r.state for r in last.digest.reports] == ["over"]
    assert len(outcome.messages) == 12


def test_an_error_every_three_minutes_for_a_night_is_a_dozen_messages() -> None:
    outcome = play(every(180, "x", until=8 * HOUR))
    assert len(outcome.messages) == 12
    assert outcome.errors == 160


@pytest.mark.parametrize("jitter", [0, 300, 1800])
def test_twenty_rare_kinds_in_the_second_night(jitter: float) -> None:
    rng = random.Random(jitter)
    errors = []
    for i in range(20):
        at = rng.uniform(0, HOUR)
        while at < 86400 + 9 * HOUR:
            errors.append((at, f"kind{i}", 1, "error"))
            at += HOUR + rng.uniform(-jitter, jitter)
    outcome = play(errors)
    assert outcome.between(86400, 86400 + 9 * HOUR) <= 10
    assert outcome.errors == len(errors)


def test_first_news_is_at_most_fifteen_seconds_late() -> None:
    errors = _failing(60, appear=300, last=600, seed=7)
    outcome = play(errors)
    first: dict[str, float] = {}
    for at, kind, _, _ in sorted(errors):
        first.setdefault(kind, at)
    for kind, at in first.items():
        at_told, state, _ = told(outcome, kind)[0]
        assert state == "new"
        assert at_told - at <= 15.0 + 1.0 + 0.5  # interval, company, drain and the request


# -- single rules --------------------------------------------------------------------------


def test_company_is_waited_for_but_not_by_a_critical() -> None:
    outcome = play([(0, "a", 1, "error"), (0.5, "b", 1, "error"), (30, "c", 1, "critical")])
    assert [len(m.digest.reports) for m in outcome.messages[:2]] == [2, 1]
    assert outcome.times()[:2] == [1.2, 30.2]


def test_a_critical_does_not_wait_for_the_interval() -> None:
    outcome = play([(0, "a", 1, "error"), (3, "b", 1, "error"), (5, "c", 1, "critical")])
    assert outcome.times()[:2] == [1.2, 5.2]
    assert told(outcome, "b")[0] == (5, "new", 1), "every message carries all that is pending"


def test_a_critical_that_was_over_is_news_and_one_that_goes_on_is_not() -> None:
    errors = [(0, "c", 1, "critical"), (20, "c", 1, "critical"), (5000, "c", 1, "critical")]
    outcome = play(errors)
    assert told(outcome, "c")[:2] == [(0, "new", 1), (60, "still", 1)]
    again = [t for t in told(outcome, "c") if t[1] == "again"]
    assert again == [(5000, "again", 1)]


def test_a_surge_is_told_before_its_pause_and_starts_the_pauses_again() -> None:
    trickle = [(float(t), "x", 1, "error") for t in range(0, 2000, 50)]
    burst = [(2010.0 + i / 100, "x", 1, "error") for i in range(400)]
    outcome = play([*trickle, *burst])
    after = [t for t in outcome.times() if t > 2010]
    assert after[0] < 2013
    assert after[1] - after[0] == pytest.approx(60, abs=2)


def test_a_steady_storm_is_no_surge() -> None:
    outcome = play([(t / 10, "x", 5, "error") for t in range(600)])
    assert outcome.between(0, 60) == 1


def test_over_is_folded_for_what_was_told_once_and_told_by_itself_otherwise() -> None:
    once = play([(0, "a", 1, "error")])
    assert [m.digest.reports[0].state for m in once.messages] == ["new"]
    twice = play([(0, "a", 1, "error"), (100, "a", 1, "error")])
    assert [m.digest.reports[0].state for m in twice.messages] == ["new", "still", "over"]
    assert twice.messages[-1].at == pytest.approx(700, abs=2)
    assert twice.messages[-1].digest.reports[0].total == 2
    folded = play([(0, "a", 1, "error"), (1000, "b", 1, "error")])
    states = {r.identity.id: r.state for r in folded.messages[-1].digest.reports}
    assert states == {"a": "over", "b": "new"}


@pytest.mark.parametrize(
    ("recovery", "states"),
    [("off", []), ("fold", []), ("always", ["over"])],
)
def test_recovery_as_configured(recovery: str, states: list[str]) -> None:
    outcome = play([(0, "a", 1, "error")], policy=Policy(recovery=recovery))
    assert [m.digest.reports[0].state for m in outcome.messages[1:]] == states


def test_a_group_is_forgotten_and_new_again() -> None:
    outcome = play([(0, "a", 1, "error"), (90000, "a", 1, "error")])
    assert [s for _, s, _ in told(outcome, "a") if s != "over"] == ["new", "new"]


def test_the_pauses_keep_their_place_while_a_group_is_over() -> None:
    outcome = play(every(1000, "x", until=20_000))
    gaps = [b - a for a, b in zip(outcome.times(), outcome.times()[1:], strict=False)]
    assert gaps[-2] >= 3600 - 1001


# -- the budget ----------------------------------------------------------------------------


def _worst(outcome: Outcome, window: float) -> int:
    times = [m.at for m in outcome.messages]
    return max(sum(t <= x < t + window for x in times) for t in times)


@pytest.mark.parametrize("level", ["error", "critical"])
def test_the_budget_holds_whatever_comes(level: str) -> None:
    errors = [(float(t), f"kind{t}", 1, level) for t in range(900)]
    outcome = play(errors, policy=Policy(group_wait=0, group_interval=0))
    assert _worst(outcome, 60) <= 17, "the last slot is for flush and exit"
    assert outcome.errors == 900


def test_a_critical_never_waits_longer_than_the_spacing() -> None:
    errors = [(float(t), f"kind{t}", 1, "critical") for t in range(240)]
    outcome = play(errors)
    for at, kind, _, _ in errors:
        assert told(outcome, kind)[0][0] - at <= 60 / 9 + 1.5


def after(answered: list[float], limit: RateLimit, now: float, purpose: Purpose) -> float:
    """When a slot is free after slots that were taken when they were answered."""
    latest = sorted(answered, reverse=True)

    def nth(n: int) -> float | None:
        return latest[n - 1] if n <= len(latest) else None

    return free_at(nth, max(answered, default=0.0), limit, now, purpose)


def test_slots_come_back_a_window_after_the_answer() -> None:
    limit = ((3, 60.0),)
    assert after([8.0] * 3, limit, 10.0, "flush") == 68.0
    assert after([8.0] * 3, limit, 68.0, "flush") == 68.0


def test_extras_never_take_the_second_half() -> None:
    limit = ((18, 60.0),)
    assert after([float(i) for i in range(9)], limit, 100.0, "extra") == 100.0
    assert after([95.0] * 9, limit, 100.0, "extra") == 155.0
    assert after([95.0] * 9, limit, 100.0, "message") == pytest.approx(95 + 60 / 9)
    assert after([95.0] * 9, limit, 100.0, "flush") == 100.0


def test_a_limit_of_one_still_lets_messages_through() -> None:
    assert after([], ((1, 60.0),), 0.0, "message") == 0.0


# -- after a failure -----------------------------------------------------------------------


def test_pauses_after_failures_are_bounded_and_grow() -> None:
    down = TransportError("no route")
    pauses = [schedule.pause_after(down, n, 0.5) for n in range(1, 12)]
    assert pauses == sorted(pauses)
    assert pauses[0] == 1.0
    assert pauses[-1] == 60.0
    assert schedule.pause_after(down, 10_000, 1.0) <= 72.001


def test_a_wrong_setup_is_probed_after_1_5_and_then_every_15_minutes() -> None:
    wrong = SetupError(40001, "invalid credential")
    assert [schedule.pause_after(wrong, n, 0.3) for n in (1, 2, 3, 9)] == [60, 300, 900, 900]


def test_a_block_is_waited_out() -> None:
    blocked = RateLimitedError(45009, "api freq out of limit")
    assert 65 <= schedule.pause_after(blocked, 1, 0.0) < 70
    assert schedule.pause_after(blocked, 9, 0.0) == 3600


def test_busy_is_tried_three_times_in_a_row() -> None:
    busy = BusyError(-1, "system busy")
    assert schedule.pause_after(busy, 1, 0.5) == 1.0
    assert schedule.pause_after(busy, 2, 0.5) == 2.0
    assert schedule.pause_after(busy, 3, 0.5) == 60.0
