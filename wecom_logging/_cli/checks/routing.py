"""Whether errors find their way to a `WeComHandler`, logger by logger."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import logging.config
import os
import sys
from collections.abc import Iterator
from typing import Any

from wecom_logging._cli import CommandError
from wecom_logging._cli.checks.step import Step, failed, ok, skipped
from wecom_logging.handler import WeComHandler

#: Loggers that are told of an application's failures, and the package each belongs to.
_LOGGERS = {
    "root": "",
    "django.request": "django",
    "uvicorn.error": "uvicorn",
    "gunicorn.error": "gunicorn",
    "celery.app.trace": "celery",
}

#: Seconds for the test errors to be delivered.
_PATIENCE = 15.0


def load(spec: str) -> None:
    """Apply the logging configuration `module:NAME`, as a server would have it applied."""
    module_name, _, attribute = spec.partition(":")
    sys.path.insert(0, os.getcwd())
    _leave_as_servers_do()
    try:
        config = getattr(importlib.import_module(module_name), attribute or "LOGGING")
        logging.config.dictConfig(config)
    except Exception as error:
        raise CommandError(f"--app {spec}: {_explained(error)}", 1) from None


def load_django() -> None:
    """Set Django up with DJANGO_SETTINGS_MODULE."""
    sys.path.insert(0, os.getcwd())
    _leave_as_servers_do()
    try:
        importlib.import_module("django").setup()
    except Exception as error:
        raise CommandError(f"--django: {_explained(error)}", 1) from None


def _leave_as_servers_do() -> None:
    """Servers configure logging before they load the application."""
    if importlib.util.find_spec("uvicorn"):
        config = importlib.import_module("uvicorn.config").LOGGING_CONFIG
        logging.config.dictConfig(config)
    if importlib.util.find_spec("gunicorn"):
        logging.getLogger("gunicorn.error").propagate = False


def _explained(error: Exception) -> str:
    cause = error.__cause__ or error  # dictConfig's own text says only which handler it was
    return f"{type(cause).__name__}: {cause}"


def handlers() -> list[WeComHandler]:
    """All that are attached to a logger, in the order of the loggers' names."""
    loggers = [
        logging.getLogger(),
        *map(logging.getLogger, sorted(logging.root.manager.loggerDict)),
    ]
    found = [each for logger in loggers for each in _attached(logger)]
    return list(dict.fromkeys(found))


def _attached(logger: logging.Logger) -> Iterator[WeComHandler]:
    for handler in logger.handlers:
        listener = getattr(handler, "listener", None)  # a QueueHandler's, since 3.12
        for each in (handler, *getattr(listener, "handlers", ())):
            if isinstance(each, WeComHandler):
                yield each


def routing_steps(*, send: bool) -> Iterator[Step]:
    """For each logger that matters here: whether an error gets through, or what stops it."""
    for name, package in _LOGGERS.items():
        if not package or package in sys.modules or _is_server(package):
            yield _route(name, send=send)
    if "structlog" in sys.modules:
        yield from _structlog(send=send)
    if send:
        yield _delivered()


def _is_server(package: str) -> bool:
    return package in ("uvicorn", "gunicorn") and bool(importlib.util.find_spec(package))


def _route(name: str, *, send: bool) -> Step:
    logger = logging.getLogger(None if name == "root" else name)
    cause, fix = obstacle(logger)
    if cause:
        return failed(name, cause, fix)
    if send:
        before = _seen()
        logger.error("wecom-logging check: a test error through %s", name)
        if _seen() == before:
            return failed(name, "a test error did not reach the handler", "Look at its filters.")
    return ok(name, "errors reach the handler")


def obstacle(logger: logging.Logger) -> tuple[str, str]:
    """What keeps an error of this logger from a handler, and the line to add; "" if nothing."""
    if logging.root.manager.disable >= logging.ERROR:
        return "logging.disable() is in force", "Take the call of logging.disable out."
    if logger.disabled:
        return "the configuration disables it", 'Add "disable_existing_loggers": False.'
    if not logger.isEnabledFor(logging.ERROR):
        level = logging.getLevelName(logger.getEffectiveLevel())
        return f"its level is {level}", f'Add "{logger.name}": {{"level": "INFO"}} to "loggers".'
    record = logger.makeRecord(logger.name, logging.ERROR, __file__, 0, "check", (), None)
    if not logger.filter(record):
        return "a filter of the logger drops errors", 'Correct "filters" of the logger.'
    return _obstacle_on_the_way(logger, record)


def _obstacle_on_the_way(logger: logging.Logger, record: logging.LogRecord) -> tuple[str, str]:
    current: logging.Logger | None = logger
    found = ("no WeComHandler is on its way", 'Add the handler to "handlers" of "root".')
    while current is not None:
        for handler in _attached(current):
            obstacle = _obstacle_in(handler, record)
            if not obstacle[0]:
                return "", ""
            found = obstacle
        if not current.propagate:
            return (
                f"its records end at {current.name!r} (propagate is false)",
                f'Add "{current.name}": {{"propagate": True}} to "loggers".',
            )
        current = current.parent
    return found


def _obstacle_in(handler: WeComHandler, record: logging.LogRecord) -> tuple[str, str]:
    name = handler.get_name() or "wecom"
    if not handler.enabled:
        return f"the handler {name!r} is off", "Give it a destination, or enabled=True to insist."
    if handler.alert_level > logging.ERROR:
        level = logging.getLevelName(handler.alert_level)
        return f"the level of the handler {name!r} is {level}", 'Set it to "level": "ERROR".'
    if not handler.filter(record):
        return f"a filter of the handler {name!r} drops errors", 'Correct its "filters".'
    return "", ""


def _structlog(*, send: bool) -> Iterator[Step]:
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
    elif send and through_logging:
        before = _seen()
        structlog.get_logger("wecom_logging.check").error("wecom-logging check: through structlog")
        yield (
            ok("structlog", "errors reach the handler")
            if _seen() > before
            else failed("structlog", "a test error did not reach the handler", "See root above.")
        )
    else:
        yield skipped("structlog", "not tried")


def _seen() -> int:
    return sum(each.stats().seen for each in handlers())


def _delivered() -> Step:
    pending = [each for each in handlers() if not each.flush(_PATIENCE)]
    if not pending:
        return ok("test errors", "delivered")
    reason = pending[0].stats().last_error or "not delivered in time"
    return failed("test errors", reason)
