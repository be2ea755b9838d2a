"""How the file of one host holds out: visits a second, and how long one takes.

    python benchmarks/growth_sqlite.py [--seconds 5] [--out growth_sqlite.svg]

Every process is a real one with its own connection, doing what a worker does in a storm:
merge five groups and claim, ask for its account, gather for 50 ms, again.
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

from tests.helpers.store_kits import identity
from wecom_logging._stores.failover import FailoverStore
from wecom_logging._stores.protocol import Asker, Batch, Claim, Entry, Rules
from wecom_logging._stores.sqlite import SQLiteStore

PROCESSES = (1, 2, 4, 8, 16, 32)


def worker(path: str, number: int, seconds: float) -> list[float]:
    """A worker in a storm; returns how long each visit took."""
    rules = Rules()
    store = FailoverStore(SQLiteStore(path, "robot", "shop", "prod", rules), rules, "sqlite")
    source = f"web/{number}/x"
    entries = tuple(Entry(identity(f"kind {n}"), 7) for n in range(5))
    took, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        claim, _ = store.claim(Asker(source), Batch(source, 0, entries))
        if isinstance(claim, Claim):
            store.freeze(claim.id, "body")
            store.settle(claim.id)
        store.account(source)
        took.append(time.monotonic() - began)
        time.sleep(store.gather)
    return took


def storm(path: str, processes: int, seconds: float) -> list[float]:
    pipes = []
    for number in range(processes):
        reading, writing = os.pipe()
        if not os.fork():
            took = worker(path, number, seconds)
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


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--seconds", type=float, default=5.0)
    options.add_argument("--out", default="growth_sqlite.svg")
    given = options.parse_args()
    print("processes  visits/s  median ms  99 % ms  slowest ms  file KB")
    rows = []
    for processes in PROCESSES:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "store.db"
            took = storm(str(path), processes, given.seconds)
            size = sum(each.stat().st_size for each in path.parent.iterdir())
        median, most = took[len(took) // 2], took[int(len(took) * 0.99)]
        rows.append((processes, len(took) / given.seconds, 1000 * median))
        print(
            f"{processes:9}  {len(took) / given.seconds:8.0f}  {1000 * median:9.1f}"
            f"  {1000 * most:7.1f}  {1000 * took[-1]:10.1f}  {size / 1024:7.0f}"
        )
    plot(
        given.out,
        [
            Series("visits a second", [(p, v) for p, v, _ in rows]),
            Series("milliseconds for a visit (median)", [(p, m) for p, _, m in rows]),
        ],
        "processes in a storm",
    )


if __name__ == "__main__":
    main()
