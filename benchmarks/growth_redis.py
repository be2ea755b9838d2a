"""How the cost of a Redis grows with processes and groups; and where it would be full.

    python benchmarks/growth_redis.py [--seconds 5] [--out growth_redis.svg]

Starts a redis-server of its own on a free port of loopback. Every process is a real one
with its own connection, doing what a worker does in a storm: merge five groups and claim,
ask for its account, gather, again.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from growth_plot import Series, plot

from tests.helpers.redis_server import RedisServer, running
from tests.helpers.store_kits import event, identity
from wecom_logging._stores.failover import FailoverStore
from wecom_logging._stores.protocol import Asker, Batch, Claim, Entry, Rules
from wecom_logging._stores.redis import RedisStore
from wecom_logging._worker.gathering import GATHER, GATHER_EACH

PROCESSES = (1, 2, 4, 8, 16, 32, 64)
GROUPS = (1, 10, 100, 1000)
SAMPLE = event("x" * 2000)


def worker(url: str, number: int, seconds: float) -> None:
    """A worker in a storm."""
    rules = Rules()
    store = FailoverStore(RedisStore(url, "robot", "shop", "prod", rules), rules, "redis")
    source = f"web-{number // 8}/{number}/x"
    entries = tuple(Entry(identity(f"kind {n}"), 7) for n in range(5))
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        claim, _ = store.claim(Asker(source), Batch(source, 0, entries))
        if isinstance(claim, Claim):
            store.freeze(claim.id, "body")
            store.settle(claim.id)
        time.sleep(max(GATHER, GATHER_EACH * store.account(source).sources))


def storm(server: RedisServer, processes: int, seconds: float) -> tuple[float, float, float]:
    """Commands a second, share of a core, and bytes for each process."""
    there = server.client()
    there.flushall()
    there.config_resetstat()
    before, began = there.info(), time.monotonic()
    children = []
    for number in range(processes):
        child = os.fork()
        if not child:
            worker(server.url, number, seconds)
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    after, took = there.info(), time.monotonic() - began
    # A script is one command here, however many it runs inside.
    commands = there.info("commandstats")["cmdstat_evalsha"]["calls"]
    cpu = sum(after[f"used_cpu_{k}"] - before[f"used_cpu_{k}"] for k in ("sys", "user"))
    own = sum(int(there.memory_usage(key) or 0) for key in there.keys("*"))
    return commands / took, cpu / took, own / processes


def memory(server: RedisServer, groups: int) -> float:
    """Bytes for each group with one sample of 2 KB."""
    there = server.client()
    there.flushall()
    store = RedisStore(server.url, "robot", "shop", "prod", Rules())
    entries = tuple(Entry(identity(f"kind {n}"), 1, (SAMPLE,)) for n in range(groups))
    store.merge(Batch("web/1/x", 1, entries))
    return sum(int(there.memory_usage(key, samples=0) or 0) for key in there.keys("*")) / groups


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--seconds", type=float, default=5.0)
    options.add_argument("--out", default="growth_redis.svg")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as directory, running(Path(directory)) as server:
        print("processes  commands/s  of a core  us/command  bytes/process")
        rows = []
        for processes in PROCESSES:
            commands, cpu, size = storm(server, processes, given.seconds)
            rows.append((processes, commands, cpu))
            each = 1e6 * cpu / commands
            print(f"{processes:9}  {commands:10.0f}  {cpu:9.2%}  {each:10.0f}  {size:13.0f}")
        print("\n   groups  bytes/group")
        sizes = [(groups, memory(server, groups)) for groups in GROUPS]
        for groups, size in sizes:
            print(f"{groups:9}  {size:11.0f}")
    _, commands, cpu = rows[-1]
    work_out(cpu / commands, sizes[-1][1])
    plot(
        given.out,
        [
            Series("commands a second", [(p, c) for p, c, _ in rows]),
            Series("percent of a core", [(p, 100 * u) for p, _, u in rows]),
        ],
        "processes in a storm",
    )


def work_out(seconds_each: float, group: float) -> None:
    """What 1,000 hosts with 8 processes each cost one Redis, from what was measured."""
    size = 8000
    gather = max(0.05, size / 1000)
    storm = size / gather * 3
    look = size / 30 * 2
    print(f"\n{size:,} processes: in a storm each comes every {gather:.0f} s,")
    print(f"  {storm:,.0f} commands/s, {storm * seconds_each:.0%} of a core;")
    print(f"  with something pending and no storm {look:,.0f}/s, {look * seconds_each:.1%};")
    print(f"  1,000 groups with a sample each: {1000 * group / 1e6:.1f} MB.")
    print(f"It would be full at about {1 / seconds_each:,.0f} commands/s.")


if __name__ == "__main__":
    main()
