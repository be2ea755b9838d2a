"""Promise 2: what fails on the way of one program is nothing to the one beside it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from tests.helpers.support import Watched, eventually, pointing_at
from wecom_logging._senders.errcodes import refusal
from wecom_logging.errors import (
    BusyError,
    ContentError,
    DeliveryError,
    RateLimitedError,
    SetupError,
    TokenError,
    TransportError,
)
from wecom_logging.simulator.server import Simulator

Watch = Callable[..., Watched]

WRONG: dict[str, dict[str, Any]] = {
    "a stale secret": {"corpsecret": "stale-secret-0000000000000000000000000000001"},
    "a wrong proxy": {"proxies": {"http": "http://127.0.0.1:1", "https": "http://127.0.0.1:1"}},
}


@pytest.mark.parametrize("level", [logging.ERROR, logging.CRITICAL])
@pytest.mark.parametrize("wrong", WRONG)
def test_a_program_with_wrong_settings_delays_nobody(
    sim: Simulator, watch: Watch, wrong: str, level: int
) -> None:
    right = {**pointing_at(sim, "app"), "store": "auto", "group_wait": 0.0}
    well = watch(**right, app="service", group_interval=0.1)
    well.log.error("first error, all well")
    assert well.flush()
    ill = watch(**{**right, **WRONG[wrong]}, app="cron")
    ill.log.error("job failed")
    eventually(lambda: ill.stats.failures)
    well.log.log(level, "quite another failure")
    eventually(lambda: well.stats.reported == 2)  # and not in a minute, as the other one
    assert well.stats.failures == 0
    assert ill.stats.pending == 1
    assert all("could not be reached" not in message.content for message in sim.messages)
    assert all("job failed" not in message.content for message in sim.messages)


@pytest.mark.parametrize(
    ("error", "way"),
    [
        (TokenError(40014, ""), True),
        (SetupError(60020, ""), True),
        (refusal(60020, "not allow to access from your ip"), True),
        (refusal(40056, "invalid agentid"), True),
        (refusal(93000, "invalid webhook url"), False),
        (refusal(93002, ""), False),
        (refusal(-1, "busy"), False),
        (refusal(45009, "freq"), False),
        (refusal(40058, "too long"), False),
        (BusyError(-1, ""), False),
        (RateLimitedError(45009, ""), False),
        (ContentError(45002, ""), False),
        (TransportError("reset", unclear=True), False),
        (DeliveryError("somebody else's"), False),
    ],
)
def test_whose_fault_it_is(error: DeliveryError, way: bool) -> None:
    assert error.way is way
