"""An outage is one outage, however many processes meet it on however many ways."""

from __future__ import annotations

import heapq

import pytest

from tests.helpers.store_kits import Client, MemoryKit
from wecom_logging._model.schedule import pause_after
from wecom_logging._stores.protocol import Claim, Failure
from wecom_logging.errors import DeliveryError, SetupError, TransportError

REFUSED = TransportError("connection refused")
STALE = SetupError(40001, "invalid credential")


def attempts(routes: int, error: DeliveryError, *, seconds: float) -> list[float]:
    """When somebody tries, with the destination out of reach for all, a CRITICAL in each."""
    kit = MemoryKit(shared=True)
    began, tried = kit.now, []
    clients = [Client(kit, f"web-{n}/1/a", route=f"route {n}") for n in range(routes)]
    queue = [(began + n / 100, n) for n in range(routes)]
    for client in clients:
        client.log("A", level="critical")
    while queue[0][0] < began + seconds:
        kit.now, n = heapq.heappop(queue)
        answer = clients[n].ask()
        if isinstance(answer, Claim):
            tried.append(kit.now - began)
            pause = pause_after(error, answer.failures + 1, 0.5)
            clients[n].store.release(answer.id, Failure(str(error), pause, way=True))
            answer = 0.0
        assert isinstance(answer, float)
        heapq.heappush(queue, (kit.now + max(answer, 0.01), n))
    return tried


@pytest.mark.parametrize("error", [REFUSED, STALE], ids=["refused", "stale"])
@pytest.mark.parametrize("routes", [4, 16, 200])
def test_an_outage_is_not_multiplied_by_routes(routes: int, error: DeliveryError) -> None:
    alone = attempts(1, error, seconds=600.0)
    together = attempts(routes, error, seconds=600.0)
    assert len(together) <= 2 * len(alone)
    for minute in range(10):
        start, end = minute * 60.0, minute * 60.0 + 60.0
        here = sum(start <= at < end for at in together)
        most = max(sum(at0 <= at < at0 + 60.0 for at in alone) for at0 in (start, 0.0))
        assert here <= 2 * most
