"""Draw the annotated messages of messages.md and messages.zh-CN.md.

    python docs/draw_message.py          writes message.svg and message.zh-CN.svg beside this file

Numbers are those of the tables on these pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from unicodedata import east_asian_width

HERE = Path(__file__).parent

#: A part of a line: its number (0: none), its style, its text.
Part = tuple[int, str, str]

ENGLISH: list[list[Part]] = [
    [(1, "", "🔴"), (2, "", " payments prod"), (0, "", " · "), (3, "", "353 errors"),
     (0, "", " · "), (4, "", "ConnectTimeout: payment 8841 failed"), (0, "", " +8 kinds")],
    [(5, "quote", "3 hosts · release 2.3.1 (up 14 min) · 14:03:11–14:03:26 +08")],
    [],
    [(6, "strong", "NEW"), (0, "", " ConnectTimeout "), (0, "strong", "×300 "), (7, "", "#40871"),
     (0, "", " in 2.3.1: "), (9, "", "[Errno 111] Connection refused")],
    [(8, "code", "pay/gateway.py:41 post"), (0, "", " ← "), (0, "code", "pay/views.py:88 charge")],
    [(0, "", "payment 8841 failed: gateway timeout")],
    [(0, "quote", "bank:443 did not answer within 3 s")],
    [(0, "quote", "← MaxRetryError ← NewConnectionError")],
    [(10, "grey", "POST /pay · request_id=ab12 · 3 hosts · logs runbook")],
    [],
    [(6, "strong", "STILL"),
     (0, "", " ConnectionError "), (0, "strong", "×12 "), (7, "", "#52210")],
    [(8, "code", "orders/tasks.py:31 sync")],
    [],
    [(0, "", "+ 7 more kinds ×41")],
    [(0, "grey", "whole report in the file below · "), (11, "grey", "m-5c1e")],
]  # fmt: skip

CHINESE: list[list[Part]] = [
    [(1, "", "🔴"), (2, "", " 支付 prod"), (0, "", " "), (3, "", "353次"),
     (0, "", " "), (4, "", "ConnectTimeout: 支付 8841 失败"), (0, "", " 等 9 类")],
    [(5, "quote", "3 台主机 · 版本 2.3.1（已运行 14 分钟）· 14:03:11–14:03:26 +08")],
    [],
    [(6, "strong", "新出现"),
     (0, "", " ConnectTimeout "), (0, "strong", "×300 "), (7, "", "#40871"),
     (0, "", " 2.3.1 新出现: "), (9, "", "[Errno 111] Connection refused")],
    [(8, "code", "pay/gateway.py:41 post"), (0, "", " ← "), (0, "code", "pay/views.py:88 charge")],
    [(0, "", "支付 8841 失败：网关超时")],
    [(0, "quote", "bank:443 did not answer within 3 s")],
    [(0, "quote", "← MaxRetryError ← NewConnectionError")],
    [(10, "grey", "POST /pay · request_id=ab12 · 3 台主机 · 日志 手册")],
    [],
    [(6, "strong", "仍在发生"),
     (0, "", " ConnectionError "), (0, "strong", "×12 "), (7, "", "#52210")],
    [(8, "code", "orders/tasks.py:31 sync")],
    [],
    [(0, "", "另有 7 类 ×41")],
    [(0, "grey", "完整内容见下方文件 · "), (11, "grey", "m-5c1e")],
]  # fmt: skip

COLUMN, LINE, GAP, MARGIN, WIDTH = 7.8, 34, 16, 24, 720

STYLE = """
text { font: 13px ui-monospace, "DejaVu Sans Mono", "Noto Sans Mono CJK SC", monospace; fill: #222 }
.strong { font-weight: bold }
.grey { fill: #888 }
.quote { fill: #666 }
.code { fill: #0b6e4f }
.number { font-size: 10px; fill: #fff; text-anchor: middle }
"""


def draw(lines: list[list[Part]]) -> str:
    """The picture as SVG."""
    body = "\n".join(_shapes(lines))
    height = sum(LINE if line else GAP for line in lines) + 2 * MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"'
        f' viewBox="0 0 {WIDTH} {height}">\n<style>{STYLE}</style>\n'
        f'<rect width="{WIDTH}" height="{height}" rx="10" fill="#fff" stroke="#ddd"/>\n'
        f"{body}\n</svg>\n"
    )


def _shapes(lines: list[list[Part]]) -> Iterator[str]:
    y = MARGIN + LINE / 2
    for line in lines:
        x = float(MARGIN)
        if line and line[0][1] == "quote":
            yield f'<rect x="{x}" y="{y - 14}" width="3" height="18" fill="#ccc"/>'
            x += 12
        for number, style, text in line:
            width = _columns(text) * COLUMN
            if number:
                at = x + (_columns(text) - _columns(text.lstrip())) * COLUMN + 8
                yield f'<circle cx="{at:.0f}" cy="{y - 20:.0f}" r="7" fill="#d9480f"/>'
                yield f'<text class="number" x="{at:.0f}" y="{y - 16.5}">{number}</text>'
            words = escape(text, quote=False)
            yield (
                f'<text class="{style or "plain"}" x="{x:.1f}" y="{y}" xml:space="preserve"'
                f' textLength="{width:.1f}">{words}</text>'
            )
            x += width
        y += LINE if line else GAP


def _columns(text: str) -> int:
    return sum(2 if east_asian_width(each) in "WF" else 1 for each in text)


def main() -> None:
    (HERE / "message.svg").write_text(draw(ENGLISH), "utf-8")
    (HERE / "message.zh-CN.svg").write_text(draw(CHINESE), "utf-8")


if __name__ == "__main__":
    main()
