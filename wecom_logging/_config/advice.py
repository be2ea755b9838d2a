"""What is said about options that are written wrongly, or cannot do what they promise."""

from __future__ import annotations

from collections.abc import Collection
from math import ceil
from typing import TYPE_CHECKING

from wecom_logging._runtime.diagnostics import warn_rarely

if TYPE_CHECKING:
    from wecom_logging._config.options import Options

#: What other programs call our options, where spelling alone would not lead there.
_ELSEWHERE = {
    **dict.fromkeys(("url", "webhook", "webhook_url", "hook", "key", "token"), "webhook_key"),
    **dict.fromkeys(("to", "user", "users", "userid", "recipients"), "touser"),
    **dict.fromkeys(("party", "department"), "toparty"),
    **dict.fromkeys(("secret", "app_secret"), "corpsecret"),
    **dict.fromkeys(("env", "stage"), "environment"),
    **dict.fromkeys(("name", "service", "service_name", "app_name", "project"), "app"),
    **dict.fromkeys(("redis", "redis_url", "db", "database"), "store"),
    **dict.fromkeys(("at", "mentioned_list"), "mention"),
    **dict.fromkeys(("interval", "throttle"), "group_interval"),
    "tag": "totag",
    "lang": "language",
    "tz": "timezone",
    "version": "release",
    "base_url": "api_base",
}  # fmt: skip

#: What WeCom takes in so many seconds from one sender: documents 91770 and 90312.
_WECOM_TAKES = {
    "robot": ((20, 60.0, "a minute from a robot"),),
    "application": (
        (30, 60.0, "a minute from an application to a member"),
        (1000, 3600.0, "an hour from an application to a member"),
    ),
}


def meant(name: str, known: Collection[str]) -> str:
    """The option that somebody may have meant by a name; "" if none comes near."""
    if _ELSEWHERE.get(name) in known:
        return _ELSEWHERE[name]
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, known, n=1)), "")


def hint(name: str, known: Collection[str]) -> str:
    """The same, to be said after the name."""
    guess = meant(name, known)
    return f": is {guess!r} meant?" if guess else ""


def refuse_unknown(names: Collection[str], known: Collection[str]) -> None:
    """A `TypeError` for the first name that is no option, as Python would raise it, with the
    one that is meant."""
    for name in names:
        if name not in known:
            text = f"WeComHandler got an unexpected keyword argument {name!r}"
            raise TypeError(text + hint(name, known))


def warn_of_limits(options: Options) -> None:
    """Say once that more is asked for than WeCom takes."""
    for most, seconds, of_what in _WECOM_TAKES.get(options.kind, ()):
        # What all windows together allow.
        allowed = min(n * ceil(seconds / min(window, seconds)) for n, window in options.rate_limit)
        if allowed > most:
            warn_rarely(
                "rate_limit",
                f"rate_limit allows {allowed:,} attempts in {seconds:g} s, and WeCom takes {most:,}"
                f" {of_what}: what is beyond is refused or dropped in silence",
                once=True,
            )
            return
