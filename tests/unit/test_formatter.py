"""A formatter of the user's gives the message line; type, place and count stay ours."""

from __future__ import annotations

import logging
import logging.config
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from tests.helpers.support import eventually
from wecom_logging import WeComHandler
from wecom_logging.testing import RecordingSender

VERBOSE = {"format": "%(levelname)s %(name)s pid=%(process)d :: %(message)s"}
STRUCTLOG = {
    "()": structlog.stdlib.ProcessorFormatter,
    "processor": structlog.dev.ConsoleRenderer(colors=True),
    "foreign_pre_chain": [structlog.stdlib.add_log_level],
}


@pytest.fixture
def sender() -> RecordingSender:
    return RecordingSender()


@pytest.fixture
def configure(sender: RecordingSender) -> Iterator[Any]:
    made: list[WeComHandler] = []

    def configure(formatter: dict[str, Any]) -> WeComHandler:
        logging.config.dictConfig(
            {
                "version": 1,
                "disable_existing_loggers": False,
                "formatters": {"theirs": formatter},
                "handlers": {
                    "wecom": {
                        "class": "wecom_logging.WeComHandler",
                        "sender": sender,
                        "formatter": "theirs",
                        "show_locals": True,
                    }
                },
                "loggers": {
                    "formatted": {"handlers": ["wecom"], "propagate": False, "level": "INFO"}
                },
            }
        )
        (handler,) = logging.getLogger("formatted").handlers
        assert isinstance(handler, WeComHandler)
        made.append(handler)
        return handler

    yield configure
    for handler in made:
        logging.getLogger("formatted").removeHandler(handler)
        handler.close()


def test_a_plain_one(configure: Any, sender: RecordingSender) -> None:
    handler = configure(VERBOSE)
    for order in (7, 8):
        try:
            raise LookupError("no price")
        except LookupError:
            logging.getLogger("formatted").exception("order %d failed", order, stack_info=True)
    assert handler.flush()
    eventually(lambda: len(sender.messages) == 2)  # a flush waits for no file
    message, file = sender.messages
    assert file.msgtype == "file", "the local variables"
    assert "ERROR formatted pid=" in message.content
    assert ":: order 7 failed" in message.content
    assert "Traceback" not in message.content
    assert "LookupError **×2**" in message.content
    assert "test_formatter.py" in message.content


def test_structlogs(configure: Any, sender: RecordingSender) -> None:
    handler = configure(STRUCTLOG)
    log = structlog.wrap_logger(
        logging.getLogger("formatted"),
        processors=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    for order in (7, 8):
        try:
            raise LookupError("no price")
        except LookupError:
            log.exception("order failed", order=order, password="hunter2-hunter2")
    assert handler.flush()
    eventually(lambda: len(sender.messages) == 2)  # a flush waits for no file
    message, file = sender.messages
    assert file.msgtype == "file", "the local variables"
    assert "order failed" in message.content
    assert "Traceback" not in message.content
    assert "hunter2" not in message.content
    assert "\x1b" not in message.content
    assert "LookupError **×2**" in message.content
