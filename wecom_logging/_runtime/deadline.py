"""The time a thread has left for what it is calling."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from threading import local
from time import monotonic


class _Limit(local):
    at = math.inf


_limit = _Limit()


@contextmanager
def deadline(at: float) -> Iterator[None]:
    """Let no sender wait on this thread beyond `at` (of `time.monotonic`).

    Deadlines nest, and the earliest counts. A call that runs into one raises a
    `TransportError`. Name resolution alone cannot be cut short: the system's resolver
    has its own patience.
    """
    outer = _limit.at
    _limit.at = min(outer, at)
    try:
        yield
    finally:
        _limit.at = outer


def remaining(most: float) -> float:
    """The seconds until this thread's deadline, but at most `most`.

    Raises:
        TimeoutError: None are left. (A socket takes a timeout of 0 for "do not block".)
    """
    left = min(most, _limit.at - monotonic())
    if left <= 0:
        raise TimeoutError("out of time")
    return left
