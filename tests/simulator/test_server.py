"""The simulator over HTTP: connections, the control API, and its life in a process."""

from __future__ import annotations

import io
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.helpers.simulator_client import Http
from wecom_logging.errors import ConfigurationError
from wecom_logging.simulator import Clock, Simulator, SimulatorConfig, serve


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


# The connection


def test_answers_look_like_wecoms(http: Http) -> None:
    good = http.get("/cgi-bin/gettoken", params={"corpid": "ww0", "corpsecret": "s"})
    assert good.status_code == 200
    assert good.headers["Content-Type"] == "application/json; charset=UTF-8"
    assert good.headers["Error-Code"] == "40013"
    assert good.headers["Error-Msg"] == good.json()["errmsg"]
    assert "Error-Code" not in http.hook().headers


@pytest.mark.parametrize("path", ["/cgi-bin/nothing", "/cgi-bin/", "/nothing", "/_simulator/x"])
def test_unknown_paths_are_404_without_a_body(http: Http, path: str) -> None:
    answer = http.get(path)
    assert (answer.status_code, answer.content) == (404, b"")


def test_a_connection_is_kept(simulator: Simulator) -> None:
    with socket.create_connection(("127.0.0.1", simulator.port), timeout=5) as connection:
        stream = connection.makefile("rb")
        for _ in range(3):
            connection.sendall(
                b"POST /cgi-bin/webhook/send?key=x HTTP/1.1\r\n"
                b"Host: 127.0.0.1:%d\r\nContent-Length: 4\r\n\r\nbody" % simulator.port
            )
            assert stream.readline() == b"HTTP/1.1 200 OK\r\n"
            headers = iter(stream.readline, b"\r\n")
            (length,) = (line.split()[1] for line in headers if line.startswith(b"Content-Length"))
            assert b"93000" in stream.read(int(length))
        stream.close()


def test_a_body_in_chunks_is_read(http: Http, simulator: Simulator) -> None:
    key = simulator.env("robot")["WECOM_WEBHOOK_KEY"]
    chunks = iter([b'{"msgtype":"text",', b'"text":{"content":"in pieces"}}'])
    answer = http.request("POST", f"/cgi-bin/webhook/send?key={key}", data=chunks)
    assert answer.json()["errcode"] == 0
    assert simulator.messages[0].content == "in pieces"


def test_a_request_without_end_is_refused(simulator: Simulator) -> None:
    with socket.create_connection(("127.0.0.1", simulator.port), timeout=5) as connection:
        connection.sendall(
            b"POST /cgi-bin/webhook/send HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n"
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_clients_that_vanish_harm_nobody(
    simulator: Simulator, http: Http, capfd: pytest.CaptureFixture[str]
) -> None:
    for data in (
        b"",
        b"GET",
        b"POST /cgi-bin/x HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc",
        b"\0\xff\r\n",
    ):
        with socket.create_connection(("127.0.0.1", simulator.port)) as connection:
            connection.sendall(data)
    assert http.hook().json()["errcode"] == 0
    assert capfd.readouterr().err == ""


def test_many_clients_at_once(simulator: Simulator) -> None:
    simulator.configure(accounts=10_000)

    def client(number: int) -> set[int]:
        http = Http(simulator)
        token = http.token()
        codes = {http.send(f"{number}.{each}", token).json()["errcode"] for each in range(20)}
        http.close()
        return codes

    with ThreadPoolExecutor(8) as pool:
        assert set.union(*pool.map(client, range(8))) == {0}
    assert len(simulator.accepted) == 160
    assert len(simulator.messages) == 30
    assert len(simulator.calls("message/send")) == 160


def test_files_go_there_and_back(simulator: Simulator, http: Http) -> None:
    token = http.token()
    query = {"access_token": token, "type": "file"}
    files = {"media": ("报告.txt", b"the whole report")}
    answer = http.request("POST", "/cgi-bin/media/upload", params=query, files=files)
    query = {"access_token": token, "media_id": answer.json()["media_id"]}
    file = http.get("/cgi-bin/media/get", params=query)
    assert file.content == b"the whole report"
    assert "%E6%8A%A5%E5%91%8A.txt" in file.headers["Content-Disposition"]
    assert http.get(f"/_simulator/files/{query['media_id']}").content == b"the whole report"
    wrong = http.request("POST", "/cgi-bin/media/upload", params={"access_token": token})
    assert wrong.json()["errcode"] == 44001


@pytest.mark.parametrize("name", ["media", "file", "fieldName", "upload"])
@pytest.mark.parametrize("call", ["media/upload", "webhook/upload_media"])
def test_the_name_of_an_uploads_part_does_not_matter(
    simulator: Simulator, http: Http, name: str, call: str
) -> None:
    """WeCom takes what published clients call otherwise than its documents do."""
    key = simulator.env("robot")["WECOM_WEBHOOK_KEY"]
    query = {"type": "file", **({"key": key} if "webhook" in call else {})}
    query = query if "key" in query else {**query, "access_token": http.token()}
    files = {name: ("report.txt", b"the whole report")}
    answer = http.request("POST", f"/cgi-bin/{call}", params=query, files=files).json()
    assert answer["errcode"] == 0
    assert http.get(f"/_simulator/files/{answer['media_id']}").content == b"the whole report"


@pytest.mark.parametrize("path", ["/cgi-bin/gettoken", "/_simulator/state", "/_simulator/messages"])
@pytest.mark.parametrize(
    ("header", "status"),
    [
        ({"Host": "wecom.example:{port}"}, 403),
        ({"Host": "127.0.0.1:1"}, 403),
        ({"Host": "localhost:{port}"}, 200),
        ({"Origin": "http://wecom.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "http://127.0.0.1:{port}"}, 200),
    ],
)
def test_foreign_hosts_and_origins_are_refused(
    http: Http, header: dict[str, str], status: int, path: str
) -> None:
    headers = {key: value.format(port=http.simulator.port) for key, value in header.items()}
    answer = http.get(path, headers=headers)
    assert answer.status_code == status
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_nothing_is_logged(
    simulator: Simulator, http: Http, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("urllib3").setLevel(logging.WARNING)
    simulator.faults.add("reset", times=1)
    for path in ("/cgi-bin/gettoken", "/nothing", "/_simulator/state"):
        try:
            http.get(path)
        except OSError:
            pass
    logging.getLogger("urllib3").setLevel(logging.NOTSET)
    assert not caplog.records


# The control API


def test_messages_over_http(simulator: Simulator, http: Http) -> None:
    http.send("first")
    http.hook("second")
    found = http.get("/_simulator/messages").json()
    assert [each["content"] for each in found["messages"]] == ["first", "second"]
    first = found["messages"][0]
    assert first["request"]["touser"] == "ZhangSan"
    assert first["answer"]["errmsg"] == "ok"
    assert (first["bytes"], first["limit"]) == (5, 2048)
    assert http.get(f"/_simulator/messages/{first['id']}").json() == first
    assert http.get("/_simulator/messages/99999").status_code == 404
    later = http.get("/_simulator/messages", params={"after": first["id"]}).json()
    assert [each["content"] for each in later["messages"]] == ["second"]
    http.request("DELETE", "/_simulator/messages")
    assert http.get("/_simulator/messages").json()["messages"] == []
    assert simulator.messages == []


def test_waiting_for_a_message_over_http(simulator: Simulator, http: Http) -> None:
    last = simulator.world.inbox.last_message
    other = Http(simulator)
    timer = threading.Timer(0.05, other.hook, ["awaited"])
    timer.start()
    found = http.get("/_simulator/messages", params={"after": last, "wait": 10}).json()
    assert [each["content"] for each in found["messages"]] == ["awaited"]
    timer.join()
    other.close()


def test_faults_over_http(http: Http) -> None:
    fault = {"kind": "errcode", "call": "webhook/send", "errcode": 45009, "times": 2}
    added = http.request("POST", "/_simulator/faults", json=fault)
    assert added.status_code == 201
    assert http.hook().json()["errcode"] == 45009
    (active,) = http.get("/_simulator/faults").json()["active"]
    assert (active["struck"], active["id"]) == (1, added.json()["id"])
    gone = http.request("DELETE", f"/_simulator/faults/{active['id']}")
    assert gone.status_code == 200
    assert http.request("DELETE", f"/_simulator/faults/{active['id']}").status_code == 404
    assert http.hook().json()["errcode"] == 0
    http.request("POST", "/_simulator/faults", json=fault)
    http.request("DELETE", "/_simulator/faults")
    assert http.hook().json()["errcode"] == 0


@pytest.mark.parametrize(
    ("method", "path", "body", "text"),
    [
        ("POST", "faults", "{", "no JSON object"),
        ("POST", "faults", "[]", "no JSON object"),
        ("POST", "faults", '{"call":"x"}', "kind"),
        ("POST", "faults", '{"kind":"x"}', "kind"),
        ("POST", "faults", '{"kind":"reset","count":1}', "count"),
        ("PATCH", "switches", '{"nothing":1}', "nothing"),
        ("PATCH", "switches", '{"truncation":"word"}', "truncation"),
        ("POST", "clock", '{"advance":"1 h"}', "advance"),
        ("POST", "clock", '{"advance":-1}', "ahead"),
        ("DELETE", "tokens?errcode=x", "", "errcode"),
        ("GET", "messages?after=x", "", "after"),
    ],
)
def test_bad_input_to_the_control_api_is_named(
    http: Http, method: str, path: str, body: str, text: str
) -> None:
    answer = http.request(method, f"/_simulator/{path}", data=body)
    assert answer.status_code == 400
    assert text in answer.json()["error"]


def test_tokens_budgets_clock_switches_and_calls_over_http(http: Http) -> None:
    http.send()
    http.hook()
    (token,) = http.get("/_simulator/tokens").json()
    assert 7190 < token["left"] <= 7200
    before = http.get("/_simulator/clock").json()["now"]
    moved = http.request("POST", "/_simulator/clock", json={"advance": 50}).json()
    assert moved["now"] - before >= 50
    rows = {row["source"]: row for row in http.get("/_simulator/budgets").json() if "minute" in row}
    assert rows["app"]["minute"] == {"used": 1, "limit": 30}
    assert rows["app"]["hour"] == {"used": 1, "limit": 1000}
    assert rows["robot"]["minute"] == {"used": 1, "limit": 20}
    http.request("DELETE", "/_simulator/tokens", params={"errcode": 40014})
    assert http.get("/_simulator/tokens").json()[0]["errcode"] == 40014
    http.request("PATCH", "/_simulator/switches", json={"over_long_markdown": "truncate"})
    switch = http.get("/_simulator/switches").json()["over_long_markdown"]
    assert (switch["value"], switch["choices"][0]) == ("truncate", "45002")
    http.request("PATCH", "/_simulator/switches", json={"over_long_markdown": "45002"})
    calls = http.get("/_simulator/calls").json()
    assert calls["by_call"] == {"gettoken": 1, "message/send": 1, "webhook/send": 1}
    assert calls["by_errcode"]["message/send"] == {"0": 1}
    state = http.get("/_simulator/state").json()
    assert state["counts"] == {"delivered": 2, "dropped": 0, "duplicate": 0, "recalled": 0}
    http.request("POST", "/_simulator/reset")
    assert http.get("/_simulator/state").json()["calls"]["total"] == 0


def test_the_environment_over_http(http: Http, simulator: Simulator) -> None:
    assert http.get("/_simulator/env/app").json() == simulator.env()
    assert http.get("/_simulator/env/robot").json() == simulator.env("robot")
    assert http.get("/_simulator/env/other").status_code == 404


# In a test's process


def test_waiting_ends_with_what_is_known(simulator: Simulator, http: Http) -> None:
    http.hook("here")
    assert [each.content for each in simulator.wait_for(1)] == ["here"]
    with pytest.raises(TimeoutError, match=r"2 messages; 1 messages arrived, .*webhook/send -> 0"):
        simulator.wait_for(2, timeout=0.01)


def test_state_outlives_a_restart() -> None:
    config = SimulatorConfig(corpid="ww1", users=("Ann",))
    simulator = Simulator(config=config, clock=Clock(start=1000.0, frozen=True))
    assert simulator.env()["WECOM_CORPID"] == "ww1"
    http = Http(simulator)
    with simulator as same:
        assert same.start() is simulator
        http.hook("before")
    simulator.stop()
    with simulator:
        http.hook("after")
    http.close()
    assert [(each.content, each.time) for each in simulator.messages] == [
        ("before", 1000.0),
        ("after", 1000.0),
    ]
    assert not [each for each in threading.enumerate() if each.name == "wecom-simulator"][1:]


def test_serve_says_where_it_is_and_how_to_get_there() -> None:
    out = io.StringIO()

    def interrupt(simulator: Simulator) -> None:
        raise KeyboardInterrupt

    assert serve(0, ready=interrupt, out=out) == 0
    text = out.getvalue()
    assert "export WECOM_API_BASE=http://127.0.0.1:" in text
    for name in ("WECOM_CORPID", "WECOM_CORPSECRET", "WECOM_AGENTID", "WECOM_WEBHOOK_KEY"):
        assert f"export {name}=" in text
    assert text.endswith("Simulator stopped after 0 messages.\n")


@pytest.mark.parametrize("port", [-1, 70000])
def test_a_port_that_cannot_be(port: int) -> None:
    with pytest.raises(ConfigurationError, match="port"):
        serve(port, out=io.StringIO())


def test_a_port_that_is_taken(simulator: Simulator) -> None:
    with pytest.raises(ConfigurationError, match=f"{simulator.port} .* in use"):
        serve(simulator.port, out=io.StringIO())


def test_ctrl_c_ends_it_with_one_line() -> None:
    code = "from wecom_logging.simulator import serve; raise SystemExit(serve(0))"
    child = subprocess.Popen(
        [sys.executable, "-u", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    for line in child.stdout:
        if "Ctrl-C" in line:
            break
    os.kill(child.pid, signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert (out.strip(), err) == ("Simulator stopped after 0 messages.", "")
    assert child.returncode == 0
