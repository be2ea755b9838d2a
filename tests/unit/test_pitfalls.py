"""Accidents of others that no other file here is about.

Where the rest is: storms, intervals and clocks in `test_schedule`; exit, fork and logging's
own lock in `test_exit`, `test_fork`, `test_dictconfig`, `test_handler`; re-entrancy and the
records that fail in `test_hostile`; recursion and secrets in `test_silence_end_to_end`; what
is cut or refused in `test_courier`, `test_hostile` and the tests of rendering; false success
and tokens in `test_delivery`, `test_token`; spools in the tests of the stores; handlers that
are never reached in the tests of the check command.
"""

from __future__ import annotations

import io
import logging
import logging.handlers
import queue
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from tests.helpers.support import Watched, balanced, counted, eventually, pointing_at
from wecom_logging._capture import code_location, failure, rendered
from wecom_logging._runtime import diagnostics
from wecom_logging._runtime.diagnostics import warn_rarely
from wecom_logging.errors import SetupError
from wecom_logging.simulator.faults import Fault
from wecom_logging.simulator.server import Simulator

Watch = Callable[..., Watched]


# -- slow emit -----------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [Fault("hang", delay=20.0), Fault("outage"), Fault("drip")])
def test_nobody_who_logs_waits_for_the_destination(
    fault: Fault, sim: Simulator, watch: Watch
) -> None:
    """One request a record, inline: python-telegram-handler#28, nb_log, dingtalk-log-handler."""
    sim.faults.add(fault)
    w = watch(**pointing_at(sim), timeout=[10, 10], group_wait=0.0)
    slowest = 0.0
    for i in range(2000):
        began = time.perf_counter()
        w.log.critical("failed", extra={"fingerprint": i % 30})
        slowest = max(slowest, time.perf_counter() - began)
    assert slowest < 5.0, "half of how long an answer is waited for"
    assert w.stats.pending == 2000
    sim.faults.clear()
    eventually(lambda: w.flush(0.3))


# -- damage to other handlers --------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "args", "expected"),
    [
        ("%d%% done", (50,), "50% done"),
        ("100% of it", (), "100% of it"),
        ("%(a)s", ({"a": "by name"},), "by name"),
        ({"event": "failed"}, (), "{'event': 'failed'}"),
    ],
)
def test_handlers_after_ours_write_what_they_would_have_written(
    message: object, args: tuple[object, ...], expected: str, watch: Watch
) -> None:
    """A line lost (python-telegram-handler), a stray percent sign (log-rate-limit)."""
    w = watch()
    out = io.StringIO()
    records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    after = logging.StreamHandler(out)
    after.setFormatter(logging.Formatter("%(levelname)s|%(message)s"))
    w.log.addHandler(after)
    w.log.addHandler(logging.handlers.QueueHandler(records))
    w.log.error(message, *args)
    w.flush()
    assert out.getvalue() == f"ERROR|{expected}\n"
    assert records.get_nowait().getMessage() == expected


def test_a_traceback_is_rendered_once_by_whoever_wants_it(watch: Watch) -> None:
    """Ours neither fills nor empties `exc_text`, which handlers share."""
    w = watch()
    out = io.StringIO()
    w.log.addHandler(logging.StreamHandler(out))
    try:
        raise ValueError("once")
    except ValueError:
        w.log.exception("failed")
    assert w.flush()
    assert out.getvalue().count("Traceback") == 1
    assert out.getvalue().count("ValueError: once") == 1


# -- recursion: a handler that gives up ----------------------------------------------------


def test_after_any_failure_the_handler_is_still_attached_and_works(watch: Watch) -> None:
    """nb_log takes itself off the root logger after one alert."""
    w = watch(group_wait=0.0, group_interval=0.0)
    for i in range(3):
        w.sender.fail(SetupError(40013, "invalid corpid"))
        w.log.error("failed", extra={"fingerprint": i})
        eventually(lambda: w.flush(0.1))
    assert w.handler in w.log.handlers
    assert w.stats.reported == 3


# -- memory growth -------------------------------------------------------------------------


def test_what_is_remembered_between_records_is_bounded(watch: Watch) -> None:
    """A map that is filled is also emptied: python-logstash-async#63, pyrollbar#412."""
    w = watch(rate_limit=[[1000, 60]])
    for i in range(30_000):
        w.log.error(f"cannot open {'x' * (i % 300)}/{i:x} as {chr(0x4E00 + i % 20_000)}")
    assert w.flush()
    assert w.stats.reported == 30_000
    sizes = {
        f"{module.__name__}.{name}": len(value)
        for module in (code_location, failure, rendered, diagnostics)
        for name, value in vars(module).items()
        if isinstance(value, dict) and not name.startswith("__")
    }
    assert max(sizes.values()) <= 10_000, sizes
    assert len(w.handler._tallies.known) < 100


def test_complaints_of_ever_new_kinds_are_bounded(capsys: pytest.CaptureFixture[str]) -> None:
    for i in range(5000):
        warn_rarely(f"lost {i}", "a line")
    assert len(diagnostics._said) <= 1000
    assert capsys.readouterr().err.count("a line") == 5000


def test_while_nobody_answers_memory_does_not_grow_with_errors(
    sim: Simulator, watch: Watch
) -> None:
    """Monolog's and Logback's buffers, python-logstash-async's queue."""
    sim.faults.add(Fault("hang", delay=20.0))
    w = watch(**pointing_at(sim), timeout=[2, 2], group_wait=0.0)
    w.log.error("failed")
    eventually(lambda: sim.calls())
    for _ in range(50_000):
        w.log.error("failed")
    assert w.worker._inbox.qsize() < 100
    sim.faults.clear()
    eventually(lambda: w.flush(0.5))
    assert w.stats.reported == 50_001


# -- CPU -----------------------------------------------------------------------------------


def deep(levels: int) -> None:
    ballast = [levels] * 1000  # a local variable in each frame
    if levels:
        deep(levels - 1)
    raise ValueError(f"at the bottom, with {len(ballast)}")


@pytest.mark.parametrize("options", [{}, {"show_locals": True}], ids=["plain", "with locals"])
def test_a_deep_recursion_is_captured_in_little_time(
    options: dict[str, bool], watch: Watch
) -> None:
    """pyrollbar#447: minutes for one traceback."""
    w = watch(**options)
    try:
        deep(sys.getrecursionlimit() // 2)
    except ValueError:
        began = time.thread_time()
        w.log.exception("failed")
        assert time.thread_time() - began < 1.0
    assert "ValueError" in w.told()


def test_ten_thousand_different_messages_cost_no_more_than_the_first(watch: Watch) -> None:
    """No search for similar messages: ratelimitingfilter takes 42 to 101 ms for a record."""
    w = watch()
    began = time.thread_time()
    for i in range(10_000):
        w.log.error(f"cannot {chr(97 + i % 26)}{chr(97 + i // 26 % 26)}{chr(97 + i // 676)} it")
    assert time.thread_time() - began < 5.0
    assert w.stats.seen == 10_000


# -- bookkeeping at the cap ----------------------------------------------------------------


def call_sites(number: int) -> Iterator[Callable[[logging.Logger], None]]:
    lines = "\n".join(f"def site{i}(log): log.error('site')" for i in range(number))
    module: dict[str, Callable[[logging.Logger], None]] = {}
    exec(compile(lines, "sites.py", "exec"), module)
    for i in range(number):
        yield module[f"site{i}"]


def test_at_the_cap_and_one_beyond_it(watch: Watch) -> None:
    """logbook: the 513th call site raises."""
    w = watch()
    for site in call_sites(1001):
        site(w.log)
    assert w.stats.seen == 1001
    tallies = set(w.handler._tallies.known.values())
    assert len(tallies) == 1001, "a thousand kinds, and the others"
    assert w.flush()
    assert (w.stats.reported, counted(w.sender.messages)) == (1001, 1001)


# -- clocks --------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [-86_400.0, 86_400.0, -1e9])
def test_a_step_of_the_wall_clock_delays_nothing_and_loses_nothing(
    step: float, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """watchtower and log-rate-limit measure their deadlines by the wall clock."""
    w = watch(group_wait=0.0, group_interval=0.1, repeat_intervals=[0.1])
    w.log.error("before")
    eventually(lambda: w.stats.reported == 1)
    wall = time.time
    monkeypatch.setattr(time, "time", lambda: wall() + step)
    w.log.error("after")
    eventually(lambda: w.stats.reported == 2)
    assert balanced(w.stats)


@pytest.mark.parametrize("created", [0.0, -1e10, 1e12, 1e300, float("nan"), float("inf"), None])
def test_a_record_from_no_time_is_told_with_its_text(created: object, watch: Watch) -> None:
    w = watch()
    record = {"name": "shop", "levelno": 40, "levelname": "ERROR", "msg": "payment %d failed"}
    w.handler.handle(logging.makeLogRecord({**record, "args": (8841,), "created": created}))
    assert "payment 8841 failed" in w.told()
