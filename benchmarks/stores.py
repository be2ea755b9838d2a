"""What the shared stores cost: before a message, against another version, and as they fill.

    python benchmarks/stores.py before PATH [--rounds 5]    against the version in PATH
    python benchmarks/stores.py filled                      slots, groups, processes, batches
    python benchmarks/stores.py held [--rounds 10]          a CRITICAL beside a process that
                                                            is stopped, or killed, at work

`before` runs this version and the other one in turn, each in a process of its own, through
the handler alone. Times are CPU, of the process and of Redis: a machine that is busy with
something else does not change them. Only `held` is about waiting, and wants a quiet machine.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
KINDS, FLEET, FLEET_ROUNDS = 60, 64, 25
#: So many processes share a file: those of one host.
MOST_HERE = {"sources": 500}


# -- one version, through its handler ---------------------------------------------------------


def first_bytes(store: str, statements: list[str], client: Any) -> dict[str, float]:
    """CPU and steps from an error of a new kind to the call of the sender."""
    import wecom_logging
    from wecom_logging.testing import RecordingSender

    at: list[tuple[float, float, int, int]] = []
    sent, in_store = threading.Event(), [0.0]
    count_cpu("RedisStore" if client else "SQLiteStore", in_store)

    def reading() -> tuple[float, float, int, int]:
        calls, usec = redis_time(client) if client else (len(statements), 0)
        return time.process_time(), in_store[0], calls, usec

    class Sender(RecordingSender):
        def send(self, *message: Any) -> Any:
            at.append(reading())
            sent.set()
            return super().send(*message)

    handler = wecom_logging.WeComHandler(
        sender=Sender(), store=store, app="bench", group_wait=0.0, group_interval=0.0,
        rate_limit=((10_000, 60),),
    )  # fmt: skip
    log = logging.getLogger("bench")
    log.propagate = False
    log.addHandler(handler)
    spent = []
    for number in range(KINDS):
        sent.clear()
        before = reading()
        where = {"pathname": f"shop_{number}.py", "funcName": "pay", "lineno": number}
        log.handle(logging.makeLogRecord({"levelno": logging.ERROR, "msg": "failed", **where}))
        assert sent.wait(30.0)
        spent.append([now - then for now, then in zip(at[-1], before, strict=True)])
        time.sleep(0.12)  # it settles, and what comes next is not gathered
    handler.close()
    # The median: garbage of all that is loaded is collected now and then, on whose time ever.
    cpu, of_it, steps, usec = map(statistics.median, zip(*spent[10:], strict=True))
    return {"cpu ms": cpu * 1e3, "store ms": of_it * 1e3, "steps": steps, "redis us": usec}


def count_cpu(store: str, spent: list[float]) -> None:
    """Have the steps before a message add their CPU to `spent`, in either version."""
    name = store.removesuffix("Store").lower()
    try:
        module = importlib.import_module(f"wecom_logging._stores.{name}")
    except ImportError:
        module = importlib.import_module(f"wecom_logging.stores.{name}")
    kind = getattr(module, store)

    def counting(step: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            began = time.thread_time()
            try:
                return step(*arguments, **options)
            finally:
                spent[0] += time.thread_time() - began

        return counted

    for step in ("merge", "claim", "freeze"):
        setattr(kind, step, counting(getattr(kind, step)))


def storm(url: str, client: Any) -> float:
    """Redis' time for a round of errors of five known kinds in many sources, ms."""
    import wecom_logging
    from wecom_logging.testing import RecordingSender

    class Sender(RecordingSender):
        def __init__(self) -> None:
            super().__init__()
            self.destination = "one for all"

    handlers = [
        wecom_logging.WeComHandler(sender=Sender(), store=url, app="storm") for _ in range(FLEET)
    ]

    def round_() -> None:
        for handler in handlers:
            for kind in range(5):
                record = {"levelno": logging.ERROR, "fingerprint": kind, "msg": "failed"}
                handler.handle(logging.makeLogRecord(record))
        time.sleep(0.4)

    for _ in range(5):
        round_()
    before = redis_time(client)[1]
    for _ in range(FLEET_ROUNDS):
        round_()
    spent = redis_time(client)[1] - before
    for handler in handlers:
        handler.close()
    return spent / FLEET_ROUNDS / 1e3


def redis_time(client: Any) -> tuple[int, int]:
    """Scripts that were run, and Redis' CPU by now, microseconds."""
    cpu = client.info("cpu")
    calls = client.info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0)
    return int(calls), int(1e6 * (cpu["used_cpu_user"] + cpu["used_cpu_sys"]))


def one_version(url: str) -> None:
    import redis

    statements: list[str] = []
    connect = sqlite3.connect

    def traced(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **options)
        connection.set_trace_callback(statements.append)
        return connection

    client = redis.Redis.from_url(url, decode_responses=True)
    with tempfile.TemporaryDirectory() as directory:
        found: dict[str, Any] = {"sqlite": first_bytes(f"sqlite:///{directory}/a.db", [], None)}
        # Apart, because each statement is written out for whoever counts them.
        sqlite3.connect = traced  # type: ignore[assignment]  # counts what is executed
        counted = first_bytes(f"sqlite:///{directory}/b.db", statements, None)
        sqlite3.connect = connect
        found["sqlite"]["steps"] = counted["steps"]
        client.flushall()
        found["redis"] = first_bytes(url, statements, client)
    client.flushall()
    found["storm ms"] = storm(url, client)
    print(json.dumps(found))


def before(other: Path, rounds: int) -> None:
    """Both versions in turn, and their ratio."""
    from tests.helpers.redis_server import running

    found: dict[str, list[dict[str, Any]]] = {"this": [], "other": []}
    with tempfile.TemporaryDirectory() as directory, running(Path(directory) / "redis") as server:
        for _ in range(rounds):
            for name, root in (("this", ROOT), ("other", other)):
                done = subprocess.run(
                    [sys.executable, "-P", __file__, "one", server.url],
                    env={**os.environ, "PYTHONPATH": str(root)},
                    capture_output=True, text=True, check=True,
                )  # fmt: skip
                found[name].append(json.loads(done.stdout.splitlines()[-1]))
    kinds = ("cpu ms", "store ms", "steps", "redis us")
    rows = [(store, what) for store in ("sqlite", "redis") for what in kinds]
    for store, what in rows:
        mine, its = (statistics.median(r[store][what] for r in found[n]) for n in found)
        if its:
            print(f"{store:7}{what:10}{mine:10.2f} against {its:10.2f}  {mine / its:.2f}x")
    mine, its = (statistics.median(r["storm ms"] for r in found[n]) for n in found)
    print(f"{FLEET} sources, ms of Redis a round {mine:.1f} against {its:.1f}  {mine / its:.2f}x")


# -- this version, as its store fills ---------------------------------------------------------


def filled() -> None:
    """A visit that merges one error, finds nothing due and asks for the account: of a store
    that knows little and one that knows much in turn. CPU of Redis, and of this process."""
    from tests.helpers.redis_server import running
    from tests.helpers.store_kits import RedisKit, SQLiteKit

    with tempfile.TemporaryDirectory() as directory, running(Path(directory) / "redis") as server:
        for what in ({"slots": 900}, {"groups": 10_000}, {"sources": 8000}):
            server.client().flushall()
            redis_kits = [RedisKit(server.url, place=name) for name in ("few", "many")]
            turns("redis", what, redis_kits, lambda: redis_time(server.client())[1])
            name = next(iter(what))
            what = {n: min(count, MOST_HERE.get(n, count)) for n, count in what.items()}
            files = [SQLiteKit(Path(directory) / f"{name} {n}") for n in range(2)]
            turns("sqlite", what, files, lambda: time.thread_time() * 1e6)


def turns(store: str, what: dict[str, int], kits: Sequence[Any], usec: Callable[[], float]) -> None:
    few, many = filled_with(kits[0]), filled_with(kits[1], **what)
    spent: dict[str, list[float]] = {"few": [], "many": []}
    for _ in range(20):
        for name, one in (("few", few), ("many", many)):
            before = usec()
            for _ in range(20):
                one.ask(one.batch("kind 0", 1))
                one.store.account(one.source)
            spent[name].append((usec() - before) / 20)
    less, more = (statistics.median(each) for each in spent.values())
    print(f"{store:7}{what}: {more:.0f} against {less:.0f} us  {more / less:.2f}x")


def filled_with(kit: Any, groups: int = 10, slots: int = 0, sources: int = 1) -> Any:
    """A client of a store in which so much is known, and nothing is pending."""
    from tests.helpers.store_kits import Client, identity
    from wecom_logging._stores.protocol import Batch, Entry

    most: dict[str, Any] = {"max_groups": 20_000, "rate_limit": ((20_000, 3600.0),)}
    one = Client(kit, **most)
    entries = tuple(Entry(identity(f"kind {n}"), 1) for n in range(groups))
    for start in range(0, groups, 500):
        one.store.merge(Batch("filler", start + 1, entries[start : start + 500]))
        one.deliver(why="flush")
    store: Any = one.store
    if hasattr(store, "file"):

        def fill(ledger: Any) -> None:
            for n in range(slots):
                ledger.state.slots.put(f"slot {n}", ledger.now - 3000.0 + n)

        store._step(fill)
    else:
        now = time.time()
        for n in range(slots):
            store._client.zadd(store._keys[0], {f"slot {n}": now - 3000.0 + n})
    for n in range(1, sources):
        Client(kit, f"web-{n}/{n}/a", **most).ask()
    return one


# -- beside one that does not go on -----------------------------------------------------------

#: What a neighbour does, and where it is stopped: in the middle of what it writes, with a
#: message that it has claimed, or while it fetches the next token.
NEIGHBOUR = """
import json, logging, os, signal, sys, time
import wecom_logging
from wecom_logging._senders.protocol import Limits
from wecom_logging._stores.protocol import Dropped, Left
from wecom_logging.testing import RecordingSender

role, store, how = sys.argv[1:]

def say(what):
    os.write(1, f"{what}\\n".encode())  # in one piece: two threads speak

def stop():
    say(0)
    os.kill(os.getpid(), getattr(signal, how))

class Sender(RecordingSender):
    token_key = "key"

    def __init__(self):
        super().__init__(Limits({"markdown": 2048, "text": 2048}, token=True))
        self.destination = "one for all"

    def fetch_token(self):
        return "secret", 7200.0

    def send(self, message, token):
        say(time.time())
        if role == "claim" and going: stop()
        return super().send(message)

going = False
handler = wecom_logging.WeComHandler(
    sender=Sender(), store=store, app="held", group_wait=0.0, group_interval=0.0
)
log = logging.getLogger("held"); log.propagate = False; log.addHandler(handler)
log.error("warm"); handler.flush(20)
say(0)
sys.stdin.readline()
going, shared = True, handler._worker.cycle.store
if role == "lock":
    shared._primary._step(lambda ledger: stop())
elif role in ("next token", "first token"):
    over = Left("secret", 0.0) if role == "next token" else Dropped("secret")
    shared.lease("key", over); time.sleep(11)
    assert shared.lease("key") is None
    stop()
elif role == "claim":
    log.critical("claimed"); handler.flush(20)
else:
    at = time.time()
    log.critical("urgent %d", 1)
    say(at)
    sys.stdin.readline()
"""


def held(rounds: int) -> None:
    """How long a CRITICAL takes to its first byte beside a neighbour that does not go on."""
    from tests.helpers.redis_server import running

    with tempfile.TemporaryDirectory() as directory, running(Path(directory) / "redis") as server:
        for kind in ("sqlite", "redis"):
            for role, how in (
                ("none", "SIGSTOP"),
                ("lock", "SIGSTOP"), ("lock", "SIGKILL"),
                ("claim", "SIGSTOP"), ("claim", "SIGKILL"),
                ("next token", "SIGSTOP"), ("first token", "SIGSTOP"),
            ):  # fmt: skip
                if role == "lock" and kind == "redis":
                    continue  # Redis' own steps are scripts
                took = []
                for number in range(1 if "token" in role else rounds):
                    server.client().flushall()
                    store = server.url
                    if kind == "sqlite":
                        store = f"sqlite:///{directory}/{role}{how}{number}.db"
                    took.append(beside(role, how, store))
                took.sort()
                half = took[len(took) // 2] * 1e3
                print(f"{kind:7}{role:12}{how:8} median {half:6.0f}  most {took[-1] * 1e3:6.0f} ms")


def beside(role: str, how: str, store: str) -> float:
    """Seconds from a CRITICAL to its first byte."""

    def start(role: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", NEIGHBOUR, role, store, how],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip

    def says(process: subprocess.Popen[str], until: Callable[[float], object]) -> float:
        assert process.stdout is not None
        while True:
            value = float(process.stdout.readline())
            if until(value):
                return value

    def go_on(process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()

    holder, other = start(role if role != "none" else "other"), start("other")
    try:
        for each in (holder, other):
            says(each, lambda at: at == 0)
        if role != "none":
            go_on(holder)
            says(holder, lambda at: at == 0)
        go_on(other)
        logged = says(other, bool)
        sent = says(other, bool)
        return abs(sent - logged)
    finally:
        for each in (holder, other):
            each.kill()
            each.communicate()


if __name__ == "__main__":
    sys.path.insert(1, str(ROOT))
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("before", "filled", "held", "one"))
    parser.add_argument("where", nargs="?", default="")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if options.what == "one":
        one_version(options.where)
    elif options.what == "before":
        before(Path(options.where).resolve(), options.rounds)
    elif options.what == "held":
        held(options.rounds)
    else:
        filled()
