"""Which errors are the same error: the fingerprint of a record, and its tally.

`fingerprint` runs in the line that logs, for every record: it reads what is there, runs no code
of the application, and remembers what can be remembered. Everything else runs for kinds that are
not known, and for the first errors of a group after each message.
"""

from __future__ import annotations

import builtins
import json
import logging
import re
import sys
from collections.abc import Hashable, Iterable, Mapping
from itertools import count
from types import CodeType, TracebackType
from typing import Any, NamedTuple

from wecom_logging._capture.code_location import LIBRARIES, is_library, is_library_by_name
from wecom_logging._capture.codes import as_code, code_of, errno_of, remote_traceback
from wecom_logging._capture.sound import as_text
from wecom_logging._capture.template import HEAD as HEAD
from wecom_logging._capture.template import TAIL as TAIL
from wecom_logging._capture.template import WHOLE, code_spans, mask
from wecom_logging._capture.variety import (
    WARNINGS,
    Site,
    Variety,
    site_of,
    text_of,
    warned_by,
)
from wecom_logging._capture.variety import Key as Key
from wecom_logging._model.digest import (
    MAX_CONSTANT,
    MAX_VARIANTS,
    OTHERS,
    Identity,
    type_name,
)
from wecom_logging._model.digest import VARYING as VARYING

#: How much of a text that is JSON, or a traceback that logging has rendered, is looked at;
#: and of one that may hold a traceback, its end.
MAX_TEXT = 65536
MAX_TRACEBACK = 4096

#: Exceptions looked at along a chain. A chain can be a loop.
MAX_CHAIN = 10

#: What is beyond `max_groups`.
OTHER_KEYS: tuple[Key, Key] = ((OTHERS[0],), (OTHERS[1],))
EXPLICIT = "fingerprint"


class _Overflow:
    """Stands in a key for all that a call site says beyond its allowance."""


OVERFLOW = _Overflow()


class Job(NamedTuple):
    """The fingerprint of a job's failures, whatever they are."""

    name: str
    #: Seconds between two runs, as somebody has said; 0: nobody has.
    every: float = 0.0


_TRACEBACK = "Traceback (most recent call last)"
_FRAME = '  File "'
_TEXT_FRAME = re.compile(
    r'^[ \t]*File "([^"\n]{1,500})", line ([0-9]{1,9})(?:, in (\S{1,200}))?'
    r"(?:\n {4,40}(\S[^\n]{0,500}))?",
    re.MULTILINE,
)
_TEXT_TYPE = re.compile(r"^((?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*)(?::|$)", re.MULTILINE)

#: A type of exception, with its code or with the place where it failed in another process
#: (path and function, with a NUL between them).
Coded = tuple[type, str]

#: File, line, function and source line of a traceback that is only a text.
TextFrame = tuple[str, int, str, str]

#: Templates of messages seen lately, so that few are masked (1 to 3 µs): of those without
#: digits by the message, of the others by its shape, in which each digit is a zero. All digits
#: are masked, so messages of one shape have one template, unless some of them are a code: then
#: it is known where those stand, and the template for each. Messages that are different every
#: time must not fill the memory.
_MAX_CODES = 20
_constants: dict[str, str] = {}
_shapes: dict[bytes, str | CodedShape] = {}
_ZEROS = bytes.maketrans(b"123456789", b"000000000")

#: Between two messages: seconds until the next sample of a group, which double with each up to
#: the longest, since a store writes each of them.
SAMPLE_EVERY, SAMPLE_EVERY_MOST = 1.0, 15.0

#: Between two messages: errors of a group that are looked at, and of those the ones that say
#: something new and are captured at once.
LOOKS, TURNS = 100, 3
MAX_SEEN = 64

#: What is not told apart is news because of a new text so often in so many seconds.
NEWS, NEWS_SECONDS = 10, 3600.0

_ABSENT = object()

#: What has been learnt of the program, so that a call costs no more than a look-up: templates
#: whose arguments have held an exception or a traceback, types of exceptions that have a code.
_TELLING: set[str] = set()
_CODED: dict[type, bool] = {OSError: True}  # and whether it is an OSError
_MAX_LEARNT = 1000

#: Exception groups; there are none before Python 3.11.
EXCEPTION_GROUPS: tuple[type, ...] = tuple(
    t for t in (getattr(builtins, "BaseExceptionGroup", None),) if t is not None
)


class Tally(count):  # type: ignore[type-arg]  # not to be subscripted at run time
    """The counter of one kind of error in one handler; `next` counts one.

    It only ever grows, by a step that no other thread can split: one call into C. The
    worker reads it and keeps the difference; a reader that reset it would lose errors.
    It is an `itertools.count` and does not hold one, because each object less that a call
    has to fetch from memory is 1 % of a call where many kinds of errors take turns.
    """

    __slots__ = (
        "counted",
        "identity",
        "looks",
        "muted",
        "needs_wakeup",
        "news",
        "news_at",
        "news_left",
        "origin",
        "roused",
        "sample_at",
        "sample_every",
        "seen",
        "turns",
    )  # fmt: skip

    def __new__(cls, origin: GroupSeed) -> Tally:
        return super().__new__(cls)  # type: ignore[return-value]  # it is one of these

    def __init__(self, origin: GroupSeed) -> None:
        #: The next error is looked at: the worker does not know of any later than those he
        #: has read, or what it says may be new to the group.
        self.needs_wakeup = True
        #: The worker has been told that there is something to read.
        self.roused = False
        #: Monotonic time from which on the next error is captured, and how long after that
        #: the one that comes then.
        self.sample_at = 0.0
        self.sample_every = SAMPLE_EVERY
        #: How many more errors are looked at, and how many of them may be captured out of
        #: turn, until a message tells of the group.
        self.looks, self.turns = LOOKS, TURNS
        #: What its errors have said, as numbers that mean something in this process only.
        self.seen: set[int] = set()
        #: A group of what is not told apart says something new; so often more until `news_at`.
        self.news = False
        self.news_left, self.news_at = 0, 0.0
        self.origin = origin
        #: Below: the worker's alone.
        self.counted = 0
        self.muted = False
        self.identity: Identity | None = None

    def is_new(self, said: int, now: float) -> bool:
        """Whether an error says something that none of the group has said. For one that holds
        what is not told apart that is news, ten times an hour at most."""
        if said in self.seen:
            return False
        if len(self.seen) >= MAX_SEEN:
            self.seen.clear()
        first = not self.seen
        self.seen.add(said)
        if first:
            return False
        if self.origin.is_crowd:
            if now >= self.news_at:
                self.news_left, self.news_at = NEWS, now + NEWS_SECONDS
            self.news = self.news or self.news_left > 0
            self.news_left -= 1
        return True

    def sampled(self, now: float) -> None:
        """One of its errors is captured."""
        self.sample_at = now + self.sample_every
        self.sample_every = min(2 * self.sample_every, SAMPLE_EVERY_MOST)

    def watch_anew(self) -> None:
        """A message has told of the group: the next error is captured, what differs noticed."""
        self.sample_at, self.sample_every = 0.0, SAMPLE_EVERY
        self.looks, self.turns = LOOKS, TURNS
        self.needs_wakeup = True

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
            _place(exc_info[2] or error.__traceback__),
        )
    message = record.msg
    if type(message) is str:
        what: Hashable
        if record.args:
            if message in _TELLING:
                return _of_arguments(record, message)
            return (record.name, record.levelno, record.pathname, record.lineno, message)
        if record.exc_text:
            what = _text_exception(record.exc_text[-MAX_TEXT:])
        else:
            # A call less for most; what is long is not even hashed.
            what = len(message) <= WHOLE and _constants.get(message)
            if not what:
                what = _template_of_unseen(message)
                if what is _LIVE:
                    return _of_object(record, sys.exc_info()[1])
    elif isinstance(message, dict):
        if "exc_info" in message or "fingerprint" in message or "exception" in message:
            return _of_object(record, message)
        event = message.get("event")
        if isinstance(event, str):
            what = (len(event) <= WHOLE and _constants.get(event)) or _template_of_unseen(event)
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
        return (*site, _types(error), _place(error.__traceback__))
    if isinstance(message, dict):
        if "fingerprint" in message:
            return explicit(message["fingerprint"], record)
        text = message.get("exception")
        if isinstance(text, str) and _TRACEBACK in text[-MAX_TEXT:]:
            return (*site, _text_exception(text[-MAX_TEXT:]))
        event = message.get("event")
        if isinstance(event, str):
            return (*site, template_of(event))
    return (*site, type(message))


def _of_arguments(record: logging.LogRecord, message: str) -> Key:
    """The fingerprint of a record whose arguments may hold an exception or a traceback."""
    site = (record.name, record.levelno, record.pathname, record.lineno)
    error = find_error(record)
    if error is not None:
        return (*site, _types(error), _place(error.__traceback__))
    for argument in arguments(record):
        if type(argument) is str and record.name == WARNINGS:  # before 3.11
            return (*site, template_of(argument))
        if type(argument) is str and (found := _traced(argument)) is not None:
            return (*site, found._replace(template=message[:WHOLE]))
    return (*site, message)


def learn(record: logging.LogRecord) -> bool:
    """Look at a record of an unknown kind more closely; returns whether another look at its
    fingerprint is worth it."""
    message = record.msg
    is_text = type(message) is str and not record.args and not record.exc_info
    if is_text and _FRAME not in message[-MAX_TRACEBACK:]:
        return False  # of texts that are always new this is all
    learnt = False
    if record.args and type(message) is str and message not in _TELLING:
        learnt = record.name == WARNINGS or any(map(_tells, arguments(record)))
        if learnt and len(message) < MAX_TEXT:
            _bound(_TELLING)
            _TELLING.add(message)
    error = find_error(record)
    for each in () if error is None else chain(error):
        if type(each) not in _CODED and (code_of(each) or remote_traceback(each)):
            _bound(_CODED)
            _CODED[type(each)] = isinstance(each, OSError)
            learnt = True
    return learnt


def _bound(known: dict[Any, Any] | set[Any]) -> None:
    """What is remembered of the program must not fill the memory."""
    if len(known) >= _MAX_LEARNT:
        known.clear()


def arguments(record: logging.LogRecord) -> Iterable[Any]:
    """The values that a record's message is filled with."""
    args: Any = record.args
    return args.values() if isinstance(args, Mapping) else args if type(args) is tuple else ()


def _tells(argument: Any) -> bool:
    kind = type(argument)
    if kind is str:
        return _FRAME in argument[-MAX_TRACEBACK:]
    return issubclass(kind, BaseException)


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
    exc_info: Any = record.exc_info
    if exc_info:
        error = exc_info[1]
        return error if isinstance(error, BaseException) else None
    message: object = record.msg
    if isinstance(message, dict):
        message = message.get("exc_info")
        if message is True or message == 1:
            return sys.exc_info()[1]
        if isinstance(message, tuple) and len(message) == 3:
            message = message[1]
    elif type(message) is str:
        return _error_in_text(record, message)
    return message if isinstance(message, BaseException) else None


def _error_in_text(record: logging.LogRecord, message: str) -> BaseException | None:
    """The exception among the arguments, or the one being handled if its traceback is there."""
    if not record.args:
        return live_error(message)
    if message not in _TELLING:
        return None
    found: BaseException | None = None
    for argument in arguments(record):
        if issubclass(type(argument), BaseException):
            error: BaseException = argument
            return error
        if type(argument) is str:
            found = found or live_error(argument)
    return found


def live_error(text: str) -> BaseException | None:
    """The exception that is being handled, if a text ends with its traceback."""
    if _FRAME not in text[-MAX_TRACEBACK:]:
        return None
    kind, error, tb = sys.exc_info()
    if error is None or kind is None or tb is None:
        return None
    while tb.tb_next is not None:
        tb = tb.tb_next
    text = text[-MAX_TRACEBACK:].rstrip()
    code = tb.tb_frame.f_code
    inner = f'{_FRAME}{code.co_filename}", line {tb.tb_lineno}, in {code.co_name}\n'
    rest = text[text.rfind(_FRAME) :]
    # Its last line, without asking the exception what it says: that is code of others.
    name = kind.__qualname__
    names = (f"\n{name}", f"\n{kind.__module__}.{name}")
    return error if rest.startswith(inner) and any(name in rest for name in names) else None


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
    """The types along the chain, with codes; the type itself for the usual chain of one."""
    if isinstance(error, EXCEPTION_GROUPS):
        return (type(error), *_part_types(error))
    if error.__context__ is None and error.__cause__ is None:
        kind = type(error)
        is_os = _CODED.get(kind)
        if is_os is None:
            return kind
        if is_os and type(number := errno_of(error)) is int:
            return kind, number
        return _coded(error)
    found = tuple([_coded(e) if type(e) in _CODED else type(e) for e in chain(error)])
    return found if len(found) > 1 else found[0]


def _coded(error: BaseException) -> Any:
    """The type of an exception that may have a code, and the code."""
    code = code_of(error)
    if code:
        return (type(error), code)
    remote = remote_traceback(error)
    return (type(error), _remote_place(remote)) if remote else type(error)


def _remote_place(text: str) -> str:
    _, frames = text_traceback(text[-MAX_TRACEBACK:])
    own = [frame for frame in frames if not is_library_by_name(frame[0])] or frames[-1:]
    return f"{own[-1][0]}\0{own[-1][2]}" if own else ""


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
    frame = last.tb_frame
    code = frame.f_code
    file = code.co_filename
    inner = (file, code.co_firstlineno, last.tb_lasti)
    library = LIBRARIES.get(file)
    if library is None:
        library = is_library(file, frame.f_globals)
    if not library:
        return inner
    own = _own_frame(tb)
    if own is None:
        return inner
    code = own.tb_frame.f_code
    return (*inner, code.co_filename, code.co_firstlineno, own.tb_lasti)


def _own_frame(tb: TracebackType | None) -> TracebackType | None:
    found = None
    while tb is not None:
        frame = tb.tb_frame
        file = frame.f_code.co_filename
        library = LIBRARIES.get(file)
        if library is None:
            library = is_library(file, frame.f_globals)
        if not library:
            found = tb
        tb = tb.tb_next
    return found


def template_of(message: str) -> Hashable:
    """What stays the same in a message that arrives already rendered."""
    return (len(message) <= WHOLE and _constants.get(message)) or _template_of_unseen(message)


def _template_of_unseen(message: str) -> Any:
    """The same for one that is not among the constants."""
    if len(message) > WHOLE:
        return _structure(message) or mask(message)
    shape = message.encode("utf-8", "surrogatepass").translate(_ZEROS)
    template = _shapes.get(shape)
    if type(template) is CodedShape:
        codes = message[template.span]
        return template.get(codes) or template.add(codes, message)
    return template or _looked_at(message, shape)


def _looked_at(message: str, shape: bytes) -> Hashable:
    if (message[:1] == "{" or _FRAME in message) and (found := _structure(message)) is not None:
        return found
    if b"0" not in shape:
        _bound(_constants)
        template = _constants[message] = mask(message, digits=not message.isascii())
        return template
    template = mask(message)
    spans = code_spans(message)
    _bound(_shapes)
    _shapes[shape] = CodedShape(spans) if spans else template
    return template


class CodedShape(dict[str, str]):
    """Templates of messages that differ in their digits, some of which are a code: by the part
    of the message in which its codes stand."""

    __slots__ = ("span",)

    def __init__(self, spans: tuple[slice, ...]) -> None:
        self.span = slice(spans[0].start, spans[-1].stop)

    def add(self, codes: str, message: str) -> str:
        """Codes are few, but there may be something else between two of them."""
        if len(self) >= _MAX_CODES:
            self.clear()
        template = self[codes] = mask(message)
        return template


def _structure(message: str) -> Hashable | None:
    """What tells a message apart that is a JSON object or holds a traceback; None for others."""
    if message[:1] == "{" and (said := json_message(message)) is not None:
        text, fields = said
        trace = next((t for t in map(fields.get, JSON_TRACEBACKS) if type(t) is str), "")
        if (found := _traced(trace)) is not None:
            return found._replace(template=mask(text))
        return mask(text)
    if _FRAME in message[-MAX_TRACEBACK:]:
        return _LIVE if live_error(message) is not None else _traced(message)
    return None


def json_message(message: str) -> tuple[str, dict[str, Any]] | None:
    """The text of a JSON object that is a log line, and its other fields; None for others.

    Whoever could write the line could write all of it: nothing but the text is believed.
    """
    if len(message) > MAX_TEXT:
        return None
    try:
        event = json.loads(message)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict):
        return None
    for key in ("event", "message", "msg"):
        if isinstance(event.get(key), (str, int, float)):
            return str(event.pop(key)), event
    return None


JSON_TRACEBACKS = ("exception", "exc_info", "traceback", "stack_trace", "error.stack_trace")


class Traced(NamedTuple):
    """A text with a traceback in it, as the last part of a key."""

    type: str
    inner: TextFrame
    own: TextFrame | None
    #: What the text is about. None: logging itself has rendered the record's exception.
    template: str | None = None


#: Stands for a text whose traceback is that of the exception being handled.
_LIVE = "the exception being handled"


def _text_exception(text: str) -> Hashable:
    """Type and place of the exception of a record that has only its text left."""
    return _traced_in(text) or mask(text)


def _traced(text: str) -> Traced | None:
    """A text that holds a traceback in its end: what stands before that, its type and place."""
    end = text[-MAX_TRACEBACK:]
    if _FRAME not in end:
        return None
    before = text[:WHOLE].partition(_TRACEBACK)[0]
    found = _traced_in(end)
    return found and found._replace(template=mask(before.strip()))


def _traced_in(text: str) -> Traced | None:
    type_name, frames = text_traceback(text)
    if not frames:
        return None
    own = [frame for frame in frames if not is_library_by_name(frame[0])]
    return Traced(type_name, _known_by(frames[-1]), _known_by(own[-1]) if own else None)


def _known_by(frame: TextFrame) -> TextFrame:
    return (*frame[:3], "")


def text_traceback(text: str) -> tuple[str, list[TextFrame]]:
    """Type and frames of the last traceback in a text."""
    found = _TEXT_FRAME.findall(_last_traceback(text))
    return text_error(text)[0], [(f, int(line), name, code) for f, line, name, code in found]


def text_error(text: str) -> tuple[str, str]:
    """Type and words of the exception of the last traceback in a text: its frames are
    followed by them, and they may have many lines, some of which look like another type."""
    text, end = _last_traceback(text), 0
    for frame in _TEXT_FRAME.finditer(text):
        end = frame.end()
    found = _TEXT_TYPE.search(text, end)
    if found is None:
        return "", ""
    module, _, name = found[1].rpartition(".")
    return type_name(module, name), text[found.end() :].strip()


def _last_traceback(text: str) -> str:
    text = text[-MAX_TEXT:]
    return text[max(0, text.rfind(_TRACEBACK)) :]


class Tallies:
    """The tallies of one handler, bounded, and no call site takes what others need.

    `known` is read in every call, by the handler itself.
    """

    def __init__(self, max_groups: int) -> None:
        self.max_groups = max_groups
        self.known: dict[Key, Tally] = {}
        self._sites: dict[Site, Variety] = {}
        #: Call sites that have wanted more groups than they may make.
        self._crowded: set[Site] = set()
        #: Where their next new text belongs, by the start of its key; until allowances change.
        self._crowds: dict[Key, tuple[Tally, Variety]] = {}

    def add(self, key: Key, record: logging.LogRecord) -> Tally:
        """The tally for a key that is not known: a new one, or that of a crowd."""
        if len(key) == 5 and (crowd := self._crowds.get(key[:4])) is not None:
            text = record.msg
            if type(text) is str and not crowd[1].is_constant(text, key):
                return crowd[0]
        return self._added(key, record)

    def _added(self, key: Key, record: logging.LogRecord) -> Tally:
        known = key
        site = site_of(record)
        variety = self._sites.get(site) or Variety(record.name)
        key, allowance = self._allowed(key, record, site, variety)
        if (tally := self.known.get(key)) is not None:
            if key[-1] is OVERFLOW and len(known) == 5:
                self._crowds[known[:4]] = tally, variety
            return tally
        if not self._has_room(variety):
            key = OTHER_KEYS[record.levelno >= logging.CRITICAL]
            if (tally := self.known.get(key)) is not None:
                return tally
        else:
            allowance.add(key)
            self._sites.setdefault(site, variety)
        origin = GroupSeed(record, key, site, changing=allowance is variety.changing)
        # setdefault: two threads may meet here, and one of the two tallies would be lost.
        return self.known.setdefault(key, Tally(origin))

    def remove(self, tally: Tally) -> None:
        """Forget a tally, so that its call site may make another group."""
        self._crowds.clear()
        key = tally.origin.key
        self.known.pop(key, None)
        variety = self._sites.get(tally.origin.site)
        if variety is not None:
            for allowance in (variety.changing, variety.constant, variety.others):
                allowance.discard(key)
            if not variety.groups:
                self._sites.pop(tally.origin.site, None)

    def come_again(self, tally: Tally, record: logging.LogRecord) -> None:
        """Another error of a group: a text that is the same object as before is constant."""
        origin = tally.origin
        if origin.text is not None and origin.text is text_of(record):
            origin.text = None
            variety = self._sites.get(origin.site)
            if variety is not None and origin.key in variety.changing:
                self._crowds.clear()
                variety.constant.add(origin.key)
                variety.changing.discard(origin.key)
                origin.changing = False

    def _allowed(
        self, key: Key, record: logging.LogRecord, site: Site, variety: Variety
    ) -> tuple[Key, set[Key]]:
        """The key that a record may have, and what it is counted against."""
        # Beyond its allowance this runs for every error of a call site.
        is_changing = len(variety.changing) < MAX_VARIANTS
        if isinstance(key[-1], Job):  # as many as the program has
            return key, variety.others
        if len(key) == 6:
            bare = (*key[:4], _without_codes(key[4]), key[5])
            if bare != key and is_changing:
                return key, variety.changing
            here = sum(each[5] == key[5] for each in tuple(variety.others) if len(each) == 6)
            if here < MAX_CONSTANT or bare in self.known:
                return bare, variety.others
        elif len(variety.constant) < MAX_CONSTANT and variety.is_constant(text_of(record), key):
            return key, variety.constant
        elif is_changing:
            return key, variety.changing
        self._crowded.add(site)
        return (variety.logger, *site[1:], OVERFLOW), variety.others

    def _has_room(self, variety: Variety) -> bool:
        """A tenth is kept for call sites that have none yet."""
        return self._room > (self.max_groups // 10 if variety.groups else 0)

    @property
    def _room(self) -> int:
        crowds = (OTHER_KEYS[0] in self.known) + (OTHER_KEYS[1] in self.known)
        return self.max_groups - (len(self.known) - crowds)

    @property
    def is_full(self) -> bool:
        """Whether a call site that has a group can make no other."""
        return self._room <= self.max_groups // 10

    def take_crowded(self) -> set[Site]:
        """The call sites that have wanted more groups than they may make, since last asked."""
        self._crowds.clear()  # so that those who want more are noted again
        crowded, self._crowded = self._crowded, set()
        return crowded

    def site_of(self, key: Key) -> Site | None:
        """The call site of a group that is known."""
        tally = self.known.get(key)
        return None if tally is None else tally.origin.site


def _without_codes(kinds: Any) -> Any:
    bare = tuple([kind for kind, _ in _flat(kinds)])
    return bare if len(bare) > 1 else bare[0]


class GroupSeed:
    """Where a group comes from: noted in the line that logs, made an `Identity` later."""

    __slots__ = (
        "changing", "codes", "function", "key", "level", "logger", "pathname", "site", "text",
        "types",
    )  # fmt: skip

    def __init__(
        self, record: logging.LogRecord, key: Key, site: Site = (), *, changing: bool = False
    ) -> None:
        self.key = key
        # A failed task of Celery's stands under its own name (see `contrib.celery`).
        self.logger = as_text(key[0] if len(key) > 3 else record.name)
        self.level = record.levelno
        self.pathname = as_text(record.pathname)
        self.function = as_text(record.funcName)
        if (warned := warned_by(record)) is not None:
            self.pathname, self.function = as_text(warned["filename"]), ""
        self.site = site
        #: The group is one of the few that its call site may make of values that change.
        self.changing = changing
        text = text_of(record)
        self.text = text if changing and type(text) is str and len(text) <= WHOLE else None
        self.types: tuple[Coded, ...] = ()
        self.codes: tuple[CodeType, ...] = ()
        error = find_error(record)
        if error is not None:
            kinds = key[4] if len(key) == 6 else _types(error)
            self.types = _flat(kinds)
            self.codes = _codes(error, record)

    @property
    def is_crowd(self) -> bool:
        """Whether the group holds what is not told apart."""
        return len(self.key) == 1 or self.key[-1] is OVERFLOW


def _flat(kinds: Any) -> tuple[Coded, ...]:
    """`_types` in one shape."""
    if not isinstance(kinds, tuple) or isinstance(kinds[-1], (str, int)):
        kinds = (kinds,)
    pairs = (kind if isinstance(kind, tuple) else (kind, "") for kind in kinds)
    return tuple((kind, as_code(code) if type(code) is int else code) for kind, code in pairs)


def _codes(error: BaseException, record: logging.LogRecord) -> tuple[CodeType, ...]:
    tb = (record.exc_info[2] if record.exc_info else None) or error.__traceback__
    if tb is None:
        return ()
    last = tb
    while (following := last.tb_next) is not None:
        last = following
    inner = last.tb_frame.f_code
    own = _own_frame(tb) if is_library(inner.co_filename) else None
    return (inner,) if own is None else (inner, own.tb_frame.f_code)
