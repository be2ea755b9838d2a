"""Checks of single options: a value comes back as it is used, or is refused.

Each names the option, the value (never a secret's) and the rule.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Mapping
from datetime import tzinfo
from typing import Any
from urllib.parse import urlsplit

from wecom_logging._model.ratelimit import RateLimit
from wecom_logging.errors import ConfigurationError, display

#: More earlier records than anybody reads.
MAX_CRUMBS = 200


def text(value: object, option: str) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(option, f"{display(value)} is not a string")
    return value


def boolean(value: object, option: str) -> bool:
    if not isinstance(value, bool):
        rule = f"{display(value)} is neither true nor false (in the environment: 1, 0, true, false)"
        raise ConfigurationError(option, rule)
    return value


def choice(*allowed: str) -> Callable[[Any, str], str]:
    def check(value: object, option: str) -> str:
        if not isinstance(value, str) or value not in allowed:
            among = ", ".join(repr(each) for each in allowed)
            raise ConfigurationError(option, f"{display(value)} is not one of {among}")
        return value

    return check


def store(value: object, option: str) -> str:
    """A store's name or URL; not shown where it may hold a password."""
    if value in ("auto", "memory"):
        return str(value)
    if not isinstance(value, str):
        raise ConfigurationError(option, f"{display(value)} is not a string")
    if value.startswith("sqlite:///") and value != "sqlite:///" and "\0" not in value:
        return value
    try:
        parts = urlsplit(value)
        good = bool(parts.scheme in ("redis", "rediss") and parts.hostname and parts.port != 0)
        good = good and (parts.path.strip("/") or "0").isdecimal()
    except ValueError:  # the port is no number
        good = False
    if not good:
        raise ConfigurationError(
            option,
            f"{'it' if '@' in value else display(value)} is not one of 'auto', 'memory',"
            " 'sqlite:///relative', 'sqlite:////absolute', 'redis://host:6379/0',"
            " 'rediss://user:password@host:6379/0'",
        )
    return value


#: What a mapping for `redact` may hold.
_REDACTION = ("names", "patterns", "keep")


def redaction(value: object, option: str) -> bool | str | dict[str, tuple[str, ...]]:
    """True, "secrets", False, or what is to be added and excepted."""
    if isinstance(value, bool) or value == "secrets":
        return value
    if not isinstance(value, Mapping):
        rule = f"{display(value)} is not one of True, 'secrets', False, or a mapping"
        raise ConfigurationError(option, rule)
    unknown = [key for key in value if key not in _REDACTION]
    if unknown:
        among = ", ".join(_REDACTION)
        raise ConfigurationError(option, f"{display(unknown[0])} is not one of {among}")
    lists = {key: value[key] for key in _REDACTION if key in value}
    for key, each in lists.items():
        if not isinstance(each, (list, tuple)) or not all(isinstance(e, str) and e for e in each):
            raise ConfigurationError(option, f"{key}: {display(each)} is not a list of strings")
    for pattern in lists.get("patterns", ()):
        try:
            matches_nothing = re.compile(pattern).fullmatch("")
        except re.error as error:
            raise ConfigurationError(option, f"patterns: {display(pattern)}: {error}") from None
        if matches_nothing:
            raise ConfigurationError(option, f"patterns: {display(pattern)} matches everything")
    return {key: tuple(each) for key, each in lists.items()}


def duration(value: object, option: str) -> float:
    if not _is_number(value) or value < 0:  # type: ignore[operator]
        raise ConfigurationError(option, f"{display(value)} is not a number of seconds from 0 on")
    return float(value)  # type: ignore[arg-type]


def positive(value: object, option: str) -> float:
    if not _is_number(value) or value <= 0:  # type: ignore[operator]
        raise ConfigurationError(option, f"{display(value)} is not a positive number of seconds")
    return float(value)  # type: ignore[arg-type]


def durations(value: object, option: str) -> tuple[float, ...]:
    if isinstance(value, (list, tuple)) and value and all(_is_number(v) for v in value):
        found = tuple(float(v) for v in value)
        if all(v > 0 for v in found) and list(found) == sorted(found):
            return found
    rule = f"{display(value)} is not a list of positive seconds that do not get shorter"
    raise ConfigurationError(option, rule)


def positive_integer(value: object, option: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(option, f"{display(value)} is not a whole number from 1 on")
    return value


def crumbs(value: object, option: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_CRUMBS:
        rule = f"{display(value)} is not a whole number from 0 to {MAX_CRUMBS}"
        raise ConfigurationError(option, rule)
    return value


def level_number(value: object, option: str) -> int:
    """A level's number, as `logging.Handler` takes it."""
    try:
        if isinstance(value, bool):
            raise TypeError
        return logging._checkLevel(value)  # type: ignore[attr-defined,no-any-return]
    except (TypeError, ValueError):
        rule = f"{display(value)} is not a level like 'ERROR' or 40"
        raise ConfigurationError(option, rule) from None


def people(value: object, option: str) -> tuple[str, ...]:
    from wecom_logging._config.destination import mentions

    return mentions(value, option)


def url_template(value: object, option: str) -> str:
    from wecom_logging._rendering.links import FIELDS, unknown_fields

    template = text(value, option)
    if not template.startswith(("http://", "https://")):
        raise ConfigurationError(option, f"{display(value)} is not a URL with http or https")
    if unknown := unknown_fields(template):
        known = " ".join(f"{{{field}}}" for field in sorted(FIELDS))
        rule = f"{{{unknown[0]}}} is not one of its fields: {known}"
        raise ConfigurationError(option, rule)
    return template


def rate_limit(value: object, option: str) -> RateLimit:
    rule = f"{display(value)} is not a list of (attempts, seconds), like ((18, 60), (900, 3600))"
    if not isinstance(value, (list, tuple)) or not value:
        raise ConfigurationError(option, rule)
    found = []
    for pair in value:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise ConfigurationError(option, rule)
        attempts, window = pair
        if isinstance(attempts, bool) or not isinstance(attempts, int) or attempts < 1:
            raise ConfigurationError(option, rule)
        if not _is_number(window) or window <= 0:
            raise ConfigurationError(option, rule)
        found.append((attempts, float(window)))
    return tuple(found)


def zone(value: object, option: str) -> tzinfo:
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(text(value, option))
    except (OSError, ValueError, LookupError):
        raise ConfigurationError(
            option, f"{display(value)} is no zone name like 'Asia/Shanghai' that is known here"
        ) from None


def function(value: object, option: str) -> Callable[..., Any]:
    if not callable(value):
        raise ConfigurationError(
            option,
            f"{display(value)} cannot be called; in dictConfig write 'ext://module.function'",
        )
    return value


def functions(value: object, option: str) -> tuple[Callable[..., Any], ...]:
    if not isinstance(value, (list, tuple)):
        raise ConfigurationError(option, f"{display(value)} is not a list of functions")
    return tuple(function(each, option) for each in value)


def _is_number(value: object) -> bool:
    # Compared, not asked `isfinite`: that cannot take an int that is too large for a float.
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and -_LARGEST <= value <= _LARGEST
    )


_LARGEST = sys.float_info.max
