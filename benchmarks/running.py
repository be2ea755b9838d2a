"""How a case is run: each in a process of its own, the peers in turns."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.sink import Sink

Result = dict[str, Any]

#: Environment of the workers: nothing of the developer's own, no proxy; byte code is kept,
#: since an import that compiles is no import that anybody meets twice.
ENVIRONMENT = {
    key: value
    for key, value in os.environ.items()
    if "proxy" not in key.lower()
    and not key.startswith(("WECOM_", "OTEL_", "SENTRY_", "PYTHONDONTWRITE"))
}


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    rounds: int
    seconds: float
    storm: int
    storm_batches: int
    kinds: int
    latencies: int
    growth: tuple[int, ...]
    groups: tuple[int, ...]


FULL = Scale(3, 0.4, 100_000, 10, 20, 40, (1, 2, 4, 8, 16), (1, 10, 100, 1000, 10_000))
QUICK = Scale(1, 0.25, 12_000, 4, 20, 20, (1, 4, 16), (1, 100, 10_000))


class Worker:
    """A process that measures one case."""

    def __init__(
        self, measure: str, peer: str, url: str, *, module: str = "worker", **arguments: object
    ) -> None:
        text = json.dumps({"measure": measure, "peer": peer, "url": url, **arguments})
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.{module}", text],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=ENVIRONMENT,
        )

    def first(self, patience: float = 30.0) -> Result:
        """The first thing that it reports."""
        assert self.process.stdout is not None
        end = threading.Timer(patience, self.process.kill)
        end.start()
        line = self.process.stdout.readline()
        end.cancel()
        if line:
            return json.loads(line)  # type: ignore[no-any-return]  # what we have written ourselves
        blocked = self.process.wait() == -signal.SIGKILL
        return {"failed": f"calls not back after {patience:g} s" if blocked else self._why()}

    def results(self, patience: float = 60.0) -> list[Result]:
        try:
            output, _ = self.process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return [{"failed": f"not done after {patience:g} s"}]
        return [json.loads(line) for line in output.splitlines()] or [{"failed": self._why()}]

    def _why(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else f"exit status {self.process.wait()}"


def run(measure: str, peer: str, url: str, **arguments: object) -> list[Result]:
    return Worker(measure, peer, url, **arguments).results()


def repeated(
    peers: list[str], rounds: int, cases: Mapping[str, Callable[[str, str], list[Result]]]
) -> Result:
    """The medians of several rounds, by peer and case. A case gets the peer and a sink's URL."""
    found: Result = {peer: {case: [] for case in cases} for peer in peers}
    for peer in in_turns(peers, rounds):
        for case, measure in cases.items():
            with Sink() as sink:
                found[peer][case] += measure(peer, sink.url)
    return {p: {case: merged(r) for case, r in rows.items()} for p, rows in found.items()}


def in_turns(peers: list[str], rounds: int) -> Iterator[str]:
    for number in range(rounds):
        cut = number * len(peers) // rounds
        yield from peers[cut:] + peers[:cut]


def merged(rows: list[Result], kill: Iterable[Worker] = ()) -> Result:
    """The medians of several rounds, and how far the ratio went."""
    for worker in kill:
        worker.process.kill()
        worker.process.wait()
    good = [row for row in rows if "failed" not in row]
    if not good:
        return rows[0]
    row: Result = {key: statistics.median(r[key] for r in good) for key in good[0]}
    if "ratio" in row:
        row["spread"] = [min(r["ratio"] for r in good), max(r["ratio"] for r in good)]
    return row


def delays(logged: list[int], began: list[int]) -> list[float]:
    """From each error to the first request after it, in ms; the first of a process is left out.

    Errors that share their request with a later one, as when a peer waits for company,
    count from themselves to that request.
    """
    return [
        (next(at for at in began if at > error) - error) / 1e6
        for error in logged[1:]
        if began and began[-1] > error
    ]
