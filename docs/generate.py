"""Writes the pages that are made from tables of the code: options and errcodes.

python docs/generate.py          writes them
python docs/generate.py --check  fails if one is not what the code says
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from option_texts import CHINESE, EXAMPLES, SECTIONS

from wecom_logging import WeComHandler
from wecom_logging._config.options import OPTIONS
from wecom_logging._rendering.sentences import in_language
from wecom_logging._rendering.style import Language
from wecom_logging._senders import errcodes
from wecom_logging.simulator.errcodes import TEXTS

DOCS = Path(__file__).parent


def _beginning(page: str, language: Language) -> str:
    """What stands above the tables."""
    return (DOCS / f"{page}.{language}.txt").read_text("utf-8")


# -- options -------------------------------------------------------------------------------


def variable_text(value: Any) -> str:
    """A value as its environment variable writes it."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, dict) or (isinstance(value, list) and isinstance(value[0], list)):
        return json.dumps(value, ensure_ascii=False)
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def options_page(language: Language) -> str:
    chinese = language == "zh"
    parts = [_beginning("options", language)]
    for names, titles in SECTIONS:
        parts.append(f"## {titles[chinese]}\n")
        parts += [_option(name, language) for name in names]
    return "\n".join(parts)


def described() -> dict[str, str]:
    """What the docstring of the handler says of each argument."""
    section = re.search(r"Args:\n(.*?)\n\n", inspect.getdoc(WeComHandler) or "", re.S)
    assert section is not None
    entries = re.findall(r"^ {4}(\w+): (.*?)(?=\n {4}\w|\Z)", section[1], re.S | re.M)
    return {name: " ".join(text.split()) for name, text in entries}


def _option(name: str, language: Language) -> str:
    # Braces outside of code would be attributes to the site's Markdown.
    coded = re.sub(r"(?:\w+=)?\{[^{}]*\}", r"`\g<0>`", described()[name])
    text = CHINESE[name] if language == "zh" else coded + _default(name, coded)
    lines = [f"### {name}\n", f"{text}\n", "```python", f'"{name}": {EXAMPLES[name]},', "```"]
    if name != "level" and OPTIONS[name].read is not None:
        value = eval(EXAMPLES[name])
        lines += ["", "```sh", f"export WECOM_{name.upper()}={_quoted(variable_text(value))}"]
        lines.append("```")
    return "\n".join([*lines, ""])


def _default(name: str, said: str) -> str:
    """A default that is a word, where the docstring leaves it to the signature or the table."""
    default = OPTIONS[name].default if name in OPTIONS else "ERROR"
    if default == "" or not isinstance(default, (bool, str)) or "default" in said.lower():
        return ""
    return f" Default: `{default if isinstance(default, bool) else json.dumps(default)}`."


def _quoted(text: str) -> str:
    return text if all(c.isalnum() or c in "-_.,:/@=" for c in text) else f"'{text}'"


# -- errcodes ------------------------------------------------------------------------------

_KINDS: dict[str, tuple[str, str]] = {
    "TokenError": (
        "The handler fetches a new access token and sends the message once more.",
        "重新获取 access token，再发一次。",
    ),
    "BusyError": (
        "The handler tries again after growing pauses. Everything stays pending.",
        "间隔逐渐拉长地重试，错误都留着。",
    ),
    "RateLimitedError": (
        "The handler waits until the window has passed. Everything stays pending, and becomes one overview.",
        "等窗口过去。错误都留着，之后合并成一条总览。",
    ),
    "ContentError": (
        "The message is made plainer and shorter; if it is still refused, each group is sent by itself."
        " A group that is refused then is reported without its words, but with its count.",
        "消息改得更短、更朴素再发；仍被拒绝就分开发，被拒绝的那一类只留次数，不留文字。",
    ),
    "SetupError": (
        "The handler says once on stderr what to do. Everything stays pending. It tries again after 1,"
        " 5, then every 15 minutes, or at once on `flush()`: no restart is needed. (A token is asked for every ten seconds at most.)",
        "在 stderr 上说一次该怎么做。错误都留着，1 分钟、5 分钟、之后每 15 分钟再试，"
        "`flush()` 立即重试（token 最多每十秒取一次）；不需要重启。",
    ),
}

_WHERE = {
    "console": ("administrator's console", "管理后台"),
    "group": ("the group's settings", "群设置"),
    "program": ("the program", "程序"),
    "none": ("nobody has to", "不用处理"),
}


def operations_page(language: Language) -> str:
    chinese = language == "zh"
    parts = [_beginning("operations", language)]
    titles = (("errcode", "WeCom says", "where", "what to do"),
              ("errcode", "企业微信的说法", "在哪里处理", "怎么做"))[chinese]  # fmt: skip
    table = list(_meanings())
    for kind, (english, translated) in _KINDS.items():
        parts.append(f"### {kind}\n\n{translated if chinese else english}\n")
        parts.append(f"| {' | '.join(titles)} |\n|---|---|---|---|")
        rows = [row for row in table if row[1].error.__name__ == kind]
        for _, same in groupby(rows, key=lambda row: (row[1].advice, row[2])):
            parts.append(_row(list(same), language))
        parts.append("")
    return "\n".join(parts)


def _meanings() -> Iterator[tuple[int, errcodes.Meaning, bool]]:
    """Code, meaning, and whether it holds at gettoken only."""
    for code, meaning in errcodes.table().items():
        yield code, meaning, False
    for code, found in errcodes._GETTOKEN.items():
        yield code, errcodes.Meaning(*found), True


def _row(same: list[tuple[int, errcodes.Meaning, bool]], language: Language) -> str:
    chinese = language == "zh"
    codes = [code for code, _, _ in same]
    advice, at_gettoken = same[0][1].advice, same[0][2]
    said = "; ".join(dict.fromkeys(TEXTS[code] for code in codes if code in TEXTS))
    todo = in_language(advice, language)
    if "{ip}" in advice:
        # The sentence is looked up as it is shown, with an address in it.
        address = "1.2.3.4"
        todo = in_language(advice.replace("{ip}", address), language)
        todo = todo.replace(address, "stderr 里给出的地址" if chinese else "the address")
    shown = _ranges(codes)
    if at_gettoken:
        shown += "（gettoken）" if chinese else " (at gettoken)"
    return f"| {shown} | {said} | {_WHERE[_where(advice)][chinese]} | {todo} |"


def _ranges(codes: list[int]) -> str:
    """41002, 42014–42020: a run of three or more is written by its ends."""
    runs: list[list[int]] = []
    for code in codes:
        if runs and code == runs[-1][-1] + 1:
            runs[-1].append(code)
        else:
            runs.append([code])
    parts = [f"{run[0]}–{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs]
    return ", ".join(parts)


def _where(advice: str) -> str:
    if advice.startswith("Nothing to do") or "Wait" in advice:
        return "none"
    if "应用管理" in advice or "我的企业" in advice or "通讯录" in advice:
        return "console"
    return "group" if "消息推送" in advice else "program"


def pages() -> dict[str, str]:
    """Each generated page by its name."""
    return {
        "options.md": options_page("en"),
        "options.zh-CN.md": options_page("zh"),
        "operations.md": operations_page("en"),
        "operations.zh-CN.md": operations_page("zh"),
    }


def main() -> int:
    stale = []
    for name, text in pages().items():
        path = DOCS / name
        if not path.exists() or path.read_text("utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(text, "utf-8")
    if "--check" in sys.argv and stale:
        print(f"not what the code says: {', '.join(stale)}; run python docs/generate.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
