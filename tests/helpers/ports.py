"""Free ports; without pytest, because benchmarks start servers as well."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator
from itertools import cycle

# Above 10080, which browsers refuse. Below 20000: a Redis cluster listens on this number plus
# 10,000 as well, and from 32768 on the system gives away what nobody holds at that moment.
FIRST, LAST, PER_WORKER = 11000, 19999, 1000


def _own_ports() -> Iterator[int]:
    """Each of the suite's workers has its own, and takes one again only after all the others:
    a program that has not bound its port yet keeps it, and who still asks for a server that has
    ended does not find another test's."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker:
        number = int(worker.removeprefix("gw")) % ((LAST + 1 - FIRST) // PER_WORKER)
        ports = range(FIRST + number * PER_WORKER, FIRST + (number + 1) * PER_WORKER)
    else:
        ports = range(FIRST, LAST + 1)
    # Two suites may run at once. Not `random` itself: tests and hypothesis seed it.
    start = random.SystemRandom().randrange(len(ports))
    return cycle([*ports[start:], *ports[:start]])


_ports = _own_ports()


def free_port() -> int:
    """For a server of a test that will listen on it when it has started."""
    for _ in range(LAST - FIRST):
        port = next(_ports)
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
    raise AssertionError("no port is free")
