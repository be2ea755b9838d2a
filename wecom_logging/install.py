"""Two one-line ways in: for a script, and for structlog without the logging module."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping, MutableMapping
from types import ModuleType
from typing import Any, Concatenate, ParamSpec, TypeVar

from wecom_logging._capture.keys import caller
from wecom_logging.handler import WeComHandler

#: By the names of structlog's methods; others are INFO.
_LEVELS = {
    **dict.fromkeys(("critical", "fatal"), logging.CRITICAL),
    **dict.fromkeys(("exception", "error", "err"), logging.ERROR),
    **dict.fromkeys(("warning", "warn"), logging.WARNING),
    "debug": logging.DEBUG,
}

EventDict = MutableMapping[str, Any]

P = ParamSpec("P")
T = TypeVar("T")


def _takes_options(
    constructor: Callable[Concatenate[Any, P], None],
) -> Callable[[Callable[..., T]], Callable[P, T]]:
    """For type checkers and editors: it takes what the constructor of the handler takes."""
    return lambda function: function


@_takes_options(WeComHandler.__init__)
def install(level: int | str = "ERROR", **options: Any) -> WeComHandler:
    """Attach a handler to the root logger that also reports uncaught exceptions.

    Called again it returns the handler that is there. A record that no other handler wants is not
    printed any more once root has a handler, so one for stderr is added if root had none.

    Args:
        level: The lowest level that is told.
        **options: Those of `WeComHandler`; `uncaught` is true unless given.
    """
    root = logging.getLogger()
    for handler in root.handlers:
        if isinstance(handler, WeComHandler):
            return handler
    options.setdefault("uncaught", True)
    handler = WeComHandler(level, **options)
    if not root.handlers:
        console = logging.StreamHandler()
        console.setLevel(logging.WARNING)
        root.addHandler(console)
    root.addHandler(handler)
    return handler


@_takes_options(WeComHandler.__init__)
def structlog_processor(
    level: int | str = "ERROR", **options: Any
) -> Callable[[Any, str, EventDict], EventDict]:
    """A processor for structlog chains that never pass through `logging`.

    Put it before the renderer. It returns the event dict unchanged, and does nothing for an
    event that comes from or goes to `logging`: that one arrives through the handler.

    Args:
        level: The lowest level that is told.
        **options: Those of `WeComHandler`.
    """
    handler = WeComHandler(level, **options)
    handler.standalone = True

    def alert(logger: Any, method_name: str, event_dict: EventDict) -> EventDict:
        level = _LEVELS.get(method_name, logging.INFO)
        if level >= handler.level and not _passes_logging(logger, event_dict):
            handler.handle(_record(level, event_dict))
        return event_dict

    alert.handler = handler  # type: ignore[attr-defined]  # for those who test
    return alert


def _passes_logging(logger: Any, event_dict: EventDict) -> bool:
    if isinstance(logger, logging.Logger):
        return True
    # In the `foreign_pre_chain` of a `ProcessorFormatter`.
    return isinstance(event_dict, Mapping) and "_record" in event_dict


def _record(level: int, event: EventDict | str | bytes) -> logging.LogRecord:
    frame = caller()
    if isinstance(event, bytes):  # it stands behind a renderer: told all the same
        event = event.decode("utf-8", "replace")
    fields: dict[str, Any] = {} if isinstance(event, str) else {**event}
    return logging.LogRecord(
        str(fields.get("logger") or fields.get("logger_name") or "structlog"),
        level,
        frame.f_code.co_filename if frame else "",
        frame.f_lineno if frame else 0,
        event if isinstance(event, str) else fields,
        (),
        None,
        func=frame.f_code.co_name if frame else None,
    )


class _Callable(ModuleType):
    """Whoever imports this module by its own name puts it where the package has the function
    of that name: `wecom_logging.install(…)` goes on working."""

    __call__ = staticmethod(install)


sys.modules[__name__].__class__ = _Callable
