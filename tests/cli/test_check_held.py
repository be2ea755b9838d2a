"""`wecom-logging check` where a test error does not arrive: quiet, silenced, dropped, fallback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_check_setups import IN_EXAMPLE, Setup, Steps, check, config
from wecom_logging._cli.main import main
from wecom_logging.simulator import Simulator

APP = config(handlers={"wecom": {"app": "shop"}})


def command(place: Path, sim: Simulator, *arguments: str) -> str:
    """What another command of ours says, in the directory of the program."""
    done = subprocess.run(
        [sys.executable, "-m", "wecom_logging", *arguments, "--app", "shop_settings:LOGGING"],
        cwd=place, env={**os.environ, **sim.env("robot")}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def is_held(status: int, steps: Steps, why: str) -> None:
    """A warning that says it, and nothing that has been delivered or will be."""
    assert (status, steps["test errors"]["status"]) == (0, "warning")
    assert why in steps["test errors"]["text"]
    assert "what happens next" not in steps


def test_an_app_that_is_quiet(tmp_path: Path, sim: Simulator) -> None:
    """Who has asked for it, and until when; also where gunicorn's own configuration is read."""
    setup = Setup("quiet", config=APP, files=IN_EXAMPLE)
    assert check(setup, tmp_path, sim)[1]["test errors"]["text"] == "delivered"
    told = len(sim.messages)
    assert "quiet until" in command(tmp_path, sim, "quiet", "1h")
    status, steps = check(setup, tmp_path, sim)
    is_held(status, steps, "shop is quiet until ")
    assert steps["quiet"]["status"] == "warning"
    assert steps["quiet"]["text"].startswith("shop is quiet until ")
    assert steps["quiet"]["text"] in command(tmp_path, sim, "groups")
    assert len(sim.messages) == told
    command(tmp_path, sim, "quiet", "off")
    assert check(setup, tmp_path, sim)[1]["test errors"]["text"] == "delivered"


@pytest.mark.parametrize("store", ["auto", "memory"])
def test_quiet_hours(tmp_path: Path, sim: Simulator, store: str) -> None:
    """Of the program's own options, also in a store that nobody else can look into."""
    hour = datetime.now(timezone.utc).hour
    window = f"{(hour - 1) % 24:02}:00-{(hour + 2) % 24:02}:00"
    hours = {"quiet_hours": window, "timezone": "UTC", "store": store}
    setup = Setup("hours", config=config(handlers={"wecom": {"app": "shop", **hours}}))
    status, steps = check(setup, tmp_path, sim)
    is_held(status, steps, "not told yet: ")
    assert steps["quiet hours"]["status"] == "warning"
    # An exit tells what a store in memory would lose.
    assert len(sim.messages) == (store == "memory")


def test_a_test_group_that_is_silenced(tmp_path: Path, sim: Simulator) -> None:
    setup = Setup("silenced", config=APP)
    check(setup, tmp_path, sim)
    told = len(sim.messages)
    (group,) = json.loads(command(tmp_path, sim, "groups", "--json"))
    command(tmp_path, sim, "silence", group["id"], "1h")
    status, steps = check(setup, tmp_path, sim)
    is_held(status, steps, f"#{group['id']} is silenced until ")
    assert "quiet" not in steps
    assert len(sim.messages) == told


def test_a_fallback_that_took_them(tmp_path: Path, sim: Simulator) -> None:
    """The destination did not, and that is what has to be mended."""
    backup = {"class": "logging.FileHandler", "filename": str(tmp_path / "backup.log")}
    wecom = {"app": "shop", "fallback": "cfg://handlers.backup"}
    setup = Setup("fallback", config=config(handlers={"backup": backup, "wecom": wecom}))
    sim.change_robot(errcode=93000)
    status, steps = check(setup, tmp_path, sim)
    assert (status, steps["test errors"]["status"]) == (1, "failed")
    assert steps["test errors"]["text"].startswith("the fallback took them, not the destination: ")
    assert "93000" in steps["test errors"]["text"]
    assert "test error through" in (tmp_path / "backup.log").read_text("utf-8")
    assert "what happens next" not in steps


def test_a_processor_that_drops_them(tmp_path: Path, sim: Simulator) -> None:
    before = "import structlog\n\ndef drop(logger, name, event):\n    raise structlog.DropEvent\n"
    pytest.importorskip("structlog")
    wecom = {"processors": ["ext://shop_settings.drop"]}
    setup = Setup("dropped", config=config(handlers={"wecom": wecom}), before=before)
    status, steps = check(setup, tmp_path, sim)
    assert (status, steps["test errors"]["text"]) == (1, "a processor drops them")


def test_an_environment_that_is_quiet(
    tmp_path: Path, sim: Simulator, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Without a program: the test message arrives, a new error would not."""
    for name, value in {**sim.env("robot"), "WECOM_APP": "shop"}.items():
        monkeypatch.setenv(name, value)
    check(Setup("sound", config=APP), tmp_path, sim)
    assert main(["quiet", "1h"]) == 0
    monkeypatch.setenv("WECOM_LANGUAGE", "zh")
    capsys.readouterr()
    assert main(["check"]) == 0
    out = capsys.readouterr().out
    assert "! 免打扰：shop 免打扰到 " in out
    assert "接下来" not in out


def test_a_gunicorn_configuration_that_is_wrong(tmp_path: Path, sim: Simulator) -> None:
    """It is not the program that is named."""
    conf = "logconfig_dict = {'root': {'handlers': ['nowhere']}}"
    setup = Setup("wrong", config=APP, files={"gunicorn.conf.py": conf})
    status, steps = check(setup, tmp_path, sim)
    assert status == 1
    assert steps["configuration"]["text"].startswith("gunicorn.conf.py: logconfig_dict: ")
    assert "nowhere" in steps["configuration"]["text"]


def test_variables_of_the_bot(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are nothing to take out, its secret is not shown, and a typing error is seen."""
    more = {"WECOM_BOT_USERS": "lisi=李四", "WECOM_BOT_CARDS": "off", "WECOM_BOT_CARD": "off"}
    for name, value in {**sim.env("robot"), **sim.env("bot"), **more}.items():
        monkeypatch.setenv(name, value)
    assert main(["check", "--json", "--no-send"]) == 0
    out = capsys.readouterr().out
    wrong = [each for each in json.loads(out)["steps"] if "no such option" in each["text"]]
    assert [each["text"].partition(" ")[0] for each in wrong] == ["WECOM_BOT_CARD"]
    assert wrong[0]["fix"] == "is WECOM_BOT_CARDS meant?"
    assert sim.env("bot")["WECOM_BOT_SECRET"] not in out
