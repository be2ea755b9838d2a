"""The bot on a real connection, against the simulator."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pytest
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from tests.helpers.bot_store import FakeStore
from tests.helpers.support import eventually
from wecom_logging._bot import runner
from wecom_logging._bot.backoff import Backoff
from wecom_logging._bot.bot import Bot
from wecom_logging._bot.pairing import Chat, Pairings, Scope
from wecom_logging._bot.runner import Runner
from wecom_logging._bot.status import find
from wecom_logging._bot.users import Users
from wecom_logging._model.secret import Secret
from wecom_logging.simulator import Fault, Simulator

Start = Callable[..., "Running"]


class Running:
    """A bot on a thread of its own."""

    def __init__(self, sim: Simulator, store: FakeStore, users: str = "", **env: str) -> None:
        self.sim = sim
        self.store = store
        self.lines: list[str] = []
        #: Seconds by which its clock, and the store's, is ahead.
        self.ahead = 0.0
        clock = store.clock
        store.clock = lambda: clock() + self.ahead
        env = {**sim.env("bot"), **env}
        bot = Bot(
            store, Users.parse(users), chinese=True, zone=ZoneInfo("Asia/Shanghai"), say=self.say
        )
        self.runner = Runner(
            env["WECOM_BOT_URL"],
            env["WECOM_BOT_ID"],
            Secret(env["WECOM_BOT_SECRET"]),
            bot,
            store,
            self.say,
            backoff=Backoff(lambda: 0.0),
            monotonic=lambda: time.monotonic() + self.ahead,
        )
        self.thread = threading.Thread(target=self.runner.run, daemon=True)
        self.thread.start()

    def say(self, line: str) -> None:
        self.lines.append(line)
        self.sim.world.inbox.touch()

    def said(self, words: str, timeout: float = 20.0) -> None:
        self.sim.wait_until(lambda: any(words in line for line in self.lines), timeout, words)

    def answer(self, text: str, **where: Any) -> str:
        """What is answered to somebody who writes this."""
        before = len(self.sim.messages)
        assert self.sim.say(text, **where)
        self.sim.wait_until(lambda: len(self.sim.messages) > before, 20.0, f"an answer to {text}")
        return self.sim.messages[before].content

    def stop(self) -> None:
        self.runner.stop()
        self.thread.join(8.0)  # an answer is waited for 10 s


@pytest.fixture
def store(sim: Simulator) -> FakeStore:
    store = FakeStore(sim.clock.now)
    Pairings(store).add(Chat(sim.world.config.chats[0].id, Scope(), "On-call bot"))
    store.add("40871")
    return store


@pytest.fixture
def start(sim: Simulator, store: FakeStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    made: list[Running] = []
    # A clock that is moved is seen at the next look.
    monkeypatch.setattr(runner, "WAITING", 0.05)
    monkeypatch.setattr(runner, "HOLDING", 0.05)

    def start(**options: Any) -> Running:
        made.append(Running(sim, store, **options))
        return made[-1]

    yield start
    for each in made:
        each.stop()
        assert not each.thread.is_alive()


def _state(store: FakeStore) -> str:
    found = find(store, socket.gethostname())
    return found.state if found else ""


def test_a_command_and_its_answer(start: Start, store: FakeStore) -> None:
    bot = start()
    bot.said("connected as")
    assert bot.answer("静默 40871 2h").startswith("ZhangSan 静默 #40871 ConnectTimeout，至 ")
    assert store.all["40871"].silenced_by == "ZhangSan"


def test_a_card_its_press_and_its_fact(start: Start, sim: Simulator, store: FakeStore) -> None:
    bot = start(users="ZhangSan=张三")
    bot.said("connected as")
    store.add("40871", news_at=sim.clock.now())
    (card,) = sim.wait_for(1, 20.0)
    assert sim.press(card, "silence", {"silence_for": ["24h"]})
    sim.wait_until(lambda: sim.messages[0].shown["card_type"] == "text_notice")
    assert sim.messages[0].shown["sub_title_text"].startswith("张三 ")
    (act,) = store.acts
    assert act.until is not None
    assert 86_000 < act.until - sim.clock.now() <= 86_400


def test_a_long_report_is_a_file_of_several_chunks(
    start: Start, sim: Simulator, store: FakeStore
) -> None:
    report = "\n".join(f"line {number} {'x' * 400}" for number in range(3000))
    store.details["40871"] = report
    bot = start(users="ZhangSan=张三")
    bot.said("connected as")
    bot.answer("help", chat="")  # writes in private, so that it may be written to
    bot.answer("40871")
    # What it answers may come after it.
    sim.wait_until(lambda: any(message.file for message in sim.messages), 20.0)
    (file,) = (message.file for message in sim.messages if message.file)
    assert (file.name, file.data.decode()) == ("40871.txt", report)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "unsubscribe", "call": "aibot_respond_msg"},
        {"kind": "twice", "call": "aibot_msg_callback"},
        {"kind": "garbage", "call": "aibot_respond_msg"},
        {"kind": "unknown", "call": "aibot_msg_callback"},
        {"kind": "slow", "call": "aibot_respond_msg", "delay": 0.5},
        {"kind": "errcode", "call": "aibot_respond_msg", "errcode": -1},
    ],
)
def test_an_act_is_done_once_and_said(
    start: Start, sim: Simulator, store: FakeStore, fault: dict[str, Any]
) -> None:
    bot = start()
    bot.said("connected as")
    sim.faults.add(Fault(**fault, times=1))
    bot.ahead += 31.0  # it may subscribe again
    assert sim.say("静默 40871 2h")
    if fault["kind"] == "garbage":  # the answer to its answer is lost
        eventually(lambda: store.acts)
        bot.ahead += 11.0
    (said,) = sim.wait_for(1, 20.0)
    assert "静默 #40871" in said.content
    assert len(store.acts) == 1


@pytest.mark.parametrize("kind", ["reset", "flood"])
def test_it_comes_back(start: Start, sim: Simulator, kind: Literal["reset", "flood"]) -> None:
    bot = start()
    bot.said("connected as")
    bot.ahead += 31.0
    sim.faults.add(kind, "aibot_msg_callback", times=1, size=50_000_000)
    sim.say("未恢复")
    bot.said("WeCom has " + ("sent what cannot be taken" if kind == "flood" else "closed the"))
    bot.lines.clear()
    bot.said("connected as")
    assert "#40871" in bot.answer("未恢复")


def test_a_frame_that_is_no_text_does_not_end_the_connection(store: FakeStore) -> None:
    ended = threading.Event()

    def wecom(connection: ServerConnection) -> None:
        headers = json.loads(connection.recv())["headers"]
        connection.send(json.dumps({"headers": headers, "errcode": 0}))
        connection.send(b"\xff\xfe", text=True)
        assert ended.wait(20.0)

    lines: list[str] = []
    with serve(wecom, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        bot = Bot(store, Users.parse(""))
        runner = Runner(url, "bot-1", Secret("secret"), bot, store, lines.append)
        thread = threading.Thread(target=runner.run, daemon=True)
        thread.start()
        session = runner._core.session
        eventually(lambda: session.ignored == 1)
        assert (session.subscribed, lines) == (True, ["connected as bot-1"])
        runner.stop()
        thread.join(5.0)
        ended.set()


def test_half_open_is_noticed(start: Start, sim: Simulator) -> None:
    bot = start()
    bot.said("connected as")
    sim.faults.add("half_open", "ping", times=1)
    session = bot.runner._core.session
    bot.ahead += 30.0
    eventually(lambda: session._missed == 1)
    bot.ahead += 30.0
    eventually(lambda: session._missed == 2)
    bot.ahead += 30.0
    bot.said("does not answer any more")


def test_kicked_it_waits_for_minutes(start: Start, sim: Simulator, store: FakeStore) -> None:
    bot = start()
    bot.said("connected as")
    sim.faults.add("kick", "aibot_msg_callback", times=1)
    sim.say("未恢复")
    bot.said("another client of this bot has taken the connection over; next try in 225 s")
    eventually(lambda: _state(store) == "not connected")
    assert sim.world.inbox.by_call["aibot_subscribe"] == 1


def test_a_second_process_waits_for_the_first(start: Start, sim: Simulator) -> None:
    first, second = start(), start()
    first.said("connected as")
    second.said("another process is the bot")
    first.stop()
    second.said("has subscribed in the last 30 s")
    second.ahead += 31.0
    second.said("connected as")
    sim.wait_until(lambda: sim.world.inbox.by_call["aibot_subscribe"] == 2)


def test_a_wrong_secret_is_said_and_not_tried_again(start: Start, sim: Simulator) -> None:
    bot = start(WECOM_BOT_SECRET="wrong-secret-of-a-test")
    bot.said("WECOM_BOT_SECRET (errcode 853000); next try in 675 s")
    assert "wrong-secret-of-a-test" not in "\n".join(bot.lines)


def test_nobody_there(start: Start, sim: Simulator) -> None:
    with sim.down():
        bot = start()
        bot.said("no connection: Connection refused")
    bot.said("connected as")


def test_wecom_away_for_an_hour(start: Start, sim: Simulator, store: FakeStore) -> None:
    """It tries seldom and comes back, once; what is new meanwhile is on one card."""
    bot = start()
    bot.said("connected as")
    with sim.down():
        bot.said("WeCom has closed the connection")
        store.add("52210", news_at=store.clock() + 600.0)
        while bot.ahead < 3600.0:
            bot.lines.clear()
            bot.ahead += 600.0
            bot.said("no connection")
        # 2, 4 … 120 seconds, less a quarter: jitter.
        assert "next try in 90 s" in bot.lines[-1]
    bot.lines.clear()
    bot.ahead += 120.0
    bot.said("connected as")
    (card,) = sim.wait_for(1, 20.0)
    assert [row["keyname"] for row in card.shown["horizontal_content_list"]] == ["52210"]
    assert "#52210" in bot.answer("未恢复")
    assert sim.world.inbox.by_call["aibot_subscribe"] == 2


def test_stopped_for_a_minute_and_continued(start: Start, sim: Simulator) -> None:
    """The connection has held: it goes on, and is still the one."""
    bot = start()
    bot.said("connected as")
    bot.ahead += 60.0
    assert "#40871" in bot.answer("未恢复")
    assert sim.world.inbox.by_call["aibot_subscribe"] == 1
    assert len([line for line in bot.lines if "next try" in line]) == 0


def test_a_process_that_follows_another_one_at_once(start: Start, sim: Simulator) -> None:
    """Whoever it is: at most one subscription in 30 seconds."""
    first = start()
    first.said("connected as")
    first.stop()
    again = start()
    again.said("has subscribed in the last 30 s")
    assert sim.world.inbox.by_call["aibot_subscribe"] == 1
    again.ahead += 31.0
    again.said("connected as")


def test_connecting_does_not_shorten_the_time_between_two_subscriptions(
    start: Start, sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    running: list[Running] = []

    def slow(*args: Any, **options: Any) -> Any:
        eventually(lambda: running)
        running[0].ahead += 29.0
        return connect(*args, **options)

    with monkeypatch.context() as context:
        context.setattr(runner, "connect", slow)
        running.append(start())
        running[0].said("connected as")
    running[0].stop()
    running[0].ahead += 2.0
    again = start()
    again.said("has subscribed in the last 30 s")
    assert sim.world.inbox.by_call["aibot_subscribe"] == 1


def test_stop_is_at_once(start: Start) -> None:
    bot = start()
    bot.said("connected as")
    bot.stop()
    assert not bot.thread.is_alive()


def test_the_secret_is_in_no_log_line(
    start: Start, sim: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        bot = start()
        bot.said("connected as")
        bot.answer("未恢复")
        secret = sim.env("bot")["WECOM_BOT_SECRET"]
        assert secret not in caplog.text
        assert secret not in "\n".join(bot.lines)
        assert secret not in repr(vars(bot.runner))


def test_a_proxy_password_is_in_no_line(
    start: Start, sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("http_proxy", "http://user:proxy-password@127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://user:proxy-password@127.0.0.1:9")
    bot = start(WECOM_BOT_URL="wss://wecom.invalid")
    bot.said("no connection")
    assert "proxy-password" not in "\n".join(bot.lines)


def test_nothing_of_it_is_loaded_without_being_asked_for() -> None:
    program = "import sys, wecom_logging; sys.exit('websockets' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], env=dict(os.environ)).returncode == 0


def test_a_bot_that_has_lost_its_lease_lets_go(start: Start, store: FakeStore) -> None:
    """It was stopped for too long, say, and another host has taken over."""
    bot = start()
    bot.said("connected as")
    (key,) = (each for each in store.leases if "lease" in each)
    store.leases[key] = ("another host", store.clock() + 60.0)
    bot.ahead += 16.0
    bot.said("another process has become the bot")
    bot.said("waiting to take over")


def test_the_store_away_does_not_end_the_connection(start: Start, store: FakeStore) -> None:
    bot = start()
    bot.said("connected as")
    store.away = True
    bot.ahead += 16.0
    bot.said("the store is away, waiting for it")
    assert "暂时连不上存储" in bot.answer("未恢复")
    store.away = False
    assert "#40871" in bot.answer("未恢复")


def test_groups_that_are_not_heard_after_a_reconnect(start: Start, sim: Simulator) -> None:
    """WeCom says nothing about it; a fresh subscription a minute later brings them back."""
    bot = start()
    bot.said("connected as")
    bot.ahead += 31.0
    sim.faults.add("reset", "aibot_msg_callback", times=1)
    sim.faults.add("deaf", "aibot_subscribe", times=1)
    sim.say("未恢复")
    bot.said("next try in")
    bot.lines.clear()
    bot.said("connected as")
    assert not sim.say("未恢复")
    before = sim.world.inbox.by_call["aibot_subscribe"]
    bot.ahead += 61.0
    sim.wait_until(lambda: sim.world.inbox.by_call["aibot_subscribe"] > before)
    assert "#40871" in bot.answer("未恢复")
