"""python -m benchmarks: measure, and write the tables and plots.

Each peer runs each case in a process of its own. Peers take turns, the round after the
first in another order, so that a slow minute of the machine meets none of them alone.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import subprocess
import tempfile
import time
from functools import partial
from pathlib import Path

from benchmarks import background, machine, report, workload
from benchmarks.peers import NULL, load, missing, names, tells_counts
from benchmarks.running import (
    ENVIRONMENT,
    FULL,
    QUICK,
    Result,
    Scale,
    Worker,
    delays,
    merged,
    repeated,
    run,
)
from benchmarks.sink import Sink
from tests.helpers import redis_server

RESULTS = Path(__file__).parent / "results"
OURS = "wecom"

# -- the cases -----------------------------------------------------------------------------


def calls(peers: list[str], scale: Scale) -> Result:
    cases = {c: partial(run, "calls", case=c, seconds=scale.seconds) for c in workload.CASES}
    found = repeated(peers, scale.rounds, cases)
    return {case: {peer: rows[case] for peer, rows in found.items()} for case in cases}


def breadcrumbs(peers: list[str], scale: Scale) -> Result:
    """Only ours can keep them."""
    cases = {
        case: partial(run, "breadcrumbs", case=case, seconds=scale.seconds)
        for case in report.BREADCRUMBS
    }
    return repeated([peer for peer in peers if peer.startswith(OURS)], scale.rounds, cases)


def first(peers: list[str], scale: Scale) -> Result:
    found: Result = {"plain": {}, "deep": {}}
    for peer in peers:
        with Sink() as sink:
            for result in run("first", peer, sink.url, kinds=scale.kinds):
                found["deep" if result.pop("deep", False) else "plain"][peer] = result
    return found


def storm(peers: list[str], scale: Scale) -> Result:
    found: Result = {}
    for peer in peers:
        with Sink() as sink:
            counts = {"threads": 4, "errors": scale.storm, "batches": scale.storm_batches}
            results = run("storm", peer, sink.url, **counts)
            row = {key: value for result in results for key, value in result.items()}
            seen = sink.seen()
            row["arrived"] = seen["told" if tells_counts(peer) else "orders"]
            found[peer] = {**row, "requests": seen["requests"], "bytes": seen["size"]}
    return found


def down(peers: list[str], scale: Scale) -> Result:
    found: Result = {}
    for peer in [peer for peer in peers if peer != NULL]:
        found[peer] = {"refused": _down(peer, _closed_port(), scale)}
        with Sink("hang") as sink:
            found[peer]["hanging"] = _down(peer, sink.url, scale)
    return found


def _down(peer: str, url: str, scale: Scale) -> Result:
    worker = Worker("down", peer, url, seconds=4.0, errors=scale.storm)
    row = worker.first(patience=15.0)
    if "ended" in row:
        try:
            worker.process.wait(row["ended"] + 12 - time.monotonic())
            row["exit"] = time.monotonic() - row["ended"]
        except subprocess.TimeoutExpired:
            row["exit"] = None
    worker.process.kill()
    return row


def _closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def killed(peers: list[str], scale: Scale) -> Result:
    """SIGKILL 200 ms after the last of 1,000 errors; what arrives after the next start."""
    found: Result = {}
    for peer in [peer for peer in peers if peer != NULL]:
        with tempfile.TemporaryDirectory() as state, Sink() as sink:
            ENVIRONMENT["BENCH_STATE"] = state
            worker = Worker("killed", peer, sink.url, errors=1000)
            row = worker.first()
            time.sleep(0.2)
            worker.process.kill()
            worker.process.wait()
            if "logged" in row:
                run("restarted", peer, sink.url)
                seen = sink.seen()
                # One of ours is the error that the second process has logged.
                told = max(0, seen["told"] - 1)
                row["arrived"] = told if tells_counts(peer) else seen["orders"]
            found[peer] = row
            del ENVIRONMENT["BENCH_STATE"]
    return found


def latency(peers: list[str], scale: Scale) -> Result:
    found: Result = {}
    for peer in [peer for peer in peers if peer != NULL]:
        slow = peer in ("logstash_async", "opentelemetry")
        with Sink() as sink:
            errors = min(scale.latencies, 8) if slow else scale.latencies
            (row,) = run("latency", peer, sink.url, errors=errors, pause=1.5 if slow else 0.08)
            began = sink.seen()["began"]
        if "logged" in row:
            row = {"us": row["us"], "ms": delays(row["logged"], began)}
        found[peer] = row
    return found


def imports(peers: list[str], scale: Scale) -> Result:
    cases = {measure: partial(run, measure) for measure in ("imports", "construct")}
    return repeated(peers, scale.rounds + 2, cases)


def growth(peers: list[str], scale: Scale) -> Result:
    found: Result = {"groups": {}, "threads": {}, "processes": {}}
    with Sink() as sink:
        ours = partial(run, peer=OURS, url=sink.url)
        for number in scale.groups:
            (row,) = ours("groups", number=number, seconds=2 * scale.seconds)
            found["groups"][number] = row
        for number in scale.growth:
            errors = max(scale.storm // 2, 1000 * number)
            found["threads"][number] = ours("threads", number=number, errors=errors)[0]
            found["processes"][number] = _processes(number, sink.url, scale)
    return found


def _processes(number: int, url: str, scale: Scale) -> Result:
    workers = [Worker("process", OURS, url, seconds=3 * scale.seconds) for _ in range(number)]
    time.sleep(0.5 + 0.2 * number)  # until all of them stand ready
    for worker in workers:
        assert worker.process.stdin is not None
        worker.process.stdin.write("\n")
        worker.process.stdin.flush()
    return merged([worker.first() for worker in workers], kill=workers)


# -- how it is run -------------------------------------------------------------------------

CASES = {
    case.__name__: case
    for case in (
        calls, breadcrumbs, first, storm, down, killed, latency, imports, growth,
        *background.CASES,
    )
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="coarser, in a few minutes")
    parser.add_argument("--cases", default=",".join(CASES), help="default: %(default)s")
    parser.add_argument("--peers", default=",".join(names()), help="default: %(default)s")
    parser.add_argument("--out", type=Path, help="where to write, without a suffix")
    options = parser.parse_args()

    peers = [NULL, *(peer for peer in options.peers.split(",") if peer != NULL)]
    with contextlib.ExitStack() as servers:
        peers = [peer for peer in peers if _is_there(peer, servers)]
        results = measured(options.cases.split(","), peers, quick=options.quick)

    out = options.out or RESULTS / ("quick" if options.quick else machine.name())
    out.parent.mkdir(parents=True, exist_ok=True)
    report.beside(out, ".json").write_text(json.dumps(results, indent=1) + "\n")
    report.write(results, out)
    print(f"written: {report.beside(out, '.md')}")


def measured(cases: list[str], peers: list[str], *, quick: bool) -> Result:
    began = time.monotonic()
    results: Result = {"machine": machine.describe(), "quick": quick, "cases": {}}
    for name in cases:
        print(f"[{time.monotonic() - began:4.0f} s] {name} …", flush=True)
        results["cases"][name] = CASES[name](peers, QUICK if quick else FULL)
    results["machine"]["took"] = f"{time.monotonic() - began:.0f} s"
    # Keys become strings, as they will be for whoever reads the file.
    return json.loads(json.dumps(results))  # type: ignore[no-any-return]  # what we have written ourselves


def _own_redis(servers: contextlib.ExitStack) -> str:
    """The URL of a server that keeps nothing on disk; empty where none is installed."""
    if redis_server.PROGRAM is None:
        return ""
    directory = Path(servers.enter_context(tempfile.TemporaryDirectory()))
    options = ("--appendonly", "no", "--appendfsync", "no")
    return servers.enter_context(redis_server.running(directory, *options)).url


def _answers(url: str) -> bool:
    import redis

    try:
        with redis.Redis.from_url(url, socket_timeout=3) as client:
            return bool(client.ping())
    except (redis.RedisError, ValueError):
        return False


def _is_there(peer: str, servers: contextlib.ExitStack) -> bool:
    """Whether a peer can be measured here; if not, says why. Starts the server it needs."""
    absent = missing(load(peer))
    why = f"{', '.join(absent)} is not installed" if absent else ""
    if peer == "wecom_redis" and not absent:
        named = os.environ.get("BENCH_REDIS")
        address = named or _own_redis(servers)
        if not address:
            why = "there is no redis-server, and BENCH_REDIS names none"
        elif not _answers(address):
            why = f"{'BENCH_REDIS' if named else 'its redis-server'} does not answer"
        ENVIRONMENT["BENCH_REDIS"] = address
    if why:
        print(f"left out: {peer}, because {why}")
    return not why


if __name__ == "__main__":
    main()
