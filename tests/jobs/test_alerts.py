"""`alerts` and `watch_loop`: what nobody watches is told all the same."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import wecom_logging
from tests.helpers.support import Finished, eventually, pointing_at
from wecom_logging._senders.protocol import Message
from wecom_logging.simulator.server import Simulator
from wecom_logging.testing import RecordingSender


def run_job(sim: Simulator, error: BaseException | None = None, **options: Any) -> None:
    with wecom_logging.alerts("nightly import", **pointing_at(sim, "robot"), **options):
        if error is not None:
            raise error


def test_a_failed_job_is_told_before_the_block_is_left(sim: Simulator) -> None:
    with pytest.raises(LookupError):
        run_job(sim, LookupError("no such file"))
    (message,) = sim.messages
    assert "LookupError" in message.content
    assert "LookupError: no such file" in message.content.splitlines()[0]
    assert "nightly import failed" in message.content.splitlines()[-1]
    assert "test_alerts.py" in message.content


def test_another_failure_of_a_job_is_told_in_its_own_words(sim: Simulator) -> None:
    options = {**pointing_at(sim, "app"), "store": "memory", "group_interval": 0.0}
    for error in (LookupError("no such file"), None, OSError("disk full")):
        with suppress(Exception), wecom_logging.alerts("nightly import", **options):
            if error:
                raise error
    assert "OSError: disk full" in sim.messages[-1].content.splitlines()[0]
    assert "no such file" not in sim.messages[-1].content


def test_works_again_after_three_failures_is_said_once(sim: Simulator) -> None:
    for _ in range(3):
        with pytest.raises(LookupError):
            run_job(sim, LookupError("no such file"))
    sim.clear()
    run_job(sim)
    run_job(sim)
    (message,) = sim.messages
    assert "works again after 3 failures, " in message.content


def test_a_job_that_flaps_is_told_each_time(sim: Simulator) -> None:
    """No two of its messages are the same to the duplicate check."""
    options = {**pointing_at(sim, "app"), "store": "memory", "group_interval": 0.0}
    for fails in (True, False, True, False):
        with suppress(LookupError), wecom_logging.alerts("nightly import", **options):
            if fails:
                raise LookupError("no such file")
    assert len(sim.messages) == len(sim.calls("message/send")) == 4


def test_jobs_keep_to_the_budget_and_to_the_one_thread() -> None:
    """Failures and recoveries are errors and ends of groups like any other: told by the
    worker, and no more often than `rate_limit` allows."""
    threads: list[int] = []

    class Sender(RecordingSender):
        def send(self, message: Message) -> None:
            threads.append(threading.get_ident())
            super().send(message)

    sender = Sender()
    handler = wecom_logging.install(
        sender=sender, rate_limit=[[2, 3600]], group_wait=0.0, group_interval=0.0
    )
    for n in range(3):
        with suppress(ValueError), wecom_logging.alerts(f"job {n}"):
            raise ValueError(n)
    assert handler.flush()
    for n in range(3):
        with wecom_logging.alerts(f"job {n}"):
            pass
        handler.flush(0.1)
    assert 1 <= len(sender.messages) <= 2
    assert threading.get_ident() not in threads


def test_a_failure_after_the_recovery_keeps_the_job_failing() -> None:
    """Both came before the worker could look."""
    sender = RecordingSender()
    handler = wecom_logging.install(sender=sender, group_wait=30.0, store="memory")
    for fails in (True, False, True):
        with suppress(ValueError), wecom_logging.alerts("job"):
            if fails:
                raise ValueError
    assert handler.flush()
    assert "works again" not in sender.messages[0].content
    with wecom_logging.alerts("job"):
        pass
    eventually(lambda: len(sender.messages) == 2)
    assert "works again after 2 failures" in sender.messages[1].content


def test_what_nobody_was_told_of_is_not_over() -> None:
    for _ in range(3):
        with suppress(ValueError), wecom_logging.alerts("job", enabled=False):
            raise ValueError
    sender = RecordingSender()
    with wecom_logging.alerts("job", sender=sender, store="memory"):
        pass
    assert not sender.messages


def test_a_recovery_that_could_not_be_told_is_told_after_the_next_run(sim: Simulator) -> None:
    with pytest.raises(LookupError):
        run_job(sim, LookupError("no such file"))
    with sim.down():
        run_job(sim, close_timeout=0.3)
    assert len(sim.messages) == 1
    run_job(sim)
    assert "after 1 failure" in sim.messages[-1].content


@pytest.mark.parametrize(
    ("ending", "told"),
    [(SystemExit(0), 0), (SystemExit(None), 0), (SystemExit(3), 1), (KeyboardInterrupt(), 0)],
)
def test_only_failures_are_told(sim: Simulator, ending: BaseException, told: int) -> None:
    with pytest.raises(type(ending)):
        run_job(sim, ending)
    assert len(sim.messages) == told


def test_without_options_the_root_loggers_handler_is_used(sim: Simulator) -> None:
    env = sim.env("robot")
    handler = wecom_logging.install(
        webhook_key=env["WECOM_WEBHOOK_KEY"], api_base=env["WECOM_API_BASE"]
    )

    @wecom_logging.alerts("clean-up")
    def job() -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        job()
    assert handler.flush()
    assert handler.stats().reported == 1


def test_an_exception_that_was_told_is_not_told_again_when_nobody_catches_it(
    sim: Simulator, run_program: Callable[..., Finished]
) -> None:
    done = run_program(
        """
        import wecom_logging
        wecom_logging.install()
        with wecom_logging.alerts("nightly import"):
            raise LookupError("no such file")
        """,
        sim,
    )
    assert done.returncode == 1
    assert "LookupError" in done.err
    (message,) = sim.messages
    assert "· 1 error ·" in message.content


def test_where_nothing_can_be_remembered_the_job_runs(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_STATE_HOME", "HOME", "TMPDIR"):
        monkeypatch.setenv(name, os.devnull)
    with pytest.raises(LookupError):
        run_job(sim, LookupError("no such file"))
    assert len(sim.messages) == 1
    run_job(sim)  # this process still knows
    assert len(sim.messages) == 2


def test_a_lost_task_is_one_clean_error(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise ValueError("in the background")

    async def main() -> None:
        wecom_logging.watch_loop()
        task = asyncio.create_task(fail(), name="refresh")
        await asyncio.wait({task})
        del task

    with caplog.at_level(logging.ERROR, "asyncio"):
        asyncio.run(main())
        eventually(lambda: caplog.records)
    (record,) = caplog.records
    assert record.getMessage() == "Task exception was never retrieved"
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "in the background"
    assert record.__dict__["task_name"] == "refresh"


def test_the_loops_own_handler_is_still_called() -> None:
    seen = []
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda loop, context: seen.append(context["message"]))
    wecom_logging.watch_loop(loop, logging.getLogger("quiet"))
    loop.call_exception_handler({"message": "odd"})
    loop.close()
    assert seen == ["odd"]


def test_importing_the_package_imports_no_framework() -> None:
    import subprocess

    code = (
        "import sys, wecom_logging.handler, wecom_logging.contrib.django\n"
        "print([m for m in ('django', 'flask', 'celery', 'starlette') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# -- when a job has run ------------------------------------------------------------------------


@pytest.fixture
def job_store(sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What commands and blocks of a job write down, for `wecom-logging report`."""
    from wecom_logging._cli.destination import on_call_store

    env = {**sim.env("robot"), "WECOM_STORE": f"sqlite:///{tmp_path}/jobs.db", "WECOM_APP": "cron"}
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    return lambda: {job.name: job for app in on_call_store(env).known() for job in app.jobs}


def test_each_run_of_a_block_is_written_down(job_store: Any, sim: Simulator) -> None:
    with wecom_logging.alerts("import", every=3600.0, group_wait=0.0):
        pass
    with pytest.raises(ValueError, match="no"), wecom_logging.alerts("export", group_wait=0.0):
        raise ValueError("no")
    jobs = job_store()
    assert (jobs["import"].every, len(jobs["import"].runs)) == (3600.0, 1)
    assert jobs["import"].worked_at == pytest.approx(time.time(), abs=60)
    assert jobs["import"].failed_at is None
    assert (jobs["export"].every, jobs["export"].worked_at) == (0.0, None)
    assert jobs["export"].failed_at is not None


def test_each_run_of_a_command_is_written_down_and_named_when_it_is_overdue(
    job_store: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from wecom_logging._cli.main import main

    assert main(["run", "--every", "1h", "--name", "a\x1b[31m\nb", "--", "true"]) == 0
    assert main(["run", "--every", "soon", "--name", "other", "--", "false"]) == 1
    assert "--every: 'soon' is no time" in capsys.readouterr().err
    assert main(["report"]) == 0
    assert "overdue" not in capsys.readouterr().out
    later = time.time() + 2 * 3600.0
    monkeypatch.setattr("wecom_logging._cli.report.time.time", lambda: later)
    assert main(["report"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "overdue" in line]
    assert line.startswith("overdue: a")
    assert "\x1b" not in line
