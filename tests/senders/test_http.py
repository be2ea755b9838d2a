"""One answer or one error, in bounded time; and whether the message may have arrived."""

from __future__ import annotations

import http.client
import json
import logging
import os
import socket
import struct
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from tests.helpers.ports import free_port
from tests.helpers.stub_server import Answer, Request, Stub, errcode, fine, raw, serving
from tests.helpers.support import PATIENCE
from wecom_logging._runtime.deadline import deadline
from wecom_logging._senders import application, connection
from wecom_logging._senders.application import AppSender
from wecom_logging._senders.http import MAX_ANSWER
from wecom_logging._senders.protocol import Message
from wecom_logging._senders.robot import WebhookSender
from wecom_logging.errors import DeliveryError, TransportError

KEY = "693a91f6-7abc-4bc4-97a0-0ec2a1fa5aaa"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(autouse=True)
def _slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here two calls may be further apart than a connection may idle."""
    monkeypatch.setattr(connection, "MAX_IDLE", 60.0)


@pytest.fixture
def stub() -> Iterator[Stub]:
    with serving() as stub:
        yield stub


@pytest.fixture
def robot(stub: Stub) -> Iterator[WebhookSender]:
    sender = WebhookSender(KEY, api_base=stub.url, timeout=(10, 10))
    yield sender
    sender.close()


def failure(send: Callable[[], object]) -> TransportError:
    with pytest.raises(TransportError) as caught:
        send()
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    assert KEY not in str(error)
    assert "http://" not in str(error)
    return error


def page(status: str, body: bytes = b"<html>", *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 " + status.encode(), *headers, b"Content-Length: %d" % len(body)]
    return b"\r\n".join([*lines, b"", body])


HUGE = page("200 OK", b'{"errcode": 0, "errmsg": "' + b"x" * MAX_ANSWER + b'"}')
FINE = b'{"errcode": 0, "errmsg": "ok"}'


@pytest.mark.parametrize(
    ("answer", "unclear"),
    [
        (b"", True),
        (b"garbage\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Len", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n" + FINE[:9], True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1e\r\n" + FINE[:9], True),
        (page("200 OK", b""), True),
        (page("200 OK", b"<html>captive portal</html>"), True),
        (page("200 OK", b"[0]"), True),
        (page("200 OK", b"{}"), True),
        (page("200 OK", b'{"errcode": "zero"}'), True),
        (page("200 OK", b'{"errcode": [0]}'), True),
        (page("200 OK", b'{"errmsg": "gateway: please log in"}'), True),
        (page("200 OK", b'{"errcode": null, "errmsg": ""}'), True),
        (page("200 OK", b'{"errcode": false}'), True),
        (page("200 OK", b'{"errcode": "0", "errmsg": "ok"}'), True),
        (page("200 OK", b'{"errcode": 0.0}'), True),
        (page("200 OK", b'{"errcode": %s}' % (b"9" * 5000)), True),
        (page("200 OK", b'{"errcode": "%s"}' % (b"9" * 5000)), True),
        (page("200 OK", b'{"errcode": %s}' % (b"9" * 4000)), True),
        (page("200 OK", b'{"msgid": "x"}'), True),
        (page("200 OK", b"[" * 100_000), True),
        (HUGE, True),
        (page("500 No"), True),
        (page("502 No", FINE), True),
        (page("504 No"), True),
        (page("404 No", b""), False),
        (page("403 No"), False),
        (page("403 No", b'{"errmsg": "not from here"}'), False),
        (page("413 No"), False),
        (page("301 Moved", b"", b"Location: http://127.0.0.1:1/elsewhere"), False),
        (page("302 Found", b"", b"Location: /cgi-bin/webhook/send"), False),
        (page("304 Not Modified", b""), False),
    ],
)
def test_an_answer_that_is_not_wecoms(
    stub: Stub, robot: WebhookSender, answer: bytes, unclear: bool
) -> None:
    """`unclear` as soon as the request may have been carried out."""
    stub.answer = raw(answer, "webhook/send")
    failed = failure(lambda: robot.text("x"))
    assert (failed.unclear, failed.way) == (unclear, not unclear)
    assert len(stub.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        FINE,
        b'{"errcode": 0, "errmsg": "ok. Warning: wrong json format. "}',
        b'{"errcode": 0, "errmsg": "\xff"}',
    ],
)
def test_success_is_errcode_0(stub: Stub, robot: WebhookSender, answer: bytes) -> None:
    stub.answer = raw(page("200 OK", answer), "webhook/send")
    robot.text("x")


def test_a_reset_after_the_request_is_unclear(stub: Stub, robot: WebhookSender) -> None:
    def reset(request: Request, sock: socket.socket) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()

    stub.answer = reset
    assert failure(lambda: robot.text("x")).unclear


def test_no_connection_is_not_unclear() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        sender = WebhookSender(KEY, api_base=f"http://127.0.0.1:{free.getsockname()[1]}")
        error = failure(lambda: sender.text("x"))
    assert not error.unclear
    assert "cannot connect: [Errno 111]" in str(error)


def test_an_unknown_name_is_not_unclear(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = failure(lambda: WebhookSender(KEY, api_base="http://nowhere.invalid").text("x"))
    assert not error.unclear
    assert str(error).startswith("nowhere.invalid: cannot connect: [Errno -2] Name or service")


def test_tls_that_fails_is_not_unclear(stub: Stub) -> None:
    """The server speaks no TLS, so nothing of the request has left."""
    sender = WebhookSender(KEY, api_base=stub.url.replace("http:", "https:"), timeout=10)
    error = failure(lambda: sender.text("x"))
    assert not error.unclear
    assert stub.requests == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_not_there_is_not_unclear(scheme: str) -> None:
    proxies = {scheme: "http://user:s3cretpass@127.0.0.1:1"}
    sender = WebhookSender(KEY, api_base=f"{scheme}://wecom.invalid", proxies=proxies)
    error = failure(lambda: sender.text("x"))
    assert not error.unclear
    assert "s3cretpass" not in str(error)
    assert "s3cretpass" in sender.secrets()


def test_a_proxy_that_refuses_the_tunnel_is_not_unclear() -> None:
    with serving() as proxy:
        sender = WebhookSender(
            KEY, api_base="https://wecom.invalid", proxies={"https": proxy.url}, timeout=10
        )
        error = failure(lambda: sender.text("x"))
    assert not error.unclear
    assert "Tunnel connection failed: 501" in str(error)


def test_a_proxy_carries_plain_http_and_its_loss_is_unclear() -> None:
    with serving() as proxy:
        sender = WebhookSender(
            KEY, api_base="http://wecom.invalid", proxies={"http": proxy.url}, timeout=10
        )
        sender.text("x")
        proxy.answer = lambda request, sock: None
        assert failure(lambda: sender.text("x")).unclear
        sender.close()
    assert proxy.requests[0].headers["Host"] == "wecom.invalid"


def test_the_environments_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.replace("//", "//me:s3cret%40pass@"))
        sender = WebhookSender(KEY, api_base="http://wecom.invalid", timeout=10)
        sender.text("x")
        sender.close()
    assert len(proxy.requests) == 1
    assert {"s3cret@pass", "s3cret%40pass"} <= set(sender.secrets())


def drip(before: bytes, interval: float = 0.05) -> Answer:
    """`before` at once, then a byte now and then: no read ever waits for long."""

    def answer(request: Request, sock: socket.socket) -> None:
        sock.sendall(before)
        try:
            while True:
                sock.sendall(b" ")
                threading.Event().wait(interval)
        except OSError:
            pass

    return answer


@pytest.mark.parametrize(
    "before",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nX-Slow: ",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n270f\r\n",
    ],
    ids=["status", "head", "body", "until-close", "chunk"],
)
def test_an_answer_that_drips_is_given_up(stub: Stub, before: bytes) -> None:
    stub.answer = drip(before)
    sender = WebhookSender(KEY, api_base=stub.url)
    start = time.monotonic()
    with deadline(start + 0.4):
        error = failure(lambda: sender.text("x"))
    assert error.unclear
    assert 0.3 < time.monotonic() - start < PATIENCE


def test_a_call_has_its_own_deadline(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wecom_logging._senders.http.GRACE", 0.1)
    stub.answer = drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
    sender = WebhookSender(KEY, api_base=stub.url, timeout=(0.1, 0.2))
    start = time.monotonic()
    assert failure(lambda: sender.text("x")).unclear
    assert time.monotonic() - start < PATIENCE


def test_no_answer_within_the_read_timeout_is_unclear(stub: Stub) -> None:
    leave = threading.Event()

    def hang(request: Request, sock: socket.socket) -> None:
        leave.wait(60)

    stub.answer = hang
    sender = WebhookSender(KEY, api_base=stub.url, timeout=(1, 0.1))
    start = time.monotonic()
    assert failure(lambda: sender.text("x")).unclear
    assert time.monotonic() - start < PATIENCE
    leave.set()


def test_all_addresses_of_a_host_share_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full backlog: connecting hangs, at each of the ten addresses."""
    with socket.socket() as deaf, socket.socket() as one, socket.socket() as two:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for filler in (one, two):
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
        ten = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", deaf.getsockname())] * 10
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: ten)
        sender = WebhookSender(KEY, api_base="http://wecom.invalid", timeout=(4, 1))
        start = time.monotonic()
        with deadline(start + 0.5):
            error = failure(lambda: sender.text("x"))
        assert not error.unclear
        assert 0.3 < time.monotonic() - start < PATIENCE


def test_a_second_address_is_tried(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    both = [
        (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port)) for port in (1, stub.port)
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: both)
    sender = WebhookSender(KEY, api_base="http://wecom.invalid", timeout=10)
    sender.text("x")
    sender.close()


def test_a_deadline_that_has_passed_sends_nothing(stub: Stub, robot: WebhookSender) -> None:
    with deadline(time.monotonic() - 1):
        assert not failure(lambda: robot.text("x")).unclear
    assert stub.requests == []


def test_deadlines_nest_and_the_earliest_counts(stub: Stub, robot: WebhookSender) -> None:
    now = time.monotonic()
    with deadline(now - 1), deadline(now + 9):
        failure(lambda: robot.text("x"))
    robot.text("x")


def test_one_connection_for_calls_that_follow_each_other(stub: Stub, robot: WebhookSender) -> None:
    robot.text("x")
    robot.file("report.txt", b"123456")
    assert len({request.peer for request in stub.requests}) == 1


def test_an_idle_connection_is_not_reused(
    stub: Stub, robot: WebhookSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server may close it at the very moment, and the request would be unclear."""
    robot.text("x")
    monkeypatch.setattr(connection, "MAX_IDLE", -1.0)
    robot.text("x")
    assert len({request.peer for request in stub.requests}) == 2


def test_a_connection_that_the_server_closed_is_noticed(stub: Stub, robot: WebhookSender) -> None:
    stub.answer = raw(page("200 OK", FINE), "webhook/send")
    for _ in range(3):
        robot.text("x")
        assert stub.closed.acquire(timeout=PATIENCE)
    assert len({request.peer for request in stub.requests}) == 3


def test_a_closed_sender_opens_another_connection(stub: Stub, robot: WebhookSender) -> None:
    robot.text("x")
    robot.close()
    robot.close()
    robot.text("x")
    assert len({request.peer for request in stub.requests}) == 2


def test_netrc_is_not_read(
    stub: Stub, robot: WebhookSender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its `default` entry would go to WeCom as basic authentication."""
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login me password s3cret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    robot.text("x")
    stub.answer = raw(page("302 Found", b"", b"Location: /elsewhere"), "webhook/send")
    failure(lambda: robot.text("x"))
    assert all("Authorization" not in request.headers for request in stub.requests)


def test_cookies_are_not_kept(stub: Stub, robot: WebhookSender) -> None:
    stub.answer = raw(
        page("200 OK", FINE, b"Set-Cookie: a=b; Path=/", b"Connection: close"), "webhook/send"
    )
    robot.text("x")
    robot.text("x")
    assert "Cookie" not in stub.requests[1].headers


def test_the_applications_debug_switch_prints_nothing_of_ours(
    robot: WebhookSender, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    robot.text("x")
    assert capsys.readouterr() == ("", "")


def test_writing_a_large_file_may_take_longer_than_connecting() -> None:
    """urllib3 leaves the connect timeout on the socket while it writes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer_late, args=(listener,))
        thread.start()
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        sender = WebhookSender(KEY, api_base=base, timeout=(0.1, 10))
        try:
            assert sender.upload("big.bin", b"x" * 8_000_000) == "MEDIA"
        finally:
            sender.close()
            thread.join()


def answer_late(listener: socket.socket) -> None:
    sock, _ = listener.accept()
    with sock:
        received = sock.recv(1)
        threading.Event().wait(0.3)  # it writes, for three times as long as it may connect
        while not received.endswith(b"--\r\n"):
            if not (more := sock.recv(1 << 20)):
                return  # it has given up
            received = received[-4:] + more
        sock.sendall(page("200 OK", b'{"errcode": 0, "media_id": "MEDIA"}'))


class Collecting(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += self.format(record) + "\n"


@pytest.mark.parametrize(
    "answer",
    [
        fine,
        raw(b""),
        raw(page("502 No")),
        raw(page("301 Moved", b"", b"Location: https://elsewhere/?access_token=TOKEN-1")),
        errcode(40058, "TOKEN-1 corp%2Fs3cret corp-s3cret bad"),
        errcode(40013, "corp-s3cret is bad", call="gettoken"),
        raw(b"", "gettoken"),
        errcode(40014),
    ],
)
def test_no_secret_is_shown_anywhere(
    stub: Stub, answer: Answer, capfd: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    """Not in an error, what hangs on it, the frames behind it, a log line or a `repr`."""
    secrets = ("corp-s3cret", "TOKEN-1")
    stub.answer = answer
    root, handler = logging.getLogger(), Collecting()
    monkeypatch.setattr(root, "level", logging.DEBUG)
    monkeypatch.setattr(root, "handlers", [handler])
    logging.getLogger("urllib3")._cache.clear()  # type: ignore[attr-defined]  # logging's own
    sender = AppSender("ww1", "corp-s3cret", 7, "a", api_base=stub.url, timeout=10)
    monkeypatch.setattr(application, "TOKENS", Patient())
    shown = [repr(sender), sender.destination, sender.token_key]
    calls = (
        lambda: sender.markdown("x"),
        lambda: sender.file("x.txt", b"123456"),
        lambda: sender.agent(),
        lambda: sender.send(Message("text", "x"), "TOKEN-1"),
        lambda: sender.upload("x.txt", b"123456", "TOKEN-1"),
    )
    for call in calls:
        try:
            call()
        except DeliveryError as error:
            shown += told_by(error)
    sender.close()
    shown += [handler.text, *capfd.readouterr()]
    assert stub.requests
    for text in shown:
        assert not any(secret in text for secret in secrets), text


def told_by(error: BaseException) -> Iterator[str]:
    """All that a program could show of an error, frames and their variables included."""
    yield from (str(error), repr(error), repr(vars(error)))
    yield repr((error.__cause__, error.__context__))
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if "wecom_logging" in frame.f_code.co_filename:
            yield repr(frame.f_locals)


class Patient:
    """A cache that fetches each time, and waits for nothing."""

    def get(self, key: str, fetch: Callable[[], tuple[str, float]]) -> str:
        return fetch()[0]

    def invalidate(self, key: str, token: str) -> None:
        pass


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_has_its_own_connection(stub: Stub, robot: WebhookSender) -> None:
    robot.text("parent")
    pid = os.fork()
    if not pid:
        try:
            robot.text("child")
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0
    robot.text("parent")
    peers = [
        (json.loads(request.body)["text"]["content"], request.peer) for request in stub.requests
    ]
    (first, parent), (second, child), (third, again) = peers
    assert (first, second, third) == ("parent", "child", "parent")
    assert parent == again != child


def test_a_socks_proxy_without_pysocks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests.adapters, "SOCKSProxyManager", _missing)
    sender = WebhookSender(
        KEY, api_base="http://127.0.0.1:1", proxies={"http": "socks5h://127.0.0.1:1"}
    )
    with pytest.raises(TransportError, match="needs PySocks"):
        sender.text("hello")


def _missing(*arguments: object, **options: object) -> None:
    raise requests.exceptions.InvalidSchema("Missing dependencies for SOCKS support.")


# -- ahead of a call -----------------------------------------------------------------------


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hosts that were connected to."""
    found: list[str] = []
    dial = connection._dialled

    def noted(host: str, *args: Any) -> socket.socket:
        found.append(host)
        return dial(host, *args)

    monkeypatch.setattr(connection, "_dialled", noted)
    return found


def test_a_connection_that_was_made_ahead_serves_the_call(dialled: list[str]) -> None:
    with serving() as stub:
        sender = WebhookSender(KEY, api_base=stub.url)
        sender.connect()
        assert (len(dialled), stub.requests) == (1, [])
        sender.connect()
        sender.send(Message("text", "hello"))
        assert (len(dialled), len(stub.requests)) == (1, 1)


def test_what_is_wrong_with_the_way_is_left_to_the_call(dialled: list[str]) -> None:
    sender = WebhookSender(KEY, api_base=f"http://127.0.0.1:{free_port()}")
    sender.connect()
    assert len(dialled) == 1
    with pytest.raises(TransportError):
        sender.send(Message("text", "hello"))


def test_by_a_proxy_nothing_is_made_ahead(dialled: list[str]) -> None:
    with serving() as stub:
        sender = WebhookSender(KEY, api_base="http://wecom.example", proxies={"http": stub.url})
        sender.connect()
        assert (dialled, stub.requests) == ([], [])


def test_head_and_body_leave_together(
    stub: Stub, robot: WebhookSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two packets another thread may have the interpreter for milliseconds."""
    sent: list[Any] = []

    class Counting(socket.socket):
        def sendall(self, data: Any, *flags: int) -> None:
            sent.append(bytes(data))
            super().sendall(data, *flags)

    dial = connection._dialled
    monkeypatch.setattr(connection, "_dialled", lambda *way: Counting(fileno=dial(*way).detach()))
    robot.text("x")
    assert len(sent) == 1
    robot.upload("big.bin", b"x" * 200_000)  # which is not copied for it
    assert [request.call for request in stub.requests] == ["webhook/send", "webhook/upload_media"]
    assert [len(data) > 200_000 for data in sent[1:]] == [False, True]


def test_what_stands_in_for_requests_hears_every_call(
    stub: Stub, robot: WebhookSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Libraries that keep a test suite from the network replace `HTTPAdapter.send`."""
    urls: list[str] = []
    send = HTTPAdapter.send

    def hears(self: HTTPAdapter, request: requests.PreparedRequest, **how: Any) -> Any:
        urls.append(request.url or "")
        return send(self, request, **how)

    monkeypatch.setattr(HTTPAdapter, "send", hears)
    robot.text("x")
    assert [url.partition("?")[0] for url in urls] == [f"{stub.url}/cgi-bin/webhook/send"]
