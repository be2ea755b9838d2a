"""How soon all processes of a fleet keep a silence.

    python benchmarks/silence.py [--rounds 5]

Eight processes on SQLite and sixteen on Redis log one kind twenty times a second and tell of it
twice a second, until the command line silences it. Seconds: how long the command takes, and how
long after it was given messages still come. A busy machine stretches both.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NOISY = """
say(ready=1)
while True: log.error("payment failed"); time.sleep(0.05)
"""
OFTEN: dict[str, Any] = {"repeat_intervals": [0.5], "group_wait": 0.1, "group_interval": 0.1}
#: Seconds in which ten messages would come without a silence.
QUIET = 5.0


def silences(store: str, size: int, rounds: int) -> Iterator[tuple[float, float]]:
    from tests.helpers.fleet import Worker
    from tests.helpers.support import eventually
    from wecom_logging.simulator import Simulator

    with Simulator() as sim, contextlib.ExitStack() as stack:
        os.environ.update({**sim.env("app"), "WECOM_STORE": store, "WECOM_APP": "shop"})
        fleet = [Worker(NOISY, sim, number, store=store, **OFTEN) for number in range(size)]
        for worker in fleet:
            stack.callback(worker.kill)
        for worker in fleet:
            worker.hear()
        for _ in range(rounds):
            before = len(sim.messages)
            eventually(lambda before=before: len(sim.messages) > before)
            (group,) = json.loads(said("groups", "--json"))
            began = sim.clock.now()
            said("silence", group["id"], "1h")
            took = sim.clock.now() - began
            time.sleep(QUIET)
            yield took, max(0.0, sim.calls("message/send")[-1].time - began)
            said("unsilence", group["id"])


def said(*command: str) -> str:
    """What `wecom-logging` prints."""
    from wecom_logging._cli.main import main

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main(command) == 0
    return out.getvalue()


def main(rounds: int) -> None:
    from tests.helpers.redis_server import running

    with tempfile.TemporaryDirectory() as directory, running(Path(directory) / "redis") as server:
        for size, store in ((8, f"sqlite:///{directory}/store.db"), (16, server.url)):
            for took, last in silences(store, size, rounds):
                kind = store.partition(":")[0]
                print(f"{kind}, {size} processes: {took:.2f} s, the last message {last:.2f} s")


if __name__ == "__main__":
    sys.path.insert(1, str(Path(__file__).parent.parent))
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    main(parser.parse_args().rounds)
