"""The handler as logging sees it: levels, filters, formatters, queues, closing."""

from __future__ import annotations

import gc
import logging
import logging.handlers
import pickle
import queue
import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from tests.helpers.support import Watched, counted, eventually, pointing_at
from wecom_logging import WeComHandler
from wecom_logging.errors import TransportError
from wecom_logging.simulator.server import Simulator
from wecom_logging.testing import RecordingSender

Watch = Callable[..., Watched]


def fails(order: int = 8841) -> None:
    raise ConnectionError(f"bank refused order {order}")


def log_an_exception(log: logging.Logger) -> None:
    try:
        fails()
    except ConnectionError:
        log.exception("payment of %s failed", "order 8841")


# -- what is told --------------------------------------------------------------------------


def test_an_exception_with_its_message_place_and_type(watch: Watch) -> None:
    w = watch(environment="prod", release="2.3.1")
    log_an_exception(w.log)
    told = w.told()
    first_line = told.split("\n")[0]
    assert "shop prod · 1 error · ConnectionError" in first_line
    assert "release 2.3.1" in told
    assert "payment of order 8841 failed" in told
    assert "bank refused order 8841" in told
    assert "test_handler.py:" in told
    assert "raise ConnectionError(" not in told, "it says what type and message say"


def test_source_lines_can_be_switched_off(watch: Watch) -> None:
    w = watch(show_source=False)
    log_an_exception(w.log)
    assert "raise ConnectionError(" not in w.told()


def test_a_cause_is_named(watch: Watch) -> None:
    w = watch()
    try:
        try:
            fails()
        except ConnectionError as error:
            raise RuntimeError("order not paid") from error
    except RuntimeError:
        w.log.exception("failed")
    told = w.told()
    assert "RuntimeError" in told
    assert "ConnectionError" in told


def test_extra_and_the_rest_of_the_record(watch: Watch) -> None:
    w = watch()
    w.log.error("failed", extra={"order": 7, "customer": {"id": 3}})
    assert "order=7" in w.told()


def test_messages_for_people_inside_wechat_are_text(watch: Watch) -> None:
    w = watch(msgtype="text")
    w.log.error("failed")
    w.told()
    assert w.sender.inbox.one().msgtype == "text"


# -- level, filters, formatter -------------------------------------------------------------


@pytest.mark.parametrize(("level", "told"), [("WARNING", 3), (logging.ERROR, 2), ("CRITICAL", 1)])
def test_the_level(level: int | str, told: int, watch: Watch) -> None:
    w = watch(level)
    for log in (w.log.info, w.log.warning, w.log.error, w.log.critical):
        log("something")
    assert w.stats.seen == told


def test_the_level_holds_behind_a_queue_listener_that_does_not_look(watch: Watch) -> None:
    """`QueueListener` hands a level-ERROR handler everything by default (F19)."""
    w = watch()
    records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    log = logging.Logger("queued")
    log.addHandler(logging.handlers.QueueHandler(records))
    listener = logging.handlers.QueueListener(records, w.handler)
    listener.start()
    log.debug("not this")
    log.info("nor this")
    log_an_exception(log)
    listener.stop()
    told = w.told()
    assert w.stats.seen == 1
    assert "ConnectionError" in told, "of the exception there is only its text left"
    assert "fails" in told


def test_a_record_from_a_socket(watch: Watch) -> None:
    w = watch()
    sent: list[bytes] = []

    class Sent(logging.handlers.SocketHandler):
        def send(self, data: Any) -> None:
            sent.append(data[4:])

    log = logging.Logger("remote")
    log.addHandler(Sent("localhost", 1))
    log_an_exception(log)
    w.handler.handle(logging.makeLogRecord(pickle.loads(sent[0])))
    told = w.told()
    assert "ConnectionError" in told
    assert "payment of order 8841 failed" in told


def test_a_filter_sees_every_record_and_decides(watch: Watch) -> None:
    w = watch()
    seen: list[str] = []

    def decide(record: logging.LogRecord) -> bool:
        seen.append(record.getMessage())
        return "noise" not in seen[-1]

    w.handler.addFilter(decide)
    for i in range(3):
        w.log.error("noise %d", i)
        w.log.error("news %d", i)
    assert len(seen) == 6
    assert w.counts() == [3]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="since Python 3.12")
def test_a_filter_may_return_another_record(watch: Watch) -> None:
    w = watch()

    def masks(record: logging.LogRecord) -> logging.LogRecord:
        return logging.makeLogRecord({**record.__dict__, "msg": "masked", "args": ()})

    w.handler.addFilter(masks)  # type: ignore[arg-type]  # a filter of Python 3.12
    w.log.error("secret %s", "sauce")
    told = w.told()
    assert "masked" in told
    assert "sauce" not in told


def test_a_formatter_gives_the_message_line_and_nothing_else(watch: Watch) -> None:
    class Shouting(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            record.msg, record.args = record.getMessage().upper(), ()
            return super().format(record)

    w = watch()
    w.handler.setFormatter(Shouting("[%(name)s] %(message)s"))
    log_an_exception(w.log)
    told = w.told()
    assert "PAYMENT OF ORDER 8841 FAILED" in told
    assert "Traceback" not in told
    assert "ConnectionError" in told
    assert w.counts() == [1]


def test_a_formatter_that_raises_costs_nothing(watch: Watch) -> None:
    w = watch()
    w.handler.setFormatter(logging.Formatter("%(nobody_sets_this)s"))
    w.log.error("payment failed")
    assert "payment failed" in w.told()


def test_a_record_factory_of_the_applications(watch: Watch) -> None:
    class Record(logging.LogRecord):
        def getMessage(self) -> str:
            return "from the factory"

    w = watch()
    w.handler.handle(Record("shop", 40, "a.py", 1, "as written", (), None))
    assert "from the factory" in w.told()


@pytest.mark.parametrize("switch", ["logThreads", "logProcesses", "logMultiprocessing"])
def test_records_with_less_in_them(
    switch: str, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, switch, False)
    w = watch()
    w.log.error("failed")
    assert w.counts() == [1]


def test_asked_for_by_repr_it_names_no_secret(sim: Simulator, watch: Watch) -> None:
    for kind, secret in (("robot", "webhook_key"), ("app", "corpsecret")):
        options = pointing_at(sim, kind)
        handler = watch(**options).handler
        assert options[secret] not in repr(handler)
        assert options[secret] not in repr(vars(handler))


# -- closing -------------------------------------------------------------------------------


def test_close_delivers(watch: Watch) -> None:
    w = watch(group_wait=60.0)
    w.log.error("failed")
    w.handler.close()
    assert counted(w.sender.messages) == 1


def test_closed_twice_is_closed_once(watch: Watch) -> None:
    w = watch()
    w.log.error("failed")
    w.handler.close()
    w.handler.close()
    assert counted(w.sender.messages) == 1


def test_closed_and_still_attached_it_goes_on(watch: Watch) -> None:
    w = watch(group_wait=0.0, group_interval=0.0)
    for i in range(3):
        w.log.error("failed", extra={"fingerprint": i})
        w.handler.close()
    w.log.error("failed", extra={"fingerprint": "without a close"})
    eventually(lambda: counted(w.sender.messages) == 4)


def test_close_waits_no_longer_than_its_timeout(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    w = watch(close_timeout=0.2, group_wait=60.0)
    w.sender.fail(TransportError("no route"), times=100)
    w.log.error("failed")
    asked, ask = [], w.worker.request_flush

    def note(deadline: float, **how: Any) -> Any:
        asked.append(deadline - time.monotonic())
        return ask(deadline, **how)

    monkeypatch.setattr(w.worker, "request_flush", note)
    w.handler.close()
    assert len(asked) == 1
    assert asked[0] <= 0.2
    assert w.stats.pending == 1


def test_a_handler_that_is_dropped_delivers_and_is_gone() -> None:
    sender = RecordingSender()
    handler = WeComHandler(sender=sender, group_wait=0.0)
    handler.handle(logging.makeLogRecord({"name": "shop", "levelno": 40, "msg": "the last"}))
    gone = weakref.ref(handler)
    del handler
    gc.collect()
    assert gone() is None
    eventually(lambda: counted(sender.messages) == 1)


class Barrier:
    """Holds logging's module lock, as `dictConfig` does while it closes handlers."""

    def __enter__(self) -> None:
        logging._lock.acquire()  # type: ignore[attr-defined]  # logging's own lock

    def __exit__(self, *exc_info: object) -> None:
        logging._lock.release()  # type: ignore[attr-defined]  # logging's own lock


@pytest.mark.parametrize("what", ["flush", "close"])
def test_under_loggings_own_lock_neither_waits(what: str, watch: Watch) -> None:
    w = watch(group_wait=60.0, close_timeout=60.0)
    w.sender.fail(TransportError("no route"), times=100)
    w.log.error("failed")
    began = time.monotonic()
    with Barrier():
        getattr(w.handler, what)()
    assert time.monotonic() - began < 40
    assert w.stats.pending == 1


def test_logging_shutdown_delivers(watch: Watch) -> None:
    w = watch(group_wait=60.0)
    w.log.error("failed")
    logging.shutdown([weakref.ref(w.handler)])
    assert counted(w.sender.messages) == 1


def test_others_log_on_while_one_thread_closes(watch: Watch) -> None:
    w = watch(close_timeout=2.0, group_wait=60.0)
    w.sender.fail(TransportError("no route"), times=100)
    w.log.error("failed")
    closing = threading.Thread(target=logging.shutdown, args=([weakref.ref(w.handler)],))
    closing.start()
    logged = 0
    while closing.is_alive():
        w.log.error("failed")
        logged += 1
    assert logged > 10, "nobody waits for whoever closes"
