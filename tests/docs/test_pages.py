"""The pages below docs/: their programs run, their links lead somewhere, both languages agree."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from wecom_logging._rendering.labels import Chinese, Labels
from wecom_logging.simulator import Simulator

DOCS = Path(__file__).parents[2] / "docs"
PAIRS = ("frameworks", "messages", "silence")


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def blocks(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", PAIRS)
def test_both_languages_have_the_same_programs(name: str) -> None:
    assert blocks(page(f"{name}.md")) == blocks(page(f"{name}.zh-CN.md"))


@pytest.mark.parametrize("name", PAIRS)
def test_both_languages_have_the_same_sections(name: str) -> None:
    english, chinese = (
        [
            line.split(" ")[0]
            for line in page(f"{name}{suffix}").splitlines()
            if line.startswith(("#", "|"))
        ]
        for suffix in (".md", ".zh-CN.md")
    )
    assert english == chinese


@pytest.mark.parametrize("name", [f"{each}{s}" for each in PAIRS for s in (".md", ".zh-CN.md")])
def test_links_lead_somewhere(name: str) -> None:
    text = page(name)
    headings = {
        re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in text.splitlines()
        if line.startswith("#")
    }
    for target in re.findall(r"\]\(([^)]+)\)", text):
        path, _, anchor = target.partition("#")
        assert not path or (DOCS / path).exists(), target
        assert not anchor or anchor in headings, target


#: What follows a block, and what has been told when the program has ended.
LOGGED = """
import logging, json
import wecom_logging
handler = next(h for h in logging.getLogger().handlers if isinstance(h, wecom_logging.WeComHandler))
handler.flush()
stats = handler.stats()
print(json.dumps([stats.seen, stats.reported, stats.muted]))
"""


@pytest.mark.parametrize(
    ("sign", "account"),
    [
        ("NotTheScanner(logging.Filter)", [0, 0, 0]),
        ("drop_hang_ups", [1, 0, 1]),
        ("a supplier is away", [4, 4, 0]),
    ],
)
def test_what_is_silenced(sign: str, account: list[int], sim: Simulator, tmp_path: Path) -> None:
    """Each means counts what its page says."""
    (source,) = (block for block in blocks(page("silence.md")) if sign in block)
    (tmp_path / "program.py").write_text(source + LOGGED, "utf-8")
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path, env={**os.environ, **sim.env("robot")}, capture_output=True, text=True,
        timeout=60, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout.splitlines()[-1]) == account
    assert len(sim.messages) == bool(account[1])


@pytest.mark.parametrize(
    "source", [each for each in blocks(page("frameworks.md")) if "REGISTRY" not in each]
)
def test_programs_of_the_frameworks_page(source: str, sim: Simulator, tmp_path: Path) -> None:
    if "contrib.opentelemetry" in source:
        pytest.importorskip("opentelemetry.sdk")
    after = (
        "\nimport logging.config; logging.config.dictConfig(LOGGING)" if "LOGGING" in source else ""
    )
    (tmp_path / "program.py").write_text(source + after, "utf-8")
    subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path, env={**os.environ, **sim.env("robot")}, timeout=60, check=True,
    )  # fmt: skip


# -- what a message shows ------------------------------------------------------------------


def drawing() -> ModuleType:
    spec = importlib.util.spec_from_file_location("draw_message", DOCS / "draw_message.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pictures_are_drawn_from_their_source() -> None:
    module = drawing()
    assert page("message.svg") == module.draw(module.ENGLISH)
    assert page("message.zh-CN.svg") == module.draw(module.CHINESE)


@pytest.mark.parametrize(
    ("name", "labels", "lines"),
    [("messages.md", Labels, "ENGLISH"), ("messages.zh-CN.md", Chinese, "CHINESE")],
)
def test_every_number_and_every_state_is_explained(
    name: str, labels: type[Labels], lines: str
) -> None:
    """The words are those of the code."""
    text = page(name)
    numbers = {number for line in getattr(drawing(), lines) for number, _, _ in line if number}
    assert sorted(numbers) == [int(each) for each in re.findall(r"^\| (\d+) \|", text, re.M)]
    for word in labels.states.values():
        assert f"`{word}`" in text or f"「{word}」" in text, word


def test_the_counts_of_the_pictures_add_up() -> None:
    module = drawing()
    for lines in (module.ENGLISH, module.CHINESE):
        text = " ".join(part[2] for line in lines for part in line)
        (total,) = re.findall(r"(\d+)(?: errors|次)", text)
        assert int(total) == sum(map(int, re.findall(r"×(\d+)", text)))
