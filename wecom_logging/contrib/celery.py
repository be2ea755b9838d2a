"""The task that Celery is running, and the way back after Celery's own set-up of logging."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from traceback import walk_stack
from typing import Any
from weakref import WeakSet

from wecom_logging._capture.failure import find_error, types_of
from wecom_logging._runtime import shutdown

#: The logger that tells of failed tasks, all of them from one line; and the one that tells, in
#: the worker itself, of those whose process was killed.
TRACE, REQUEST = "celery.app.trace", "celery.worker.request"
_OF_TASKS = frozenset({TRACE, REQUEST})

Fingerprint = Callable[[logging.LogRecord], Any]


def context(record: logging.LogRecord) -> Mapping[str, object]:
    """Name, id and retries of the task that is running, or that the record is about."""
    task = sys.modules["celery._state"].get_current_task()
    if task is not None and task.request.id:
        retries = task.request.retries or None
        return {"task": task.name, "task_id": task.request.id, "retries": retries}
    about = record.args
    if record.name == TRACE and isinstance(about, Mapping):
        return {"task": about.get("name"), "task_id": about.get("id")}
    killed = _killed(record)
    return {} if killed is None else {"task": killed.name, "task_id": killed.id}


def _killed(record: logging.LogRecord) -> Any:
    """The request of a task whose process was killed, from who logs: the record has no name."""
    for frame, _ in walk_stack(sys._getframe(1)) if record.name == REQUEST else ():
        if frame.f_code.co_name == "on_failure" and frame.f_globals.get("__name__") == REQUEST:
            return frame.f_locals.get("self")
    return None


def recognises(record: logging.LogRecord, key: str) -> bool:
    if key == "data":
        return record.name == TRACE
    return key in ("task_id", "task_name") and "celery._state" in sys.modules


def per_task(fingerprint: Fingerprint) -> Fingerprint:
    """A fingerprint that tells failed tasks apart by their names.

    Celery logs them all in one place, with one text; two tasks that break in the same
    helper would be one group.
    """

    def fingerprint_of_task(record: logging.LogRecord) -> Any:
        key = fingerprint(record)
        if record.name not in _OF_TASKS or len(key) < 5:
            return key
        about = record.args
        if type(about) is dict:
            return (about.get("name") or key[0], *key[1:])
        killed, error = _killed(record), find_error(record)
        if killed is None or error is None:
            return key
        return (killed.name, *key[1:4], types_of(error), *key[5:])

    return fingerprint_of_task


_ours: WeakSet[Any] = WeakSet()
#: Handlers that were on the root logger before Celery emptied it; None: nobody looked.
_displaced: list[Any] | None = None


def stay(handler: Any) -> None:
    """Have a handler put back when Celery empties the root logger, as its worker does, and
    everything delivered when a worker's child ends.

    Does nothing where Celery is not loaded.
    """
    signals = sys.modules.get("celery.signals")
    if signals is None:
        return
    _ours.add(handler)
    connections = (
        (signals.celeryd_init, _look),
        (signals.after_setup_logger, _put_back),
        (signals.after_setup_task_logger, _put_on_tasks),
        # The end of a worker's child is `os._exit`.
        (signals.worker_process_shutdown, shutdown.leave),
    )
    for signal, receiver in connections:
        signal.connect(receiver, weak=False, dispatch_uid=f"wecom_logging {receiver.__name__}")


def _look(**_: object) -> None:
    """A worker starts: who is on the root logger now?"""
    global _displaced
    _displaced = _on_root()
    for handler in _ours:
        handler.tell_tasks_apart()


def _put_back(logger: logging.Logger, **_: object) -> None:
    for handler in _lost() if _displaced is None else _displaced:
        logger.addHandler(handler)


def _put_on_tasks(logger: logging.Logger, **_: object) -> None:
    """Loggers of tasks do not reach the root logger, unless they propagate."""
    for handler in () if logger.propagate else _on_root():
        logger.addHandler(handler)


def _on_root() -> list[Any]:
    return [handler for handler in _ours if handler in logging.getLogger().handlers]


def _lost() -> Iterable[Any]:
    """Beat does not say that it starts. A handler that is on no logger was on the root logger,
    unless it stands alone."""
    loggers = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    # What only stands for loggers below it has no handlers.
    attached = {id(handler) for each in loggers for handler in getattr(each, "handlers", ())}
    return [h for h in _ours if id(h) not in attached and not h.standalone]
