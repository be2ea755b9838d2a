"""`wecom-logging run`: the command comes first, and people hear of it when it fails."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from wecom_logging._cli.main import main
from wecom_logging._model.schedule import Policy
from wecom_logging.jobs.history import History, HistoryFile
from wecom_logging.jobs.labels import ordinal
from wecom_logging.simulator import Simulator

Run = Callable[..., "tuple[int, str, str]"]


@pytest.fixture
def app(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """A simulator, and an environment that leads to it and tells every failure."""
    for name, value in {**sim.env("app"), "WECOM_REPEAT_INTERVALS": "0.001"}.items():
        monkeypatch.setenv(name, value)
    return sim


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """`run ARGUMENTS`; returns exit status, stdout and stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        return (main(["run", *arguments]), *capfd.readouterr())

    return call


def sh(script: str) -> tuple[str, ...]:
    return ("--", "sh", "-c", script)


# -- the command ---------------------------------------------------------------------------


def test_success_is_silent(run: Run, app: Simulator) -> None:
    """Output passes through, on its own stream, and nothing is sent."""
    assert run(*sh("echo out; echo err >&2")) == (0, "out\n", "err\n")
    assert not app.calls()


def test_failure_is_one_alert(run: Run, app: Simulator) -> None:
    """Exit status, duration, host, command and the last lines; the status is the command's."""
    status, out, _ = run("--name", "backup", *sh("echo copying; echo disk full >&2; exit 3"))
    assert (status, out) == (3, "copying\n")
    (message,) = app.messages
    head, facts, command, *rest = message.content.split("\n")
    assert head == "🔴 backup · exit status 3"
    assert " ms · " in facts
    assert "disk full" in command
    assert "> disk full" in rest


def test_only_the_last_lines_are_shown(run: Run, app: Simulator) -> None:
    """What a phone shows, within the byte limit, whatever was written."""
    run(*sh("for i in $(seq 500); do echo 界界界界界界界界界界界界界界界界界界界 $i; done; exit 1"))
    message = app.messages[0]
    assert message.bytes <= 2048
    assert message.content.rstrip().endswith("500")
    assert "> …" in message.content


def test_output_that_is_hostile_or_no_text(run: Run, app: Simulator) -> None:
    """Nothing becomes a link, a colour or a mention; bytes that are no UTF-8 are shown as such."""
    run(*sh(r"printf '[x](http://e.example) <@all> \033[31mred \377 **x3**\n'; exit 1"))
    content = app.messages[0].content
    assert "](http" not in content
    assert "<@" not in content.replace("<font", "")
    assert "red � ∗∗x3∗∗" in content


def test_a_progress_bar_is_its_last_state(run: Run, app: Simulator) -> None:
    """What a terminal has overwritten is not told."""
    run(*sh(r"printf '10%%\r20%%\r30%% failed\n'; exit 1"))
    assert "> 30% failed" in app.messages[0].content


def test_secrets_of_the_command_are_not_told(run: Run, app: Simulator) -> None:
    """Neither from its arguments nor from its output, nor our own."""
    secret = app.world.config.app.secret
    run(*sh(f"echo password=hunter2 {secret}; exit 1"))
    assert "hunter2" not in app.messages[0].content
    assert secret not in app.messages[0].content


def test_the_command_does_not_get_the_env_file(run: Run, sim: Simulator, tmp_path: Path) -> None:
    """The secret is ours; the command's environment stays what it was."""
    file = tmp_path / "wecom.env"
    file.write_text("\n".join(f"{name}={value}" for name, value in sim.env("app").items()))
    assert run("--env-file", str(file), *sh("env | grep WECOM_; exit 1"))[1] == ""
    assert len(sim.messages) == 1


def test_a_command_that_does_not_exist(run: Run, app: Simulator) -> None:
    """127, as in a shell; a cron job that is gone is worth an alert."""
    status, _, err = run("--", "no-such-command")
    assert status == 127
    assert err == "wecom-logging: cannot run no-such-command: No such file or directory\n"
    assert "no-such-command" in app.messages[0].content


def test_a_command_that_cannot_be_executed(run: Run, app: Simulator, tmp_path: Path) -> None:
    """126, as in a shell."""
    (tmp_path / "notes").write_text("")
    assert run("--", str(tmp_path / "notes"))[0] == 126


def test_killed_by_a_signal(run: Run, app: Simulator) -> None:
    """128 + n, as in a shell, and the signal's name."""
    assert run(*sh("kill -9 $$"))[0] == 137
    assert "killed by SIGKILL" in app.messages[0].content


def test_what_it_leaves_in_the_background_holds_nobody(run: Run, app: Simulator) -> None:
    """A daemon that keeps the pipe open does not keep us."""
    began = time.monotonic()
    run(*sh("sleep 9 & exit 1"))
    assert time.monotonic() - began < 8
    assert len(app.messages) == 1


def test_no_command(run: Run) -> None:
    """Nothing to run is wrong usage."""
    assert run("--")[0] == 2


def _start(sim: Simulator, script: str, tmp_path: Path) -> subprocess.Popen[str]:
    environ = {**os.environ, **sim.env("app"), "XDG_STATE_HOME": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "wecom_logging._cli.main", "run", *sh(script)],
        env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def test_ctrl_c_ends_the_command_and_tells_nobody(sim: Simulator, tmp_path: Path) -> None:
    """Somebody is sitting there; nothing is left running."""
    process = _start(sim, "echo begun; exec sleep 30", tmp_path)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert err == "wecom-logging: interrupted, nothing sent\n"
    assert not sim.messages


def test_sigterm_goes_to_the_command(sim: Simulator, tmp_path: Path) -> None:
    """Who stops us stops the command, and it is told."""
    process = _start(sim, "trap 'exit 5' TERM; echo begun; sleep 30 & wait", tmp_path)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    assert process.returncode == 5
    assert "exit status 5" in sim.messages[0].content


# -- whatever is wrong with the alerts -----------------------------------------------------


def test_without_a_destination_the_command_runs(run: Run) -> None:
    """Alerts that are not set up do not stop a backup."""
    status, out, err = run(*sh("echo done; exit 4"))
    assert (status, out) == (4, "done\n")
    assert "the command runs without alerts" in err


def test_with_a_broken_env_file_the_command_runs(run: Run) -> None:
    """Likewise."""
    status, out, err = run("--env-file", "/nonexistent", *sh("echo done"))
    assert (status, out) == (0, "done\n")
    assert "cannot read /nonexistent" in err


def test_while_wecom_is_down(run: Run, app: Simulator) -> None:
    """The status is the command's; the failure that was not told is counted."""
    with app.down():
        status, _, err = run("--name", "job", *sh("exit 4"))
    assert status == 4
    assert "the alert was not delivered" in err
    run("--name", "job", *sh("exit 4"))
    assert "2nd failure in a row" in app.messages[0].content
    assert "1 more since the last message" in app.messages[0].content


# -- what it remembers ---------------------------------------------------------------------


def test_failures_in_a_row_and_recovery(run: Run, app: Simulator) -> None:
    """The third failure says so, with the last success; then it works again, once."""
    for script in ("exit 0", "exit 1", "exit 1", "exit 1", "exit 0", "exit 0"):
        run("--name", "import", *sh(script))
    first, _, third, recovery = (message.content for message in app.messages)
    assert "in a row" not in first
    assert "3rd failure in a row" in third
    assert "last success " in third
    assert recovery.startswith("✅ import · works again after 3 failures\n")


def test_a_recovery_that_was_not_delivered_is_told_later(run: Run, app: Simulator) -> None:
    """Nobody is left believing that it is broken."""
    run("--name", "job", *sh("exit 1"))
    with app.down():
        run("--name", "job", *sh("exit 0"))
    run("--name", "job", *sh("exit 0"))
    assert "works again after 1 failure\n" in app.messages[-1].content


def test_text_and_chinese(run: Run, app: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The options of the environment hold for these messages too."""
    monkeypatch.setenv("WECOM_MSGTYPE", "text")
    monkeypatch.setenv("WECOM_LANGUAGE", "zh")
    monkeypatch.setenv("WECOM_ENVIRONMENT", "prod")
    for script in ("exit 2", "exit 2", "exit 0"):
        run("--name", "备份", *sh(script))
    first, second, recovery = app.messages
    assert first.msgtype == "text"
    assert first.content.startswith("🔴 备份 prod · 退出码 2\n")
    assert "连续第 2 次失败" in second.content
    assert recovery.content.startswith("✅ 备份 prod · 失败 2 次后恢复正常\n")


def test_the_state_is_private_and_small(run: Run, app: Simulator, tmp_path: Path) -> None:
    """One file for a job, for its owner's eyes."""
    run("--name", "job", *sh("exit 1"))
    (file,) = (tmp_path / "state" / "wecom-logging").glob("run-*.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert json.loads(file.read_text())["failures"] == 1


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"failures": "x"}', b"\xff", b"null"]
)
def test_a_damaged_state_is_none(tmp_path: Path, content: bytes) -> None:
    """Somebody's editor or a full disk: the job starts anew."""
    file = HistoryFile(tmp_path / "run-x.json")
    file.path.write_bytes(content)
    assert file.read() == History()


def test_a_state_that_cannot_be_written(run: Run, app: Simulator, tmp_path: Path) -> None:
    """The alert goes out all the same, and the reason is one line."""
    (tmp_path / "state").write_text("in the way")
    status, _, err = run(*sh("exit 1"))
    assert status == 1
    assert "cannot write" in err
    assert len(app.messages) == 1


def test_a_job_that_fails_every_minute_is_told_after_growing_pauses() -> None:
    """The handler's pauses: at once, then after 1, 5, 15 and 60 minutes; not 1,440 a day."""
    history, told = History(), []
    for minute in range(24 * 60):
        history = history.failed()
        if history.is_due(minute * 60.0, Policy()):
            history = history.failure_told(minute * 60.0)
            told.append(minute)
    assert told[:3] == [0, 1, 6]
    assert len(told) <= 30
    assert history.failures == 1440


def test_a_daily_job_is_told_every_day() -> None:
    """No pause is as long as a day."""
    history = replace(History().failed(), told_at=0.0, told=50)
    assert history.is_due(86400.0, Policy())


@pytest.mark.parametrize(
    ("number", "written"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (13, "13th"),
     (21, "21st"), (102, "102nd"), (111, "111th"), (1003, "1,003rd")],
)  # fmt: skip
def test_ordinals(number: int, written: str) -> None:
    """As English has them."""
    assert ordinal(number) == written
