"""The time a thread has left for what it is calling."""

from __future__ import annotations

import math
from contextvars import ContextVar, Token

from wecom_logging._runtime.native import monotonic

# Of a thread, or of a greenlet where threads are such.
_limit: ContextVar[float] = ContextVar("wecom_logging_deadline", default=math.inf)


class deadline:  # noqa: N801 - a step of `with`, named like those of contextlib
    """Let no sender wait on this thread beyond `at` (monotonic time).

    Deadlines nest, and the earliest counts. A call that runs into one raises a `TransportError`.
    Name resolution alone cannot be cut short: the system's resolver has its own patience.
    """

    def __init__(self, at: float) -> None:
        self._at = at

    def __enter__(self) -> None:
        self._outer: Token[float] = _limit.set(min(_limit.get(), self._at))

    def __exit__(self, *_: object) -> None:
        _limit.reset(self._outer)


def remaining(most: float) -> float:
    """The seconds until this thread's deadline, but at most `most`.

    Raises:
        TimeoutError: None are left. (A socket takes a timeout of 0 for "do not block".)
    """
    left = time_left(most)
    if left <= 0:
        raise TimeoutError("out of time")
    return left


def time_left(most: float) -> float:
    """As `remaining`, but 0.0 instead of an error."""
    return max(0.0, min(most, _limit.get() - monotonic()))
