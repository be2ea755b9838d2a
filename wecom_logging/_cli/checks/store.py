"""Where counts are kept, and whether that can be used."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

from wecom_logging._cli.checks.step import Step, failed, ok, warning
from wecom_logging._cli.destination import Setup
from wecom_logging._cli.oncall import quiet_line, silence_line
from wecom_logging._stores.ledger_store import MarkingStore
from wecom_logging._stores.oncall import OnCall
from wecom_logging._stores.protocol import DamagedError, Rules, StoreError

_MEMORY = "in memory: each process counts and alerts for itself"
_WRITABLE = "Name a file in WECOM_STORE that this user can write."
_SHARE = "Set WECOM_STORE to a redis:// URL, or to memory if this is meant."
_BEGUN_ANEW = "Nothing to do: the next error sets it aside and begins a new one."
_REACHABLE = "Start it, or correct WECOM_STORE."


def store_steps(setup: Setup) -> Iterator[Step]:
    """The store of a handler, and whether somebody keeps it quiet there."""
    yield _store(setup)
    if why := held(setup):
        yield warning("quiet", why, 'Answer "wecom-logging quiet off" to be told at once.')


def _store(setup: Setup) -> Step:
    """Which store a handler with these options uses, and whether a trial use of it succeeds.

    A file that is not there yet is not made: it would belong to whoever runs the check.
    """
    option = setup.options.store
    if option == "memory" or setup.sender.limits.local:
        return ok("store", _MEMORY)
    is_named = option != "auto"
    try:
        found = setup.on_call(make=True)
    except StoreError as error:
        if is_named:
            return failed("store", str(error))
        return warning("store", _MEMORY, _SHARE)
    is_redis = option.startswith("redis")
    try:
        _try(found, file=not is_redis)
    except (StoreError, OSError) as error:
        if isinstance(error, DamagedError) and not is_named:
            return warning("store", f"{found.name} is damaged: what it held is lost", _BEGUN_ANEW)
        reason = error.strerror if isinstance(error, OSError) else error
        cause = f"{found.name} cannot be used: {reason}"
        if not is_named:
            return warning("store", f"{cause}; each process counts for itself", _WRITABLE)
        return failed("store", cause, _REACHABLE if is_redis else _WRITABLE)
    reach = (
        "for all processes that name it" if is_named else "for this user's processes on this host"
    )
    return ok("store", f"{found.name}, {reach}")


def held(setup: Setup, test: str = "") -> str:
    """Why nothing is told now: somebody has made the app quiet, or has silenced a group whose
    text begins with `test`; "" if neither is known."""
    try:
        known = setup.on_call().known()
    except (StoreError, OSError):  # nobody can have done it there
        return ""
    own = setup.options.app, setup.options.environment
    for app in (each for each in known if (each.app, each.environment) == own):
        if said := quiet_line(app):
            return said
        for group in app.groups if test else ():
            if group.text.startswith(test) and (said := silence_line(group)):
                return f"#{group.id} is {said}"
    return ""


def _try(found: OnCall, *, file: bool) -> None:
    """Write something, and take it away."""
    if not file or os.path.exists(found.name):
        _write(found.open(*found.own))
        return
    parent = os.path.dirname(found.name)
    while not os.path.lexists(parent):
        parent = os.path.dirname(parent)
    from wecom_logging._stores.sqlite import SQLiteStore

    with tempfile.TemporaryDirectory(dir=parent) as directory:
        _write(SQLiteStore(os.path.join(directory, "check.db"), "", "", "", Rules()))


def _write(store: MarkingStore) -> None:
    store.note("write", "check", "1", 1.0)
    store.note("erase", "check", "", 0.0)
