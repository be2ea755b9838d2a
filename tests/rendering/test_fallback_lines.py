"""What a message for a fallback says of its way, and what the destination is told after."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any

import pytest

from tests.helpers.rendering_cases import HOUR, MINUTE, NOW, digest, report
from wecom_logging._model.digest import ByFallback, Outage
from wecom_logging._rendering import Language, Style, render

ZONE = timezone(timedelta(hours=8))
REASON = "WeCom refused with errcode 93000: invalid webhook url, hint: [1]"


def drawn(language: Language, *, instead_of: str = "", **more: Any) -> list[str]:
    style = Style(app="shop", language=language, timezone=ZONE, instead_of=instead_of)
    found = digest(report("a", "Timeout", "pay.py post"))._replace(**more)
    return render(found, style).message.content.splitlines()


@pytest.mark.parametrize(
    ("language", "instead_of", "reason", "line"),
    [
        ("zh", "robot", REASON, "> 备用通道：群机器人失效（93000，13:58 起）"),
        ("en", "robot", REASON, "> fallback: the group robot fails (93000, since 13:58)"),
        ("zh", "application", "no route", "> 备用通道：应用失效（no route，13:58 起）"),
        ("en", "sender", "", "> fallback: the destination fails (since 13:58)"),
    ],
)
def test_the_second_line_is_why_it_comes_this_way(
    language: Language, instead_of: str, reason: str, line: str
) -> None:
    lines = drawn(language, instead_of=instead_of, outage=Outage(NOW - 5 * MINUTE, reason))
    assert lines[0].startswith("🔴 shop")
    assert lines[1] == line
    assert not any("late" in each or "通知延迟" in each for each in lines)


@pytest.mark.parametrize(
    ("language", "told", "line"),
    [
        ("zh", (NOW - 5 * HOUR, NOW - HOUR, 412, "mail_admins"), "的 412 次已由 mail_admins 送出"),
        ("zh", (NOW, NOW, 1, ""), "14:03 的 1 次已由备用通道送出"),
        ("en", (NOW, NOW, 1, ""), "1 error of 14:03 was told by the fallback"),
        ("en", (NOW - HOUR, NOW, 2, "mails"), "2 errors of 13:03–14:03 were told by mails"),
    ],
)
def test_the_destination_has_one_line(
    language: Language, told: tuple[float, float, int, str], line: str
) -> None:
    lines = drawn(language, by_fallback=ByFallback(*told))
    assert sum(line in each for each in lines) == 1


@pytest.mark.parametrize(
    "hostile", ["<@all>", "[x](https://evil)", "a\n**NEW** Fake **×9**", "\u202e"]
)
def test_names_and_reasons_stay_text(hostile: str) -> None:
    def both(text: str) -> list[list[str]]:
        return [
            drawn("en", by_fallback=ByFallback(NOW, NOW, 1, text)),
            drawn("en", instead_of="robot", outage=Outage(NOW, text)),
        ]

    for lines, plain in zip(both(hostile), both("x"), strict=True):
        assert len(lines) == len(plain)
        for forged in ("<@all>", "](https", "**NEW** Fake", "\u202e"):
            assert not any(forged in line for line in lines)
