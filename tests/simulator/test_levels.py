"""What the level filter of the inbox page goes by."""

from __future__ import annotations

import logging

import pytest

from tests.helpers.support import pointing_at
from wecom_logging import WeComHandler
from wecom_logging.simulator import Simulator
from wecom_logging.simulator.views import levels

ERROR, NEW = "ERROR", "NEW"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("🔴 shop prod · 1,000 errors · OSError", {ERROR}),
        ("🔴 shop · 1 error · OSError", {ERROR}),
        ("🔴 支付 prod 353次 OSError", {ERROR}),
        ("🔴 支付 · 3 个错误 · OSError", {ERROR}),
        ("🔴 CRITICAL shop · 1 error · disk full", {ERROR, "CRITICAL"}),
        ("🔴 支付\n\n**新出现** OSError **×3** #40871", {ERROR, NEW}),
        ("🔴 shop · 2 errors\nNEW OSError ×1\nAGAIN KeyError ×1", {ERROR, NEW, "AGAIN"}),
        ("✅ shop · 0 errors · OSError\n\n**OVER** OSError: none for 10 min", {"OVER"}),
        ("✅ 支付 · 0 个错误\n\n**已恢复** OSError", {"OVER"}),
        # Words of a logged text are no state of the message.
        ("🔴 shop · 1 error · gone\n\nNEW orders are not paid", {ERROR}),
        ("🔴 shop · 1 error · gone\n> level=CRITICAL STILL", {ERROR}),
        ("✅ shop · 0 errors · no ERROR is NEW\n\n**OVER** OSError", {"OVER"}),
        ("🔴 shop · 1 error · CRITICAL path", {ERROR}),
        ("shop prod\n🔴 NEW KeyError\npay/a.py:7 f\n353 errors\nmessage", {ERROR, NEW}),
        ("🔴 新出现 CRITICAL 磁盘已满\n1 次错误", {ERROR, NEW, "CRITICAL"}),
        ("shop\n✅ OVER KeyError\n0 errors\nNEW ×1", {"OVER"}),
        ("deployed shop 2.3.1\nno error so far", set()),
        ("WARNING: disk 91 % full", {"WARNING"}),
        ("", set()),
    ],
)
def test_levels(content: str, found: set[str]) -> None:
    """By the first line and the states of its blocks."""
    assert levels(content) == found


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("msgtype", ["markdown", "text"])
def test_what_a_handler_sends(sim: Simulator, language: str, msgtype: str) -> None:
    """A new error is new and an error, in both languages and formats."""
    options = {**pointing_at(sim), "language": language, "msgtype": msgtype, "store": "memory"}
    handler = WeComHandler(app="shop", **options)
    handler.handle(logging.LogRecord("shop", logging.ERROR, __file__, 1, "not paid", (), None))
    assert handler.flush()
    handler.close()
    (message,) = sim.messages
    assert levels(message.content) == {ERROR, NEW}
