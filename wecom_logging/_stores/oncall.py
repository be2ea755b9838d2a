"""The store of a destination as command line and bot use it: all its apps at once.

Raises `StoreError`, and never works with a memory of its own: an act that does not reach the
store is none. Each act is written to the logger `wecom_logging.audit`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from wecom_logging._model.digest import Digest
from wecom_logging._runtime.values import NamedTuple
from wecom_logging._senders.protocol import Sender
from wecom_logging._stores.factory import file_name, shown
from wecom_logging._stores.leases import Step
from wecom_logging._stores.ledger_store import MarkingStore
from wecom_logging._stores.marks import Act, Done, KeptAct, KnownApp
from wecom_logging._stores.protocol import Rules, StoreError
from wecom_logging._worker.audit import audit

App = tuple[str, str]


class Undone(NamedTuple):
    """An act that was taken back: with the ids that it had marked, when it was done, for
    display, and in which apps."""

    act: Act
    wall: float
    apps: tuple[App, ...]


@dataclass
class OnCall:
    """Groups of all apps and environments at a destination, and marks on them."""

    #: What it is called, without secrets.
    name: str
    #: Opens the store of an app and environment.
    open: Callable[[str, str], MarkingStore]
    #: The one that the options name.
    own: App
    #: The destination, of which several may be in a store.
    place: str = ""
    #: Why it may not be the one that the application uses; "" if nothing speaks for that.
    doubt: str = ""

    def apps(self) -> tuple[App, ...]:
        """All that have had errors."""
        return self.open(*self.own).apps()

    def known(self) -> list[KnownApp]:
        return [self.open(*app).groups() for app in self.apps()]

    def whole(self, short_id: str) -> tuple[App, Digest] | None:
        """All about one group, see `MarkingStore.whole`, and whose it is."""
        for app in self.apps():
            if digest := self.open(*app).whole(short_id):
                return app, digest
        return None

    def mark(self, act: Act, app: App | None = None) -> Done:
        """Do it, whichever apps the ids belong to; `app` is whose quiet it is."""
        if app is not None:
            done = self.open(*app).mark(act)
            _audit(act, app)
            return done
        found: list[str] = []
        refused = dict.fromkeys(act.ids, "unknown")
        for known in self.known():
            there = tuple(each.id for each in known.groups if each.id in act.ids)
            if not there:
                continue
            done = self.open(known.app, known.environment).mark(act._replace(ids=there))
            found += done.ids
            refused = {key: why for key, why in refused.items() if key not in there}
            refused.update(done.refused)
            if done.ids:
                _audit(act._replace(ids=done.ids), (known.app, known.environment))
        return Done(tuple(each for each in act.ids if each in found), refused)

    def note(self, step: Step, key: str, value: str = "", seconds: float = 0.0) -> str | None:
        """A small document of all apps, see `leases.note`."""
        scoped = "\x00".join((self.place, key))
        return self.open(*self.own).note(step, scoped, value, seconds)

    def take_slot(self) -> str | float:
        """See `MarkingStore.take_slot`: they are the destination's."""
        return self.open(*self.own).take_slot()

    def answered(self, slot: str) -> None:
        self.open(*self.own).answered(slot)

    def undo(self, act: Act, within: float) -> Undone | None:
        """Take back the last act of `act.user` in so many seconds, in all apps that it was for."""
        last: dict[App, KeptAct] = {}
        for app in self.apps():
            for kept in self.open(*app).acts():  # the oldest first
                effective = kept.ids or kept.act.verb in ("quiet", "unquiet")
                if kept.act.user == act.user and not kept.undone and effective:
                    last[app] = kept
        if not last:
            return None
        key = max(last.values(), key=lambda kept: kept.at).act.key
        parts = {
            app: undone
            for app, kept in last.items()
            if kept.act.key == key and (undone := self.open(*app).undo(act, within)) is not None
        }
        for app, undone in parts.items():
            _audit(act._replace(ids=tuple(undone.ids)), app, f"undo {undone.act.verb}")
        if not parts:
            return None
        first = next(iter(parts.values()))
        ids = tuple(each for kept in parts.values() for each in kept.ids)
        return Undone(first.act._replace(ids=ids), first.wall, tuple(parts))


def _audit(act: Act, app: App, verb: str = "") -> None:
    """Write an act down for whoever looks later."""
    audit(
        " ".join((verb or act.verb, *act.ids)),
        " ".join(filter(None, app)),
        who=act.who,
        where=act.where,
        why=act.why,
        until="the next release" if act.until_release else "",
        seconds=act.seconds,
    )


def on_call(
    store: str,
    sender: Sender,
    own: App,
    rules: Rules,
    environ: Mapping[str, str],
    *,
    make: bool = False,
) -> OnCall:
    """The store that a handler with these options uses.

    Args:
        make: Also one that is not there yet, for who comes before the first error.

    Raises:
        StoreError: It has none that others could reach, or none yet.
    """
    destination = sender.destination
    if store.startswith(("redis:", "rediss:")):
        try:
            from wecom_logging._stores.redis import RedisStore
        except ImportError:
            raise StoreError(
                "a redis:// URL needs the client: pip install 'wecom-logging[redis]'"
            ) from None

        @cache  # of the connections
        def redis(app: str, environment: str) -> MarkingStore:
            return RedisStore(store, destination, app, environment, rules)

        return OnCall(shown(store), redis, own, destination)
    path = _path(store, sender, environ, make)
    from wecom_logging._stores.sqlite import SQLiteStore

    def sqlite(app: str, environment: str) -> MarkingStore:
        return SQLiteStore(path, destination, app, environment, rules)

    return OnCall(path, sqlite, own, destination, _doubt())


def _path(store: str, sender: Sender, environ: Mapping[str, str], make: bool) -> str:
    from wecom_logging._stores import location

    if store == "memory" or sender.limits.local:
        raise StoreError("store='memory' is inside the application: nobody else can reach it")
    if store.startswith("sqlite:"):
        directories, name = [""], os.path.abspath(store.removeprefix("sqlite:///"))
    else:
        if environ.get("KUBERNETES_SERVICE_HOST"):
            raise StoreError("in Kubernetes a store is in memory without store='redis://…'")
        directories = list(location.candidates(environ))
        name = file_name(sender.destination)
    paths = [os.path.join(directory, name) for directory in directories]
    found = next(filter(os.path.exists, paths), None)
    if found is None and make:
        directory = location.private_directory(directories) if directories[0] else ""
        found = None if directory is None else os.path.join(directory, name)
    if found is None:
        missing = f"{paths[0]} is not there: no error was seen yet, or the application uses another"
        raise StoreError("; ".join(filter(None, (f"{missing} store", _doubt()))))
    return found


def _doubt() -> str:
    from wecom_logging._stores.location import in_container

    return "this is a container, which has files of its own" if in_container() else ""
