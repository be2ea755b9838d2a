"""The pages below docs/: their programs run, their links lead somewhere, both languages agree."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from wecom_logging._config.options import OPTIONS, read_options
from wecom_logging._rendering.labels import LABELS
from wecom_logging._rendering.style import Language
from wecom_logging.simulator import Simulator

DOCS = Path(__file__).parents[2] / "docs"
ENGLISH = sorted(each.name for each in DOCS.glob("*.md") if "zh-CN" not in each.name)

#: What is in both languages: all but the reference, which is made from docstrings.
PAIRS = sorted(name.removesuffix(".md") for name in ENGLISH if name != "api.md")


def page(name: str) -> str:
    """A page's text, or that of the file it stands for."""
    text = (DOCS / name).read_text("utf-8")
    included = re.search(r'^--8<-- "(.+)"$', text, re.MULTILINE)
    return (DOCS.parent / included[1]).read_text("utf-8") if included else text


def blocks(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", PAIRS)
def test_both_languages_have_the_same_programs(name: str) -> None:
    """Only comments are translated."""
    english, chinese = (
        [re.sub(r"  +# .*", "", each) for each in blocks(page(f"{name}{suffix}"))]
        for suffix in (".md", ".zh-CN.md")
    )
    assert english == chinese


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


@pytest.mark.parametrize("name", ["architecture", "changelog", "security", "stores"])
def test_both_languages_have_the_same_lists(name: str) -> None:
    """No entry of one is missing in the other: neither a release's nor a claim's tests."""
    english, chinese = (
        [
            re.findall(r"^(## \[.*|[-*1-9])", line) + re.findall(r"`(tests/.+?)`", line)
            for line in page(f"{name}{suffix}").splitlines()
            if re.match(r"## \[|[-*] |\d\. |.*`tests/", line)
        ]
        for suffix in (".md", ".zh-CN.md")
    )
    assert english
    assert english == chinese


def headings(path: Path) -> set[str]:
    return {
        re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in path.read_text("utf-8").splitlines()
        if line.startswith("#")
    }


@pytest.mark.parametrize("name", sorted(each.name for each in DOCS.glob("*.md")))
def test_links_lead_somewhere(name: str) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page(name), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)]+)\)", text):
        path, _, anchor = target.partition("#")
        if path.startswith("https:"):
            continue
        assert (DOCS / path).exists(), target
        assert not anchor or anchor in headings(DOCS / (path or name)), target


@pytest.mark.parametrize("name", sorted(each.name for each in DOCS.glob("*.zh-CN.md")))
def test_chinese_pages_lead_to_chinese_ones(name: str) -> None:
    """But for the switch below the title, and the reference, which is in English alone."""
    links = re.findall(r"\[(.*?)\]\(([\w-]+\.md)[)#]", page(name))
    english = {target for text, target in links if text not in ("English", "英文参考")}
    assert english == set()


# -- every block ---------------------------------------------------------------------------

#: Pages whose programs have tests of their own below, or in `test_bot_docs` or `test_site`.
ELSEWHERE = ("frameworks.md", "silence.md", "testing.md", "options.md")


def fenced(name: str) -> list[tuple[str, str]]:
    """Language and text of each block."""
    return re.findall(r"^```(\w*)\n(.*?)^```", page(name), re.MULTILINE | re.DOTALL)


PROGRAMS = [
    (name, source) for name in ENGLISH if name not in ELSEWHERE for source in blocks(page(name))
]


def test_every_block_is_of_a_kind_that_is_tested() -> None:
    kinds = {(name, language) for name in ENGLISH for language, _ in fenced(name)}
    assert {language for _, language in kinds} <= {"python", "sh", "yaml", ""}
    # What has no language is what something shows.
    showing = {name for name, language in kinds if not language}
    assert showing <= {"architecture.md", "bot.md", "messages.md", "oncall.md"}


@pytest.mark.parametrize("source", [each for _, each in PROGRAMS if not each.startswith('"')])
def test_programs_of_the_other_pages(source: str, sim: Simulator, tmp_path: Path) -> None:
    """Each runs as it stands there; a configuration is configured with."""
    before = after = ""
    # A configuration that names its own destination is made, and sends nothing.
    own = '"webhook_key": "https:' in source or '"corpid":' in source
    variables = {} if own else sim.env("robot")
    if "LOGGING =" in source:
        after = "\nimport logging.config; logging.config.dictConfig(LOGGING)"
    if "django" in source:
        pytest.importorskip("django")
        before = "from django.conf import settings; settings.configure()\n"
    (tmp_path / "program.py").write_text(before + source + after, "utf-8")
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path, env={**os.environ, **variables}, capture_output=True, text=True,
        timeout=60, check=True,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    if "log" in source and ".error(" in source:
        own_sender = tmp_path / "messages"
        assert sim.messages or "disk is full" in own_sender.read_text("utf-8")
    if "WebhookSender.from_env" in source:
        assert sim.messages[0].content.startswith("**Backup**")


@pytest.mark.parametrize("source", [each for _, each in PROGRAMS if each.startswith('"')])
def test_parts_of_a_configuration(source: str) -> None:
    """Entries of a dictionary: options that there are, with values that are taken."""
    found = eval("{" + source + "}")
    options = found.get("wecom", found)
    given = {key: value for key, value in options.items() if key not in ("class", "level")}
    assert given
    assert set(given) <= set(OPTIONS)
    read_options(given, {})


@pytest.mark.parametrize(
    ("name", "source"),
    [(name, text) for name in ENGLISH for language, text in fenced(name) if language == "sh"],
)
def test_commands_of_the_pages_exist(name: str, source: str) -> None:
    """A shell reads them, and `wecom-logging` knows each command and option."""
    subprocess.run(["bash", "-n"], input=source, text=True, timeout=20, check=True)
    if name == "bot.md":  # its command has tests of its own
        return
    for line in re.findall(r"^wecom-logging (.*)$", source, re.M):
        words = shlex.split(line.split(" < ")[0], comments=True)
        command = next(iter(words))
        help_text = subprocess.run(
            [sys.executable, "-m", "wecom_logging", command, "--help"],
            capture_output=True, text=True, timeout=60, check=True,
        ).stdout  # fmt: skip
        for option in (word for word in words if word.startswith("--")):
            assert option in help_text, line


def test_alertmanagers_configuration_beside_ours() -> None:
    """The page's table translates every key of its example, and the values are the same."""
    yaml = pytest.importorskip("yaml")
    (theirs,) = (text for language, text in fenced("migration.md") if language == "yaml")
    found = yaml.safe_load(theirs)["receivers"][0]["wechat_configs"][0]
    names = {
        "corp_id": "corpid", "api_secret": "corpsecret", "agent_id": "agentid",
        "to_user": "touser", "to_tag": "totag",
    }  # fmt: skip
    assert set(found) == set(names)
    (source,) = (each for each in blocks(page("migration.md")) if '"corpid"' in each)
    scope: dict[str, Any] = {}
    exec(source, scope)
    ours = scope["LOGGING"]["handlers"]["wecom"]
    assert {ours[names[key]] for key in found} == set(found.values())


def test_the_tests_of_the_testing_page(tmp_path: Path) -> None:
    for number, source in enumerate(blocks(page("testing.md"))):
        (tmp_path / f"test_{number}.py").write_text(source, "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "2 passed" in done.stdout, done.stdout


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
    ("name", "language", "lines"),
    [("messages.md", "en", "ENGLISH"), ("messages.zh-CN.md", "zh", "CHINESE")],
)
def test_every_number_and_every_state_is_explained(
    name: str, language: Language, lines: str
) -> None:
    """The words are those of the code."""
    text = page(name)
    numbers = {number for line in getattr(drawing(), lines) for number, _, _ in line if number}
    assert sorted(numbers) == [int(each) for each in re.findall(r"^\| (\d+) \|", text, re.M)]
    for word in LABELS[language].states.values():
        assert f"`{word}`" in text or f"「{word}」" in text, word


def test_the_counts_of_the_pictures_add_up() -> None:
    module = drawing()
    for lines in (module.ENGLISH, module.CHINESE):
        text = " ".join(part[2] for line in lines for part in line)
        (total,) = re.findall(r"(\d+)(?: errors|次)", text)
        assert int(total) == sum(map(int, re.findall(r"×(\d+)", text)))
