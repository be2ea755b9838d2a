"""Reading JSON as forgivingly as WeCom does."""

from __future__ import annotations

import json
import re
from typing import Any

# A string is matched first, so that a comma inside one is left alone.
_TRAILING_COMMA = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])', re.DOTALL)


def parse(body: bytes) -> tuple[dict[str, Any], bool]:
    """The object in a request's body, and whether it was proper JSON in UTF-8.

    Raw line breaks in strings, trailing commas, a byte order mark, text behind the object
    and bytes that are no UTF-8 are forgiven; a body that still is no object counts as empty.
    """
    try:
        value = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        value = _forgiving(body)
        return (value if isinstance(value, dict) else {}), False
    return (value, True) if isinstance(value, dict) else ({}, False)


def _forgiving(body: bytes) -> Any:
    text = body.decode("utf-8-sig", "replace").strip()
    text = _TRAILING_COMMA.sub(lambda match: match[1] or "", text)
    try:
        return json.JSONDecoder(strict=False).raw_decode(text)[0]
    except (ValueError, RecursionError):
        return None
