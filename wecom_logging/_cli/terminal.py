"""What the commands write for people: in colour where that is wanted, plain elsewhere."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from typing import TextIO

#: Select Graphic Rendition, ECMA-48; the last three are WeCom's own font colours.
_STYLES = {
    "bold": "1", "dim": "2", "good": "32", "bad": "31", "code": "36",
    "info": "32", "comment": "2", "warning": "33",
}  # fmt: skip

_FONT = re.compile(r'<font color="(info|comment|warning)">(.*?)</font>')
_BOLD = re.compile(r"\*\*(.+?)\*\*")
_CODE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\[([^\]]*)\]\(([^)]*)\)")


class Terminal:
    """Writes lines to a stream, by default `sys.stdout`."""

    def __init__(self, out: TextIO | None = None, *, colour: bool | None = None) -> None:
        self._out = out or sys.stdout
        self._colour = wants_colour(self._out) if colour is None else colour

    def say(self, text: str = "") -> None:
        self._out.write(f"{text}\n")
        self._out.flush()

    def paint(self, style: str, text: str) -> str:
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self._colour and text else text

    def card(self, title: str, markdown: str) -> None:
        """A message, as far as a terminal can show what a phone shows."""
        self.say(self.paint("dim", f"  ╭ {title}"))
        for line in self.styled(markdown):
            self.say(f"{self.paint('dim', '  │')} {line}".rstrip())
        self.say(self.paint("dim", "  ╰"))

    def styled(self, markdown: str) -> Iterator[str]:
        """The lines of a message, with the markup of WeCom turned into a terminal's."""
        head, *rest = markdown.split("\n")
        yield self.paint("bold", head)  # it has no markup: the notification shows it
        for line in rest:
            quote, text = ("▏ ", line[2:]) if line.startswith("> ") else ("", line)
            yield self.paint("dim", quote) + self._inline(text)

    def _inline(self, text: str) -> str:
        text = _LINK.sub(r"\1 (\2)", text)
        text = _BOLD.sub(lambda found: self.paint("bold", found[1]), text)
        text = _CODE.sub(lambda found: self.paint("code", found[1]), text)
        return _FONT.sub(lambda found: self.paint(found[1], found[2]), text)


def wants_colour(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """On a terminal that can, unless its user says no (NO_COLOR)."""
    dumb = environ.get("TERM") == "dumb"
    return stream.isatty() and not dumb and not environ.get("NO_COLOR")
