"""What was logged before an error, in the same request, task or thread.

`leave` runs for every record from `breadcrumb_level` on, in the line that logs: one look at
a context variable, one append to a bounded ring. Nothing is formatted. A crumb keeps the
message and its arguments, not the record: an exception's frames, and all that they hold, are
let go at once. The arguments live until as many later records have pushed them out, or the
thread or task has ended; they are shown as they are when an alert needs them.
"""

from __future__ import annotations

import logging
from asyncio import _get_running_loop, current_task
from collections import deque
from collections.abc import Mapping
from contextvars import ContextVar
from threading import get_ident
from typing import Any
from weakref import ref

from wecom_logging._capture.sanitize import as_text, moment
from wecom_logging._model.serialize import FAILURES, CaptureLimits, safe_text
from wecom_logging._runtime.values import NamedTuple

#: Bytes of one crumb's text.
_MAX_BYTES = 500

Crumb = tuple[float, str, str, object, Any]


class Ring(NamedTuple):
    """The last crumbs of one thread or asyncio task."""

    owner: object
    crumbs: deque[Crumb]


# One for all handlers: a context would keep the variables of handlers that are gone.
_ring: ContextVar[Ring | None] = ContextVar("wecom_logging_breadcrumbs", default=None)


def leave(record: logging.LogRecord, size: int) -> None:
    """Remember a record. Never raises, waits for nobody."""
    ring = _ring.get()
    if ring is None or not _is_mine(ring.owner):
        ring = _begin_anew(ring, size)
    crumbs = ring.crumbs
    created = record.created
    message, args = record.msg, record.args
    if crumbs:
        last = crumbs[-1]
        # Another handler has it. By more than the time: a test may have stopped the clock.
        if last[0] == created and last[3] is message and last[4] is args:
            return
    crumbs.append((created, record.levelname, record.name, message, args))


def recent(number: int, limits: CaptureLimits) -> list[dict[str, str]]:
    """The last crumbs of the calling thread or task, oldest first, as text."""
    ring = _ring.get()
    if ring is None or not _is_mine(ring.owner):
        return []
    found: list[dict[str, str]] = []
    for crumb in reversed(list(ring.crumbs)[-number:]):  # the latest ones, if time runs out
        if limits.spent():
            limits.left_out.append("breadcrumbs")
            break
        found.append(_described(crumb, limits))
    return found[::-1]


def begin(*_: object, **__: object) -> None:
    """A request or task begins: what this thread did before has nothing to do with it."""
    if _ring.get() is not None:
        _ring.set(None)


def _is_mine(owner: object) -> bool:
    """Whether a ring belongs to the running task or thread: a context is inherited."""
    loop = _get_running_loop()
    if loop is None:
        return owner == get_ident()
    task = current_task(loop)
    return owner == get_ident() if task is None else isinstance(owner, ref) and owner() is task


def _begin_anew(inherited: Ring | None, size: int) -> Ring:
    """A ring of the running task or thread's own.

    A thread that works for a task (`asyncio.to_thread`, the thread pool of a server) goes
    on where the task was; a task begins with nothing, since most are begun by a server's
    main task, which has nothing to do with them.
    """
    loop = _get_running_loop()
    task = None if loop is None else current_task(loop)
    ring = Ring(get_ident() if task is None else ref(task), deque(maxlen=size))
    if loop is None and inherited is not None and isinstance(inherited.owner, ref):
        ring.crumbs.extend(inherited.crumbs)
    _ring.set(ring)
    return ring


def _described(crumb: Crumb, limits: CaptureLimits) -> dict[str, str]:
    created, level, logger, message, args = crumb
    return {
        "timestamp": moment(created),
        "level": as_text(level).lower(),
        "logger": as_text(logger),
        "event": limits.take(_text(message, args), _MAX_BYTES),
    }


def _text(message: object, args: Any) -> str:
    try:
        if isinstance(message, Mapping) and "event" in message:  # structlog's
            message = message["event"]
        text = message if type(message) is str else str(message)
        return str.__str__(text % args if args else text)
    except FAILURES as error:
        return f"{safe_text(message)} [{type(error).__name__} in formatting]"
