"""Promise 1: in every reading of `stats()` each error is in exactly one place."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from tests.helpers.support import PATIENCE, Watched, balanced, counted, eventually, pointing_at
from wecom_logging._senders.protocol import Message
from wecom_logging.errors import ContentError, TransportError
from wecom_logging.simulator.server import Simulator
from wecom_logging.testing import RecordingSender

Watch = Callable[..., Watched]


@pytest.fixture
def _many_switches() -> Iterator[None]:
    """Threads take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def in_threads(number: int, work: Callable[[int], object]) -> list[threading.Thread]:
    threads = [threading.Thread(target=work, args=(i,)) for i in range(number)]
    for thread in threads:
        thread.start()
    return threads


def watched_while(w: Watched, threads: list[threading.Thread]) -> int:
    """Read the account all the time until the threads have ended; returns how often."""
    readings = 0
    before = w.stats
    while any(thread.is_alive() for thread in threads):
        now = w.stats
        assert balanced(now), now
        for what in ("seen", "reported", "muted", "lost", "messages", "failures"):
            assert getattr(now, what) >= getattr(before, what), f"{what} never shrinks"
        before = now
        readings += 1
    return readings


def test_100_000_errors_of_three_kinds_from_four_threads(sim: Simulator, watch: Watch) -> None:
    w = watch(**pointing_at(sim, "app"))

    def work(number: int) -> None:
        for i in range(25_000):
            if i % 3 == 0:
                w.log.error("payment %d failed", i)
            elif i % 3 == 1:
                w.log.error(f"order {number}-{i} is stuck")
            else:
                w.log.error("stock of %s is negative", i)

    readings = watched_while(w, in_threads(4, work))
    assert readings > 10
    assert w.flush()
    assert w.stats.reported == w.stats.seen == 100_000
    assert counted(sim.messages) == 100_000
    assert len(sim.messages) <= 4
    assert len(sim.calls("gettoken")) == 1
    assert all(m.bytes <= 2048 and not m.truncated for m in sim.messages)


@pytest.mark.usefixtures("_many_switches")
def test_short_lived_threads_and_kinds_that_come_and_go(watch: Watch) -> None:
    w = watch(max_groups=20, quiet_after=0.01, rate_limit=[[100_000, 60]], group_wait=0.0)
    for wave in range(8):

        def work(number: int, wave: int = wave) -> None:
            for i in range(400):
                w.log.error("failed", extra={"fingerprint": (i % 7, wave if i % 2 else number)})

        watched_while(w, in_threads(6, work))
        assert w.flush()
    assert w.stats.seen == w.stats.reported == 8 * 6 * 400
    assert counted(w.sender.messages) == w.stats.reported


class Fickle(RecordingSender):
    """Every other message fails, in one way or another; some of them after they arrived."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def send(self, message: Message) -> None:
        self.calls += 1
        if self.calls % 8 == 1:
            raise TransportError("no route")
        if self.calls % 8 == 3:
            raise ContentError(45002, "too long")
        if self.calls % 8 == 5:
            raise RuntimeError("not expected")
        super().send(message)


class Halting(dict[Any, Any]):
    """Who puts the first thing in stands still then, as a thread does that gets no processor."""

    def __init__(self) -> None:
        super().__init__()
        self.stands, self.goes_on = threading.Event(), threading.Event()

    def setdefault(self, key: Any, value: Any = None) -> Any:
        found = super().setdefault(key, value)
        if found == value and not self.stands.is_set():
            self.stands.set()
            assert self.goes_on.wait(PATIENCE)
        return found


def test_what_is_counted_while_a_thread_captures_is_read_with_its_sample(watch: Watch) -> None:
    def drops(logger: object, method: str, event: dict[str, Any]) -> dict[str, Any]:
        raise structlog.DropEvent

    w = watch(processors=[drops], group_wait=0.0)
    halting = w.handler._rousing = w.handler._tallies.rousing = Halting()

    def fail() -> None:
        w.log.error("failed")

    first = threading.Thread(target=fail)
    first.start()
    assert halting.stands.wait(PATIENCE)
    for _ in range(5):
        fail()
    assert not w.flush(0.1)
    assert (w.stats.pending, w.stats.reported) == (6, 0)
    halting.goes_on.set()
    first.join()
    assert w.flush(PATIENCE)
    assert (w.stats.muted, w.stats.reported) == (6, 0)


@pytest.mark.usefixtures("_many_switches")
def test_a_destination_that_fails_now_and_then_and_processors_that_drop(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What there is no time to capture whole no processor can judge, and it is told.
    monkeypatch.setattr("wecom_logging.handler.SAMPLES_PER_SECOND", 100_000)

    def drops(logger: object, method: str, event: dict[str, Any]) -> dict[str, Any]:
        if event.get("boring"):
            raise structlog.DropEvent
        return event

    w = watch(sender=Fickle(), processors=[drops], rate_limit=[[100_000, 60]], group_wait=0.0)
    stop = threading.Event()

    def work(number: int) -> None:
        for i in range(2000):
            w.log.error("failed", extra={"fingerprint": i % 50, "boring": i % 50 == 0})

    def flush(number: int) -> None:
        while not stop.is_set():
            w.flush(0.05)

    flushing = in_threads(1, flush)
    watched_while(w, in_threads(3, work))
    stop.set()
    watched_while(w, flushing)
    eventually(lambda: w.flush(0.2))
    stats = w.stats
    assert (stats.seen, stats.pending, stats.lost) == (6000, 0, 0)
    # Of each thread one error may be read between its count and its sample, by a flush.
    assert 120 - 3 <= stats.muted <= 120
    assert counted(w.sender.messages) == stats.reported


def test_threads_that_meet_at_a_new_kind_wake_the_courier_with_its_sample(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Woken without it, what is muted would be told after all, a CRITICAL without its text."""
    w = watch()
    together, shown = threading.Barrier(2), threading.Event()
    rouse, wake = w.handler._notify_worker, w.handler._worker.notify
    samples: list[Any] = []

    class Slow:
        def __str__(self) -> str:
            assert shown.wait(20)
            return "slow"

    def meet(*args: Any) -> None:
        together.wait(20)
        rouse(*args)

    def noted(tally: Any, sample: Any) -> bool:
        samples.append(sample)
        return wake(tally, sample)

    monkeypatch.setattr(w.handler, "_notify_worker", meet)
    monkeypatch.setattr(w.handler._worker, "notify", noted)
    threads = in_threads(2, lambda number: w.log.critical("failed: %s", Slow()))
    eventually(lambda: sum(thread.is_alive() for thread in threads) == 1)
    assert samples == []
    shown.set()
    for thread in threads:
        thread.join()
    assert [sample["event"] for sample in samples] == ["failed: slow"]
    assert w.counts() == [2]


def test_what_does_not_reach_the_handler_counts_nowhere(watch: Watch) -> None:
    w = watch()
    w.handler.addFilter(lambda record: "private" not in record.getMessage())
    w.log.warning("below the level")
    w.log.error("private")
    w.log.error("public")
    assert w.stats.seen == 1


def test_two_handlers_of_one_destination_each_have_their_own_account(watch: Watch) -> None:
    """Whoever tells an error, it is reported in the account of the handler that counted it."""
    sender = RecordingSender()
    first, second = watch(sender=sender), watch(sender=sender)
    for _ in range(3):
        first.log.error("failed")
    second.log.error("failed")
    assert second.flush()
    assert first.flush()
    assert (first.stats.reported, second.stats.reported) == (3, 1)
    assert counted(sender.messages) == 4


def test_an_account_is_read_without_io(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    w = watch()
    w.worker._run_lock.acquire()  # without a thread, which may do all that
    w.log.error("failed")

    def no_io(*args: object, **kwargs: object) -> object:
        raise AssertionError("stats() has asked somebody")

    monkeypatch.setattr(w.handler._worker.cycle, "_open_store", no_io)
    monkeypatch.setattr("socket.socket.connect", no_io)
    monkeypatch.setattr("builtins.open", no_io)
    assert w.stats.seen == 1
    w.worker._run_lock.release()


def test_counting_does_not_take_the_handlers_lock(watch: Watch) -> None:
    """`logging.shutdown` holds it while `close` waits; other threads must not (F16)."""
    w = watch()
    w.handler.acquire()
    try:
        (thread,) = in_threads(1, lambda number: w.log.error("failed"))
        thread.join(10)
        assert not thread.is_alive()
    finally:
        w.handler.release()
    assert w.stats.seen == 1


def test_a_level_set_later_holds(watch: Watch) -> None:
    w = watch(logging.WARNING)
    w.log.warning("careful")
    w.handler.setLevel("ERROR")
    w.log.warning("careful")
    assert w.stats.seen == 1
