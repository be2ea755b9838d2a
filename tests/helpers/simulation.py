"""Incidents played through the schedule on a clock that is moved by hand."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field

from wecom_logging._model.digest import Digest, Identity
from wecom_logging._model.ratelimit import DEFAULT_RATE_LIMIT, RateLimit
from wecom_logging._model.schedule import Policy
from wecom_logging._stores.memory import MemoryStore
from wecom_logging._stores.protocol import Asker, Batch, Claim, Entry, FollowUp, Rules

#: (seconds, kind, how many errors, level)
Error = tuple[float, str, int, str]


@dataclass
class Told:
    """One message of a simulated incident."""

    at: float
    digest: Digest

    @property
    def errors(self) -> int:
        return sum(r.count for r in self.digest.reports)


@dataclass
class Outcome:
    messages: list[Told] = field(default_factory=list)

    def between(self, start: float, end: float) -> int:
        return sum(start <= m.at < end for m in self.messages)

    def times(self) -> list[float]:
        return [round(m.at, 1) for m in self.messages]

    @property
    def errors(self) -> int:
        return sum(m.errors for m in self.messages)


def identity(kind: str, level: str = "error") -> Identity:
    return Identity(id=kind, logger="shop", level=level, type=kind, place=f"shop.py {kind}")


def every(seconds: float, kind: str, *, until: float, start: float = 0.0) -> Iterable[Error]:
    at = start
    while at < until:
        yield (at, kind, 1, "error")
        at += seconds


def play(
    errors: Iterable[Error],
    *,
    policy: Policy | None = None,
    rate_limit: RateLimit = DEFAULT_RATE_LIMIT,
    latency: float = 0.2,
    collector: float = 0.05,
) -> Outcome:
    """Log `errors`, deliver whatever is due, until nothing is due any more.

    An error is merged `collector` seconds after it was logged, as by a worker; a message
    takes `latency` seconds.
    """
    now = 0.0
    rules = Rules(policy or Policy(), rate_limit)
    store = MemoryStore(rules=rules, clock=lambda: now, wall=lambda: now)
    queue = [(at + collector, kind, n, level) for at, kind, n, level in errors]
    heapq.heapify(queue)
    outcome = Outcome()
    sequence = 0
    while True:
        claim, _ = store.claim(Asker("host/1/a"))
        if isinstance(claim, Claim):
            now += latency
            outcome.messages.append(Told(now, claim.digest))
            store.settle(claim.digest.id)
            continue
        assert not isinstance(claim, FollowUp)
        due = None if claim is None else now + claim
        if queue and (due is None or queue[0][0] <= due):
            at, kind, n, level = heapq.heappop(queue)
            now = max(now, at)
            sequence += 1
            store.merge(Batch("host/1/a", sequence, (Entry(identity(kind, level), n),)))
        elif due is not None:
            now = max(now, due)
        else:
            return outcome
