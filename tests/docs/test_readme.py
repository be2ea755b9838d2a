"""The README is run: its programs, its commands, its table of options, its links."""

from __future__ import annotations

import inspect
import logging.config
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.support import counted, missing
from wecom_logging import WeComHandler
from wecom_logging.simulator import Simulator
from wecom_logging.simulator.server import _greeting

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "README.zh-CN.md")


def blocks(name: str, language: str) -> list[str]:
    """The fenced blocks of one language, in their order."""
    text = (ROOT / name).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def options_table(name: str) -> dict[str, str]:
    """Each option and the text of its default."""
    text = (ROOT / name).read_text("utf-8")
    found = {}
    for first, default in re.findall(r"^\| (`[a-z_]+`(?: `[a-z_]+`)*) \| (.*?) \|", text, re.M):
        for option in re.findall(r"`([a-z_]+)`", first):
            found[option] = default
    return found


PYTHON = blocks("README.md", "python")
LOGGING = PYTHON[0]


# -- programs ------------------------------------------------------------------------------


#: What has to happen after a block for an error to be logged.
_AFTERWARDS = {
    "FastAPI(": "import logging; wecom_logging.install(); logging.getLogger('shop').error('x')",
    "LOGGING = {": "import logging.config; logging.config.dictConfig(LOGGING)\n"
    "logging.getLogger('shop').error('x')",
}


def _complete(source: str) -> str:
    """A block as a program that logs an error."""
    before = "import wecom_logging\n"
    if "LOGGING" in source and "LOGGING =" not in source:
        before += LOGGING
    after = next((code for sign, code in _AFTERWARDS.items() if sign in source), "")
    return f"{before}\n{source}\n{after}\n"


def _run(source: str, sim: Simulator, directory: Path) -> subprocess.CompletedProcess[str]:
    program = directory / "program.py"
    program.write_text(source, "utf-8")
    return subprocess.run(
        [sys.executable, str(program)],
        env={**os.environ, **sim.env("app")}, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip


@pytest.mark.parametrize("source", PYTHON)
def test_programs(source: str, sim: Simulator, tmp_path: Path) -> None:
    """Each Python block, run as it stands there, brings an alert."""
    for package in ("fastapi", "structlog"):
        if f"from {package}" in source and not find_spec(package):
            missing(package)
    done = _run(_complete(source), sim, tmp_path)
    assert sim.messages, done.stderr
    allowed = 1 if "raise RuntimeError" in source else 0
    assert done.returncode == allowed, done.stderr


def test_the_first_script_counts_to_a_thousand(sim: Simulator, tmp_path: Path) -> None:
    """What the quick start shows is exact."""
    source = next(s for s in PYTHON if "range(1000)" in s)
    _run(source, sim, tmp_path)
    assert counted(sim.messages) == 1000


def test_the_chinese_programs_are_the_same() -> None:
    """Only comments are translated."""

    def code(source: str) -> list[str]:
        return [line.partition("  #")[0] for line in source.splitlines()]

    for language in ("python", "sh", "console"):
        english, chinese = (blocks(name, language) for name in READMES)
        assert [code(block) for block in english] == [code(block) for block in chinese]


def test_the_line_for_uvicorns_workers_is_the_recipes() -> None:
    """Below gunicorn: tried by the recipe's test as docs/frameworks.md shows it."""
    pages = (*READMES, "docs/frameworks.md", "docs/frameworks.zh-CN.md")
    shown = [
        re.findall(r'`("gunicorn\.error": \{"handlers".*?)`', (ROOT / page).read_text("utf-8"))
        for page in pages
    ]
    assert len(shown[0]) == 1
    assert shown == shown[:1] * len(pages)


# -- commands ------------------------------------------------------------------------------


def test_commands(sim: Simulator, tmp_path: Path) -> None:
    """The commands do what their comments say."""
    (block,) = blocks("README.md", "sh")
    (tmp_path / "backup.sh").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "backup.sh").chmod(0o755)
    (tmp_path / "app.log").write_text("login failed: password=Sommer2026!\n")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environ = {**os.environ, **sim.env("app"), "PATH": path}
    statuses = [
        subprocess.run(line, shell=True, cwd=tmp_path, env=environ, timeout=60, check=False,
                       capture_output=True).returncode
        for line in block.splitlines()
    ]  # fmt: skip
    assert statuses == [0, 0, 3, 0]
    assert [message.content.split("\n")[0].split(" from ")[0] for message in sim.messages] == [
        "wecom-logging check", "disk is nearly full",
        "🔴 backup.sh · 1 error · backup.sh: exit status 3",
    ]  # fmt: skip


def test_what_the_simulator_prints() -> None:
    """Its address and the variables, as they are printed."""
    (block,) = blocks("README.md", "console")
    printed = block.split("$ wecom-logging simulator\n")[1]
    assert _greeting(Simulator(8765)).startswith(printed)


@pytest.mark.parametrize("name", READMES)
def test_targets_of_make(name: str) -> None:
    """Every `make` that is named is a target."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    named = set(re.findall(r"`make (\w+)`", (ROOT / name).read_text("utf-8")))
    assert named >= {"demo", "test"}
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in named)


# -- options, links ------------------------------------------------------------------------


@pytest.mark.parametrize("name", READMES)
def test_no_option_is_promised_that_does_not_exist(name: str) -> None:
    """The README has those that people set; the page of options has all."""
    options = set(inspect.signature(WeComHandler.__init__).parameters) - {"self"}
    table = set(options_table(name))
    assert table <= options
    assert table >= {"webhook_key", "corpid", "touser", "level", "app", "language"}


@pytest.mark.parametrize("name", READMES)
def test_links_lead_somewhere(name: str) -> None:
    """Every relative link and picture is in the repository."""
    text = (ROOT / name).read_text("utf-8")
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text) + re.findall(r'src="([^":]+)"', text)
    assert len(links) > 3
    for link in links:
        assert (ROOT / link).exists(), link


# -- examples ------------------------------------------------------------------------------


def test_the_plain_example(sim: Simulator, tmp_path: Path) -> None:
    """A program configured by a JSON file, in Chinese."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "plain_app.py")],
        env={**os.environ, **sim.env("robot")}, capture_output=True, text=True, timeout=60,
        check=True,
    )  # fmt: skip
    assert "order 99 is not paid" in done.stderr
    assert counted(sim.messages) == 100
    assert "100次" in sim.messages[0].content


def test_the_yaml_example() -> None:
    """The same in YAML."""
    yaml: Any = pytest.importorskip("yaml")
    config = yaml.safe_load((ROOT / "examples" / "logging.yaml").read_text("utf-8"))
    config["handlers"]["wecom"]["enabled"] = False
    logging.config.dictConfig(config)


def test_the_cron_example(sim: Simulator, tmp_path: Path) -> None:
    """Without any environment but the file."""
    file = tmp_path / "wecom.env"
    file.write_text("".join(f"{name}={value}\n" for name, value in sim.env("robot").items()))
    environ = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}/usr/bin{os.pathsep}/bin",
        "WECOM_ENV_FILE": str(file),
        "XDG_STATE_HOME": str(tmp_path),
    }
    done = subprocess.run(
        [str(ROOT / "examples" / "nightly.sh")],
        env=environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert done.stdout == "exporting orders\n"
    assert "🔴 nightly · 1 error · nightly: exit status 3" in sim.messages[0].content
