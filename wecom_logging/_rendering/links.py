"""Fill in the `link` template of a group."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from wecom_logging._runtime import lazy

#: What a template may refer to: `{from}` and `{to}` are milliseconds since the epoch.
FIELDS = frozenset({"id", "logger", "type", "request_id", "trace_id", "from", "to"})

#: Seconds before the first and after the last error that a link shows.
MARGIN = 60.0

#: A longer link would take the place of what it explains.
MAX_BYTES = 600

# Only names in braces are fields: a URL may have braces of its own (`{"datasource":…}`).
_FIELD = lazy.regex(r"\{(\w+)\}")

# What would end the link early, in markdown's brackets or as bare text.
_UNSAFE = lazy.regex(r"[^!#$%&'+,./0-9:;=?@A-Z\[\]_a-z~-]")


def unknown_fields(template: str) -> tuple[str, ...]:
    """The fields of `template` that cannot be filled in."""
    return tuple(sorted({name for name in _FIELD().findall(template) if name not in FIELDS}))


def fill(template: str, values: Mapping[str, str]) -> str:
    """The link, or "" if it became too long to be shown.

    Values are URL-encoded, whatever part of the URL they stand in. A field without a
    value becomes empty.
    """
    # A value beyond the limit makes the link too long, however much of it is encoded.
    filled = _FIELD().sub(
        lambda field: _encode(values.get(field[1], "")[: MAX_BYTES + 1]), template
    )
    url = _UNSAFE().sub(lambda char: _encode(char[0]), filled)
    return url if len(url) <= MAX_BYTES else ""


def _encode(text: str) -> str:
    return quote(text, safe="", errors="replace")
