"""`WebhookSender`: what it sends, and how it goes on from each answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.stub_server import Request, Stub, errcode, fine, serving
from wecom_logging._senders.protocol import Message, Sender
from wecom_logging._senders.robot import WebhookSender
from wecom_logging.errors import (
    BusyError,
    ConfigurationError,
    ContentError,
    DeliveryError,
    RateLimitedError,
    SetupError,
    TransportError,
)
from wecom_logging.simulator import Simulator

KEY = "693a91f6-7abc-4bc4-97a0-0ec2a1fa5aaa"


@pytest.fixture
def stub() -> Iterator[Stub]:
    with serving() as stub:
        yield stub


@pytest.fixture
def robot(stub: Stub) -> Iterator[WebhookSender]:
    sender = WebhookSender(KEY, api_base=stub.url, timeout=10)
    yield sender
    sender.close()


def test_it_is_a_sender(robot: WebhookSender) -> None:
    assert isinstance(robot, Sender)


def test_the_request_as_documented(stub: Stub, robot: WebhookSender) -> None:
    robot.markdown("**错误**")
    (send,) = stub.requests
    assert (send.method, send.path, send.query) == (
        "POST",
        "/cgi-bin/webhook/send",
        {"key": KEY},
    )
    assert send.body == '{"msgtype":"markdown","markdown":{"content":"**错误**"}}'.encode()


def test_a_whole_url_is_as_good_as_a_key(stub: Stub) -> None:
    sender = WebhookSender(f"{stub.url}/cgi-bin/webhook/send?key={KEY}")
    sender.text("x")
    sender.close()
    assert stub.requests[0].query == {"key": KEY}
    assert KEY in sender.secrets()
    assert KEY not in repr(sender) + sender.destination


def test_people_are_called_by_name_or_number(stub: Stub, robot: WebhookSender) -> None:
    robot.text("x", mentions=["zhangsan", "13800138000", "@all"])
    assert stub.requests[0].json["text"] == {
        "content": "x",
        "mentioned_list": ["zhangsan", "@all"],
        "mentioned_mobile_list": ["13800138000"],
    }


def test_only_text_calls_people(stub: Stub, robot: WebhookSender) -> None:
    with pytest.raises(ConfigurationError, match="mentions"):
        robot.send(Message("markdown", "x", ("@all",)))
    assert stub.requests == []


def test_a_file(stub: Stub, robot: WebhookSender) -> None:
    robot.file("report.txt", b"123456")
    upload, send = stub.requests
    assert upload.path == "/cgi-bin/webhook/upload_media"
    assert upload.query == {"key": KEY, "type": "file"}
    assert send.json == {"msgtype": "file", "file": {"media_id": "MEDIA-1"}}


def test_an_upload_without_a_media_id(stub: Stub, robot: WebhookSender) -> None:
    stub.answer = errcode(0, call="webhook/upload_media")
    with pytest.raises(TransportError, match="no media_id"):
        robot.upload("report.txt", b"123456")


@pytest.mark.parametrize(
    ("msgtype", "most"), [("markdown", 4096), ("markdown_v2", 4096), ("text", 2048)]
)
def test_limits(stub: Stub, robot: WebhookSender, msgtype: Any, most: int) -> None:
    robot.send(Message(msgtype, "x" * most))
    with pytest.raises(ContentError, match=f"{most + 1} bytes of {msgtype}"):
        robot.send(Message(msgtype, "x" * (most + 1)))
    assert len(stub.requests) == 1


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (-1, BusyError),
        (45009, RateLimitedError),
        (40058, ContentError),
        (93000, SetupError),
        (40014, DeliveryError),
    ],
)
def test_a_refused_message_is_not_repeated(
    stub: Stub, robot: WebhookSender, code: int, error: type[DeliveryError]
) -> None:
    stub.answer = errcode(code, call="webhook/send")
    with pytest.raises(error) as caught:
        robot.text("x")
    assert not caught.value.unclear
    assert len(stub.requests) == 1


def test_a_key_is_read_again_when_it_is_refused(stub: Stub, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY)

    def answer(request: Request, sock: Any) -> dict[str, Any]:
        old = request.query["key"] == KEY
        return {"errcode": 93000, "errmsg": "gone"} if old else fine(request, sock)

    stub.answer = answer
    environ = {"WECOM_WEBHOOK_KEY_FILE": str(file), "WECOM_API_BASE": stub.url}
    robot = WebhookSender.from_env(environ)
    destination, route = robot.destination, robot.route
    with pytest.raises(SetupError):
        robot.text("x")
    assert robot.route == route
    file.write_text(f"{stub.url}/cgi-bin/webhook/send?key=another-key\n")
    with pytest.raises(SetupError):
        robot.text("x")
    assert robot.route != route, "the next attempt goes another way"
    robot.text("x")
    robot.close()
    assert [request.query["key"] for request in stub.requests] == [KEY, KEY, "another-key"]
    assert {KEY, "another-key"} <= set(robot.secrets())
    assert robot.destination == destination


def test_the_destination() -> None:
    one = WebhookSender(KEY).destination
    assert one == f"robot https://qyapi.weixin.qq.com {one[-12:]}"
    assert one == WebhookSender(KEY, api_base="https://qyapi.weixin.qq.com/").destination
    assert one != WebhookSender(KEY[:-1] + "b").destination
    assert KEY not in one


# --- against the simulator ----------------------------------------------------------------------


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def sender(simulator: Simulator) -> Iterator[WebhookSender]:
    sender = WebhookSender.from_env({**simulator.env("robot"), "WECOM_TIMEOUT": "1,0.5"})
    yield sender
    sender.close()


def test_messages_arrive(simulator: Simulator, sender: WebhookSender) -> None:
    sender.markdown("**Hello** 世界")
    sender.text("all hands", mentions="@all")
    sender.send(Message("markdown_v2", "| a |\n|---|\n| b |"))
    sender.file("x.txt", b"123456")
    kinds = [message.msgtype for message in simulator.messages]
    assert kinds == ["markdown", "text", "markdown_v2", "file"]


def test_the_longest_messages_arrive(simulator: Simulator, sender: WebhookSender) -> None:
    for msgtype, most in sender.limits.max_bytes.items():
        if msgtype != "card":  # whose parts have limits of their own
            sender.send(Message(msgtype, "错" * (most // 3)))
    assert len(simulator.messages) == 3


def test_a_robot_that_is_gone(simulator: Simulator, sender: WebhookSender) -> None:
    simulator.configure(robots=())
    with pytest.raises(SetupError, match="群机器人") as caught:
        sender.text("x")
    assert caught.value.errcode == 93000


def test_twenty_a_minute(simulator: Simulator, sender: WebhookSender) -> None:
    for _ in range(20):
        sender.text("x")
    with pytest.raises(RateLimitedError) as caught:
        sender.text("x")
    assert caught.value.retry_after == 60


@pytest.mark.parametrize("kind", ["status", "garbage", "reset", "cut", "outage", "flood"])
@pytest.mark.parametrize("call", ["webhook/send", "webhook/upload_media"])
def test_each_fault_at_each_call(
    simulator: Simulator, sender: WebhookSender, kind: Any, call: str
) -> None:
    simulator.faults.add(kind, call, times=1)
    with pytest.raises(TransportError) as caught:
        sender.file("x.txt", b"123456")
    assert caught.value.unclear
    sender.file("x.txt", b"123456")
    assert len(simulator.messages) == 1
