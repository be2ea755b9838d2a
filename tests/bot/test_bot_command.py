"""The command `bot`: settings, pairing, checks, and its end."""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.helpers.bot_store import FakeStore
from wecom_logging._bot.pairing import Chat, Pairings, Scope
from wecom_logging._cli import CommandError, bot
from wecom_logging._stores.protocol import StoreError
from wecom_logging.errors import ConfigurationError
from wecom_logging.simulator import Simulator

PROGRAM = "tests.helpers.bot_program"
ROOT = Path(__file__).parents[2]
SECRET = "bot-secret-of-a-test-opens-nothing"
ENV = {"WECOM_BOT_ID": "bot-1", "WECOM_BOT_SECRET": SECRET}


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> FakeStore:
    store = FakeStore(time.time)
    monkeypatch.setattr(bot, "open_store", lambda environ, make=False: store)
    return store


def call(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    bot.register(parser.add_subparsers())
    args = parser.parse_args(["bot", *arguments])
    status: int = args.run(args)
    return status


@contextmanager
def started(sim: Simulator, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    env = {**os.environ, **sim.env("bot"), "WECOM_LANGUAGE": "zh"}
    command = [sys.executable, "-u", "-m", PROGRAM, *arguments]
    with subprocess.Popen(command, env=env, cwd=ROOT, stdout=subprocess.PIPE, text=True) as program:
        try:
            yield program
        finally:
            program.kill()


def line_with(program: subprocess.Popen[str], words: str) -> str:
    assert program.stdout is not None
    return next(line for line in program.stdout if words in line)


def test_from_the_code_to_the_first_answer(sim: Simulator) -> None:
    with started(sim, "--pair", "--app", "pay") as program:
        found = re.fullmatch(r"pairing code: (\d{6})\n", line_with(program, "pairing code"))
        assert found
        line = line_with(program, found[1])  # to be pasted behind a mention
        assert line == f"pair {found[1]}   (绑定 {found[1]})\n"
        line_with(program, "connected as")
        sim.say(f"绑定 {found[1]}")
        assert "已绑定：pay" in sim.wait_for(1, 20.0)[0].content
        sim.say("静默 40871 2h")
        assert "静默 #40871" in sim.wait_for(2, 20.0)[1].content
        assert "silence #40871" in line_with(program, "silence")
        command = Path(f"/proc/{program.pid}/cmdline").read_bytes().decode()
        assert sim.env("bot")["WECOM_BOT_SECRET"] not in command


def test_the_bot_may_be_there_before_the_first_error(sim: Simulator, tmp_path: Path) -> None:
    """It makes the store that the application will use; to ask for something makes none."""
    file = tmp_path / "state" / "store.db"
    env = {**sim.env(), **sim.env("bot"), "WECOM_STORE": f"sqlite:///{file}"}
    with pytest.raises(StoreError, match="is not there"):
        bot.open_store(env)
    store = bot.open_store(env, make=True)
    Pairings(store).add(Chat("wr1", Scope()))
    assert (list(store.groups()), store.written()) == ([], None)
    assert [each.id for each in Pairings(bot.open_store(env)).chats()] == ["wr1"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("connected", [True, False])
def test_it_ends_at_once(sim: Simulator, number: signal.Signals, connected: bool) -> None:
    if not connected:
        sim.stop()
    with started(sim) as program:
        line_with(program, "connected as" if connected else "no connection")
        program.send_signal(number)
        assert program.wait(20.0) == 0


def test_it_ends_whatever_it_is_in_the_middle_of() -> None:
    """A signal's handler that takes a lock waits for good for what it has interrupted."""
    program = """
        import signal, sys, threading
        from wecom_logging._cli import bot
        class Runner:
            def __init__(self): self.stopped = threading.Event()
            def run(self): self.stopped.wait(0.5)
            def stop(self): self.stopped.set()
        def trace(frame, event, arg):
            global line
            if frame.f_code.co_filename != threading.__file__:
                return None
            if event == "line" and signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
                line += 1
                if line == interrupted:
                    signal.raise_signal(signal.SIGTERM)
            return trace
        line, interrupted = 0, 0
        bot.made = lambda *_: Runner()
        while line >= interrupted:  # each line of `threading` in turn, up to the wait
            line, interrupted = 0, interrupted + 1
            sys.settrace(trace)
            bot.hold(None, None)
            sys.settrace(None)
        """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=30.0, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("stopped") > 10


def test_ctrl_c_is_not_for_one_in_the_background() -> None:
    """A script's shell has what it starts with `&` ignore it."""
    program = """
        import os, signal, threading
        from wecom_logging._cli import bot
        later = threading.Event()
        class Runner:
            def run(self):
                os.kill(os.getpid(), signal.SIGINT)
                os.kill(os.getpid(), signal.SIGUSR1)  # whose number is higher: it is heard later
                assert later.wait(20)
            def stop(self): pass
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGUSR1, lambda *_: later.set())
        bot.made = lambda *_: Runner()
        print("ended by itself:", bot.hold(None, None))
        """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=30.0, check=False
    )
    assert "ended by itself: 1" in done.stdout, done.stderr


def test_check(
    sim: Simulator, store: FakeStore, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for name, value in sim.env("bot").items():
        monkeypatch.setenv(name, value)
    assert call("--check") == 1
    assert "✔ id and secret\n✘ no chat is paired" in capsys.readouterr().out
    Pairings(store).add(Chat("wr1", Scope(("pay",)), by="wo" + "x" * 30))
    assert call("--check") == 0
    out = capsys.readouterr().out
    assert "✔ paired with a chat" in out
    assert "user ids come encrypted" in out
    monkeypatch.setenv("WECOM_BOT_USERS", "zhangsan=张三")
    assert call("--check") == 1
    assert "nobody of WECOM_BOT_USERS" in capsys.readouterr().out
    monkeypatch.setenv("WECOM_BOT_SECRET", "wrong")
    assert call("--check") == 1
    assert "errcode 853000" in capsys.readouterr().out


def test_check_takes_no_connection_from_a_bot_that_runs(
    sim: Simulator, store: FakeStore, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for name, value in sim.env("bot").items():
        monkeypatch.setenv(name, value)
    store.hold(f"bot lease {sim.env('bot')['WECOM_BOT_ID']}", "somebody", 60.0)
    call("--check")
    assert "not tried" in capsys.readouterr().out
    assert sim.calls() == []


def test_chats_and_remove(store: FakeStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--chats") == 0
    assert "No chat is paired" in capsys.readouterr().out
    Pairings(store).add(Chat("wr1", Scope(("pay",), ("prod",)), "静默 助手\x1b[31m", "zhangsan"))
    call("--chats")
    out = capsys.readouterr().out
    assert out.startswith("wr1 pay prod @静默 助手 paired by zhangsan ")
    assert "\x1b" not in out
    assert call("--remove", "wr1") == 0
    with pytest.raises(CommandError, match="wr1"):
        call("--remove", "wr1")


def test_status(sim: Simulator, store: FakeStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--status") == 1
    found = bot.settings({**sim.env("bot")})
    runner = bot.made(found, store)
    runner._tell("connected")
    assert call("--status") == 0
    assert "\nconnected, process" in capsys.readouterr().out
    assert runner._is_mine()
    assert call("--status") == 0
    assert capsys.readouterr().out.startswith("not connected, process")
    runner._tell("stopped")
    assert call("--status") == 1


def test_the_store_away(store: FakeStore) -> None:
    store.away = True
    with pytest.raises(CommandError, match="cannot be reached"):
        call("--chats")
    with pytest.raises(StoreError):
        store.groups()


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"WECOM_BOT_ID": ""}, "WECOM_BOT_ID"),
        ({"WECOM_BOT_SECRET": ""}, "WECOM_BOT_SECRET"),
        ({"WECOM_BOT_SECRET_FILE": "/nowhere"}, "both set"),
        ({"WECOM_BOT_SECRET": "", "WECOM_BOT_SECRET_FILE": "/nowhere"}, "cannot read"),
        ({"WECOM_BOT_SECRET": f"{SECRET} x"}, "one word"),
        ({"WECOM_BOT_URL": "https://wecom"}, "wss://host"),
        ({"WECOM_BOT_URL": f"wss://user:{SECRET}@wecom"}, "wss://host"),
        ({"WECOM_BOT_CARDS": "all"}, "WECOM_BOT_CARDS"),
        ({"WECOM_TIMEZONE": "Nowhere/Town"}, "WECOM_TIMEZONE"),
        ({"WECOM_LANGUAGE": "fr"}, "WECOM_LANGUAGE"),
    ],
)
def test_what_is_wrong_is_named_and_the_secret_is_not(change: dict[str, str], rule: str) -> None:
    with pytest.raises(ConfigurationError, match=rule) as caught:
        bot.settings({**ENV, **change})
    assert SECRET not in str(caught.value)


def test_the_secret_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    found = bot.settings({"WECOM_BOT_ID": "bot-1", "WECOM_BOT_SECRET_FILE": str(file)})
    assert found.secret.value == SECRET
    assert SECRET not in repr(found)


def test_an_address_that_is_not_encrypted_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    bot.settings({**ENV, "WECOM_BOT_URL": "ws://wecom.example"})
    assert "not encrypted" in capsys.readouterr().out
    bot.settings({**ENV, "WECOM_BOT_URL": "ws://127.0.0.1:1"})
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("written", ["zhangsan,zhangsan=x", "=张三", "a,,=b"])
def test_users_written_wrongly(written: str) -> None:
    from wecom_logging._bot.users import Users

    with pytest.raises(ConfigurationError, match="WECOM_BOT_USERS"):
        Users.parse(written)


def test_stopped_in_the_middle_of_a_press_and_continued(sim: Simulator) -> None:
    """The press is acted upon once, and told although the card cannot be changed any more."""
    with started(sim, "--pair") as program:
        code = line_with(program, "pairing code").split()[-1]
        line_with(program, "connected as")
        sim.say(f"绑定 {code}")
        sim.wait_for(1, 20.0)
        sim.say("open")  # from then on there is news
        card = sim.wait_for(3, 20.0)[-1]
        assert card.shown["card_type"] == "button_interaction"
        program.send_signal(signal.SIGSTOP)
        assert sim.press(card, "take")
        sim.clock.advance(6.0)
        program.send_signal(signal.SIGCONT)
        told = sim.wait_for(4, 20.0)[-1]
        assert re.fullmatch(r"#40871 ZhangSan \d\d:\d\d 接手", told.content)
        assert sim.messages[2].shown["card_type"] == "button_interaction"
        assert "take #40871" in line_with(program, "take")
