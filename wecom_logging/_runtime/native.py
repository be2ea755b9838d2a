"""The interpreter's own threads, locks, clock and sleep, whatever has been patched over them.

gevent and eventlet patch them before a handler is made or after it: a worker that has become a
greenlet and blocks on a native queue stops the whole program. freezegun and the like patch the
clock: by a clock that stands still no deadline is ever reached.
"""

from __future__ import annotations

import signal
import threading
import time
from _queue import Empty as Empty
from _queue import SimpleQueue as SimpleQueue
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec, module_from_spec
from types import BuiltinFunctionType
from typing import Any

#: Seconds between two looks, where a native wait is not possible.
POLL = 0.01


def _pristine(name: str) -> Any:
    """A second, unpatched copy of a C module."""
    spec = find_spec(name)
    if spec is None or spec.loader is None:
        raise ImportError(f"this Python has no module {name}", name=name)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_thread = _pristine("_thread")
_select = _pristine("select")

allocate_lock = _thread.allocate_lock
thread_count = _thread._count
sleep = _pristine("time").sleep
TIMEOUT_MAX: float = threading.TIMEOUT_MAX

#: `time.monotonic`, by a call that libraries which freeze or move the time leave alone.
monotonic = partial(time.clock_gettime, time.CLOCK_MONOTONIC)

#: Signals of a thread's own faults: if they were blocked, the process would end without a word.
_FAULTS = {
    getattr(signal, name, 0)  # Windows has some of them
    for name in ("SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV", "SIGSYS", "SIGTRAP")
}


def start_new_thread(run: Callable[..., object], arguments: tuple[Any, ...]) -> int:
    """Start a thread that no signal of the process interrupts.

    The system delivers a signal to any thread that does not block it. A server in C (uWSGI) exits
    in its handler: in our thread, that would wait for good for what only this thread can do.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        return int(_thread.start_new_thread(run, arguments))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        # Inherited by the thread, so that it is safe from its first step on.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - _FAULTS)
        return int(_thread.start_new_thread(run, arguments))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def is_writable(descriptor: int) -> bool:
    """Whether a write of up to `select.PIPE_BUF` bytes to it would not have to wait."""
    poll = _select.poll()
    poll.register(descriptor, _select.POLLOUT)
    return any(event & _select.POLLOUT for _, event in poll.poll(0))


class Latch:
    """Closed once and for all by one thread; another one waits for that."""

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._lock.acquire()
        self.closed = False

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._lock.release()

    def wait(self, until: float) -> None:
        """Wait until it is closed, at most until `until` (of `monotonic`).

        In a program whose `time.sleep` is gevent's or eventlet's a native wait would freeze
        all its greenlets, of which one may be the server that the worker is talking to.
        """
        try:
            while not self.closed and not isinstance(time.sleep, BuiltinFunctionType):
                if (left := until - monotonic()) <= 0:
                    return
                time.sleep(min(POLL, left))
        except Exception:
            pass  # a hub itself, which cannot give way to anybody
        left = max(0.0, until - monotonic())
        if self._lock.acquire(timeout=min(left, TIMEOUT_MAX)):
            self._lock.release()
