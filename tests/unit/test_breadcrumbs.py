"""What led up to an error: of the same thread, task or request, and nothing else."""

from __future__ import annotations

import asyncio
import copy
import gc
import logging
import sys
import threading
import timeit
from collections.abc import Iterator
from typing import Any
from weakref import ref

import pytest

from wecom_logging import WeComHandler, contrib
from wecom_logging._capture import breadcrumbs
from wecom_logging._capture.breadcrumbs import begin, leave, recent
from wecom_logging._model.serialize import CaptureLimits
from wecom_logging.testing import RecordingSender


@pytest.fixture(autouse=True)
def _no_crumbs() -> Iterator[None]:
    begin()
    yield
    begin()


@pytest.fixture
def handler() -> Iterator[WeComHandler]:
    made = WeComHandler(sender=RecordingSender(), breadcrumbs=3, store="memory")
    yield made
    made.close()


@pytest.fixture
def log(handler: WeComHandler) -> logging.Logger:
    logger = logging.Logger("shop", logging.DEBUG)
    logger.addHandler(handler)
    return logger


def texts(number: int = 10) -> list[str]:
    return [crumb["event"] for crumb in recent(number, CaptureLimits())]


# -- the handler -----------------------------------------------------------------------


def test_the_alert_level_stays_what_was_asked_for(handler: WeComHandler) -> None:
    assert (handler.alert_level, handler.level) == (logging.ERROR, logging.INFO)
    handler.setLevel("CRITICAL")
    assert (handler.alert_level, handler.level) == (logging.CRITICAL, logging.INFO)
    handler.setLevel(logging.DEBUG)
    assert (handler.alert_level, handler.level) == (logging.DEBUG, logging.DEBUG)


def test_off_by_default_and_then_nothing_is_different() -> None:
    handler = WeComHandler(sender=RecordingSender(), store="memory")
    assert "handle" not in vars(handler)
    assert handler.level == handler.alert_level == logging.ERROR
    handler.setLevel("CRITICAL")
    assert handler.level == handler.alert_level == logging.CRITICAL
    handler.close()


def test_records_below_the_alert_level_are_no_errors(
    log: logging.Logger, handler: WeComHandler
) -> None:
    log.info("connecting")
    log.warning("slow")
    assert handler.stats().seen == 0
    log.error("failed")
    assert handler.stats().seen == 1


def test_the_last_ones_are_in_the_alert_but_not_those_below_their_level(
    log: logging.Logger, handler: WeComHandler
) -> None:
    sender: Any = handler._options.destination["sender"]
    log.debug("too low")
    for i in range(5):
        log.info("step %d", i)
    log.error("failed")
    assert handler.flush()
    message, *_ = sender.messages
    assert "step 1" not in message.content
    assert all(f"step {i}" in message.content for i in (2, 3, 4))
    assert "too low" not in message.content


def test_a_clock_that_stands_still_takes_no_crumbs(log: logging.Logger) -> None:
    for i in range(3):
        record = log.makeRecord("shop", logging.INFO, "a.py", 1, "step %d", (i,), None)
        record.created = 1.0
        log.handle(record)
        log.handle(record)  # by another handler
    assert texts() == ["step 0", "step 1", "step 2"]


def test_errors_are_crumbs_of_the_next_error(log: logging.Logger) -> None:
    log.error("first")
    assert texts() == ["first"]


def test_a_filter_is_asked_about_them_too(log: logging.Logger, handler: WeComHandler) -> None:
    handler.addFilter(lambda record: "health" not in record.getMessage())
    log.info("GET /health")
    log.info("GET /pay")
    assert texts() == ["GET /pay"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="since Python 3.12")
def test_what_a_filter_returns_is_what_is_kept(log: logging.Logger, handler: WeComHandler) -> None:
    def without_name(record: logging.LogRecord) -> Any:
        record = copy.copy(record)
        record.msg = record.msg.replace("Smith", "***")
        return record

    handler.addFilter(without_name)
    log.info("Smith logs in")
    log.error("Smith fails")
    assert texts() == ["*** logs in", "*** fails"]


def test_two_handlers_leave_one_crumb(log: logging.Logger) -> None:
    second = WeComHandler(sender=RecordingSender(), breadcrumbs=5, store="memory")
    log.addHandler(second)
    log.info("once")
    assert texts() == ["once"]
    second.close()


# -- what is kept ----------------------------------------------------------------------


def test_nothing_is_formatted_before_an_alert_needs_it(log: logging.Logger) -> None:
    class Argument:
        formatted = 0

        def __str__(self) -> str:
            Argument.formatted += 1
            return "argument"

    log.info("with %s", Argument())
    assert Argument.formatted == 0
    assert texts() == ["with argument"]


def test_an_exceptions_frames_are_let_go_at_once(log: logging.Logger) -> None:
    class Big:
        pass

    def fail() -> ref[Big]:
        big = Big()
        try:
            raise ValueError("handled")
        except ValueError:
            log.warning("handled", exc_info=True)
        return ref(big)

    gone = fail()
    gc.collect()
    assert gone() is None


def test_arguments_go_when_later_records_push_them_out(log: logging.Logger) -> None:
    class Big:
        pass

    big = Big()
    gone = ref(big)
    log.info("with %r", big)
    del big
    assert gone() is not None
    for i in range(3):
        log.info("later %d", i)
    assert gone() is None


def test_bad_arguments() -> None:
    leave(logging.makeLogRecord({"msg": "%d orders", "args": ("seven",), "created": 1.0}), 5)
    assert texts() == ["%d orders [TypeError in formatting]"]


def test_structlogs_events(log: logging.Logger) -> None:
    log.info({"event": "payment begun", "order": 7})
    assert texts() == ["payment begun"]


# -- whose they are --------------------------------------------------------------------


def test_each_thread_has_its_own(log: logging.Logger) -> None:
    log.info("main")
    found: list[list[str]] = []

    def work() -> None:
        log.info("worker")
        found.append(texts())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [["worker"]]
    assert texts() == ["main"]


def test_each_task_has_its_own_and_a_thread_that_works_for_it_goes_on(
    log: logging.Logger,
) -> None:
    async def request(name: str) -> list[str]:
        log.info("%s begun", name)
        await asyncio.sleep(0)
        return await asyncio.to_thread(work, name)

    def work(name: str) -> list[str]:
        log.info("%s in a thread", name)
        return texts()

    async def main() -> list[list[str]]:
        log.info("server started")
        return list(await asyncio.gather(request("a"), request("b")))

    assert asyncio.run(main()) == [
        ["a begun", "a in a thread"],
        ["b begun", "b in a thread"],
    ]


def test_nothing_grows_with_the_number_of_tasks(log: logging.Logger) -> None:
    async def request() -> None:
        log.info("request")

    async def main() -> None:
        for _ in range(300):
            await asyncio.create_task(request())

    asyncio.run(main())
    gc.collect()
    assert sum(isinstance(each, breadcrumbs.Ring) for each in gc.get_objects()) < 10


def test_a_request_begins_with_nothing(log: logging.Logger) -> None:
    log.info("of the request before")
    begin(sender=None, environ={})
    log.info("of this one")
    assert texts() == ["of this one"]


def test_each_flask_request_and_celery_task_begins_anew(log: logging.Logger) -> None:
    flask = pytest.importorskip("flask")
    celery = pytest.importorskip("celery")
    app = flask.Flask(__name__)
    found: list[list[str]] = []

    @app.get("/")
    def view() -> str:
        log.info("view")
        found.append(texts())
        return "ok"

    tasks = celery.Celery("shop", broker="memory://", set_as_current=False)

    @tasks.task
    def job() -> None:
        log.info("task")
        found.append(texts())

    contrib.watch_beginnings(begin)
    for _ in range(2):
        app.test_client().get("/")
        job.apply()
    assert found == [["view"], ["task"], ["view"], ["task"]]


def test_a_record_below_costs_little(log: logging.Logger, handler: WeComHandler) -> None:
    """Bounded generously, for busy machines; a fraction of a microsecond otherwise."""
    made = logging.makeLogRecord({"levelno": logging.INFO, "msg": "step %d", "args": (1,)})
    best = min(timeit.repeat(lambda: handler.handle(made), number=2000, repeat=10)) / 2000
    assert best < 10e-6
