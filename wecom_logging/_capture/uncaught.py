"""Exceptions that nobody catches: of the program, and of its threads."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any
from weakref import ref

from wecom_logging._capture.failure import find_error
from wecom_logging._capture.sanitize import mark

if TYPE_CHECKING:
    from wecom_logging.handler import WeComHandler

#: Set on an exception that a handler has counted, so that it is not counted again when
#: nobody catches it.
_MARK = "__wecom_logging_counted__"

_handlers: list[ref[WeComHandler]] = []
_hooked = False

Fingerprint = Callable[[logging.LogRecord], Any]


def marking(fingerprint: Fingerprint) -> Fingerprint:
    """A fingerprint that leaves a mark on the exceptions it sees."""

    def marked(record: logging.LogRecord) -> Any:
        error = find_error(record)
        if error is not None:
            counted(error)
        return fingerprint(record)

    return marked


def counted(error: BaseException) -> None:
    """This exception has been counted. One with slots may be told twice."""
    mark(error, _MARK, True)


def report_to(handler: WeComHandler) -> None:
    """Report uncaught exceptions to a handler. The hooks are set once per process; the ones
    that were there still run."""
    global _hooked
    _handlers.append(ref(handler, _handlers.remove))
    if _hooked:
        return
    _hooked = True
    sys.excepthook = partial(_of_program, sys.excepthook)
    threading.excepthook = partial(_of_thread, threading.excepthook)


def _of_program(
    before: Callable[..., Any], kind: type[BaseException], error: BaseException, tb: Any
) -> None:
    _report(logging.CRITICAL, "uncaught exception", error, tb)
    before(kind, error, tb)


def _of_thread(before: Callable[..., Any], args: threading.ExceptHookArgs) -> None:
    if (error := args.exc_value) is not None:
        name = getattr(args.thread, "name", "?")
        message = f"uncaught exception in thread {name}"
        _report(logging.ERROR, message, error, args.exc_traceback)
    before(args)


def _report(level: int, message: str, error: BaseException, tb: TracebackType | None) -> None:
    if not isinstance(error, Exception) or getattr(error, _MARK, False):
        return  # KeyboardInterrupt, SystemExit and the like are no errors
    raised = (type(error), error, tb)
    record = logging.LogRecord("uncaught", level, *place_of(tb), message, (), raised)
    for reference in (*_handlers,):  # one may go while we look
        handler = reference()
        if handler is not None:
            handler.handle_once(record)


def place_of(tb: TracebackType | None) -> tuple[str, int]:
    """Where the exception left the program, as the place of the record."""
    return ("", 0) if tb is None else (tb.tb_frame.f_code.co_filename, tb.tb_lineno)
