"""One record that reaches one place by several ways is one error."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.helpers.support import PATIENCE
from wecom_logging import WeComHandler
from wecom_logging._capture.once import seen_at
from wecom_logging.testing import RecordingSender


@pytest.fixture
def loggers() -> Iterator[Callable[[str], logging.Logger]]:
    """Loggers that are found by their names, and gone after the test."""
    made: list[logging.Logger] = []

    def get(name: str) -> logging.Logger:
        logger = logging.getLogger(f"test_once.{name}" if name else "test_once")
        logger.propagate = bool(name)  # not to those that keep records
        made.append(logger)
        return logger

    yield get
    for logger in made:
        for handler in logger.handlers[:]:
            logger.removeHandler(handler)
            handler.close()
        logger.propagate = True
        logging.root.manager.loggerDict.pop(logger.name, None)


def handler_of(
    sender: RecordingSender, level: int = logging.ERROR, app: str = "shop"
) -> WeComHandler:
    return WeComHandler(level, sender=sender, store="memory", app=app)


def total(sender: RecordingSender, *handlers: WeComHandler) -> int:
    assert all(handler.flush(PATIENCE) for handler in handlers)
    return sender.inbox.total_errors


def test_a_handler_of_a_logger_and_of_its_parent(loggers: Callable[[str], logging.Logger]) -> None:
    sender = RecordingSender()
    handler = handler_of(sender)
    loggers("").addHandler(handler)
    loggers("pay").addHandler(handler)
    for i in range(5):
        loggers("pay").error("failed %d", i)
    loggers("").error("by one way only")
    assert total(sender, handler) == 6
    assert handler.stats().seen == 6


def test_two_handlers_of_one_place(loggers: Callable[[str], logging.Logger]) -> None:
    sender = RecordingSender()
    first, second = handler_of(sender, logging.CRITICAL), handler_of(sender)
    loggers("pay").addHandler(first)
    loggers("").addHandler(second)
    loggers("pay").critical("logged once")
    loggers("pay").error("below the level of the first")
    assert total(sender, first, second) == 2
    assert (first.stats().seen, second.stats().seen) == (1, 1)


def test_a_cell_that_was_run_three_times(loggers: Callable[[str], logging.Logger]) -> None:
    sender = RecordingSender()
    handlers = [handler_of(sender) for _ in range(3)]
    for handler in handlers:
        loggers("").addHandler(handler)
    for _ in range(4):
        loggers("").error("loss is nan")
    assert total(sender, *handlers) == 4


def test_two_apps_are_two_places(loggers: Callable[[str], logging.Logger]) -> None:
    sender = RecordingSender()
    handlers = [handler_of(sender), handler_of(sender, app="bank")]
    for handler in handlers:
        loggers("").addHandler(handler)
    loggers("").error("failed")
    assert total(sender, *handlers) == 2


def test_who_filters_a_record_leaves_it_to_others(loggers: Callable[[str], logging.Logger]) -> None:
    sender = RecordingSender()
    picky, open_one = handler_of(sender), handler_of(sender)
    picky.addFilter(lambda record: "secret" not in record.getMessage())
    for handler in (picky, open_one):
        loggers("").addHandler(handler)
    loggers("").error("public")
    loggers("").error("secret")
    assert total(sender, picky, open_one) == 2
    assert (picky.stats().seen, open_one.stats().seen) == (1, 1)


def test_each_record_is_counted_though_all_look_alike(
    loggers: Callable[[str], logging.Logger],
) -> None:
    """New records take the places of old ones in memory, and a clock may stand still."""
    sender = RecordingSender()
    handler = handler_of(sender)
    loggers("").addHandler(handler)
    loggers("pay").addHandler(handler)
    log = loggers("pay")

    def storm() -> None:
        for _ in range(500):
            log.error("failed")

    threads = [threading.Thread(target=storm) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert total(sender, handler) == 2000


def test_no_record_is_kept(loggers: Callable[[str], logging.Logger]) -> None:
    sender = RecordingSender()
    handler = handler_of(sender)
    loggers("").addHandler(handler)
    loggers("pay").addHandler(handler)
    record = logging.LogRecord("test_once.pay", logging.ERROR, "a.py", 1, "failed", (), None)
    loggers("pay").handle(record)
    assert total(sender, handler) == 1
    seen = seen_at(handler._place)
    assert record in seen
    del record
    gc.collect()
    assert not seen._records
