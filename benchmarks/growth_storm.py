"""The storm of many processes at full size: 400,000 errors in a minute through one file.

    python benchmarks/growth_storm.py [--store auto|memory|redis://…]

8 processes with 4 threads each log 5 kinds of errors to a simulator. Prints the account,
every message, and the slowest line that logged.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.helpers.fleet import Worker, at_most
from tests.helpers.support import counted
from wecom_logging.simulator.server import Simulator

PROCESSES = 8
BODY = """
    say(ready=1); listen()
    slow = []
    def fail():
        began, worst = time.monotonic(), 0.0
        for n in range(2500):
            for kind in "abcde":
                before = time.perf_counter()
                log.error(f"kind {kind} failed")
                worst = max(worst, time.perf_counter() - before)
            if n % 50 == 49:
                time.sleep(max(0.0, began + (n + 1) / 2500 * 50 - time.monotonic()))
        slow.append(worst)
    threads = [threading.Thread(target=fail) for _ in range(4)]
    [t.start() for t in threads]; [t.join() for t in threads]
    say(slow=max(slow)); listen()
    handler.flush(60); account()
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--store", default="auto")
    store = options.parse_args().store
    with Simulator() as sim, tempfile.TemporaryDirectory() as state:
        workers = [Worker(BODY, sim, n, state=state, store=store) for n in range(PROCESSES)]
        for worker in workers:
            worker.hear()
        began = time.time()
        for worker in workers:
            worker.go_on()
        slowest = max(worker.hear()["slow"] for worker in workers)
        for worker in workers:
            worker.go_on()
        accounts = [worker.hear() for worker in workers]
        for worker in workers:
            print(worker.finish(), end="")
        seen, reported = (sum(a[name] for a in accounts) for name in ("seen", "reported"))
        print(f"seen {seen:,}, reported {reported:,}, counted {counted(sim.messages):,}")
        print(f"gettoken {len(sim.calls('gettoken'))}, budget held: {at_most(sim, 18, 60)}")
        print(f"slowest line that logged: {1000 * slowest:.1f} ms")
        for message in sim.messages:
            first, news = message.content.splitlines()[0], len(re.findall("NEW", message.content))
            print(f"{message.time - began:6.1f} s  {first}  ({news} new)")


if __name__ == "__main__":
    main()
