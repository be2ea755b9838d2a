"""Promise 16: after an outage come at most the unclear message and one overview."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.helpers.support import Watched, counted, eventually, pointing_at
from wecom_logging._model.schedule import Policy
from wecom_logging._senders import access_token
from wecom_logging._stores.memory import MemoryStore
from wecom_logging._stores.protocol import Rules
from wecom_logging.errors import TransportError
from wecom_logging.simulator.faults import Fault
from wecom_logging.simulator.server import Simulator

Watch = Callable[..., Watched]

QUICK: dict[str, Any] = {"group_wait": 0.0}
#: Where answers hang for good. Anywhere else, one that is late is one of a loaded machine.
IMPATIENT: dict[str, Any] = {**QUICK, "timeout": [3, 1.0]}


@pytest.fixture(autouse=True)
def _tokens_without_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_token, "SPACING", 0.0)


def storm(w: Watched, kinds: int, each: int) -> int:
    for i in range(each):
        for kind in range(kinds):
            w.log.error("failed %d", i, extra={"fingerprint": f"kind {kind}"})
    return kinds * each


def has_failed(w: Watched) -> None:
    """Wait until an attempt has failed, and nobody is at another one."""
    eventually(lambda: w.stats.failures and not w.handler._worker.busy)


@pytest.mark.parametrize("kind", ["robot", "app"])
def test_a_host_that_is_not_there_for_a_while(kind: str, sim: Simulator, watch: Watch) -> None:
    w = watch(**pointing_at(sim, kind), **QUICK)
    with sim.down():
        logged = storm(w, kinds=24, each=20)
        eventually(lambda: w.stats.failures)
        logged += storm(w, kinds=24, each=20)
        assert not w.flush(0.2)
        assert w.stats.pending == logged
    eventually(lambda: w.flush(0.5))
    assert len(sim.messages) == 1
    assert counted(sim.messages) == logged


@pytest.mark.parametrize(
    "fault",
    [
        Fault("outage"),
        Fault("status", status=503),
        Fault("reset"),
        Fault("cut", processed=True),
        Fault("hang", delay=20.0, processed=True),
    ],
    ids=lambda fault: f"{fault.kind}{' after it was processed' * fault.processes}",
)
@pytest.mark.parametrize("kind", ["robot", "app"])
def test_an_outage_of_several_attempts(
    kind: str, fault: Fault, sim: Simulator, watch: Watch
) -> None:
    w = watch(**pointing_at(sim, kind), **(IMPATIENT if fault.kind == "hang" else QUICK))
    sim.faults.add(fault)
    logged = storm(w, kinds=20, each=5)
    eventually(lambda: w.stats.failures)
    logged += storm(w, kinds=20, each=5)
    assert not w.flush(0.3)
    has_failed(w)
    before = counted(sim.messages)
    sim.faults.clear()
    eventually(lambda: w.flush(0.5))
    # What arrived although its answer was lost is told again by a robot only.
    assert counted(sim.messages) == logged if kind == "app" else logged + before
    assert w.stats.reported == logged


def test_an_application_sends_the_unclear_message_and_one_overview(
    sim: Simulator, watch: Watch
) -> None:
    w = watch(**pointing_at(sim, "app"), **QUICK)
    sim.faults.add(Fault("reset", call="message/send", processed=True))
    w.log.error("the first")
    has_failed(w)
    assert counted(sim.messages) == 1
    logged = 1 + storm(w, kinds=40, each=10)
    assert not w.flush(0.2)
    sim.faults.clear()
    eventually(lambda: w.flush(0.5))
    messages = [m for m in sim.messages if m.msgtype != "file"]
    assert [counted([m]) for m in messages] == [1, logged - 1]
    assert {m.fate for m in sim.accepted} == {"delivered", "duplicate"}


def test_the_overview_says_that_it_is_late(watch: Watch) -> None:
    """Five hours without a connection, on a clock that is moved by hand."""
    now = 0.0
    w = watch(**QUICK)
    worker = w.handler._worker
    rules = Rules(Policy(group_wait=0.0))
    store = MemoryStore(rules=rules, clock=lambda: now, wall=lambda: now)
    worker.cycle._open_store = lambda: store
    w.sender.fail(TransportError("no route to host"), times=3)
    w.log.error("failed")
    eventually(lambda: w.stats.failures == 1)
    for _ in range(2):
        now += 9000.0
        w.log.error("failed again")
        assert not w.flush(0.05)
    eventually(lambda: w.flush(0.2))
    told = w.sender.inbox.one().content
    assert told.startswith("⚪")
    assert "no route to host" in told
    assert counted(w.sender.messages) == 3
