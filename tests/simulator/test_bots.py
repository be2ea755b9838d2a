"""The simulated long connection: frames, checks, limits, chats and faults."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.helpers.simulator_client import Http
from wecom_logging.simulator import Bot, Chat, Clock, Fault, Simulator, SimulatorConfig
from wecom_logging.simulator.bots import Connection
from wecom_logging.simulator.world import World

CHAT = SimulatorConfig().chats[0].id
CARD: dict[str, Any] = {
    "card_type": "button_interaction",
    "main_title": {"title": "A new error"},
    "button_list": [{"text": "Take", "key": "take"}],
    "button_selection": {"question_key": "q", "option_list": [{"id": "1h", "text": "1 hour"}]},
    "task_id": "task-1",
}


class Client:
    """One connection to the bots of a world, without a wire."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.told: list[dict[str, Any]] = []
        self.closed = False
        self.connection = Connection(
            lambda frame: self.told.append(json.loads(frame)),
            lambda: setattr(self, "closed", True),
            lambda: setattr(self, "closed", True),
            world.clock.now(),
        )
        self._number = 0

    def call(self, cmd: str, req_id: str | None = None, **body: Any) -> int:
        return int(self.answer(cmd, req_id, **body)["errcode"])

    def answer(self, cmd: str, req_id: str | None = None, **body: Any) -> dict[str, Any]:
        self._number += 1
        headers = {"req_id": f"r{self._number}" if req_id is None else req_id}
        frame = {"cmd": cmd, "headers": headers, "body": body}
        answer = self.world.bots.answer(self.connection, frame)
        assert answer["headers"]["req_id"] == headers["req_id"]
        return answer

    def subscribe(self) -> Client:
        bot = self.world.config.bot
        assert self.call("aibot_subscribe", bot_id=bot.id, secret=bot.secret) == 0
        return self

    def push(self, text: str = "hello", chat: str = CHAT, **more: Any) -> int:
        return self.call(
            "aibot_send_msg", chatid=chat, msgtype="markdown", markdown={"content": text}, **more
        )

    def push_card(self, **changes: Any) -> int:
        card = {key: value for key, value in {**CARD, **changes}.items() if value is not None}
        return self.call("aibot_send_msg", chatid=CHAT, msgtype="template_card", template_card=card)

    def say(self, text: str = "hello", **where: Any) -> str:
        """Somebody writes; the req_id of the callback."""
        return self._deliver(self.world.chats.say(text, **where))

    def press(self, key: str = "take", **more: Any) -> str:
        message = self.world.inbox.messages()[-1]
        return self._deliver(self.world.chats.press(message.id, key, **more))

    def enter(self) -> str:
        return self._deliver(self.world.chats.enter())

    def _deliver(self, told: Any) -> str:
        ((connection, _, frame),) = told
        connection.send(frame)
        return str(self.told[-1]["headers"]["req_id"])


@pytest.fixture
def clock() -> Clock:
    return Clock(start=1_800_000_000.0, frozen=True)


@pytest.fixture
def client(clock: Clock) -> Client:
    return Client(World(SimulatorConfig(), clock, {})).subscribe()


def shown(client: Client) -> Any:
    return client.world.inbox.messages()[-1]


# Subscribing.


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        ({"bot_id": "x", "secret": "x"}, 93019),
        ({"bot_id": SimulatorConfig().bot.id, "secret": "x"}, 853000),
        ({}, 93019),
    ],
)
def test_a_wrong_subscription(clock: Clock, body: dict[str, str], errcode: int) -> None:
    client = Client(World(SimulatorConfig(), clock, {}))
    assert client.call("aibot_subscribe", **body) == errcode
    assert client.push() == 846609


def test_too_many_subscriptions(client: Client, clock: Clock) -> None:
    bot = client.world.config.bot
    codes = [client.call("aibot_subscribe", bot_id=bot.id, secret=bot.secret) for _ in range(6)]
    assert codes == [0, 0, 0, 0, 0, 45009]
    clock.advance(61)
    client.subscribe()


def test_the_newest_subscription_kicks_the_older_one(client: Client) -> None:
    second = Client(client.world).subscribe()
    assert client.told[-1]["body"]["event"] == {"eventtype": "disconnected_event"}
    assert client.closed
    assert client.push() == 846609
    assert second.push() == 0


def test_to_subscribe_again_kicks_nobody(client: Client) -> None:
    client.subscribe()
    assert client.told == []
    assert client.push() == 0


@pytest.mark.parametrize("req_id", ["", "x" * 257])
def test_a_wrong_req_id(client: Client, req_id: str) -> None:
    assert client.call("ping", req_id) == 846605


@pytest.mark.parametrize("frame", [None, [], 7, "x", {}, {"cmd": 7, "headers": {"req_id": "x"}}])
def test_frames_that_are_none(client: Client, frame: object) -> None:
    assert client.world.bots.answer(client.connection, frame)["errcode"] in (846605, 40058)


# Messages.


def test_what_somebody_writes_in_a_group(client: Client, clock: Clock) -> None:
    client.say("hello", quote="an alert")
    body = client.told[-1]["body"]
    assert body.pop("msgid")
    assert body == {
        "create_time": int(clock.now()),
        "aibotid": client.world.config.bot.id,
        "chatid": CHAT,
        "chattype": "group",
        "from": {"userid": "ZhangSan"},
        "msgtype": "text",
        "text": {"content": "@On-call bot hello"},
        "quote": {"msgtype": "text", "text": {"content": "an alert"}},
    }


def test_who_types_the_bots_name_has_not_said_it_twice(client: Client) -> None:
    client.say("@On-call bot hello")
    assert client.told[-1]["body"]["text"] == {"content": "@On-call bot hello"}


def test_what_somebody_writes_in_private(client: Client) -> None:
    client.say("hello", user="LiSi", chat="")
    body = client.told[-1]["body"]
    assert (body["chattype"], body["from"], body["text"]) == (
        "single", {"userid": "LiSi"}, {"content": "hello"},
    )  # fmt: skip
    assert "chatid" not in body


def test_encrypted_user_ids(clock: Clock) -> None:
    world = World(SimulatorConfig(bots=(Bot(plain_userids=False),)), clock, {})
    client = Client(world).subscribe()
    client.say("hello", chat="")
    user = client.told[-1]["body"]["from"]["userid"]
    assert user.startswith("wo")
    assert client.push(chat=user, chat_type=1) == 0
    assert shown(client).destination == "ZhangSan"


def test_an_answer_within_a_day(client: Client, clock: Clock) -> None:
    req_id = client.say()
    answer = {"msgtype": "markdown", "markdown": {"content": "x"}}
    assert client.call("aibot_respond_msg", req_id, **answer) == 0
    assert shown(client).destination == CHAT
    assert client.call("aibot_respond_msg", "of nobody", **answer) == 846605
    clock.advance(86_401)
    assert client.call("aibot_respond_msg", req_id, **answer) == 846605


def test_a_stream_is_one_message(client: Client, clock: Clock) -> None:
    req_id = client.say()

    def stream(content: str, finish: bool, name: str = "s1") -> int:
        body = {"id": name, "content": content, "finish": finish}
        return client.call("aibot_respond_msg", req_id, msgtype="stream", stream=body)

    assert [stream("a", False), stream("ab", False), stream("abc", True)] == [0, 0, 0]
    assert [m.content for m in client.world.inbox.messages() if m.source == "bot"] == ["abc"]
    assert stream("abcd", True) == 846608
    assert stream("x", False, "s2") == 0
    clock.advance(601)
    assert stream("xy", True, "s2") == 846608
    assert stream("x" * 20_481, True, "s3") == 40058


def test_pushes(client: Client) -> None:
    assert client.push() == 0
    assert client.push(chat_type=2) == 0
    assert client.push(chat_type=1) == 93006
    assert client.push(chat="wrOther") == 93006
    assert client.push(chat="ZhangSan", chat_type=1) == 93006  # has never written
    client.say(chat="")
    assert client.push(chat="zhangsan", chat_type=1) == 0
    assert client.push(chat_type=3) == 40058
    assert client.push("x" * 20_481) == 40058
    assert client.push("") == 44004
    text: dict[str, Any] = {"msgtype": "text", "text": {"content": "x"}}
    assert client.call("aibot_send_msg", chatid=CHAT, **text) == 40008


def test_a_chat_where_nobody_has_written(clock: Clock) -> None:
    world = World(SimulatorConfig(chats=(Chat(open=False),)), clock, {})
    client = Client(world).subscribe()
    assert client.push() == 93006
    client.say()
    assert client.push() == 0


def test_thirty_messages_a_minute_for_each_chat(client: Client, clock: Clock) -> None:
    client.say(chat="")
    assert [client.push() for _ in range(31)] == [0] * 30 + [45009]
    assert client.push(chat="ZhangSan") == 0
    clock.advance(61)
    assert client.push() == 0


def test_a_welcome_within_five_seconds(client: Client, clock: Clock) -> None:
    welcome = {"msgtype": "text", "text": {"content": "hello"}}
    req_id = client.enter()
    assert client.call("aibot_respond_welcome_msg", req_id, **welcome) == 0
    assert shown(client).destination == "ZhangSan"
    assert client.call("aibot_respond_welcome_msg", client.say(), **welcome) == 846605
    req_id = client.enter()
    clock.advance(6)
    assert client.call("aibot_respond_welcome_msg", req_id, **welcome) == 846605


# Cards.


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({}, 0),
        ({"card_type": "other"}, 42031),
        ({"main_title": None}, 40058),
        ({"task_id": None}, 42014),
        ({"task_id": "a b"}, 42014),
        ({"task_id": "x" * 129}, 42014),
        ({"button_list": None}, 40058),
        ({"button_list": [{"text": "x", "key": "k"}] * 7}, 40058),
        ({"button_list": [{"key": "k"}]}, 40058),
        ({"button_list": [{"text": "x", "key": "k" * 1025}]}, 40058),
        ({"button_selection": {"question_key": "q", "option_list": []}}, 40058),
        ({"button_selection": {"question_key": "q", "option_list": [{"id": "1"}] * 11}}, 40058),
        ({"horizontal_content_list": [{"keyname": "k"}] * 7}, 42035),
        ({"horizontal_content_list": [{"value": "v"}]}, 42027),
        ({"jump_list": [{"title": "j"}] * 4}, 42042),
        ({"card_type": "text_notice"}, 42045),
    ],
)
def test_the_checks_of_a_card(client: Client, changes: dict[str, Any], errcode: int) -> None:
    assert client.push_card(**changes) == errcode


def test_a_task_id_is_used_once(client: Client) -> None:
    assert [client.push_card(), client.push_card(), client.push_card(task_id="task-2")] == [
        0, 42014, 0,
    ]  # fmt: skip


def test_a_press(client: Client) -> None:
    client.push_card()
    client.press("take", selected={"q": ["1h"]}, user="LiSi")
    body = client.told[-1]["body"]
    assert body["from"] == {"userid": "LiSi"}
    assert body["chatid"] == CHAT
    assert body["event"] == {
        "eventtype": "template_card_event",
        "template_card_event": {
            "card_type": "button_interaction",
            "event_key": "take",
            "task_id": "task-1",
            "selected_items": {
                "selected_item": [{"question_key": "q", "option_ids": {"option_id": ["1h"]}}]
            },
        },
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": "other"},
        {"selected": {"q": ["2h"]}},
        {"selected": {"x": ["1h"]}},
        {"user": "Nobody"},
    ],
)
def test_what_cannot_be_pressed(client: Client, wrong: dict[str, Any]) -> None:
    client.push_card()
    with pytest.raises(ValueError, match=next(iter(wrong))):
        client.press(**wrong)


def update(client: Client, req_id: str, **changes: Any) -> int:
    card = {
        "card_type": "text_notice", "main_title": {"title": "x"}, "sub_title_text": "taken",
        "card_action": {"type": 1, "url": "https://example.com"}, "task_id": "task-1", **changes,
    }  # fmt: skip
    card = {key: value for key, value in card.items() if value is not None}
    body = {"response_type": "update_template_card", "template_card": card}
    return client.call("aibot_respond_update_msg", req_id, **body)


def test_a_card_changes_within_five_seconds_of_a_press(client: Client, clock: Clock) -> None:
    client.push_card()
    req_id = client.press()
    assert update(client, req_id, task_id="task-2") == 42014
    assert update(client, req_id, card_action=None) == 42045
    client.world.switch(bot_update_card_action="optional")
    question = {"card_type": "button_interaction", "button_list": CARD["button_list"]}
    assert update(client, req_id, card_action=None, **question) == 0
    assert update(client, req_id) == 0
    assert shown(client).content.splitlines() == ["x", "taken"]
    clock.advance(6)
    assert update(client, req_id) == 846605
    assert update(client, client.say()) == 846605


# Files.


def test_a_file_in_chunks_in_any_order_and_twice(client: Client) -> None:
    data = os.urandom(700_000)
    upload_id = begin(client, data)["body"]["upload_id"]
    for index in (1, 0, 1):
        part = base64.b64encode(data[index * 400_000 : (index + 1) * 400_000]).decode()
        body = {"upload_id": upload_id, "chunk_index": index, "base64_data": part}
        assert client.call("aibot_upload_media_chunk", **body) == 0
    done = client.answer("aibot_upload_media_finish", upload_id=upload_id)["body"]
    media: dict[str, Any] = {"msgtype": "file", "file": {"media_id": done["media_id"]}}
    assert client.call("aibot_send_msg", chatid=CHAT, **media) == 0
    assert shown(client).file.data == data


def begin(client: Client, data: bytes, **changes: Any) -> dict[str, Any]:
    body = {
        "type": "file", "filename": "a.txt", "total_size": len(data), "total_chunks": 2,
        "md5": hashlib.md5(data).hexdigest(), **changes,
    }  # fmt: skip
    return client.answer("aibot_upload_media_init", **body)


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"type": "x"}, 40005),
        ({"filename": ""}, 40058),
        ({"filename": "x" * 257}, 40058),
        ({"total_size": 4}, 40006),
        ({"total_size": 21 * 1024 * 1024}, 45001),
        ({"total_chunks": 101}, 40058),
    ],
)
def test_what_cannot_be_uploaded(client: Client, changes: dict[str, Any], errcode: int) -> None:
    assert begin(client, b"traceback", **changes)["errcode"] == errcode


def test_an_upload_that_does_not_come_to_an_end(client: Client, clock: Clock) -> None:
    upload_id = begin(client, b"traceback")["body"]["upload_id"]
    assert client.call("aibot_upload_media_finish", upload_id=upload_id) == 40058
    part = {"upload_id": upload_id, "base64_data": "eA=="}
    assert client.call("aibot_upload_media_chunk", chunk_index=2, **part) == 40058
    clock.advance(1801)
    assert client.call("aibot_upload_media_chunk", chunk_index=0, **part) == 40058


# Over a wire.


@contextmanager
def connected(sim: Simulator) -> Iterator[ClientConnection]:
    with connect(sim.bot_url, proxy=None, max_size=None) as wire:
        yield wire


def ask(wire: ClientConnection, cmd: str, **body: Any) -> Any:
    wire.send(json.dumps({"cmd": cmd, "headers": {"req_id": "r1"}, "body": body}))
    return json.loads(wire.recv(10.0))


def subscribed(sim: Simulator, wire: ClientConnection) -> None:
    bot = sim.world.config.bot
    assert ask(wire, "aibot_subscribe", bot_id=bot.id, secret=bot.secret)["errcode"] == 0


def test_on_a_socket(sim: Simulator) -> None:
    with connected(sim) as wire:
        subscribed(sim, wire)
        assert sim.say("hello")
        assert json.loads(wire.recv(10.0))["cmd"] == "aibot_msg_callback"
        wire.send("no json")
        assert json.loads(wire.recv(10.0))["errcode"] == 846605
    sim.wait_until(lambda: not sim.world.bots.connected(sim.world.config.bot.id))
    assert not sim.say("hello?")


@pytest.mark.parametrize(
    ("host", "origin"), [("evil.example", None), ("127.0.0.1", "http://evil.example")]
)
def test_pages_of_other_sites_are_refused(sim: Simulator, host: str, origin: Any) -> None:
    url = f"ws://{host}:{sim.bot_port}"
    with (
        socket.create_connection(("127.0.0.1", sim.bot_port)) as sock,
        pytest.raises(InvalidStatus, match="403"),
        connect(url, proxy=None, origin=origin, sock=sock),
    ):
        pass


def test_a_silent_connection_is_closed(sim: Simulator) -> None:
    with connected(sim) as wire:
        subscribed(sim, wire)
        sim.clock.advance(121)
        with pytest.raises(ConnectionClosed):
            wire.recv(10.0)


def test_stop_ends_connections_and_start_listens_at_the_same_place(sim: Simulator) -> None:
    port = sim.bot_port
    with connected(sim) as wire, sim.down(), pytest.raises(ConnectionClosed):
        wire.recv(10.0)
    assert sim.bot_port == port
    with connected(sim) as wire:
        subscribed(sim, wire)


@pytest.mark.parametrize(
    ("kind", "seen"),
    [
        ("kick", "disconnected_event"),
        ("reset", "closed"),
        ("outage", "closed"),
        ("hang", "closed"),
        ("garbage", "no json"),
        ("errcode", "-1"),
        ("unsubscribe", "846609"),
        ("unknown", "aibot_something_new"),
        ("half_open", "silence"),
        ("flood", "silence"),
    ],
)
def test_faults(sim: Simulator, kind: Any, seen: str) -> None:
    with connected(sim) as wire:
        subscribed(sim, wire)
        fault = Fault(kind, "aibot_send_msg", delay=0.1, errcode=-1, size=5_000_000)
        sim.faults.add(fault)
        body = {"chatid": CHAT, "msgtype": "markdown", "markdown": {"content": "x"}}
        frame = {"cmd": "aibot_send_msg", "headers": {"req_id": "r"}, "body": body}
        wire.send(json.dumps(frame))
        try:
            raw = wire.recv(1.0 if seen == "silence" else 10.0)
            told = "no json" if kind == "garbage" else str(raw)
            if kind == "flood":
                told = "silence" if len(raw) == 5_000_000 else ""
        except ConnectionClosed:
            told = "closed"
        except TimeoutError:
            told = "silence"
        assert seen in told


def test_a_frame_twice_and_an_answer_late(sim: Simulator) -> None:
    with connected(sim) as wire:
        subscribed(sim, wire)
        sim.faults.add("twice", "aibot_msg_callback", times=1)
        sim.say("hello")
        assert wire.recv(10.0) == wire.recv(10.0)
        sim.faults.add("slow", "ping", delay=60.0)
        wire.send('{"cmd": "ping", "headers": {"req_id": "r"}}')
        with pytest.raises(TimeoutError):
            wire.recv(0.3)
        sim.faults.clear()
        assert json.loads(wire.recv(10.0))["errcode"] == 0


def test_groups_are_deaf_until_a_fresh_subscription(sim: Simulator) -> None:
    sim.faults.add("deaf", "aibot_subscribe", times=1)
    with connected(sim) as wire:
        subscribed(sim, wire)
        assert not sim.say("hello")
        assert sim.say("hello", chat="")
        assert json.loads(wire.recv(10.0))["body"]["chattype"] == "single"
        subscribed(sim, wire)
        assert sim.say("hello")


def test_faults_of_http_do_not_strike_frames_nor_the_other_way_round(sim: Simulator) -> None:
    sim.faults.add("status")
    with connected(sim) as wire:
        subscribed(sim, wire)
    sim.faults.clear()
    sim.faults.add("kick")
    assert Http(sim).get("/cgi-bin/gettoken").json()["errcode"] == 41004


# Over HTTP.


def test_people_over_http(sim: Simulator) -> None:
    http = Http(sim)

    def post(path: str, **body: Any) -> Any:
        return http.request("POST", f"/_simulator/{path}", json=body)

    assert post("say", text="hello").json() == {"told": False}
    with connected(sim) as wire:
        subscribed(sim, wire)
        card = {"chatid": CHAT, "msgtype": "template_card", "template_card": CARD}
        assert ask(wire, "aibot_send_msg", **card)["errcode"] == 0
        number = sim.messages[-1].id
        assert post("press", message=number, key="take", user="LiSi").json() == {"told": True}
        assert "template_card_event" in str(wire.recv(10.0))
        assert post("enter", user="LiSi").json() == {"told": True}
    for path, body in (
        ("say", {}),
        ("say", {"text": "x", "user": "Nobody"}),
        ("say", {"text": "x", "chat": "wrOther"}),
        ("say", {"text": "x", "more": "y"}),
        ("press", {"message": number, "key": "other"}),
        ("press", {"message": "1", "key": "take"}),
        ("press", {"message": number, "key": "take", "selected": []}),
    ):
        assert post(path, **body).status_code == 400
    assert http.get("/_simulator/env/bot").json() == sim.env("bot")
    state = http.get("/_simulator/state").json()
    assert state["bots"][0]["name"] == "On-call bot"
    assert state["counts"]["delivered"] == 1  # what people write is counted nowhere


def test_its_lines_point_a_bot_at_it(sim: Simulator) -> None:
    from wecom_logging.simulator.server import _greeting

    text = _greeting(sim)
    assert f"export WECOM_BOT_URL=ws://127.0.0.1:{sim.bot_port}\n" in text
    for name in ("WECOM_BOT_ID", "WECOM_BOT_SECRET", "WECOM_BOT_CHATID"):
        assert f"export {name}={sim.env('bot')[name]}\n" in text
    assert "(WECOM_BOT_CHATID is its group" in text  # the only one that no program of ours reads
