"""The bot as a program beside a fleet of applications on one Redis: real processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.fleet import Worker
from tests.helpers.redis_server import RedisServer
from tests.helpers.support import eventually
from wecom_logging._cli import bot
from wecom_logging.simulator import Message, Simulator

#: Logs one error whenever it is told to, and delivers what may be delivered.
SHOP = """
say(ready=1)
while word := listen():
    for _ in range(10):
        log.error("payment failed")
    merge()
    say(told=handler.flush(10.0))
"""
PROCESSES = 16
#: Seconds between two subscriptions of the bots here, in place of half a minute.
SUBSCRIBE = 5.0
BOT = f"""
import sys
from wecom_logging._bot import session
session.SUBSCRIBE = {SUBSCRIBE}
from wecom_logging._bot import runner
runner.WAITING = 0.1
from wecom_logging._cli.main import main
sys.exit(main())
"""


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    redis_server.client().flushall()
    return redis_server.url


class Terminal:
    """`wecom-logging bot`, and what stands on its terminal."""

    def __init__(self, process: subprocess.Popen[str], sim: Simulator) -> None:
        self.process, self._sim = process, sim
        self.lines: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            self._sim.world.inbox.touch()

    def said(self, words: str, timeout: float = 60.0) -> str:
        self._sim.wait_until(lambda: any(words in line for line in self.lines), timeout, words)
        return next(line for line in self.lines if words in line)

    def pair(self) -> Terminal:
        code = self.said("pairing code").split()[-1]
        self.said("connected as")
        self._sim.say(f"pair {code}")
        self._sim.wait_until(lambda: said(self._sim), 20.0, "the answer to the code")
        return self


@contextmanager
def bots(sim: Simulator, store: str, number: int = 1) -> Iterator[list[Terminal]]:
    """So many of them, on hosts of their own as far as they know; the first is paired."""
    command = [sys.executable, "-u", "-c", BOT, "bot"]
    env = {**os.environ, **sim.env(), **sim.env("bot"), "WECOM_STORE": store}
    started: list[Terminal] = []
    with ExitStack() as stack:
        for n in range(number):
            process = stack.enter_context(
                subprocess.Popen(
                    [*command, *(["--pair"] if n == 0 else [])],
                    env=env,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            )
            stack.callback(process.kill)
            started.append(Terminal(process, sim))
            if n == 0:
                started[0].pair()
        yield started


def said(sim: Simulator, msgtype: str = "markdown") -> list[Message]:
    """What bots have said in chats."""
    return [each for each in sim.messages if each.source == "bot" and each.msgtype == msgtype]


def alerts(sim: Simulator) -> list[Message]:
    return [each for each in sim.messages if each.source != "bot"]


@pytest.mark.xdist_group("heavy")
def test_a_press_holds_for_sixteen_processes(
    sim: Simulator, redis_url: str, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"store": redis_url, "repeat_intervals": (0.1, 0.1)}
    with bots(sim, redis_url), ExitStack() as stack:
        workers = [Worker(SHOP, sim, n, state=tmp_path, **options) for n in range(PROCESSES)]
        for worker in workers:
            stack.callback(worker.kill)
        for worker in workers:
            worker.hear()
        for worker in workers[:2]:
            worker.go_on("log")
            assert worker.hear() == {"told": True}
        sim.wait_until(lambda: said(sim, "template_card"), 30.0, "the card")
        (card,) = said(sim, "template_card")
        store = bot.open_store({**sim.env(), "WECOM_STORE": redis_url})
        began = time.monotonic()
        sim.press(card, "silence", {"silence_for": ["1h"]})
        eventually(lambda: all(group.silenced_until for group in store.groups()))
        in_force = time.monotonic() - began
        before = len(alerts(sim))
        for worker in workers:
            worker.go_on("log")
        assert [worker.hear() for worker in workers] == [{"told": True}] * PROCESSES
        assert len(alerts(sim)) == before
        (group,) = store.groups()
        assert group.pending == 10 * PROCESSES
        print(f"in force {in_force:.3f} s after the press")
        assert in_force < 10.0  # hundredths of a second where nothing else runs


def test_three_hosts_with_a_bot_each(sim: Simulator, redis_url: str, tmp_path: Path) -> None:
    """One is heard, an act is done once; when it goes another one comes, and not too soon."""
    worker = Worker(SHOP, sim, state=tmp_path, store=redis_url)
    worker.hear()
    worker.go_on("log")
    worker.hear()
    worker.kill()
    number = re.findall(r"#(\d{5,6})", alerts(sim)[0].content)[0]
    with bots(sim, redis_url, 3) as (first, *others):
        for each in others:
            each.said("another process is the bot")
        sim.say(f"silence {number} 2h")
        first.said(f"silence #{number}")
        began = sim.calls("aibot_subscribe")[0].time
        first.process.send_signal(signal.SIGTERM)
        assert first.process.wait(10.0) == 0
        sim.wait_until(lambda: len(sim.calls("aibot_subscribe")) == 2, 60.0, "the next bot")
        assert sim.calls("aibot_subscribe")[1].time - began >= SUBSCRIBE - 0.1
        sim.wait_until(lambda: sim.world.bots.connected(sim.env("bot")["WECOM_BOT_ID"]), 20.0)
        before = len(said(sim))
        sim.say("open")
        sim.wait_until(lambda: len(said(sim)) > before, 20.0, "an answer")
        assert f"#{number}" in said(sim)[-1].content
        assert "silenced until" in said(sim)[-1].content
        lines = [line for each in others for line in each.lines]
        assert sum("connected as" in line for line in lines) == 1
        assert not any(f"silence #{number}" in line for line in lines)


def test_stopped_and_continued(sim: Simulator, redis_url: str) -> None:
    """What was written while it was stopped is answered once, on the connection that it has."""
    with bots(sim, redis_url) as (only,):
        before = len(said(sim))
        only.process.send_signal(signal.SIGSTOP)
        eventually(lambda: "T (" in Path(f"/proc/{only.process.pid}/status").read_text())
        assert sim.say("open")
        assert sim.say("help")
        only.process.send_signal(signal.SIGCONT)
        sim.wait_until(lambda: len(said(sim)) >= before + 2, 20.0, "both answers")
        assert "Nothing is open" in said(sim)[before].content
        assert sim.world.inbox.by_call["aibot_subscribe"] == 1
