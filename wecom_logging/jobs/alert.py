"""For programs that nobody watches: a job's failure and recovery, an event loop's errors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from wecom_logging._capture import uncaught
from wecom_logging._capture.keys import Job
from wecom_logging.handler import WeComHandler
from wecom_logging.jobs import command


@contextmanager
def alerts(name: str, *, every: float = 0.0, **options: Any) -> Iterator[None]:
    """Tell when a job fails, and once when it works again.

        with wecom_logging.alerts("nightly import"):
            run_import()

    Also a decorator for functions that are no coroutines. The exception goes on to whoever
    catches it; `sys.exit` with a status other than 0 is a failure too, Ctrl-C is none. All
    failures of a job are one group, whatever their exceptions, and a job that goes on failing
    is told after the pauses of `repeat_intervals`. The store remembers that it has failed:
    with one in memory that is this process.

    Args:
        name: What the alert calls the job.
        every: Seconds between two runs, so that `wecom-logging report` names it when one is
            missing. 0: by its own habit, weekdays included, once there is one.
        **options: Those of `WeComHandler`, for a handler of the job's own that delivers
            before the block is left, within `close_timeout`. Without any, the root logger's
            handler is used or, if it has none, the environment says where to.

    Raises:
        ConfigurationError: An option cannot work. The job has not begun then.
    """
    shared = None if options else _on_root()
    handler = shared or WeComHandler(**options)
    handler.standalone = shared is None
    try:
        yield
    except (Exception, SystemExit) as error:
        if not isinstance(error, SystemExit) or error.code not in (None, 0):
            _failed(Job(name, every), error, handler)
        raise
    else:
        command.works_again(Job(name, every), handler)
    finally:
        if shared is None:
            handler.close_after_job()


def _on_root() -> WeComHandler | None:
    found = (h for h in logging.getLogger().handlers if isinstance(h, WeComHandler) and h.enabled)
    return next(found, None)


def _failed(job: Job, error: BaseException, handler: WeComHandler) -> None:
    record = command.failure(job, f"{job.name} failed", _inside(error.__traceback__))
    record.exc_info = (type(error), error, error.__traceback__)
    handler.handle(record)
    uncaught.counted(error)


def _inside(tb: TracebackType | None) -> tuple[str, int]:
    """The place in the block that failed: the first frame that is not of this module."""
    while tb is not None and tb.tb_frame.f_code.co_filename == __file__:
        tb = tb.tb_next
    return uncaught.place_of(tb)


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
    log, before = logger or logging.getLogger("asyncio"), loop.get_exception_handler()

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        task = context.get("task") or context.get("future")
        name = task.get_name() if isinstance(task, asyncio.Task) else None
        log.error(
            "%s",
            context.get("message", "unhandled exception in event loop"),
            exc_info=context.get("exception"),
            extra={"task_name": name} if name else None,
        )
        if before is not None:
            before(loop, context)

    loop.set_exception_handler(handle)
