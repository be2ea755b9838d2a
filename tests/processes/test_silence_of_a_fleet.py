"""A silence from the command line, in a fleet of real processes on one store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.fleet import Worker
from tests.helpers.support import counted, eventually
from wecom_logging._cli import main
from wecom_logging.simulator.server import Simulator

#: Logs twenty times a second until it is told to stop.
STORM = """
def it(): log.error("payment failed")
it(); handler.flush(30); say(ready=1); listen()
stop = threading.Event()
threading.Thread(target=lambda: (listen(), stop.set()), daemon=True).start()
logged = 1
while not stop.is_set():
    it(); logged += 1
    time.sleep(0.05)  # twenty times a second
merge(); say(logged=logged); listen(); handler.flush(30); account()
"""
#: Told twice a second, if nobody has silenced it.
OFTEN: dict[str, Any] = {"repeat_intervals": [0.5], "group_wait": 0.1, "group_interval": 0.1}


@pytest.fixture(params=["sqlite", "redis"])
def store(
    request: pytest.FixtureRequest, sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    url = f"sqlite:///{tmp_path}/store.db"
    if request.param == "redis":
        server = request.getfixturevalue("redis_server")
        server.client().flushall()
        url = server.url
    for name, value in {**sim.env("app"), "WECOM_STORE": url, "WECOM_APP": "shop"}.items():
        monkeypatch.setenv(name, value)
    return url


def the_group(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert main.main(["groups", "--json"]) == 0
    (group,) = json.loads(capsys.readouterr().out)
    found: dict[str, Any] = group
    return found


def storm_without_message(sim: Simulator, capsys: pytest.CaptureFixture[str], more: int) -> bool:
    before, pending = len(sim.messages), the_group(capsys)["pending"]
    eventually(lambda: len(sim.messages) > before or the_group(capsys)["pending"] > pending + more)
    return len(sim.messages) == before


def test_it_holds_for_all_and_every_error_is_told_at_its_end(
    sim: Simulator, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    size = 16 if store.startswith("redis") else 8
    workers = [Worker(STORM, sim, n % 4, store=store, **OFTEN) for n in range(size)]
    try:
        for worker in workers:
            worker.hear()
        for worker in workers:
            worker.go_on()
        before = len(sim.messages)
        eventually(lambda: len(sim.messages) > before)
        number = the_group(capsys)["id"]
        assert main.main(["silence", number, "1h"]) == 0
        # What was on its way when it began may still come. Then there are many more errors
        # than make a message otherwise, and none.
        eventually(lambda: storm_without_message(sim, capsys, 20 * size))
        before = len(sim.messages)
        for worker in workers:
            worker.go_on()
        logged = sum(worker.hear()["logged"] for worker in workers)
        assert the_group(capsys)["count"] == logged
        assert len(sim.messages) == before
        assert main.main(["unsilence", number]) == 0
        for worker in workers:
            worker.go_on()
        accounts = [worker.hear() for worker in workers]
        for worker in workers:
            worker.finish()
    finally:
        for worker in workers:
            worker.end()
    assert all(a["reported"] == a["seen"] for a in accounts), accounts
    assert counted(sim.messages) == logged
    ends = [message for message in sim.messages if "SILENCED" in message.content]
    assert len(ends) == 1
    assert "ended by hand" in ends[0].content


def test_it_outlives_who_is_killed_forks_and_configures_logging_anew(
    sim: Simulator, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    first = Worker(
        'def it(): log.error("payment failed")\n'
        "it(); handler.flush(30); say(ready=1); listen()\n"
        "it(); merge(); say(merged=2); listen()",
        sim,
        store=store,
    )
    second = None
    try:
        first.hear()
        number = the_group(capsys)["id"]
        assert main.main(["silence", number, "1h"]) == 0
        first.go_on()
        first.hear()
        first.kill()
        second = Worker(
            """
            import logging.config
            def it(): log.error("payment failed")
            it(); handler.flush(10)
            if os.fork() == 0:
                it(); handler.flush(10); handler.close(); os._exit(0)
            os.wait()
            handler_ = {"()": lambda: WeComHandler(**OPTIONS)}
            logging.config.dictConfig({
                "version": 1, "disable_existing_loggers": False, "handlers": {"wecom": handler_},
                "loggers": {"shop": {"handlers": ["wecom"], "propagate": False}},
            })
            it(); log.handlers[0].flush(10); say(done=1); listen(); log.handlers[0].flush(30)
            say(told=1)
            """,
            sim,
            1,
            store=store,
        )
        second.hear()
        assert (the_group(capsys)["state"], the_group(capsys)["pending"]) == ("silenced", 4)
        assert len(sim.messages) == 1
        assert main.main(["unsilence", number]) == 0
        second.go_on()
        second.hear()
        second.finish()
    finally:
        first.end()
        if second is not None:
            second.end()
    assert counted(sim.messages) == 5
    assert sum("SILENCED" in message.content for message in sim.messages) == 1
