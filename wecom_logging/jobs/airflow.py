"""Alerts about failed Airflow tasks. Airflow ignores handlers; callbacks it does call.

from wecom_logging.jobs.airflow import on_failure

with DAG("nightly", default_args={"on_failure_callback": on_failure(app="airflow")}):
    ...
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from wecom_logging.handler import WeComHandler


def on_failure(**options: Any) -> Callable[[Mapping[str, Any]], None]:
    """A callback that tells of a failed task and delivers before it returns.

    The process that runs a task ends without an exit, so the callback waits, up to
    `close_timeout`. Each task is a group of its own; with the automatic store a task that
    goes on failing is told after growing pauses, by all workers of a host together.

    Args:
        **options: Those of `WeComHandler`. Without a destination the environment says where
            to; it is read when a task has failed, not when a DAG is parsed.
    """

    def tell(context: Mapping[str, Any]) -> None:
        handler = WeComHandler(**options)
        try:
            handler.handle(_record(context))
        finally:
            handler.close_after_job()

    return tell


def _record(context: Mapping[str, Any]) -> logging.LogRecord:
    task = context.get("task_instance") or context.get("ti")
    name = f"{getattr(task, 'dag_id', 'airflow')}.{getattr(task, 'task_id', 'task')}"
    error = context.get("exception")
    message = f"{name} failed"
    raised = None
    if isinstance(error, BaseException):
        raised = (type(error), error, error.__traceback__)
    elif error is not None:
        message = f"{message}: {error}"  # a task that was killed has a text only
    record = logging.LogRecord(name, logging.ERROR, "", 0, message, (), raised)
    record.__dict__.update(task=name)
    for key in ("run_id", "try_number"):
        value = getattr(task, key, None)
        if value is not None:
            record.__dict__[key] = value
    return record
