"""The counter of one group in one handler, and where the group comes from."""

from __future__ import annotations

import logging
from itertools import count
from types import CodeType

from wecom_logging._capture.failure import (
    Coded,
    ends,
    find_error,
    pairs_of,
    traceback_of,
    types_of,
)
from wecom_logging._capture.keys import OVERFLOW, Key, Site, text_of, warned_by
from wecom_logging._capture.sanitize import as_text
from wecom_logging._capture.template import WHOLE
from wecom_logging._model.digest import Identity

#: Between two messages: seconds until the next sample of a group, which double with each up to
#: the longest, since a store writes each of them.
SAMPLE_EVERY, SAMPLE_EVERY_MOST = 1.0, 15.0
#: Between two messages: errors of a group that are looked at, and of those the ones that say
#: something new and are captured at once.
LOOKS, TURNS = 100, 3

MAX_SEEN = 64
#: What is not told apart is news because of a new text so often in so many seconds.
NEWS, NEWS_SECONDS = 10, 3600.0


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
            kinds = key[4] if len(key) == 6 else types_of(error)
            self.types = pairs_of(kinds)
            frames = ends(traceback_of(record, error))
            self.codes = tuple(each.tb_frame.f_code for each in frames)

    @property
    def is_crowd(self) -> bool:
        """Whether the group holds what is not told apart."""
        return len(self.key) == 1 or self.key[-1] is OVERFLOW


class PerSecond:
    """So many of something in each second. Two threads at once may have one more."""

    __slots__ = ("_most", "_taken")

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = (0, 0)

    def take(self, now: float) -> bool:
        """Whether there is one left in the second of `now` (monotonic time)."""
        second, taken = self._taken
        if second != int(now):
            second, taken = int(now), 0
        if taken >= self._most:
            return False
        self._taken = second, taken + 1
        return True


class Tally(count):  # type: ignore[type-arg]  # not to be subscripted at run time
    """The counter of one kind of error in one handler; `next` counts one.

    It only ever grows, by a step that no other thread can split: one call into C. The
    worker reads it and keeps the difference; a reader that reset it would lose errors.
    It is an `itertools.count` and does not hold one, because each object less that a call
    has to fetch from memory is 1 % of a call where many kinds of errors take turns.
    """

    __slots__ = (
        "counted", "identity", "looks", "muted", "needs_wakeup", "news", "news_at", "news_left",
        "origin", "roused", "sample_at", "sample_every", "seen", "turns",
    )  # fmt: skip

    def __new__(cls, origin: GroupSeed) -> Tally:
        return super().__new__(cls)  # type: ignore[return-value]  # it is one of these

    def __init__(self, origin: GroupSeed) -> None:
        #: The next error is looked at: the worker knows of none after those it has read, or what
        #: the error says may be new to the group.
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
        self.seen: tuple[int, ...] = ()
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
        first = not self.seen
        self.seen = (*self.seen[1 - MAX_SEEN :], said)
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
