"""The pictures of the pages: there for each message, in both languages, and small."""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest

from wecom_logging._rendering import Language

DOCS = Path(__file__).parents[2] / "docs"
ONCALL = DOCS / "oncall"

#: Bytes of a picture of one message, and of the page at the width of a phone.
MESSAGE, PAGE = 40_000, 120_000


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the pictures are drawn from, as a module."""
    monkeypatch.syspath_prepend(str(DOCS))
    import oncall_messages

    return oncall_messages


@pytest.fixture
def small_png(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(DOCS))
    import small_png

    return small_png


@pytest.mark.parametrize(("page", "suffix"), [("oncall.md", ""), ("oncall.zh-CN.md", ".zh-CN")])
def test_the_page_has_a_picture_of_each_message(messages: Any, page: str, suffix: str) -> None:
    shown = re.findall(r"!\[.+\]\(oncall/([\w-]+)(\S*)\.png\)", (DOCS / page).read_text("utf-8"))
    assert {name for name, _ in shown} == set(messages.MESSAGES)
    assert {each for _, each in shown} == {suffix}


def test_pictures_are_small() -> None:
    found = [*ONCALL.glob("*.png"), *DOCS.glob("*phone*.png")]
    assert len(found) > 16
    for each in found:
        size = each.stat().st_size
        assert size < (MESSAGE if each.parent == ONCALL else PAGE), f"{each.name}: {size}"


SAID = {
    "alert": ("NEW** ConnectTimeout **×353** #40871", "[logs](https://"),
    "silence-ended": ("SILENCED** ConnectTimeout **×20**", "13:03–14:03 by zhangsan, bank is down"),
    "storm": ("SILENCED** ConnectTimeout **×1,210**", "ended by a storm"),
    "taken": ("STILL** ConnectTimeout **×182**", "taken by zhangsan 13:13"),
    "releases": ("in 2.3.1", "back in 2.3.1, last seen in 2.2.0"),
    "quiet": ("23 errors", "only what could not wait was told"),
    "fallback": ("fallback: the group robot fails (93000, since 13:52)",),
    "back": ("412 errors of 08:03–14:01 were told by mail_admins",),
    "owner": ("see the message above",),
    "card": ('"emphasis_content":{"title":"353"', '"type":2'),
}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_message_can_be_drawn(messages: Any, language: Language) -> None:
    for name, make in messages.MESSAGES.items():
        (message,) = make(language)
        for words in SAID.get(name, ()) if language == "en" else ():
            assert words in message.content, name
    assert messages.owner(language)[0].mentions == ("zhangsan",)


def png(rows: list[bytes], kind: int, step: int) -> bytes:
    """A picture as a browser may write it, each line with another filter."""
    above, lines = bytes(len(rows[0])), b""
    for y, row in enumerate(rows):
        left = bytes(step) + row[:-step]
        corner = bytes(step) + above[:-step]
        filtered = {
            0: row,
            1: bytes((a - b) & 255 for a, b in zip(row, left, strict=True)),
            2: bytes((a - b) & 255 for a, b in zip(row, above, strict=True)),
            3: bytes((a - (b + c) // 2) & 255 for a, b, c in zip(row, left, above, strict=True)),
            4: bytes(
                (a - paeth(b, c, d)) & 255
                for a, b, c, d in zip(row, left, above, corner, strict=True)
            ),
        }[y % 5]
        lines += bytes((y % 5,)) + filtered
        above = row
    size = struct.pack(">IIBBBBB", len(rows[0]) // step, len(rows), 8, kind, 0, 0, 0)
    parts = ((b"IHDR", size), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts
    )


def paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    return min((left, up, corner), key=lambda each: abs(guess - each))


@pytest.mark.parametrize(("kind", "step"), [(2, 3), (6, 4)])
def test_a_small_picture_is_the_same_picture(small_png: Any, kind: int, step: int) -> None:
    """Few colours stay as they are; its lines are the palette's."""
    colours = [bytes((n * 60, 255 - n * 50, n % 2 * 200)) for n in range(4)]
    pixels = [[colours[(x * y + x) % 4] for x in range(7)] for y in range(10)]
    alpha = b"\xff" * (step - 3)
    lines = [b"".join(pixel + alpha for pixel in row) for row in pixels]
    made = small_png.small_png(png(lines, kind, step))
    found = re.search(b"PLTE(.+?)....\\x00\\x00..IDAT", made, re.DOTALL)
    assert found
    palette = [found[1][i : i + 3] for i in range(0, 12, 3)]
    data = zlib.decompress(made[made.index(b"IDAT") + 4 :][:-16])
    rows = [data[y * 8 + 1 : y * 8 + 8] for y in range(10)]
    assert [[palette[n] for n in row] for row in rows] == pixels
