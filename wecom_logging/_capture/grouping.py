"""Which errors are the same error: the fingerprint of a record, and its tally.

Everything above `GroupSeed` runs in the line that logs, for every record: it reads what is
there, runs no code of the application, and remembers what can be remembered.
"""

from __future__ import annotations

import builtins
import json
import logging
import os
import re
import sys
from collections.abc import Hashable
from itertools import count
from types import CodeType, TracebackType
from typing import Any, NamedTuple

from wecom_logging._capture.code_location import is_library
from wecom_logging._model.digest import OTHERS, Identity

#: How much of a message that arrives already rendered is looked at, and how much of a text
#: that may hold a traceback or be JSON. A log line of 10 MB costs no more than that.
HEAD, TAIL = 400, 200
WHOLE = HEAD + TAIL
MAX_TEXT = 65536

#: Exceptions looked at along a chain. A chain can be a loop.
MAX_CHAIN = 10

#: Groups without an exception that one call site may make before it is one group.
MAX_VARIANTS = 10
VARYING = "varying messages"

#: Logger, level and call site, then what is known of the error: five or six parts. Three
#: parts are a fingerprint of the application's own, one part is what is beyond `max_groups`.
Key = tuple[Any, ...]
OVERFLOW: tuple[Key, Key] = ((OTHERS[0],), (OTHERS[1],))
EXPLICIT = "fingerprint"


class Job(NamedTuple):
    """The fingerprint of a job's failures, whatever they are."""

    name: str


_MASKS = re.compile(
    r"""
    "[^"]*" | '[^']*'                               # quoted parts
    | \b[0-9a-fA-F]{6,}(?:-[0-9a-fA-F]{2,})*\b      # hex, UUIDs
    | \d[\w.:-]*                                    # numbers, IPs, times, what hangs on them
    """,
    re.VERBOSE,
)
_TRACEBACK = "Traceback (most recent call last)"
_TEXT_FRAME = re.compile(
    r'^[ \t]*File "([^"\n]{1,500})", line ([0-9]{1,9}), in (\S{1,200})', re.MULTILINE
)
_TEXT_TYPE = re.compile(r"^((?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*)(?::|$)")

#: Templates of messages seen lately, so that few are masked (2 µs): of those without digits
#: by the message, of the others by its shape, in which each digit is a zero. All digits are
#: masked, so messages of one shape have one template. Messages that are different every
#: time must not fill the memory.
_MAX_TEMPLATES = 1000
_constants: dict[str, str] = {}
_shapes: dict[bytes, str] = {}
_ZEROS = bytes.maketrans(b"123456789", b"000000000")

_ABSENT = object()

#: Exception groups; there are none before Python 3.11.
EXCEPTION_GROUPS: tuple[type, ...] = tuple(
    t for t in (getattr(builtins, "BaseExceptionGroup", None),) if t is not None
)


class Tally(count):  # type: ignore[type-arg]
    """The counter of one kind of error in one handler; `next` counts one.

    It only ever grows, by a step that no other thread can split: one call into C. The
    worker reads it and keeps the difference; a reader that reset it would lose errors.
    It is an `itertools.count` and does not hold one, because each object less that a call
    has to fetch from memory is 1 % of a call where many kinds of errors take turns.
    """

    __slots__ = ("counted", "identity", "muted", "needs_wakeup", "origin", "sample_at")

    def __new__(cls, origin: GroupSeed) -> Tally:
        return super().__new__(cls)  # type: ignore[return-value]

    def __init__(self, origin: GroupSeed) -> None:
        #: The worker does not know of any error later than those it has read.
        self.needs_wakeup = True
        #: Monotonic time from which on the next error is captured.
        self.sample_at = 0.0
        self.origin = origin
        #: Below: the worker's alone.
        self.counted = 0
        self.muted = False
        self.identity: Identity | None = None

    @property
    def value(self) -> int:
        # repr, because reading by `next` would count and pickling is on its way out.
        return int(repr(self)[len("Tally(") : -1])


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
            _types(error),
            _place(exc_info[2]),
        )
    message = record.msg
    if type(message) is str:
        what: Hashable
        if record.args:
            what = message
        elif record.exc_text:
            what = _text_exception(record.exc_text)
        else:
            # A call less for most; what is long is not even hashed.
            what = (len(message) <= WHOLE and _constants.get(message)) or template_of(message)
    elif isinstance(message, dict):
        if "exc_info" in message or "fingerprint" in message or "exception" in message:
            return _of_object(record, message)
        event = message.get("event")
        if isinstance(event, str):
            what = (len(event) <= WHOLE and _constants.get(event)) or template_of(event)
        else:
            what = type(message)
    else:
        return _of_object(record, message)
    return (record.name, record.levelno, record.pathname, record.lineno, what)


def _of_object(record: logging.LogRecord, message: object) -> Key:
    """The fingerprint of a record whose message is an exception, or structlog's dict with one."""
    site = (record.name, record.levelno, record.pathname, record.lineno)
    error = find_error(record)
    if error is not None:
        return (*site, _types(error), _place(error.__traceback__))
    if isinstance(message, dict):
        if "fingerprint" in message:
            return explicit(message["fingerprint"], record)
        text = message.get("exception")
        if isinstance(text, str) and _TRACEBACK in text[-MAX_TEXT:]:
            return (*site, _text_exception(text))
        event = message.get("event")
        if isinstance(event, str):
            return (*site, template_of(event))
    return (*site, type(message))


def explicit(value: object, record: logging.LogRecord) -> Key:
    """A fingerprint that the application has chosen. CRITICAL stays apart."""
    critical = record.levelno >= logging.CRITICAL
    try:
        hash(value)
    except TypeError:
        return (EXPLICIT, critical, repr(value))
    return (EXPLICIT, critical, value)


def find_error(record: logging.LogRecord) -> BaseException | None:
    """The exception of a record, wherever it is; only on the thread that logs."""
    if record.exc_info:
        return record.exc_info[1]
    message: object = record.msg
    if isinstance(message, dict):
        message = message.get("exc_info")
        if message is True or message == 1:
            return sys.exc_info()[1]
        if isinstance(message, tuple) and len(message) == 3:
            message = message[1]
    return message if isinstance(message, BaseException) else None


def chain(error: BaseException) -> list[BaseException]:
    """The error, then what it was raised from or while handling."""
    errors = [error]
    while len(errors) < MAX_CHAIN:
        below = error.__cause__
        if below is None and not error.__suppress_context__:
            below = error.__context__
        if below is None or any(below is known for known in errors):
            break
        errors.append(below)
        error = below
    return errors


def _types(error: BaseException) -> Any:
    """The types along the chain; the type itself for the usual chain of one."""
    if isinstance(error, EXCEPTION_GROUPS):
        return (type(error), *_part_types(error))
    if error.__context__ is None and error.__cause__ is None:
        return type(error)
    return tuple([type(e) for e in chain(error)])


def _part_types(error: BaseException) -> list[type]:
    """The first few types inside an exception group, which by itself says nothing."""
    parts = getattr(error, "exceptions", ())
    return sorted({type(part) for part in parts[:50]}, key=lambda t: t.__qualname__)[:5]


def _place(tb: TracebackType | None) -> Hashable:
    """The innermost frame; and the innermost one of the application's own, if that is not it."""
    if tb is None:
        return None
    last = tb
    while (following := last.tb_next) is not None:
        last = following
    code = last.tb_frame.f_code
    inner = (code.co_filename, code.co_firstlineno, last.tb_lasti)
    if not is_library(code.co_filename):
        return inner
    own = _own_frame(tb)
    if own is None:
        return inner
    code = own.tb_frame.f_code
    return (*inner, code.co_filename, code.co_firstlineno, own.tb_lasti)


def _own_frame(tb: TracebackType | None) -> TracebackType | None:
    found = None
    while tb is not None:
        if not is_library(tb.tb_frame.f_code.co_filename):
            found = tb
        tb = tb.tb_next
    return found


def template_of(message: str) -> Hashable:
    """What stays the same in a message that arrives already rendered."""
    if len(message) > WHOLE:
        return _structure(message) or mask(message)
    template = _constants.get(message)
    if template is None:
        shape = message.encode("utf-8", "surrogatepass").translate(_ZEROS)
        template = _shapes.get(shape)
        if template is None:
            structure = _structure(message)
            if structure is not None:
                return structure
            template = mask(message)
            if b"0" in shape:
                _remember(_shapes, shape, template)
            else:
                _remember(_constants, message, template)
    return template


def _structure(message: str) -> Hashable | None:
    """What tells a message apart that is a JSON object or holds a traceback; None for others."""
    if message[:1] == "{" and (event := json_event(message)) is not None:
        text = event.get("exception")
        if isinstance(text, str) and _TRACEBACK in text:
            return _text_exception(text)
        return mask(str(event["event"]))
    if _TRACEBACK in message[-MAX_TEXT:]:
        return _text_exception(message)
    return None


def _remember(cache: dict[Any, str], key: str | bytes, template: str) -> None:
    if len(cache) >= _MAX_TEMPLATES:
        cache.clear()
    cache[key] = template


def mask(message: str) -> str:
    """Numbers, hex, UUIDs, IPs and quoted parts become a placeholder."""
    if len(message) > WHOLE:
        message = f"{message[:HEAD]} … {message[-TAIL:]}"
    if "\x1b" in message:
        message = ANSI.sub("", message)
    return _MASKS.sub("*", message)


ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def json_event(message: str) -> dict[str, Any] | None:
    """A JSON object with a message in it, as an event dict; None for anything else."""
    if len(message) > MAX_TEXT:
        return None
    try:
        event = json.loads(message)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict):
        return None
    for key in ("event", "message", "msg"):
        if key in event:
            event["event"] = event.pop(key)
            return event
    return None


def _text_exception(text: str) -> Hashable:
    """Type and place of a traceback that has only its text left."""
    type_name, frames = text_traceback(text)
    if not frames:
        return mask(text)
    own = [frame for frame in frames if not is_library(frame[0])]
    return (type_name, frames[-1], own[-1] if own else None)


def text_traceback(text: str) -> tuple[str, list[tuple[str, int, str]]]:
    """Type and frames `(file, line, function)` of the last traceback in a text."""
    text = text[-MAX_TEXT:]
    text = text[max(0, text.rfind(_TRACEBACK)) :]
    frames = [(f, int(line), name) for f, line, name in _TEXT_FRAME.findall(text)]
    for line in reversed(text.splitlines()):
        if (found := _TEXT_TYPE.match(line)) is not None:
            return found[1].rpartition(".")[2], frames
    return "", frames


class Tallies:
    """The tallies of one handler, bounded.

    `known` is read in every call, by the handler itself.
    """

    def __init__(self, max_groups: int) -> None:
        self.max_groups = max_groups
        self.known: dict[Key, Tally] = {}
        self._variants: dict[Key, int] = {}

    def add(self, key: Key, record: logging.LogRecord) -> Tally:
        """The tally for a key that is not known: a new one, or that of a crowd."""
        crowd = self._crowd(key, record)
        if crowd is not None:
            key = crowd
            if (tally := self.known.get(key)) is not None:
                return tally
        # setdefault: two threads may meet here, and one of the two tallies would be lost.
        return self.known.setdefault(key, Tally(GroupSeed(record, key)))

    def _crowd(self, key: Key, record: logging.LogRecord) -> Key | None:
        """The key of the crowd in which this one disappears, if it does."""
        # Beyond `max_groups` this runs for every error of a kind that is not known.
        crowd: Key | None = None
        varies = len(key) == 5 and isinstance(key[4], str)
        variants = self._variants.get(key[:4], 0) if varies else 0
        if variants >= MAX_VARIANTS:
            crowd = (*key[:4], VARYING)
            if crowd in self.known:
                return crowd
        beyond = len(self.known) - self.max_groups
        if beyond >= 0 and beyond >= (OVERFLOW[0] in self.known) + (OVERFLOW[1] in self.known):
            return OVERFLOW[record.levelno >= logging.CRITICAL]
        if varies and crowd is None and not _from_structlog(record):
            if len(self._variants) > _MAX_TEMPLATES * 10:
                self._variants.clear()
            self._variants[key[:4]] = variants + 1
        return crowd


def _from_structlog(record: logging.LogRecord) -> bool:
    """Whether the call site is structlog's own: a logger made before `structlog.configure`
    reports one and the same for every event."""
    return record.pathname.endswith(_STRUCTLOG)


_STRUCTLOG = os.path.join("structlog", "_base.py")


class GroupSeed:
    """Where a group comes from: noted in the line that logs, made an `Identity` later."""

    __slots__ = ("codes", "function", "key", "level", "logger", "pathname", "types")

    def __init__(self, record: logging.LogRecord, key: tuple[Any, ...]) -> None:
        self.key = key
        # A failed task of Celery's stands under its own name (see `contrib.celery`).
        self.logger = (key[0] if len(key) > 3 else record.name) or ""  # None: made by hand
        self.level = record.levelno
        self.pathname = record.pathname or ""
        self.function = record.funcName or ""
        self.types: tuple[type, ...] = ()
        self.codes: tuple[CodeType, ...] = ()
        error = find_error(record)
        if error is not None:
            types = _types(error)
            self.types = types if isinstance(types, tuple) else (type(error),)
            self.codes = _codes(error, record)


def _codes(error: BaseException, record: logging.LogRecord) -> tuple[CodeType, ...]:
    tb = record.exc_info[2] if record.exc_info else error.__traceback__
    if tb is None:
        return ()
    last = tb
    while (following := last.tb_next) is not None:
        last = following
    inner = last.tb_frame.f_code
    own = _own_frame(tb) if is_library(inner.co_filename) else None
    return (inner,) if own is None else (inner, own.tb_frame.f_code)
