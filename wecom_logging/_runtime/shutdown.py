"""What fork and exit mean for all handlers of this process.

Exit comes in steps, and no single hook sees all of them:

1. `threading._register_atexit`: when main has returned, before other threads are waited
   for. The only hook that a child of `multiprocessing` runs, and used for that: anywhere
   else such threads may go on for days. From here on Python 3.12 starts no thread.
2. `atexit`: after threads that outlive main.
3. `logging.shutdown`, which is `atexit` as well but registered before ours: flushes and
   closes the handlers that are open, and our threads end. What is logged after that is
   delivered by the thread that logs it.

Children of billiard run none of them, but its finalisers; those of a Celery worker not even
these (see `contrib.celery`).
"""

from __future__ import annotations

import atexit
import math
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from weakref import ref

from wecom_logging._runtime import fork, native, termination
from wecom_logging._runtime.diagnostics import warn_rarely
from wecom_logging._runtime.native import monotonic

if TYPE_CHECKING:
    from wecom_logging._worker.worker import Worker
    from wecom_logging.handler import WeComHandler


class _Exit:
    """How far the exit of this process has come."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.begun = False
        #: True once nobody will ask again: who logs now has to deliver.
        self.last_call = False
        #: It is about to be killed: what is begun is ended, and nothing new begun.
        self.killed = False
        self._waited = 0.0

    def left(self, close_timeout: float) -> float:
        """Seconds that exit may still spend, of one budget for all handlers together."""
        return max(0.0, close_timeout - self._waited)

    def ended(self, close_timeout: float) -> str:
        """What has ended the wait."""
        interrupted = math.isinf(self._waited)
        return "interrupted" if interrupted else f"not done within {close_timeout:g} s"

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Spend of that budget. Ctrl-C ends it for the rest of the exit: what is not delivered
        by then is said."""
        began = monotonic()
        try:
            yield
        except KeyboardInterrupt:
            self._waited = math.inf
        finally:
            self._waited += monotonic() - began


exiting = _Exit()

#: Workers that have started, by id. Strong: a handler may be gone before its errors are.
_workers: dict[int, Worker] = {}
_handlers: dict[int, ref[WeComHandler]] = {}
_hooked = False
_billiard_pid = 0


def register_handler(handler: WeComHandler) -> None:
    """Have a handler start anew in forked children, and set the hooks of the exit."""
    key = id(handler)
    _handlers[key] = ref(handler, lambda _: _handlers.pop(key, None))
    _set_hooks()


def handlers() -> list[WeComHandler]:
    """The handlers of this process that are on and have not been dropped."""
    return [handler for each in list(_handlers.values()) if (handler := each()) is not None]


def register_worker(worker: Worker) -> None:
    """Deliver for this worker at exit.

    Called where a thread is started, on the thread that logs: a child may end, or be ended,
    right after its first error.
    """
    _workers[id(worker)] = worker
    _hook_billiard()
    if worker.cycle.durable:
        termination.postpone(store_within)


def unregister_worker(worker: Worker) -> None:
    _workers.pop(id(worker), None)


def _set_hooks() -> None:
    global _hooked
    if _hooked:
        return
    _hooked = True  # first: a `__del__` in the middle of this may make a handler
    atexit.register(_at_exit)
    try:
        threading._register_atexit(_at_thread_exit)  # type: ignore[attr-defined]  # private, see above
    except (AttributeError, RuntimeError):
        pass  # RuntimeError: the exit has begun already, and atexit still comes


def _hook_billiard() -> None:
    """In a child of Celery, whose bootstrap empties the finalisers that it inherits."""
    global _billiard_pid
    util = sys.modules.get("billiard.util")
    if util is not None and _billiard_pid != os.getpid():
        _billiard_pid = os.getpid()
        util.Finalize(None, _at_exit, exitpriority=10)


def _at_thread_exit() -> None:
    process = sys.modules.get("multiprocessing.process")
    if process is None or process.parent_process() is None:
        return  # `atexit` is yet to come
    _deliver()
    for worker in list(_workers.values()):
        declare_lost(worker)


def _at_exit() -> None:
    _deliver()
    exiting.last_call = True
    _deliver()  # what a worker has begun to send meanwhile
    for worker in list(_workers.values()):
        # `logging.shutdown` asks those that are open once more, if there is time left.
        if worker.closed or not exiting.left(worker.close_timeout):
            declare_lost(worker)
        if worker.closed:
            worker.end()


def leave(*_: object, **__: object) -> None:
    """This process is about to end without any exit hook: deliver, and say what is lost."""
    _at_exit()
    for worker in list(_workers.values()):
        declare_lost(worker)


def _deliver() -> None:
    """Have everything delivered, within one deadline for all."""
    fork.notice()
    exiting.begun = True
    if fork.had_children():
        for handler in handlers():
            handler.look_for_children()
    with exiting.waiting():
        deliver_pending(exiting.left(_longest_timeout()))


def deliver_pending(seconds: float | None = None) -> None:
    """Have everything delivered, within the longest `close_timeout` unless told otherwise.

    For those, too, who know that no hook of an exit will run. What is no news is left to the
    next process, as at any exit, if the store keeps it.
    """
    deadline = monotonic() + (_longest_timeout() if seconds is None else seconds)
    workers = [c for c in list(_workers.values()) if c.has_work() or c.cycle.may_find()]
    requests = [(c, c.request_flush(deadline, leaving=True)) for c in workers]
    for worker, request in requests:
        worker.wait(request)


def store_within(seconds: float) -> None:
    """Before a kill: have all that was counted brought into the stores, and begin nothing else."""
    exiting.killed = True
    until = monotonic() + seconds
    workers = [c for c in list(_workers.values()) if c.cycle.durable]
    for worker in workers:
        worker.wake()
    while monotonic() < until and any(c.busy or c.cycle.has_unstored() for c in workers):
        native.sleep(0.001)


def _longest_timeout() -> float:
    return max((worker.close_timeout for worker in list(_workers.values())), default=0.0)


def declare_lost(worker: Worker, reason: str = "") -> None:
    """Say on stderr, and in its account, what a worker could not deliver before the exit."""
    reason = reason or worker.cycle.last_error or exiting.ended(worker.close_timeout)
    lost = worker.cycle.give_up(reason)
    if lost:
        errors = "error was" if lost == 1 else "errors were"
        warn_rarely(
            f"exit {id(worker)} {lost}", f"{lost:,} {errors} not delivered at exit: {reason}"
        )


def _after_fork() -> None:
    """In the child: what is pending is the parent's, and so are its threads and locks."""
    exiting.reset()
    _workers.clear()
    fork.run_each([handler.after_fork for handler in handlers()])


fork.in_child(_after_fork)
