"""What the pages and examples about the bot say is what it does."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

from wecom_logging._bot.commands import WORDS, parse
from wecom_logging._bot.texts import USAGE
from wecom_logging._cli import bot
from wecom_logging._model import spans

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs" / name for name in ("bot.md", "bot.zh-CN.md")]


def commands_in(page: Path) -> list[str]:
    """What stands between backticks in the table of commands, and the other words there."""
    rows = re.findall(r"^\| (`.+?`) \| (.+?) \| .+ \|$", page.read_text("utf-8"), re.M)
    return [word for first, others in rows for word in (first.strip("`"), *others.split())]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_the_pages_is_understood(page: Path) -> None:
    found = [parse(each.strip("`")).name for each in commands_in(page)]
    assert "unknown" not in found
    assert set(found) == set(USAGE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_time_of_the_pages_is_one(page: Path) -> None:
    (line,) = re.findall(r"^\* \*\*(?:Times|时间)\*\*.*$", page.read_text("utf-8"), re.M)
    times = re.findall("`(.+?)`", line)
    assert len(times) >= 10
    for each in times:
        spans.parse(each)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_option_and_variable_of_the_pages_is_there(page: Path) -> None:
    text = page.read_text("utf-8")
    source = Path(bot.__file__).read_text("utf-8")
    for name in set(re.findall(r"WECOM_BOT_\w+", text)) - {"WECOM_BOT_CHATID"}:
        assert name in source or name == "WECOM_BOT_SECRET_FILE"
    for option in set(re.findall(r"(?<=[ `])--[a-z]+", text)):
        assert f'"{option}"' in source or option in ("--app", "--environment")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_pages_say_what_the_simulators_chat_is_for(page: Path) -> None:
    """The bot reads every other variable that the simulator prints for one."""
    said = re.findall(r"`WECOM_BOT_CHATID` (?:is|是)([^.。]+)", page.read_text("utf-8"))
    assert len(said) == 1
    assert "chatid" in said[0]
    assert "`wecom-logging bot`" in said[0]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_pages_line_for_pairing_holds_no_name(page: Path) -> None:
    """It is pasted behind a mention, which the client or the simulator's page has put there."""
    text = page.read_text("utf-8")
    (line,) = re.findall(r"^> (.+)$", text, re.M)
    assert "@" not in line
    assert parse(line).code == "483920"
    assert text.count(f"`{line}`") == 1  # as the simulator's page wants it


def test_usage_is_understood() -> None:
    for name, written in USAGE.items():
        assert [parse(each).name for each in written] == [name, name]
    assert all(parse(word).name == name for name, words in WORDS.items() for word in words)


def test_compose() -> None:
    yaml = pytest.importorskip("yaml")
    service = yaml.safe_load((ROOT / "examples" / "compose.yaml").read_text("utf-8"))
    found = service["services"]["bot"]
    assert found["command"] == ["wecom-logging", "bot"]
    assert found["healthcheck"]["test"] == ["CMD", "wecom-logging", "bot", "--status"]
    assert found["environment"]["WECOM_STORE"] == "redis://redis:6379/3"


def test_systemd() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]  # as configparser's documentation does it
    unit.read(ROOT / "examples" / "wecom-bot.service", "utf-8")
    assert unit["Service"]["ExecStart"].endswith("wecom-logging bot")
    assert "WECOM_BOT_SECRET_FILE" in unit["Service"]["Environment"]
    assert bot._SECRET == "WECOM_BOT_SECRET"
