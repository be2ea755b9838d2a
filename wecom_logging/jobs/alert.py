"""For programs that nobody watches: a job's failure and recovery, an event loop's errors."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from wecom_logging._capture import uncaught
from wecom_logging._model.text import cut_bytes, neutralise
from wecom_logging._runtime.diagnostics import warn_rarely
from wecom_logging._runtime.echo_guard import delivering
from wecom_logging._senders.protocol import Message
from wecom_logging.handler import WeComHandler
from wecom_logging.jobs.history import History, HistoryFile

_WORKS_AGAIN = {
    "en": "works again after {count:,} failure{s}",
    "zh": "在 {count:,} 次失败后恢复正常",
}


@contextmanager
def alerts(name: str, **options: Any) -> Iterator[None]:
    """Tell when a job fails, and once when it works again.

        with wecom_logging.alerts("nightly import"):
            run_import()

    Also a decorator for functions that are no coroutines. The exception goes on to whoever
    catches it; `sys.exit` with a status other than 0 is a failure too, Ctrl-C is none. How
    often the job has failed is remembered in a small file of this user's
    (`$XDG_STATE_HOME/wecom-logging`); where none can be kept, nothing is said of recovery.

    Args:
        name: What the alert calls the job.
        **options: Those of `WeComHandler`, for a handler of the job's own that delivers
            before the block is left, within `close_timeout`. Without any, the root logger's
            handler is used or, if it has none, the environment says where to.

    Raises:
        ConfigurationError: An option cannot work. The job has not begun then.
    """
    shared = None if options else _on_root()
    handler = shared or WeComHandler(**options)
    handler.standalone = shared is None
    history = HistoryFile.of(f"alerts {name}", (), os.environ)
    try:
        yield
    except (Exception, SystemExit) as error:
        if not isinstance(error, SystemExit) or error.code not in (None, 0):
            _failed(name, error, handler, history)
        raise
    else:
        _succeeded(name, handler, history)
    finally:
        if shared is None:
            handler.close()


def _on_root() -> WeComHandler | None:
    found = (h for h in logging.getLogger().handlers if isinstance(h, WeComHandler) and h.enabled)
    return next(found, None)


def _failed(name: str, error: BaseException, handler: WeComHandler, history: HistoryFile) -> None:
    place = _inside(error.__traceback__)
    record = logging.LogRecord(name, logging.ERROR, *place, f"{name} failed", (), None)
    record.exc_info = (type(error), error, error.__traceback__)
    handler.handle(record)
    uncaught.mark(error)
    _remember(history, failed=True)


def _inside(tb: TracebackType | None) -> tuple[str, int]:
    """The place in the block that failed: the first frame that is not of this module."""
    while tb is not None and tb.tb_frame.f_code.co_filename == __file__:
        tb = tb.tb_next
    return ("", 0) if tb is None else (tb.tb_frame.f_code.co_filename, tb.tb_lineno)


def _succeeded(name: str, handler: WeComHandler, history: HistoryFile) -> None:
    failures = history.read().failures
    if failures and handler.enabled and _announce(_recovery(name, failures, handler), handler):
        _remember(history, failed=False)


def _recovery(name: str, failures: int, handler: WeComHandler) -> Message:
    style = handler._components.style
    words = _WORKS_AGAIN[style.language].format(count=failures, s="s" * (failures != 1))
    program = " ".join(filter(None, (style.app, style.environment)))
    return Message("text", f"✅ {neutralise(program)} · {cut_bytes(neutralise(name), 200)} {words}")


def _announce(message: Message, handler: WeComHandler) -> bool:
    try:
        with delivering():
            handler._components.sender.send(message)
    except Exception as error:
        warn_rarely("recovery", f"a recovery could not be told ({type(error).__name__}), next time")
        return False
    return True


def _remember(history: HistoryFile, *, failed: bool) -> None:
    try:
        history.write(history.read().failed() if failed else History())
    except OSError:
        pass  # no place to remember it: then nothing is said of recovery


def watch_loop(
    loop: asyncio.AbstractEventLoop | None = None, logger: logging.Logger | None = None
) -> None:
    """Log what an event loop would report to nobody, as errors with their exception.

    asyncio by itself writes the `repr` of task and exception into the message: each failure
    would be a text of its own. A handler that the loop had before is still called.

    Args:
        loop: The running one unless given.
        logger: "asyncio" unless given.
    """
    loop = loop or asyncio.get_running_loop()
    loop.set_exception_handler(
        _logging_to(logger or logging.getLogger("asyncio"), loop.get_exception_handler())
    )


LoopHandler = Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object]


def _logging_to(logger: logging.Logger, before: LoopHandler | None) -> LoopHandler:
    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        task = context.get("task") or context.get("future")
        name = task.get_name() if isinstance(task, asyncio.Task) else None
        logger.error(
            "%s",
            context.get("message", "unhandled exception in event loop"),
            exc_info=context.get("exception"),
            extra={"task_name": name} if name else None,
        )
        if before is not None:
            before(loop, context)

    return handle
