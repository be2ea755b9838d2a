"""From a log record to an event: plain JSON data, bounded in size and time.

`capture` runs in the line that logs and takes only what cannot wait: texts of objects that
may change, context of this thread, the frames of the traceback as file, line and name.
`complete` runs on the worker's thread and adds what can be looked up later.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator, Mapping
from itertools import islice
from time import time
from typing import Any

from structlog.contextvars import get_contextvars

from wecom_logging import contrib
from wecom_logging._capture import exceptions
from wecom_logging._capture.breadcrumbs import begin, recent
from wecom_logging._capture.code_location import below_root
from wecom_logging._capture.failure import (
    args_of,
    arguments,
    chain,
    code_of,
    find_error,
    traceback_of,
)
from wecom_logging._capture.keys import warned_by
from wecom_logging._capture.rendered import JSON_TRACEBACKS, json_message, without_changes
from wecom_logging._capture.sanitize import as_text, moment, name_of
from wecom_logging._capture.text_traceback import TRACEBACK
from wecom_logging._model.digest import Event
from wecom_logging._model.serialize import (
    FAILURES,
    LEFT_OUT,
    MAX_ITEMS,
    CaptureLimits,
    plain,
    safe_text,
)
from wecom_logging._model.text import cut_bytes
from wecom_logging.contrib import django, tracing

#: Bytes of what is captured when there is time for little, and exceptions of a chain that are
#: looked at for what they say.
GLIMPSE_BYTES = 8192
SHORT_BYTES = 1000
SAID_CAUSES = 3
#: Fields of the context that are looked at, and characters of a name: somebody's `extra` may
#: have a million.
MAX_CONTEXT, MAX_KEY = 1000, 200

#: What logging itself puts into a record. All else was put there by the application.
#: Not by the factory of records: an application's own may put its fields there.
_STANDARD = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {
    "message", "asctime", "taskName", "fingerprint",
    "_logger", "_name", "_from_structlog", "_record",
}  # fmt: skip

#: Keys of a structlog event dict that tell of the exception and the stack.
_FAILURE = frozenset({"exc_info", "stack_info", "exception", "stack"})
#: Keys of a structlog event dict that are no context.
_STRUCTLOG = _FAILURE | {"event", "fingerprint", "positional_args"}
#: Ids that are zero or empty where there is nothing that they could name.
_IDS = frozenset({"trace_id", "span_id", "request_id"})
#: Keys that a structlog dict repeats.
_REPEATED = frozenset({"level", "logger", "timestamp"})


def capture(
    record: logging.LogRecord,
    formatter: logging.Formatter | None = None,
    *,
    show_locals: bool = False,
    breadcrumbs: int = 0,
) -> Event:
    """An event for a record that was logged on this thread a moment ago, and stays as it is.

    `formatter` is the user's own, for the message line; `breadcrumbs` says how many earlier
    records of this thread, task or request to add.
    """
    limits = CaptureLimits()
    fields = _fields(record)
    event = _head(record, fields, formatter, limits)
    _add_exception(event, record, fields, limits, show_locals=show_locals)
    stack = record.stack_info or fields.get("stack") or fields.get("stack_info")
    if isinstance(stack, str):
        event["stack"] = limits.take(stack)
    _add_context(event, record, fields, limits)
    if breadcrumbs:
        contrib.watch_beginnings(begin)  # of a framework that was not there before
        event["breadcrumbs"] = recent(breadcrumbs, limits)
    if limits.left_out:
        event["left_out"] = ", ".join(dict.fromkeys(limits.left_out[:MAX_ITEMS]))
    return event


def glimpse(record: logging.LogRecord, formatter: logging.Formatter | None = None) -> Event:
    """What there is always time for: the message, and what broke where."""
    limits = CaptureLimits(GLIMPSE_BYTES)
    fields = _fields(record)
    event = _head(record, fields, formatter, limits)
    error = find_error(record)
    if error is None:
        _add_exception(event, record, fields, limits, show_locals=False)
    else:
        event["exception"] = [exceptions.glimpse(error, limits, traceback_of(record, error))]
    event["left_out"] = "callers, context"
    return event


def said(record: logging.LogRecord) -> int:
    """What an error says, as a number that means something in this process only: its texts
    without what changes, its code, its route. No code of the application runs for it."""
    message: object = record.msg
    texts: list[object] = [message] if not record.args else list(arguments(record))
    if isinstance(message, dict):
        texts = [message.get("event")]
    codes = []
    error = find_error(record)
    for each in chain(error)[:SAID_CAUSES] if error is not None else ():
        codes.append(code_of(each))
        texts.extend(args_of(each)[:MAX_ITEMS])
    masked = tuple([without_changes(t) for t in texts[:MAX_ITEMS] if type(t) is str])
    return hash((masked, *codes, contrib.route(record)))


def _head(
    record: logging.LogRecord,
    fields: Mapping[str, Any],
    formatter: logging.Formatter | None,
    limits: CaptureLimits,
) -> Event:
    event = {
        "event": limits.take(_message(record, fields, formatter)),
        "level": name_of(str(record.levelname)).lower(),
        "logger": name_of(record.name),
        "timestamp": record.created,
        "pathname": name_of(record.pathname),
        "module": name_of(record.module),
        "func_name": name_of(record.funcName),
        "lineno": record.lineno,
        "process": record.process,
        "thread_name": name_of(record.threadName),
    }
    if (warned := warned_by(record)) is not None:
        event.update(
            event=limits.take(exceptions.spoken(warned.get("message"))),
            warning=name_of(getattr(warned.get("category"), "__name__", "")),
            pathname=name_of(warned["filename"]),
            lineno=warned["lineno"],
            func_name="",
        )
    return event


_HEAD = (
    "event", "level", "logger", "timestamp", "pathname", "module", "func_name", "lineno", "process",
    "thread_name", "warning",
)  # fmt: skip


def _fields(record: logging.LogRecord) -> Mapping[str, Any]:
    """The event dict of a record that structlog has sent; empty for others."""
    return record.msg if isinstance(record.msg, dict) else {}


def _message(
    record: logging.LogRecord, fields: Mapping[str, Any], formatter: logging.Formatter | None
) -> str:
    try:
        if formatter is not None:
            return formatter.format(_without_exception(record))
        if "event" in fields:
            return str(fields["event"])
        if type(record.msg) is str and not record.args and record.msg[:1] == "{":
            return _spoken(record.msg)
        return record.getMessage()
    except FAILURES as error:
        args = safe_text(record.args)
        return f"{safe_text(record.msg)} [{type(error).__name__} in formatting; args: {args}]"


def _spoken(message: str) -> str:
    """A log line in JSON as a text: what it says, then its other fields, then its traceback. None
    of it becomes context, an exception or a breadcrumb: it may be somebody else's."""
    said = json_message(message)
    if said is None:
        return message
    text, fields, trace = said
    words = [
        f"{key}={value}"
        for key, value in islice(fields.items(), MAX_ITEMS)
        if key not in JSON_TRACEBACKS and isinstance(value, (str, int, float))
    ]
    return "\n".join(filter(None, (text, " ".join(words), trace)))


def _without_exception(record: logging.LogRecord) -> logging.LogRecord:
    """A copy for a formatter: it may write into it, and has nothing to say of exceptions."""
    record = copy.copy(record)
    record.exc_info = record.exc_text = record.stack_info = None
    if isinstance(record.msg, dict):
        record.msg = {key: value for key, value in record.msg.items() if key not in _FAILURE}
    return record


def _context(record: logging.LogRecord, fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Later ones win: what was given with the record itself says most about it."""
    yield from get_contextvars().items()
    for key, value in fields.items():
        if key not in _STRUCTLOG:
            yield key, value
    given = record.__dict__
    # Most often none but the twenty keys of every record.
    for key in () if given.keys() <= _STANDARD else [key for key in given if key not in _STANDARD]:
        value = given[key]
        if key == "extra" and type(value) is dict:  # what loguru has bound
            yield from value.items()
        elif not contrib.recognises(record, key, value):
            yield key, value


def _add_context(
    event: Event, record: logging.LogRecord, fields: Mapping[str, Any], limits: CaptureLimits
) -> None:
    """Context flat beside our own keys, where ours win and the other gets an underscore."""
    for key, value in contrib.context(record):
        event.setdefault(key, plain(value, limits))
    found = list(islice(_context(record, fields), MAX_CONTEXT + 1))
    if len(found) > MAX_CONTEXT:
        limits.left_out.append(LEFT_OUT)
    ours = frozenset(event) if found else ()
    for key, value in found[:MAX_CONTEXT]:
        key = str(key)[:MAX_KEY]
        limits.size -= len(key)
        if key in _REPEATED or (key in ours and type(value) in (str, int) and event[key] == value):
            continue
        if key in _IDS and not tracing.is_id(value):
            continue
        if key in ours:
            key += "_"
        if limits.spent():
            limits.left_out.append(key)
        elif django.is_posted(value):
            event[key] = _posted(value, record, limits)
        else:
            event[key] = plain(value, limits)


def _posted(value: object, record: logging.LogRecord, limits: CaptureLimits) -> Any:
    """A form that somebody has put into `extra`, without what the view calls sensitive."""
    form, names = plain(value, limits), django.sensitive_parameters(record)
    for key in form if isinstance(form, dict) else ():
        if key in names or django.ALL in names:
            form[key] = "[redacted: sensitive parameter]"
    return form


def _add_exception(
    event: Event,
    record: logging.LogRecord,
    fields: Mapping[str, Any],
    limits: CaptureLimits,
    *,
    show_locals: bool,
) -> None:
    error = find_error(record)
    rendered = record.exc_text or fields.get("exception")
    if error is not None:
        event["exception"] = exceptions.errors(
            error, limits, tb=traceback_of(record, error), show_locals=show_locals
        )
    elif isinstance(rendered, list):
        event["exception"] = plain(rendered, limits)
    elif isinstance(rendered, str):
        event["exception"] = limits.take(rendered)


# -- on the worker's thread ---------------------------------------------------------------


def complete(event: Event, *, show_source: bool = True) -> Event:
    """Source lines, shown paths and times, the exception of a record that has only its text."""
    event["timestamp"] = moment(event["timestamp"]) or moment(time())
    event["pathname"] = below_root(str(event.get("pathname", "")))
    text = event.get("exception")
    if isinstance(text, str):
        event["exception"] = [exceptions.from_text(text)]
    _part_from_traceback(event)
    if isinstance(stack := event.get("stack"), str):
        event["stack_frames"] = exceptions.text_frames(stack)
    lines = exceptions.Lines() if show_source else None
    for error in event.get("exception") or ():
        if isinstance(error, dict):
            exceptions.complete(error, lines)
    if lines and lines.left_out:
        event["left_out"] = ", ".join(filter(None, (event.get("left_out"), "source")))
    return event


def _part_from_traceback(event: Event) -> None:
    """A message that holds a traceback: what it says, and the exception as read from a text."""
    message, found, rest = event["event"].partition(TRACEBACK)
    if not found:
        return
    event["event"] = message.strip() or rest.strip().rpartition("\n")[2]
    if not event.get("exception"):  # loguru repeats there what is in the record as well
        event["exception"] = [{**exceptions.from_text(found + rest), "from_text": True}]


def in_short(event: Event) -> Event:
    """A captured event without all that takes time to redact: what it says and where it broke."""
    short = {key: event[key] for key in _HEAD if key in event}
    short["event"] = cut_bytes(as_text(short.get("event")), SHORT_BYTES)
    errors = event.get("exception")
    if isinstance(errors, str):
        short["exception"] = cut_bytes(errors[-SHORT_BYTES:], SHORT_BYTES)
    elif isinstance(errors, list) and errors and isinstance(errors[0], dict):
        error = {key: errors[0].get(key) for key in ("exc_type", "exc_value", "code", "is_cause")}
        error["exc_value"] = cut_bytes(as_text(error["exc_value"]), SHORT_BYTES)
        frames = errors[0].get("frames")
        error["frames"] = frames[-2:] if isinstance(frames, list) else []
        short["exception"] = [error]
    short["left_out"] = "all but the words"
    return short
