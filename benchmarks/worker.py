"""One case for one peer, in a process of its own: prints what was measured as JSON.

Where a call is timed, a logger with a `NullHandler` is timed in turns with the peer's, in
batches so short that both meet the same machine; what counts is the median of the ratios
of neighbouring batches.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import statistics
import sys
import threading
import time
from array import array
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.peers import load
from benchmarks.workload import Shop

BATCH = 60
Result = dict[str, Any]


def logger_with(handler: logging.Handler, name: str) -> logging.Logger:
    logger = logging.getLogger(f"shop.{name}")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    return logger


def handler_of(peer: str, url: str, **options: object) -> logging.Handler:
    """The peer's handler. Only ours takes options."""
    return load(peer).handler(url, **options)  # type: ignore[no-any-return]  # each peer is a module


def shop_of(peer: str, url: str, **options: object) -> tuple[Shop, logging.Handler]:
    handler = handler_of(peer, url, **options)
    return Shop(logger_with(handler, "peer")), handler


def null_shop() -> Shop:
    return Shop(logger_with(logging.NullHandler(), "null"))


def report(**result: object) -> None:
    print(json.dumps(result), flush=True)


def memory() -> int:
    """Resident memory of this process, bytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def quantile(times: Sequence[int], q: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * q))] / 1000


# -- the cost of one call ------------------------------------------------------------------


def in_turns(
    null: Shop, ours: Shop, case: str, seconds: float, limit: int = 1 << 30, least: int = 20
) -> Result:
    """Time a case of two shops in turns, for so long or so many calls."""
    turns = [(s, s.calls(case), array("d"), array("q")) for s in (null, ours)]
    for shop, calls, *_ in turns:
        calls(1)
        # What happens once, and the interpreter's own caches; not where a call blocks.
        calls(50 if shop.times[-1] < 20_000_000 else 0)
    until = time.perf_counter() + seconds
    rounds = 0
    while rounds < limit // BATCH and (time.perf_counter() < until or rounds < least):
        for shop, calls, medians, times in turns if rounds % 2 else reversed(turns):
            # A peer that takes milliseconds gets fewer calls, or it would never be done.
            slow = min(shop.times[-3:]) > 200_000
            shop.forget()
            calls(3 if slow else BATCH)
            medians.append(statistics.median(shop.times))
            times.extend(shop.times)
        rounds += 1
    (_, _, floor, null_times), (_, _, cost, times) = turns
    return {
        "ratio": statistics.median(b / a for a, b in zip(floor, cost, strict=True)),
        "us": statistics.median(cost) / 1000,
        "null_us": statistics.median(floor) / 1000,
        "p99": quantile(times, 0.99),
        "null_p99": quantile(null_times, 0.99),
        "calls": len(times),
    }


def calls(peer: str, url: str, case: str, seconds: float) -> None:
    null, (ours, _) = null_shop(), shop_of(peer, url)
    gc.collect()
    report(**in_turns(null, ours, case, seconds))


def breadcrumbs(peer: str, url: str, case: str, seconds: float) -> None:
    """Ours, keeping the last 20 records from INFO on, beside a NullHandler of the same level."""
    null = Shop(logger_with(logging.NullHandler(logging.INFO), "null"))
    ours, _ = shop_of(peer, url, breadcrumbs=20)
    gc.collect()

    async def in_a_task() -> Result:
        return in_turns(null, ours, "breadcrumb", seconds)

    if case == "task":
        report(**asyncio.run(in_a_task()))
    else:
        report(**in_turns(null, ours, "storm" if case == "error" else "breadcrumb", seconds))


def first(peer: str, url: str, kinds: int) -> None:
    """The first error of each of so many kinds, in a row and each after a pause."""
    (shop, _), null = shop_of(peer, url), null_shop()
    shop.calls("constant")(1)  # starts what is started with the first error of a process
    for deep in (False, True):
        new = iter(range(10**6))
        sites = {s: [s.site(next(new), deep=deep) for _ in range(2 * kinds)] for s in (null, shop)}
        time.sleep(1.1)  # ours captures fifty a second, and these have to be among them
        found: Result = {}
        for pause in (0.0, 0.05):
            for i in range(kinds):
                time.sleep(pause)
                for one, theirs in sites.items():
                    theirs.pop()(i)
                    found.setdefault(f"{'null' if one is null else 'peer'} {pause}", []).append(
                        one.times[-1]
                    )
        report(deep=deep, **{name: statistics.median(t) / 1000 for name, t in found.items()})


# -- many calls ----------------------------------------------------------------------------


def from_threads(shop_of: Callable[[], Shop], threads: int, each: int) -> float:
    """Nanoseconds per call on the wall when threads log at once."""
    shops = [shop_of().calls("storm") for _ in range(threads)]
    barrier = threading.Barrier(threads + 1)

    def run(log: Callable[[int], None]) -> None:
        barrier.wait()
        log(each)

    running = [threading.Thread(target=run, args=(shop,)) for shop in shops]
    for thread in running:
        thread.start()
    barrier.wait()
    began = time.perf_counter_ns()
    for thread in running:
        thread.join()
    return (time.perf_counter_ns() - began) / (threads * each)


def storm(peer: str, url: str, threads: int, errors: int, batches: int) -> None:
    """So many errors from several threads, in turns with a NullHandler's."""
    null = logger_with(logging.NullHandler(), "null")
    handler = handler_of(peer, url)
    logger = logger_with(handler, "peer")
    shops = [Shop(logger) for _ in range(threads)]
    for number, shop in enumerate(shops):
        shop._orders = number * 10_000_000
    idle = [Shop(null) for _ in range(threads)]
    shops[0].calls("storm")(1)
    handler.flush()
    before, each = memory(), errors // threads // batches
    floor, cost, sent = [], [], 1
    until = time.monotonic() + 10
    for _ in range(batches):
        turns = [(floor, idle), (cost, shops)]
        for times, these in turns if len(cost) % 2 else reversed(turns):
            source = iter(these)
            times.append(from_threads(lambda source=source: next(source), threads, each))
            for shop in these:
                shop.forget()
        sent += each * threads
        if time.monotonic() > until:
            break
    grown, began = memory() - before, time.monotonic()
    give_up = threading.Timer(10.0, os._exit, (1,))
    give_up.daemon = True
    give_up.start()
    report(
        ratio=statistics.median(b / a for a, b in zip(floor, cost, strict=True)),
        us=statistics.median(cost) / 1000,
        null_us=statistics.median(floor) / 1000,
        sent=sent,
        grown=grown,
    )
    handler.flush()
    handler.close()
    report(flush=time.monotonic() - began)


def down(peer: str, url: str, seconds: float, errors: int) -> None:
    """A destination that refuses or hangs; then a plain exit, which others time."""
    null, (shop, _) = null_shop(), shop_of(peer, url)
    shop.calls("storm")(1)
    quantile(range(10**6, 10**6 + errors), 0.5)  # what measuring needs is there before
    before = memory()
    found = in_turns(null, shop, "storm", seconds, errors, least=1)
    gc.collect()
    report(grown=memory() - before, ended=time.monotonic(), **found)


def killed(peer: str, url: str, errors: int) -> None:
    """Many errors, then a pause in which somebody kills this process."""
    shop, _ = shop_of(peer, url)
    shop.calls("storm")(errors)
    report(logged=errors)
    time.sleep(60)


def restarted(peer: str, url: str) -> None:
    """One error of another kind, after the process of `killed`."""
    handler = handler_of(peer, url)
    logger_with(handler, "peer").error("started again")
    handler.flush()
    handler.close()


# -- time ----------------------------------------------------------------------------------


def latency(peer: str, url: str, errors: int, pause: float) -> None:
    """Isolated errors, each of a kind of its own; when they were logged, in nanoseconds."""
    options: Result = {}
    if peer.startswith("wecom"):
        options = {"group_wait": 0, "group_interval": 0, "rate_limit": [[10_000, 60]]}
    shop, _ = shop_of(peer, url, **options)
    logged = []
    for number in range(errors + 1):
        site = shop.site(number)
        time.sleep(pause * (1 + number % 7 / 7))
        logged.append(time.monotonic_ns())
        site(number)
    time.sleep(pause * 2)
    report(logged=logged, us=statistics.median(shop.times) / 1000)


def imports(peer: str, url: str) -> None:
    """What the program's import and then the handler's making take, in a fresh process."""
    import dataclasses  # noqa: F401 - of the standard library, which every program loads
    import logging.config  # noqa: F401 - as above
    import typing  # noqa: F401 - as above

    statement = compile(load(peer).IMPORT, "import", "exec")
    before, began = memory(), time.perf_counter()
    exec(statement, {})
    took, grown = time.perf_counter() - began, memory() - before
    report(took=took, grown=grown)


def construct(peer: str, url: str) -> None:
    """Making a handler where the application has requests and structlog already."""
    import requests
    import structlog  # noqa: F401 - as above

    requests.Session()
    module = load(peer)
    exec(module.IMPORT, {})
    before, began = memory(), time.perf_counter()
    module.handler(url)
    report(took=time.perf_counter() - began, grown=memory() - before)


# -- growth --------------------------------------------------------------------------------


def groups(peer: str, url: str, number: int, seconds: float) -> None:
    """So many kinds of errors in turn."""
    options: Result = {"max_groups": 2 * number} if peer.startswith("wecom") else {}
    null, (ours, handler) = null_shop(), shop_of(peer, url, **options)
    for shop in (null, ours):
        shop.in_turn(number)(number)
    handler.flush()  # from here on all of them are known, in the background as well
    report(**in_turns(null, ours, "in turn", seconds))


def threads(peer: str, url: str, number: int, errors: int) -> None:
    storm(peer, url, number, errors, batches=10)


def process(peer: str, url: str, seconds: float) -> None:
    """One of several processes that log at once; starts when it is told to."""
    null, (shop, _) = null_shop(), shop_of(peer, url)
    sys.stdin.readline()
    report(**in_turns(null, shop, "storm", seconds))


def main(measures: dict[str, Any]) -> None:
    """Measure what the command line says, with one of these functions."""
    given = json.loads(sys.argv[1])
    measure = given.pop("measure")
    measures[measure](**given)
    if measure != "down":  # there the exit is measured; here, what is still queued is another case
        os._exit(0)


if __name__ == "__main__":
    main(globals())
