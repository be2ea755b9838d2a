"""Texts of others in texts of ours: WeCom's `errmsg`, a server's status line."""

from __future__ import annotations

#: Characters of such a text that are shown.
MOST = 200


def one_line(text: str, most: int = MOST) -> str:
    """One line of at most so many characters that can be printed to a terminal."""
    line = " ".join(text[: 10 * most].split())
    line = "".join(char if char.isprintable() else "�" for char in line[: most + 1])
    return line if len(line) <= most else line[: most - 1] + "…"
