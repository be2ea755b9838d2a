"""Texts of others in texts of ours: WeCom's `errmsg`, a server's status line."""

from __future__ import annotations

#: Characters of such a text that are shown.
MOST = 200


def one_line(text: str) -> str:
    """One short line that can be printed to a terminal."""
    line = "".join(char if char.isprintable() else "�" for char in " ".join(text.split()))
    return line if len(line) <= MOST else line[: MOST - 1] + "…"
