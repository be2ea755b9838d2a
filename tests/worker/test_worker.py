"""The worker: thread, wake-ups, processors, flush, failures; with a sender that records."""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.support import PATIENCE, Watched, balanced, counted, eventually
from wecom_logging import Limits, Message, WeComHandler
from wecom_logging._model.ratelimit import DEFAULT_RATE_LIMIT
from wecom_logging._runtime import native
from wecom_logging._runtime.echo_guard import delivering
from wecom_logging._stores.memory import MemoryStore
from wecom_logging._stores.protocol import Account, Rules
from wecom_logging._worker import gathering, worker
from wecom_logging.errors import (
    BusyError,
    ContentError,
    DeliveryError,
    RateLimitedError,
    SetupError,
    TokenError,
    TransportError,
)
from wecom_logging.testing import RecordingSender

Watch = Callable[..., Watched]
Event = dict[str, Any]

AT_ONCE = {"group_wait": 0.0, "group_interval": 0.0}


# -- when a message goes out ---------------------------------------------------------------


def test_the_first_error_is_told_without_being_asked(watch: Watch) -> None:
    w = watch(group_wait=0.05)
    w.log.error("payment %d failed", 8841)
    eventually(lambda: w.sender.messages)
    assert "payment 8841 failed" in w.sender.inbox.one().content


def test_company_shares_one_message(watch: Watch) -> None:
    w = watch(group_wait=0.3)
    w.log.error("first")
    w.log.warning("no error")
    w.log.error("second")
    eventually(lambda: w.stats.reported == 2)
    assert len(w.sender.messages) == 1


def test_a_critical_error_waits_for_nobody(watch: Watch) -> None:
    w = watch(group_wait=60.0)
    w.log.error("first")
    w.log.critical("disk full")
    eventually(lambda: w.stats.reported == 2)
    told = w.sender.inbox.one().content
    assert told.index("disk full") < told.index("first")


def test_errors_of_a_known_kind_wait_for_their_pause(watch: Watch) -> None:
    w = watch(**AT_ONCE)
    w.log.error("failed")
    eventually(lambda: w.stats.reported == 1)
    for _ in range(5):
        w.log.error("failed")
    eventually(lambda: w.worker._inbox.empty())
    assert w.stats.pending == 5
    assert w.flush()
    assert counted(w.sender.messages) == 6


def test_a_handler_made_anew_goes_on_where_the_old_one_was(watch: Watch) -> None:
    """As `dictConfig` does it: the new one is there before the old one is gone."""
    sender = RecordingSender()
    old = WeComHandler(sender=sender, app="shop")
    old.handle(logging.makeLogRecord({"levelno": 40, "fingerprint": "x"}))
    assert old.flush()
    old.close()
    new = watch(sender=sender)
    gone = weakref.ref(old._worker)
    del old
    eventually(lambda: gc.collect() * 0 or gone() is None)
    new.log.error("failed", extra={"fingerprint": "x"})
    assert "STILL" in new.told()


# -- flush ---------------------------------------------------------------------------------


def test_nothing_pending_is_flushed_at_once_without_a_thread(watch: Watch) -> None:
    w = watch()
    before = threading.active_count()
    assert w.flush(0)
    assert not w.worker._run_lock.locked()
    assert threading.active_count() == before


@pytest.mark.parametrize("timeout", [float("inf"), 1e12, 1e300])
def test_a_flush_may_wait_for_ever(timeout: float, watch: Watch) -> None:
    w = watch(group_wait=60.0)
    w.log.error("failed")
    assert w.handler.flush(timeout)


@pytest.mark.parametrize("seconds", [1e10, 1e300])
def test_a_pause_may_be_longer_than_any_wait(seconds: float, watch: Watch) -> None:
    w = watch(repeat_intervals=[seconds], **AT_ONCE)
    w.log.error("failed")
    eventually(lambda: w.stats.reported == 1)
    w.log.error("failed")
    eventually(lambda: w.worker._inbox.empty())
    assert w.flush()
    assert w.stats.reported == 2


def test_a_flush_that_fails_says_so_and_keeps_everything(watch: Watch) -> None:
    w = watch(group_wait=60.0)
    w.sender.fail(TransportError("no route"), times=100)
    w.log.error("failed")
    assert not w.flush(0.2)
    eventually(lambda: w.stats.failures)
    assert (w.stats.pending, w.stats.reported) == (1, 0)
    assert w.stats.last_error == "no route"


def test_many_threads_flush_at_once(watch: Watch) -> None:
    w = watch(group_wait=60.0)
    w.log.error("failed")
    answers: list[bool] = []
    threads = [threading.Thread(target=lambda: answers.append(w.flush())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 8
    assert len(w.sender.messages) == 1


def test_a_flush_in_a_storm_is_one_message(watch: Watch) -> None:
    class Network(RecordingSender):
        def send(self, message: Message) -> None:
            before = w.stats.seen  # and the storm goes on meanwhile
            eventually(lambda: w.stats.seen > before + 10 or over.is_set())
            super().send(message)

    w = watch(group_wait=60.0, sender=Network())
    over = threading.Event()

    def storm() -> None:
        while not over.is_set():
            w.log.error("failed")
            time.sleep(0.001)  # a storm that leaves the worker its turn

    thread = threading.Thread(target=storm)
    thread.start()
    eventually(lambda: w.stats.seen > 10)
    before = w.stats.seen
    began = time.monotonic()
    w.flush()
    over.set()
    thread.join()
    assert time.monotonic() - began < PATIENCE / 2, "it waits for what the storm brings"
    assert w.stats.reported >= before
    assert len(w.sender.messages) <= 2, "what it brings later is for the schedule"


def test_a_processor_that_flushes_does_not_wait_for_itself(watch: Watch) -> None:
    answers: list[bool] = []

    def flushes(logger: object, method: str, event: Event) -> Event:
        answers.append(w.handler.flush(30))
        return event

    w = watch(processors=[flushes])
    w.log.error("failed")
    began = time.monotonic()
    assert w.flush()
    assert answers == [False]
    assert time.monotonic() - began < 10


# -- the thread ----------------------------------------------------------------------------


def test_where_no_thread_is_to_be_had_the_next_error_tries_again(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = native.start_new_thread
    refused = 0

    def refuse_once(*args: Any) -> int:
        nonlocal refused
        if not refused:
            refused += 1
            raise RuntimeError("can't start new thread")
        return int(start(*args))

    w = watch(**AT_ONCE)
    monkeypatch.setattr(native, "start_new_thread", refuse_once)
    logged = 0

    def logs_one_more() -> bool:
        nonlocal logged
        w.log.error("failed")
        w.log.error("another kind")
        logged += 2
        return bool(w.stats.reported)

    eventually(logs_one_more)
    assert refused == 1
    assert w.flush()
    assert w.stats.reported == counted(w.sender.messages) == logged


def test_many_new_groups_at_once_start_one_thread(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    w = watch(group_wait=60.0)
    asked: list[Callable[..., object]] = []
    start = native.start_new_thread

    def take_note(run: Callable[..., object], arguments: object) -> int:
        asked.append(run)
        return 1

    monkeypatch.setattr(native, "start_new_thread", take_note)
    for i in range(20):
        w.log.error("failed", extra={"fingerprint": i})
    monkeypatch.undo()
    assert len(asked) == 1, "it has not come to its first step yet"
    start(asked[0], ())
    assert w.flush()
    assert w.stats.reported == 20


def test_no_signal_of_the_process_is_handled_in_it(watch: Watch) -> None:
    """A server in C ends where its handler runs, and would wait there for our thread."""
    masks: list[set[int]] = []

    def note_mask(logger: object, method: str, event: Event) -> Event:
        masks.append({int(each) for each in signal.pthread_sigmask(signal.SIG_BLOCK, ())})
        return event

    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    w = watch(processors=[note_mask])
    w.log.error("failed")
    assert w.flush()
    assert masks[0] >= {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1}
    assert signal.SIGSEGV not in masks[0], "faulthandler has to see it"
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


def test_what_counts_while_something_gathers_wakes_nobody(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "GATHER", 60.0)
    monkeypatch.setattr(worker, "GATHER", 60.0)
    w = watch(group_wait=60.0)
    w.log.error("failed", extra={"fingerprint": 0})
    eventually(lambda: w.worker._inbox.empty() and not w.worker.busy)
    w.log.error("failed", extra={"fingerprint": 1})
    noted = w.worker._gathering
    eventually(lambda: noted.has_noted and noted.left(native.monotonic()) > 1)
    for i in range(2, 7):
        w.log.error("failed", extra={"fingerprint": i})
    assert w.worker._inbox.qsize() == 5, "it sleeps"
    assert w.flush(), "but not if it is asked"
    assert w.stats.reported == 7


def test_without_any_thread_nothing_piles_up_and_flush_delivers(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any) -> int:
        raise RuntimeError("can't start new thread")

    w = watch()
    monkeypatch.setattr(native, "start_new_thread", refuse)
    for _ in range(5000):
        w.log.error("failed")
    assert w.worker._inbox.qsize() < 100
    assert w.flush()
    assert w.stats.reported == counted(w.sender.messages) == 5000


@pytest.mark.parametrize("error", [RuntimeError, MemoryError, KeyboardInterrupt])
def test_whatever_starting_a_thread_raises_the_next_error_tries_again(
    error: type[BaseException], watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any) -> int:
        raise error

    w = watch(**AT_ONCE)
    with monkeypatch.context() as patched:
        patched.setattr(native, "start_new_thread", refuse)
        try:
            w.log.error("failed")
        except KeyboardInterrupt:
            assert error is KeyboardInterrupt
    w.worker._start_at = 0.0
    w.log.error("failed")
    eventually(lambda: w.stats.reported == 2)


# -- whatever is raised --------------------------------------------------------------------


class Strange:
    def __repr__(self) -> str:
        raise SystemExit("repr")


class Name(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise ValueError("no str")


def exits(logger: object, method: str, event: Event) -> Event:
    if event["event"] == "bad":
        sys.exit("from a processor")
    return event


def is_cancelled(logger: object, method: str, event: Event) -> Event:
    if event["event"] == "bad":
        raise asyncio.CancelledError
    return event


BAD: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "a processor that exits": ([exits], {}),
    "a processor that is cancelled": ([is_cancelled], {}),
    "a name that is no text": ([], {"name": Name("evil")}),
    "a fingerprint without a repr": ([], {"fingerprint": Strange()}),
    "a fingerprint without a repr or hash": ([], {"fingerprint": [Strange()]}),
}


@pytest.mark.parametrize("bad", BAD)
def test_one_bad_error_loses_its_texts_and_nobody_else_anything(bad: str, watch: Watch) -> None:
    processors, fields = BAD[bad]
    w = watch(group_wait=60.0, processors=processors)
    w.log.error("a good one")
    record = {"levelno": 40, "levelname": "ERROR", "msg": "bad", **fields}
    try:
        w.handler.handle(logging.makeLogRecord(record))
    except SystemExit:
        assert "hash" in bad, "on the thread that logs it is whoever logs that it is for"
    w.log.error("another good one")
    assert w.flush()
    for _ in range(10):
        w.log.error("a good one")
        w.log.error("another good one")
    told = w.told()
    assert "a good one" in told
    assert "another good one" in told
    assert w.stats.reported == w.stats.seen == counted(w.sender.messages)
    assert w.stats.seen == (22 if "hash" in bad else 23)


def test_a_sender_that_exits_keeps_everything_pending(watch: Watch) -> None:
    sender = RecordingSender()
    send, left = sender.send, 1

    def exits_once(message: Message) -> None:
        nonlocal left
        left -= 1
        if left >= 0:
            sys.exit("from a sender")
        send(message)

    sender.send = exits_once  # type: ignore[method-assign]  # it exits from now on
    w = watch(sender=sender, **AT_ONCE)
    w.log.error("failed")
    eventually(lambda: w.stats.failures == 1)
    assert w.flush()
    assert counted(sender.messages) == 1


def test_an_interrupt_in_the_middle_of_a_reading_loses_one_text_and_no_count(watch: Watch) -> None:
    """Where no thread is to be had the one that waits does the work, and may get a Ctrl-C."""
    w = watch(group_wait=60.0, processors=[lambda logger, method, event: next(steps)(event)])
    steps: Iterator[Callable[[Event], Event]]

    def interrupt(event: Event) -> Event:
        raise KeyboardInterrupt

    steps = iter([dict, interrupt, *[dict] * 10])
    worker = w.handler._worker
    with worker._run_lock:
        for kind in ("first", "second", "third"):
            w.log.error(kind)
        worker._accept_all()
        with pytest.raises(KeyboardInterrupt):
            worker.cycle._collector.entries()
    told = w.told()
    assert "first" in told
    assert "third" in told
    assert w.stats.reported == counted(w.sender.messages) == 3


def test_when_descriptors_run_out_a_line_says_so(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    claim, left = MemoryStore.claim, 1

    def refuses(store: MemoryStore, *arguments: Any) -> Any:
        nonlocal left
        left -= 1
        if left >= 0:
            raise OSError(errno.EMFILE, "Too many open files")
        return claim(store, *arguments)

    monkeypatch.setattr(MemoryStore, "claim", refuses)
    w = watch(**AT_ONCE)
    w.log.error("failed")
    eventually(lambda: w.stats.reported == 1)
    err = capsys.readouterr().err
    assert "Too many open files" in err
    assert "report" not in err


# -- processors ----------------------------------------------------------------------------


def test_a_processor_gets_the_logger_the_level_and_a_plain_event(watch: Watch) -> None:
    seen: list[tuple[Any, str, Event]] = []

    def notes(logger: Any, method: str, event: Event) -> Event:
        seen.append((logger, method, dict(event)))
        return event

    w = watch(processors=[notes])
    w.log.error("payment %d failed", 1, extra={"order": 7})
    assert w.flush()
    ((logger, method, event),) = seen
    assert isinstance(logger, logging.Logger)
    assert logger.name == "shop"
    assert method == "error"
    assert (event["event"], event["order"]) == ("payment 1 failed", 7)


def test_what_a_processor_adds_is_told_and_redacted(watch: Watch) -> None:
    def adds(logger: object, method: str, event: Event) -> Event:
        return {**event, "tenant": "acme", "password": "hunter2"}

    w = watch(processors=[adds])
    w.log.error("failed")
    told = w.told()
    assert "tenant=acme" in told
    assert "hunter2" not in told


def test_drop_event_mutes_what_is_counted_with_the_sample(watch: Watch) -> None:
    def drops(logger: object, method: str, event: Event) -> Event:
        if event["event"] == "boring":
            raise structlog.DropEvent
        return event

    w = watch(processors=[drops])
    for _ in range(50):
        w.log.error("boring")
    w.log.error("of interest")
    assert w.flush()
    assert (w.stats.muted, w.stats.reported) == (50, 1)
    assert balanced(w.stats)
    assert "boring" not in w.told()


def test_a_muted_kind_is_heard_again_when_a_sample_passes(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    muted = True

    def drops(logger: object, method: str, event: Event) -> Event:
        if muted:
            raise structlog.DropEvent
        return event

    monkeypatch.setattr("wecom_logging._capture.tally.SAMPLE_EVERY", 0.0)
    w = watch(processors=[drops])
    w.log.error("failed")
    assert w.flush()
    muted = False
    w.log.error("failed")
    assert w.flush()
    assert (w.stats.muted, w.stats.reported) == (1, 1)


@pytest.mark.parametrize(
    "returned", [None, "text", ["event"]], ids=["nothing", "a string", "a list"]
)
def test_a_processor_that_returns_no_event_costs_the_texts_not_the_count(
    returned: object, watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    def renders(logger: object, method: str, event: Event) -> object:
        return returned

    w = watch(processors=[renders])
    w.log.error("payment of %s failed", "4111 1111 1111 1111", extra={"card": "4111"})
    assert w.counts() == [1]
    assert "4111" not in w.told()
    assert "renders" in capsys.readouterr().err


def test_a_processor_that_raises_is_named_once_and_its_events_stay_textless(
    watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaks(logger: object, method: str, event: Event) -> Event:
        raise KeyError(event["event"])

    w = watch(processors=[breaks])
    for word in ("apple", "banana", "cherry"):
        w.log.error(word)
    assert sum(w.counts()) == 3
    err = capsys.readouterr().err
    assert err.count("breaks") == 1
    assert "KeyError" in err
    assert "apple" not in err, "the text of the processor's error may hold anything"


def test_a_processor_that_leaves_our_thread_in_a_mess_is_survived(watch: Watch) -> None:
    def poisons(logger: object, method: str, event: Event) -> Event:
        event.clear()
        event[5] = object()  # type: ignore[index]  # a key that is none
        event["exception"] = [{"frames": 7, "exceptions": "no"}, "no error"]
        return event

    w = watch(processors=[poisons])
    w.log.error("failed")
    assert w.counts() == [1]


# -- failures ------------------------------------------------------------------------------

UNREADY: list[Exception] = [
    TransportError("no route"),
    TransportError("reset", unclear=True),
    BusyError(-1, "system busy"),
    RateLimitedError(45009, "api freq out of limit"),
    SetupError(40013, "invalid corpid", "Copy corpid"),
    TokenError(42001, "access_token expired"),
    DeliveryError("something"),
    ValueError("not even an error of ours"),
]


@pytest.mark.parametrize("error", UNREADY, ids=lambda e: type(e).__name__)
def test_whatever_a_sender_raises_everything_stays_pending(error: Any, watch: Watch) -> None:
    w = watch(group_wait=0.0)
    w.sender.fail(error)
    w.log.error("failed")
    eventually(lambda: w.stats.failures == 1)
    assert (w.stats.pending, w.stats.lost, w.stats.reported) == (1, 0, 0)
    if not isinstance(error, RateLimitedError):
        assert w.flush(), "flush() overrides the pause"
        assert counted(w.sender.messages) == 1


def test_a_block_is_waited_out_even_by_flush(watch: Watch) -> None:
    w = watch()
    w.sender.fail(RateLimitedError(45009, "api freq out of limit"))
    w.log.error("failed")
    eventually(lambda: w.stats.failures)
    for _ in range(2):
        assert not w.flush(0.3)
    assert w.stats.failures == 1


class Choosy(RecordingSender):
    """Refuses the content of the first messages."""

    def __init__(self, refusals: int) -> None:
        super().__init__(Limits({"markdown": 4096, "text": 2048}))
        self.tried: list[Message] = []
        self.refusals = refusals

    def send(self, message: Message) -> None:
        self.tried.append(message)
        if len(self.tried) <= self.refusals:
            raise ContentError(45002, "content is too long")
        super().send(message)


@pytest.mark.parametrize("rate_limit", [DEFAULT_RATE_LIMIT, [[1, 0.05]], [[2, 0.1]]])
def test_refused_content_gets_plainer_until_it_passes(rate_limit: Any, watch: Watch) -> None:
    sender = Choosy(3)
    w = watch(sender=sender, rate_limit=rate_limit)
    w.log.error("a word that the filter does not like")
    assert w.counts() == [1]
    assert [message.msgtype for message in sender.tried] == ["markdown", "markdown", "text", "text"]
    assert "filter" in sender.tried[2].content
    assert "filter" not in sender.tried[3].content
    w.log.error("a word that it does")
    assert "a word that it does" in w.told(), "the next message is a full one again"


def test_content_that_is_refused_in_every_form_is_lost_and_declared(
    watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    w = watch(sender=Choosy(4))
    for _ in range(3):
        w.log.error("a word that the filter does not like")
    assert w.flush()
    assert (w.stats.lost, w.stats.reported, w.stats.failures) == (3, 0, 4)
    assert "3 errors are lost" in capsys.readouterr().err
    w.log.error("the next one")
    assert "3" in w.told().split("the next one")[0] + w.told(), "and the next message says so"
    assert balanced(w.stats)


def test_each_trouble_is_said_once_and_again_after_it_was_mended(
    watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    w = watch()
    w.log.error("failed")
    for error in (SetupError(40013, "invalid corpid"), SetupError(60020, "not allow")):
        w.sender.fail(error, times=2)
    eventually(lambda: w.flush(0.1))  # each flush overrides_backoff once
    assert w.stats.failures == 4
    err = capsys.readouterr().err
    assert (err.count("40013"), err.count("60020")) == (1, 1)
    w.sender.fail(SetupError(40013, "invalid corpid"))
    w.log.error("failed")
    assert not w.flush(0.1)
    eventually(lambda: w.stats.failures == 5 and not w.handler._worker.busy)
    assert capsys.readouterr().err.count("40013") == 1


def test_an_error_of_our_own_is_said_and_survived(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    claim, broken = MemoryStore.claim, 2

    def breaks(store: MemoryStore, *asked: Any) -> Any:
        nonlocal broken
        broken -= 1
        if broken >= 0:
            raise ZeroDivisionError("a secret")
        return claim(store, *asked)

    monkeypatch.setattr(MemoryStore, "claim", breaks)
    w = watch(**AT_ONCE)
    for _ in range(10):
        w.log.error("failed")
    eventually(lambda: w.stats.reported == 10)
    err = capsys.readouterr().err
    assert err.count("unexpected ZeroDivisionError") == 1
    assert "a secret" not in err


# -- the account, by property --------------------------------------------------------------


class Rig:
    """A handler whose worker has no thread and a clock that is moved by hand."""

    def __init__(self, *, duplicate_check: bool, max_groups: int = 5) -> None:
        self.now = 0.0
        self.sender = Flaky(duplicate_check)
        self.handler = WeComHandler(sender=self.sender, app="shop", max_groups=max_groups)
        self.worker = self.handler._worker
        self.worker._run_lock.acquire()  # nobody starts a thread
        self.worker.cycle.store = MemoryStore(
            rules=Rules(duplicate_check=duplicate_check, max_groups=max_groups),
            clock=lambda: self.now,
            wall=lambda: self.now,
        )

    def log(self, kind: int, level: int = logging.ERROR) -> None:
        record = {"name": "shop", "levelno": level, "levelname": "ERROR", "fingerprint": kind}
        self.handler.handle(logging.makeLogRecord(record))

    def visit(self, *, urgent: bool = False) -> None:
        """What the worker's thread does when it is woken, or asked to flush."""
        if urgent:
            self.worker.request_flush(time.monotonic())
        self.worker._accept_all()
        with delivering():
            while self.worker.cycle.run(self.worker._flushes) == 0.0:
                self.worker._accept_all()


class Flaky(RecordingSender):
    """Fails as it is told to; an unclear failure may have delivered."""

    def __init__(self, duplicate_check: bool) -> None:
        limits = Limits({"markdown": 4096, "text": 2048}, duplicate_check=duplicate_check)
        super().__init__(limits)
        self.mood = "well"
        self.seen: set[Message] = set()

    def send(self, message: Message) -> None:
        if self.mood == "refuses":
            raise TransportError("no route")
        if self.mood == "content":
            raise ContentError(45002, "too long")
        if self.mood != "unclear, lost":
            if not (self.limits.duplicate_check and message in self.seen):
                super().send(message)
            self.seen.add(message)
        if self.mood.startswith("unclear"):
            raise TransportError("reset", unclear=True)


MOODS = st.sampled_from(["well", "refuses", "unclear, lost", "unclear, arrived"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("log"), st.integers(0, 9), st.sampled_from([40, 50])),
        st.tuples(st.just("mood"), MOODS),
        st.tuples(st.just("wait"), st.sampled_from([0.1, 2.0, 61.0, 1000.0, 20_000.0])),
        st.tuples(st.just("flush")),
    ),
    max_size=60,
)


@settings(max_examples=120, deadline=None)
@given(steps=STEPS, duplicate_check=st.booleans())
def test_no_error_is_lost_or_told_twice_whatever_happens(
    steps: list[Any], duplicate_check: bool
) -> None:
    rig = Rig(duplicate_check=duplicate_check)
    logged, may_repeat = 0, False
    for step, *arguments in steps:
        if step == "log":
            rig.log(*arguments)
            logged += 1
        elif step == "mood":
            (rig.sender.mood,) = arguments
            may_repeat = may_repeat or rig.sender.mood == "unclear, arrived"
        elif step == "wait":
            rig.now += arguments[0]
            rig.visit()
        else:
            rig.visit(urgent=True)
        stats = rig.handler.stats()
        assert balanced(stats)
        assert (stats.seen, stats.lost) == (logged, 0)
        assert stats.reported <= counted(rig.sender.messages)
    rig.sender.mood = "well"
    for _ in range(200):
        rig.now += 1000.0
        rig.visit(urgent=True)
    stats = rig.handler.stats()
    assert (stats.reported, stats.pending) == (logged, 0)
    told = counted(rig.sender.messages)
    assert told >= logged if may_repeat else told == logged


def test_an_unclear_message_at_a_destination_with_a_duplicate_check_is_told_once() -> None:
    rig = Rig(duplicate_check=True)
    rig.log(1)
    rig.sender.mood = "unclear, arrived"
    rig.visit(urgent=True)
    rig.log(2)
    rig.sender.mood = "well"
    for _ in range(2):
        rig.now += 3600
        rig.visit()
    assert counted(rig.sender.messages) == rig.handler.stats().reported == 2


def test_an_unclear_message_at_a_robot_is_told_again_and_says_so() -> None:
    rig = Rig(duplicate_check=False)
    rig.log(1)
    rig.sender.mood = "unclear, arrived"
    rig.visit(urgent=True)
    rig.sender.mood = "well"
    rig.now += 3600
    rig.visit()
    first, second = rig.sender.messages
    assert "told before" not in first.content
    assert "told before" in second.content
    assert rig.handler.stats().reported == 1


def test_a_tally_that_has_gone_is_still_counted_with() -> None:
    """Promise 1 for a caller between look-up and count while its group makes room."""
    rig = Rig(duplicate_check=False, max_groups=1)
    rig.log(1)
    rig.visit(urgent=True)
    known = rig.handler._known
    held = next(tally for tally in known.values() if tally.value)
    rig.worker.cycle._collector._quiet_after = -1.0
    rig.visit()
    assert held not in known.values()
    next(held)
    assert rig.handler.stats().pending == 1
    rig.worker.cycle.give_up("the test is over")


def test_a_big_fleet_comes_to_its_store_more_seldom() -> None:
    class Fleet(MemoryStore):
        def account(self, source: str) -> Account:
            return super().account(source)._replace(sources=2000)

    cycle = Rig(duplicate_check=False).worker.cycle
    assert cycle.gather == 0.05
    cycle._balance(Fleet())
    assert cycle.gather == 2.0


def test_a_request_that_comes_while_others_are_accepted_is_heard(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker has looked for requests, and goes on to who has counted: there is its wake-up."""
    w = watch(group_interval=60.0, repeat_intervals=[600, 3600])
    inner: Any = w.handler._worker
    asked, looked = inner._asked, threading.Event()

    class Late:
        """Nothing is to be seen in it yet, at a first look."""

        def empty(self) -> bool:
            if not looked.is_set():
                looked.set()
                eventually(lambda: not inner._inbox.empty())
                return True
            return bool(asked.empty())

        def __getattr__(self, name: str) -> Any:
            return getattr(asked, name)

    for _ in range(2):
        w.log.error("boom")
        assert w.handler.flush(PATIENCE)
    w.log.error("boom")
    eventually(lambda: not (inner._inbox.qsize() or inner.cycle.has_unstored()))
    monkeypatch.setattr(inner, "_asked", Late())
    inner._inbox.put(None)
    assert w.handler.flush(5.0)
    assert looked.is_set()
