"""`AppSender`: what it sends, and how it goes on from each answer."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.stub_server import Request, Stub, errcode, fine, raw, serving
from wecom_logging._model.secret import Secret
from wecom_logging._senders import application
from wecom_logging._senders.access_token import TokenCache
from wecom_logging._senders.application import AppSender
from wecom_logging._senders.protocol import Message, RoutedSender, Sender, TokenSender
from wecom_logging.errors import (
    BusyError,
    ConfigurationError,
    ContentError,
    DeliveryError,
    RateLimitedError,
    SetupError,
    TokenError,
    TransportError,
)
from wecom_logging.simulator import App, Simulator, SimulatorConfig


class Clock:
    """Sleeping makes it later, at once."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def tokens(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> TokenCache:
    """A token cache of the test's own, whose ten seconds pass at once."""
    cache = TokenCache(clock, clock.sleep)
    monkeypatch.setattr(application, "TOKENS", cache)
    return cache


@pytest.fixture
def stub() -> Iterator[Stub]:
    with serving() as stub:
        yield stub


@pytest.fixture
def make(stub: Stub) -> Iterator[Callable[..., AppSender]]:
    made: list[AppSender] = []

    def make(secret: str | Secret = "corp-s3cret", **changes: Any) -> AppSender:
        given = {"touser": "zhangsan|lisi", "api_base": stub.url, "timeout": (10, 10), **changes}
        made.append(AppSender("ww1", secret, 1000002, **given))
        return made[-1]

    yield make
    for sender in made:
        sender.close()


def numbered(*answers: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """A new token for each gettoken, and these answers to what is sent; the last one stays."""
    counts = {"gettoken": 0, "message/send": 0}

    def answer(request: Request, sock: object) -> dict[str, Any]:
        counts[request.call] += 1
        if request.call == "gettoken":
            token = f"TOKEN-{counts['gettoken']}"
            return {"errcode": 0, "errmsg": "ok", "access_token": token, "expires_in": 7200}
        return answers[min(counts["message/send"], len(answers)) - 1]

    return answer


def refused(code: int) -> dict[str, Any]:
    return {"errcode": code, "errmsg": "no"}


OK = {"errcode": 0, "errmsg": "ok"}


def test_it_is_a_sender(make: Callable[..., AppSender]) -> None:
    sender: AppSender = make()
    assert isinstance(sender, Sender)
    token, route = takes_tokens(sender), names_its_route(sender)
    assert (sender.limits.token, sender.limits.route) == (token, route) == (True, True)


def takes_tokens(sender: TokenSender) -> bool:
    return bool(sender.token_key)


def names_its_route(sender: RoutedSender) -> bool:
    return bool(sender.route)


def test_the_request_as_documented(stub: Stub, make: Callable[..., AppSender]) -> None:
    make(toparty=[1, 2], totag="7").markdown('**错误** ×3 "a"\n> b\\c')
    gettoken, send = stub.requests
    assert (gettoken.method, gettoken.path) == ("GET", "/cgi-bin/gettoken")
    assert gettoken.query == {"corpid": "ww1", "corpsecret": "corp-s3cret"}
    assert (send.method, send.path) == ("POST", "/cgi-bin/message/send")
    assert send.query == {"access_token": "TOKEN-1"}
    assert send.headers["Content-Type"] == "application/json"
    assert send.json == {
        "touser": "zhangsan|lisi",
        "toparty": "1|2",
        "totag": "7",
        "msgtype": "markdown",
        "agentid": 1000002,
        "markdown": {"content": '**错误** ×3 "a"\n> b\\c'},
        "enable_duplicate_check": 1,
        "duplicate_check_interval": 14400,
    }
    assert "错误 ×3".replace(" ", "** ").encode() in send.body


def test_the_same_message_is_the_same_bytes(stub: Stub, make: Callable[..., AppSender]) -> None:
    for sender in (make(), make()):
        sender.text("once")
        sender.text("once")
    assert len({request.body for request in stub.calls("message/send")}) == 1


def test_a_file(stub: Stub, make: Callable[..., AppSender]) -> None:
    make().file("../报告\n\ud800.txt", b"123456")
    upload, send = stub.requests[1:]
    assert upload.path == "/cgi-bin/media/upload"
    assert upload.query == {"access_token": "TOKEN-1", "type": "file"}
    assert 'name="media"; filename="报告?.txt"'.encode() in upload.body
    assert send.json["file"] == {"media_id": "MEDIA-1"}


@pytest.mark.parametrize("size", [0, 5, 20 * 1024 * 1024 + 1])
def test_a_file_that_wecom_would_refuse(
    stub: Stub, make: Callable[..., AppSender], size: int
) -> None:
    with pytest.raises(ContentError, match=f"^not sent: {size} bytes"):
        make().upload("x.txt", b"x" * size)
    assert stub.requests == []


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb\U0001f680", "\x00\x1b", "\u202e"])
def test_no_text_is_too_strange_to_be_sent(
    stub: Stub, make: Callable[..., AppSender], text: str
) -> None:
    make().text(text)
    stub.calls("message/send")[0].body.decode("utf-8", "strict")


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (Message("markdown", "错" * 683), "2049 bytes of markdown, WeCom takes 2048 at most"),
        (Message("text", "x" * 2049), "2049 bytes of text"),
        (Message("text", ""), "an empty text message"),
        (Message("markdown_v2", "x"), "'markdown_v2' is not one of markdown, text"),
    ],
)
def test_a_message_that_wecom_would_refuse(
    stub: Stub, make: Callable[..., AppSender], message: Message, said: str
) -> None:
    with pytest.raises(ContentError, match=f"^not sent: .*{said}"):
        make().send(message)
    assert stub.requests == []


def test_the_longest_message(stub: Stub, make: Callable[..., AppSender]) -> None:
    make().markdown("错" * 682 + "xx")
    assert len(stub.calls("message/send")) == 1


def test_an_application_calls_nobody_by_name(make: Callable[..., AppSender]) -> None:
    with pytest.raises(ConfigurationError, match="mentions"):
        make().text("x", mentions=["@all"])


# --- the token ------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [40014, 42001, 40001])
def test_a_stale_token_is_renewed_once(
    stub: Stub, make: Callable[..., AppSender], code: int
) -> None:
    stub.answer = numbered(refused(code), OK)
    make().text("x")
    first, second = stub.calls("message/send")
    assert (first.query["access_token"], second.query["access_token"]) == ("TOKEN-1", "TOKEN-2")
    assert first.body == second.body
    assert len(stub.calls("gettoken")) == 2


@pytest.mark.parametrize("code", [40014, 42001, 40001])
def test_a_token_that_stays_stale_is_no_loop(
    stub: Stub, make: Callable[..., AppSender], code: int
) -> None:
    stub.answer = numbered(refused(code))
    with pytest.raises(TokenError) as caught:
        make().text("x")
    assert caught.value.__context__ is None
    assert len(stub.calls("message/send")) == 2
    assert len(stub.calls("gettoken")) == 2


def test_a_stale_token_at_an_upload(stub: Stub, make: Callable[..., AppSender]) -> None:
    stub.answer = errcode(40014, call="media/upload")
    with pytest.raises(TokenError):
        make().upload("x.txt", b"123456")
    assert len(stub.calls("media/upload")) == 2


@pytest.mark.parametrize("code", [40014, 42001, 40001])
def test_a_token_that_was_brought_is_not_renewed(
    stub: Stub, make: Callable[..., AppSender], code: int
) -> None:
    """Whoever brought it knows of slots, and of the other processes."""
    stub.answer = numbered(refused(code))
    sender = make()
    with pytest.raises(TokenError):
        sender.send(Message("text", "x"), "SHARED")
    (send,) = stub.requests
    assert send.query == {"access_token": "SHARED"}
    assert "SHARED" in sender.secrets()


def test_a_file_with_a_token_that_was_brought(stub: Stub, make: Callable[..., AppSender]) -> None:
    assert make().upload("x.txt", b"123456", "SHARED") == "MEDIA-1"
    (upload,) = stub.requests
    assert upload.query == {"access_token": "SHARED", "type": "file"}


def test_senders_with_the_same_credentials_share_a_token(
    stub: Stub, make: Callable[..., AppSender]
) -> None:
    make().text("x")
    make(touser="wangwu").text("x")
    make("another-s3cret").text("x")
    assert len(stub.calls("gettoken")) == 2


def test_sixteen_threads_one_gettoken(stub: Stub, make: Callable[..., AppSender]) -> None:
    sender = make()
    together = threading.Barrier(16)

    def send() -> None:
        together.wait(20)
        sender.text("x")

    threads = [threading.Thread(target=send) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stub.calls("gettoken")) == 1
    assert len(stub.calls("message/send")) == 16


@pytest.mark.parametrize(
    ("expires_in", "seconds"), [(7200, 7200), ("600", 600), (None, 7200), (0, 7200)]
)
def test_fetching_a_token(
    stub: Stub, make: Callable[..., AppSender], expires_in: object, seconds: float
) -> None:
    stub.answer = lambda *_: {**OK, "access_token": "FRESH", "expires_in": expires_in}
    assert make().fetch_token() == ("FRESH", seconds)


@pytest.mark.parametrize(
    "answer",
    [{"errcode": 0}, {"errcode": 0, "access_token": ""}, {"errcode": 0, "access_token": 7}],
)
def test_a_gettoken_without_a_token(
    stub: Stub, make: Callable[..., AppSender], answer: dict[str, Any]
) -> None:
    stub.answer = lambda request, sock: answer
    with pytest.raises(TransportError, match="no access_token") as caught:
        make().text("x")
    assert not caught.value.unclear


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n"])
def test_what_happens_to_gettoken_is_never_unclear(
    stub: Stub, make: Callable[..., AppSender], data: bytes
) -> None:
    """Nothing was sent to a person."""
    stub.answer = raw(data, "gettoken")
    with pytest.raises(TransportError) as caught:
        make().text("x")
    assert not caught.value.unclear


@pytest.mark.parametrize("status", [b"302 Found", b"400 No", b"407 No", b"502 No"])
def test_whatever_the_answer_to_gettoken_ten_seconds_pass(
    stub: Stub, make: Callable[..., AppSender], clock: Clock, status: bytes
) -> None:
    head = b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    stub.answer = raw(head, "gettoken")
    sender = make()
    for _ in range(3):
        with pytest.raises(TransportError):
            sender.text("x")
    assert len(stub.calls("gettoken")) == 3
    assert clock.now == 20.0


# --- refusals -------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [40001, 40013, 40091, 45031, 40014])
def test_a_refused_gettoken_is_not_repeated(
    stub: Stub, make: Callable[..., AppSender], code: int
) -> None:
    stub.answer = errcode(code, call="gettoken")
    with pytest.raises(SetupError):
        make().text("x")
    assert [request.call for request in stub.requests] == ["gettoken"]


@pytest.mark.parametrize(
    ("code", "error"),
    [(-1, BusyError), (45009, RateLimitedError), (40058, ContentError), (81013, SetupError)],
)
def test_a_refused_message_is_not_repeated(
    stub: Stub, make: Callable[..., AppSender], code: int, error: type[DeliveryError]
) -> None:
    stub.answer = errcode(code)
    with pytest.raises(error) as caught:
        make().text("x")
    assert not caught.value.unclear
    assert len(stub.calls("message/send")) == 1


def test_a_secret_is_read_again_when_it_is_refused(
    stub: Stub, make: Callable[..., AppSender], tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.write_text("old-s3cret")

    def answer(request: Request, sock: object) -> dict[str, Any]:
        if request.query.get("corpsecret") == "old-s3cret":
            return {"errcode": 40001, "errmsg": "invalid credential old-s3cret"}
        return fine(request, sock)  # type: ignore[arg-type]  # it answers with a body

    stub.answer = answer
    sender = make(Secret.from_file(str(file), option="corpsecret_file", check=str))
    with pytest.raises(SetupError):
        sender.text("x")
    assert len(stub.requests) == 1, "the file holds nothing new"
    file.write_text("new-s3cret\n")
    sender.text("x")
    assert [request.query.get("corpsecret") for request in stub.calls("gettoken")] == [
        "old-s3cret",
        "old-s3cret",
        "new-s3cret",
    ]
    assert {"old-s3cret", "new-s3cret"} <= set(sender.secrets())


@pytest.mark.parametrize("content", ["", "half a sec\nret", None])
def test_a_secret_file_that_is_being_written_is_not_believed(
    tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "secret"
    file.write_text("old-s3cret")
    environ = {"WECOM_CORPID": "ww1", "WECOM_AGENTID": "7", "WECOM_TOUSER": "a"}
    sender = AppSender.from_env({**environ, "WECOM_CORPSECRET_FILE": str(file)})
    file.unlink()
    if content is not None:
        file.write_text(content)
    assert not sender._corpsecret.reload()
    assert sender._corpsecret.value == "old-s3cret"


# --- partial failures -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "partial"),
    [
        ({}, {}),
        ({"invaliduser": "", "invalidparty": "", "invalidtag": ""}, {}),
        ({"invaliduser": "lisi|x"}, {"invaliduser": {"lisi", "x"}}),
        (
            {"invalidtag": "7", "unlicenseduser": "a"},
            {"invalidtag": {"7"}, "unlicenseduser": {"a"}},
        ),
        ({"invalidparty": ["1", 2]}, {"invalidparty": {"1", "2"}}),
        ({"invaliduser": 7, "invalidparty": None}, {}),
    ],
)
def test_who_did_not_get_it(
    stub: Stub, make: Callable[..., AppSender], fields: dict[str, Any], partial: dict[str, set[str]]
) -> None:
    stub.answer = numbered({**OK, **fields})
    assert make().text("x").missed == partial


# --- names ------------------------------------------------------------------------------------


def test_the_destination(make: Callable[..., AppSender]) -> None:
    """Stable, the same for the same recipients, another for others, without a secret."""
    one = make(touser="a|b", api_base="https://gateway/cgi-bin/").destination
    assert one == "app https://gateway ww1 1000002 " + one[-12:]
    assert one == make("another-s3cret", touser=["b", "a"], api_base="https://gateway").destination
    assert one != make(touser="a", api_base="https://gateway").destination
    assert one != make(touser=None, toparty="1", api_base="https://gateway").destination


def test_the_route(make: Callable[..., AppSender]) -> None:
    """The same for the same way, whoever is written to; without a secret."""
    one = make().route
    assert one == make(touser="wangwu").route
    others = [
        make("another-s3cret"),
        make(api_base="https://gateway"),
        make(proxies={"https": "http://me:password@p:3128"}),
    ]
    assert len({one, *(other.route for other in others)}) == 4
    assert re.fullmatch("[0-9a-f]{16}", one)


def test_the_secrets(stub: Stub, make: Callable[..., AppSender]) -> None:
    sender = make(proxies={"https": "http://me:pass%2Fword@p:3128"})
    assert set(sender.secrets()) == {"corp-s3cret", "pass%2Fword", "pass/word"}
    sender.text("x")
    assert "TOKEN-1" in sender.secrets()


# --- against the simulator ----------------------------------------------------------------------


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def sender(simulator: Simulator) -> Iterator[AppSender]:
    environ = {**simulator.env(), "WECOM_TIMEOUT": "1,0.5"}
    sender = AppSender.from_env(environ)
    yield sender
    sender.close()


def test_a_message_arrives(simulator: Simulator, sender: AppSender) -> None:
    sender.markdown("**Hello** 世界")
    assert [message.content for message in simulator.messages] == ["**Hello** 世界"]


def test_a_file_arrives(simulator: Simulator, sender: AppSender) -> None:
    sender.file("报告.txt", "全文\n".encode() * 9)
    (message,) = simulator.messages
    assert message.msgtype == "file"


def test_an_early_death_of_the_token(simulator: Simulator, sender: AppSender) -> None:
    for kill in (simulator.revoke_tokens, simulator.expire_tokens):
        sender.text("before")
        kill()
        sender.text("after")
    assert len(simulator.calls("gettoken")) == 3


def test_a_retry_of_an_unclear_message_is_shown_once(
    simulator: Simulator, sender: AppSender
) -> None:
    simulator.faults.add("reset", "message/send", times=1, processed=True)
    with pytest.raises(TransportError) as caught:
        sender.text("once")
    assert caught.value.unclear
    sender.text("once")
    assert len(simulator.messages) == 1
    assert len(simulator.calls("message/send")) == 2


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("status", {}),
        ("empty", {"status": 200}),
        ("garbage", {}),
        ("flood", {}),
        ("reset", {}),
        ("hang", {"delay": 5.0}),
        ("slow", {"delay": 5.0, "processed": False}),
        ("cut", {}),
        ("outage", {}),
    ],
)
@pytest.mark.parametrize("call", ["gettoken", "message/send", "media/upload"])
def test_each_fault_at_each_call(
    simulator: Simulator, sender: AppSender, kind: Any, options: dict[str, Any], call: str
) -> None:
    """One error, unclear only where a person may have got something, and well afterwards."""
    simulator.faults.add(kind, call, times=1, **options)
    with pytest.raises(TransportError) as caught:
        sender.file("x.txt", b"123456")
    assert caught.value.unclear is (call != "gettoken")
    assert len(simulator.calls(call)) == 1
    simulator.faults.clear()
    sender.file("x.txt", b"123456")
    assert len(simulator.messages) == 1


def test_a_redirect_is_refused(simulator: Simulator, sender: AppSender) -> None:
    simulator.faults.add("redirect", "message/send", times=1)
    with pytest.raises(TransportError, match="redirected") as caught:
        sender.text("x")
    assert not caught.value.unclear


def test_wecom_that_is_not_there(simulator: Simulator, sender: AppSender) -> None:
    sender.text("x")
    with simulator.down():
        with pytest.raises(TransportError) as caught:
            sender.text("y")
        assert not caught.value.unclear
    sender.text("z")


def test_an_untrusted_address(simulator: Simulator, sender: AppSender) -> None:
    simulator.configure(client_ip="203.0.113.9")
    simulator.change_app(trusted_ips=())
    with pytest.raises(SetupError) as caught:
        sender.text("x")
    assert caught.value.errcode == 60020
    assert "Add 203.0.113.9 to 企业可信IP" in str(caught.value)


def test_a_wrong_secret(simulator: Simulator) -> None:
    environ = {**simulator.env(), "WECOM_CORPSECRET": "another-secret-entirely"}
    sender = AppSender.from_env(environ)
    with pytest.raises(SetupError) as caught:
        sender.text("x")
    assert caught.value.errcode == 40001
    assert "Secret" in caught.value.advice
    assert len(simulator.calls()) == 1
    sender.close()


def test_the_wrong_application(simulator: Simulator) -> None:
    simulator.configure(apps=(App(), App(agentid=1000003, secret="the-other-one")))
    sender = AppSender.from_env({**simulator.env(), "WECOM_AGENTID": "1000003"})
    with pytest.raises(SetupError) as caught:
        sender.text("x")
    assert caught.value.errcode == 301002
    sender.close()


def test_recipients_that_are_unknown_in_part_and_all(simulator: Simulator) -> None:
    environ = {**simulator.env(), "WECOM_TOUSER": "ZhangSan,NoSuch"}
    sender = AppSender.from_env(environ)
    assert sender.text("x").missed == {"invaliduser": {"nosuch"}}
    simulator.configure(users=("WangWu",))
    with pytest.raises(SetupError) as caught:
        sender.text("y")
    assert caught.value.errcode == 81013
    sender.close()


def test_what_the_application_is(simulator: Simulator, sender: AppSender) -> None:
    agent = sender.agent()
    assert (agent["name"], agent["close"]) == ("Alerts", 0)
    assert simulator.messages == []


@pytest.mark.parametrize("position", ["missing", "zero"])
def test_a_gateway_that_drops_the_lifetime(position: str) -> None:
    with Simulator(config=SimulatorConfig()) as simulator:
        simulator.switch(expires_in=position)
        sender = AppSender.from_env(simulator.env())
        sender.text("x")
        sender.text("y")
        sender.close()
        assert len(simulator.calls("gettoken")) == 1
        assert json.dumps(len(simulator.messages)) == "2"
