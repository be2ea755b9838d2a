"""Four threads log errors of ever new kinds while WeCom comes and goes: nothing may grow.

    python tests/chaos/soak.py --minutes 30 --store sqlite       (or memory)

What is looked at: the memory, threads and descriptors of the process that logs; and at the
end its account, and what was told.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import contextmanager
from typing import Any

from wecom_logging.simulator.config import SimulatorConfig
from wecom_logging.simulator.server import Simulator
from wecom_logging.testing import errors_in

#: How much more memory the last third of a run may take than the one before it.
GROWTH, SLACK = 1.1, 16 * 1024

PROGRAM = """
import itertools, json, logging, os, sys, threading, time
from wecom_logging import WeComHandler

seconds, options = float(sys.argv[1]), json.loads(sys.argv[2])
handler = WeComHandler(**options)
log = logging.getLogger("soak")
log.addHandler(handler)
log.propagate = False
until, logged = time.monotonic() + seconds, [0] * 4

def work(number):
    # Letters, because numbers are masked: each is a kind of its own.
    for i in itertools.count():
        if time.monotonic() > until:
            return
        kind = "".join(chr(97 + int(digit)) for digit in str(i // 20))
        try:
            raise ValueError(f"no {kind}")
        except ValueError:
            log.exception(f"thread {number} met {kind}", extra={"fingerprint": f"{number} {kind}"})
        logged[number] += 1
        time.sleep(0.001)  # paces the load

def status():
    lines = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
    descriptors = len(os.listdir("/proc/self/fd"))
    memory = int(lines["VmRSS"].split()[0])
    print(json.dumps([memory, int(lines["Threads"]), descriptors]), flush=True)

threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
for thread in threads:
    thread.start()
while time.monotonic() < until:
    time.sleep(min(1.0, seconds / 30))  # from one measurement to the next
    status()
for thread in threads:
    thread.join()
print("null", flush=True)
sys.stdin.readline()
end = time.monotonic() + 120
while not handler.flush(5) and time.monotonic() < end:
    pass
stats = handler.stats()
print(json.dumps({"logged": sum(logged), "seen": stats.seen, "reported": stats.reported,
                  "pending": stats.pending, "lost": stats.lost}), flush=True)
"""


def soak(seconds: float, store: str) -> tuple[list[str], str]:
    """Run it; returns what is wrong, and what was seen."""
    with tempfile.TemporaryDirectory(prefix="soak-") as directory:
        options = {
            "app": "soak",
            "store": "memory" if store == "memory" else f"sqlite:///{directory}/soak.db",
            "max_groups": 200,
            "group_wait": 0.1,
            "group_interval": 2.0,
            "repeat_intervals": [4.0],
        }
        with Simulator(config=SimulatorConfig(max_messages=100_000)) as sim:
            process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, str(seconds), json.dumps(options)],
                env={**os.environ, **sim.env("app"), "XDG_STATE_HOME": directory},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            assert process.stdin is not None
            assert process.stdout is not None
            measured: list[list[int]] = []
            with flapping(sim, seconds / 12):
                # How many there are depends on the machine.
                while (found := json.loads(process.stdout.readline())) is not None:
                    measured.append(found)
            sim.faults.clear()
            process.stdin.write("\n")
            process.stdin.flush()
            rest, _ = process.communicate(timeout=180)
            account = json.loads(rest.splitlines()[-1])
            told = sum(errors_in(m.content) for m in sim.messages if m.msgtype != "file")
    return judged(measured, account, told), described(measured, account, told)


@contextmanager
def flapping(sim: Simulator, every: float) -> Any:
    """WeCom is away for half of the time."""
    stop = threading.Event()

    def flap() -> None:
        while not stop.wait(every):
            sim.faults.add("outage")
            stop.wait(every)
            sim.faults.clear()

    thread = threading.Thread(target=flap)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def judged(measured: Sequence[Sequence[int]], account: dict[str, int], told: int) -> list[str]:
    wrong = []
    third = len(measured) // 3
    for name, place, factor, slack in (
        ("memory (kB)", 0, GROWTH, SLACK),
        ("threads", 1, 1.0, 0),
        ("descriptors", 2, 1.0, 2),
    ):
        before = max(each[place] for each in measured[third : 2 * third])
        after = max(each[place] for each in measured[2 * third :])
        if after > before * factor + slack:
            wrong.append(f"{name} grew from {before:,} to {after:,}")
    if not account["logged"] == account["seen"] == account["reported"] == told:
        wrong.append(f"the account is not exact: {account}, told {told}")
    return wrong


def described(measured: Sequence[Sequence[int]], account: dict[str, int], told: int) -> str:
    first, last = measured[len(measured) // 3], measured[-1]
    return (
        f"{account['logged']:,} errors, told {told:,}; memory {first[0]:,} to {last[0]:,} kB,"
        f" threads {first[1]} to {last[1]}, descriptors {first[2]} to {last[2]}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--store", choices=("sqlite", "memory"), default="sqlite")
    arguments = parser.parse_args()
    wrong, seen = soak(arguments.minutes * 60, arguments.store)
    print(f"{time.strftime('%H:%M:%S')} {arguments.store}: {seen}")
    for line in wrong:
        print("WRONG:", line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
