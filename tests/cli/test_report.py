"""`wecom-logging report`, and how the commands find a store."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_oncall import Program, listed, look, path, run
from tests.helpers.store_kits import event, identity
from wecom_logging._cli.report import PATIENCE
from wecom_logging._senders.robot import WebhookSender
from wecom_logging._stores import leases, location
from wecom_logging._stores.protocol import Asker, Batch, Claim, Entry, Rules
from wecom_logging._stores.sqlite import SQLiteStore
from wecom_logging.simulator import Simulator

__all__ = ["path"]  # a fixture


@pytest.fixture(params=["robot", "app"])
def shop(
    request: pytest.FixtureRequest, sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> SQLiteStore:
    """The store of an app, and an environment that leads to it."""
    from wecom_logging._cli.destination import Setup

    path = tmp_path / "store.db"
    env = {**sim.env(request.param), "WECOM_STORE": f"sqlite:///{path}", "WECOM_APP": "shop"}
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    destination = Setup.of_environment(env).sender.destination
    return begun(SQLiteStore(str(path), destination, "shop", "", Rules(release="2.3.1")))


def begun(store: SQLiteStore) -> SQLiteStore:
    """Three errors are told, and three more pending."""
    entry = Entry(identity("Timeout"), 3, (event("x"),))
    claim, _ = store.claim(Asker("web-1/1/a", "flush"), Batch("web-1/1/a", 1, (entry,)))
    assert isinstance(claim, Claim)
    store.settle(claim.id)
    store.merge(Batch("web-1/1/a", 2, (entry,)))
    return store


def texts(sim: Simulator) -> list[str]:
    return [message.content for message in sim.messages if message.msgtype == "text"]


def test_for_people(shop: SQLiteStore, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "report")
    first, *_, last = out.splitlines()
    assert status == 0
    assert first.startswith("📋 shop · 6 errors, 1 kind · ")
    assert "3 not told yet" in out
    assert "Timeout ×6 · shop.py Timeout · in 2.3.1" in out
    assert "store.db · last written to " in last


def test_for_programs(shop: SQLiteStore, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "report", "--json", "--hours", "3")
    (found,) = json.loads(out)
    assert (status, found["errors"], found["kinds"], found["pending"]) == (0, 6, 1, 3)
    assert len(found["hours"]) == 4
    assert found["new"][0]["type"] == "Timeout"
    assert datetime.fromisoformat(found["until"]).timestamp() == pytest.approx(time.time(), abs=60)


def test_it_is_sent_within_the_budget(
    shop: SQLiteStore, sim: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(capsys, "report", "--send", "--every", "1d")
    assert (status, out, err) == (0, "", "")
    (sent,) = texts(sim)
    assert sent.startswith("📋 shop · 6 errors")
    assert "next report: " in sent
    # Of nine that files may take in a minute one was for the alert, and one for the report.
    assert [type(shop.take_slot()) for _ in range(9)] == [str] * 7 + [float, float]
    said = run(capsys, "report")[1]
    assert "next report: " in said


def test_without_a_slot_it_does_not_come(
    shop: SQLiteStore, sim: Simulator, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    for _ in range(8):
        assert isinstance(shop.take_slot(), str)
    monkeypatch.setattr("wecom_logging._cli.report.PATIENCE", 1.0)
    status, _, err = run(capsys, "report", "--send")
    assert status == 1
    assert "the rate limit has no room" in err
    assert err.count("\n") == 1
    assert texts(sim) == []
    assert PATIENCE > 60.0


def test_one_that_was_refused_is_an_error(
    shop: SQLiteStore, sim: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    sim.faults.add("errcode", errcode=45009)
    status, _, err = run(capsys, "report", "--send")
    assert status == 1
    assert "45009" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--hours", "25"), "--hours"),
        (("--hours", "0"), "--hours"),
        (("--every", "soon"), "--every: 'soon' is no time"),
        (("--every", "until 9:00"), "--every: 'until 9:00' is not how long"),
        (("--every", "0s"), "--every: '0s' is not how long"),
        (("--app", "no_such_module_here"), "the path of a module, as in shop.main:app"),
    ],
)
def test_trouble_with_what_was_asked_for(
    shop: SQLiteStore, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], said: str
) -> None:
    status, out, err = run(capsys, "report", *argv)
    assert (status, out) == (1, "")
    assert said in err
    assert err.count("\n") == 1


def test_a_dead_token_is_fetched_anew(
    sim: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    shop_ = {**sim.env("app"), "WECOM_STORE": f"sqlite:///{tmp_path}/store.db", "WECOM_APP": "shop"}
    for name, value in shop_.items():
        monkeypatch.setenv(name, value)
    from wecom_logging._cli.destination import Setup

    destination = Setup.of_environment(shop_).sender.destination
    begun(SQLiteStore(f"{tmp_path}/store.db", destination, "shop", "", Rules()))
    monkeypatch.setattr(leases, "SPACING", 0.1)
    sim.faults.add("dead_token", "message/send", times=1, errcode=42001)
    assert run(capsys, "report", "--send")[0] == 0
    assert len(texts(sim)) == 1


def test_a_store_of_which_nobody_has_heard(
    shop: SQLiteStore, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("WECOM_STORE", f"sqlite:///{tmp_path}/other.db")
    status, _, err = run(capsys, "report", "--send")
    assert status == 1
    assert "other.db is not there" in err
    SQLiteStore(f"{tmp_path}/other.db", "x", "shop", "", Rules()).account("web-1/1/a")
    status, _, err = run(capsys, "report", "--send")
    assert status == 1
    assert "has never seen an error: this may not be the store that the application uses" in err
    status, out, _ = run(capsys, "groups")
    assert (status, out.count("\n")) == (0, 1)
    assert "has never seen an error" in out


def test_a_store_that_is_away_is_one_line(
    shop: SQLiteStore, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setenv("WECOM_STORE", "redis://:secret@127.0.0.1:1/0")
    for command in (("report",), ("groups",), ("silence", "40871", "1h"), ("undo",)):
        status, out, err = run(capsys, *command)
        assert (status, out, err.count("\n")) == (1, "", 1), command
        assert err.startswith("wecom-logging: the store: ")
        assert "secret" not in err


@pytest.mark.parametrize("inside", [False, True])
def test_a_container_is_said(
    shop: SQLiteStore, capsys: pytest.CaptureFixture[str], monkeypatch: Any, inside: bool
) -> None:
    monkeypatch.setattr(location, "in_container", lambda: inside)
    assert ("this is a container" in run(capsys, "groups")[1]) is inside
    monkeypatch.setenv("WECOM_STORE", "sqlite:////nowhere/at/all.db")
    assert ("this is a container" in run(capsys, "groups")[2]) is inside


def test_how_a_container_is_known(tmp_path: Path) -> None:
    assert not location.in_container(str(tmp_path))
    (tmp_path / ".dockerenv").touch()
    assert location.in_container(str(tmp_path))


# -- the store of a program --------------------------------------------------------------------


@pytest.fixture
def program(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SQLiteStore]:
    """A module `shop_settings` with a logging configuration, and no environment that helps."""
    key = sim.env("robot")["WECOM_WEBHOOK_KEY"]
    handler = {
        "class": "wecom_logging.WeComHandler", "webhook_key": key,
        "api_base": sim.env("robot")["WECOM_API_BASE"], "app": "pay", "environment": "prod",
        "store": f"sqlite:///{tmp_path}/pay.db", "language": "zh",
    }  # fmt: skip
    (tmp_path / "shop_settings.py").write_text(
        "print('loaded')\n"
        f"LOGGING = {{'version': 1, 'disable_existing_loggers': False,"
        f" 'handlers': {{'wecom': {handler!r}}}, 'root': {{'handlers': ['wecom']}}}}\n"
        "NOTHING = {'version': 1, 'disable_existing_loggers': False}\n"
    )
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    before = list(root.handlers)
    store = SQLiteStore(
        f"{tmp_path}/pay.db",
        WebhookSender.from_env(sim.env("robot")).destination,
        "pay",
        "prod",
        Rules(),
    )
    yield begun(store)
    for handler_ in [each for each in root.handlers if each not in before]:
        root.removeHandler(handler_)
        handler_.close()
    root.handlers = before
    sys.modules.pop("shop_settings", None)


def test_the_store_of_a_program(
    program: SQLiteStore, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    status, out, err = run(capsys, "groups", "--json", "--app", "shop_settings:LOGGING")
    assert (status, [group["app"] for group in json.loads(out)]) == (0, ["pay"]), err
    (group,) = json.loads(out)
    assert run(capsys, "take", group["id"], "--app", "shop_settings:LOGGING")[0] == 0
    status, out, _ = run(capsys, "report", "--app", "shop_settings:LOGGING")
    assert "新出现 1 类" in out
    assert "接手" in out
    status, out, _ = run(capsys, "quiet", "30m", "--app", "shop_settings:LOGGING")
    assert (status, out.startswith("pay prod is quiet until")) == (0, True)


def test_a_program_without_a_handler(program: SQLiteStore, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "wecom_logging", "groups", "--app", "shop_settings:NOTHING"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "has a WeComHandler that is on" in ended.stderr


# -- releases ----------------------------------------------------------------------------------


def test_silence_until_a_release(
    shop: SQLiteStore, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    (group,) = listed(capsys)
    number = group["id"]
    assert (group["first_release"], group["last_release"]) == ("2.3.1", "2.3.1")
    status, _, err = run(capsys, "silence", number, "--until-release")
    assert status == 1
    assert "needs a --reason" in err
    with caplog.at_level(logging.INFO, "wecom_logging.audit"):
        status, out, _ = run(capsys, "silence", number, "--until-release", "--reason", "fixed")
    assert (status, out.startswith(f"#{number} silenced until the next release, ")) == (0, True)
    assert "until='the next release'" in caplog.records[-1].getMessage()
    (group,) = listed(capsys)
    assert (group["state"], group["until_release"]) == ("silenced", True)
    assert "silenced until the next release, " in run(capsys, "groups")[1]
    assert run(capsys, "undo")[0] == 0
    assert run(capsys, "silence", number, "12h", "--until-release")[0] == 0
    status, _, err = run(capsys, "silence", number, "8d", "--until-release", "--reason", "x")
    assert (status, "too long" in err) == (1, True)


def test_until_a_release_that_nobody_says(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = Program(path)
    number = program.log()
    look(program)
    status, _, err = run(capsys, "silence", number, "1h", "--until-release")
    assert status == 1
    assert "set WECOM_RELEASE" in err


def test_a_critical_is_silenced_for_an_hour_at_most_release_or_not(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = Program(path)
    number = program.log(level="critical")
    look(program)
    status, _, err = run(capsys, "silence", number, "--until-release", "--reason", "x")
    assert (status, "1 h at most" in err) == (1, True)


def test_times_are_iso_8601(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = Program(path)
    number = program.log()
    look(program)
    run(capsys, "silence", number, "1h")
    run(capsys, "take", number)
    (group,) = listed(capsys)
    for name in ("first", "last", "taken_at", "silenced_until"):
        moment = datetime.fromisoformat(group[name])
        assert moment.tzinfo is not None
        assert moment.timestamp() == pytest.approx(time.time(), abs=3700), name
