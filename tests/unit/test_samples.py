"""Which errors of a group are captured: the first one always, and what differs out of turn."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from tests.helpers.support import Watched, eventually
from wecom_logging._capture.capture import SHORT_BYTES
from wecom_logging._capture.tally import LOOKS, GroupSeed, Tally
from wecom_logging._model.digest import Digest, Report
from wecom_logging._rendering import render
from wecom_logging._worker import collector
from wecom_logging.handler import LOOKS_PER_SECOND, SAMPLES_PER_SECOND

Watch = Callable[..., Watched]


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> list[Report]:
    """What the latest message of a test is made of."""
    found: list[Report] = []

    def kept(digest: Digest, *args: Any, **options: Any) -> Any:
        found[:] = digest.reports
        return render(digest, *args, **options)

    monkeypatch.setattr("wecom_logging._worker.delivery.render", kept)
    return found


def texts(report: Report) -> list[str]:
    return [sample["event"] for sample in report.samples]


def fails(why: str) -> None:
    raise ValueError(why)


def test_each_of_three_hundred_new_kinds_has_its_words_and_place(
    watch: Watch, reports: list[Report]
) -> None:
    w = watch(group_wait=5.0)
    lines = "".join(
        f"def kind_{i}():\n"
        f"    try: fails('why {i}')\n"
        f"    except ValueError: log.exception('kind {i} failed', extra={{'n': {i}}})\n"
        for i in range(300)
    )
    scope: dict[str, Any] = {"fails": fails, "log": w.log}
    exec(compile(lines, "/srv/shop/kinds.py", "exec"), scope)
    for i in range(300):
        scope[f"kind_{i}"]()
    assert w.flush()
    assert len(reports) == 300
    for report in reports:
        (sample,) = report.samples
        assert sample["event"] == f"kind {sample['exception'][0]['exc_value'][4:]} failed"
        assert sample["lineno"] > 0
        assert sample["exception"][0]["frames"][-1]["name"] == "fails"
    whole = [r for r in reports if "callers" not in r.samples[0].get("left_out", "")]
    assert SAMPLES_PER_SECOND <= len(whole) < 300, "what is budgeted is the rest"


def test_what_differs_in_a_group_is_captured_at_once(watch: Watch, reports: list[Report]) -> None:
    w = watch(group_wait=5.0)
    for _ in range(20):
        for name in ("redis", "postgres", "kafka"):
            w.log.error("%s is down", name)
    assert w.counts() == [60]
    assert texts(reports[0]) == ["redis is down", "postgres is down", "kafka is down"]


def test_numbers_are_no_difference(watch: Watch, reports: list[Report]) -> None:
    w = watch(group_wait=5.0)
    for i in range(60):
        w.log.error("order %s of %s failed", i, f"user-{i}")
    assert w.counts() == [60]
    assert len(reports[0].samples) == 1


@pytest.mark.parametrize("key", ["path", "task", "route"])
def test_another_route_is_captured_at_once(key: str, watch: Watch, reports: list[Report]) -> None:
    w = watch(group_wait=5.0)
    for _ in range(20):
        for place in ("/cart", "/orders", "/profile"):
            try:
                fails("x")
            except ValueError:
                w.log.exception("it failed", extra={key: place})
    assert w.counts() == [60]
    assert [sample[key] for sample in reports[0].samples] == ["/cart", "/orders", "/profile"]


def test_another_text_of_an_exception_is_captured_at_once(
    watch: Watch, reports: list[Report]
) -> None:
    w = watch(group_wait=5.0)
    for why in ("sku", "price", "sku", "stock"):
        try:
            fails(why)
        except ValueError:
            w.log.exception("it failed")
    assert w.counts() == [4]
    values = [sample["exception"][0]["exc_value"] for sample in reports[0].samples]
    assert values == ["sku", "price", "stock"]


def test_three_are_captured_out_of_turn_until_the_next_message(
    watch: Watch, reports: list[Report]
) -> None:
    w = watch(group_wait=5.0)
    names = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta"]

    def tell(name: str) -> None:
        w.log.error("%s is down", name)

    for name in names:
        tell(name)
    assert w.flush()
    assert texts(reports[0]) == [f"{name} is down" for name in names[:4]]
    for name in [*names, "theta", "iota"]:
        tell(name)
    assert w.flush()
    first, *others = texts(reports[0])
    assert first == "alpha is down", "the first after a message, whatever it says"
    assert others == ["theta is down", "iota is down"], "all others had been said"


def test_no_text_of_an_object_is_asked_for_to_find_out_what_differs(watch: Watch) -> None:
    asked: list[int] = []

    class Asked:
        def __str__(self) -> str:
            asked.append(1)
            return "asked"

    class Refused(Exception):
        __str__ = Asked.__str__

    w = watch(group_wait=5.0)
    for _ in range(50):
        w.log.error("%s is down", Asked())
        try:
            raise Refused(Asked())
        except Refused:
            w.log.exception("it failed")
    assert w.flush()
    assert len(asked) == 2, "one sample of each"


def test_what_is_beyond_the_table_keeps_its_words(watch: Watch, reports: list[Report]) -> None:
    w = watch(max_groups=1, group_wait=5.0)
    for i, text in enumerate(("disk full", "queue slow", "mail bounced")):
        record = logging.LogRecord("shop", logging.ERROR, "a.py", i, text, (), None)
        w.handler.handle(record)
    assert w.flush()
    others = next(report for report in reports if report.identity.id == "others")
    assert texts(others) == ["queue slow", "mail bounced"]


def test_samples_that_take_too_long_are_told_in_short(
    watch: Watch, reports: list[Report], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody's long texts do not hold up the counts."""
    monkeypatch.setattr(collector, "MAX_SECONDS", -1.0)
    w = watch(group_wait=5.0)
    try:
        fails("x" * 10_000)
    except ValueError:
        w.log.exception("y" * 10_000, extra={"order": 7})
    assert w.flush()
    (sample,) = reports[0].samples
    assert len(sample["event"]) <= SHORT_BYTES
    (error,) = sample["exception"]
    assert (error["exc_type"], len(error["exc_value"]) <= SHORT_BYTES) == ("ValueError", True)
    assert error["frames"][-1]["line"] == "raise ValueError(why)"
    assert sample["left_out"] == "all but the words"
    assert "order" not in sample


def test_a_steady_storm_is_looked_at_a_hundred_times(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    w = watch()
    monkeypatch.setattr(w.worker, "notify", lambda *_: True)
    seen = []
    for _ in range(LOOKS + 3):
        w.log.error("%s is down", "redis")
        (tally,) = tallies(w)
        seen.append((tally.looks, tally.needs_wakeup))
    assert seen == [*((n, True) for n in range(LOOKS, -1, -1)), (0, False), (0, False)]
    assert tally.roused


def tallies(w: Watched) -> list[Tally]:
    return [tally for tally in w.handler._known.values() if tally.value]


def read(w: Watched) -> None:
    """As the worker leaves the tallies that he has read."""
    for tally in tallies(w):
        tally.roused, tally.needs_wakeup = False, True


def test_all_groups_share_the_looks_of_a_second(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("wecom_logging.handler.monotonic", lambda: now)
    w = watch()
    monkeypatch.setattr(w.worker, "notify", lambda *_: True)
    kinds = [
        logging.LogRecord("shop", logging.ERROR, "a.py", i, f"job {i} of %s failed", ("x",), None)
        for i in range(50)
    ]
    assert len(kinds) * LOOKS > 3 * LOOKS_PER_SECOND

    def looked_at_in_a_storm() -> int:
        before = sum(tally.looks for tally in tallies(w)) or len(kinds) * LOOKS
        for each in kinds * LOOKS:
            w.handler.handle(each)
        return before - sum(tally.looks for tally in tallies(w))

    assert looked_at_in_a_storm() == LOOKS_PER_SECOND
    read(w)
    assert looked_at_in_a_storm() == 0, "it is the same second"
    now += 1.0
    assert looked_at_in_a_storm() == 0, "who has been read is looked at again, nobody before"
    read(w)
    assert looked_at_in_a_storm() == LOOKS_PER_SECOND


def test_what_differs_is_captured_at_the_next_reading_where_no_look_is_left(
    watch: Watch, reports: list[Report], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wecom_logging.handler.LOOKS_PER_SECOND", 0)
    w = watch(group_wait=5.0)
    for name in ("redis", "postgres", "kafka"):
        w.log.error("%s is down", name)
        eventually(lambda: not any(tally.roused for tally in tallies(w)))
    assert w.counts() == [3]
    assert texts(reports[0]) == ["redis is down", "postgres is down", "kafka is down"]


def test_a_constant_text_is_known_as_one_where_no_look_is_left(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would take the place of one of the ten that a line may make of what changes."""
    monkeypatch.setattr("wecom_logging.handler.LOOKS_PER_SECOND", 0)
    w = watch()
    monkeypatch.setattr(w.worker, "notify", lambda *_: True)
    changing = []
    for _ in range(2):
        w.log.error("no connection to the ledger")
        (tally,) = tallies(w)
        changing.append(tally.origin.changing)
    assert changing == [True, False]


def test_in_a_storm_samples_become_seldom_until_a_message_tells_of_it() -> None:
    tally = Tally(GroupSeed(logging.makeLogRecord({"msg": "failed"}), ("failed",)))
    now, pauses = 100.0, []
    for _ in range(6):
        tally.sampled(now)
        pauses.append(tally.sample_at - now)
        now = tally.sample_at
    assert pauses == [1.0, 2.0, 4.0, 8.0, 15.0, 15.0]
    tally.watch_anew()
    assert tally.sample_at == 0.0
    tally.sampled(now)
    assert tally.sample_at - now == 1.0
