"""The same incident, whatever keeps it: SQLite and Redis answer as memory does, step by step."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.store_kits import Client, Kit, MemoryKit, event, kit
from wecom_logging._model.digest import Report
from wecom_logging._model.schedule import Policy
from wecom_logging._stores.protocol import Claim, Failure

KINDS = ("A", "B", "C", "D", "E", "job")
OPTIONS = {
    "max_groups": 4,
    "rate_limit": ((6, 60.0), (20, 3600.0)),
    "policy": Policy(forget_after=7200.0, repeat_intervals=(60.0, 300.0, 900.0)),
}


@dataclass
class Incident:
    """Random steps, drawn once and played in each store."""

    seed: int
    duplicate_check: bool
    steps: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        rng = random.Random(self.seed)
        for _ in range(120):
            self.steps.append(self._step(rng))

    def _step(self, rng: random.Random) -> tuple[str, tuple[Any, ...]]:
        steps = ("log", "log", "log", "wait", "wait", "visit", "visit", "visit", "flush", "end")
        step = rng.choice(steps)
        if step == "log":
            kind, level = rng.choice(KINDS), rng.choice(("error", "error", "error", "critical"))
            return "log", (f"{kind} {level}", level, rng.choice((1, 1, 3, 200)), rng.random() < 0.5)
        if step == "end":
            return "end", ("job error",)
        if step == "wait":
            return "wait", (rng.choice((0.5, 2.0, 14.5, 31.5, 61.0, 301.0, 700.0, 7300.0)),)
        ends = ("told", "told", "told", "refused", "unclear", "lost", "died", "strict")
        outcome = rng.choice(ends)
        return step, (outcome, rng.random() < 0.5)

    def play(self, place: Kit) -> list[object]:
        clients = [
            Client(place, f"web-{n}/{n}/x", duplicate_check=self.duplicate_check, **OPTIONS)
            for n in range(2)
        ]
        seen: list[object] = []
        for number, (step, arguments) in enumerate(self.steps):
            client = clients[number % 2]
            place.advance(0.002)  # no two errors at once: which is older would be a matter of taste
            if step == "wait":
                place.advance(arguments[0])
            elif step == "end":
                client.end(*arguments)
            elif step == "log":
                name, level, count, sampled = arguments
                samples = (event(f"sample {number}"),) if sampled else ()
                client.log(name, count, level=level, samples=samples)
            else:
                seen.append((number, visit(client, *arguments, urgent=step == "flush")))
            seen.append(client.store.account(client.source))
        return seen


def visit(client: Client, outcome: str, frozen: bool, *, urgent: bool) -> object:
    """Claim and end it so; what a reader or worker sees of it."""
    claim = client.store.claim(client.source, urgent=urgent)
    if not isinstance(claim, Claim):
        return "later" if claim is not None else "never"
    digest_id = claim.digest.id
    if frozen or outcome == "unclear":
        client.store.freeze(digest_id, "body")
    if outcome in ("told", "lost"):
        client.store.settle(digest_id, lost=outcome == "lost")
    elif outcome == "died":
        client.kit.advance(31.0)
    else:
        failure = Failure(outcome, 7.0, strict=outcome == "strict", unclear=outcome == "unclear")
        client.store.release(digest_id, failure)
    return sorted(map(shown, claim.digest.reports)), claim.body, claim.failures, claim.digest.lost


def shown(report: Report) -> tuple[object, ...]:
    samples = tuple(sample["event"] for sample in report.samples)
    return (
        report.identity.id, report.state, report.count, report.doubtful, report.total,
        report.before[0], report.news, report.hosts, samples,
    )  # fmt: skip


@pytest.mark.parametrize("duplicate_check", [False, True], ids=["robot", "app"])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", ["sqlite", "redis"])
def test_the_same_steps_have_the_same_outcome(
    name: str, seed: int, duplicate_check: bool, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    incident = Incident(seed, duplicate_check)
    expected = incident.play(MemoryKit())
    found = incident.play(kit(name, tmp_path, request))
    for one, other in zip(expected, found, strict=True):
        assert one == other
