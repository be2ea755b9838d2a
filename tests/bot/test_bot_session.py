"""The protocol without a connection: frames and times in, frames and events out."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from wecom_logging._bot import frames
from wecom_logging._bot.backoff import Backoff
from wecom_logging._bot.frames import Message, Press
from wecom_logging._bot.session import (
    Answered,
    Dead,
    Event,
    Kicked,
    Refused,
    Session,
    Subscribed,
)
from wecom_logging._model.secret import Secret

SECRET = "bot-secret-of-a-test-opens-nothing"


class Wire:
    """A session, and what it has written."""

    def __init__(self) -> None:
        self.session = Session("bot-1", Secret(SECRET))
        self.now = 1000.0

    def written(self) -> list[dict[str, Any]]:
        return [json.loads(each) for each in self.session.outgoing()]

    def answer(self, frame: dict[str, Any], errcode: int = 0, **body: Any) -> list[Event]:
        reply = {"headers": frame["headers"], "errcode": errcode, "errmsg": "", "body": body}
        return self.session.receive(json.dumps(reply), self.now)

    def tick(self, seconds: float) -> list[Event]:
        self.now += seconds
        return self.session.tick(self.now)

    def subscribe(self) -> Wire:
        self.session.opened(self.now)
        (frame,) = self.written()
        assert self.answer(frame) == [Subscribed()]
        return self

    def push(self, **options: Any) -> dict[str, Any]:
        assert self.session.send("aibot_send_msg", {"chatid": "c"}, self.now, **options)
        (frame,) = self.written()
        return frame


def test_it_begins_with_a_subscription() -> None:
    wire = Wire()
    wire.session.opened(wire.now)
    (frame,) = wire.written()
    assert frame["cmd"] == "aibot_subscribe"
    assert frame["body"] == {"bot_id": "bot-1", "secret": SECRET}
    assert wire.session.send("aibot_send_msg", {}, wire.now) is None  # not yet
    assert wire.answer(frame) == [Subscribed()]


def test_a_ping_in_thirty_seconds() -> None:
    wire = Wire().subscribe()
    cmds = []
    for _ in range(600):
        assert wire.tick(1.0) == []
        for frame in wire.written():
            cmds.append(frame["cmd"])
            wire.answer(frame)
    assert cmds == ["ping"] * 20


def test_two_pings_without_an_answer_are_the_end() -> None:
    wire = Wire().subscribe()
    assert [wire.tick(30.0) for _ in range(3)] == [[], [], [Dead()]]
    assert wire.session.send("aibot_send_msg", {}, wire.now) is None


def test_a_process_that_was_stopped_is_not_dead() -> None:
    wire = Wire().subscribe()
    assert wire.tick(30.0) == []
    (ping,) = wire.written()
    assert wire.tick(600.0) == []  # the answer is still in the socket
    assert wire.answer(ping) == []
    assert wire.tick(30.0) == []


def test_answers_are_told_by_their_req_id() -> None:
    wire = Wire().subscribe()
    first, second = wire.push(about="a"), wire.push(about="b")
    (answered,) = wire.answer(second, 93006)
    assert isinstance(answered, Answered)
    assert (answered.about, answered.errcode) == ("b", 93006)
    (answered,) = wire.answer(first)
    assert (answered.about, answered.errcode) == ("a", 0)  # type: ignore[union-attr]  # it was answered
    assert wire.answer(first) == []  # twice is once


def test_no_answer_is_said_after_ten_seconds() -> None:
    wire = Wire().subscribe()
    wire.push(about="a")
    (answered,) = wire.tick(10.0)
    assert isinstance(answered, Answered)
    assert (answered.about, answered.errcode) == ("a", None)


def test_two_answers_to_one_callback_go_one_after_another() -> None:
    wire = Wire().subscribe()
    assert wire.session.send("aibot_respond_msg", {}, wire.now, req_id="r")
    assert wire.session.send("aibot_respond_msg", {}, wire.now, req_id="r") is None


def test_a_callback_comes_once() -> None:
    wire = Wire().subscribe()
    frame = _message("1")
    assert len(wire.session.receive(frame, wire.now)) == 1
    assert wire.session.receive(frame, wire.now) == []
    assert len(wire.session.receive(_message("2"), wire.now)) == 1


def test_kicked() -> None:
    wire = Wire().subscribe()
    event = {"eventtype": "disconnected_event"}
    frame = {"cmd": "aibot_event_callback", "headers": {}, "body": {"event": event}}
    assert wire.session.receive(json.dumps(frame), wire.now) == [Kicked()]
    assert wire.session.send("aibot_send_msg", {}, wire.now) is None


def test_refused() -> None:
    wire = Wire()
    wire.session.opened(wire.now)
    (frame,) = wire.written()
    assert wire.answer(frame, 853000) == [Refused(853000, "")]


def test_not_subscribed_on_an_open_connection_subscribes_and_says_it_again() -> None:
    wire = Wire().subscribe()
    wire.now += 31
    push = wire.push(about="a")
    assert wire.answer(push, 846609) == []
    (subscribe,) = wire.written()
    assert subscribe["cmd"] == "aibot_subscribe"
    assert wire.answer(subscribe) == [Subscribed()]
    (again,) = wire.written()
    assert again["body"] == push["body"]
    (answered,) = wire.answer(again)
    assert answered.errcode == 0  # type: ignore[union-attr]  # it was answered


def test_it_does_not_subscribe_eagerly() -> None:
    """Connections that go at once, and a server that forgets: never two in 30 seconds."""
    wire = Wire()
    times: list[float] = []

    def exchange() -> None:
        for frame in wire.written():
            if frame["cmd"] == "aibot_subscribe":
                times.append(wire.now)
            wire.answer(frame, 0 if frame["cmd"] == "aibot_subscribe" else 846609)

    for _ in range(200):
        wire.session.opened(wire.now)
        for _ in range(3):
            exchange()
            wire.session.send("aibot_send_msg", {}, wire.now)
            exchange()
            wire.tick(2.0)
        exchange()
        wire.session.closed(wire.now)
    assert len(times) > 10
    assert min(b - a for a, b in itertools.pairwise(times)) >= 30.0


def test_a_fresh_subscription_follows_a_reconnect() -> None:
    """Callbacks of groups may have stopped without a word."""
    wire = Wire().subscribe()
    wire.tick(200.0)
    wire.session.closed(wire.now)
    wire.written()
    wire.subscribe()
    cmds = []
    for _ in range(300):
        wire.tick(1.0)
        for frame in wire.written():
            cmds.append(frame["cmd"])
            assert wire.answer(frame) == []
    assert cmds.count("aibot_subscribe") == 1


def test_what_waited_for_an_answer_is_said_when_the_connection_goes() -> None:
    wire = Wire().subscribe()
    wire.push(about="a")
    (answered,) = wire.session.closed(wire.now)
    assert (answered.about, answered.errcode) == ("a", None)  # type: ignore[union-attr]  # it was answered


@pytest.mark.parametrize(
    "raw",
    [
        "", "no json", "[]", "null", "7", '"x"', "{}", "{" * 5000, "[" * 200_000,
        '{"cmd": "aibot_msg_callback"}', '{"cmd": ["aibot_msg_callback"], "body": 7}',
        '{"cmd": "unknown", "headers": {"req_id": "x"}, "body": {}}',
        '{"headers": {"req_id": {}}, "errcode": 0}',
        '{"headers": {"req_id": "x"}, "errcode": true}',
        '{"headers": {"req_id": "x"}, "errcode": 1e999}', '{"errcode": ' + "9" * 5000 + "}",
        '{"cmd": "aibot_event_callback", "headers": {"req_id": "x"}, "body": {"event": []}}',
        b"\xff\xfe", b'{"cmd": "\xff"}',
    ],
)  # fmt: skip
def test_no_frame_is_too_odd(raw: str | bytes) -> None:
    wire = Wire().subscribe()
    assert wire.session.receive(raw, wire.now) == []


def test_a_frame_of_fifty_megabytes_is_not_looked_at() -> None:
    wire = Wire().subscribe()
    assert wire.session.receive(_message("1", "x" * 50_000_000), wire.now) == []


@pytest.mark.parametrize("field", ["msgid", "chatid", "from", "chattype", "text", "msgtype"])
@pytest.mark.parametrize("value", [None, 7, [], {}, "", "a\nb", "x" * 300, True])
def test_no_field_is_too_odd(field: str, value: object) -> None:
    data = json.loads(_message("1"))
    data["body"][field] = value
    wire = Wire().subscribe()
    for event in wire.session.receive(json.dumps(data), wire.now):
        assert isinstance(event, Message)


def test_control_characters_inside_of_strings_occur() -> None:
    raw = _message("1", "静默@40871").replace("@", "\x01\t")
    assert isinstance(frames.parse(raw), Message)


def test_half_a_character_does_not_cost_the_frame() -> None:
    raw = _message("1", "静默 40871 @").encode().replace(b"@", b"\xe9\x9d")
    message = frames.parse(raw)
    assert isinstance(message, Message)
    assert message.text == "静默 40871 \ufffd"


@pytest.mark.parametrize("nested", [True, False])
def test_a_press_nested_or_flat(nested: bool) -> None:
    press: dict[str, Any] = {
        "event_key": "take", "task_id": "t",
        "selected_items": {"selected_item": [{"option_ids": {"option_id": ["1h"]}}]},
    }  # fmt: skip
    event: dict[str, Any] = {"eventtype": "template_card_event"}
    event |= {"template_card_event": press} if nested else press
    frame = json.loads(_message("1"))
    frame["cmd"] = "aibot_event_callback"
    frame["body"] |= {"msgtype": "event", "event": event}
    found = frames.parse(json.dumps(frame))
    assert isinstance(found, Press)
    assert (found.task_id, found.key, found.chosen) == ("t", "take", ("1h",))


def test_the_secret_is_in_the_subscription_and_nowhere_else() -> None:
    wire = Wire()
    wire.session.opened(wire.now)
    (frame,) = wire.session.outgoing()
    assert frame.count(SECRET) == 1
    assert SECRET not in repr(wire.session)
    headers = json.loads(frame)["headers"]
    assert SECRET not in repr(wire.answer({"headers": headers}, 853000))


def test_pauses_grow_and_are_never_the_same() -> None:
    backoff = Backoff(lambda: 0.5)
    assert [backoff.failed() for _ in range(8)] == [2, 4, 8, 16, 32, 64, 120, 120]
    backoff.held(600)
    assert backoff.failed() == 2
    assert [backoff.kicked() for _ in range(5)] == [300, 600, 1200, 2400, 3600]
    assert Backoff(lambda: 0.0).failed() == 1.5
    assert Backoff(lambda: 1.0).failed() == 2.5
    assert Backoff(lambda: 0.5).refused(853000) == 900
    assert Backoff(lambda: 0.5).refused(45009) == 60


def _message(number: str, text: str = "未恢复") -> str:
    body = {
        "msgid": f"m{number}", "chatid": "c", "chattype": "group", "from": {"userid": "u"},
        "msgtype": "text", "text": {"content": text},
    }  # fmt: skip
    frame = {"cmd": "aibot_msg_callback", "headers": {"req_id": f"r{number}"}, "body": body}
    return json.dumps(frame, ensure_ascii=False)
