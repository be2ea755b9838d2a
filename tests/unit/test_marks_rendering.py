"""What a message says of silences, of who has taken a group, and of quiet."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any

import pytest

from tests.helpers.rendering_cases import HOUR, MINUTE, NOW, digest, report
from wecom_logging._model.digest import Holder, SilenceEnd
from wecom_logging._rendering import Style, render

#: Shanghai.
ZONE = timezone(timedelta(hours=8))
END = SilenceEnd("zhangsan", NOW - HOUR, NOW, "deploy", "")


def drawn(*reports: object, language: str = "en", **more: object) -> str:
    style = Style(app="shop", language=language, timezone=ZONE)  # type: ignore[arg-type]  # a language of a parameter
    return render(digest(*reports, **more), style).message.content  # type: ignore[arg-type]  # one `Style` or two


def silenced(count: int, end: SilenceEnd = END) -> object:
    return report("a", "Timeout", "pay.py post", state="silenced", count=count, silence=end)


def test_the_end_of_a_silence() -> None:
    body = drawn(silenced(20))
    assert "**SILENCED** Timeout **×20**" in body
    assert "silenced 13:03–14:03 by zhangsan, deploy" in body


def test_one_in_which_nothing_came_is_told() -> None:
    assert "×0" in drawn(silenced(0))


def test_one_in_which_nothing_came_is_no_alarm() -> None:
    """Not even a silence of something CRITICAL."""
    critical: dict[str, Any] = {
        "state": "silenced",
        "silence": END,
        "level": "critical",
        "news": True,
    }
    assert drawn(report("a", "Timeout", count=0, **critical)).startswith("✅ shop · 0 errors")
    assert drawn(report("a", "Timeout", count=1, **critical)).startswith("🔴 CRITICAL shop")


def test_in_chinese() -> None:
    body = drawn(silenced(20, END._replace(by="张三", why="发布", ended="storm")), language="zh")
    assert "静默结束" in body
    assert "静默 13:03–14:03（张三），因错误激增提前结束，发布" in body


def test_taken() -> None:
    held = report("a", "Timeout", state="still", taken=Holder("lisi", NOW - 47 * MINUTE))
    assert "taken by lisi 13:16" in drawn(held)
    assert "lisi 13:16 接手" in drawn(held, language="zh")
    gone = report("a", "Timeout", state="still", taken=Holder("lisi", NOW, lapsed=True))
    assert "not any more" in drawn(gone)


def test_quiet_is_said() -> None:
    body = drawn(report("a", "Timeout"), quiet=(NOW - 8 * HOUR, NOW))
    assert "quiet 06:03–14:03" in body


@pytest.mark.parametrize(
    "hostile",
    ["<@all>", "[x](https://evil)", "×3", "\x1b[31mred", "a\n**NEW** Fake **×9**", "`", "\u202e"],
)
def test_hostile_names_and_reasons_stay_text(hostile: str) -> None:
    body = drawn(silenced(1, END._replace(by=hostile, why=hostile)))
    plain = drawn(silenced(1, END._replace(by="x", why="y")))
    assert body.count("\n") == plain.count("\n")
    for forged in ("<@all>", "](https", "\x1b", "**NEW**", "\u202e"):
        assert forged not in body


def test_a_message_without_logged_text_has_no_names_or_reasons_either() -> None:
    style = Style(app="shop", timezone=ZONE)
    held = report("b", "Other", state="still", taken=Holder("lisi", NOW))
    body = render(digest(silenced(20), held), style, shape="bare").message.content  # type: ignore[arg-type]  # as above
    assert "SILENCED" in body
    for words in ("zhangsan", "deploy", "lisi"):
        assert words not in body


def test_a_silence_that_a_release_has_ended() -> None:
    end = END._replace(ended="release", release="2.3.1")
    assert "silenced 13:03–14:03 by zhangsan, ended by release 2.3.1, deploy" in drawn(
        silenced(20, end)
    )
    body = drawn(silenced(20, end._replace(by="张三", why="")), language="zh")
    assert "静默 13:03–14:03（张三），因 2.3.1 发布而结束" in body


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("hostile", ["<@all>", "[x](https://evil)", "\x1b[31mx", "a\n**NEW** ×9"])
def test_hostile_releases_stay_text(hostile: str, language: str) -> None:
    end = END._replace(ended="release", release=hostile)
    body = drawn(
        report("b", "Other", state="again", releases=(hostile, "x"), back_from=hostile),
        report("c", "Third", releases=(hostile,)),
        silenced(1, end),
        language=language,
    )
    for forged in ("<@all>", "](https", "\x1b", "**NEW** ×", "×9"):
        assert forged not in body.replace("**NEW** Third", "")
