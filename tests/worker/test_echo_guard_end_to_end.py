"""Promises 7 and 11, from outside: no echo, and no secret in any log, line or repr."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests.helpers.support import Watched, counted, eventually, pointing_at
from wecom_logging._senders import access_token
from wecom_logging._senders.protocol import Message
from wecom_logging.simulator.faults import Fault
from wecom_logging.simulator.server import Simulator

Watch = Callable[..., Watched]


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    """Root at DEBUG with a file handler: everything that anybody logs."""
    path = tmp_path / "everything.log"
    handler = logging.FileHandler(path, encoding="utf-8")
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield path
    root.removeHandler(handler)
    handler.close()


FAULTS = [
    None,
    Fault("reset"),
    Fault("status", status=502),
    Fault("redirect"),
    Fault("garbage"),
    Fault("hang", delay=20.0),
    Fault("errcode", errcode=40001),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.kind if f else "all is well")
@pytest.mark.parametrize("kind", ["robot", "app"])
def test_no_secret_is_written_anywhere(
    kind: str,
    fault: Fault | None,
    sim: Simulator,
    watch: Watch,
    log_file: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(access_token, "SPACING", 0.0)
    w = watch(**pointing_at(sim, kind), timeout=[3, 1], group_wait=0.0)
    if fault is not None:
        sim.faults.add(fault)
    w.log.error("failed")
    eventually(lambda: w.stats.failures or w.stats.reported)
    w.flush(0.2)
    sim.faults.clear()
    w.log.error("failed again")
    eventually(lambda: w.flush(0.2))
    sender = w.handler._components.sender
    known = {secret for secret in sender.secrets() if secret}
    assert len(known) >= (2 if kind == "app" else 1), "the token is one of them"
    output = capsys.readouterr()
    shown = "".join(
        [
            log_file.read_text(encoding="utf-8"),
            output.out,
            output.err,
            repr(w.handler),
            repr(sender),
            str(w.stats),
            *(message.content for message in sim.messages),
        ]
    )
    assert "urllib3" not in shown
    for secret in known:
        assert secret not in shown


def test_our_secret_in_somebody_elses_error_is_masked(sim: Simulator, watch: Watch) -> None:
    options = pointing_at(sim)
    key = options["webhook_key"]
    w = watch(**options)
    try:
        raise ValueError(f"POST {sim.url}/cgi-bin/webhook/send?key={key} failed")
    except ValueError:
        w.log.exception("could not use %s", key, extra={"config": {"url": f"?key={key}"}})
    assert w.flush()
    (message,) = sim.messages
    assert key not in message.content
    assert key not in str(message.request)


def test_the_delivery_is_no_alert_and_the_applications_own_calls_are(
    sim: Simulator, watch: Watch
) -> None:
    """Level DEBUG on urllib3's own loggers: theirs about our calls are not heard, about the
    application's they are."""
    w = watch("DEBUG", **pointing_at(sim), group_wait=0.0)
    pool = logging.getLogger("urllib3.connectionpool")
    level = pool.level
    pool.addHandler(w.handler)
    pool.setLevel(logging.DEBUG)
    try:
        w.log.error("failed")
        assert w.flush()
        assert (w.stats.seen, len(sim.messages)) == (1, 1)
        with requests.Session() as session:
            session.trust_env = False
            session.get(f"{sim.url}/", timeout=10)
        assert w.stats.seen > 1
    finally:
        pool.setLevel(level)
        pool.removeHandler(w.handler)


def test_what_a_processor_logs_is_no_alert(watch: Watch) -> None:
    def logs(logger: logging.Logger, method: str, event: dict[str, object]) -> object:
        w.log.error("from inside the delivery")
        return event

    w = watch(processors=[logs], group_wait=0.0)
    w.log.error("failed")
    assert w.flush()
    assert w.stats.seen == 1


def test_what_a_sender_logs_is_no_alert(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    w = watch(group_wait=0.0)
    send = w.sender.send

    def talks(message: Message) -> None:
        w.log.critical("sending")
        send(message)

    monkeypatch.setattr(w.sender, "send", talks)
    w.log.error("failed")
    assert w.flush()
    assert (w.stats.seen, len(w.sender.messages)) == (1, 1)


def test_records_of_another_process_are_not_taken_for_the_couriers(watch: Watch) -> None:
    """A worker's thread may have the same number as the worker's, by way of a queue."""
    w = watch(group_wait=0.0)
    sending, go_on = threading.Event(), threading.Event()
    send = w.sender.send
    threads: list[int] = []

    def slow(message: object) -> None:
        threads.append(threading.get_ident())
        sending.set()
        assert go_on.wait(20)
        send(message)  # type: ignore[arg-type]  # it hands on what it gets

    w.sender.send = slow  # type: ignore[method-assign]  # it takes its time from now on
    w.log.error("failed")
    assert sending.wait(20)
    foreign = {"name": "worker", "levelno": 40, "msg": "in a worker", "thread": threads[0]}
    w.handler.handle(logging.makeLogRecord({**foreign, "process": 1}))
    go_on.set()
    assert w.flush()
    assert w.stats.seen == 2
    assert counted(w.sender.messages) == 2


def test_complaints_do_not_go_through_logging(
    watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    heard = io.StringIO()
    other = logging.StreamHandler(heard)
    root = logging.getLogger()
    root.addHandler(other)
    try:

        def breaks(logger: object, method: str, event: object) -> object:
            raise ValueError

        w = watch(processors=[breaks])
        w.log.error("failed")
        assert w.flush()
    finally:
        root.removeHandler(other)
    assert "breaks" in capsys.readouterr().err
    assert heard.getvalue() == ""
