"""Any value as plain JSON data, within bounds: what a program logs may be of any size and kind.

Runs in the line that logs. A `repr` that is slow or returns megabytes is the program's own
time; what comes after it is left out, and said.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Mapping
from itertools import islice
from time import perf_counter
from typing import Any

from wecom_logging._model.text import cut_bytes

#: Bounds of one event: bytes of UTF-8, and seconds. The time is looked at between values.
MAX_TEXT = 65536
MAX_SECONDS = 0.05
#: One text takes at most so much of it: a message of megabytes must leave room for the
#: exception.
MAX_VALUE = 16384
#: Bounds of what is nested in one value.
MAX_DEPTH = 5
MAX_ITEMS = 50
#: What code of the application may raise while it is asked for a text. Not what comes from
#: elsewhere through whatever runs just then: Ctrl-C, an exit in a signal handler.
FAILURES = (Exception, CancelledError)
#: What stands for something that there was no time or room for.
LEFT_OUT = "…"

#: Requests and responses, whose `repr` shows the URL with its query, or the headers; and
#: query sets, whose `repr` asks the database.
_OPAQUE = (
    "Request", "Response", "HTTPConnection", "WebSocket", "Context", "LocalProxy", "QuerySet",
)  # fmt: skip
_FRAMEWORKS = frozenset((
    "aiohttp", "bottle", "celery", "django", "falcon", "fastapi", "flask", "httpx", "ninja",
    "pyramid", "quart", "requests", "rest_framework", "sanic", "starlette", "tornado", "urllib3",
    "webob", "werkzeug",
))  # fmt: skip

#: Types of the standard library whose `str` says all, and shorter than `repr`.
_SPOKEN = frozenset({"datetime", "decimal", "fractions", "pathlib", "uuid", "ipaddress"})


class CaptureLimits:
    """What is left of the text and the time that one event may take."""

    def __init__(self, size: int = MAX_TEXT, seconds: float = MAX_SECONDS) -> None:
        self.size = size
        self.deadline = perf_counter() + seconds
        #: Names of what was left out.
        self.left_out: list[str] = []

    def spent(self) -> bool:
        return self.size <= 0 or perf_counter() > self.deadline

    def take(self, text: str, most: int = MAX_VALUE) -> str:
        """As much of a text as there is room for; what is missing is said."""
        most = max(0, min(most, self.size))
        text = str.__str__(text)  # without a class that has a mind of its own about being text
        taken = text[:most]  # never fewer bytes than characters
        size = len(taken) if taken.isascii() else len(taken.encode("utf-8", "surrogatepass"))
        if size > most:
            taken = cut_bytes(taken, most, "")
            size = most
        self.size -= size
        return taken if len(taken) == len(text) else f"{taken}… ({len(text):,} characters)"


def plain(value: Any, limits: CaptureLimits, depth: int = 0, most: int = MAX_VALUE) -> Any:
    """A value as JSON has it: bounded, a copy, and without the value's own classes. What it is,
    is asked of its type and never of the value: a lazy proxy would fetch what it stands for."""
    kind = type(value)
    if value is None or kind is bool or kind is float:
        return value
    if kind is int:
        return value if value.bit_length() <= 128 else f"int of {value.bit_length():,} bits"
    if issubclass(kind, str):
        return limits.take(str.__str__(value), most)
    if limits.spent():
        return LEFT_OUT
    if depth < MAX_DEPTH:
        try:
            if issubclass(kind, Mapping):
                return _mapping(value, limits, depth, most)
            if issubclass(kind, tuple) and (fields := getattr(kind, "_fields", ())):
                # By its names, or it could not be known which item is the password.
                return _mapping(dict(zip(fields, value, strict=True)), limits, depth, most)
            if issubclass(kind, (list, tuple, set, frozenset)):
                items = list(islice(value, MAX_ITEMS))
                return [plain(item, limits, depth + 1, most) for item in items]
        except Exception:
            pass  # it changes under our hands, or is a strange mapping: its `repr` will do
    return limits.take(safe_text(value), most)


def _mapping(
    value: Mapping[Any, Any], limits: CaptureLimits, depth: int, most: int
) -> dict[str, Any]:
    items = list(islice(value.items(), MAX_ITEMS))
    return {
        limits.take(safe_text(key), 200): plain(item, limits, depth + 1, most)
        for key, item in items
    }


def safe_text(value: object) -> str:
    """`repr` for objects that may not be able to, and for those that say too much."""
    kind = type(value)
    try:
        if issubclass(kind, str):
            return str.__str__(value)
        if is_opaque(kind):
            return f"<{kind.__name__}>"
        if kind.__module__.partition(".")[0] in _SPOKEN:
            return str(value)
        return str.__str__(repr(value))
    except FAILURES as error:
        return f"<{kind.__name__}: repr raised {type(error).__name__}>"


def is_opaque(kind: type) -> bool:
    """Whether a type is a framework's request, response or the like."""
    return any(
        base.__name__.endswith(_OPAQUE) and base.__module__.partition(".")[0] in _FRAMEWORKS
        for base in kind.__mro__
    )
