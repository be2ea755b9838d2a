"""A traceback that is only a text: what it tells of type, words and place. It may say anything."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import NamedTuple

from wecom_logging._capture.code_location import is_library_by_name
from wecom_logging._capture.template import WHOLE, mask
from wecom_logging._model.digest import type_name
from wecom_logging._runtime import lazy

#: How much of a text that is JSON, or a traceback that logging has rendered, is looked at;
#: and of one that may hold a traceback, its end.
MAX_TEXT = 65536
MAX_TRACEBACK = 4096

TRACEBACK = "Traceback (most recent call last)"
FRAME = '  File "'

_TEXT_FRAME = lazy.regex(
    r'^[ \t]*File "([^"\n]{1,500})", line ([0-9]{1,9})(?:, in (\S{1,200}))?'
    r"(?:\n {4,40}(\S[^\n]{0,500}))?",
    re.MULTILINE,
)
_TEXT_TYPE = lazy.regex(r"^((?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*)(?::|$)", re.MULTILINE)

#: File, line, function and source line of a traceback that is only a text; what it is known by.
TextFrame = tuple[str, int, str, str]
TextPlace = tuple[str, int, str]


class Traced(NamedTuple):
    """A text with a traceback in it, as the last part of a key."""

    type: str
    inner: TextPlace
    own: TextPlace | None
    #: What the text is about. None: logging itself has rendered the record's exception.
    template: str | None = None


def text_exception(text: str) -> Hashable:
    """Type and place of the exception of a record that has only its text left."""
    return _traced_in(text) or mask(text)


def traced(text: str) -> Traced | None:
    """A text that holds a traceback in its end: what stands before that, its type and place."""
    end = text[-MAX_TRACEBACK:]
    if FRAME not in end:
        return None
    before = text[:WHOLE].partition(TRACEBACK)[0]
    found = _traced_in(end)
    return found and found._replace(template=mask(before.strip()))


def _traced_in(text: str) -> Traced | None:
    type_name, _, frames = text_traceback(text)
    if not frames:
        return None
    own = [frame for frame in frames if not is_library_by_name(frame[0])]
    return Traced(type_name, frames[-1][:3], own[-1][:3] if own else None)


def text_traceback(text: str) -> tuple[str, str, list[TextFrame]]:
    """Type, words and frames of the last traceback in a text: its frames are followed by the
    words, and they may have many lines, some of which look like another type."""
    text = text[-MAX_TEXT:]
    text = text[max(0, text.rfind(TRACEBACK)) :]
    frames: list[TextFrame] = []
    end = 0
    for frame in _TEXT_FRAME.finditer(text):
        file, line, name, code = frame.groups("")
        frames.append((file, int(line), name, code))
        end = frame.end()
    found = _TEXT_TYPE.search(text, end)
    if found is None:
        return "", "", frames
    module, _, name = found[1].rpartition(".")
    return type_name(module, name), text[found.end() :].strip(), frames
