"""The three stores, each with a clock that is moved by hand, for the tests of their contract."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Protocol

import pytest

from wecom_logging._model.digest import Event, Identity
from wecom_logging._stores.ledger import Ledger
from wecom_logging._stores.memory import MemoryDestination, MemoryStore
from wecom_logging._stores.protocol import Asker, Batch, Claim, Entry, FollowUp, Rules, Store
from wecom_logging._stores.redis import RedisStore
from wecom_logging._stores.sqlite import SQLiteStore

#: Where the clocks begin that are those of a host.
START = 1_700_000_000.0


class Kit(Protocol):
    """Opens stores in one place, and moves their clock."""

    shared: bool

    def open(self, app: str = "shop", environment: str = "prod", **rules: Any) -> Store: ...

    def advance(self, seconds: float) -> None: ...


class SharedMemoryStore(MemoryStore):
    """One that reckons with other processes, as those do that it is compared with."""

    def _ledger(self) -> Ledger:
        ledger = super()._ledger()
        ledger.shared, ledger.is_alive = True, lambda source: True
        return ledger


class MemoryKit:
    """Stores of one process at one destination.

    Args:
        shared: They answer like those of several processes.
    """

    def __init__(self, *, shared: bool = False) -> None:
        self.shared = shared
        self.now = START if shared else 1000.0
        self._place = MemoryDestination()
        self._stores: dict[tuple[str, str], MemoryStore] = {}

    def open(self, app: str = "shop", environment: str = "prod", **rules: Any) -> Store:
        store = self._stores.get((app, environment))
        if store is None:
            make = SharedMemoryStore if self.shared else MemoryStore
            store = self._stores[app, environment] = make(
                self._place,
                app,
                environment,
                Rules(**rules),
                clock=lambda: self.now,
                wall=lambda: self.now,
            )
        return store

    def advance(self, seconds: float) -> None:
        self.now += seconds


class SQLiteKit:
    """Stores of one host on one file, which those of this process share."""

    shared = True

    def __init__(self, path: Path) -> None:
        self.now = START
        self.path = path / "state" / "store.db"

    def open(self, app: str = "shop", environment: str = "prod", **rules: Any) -> SQLiteStore:
        return SQLiteStore(
            str(self.path),
            "robot 1",
            app,
            environment,
            Rules(**rules),
            wall=lambda: self.now,
            is_alive=lambda source: True,
        )

    def advance(self, seconds: float) -> None:
        self.now += seconds


class RedisKit:
    """Stores of a fleet. The clock is the server's, moved by what a test adds to it.

    Args:
        frozen: It goes on only when it is moved.
    """

    shared = True

    def __init__(self, url: str, *, frozen: bool = False, place: str = "robot 1") -> None:
        self.url, self._moved, self._frozen, self._place = url, 0.0, frozen, place

    @property
    def skew(self) -> float:
        return START - time.time() + self._moved if self._frozen else self._moved

    def open(self, app: str = "shop", environment: str = "prod", **rules: Any) -> RedisStore:
        return RedisStore(
            self.url,
            self._place,
            app,
            environment,
            Rules(**rules),
            wall=lambda: time.time() + self.skew,
            skew=lambda: self.skew,
        )

    def advance(self, seconds: float) -> None:
        self._moved += seconds


KITS = ("memory", "sqlite", "redis")


_real_clock = False


def kit(name: str, path: Path, request: pytest.FixtureRequest) -> Kit:
    global _real_clock
    _real_clock = name == "redis"
    if name == "memory":
        return MemoryKit()
    if name == "sqlite":
        return SQLiteKit(path)
    server = request.getfixturevalue("redis_server")
    server.client().flushall()
    return RedisKit(server.url)


def near(seconds: float) -> object:
    """So long, by the clock of the kit that was made last: Redis has its own, which goes on while
    a test runs, and that may take long where others are at work."""
    return pytest.approx(seconds, abs=3.0 if _real_clock else 0.3, rel=0.0)


class Client:
    """One worker of the tests: numbers its batches, and delivers."""

    def __init__(
        self, kit: Kit, source: str = "web-1/1/a", *, route: str = "a route", **options: Any
    ) -> None:
        self.kit, self.source, self.route = kit, source, route
        self.store = kit.open(**options)
        self.release = options.get("release", "")
        self._sequence = 0

    def log(self, kind: str = "Timeout", count: int = 1, **more: Any) -> Batch:
        """Merge `count` errors of a kind."""
        batch = self.batch(kind, count, **more)
        self.store.merge(batch)
        return batch

    def batch(self, kind: str = "Timeout", count: int = 1, **more: Any) -> Batch:
        """The next batch, with `count` errors of a kind."""
        level = more.pop("level", "error")
        self._sequence += 1
        if isinstance(self.store, MemoryStore):  # one for all, with the options of the latest
            self.store._rules = self.store._rules._replace(release=self.release)
        entry = Entry(identity(kind, level), count, **more)
        return Batch(self.source, self._sequence, (entry,))

    def ask(self, *batches: Batch, **how: Any) -> Claim | FollowUp | float | None:
        """Merge, and ask for what is due."""
        answer, _ = self.store.claim(Asker(self.source, route=self.route, **how), *batches)
        return answer

    def end(self, kind: str) -> None:
        """Say that a kind of error is over: a job works again."""
        self._sequence += 1
        entry = Entry(identity(kind), 0, over=True)
        self.store.merge(Batch(self.source, self._sequence, (entry,)))

    def claim(self, **how: Any) -> Claim:
        """Claim what has to be due by now."""
        claim = self.ask(**how)
        assert isinstance(claim, Claim), f"nothing to claim for {claim} s"
        return claim

    def wait(self, **how: Any) -> float | None:
        """How long it has to wait, now that nothing can be claimed."""
        wait = self.ask(**how)
        assert not isinstance(wait, FollowUp), wait
        assert not isinstance(wait, Claim), f"claimed {told(wait)}"
        return wait

    def until_due(self, **how: Any) -> tuple[float, Claim]:
        """Wait as the store says until there is a claim; returns the seconds, and it."""
        waited = 0.0
        while True:
            answer = self.ask(**how)
            if isinstance(answer, Claim):
                return waited, answer
            assert isinstance(answer, float), "nothing will be due"
            self.kit.advance(answer)
            waited += answer

    def deliver(self, **how: Any) -> Claim:
        """Send what is due, now or after the store's wait."""
        _, claim = self.until_due(**how)
        assert self.store.freeze(claim.id, "body")
        self.store.settle(claim.id)
        return claim


def identity(kind: str, level: str = "error") -> Identity:
    """One whose kind begins with "job" is over only when somebody says so.

    All that begin with "text" or "constant" are of one call site, and so are all that begin
    with "code": exceptions of one place, with a code.
    """
    one = Identity(kind, "shop", level, type=kind, place=f"shop.py {kind}")
    if kind.startswith("job"):
        return one._replace(job=True)
    if kind.startswith("code"):
        return one._replace(
            site=f"{level} site", place="shop.py pay", changing=True, code=kind, bare=f"any {level}"
        )
    if kind.startswith(("text", "constant")):
        changing = kind.startswith("text")
        return one._replace(type="", template=kind, site=f"{level} site", changing=changing)
    return one


def event(text: str) -> Event:
    return {"event": text, "level": "error"}


def told(claim: Claim) -> dict[str, int]:
    """What a message says happened, and how often."""
    return {f"{r.identity.type} {r.state}": r.count for r in claim.digest.reports}


def fill(client: Client) -> None:
    """A store that holds everything: what is known, pending, and out."""
    client.log("A", samples=(event("text"),))
    client.deliver(why="flush")
    client.log("B", samples=(event("text"),))
    client.claim(why="flush")
    client.log("A", samples=(event("text"),))
    client.wait()
