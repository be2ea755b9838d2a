"""Ids of the current trace: from the record, from OpenTelemetry, from Datadog."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any

#: What the instrumentations of others put on each record, and what they are called here.
_IDS = {
    "otelTraceID": "trace_id", "otelSpanID": "span_id",
    "dd.trace_id": "trace_id", "dd.span_id": "span_id",
}  # fmt: skip
#: What they add to that, the same for all records of a process or of no use to a reader.
_OTHERS = {"otelServiceName", "otelTraceSampled", "dd.service", "dd.env", "dd.version"}


def context(record: logging.LogRecord) -> Mapping[str, object]:
    """`trace_id` and `span_id`; nothing where there is no span, which both write as zeros."""
    fields = record.__dict__
    if _IDS.keys().isdisjoint(fields):
        return _current_span()
    found: dict[str, object] = {}
    for theirs, ours in _IDS.items():
        value = fields.get(theirs)
        if is_id(value):
            found.setdefault(ours, str(value))
    return found or _current_span()


def recognises(key: str) -> bool:
    """Whether a field is described by `context`."""
    return key in _IDS or key in _OTHERS


def is_id(value: object) -> bool:
    """Whether a value names something: not empty, and not all zeros."""
    return bool(str(value).strip("0")) if type(value) in (str, int) else False


def _current_span() -> Mapping[str, object]:
    """That of OpenTelemetry, where the program has imported it."""
    trace: Any = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return {}
    span = trace.get_current_span().get_span_context()
    if not span.trace_id:
        return {}
    return {"trace_id": f"{span.trace_id:032x}", "span_id": f"{span.span_id:016x}"}
