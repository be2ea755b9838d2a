"""What tells errors apart inside this process: the parts of a key, and the line of code that
has logged."""

from __future__ import annotations

import logging
import os
import sys
from types import FrameType
from typing import Any, NamedTuple

from wecom_logging._model.digest import OTHERS

#: What tells errors apart inside this process. Logger, level and call site, then what is known
#: of the error: five or six parts. Three parts are a fingerprint of the application's own, one
#: part is what is beyond `max_groups`.
Key = tuple[Any, ...]
#: The line of code that has logged.
Site = tuple[Any, ...]

EXPLICIT = "fingerprint"
#: What is beyond `max_groups`.
OTHER_KEYS: tuple[Key, Key] = ((OTHERS[0],), (OTHERS[1],))
#: Stands in a key for all that a call site says beyond its allowance.
OVERFLOW = object()


class Job(NamedTuple):
    """The fingerprint of a job's failures, whatever they are."""

    name: str
    #: Seconds between two runs, if that was given; else 0.
    every: float = 0.0


def site_of(record: logging.LogRecord) -> Site:
    """The line of code that has logged. Its logger only where nothing else is known: a name may
    be made up of what changes."""
    path, line = record.pathname, record.lineno
    if (warned := warned_by(record)) is not None:
        path, line = warned["filename"], warned["lineno"]
    elif path.endswith(_STRUCTLOG) and (frame := caller()) is not None:
        path, line = frame.f_code.co_filename, frame.f_lineno
    return ("" if path else record.name, record.levelno, path, line)


#: The call site of a logger that was made before `structlog.configure`, for every event.
_STRUCTLOG = os.path.join("structlog", "_base.py")
_LOGGING = (os.path.dirname(logging.__file__), os.path.dirname(os.path.dirname(__file__)))


def caller() -> FrameType | None:
    """The innermost frame that is neither structlog's, nor logging's, nor ours."""
    # Without `traceback.walk_stack`, which works out each frame's line: this is somebody's loop.
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(_LOGGING) and f"{os.sep}structlog{os.sep}" not in file:
            return frame
        frame = frame.f_back
    return None


WARNINGS = "py.warnings"


def warned_by(record: logging.LogRecord) -> dict[str, Any] | None:
    """The `message`, `category`, `filename` and `lineno` of a captured warning, as they were
    given to logging, which makes one text of them."""
    if record.name != WARNINGS:
        return None
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "_showwarning" and frame.f_globals is logging.__dict__:
            found = frame.f_locals
            return found if isinstance(found.get("filename"), str) else None
        frame = frame.f_back
    return None


def text_of(record: logging.LogRecord) -> object:
    """What tells a record apart, as the object that was given."""
    message: object = record.msg
    fingerprint = getattr(record, "fingerprint", None)
    if fingerprint is not None:
        return fingerprint
    return message.get("event") if isinstance(message, dict) else message
