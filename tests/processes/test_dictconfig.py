"""Promise 10: configuring again neither waits, nor deadlocks, nor loses."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

from tests.helpers.support import Finished, counted
from wecom_logging.simulator.faults import Fault
from wecom_logging.simulator.server import Simulator


def test_twenty_times_while_eight_threads_log(
    sim: Simulator, run_program: Callable[..., Finished]
) -> None:
    body = """
        from wecom_logging import WeComHandler
        made = []
        class Watched(WeComHandler):
            def __init__(self, *a, **k):
                import requests   # an import inside dictConfig, as in F12
                super().__init__(*a, **k)
                made.append(self)
        LOGGING["handlers"]["wecom"]["()"] = Watched
        del LOGGING["handlers"]["wecom"]["class"]
        logging.config.dictConfig(LOGGING)
        stop = threading.Event()
        counts = []
        def work():
            n = 0
            while not stop.is_set():
                log.error("busy %d", n); n += 1
            counts.append(n)
        threads = [threading.Thread(target=work) for _ in range(8)]
        [t.start() for t in threads]
        slowest = 0
        for _ in range(20):
            began = time.monotonic()
            logging.config.dictConfig(LOGGING)
            slowest = max(slowest, time.monotonic() - began)
            eventually(lambda: made[-1].stats().seen)  # errors between two configurations
        stop.set(); [t.join() for t in threads]
        for h in made: assert h.flush(20), h.stats()
        stats = [h.stats() for h in made]
        # Between two configurations root has no handler, and nobody counts what is logged.
        print(sum(s.reported for s in stats), sum(s.seen for s in stats), f"{slowest:.2f}")
        """
    done = run_program(
        textwrap.dedent(body), sim, kind="app", rate_limit=[[1000, 60]], close_timeout=50
    )
    assert done.returncode == 0, done.err
    reported, seen, slowest = done.out.split()
    assert int(reported) == int(seen) == counted(sim.messages)
    assert float(slowest) < 40, "close_timeout: it has waited"
    assert len(sim.calls("gettoken")) == 1
    assert len(sim.messages) < 25, "a storm stays a few messages, however often it is configured"


def test_close_and_flush_inside_dictconfig_do_not_wait_for_a_hanging_destination(
    sim: Simulator, run_program: Callable[..., Finished]
) -> None:
    sim.faults.add(Fault("hang", delay=20, times=1))
    body = """
        logging.config.dictConfig(LOGGING)
        log.critical("now")
        eventually(lambda: stands_in("readinto"))  # the request waits for its answer
        began = time.monotonic()
        logging.config.dictConfig(LOGGING)
        logging.basicConfig(force=True)
        print(f"{time.monotonic() - began:.2f}")
        """
    done = run_program(textwrap.dedent(body), sim, timeout=[6, 6], close_timeout=30)
    assert float(done.out) < 5.0, done  # the request has not even timed out
    assert counted(sim.messages) == 1, done.err


def test_a_second_configuration_without_root_leaves_the_handler_working(
    sim: Simulator, run_program: Callable[..., Finished]
) -> None:
    body = """
        logging.config.dictConfig(LOGGING)
        handler = logging.getLogger().handlers[0]
        log.error("before")
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})
        assert logging.getLogger().handlers == [handler]
        log.error("after")
        assert handler.flush()
        log.error("at the very end")
        """
    done = run_program(textwrap.dedent(body), sim)
    assert counted(sim.messages) == 3, done.err


def test_threads_of_closed_handlers_end(
    sim: Simulator, run_program: Callable[..., Finished]
) -> None:
    body = """
        for _ in range(10):
            logging.config.dictConfig(LOGGING)
            log.error("x")
        logging.getLogger().handlers[0].flush()
        eventually(lambda: len(sys._current_frames()) <= 2)
        """
    # A thread stays as long as its errors wait for their pause: a short one.
    done = run_program(textwrap.dedent(body), sim, rate_limit=[[1000, 60]], repeat_intervals=[0.5])
    assert done.returncode == 0, f"main and the worker of the handler that is open: {done.err}"
    assert counted(sim.messages) == 10
