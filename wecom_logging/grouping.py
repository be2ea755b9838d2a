"""Which errors are the same error: the fingerprint of a record, and its tally.

Everything above `Origin` runs in the line that logs, for every record: it reads what is
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
from hashlib import blake2b
from itertools import count
from types import CodeType, TracebackType
from typing import Any

from wecom_logging.digest import Identity
from wecom_logging.source import below_root, is_library

#: How much of a message that arrives already rendered is looked at.
HEAD, TAIL = 400, 200

#: Exceptions looked at along a chain. A chain can be a loop.
MAX_CHAIN = 10

#: Groups without an exception that one call site may make before it is one group.
MAX_VARIANTS = 10
VARYING = "varying messages"

#: Logger, level and call site, then what is known of the error: five or six parts. Three
#: parts are a fingerprint of the application's own, one part is what is beyond `max_groups`.
Key = tuple[Any, ...]
OTHERS = ("others", "others-critical")
_CROWDS: tuple[Key, Key] = ((OTHERS[0],), (OTHERS[1],))
EXPLICIT = "fingerprint"

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
    r'^\s*File "([^"\n]{1,500})", line ([0-9]{1,9}), in (\S{1,200})', re.MULTILINE
)
_TEXT_TYPE = re.compile(r"^((?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*)(?::|$)")

#: Templates of messages seen lately. A constant message is looked up here instead of
#: being masked again; a message that is different every time must not fill the memory.
_MAX_TEMPLATES = 1000
_MAX_TEMPLATE_LENGTH = 400
_templates: dict[str, Hashable] = {}

#: Exception groups; there are none before Python 3.11.
EXCEPTION_GROUPS: tuple[type, ...] = tuple(
    t for t in (getattr(builtins, "BaseExceptionGroup", None),) if t is not None
)


class Tally:
    """The counter of one kind of error in one handler.

    It only ever grows, by a step that no other thread can split: one call into C. The
    courier reads it and keeps the difference; a reader that reset it would lose errors.
    """

    __slots__ = ("_count", "asleep", "counted", "identity", "muted", "origin", "sample_at", "tick")

    def __init__(self, origin: Origin) -> None:
        self._count = count()
        #: Count one error.
        self.tick = self._count.__next__
        #: The courier does not know of any error later than those he has read.
        self.asleep = True
        #: Monotonic time from which on the next error is captured.
        self.sample_at = 0.0
        self.origin = origin
        #: Below: the courier's alone.
        self.counted = 0
        self.muted = False
        self.identity: Identity | None = None

    @property
    def value(self) -> int:
        # repr, because reading by `next` would count and pickling is on its way out.
        return int(repr(self._count)[6:-1])


def fingerprint(record: logging.LogRecord) -> Key:
    """What tells errors apart inside this process; stable only as long as it runs."""
    if "fingerprint" in record.__dict__:
        return explicit(record.__dict__["fingerprint"], record)
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
    if record.args and type(message) is str:
        return (record.name, record.levelno, record.pathname, record.lineno, message)
    return _without_args(record, message)


def _without_args(record: logging.LogRecord, message: object) -> Key:
    site = (record.name, record.levelno, record.pathname, record.lineno)
    if type(message) is str:
        if record.exc_text:
            return (*site, _text_exception(record.exc_text))
        template = _templates.get(message)
        return (*site, template_of(message) if template is None else template)
    error = find_error(record)
    if error is not None:
        return (*site, _types(error), _place(error.__traceback__))
    if isinstance(message, dict):
        if "fingerprint" in message:
            return explicit(message["fingerprint"], record)
        text = message.get("exception")
        if isinstance(text, str) and _TRACEBACK in text:
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
    if message[:1] == "{" and (event := json_event(message)) is not None:
        text = event.get("exception")
        if isinstance(text, str) and _TRACEBACK in text:
            return _text_exception(text)
        return mask(str(event["event"]))
    if _TRACEBACK in message:
        return _text_exception(message)
    template = mask(message)
    if len(message) <= _MAX_TEMPLATE_LENGTH:
        if len(_templates) >= _MAX_TEMPLATES:
            _templates.clear()
        _templates[message] = template
    return template


def mask(message: str) -> str:
    """Numbers, hex, UUIDs, IPs and quoted parts become a placeholder."""
    if "\x1b" in message:
        message = _ANSI.sub("", message)
    if len(message) > HEAD + TAIL:
        message = f"{message[:HEAD]} … {message[-TAIL:]}"
    return _MASKS.sub("*", message)


_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def json_event(message: str) -> dict[str, Any] | None:
    """A JSON object with a message in it, as an event dict; None for anything else."""
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
    text = text[text.rfind(_TRACEBACK) :] if _TRACEBACK in text else text
    frames = [(f, int(line), name) for f, line, name in _TEXT_FRAME.findall(text[-65536:])]
    for line in reversed(text[-65536:].splitlines()):
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
        return self.known.setdefault(key, Tally(Origin(record, key)))

    def _crowd(self, key: Key, record: logging.LogRecord) -> Key | None:
        """The key of the crowd in which this one disappears, if it does."""
        if len(key) == 5 and isinstance(key[4], str) and not _from_structlog(record):
            site = key[:4]
            variants = self._variants.get(site, 0)
            if variants >= MAX_VARIANTS:
                return (*site, VARYING)
            if len(self._variants) > _MAX_TEMPLATES * 10:
                self._variants.clear()
            self._variants[site] = variants + 1
        if len(self.known) - sum(key in self.known for key in _CROWDS) >= self.max_groups:
            return _CROWDS[record.levelno >= logging.CRITICAL]
        return None

    def make_room(self, silent: list[Key]) -> list[Tally]:
        """Take tallies out of the table. They stay readable until nobody counts on them."""
        return [tally for key in silent if (tally := self.known.pop(key, None)) is not None]


def _from_structlog(record: logging.LogRecord) -> bool:
    """Whether the call site is structlog's own: a logger made before `structlog.configure`
    reports one and the same for every event."""
    return record.pathname.endswith(_STRUCTLOG)


_STRUCTLOG = os.path.join("structlog", "_base.py")


class Origin:
    """Where a group comes from: noted in the line that logs, made an `Identity` later."""

    __slots__ = ("codes", "function", "key", "level", "logger", "pathname", "types")

    def __init__(self, record: logging.LogRecord, key: tuple[Any, ...]) -> None:
        self.key = key
        # A failed task of Celery's stands under its own name (see `contrib.celery`).
        self.logger = key[0] if len(key) > 3 else record.name
        self.level = record.levelno
        self.pathname = record.pathname
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
    own = _own_frame(tb)
    while tb.tb_next is not None:
        tb = tb.tb_next
    inner = tb.tb_frame.f_code
    return (inner,) if own is None or own is tb else (inner, own.tb_frame.f_code)


def identify(origin: Origin) -> Identity:
    """The stable identity of a group: no line numbers, no absolute paths, no `hash()`."""
    if origin.key in _CROWDS:
        return others(origin.level)
    level = level_name(origin.level)
    if len(origin.key) == 3:
        chosen = _written(origin.key[2])
        parts = (EXPLICIT, str(origin.key[1]), chosen)
        return _identity(origin, level, parts, chosen[:HEAD])
    if origin.types:
        return _exception_identity(origin, level)
    site = (origin.logger, level, below_root(origin.pathname), origin.function)
    template = origin.key[-1]
    if isinstance(template, tuple):
        return _text_identity(origin, level, site, template)
    text = template if isinstance(template, str) else getattr(template, "__qualname__", "")
    return _identity(origin, level, (*site, text), text)


def others(level: int) -> Identity:
    """The group of what is not told apart; CRITICAL has one of its own."""
    critical = level >= logging.CRITICAL
    return Identity(OTHERS[critical], "", "critical" if critical else "error")


def level_name(level: int) -> str:
    """What a level is called in an identity: the usual ones by their own names, whatever
    `addLevelName` makes of them for a console (colours, translations)."""
    if level >= logging.CRITICAL:
        return "critical"
    return _LEVELS.get(level) or _ANSI.sub("", logging.getLevelName(level)).lower()


_LEVELS = {
    logging.ERROR: "error",
    logging.WARNING: "warning",
    logging.INFO: "info",
    logging.DEBUG: "debug",
}


def _written(chosen: object) -> str:
    """A fingerprint of the application's own, as it is: two that differ are two groups."""
    return chosen if isinstance(chosen, str) else _ADDRESS.sub(" at *", repr(chosen))


_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def _identity(
    origin: Origin, level: str, parts: tuple[str, ...], template: str, **more: str
) -> Identity:
    more.setdefault("place", _spoken(below_root(origin.pathname), origin.function))
    return Identity(id=_digest(parts), logger=origin.logger, level=level, template=template, **more)


def _exception_identity(origin: Origin, level: str) -> Identity:
    names = [f"{t.__module__}.{t.__qualname__}" for t in origin.types]
    places = [_spoken(below_root(c.co_filename), _qualname(c)) for c in origin.codes]
    site = (origin.logger, level, below_root(origin.pathname), origin.function)
    shown = places[-1] if places else _spoken(site[2], site[3])
    return _identity(
        origin,
        level,
        (*site, *names, *places),
        "",
        type=origin.types[0].__name__,
        place=shown,
        cause=_digest((*names, *places[:1])),
    )


def _text_identity(
    origin: Origin, level: str, site: tuple[str, ...], template: tuple[Any, ...]
) -> Identity:
    type_name, inner, own = template
    places = [_spoken(below_root(f[0]), f[2]) for f in (inner, own) if f is not None]
    return _identity(
        origin,
        level,
        (*site, type_name, *places),
        "",
        type=type_name,
        place=places[-1],
        cause=_digest((type_name, places[0])),
    )


def _qualname(code: CodeType) -> str:
    name: str = getattr(code, "co_qualname", code.co_name)  # co_qualname: since 3.11
    return name.replace("<locals>.", "")


def _spoken(path: str, function: str) -> str:
    return f"{path} {function}".strip()


def _digest(parts: tuple[str, ...]) -> str:
    text = "\x00".join(parts).encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=8).hexdigest()
