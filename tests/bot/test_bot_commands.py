"""What people write to the bot, and what it is taken for."""

from __future__ import annotations

import pytest

from wecom_logging._bot.commands import Command, parse, taught_name
from wecom_logging._model.spans import Span

HOURS = Span(7200.0)


@pytest.mark.parametrize(
    "text",
    [
        "静默 40871 2h",
        "静默 #40871 2h",
        "静默#40871 2h",
        "静默40871 2小时",
        "静默 40871两小时",
        "＠报警 静默 ＃４０８７１ ２ｈ",
        "静默　40871　2h",
        "40871 静默 2h",
        "2h 静默 40871",
        "屏蔽 40871 2 小时",
        "@报警\u2005静默 40871 2h",
        "静\u200b默 40871 2h",
        "SILENCE 40871 2H",
        "mute #40871 2 hours",
        "静默：40871，2h",
        "静默 40871 2h @报警",
    ],
)
def test_forgiving(text: str) -> None:
    found = parse(text, name="报警")
    assert (found.name, found.ids, found.span, found.rest) == ("silence", ("40871",), HOURS, "")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("未恢复", "open"),
        ("列表", "open"),
        ("open", "open"),
        ("40871", "show"),
        ("#40871", "show"),
        ("我来 40871", "take"),
        ("我来处理 40871", "take"),
        ("ack 40871", "take"),
        ("放手 40871", "untake"),
        ("取消静默 40871", "unsilence"),
        ("取消 静默 40871", "unsilence"),
        ("免打扰 30m", "quiet"),
        ("取消免打扰", "unquiet"),
        ("撤销", "undo"),
        ("报告", "report"),
        ("帮助", "help"),
        ("？", "help"),
        ("确认", "yes"),
        ("绑定 483920", "pair"),
        ("hello there", "unknown"),
        ("", "unknown"),
        ("今天天气不错", "unknown"),
        ("40871 谁在处理", "unknown"),
        ("不要静默 40871", "unknown"),
        ("please do not silence 40871", "unknown"),
        ("40871 我来", "take"),
    ],
)
def test_words(text: str, name: str) -> None:
    assert parse(text).name == name


def test_arguments() -> None:
    assert parse("静默 40871 52210 半小时 上游维护") == Command(
        "silence", ("40871", "52210"), span=Span(1800.0), rest="上游维护", chinese=True
    )
    assert parse("静默 40871 下午3点 上游维护").span == Span(hour=15)
    assert parse("静默 40871 下午3点的任务").span is None
    assert parse("静默 gateway.py 1h").rest == "gateway.py"
    assert parse("silence redis.ConnectionError 1h").rest == "redis.ConnectionError"
    assert parse("静默 m-5c1e 1h").messages == ("m-5c1e",)
    assert parse("绑定 483 920").code == "483920"
    assert parse("静默 40871 到25点").wrong is not None


@pytest.mark.parametrize(
    ("text", "ids", "rest"),
    [
        ("静默 40871 2h 工单 12345", ("40871",), "工单 12345"),
        ("静默 40871 52210 2h", ("40871", "52210"), ""),
        ("静默 #40871、#52210 2h", ("40871", "52210"), ""),
        ("静默 40871 和 52210 2h", ("40871", "52210"), ""),
        ("静默 gateway.py 2h", (), "gateway.py"),
        ("静默 这个 40871 2h", ("40871",), "这个"),
        ("静默「40871」2h", ("40871",), ""),
        ("静默【40871】 2h “维护” 中", ("40871",), "“维护” 中"),
        ("静默（40871） 2h", ("40871",), ""),
        ('silence "40871" for 2 hours', ("40871",), ""),
    ],
)
def test_a_number_in_a_reason_is_no_id(text: str, ids: tuple[str, ...], rest: str) -> None:
    found = parse(text)
    assert (found.ids, found.rest, found.span) == (ids, rest, HOURS)


@pytest.mark.parametrize(
    "text", ["「静默 40871 2h」", "@报警 “静默 40871 2h”", "`静默 40871 2h`", '"静默 40871 2h"']
)
def test_a_command_may_be_copied_with_its_quotation_marks(text: str) -> None:
    found = parse(text)
    assert (found.name, found.ids, found.span, found.rest) == ("silence", ("40871",), HOURS, "")


@pytest.mark.parametrize(
    "text", ["静默 4087 2h", "静默 4087112 2h", "静默 v1.40871 2h", "静默 a40871"]
)
def test_ids_are_whole(text: str) -> None:
    assert parse(text).ids == ()


def test_a_number_of_a_process_without_its_store_is_doubtful() -> None:
    assert parse("静默 #40871? 1h").doubtful
    assert parse("静默 1h", "🔴 pay · #40871? ×3").doubtful


def test_a_quoted_alert_stands_for_its_ids() -> None:
    alert = "🔴 payments prod\n**NEW** X **×300** #40871\n**AGAIN** Y #52210 · 12345 rows · m-5c1e"
    found = parse("静默 2h", alert)
    assert (found.ids, found.quoted, found.span) == (("40871", "52210"), True, HOURS)
    assert parse("静默 40000 2h", alert).ids == ("40000",)
    assert parse("静默 2h", "whole report below · m-5c1e").messages == ("m-5c1e",)
    assert parse("静默 2h").ids == ()


@pytest.mark.parametrize(
    ("text", "name"),
    [("@静默 助手 静默 40871 2h", "静默 助手"), ("@静默助手 静默 40871 2h", "静默助手")],
)
def test_a_bot_may_be_called_like_a_command(text: str, name: str) -> None:
    found = parse(text, name=name)
    assert (found.name, found.ids, found.rest) == ("silence", ("40871",), "")
    assert parse(f"@{name} 我来 40871", name=name).name == "take"


def test_pairing_teaches_the_name() -> None:
    assert taught_name("@静默 助手 绑定 483920") == "静默 助手"
    assert taught_name("@On-call Bot\u2005pair 483920") == "On-call Bot"
    assert taught_name("绑定 483920") == ""


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("@On-call bot @bot pair 252798", "On-call bot"),
        ("@报警 @机器人 绑定 252798", "报警"),
        ("@On-call bot @On-call bot pair 252798", "On-call bot"),
        ("@报警 @小王 绑定 252798", ""),
        ("@bot pair 252798", "bot"),
    ],
)
def test_a_name_is_learnt_from_one_mention_alone(text: str, name: str) -> None:
    assert taught_name(text) == name


def test_what_stands_there_is_not_suggested() -> None:
    found = parse("@On-call bot open", name="On-call bot @bot")
    assert (found.name, found.renamed) == ("unknown", True)
    assert found.nearest
    assert "open" not in found.nearest
    assert "open" not in parse("@On-call bot 未恢复了 status", name="报警").nearest
    assert not parse("@On-call bot opne", name="On-call bot").renamed


@pytest.mark.parametrize(
    ("text", "nearest"),
    [("静末 40871", "silence"), ("silense 40871", "silence"), ("报高", "report")],
)
def test_nearest(text: str, nearest: str) -> None:
    found = parse(text)
    assert found.name == "unknown"
    assert found.nearest[0] == nearest
    assert len(found.nearest) == 3


@pytest.mark.parametrize(
    "text",
    ["\x00" * 4000, "@" * 4000, "1" * 4000, "静默 " * 1000, "\u0300" * 4000, "静默 " + "9h" * 999],
)
def test_nothing_takes_long_or_breaks(text: str) -> None:
    parse(text, text)


@pytest.mark.parametrize(
    "text",
    [
        "静默 40871 到下个版本 已修复", "静默 40871 到下一版 已修复",
        "静默 到下一个版本 40871 已修复",
        "silence 40871 until release 已修复", "silence 40871 until the next release 已修复",
    ],
)  # fmt: skip
def test_until_the_next_release(text: str) -> None:
    found = parse(text)
    assert (found.ids, found.until_release, found.span, found.rest) == (
        ("40871",), True, None, "已修复",
    )  # fmt: skip
