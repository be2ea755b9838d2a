"""Whether errors find their way to a `WeComHandler`, logger by logger."""

from __future__ import annotations

import gc
import importlib
import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from logging.handlers import QueueHandler, QueueListener
from typing import Any

from wecom_logging._cli.checks.program import SERVERS, Program, is_library
from wecom_logging._cli.checks.step import Step, failed, ok, skipped, warning
from wecom_logging.handler import WeComHandler

#: Loggers of libraries that have an output of their own by design, or tell every error twice.
_ON_THEIR_OWN = ("django.server", "gunicorn", "uvicorn", "wecom_logging", "py.warnings")

#: What brings a server's logger, where the general advice would take its console away.
_SERVER_FIXES = {
    "gunicorn.error": 'Add "gunicorn.error": {"propagate": True} to "loggers".',
    "uvicorn.error": 'Add "uvicorn.error": {"handlers": ["%s"]} to "loggers".',
}

#: Seconds for a test error to come out of a queue, and for all to be delivered.
_PASSAGE = 3.0
_PATIENCE = 15.0

#: A cause, and the line to change; "" and "" if there is none.
Obstacle = tuple[str, str]


def handlers() -> list[WeComHandler]:
    """All that are attached to a logger, in the order of the loggers' names, and those that a
    library outside of logging calls."""
    attached = [
        end
        for logger in (logging.getLogger(), *_known())
        for handler in logger.handlers
        for end in _ends(handler)
    ]
    return list(dict.fromkeys([*attached, *_alive(WeComHandler)]))


def _known() -> list[logging.Logger]:
    """All loggers but root, by name."""
    found = logging.root.manager.loggerDict
    return [each for _, each in sorted(found.items()) if isinstance(each, logging.Logger)]


def _alive(kind: type) -> list[Any]:
    """All objects of a kind. By their type: to ask some objects who they are wakes them."""
    return [each for each in gc.get_objects() if issubclass(type(each), kind)]


def unread_queues() -> list[QueueHandler]:
    """Queues on a logger's way that nobody takes records from."""
    return [
        handler
        for logger in (logging.getLogger(), *_known())
        for handler in logger.handlers
        if isinstance(handler, QueueHandler) and not any(map(_is_started, _listeners(handler)))
    ]


def _listeners(handler: QueueHandler) -> list[QueueListener]:
    return [each for each in _alive(QueueListener) if each.queue is handler.queue]


def _is_started(listener: QueueListener) -> bool:
    return getattr(listener, "_thread", None) is not None


def _ends(handler: logging.Handler) -> Iterator[WeComHandler]:
    """The handlers of ours that records of a handler come to, also through a queue or buffer."""
    if isinstance(handler, WeComHandler):
        yield handler
        return
    behind: list[logging.Handler] = []
    if isinstance(handler, QueueHandler):
        behind = [each for listener in _listeners(handler) for each in listener.handlers]
    target = getattr(handler, "target", None)  # a MemoryHandler's
    if isinstance(target, logging.Handler):
        behind = [target]
    for each in behind:
        yield from _ends(each)


def routing_steps(program: Program, *, send: bool) -> Iterator[Step]:
    """Each logger that the program and its configuration know: whether an error gets through,
    or what stops it."""
    attempt = _Attempt(send=send)
    servers = [SERVERS[each] for each in program.servers()]
    told = ["django.request"] if "django" in sys.modules else []
    for name in ("root", *told, *servers):
        yield attempt.step(name)
    own = [each for each in _known() if each.name not in servers and not is_library(each.name)]
    yield from attempt.together(own)
    yield from _libraries([*told, *servers])
    yield from _twice([logging.getLogger(), *_known()])
    yield from _gunicorn_master(program)
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
        self._passage = _PASSAGE if _alive(QueueListener) else 0.0
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
            yield failed(first, cause, fix, *([f"likewise {', '.join(others)}"] if others else []))
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
            return _raised(error)
        found = obstacle(logger)
        return found if found[0] else ("a test error did not reach the handler", _LOOK)

    def arrives(self, log: Callable[[], object]) -> bool:
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
            return skipped("test errors", "none has reached a handler")
        pending = [each for each in self._handlers if not each.flush(_PATIENCE)]
        if not pending:
            return ok("test errors", "delivered")
        reason = pending[0].stats().last_error or "not delivered in time"
        return failed("test errors", reason)


_LOOK = "Look at the filters on its way."


def _log_error(logger: logging.Logger) -> None:
    logger.error(
        "wecom-logging check: a test error through %s",
        logger.name,
        extra={"fingerprint": "wecom-logging check"},
    )


def obstacle(logger: logging.Logger) -> Obstacle:
    """What keeps an error of this logger from a handler, and the line to change; "" if nothing."""
    try:
        return _obstacle(logger)
    except Exception as error:  # of a filter of the program's own
        return _raised(error)


def _raised(error: Exception) -> Obstacle:
    cause = f"to log through it raises {type(error).__name__}: {error}"
    return cause, "Mend the filter, logger or handler that does."


def _obstacle(logger: logging.Logger) -> Obstacle:
    if logging.root.manager.disable >= logging.ERROR:
        return "logging.disable() is in force", "Take the call of logging.disable out."
    if logger.disabled:
        return "the configuration disables it", 'Add "disable_existing_loggers": False.'
    if not logger.isEnabledFor(logging.ERROR):
        return _level(logger)
    record = logger.makeRecord(logger.name, logging.ERROR, __file__, 0, "check", (), None)
    if not logger.filter(record):
        return "a filter of the logger drops errors", 'Correct "filters" of the logger.'
    return _obstacle_on_the_way(logger, record)


def _level(logger: logging.Logger) -> Obstacle:
    """A level that is too high is somebody's: the logger's own or that of one above it."""
    above = next((each for each in _way(logger, whole=True) if each.level), logger)
    level = logging.getLevelName(above.level)
    if above.parent is None:
        return f"the level of root is {level}", 'Set "level": "INFO" in "root".'
    fix = f'Add "{above.name}": {{"level": "INFO"}} to "loggers".'
    owner = "its level" if above is logger else f"the level of {above.name!r}"
    return f"{owner} is {level}", fix


def _way(logger: logging.Logger, *, whole: bool = False) -> Iterator[logging.Logger]:
    """The loggers whose handlers get a record; with `whole` also those beyond `propagate`."""
    current: logging.Logger | None = logger
    while current is not None:
        yield current
        current = current.parent if whole or current.propagate else None


def _obstacle_on_the_way(logger: logging.Logger, record: logging.LogRecord) -> Obstacle:
    found: Obstacle = ("", "")
    for current in _way(logger):
        for handler in current.handlers:
            for why in _obstacles_behind(handler, record):
                if not why[0]:
                    return "", ""
                found = why
    return found if found[0] else _dead_end(logger, current)


def _dead_end(logger: logging.Logger, last: logging.Logger) -> Obstacle:
    """No handler of ours is on the way, which ends at `last`."""
    name = next((each.get_name() for each in handlers() if each.get_name()), "wecom")
    if last.parent is None:
        return "no WeComHandler is on its way", f'Add "{name}" to "handlers" of "root".'
    cause = f"its records end at {last.name!r} (propagate is false)"
    if logger.name in _SERVER_FIXES:
        return cause, _SERVER_FIXES[logger.name].replace("%s", name)
    if last.handlers:  # it prints by itself: with `propagate` root would print it again
        return cause, f'Add "{name}" to "handlers" of "{last.name}" in "loggers".'
    return cause, f'Add "{last.name}": {{"propagate": True}} to "loggers".'


def _obstacles_behind(handler: logging.Handler, record: logging.LogRecord) -> Iterator[Obstacle]:
    """For each way through a handler to one of ours: what stops the record there."""
    if isinstance(handler, WeComHandler):
        yield _obstacle_in(handler, record)
        return
    if isinstance(handler, QueueHandler) and not any(map(_is_started, _listeners(handler))):
        yield unread(handler)
        return
    ends = list(_ends(handler))
    if ends and handler.level > logging.ERROR:
        level = logging.getLevelName(handler.level)
        fix = f'Set "level": "ERROR" in {handler.get_name()!r} of "handlers".'
        yield f"the level of the handler {handler.get_name()!r} is {level}", fix
    elif ends and not handler.filter(record):
        yield f"a filter of the handler {handler.get_name()!r} drops errors", _LOOK
    else:
        for end in ends:
            yield _obstacle_in(end, record)


def unread(handler: QueueHandler) -> Obstacle:
    name = handler.get_name()
    if not _listeners(handler):
        cause, fix = f"nobody takes records from the queue of {name!r}", "Make a QueueListener."
    else:
        cause = f"the listener of the queue {name!r} is not started"
        fix = f'Call logging.getHandlerByName("{name}").listener.start().'
    return cause, f"{fix} Or take the queue out: a WeComHandler needs none before it."


def _obstacle_in(handler: WeComHandler, record: logging.LogRecord) -> Obstacle:
    name = handler.get_name() or "wecom"
    if not handler.enabled:
        return f"the handler {name!r} is off", "Give it a destination, or enabled=True to insist."
    if handler.alert_level > logging.ERROR:
        level = logging.getLevelName(handler.alert_level)
        fix = f'Set "level": "ERROR" in "{name}" of "handlers".'
        return f"the level of the handler {name!r} is {level}", fix
    if not handler.filter(record):
        return f"a filter of the handler {name!r} drops errors", 'Correct its "filters".'
    return "", ""


def _libraries(looked_at: Sequence[str]) -> Iterator[Step]:
    """Loggers of what is installed. A project may well keep one of them quiet: that is only
    said. To disable them all is hardly ever meant."""
    stopped: dict[Obstacle, list[str]] = {}
    for logger in _known():
        if is_library(logger.name) and not logger.name.startswith(_ON_THEIR_OWN):
            found = obstacle(logger)
            if logger.name not in looked_at and found != obstacle(logging.getLogger()) and found[0]:
                stopped.setdefault(found, []).append(logger.name)
    for (cause, fix), names in stopped.items():
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        if logging.getLogger(names[0]).disabled:
            yield warning("libraries", f"{shown}: {cause}", fix)
        else:
            yield skipped("libraries", f"{shown}: {cause}")


def _twice(loggers: Sequence[logging.Logger]) -> Iterator[Step]:
    """Places from which one record comes to one destination twice."""
    said = set()
    for logger in loggers:
        met: dict[object, str] = {}
        for current in _way(logger):
            for end in [end for each in current.handlers for end in _ends(each) if end.enabled]:
                options = end._options
                where = (end._components.sender.destination, options.app, options.environment)
                above = current.name
                if where in met and (met[where], above) not in said:
                    said.add((met[where], above))
                    yield _reached_twice(end, met[where], above)
                met.setdefault(where, above)


def _reached_twice(handler: WeComHandler, below: str, above: str) -> Step:
    name = handler.get_name() or "wecom"
    there = f'"{below}" in "loggers"' if below != "root" else '"root"'
    cause = f"an error of {below!r} comes to it twice" + (
        f", there and at {above!r}" if below != above else ", by two handlers there"
    )
    return warning(f"handler {name}", cause, f'Take "{name}" out of "handlers" of {there}.')


def _gunicorn_master(program: Program) -> Iterator[Step]:
    """Time-outs and failed boots are logged by the master, with what is configured there."""
    if "gunicorn" not in program.servers() or program.preloads():
        return
    config = (program.gunicorn or {}).get("logconfig_dict")
    if not config:
        yield warning(
            "gunicorn's master",
            "logs time-outs of workers and failed boots, and does not load the application",
            'Set logconfig_dict in gunicorn.conf.py, or use "--preload"; see docs/frameworks.md.',
        )


def _structlog(attempt: _Attempt) -> Iterator[Step]:
    structlog: Any = importlib.import_module("structlog")
    if not structlog.is_configured():
        return
    config = structlog.get_config()
    through_logging = isinstance(config["logger_factory"], structlog.stdlib.LoggerFactory)
    alerting = any(hasattr(each, "handler") for each in config["processors"])
    if not through_logging and not alerting:
        yield failed(
            "structlog",
            "its events never pass through logging",
            "Add wecom_logging.structlog_processor() before the renderer.",
        )
    elif not attempt.send:
        yield skipped("structlog", "--no-send")
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
    if used and attempt.send:
        yield _tried("loguru", attempt, logger.error)
    elif used:
        yield skipped("loguru", "--no-send")


_BRING = {
    "structlog": 'See "root" above.',
    "loguru": 'Call logger.add(WeComHandler(), level="ERROR", format="{message}").',
}


def _tried(name: str, attempt: _Attempt, error: Callable[[str], object]) -> Step:
    try:
        if attempt.arrives(lambda: error(f"wecom-logging check: a test error through {name}")):
            return ok(name, "errors reach the handler")
    except Exception as refused:
        return failed(name, *_raised(refused))
    return failed(name, "a test error did not reach the handler", _BRING[name])
