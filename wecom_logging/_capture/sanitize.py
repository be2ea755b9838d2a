"""Attributes of records and exceptions as they should be, whatever they are; bounded memories."""

from __future__ import annotations

import logging
from datetime import datetime, timezone
from types import TracebackType
from typing import Any


def as_text(value: object) -> str:
    """What should be a string, as one; "" for anything else, as in a record made by hand."""
    return str.__str__(value) if isinstance(value, str) else ""


def name_of(value: object) -> str:
    """`as_text` of what names a place: no longer than a path can be."""
    return str.__str__(value)[:4096] if isinstance(value, str) else ""


def moment(created: Any) -> str:
    """When a record was made, in ISO 8601; "" if it was made by hand and holds something else."""
    try:
        return datetime.fromtimestamp(created, timezone.utc).isoformat()
    except Exception:
        return ""


def fields_of(value: object) -> dict[str, Any]:
    """The attributes that an object holds itself: no code of the application runs."""
    try:
        if issubclass(type(value), BaseException):
            found = _FIELDS(value)
        else:
            found = object.__getattribute__(value, "__dict__")
    except Exception:
        return {}
    return found if type(found) is dict else {}


_FIELDS = BaseException.__dict__["__dict__"].__get__


def mark(error: BaseException, name: str, value: object) -> None:
    """Leave something on an exception, for whoever meets it next: a table of exceptions would keep
    their frames, and all that they hold, alive. Not on one with slots."""
    try:
        setattr(error, name, value)
    except (AttributeError, TypeError):
        pass


def remember(known: dict[Any, Any], key: object, value: object, most: int = 1000) -> None:
    """Add to what is known. What is different every time must not fill the memory."""
    if len(known) >= most:
        known.clear()
    known[key] = value


def sanitized(record: logging.LogRecord) -> logging.LogRecord:
    """A copy of a record with odd or missing attributes that can be told. Its level may be a word,
    or missing: then it is an ERROR, since somebody has sent it here."""
    made = logging.LogRecord("", logging.ERROR, "", 0, "", (), None)
    usual = dict(made.__dict__)
    made.__dict__.update(fields_of(record))
    made.levelno = _level_of(made)
    made.levelname = as_text(made.levelname) or logging.getLevelName(made.levelno)
    for name in ("name", "pathname", "filename", "module", "funcName", "threadName"):
        setattr(made, name, as_text(getattr(made, name)))
    for name in ("lineno", "created", "thread", "process"):
        if not isinstance(getattr(made, name), (int, float)):
            setattr(made, name, usual[name])
    exc_info: Any = made.exc_info
    if isinstance(exc_info, BaseException):
        exc_info = (type(exc_info), exc_info, exc_info.__traceback__)
    is_whole = type(exc_info) is tuple and len(exc_info) == 3
    good = is_whole and isinstance(exc_info[1], BaseException)
    if good and not isinstance(exc_info[2], TracebackType):
        exc_info = (exc_info[0], exc_info[1], None)
    made.exc_info = exc_info if good else None
    for name in ("exc_text", "stack_info"):
        setattr(made, name, as_text(getattr(made, name)) or None)
    if type(made.args) not in (tuple, dict):
        made.args = (made.args,) if made.args else ()
    return made


def _level_of(record: logging.LogRecord) -> int:
    level: object = record.levelno
    for each in (level, record.levelname):
        if isinstance(each, int):
            return int.__add__(each, 0)
        if isinstance(each, str):
            word = as_text(each).strip().upper()
            number = int(word) if word.isdecimal() and len(word) < 4 else logging.getLevelName(word)
            if isinstance(number, int):
                return number
    return logging.ERROR
