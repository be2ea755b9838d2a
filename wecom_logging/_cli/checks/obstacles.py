"""What stands between a logger and a handler, and the line that takes it away."""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Iterator
from logging.handlers import QueueHandler, QueueListener
from typing import Any

from wecom_logging._cli.checks.program import KEPT_APART
from wecom_logging.handler import WeComHandler

#: What brings a server's logger, where the general advice would take its console away.
_SERVER_FIXES = {
    "gunicorn.error": 'Add "gunicorn.error": {"propagate": True} to "loggers".',
    "uvicorn.error": 'Add "uvicorn.error": {"handlers": ["%s"]} to "loggers".',
}

#: What brings both, where uvicorn's worker for gunicorn has given them one list of handlers.
_FIX_OF_BOTH = 'Add "gunicorn.error": {"handlers": [%s, "%s"], "propagate": False} to "loggers".'

#: A cause, and the line to change; "" and "" if there is none.
Obstacle = tuple[str, str]

#: Where nothing better is known.
LOOK = "Look at the filters on its way."


def handlers() -> list[WeComHandler]:
    """All that are attached to a logger, in the order of the loggers' names, and those that a
    library outside of logging calls."""
    attached = [end for handler in _attached() for end in ends(handler)]
    # One whose options were refused is still there, and has never become a handler.
    whole = [each for each in alive(WeComHandler) if hasattr(each, "enabled")]
    return list(dict.fromkeys([*attached, *whole]))


def _attached() -> Iterator[logging.Handler]:
    """The handlers of all loggers."""
    for logger in (logging.getLogger(), *known_loggers()):
        yield from logger.handlers


def known_loggers() -> list[logging.Logger]:
    """All loggers but root, by name."""
    found = logging.root.manager.loggerDict
    return [each for _, each in sorted(found.items()) if isinstance(each, logging.Logger)]


def alive(kind: type) -> list[Any]:
    """All objects of a kind. By their type: to ask some objects who they are wakes them."""
    return [each for each in gc.get_objects() if issubclass(type(each), kind)]


def unread_queues() -> list[QueueHandler]:
    """Queues on a logger's way that nobody takes records from."""
    return [each for each in _attached() if isinstance(each, QueueHandler) and not _is_read(each)]


def _is_read(handler: QueueHandler) -> bool:
    """Whether a listener of its queue is started."""
    return any(getattr(each, "_thread", None) is not None for each in _listeners(handler))


def _listeners(handler: QueueHandler) -> list[QueueListener]:
    return [each for each in alive(QueueListener) if each.queue is handler.queue]


def ends(handler: logging.Handler) -> Iterator[WeComHandler]:
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
        yield from ends(each)


def obstacle(logger: logging.Logger) -> Obstacle:
    """What keeps an error of this logger from a handler, and the line to change; "" if nothing."""
    try:
        return _obstacle(logger)
    except Exception as error:  # of a filter of the program's own
        return raised(error)


def raised(error: Exception) -> Obstacle:
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
    above = next((each for each in way(logger, whole=True) if each.level), logger)
    level = logging.getLevelName(above.level)
    if above.parent is None:
        return f"the level of root is {level}", 'Set "level": "INFO" in "root".'
    fix = f'Set "level": "INFO" in "{above.name}" of "loggers".'
    owner = "its level" if above is logger else f"the level of {above.name!r}"
    return f"{owner} is {level}", fix


def way(logger: logging.Logger, *, whole: bool = False) -> Iterator[logging.Logger]:
    """The loggers whose handlers get a record; with `whole` also those beyond `propagate`."""
    current: logging.Logger | None = logger
    while current is not None:
        yield current
        current = current.parent if whole or current.propagate else None


def _obstacle_on_the_way(logger: logging.Logger, record: logging.LogRecord) -> Obstacle:
    found: Obstacle = ("", "")
    for current in way(logger):
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
    if logger.name in _SERVER_FIXES and is_of_uvicorns_worker():
        if logger.name == "uvicorn.error":
            cause = "under gunicorn it has the handlers of 'gunicorn.error', and no others"
        return cause, _FIX_OF_BOTH % (console(), name)
    if logger.name in _SERVER_FIXES:
        return cause, _SERVER_FIXES[logger.name].replace("%s", name)
    if last.handlers:  # it prints by itself: with `propagate` root would print it again
        return cause, f'Add "{name}" to "handlers" of "{last.name}" in "loggers".'
    if last.name not in KEPT_APART:
        return cause, (
            'The program does this in code, not in "loggers": take that out, or add'
            f' "{name}" to its handlers there.'
        )
    return cause, f'Set "propagate": True in "{last.name}" of "loggers".'


def is_of_uvicorns_worker() -> bool:
    """Whether uvicorn's worker for gunicorn has given both loggers one list of handlers."""
    uvicorn, gunicorn = logging.getLogger("uvicorn.error"), logging.getLogger("gunicorn.error")
    return uvicorn.handlers is gunicorn.handlers and not uvicorn.propagate


def console() -> str:
    """What the program's configuration calls its console, if it has one in use."""
    for handler in _attached():
        is_console = getattr(handler, "stream", None) in (sys.stdout, sys.stderr)
        if is_console and (name := handler.get_name()):
            return f'"{name}"'
    return "a logging.StreamHandler"


def _obstacles_behind(handler: logging.Handler, record: logging.LogRecord) -> Iterator[Obstacle]:
    """For each way through a handler to one of ours: what stops the record there."""
    if isinstance(handler, WeComHandler):
        yield _obstacle_in(handler, record)
        return
    if isinstance(handler, QueueHandler) and not _is_read(handler):
        yield unread(handler)
        return
    behind = list(ends(handler))
    if behind and handler.level > logging.ERROR:
        level = logging.getLevelName(handler.level)
        fix = f'Set "level": "ERROR" in {handler.get_name()!r} of "handlers".'
        yield f"the level of the handler {handler.get_name()!r} is {level}", fix
    elif behind and not handler.filter(record):
        yield f"a filter of the handler {handler.get_name()!r} drops errors", LOOK
    else:
        for end in behind:
            yield _obstacle_in(end, record)


def unread(handler: QueueHandler) -> Obstacle:
    name = handler.get_name()
    if not _listeners(handler):
        cause, fix = f"nobody takes records from the queue of {name!r}", "Make a QueueListener."
    else:
        cause = f"the listener of the queue {name!r} is not started"
        fix = f'Call logging.getHandlerByName("{name}").listener.start().'
    return cause, f"{fix} Or take the queue out: a WeComHandler needs none before it."


def off(handler: WeComHandler) -> Obstacle:
    """Why a handler is off, and how to turn it on."""
    name = handler.get_name() or "wecom"
    if handler._options.enabled is False:
        fix = 'Take "enabled": False out of it, and WECOM_ENABLED=0 out of the environment.'
        return f"the handler {name!r} is off by enabled, or WECOM_ENABLED", fix
    return f"the handler {name!r} is off", "Give it a destination, or enabled=True to insist."


def _obstacle_in(handler: WeComHandler, record: logging.LogRecord) -> Obstacle:
    if not handler.enabled:
        return off(handler)
    name = handler.get_name() or "wecom"
    if handler.alert_level > logging.ERROR:
        level = logging.getLevelName(handler.alert_level)
        fix = f'Set "level": "ERROR" in "{name}" of "handlers".'
        return f"the level of the handler {name!r} is {level}", fix
    if not handler.filter(record):
        return f"a filter of the handler {name!r} drops errors", 'Correct its "filters".'
    return "", ""
