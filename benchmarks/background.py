"""What the background takes from the program beside it: processor, time, disk, memory.

The functions above are the cases; those below measure one of them in a process of its own:
`python -m benchmarks.background '{"measure": …}'`. Processor time is the process's own, as
the system counts it, so that what others do on the machine is not in it.
"""

from __future__ import annotations

import asyncio
import gc
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import worker
from benchmarks.peers import NULL
from benchmarks.running import Result, Scale, delays, in_turns, repeated, run
from benchmarks.sink import Sink
from benchmarks.worker import handler_of, logger_with, memory, quantile, report, shop_of
from benchmarks.workload import Shop

OURS, BY_HAND = "wecom", "requests_post"

_run = partial(run, module="background")

#: A request of the program beside it: so many steps of a loop, which take some 0.3 ms.
WORK = 6000

#: Seconds between two steps of the asyncio program.
TICK = 0.005

# -- the cases -----------------------------------------------------------------------------


def beside(peers: list[str], scale: Scale) -> Result:
    """A program that serves 300 requests a second, each of which meets a new kind of error."""
    cases = {
        measure: partial(_run, measure, kinds=900, rate=300) for measure in ("requests", "loop")
    }
    return repeated(peers, scale.rounds, cases)


def written(peers: list[str], scale: Scale) -> Result:
    """Bytes written in a steady storm: of one kind, and of a thousand in turn."""
    ours = [peer for peer in peers if peer.startswith(OURS)]
    found: Result = {peer: {} for peer in ours}
    for peer in ours:
        for kinds in (1, 1000):
            with Sink() as sink:
                (found[peer][str(kinds)],) = _run(
                    "steady", peer, sink.url, kinds=kinds, rate=1000, seconds=50 * scale.seconds + 1
                )
    return found


def thousand(peers: list[str], scale: Scale) -> Result:
    """A thousand kinds at once, then a flush."""
    cases = {str(busy): partial(_run, "at_once", kinds=1000, busy=busy) for busy in (0, 1)}
    return repeated([peer for peer in peers if peer != NULL], scale.rounds, cases)


def crowded(peers: list[str], scale: Scale) -> Result:
    """Ours, a call beyond `max_groups`."""
    cases = {"": partial(_run, "beyond", seconds=2 * scale.seconds)}
    found = repeated([peer for peer in peers if peer.startswith(OURS)], scale.rounds, cases)
    return {peer: rows[""] for peer, rows in found.items()}


def first_byte(peers: list[str], scale: Scale) -> Result:
    """Isolated errors, no waits: to the first byte, in turns with `requests.post` in the same
    process; alone, and beside a busy thread."""
    found: Result = {peer: {} for peer in peers if peer.startswith(OURS)}
    for busy in (0, 1):
        for peer in in_turns(list(found), scale.rounds):
            with Sink() as sink:
                (row,) = _run("isolated", peer, sink.url, errors=scale.latencies, busy=busy)
                began = sink.seen()["began"]
            seen = found[peer].setdefault(str(busy), {"ours": [], "by_hand": [], "spent": []})
            seen["spent"].append(row.get("spent", 0.0))
            for name in ("ours", "by_hand"):
                seen[name] += delays(row.get(name, []), began)
    return found


CASES = (beside, written, thousand, crowded, first_byte)


# -- in a process of its own ---------------------------------------------------------------


def requests(peer: str, url: str, kinds: int, rate: float) -> None:
    """Processor time, and what each request took, in microseconds."""
    shop, _ = shop_of(peer, url)
    sites = [shop.site(number) for number in range(kinds)]
    shop.calls("constant")(1)
    time.sleep(0.3)
    gc.collect()
    took, cpu = [], time.process_time()
    began = time.monotonic()
    for number in _paced(kinds, rate):
        start = time.perf_counter_ns()
        _work()
        sites[number](number)
        took.append(time.perf_counter_ns() - start)
    seconds = time.monotonic() - began
    # A peer that gathers for a while has its share of work still before it.
    time.sleep(1.5)
    report(
        points=100 * (time.process_time() - cpu) / seconds,
        p50=quantile(took, 0.5),
        p99=quantile(took, 0.99),
        most=max(took) / 1000,
    )


def loop(peer: str, url: str, kinds: int, rate: float) -> None:
    """How late a step of an asyncio program is, in microseconds, beside 12 frames each."""
    shop, _ = shop_of(peer, url)
    sites = [shop.site(number, deep=True) for number in range(kinds)]
    shop.calls("constant")(1)
    time.sleep(0.3)
    late: list[int] = []

    async def tick() -> None:
        while True:
            due = time.perf_counter_ns() + int(TICK * 1e9)
            await asyncio.sleep(TICK)
            late.append(time.perf_counter_ns() - due)

    async def program() -> None:
        ticking, began = asyncio.ensure_future(tick()), time.monotonic()
        for number in range(kinds):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            _work()
            sites[number](number)
        ticking.cancel()

    asyncio.run(program())
    report(p50=quantile(late, 0.5), p99=quantile(late, 0.99), most=max(late) / 1000)


def steady(peer: str, url: str, kinds: int, rate: float, seconds: float) -> None:
    """What the process writes in an hour of a storm whose first message has gone."""
    directory = os.environ["BENCH_STATE"] = tempfile.mkdtemp()
    shop, handler = shop_of(peer, url, max_groups=2 * kinds)
    log = shop.in_turn(kinds)
    for _ in range(3):
        log(kinds)
        handler.flush()
    _storm(log, rate, 16.0)  # until what is captured anew after a message is written
    before, cpu, began = _written(), time.process_time(), time.monotonic()
    logged = _storm(log, rate, seconds)
    took = time.monotonic() - began
    report(
        megabytes=(_written() - before) * 3600 / took / 1e6,
        points=100 * (time.process_time() - cpu) / took,
        rate=logged / took,
        file=sum(each.stat().st_size for each in os.scandir(directory)),
    )


def at_once(peer: str, url: str, kinds: int, busy: int) -> None:
    """Processor time until a thousand kinds are told, and the memory that is left of them."""
    shop, handler = shop_of(peer, url)
    sites = [shop.site(number) for number in range(kinds)]
    shop.calls("constant")(1)
    handler.flush()
    gc.collect()
    before, cpu, own = memory(), time.process_time(), time.thread_time()
    for number, site in enumerate(sites):
        site(number)
    own = time.thread_time() - own
    spent = [0.0]
    for _ in range(busy):
        threading.Thread(target=_spin, args=(spent,), daemon=True).start()
    began = time.monotonic()
    handler.flush()
    took = time.monotonic() - began
    result: Result = {"flush": took}
    if not busy:
        time.sleep(1.0)  # what follows the message
        gc.collect()
        result["cpu"] = time.process_time() - cpu - own
        result["grown"] = memory() - before
    report(**result)


def isolated(peer: str, url: str, errors: int, busy: int) -> None:
    """When each error was logged, in nanoseconds: ours, and by hand; and how many times as much
    processor time ours takes, all that follows the message included."""
    at_once = {"group_wait": 0, "group_interval": 0, "rate_limit": [[10_000, 60]]}
    handlers = {"ours": handler_of(peer, url, **at_once), "by_hand": handler_of(BY_HAND, url)}
    shops = {name: Shop(logger_with(handler, name)) for name, handler in handlers.items()}
    logged: dict[str, list[int]] = {name: [] for name in shops}
    spent: dict[str, list[int]] = {name: [] for name in shops}
    for _ in range(busy):
        threading.Thread(target=_spin, args=([0.0],), daemon=True).start()
    pause = 0.1 if busy else 0.06  # more than it gathers, and than it takes
    for number in range(errors + 1):
        for name, shop in shops.items():
            site = shop.site(number)
            time.sleep(pause * (1 + number % 7 / 7))
            before = time.process_time_ns()
            logged[name].append(time.monotonic_ns())
            site(number)
            time.sleep(pause)
            spent[name].append(time.process_time_ns() - before)
    report(spent=quantile(spent["ours"], 0.5) / quantile(spent["by_hand"], 0.5), **logged)


def beyond(peer: str, url: str, seconds: float) -> None:
    """A call of a kind that has no place any more, in turns with a NullHandler's."""
    null, (ours, handler) = worker.null_shop(), shop_of(peer, url, max_groups=10)
    for shop in (null, ours):
        shop.in_turn(200)(400)
    handler.flush()
    report(**worker.in_turns(null, ours, "in turn", seconds))


# -- what they share -----------------------------------------------------------------------


def _work() -> None:
    for _ in range(WORK):
        pass


def _spin(spent: list[float]) -> None:
    while True:
        spent[0] += 1


def _paced(number: int, rate: float) -> Iterator[int]:
    began = time.monotonic()
    for n in range(number):
        if (wait := began + n / rate - time.monotonic()) > 0:
            time.sleep(wait)
        yield n


def _storm(log: Callable[[int], None], rate: float, seconds: float) -> int:
    """Ten errors at a time, so many a second."""
    rounds = int(seconds * rate / 10)
    for _ in _paced(rounds, rate / 10):
        log(10)
    return 10 * rounds


def _written() -> int:
    """Bytes that this process has handed to the system to be written."""
    lines = Path("/proc/self/io").read_text().splitlines()
    fields: dict[str, Any] = dict(line.split(": ") for line in lines)
    return int(fields["wchar"])


if __name__ == "__main__":
    worker.main(globals())
