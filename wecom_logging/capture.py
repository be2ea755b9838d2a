"""From a log record to an event: plain JSON data, bounded in size and time.

`capture` runs in the line that logs and takes only what cannot wait: texts of objects that
may change, context of this thread, the frames of the traceback as file, line and name.
`complete` runs on the courier's thread and adds what can be looked up later.
"""

from __future__ import annotations

import copy
import linecache
import logging
import traceback
from collections import deque
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from time import perf_counter
from types import TracebackType
from typing import Any

from structlog.contextvars import get_contextvars

from wecom_logging.digest import Event
from wecom_logging.grouping import EXCEPTION_GROUPS, chain, find_error, json_event, text_traceback
from wecom_logging.source import below_root, is_library

#: Bounds of one event: bytes of text, and seconds. The time is looked at between values;
#: one slow `__repr__` is the program's own time.
MAX_TEXT = 65536
MAX_SECONDS = 0.05

#: Bounds of one value.
MAX_DEPTH = 5
MAX_ITEMS = 50

#: Frames kept of a long traceback, at its start and at its end.
FIRST_FRAMES, LAST_FRAMES = 10, 40

#: Parts of an exception group that are captured whole, and at all.
WHOLE_PARTS, ALL_PARTS = 5, 1000

_TRACEBACK = "Traceback (most recent call last)"

#: What logging itself puts into a record. All else was put there by the application.
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {
    "message",
    "asctime",
    "taskName",
    "fingerprint",
    "_logger",
    "_name",
    "_from_structlog",
    "_record",
}

#: Keys of a structlog event dict that are no context.
_STRUCTLOG = frozenset(
    {"event", "exc_info", "stack_info", "exception", "stack", "fingerprint", "positional_args"}
)


class Budget:
    """What is left of the text and the time that one event may take."""

    def __init__(self, text: int = MAX_TEXT, seconds: float = MAX_SECONDS) -> None:
        self.text = text
        self.deadline = perf_counter() + seconds
        self.left_out: list[str] = []

    def spent(self) -> bool:
        return self.text <= 0 or perf_counter() > self.deadline

    def take(self, text: str) -> str:
        """As much of a text as there is room for."""
        if len(text) > self.text:
            text = text[: max(0, self.text)]
        self.text -= len(text)
        return text


def capture(record: logging.LogRecord, formatter: logging.Formatter | None = None) -> Event:
    """An event for a record: message, exception, context. The record stays as it is."""
    budget = Budget()
    fields = _fields(record)
    event: Event = {
        "event": budget.take(_message(record, fields, formatter)),
        "level": record.levelname.lower(),
        "logger": record.name,
        "timestamp": datetime.fromtimestamp(record.created, timezone.utc).isoformat(),
        "pathname": record.pathname,
        "module": record.module,
        "func_name": record.funcName,
        "lineno": record.lineno,
        "process": record.process,
        "thread_name": record.threadName,
    }
    _add_exception(event, record, fields, budget)
    stack = record.stack_info or fields.get("stack") or fields.get("stack_info")
    if isinstance(stack, str):
        event["stack"] = budget.take(stack)
    _add_context(event, _context(record, fields), budget)
    if budget.left_out:
        event["left_out"] = ", ".join(budget.left_out[:MAX_ITEMS])
    return event


def _fields(record: logging.LogRecord) -> Mapping[str, Any]:
    """The event dict of a record that structlog has sent; empty for others."""
    message: object = record.msg
    if isinstance(message, dict):
        return message
    if type(message) is str and not record.args and message[:1] == "{":
        return json_event(message) or {}
    return {}


def _message(
    record: logging.LogRecord, fields: Mapping[str, Any], formatter: logging.Formatter | None
) -> str:
    try:
        if formatter is not None:
            return formatter.format(_without_exception(record))
        if "event" in fields:
            return str(fields["event"])
        return record.getMessage()
    except Exception as error:
        args = _text(record.args)
        return f"{_text(record.msg)} [{type(error).__name__} in formatting; args: {args}]"


def _without_exception(record: logging.LogRecord) -> logging.LogRecord:
    """A copy for a formatter: it may write into it, and has nothing to say of exceptions."""
    record = copy.copy(record)
    record.exc_info = record.exc_text = record.stack_info = None
    if isinstance(record.msg, dict):
        record.msg = {k: v for k, v in record.msg.items() if k not in ("exc_info", "stack_info")}
    return record


def _text(value: object) -> str:
    """`repr` for objects that may not be able to."""
    if type(value) is str:
        return value
    try:
        return repr(value)
    except Exception as error:
        return f"<{type(value).__name__}: repr raised {type(error).__name__}>"


# -- context -------------------------------------------------------------------------------


def _context(record: logging.LogRecord, fields: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    yield from get_contextvars().items()
    for key, value in fields.items():
        if key not in _STRUCTLOG:
            yield key, value
    for key, value in record.__dict__.items():
        if key not in _STANDARD:
            yield key, value


def _add_context(event: Event, context: Iterable[tuple[str, Any]], budget: Budget) -> None:
    ours = frozenset(event)
    for key, value in list(context):
        key = str(key)
        if key in ("level", "logger", "timestamp"):
            continue  # a structlog dict repeats these
        if key in ours:
            key += "_"
        if budget.spent():
            budget.left_out.append(key)
        else:
            event[key] = plain(value, budget)


def plain(value: object, budget: Budget, depth: int = 0) -> Any:
    """A value as JSON has it: bounded, a copy, and without the value's own classes."""
    if value is None or type(value) in (bool, int, float):
        return value
    if type(value) is str:
        return budget.take(value)
    if depth < MAX_DEPTH and not budget.spent():
        if isinstance(value, Mapping):
            return _plain_mapping(value, budget, depth)
        if isinstance(value, (list, tuple, set, frozenset)):
            return [plain(v, budget, depth + 1) for v in list(value)[:MAX_ITEMS]]
    return budget.take(_text(value))


def _plain_mapping(value: Mapping[Any, Any], budget: Budget, depth: int) -> Any:
    try:
        items = list(value.items())[:MAX_ITEMS]
    except Exception:
        return budget.take(_text(value))
    return {budget.take(_text(k)): plain(v, budget, depth + 1) for k, v in items}


# -- exceptions ----------------------------------------------------------------------------


def _add_exception(
    event: Event, record: logging.LogRecord, fields: Mapping[str, Any], budget: Budget
) -> None:
    error = find_error(record)
    rendered = record.exc_text or fields.get("exception")
    if error is not None:
        event["exception"] = _errors(error, budget)
    elif isinstance(rendered, list):
        event["exception"] = plain(rendered, budget)
    elif isinstance(rendered, str):
        event["exception"] = budget.take(rendered)


def _errors(error: BaseException, budget: Budget) -> list[dict[str, Any]]:
    errors = chain(error)
    found = []
    for i, one in enumerate(errors):
        if i and budget.spent():
            budget.left_out.append(f"cause {type(one).__name__}")
            break
        found.append(_error(one, budget, is_cause=i > 0 and errors[i - 1].__cause__ is one))
    return found


def _error(error: BaseException, budget: Budget, *, is_cause: bool = False) -> dict[str, Any]:
    """The shape of `structlog.tracebacks.ExceptionDictTransformer`."""
    notes = getattr(error, "__notes__", None)
    found: dict[str, Any] = {
        "exc_type": type(error).__name__,
        "exc_value": budget.take(_str(error)),
        "exc_notes": [budget.take(_text(n)) for n in notes[:5]] if isinstance(notes, list) else [],
        "syntax_error": _syntax_error(error) if isinstance(error, SyntaxError) else None,
        "is_cause": is_cause,
        "frames": walk(error.__traceback__),
        "is_group": isinstance(error, EXCEPTION_GROUPS),
    }
    found["exceptions"] = _parts(error, budget) if found["is_group"] else []
    return found


def _str(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as other:
        return f"<{type(error).__name__}: str raised {type(other).__name__}>"


def _parts(error: BaseException, budget: Budget) -> list[list[dict[str, Any]]]:
    """The first parts of a group whole, of the rest their types: they are counted."""
    parts: tuple[BaseException, ...] = getattr(error, "exceptions", ())
    found = []
    for i, part in enumerate(parts[:ALL_PARTS]):
        if i < WHOLE_PARTS and not budget.spent():
            found.append(_errors(part, budget))
        else:
            found.append([{"exc_type": type(part).__name__, "exc_value": "", "frames": []}])
    return found


def _syntax_error(error: SyntaxError) -> dict[str, Any]:
    return {
        "offset": error.offset or 0,
        "filename": str(error.filename or "?"),
        "line": str(error.text or "")[:500],
        "lineno": error.lineno or 0,
        "msg": str(error.msg),
    }


def walk(tb: TracebackType | None) -> list[tuple[str, int, str]]:
    """File, line and name of each frame, outermost first; of a very deep one both ends."""
    first: list[tuple[str, int, str]] = []
    last: deque[tuple[str, int, str]] = deque(maxlen=LAST_FRAMES)
    depth = 0
    while tb is not None:
        code = tb.tb_frame.f_code
        (first if depth < FIRST_FRAMES else last).append(
            (code.co_filename, tb.tb_lineno, getattr(code, "co_qualname", code.co_name))
        )
        depth += 1
        tb = tb.tb_next
    skipped = depth - len(first) - len(last)
    if skipped:
        first.append(("", -1, f"Skipped frames: {skipped}"))
    return [*first, *last]


# -- on the courier's thread ---------------------------------------------------------------


def complete(event: Event, *, show_source: bool = True) -> Event:
    """Source lines, shown paths, and the exception of a record that has only its text."""
    event["pathname"] = below_root(str(event.get("pathname", "")))
    text = event.get("exception")
    if text is None and _TRACEBACK in event["event"]:
        message, _, text = event["event"].partition(_TRACEBACK)
        text = _TRACEBACK + text
        event["event"] = message.strip() or text.strip().rpartition("\n")[2]
    if isinstance(text, str):
        event["exception"] = [from_text(text)]
    for error in event.get("exception") or ():
        if isinstance(error, dict):
            _complete_error(error, show_source)
    return event


def from_text(text: str) -> dict[str, Any]:
    """An exception of which only the rendered traceback is left."""
    type_name, frames = text_traceback(text)
    value = text.strip().rpartition("\n")[2].partition(":")[2].strip()
    return {
        "exc_type": type_name,
        "exc_value": value,
        "exc_notes": [],
        "syntax_error": None,
        "is_cause": False,
        "frames": frames,
        "is_group": False,
        "exceptions": [],
    }


def _complete_error(error: dict[str, Any], show_source: bool) -> None:
    frames = error.get("frames")
    if isinstance(frames, list):
        error["frames"] = [_complete_frame(f, show_source) for f in frames]
    for part in error.get("exceptions") or ():
        for nested in part if isinstance(part, list) else ():
            if isinstance(nested, dict):
                _complete_error(nested, show_source)


def _complete_frame(frame: Any, show_source: bool) -> Any:
    if not isinstance(frame, tuple):
        return frame
    filename, lineno, name = frame
    found = {
        "filename": below_root(filename) if filename else "",
        "lineno": lineno,
        "name": name.replace("<locals>.", ""),
        "library": is_library(filename),
    }
    if show_source and filename and (line := _source_line(filename, lineno)):
        found["line"] = line
    return found


def _source_line(filename: str, lineno: int) -> str:
    try:
        return linecache.getline(filename, lineno).strip()[:500]
    except Exception:
        return ""  # a file that cannot be decoded is no reason to lose an alert


def preload() -> None:
    """Have `linecache` import now what it would import on the courier's thread (3.13)."""
    traceback.extract_stack(limit=1)
    linecache.getline(__file__, 1)
