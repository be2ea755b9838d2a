"""What stands before the host of a URL: `scheme://user:password@host`, `https://token@host`.

Also without a scheme where something else says what it is: `root:x@tcp(db)`, `scott/x@db:1521`.
"""

from __future__ import annotations

from collections.abc import Iterator

from wecom_logging._runtime import lazy

from .findings import Secret
from .keys import Rule
from .values import is_random

_PASSWORD, _TOKEN = Rule("password"), Rule("token")

# What a URL cannot hold. A question mark or a number sign ends what an `@` can belong to.
_USER = lazy.regex(r"[^\s/?#@:\[\]\"'<>]{0,512}")
_REST = lazy.regex(r"[^\s?#\"'<>]{1,512}")
_PORT = lazy.regex(r"\d{1,5}(?![0-9A-Za-z_%])")
_HOST = lazy.regex(
    r"(?:\[[0-9a-fA-F:.]{2,45}\]|localhost|[\w-]{1,63}(?:\.[\w-]{1,63})+\.?|[\w-]{1,63}(?=:\d))(?::\d{1,5})?(?=[/\s,;)\]}]|\Z)"
)
_WITHOUT_SCHEME = lazy.regex(
    r"(?<![\w.@:/%+-])(?:"
    r"(?!mailto:|sha\d{3}:)[\w.-]{1,64}:(?P<pair>(?![\d.]{1,20}-|//)[^\s:@/'\"\[]{5,128})"
    r"@(?:(?=tcp\(|unix\()|(?!sha256)(?=[\w.-]{1,128}(?P<sure>:\d{2,5}\b|/)?))"
    r")|(?<![\w.@/%+-])(?:[\w.$-]{1,64}/(?P<oracle>[^\s/@'\"\[]{3,64})@(?:(?=//)|(?=[\w.-]{1,128}:\d{2,5}\b)|(?=[\w.-]{1,64}(?:[\s,;/'\")]|\Z)))"
    r")"
)
_ORACLE = lazy.regex(
    r"(?i)(?:oracle:(?:thin|oci):|sqlplus(?: -\w{1,9}){0,3} |connect |conn |userid="
    r"|dsn[=:] ?[\"']?)\Z"
)


def may_occur(text: str) -> bool:
    """Whether there is a URL in it, or a host behind a password."""
    return "@" in text or "://" in text


def with_scheme(text: str) -> Iterator[Secret]:
    at = text.find("://")
    while at >= 0:
        found = _secrets(text, at, at + 3)
        yield from found
        at = text.find("://", found[-1][1] if found else at + 3)


def _secrets(text: str, at: int, start: int) -> list[Secret]:
    """The secrets of the URL whose `://` is at `at`."""
    # A look that costs little: in most URLs there is no `@`, and nothing is cut off.
    if text.find("@", start, start + 1024) < 0 and len(text) - start > 1024:
        return []
    user = _USER.match(text, start)
    if not user or not text[at - 1 : at].isalnum():
        return []
    found: list[Secret] = []
    end = user.end()
    sign = text[end : end + 1]
    password = _password(text, end + 1) if sign == ":" else None
    if password or sign == "@":
        is_web = text[max(0, at - 5) : at].lower().endswith(("http", "https"))
        has_digit = any(map(str.isdigit, user[0]))
        is_token = len(user[0]) >= (16 if has_digit else 24) or is_random(user[0])
        if is_web and is_token:
            found.append((start, end, _TOKEN, "in a URL"))
    if password:
        found.append((*password, _PASSWORD, "in a URL"))
    return found


def _password(text: str, start: int) -> tuple[int, int] | None:
    """A password may hold an unescaped `@` and `/`. One that was cut off before its `@` is
    known by not being a port."""
    # Up to the next URL, so that no text is read twice.
    next_url = text.find("://", start, start + 512)
    rest = _REST.match(text, start, next_url if next_url >= 0 else len(text))
    if not rest or text.startswith("[redacted", start):
        return None
    is_cut_off = rest.end() == len(text)
    if not is_cut_off and text.find("@", start + 1, rest.end()) < 0:
        return None
    run = rest[0]
    in_authority = run.partition("/")[0].rfind("@")
    is_port = bool(_PORT.match(run))
    if in_authority > 0 and (
        _HOST.match(run, in_authority + 1) or "@" not in run[in_authority + 1 :]
    ):
        return start, start + in_authority
    last = run.rfind("@")
    while last > 0 and run[last - 1] == "/":
        last = run.rfind("@", 0, last)
    if last > 0 and not is_port:
        return start, start + last
    if is_cut_off and not is_port:
        return start, rest.end()
    return None


def without_scheme(text: str) -> Iterator[Secret]:
    """Passwords before what something else says is a host."""
    for match in _WITHOUT_SCHEME.finditer(text):
        group = "pair" if match["pair"] else "oracle"
        before = text[max(0, match.start() - 40) : match.start()]
        of_host = match["sure"] or text.startswith(("tcp(", "unix("), match.end())
        is_sure = of_host if match["pair"] else _ORACLE.search(before)
        if is_sure or is_random(match[group]):
            yield *match.span(group), _PASSWORD, "before a host"
