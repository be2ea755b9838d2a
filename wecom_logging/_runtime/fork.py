"""What a forked child has to forget: its parent's threads, locks and connections.

One list for all modules, since a fork may be seen late: servers written in C (uWSGI) fork
past Python's hooks, and then the first error that notices it runs the steps.
"""

from __future__ import annotations

import os
from collections.abc import Callable

_steps: list[Callable[[], object]] = []
_pid = os.getpid()


def in_child(step: Callable[[], object]) -> None:
    """Have a step run in every forked child, after those that were named before it."""
    _steps.append(step)


def notice() -> bool:
    """Run the steps if this is a child that Python's hooks have not seen being forked."""
    if os.getpid() == _pid:
        return False
    _run()
    return True


def _run() -> None:
    global _pid
    _pid = os.getpid()
    for step in _steps:
        step()


os.register_at_fork(after_in_child=_run)
