"""Where a group leads to: links by name, whose templates are filled in for each group.

Values come from what was logged, and are data: encoded, whatever they hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import quote

from wecom_logging._runtime import lazy
from wecom_logging._runtime.values import NamedTuple


class MiniProgram(NamedTuple):
    """A page of a mini-program, which only a card can open."""

    appid: str
    pagepath: str = ""


#: A URL, or a page of a mini-program.
Target = str | MiniProgram


class Link(NamedTuple):
    """What is shown, and where it leads: with fields in it, or filled in."""

    #: "" for the one link of somebody who gave it no name.
    name: str
    target: Target


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

_PAGE = lazy.regex(r"(?i)https?://[\w\[][^\s\\]*")


def unknown_fields(template: str) -> tuple[str, ...]:
    """The fields of `template` that cannot be filled in."""
    return tuple(sorted({name for name in _FIELD.findall(template) if name not in FIELDS}))


def filled(links: Iterable[Link], values: Mapping[str, str]) -> list[Link]:
    """The links for a group. One with a field that has no value leads nowhere and is left out."""
    found = []
    for name, target in links:
        template = target if isinstance(target, str) else target.pagepath
        path = fill(template, values)
        leads_to = path if isinstance(target, str) else target._replace(pagepath=path)
        if path or not template:
            found.append(Link(name, leads_to))
    return found


def fill(template: str, values: Mapping[str, str]) -> str:
    """The link, with values URL-encoded in whatever part they stand; "" if one is missing, or if
    the link became too long to be shown."""
    if not all(values.get(name) for name in _FIELD.findall(template)):
        return ""
    # A value beyond the limit makes the link too long, however much of it is encoded.
    url = _FIELD.sub(lambda field: _encode(values[field[1]][: MAX_BYTES + 1]), template)
    return _bounded(url)


def page(text: str) -> str:
    """A text as the URL that it is; "" if it is none, or leads to something else than a page."""
    text = text.strip()[: MAX_BYTES + 1]
    return _bounded(text) if _PAGE.fullmatch(text) else ""


def _bounded(url: str) -> str:
    url = _UNSAFE.sub(lambda char: _encode(char[0]), url)
    return url if len(url) <= MAX_BYTES else ""


def _encode(text: str) -> str:
    return quote(text, safe="", errors="replace")
