"""Which errors are the same error: the fingerprint of a record.

`fingerprint` runs in the line that logs, for every record: it reads what is there, runs no code
of the application, and remembers what can be remembered. Everything else runs for kinds that are
not known, and for the first errors of a group after each message.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Hashable
from typing import Any

from wecom_logging._capture.failure import (
    CODED,
    TELLING,
    arguments,
    chain,
    code_of,
    find_error,
    place_of,
    remote_traceback,
    types_of,
)
from wecom_logging._capture.keys import EXPLICIT, WARNINGS, Key
from wecom_logging._capture.rendered import CONSTANTS, LIVE, template_of, template_of_unseen
from wecom_logging._capture.sanitize import remember
from wecom_logging._capture.template import WHOLE
from wecom_logging._capture.text_traceback import (
    FRAME,
    MAX_TEXT,
    MAX_TRACEBACK,
    TRACEBACK,
    text_exception,
    traced,
)

_ABSENT = object()


def fingerprint(record: logging.LogRecord) -> Key:
    """What tells errors apart inside this process; stable only as long as it runs."""
    # Not by `record.__dict__`: since 3.11 whoever first looks at it has the dict made, 0.25 µs.
    chosen = getattr(record, "fingerprint", _ABSENT)
    if chosen is not _ABSENT:
        return explicit(chosen, record)
    exc_info = record.exc_info
    if exc_info and (error := exc_info[1]) is not None:
        return (
            record.name,
            record.levelno,
            record.pathname,
            record.lineno,
            types_of(error),
            place_of(exc_info[2] or error.__traceback__),
        )
    message = record.msg
    if type(message) is str:
        what: Hashable
        if record.args:
            if message in TELLING:
                return _of_arguments(record, message)
            return (record.name, record.levelno, record.pathname, record.lineno, message)
        if record.exc_text:
            what = text_exception(record.exc_text[-MAX_TEXT:])
        else:
            # A call less for most; what is long is not even hashed.
            what = len(message) <= WHOLE and CONSTANTS.get(message)
            if not what:
                what = template_of_unseen(message)
                if what is LIVE:
                    return _of_object(record, sys.exc_info()[1])
    elif isinstance(message, dict):
        if "exc_info" in message or "fingerprint" in message or "exception" in message:
            return _of_object(record, message)
        event = message.get("event")
        if isinstance(event, str):
            what = (len(event) <= WHOLE and CONSTANTS.get(event)) or template_of_unseen(event)
        else:
            what = type(message)
    else:
        return _of_object(record, message)
    return (record.name, record.levelno, record.pathname, record.lineno, what)


def _of_object(record: logging.LogRecord, message: object) -> Key:
    """The fingerprint of a record whose message is an exception, or structlog's dict with one."""
    site = (record.name, record.levelno, record.pathname, record.lineno)
    error = message if isinstance(message, BaseException) else find_error(record)
    if error is not None:
        return (*site, types_of(error), place_of(error.__traceback__))
    if isinstance(message, dict):
        if "fingerprint" in message:
            return explicit(message["fingerprint"], record)
        text = message.get("exception")
        if isinstance(text, str) and TRACEBACK in text[-MAX_TEXT:]:
            return (*site, text_exception(text[-MAX_TEXT:]))
        event = message.get("event")
        if isinstance(event, str):
            return (*site, template_of(event))
    return (*site, type(message))


def _of_arguments(record: logging.LogRecord, message: str) -> Key:
    """The fingerprint of a record whose arguments may hold an exception or a traceback."""
    site = (record.name, record.levelno, record.pathname, record.lineno)
    error = find_error(record)
    if error is not None:
        return (*site, types_of(error), place_of(error.__traceback__))
    for argument in arguments(record):
        if type(argument) is str and record.name == WARNINGS:  # before 3.11
            return (*site, template_of(argument))
        if type(argument) is str and (found := traced(argument)) is not None:
            return (*site, found._replace(template=message[:WHOLE]))
    return (*site, message)


def learn(record: logging.LogRecord) -> bool:
    """Look at a record of an unknown kind more closely; returns whether another look at its
    fingerprint is worth it."""
    message = record.msg
    is_text = type(message) is str and not record.args and not record.exc_info
    if is_text and FRAME not in message[-MAX_TRACEBACK:]:
        return False  # of texts that are always new this is all
    learnt = False
    if record.args and type(message) is str and message not in TELLING:
        learnt = record.name == WARNINGS or any(map(_tells, arguments(record)))
        if learnt and len(message) < MAX_TEXT:
            remember(TELLING, message, True)
    error = find_error(record)
    for each in () if error is None else chain(error):
        if type(each) not in CODED and (code_of(each) or remote_traceback(each)):
            remember(CODED, type(each), isinstance(each, OSError))
            learnt = True
    return learnt


def _tells(argument: Any) -> bool:
    kind = type(argument)
    if kind is str:
        return FRAME in argument[-MAX_TRACEBACK:]
    return issubclass(kind, BaseException)


def explicit(value: object, record: logging.LogRecord) -> Key:
    """A fingerprint that the application has chosen. CRITICAL stays apart."""
    critical = record.levelno >= logging.CRITICAL
    try:
        hash(value)
    except TypeError:
        return (EXPLICIT, critical, repr(value))
    return (EXPLICIT, critical, value)
