"""The background thread: it drains, merges, claims, delivers, and waits for the next time.

One courier for each handler. Its thread starts with the first error, sleeps while nothing
is due, and is the only one that touches network, disk or a store; only where no thread
can be started any more does the thread that exits do its work.
"""

from __future__ import annotations

import _thread
import math
import os
import threading
import time
from queue import Empty, SimpleQueue
from threading import get_ident
from typing import TYPE_CHECKING

from wecom_logging import process
from wecom_logging.complaints import complain
from wecom_logging.delivery import Delivery, where
from wecom_logging.digest import Event
from wecom_logging.drain import Drain
from wecom_logging.grouping import Tallies, Tally
from wecom_logging.senders.deadline import deadline
from wecom_logging.silence import DELIVERING, delivering
from wecom_logging.stats import Books, Stats
from wecom_logging.stores.base import Batch, Claim, Store, StoreError

if TYPE_CHECKING:
    from wecom_logging.assembly import Assembly

#: How long the courier lets the errors of known groups gather, seconds.
GATHER = 0.05

#: How often the courier of a closed handler looks whether all its errors are told, seconds.
CLOSED_LOOK = 1.0

#: What an exit needs to write down what became of the last attempt, seconds.
TO_WRITE_DOWN = 0.15

#: How often a courier whose handler is closed looks whether it can end, seconds.
UNTIL_CLOSED = 5.0

#: The longest pause after an error of our own, seconds.
STUMBLE = 60.0


class FlushRequest:
    """Somebody waits until what was pending is told, or until the deadline."""

    def __init__(self, deadline: float, seen: int, *, leaving: bool = False) -> None:
        self.deadline = deadline
        #: Errors counted when it was asked: they are to be told. What a storm brings later is
        #: for the schedule, or a flush in a storm would spend the whole budget.
        self.seen = seen
        #: The process ends: what is no news may be left to others who share the store.
        self.leaving = leaving
        self.done = threading.Event()
        #: The first attempt overrides a pause after a failure, later ones keep it.
        self.insists = True
        #: False: no thread can be started any more, who waits has to do the work.
        self.has_thread = True


class Courier:
    """Delivers what one handler has counted.

    `wake`, `ask`, `wait` and `stats` are for other threads; all else is done by whoever
    holds the turn, which is one thread at a time.
    """

    def __init__(self, assembly: Assembly, tallies: Tallies) -> None:
        self._open_store = assembly.open_store
        self._books = Books()
        self._drain = Drain(
            tallies,
            self._books,
            processors=assembly.processors,
            redact=assembly.redact,
            show_source=assembly.style.show_source,
            quiet_after=assembly.quiet_after,
        )
        self._delivery = Delivery(assembly.sender, assembly.style, assembly.extras, self._books)
        self._source = f"{assembly.host}/{os.getpid()}/{os.urandom(4).hex()}"
        self.close_timeout = assembly.close_timeout
        # SimpleQueue, because its `put` is re-entrant: a `__del__` that logs may run in the
        # middle of another `put` on the same thread.
        self._inbox: SimpleQueue[tuple[Tally, Event | None] | FlushRequest | None] = SimpleQueue()
        self._turn = _thread.allocate_lock()
        self._starting = False
        self._start_at = 0.0
        self._unheard = False
        self._store: Store | None = None
        #: Errors of ours that the store keeps for whoever comes to it next.
        self._kept = 0
        #: They are no news, and another process is due to look at them.
        self._handed_over = False
        self._sequence = 0
        self._unmerged: list[Batch] = []
        self._flushes: list[FlushRequest] = []
        self._stumbles = 0
        self._given_up = False
        #: The handler is closed: end the thread when everything is delivered.
        self.closed = False
        #: It has been closed, so no later step of the exit asks the handler.
        self._was_closed = False
        #: It is at the store, or sends: what it has claimed may be the errors of others.
        self.busy = False

    # -- for other threads -------------------------------------------------------------

    @property
    def last_error(self) -> str | None:
        return self._books.last_error

    def wake(self, tally: Tally, sample: Event | None) -> bool:
        """A tally that was asleep has counted. Re-entrant, waits for nobody.

        Returns whether there is a thread to take note of it.
        """
        if process.exiting.last_call and self._was_closed:
            self._inbox.put((tally, sample))
            self.finish()  # nobody else will, not even at exit: this is after it
            return True
        self.closed = False  # and still attached: it goes on
        if not self._turn.locked() and time.monotonic() < self._start_at:
            self._unheard = True  # instead of a queue that grows while no thread is to be had
            return False
        self._inbox.put((tally, sample))
        return self._turn.locked() or self._start()

    def nudge(self) -> None:
        """Have the courier look, without waiting for it."""
        self._inbox.put(None)
        if not self._turn.locked():
            self._start()

    def close(self) -> None:
        """End the thread as soon as everything is delivered."""
        self.closed = self._was_closed = True
        if self._turn.locked():
            self._inbox.put(None)

    def ask(self, deadline: float) -> FlushRequest:
        """Ask for everything to be delivered by `deadline` (monotonic time)."""
        request = FlushRequest(deadline, self._drain.seen(), leaving=process.exiting.begun)
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
        left = request.deadline - time.monotonic()
        request.done.wait(min(max(0.0, left), threading.TIMEOUT_MAX))
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

    def owes(self) -> bool:
        """Whether a flush has something to wait or look for: errors of ours, a file on its
        way, or a store in which others may have left errors that they cannot tell any more."""
        return self.pending() > 0 or self.busy or (self._store is not None and self._store.durable)

    def stats(self) -> Stats:
        """The account, in one consistent reading."""
        return self._books.read(self._drain.seen)

    def give_up(self) -> int:
        """At exit: what is pending is lost, but for what a store keeps. Returns how many."""
        pending = self.pending()
        kept = min(pending, self._kept)
        if kept and not self._handed_over:
            self._declare_kept(kept)
        lost = pending - kept
        self._given_up = self._given_up or lost > 0
        self._books.add(lost=lost)
        return lost

    def _declare_kept(self, kept: int) -> None:
        errors = "error was" if kept == 1 else "errors were"
        complain(
            f"kept {id(self)} {kept}",
            f"{kept:,} {errors} not delivered at exit:"
            f" {self.last_error or f'not done within {self.close_timeout:g} s'}; the store keeps"
            " them for the next error, flush or exit of this app",
        )

    # -- the thread --------------------------------------------------------------------

    def _start(self, *, insist: bool = False) -> bool:
        """Start the thread without waiting until it runs; returns whether there is one.

        `threading.Thread.start` waits for the new thread's first step, which takes tens of
        milliseconds beside busy threads: this is somebody's hot loop.
        """
        if self._starting:
            return True  # it has not come to its first step, and will find what is left for it
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
            if self.closed and wait is not None:
                wait = min(wait, UNTIL_CLOSED)  # others may have told what it waits for
            if self.closed and self._inbox.empty() and not self.pending():
                process.dismiss(self)
                return
            if self.closed:  # others may be telling its errors, and its thread is to end
                wait = CLOSED_LOOK if wait is None else min(wait, CLOSED_LOOK)

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
                item = self._inbox.get(timeout=left and min(left, threading.TIMEOUT_MAX))
            except Empty:
                return
            if self._accept(item):
                self._accept_all()
                return
            soon = time.monotonic() + getattr(self._store, "gather", GATHER)
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
        return self._drain.note(*item)

    def _visit_safely(self) -> float | None:
        """A visit that survives our own errors: they are said once and tried again."""
        self.busy = True
        try:
            with delivering():
                wait = self._visit()
        except StoreError:
            return 0.0  # it has been said, and the next visit goes another way
        except Exception as error:
            self._stumbles += 1
            complain(
                f"courier {type(error).__name__}",
                f"unexpected {type(error).__name__} in the courier, trying again"
                f" ({where(error)}); please report it",
            )
            return min(STUMBLE, 0.1 * 2.0 ** min(self._stumbles, 10))
        finally:
            self.busy = False
        self._stumbles = 0
        return wait

    # -- one visit to the store --------------------------------------------------------

    def _visit(self) -> float | None:
        """Bring in what was counted, deliver what is due; returns when to come again."""
        store = self._opened()
        claim: Claim | float | None
        while not self._given_up:
            self._accept_all()
            if self._flushes or self._unheard:
                self._unheard = False
                self._drain.note_all()
            self._merge(store)
            if process.exiting.last_call and not self._flushes:
                return None  # nobody waits for us any more: it would be left half sent
            if time.monotonic() >= self._last_moment():
                claim = TO_WRITE_DOWN
                break
            claim = store.claim(
                self._source,
                urgent=self._is_awaited(),
                insist=self._takes_insistence(),
                leaving=self._leaves(),
            )
            if not isinstance(claim, Claim):
                break
            with deadline(self._last_moment()):
                delivered = self._delivery.deliver(store, claim)
            if delivered:
                self._drain.want_samples(r.identity.id for r in claim.digest.reports)
            self._balance(store)
        else:
            return None  # declared lost: to tell it now would be to tell it twice
        self._balance(store)
        self._drain.make_room()
        if not self._flushes:
            return claim
        self._handed_over = claim is None and self._leaves()
        self._answer_flushes()
        waits = [request.deadline - time.monotonic() for request in self._flushes]
        return min([*waits, *([] if claim is None else [claim])], default=None)

    def _opened(self) -> Store:
        if self._store is None:
            self._store = self._open_store()
        return self._store

    def _takes_insistence(self) -> bool:
        told = self._books.settled
        insists = any(r.insists and (r.seen > told or not r.leaving) for r in self._flushes)
        for request in self._flushes:
            request.insists = False
        return insists

    def _leaves(self) -> bool:
        return bool(self._flushes) and all(request.leaving for request in self._flushes)

    def _last_moment(self) -> float:
        """Until when an attempt may take. One that outlived the process would leave its lease
        behind, and every other process waiting for that."""
        if not self._leaves():
            return math.inf
        return max(request.deadline for request in self._flushes) - TO_WRITE_DOWN

    def _is_awaited(self) -> bool:
        """Whether somebody waits for errors that have not been told.

        The first look of a flush is for everybody's; who leaves waits for its own only.
        """
        told = self._books.settled
        return any(r.seen > told or (r.insists and not r.leaving) for r in self._flushes)

    def _answer_flushes(self) -> None:
        told, now = self._books.settled, time.monotonic()
        for request in list(self._flushes):
            if self._handed_over or told >= request.seen or now >= request.deadline:
                self._flushes.remove(request)
                request.done.set()

    def _balance(self, store: Store) -> None:
        """Take over what has become of our errors, whoever has told them."""
        if self._given_up:
            return
        account = store.account(self._source)
        self._books.write(reported=account.reported, lost=account.lost)
        if store.durable:
            self._kept = account.merged - account.reported - account.lost

    def _merge(self, store: Store) -> None:
        entries = self._drain.entries()
        if entries:
            self._sequence += 1
            self._unmerged.append(Batch(self._source, self._sequence, entries))
        while self._unmerged:
            store.merge(self._unmerged[0])
            del self._unmerged[0]
