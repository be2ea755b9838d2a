"""How many groups one line of code may make, so that none takes what others need."""

from __future__ import annotations

import logging
import os
import sys
from types import FrameType
from typing import Any

from wecom_logging._capture.template import WHOLE
from wecom_logging._model.digest import MAX_CONSTANT

#: What tells errors apart inside this process. Logger, level and call site, then what is known
#: of the error: five or six parts. Three parts are a fingerprint of the application's own, one
#: part is what is beyond `max_groups`.
Key = tuple[Any, ...]
#: The line of code that has logged.
Site = tuple[Any, ...]


class Variety:
    """The groups that one call site has made, by what makes them different."""

    __slots__ = ("changing", "constant", "logger", "others", "texts")

    def __init__(self, logger: str) -> None:
        self.logger = logger
        self.changing: set[Key] = set()
        self.constant: set[Key] = set()
        self.others: set[Key] = set()
        #: Texts that found no place, by `id`, and their keys: one that comes again is constant.
        self.texts: dict[int, tuple[str, Key]] = {}

    @property
    def groups(self) -> int:
        return len(self.changing) + len(self.constant) + len(self.others)

    def is_constant(self, text: object, key: Key) -> bool:
        """Whether a text is the same object as before, which no f-string is, and is all that
        makes the group."""
        if type(text) is not str or len(text) > WHOLE:
            return False
        if len(self.texts) >= MAX_CONSTANT:
            self.texts.clear()
        before = self.texts.get(id(text))
        self.texts[id(text)] = (text, key)
        return before is not None and before[0] is text and before[1] == key


def site_of(record: logging.LogRecord) -> Site:
    """The line of code that has logged. Its logger only where nothing else is known: a name may
    be made up of what changes."""
    path, line = record.pathname, record.lineno
    if (warned := warned_by(record)) is not None:
        path, line = warned["filename"], warned["lineno"]
    elif path.endswith(_STRUCTLOG) and (frame := _caller()) is not None:
        path, line = frame.f_code.co_filename, frame.f_lineno
    return ("" if path else record.name, record.levelno, path, line)


#: The call site of a logger that was made before `structlog.configure`, for every event.
_STRUCTLOG = os.path.join("structlog", "_base.py")
_LOGGING = (os.path.dirname(logging.__file__), os.path.dirname(os.path.dirname(__file__)))


def _caller() -> FrameType | None:
    """The innermost frame that is neither structlog's, nor logging's, nor ours."""
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
