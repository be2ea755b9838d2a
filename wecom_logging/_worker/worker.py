"""The background thread: it runs its cycle, and waits for the next time.

One worker for each handler. Its thread starts with the first error, sleeps while nothing is due,
and alone touches network, disk or a store; where no thread can be started any more the thread that
exits does its work.
"""

from __future__ import annotations

import errno
import math
import os
import sys
import threading
from typing import TYPE_CHECKING

from wecom_logging._capture.tally import Tally
from wecom_logging._capture.variety import Tallies
from wecom_logging._model.digest import Event
from wecom_logging._runtime import fork, native, shutdown
from wecom_logging._runtime.deadline import deadline
from wecom_logging._runtime.diagnostics import warn_rarely
from wecom_logging._runtime.echo_guard import DELIVERING, delivering
from wecom_logging._runtime.native import Empty, SimpleQueue, monotonic
from wecom_logging._stores.protocol import StoreError
from wecom_logging._worker.cycle import DeliveryCycle
from wecom_logging._worker.delivery import where
from wecom_logging._worker.flush import Flushes, FlushRequest
from wecom_logging._worker.gathering import GATHER, Gathering

if TYPE_CHECKING:
    from wecom_logging._worker.components import Components

#: How often a closed handler's thread looks whether others have told its errors, seconds.
CLOSED_LOOK = 1.0

#: The longest pause after an error of our own, seconds.
MAX_ERROR_BACKOFF = 60.0

#: How soon to come again to a store that others are at work in, seconds.
COME_AGAIN = 0.02

#: Samples that wait while no thread is to be had.
MOST_WAITING = 50

#: How long an exit waits for a thread that has nothing left to do, seconds.
ENDS_WITHIN = 0.2


class Worker:
    """Has what one handler counts delivered.

    `wake`, `request_flush`, `wait` are for other threads, as is what the cycle says so of; all
    else is done by whoever holds the turn, which is one thread at a time.
    """

    def __init__(self, components: Components, tallies: Tallies) -> None:
        self.cycle = DeliveryCycle(components, tallies)
        self.close_timeout = components.close_timeout
        # SimpleQueue, because its `put` is re-entrant: a `__del__` that logs may run in the
        # middle of another `put` on the same thread.
        self._inbox: SimpleQueue[tuple[Tally, Event | None] | None] = SimpleQueue()
        #: What is not to wait until what has counted has gathered: see `_ask`.
        self._asked: SimpleQueue[FlushRequest | None] = SimpleQueue()
        self._flushes = Flushes()
        self._gathering = Gathering()
        self._run_lock = native.allocate_lock()
        self._starting = False
        self._start_at = 0.0
        self._errors_in_a_row = 0
        #: The handler is closed: end the thread when everything is delivered.
        self.closed = False
        #: It has been closed, so no later step of the exit asks the handler.
        self._was_closed = False
        #: It is at the store, or sends: what it has claimed may be the errors of others.
        self.busy = False
        #: The exit has come to its end, and the thread with it.
        self._ended = False

    # -- for other threads -------------------------------------------------------------

    def notify(self, tally: Tally, sample: Event | None) -> bool:
        """A tally that needs a wake-up has counted. Re-entrant, waits for nobody.

        Returns whether there is a thread to take note of it.
        """
        if shutdown.exiting.last_call and self._was_closed:
            self._inbox.put((tally, sample))
            self.deliver_inline()  # nobody else will, not even at exit: this is after it
            return True
        self.closed = False  # and still attached: it goes on
        if not self._run_lock.locked() and monotonic() < self._start_at:
            # The queue would grow while no thread is to be had. Some samples are kept: an exit
            # tells them without a thread.
            self.cycle.overlooked = True
            if sample is not None and self._inbox.qsize() < MOST_WAITING:
                self._inbox.put((tally, sample))
            return False
        self._inbox.put((tally, sample))
        return self._run_lock.locked() or self._start()

    def wake(self) -> None:
        """Have the worker look, without waiting for it."""
        self._ask(None)
        if not self._run_lock.locked():
            self._start()

    def end_group(self, tally: Tally) -> None:
        """The group of a tally is over: a job works again."""
        self.cycle.end(tally)
        self.notify(tally, None)

    def close(self) -> None:
        """End the thread as soon as everything is delivered."""
        self.closed = self._was_closed = True
        if self._run_lock.locked():
            self._ask(None)

    def end(self) -> None:
        """At exit: have the thread end, instead of being stopped wherever it is. Later errors find
        no worker, and a subinterpreter ends without its thread."""
        self._ended = True
        if not self._run_lock.locked():
            return
        others = native.thread_count()
        until = monotonic() + ENDS_WITHIN
        self._ask(None)
        with shutdown.exiting.waiting():
            if self._run_lock.acquire(timeout=ENDS_WITHIN):
                self._run_lock.release()
                while native.thread_count() >= others and monotonic() < until:
                    native.sleep(0.0005)  # it has left our code, but not yet the interpreter

    def request_flush(self, deadline: float, *, leaving: bool = False) -> FlushRequest:
        """Ask for everything to be delivered by `deadline` (monotonic time)."""
        exiting = shutdown.exiting.begun
        request = FlushRequest(
            deadline,
            self.cycle.seen(),
            leaving=leaving or exiting,
            looking=exiting and fork.had_children(),
            ends=self.cycle.has_endings(),
        )
        self._ask(request)
        if not self._run_lock.locked() and not self._starting:
            request.has_thread = self._start(insist=True)
        return request

    def _ask(self, request: FlushRequest | None) -> None:
        """Have the worker look at once, wherever it waits."""
        self._asked.put(request)
        self._inbox.put(None)

    def wait(self, request: FlushRequest) -> bool:
        """Wait for a request; returns whether nothing is pending that could be told now."""
        if threading.get_ident() in DELIVERING:
            return False  # a processor or a sender asks: it would wait for itself
        if not request.has_thread and self._run_lock.acquire(blocking=False):
            self._serve(request)
        request.done.wait(request.deadline)
        return self.is_done()

    def deliver_inline(self) -> None:
        """Deliver on this thread, within what the exit may still take.

        While the interpreter goes down, without imports and threads, an error is left to a store
        that outlives the process, or lost.
        """
        if sys.is_finalizing():
            self._leave_in_store()
            shutdown.declare_lost(self, "logged while the interpreter was going down")
            return
        with shutdown.exiting.waiting():
            self.wait(self.request_flush(monotonic() + shutdown.exiting.left(self.close_timeout)))
        shutdown.declare_lost(self)

    def _leave_in_store(self) -> None:
        store = self.cycle.store
        if store is None or not store.durable:
            return  # to open one takes more than is left
        if not self._run_lock.acquire(blocking=False):
            return
        try:
            with delivering():
                self._accept_all()
                self.cycle.leave_in_store()
        except Exception:
            pass  # what it needs is gone already
        finally:
            self._run_lock.release()

    def pending(self) -> int:
        """Errors that have not been told."""
        return self.cycle.stats().pending

    def is_done(self) -> bool:
        """Whether nothing is pending but what is silenced, or waits for the end of quiet."""
        return self.pending() <= self.cycle.account.held

    def has_work(self) -> bool:
        """Whether a flush has something to wait or look for; a file may be on its way."""
        return self.busy or self.cycle.has_work()

    # -- the thread --------------------------------------------------------------------

    def _start(self, *, insist: bool = False) -> bool:
        """Start the thread; returns whether there is one.

        This may be a hot loop: `threading.Thread.start` would wait for the thread's first step,
        tens of milliseconds beside busy threads.
        """
        if self._starting:
            return True  # it has not come to its first step, and will find what is left for it
        now = monotonic()
        if self._ended or (now < self._start_at and not insist):
            return False
        shutdown.register_worker(self)
        self._starting = True
        try:
            native.start_new_thread(self._run, ())
        except Exception:  # no thread or memory to be had, or the interpreter is ending
            self._starting = False
            self._start_at = now + 1.0
            return False
        except BaseException:
            self._starting = False
            raise
        return True

    def _run(self) -> None:
        mine = self._run_lock.acquire(blocking=False)
        self._starting = False
        while mine:
            try:
                self._serve_holding_lock()
            finally:
                self._run_lock.release()
            # Whoever saw the turn taken has left its errors to us: look once more.
            mine = not self._inbox.empty() and self._run_lock.acquire(blocking=False)

    def _serve_holding_lock(self) -> None:
        shutdown.register_worker(self)
        wait: float | None = 0.0
        while True:
            self._listen(wait)
            if self._ended:
                return
            wait = self._run_cycle(BaseException)
            if self.closed and wait != 0.0:
                if self._inbox.empty() and not self.pending():
                    shutdown.unregister_worker(self)
                    return
                wait = CLOSED_LOOK if wait is None else min(wait, CLOSED_LOOK)

    def _serve(self, request: FlushRequest) -> None:
        """Work until one request is done, on the thread that waits for it."""
        try:
            self.cycle.on_exiting_thread = True
            wait: float | None = 0.0
            with deadline(request.deadline):
                while not request.done.closed and monotonic() < request.deadline:
                    self._listen(wait)
                    wait = self._run_cycle(Exception)
                    if wait is None:
                        wait = max(0.0, request.deadline - monotonic())
        finally:
            self.cycle.on_exiting_thread = False
            self._run_lock.release()

    def _listen(self, timeout: float | None) -> None:
        """Wait until somebody wakes us or the time has come."""
        now = monotonic()
        self._gathering.begin(now, math.inf if timeout is None else now + timeout)
        while True:
            self._accept_all()
            if (left := self._gathering.left(monotonic())) <= 0:
                return
            try:
                if self._gathering.has_noted:
                    # Not woken by each count: three hundred kinds a second would make somebody's
                    # request wait for the interpreter three hundred times.
                    self._accept_asked(self._asked.get(timeout=min(left, GATHER)))
                else:
                    self._accept(self._inbox.get(timeout=min(left, native.TIMEOUT_MAX)))
            except Empty:
                pass  # a look at what gathers, or the time has come

    def _accept_all(self) -> None:
        # In this order: whoever asks has counted before.
        self._accept_requests()
        while not self._inbox.empty():
            self._accept(self._inbox.get_nowait())

    def _accept(self, counted: tuple[Tally, Event | None] | None) -> None:
        """Take note of a wake-up."""
        if counted is not None:
            self.cycle.note(*counted, self._gathering)
        else:  # whoever put it has asked before, perhaps only now
            self._accept_requests()

    def _accept_requests(self) -> None:
        while not self._asked.empty():
            self._accept_asked(self._asked.get_nowait())

    def _accept_asked(self, request: FlushRequest | None) -> None:
        if request is not None:
            self._flushes.add(request)
        self._gathering.at_once()

    def _run_cycle(self, survived: type[BaseException]) -> float | None:
        """Run the cycle once. Errors, our own and those of the code that it calls, are said
        once, and it is tried again.

        Args:
            survived: On a thread of ours whatever it is. On the thread of somebody else
                its Ctrl-C, or the end of its greenlet, is not for us.
        """
        self.busy = True
        try:
            with delivering():
                wait = self.cycle.run(self._flushes)
        except StoreError:
            return COME_AGAIN  # others are at work in it, or the next cycle goes another way
        except survived as error:
            self._errors_in_a_row += 1
            warn_rarely(f"worker {type(error).__name__}", _unexpected(error))
            return min(MAX_ERROR_BACKOFF, 0.1 * 2.0 ** min(self._errors_in_a_row, 10))
        finally:
            self.busy = False
        self._errors_in_a_row = 0
        return wait


def _unexpected(error: BaseException) -> str:
    """What happened, without the error's own text, unless it is the system's."""
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOSPC):
        return f"{os.strerror(error.errno)}: nothing can be told before that is mended"
    return (
        f"unexpected {type(error).__name__} in the worker, trying again"
        f" ({where(error)}); please report it"
    )
