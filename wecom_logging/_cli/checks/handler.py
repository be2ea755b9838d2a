"""One handler of a program: whether it is on, where it sends, what its messages begin with."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from wecom_logging._cli.checks.obstacles import off
from wecom_logging._cli.checks.step import Step, failed, ok, warning
from wecom_logging.handler import WeComHandler
from wecom_logging.testing import RecordingSender

_WORDS = "order 8841 is not paid"


def handler_steps(handler: WeComHandler) -> Iterator[Step]:
    """What a handler says about itself."""
    if not handler.enabled:
        yield failed("configuration", *off(handler))
        return
    destination = handler._components.sender.destination
    yield ok("configuration", f"{handler.get_name()!r} sends to {destination}")
    if handler.formatter is not None and (headline := _hidden_by(handler.formatter)):
        yield warning(
            "formatter",
            f"it pushes the message out of the notification, which reads {headline!r}",
            f'Take "formatter" out of "{handler.get_name()}" of "handlers".',
        )


def _hidden_by(formatter: logging.Formatter) -> str:
    """The first line of a message in which the formatter leaves no room for what was logged."""
    sender = RecordingSender()
    probe = WeComHandler(sender=sender, store="memory", app="shop")
    probe.setFormatter(formatter)
    record = logging.LogRecord("shop.orders", logging.ERROR, "shop/orders.py", 41, _WORDS, (), None)
    try:
        probe.handle(record)
        probe.flush()
    finally:
        probe.close()
    headline = sender.messages[0].content.split("\n", 1)[0] if sender.messages else ""
    return "" if _WORDS in headline else headline
