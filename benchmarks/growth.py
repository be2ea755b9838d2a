"""How a shared store holds out as processes and groups grow.

    python benchmarks/growth.py sqlite [--seconds 5] [--out growth-sqlite.svg]
    python benchmarks/growth.py redis [--seconds 5] [--out growth-redis.svg]

Every process is a real one with its own connection, doing what a worker does in a storm: merge
five groups and claim, ask for its account, gather, again. Of a SQLite file it shows visits a
second and how long one takes; of a Redis, started on a free port of loopback, what it costs and
where it would be full.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.helpers.redis_server import RedisServer, running
from tests.helpers.store_kits import event, identity
from wecom_logging._stores.failover import FailoverStore
from wecom_logging._stores.protocol import Asker, Batch, Claim, Entry, Rules
from wecom_logging._stores.redis import RedisStore
from wecom_logging._stores.sqlite import SQLiteStore
from wecom_logging._worker.gathering import GATHER, GATHER_EACH

PROCESSES = {"sqlite": (1, 2, 4, 8, 16, 32), "redis": (1, 2, 4, 8, 16, 32, 64)}
GROUPS = (1, 10, 100, 1000)
SAMPLE = event("x" * 2000)

WIDTH, HEIGHT, EDGE = 640, 400, 60
COLOURS = ("#0b66c2", "#c2410b")

#: The name of a line, and its points.
Series = tuple[str, Sequence[tuple[float, float]]]


def storm(open_store: Callable[[Rules], Any], processes: int, seconds: float) -> list[float]:
    """How long each visit of so many processes took."""
    pipes = []
    for number in range(processes):
        reading, writing = os.pipe()
        if not os.fork():
            took = worker(open_store, f"web-{number // 8}/{number}/x", seconds)
            os.write(writing, " ".join(f"{each:.5f}" for each in took).encode())
            os._exit(0)
        os.close(writing)
        pipes.append(reading)
    found: list[float] = []
    for reading in pipes:
        with os.fdopen(reading) as pipe:
            found += map(float, pipe.read().split())
        os.wait()
    return sorted(found)


def worker(open_store: Callable[[Rules], Any], source: str, seconds: float) -> list[float]:
    rules = Rules()
    store = FailoverStore(open_store(rules), rules, "storm")
    entries = tuple(Entry(identity(f"kind {n}"), 7) for n in range(5))
    took, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        claim, _ = store.claim(Asker(source), Batch(source, 0, entries))
        if isinstance(claim, Claim):
            store.freeze(claim.id, "body")
            store.settle(claim.id)
        sources = store.account(source).sources
        took.append(time.monotonic() - began)
        time.sleep(max(GATHER, GATHER_EACH * sources))
    return took


# -- SQLite --------------------------------------------------------------------------------


def sqlite(seconds: float) -> list[Series]:
    print("processes  visits/s  median ms  99 % ms  slowest ms  file KB")
    visits, medians = [], []
    for processes in PROCESSES["sqlite"]:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "store.db"
            took = storm(lambda r, p=path: SQLiteStore(str(p), "robot", "shop", "prod", r),
                         processes, seconds)  # fmt: skip
            size = sum(each.stat().st_size for each in path.parent.iterdir())
        median, most = took[len(took) // 2], took[int(len(took) * 0.99)]
        visits.append((processes, len(took) / seconds))
        medians.append((processes, 1000 * median))
        print(
            f"{processes:9}  {len(took) / seconds:8.0f}  {1000 * median:9.1f}"
            f"  {1000 * most:7.1f}  {1000 * took[-1]:10.1f}  {size / 1024:7.0f}"
        )
    return [("visits a second", visits), ("milliseconds for a visit (median)", medians)]


# -- Redis ---------------------------------------------------------------------------------


def redis(seconds: float) -> list[Series]:
    with tempfile.TemporaryDirectory() as directory, running(Path(directory)) as server:
        print("processes  commands/s  of a core  us/command  bytes/process")
        rates, cores = [], []
        for processes in PROCESSES["redis"]:
            commands, cpu, size = cost(server, processes, seconds)
            rates.append((processes, commands))
            cores.append((processes, 100 * cpu))
            each = 1e6 * cpu / commands
            print(f"{processes:9}  {commands:10.0f}  {cpu:9.2%}  {each:10.0f}  {size:13.0f}")
        print("\n   groups  bytes/group")
        for groups in GROUPS:
            size = memory(server, groups)
            print(f"{groups:9}  {size:11.0f}")
    work_out(cpu / commands, size)
    return [("commands a second", rates), ("percent of a core", cores)]


def cost(server: RedisServer, processes: int, seconds: float) -> tuple[float, float, float]:
    """Commands a second, share of a core, and bytes for each process."""
    there = server.client()
    there.flushall()
    there.config_resetstat()
    before, began = there.info(), time.monotonic()
    storm(lambda rules: RedisStore(server.url, "robot", "shop", "prod", rules), processes, seconds)
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


def work_out(seconds_each: float, group: float) -> None:
    """What 1,000 hosts with 8 processes each cost one Redis, from what was measured."""
    size = 8000
    gather = max(0.05, size / 1000)
    in_storm, look = size / gather * 3, size / 30 * 2
    print(f"\n{size:,} processes: in a storm each comes every {gather:.0f} s,")
    print(f"  {in_storm:,.0f} commands/s, {in_storm * seconds_each:.0%} of a core;")
    print(f"  with something pending and no storm {look:,.0f}/s, {look * seconds_each:.1%};")
    print(f"  1,000 groups with a sample each: {1000 * group / 1e6:.1f} MB.")
    print(f"It would be full at about {1 / seconds_each:,.0f} commands/s.")


# -- the chart -----------------------------------------------------------------------------


def chart(series: list[Series]) -> str:
    """Lines over processes as SVG; both axes are logarithmic."""
    xs = sorted({x for _, points in series for x, _ in points})
    ys = [y for _, points in series for _, y in points if y > 0]
    left, right = math.log10(xs[0]), math.log10(xs[-1])
    bottom, top = math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys)))

    def place(x: float, y: float) -> tuple[float, float]:
        over = (math.log10(x) - left) / ((right - left) or 1)
        up = (math.log10(max(y, 10**bottom)) - bottom) / ((top - bottom) or 1)
        return EDGE + over * (WIDTH - 2 * EDGE), HEIGHT - EDGE - up * (HEIGHT - 2 * EDGE)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">',
        "<style>text{font:12px sans-serif}</style>",
        '<rect width="100%" height="100%" fill="#fff"/>',
    ]
    for power in range(bottom, top + 1):
        _, y = place(10**left, 10.0**power)
        parts.append(f'<line x1="{EDGE}" x2="{WIDTH - EDGE}" y1="{y}" y2="{y}" stroke="#ddd"/>')
        parts.append(f'<text x="{EDGE - 8}" y="{y + 4}" text-anchor="end">{10.0**power:g}</text>')
    for x in xs:
        at, _ = place(x, 10.0**bottom)
        parts.append(f'<text x="{at}" y="{HEIGHT - EDGE + 18}" text-anchor="middle">{x:g}</text>')
    for number, ((name, points), colour) in enumerate(zip(series, COLOURS, strict=True)):
        line = " ".join("{:.1f},{:.1f}".format(*place(x, y)) for x, y in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{EDGE}" y="{20 + 16 * number}" fill="{colour}">{name}</text>')
    middle, across = WIDTH / 2, "processes in a storm"
    parts.append(f'<text x="{middle}" y="{HEIGHT - 12}" text-anchor="middle">{across}</text></svg>')
    return "\n".join(parts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("store", choices=PROCESSES)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--out", type=Path, help="default: growth-STORE.svg")
    given = parser.parse_args()
    found = (sqlite if given.store == "sqlite" else redis)(given.seconds)
    out = given.out or Path(f"growth-{given.store}.svg")
    out.write_text(chart(found), encoding="utf-8")
