"""Faults: what the client sees, and whether WeCom has processed the call all the same."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import requests

from tests.helpers.simulator_client import Http
from wecom_logging.simulator import Fault, Simulator


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def simulator(server: Simulator) -> Simulator:
    server.reset()
    return server


@pytest.fixture
def http(simulator: Simulator) -> Iterator[Http]:
    client = Http(simulator)
    yield client
    client.close()


def outcome(http: Http) -> str:
    """What a careful client makes of one robot message: an errcode, or what went wrong."""
    try:
        answer = http.hook()
    except requests.exceptions.ChunkedEncodingError:
        return "cut"
    except requests.exceptions.ConnectionError as error:
        return "reset" if "reset by peer" in str(error) else "closed"
    if answer.status_code != 200:
        return str(answer.status_code)
    try:
        return f"errcode {answer.json()['errcode']}"
    except ValueError:
        # urllib3 before 2.0 tells nobody that something is missing.
        promised = int(answer.headers.get("Content-Length", 0))
        return "cut" if len(answer.content) < promised else "no JSON"


@pytest.mark.parametrize("processed", [False, True])
@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ({"kind": "status"}, "502"),
        ({"kind": "status", "status": 503}, "503"),
        ({"kind": "status", "status": 200}, "no JSON"),
        ({"kind": "empty"}, "502"),
        ({"kind": "empty", "status": 200}, "no JSON"),
        ({"kind": "garbage"}, "no JSON"),
        ({"kind": "flood", "size": 100_000}, "no JSON"),
        ({"kind": "redirect"}, "301"),
        ({"kind": "reset"}, "reset"),
        ({"kind": "outage"}, "reset"),
        ({"kind": "hang", "delay": 0.01}, "closed"),
        ({"kind": "cut"}, "cut"),
        ({"kind": "slow", "delay": 0.01}, "errcode 0"),
        ({"kind": "drip", "delay": 0.01}, "errcode 0"),
        ({"kind": "errcode", "errcode": -1}, "errcode -1"),
        ({"kind": "errcode", "errcode": 45009}, "errcode 45009"),
    ],
)
def test_each_fault_strikes_once_before_or_after_processing(
    simulator: Simulator, http: Http, fault: dict[str, object], seen: str, processed: bool
) -> None:
    simulator.faults.add(Fault(times=1, processed=processed, **fault))  # type: ignore[arg-type]  # any of its fields
    assert outcome(http) == seen
    assert len(simulator.messages) == (1 if processed else 0)
    assert outcome(http) == "errcode 0"
    assert not simulator.faults.active()


def test_by_default_an_answer_that_comes_late_was_processed_and_one_that_is_lost_was_not() -> None:
    assert Fault("slow").processes
    assert Fault("drip").processes
    assert not Fault("reset").processes
    assert not Fault("errcode", errcode=-1).processes


def test_a_502_has_a_page_and_an_error_has_its_text(simulator: Simulator, http: Http) -> None:
    simulator.faults.add("status", times=1)
    page = http.hook()
    assert page.headers["Content-Type"].startswith("text/html")
    assert "<h1>502 Bad Gateway</h1>" in page.text
    simulator.faults.add("errcode", times=1, errcode=93004)
    assert http.hook().json()["errmsg"].startswith("webhook push is disabled, hint: [")
    simulator.faults.add("errcode", times=1, errcode=12345, errmsg="anything")
    assert http.hook().json()["errmsg"].startswith("anything, hint: [")


def test_a_dropped_message_is_answered_with_errcode_0_and_seen_by_nobody(
    simulator: Simulator, http: Http
) -> None:
    simulator.faults.add("drop", times=2)
    assert http.hook().json() == {"errcode": 0, "errmsg": "ok"}
    token = http.token()  # this call is struck, too, and nothing is there to drop
    assert not simulator.messages
    simulator.faults.add("drop", "message/send", times=1)
    assert http.send(token=token).json()["errcode"] == 0
    assert [each.fate for each in simulator.accepted] == ["dropped", "dropped"]
    assert simulator.dropped == simulator.accepted


@pytest.mark.parametrize("errcode", [42001, 40014])
def test_a_token_dies_early(simulator: Simulator, http: Http, errcode: int) -> None:
    token = http.token()
    simulator.faults.add("dead_token", "message/send", times=1, errcode=errcode)
    assert http.send(token=token).json()["errcode"] == errcode
    assert http.send(token=token).json()["errcode"] == errcode
    assert http.send().json()["errcode"] == 0


def test_a_token_can_be_dead_on_arrival(simulator: Simulator, http: Http) -> None:
    simulator.faults.add("dead_token", "gettoken", times=1)
    assert http.send(token=http.token()).json()["errcode"] == 42001
    simulator.faults.clear()
    simulator.revoke_tokens()
    token = http.token()
    simulator.revoke_tokens()
    assert http.send(token=token).json()["errcode"] == 40014
    token = http.token()
    simulator.expire_tokens()
    assert http.send(token=token).json()["errcode"] == 42001


def test_a_fault_can_be_for_one_call_only(simulator: Simulator, http: Http) -> None:
    simulator.faults.add("status", "message/send")
    assert outcome(http) == "errcode 0"
    assert http.send().status_code == 502
    assert http.send().status_code == 502


def test_faults_come_one_after_the_other(simulator: Simulator, http: Http) -> None:
    simulator.faults.add("reset", after=1, times=1)
    simulator.faults.add("status", times=2)
    assert [outcome(http) for _ in range(4)] == ["502", "reset", "502", "errcode 0"]


def test_an_outage_ends_by_the_clock(simulator: Simulator, http: Http) -> None:
    simulator.faults.add("outage", seconds=600)
    assert outcome(http) == "reset"
    simulator.clock.advance(599)
    assert outcome(http) == "reset"
    simulator.clock.advance(2)
    assert outcome(http) == "errcode 0"


def test_a_fault_can_be_switched_off(simulator: Simulator, http: Http) -> None:
    fault = simulator.faults.add("status")
    assert simulator.faults.remove(fault)
    assert not simulator.faults.remove(fault)
    assert outcome(http) == "errcode 0"


def test_a_hanging_answer_ends_when_the_faults_are_cleared(
    simulator: Simulator, http: Http
) -> None:
    simulator.faults.add("hang", delay=60)
    seen: list[str] = []
    thread = threading.Thread(target=lambda: seen.append(outcome(http)))
    thread.start()
    simulator.wait_until(lambda: simulator.calls("webhook/send"))
    simulator.faults.clear()
    thread.join(5)
    assert seen == ["closed"]


def test_the_calls_tell_what_was_decided_and_what_was_told(
    simulator: Simulator, http: Http
) -> None:
    simulator.faults.add("cut", times=1, processed=True)
    simulator.faults.add("errcode", times=1, errcode=45009)
    for _ in range(3):
        outcome(http)
    told = [(each.errcode, each.told, each.fault) for each in simulator.calls("webhook/send")]
    assert told == [(0, None, "cut"), (None, 45009, "errcode"), (0, 0, "")]


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ({"kind": "explosion"}, "kind"),
        ({"kind": "reset", "times": -1}, "times"),
        ({"kind": "reset", "times": "two"}, "times"),
        ({"kind": "reset", "times": True}, "times"),
        ({"kind": "reset", "processed": 1}, "processed"),
        ({"kind": "status", "status": 42}, "status"),
        ({"kind": "hang", "delay": -1.0}, "delay"),
        ({"kind": "dead_token", "errcode": 40001}, "errcode"),
    ],
)
def test_a_fault_is_checked(fault: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Fault(**fault)  # type: ignore[arg-type]  # a wrong field is the test


def test_real_refusal_of_connections(simulator: Simulator, http: Http) -> None:
    port = simulator.port
    assert outcome(http) == "errcode 0"
    with simulator.down():
        with pytest.raises(requests.ConnectionError, match=r"refused|aborted|reset"):
            http.hook()
        with pytest.raises(requests.ConnectionError, match="refused"):
            http.hook()
        # Its ports stay its own: no other connection gets one of them meanwhile.
        for each in (simulator.port, simulator.bot_port):
            with socket.socket() as other, pytest.raises(OSError, match="in use"):
                other.bind(("127.0.0.1", each))
    assert simulator.port == port
    assert outcome(http) == "errcode 0"
    assert len(simulator.messages) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_stopped_simulator_refuses_although_a_child_was_forked() -> None:
    with Simulator() as simulator:
        read, write = os.pipe()
        child = os.fork()
        if not child:
            os.close(write)
            os.read(read, 1)  # until the test is over
            os._exit(0)
        os.close(read)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", simulator.port), timeout=5)
    os.close(write)
    os.waitpid(child, 0)


def test_stopping_does_not_wait_for_a_hanging_answer() -> None:
    with Simulator() as simulator:
        http = Http(simulator)
        simulator.faults.add("hang", delay=60)
        thread = threading.Thread(target=outcome, args=(http,))
        thread.start()
        simulator.wait_until(lambda: simulator.calls())
        started = time.monotonic()
    assert time.monotonic() - started < 20
    thread.join(5)
    http.close()
