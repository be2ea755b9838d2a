"""From tallies to entries: what was counted since the worker looked last.

On the worker's thread, except for `seen`.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from structlog import DropEvent

from wecom_logging._capture.capture import complete, in_short
from wecom_logging._capture.identity import identify
from wecom_logging._capture.keys import Key
from wecom_logging._capture.tally import Tally
from wecom_logging._capture.variety import Tallies
from wecom_logging._model.digest import Event, Identity, others
from wecom_logging._rendering.sample import first_words
from wecom_logging._runtime.diagnostics import warn_rarely
from wecom_logging._runtime.native import monotonic
from wecom_logging._runtime.values import NamedTuple
from wecom_logging._stores.protocol import Entry
from wecom_logging._worker.delivery import where
from wecom_logging.stats import StatsRecorder

if TYPE_CHECKING:
    from wecom_logging._worker.components import Components

#: What is kept of an event whose redaction or processor failed: nothing the application wrote.
_SAFE = ("level", "logger", "timestamp", "pathname", "module", "func_name", "lineno", "process")

#: CPU seconds that the samples of one reading may take. Later ones are told in short, so that
#: nobody's long texts hold up the counts, and with them a CRITICAL.
MAX_SECONDS = 0.25

Processor = Callable[[Any, str, Event], Any]


class _Noted(NamedTuple):
    """The samples of a tally that has counted, before and after the processors."""

    samples: list[Event]
    events: list[Event]


class Collector:
    """Reads the tallies of one handler, and runs the processors on their samples.

    Args:
        tallies: The table that the handler counts in.
    """

    def __init__(self, components: Components, tallies: Tallies, recorder: StatsRecorder) -> None:
        self._tallies, self._recorder = tallies, recorder
        self._processors, self._redact = components.processors, components.redact
        self._show_source = components.style.show_source
        self._quiet_after = components.quiet_after
        self._woken: dict[Tally, _Noted] = {}
        self._deadline = 0.0
        #: Samples of errors that have been merged without them; the next ones bring them.
        self._early: dict[Tally, tuple[Event, ...]] = {}
        #: Tallies of groups that are over, and what they had counted then. From any thread.
        self.endings: dict[Tally, int] = {}
        self._by_group: dict[str, list[Tally]] = {}
        self._read_at: dict[Key, float] = {}
        #: Errors of tallies that are gone, and the tallies that are going.
        self._retired: tuple[int, tuple[Tally, ...]] = (0, ())

    def seen(self) -> int:
        """All errors ever counted. On any thread, without a lock."""
        while True:
            retired = self._retired
            counted, leaving = retired
            tallies = {*list(self._tallies.known.values()), *leaving}
            # A tally is in `leaving` before it leaves the table. The set counts it once, unless
            # it has gone for good meanwhile.
            if retired is self._retired:
                return counted + sum(tally.value for tally in tallies)

    def has_unread(self) -> bool:
        """Whether something was counted since it was read last. On any thread."""
        return any(t.value != t.counted for t in list(self._tallies.known.values()))

    def note(self, tally: Tally, sample: Event | None) -> float | None:
        """Take note of a tally that has counted; returns when it was read last, if ever."""
        noted = self._woken.setdefault(tally, _Noted([], []))
        if sample is not None:
            noted.samples.append(sample)
        return self._read_at.get(tally.origin.key)

    @property
    def has_noted(self) -> bool:
        """Whether a tally was noted since the last reading."""
        return bool(self._woken)

    def note_all(self) -> None:
        """Take note of every tally that has counted and could not say so, for want of a thread or
        of stack; not of one that is about to: its sample is on its way."""
        for tally in list(self._tallies.known.values()):
            if tally.roused or tally in self._tallies.rousing:
                continue
            if tally.value != tally.counted or tally in self.endings:
                self._woken.setdefault(tally, _Noted([], []))

    def entries(self) -> tuple[Entry, ...]:
        """What the tallies that were noted have counted since they were read last.

        All of them, or none if it raises: then the next call brings them, but for the texts
        of the one that was at work.
        """
        self._deadline = time.thread_time() + MAX_SECONDS
        read = [(tally, *self._read(tally, noted)) for tally, noted in self._woken.items()]
        self._woken = {}
        entries = []
        for tally, value, entry in read:
            tally.counted = value
            if self.endings.get(tally, value + 1) <= value:
                self.endings.pop(tally, None)
            if entry.errors and tally.muted:
                self._recorder.add(muted=entry.errors)
                entry = entry._replace(errors=0)
            elif entry.samples and not entry.errors:
                # Its error was read before the sample had come.
                self._early[tally] = entry.samples
                entry = entry._replace(samples=())
            if entry.errors or entry.over:
                self._early.pop(tally, None)
                if tally.news:
                    entry, tally.news = entry._replace(news=True), False
                entries.append(entry)
        return tuple(entries)

    def want_samples(self, group_ids: Iterable[str]) -> None:
        """Have the next error of each group captured: a message has told of it."""
        for group_id in group_ids:
            for tally in self._by_group.get(group_id, ()):
                tally.watch_anew()

    # -- one tally ---------------------------------------------------------------------

    def _read(self, tally: Tally, noted: _Noted) -> tuple[int, Entry]:
        """The value of a tally, and what is new in it."""
        # In this order: who counts after the value was read finds that the tally needs a wake-up.
        tally.roused = False
        tally.needs_wakeup = True
        value = tally.value
        self._read_at[tally.origin.key] = monotonic()
        identity = self._identity(tally)
        self._process_samples(tally, noted)
        events = (*self._early.get(tally, ()), *noted.events)
        if events and not identity.text:
            identity = tally.identity = identity._replace(text=first_words(events[0]))
        # Errors that it has counted since are those of a group that is not over.
        over = self.endings.get(tally) == value
        return value, Entry(identity, value - tally.counted, events, over=over)

    def _identity(self, tally: Tally) -> Identity:
        if tally.identity is None:
            tally.identity = self._identified(tally)
            for group_id in _ways(tally.identity):
                self._by_group.setdefault(group_id, []).append(tally)
        elif tally.identity.changing and not tally.origin.changing:
            tally.identity = tally.identity._replace(changing=False)  # the same text came again
        return tally.identity

    def _identified(self, tally: Tally) -> Identity:
        try:
            found = identify(tally.origin)
            names = ("logger", "type", "template", "code")
            texts = {name: text for name in names if (text := getattr(found, name))}
            if found.from_text:
                texts["place"] = found.place
            return found._replace(**self._redact(None, "", texts))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a fingerprint whose `__repr__` raises; whatever it
            # is, an error that has no name is counted all the same
            warn_rarely(
                f"identity {type(error).__name__}",
                f"a kind of error cannot be told apart, it counts as others ({where(error)})",
            )
            return others(critical=tally.origin.level >= logging.CRITICAL)

    def _process_samples(self, tally: Tally, noted: _Noted) -> None:
        while noted.samples:
            try:
                event = self._process(noted.samples.pop(0))
            except DropEvent:
                tally.muted = True  # with what is counted until the next sample
            else:
                tally.muted = False
                noted.events.append(event)

    def _process(self, sample: Event) -> Event:
        logger = _logger(sample["logger"] or "root")
        level = sample["level"]
        safe: Event = {}
        event: Any = in_short(sample) if time.thread_time() > self._deadline else sample
        for processor in (self._complete, *self._processors):
            try:
                event = processor(logger, level, event)
                if not isinstance(event, dict):
                    raise TypeError(f"returned {type(event).__name__} instead of the event dict")
            except (DropEvent, KeyboardInterrupt):
                raise
            except BaseException as error:  # a SystemExit, a CancelledError
                name = getattr(processor, "__qualname__", type(processor).__qualname__)
                warn_rarely(
                    f"processor {name}",
                    f"processor {name} failed with {type(error).__name__}; its events are"
                    " told without their texts",
                )
                return {**{key: safe[key] for key in _SAFE if key in safe}, "event": ""}
            # As our own first step leaves it: what others put in may be anything.
            safe = safe or dict(event)
        found: Event = event
        return found

    def _complete(self, logger: Any, method_name: str, event: Event) -> Event:
        return complete(event, show_source=self._show_source)

    # -- bounds ------------------------------------------------------------------------

    def make_room(self) -> None:
        """Forget tallies that have been silent, longest first, when the table is full, or a
        call site has made all the groups that it may."""
        tallies = self._tallies
        full, crowded = tallies.is_full, tallies.take_crowded()
        if full or crowded:
            before = monotonic() - self._quiet_after
            silent = [key for key, at in self._read_at.items() if at <= before]
            silent.sort(key=self._read_at.__getitem__)
            spare = max(1, tallies.max_groups // 10) if full else 0
            for index, key in enumerate(silent):
                if index < spare or tallies.site_of(key) in crowded:
                    self._retire(key)
        if self._retired[1]:
            self._forget_retired()

    def _retire(self, key: Key) -> None:
        self._read_at.pop(key, None)
        tally = self._tallies.known.get(key)
        if tally is not None and not tally.roused:
            counted, leaving = self._retired
            self._retired = (counted, (*leaving, tally))
            self._tallies.remove(tally)
            self._early.pop(tally, None)
            self._unlink(tally)

    def _forget_retired(self) -> None:
        """A tally that has left the table stays readable until no caller is between looking it up
        and counting with it: only then is its value final."""
        counted, leaving = self._retired
        gone = {
            id(tally): tally.counted
            for tally in leaving
            # Held by the tuple, by the loop and by the call itself.
            if sys.getrefcount(tally) <= 3 and not tally.roused and tally.value == tally.counted
        }
        rest = tuple(tally for tally in leaving if id(tally) not in gone)
        self._retired = (counted + sum(gone.values()), rest)

    def _unlink(self, tally: Tally) -> None:
        if tally.identity is None:
            return
        for group_id in _ways(tally.identity):
            rest = [t for t in self._by_group.get(group_id, ()) if t is not tally]
            if rest:
                self._by_group[group_id] = rest
            else:
                self._by_group.pop(group_id, None)


def _ways(identity: Identity) -> Iterable[str]:
    """The groups of a store that errors may be counted in."""
    yield identity.id
    if identity.allowance is not None:
        yield from filter(None, (identity.bare, identity.site))


def _logger(name: str) -> logging.Logger:
    """The logger of that name, or a stand-in: foreign names must not become loggers that live for
    ever."""
    known = logging.root.manager.loggerDict.get(name)
    if name == "root":
        return logging.root
    return known if isinstance(known, logging.Logger) else logging.Logger(name)
