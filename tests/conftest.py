"""Fixtures that all tests share. Loopback only; nothing is left behind."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.ports import free_port
from tests.helpers.redis_server import PROGRAM, RedisServer, running
from tests.helpers.support import PATIENCE, WAITING, Finished, Watched, missing
from wecom_logging import WeComHandler
from wecom_logging._runtime import diagnostics, native, shutdown
from wecom_logging._senders.access_token import TOKENS
from wecom_logging._stores import memory
from wecom_logging.simulator.server import Simulator
from wecom_logging.testing import RecordingSender

# A shell ignores Ctrl-C for what it starts in the background, and children inherit that;
# a handler they do not. Tests of Ctrl-C would wait for good.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# coverage sees the threads of `threading`; the worker is one of the interpreter's own.
if threading.gettrace() is not None:
    _start_untraced = native.start_new_thread

    def _start_traced(run: Callable[..., object], arguments: tuple[Any, ...]) -> int:
        def traced(*given: Any) -> None:
            sys.settrace(threading.gettrace())
            run(*given)

        return _start_untraced(traced, arguments)

    native.start_new_thread = _start_traced


@pytest.fixture(autouse=True)
def _private_surroundings(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No state of the developer's own, no settings of their shell, no memory of complaints, and
    no token and no errors that another test had at the same destination."""
    for name in list(os.environ):
        if name.startswith(("WECOM_", "OTEL_", "SENTRY_", "GIT_", "DJANGO_SETTINGS_MODULE")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    # gunicorn's control socket: two of one user disturb each other, and what they say of it is
    # an alert. A socket's path has to be short.
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.getbasetemp()))
    for owner, name in ((sys, "excepthook"), (threading, "excepthook")):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(TOKENS, "_slots", {})
    memory.forget_parent()
    diagnostics._said.clear()
    diagnostics.speak("en")


@pytest.fixture(autouse=True)
def _loggers_as_before() -> Iterator[None]:
    """What a test configures, and the libraries that it loads, is no other test's."""
    root = logging.getLogger()
    handlers = list(root.handlers)
    before = {logger: _state(logger) for logger in _loggers()}
    yield
    for handler in root.handlers[:]:
        if handler not in handlers:
            root.removeHandler(handler)
            handler.close()
    for logger in _loggers():
        state = before.get(logger, (logging.NOTSET, True, False))
        if _state(logger) != state:
            level, logger.propagate, logger.disabled = state
            logger.setLevel(level)
    logging.disable(logging.NOTSET)


def _loggers() -> list[logging.Logger]:
    known = list(logging.Logger.manager.loggerDict.values())
    return [logging.getLogger(), *(each for each in known if isinstance(each, logging.Logger))]


def _state(logger: logging.Logger) -> tuple[int, bool, bool]:
    return logger.level, logger.propagate, logger.disabled


@pytest.fixture(autouse=True)
def _no_worker_stays() -> Iterator[None]:
    """What a test leaves open would go on in others: on their stderr, in their stores, in their
    time, and at the exit."""
    before = dict(shutdown._workers)
    yield
    for key, worker in list(shutdown._workers.items()):
        if before.get(key) is not worker:
            worker.end()
            shutdown.unregister_worker(worker)
    shutdown.exiting.reset()  # nothing of its time has been waited


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """A local WeCom of this test's own."""
    with Simulator(free_port(), bot_port=free_port()) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A real Redis for all tests of a session that share it, or a skip."""
    if PROGRAM is None:
        missing("redis-server", "redis-server")
    with running(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(params=["memory", "sqlite", "redis"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The option for a store of each kind."""
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        return server.url
    return "memory" if request.param == "memory" else f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture
def watch() -> Iterator[Callable[..., Watched]]:
    """Make a handler, and a logger that leads to it alone.

    Without a destination among the options it tells a `RecordingSender`. What a test leaves
    pending is dropped at its end.
    """
    made: list[WeComHandler] = []

    def make(level: int | str = "ERROR", **options: Any) -> Watched:
        sender = RecordingSender()
        if not {"webhook_key", "corpid", "sender"} & options.keys():
            options["sender"] = sender
        options = {"app": "shop", "host": "web-1", "store": "memory", **options}
        handler = WeComHandler(level, **options)
        made.append(handler)
        log = logging.Logger("shop")
        log.addHandler(handler)
        return Watched(handler, log, options.get("sender", sender))

    yield make
    for handler in made:
        if handler.enabled:
            handler._worker.cycle.give_up("the test is over")
            # Its thread may be waiting for a destination.
            handler._options = replace(handler._options, close_timeout=0.2)
        handler.close()


@pytest.fixture
def run_program(tmp_path: Path) -> Callable[..., Finished]:
    """Run a program that logs to a simulator, in its own interpreter.

    The program finds `LOGGING`, a configuration with the options; `log`, a logger; and what waits
    in `support`. Its exit waits longer than the five seconds of the default unless told otherwise:
    a write can take that long where much is being written, as after an installation.
    """

    def run(body: str, sim: Simulator, *, kind: str = "robot", **options: object) -> Finished:
        options = {"close_timeout": PATIENCE, **options}
        lines = [
            "import atexit, logging, logging.config, os, signal, sys, threading, time",
            WAITING,
            f"OPTIONS = {options!r}",
            "LOGGING = {'version': 1, 'disable_existing_loggers': False,",
            "    'handlers': {'wecom': {'class': 'wecom_logging.WeComHandler', **OPTIONS}},",
            "    'root': {'handlers': ['wecom'], 'level': 'INFO'}}",
            "log = logging.getLogger('shop')",
        ]
        program = tmp_path / "program.py"
        program.write_text("\n".join(lines) + "\n" + textwrap.dedent(body), encoding="utf-8")
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", str(program)],
            env={**os.environ, **sim.env(kind)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            out, err = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)  # it says where each of its threads stands
            pytest.fail(f"it did not end: {process.communicate()[1]}")
        finally:
            process.kill()  # a Ctrl-C here
        return Finished(process.returncode, out, err, time.monotonic() - began)

    return run
