"""The background thread: drain, process, merge, claim, render, send, settle, retry.

One courier for each handler. Its thread starts with the first error, sleeps while nothing
is due, and is the only one that touches network, disk or a store; only where no thread
can be started any more does the thread that exits do its work.
"""

from __future__ import annotations

import _thread
import json
import logging
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from queue import Empty, SimpleQueue
from threading import get_ident
from typing import Any

from structlog import DropEvent

from wecom_logging import process
from wecom_logging.capture import complete
from wecom_logging.complaints import complain, withdraw
from wecom_logging.digest import Event, Identity
from wecom_logging.errors import (
    ContentError,
    DeliveryError,
    RateLimitedError,
    SetupError,
    TokenError,
)
from wecom_logging.grouping import Key, Tallies, Tally, identify
from wecom_logging.rendering import Shape, Style, render
from wecom_logging.schedule import pause_after
from wecom_logging.senders.base import Message, Sender
from wecom_logging.senders.deadline import deadline
from wecom_logging.silence import DELIVERING, delivering
from wecom_logging.stores.base import Batch, Claim, Entry, Failure, Store

#: How long the courier lets the errors of known groups gather, seconds.
GATHER = 0.05

#: The longest pause after an error of our own, seconds.
STUMBLE = 60.0

SHAPES: tuple[Shape, ...] = ("full", "short", "text", "bare")

#: What is left of an event when a redaction or processor has failed: nothing that the
#: application wrote.
_SAFE = ("level", "logger", "timestamp", "pathname", "module", "func_name", "lineno", "process")

Processor = Callable[[Any, str, Event], Any]


@dataclass(frozen=True)
class Stats:
    """A handler's account. `seen == reported + pending + muted + lost`, in every reading."""

    #: Errors that reached the handler.
    seen: int
    #: Errors told in messages that WeCom has accepted, whoever sent them.
    reported: int
    #: Errors not told yet.
    pending: int
    #: Errors that a processor has dropped (`structlog.DropEvent`).
    muted: int
    #: Errors that will not be told; each loss was declared on stderr.
    lost: int
    #: Messages that this handler has sent, and attempts that failed.
    messages: int
    failures: int
    #: What the last failed attempt said, without secrets.
    last_error: str | None


@dataclass(frozen=True)
class _Books:
    """The courier's part of the account, replaced as a whole so that readers need no lock."""

    reported: int = 0
    muted: int = 0
    lost: int = 0
    messages: int = 0
    failures: int = 0
    last_error: str | None = None


class FlushRequest:
    """Somebody waits until nothing is pending, or until the deadline."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.done = threading.Event()
        #: The first attempt overrides a pause after a failure, later ones keep it.
        self.insists = True
        #: False: no thread can be started any more, who waits has to do the work.
        self.has_thread = True


@dataclass(frozen=True)
class Delivery:
    """What a courier needs to know of its handler's options."""

    open_store: Callable[[], Store]
    sender: Sender
    style: Style
    #: Ends with the redaction.
    processors: tuple[Processor, ...]
    redact_text: Callable[[str], str]
    #: On the thread that logs: an event for a record.
    capture: Callable[[logging.LogRecord, logging.Formatter | None], Event]
    host: str
    quiet_after: float = 600.0
    close_timeout: float = 5.0


class Courier:
    """Delivers what one handler has counted.

    `wake`, `ask`, `wait` and `stats` are for other threads; all else is done by whoever
    holds the turn, which is one thread at a time.
    """

    def __init__(self, delivery: Delivery, tallies: Tallies) -> None:
        self._delivery = delivery
        self._tallies = tallies
        self._source = f"{delivery.host}/{os.getpid()}/{os.urandom(4).hex()}"
        # SimpleQueue, because its `put` is re-entrant: a `__del__` that logs may run in the
        # middle of another `put` on the same thread.
        self._inbox: SimpleQueue[tuple[Tally, Event | None] | FlushRequest | None] = SimpleQueue()
        self._turn = _thread.allocate_lock()
        self._starting = False
        self._start_at = 0.0
        self._store: Store | None = None
        self._sequence = 0
        self._unmerged: list[Batch] = []
        self._woken: dict[Tally, list[Event]] = {}
        self._by_group: dict[str, list[tuple[Key, Tally]]] = {}
        self._drained: dict[Key, float] = {}
        #: Errors of tallies that are gone, and the tallies that are going.
        self._retired: tuple[int, tuple[Tally, ...]] = (0, ())
        self._flushes: list[FlushRequest] = []
        self._stumbles = 0
        self._given_up = False
        self._books = _Books()
        #: The handler is closed: end the thread when everything is delivered.
        self.closed = False

    # -- for other threads -------------------------------------------------------------

    @property
    def close_timeout(self) -> float:
        return self._delivery.close_timeout

    @property
    def last_error(self) -> str | None:
        return self._books.last_error

    def wake(self, tally: Tally, sample: Event | None) -> None:
        """A tally that was asleep has counted. Re-entrant, waits for nobody."""
        self._inbox.put((tally, sample))
        if process.exiting.last_call and self.closed:
            self.finish()  # nobody else will, not even at exit: this is after it
            return
        self.closed = False  # and still attached: it goes on
        if not self._turn.locked():
            self._start()

    def nudge(self) -> None:
        """Have the courier look, without waiting for it."""
        self._inbox.put(None)
        if not self._turn.locked():
            self._start()

    def close(self) -> None:
        """End the thread as soon as everything is delivered."""
        self.closed = True
        if self._turn.locked():
            self._inbox.put(None)

    def ask(self, deadline: float) -> FlushRequest:
        """Ask for everything to be delivered by `deadline` (monotonic time)."""
        request = FlushRequest(deadline)
        self._inbox.put(request)
        if not self._turn.locked() and not self._starting:
            request.has_thread = self._start(insist=True)
        return request

    def wait(self, request: FlushRequest) -> bool:
        """Wait for a request; returns whether nothing is pending any more."""
        if get_ident() in DELIVERING:
            return False  # a processor or a sender asks: it would wait for itself
        if not request.has_thread and self._turn.acquire(blocking=False):
            self._serve(request)
        request.done.wait(max(0.0, request.deadline - time.monotonic()))
        return not self.pending()

    def finish(self) -> None:
        """Deliver on this thread, within what the exit may still take."""
        began = time.monotonic()
        self.wait(self.ask(began + process.exiting.left(self.close_timeout)))
        process.exiting.waited(time.monotonic() - began)
        process.declare_lost(self)

    def pending(self) -> int:
        """Errors that have not been told."""
        return self.stats().pending

    def stats(self) -> Stats:
        # The books first: an error that is counted after them is pending, never negative.
        books = self._books
        seen = self._seen()
        return Stats(
            seen=seen,
            reported=books.reported,
            pending=seen - books.reported - books.muted - books.lost,
            muted=books.muted,
            lost=books.lost,
            messages=books.messages,
            failures=books.failures,
            last_error=books.last_error,
        )

    def give_up(self) -> int:
        """At exit: what is pending is lost. Returns how many errors that are."""
        pending = self.pending()
        self._given_up = self._given_up or pending > 0
        self._books = replace(self._books, lost=self._books.lost + pending)
        return pending

    def _seen(self) -> int:
        while True:
            retired = self._retired
            counted, leaving = retired
            tallies = {*list(self._tallies.known.values()), *leaving}
            # A tally goes into `leaving` before it goes out of the table: in a set it is
            # counted once at any moment, unless one has gone for good meanwhile.
            if retired is self._retired:
                return counted + sum(tally.value for tally in tallies)

    # -- the thread --------------------------------------------------------------------

    def _start(self, *, insist: bool = False) -> bool:
        """Start the thread without waiting until it runs; returns whether there is one.

        `threading.Thread.start` waits for the new thread's first step, which takes tens of
        milliseconds beside busy threads: this is somebody's hot loop.
        """
        now = time.monotonic()
        if now < self._start_at and not insist:
            return False
        process.enlist(self)
        self._starting = True
        try:
            _thread.start_new_thread(self._run, ())
        except RuntimeError:
            self._starting = False
            self._start_at = now + 1.0  # no thread to be had, or the interpreter is ending
            return False
        return True

    def _run(self) -> None:
        mine = self._turn.acquire(blocking=False)
        self._starting = False
        while mine:
            try:
                self._serve_turn()
            finally:
                self._turn.release()
            # Whoever saw the turn taken has left its errors to us: look once more.
            mine = not self._inbox.empty() and self._turn.acquire(blocking=False)

    def _serve_turn(self) -> None:
        process.enlist(self)
        wait: float | None = 0.0
        while True:
            self._listen(wait)
            wait = self._visit_safely()
            if self.closed and self._inbox.empty() and not self.pending():
                process.dismiss(self)
                return

    def _serve(self, request: FlushRequest) -> None:
        """Work until one request is done, on the thread that waits for it."""
        try:
            wait: float | None = 0.0
            with deadline(request.deadline):
                while not request.done.is_set() and time.monotonic() < request.deadline:
                    self._listen(wait)
                    wait = self._visit_safely()
                    if wait is None:
                        wait = max(0.0, request.deadline - time.monotonic())
        finally:
            self._turn.release()

    def _listen(self, timeout: float | None) -> None:
        """Wait until somebody wakes us or the time has come."""
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                left = None if until is None else max(0.0, until - time.monotonic())
                item = self._inbox.get(timeout=left)
            except Empty:
                return
            if self._accept(item):
                self._accept_all()
                return
            soon = time.monotonic() + GATHER
            until = soon if until is None else min(until, soon)

    def _accept_all(self) -> None:
        try:
            while True:
                self._accept(self._inbox.get_nowait())
        except Empty:
            pass

    def _accept(self, item: tuple[Tally, Event | None] | FlushRequest | None) -> bool:
        """Take note of a wake-up; returns whether it cannot wait for company."""
        if item is None:
            return True
        if isinstance(item, FlushRequest):
            self._flushes.append(item)
            return True
        tally, sample = item
        samples = self._woken.setdefault(tally, [])
        if sample is not None:
            samples.append(sample)
        return tally.identity is None

    def _visit_safely(self) -> float | None:
        """A visit that survives our own errors: they are said once and tried again."""
        try:
            with delivering():
                wait = self._visit()
        except Exception as error:
            self._stumbles += 1
            complain(
                f"courier {type(error).__name__}",
                f"unexpected {type(error).__name__} in the courier, trying again"
                f" ({_where(error)}); please report it",
            )
            return min(STUMBLE, 0.1 * 2.0 ** min(self._stumbles, 10))
        self._stumbles = 0
        return wait

    # -- one visit to the store --------------------------------------------------------

    def _visit(self) -> float | None:
        """Bring in what was counted, deliver what is due; returns when to come again."""
        store = self._opened()
        while not self._given_up:
            self._accept_all()
            self._merge(store)
            claim = store.claim(
                self._source, urgent=bool(self._flushes), insist=self._takes_insistence()
            )
            if not isinstance(claim, Claim):
                break
            self._deliver(store, claim)
            self._balance(store)
        else:
            return None  # declared lost: to tell it now would be to tell it twice
        self._balance(store)
        self._make_room()
        return self._answer_flushes(claim)

    def _opened(self) -> Store:
        if self._store is None:
            self._store = self._delivery.open_store()
        return self._store

    def _takes_insistence(self) -> bool:
        insists = any(request.insists for request in self._flushes)
        for request in self._flushes:
            request.insists = False
        return insists

    def _answer_flushes(self, wait: float | None) -> float | None:
        if not self._flushes:
            return wait
        done = not self.pending()
        now = time.monotonic()
        for request in list(self._flushes):
            if done or now >= request.deadline:
                self._flushes.remove(request)
                request.done.set()
        waits = [request.deadline - now for request in self._flushes]
        return min([*waits, *([] if wait is None else [wait])], default=None)

    def _balance(self, store: Store) -> None:
        """Take over what has become of our errors, whoever has told them."""
        if self._given_up:
            return
        account = store.account(self._source)
        self._books = replace(self._books, reported=account.reported, lost=account.lost)

    # -- drain, process, merge ---------------------------------------------------------

    def _merge(self, store: Store) -> None:
        entries = self._drain()
        if entries:
            self._sequence += 1
            self._unmerged.append(Batch(self._source, self._sequence, entries))
        while self._unmerged:
            store.merge(self._unmerged[0])
            del self._unmerged[0]

    def _drain(self) -> tuple[Entry, ...]:
        woken, self._woken = self._woken, {}
        return tuple(
            entry
            for tally, samples in woken.items()
            if (entry := self._drain_one(tally, samples)) is not None
        )

    def _drain_one(self, tally: Tally, samples: list[Event]) -> Entry | None:
        # In this order: who counts after the value was read finds the tally asleep.
        tally.asleep = True
        value = tally.value
        count = value - tally.counted
        tally.counted = value
        identity = self._identity(tally)
        kept = tuple(self._processed(tally, samples))
        self._drained[tally.origin.key] = time.monotonic()
        if not count:
            return None
        if tally.muted:
            self._books = replace(self._books, muted=self._books.muted + count)
            return None
        return Entry(identity, count, kept)

    def _identity(self, tally: Tally) -> Identity:
        if tally.identity is None:
            found = identify(tally.origin)
            redact = self._delivery.redact_text
            tally.identity = replace(
                found,
                logger=redact(found.logger),
                type=redact(found.type),
                template=redact(found.template),
            )
            self._by_group.setdefault(found.id, []).append((tally.origin.key, tally))
        return tally.identity

    def _processed(self, tally: Tally, samples: Iterable[Event]) -> Iterable[Event]:
        for sample in samples:
            try:
                yield self._process(sample)
                tally.muted = False
            except DropEvent:
                tally.muted = True

    def _process(self, sample: Event) -> Event:
        logger = logging.getLogger(str(sample.get("logger") or "root"))
        safe = {key: sample[key] for key in _SAFE if key in sample}
        event = complete(sample, show_source=self._delivery.style.show_source)
        for processor in self._delivery.processors:
            try:
                event = processor(logger, str(safe.get("level", "error")), event)
                if not isinstance(event, dict):
                    raise TypeError(f"returned {type(event).__name__} instead of the event dict")
            except DropEvent:
                raise
            except Exception as error:
                name = getattr(processor, "__qualname__", type(processor).__qualname__)
                complain(
                    f"processor {name}",
                    f"processor {name} failed with {type(error).__name__}; its events are"
                    " told without their texts",
                )
                return {**safe, "event": ""}
        return event

    def _make_room(self) -> None:
        """Forget tallies that have been silent, longest first, when the table is full."""
        tallies = self._tallies
        if len(tallies.known) >= tallies.max_groups:
            before = time.monotonic() - self._delivery.quiet_after
            silent = [key for key, at in self._drained.items() if at <= before]
            silent.sort(key=self._drained.__getitem__)
            for key in silent[: max(1, tallies.max_groups // 10)]:
                self._retire(key)
        if self._retired[1]:
            self._forget_retired()

    def _retire(self, key: Key) -> None:
        self._drained.pop(key, None)
        tally = self._tallies.known.get(key)
        if tally is not None and tally.asleep:
            counted, leaving = self._retired
            self._retired = (counted, (*leaving, tally))
            del self._tallies.known[key]
            self._unlink(tally)

    def _forget_retired(self) -> None:
        """A tally that is out of the table stays readable until no caller stands between
        looking it up and counting with it: then, and only then, its value is final."""
        for tally in self._retired[1]:
            # Held by the tuple, by the loop and by the call itself.
            if sys.getrefcount(tally) <= 3 and tally.asleep and tally.value == tally.counted:
                counted, leaving = self._retired
                rest = tuple(t for t in leaving if t is not tally)
                self._retired = (counted + tally.counted, rest)

    def _unlink(self, tally: Tally) -> None:
        if tally.identity is not None:
            group = self._by_group.get(tally.identity.id, [])
            group[:] = [pair for pair in group if pair[1] is not tally]
            if not group:
                self._by_group.pop(tally.identity.id, None)

    # -- deliver -----------------------------------------------------------------------

    def _deliver(self, store: Store, claim: Claim) -> None:
        """One message; plainer ones in its place as long as the content is refused."""
        digest_id = claim.digest.id
        self._charge_resends(store, digest_id)
        for shape in SHAPES:
            if shape != "full" and not store.renew(digest_id):
                store.release(digest_id, Failure("content refused, no slot free", 1.0))
                return
            message = self._message(claim, shape)
            store.freeze(digest_id, json.dumps(asdict(message)))
            try:
                self._delivery.sender.send(message)
            except ContentError as error:
                self._note_failure(error)
            except DeliveryError as error:
                self._release(store, claim, error)
                return
            except Exception as error:
                self._release(store, claim, _foreign(error))
                return
            else:
                self._settle(store, claim)
                return
        self._lose(store, claim)

    def _charge_resends(self, store: Store, digest_id: str) -> None:
        """A second attempt inside the sender, with a new token, costs a slot as well."""

        def before_resend() -> None:
            if not store.renew(digest_id):
                raise RateLimitedError(45009, "no slot free for another attempt")

        sender = self._delivery.sender
        if hasattr(sender, "before_resend"):
            sender.before_resend = before_resend
        if hasattr(sender, "on_partial"):
            sender.on_partial = self._on_partial

    def _on_partial(self, partial: Mapping[str, Iterable[str]]) -> None:
        """Delivered, but not to all: said once for each set of names."""
        names = "; ".join(f"{field}: {', '.join(sorted(who))}" for field, who in partial.items())
        complain(f"partial {names}", f"delivered, but not to everybody ({names})", once=True)

    def _message(self, claim: Claim, shape: Shape) -> Message:
        if claim.body is not None and shape == "full":
            return _message_from(claim.body)
        style = self._delivery.style
        try:
            return render(claim.digest, style, shape=shape).message
        except Exception as error:
            complain(
                f"render {type(error).__name__}",
                f"a message could not be rendered ({_where(error)}); sent as counts only",
            )
            return render(claim.digest, style, shape="bare").message

    def _settle(self, store: Store, claim: Claim) -> None:
        store.settle(claim.digest.id)
        self._books = replace(self._books, messages=self._books.messages + 1)
        withdraw(self._complaint())
        for report in claim.digest.reports:
            for _, tally in self._by_group.get(report.identity.id, ()):
                tally.sample_at = 0.0  # the first error after a message is captured

    def _lose(self, store: Store, claim: Claim) -> None:
        store.settle(claim.digest.id, lost=True)
        count = sum(report.count for report in claim.digest.reports)
        complain(
            f"lost {claim.digest.id}",
            f"{count:,} errors are lost: WeCom refuses the content in every form"
            f" ({self._books.last_error})",
        )

    def _release(self, store: Store, claim: Claim, error: DeliveryError) -> None:
        self._note_failure(error)
        pause = pause_after(error, claim.failures + 1, random.random())  # noqa: S311
        store.release(
            claim.digest.id,
            Failure(
                error.text,
                pause,
                strict=isinstance(error, RateLimitedError),
                unclear=error.unclear,
            ),
        )
        # Trouble that passes by itself is worth a line only when it does not.
        if isinstance(error, (SetupError, TokenError)) or claim.failures >= 3:
            complain(self._complaint(), f"{error} — everything stays pending, trying again")

    def _note_failure(self, error: DeliveryError) -> None:
        books = self._books
        self._books = replace(books, failures=books.failures + 1, last_error=str(error))

    def _complaint(self) -> str:
        return f"setup {self._delivery.sender.destination}"


def _foreign(error: Exception) -> DeliveryError:
    """An error that a sender should not raise: nobody knows whether the message arrived."""
    return DeliveryError(f"the sender raised {type(error).__name__}", unclear=True)


def _message_from(body: str) -> Message:
    fields = json.loads(body)
    fields["mentions"] = tuple(fields.get("mentions", ()))
    return Message(**fields)


def _where(error: BaseException) -> str:
    """Where an error came from, without its text: that may hold anything."""
    tb = error.__traceback__
    while tb is not None and tb.tb_next is not None:
        tb = tb.tb_next
    if tb is None:
        return type(error).__name__
    code = tb.tb_frame.f_code
    return f"{type(error).__name__} at {os.path.basename(code.co_filename)}:{tb.tb_lineno}"
