"""SIGTERM in a child of `multiprocessing`, whose `Pool` ends its children by it as a rule.

Its default action stops the process at once, perhaps between an error and the store. So it is
postponed until what was logged is in the store, for `POSTPONED` seconds at most. Where the program
has a handler of its own nothing is done.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable

from wecom_logging._runtime import native

#: How long the end of a child is put off at most, seconds.
POSTPONED = 0.5

#: How long its main thread may be somewhere in C, where no handler runs, seconds.
UNHEARD = 2.0

_pid = 0


def postpone(settle: Callable[[float], object]) -> None:
    """From the first error of a child on, have `settle(seconds)` run before SIGTERM acts.

    Does nothing in other processes, and on other threads than the main one.
    """
    global _pid
    process = sys.modules.get("multiprocessing.process")
    if _pid == os.getpid() or process is None or process.parent_process() is None:
        return
    if threading.current_thread() is not threading.main_thread():
        return
    _pid = os.getpid()
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return

    def end(number: int, frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        if os.getpid() == _pid:  # and not a child of this child
            settle(POSTPONED)
        os.kill(os.getpid(), number)

    if _is_guarded():
        signal.signal(signal.SIGTERM, end)


def _is_guarded() -> bool:
    """Have a thread see to it that the process ends, wherever its main thread is."""
    ear, mouth = os.pipe()
    os.set_blocking(mouth, False)
    before = signal.set_wakeup_fd(mouth, warn_on_full_buffer=False)
    if before == -1:
        try:
            native.start_new_thread(_guard, (ear,))
            return True
        except Exception:
            pass  # no thread is to be had
    signal.set_wakeup_fd(before)
    os.close(ear)
    os.close(mouth)
    return False


def _guard(ear: int) -> None:
    while heard := os.read(ear, 1):
        if heard[0] == signal.SIGTERM:
            native.sleep(POSTPONED + UNHEARD)
            os.kill(os.getpid(), signal.SIGKILL)
