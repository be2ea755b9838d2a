"""How the handlers of this process fare, as numbers: what `prometheus` and `opentelemetry` show.

Read from `handler.stats()`, which does no I/O: a scrape costs nothing, and says the truth
also while WeCom cannot be reached.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

from wecom_logging._runtime import shutdown

#: Counts that only grow, and what they mean.
COUNTERS = {
    "seen": "Errors that reached the handlers.",
    "reported": "Errors told in messages that WeCom has accepted.",
    "by_fallback": "Errors of these that the fallback has taken.",
    "muted": "Errors that a processor has dropped.",
    "lost": "Errors that will not be told.",
    "messages": "Messages delivered.",
    "failures": "Attempts to deliver that failed.",
}

#: Numbers that go up and down.
GAUGES = {
    "pending": "Errors not told yet.",
    "seconds_since_success": "Seconds since a message was last delivered.",
}


class Reading(NamedTuple):
    """One number of all handlers with this app and environment."""

    name: str
    value: float
    app: str
    environment: str


def readings() -> Iterator[Reading]:
    """Every number of every app and environment that this process alerts for.

    `seconds_since_success` is there once a message was delivered.
    """
    totals: dict[tuple[str, str, str], float] = {}
    successes: dict[tuple[str, str], float] = {}
    for handler in shutdown.handlers():
        stats, labels = handler.stats(), (handler.app, handler.environment)
        for name in (*COUNTERS, "pending"):
            key = (name, *labels)
            totals[key] = totals.get(key, 0.0) + getattr(stats, name)
        if stats.last_success is not None:
            successes[labels] = max(stats.last_success, successes.get(labels, 0.0))
    for (name, app, environment), value in totals.items():
        yield Reading(name, value, app, environment)
    for (app, environment), at in successes.items():
        yield Reading("seconds_since_success", max(0.0, time.time() - at), app, environment)
