"""What a forked child has to forget: its parent's threads, locks and connections.

One list for all modules, because a fork may be noticed late: servers written in C (uWSGI) fork past
Python's hooks, and the first error in the child runs the steps; the same where `os` has no hooks.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable

_steps: list[Callable[[], object]] = []
_pid = os.getpid()
_had_children = False
_NONE = "count(1)"

#: Says on stderr that a step has failed. Set by `diagnostics`, which imports this module.
say: Callable[[str, str], object] = lambda kind, text: None  # noqa: E731 - to be replaced


def in_child(step: Callable[[], object]) -> None:
    """Have a step run in every forked child, after those that were named before it."""
    _steps.append(step)


def hook(**hooks: Callable[[], object]) -> None:
    """`os.register_at_fork`, where there is one."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(**hooks)


def notice() -> bool:
    """Run the steps if this is a child that Python's hooks have not seen being forked."""
    if os.getpid() == _pid:
        return False
    _run()
    return True


def had_children() -> bool:
    """Whether this process has had children that run Python: they may have been killed."""
    process = sys.modules.get("multiprocessing.process")
    # This counts those that were spawned as well.
    return _had_children or str(getattr(process, "_process_counter", _NONE)) != _NONE


def _run() -> None:
    global _pid, _had_children
    _pid, _had_children = os.getpid(), False
    run_each(_steps)


def run_each(steps: Iterable[Callable[[], object]]) -> None:
    """Run all of them: one that raises (a user's sender, say) does not stop the others."""
    for step in steps:
        try:
            step()
        except Exception as error:
            name = getattr(step, "__qualname__", type(step).__qualname__)
            say(f"fork {name}", f"{name} failed with {type(error).__name__} in a forked child")


def _note_child() -> None:
    global _had_children
    _had_children = True


hook(after_in_child=_run, after_in_parent=_note_child)
