"""Everything goes wrong at once, for some minutes; and at the end the account has to be exact.

    python tests/chaos/chaos.py --minutes 10 --store sqlite      (or redis, memory)

Processes that log come and go, are killed, fork, have wrong settings and clocks that jump;
WeCom fails in every way that the simulator knows; the store is locked, or does not answer.
Then all is well again, and what was logged is compared with what was told.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.helpers.redis_server import running
from wecom_logging.simulator.config import SimulatorConfig
from wecom_logging.simulator.faults import Fault
from wecom_logging.simulator.server import Simulator
from wecom_logging.testing import errors_in

PROCESSES = 4

#: What a process had logged so long before it was killed is in the store, seconds. Promised
#: is a tenth of a second; the rest is for a machine on which nobody gets to run.
MERGED_WITHIN = 2.0

#: After so long a store that was away for two seconds is in use again, seconds.
BACK_WITHIN = 8.0

#: What an exit may take beyond `close_timeout` on a busy machine, seconds.
ENDS_WITHIN = 20.0

#: Nothing comes any more if nothing has come for so long, seconds: a lease and a window of the
#: budget; or, after a 45009 that was the second failure in a row, its pause.
QUIET, LIMITED = 75.0, 330.0

CLOSE_TIMEOUT = 2.0
TIMES = re.compile(r"×([\d,]+)")
DOUBTFUL = re.compile(r"of these, ([\d,]+) may have been told before")
LOST = re.compile(r"([\d,]+) errors? (?:was|were) not delivered at exit: (.*)")


class Chaos:
    """A run of it, and what it finds wrong."""

    def __init__(self, store: str, seed: int, directory: Path, sim: Simulator) -> None:
        self.store, self.directory, self.sim = store, directory, sim
        self.chance = random.Random(seed)
        self.witness = directory / "witness"
        self.accounts = directory / "accounts"
        self.clock = directory / "clock"
        self.set_clock(0.0)
        self.processes: list[subprocess.Popen[bytes]] = []
        self.killed: dict[int, float] = {}
        self.abused: list[float] = []
        self.wrong: list[str] = []
        self.started = self.faults = 0
        self.redis: Any = None
        self.quiet_for = QUIET

    # -- processes ---------------------------------------------------------------------

    def start(self, *, healthy: bool = False) -> None:
        self.started += 1
        options: dict[str, Any] = {
            "app": "shop",
            "store": self.store,
            "close_timeout": CLOSE_TIMEOUT,
            "timeout": [1, 1],
            "group_wait": 0.2,
            "group_interval": 1.0,
            "repeat_intervals": [2.0, 5.0],
            "host": f"web-{self.chance.randrange(3)}",
        }
        environ = {**os.environ, **self.sim.env("app")}
        neighbour = self.chance.random()
        if not healthy and neighbour < 0.1:
            environ["WECOM_CORPSECRET"] = "a-secret-that-was-replaced-long-ago-000000"
        elif not healthy and neighbour < 0.2:
            options["proxies"] = {"http": "http://127.0.0.1:9"}
        settings = {
            "seed": self.chance.random(),
            "witness": str(self.witness),
            "accounts": str(self.accounts),
            "clock": str(self.clock),
            "options": options,
        }
        number = len(list(self.directory.glob("*.err")))
        with open(self.directory / f"{number}.err", "wb") as errors:
            program = Path(__file__).with_name("process.py")
            command = [sys.executable, str(program), json.dumps(settings)]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=errors, env=environ)
        self.processes.append(process)

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """Let it end by itself."""
        self.processes.remove(process)
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(CLOSE_TIMEOUT + ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            self.wrong.append(f"process {process.pid} does not end")
            self.kill(process)

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        if process in self.processes:
            self.processes.remove(process)
        process.send_signal(self.chance.choice((signal.SIGKILL, signal.SIGTERM)))
        self.killed[process.pid] = time.monotonic()
        process.wait(10)

    # -- what goes wrong ---------------------------------------------------------------

    def fault(self) -> None:
        self.faults += 1
        kind = self.chance.choice(
            ("status", "garbage", "reset", "hang", "slow", "cut", "errcode", "dead_token", "empty",
             "redirect", "drip", "outage")
        )  # fmt: skip
        errcode = self.chance.choice((-1, 45009, 60020, 40014, 81013)) if kind == "errcode" else 0
        call = self.chance.choice(("*", "message/send", "gettoken"))
        if errcode == 45009:
            call = "message/send"  # of a token it means an hour, and no run is that long
            self.quiet_for = LIMITED
        self.sim.faults.add(
            Fault(
                kind,  # type: ignore[arg-type]  # drawn from a list of them
                call=call,
                times=1 if errcode == 45009 else self.chance.randrange(1, 4),
                seconds=5.0,
                errcode=errcode,
                delay=self.chance.random() * 3,
                # A refusal is one: what WeCom, or a gateway that sends elsewhere, says it has not
                # taken, nobody has got.
                processed=None
                if kind in ("outage", "errcode", "dead_token", "redirect")
                else self.chance.choice((None, True, False)),
            )
        )

    def abuse_store(self) -> None:
        """Somebody holds it for a while."""
        held = self.chance.random() * 2
        self.abused.append(time.monotonic())
        if self.redis is not None:
            self.redis.kill()
            time.sleep(held)  # how long it is away
            self.redis.start()
        elif self.store.startswith("sqlite"):
            path = self.store.removeprefix("sqlite:///")
            connection = sqlite3.connect(path, timeout=0.2, isolation_level=None)
            try:
                connection.execute("BEGIN IMMEDIATE")
                time.sleep(held)  # how long it is locked
                connection.execute("ROLLBACK")
            except sqlite3.Error:
                pass  # they are at it themselves
            finally:
                connection.close()

    def set_clock(self, ahead: float) -> None:
        """Of the host: all its processes see it at once."""
        with open(self.clock, "r+b" if self.clock.exists() else "wb", buffering=0) as clock:
            clock.write(f"{ahead:<16}".encode())

    def run(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            while len(self.processes) < PROCESSES:
                self.start()
            time.sleep(self.chance.random() * 0.6)  # from one event to the next
            for process in [p for p in self.processes if p.poll() is not None]:
                self.wrong.append(f"process {process.pid} ended by itself: {process.returncode}")
                self.processes.remove(process)
            event = self.chance.random()
            if event < 0.3:
                self.fault()
            elif event < 0.35:
                self.abuse_store()
            elif event < 0.45 and self.processes:
                self.stop(self.chance.choice(self.processes))
            elif event < 0.5 and self.processes:
                self.kill(self.chance.choice(self.processes))
            elif event < 0.52:
                self.set_clock(self.chance.choice((0.0, -3600.0, 90.0, -90.0)))

    def settle(self) -> None:
        """All is well again: whoever is left, and one more, tell what there is."""
        self.sim.faults.clear()
        while self.processes:
            self.stop(self.processes[0])
        program = (
            "import json, logging, sys, time\nfrom wecom_logging import WeComHandler\n"
            "handler = WeComHandler(**json.loads(sys.argv[1]))\n"
            "logging.getLogger().addHandler(handler)\n"
            "logging.error('the last one')\n"
            "while True:\n"
            "    handler.flush(5)\n"
            "    time.sleep(1)\n"
        )
        if self.store == "memory":
            return
        options = {"app": "shop", "store": self.store, "group_wait": 0.1}
        with open(self.witness, "a") as witness:
            witness.write(json.dumps([time.monotonic(), 0, 1]) + "\n")
        last = subprocess.Popen(
            [sys.executable, "-c", program, json.dumps(options)],
            env={**os.environ, **self.sim.env("app")},
        )
        # Until nothing comes any more, for longer than anybody waits.
        told, since = -1, time.monotonic()
        while time.monotonic() - since < self.quiet_for:
            if (now := len(self.sim.messages)) != told:
                told, since = now, time.monotonic()
            time.sleep(0.2)  # between two looks
        last.kill()
        last.wait()

    # -- the account -------------------------------------------------------------------

    def logged(self) -> tuple[int, int]:
        """How many errors have to be told, and how many may be."""
        least, most = Counter[int](), Counter[int]()
        for at, pid, errors in lines(self.witness):
            if errors < 0:
                self.killed[pid] = 0.0
                continue
            most[pid] += errors
            if pid not in self.killed or self.is_merged(at, self.killed[pid]):
                least[pid] += errors
        if self.store == "memory":  # what a killed process had, nobody has
            for pid in self.killed:
                least.pop(pid, None)
        return least.total(), most.total()

    def is_merged(self, logged: float, killed: float) -> bool:
        """Whether it must be in the store. Not what was logged while that was away, or just
        after: a process that is killed then takes with it what it keeps for itself."""
        away = any(at - MERGED_WITHIN < logged < at + BACK_WITHIN for at in self.abused)
        return logged < killed - MERGED_WITHIN and not away

    def check_accounts(self) -> None:
        """Who ended by itself has counted what it logged, and no error is in two places."""
        logged = Counter[int]()
        for _, pid, errors in lines(self.witness):
            logged[pid] += errors
        for pid, seen, *places in lines(self.accounts):
            if seen != logged[pid] or sum(places) != seen or min(places) < 0:
                self.wrong.append(f"process {pid} logged {logged[pid]}, counted {seen}: {places}")

    def declared_lost(self) -> int:
        lost = 0
        for path in self.directory.glob("*.err"):
            text = path.read_text(errors="replace")
            for line in text.splitlines():
                if match := LOST.search(line):
                    kept = "the store keeps" in match[2]
                    lost += 0 if kept else int(match[1].replace(",", ""))
            for word in ("UNBALANCED", "Traceback", "Fatal", "please report"):
                if word in text:
                    self.wrong.append(f"{path.name}: {text[text.index(word) :][:400]}")
        return lost

    def check(self) -> str:
        told = doubtful = 0
        # Also what is dropped in silence: where each process keeps a budget for itself, all of
        # them together send more to a member than WeCom lets through.
        for message in self.sim.accepted:
            if message.msgtype == "file" or message.fate == "duplicate":
                continue
            number = errors_in(message.content)
            parts = sum(int(n.replace(",", "")) for n in TIMES.findall(message.content))
            told += number
            doubtful += sum(int(n.replace(",", "")) for n in DOUBTFUL.findall(message.content))
            if number != parts:
                self.wrong.append(f"a message with a wrong sum, {number} and {parts}")
                (self.directory / f"wrong-{len(self.wrong)}.md").write_text(message.content)
        self.check_accounts()
        lost = self.declared_lost()
        least, most = self.logged()
        if told < least - lost or told - doubtful > most:
            self.wrong.append(f"told {told:,} of {least:,} to {most:,}, declared lost {lost:,}")
            messages = "\n\n".join(
                f"{message.time:.1f} {message.fate} {message.msgtype}\n{message.content}"
                for message in self.sim.accepted
            )
            (self.directory / "messages.md").write_text(messages)
        return (
            f"{self.started} processes, {len(self.killed)} of them killed, {self.faults} faults,"
            f" {len(self.sim.messages)} messages: logged {least:,} to {most:,}, told {told:,}"
            f" ({doubtful:,} of these perhaps before), declared lost {lost:,}"
        )


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--store", choices=("sqlite", "redis", "memory"), default="sqlite")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    arguments = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="chaos-"))
    print(f"chaos on {arguments.store}, seed {arguments.seed}, in {directory}", flush=True)
    with ExitStack() as stack:
        redis = None
        store = "memory"
        if arguments.store == "redis":
            redis = stack.enter_context(running(directory))
            store = redis.url
        elif arguments.store == "sqlite":
            store = f"sqlite:///{directory}/shared.db"
        sim = stack.enter_context(Simulator(config=SimulatorConfig(max_messages=100_000)))
        chaos = Chaos(store, arguments.seed, directory, sim)
        chaos.redis = redis
        try:
            chaos.run(arguments.minutes * 60)
            chaos.settle()
        finally:
            for process in chaos.processes[:]:
                chaos.kill(process)
        print(chaos.check())
    for line in chaos.wrong:
        print("WRONG:", line)
    return 1 if chaos.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
