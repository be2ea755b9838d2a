"""Answers to alerts from a terminal: groups, silence, take, quiet, undo."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.store_kits import event, identity
from wecom_logging._cli import main
from wecom_logging._model.digest import message_id
from wecom_logging._rendering.sample import first_words
from wecom_logging._senders.robot import WebhookSender
from wecom_logging._stores.protocol import Asker, Batch, Claim, Entry, Rules
from wecom_logging._stores.sqlite import SQLiteStore

KEY = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "store.db"
    for name, value in {
        "WECOM_WEBHOOK_KEY": KEY, "WECOM_STORE": f"sqlite:///{path}", "WECOM_APP": "shop",
        "WECOM_ENVIRONMENT": "prod", "SUDO_USER": "lisi",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    return path


class Program:
    def __init__(self, path: Path, app: str = "shop", environment: str = "prod") -> None:
        destination = WebhookSender(KEY).destination
        self.store = SQLiteStore(str(path), destination, app, environment, Rules())
        self.sequence = 0

    def log(
        self, kind: str = "Timeout", count: int = 3, level: str = "error", text: str = "x"
    ) -> str:
        self.sequence += 1
        entry = Entry(identity(kind, level), count, (event(text),))
        self.store.merge(Batch("web-1/1/a", self.sequence, (entry,)))
        found = self.store.groups().groups
        return next(each.id for each in found if each.type == kind)


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    try:
        status = main.main(list(argv))
    except SystemExit as end:
        status = int(end.code or 0)
    out, err = capsys.readouterr()
    return status, out, err


def listed(capsys: pytest.CaptureFixture[str], *argv: str) -> list[dict[str, Any]]:
    status, out, err = run(capsys, "groups", "--json", *argv)
    assert status == 0, err
    found: list[dict[str, Any]] = json.loads(out)
    return found


def look(program: Program) -> None:
    """As a worker does: the app is in the register."""
    program.store.claim(Asker("web-1/1/a", why="flush"))


def test_groups(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = Program(path)
    number = program.log(text="payment 17 failed")
    look(program)
    status, out, _ = run(capsys, "groups")
    assert status == 0
    assert f"#{number}  open  ×3" in out
    assert "payment 17 failed" in out
    assert str(path) in out
    (group,) = listed(capsys)
    assert group["id"] == number
    assert (group["app"], group["environment"], group["count"]) == ("shop", "prod", 3)
    assert group["silenced_until"] is None


def test_silence_take_undo(
    path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    program = Program(path)
    number = program.log()
    look(program)
    with caplog.at_level(logging.INFO, "wecom_logging.audit"):
        status, out, _ = run(capsys, "silence", f"#{number}", "2h", "--reason", "deploy")
    assert status == 0
    assert out.startswith(f"#{number} silenced until ")
    (record,) = caplog.records
    assert "who='lisi'" in record.getMessage()
    assert "deploy" in record.getMessage()
    (group,) = listed(capsys)
    assert (group["state"], group["silenced_by"]) == ("silenced", "lisi")
    assert run(capsys, "take", number)[0] == 0
    assert listed(capsys)[0]["taken_by"] == "lisi"
    assert run(capsys, "undo")[1] == f"undone: take #{number}\n"
    assert listed(capsys)[0]["taken_by"] is None
    assert run(capsys, "unsilence", number)[0] == 0
    assert listed(capsys)[0]["silenced_until"] is None


def test_an_id_of_another_app_needs_no_name(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for app in ("shop", "pay"):
        program = Program(path, app)
        number = program.log()
        look(program)
    assert run(capsys, "take", number)[0] == 0
    assert {g["app"]: g["taken_by"] for g in listed(capsys)} == {"shop": None, "pay": "lisi"}


def test_an_id_with_a_question_mark_is_explained(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Program(path).log()
    status, _, err = run(capsys, "take", "54838?")
    assert status == 1
    assert "'54838?' is no id: a process has given it that cannot reach its store" in err


def test_quiet(path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    program = Program(path)
    program.log()
    look(program)
    status, out, _ = run(capsys, "quiet", "30m")
    assert (status, out.startswith("shop prod is quiet until ")) == (0, True)
    assert "shop prod is quiet until" in run(capsys, "groups")[1]
    assert run(capsys, "quiet", "off") == (0, "shop prod is no longer quiet\n", "")
    assert "is quiet" not in run(capsys, "groups")[1]
    monkeypatch.setenv("WECOM_APP", "nobody")
    status, _, err = run(capsys, "quiet", "30m")
    assert status == 1
    assert f"'nobody prod' has had no error in {path}: say which of shop prod: " in err


def test_quiet_proposes_the_environment_of_the_app_that_was_named(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for app in ("alpha", "shop"):
        program = Program(path, app, "prod")
        program.log()
        look(program)
    monkeypatch.setenv("WECOM_APP", "shop")
    monkeypatch.delenv("WECOM_ENVIRONMENT", raising=False)
    status, _, err = run(capsys, "quiet", "30m")
    assert status == 1
    assert err.endswith(": WECOM_APP=shop WECOM_ENVIRONMENT=prod wecom-logging quiet 30m\n")


@pytest.mark.parametrize("own", [True, False])
def test_quiet_guesses_no_app(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, own: bool
) -> None:
    """Also where the name that this command goes by has had errors itself."""
    monkeypatch.setattr("sys.argv", ["/opt/venv/bin/wecom-logging"])
    for name in ("WECOM_APP", "WECOM_ENVIRONMENT", "OTEL_SERVICE_NAME", "DJANGO_SETTINGS_MODULE"):
        monkeypatch.delenv(name, raising=False)
    for app, environment in (("shop", "prod"), ("wecom-logging", ""))[: 1 + own]:
        program = Program(path, app, environment)
        program.log()
        look(program)
    for time in ("30m", "off"):
        status, out, err = run(capsys, "quiet", time)
        assert (status, out, err.count("\n")) == (1, "", 1)
        names = "shop prod, wecom-logging" if own else "shop prod"
        example = f"WECOM_APP=shop WECOM_ENVIRONMENT=prod wecom-logging quiet {time}"
        assert err.endswith(f"say which of {names}: {example}\n")
    assert "is quiet" not in run(capsys, "groups")[1]
    monkeypatch.setenv("WECOM_APP", "wecom-logging" if own else "shop")
    monkeypatch.setenv("WECOM_ENVIRONMENT", "" if own else "prod")
    assert run(capsys, "quiet", "30m")[0] == 0


def test_quiet_of_the_only_app_that_has_no_name(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["/opt/venv/bin/wecom-logging"])
    for name in ("WECOM_APP", "WECOM_ENVIRONMENT", "OTEL_SERVICE_NAME", "DJANGO_SETTINGS_MODULE"):
        monkeypatch.delenv(name, raising=False)
    program = Program(path, "wecom-logging", "")
    program.log()
    look(program)
    status, out, _ = run(capsys, "quiet", "30m")
    assert (status, out.startswith("wecom-logging is quiet until ")) == (0, True)


@pytest.mark.parametrize("apps", [("shop", "shop"), ("shop", "pay")])
def test_one_act_on_two_groups_is_undone_whole(
    path: Path, capsys: pytest.CaptureFixture[str], apps: tuple[str, str]
) -> None:
    numbers: list[str] = []
    for app, kind in zip(apps, ("Timeout", "OSError"), strict=True):
        program = Program(path, app)
        program.sequence = len(numbers)
        numbers.append(program.log(kind))
        look(program)
    assert run(capsys, "take", numbers[1])[0] == 0  # an act of its own, which stays
    assert run(capsys, "silence", *numbers, "30m")[0] == 0
    status, out, _ = run(capsys, "undo")
    assert status == 0
    assert out.startswith("undone: silence #")
    assert set(out.split()[2:]) == {f"#{number}" for number in numbers}
    found = listed(capsys)
    assert [group["silenced_until"] for group in found] == [None, None]
    assert [group["id"] for group in found if group["taken_by"]] == [numbers[1]]


def test_undo_says_what_is_in_force_again(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = Program(path)
    number = program.log()
    look(program)
    run(capsys, "silence", number, "2h", "--reason", "deploy")
    run(capsys, "silence", number, "10m")
    first, second = run(capsys, "undo")[1].splitlines()
    assert first == f"undone: silence #{number}"
    assert second.startswith(f"#{number} is silenced until ")
    assert second.endswith(" by lisi: deploy")
    assert run(capsys, "undo")[1] == f"undone: silence #{number}\n"
    run(capsys, "quiet", "30m")
    assert run(capsys, "undo")[1] == "undone: quiet (shop prod)\n"


@pytest.mark.parametrize(
    ("said", "kind", "shown"),
    [
        ("Exception in ASGI application\n", "Timeout", "card declined"),
        ("Internal Server Error: /pay/7", "Timeout", "card declined"),
        ("payment 17 failed", "Timeout", "payment 17 failed"),
        ("Exception in ASGI application\n", "", "Exception in ASGI application"),
    ],
)
def test_groups_show_what_messages_show(
    path: Path, capsys: pytest.CaptureFixture[str], said: str, kind: str, shown: str
) -> None:
    """Not a framework's sentence about an exception that speaks for itself."""
    raised: dict[str, Any] = {"event": said, "level": "error"}
    if kind:
        raised["exception"] = [{"exc_type": kind, "exc_value": "card declined"}]
    program = Program(path)
    who = identity(kind)._replace(text=first_words(raised), template=said)
    program.store.merge(Batch("web-1/1/a", 1, (Entry(who, 1, (raised,)),)))
    look(program)
    assert listed(capsys)[0]["text"].strip() == shown
    out = run(capsys, "groups")[1]
    assert shown in out
    assert (said.strip() in out) is (shown == said.strip())


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("take", "99999"), "no such group"),
        (("take", "abc"), "is no id"),
        (("silence", "ID", "25:00"), "is no time"),
        (("silence", "ID", "0s"), "no time at all"),
        (("silence", "ID", "2d"), "--reason"),
        (("silence", "ID", "8d", "--reason", "x"), "too long"),
        (("unsilence", "ID"), "nothing to end"),
        (("undo",), "nothing of yours"),
    ],
)
def test_trouble_is_one_line(
    path: Path, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], said: str
) -> None:
    program = Program(path)
    number = program.log()
    look(program)
    status, out, err = run(capsys, *(number if each == "ID" else each for each in argv))
    assert status == 1
    assert out == ""
    assert said in err
    assert err.count("\n") == 1


def test_a_store_that_is_not_there(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run(capsys, "groups")
    assert status == 1
    assert f"{path} is not there" in err
    assert not path.exists()


def test_a_file_that_is_no_store(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_text("not a database" * 100)
    status, _, err = run(capsys, "groups")
    assert status == 1
    assert err.count("\n") == 1
    assert path.read_text().startswith("not a database")


def test_memory_cannot_be_reached(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WECOM_STORE", "memory")
    status, _, err = run(capsys, "groups")
    assert status == 1
    assert "memory" in err


@pytest.mark.parametrize("hostile", ["\x1b[31mred", "a\n#99999  open", "\u202eabc", "\x9b31m"])
def test_hostile_texts_forge_no_line(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, hostile: str
) -> None:
    monkeypatch.setenv("SUDO_USER", hostile)
    program = Program(path)
    number = program.log(text=hostile)
    look(program)
    assert run(capsys, "silence", number, "1h", "--reason", hostile)[0] == 0
    _, out, _ = run(capsys, "groups")
    assert out.count("\n") == 2
    assert not set(out) & set("\x1b\x9b\u202e")
    _, out, _ = run(capsys, "groups", "--json")
    assert not set(out) & set("\x1b\x9b\u202e")


# -- odd ways of saying it ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ("ID", "2h", "--reason", "x"),
        ("ID", "--reason", "x", "2h"),
        ("--reason", "x", "ID", "2h"),
        ("ID", "--reason", "x", "until", "9:00"),
    ],
)
def test_options_stand_where_they_like(
    path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    program = Program(path)
    number = program.log()
    look(program)
    status, _, err = run(capsys, "silence", *(number if each == "ID" else each for each in words))
    assert (status, err) == (0, "")
    assert listed(capsys)[0]["state"] == "silenced"


@pytest.mark.parametrize("argv", [("silence", "11111", "--typo"), ("undo", "11111")])
def test_what_no_command_knows_is_refused(
    path: Path, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...]
) -> None:
    status, _, err = run(capsys, *argv)
    assert status == 2
    assert f"unrecognized arguments: {argv[-1]}" in err


def test_a_negative_time_is_none(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = Program(path)
    number = program.log()
    look(program)
    status, _, err = run(capsys, "silence", number, "-5m")
    assert status == 1
    assert err.startswith("wecom-logging: '-5m' is no time")


def test_what_is_not_quiet_cannot_be_ended(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = Program(path)
    program.log()
    look(program)
    status, out, err = run(capsys, "quiet", "off")
    assert (status, out) == (1, "")
    assert "is not quiet" in err
    assert run(capsys, "undo")[0] == 1
    assert run(capsys, "quiet", "30m")[0] == 0
    assert run(capsys, "quiet", "off")[0] == 0
    first, second = run(capsys, "undo")[1].splitlines()
    assert first == "undone: quiet off (shop prod)"
    assert second.startswith("shop prod is quiet until ")
    assert "is quiet until" in run(capsys, "groups")[1]


def test_trouble_with_a_store_says_which(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_text("not a database" * 100)
    for argv in (("groups",), ("take", "11111"), ("report",)):
        status, _, err = run(capsys, *argv)
        assert status == 1
        assert err.startswith(f"wecom-logging: the store: {path}: ")
        assert err.count("\n") == 1


# -- a message stands for the kinds in it ------------------------------------------------------


def told(program: Program, *kinds: tuple[str, str]) -> str:
    """Errors that one message has told of; its id."""
    for kind, level in kinds:
        program.log(kind, level=level)
    claim, _ = program.store.claim(Asker("web-1/1/a", why="flush"))
    assert isinstance(claim, Claim)
    program.store.settle(claim.id)
    return message_id(claim.digest.id)


def test_a_message_stands_for_its_kinds(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = Program(path)
    message = told(program, ("Timeout", "error"), ("OSError", "error"), ("Fatal", "critical"))
    number = program.log("Other")
    assert run(capsys, "take", message, number)[0] == 0
    assert {g["type"] for g in listed(capsys) if g["taken_by"]} == {
        "Timeout", "OSError", "Fatal", "Other",
    }  # fmt: skip
    assert run(capsys, "silence", message.upper(), "2h")[0] == 0
    assert {g["type"] for g in listed(capsys) if g["silenced_by"]} == {"Timeout", "OSError"}


def test_a_message_of_a_critical_alone_silences_nothing(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = told(Program(path), ("Fatal", "critical"))
    status, out, err = run(capsys, "silence", message, "30m")
    assert (status, out) == (1, "")
    assert "by its own id only" in err


def test_a_message_of_which_nothing_is_known(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told(Program(path), ("Timeout", "error"))
    status, out, err = run(capsys, "take", "m-0000")
    assert (status, out) == (1, "")
    assert err.startswith("wecom-logging: m-0000: nothing is known")
