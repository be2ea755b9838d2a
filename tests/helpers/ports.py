"""Free ports; without pytest, because benchmarks start servers as well."""

from __future__ import annotations

import random
import socket


def free_port() -> int:
    """For a program that will listen on it when it has started.

    Below 22768: a Redis cluster listens on this number plus 10,000 as well, and from 32768 on
    the system gives away what nobody holds at that moment.
    """
    # Not `random` itself: tests and hypothesis seed it, and all processes had the same ports.
    for port in range(random.SystemRandom().randrange(10000, 22000), 22768):
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
    raise AssertionError("no port is free")
