"""The interpreter's own threads, locks, clock and waiting, whoever has put others in their place.

gevent and eventlet replace them when they are told to, before a handler is made or after it:
a thread that is a greenlet, and blocks on a queue that is none, stops the whole program.
freezegun and the like replace the clock, and a deadline by a clock that stands is none.
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

#: How often who must not wait natively looks, seconds.
POLL = 0.01


def _pristine(name: str) -> Any:
    """A second copy of a C module, as the interpreter makes it: what others have replaced in
    the first one, or will, is whole in it."""
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

#: What a thread does to itself: blocked, it would end the process without a word.
_FAULTS = {
    getattr(signal, name, 0)  # Windows has some of them
    for name in ("SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV", "SIGSYS", "SIGTRAP")
}


def start_new_thread(run: Callable[..., object], arguments: tuple[Any, ...]) -> int:
    """Start a thread that no signal of the process interrupts.

    The system hands a signal to any thread that takes it, to a new one first if the main one
    is waiting for a processor. A server in C ends where its handler runs (uWSGI): in our
    thread, that waits for good for what only this thread could do.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        return int(_thread.start_new_thread(run, arguments))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        # The thread inherits it: there is no first step at which it could still be hit.
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
        """Let go who waits."""
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
