"""`uncaught=True`: exceptions that nobody catches, of the program and of its threads."""

from __future__ import annotations

import sys
import textwrap
import threading
from collections.abc import Callable
from typing import Any

import pytest
import structlog

from tests.helpers.support import Finished, Watched, counted, headlines
from wecom_logging._capture import uncaught
from wecom_logging.simulator.server import Simulator

Watch = Callable[..., Watched]


@pytest.fixture(autouse=True)
def hooks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hooks as a new process has them; what runs after ours is noted."""
    called: list[str] = []
    monkeypatch.setattr(uncaught, "_hooked", False)
    monkeypatch.setattr(uncaught, "_handlers", [])
    monkeypatch.setattr(sys, "excepthook", lambda *args: called.append("program"))
    monkeypatch.setattr(threading, "excepthook", lambda args: called.append("thread"))
    return called


def fails() -> None:
    raise ZeroDivisionError("nobody catches this")


def leave(raising: Callable[[], None]) -> None:
    """Let an exception leave the program, as far as its hooks can tell."""
    try:
        raising()
    except BaseException:
        sys.excepthook(*sys.exc_info())


def in_a_thread(raising: Callable[[], None]) -> None:
    thread = threading.Thread(target=raising, name="importer")
    thread.start()
    thread.join()


def test_the_programs_is_critical(watch: Watch, hooks: list[str]) -> None:
    w = watch(uncaught=True)
    leave(fails)
    told = w.told()
    assert "CRITICAL" in told.split("\n")[0]
    assert "ZeroDivisionError" in told
    assert "fails" in told
    assert hooks == ["program"], "what was there before still runs"


def test_a_threads_is_an_error_that_names_the_thread(watch: Watch, hooks: list[str]) -> None:
    w = watch(uncaught=True)
    in_a_thread(fails)
    told = w.told()
    assert "CRITICAL" not in told
    assert "importer" in told
    assert "ZeroDivisionError" in told
    assert hooks == ["thread"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), GeneratorExit()])
def test_leaving_is_no_error(error: BaseException, watch: Watch) -> None:
    def raising() -> None:
        raise error

    w = watch(uncaught=True)
    leave(raising)
    assert w.stats.seen == 0


def logged_plainly(w: Watched) -> None:
    try:
        fails()
    except ZeroDivisionError:
        w.log.exception("failed")
        raise


def logged_by_structlog(w: Watched) -> None:
    log = structlog.wrap_logger(
        w.log, processors=[structlog.stdlib.ProcessorFormatter.wrap_for_formatter]
    )
    try:
        fails()
    except ZeroDivisionError:
        log.error("failed", exc_info=True)
        raise


@pytest.mark.parametrize("log", [logged_plainly, logged_by_structlog])
@pytest.mark.parametrize("leaves", [leave, in_a_thread])
def test_what_was_logged_already_is_not_counted_again(
    log: Callable[[Watched], None], leaves: Callable[[Any], None], watch: Watch
) -> None:
    w = watch(uncaught=True)
    leaves(lambda: log(w))
    assert w.stats.seen == 1


def test_below_the_level_it_was_not_counted(watch: Watch) -> None:
    w = watch(uncaught=True)

    def logs_a_warning() -> None:
        try:
            fails()
        except ZeroDivisionError:
            w.log.warning("failed", exc_info=True)
            raise

    leave(logs_a_warning)
    assert w.stats.seen == 1


def test_an_exception_that_takes_no_attributes_is_told(watch: Watch) -> None:
    class Slotted(Exception):
        __slots__ = ()

        def __setattr__(self, name: str, value: object) -> None:
            raise AttributeError(name)

    def raising() -> None:
        raise Slotted

    w = watch(uncaught=True)
    leave(raising)
    assert "Slotted" in w.told()


def test_the_hooks_are_set_once_and_tell_each_handler(watch: Watch, hooks: list[str]) -> None:
    first, second = watch(uncaught=True), watch(uncaught=True)
    leave(fails)
    assert (first.stats.seen, second.stats.seen) == (1, 1)
    assert hooks == ["program"]


def test_unless_asked_for_no_hook_is_set(watch: Watch, hooks: list[str]) -> None:
    before = sys.excepthook
    w = watch()
    assert sys.excepthook is before
    leave(fails)
    assert w.stats.seen == 0


def test_a_program_that_dies_of_it_tells_it_and_prints_it(
    sim: Simulator, run_program: Callable[..., Finished]
) -> None:
    body = textwrap.dedent(
        """
        logging.config.dictConfig(LOGGING)
        def importer():
            raise ValueError("in a thread")
        thread = threading.Thread(target=importer); thread.start(); thread.join()
        raise ZeroDivisionError("in main")
        """
    )
    done = run_program(body, sim, uncaught=True)
    assert done.returncode == 1
    assert counted(sim.messages) == 2
    assert "CRITICAL" in "".join(headlines(sim.messages))
    assert "ZeroDivisionError: in main" in done.err
    assert "ValueError: in a thread" in done.err
