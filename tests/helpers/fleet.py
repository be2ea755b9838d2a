"""Worker processes of the tests: interpreters of their own that log to one simulator."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from tests.helpers.support import PATIENCE, WAITING
from wecom_logging.simulator.server import Simulator

_PRELUDE = (
    WAITING
    + """
import json, logging, os, signal, sys, threading, time
from wecom_logging import WeComHandler
OPTIONS = json.loads(os.environ["FLEET_OPTIONS"])
NUMBER = int(os.environ["FLEET_NUMBER"])
handler = WeComHandler(**OPTIONS)
log = logging.getLogger("shop"); log.addHandler(handler); log.propagate = False

def say(**what):
    print(json.dumps(what), flush=True)

def account():
    stats = handler.stats()
    say(seen=stats.seen, reported=stats.reported, pending=stats.pending, lost=stats.lost)

def merge():  # until the store has all that was logged
    worker = handler._worker
    eventually(lambda: not worker.busy and handler.stats().pending <= worker.cycle.kept)

def listen():  # until somebody writes a line
    return sys.stdin.readline().strip()
"""
)


class Worker:
    """A process with a handler; what it says comes as JSON, a line each."""

    def __init__(
        self, body: str, sim: Simulator, number: int = 0, kind: str = "app", **options: Any
    ) -> None:
        state = options.pop("state", None)
        home = {"XDG_STATE_HOME": str(state)} if state else {}
        own = {"app": "shop", "host": f"web-{number}", "close_timeout": PATIENCE}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PRELUDE + textwrap.dedent(body)],
            env={
                **os.environ,
                **sim.env(kind),
                **home,
                "FLEET_OPTIONS": json.dumps({**own, **options}),
                "FLEET_NUMBER": str(number),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def hear(self) -> dict[str, Any]:
        """The next thing that it says."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"it has ended: {self.errors()}"
        found: dict[str, Any] = json.loads(line)
        return found

    def go_on(self, word: str = "") -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._close()

    def end(self) -> None:
        """Leave nothing behind, whatever has happened."""
        if self.process.poll() is None:
            self.kill()
        self._close()

    def finish(self, timeout: float = 60.0) -> str:
        """Wait for its end; returns what it has written on stderr."""
        _, errors = self.process.communicate(timeout=timeout)
        assert self.process.returncode == 0, errors
        return errors

    def errors(self) -> str:
        self.process.kill()
        return self.process.communicate()[1]

    def _close(self) -> None:
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


def at_most(sim: Simulator, attempts: int, window: float) -> bool:
    """Whether no window saw more messages than the rate limit allows."""
    times = sorted(call.time for call in sim.calls("message/send") + sim.calls("webhook/send"))
    return all(times[i + attempts] - times[i] > window for i in range(len(times) - attempts))


def files_below(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]
