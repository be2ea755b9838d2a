"""`wecom-logging demo`: what it shows, and that it would notice if an error were missing."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from wecom_logging import WebhookSender
from wecom_logging._cli.demo import account, count
from wecom_logging._cli.terminal import Terminal
from wecom_logging.simulator import Simulator

COMMAND = [sys.executable, "-m", "wecom_logging", "demo"]


@pytest.mark.xdist_group("heavy")
def test_the_demo() -> None:
    """Every kind of message is shown, the account balances, in half a minute or so."""
    began = time.monotonic()
    done = subprocess.run(COMMAND, capture_output=True, text=True, timeout=120, check=False)
    seconds = time.monotonic() - began
    assert (done.returncode, done.stderr) == (0, "")
    assert seconds < 90, f"{seconds:.0f} s"  # 25 to 30 where nothing else runs
    words = ("NEW", "STILL", "OVER", "CRITICAL", "PaymentFailed", "← ConnectionResetError")
    phone = ("Silenced by ZhangSan", "SILENCED KeyError ×60", "by ZhangSan, ended by hand")
    answers = ("$ wecom-logging silence ", "silenced until", "SILENCED", "release 2.4.0", "AGAIN")
    for word in (*words, *answers, *phone, "Feed001Error", "📎"):
        assert word in done.stdout
    assert "\x1b" not in done.stdout
    logged = _figure("errors logged", done.stdout)
    assert logged == _figure("counted in messages", done.stdout) > 100_000
    assert _figure("access tokens fetched", done.stdout) == 2
    assert _figure("messages ", done.stdout) < 20


def _figure(label: str, out: str) -> int:
    found = re.search(rf"^  {label} +([\d,]+)", out, re.MULTILINE)
    assert found, f"no {label!r} in the account"
    return int(found[1].replace(",", ""))


def test_ctrl_c_leaves_nothing_running(tmp_path: Path) -> None:
    """One line, and neither the shop nor its directory is left."""
    process = subprocess.Popen(
        COMMAND, env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert any("1. A payment fails" in line for line in process.stdout), process.communicate()
    shop = _children(process.pid)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.strip() == "wecom-logging: interrupted"
    assert shop
    assert not any(Path(f"/proc/{pid}").exists() for pid in shop)
    assert not list(tmp_path.iterdir())


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def test_counts_of_a_message() -> None:
    """Every `×`, with its separators, and nothing that only looks like one."""
    message = SimpleNamespace(content="**NEW** A **×1,234**\nB ×2\n+ 3 more kinds ×40\nx5 of 6")
    assert count(message) == 1276  # type: ignore[arg-type]  # all it asks for is a content


def test_an_error_that_is_missing_is_noticed(
    sim: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """An account that does not balance is a failed demo."""
    WebhookSender(sim.world.config.robot.key, api_base=sim.url).text("4 errors")
    shop = SimpleNamespace(errors=5, first_error=1.0)
    film = SimpleNamespace(simulator=sim, shop=shop, counted=4, alerts=sim.messages)
    assert not account(film, Terminal())  # type: ignore[arg-type]  # all it asks for is an account
    assert "✘" in capsys.readouterr().out
