"""Whether errors find their way to a `WeComHandler`, logger by logger."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from logging.handlers import QueueListener
from typing import Any

from wecom_logging._cli.checks.obstacles import (
    LOOK,
    Obstacle,
    alive,
    console,
    ends,
    handlers,
    is_of_uvicorns_worker,
    known_loggers,
    obstacle,
    raised,
    unread_queues,
    way,
)
from wecom_logging._cli.checks.program import CONFIGURED, SERVERS, Program, is_library
from wecom_logging._cli.checks.step import Step, failed, ok, skipped, warning
from wecom_logging._cli.checks.store import held
from wecom_logging._cli.destination import Setup
from wecom_logging.handler import WeComHandler

#: Loggers of libraries that have an output of their own by design, or tell every error twice.
_ON_THEIR_OWN = ("django.server", "gunicorn", "uvicorn", "wecom_logging", "py.warnings")

#: Seconds for a test error to come out of a queue, and for all to be delivered.
_PASSAGE = 3.0
_PATIENCE = 15.0

#: What all test errors begin with.
TEST = "wecom-logging check: a test error through "
_SEE_GROUPS = '"wecom-logging groups" shows them.'


def routing_steps(program: Program, left_out: Sequence[str], *, send: bool) -> Iterator[Step]:
    """Each logger that the loaded program and its configuration know: whether an error gets
    through, or what stops it. Those `left_out` are not meant to alert; `send` tries the others."""
    attempt = _Attempt(send=send)
    servers = [SERVERS[each] for each in program.servers()]
    told = ["django.request"] if "django" in sys.modules else []
    named = ["root", *told, *servers]
    tops = tuple(f"{each}." for each in left_out)
    unmeant = [each for each in named if f"{each}.".startswith(tops)]
    for name in (each for each in named if each not in unmeant):
        step = _beside() if name == "root" and _is_beside_logging() else attempt.step(name)
        if name == SERVERS["gunicorn"] and step.status == "failed" and not program.is_in_master():
            # What stands there of failed boots and time-outs is the master's, see below.
            text = f"what a worker's framework does not log itself is not told: {step.text}"
            step = warning(name, text, step.fix)
        yield step
    own = [
        each for each in known_loggers() if each.name not in servers and not is_library(each.name)
    ]
    meant = [each for each in own if not f"{each.name}.".startswith(tops)]
    yield from attempt.together(meant)
    if names := [*unmeant, *(each.name for each in own if each not in meant)]:
        yield skipped("left out", f"by --except: {', '.join(names)}")
    yield from _libraries([*told, *servers])
    yield from _twice([logging.getLogger(), *known_loggers()])
    yield from _gunicorn_master(program)
    yield from _consoles(program.servers())
    if "structlog" in sys.modules:
        yield from _structlog(attempt)
    if "loguru" in sys.modules:
        yield from _loguru(attempt)
    yield attempt.delivered()


class _Attempt:
    """Tries loggers, and counts the test errors that arrived at a handler.

    They are one kind of error, so that a phone shows one message for all loggers.
    """

    def __init__(self, *, send: bool) -> None:
        self.send = send
        self._handlers = handlers()
        #: A test error may have to come out of a queue.
        self._passage = _PASSAGE if alive(QueueListener) else 0.0
        self.tried = 0
        self.arrived = 0

    def step(self, name: str) -> Step:
        logger = logging.getLogger(None if name == "root" else name)
        cause, fix = self.obstacle(logger)
        if cause:
            return failed(name, cause, fix)
        return ok(name, self.verdict)

    @property
    def verdict(self) -> str:
        return "errors reach the handler" if self.send else "nothing is in the way of an error"

    def together(self, loggers: Sequence[logging.Logger]) -> Iterator[Step]:
        """One step for all that reach the handler, and one for each cause why others do not."""
        reached: list[str] = []
        stopped: dict[Obstacle, list[str]] = {}
        for logger in loggers:
            found = self.obstacle(logger)
            (stopped.setdefault(found, []) if found[0] else reached).append(logger.name)
        for (cause, fix), (first, *others) in stopped.items():
            yield failed(
                first, cause, fix, *([f"the same with {', '.join(others)}"] if others else [])
            )
        if reached:
            yield ok("loggers", f"{self.verdict}: {', '.join(reached)}")

    def obstacle(self, logger: logging.Logger) -> Obstacle:
        """As `obstacle`, and tried with an error where that is wanted."""
        if not self.send:
            return obstacle(logger)
        try:
            if self.arrives(lambda: _log_error(logger)):
                return "", ""
        except Exception as error:  # of a filter or a class of the program's own
            return raised(error)
        found = obstacle(logger)
        return found if found[0] else ("a test error did not reach the handler", LOOK)

    def arrives(self, log: Callable[[], object]) -> bool:
        self.tried += 1
        before = self._seen()
        log()
        deadline = time.monotonic() + self._passage
        while self._seen() == before and time.monotonic() < deadline:
            time.sleep(0.005)
        arrived = self._seen() > before
        self.arrived += arrived
        return arrived

    def _seen(self) -> int:
        return sum(each.stats().seen for each in self._handlers)

    def delivered(self) -> Step:
        """Whether WeCom has them."""
        if not self.send:
            return skipped("test errors", "--no-send")
        if not self.arrived:
            return warning("test errors", "none has reached a handler")
        pending = [each for each in self._handlers if not each.flush(_PATIENCE)]
        if pending:
            return failed("test errors", pending[0].stats().last_error or "not delivered in time")
        for each in self._handlers:
            if (account := each.stats()).by_fallback:
                cause = account.last_error or "no reason is known"
                return failed(
                    "test errors", f"the fallback took them, not the destination: {cause}"
                )
            if account.muted and not account.reported:
                return failed("test errors", "a processor drops them", 'Look at its "processors".')
            if account.pending:
                setup = Setup(each._options, each._components.sender, os.environ)
                why = held(setup, TEST) or "the handler waits"
                return warning("test errors", f"not told yet: {why}", _SEE_GROUPS)
        if self.arrived < self.tried:
            some = f"{self.arrived} of {self.tried} delivered, the others reach no handler"
            return warning("test errors", some)
        return ok("test errors", "delivered")


def _log_error(logger: logging.Logger) -> None:
    logger.error(TEST + "%s", logger.name, extra={"fingerprint": "wecom-logging check"})


def _is_beside_logging() -> bool:
    """Whether handlers of ours belong to structlog or loguru alone: none to a logger, and none
    was meant for one."""
    loggers = [logging.getLogger(), *known_loggers()]
    if any(end for each in loggers for handler in each.handlers for end in ends(handler)):
        return False
    if CONFIGURED or unread_queues():
        return False
    return (_is_of_structlog() and not _passes_logging()) or _is_of_loguru()


def _is_of_structlog() -> bool:
    structlog: Any = sys.modules.get("structlog")
    if structlog is None or not structlog.is_configured():
        return False
    processors = structlog.get_config()["processors"]
    return any(isinstance(getattr(each, "handler", None), WeComHandler) for each in processors)


def _passes_logging() -> bool:
    """Whether structlog hands its events to `logging`, where the processor leaves them to it."""
    structlog: Any = importlib.import_module("structlog")
    return isinstance(structlog.get_config()["logger_factory"], structlog.stdlib.LoggerFactory)


def _is_of_loguru() -> bool:
    core = getattr(getattr(sys.modules.get("loguru"), "logger", None), "_core", None)
    sinks = (getattr(each, "_sink", None) for each in getattr(core, "handlers", {}).values())
    return any(isinstance(getattr(each, "_handler", None), WeComHandler) for each in sinks)


def _beside() -> Step:
    return skipped(
        "root",
        "what is logged through logging, as libraries do, is not told: wecom_logging.install()"
        " would add it",
    )


def _libraries(looked_at: Sequence[str]) -> Iterator[Step]:
    """Loggers of what is installed. A project may well keep one of them quiet: that is only
    said. To disable them all is hardly ever meant."""
    stopped: dict[Obstacle, list[str]] = {}
    for logger in known_loggers():
        if is_library(logger.name) and not logger.name.startswith(_ON_THEIR_OWN):
            found = obstacle(logger)
            if logger.name not in looked_at and found != obstacle(logging.getLogger()) and found[0]:
                stopped.setdefault(found, []).append(logger.name)
    for (cause, fix), names in stopped.items():
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        if len(names) > 1:
            cause = cause.replace("disables it", "disables them")
        if logging.getLogger(names[0]).disabled:
            yield warning("libraries", f"{shown}: {cause}", fix)
        else:
            yield skipped("libraries", f"{shown}: {cause}")


def _twice(loggers: Sequence[logging.Logger]) -> Iterator[Step]:
    """Places from which one record comes to one destination twice."""
    said = set()
    for logger in loggers:
        met: dict[object, str] = {}
        for current in way(logger):
            for end in [end for each in current.handlers for end in ends(each) if end.enabled]:
                options = end._options
                where = (end._components.sender.destination, options.app, options.environment)
                above = current.name
                if where in met and (met[where], above) not in said:
                    said.add((met[where], above))
                    yield _reached_twice(end, met[where], above)
                met.setdefault(where, above)


def _reached_twice(handler: WeComHandler, below: str, above: str) -> Step:
    name = handler.get_name() or "wecom"
    cause = f"an error of {below!r} comes to it twice and is counted once" + (
        f": there and at {above!r}" if below != above else ": by two handlers there"
    )
    return warning(f"handler {name}", cause, f'Take "{name}" out of "handlers" of {_entry(below)}.')


def _gunicorn_master(program: Program) -> Iterator[Step]:
    """Time-outs and failed boots are logged by the master, with what is configured there."""
    if "gunicorn" in program.servers() and not program.is_in_master():
        yield warning(
            "gunicorn's master",
            "logs time-outs of workers and failed boots, and does not load the application",
            'Set logconfig_dict in gunicorn.conf.py, or use "--preload"; see docs/frameworks.md.',
        )


def _consoles(servers: Sequence[str]) -> Iterator[Step]:
    """Servers print by handlers of their own loggers, which a configuration that names those
    takes off. Celery's worker prints by one of root's that it makes itself."""
    for server in (each for each in servers if each != "celery"):
        logger = logging.getLogger(SERVERS[server])
        met = [each for each in way(logger) if each.handlers]
        if met and all(isinstance(end, WeComHandler) for each in met for end in each.handlers):
            fix = f'Add {console()} to "handlers" of {_entry(met[0].name)}.'
            if is_of_uvicorns_worker():  # whichever entry is applied last decides for both
                fix = f'Keep "gunicorn.error" with {console()}, without an entry "uvicorn.error".'
            yield warning(
                f"{server}'s console",
                f"what {logger.name!r} logs is printed nowhere: only a WeComHandler gets it",
                fix,
            )


def _entry(name: str) -> str:
    return '"root"' if name == "root" else f'"{name}" in "loggers"'


def _structlog(attempt: _Attempt) -> Iterator[Step]:
    structlog: Any = importlib.import_module("structlog")
    if not structlog.is_configured():
        return
    if not (_passes_logging() or _is_of_structlog()):
        attempt.tried += 1  # by looking: it would not arrive
        yield failed(
            "structlog",
            "its events never pass through logging",
            "Add wecom_logging.structlog_processor() before the renderer.",
        )
    else:
        yield _tried("structlog", attempt, structlog.get_logger("wecom_logging_check").error)


def _loguru(attempt: _Attempt) -> Iterator[Step]:
    logger: Any = importlib.import_module("loguru").logger
    used = any(
        value is logger
        for name, module in list(sys.modules.items())
        if not is_library(name)
        for value in list(getattr(module, "__dict__", {}).values())
    )
    if used or _is_of_loguru():
        yield _tried("loguru", attempt, logger.error)


_BRING = {
    "structlog": 'See "root" above.',
    "loguru": 'Call logger.add(WeComHandler(), level="ERROR", format="{message}").',
}


def _tried(name: str, attempt: _Attempt, error: Callable[[str], object]) -> Step:
    if not attempt.send:
        return skipped(name, "--no-send")
    try:
        if attempt.arrives(lambda: error(f"{TEST}{name}")):
            return ok(name, "errors reach the handler")
    except Exception as refused:
        return failed(name, *raised(refused))
    return failed(name, "a test error did not reach the handler", _BRING[name])
