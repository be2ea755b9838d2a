"""`wecom-logging run`: the command comes first, and people hear of it when it fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from wecom_logging._cli.main import main
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
    head, facts, _, state, *rest = message.content.split("\n")
    assert head == "🔴 backup · 1 error · backup: exit status 3"
    assert facts.startswith("> ")
    assert state.startswith("**NEW** backup: exit status 3 **×1** #")
    assert sorted(rest[:2]) == ["> copying", "> disk full"]
    assert "command=sh -c" in rest[2]
    assert " ms · " in rest[2]


def test_only_the_last_lines_are_shown(run: Run, app: Simulator) -> None:
    """What a phone shows, within the byte limit, whatever was written."""
    run(*sh("for i in $(seq 500); do echo 界界界界界界界界界界界界界界界界界界界 $i; done; exit 1"))
    message = app.messages[0]
    assert message.bytes <= 2048
    assert "> …" in message.content
    assert " 500\n" in message.content
    assert " 481\n" in message.content
    assert " 480\n" not in message.content


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
    _, out, _ = run(*sh("sleep 60 & echo $!; exit 1"))
    os.kill(int(out), signal.SIGTERM)  # it is still there
    assert len(app.messages) == 1


def test_no_command(run: Run) -> None:
    """Nothing to run is wrong usage."""
    assert run("--")[0] == 2


def test_each_run_is_a_process(sim: Simulator, tmp_path: Path) -> None:
    """What is left for later is neither told at the exit nor called lost there."""
    environ = {**os.environ, **sim.env("app"), "XDG_STATE_HOME": str(tmp_path)}
    for script in ("exit 1", "exit 1", "exit 0"):
        done = subprocess.run(
            [sys.executable, "-m", "wecom_logging", "run", "--name", "job", *sh(script)],
            env=environ, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert (done.stdout, done.stderr) == ("", "")
    first, last = sim.messages
    assert first.content.startswith("🔴 job · 1 error")
    assert last.content.startswith("🔶 job · 1 error · OVER job")


def _start(sim: Simulator, script: str, tmp_path: Path) -> subprocess.Popen[str]:
    environ = {**os.environ, **sim.env("app"), "XDG_STATE_HOME": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "wecom_logging", "run", *sh(script)],
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
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "wecom-logging: interrupted, nothing sent\n"
    assert not sim.messages


def test_a_signal_that_interrupts_no_wait_goes_to_the_command() -> None:
    """It came right before the wait, or to another thread: the wait has to end by itself."""
    program = """
        import signal, sys, threading
        from wecom_logging.jobs import command
        wait = command.subprocess.Popen.wait
        def waited(process, timeout=None):
            threading.Timer(0.1, lambda: signal.pthread_kill(threading.get_ident(), 15)).start()
            return wait(process, timeout)
        command.subprocess.Popen.wait = waited
        print(command.execute(["sleep", "30"]).killed_by)
        """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert done.stdout == "SIGTERM\n", done.stderr


def test_sigterm_goes_to_the_command(sim: Simulator, tmp_path: Path) -> None:
    """Who stops us stops the command, and it is told."""
    process = _start(sim, "trap 'exit 5' TERM; echo begun; sleep 30 & wait", tmp_path)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
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


def test_while_wecom_is_down(run: Run, app: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The status is the command's; the failure that was not told is counted."""
    monkeypatch.setenv("WECOM_CLOSE_TIMEOUT", "0.5")
    with app.down():
        status, _, err = run("--name", "job", *sh("exit 4"))
    assert status == 4
    assert "the alert was not delivered" in err
    run("--name", "job", *sh("exit 4"))
    assert "· 2 errors ·" in app.messages[0].content


# -- what it remembers ---------------------------------------------------------------------


def test_failures_in_a_row_and_recovery(run: Run, app: Simulator) -> None:
    """The third failure says so; then it works again, once."""
    for script in ("exit 0", "exit 1", "exit 2", "exit 1", "exit 0", "exit 0"):
        run("--name", "import", *sh(script))
    first, second, third, recovery = (message.content for message in app.messages)
    assert "since" not in first
    assert "exit status 2 **×1**" in second
    assert "3 since " in third
    assert recovery.startswith("✅ import · 0 errors · OVER import: works again after 3 failures\n")
    assert "works again after 3 failures, " in recovery


def test_a_job_that_goes_on_failing_is_told_after_pauses(
    run: Run, app: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not every minute; and what is left for later is no loss, so nothing is said of it."""
    monkeypatch.delenv("WECOM_REPEAT_INTERVALS")
    for _ in range(3):
        assert run("--name", "import", *sh("exit 1")) == (1, "", "")
    assert len(app.messages) == 1
    run("--name", "import", *sh("exit 0"))
    head, _, _, state, recovery, *_ = app.messages[-1].content.split("\n")
    assert head == "🔶 import · 2 errors · OVER import: works again after 3 failures"
    assert state.startswith("**OVER** ")
    assert "**×2**" in state
    assert recovery.startswith("works again after 3 failures, ")
    assert len(app.messages) == 2


def test_a_recovery_that_was_not_delivered_is_told_later(
    run: Run, app: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is left believing that it is broken."""
    monkeypatch.setenv("WECOM_CLOSE_TIMEOUT", "0.5")
    run("--name", "job", *sh("exit 1"))
    with app.down():
        run("--name", "job", *sh("exit 0"))
    monkeypatch.delenv("WECOM_CLOSE_TIMEOUT")
    run("--name", "job", *sh("exit 0"))
    assert "works again after 1 failure, " in app.messages[-1].content
    assert len(app.messages) == 2


def test_two_jobs_of_one_program_are_two(run: Run, app: Simulator) -> None:
    """Known by the whole command line, where they have no names."""
    run(*sh("exit 1"))
    run(*sh("true"))
    assert len(app.messages) == 1


def test_text_and_chinese(run: Run, app: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The options of the environment hold for these messages too."""
    monkeypatch.setenv("WECOM_MSGTYPE", "text")
    monkeypatch.setenv("WECOM_LANGUAGE", "zh")
    monkeypatch.setenv("WECOM_ENVIRONMENT", "prod")
    for script in ("exit 2", "exit 2", "exit 0"):
        run("--name", "备份", *sh(script))
    first, second, recovery = app.messages
    assert first.msgtype == "text"
    assert first.content.startswith("🔴 备份 prod 1次 备份: exit status 2\n")
    assert "起共 2 次" in second.content
    assert "已恢复" in recovery.content
    assert "失败 2 次后恢复正常" in recovery.content


def test_the_app_of_the_environment_names_the_job_as_well(
    run: Run, app: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One app has many jobs."""
    monkeypatch.setenv("WECOM_APP", "shop")
    run("--name", "backup", *sh("exit 1"))
    assert app.messages[0].content.startswith("🔴 shop · 1 error · backup: exit status 1\n")


def test_where_nothing_can_be_remembered(
    run: Run, app: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The alert goes out all the same."""
    (tmp_path / "in the way").write_text("")
    for name in ("XDG_STATE_HOME", "HOME", "TMPDIR"):
        monkeypatch.setenv(name, str(tmp_path / "in the way"))
    assert run(*sh("exit 1"))[0] == 1
    assert len(app.messages) == 1
