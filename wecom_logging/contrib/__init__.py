"""Request and task context, found by itself where a framework is in use.

No framework is imported: each part looks into `sys.modules`, and finds nothing while its
framework is not there. All of it runs on the thread that logs, and only for events that are
captured. Never taken: bodies, cookies, headers, query values.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping

from structlog.contextvars import get_contextvars

from wecom_logging._capture.template import mask
from wecom_logging._model.serialize import is_opaque
from wecom_logging.contrib import celery, django, flask, tracing

#: Finds its framework's context for a record, or nothing.
Finder = Callable[[logging.LogRecord], Mapping[str, object]]

#: Modules whose signal is watched.
_watched: set[str] = set()


#: By the module that is there where they may find something.
_ASGI = f"{__name__}.asgi"
_FINDERS: tuple[tuple[str, Finder], ...] = (
    ("celery._state", celery.context),
    (_ASGI, lambda record: sys.modules[_ASGI].context(record)),
    ("django.http", django.context),
    ("flask", flask.context),
    ("logging", tracing.context),  # on any record
)

#: What a request or task is known by; a route says more than a path.
_ROUTES = ("task", "route", "path")


def context(record: logging.LogRecord) -> list[tuple[str, object]]:
    """What is known of the request or task in which a record was logged."""
    found: list[tuple[str, object]] = []
    for module, find in _FINDERS:
        if module not in sys.modules:
            continue
        try:
            found += find(record).items()
        except Exception:
            pass  # another version of the framework than we know
    # Not compared: a value may be an array, which answers with an array.
    return [(k, v) for k, v in found if v is not None and (not isinstance(v, str) or v)]


def route(record: logging.LogRecord) -> str:
    """The request or task in which a record was logged, without ids in its path; "" if none."""
    message: object = record.msg
    said = message if isinstance(message, dict) else {}
    found = {**get_contextvars(), **said, **record.__dict__, **dict(context(record))}
    for name in _ROUTES:
        value = found.get(name)
        if type(value) is str and value:
            method = found.get("method")
            return mask(f"{method} {value}" if type(method) is str else value)
    return ""


def recognises(record: logging.LogRecord, key: str, value: object) -> bool:
    """Whether a key of `extra` is a framework's own, described by `context` in fewer words.

    Django passes on the request, its `runserver` the socket of the connection, Celery all
    arguments of the task, and its name once more.
    """
    kind = type(value)
    if any(base.__module__ == "socket" for base in kind.__mro__):
        return True
    if key == "request":
        return is_opaque(kind)
    return celery.recognises(record, key) or tracing.recognises(key)


#: Signals that a request or task begins, by their modules.
_BEGINNINGS = {
    "celery.signals": "task_prerun",
    "django.core.signals": "request_started",
    "flask.signals": "request_started",
}


def watch_beginnings(begin: Callable[..., None]) -> None:
    """Call `begin` whenever a request or task begins on a thread that may have had others.

    May be called again at any time, for a framework that has come since.
    """
    for module, name in _BEGINNINGS.items():
        signal = getattr(sys.modules.get(module), name, None)
        if signal is not None and module not in _watched:
            _watched.add(module)  # first: a `__del__` may log while `connect` has a lock
            signal.connect(begin, weak=False)
