"""Checks of single options: a value comes back as it is used, or is refused.

Each names the option, the value and the rule. The value of a secret is never named, and
neither is that of an address, which may hold one.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar
from urllib.parse import SplitResult, parse_qsl, urlsplit

from wecom_logging._model.links import FIELDS, Link, MiniProgram, Target, unknown_fields
from wecom_logging._runtime import lazy
from wecom_logging.errors import ConfigurationError, display

if TYPE_CHECKING:
    from wecom_logging._model.quiet_hours import Window
    from wecom_logging._model.ratelimit import RateLimit

T = TypeVar("T")

#: More records than anybody reads.
MAX_CRUMBS = 200

#: The public service (WeCom API document 90664 names no other host).
API_BASE = "https://qyapi.weixin.qq.com"

#: Seconds to connect, and to wait for each part of the answer.
TIMEOUT = (3.0, 8.0)

#: The options that name recipients, and how many each may name (WeCom API document 90236).
RECIPIENTS = {"touser": 1000, "toparty": 100, "totag": 100}

#: 1 to 64 bytes of these characters (WeCom API document 90195).
_USER_ID = lazy.regex(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}")
_LEVEL = lazy.regex(r"[A-Za-z]{1,16}")
_NUMBER = lazy.regex(r"[0-9]{1,10}")
_APP_ID = lazy.regex(r"wx[0-9A-Za-z_-]{1,62}")
_WORD = lazy.regex(r"[A-Za-z0-9_.-]{1,128}")
_HOST = lazy.regex(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
_PATH = lazy.regex(r"(/[A-Za-z0-9._~%-]+)*/?")
#: Of mainland China, or with a `+`.
_MOBILE = lazy.regex(r"(\+?86)?1[3-9][0-9]{9}|\+[0-9]{6,15}")


#: Of a value and the option's name: returns the value to use, or raises a `ConfigurationError`.
Check = Callable[..., T]


def _refused(value: object, option: str, rule: str) -> ConfigurationError:
    return ConfigurationError(option, f"{display(value)} {rule}")


def _check(
    rule: str, good: Callable[[Any], object], made: Callable[[Any], T], named: str = ""
) -> Check[T]:
    """The check of an option with a single rule: a good value comes back as `made` makes it."""

    def check(value: Any, option: str = named) -> T:
        if not good(value):
            raise _refused(value, option, rule)
        return made(value)

    return check


def _is_number(value: object) -> bool:
    # Compared, not asked `isfinite`: that cannot take an int that is too large for a float.
    return (_is_whole(value) or isinstance(value, float)) and abs(value) <= sys.float_info.max


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_list(value: object, good: Callable[[Any], object]) -> bool:
    return isinstance(value, (list, tuple)) and all(map(good, value))


def _is_text(value: object) -> bool:
    return isinstance(value, str)


#: The text itself: for a member of an `Enum`, `str` would give its name.
_plain = str.__str__


def choice(*allowed: str) -> Check[str]:
    among = ", ".join(repr(each) for each in allowed)
    return _check(f"is not one of {among}", lambda v: _is_text(v) and v in allowed, _plain)


text = _check("is not a string", _is_text, _plain)
boolean = _check(
    "is neither true nor false (in the environment: 1, 0, true, false)",
    lambda v: isinstance(v, bool),
    bool,
)
duration = _check("is not a number of seconds from 0 on", lambda v: _is_number(v) and v >= 0, float)
positive = _check("is not a positive number of seconds", lambda v: _is_number(v) and v > 0, float)
durations = _check(
    "is not a list of positive seconds that do not get shorter",
    lambda v: v and _is_list(v, lambda n: _is_number(n) and n > 0) and list(v) == sorted(v),
    lambda v: tuple(map(float, v)),
)
positive_integer = _check("is not a whole number from 1 on", lambda v: _is_whole(v) and v >= 1, int)
crumbs = _check(
    f"is not a whole number from 0 to {MAX_CRUMBS}",
    lambda v: _is_whole(v) and 0 <= v <= MAX_CRUMBS,
    int,
)
function: Check[Callable[..., Any]] = _check(
    "cannot be called; in dictConfig write 'ext://module.function'", callable, lambda v: v
)
functions: Check[tuple[Callable[..., Any], ...]] = _check(
    "is not a list of functions; in dictConfig write 'ext://module.function'",
    lambda v: _is_list(v, callable),
    tuple,
)
rate_limit: Check[RateLimit] = _check(
    "is not a list of (attempts, seconds), like ((18, 60), (900, 3600))",
    lambda v: v and _is_list(v, _is_window),
    lambda v: tuple((attempts, float(window)) for attempts, window in v),
)
agentid: Check[int] = _check(
    "is neither a whole number nor digits",
    lambda v: _NUMBER.fullmatch(v) if _is_text(v) else _is_whole(v) and 0 <= v < 10**10,
    lambda v: int(v) if isinstance(v, str) else v,
    "agentid",
)
#: Seconds to connect and to read, from a pair or from one number for both.
timeout: Check[tuple[float, float]] = _check(
    "is neither a positive number of seconds nor a pair of them",
    # A socket takes no more.
    lambda v: len(_pair(v)) in (1, 2) and all(_is_number(n) and 0 < n <= 1e6 for n in _pair(v)),
    lambda v: (float(_pair(v)[0]), float(_pair(v)[-1])),
    "timeout",
)


def _pair(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else (value,)


def _is_window(value: Any) -> bool:
    is_pair = _is_list(value, _is_number) and len(value) == 2
    return is_pair and _is_whole(value[0]) and value[0] >= 1 and value[1] > 0


def store(value: object, option: str) -> str:
    """A store's name or URL; not shown where it may hold a password."""
    value = text(value, option)
    is_file = value.startswith("sqlite:///") and value != "sqlite:///" and "\0" not in value
    if value in ("auto", "memory") or is_file or _is_redis(value):
        return value
    raise ConfigurationError(
        option,
        f"{'it' if '@' in value else display(value)} is not one of 'auto', 'memory',"
        " 'sqlite:///relative', 'sqlite:////absolute', 'redis://host:6379/0',"
        " 'rediss://user:password@host:6379/0'",
    )


def _is_redis(url: str) -> bool:
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("redis", "rediss") or not parts.hostname or parts.port == 0:
            return False
    except ValueError:  # the port is no number
        return False
    return (parts.path.strip("/") or "0").isdecimal()


#: What a mapping for `redact` may hold.
_REDACTION = ("names", "patterns", "keep")


def redaction(value: object, option: str) -> bool | str | dict[str, tuple[str, ...]]:
    """True, "secrets", False, or what is to be added and excepted."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value == "secrets":
        return _plain(value)
    if not isinstance(value, Mapping):
        raise _refused(value, option, "is not one of True, 'secrets', False, or a mapping")
    for key in value:
        if key not in _REDACTION:
            raise _refused(key, option, f"is not one of {', '.join(_REDACTION)}")
    lists = {key: value[key] for key in _REDACTION if key in value}
    for key, each in lists.items():
        if not _is_list(each, lambda e: _is_text(e) and e):
            raise ConfigurationError(option, f"{key}: {display(each)} is not a list of strings")
    for pattern in lists.get("patterns", ()):
        try:
            matches_nothing = re.compile(pattern).fullmatch("")
        except re.error as error:
            raise ConfigurationError(option, f"patterns: {display(pattern)}: {error}") from None
        if matches_nothing:
            raise ConfigurationError(option, f"patterns: {display(pattern)} matches everything")
    return {key: tuple(each) for key, each in lists.items()}


def level_number(value: Any, option: str) -> int:
    """A level's number, as `logging.Handler` takes it."""
    try:
        if isinstance(value, bool):
            raise TypeError
        return int(logging._checkLevel(value))  # type: ignore[attr-defined]  # as `Handler` does
    except (TypeError, ValueError):
        # Any other text is not shown: it may be a key that was meant for another argument.
        shown = isinstance(value, int) or (_is_text(value) and _LEVEL.fullmatch(value))
        what = display(value) if shown else f"the {type(value).__name__} given"
        raise ConfigurationError(option, f"{what} is not a level like 'ERROR' or 40") from None


def quiet_hours(value: Any, option: str) -> tuple[Window, ...]:
    """Windows like "Mon-Fri 22:00-08:00": a list of them, or one text with ";" between."""
    from wecom_logging._model.quiet_hours import is_always, parse

    texts = value.split(";") if isinstance(value, str) else value
    if not _is_list(texts, _is_text):
        raise _refused(value, option, "is no text and no list of texts")
    found = []
    for each in texts:
        try:
            found.append(parse(each))
        except ValueError as error:
            like = "written like '22:00-08:00', 'Mon-Fri 22:00-08:00' or 'Sat,Sun'"
            rule = f"{display(value)}: {error}; quiet hours are {like}"
            raise ConfigurationError(option, rule) from None
    if is_always(found):
        raise _refused(value, option, "leaves no hour of the week in which anything is told")
    return tuple(found)


def url_template(value: object, option: str) -> str:
    template = text(value, option)
    if not template.startswith(("http://", "https://")):
        raise _refused(value, option, "is not a URL with http or https")
    return _with_known_fields(template, option)


def links(value: object, option: str) -> tuple[Link, ...]:
    """Targets by name, or one URL without a name."""
    if not isinstance(value, Mapping):
        return (Link("", url_template(value, option)),)
    for name in value:
        # In markdown a bracket or a line break ends the name.
        if not isinstance(name, str) or not name.strip() or re.search(r"[\[\]\r\n]", name):
            raise _refused(name, option, "is no name to show for a link: one line, no brackets")
    return tuple(Link(name.strip(), _target(value[name], option)) for name in value)


def _target(value: object, option: str) -> Target:
    if not isinstance(value, Mapping):
        return url_template(value, option)
    unknown = set(value) - set(MiniProgram._fields)
    appid, pagepath = value.get("appid"), value.get("pagepath", "")
    if unknown or not isinstance(appid, str) or not _APP_ID.fullmatch(appid):
        raise _refused(value, option, "is no mini-program like {'appid': 'wx…', 'pagepath': '…'}")
    return MiniProgram(appid, _with_known_fields(text(pagepath, option), option))


def _with_known_fields(template: str, option: str) -> str:
    for field in unknown_fields(template):
        known = " ".join(f"{{{each}}}" for each in sorted(FIELDS))
        raise ConfigurationError(option, f"{{{field}}} is not one of its fields: {known}")
    return template


def zone(value: object, option: str) -> tzinfo:
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(text(value, option))
    except (OSError, ValueError, LookupError, RecursionError):  # it looks for a package
        rule = "is no zone name like 'Asia/Shanghai' that is known here"
        raise _refused(value, option, rule) from None


# -- a destination ------------------------------------------------------------------------


def api_base(value: object, option: str = "api_base") -> str:
    """Scheme, host, port and prefix; without the `/cgi-bin` that every path begins with."""
    if value == API_BASE:
        return API_BASE
    parts = _split(value, option)
    if parts.query or parts.fragment:
        raise ConfigurationError(option, "ends at the path: no `?…` and no `#…`")
    if not _PATH.fullmatch(parts.path):
        raise ConfigurationError(option, f"{parts.path!r} is no path prefix like '/wecom'")
    prefix = parts.path.rstrip("/").removesuffix("/cgi-bin").rstrip("/")
    return f"{parts.scheme}://{parts.netloc.lower()}{prefix}"


def webhook(value: object, option: str = "webhook_key") -> tuple[str, str | None]:
    """A robot's key, and the API base if `value` was the whole URL.

    The URL is that of WeCom API document 91770: `…/cgi-bin/webhook/send?key=…`.
    """
    text = _text(value, option, show=False)
    if "/" not in text and "?" not in text:
        return secret(text, option), None
    parts = _split(text, option)
    prefix, call, rest = parts.path.removesuffix("/").rpartition("/cgi-bin/webhook/send")
    query = parse_qsl(parts.query, keep_blank_values=True)
    if not call or rest or [name for name, _ in query] != ["key"] or parts.fragment:
        rule = "a whole URL has the form https://host/cgi-bin/webhook/send?key=KEY"
        raise ConfigurationError(option, rule)
    return secret(query[0][1], option), api_base(f"{parts.scheme}://{parts.netloc}{prefix}", option)


def secret(value: object, option: str) -> str:
    """A corp secret or robot key: one word."""
    text = _text(value, option, show=False)
    if not _WORD.fullmatch(text):
        given = "(the value given has other characters, or more than 128)"
        raise ConfigurationError(
            option, f"is one word of letters, digits, '-', '_' and '.' {given}"
        )
    return text


def corpid(value: object, option: str = "corpid") -> str:
    text = _text(value, option)
    if not _WORD.fullmatch(text):
        raise _refused(text, option, "is no corp id like 'ww0123456789abcdef'")
    return text


def recipients(value: object, option: str) -> str:
    """The names joined by `|`, "" for none.

    Args:
        value: "a|b" or a sequence of strings; party and tag ids may be numbers.
        option: "touser", "toparty" or "totag".
    """
    names = _names(value, option)
    if "@all" in names:
        if option != "touser" or len(names) > 1:
            raise ConfigurationError(option, "'@all' stands alone, and in touser only")
        return "@all"
    users = option == "touser"
    shape, kind = (_USER_ID, "a user id") if users else (_NUMBER, "the number of a party or tag")
    for name in names:
        if not shape.fullmatch(name):
            raise _refused(name, option, f"is not {kind}; several are written 'a|b' or as a list")
    most = RECIPIENTS[option]
    if len(names) > most:
        raise ConfigurationError(option, f"{len(names)} recipients, WeCom takes {most} at most")
    return "|".join(names)


def people(value: object, option: str = "mentions") -> tuple[str, ...]:
    """People to call by name: user ids, mobile numbers, "@all"."""
    names = _names(value, option)
    for name in names:
        if name != "@all" and not is_mobile(name) and not _USER_ID.fullmatch(name):
            raise _refused(name, option, "is neither a user id nor a mobile number nor '@all'")
    return tuple(names)


def owners(value: object, option: str) -> tuple[str, ...] | dict[str, tuple[str, ...]]:
    """People to call, or whom to call for which places and loggers."""
    if not isinstance(value, Mapping):
        return people(value, option)
    found = {}
    for pattern in value:
        if not isinstance(pattern, str) or not pattern.strip():
            raise _refused(pattern, option, "is no pattern like 'pay/', 'orders.*' or '*'")
        found[pattern] = people(value[pattern], option)
        if not found[pattern]:
            raise _refused(pattern, option, "has nobody to call")
    return found


def is_mobile(name: str) -> bool:
    return _MOBILE.fullmatch(name) is not None


def proxies(value: object, option: str = "proxies") -> dict[str, str] | None:
    """A mapping like {"https": "http://proxy:3128"}, as requests understands it."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        pairs = {scheme: value[scheme] for scheme in value}
        if all(isinstance(text, str) for pair in pairs.items() for text in pair):
            return pairs
    # Without the value: proxy addresses hold passwords.
    raise ConfigurationError(option, "is a mapping of str to str, like {'https': 'http://p:3128'}")


# -- what they share ----------------------------------------------------------------------


def _split(value: object, option: str) -> SplitResult:
    text = _text(value, option, show=False)
    if not text.isprintable() or " " in text:  # `urlsplit` would drop some of these
        raise ConfigurationError(option, "has white space or control characters in it")
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - it is looked at only to have it checked
    except ValueError:
        raise ConfigurationError(option, "has a malformed host or port") from None
    if parts.scheme not in ("http", "https"):
        raise ConfigurationError(option, "begins with https:// or http://")
    if "@" in parts.netloc:
        raise ConfigurationError(option, "holds no user name or password")
    host = re.sub(r":[0-9]*$", "", parts.netloc)
    if not _HOST.fullmatch(host):
        rule = "names a host in ASCII, like 'qyapi.weixin.qq.com' or '127.0.0.1:8000'"
        raise ConfigurationError(option, rule)
    return parts


def _names(value: object, option: str) -> list[str]:
    """The strings of "a|b" or of a sequence, each once, in their order."""
    if value is None or value == "":
        return []
    if isinstance(value, str):
        value = value.split("|")
    elif isinstance(value, (set, frozenset)):
        value = sorted(value, key=str)
    items = value if isinstance(value, (list, tuple)) else [value]
    return list(dict.fromkeys(_name(item, option) for item in items))


def _name(item: object, option: str) -> str:
    if _is_whole(item) and option in ("toparty", "totag"):
        return str(item)
    if not isinstance(item, str):
        raise _refused(item, option, "is not a string")
    if not item.strip():
        raise ConfigurationError(option, "has an empty name in it")
    return item.strip()


def _text(value: object, option: str, *, show: bool = True) -> str:
    if not isinstance(value, str):
        what = display(value) if show else type(value).__name__
        raise ConfigurationError(option, f"is a string, not {what}")
    if not value:
        raise ConfigurationError(option, "is empty")
    return _plain(value)
