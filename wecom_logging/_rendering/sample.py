"""What a captured event says: read with suspicion, into values that can be relied on.

An event comes out of a store and is as little trusted as a log line: any key may be
missing, of a wrong type, or nested without end. What cannot be read is left out; reading
never raises. The texts themselves are still hostile: whoever shows one neutralises it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import filterfalse

from wecom_logging._rendering.words import (
    bounded,
    framework_facts,
    joined,
    without_boilerplate,
    without_frame,
)
from wecom_logging._runtime.lazy import cached
from wecom_logging._runtime.values import NamedTuple

#: Keys of an event that are not context.
_OWN_KEYS = frozenset((
    "event", "level", "logger", "timestamp", "pathname", "module", "func_name", "lineno",
    "process", "thread_name", "exception", "stack", "stack_frames", "breadcrumbs", "output",
    "left_out", "warning",
))  # fmt: skip

#: Exception groups nested deeper than this are not looked into.
_MAX_DEPTH = 8
#: Characters that are remembered of the first words of a group.
_FIRST_WORDS = 200


class Frame(NamedTuple):
    """One place in a traceback; `line` is 0 and texts are empty where nothing is known."""

    path: str = ""
    line: int = 0
    name: str = ""
    source: str = ""
    library: bool = False
    locals: tuple[tuple[str, str], ...] = ()

    @property
    def place(self) -> str:
        """As it is shown, `pay/gateway.py:41 post`, or as much of it as is known."""
        where = f"{self.path}:{self.line}" if self.path and self.line > 0 else self.path
        return f"{where} {self.name}" if where and self.name else where or self.name


class ExceptionView:
    """One exception of a chain."""

    def __init__(self, raw: Mapping[str, object], depth: int) -> None:
        notes, parts = raw.get("exc_notes"), raw.get("exceptions") if depth else None
        chains = [_chain(part, depth - 1) for part in parts] if isinstance(parts, list) else []
        self._calls = raw.get("frames")
        self.type, self.value = as_str(raw.get("exc_type")), as_str(raw.get("exc_value"))
        own_name = f"{self.type.rpartition('.')[2]}: "
        #: The value without what the library says every time.
        self.words = bounded(without_boilerplate(self.value).removeprefix(own_name))
        #: Whether it is the declared cause (`raise … from`) of the exception before it.
        self.is_cause = raw.get("is_cause") is True
        self.notes = list(map(as_str, notes)) if isinstance(notes, (list, tuple)) else []
        #: Where the parser stopped, for a `SyntaxError`.
        self.syntax = next(map(_frame, _dicts([raw.get("syntax_error")])), None)
        #: The chains of the parts of an exception group.
        self.parts = list(filter(None, chains))
        #: What the failed program has written, for a `CalledProcessError`.
        self.stderr = as_str(raw.get("stderr")).strip()
        #: Whether it came from one that was not captured any more.
        self.goes_on = raw.get("goes_on") is True
        #: Whether it was read out of a text, which may say anything.
        self.from_text = raw.get("from_text") is True

    @cached
    def frames(self) -> list[Frame]:
        """The calls, outermost first, as in a traceback. Most are never looked at."""
        return list(map(_frame, _dicts(self._calls)))

    @cached
    def places(self) -> list[tuple[Frame, int]]:
        """Where it went through the application's own code, innermost first.

        Each place once, with how often it was there: that folds any recursion. Without code
        of its own, where it broke in a library.
        """
        return places(self.frames)

    @property
    def skipped(self) -> bool:
        """Whether frames are missing from the middle of a very deep traceback."""
        return any(frame.name and not frame.path for frame in self.frames)

    def leaves(self) -> Iterator[ExceptionView]:
        """The parts of a group that are no groups themselves."""
        for chain in self.parts:
            if chain[0].parts:
                yield from chain[0].leaves()
            else:
                yield chain[0]

    def part_types(self) -> list[tuple[str, int]]:
        """How many parts there are of each type, the most frequent first."""
        return Counter(leaf.type for leaf in self.leaves()).most_common()


class Crumb(NamedTuple):
    """An earlier record of the same request, task or thread."""

    time: str
    level: str
    logger: str
    message: str


class Sample:
    """One captured event. What few ask for is read when somebody does."""

    def __init__(self, event: Mapping[object, object]) -> None:
        get = event.get
        self._event = event
        self.message, self.logger = as_str(get("event")), as_str(get("logger"))
        self.timestamp = as_str(get("timestamp"))
        self.process, self.thread = as_str(get("process")), as_str(get("thread_name"))
        place = as_str(get("pathname")), _as_number(get("lineno")), as_str(get("func_name"))
        #: Where it was logged.
        self.site = Frame(*place)
        #: The exception, then what it came from.
        self.chain = _chain(get("exception"), _MAX_DEPTH)
        self.stack = as_str(get("stack"))
        #: The last lines that a command has written.
        self.output = _lines(as_str(get("output")))
        #: What there was no time or room to capture.
        self.left_out = as_str(get("left_out"))
        words, self.context = self._words_and_context()
        #: What happened: the message without a formatter's or a framework's share.
        self.words = bounded(words)

    @cached
    def crumbs(self) -> list[Crumb]:
        return list(map(_crumb, _dicts(self._event.get("breadcrumbs"))))

    @cached
    def calls(self) -> list[Frame]:
        """The calls that led to a record with `stack_info`, outermost first."""
        return list(map(_frame, _dicts(self._event.get("stack_frames"))))

    @property
    def route(self) -> str:
        """The request or the task that it happened in."""
        get = self.context.get
        return joined(" ", get("method"), get("path")) or get("task") or ""

    @property
    def is_job_failure(self) -> bool:
        """Whether it was logged as `alerts` and Airflow's callback do."""
        return bool(self.chain) and self.message == f"{self.logger} failed"

    @property
    def text(self) -> str:
        """The most telling of what it says; "" if it says nothing."""
        texts = [self.words]
        for failure in self.chain:
            texts += [f"{leaf.type}: {leaf.words}" for leaf in failure.leaves()]
            texts.append(failure.words)
        return next(filter(None, texts), "")

    def _words_and_context(self) -> tuple[str, dict[str, str]]:
        """The message without what is said elsewhere, and what else is known."""
        site, context = self.site, _context(self._event)
        place = (site.path, site.path.rpartition("/")[2], site.name.strip("<>"), str(site.line))
        known = (self.logger, self.process, self.thread, as_str(self._event.get("module")), *place)
        words = without_frame(self.message.strip(), known)
        if words.startswith("{'"):  # a dict was logged: its items are context already
            told = {key: value for key, value in context.items() if f"'{key}': " in words}
            words = ", ".join(f"{key}={value}" for key, value in told.items()) or words
            context = {key: value for key, value in context.items() if key not in told}
        if warning := as_str(self._event.get("warning")):
            words = f"{warning}: {words}"
        if not self.chain:
            return words, context
        # The sentence of a job that has failed is among the facts.
        facts = {} if self.is_job_failure else framework_facts(words)
        if facts is None:  # "job failed: ", and then a traceback
            return words.rstrip(": "), context
        return "", {**facts, **context}


def first_words(event: object) -> str:
    """What a group that began with this event is called."""
    return read(event).text[:_FIRST_WORDS]


def places(frames: Sequence[Frame]) -> list[tuple[Frame, int]]:
    """The application's own places among `frames`, innermost first, and how often each."""
    found: dict[object, tuple[Frame, int]] = {}
    for frame in reversed(frames):
        if frame.path and not frame.library:
            first, times = found.get(where := (frame.path, frame.line, frame.name), (frame, 0))
            found[where] = first, times + 1
    return list(found.values()) or [(frame, 1) for frame in frames[-1:]]


def read(event: object) -> Sample:
    """The event as a `Sample`; an empty one if it is none."""
    return Sample(event) if isinstance(event, Mapping) else _nothing()


@cache
def _nothing() -> Sample:
    """The events of most groups are gone by the time that they are over."""
    return Sample({})


def _lines(text: str) -> tuple[str, ...]:
    """Lines that are not empty, without what a progress bar has overwritten in them."""
    lines = [line.rpartition("\r")[2] for line in text.replace("\r\n", "\n").split("\n")]
    return tuple(filter(str.strip, lines))


def as_str(value: object) -> str:
    """Any stored value as one string, nested ones as JSON; "" for None."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    try:
        if isinstance(value, (int, float)):
            return str(value)
        return json.dumps(value, ensure_ascii=False, default=str)
    except Exception:  # too deep, too long a number, no JSON after all
        return "?"


def _as_number(value: object) -> int:
    # No file has more lines than this; more digits than `str` converts may stand here.
    return value if isinstance(value, int) and value is not True and 0 < value < 10**9 else 0


def _dicts(value: object) -> list[Mapping[str, object]]:
    if not isinstance(value, (list, tuple)):
        return []
    return [each for each in value if isinstance(each, Mapping)]


def _context(event: Mapping[object, object]) -> dict[str, str]:
    others = filterfalse(_OWN_KEYS.__contains__, event)
    return {key: as_str(event[key]) for key in others if isinstance(key, str) and key[:1] != "_"}


def _crumb(raw: Mapping[str, object]) -> Crumb:
    time = raw.get("time") or raw.get("timestamp")
    return Crumb(*map(as_str, (time, raw.get("level"), raw.get("logger"), raw.get("event"))))


def _chain(raw: object, depth: int) -> list[ExceptionView]:
    if isinstance(raw, Mapping):  # a part of a group, in structlog's intermediate form
        raw = raw.get("stacks")
    return [ExceptionView(each, depth) for each in _dicts(raw)]


def _frame(raw: Mapping[str, object]) -> Frame:
    get, variables = raw.get, raw.get("locals")
    return Frame(
        path=as_str(get("filename")),
        line=_as_number(get("lineno")),
        name=as_str(get("name")),
        source=as_str(get("line")).strip(),
        library=get("library") is True,
        locals=tuple((as_str(key), as_str(value)) for key, value in variables.items())
        if variables and isinstance(variables, Mapping)
        else (),
    )
