"""`wecom-logging check`: each thing that can be wrong is named, with what to do."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import logging
import os
import socket
import ssl
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.support import Watched, eventually, pointing_at
from wecom_logging import WeComHandler
from wecom_logging._cli.checks import network, routing
from wecom_logging._cli.checks.network import clock_step, network_steps
from wecom_logging._cli.checks.obstacles import obstacle
from wecom_logging._cli.checks.program import is_library
from wecom_logging._cli.checks.step import Step
from wecom_logging._cli.main import main
from wecom_logging.simulator import Simulator
from wecom_logging.testing import RecordingSender

Check = Callable[..., "tuple[int, dict[str, dict[str, Any]]]"]


@pytest.fixture
def app(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    for name, value in sim.env("app").items():
        monkeypatch.setenv(name, value)
    return sim


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Check:
    """`check --json ARGUMENTS`; returns the exit status and the last step of each name."""

    def call(*arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
        status = main(["check", "--json", *arguments])
        data = json.loads(capsys.readouterr().out)
        assert data["ok"] is (status == 0)
        return status, {step["name"]: step for step in data["steps"]}

    return call


# -- the destination -----------------------------------------------------------------------


def test_a_wrong_secret_tried_here_delays_no_program_beside_it(
    check: Check, app: Simulator, watch: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose token it shares: neither that nor the way of the program's messages is touched."""
    beside = watch(**pointing_at(app, "app"), store="auto", group_wait=0.0, group_interval=0.0)
    beside.log.error("one")
    assert beside.flush()
    monkeypatch.setenv("WECOM_CORPSECRET", "stale-secret-0000000000000000000000000000001")
    assert check()[0] == 1
    beside.log.error("another kind")
    eventually(lambda: beside.stats.reported == 2)
    assert beside.stats.failures == 0
    assert all("could not be reached" not in message.content for message in app.messages)


def test_all_is_well(check: Check, app: Simulator) -> None:
    """Every step has its tick, and one test message arrives."""
    status, steps = check()
    assert status == 0
    assert [name for name, step in steps.items() if step["status"] == "ok"] == [
        "configuration", "store", "DNS", "clock", "access token", "application", "trusted IP",
        "recipients", "test message", "what happens next",
    ]  # fmt: skip
    assert "'Alerts'" in steps["application"]["text"]
    assert "told in 60 s" in steps["what happens next"]["text"]
    assert len(app.messages) == 1


@pytest.mark.parametrize(
    ("store", "shown"),
    [
        ("redis://me:hunter2@127.0.0.1:1/0", "redis://127.0.0.1:1/0"),
        ("sqlite:////proc/nope/x.db", "/proc/nope/x.db"),
    ],
)
def test_a_store_that_cannot_be_used(
    check: Check,
    app: Simulator,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    store: str,
    shown: str,
) -> None:
    """It was named: that each process then counts for itself is nothing that is well."""
    pytest.importorskip("redis")
    monkeypatch.setenv("WECOM_STORE", store)
    status, steps = check("--no-send")
    assert (status, steps["store"]["status"]) == (1, "failed")
    assert f"{shown} cannot be used: " in steps["store"]["text"]
    assert "WECOM_STORE" in steps["store"]["fix"]
    assert any(f"WECOM_STORE = '{store[:5]}" in each for each in steps["configuration"]["details"])
    assert "hunter2" not in json.dumps(steps)
    monkeypatch.setenv("WECOM_LANGUAGE", "zh")
    assert main(["check", "--no-send"]) == 1
    assert f"✘ 存储：{shown} 无法使用：" in capsys.readouterr().out


def test_a_store_that_can_be_used(
    check: Check, app: Simulator, any_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried, and nothing is left of that: a file would belong to whoever tries."""
    monkeypatch.setenv("WECOM_STORE", any_store)
    before = set(tmp_path.rglob("*"))
    status, steps = check("--no-send")
    assert (status, steps["store"]["status"]) == (0, "ok")
    assert ("in memory" in steps["store"]["text"]) is (any_store == "memory")
    assert set(tmp_path.rglob("*")) == before


def test_the_automatic_store_says_what_it_is(
    check: Check, app: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file; in Kubernetes memory, which is worth a warning."""
    assert "state/wecom-logging/" in check("--no-send")[1]["store"]["text"]
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    status, steps = check("--no-send")
    assert (status, steps["store"]["status"]) == (0, "warning")
    assert "in memory" in steps["store"]["text"]


def test_an_automatic_store_that_is_damaged_is_begun_anew(
    check: Check, app: Simulator, watch: Callable[..., Watched]
) -> None:
    """By the next error, not by whoever checks: what is said is what will happen."""
    path = Path(check("--no-send")[1]["store"]["text"].partition(",")[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"no database" * 99)
    status, steps = check("--no-send")
    assert (status, steps["store"]["status"]) == (0, "warning")
    assert steps["store"]["text"] == f"{path} is damaged: what it held is lost"
    assert path.read_bytes() == b"no database" * 99
    program = watch(**pointing_at(app, "app"), store="auto")
    program.log.error("one")
    assert program.flush()
    assert check("--no-send")[1]["store"]["status"] == "ok"
    assert path.with_suffix(".db.damaged").exists()


def test_a_name_that_many_programs_have_is_worth_a_hint(
    check: Check, app: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a container no directory says more; where it was chosen it is none of our business."""
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "config.settings")
    monkeypatch.setattr("os.getcwd", lambda: "/app")
    status, steps = check("--no-send")
    assert (status, steps["name"]["status"]) == (0, "warning")
    assert steps["name"]["text"] == "messages call the program 'config', as many programs are"
    monkeypatch.setenv("WECOM_APP", "shop")
    assert "name" not in check("--no-send")[1]


def test_for_people(app: Simulator, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --json: a mark before each step, what to do below it."""
    app.change_app(trusted_ips=())
    assert main(["check"]) == 1
    out = capsys.readouterr().out
    assert "✔ access token: " in out
    assert "✘ trusted IP: WeCom refused with errcode 60020" in out
    assert "    → Add 127.0.0.1 to 企业可信IP" in out
    assert "\x1b" not in out


def test_no_send(check: Check, app: Simulator) -> None:
    """Nobody is disturbed."""
    status, steps = check("--no-send")
    assert (status, steps["test message"]["status"]) == (0, "skipped")
    assert not app.messages


def test_robot(check: Check, sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A robot has no more to ask than whether a message arrives."""
    for name, value in sim.env("robot").items():
        monkeypatch.setenv(name, value)
    assert check()[1]["robot"]["status"] == "ok"
    assert check("--no-send")[1]["robot"]["status"] == "skipped"
    sim.change_robot(errcode=93000)
    status, steps = check()
    assert (status, steps["robot"]["status"]) == (1, "failed")
    assert "Webhook" in steps["robot"]["fix"]


def test_values_and_where_they_come_from(check: Check, app: Simulator, tmp_path: Path) -> None:
    """Secrets by their last four characters, and a name that is nearly one."""
    file = tmp_path / "env"
    file.write_text("WECOM_CORPSECERT=x\nWECOM_TOUSER=LiSi\nWECOM_PROXIES=\n")
    secret = app.world.config.app.secret
    _, steps = check("--no-send", "--env-file", str(file))
    assert steps["configuration"]["status"] == "warning"
    assert steps["configuration"]["fix"] == "is WECOM_CORPSECRET meant?"
    assert steps["recipients"]["text"] == "touser LiSi"
    assert secret not in json.dumps(steps)


def test_sources_are_shown(app: Simulator, tmp_path: Path, capsys: Any) -> None:
    """The file comes before the environment."""
    file = tmp_path / "env"
    file.write_text("WECOM_TOUSER=LiSi\n")
    main(["check", "--no-send", "--env-file", str(file)])
    out = capsys.readouterr().out
    assert "WECOM_TOUSER = 'LiSi'  (from the env file)" in out
    assert "WECOM_CORPSECRET = …0001  (from the environment)" in out


def test_secret_in_a_file(check: Check, app: Simulator, tmp_path: Path, monkeypatch: Any) -> None:
    """A path is no secret."""
    (tmp_path / "secret").write_text(app.world.config.app.secret)
    monkeypatch.delenv("WECOM_CORPSECRET")
    monkeypatch.setenv("WECOM_CORPSECRET_FILE", str(tmp_path / "secret"))
    status, steps = check("--no-send")
    assert status == 0
    assert str(tmp_path) in json.dumps(steps)


def test_no_destination(check: Check) -> None:
    """The variables that are missing."""
    status, steps = check()
    assert status == 1
    assert "WECOM_WEBHOOK_KEY" in steps["configuration"]["text"]


def test_switched_off(check: Check, app: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """With everything set it is not the destination that is missing."""
    monkeypatch.setenv("WECOM_ENABLED", "0")
    status, steps = check()
    assert status == 1
    assert steps["configuration"]["text"] == "WECOM_ENABLED switches alerts off"
    assert steps["configuration"]["fix"] == "Set it to 1, or take it out."


def _wrong_secret(app: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WECOM_CORPSECRET", "another-secret-altogether")


def _wrong_agent(app: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WECOM_AGENTID", "7")


def _untrusted(app: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    app.change_app(trusted_ips=("10.0.0.1",))


def _unknown_user(app: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WECOM_TOUSER", "Nobody")


def _partly_unknown(app: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WECOM_TOUSER", "ZhangSan,Nobody")


def _invisible(app: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    app.configure(parties={}, tags={})
    app.change_app(visible=("LiSi",))


def _wrong_host(app: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WECOM_API_BASE", "https://no-such-host.invalid")


def _not_there(app: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    app.stop()


def _no_tls(app: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WECOM_API_BASE", app.url.replace("http:", "https:"))


def _dead_proxy(app: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WECOM_PROXIES", '{"http": "http://user:s3cr3t@127.0.0.1:9"}')


def _socks_without_its_package(app: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WECOM_PROXIES", '{"http": "socks5h://user:s3cr3t@127.0.0.1:9"}')
    monkeypatch.setattr(network, "find_spec", lambda name: None)


def _bad_option(app: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WECOM_GROUP_WAIT", "soon")


@pytest.mark.parametrize(
    ("break_it", "step", "fix"),
    [
        (_wrong_secret, "access token", "copy Secret from 应用管理"),
        (_wrong_agent, "application", "Copy agentid"),
        (_untrusted, "trusted IP", "Add 127.0.0.1 to 企业可信IP"),
        (_unknown_user, "test message", "可见范围"),
        (_partly_unknown, "test message", "可见范围"),
        (_invisible, "recipients", "可见范围"),
        (_wrong_host, "DNS", "WECOM_API_BASE"),
        (_not_there, "connection", "firewall"),
        (_no_tls, "connection", "Write http:// in WECOM_API_BASE"),
        (_socks_without_its_package, "proxy", 'pip install "requests[socks]"'),
        (_dead_proxy, "proxy", "NO_PROXY"),
        (_bad_option, "configuration", ""),
    ],
)
def test_what_is_wrong_is_named(
    check: Check,
    app: Simulator,
    monkeypatch: pytest.MonkeyPatch,
    break_it: Callable[[Simulator, pytest.MonkeyPatch], None],
    step: str,
    fix: str,
) -> None:
    """The step that fails, the fix in a sentence, and no secret in either."""
    break_it(app, monkeypatch)
    status, steps = check()
    assert status == 1
    assert steps[step]["status"] == "failed"
    assert fix in steps[step]["fix"]
    assert "s3cr3t" not in json.dumps(steps)


def test_nothing_is_said_of_what_was_not_done(check: Check, app: Simulator) -> None:
    """After a failure there is nothing that happens next, and no message was sent."""
    app.change_app(trusted_ips=("10.0.0.1",))
    for arguments in ((), ("--no-send",)):
        status, steps = check(*arguments)
        assert status == 1
        assert "what happens next" not in steps
        assert steps.get("test message", {"status": "skipped"})["status"] == "skipped"


def test_nothing_happens_next_when_the_message_was_refused(
    check: Check, sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in sim.env("robot").items():
        monkeypatch.setenv(name, value)
    sim.change_robot(errcode=93000)
    assert "what happens next" not in check()[1]


def test_a_party_that_may_not_see_the_application(
    check: Check, app: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What only a message can tell is not ticked before there is one."""
    monkeypatch.setenv("WECOM_TOPARTY", "4711")
    _, steps = check("--no-send")
    assert steps["recipients"]["status"] == "skipped"
    assert "4711" in steps["recipients"]["text"]


def test_a_reader_that_has_read_enough(app: Simulator) -> None:
    """`check | head -1`: the shell's own status for it, and no traceback."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "wecom_logging", "check", "--no-send"],
            stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


# -- the way to the server -----------------------------------------------------------------


Serve = Callable[[Callable[[socket.socket], None]], int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Answer each connection on a port by a function, in a thread of its own."""
    listeners = []

    def start(answer: Callable[[socket.socket], None]) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return  # the test is over
                with connection, contextlib.suppress(OSError):
                    answer(connection)

        threading.Thread(target=accept, daemon=True).start()
        return int(listener.getsockname()[1])

    yield start
    for listener in listeners:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def last(base: str, proxies: dict[str, str] | None = None) -> Step:
    return list(network_steps(base, proxies))[-1]


ANSWER = b"HTTP/1.1 200 OK\r\nDate: Wed, 04 Mar 2026 06:03:11 GMT\r\nContent-Length: 0\r\n\r\n"


def certificate(place: Path, *names: str, days: int = 1) -> Path:
    """A certificate for these names that is its own authority, with its key, in one file."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    end = datetime.now(timezone.utc) + timedelta(days=days)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(end - timedelta(days=2))
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName(list(map(x509.DNSName, names))), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8
    encoded = key.private_bytes(pem, plain, serialization.NoEncryption())
    file = place / f"{names[0]}.pem"
    file.write_bytes(encoded + made.public_bytes(pem))
    return file


def over_tls(file: Path) -> Callable[[socket.socket], None]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)

    def answer(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(1000)
            secure.sendall(ANSWER)

    return answer


def test_a_certificate_for_another_name(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The names that it has are named."""
    file = certificate(tmp_path, "gateway.example", "other.example")
    port = serve(over_tls(file))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
    step = last(f"https://localhost:{port}")
    assert (step.name, step.status) == ("TLS", "failed")
    assert "is for gateway.example, other.example" in step.text
    assert "WECOM_API_BASE" in step.fix


def test_a_certificate_that_has_expired(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = certificate(tmp_path, "localhost", days=-1)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
    step = last(f"https://localhost:{serve(over_tls(file))}")
    assert "expired" in step.text
    assert "renewed" in step.fix


def test_a_certificate_of_an_unknown_authority(serve: Serve, tmp_path: Path) -> None:
    step = last(f"https://localhost:{serve(over_tls(certificate(tmp_path, 'localhost')))}")
    assert "not trusted" in step.text
    assert "REQUESTS_CA_BUNDLE" in step.fix


def test_http_to_a_port_of_https(serve: Serve, tmp_path: Path) -> None:
    step = last(f"http://localhost:{serve(over_tls(certificate(tmp_path, 'localhost')))}")
    assert (step.status, "speaks https, not http" in step.text) == ("failed", True)
    assert step.fix.startswith("Write https://")


def test_a_connection_that_is_cut_off(serve: Serve) -> None:
    """As by a firewall that looks inside."""

    def reset(connection: socket.socket) -> None:
        # What is cut off before it has spoken is left open by Python's own ssl module.
        connection.recv(5)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    step = last(f"https://127.0.0.1:{serve(reset)}")
    assert (step.status, "cut off" in step.text) == ("failed", True)
    assert "firewall" in step.fix


def test_through_a_socks_proxy(serve: Serve) -> None:
    """The way is taken through it, not past it."""
    pytest.importorskip("socks")
    asked = []

    def proxy(connection: socket.socket) -> None:
        if connection.recv(3)[:1] == b"\x05":
            connection.sendall(b"\x05\x00")
            asked.append(connection.recv(100))
            connection.sendall(b"\x05\x00\x00\x01" + bytes(6))
            connection.recv(1000)
            connection.sendall(ANSWER)

    where = f"socks5h://127.0.0.1:{serve(proxy)}"
    step = last("http://wecom.invalid", {"http": where})
    assert step.name == "clock"
    assert b"wecom.invalid" in asked[0]


def test_a_proxy_is_told_whom_to_ask(serve: Serve) -> None:
    asked = []

    def proxy(connection: socket.socket) -> None:
        if request := connection.recv(1000):
            asked.append(request)
            connection.sendall(ANSWER)

    step = last("http://wecom.invalid", {"http": f"127.0.0.1:{serve(proxy)}"})
    assert step.name == "clock"
    assert asked[0].startswith(b"HEAD http://wecom.invalid/ ")


@pytest.mark.parametrize(
    ("seconds", "status", "said"),
    [(0, "ok", "agrees"), (-59, "ok", "agrees"), (600, "warning", "600 s ahead"),
     (-7200, "warning", "7,200 s behind")],
)  # fmt: skip
def test_a_clock(seconds: float, status: str, said: str) -> None:
    """By how much it is wrong, and which way."""
    step = clock_step("Wed, 04 Mar 2026 06:03:11 GMT", 1772604191 + seconds)
    assert step.status == status
    assert said in step.text


@pytest.mark.parametrize("date", [None, "", "yesterday"])
def test_a_server_without_a_clock(date: str | None) -> None:
    """Nothing to compare with is no failure."""
    assert clock_step(date, 0.0).status == "skipped"


# -- the way of an error inside a program --------------------------------------------------


@pytest.fixture
def logger() -> Any:
    """A logger below a parent with a handler of ours, apart from root."""
    parent = logging.Logger("shop")
    parent.manager = logging.Manager(logging.RootLogger(logging.WARNING))
    child = logging.Logger("shop.db")
    child.manager, child.parent = parent.manager, parent
    handler = WeComHandler(sender=RecordingSender(), store="memory")
    handler.set_name("wecom")
    parent.addHandler(handler)
    yield child
    handler.close()


def _nothing(logger: logging.Logger) -> None:
    pass


def _disabled(logger: logging.Logger) -> None:
    logger.disabled = True


def _level(logger: logging.Logger) -> None:
    logger.setLevel("CRITICAL")


def _filtered(logger: logging.Logger) -> None:
    logger.addFilter(lambda record: False)


def _propagate(logger: logging.Logger) -> None:
    logger.propagate = False


def _handler_level(logger: logging.Logger) -> None:
    assert logger.parent
    logger.parent.handlers[0].setLevel("CRITICAL")


def _handler_filter(logger: logging.Logger) -> None:
    assert logger.parent
    logger.parent.handlers[0].addFilter(lambda record: False)


def _no_handler(logger: logging.Logger) -> None:
    assert logger.parent
    logger.parent.removeHandler(logger.parent.handlers[0])


@pytest.mark.parametrize(
    ("change", "cause", "line"),
    [
        (_nothing, "", ""),
        (_disabled, "disables it", '"disable_existing_loggers": False'),
        (_level, "its level is CRITICAL", 'Set "level": "INFO" in "shop.db"'),
        (_filtered, "a filter of the logger", '"filters"'),
        (_propagate, "end at 'shop.db'", "The program does this in code"),
        (_handler_level, "the level of the handler 'wecom' is CRITICAL", '"level": "ERROR"'),
        (_handler_filter, "a filter of the handler 'wecom'", '"filters"'),
        (_no_handler, "no WeComHandler", '"root"'),
    ],
)
def test_what_stops_an_error(
    logger: logging.Logger, change: Callable[[logging.Logger], None], cause: str, line: str
) -> None:
    """What is in its way, and the one line to add."""
    handlers = list(logger.parent.handlers) if logger.parent else []
    change(logger)
    found = obstacle(logger)
    assert cause in found[0]
    assert line in found[1]
    assert bool(found[0]) is bool(cause)
    for handler in handlers:
        handler.close()


def test_several_disabled_libraries_are_them(monkeypatch: pytest.MonkeyPatch) -> None:
    loggers = [logging.Logger(f"urllib3.{name}") for name in ("one", "other")]
    for each in loggers:
        each.disabled = True
        logging.getLogger(each.name).disabled = True
    try:
        monkeypatch.setattr(routing, "known_loggers", lambda: loggers)
        (step,) = routing._libraries([])
        assert step.text.endswith("urllib3.other: the configuration disables them")
    finally:
        for each in loggers:
            logging.getLogger(each.name).disabled = False


def _program(tmp_path: Path, sim: Simulator, source: str, *arguments: str) -> tuple[int, str]:
    """Run `check` in a directory with a program of its own."""
    (tmp_path / "shop_settings.py").write_text(source)
    done = subprocess.run(
        [sys.executable, "-m", "wecom_logging", "check", *arguments],
        cwd=tmp_path, env={**os.environ, **sim.env("app")}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stdout + done.stderr
    return done.returncode, done.stdout


LOGGING = """
LOGGING = {
    "version": 1, "disable_existing_loggers": False,
    "handlers": {"wecom": {"class": "wecom_logging.WeComHandler", "level": "ERROR"}},
    "loggers": {"uvicorn": {"propagate": True}, "gunicorn.error": {"propagate": True}},
    "root": {"handlers": ["wecom"], "level": "INFO"},
}
"""


def test_an_applications_own_configuration(tmp_path: Path, sim: Simulator) -> None:
    """It is loaded, and a test error goes all the way."""
    status, out = _program(tmp_path, sim, LOGGING, "--app", "shop_settings:LOGGING")
    assert status == 0, out
    assert "✔ root: errors reach the handler" in out
    assert "✔ test errors: delivered" in out
    assert any("a test error through root" in message.content for message in sim.messages)


def test_a_configuration_that_is_applied_twice(tmp_path: Path, sim: Simulator) -> None:
    """By the module itself, and here: its handlers are replaced, and listed once."""
    source = f"{LOGGING}import logging.config\nlogging.config.dictConfig(LOGGING)\n"
    _, out = _program(tmp_path, sim, source, "--app", "shop_settings", "--no-send")
    for step in ("configuration", "store", "DNS", "access token", "recipients"):
        assert out.count(f"✔ {step}: ") == 1, out


def test_an_applications_own_configuration_without_sending(tmp_path: Path, sim: Simulator) -> None:
    """The way is looked at, not taken."""
    status, out = _program(tmp_path, sim, LOGGING, "--app", "shop_settings:LOGGING", "--no-send")
    assert status == 0, out
    assert not sim.messages


def test_a_structlog_that_does_not_log(tmp_path: Path, sim: Simulator) -> None:
    """`PrintLogger` writes to stdout; one processor is the line to add."""
    source = "import structlog\nstructlog.configure(processors=[structlog.dev.ConsoleRenderer()])\n"
    status, out = _program(tmp_path, sim, source + LOGGING, "--app", "shop_settings", "--no-send")
    assert status == 1
    assert "structlog_processor() before the renderer" in out


@pytest.mark.parametrize(
    ("source", "spec", "said"),
    [
        ("", "no_such_module:LOGGING", "No module named 'no_such_module'"),
        ("", "shop_settings:LOGGING", "has no attribute 'LOGGING'"),
        ("1/0", "shop_settings:LOGGING", "ZeroDivisionError"),
        ("LOGGING = {'version': 1}", "shop_settings:LOGGING", "no logger has a WeComHandler"),
        (LOGGING.replace('"ERROR"', '"ERROR", "group_wait": -1'), "shop_settings", "group_wait"),
        (LOGGING.replace('"ERROR"', '"ERROR", "enabled": False'), "shop_settings", "is off"),
    ],
)
def test_a_configuration_that_cannot_be_used(
    tmp_path: Path, sim: Simulator, source: str, spec: str, said: str
) -> None:
    """One line that names it."""
    status, out = _program(tmp_path, sim, source, "--app", spec, "--no-send")
    assert status == 1
    assert said in out


DJANGO = """
SECRET_KEY = "only for a test"
LOGGING = {
    "version": 1, "disable_existing_loggers": False,
    "handlers": {"wecom": {"class": "wecom_logging.WeComHandler", "level": "ERROR"}},
    "root": {"handlers": ["wecom"], "level": "INFO"},
}
ROOT_URLCONF = "shop_urls"
"""


def test_django_and_the_loggers_of_its_views(
    tmp_path: Path, sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("django")
    views = "import logging\nlog = logging.getLogger('shop.views')\nurlpatterns = []\n"
    (tmp_path / "shop_urls.py").write_text(views)
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "shop_settings")
    status, out = _program(tmp_path, sim, DJANGO, "--django")
    assert status == 0, out
    assert "✔ django.request: errors reach the handler" in out
    assert "reach the handler: shop.views" in out
    quiet = DJANGO.replace('"root"', '"loggers": {"django": {"propagate": False}}, "root"')
    status, out = _program(tmp_path, sim, quiet, "--django")
    assert status == 1, out
    assert "✘ django.request: its records end at 'django'" in out


def test_django_without_its_settings(tmp_path: Path, sim: Simulator) -> None:
    """The name of the variable, with the value that the project's manage.py has."""
    line = 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bakery.settings")\n'
    (tmp_path / "manage.py").write_text(line)
    status, out = _program(tmp_path, sim, "", "--django")
    assert status == 1
    assert "DJANGO_SETTINGS_MODULE is not set" in out
    assert "→ Set it as the server has it: DJANGO_SETTINGS_MODULE=bakery.settings " in out


def test_django_without_django(tmp_path: Path, sim: Simulator) -> None:
    """Neither settings nor Django: a line, not a traceback."""
    status, out = _program(tmp_path, sim, "", "--django")
    assert status == 1
    assert "--django" in out


@pytest.mark.parametrize(("began", "status"), [(-1, "warning"), (2, "ok")])
def test_quiet_hours_are_said(
    check: Check, app: Simulator, monkeypatch: pytest.MonkeyPatch, began: int, status: str
) -> None:
    """Who tries it at night has to know why nothing comes."""
    hour = datetime.now(timezone.utc).hour
    window = f"{(hour + began) % 24:02}:00-{(hour + began + 3) % 24:02}:00"
    monkeypatch.setenv("WECOM_QUIET_HOURS", window)
    monkeypatch.setenv("WECOM_TIMEZONE", "UTC")
    code, steps = check("--no-send")
    assert (code, steps["quiet hours"]["status"]) == (0, status)
    if status == "warning":
        assert f"{(hour + 2) % 24:02}:00" in steps["quiet hours"]["text"]


def test_a_fallback_is_said_and_its_secret_is_not(
    check: Check, app: Simulator, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    key = "0e3a8f0c-5b11-4f0e-9d55-7c3b0c3a1aaa"
    monkeypatch.setenv("WECOM_FALLBACK", json.dumps({"webhook_key": key}))
    status, steps = check("--no-send")
    assert (status, steps["fallback"]["status"]) == (0, "ok")
    assert "300 s" in steps["fallback"]["text"]
    status, steps = check()
    assert (status, steps["fallback"]["status"]) == (1, "failed")
    assert "93000" in steps["fallback"]["text"]
    robot = app.env("robot")["WECOM_WEBHOOK_KEY"]
    monkeypatch.setenv("WECOM_FALLBACK", json.dumps({"webhook_key": robot}))
    status, steps = check()
    assert (status, steps["fallback"]["text"].endswith("took a test message")) == (0, True)
    # What the application sends says the second: twice in one is one.
    assert [message.source for message in app.messages].count("robot") == 1
    assert key not in json.dumps(steps)
    for wrong in ({"webhook_keys": key}, {"webhook_key": None}):
        monkeypatch.setenv("WECOM_FALLBACK", json.dumps(wrong))
        status, steps = check("--no-send")
        assert (status, steps["configuration"]["status"]) == (1, "failed")
        assert key not in json.dumps(steps)


@pytest.mark.parametrize("name", ["gunicorn.error", "uvicorn", "uvicorn.access", "celery.task"])
def test_a_server_that_is_not_installed_is_not_the_program(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its loggers are there all the same, made to look what the program's configuration does."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda top: None)
    monkeypatch.delitem(sys.modules, name.partition(".")[0], raising=False)
    assert is_library(name)
    assert not is_library("shop.db")
