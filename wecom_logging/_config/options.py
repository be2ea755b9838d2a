"""The handler's options: from arguments and environment to checked values.

This is the one place that reads the environment for a handler.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from wecom_logging._config.defaults import default_app, default_host
from wecom_logging._config.validators import (
    boolean,
    choice,
    crumbs,
    duration,
    durations,
    function,
    functions,
    level_number,
    people,
    positive,
    positive_integer,
    rate_limit,
    redaction,
    store,
    text,
    url_template,
    zone,
)
from wecom_logging._model.ratelimit import DEFAULT_RATE_LIMIT, RateLimit
from wecom_logging._model.schedule import Policy
from wecom_logging.errors import ConfigurationError

#: Options of the two kinds of destination. An argument of one kind chooses it.
APPLICATION = ("corpid", "corpsecret", "agentid", "touser", "toparty", "totag")
ROBOT = ("webhook_key",)

#: What the environment cannot say: objects, and the level, which is logging's own.
_ARGUMENTS_ONLY = ("sender", "fingerprint", "processors")


@dataclass(frozen=True, repr=False)
class Options:
    """A handler's options, checked. Durations are in seconds.

    Neither a `repr` nor a tuple that somebody might take apart: there are secrets in it.
    """

    destination: Mapping[str, Any]  # a secret is in it
    policy: Policy
    enabled: bool | None
    app: str
    environment: str
    release: str
    language: str
    store: str  # its URL may hold a password
    host: str
    timezone: tzinfo | None
    rate_limit: RateLimit
    max_groups: int
    fingerprint: Callable[..., Any] | None
    processors: tuple[Callable[..., Any], ...]
    redact: bool | str
    uncaught: bool
    show_source: bool
    show_locals: bool
    msgtype: str
    link: str | None
    attach: bool
    mention: tuple[str, ...]
    mention_level: int
    breadcrumbs: int
    breadcrumb_level: int
    close_timeout: float

    @property
    def kind(self) -> str:
        """ "sender", "robot", "application", or "" without a destination."""
        if "sender" in self.destination:
            return "sender"
        if "webhook_key" in self.destination:
            return "robot"
        return "application" if "corpid" in self.destination else ""


def read_options(arguments: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> Options:
    """Check the options of a handler.

    Args:
        arguments: As given to the constructor; None is not given.
        environ: Fills in what is not given, as `WECOM_<OPTION>`.

    Raises:
        ConfigurationError: An option is wrong; it names the option, the value and the rule.
    """
    given = {name: _read(value) for name, value in arguments.items() if not _empty(value)}
    found = _Values(given, environ)
    enabled = found.get("enabled", None, boolean)
    _check_connection(given)
    return Options(
        # Off is off: where it is meant to be, the secret often is not at hand.
        destination={} if enabled is False else _destination(given, environ),
        policy=_policy(found),
        enabled=enabled,
        app=found.get("app", None, text) or default_app(environ),
        environment=found.get("environment", "", text),
        release=found.get("release", "", text),
        language=found.get("language", "en", choice("en", "zh")),
        store=_store(found, environ),
        host=found.get("host", None, text) or default_host(environ),
        timezone=found.get("timezone", None, zone),
        rate_limit=found.get("rate_limit", DEFAULT_RATE_LIMIT, rate_limit),
        max_groups=found.get("max_groups", 1000, positive_integer),
        fingerprint=found.get("fingerprint", None, function),
        processors=found.get("processors", (), functions),
        redact=found.get("redact", True, redaction),
        uncaught=found.get("uncaught", False, boolean),
        show_source=found.get("show_source", True, boolean),
        show_locals=found.get("show_locals", False, boolean),
        msgtype=found.get("msgtype", "markdown", choice("markdown", "text", "markdown_v2")),
        link=found.get("link", None, url_template),
        attach=found.get("attach", True, boolean),
        mention=found.get("mention", (), people),
        mention_level=found.get("mention_level", logging.CRITICAL, level_number),
        breadcrumbs=found.get("breadcrumbs", 0, crumbs),
        breadcrumb_level=found.get("breadcrumb_level", logging.INFO, level_number),
        close_timeout=found.get("close_timeout", 5.0, duration),
    )


def _policy(found: _Values) -> Policy:
    default = Policy()
    return Policy(
        group_wait=found.get("group_wait", default.group_wait, duration),
        group_interval=found.get("group_interval", default.group_interval, duration),
        repeat_intervals=found.get("repeat_intervals", default.repeat_intervals, durations),
        quiet_after=found.get("quiet_after", default.quiet_after, positive),
        forget_after=found.get("forget_after", default.forget_after, positive),
        recovery=found.get("recovery", "auto", choice("auto", "always", "fold", "off")),
    )


def _store(found: _Values, environ: Mapping[str, str]) -> str:
    chosen = found.get("store", None, store)
    name = "WECOM_STORE_FILE"
    path = environ.get(name)
    if path and not found.is_given("store"):
        from wecom_logging._model.secret import Secret

        if chosen is not None:
            raise ConfigurationError(name, "and WECOM_STORE are both set: give one of them")
        return Secret.from_file(path, option=name, check=lambda value: store(value, name)).value
    return chosen or "auto"


def _empty(value: object) -> bool:
    return value is None or (isinstance(value, (str, list, tuple, dict)) and not value)


def _read(value: Any) -> Any:
    """A list as it is meant: those of dictConfig convert (`ext://…`) what is read by index."""
    if isinstance(value, (list, tuple)):
        return [_read(value[i]) for i in range(len(value))]
    return value


def _check_connection(given: Mapping[str, Any]) -> None:
    """What is wrong is wrong, also where there is no destination that would use it."""
    names = [name for name in ("api_base", "timeout", "proxies") if name in given]
    if names:
        from wecom_logging._config import destination

        for name in names:
            getattr(destination, name)(given[name])


class _Values:
    """Looks an option up: the argument, then the environment, then the default."""

    def __init__(self, given: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        self._given = given
        self._environ = environ

    def is_given(self, option: str) -> bool:
        """Whether it is an argument, which wins over whatever the environment says."""
        return option in self._given

    def get(self, option: str, default: Any, check: Callable[[Any, str], Any]) -> Any:
        if option in self._given:
            return check(self._given[option], option)
        name = f"WECOM_{option.upper()}"
        written = self._environ.get(name, "")
        if not written or option in _ARGUMENTS_ONLY:
            return default
        return check(_from_environment(written, check), name)


def _from_environment(written: str, check: Callable[[Any, str], Any]) -> object:
    """What a variable says, as far as it can be read; the check says if it is wrong."""
    if check in (boolean, redaction):
        return {"1": True, "true": True, "0": False, "false": False}.get(written.lower(), written)
    try:
        if check is rate_limit:
            return json.loads(written)
        if check is durations:
            return [float(part) for part in written.split(",")]
        if check in (duration, positive):
            return float(written)
        if check in (positive_integer, crumbs):
            return int(written)
        if check is level_number and written.isdecimal():
            return int(written)
        if check is people:
            return [name.strip() for name in written.split(",")]
    except ValueError:
        pass
    return written


# -- destination ---------------------------------------------------------------------------


def _destination(given: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """The destination's own arguments; {} if there is none.

    Arguments choose the kind of destination, the environment only completes that kind.
    """
    kinds = {
        "sender": [name for name in ("sender",) if name in given],
        "webhook_key": [name for name in ROBOT if name in given],
        "corpid": [name for name in APPLICATION if name in given],
    }
    chosen = [names for names in kinds.values() if names]
    if len(chosen) > 1:
        first, second = chosen[0][0], chosen[1][0]
        raise ConfigurationError(
            second, f"names a second destination beside {first}: use a handler for each"
        )
    if "sender" in given:
        return {"sender": given["sender"]}
    kind: tuple[str, ...] = ()
    if not chosen:
        kind = _kind_in(environ)
    elif chosen[0][0] in ROBOT:
        kind = ROBOT
    else:
        kind = APPLICATION
    return _complete(kind, given, environ) if kind else {}


def _kind_in(environ: Mapping[str, str]) -> tuple[str, ...]:
    robot = _variables(("webhook_key",), environ)
    application = _variables(("corpid", "corpsecret", "agentid"), environ)
    if robot and application:
        raise ConfigurationError(
            robot[0], f"is set and {application[0]} as well: keep one kind of destination"
        )
    return ROBOT if robot else APPLICATION if application else ()


def _variables(names: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    candidates = [f"WECOM_{name.upper()}{suffix}" for name in names for suffix in ("", "_FILE")]
    return [name for name in candidates if environ.get(name)]


def _complete(
    kind: tuple[str, ...], given: Mapping[str, Any], environ: Mapping[str, str]
) -> dict[str, Any]:
    from wecom_logging._config import destination, environment
    from wecom_logging._model.secret import Secret

    name = "webhook_key" if kind is ROBOT else "corpsecret"
    check = (
        destination.webhook
        if kind is ROBOT
        else lambda value: destination.secret(value, "corpsecret")
    )
    # What is given as an argument must not be read, and so not be wrong, in the environment.
    unset = {
        variable: value
        for variable, value in environ.items()
        if not any(variable in (f"WECOM_{n.upper()}", f"WECOM_{n.upper()}_FILE") for n in given)
    }
    found = environment.arguments(unset, tuple(n for n in kind if n != name), name, check)
    named = ("touser", "toparty", "totag")
    if any(n in given for n in named):  # recipients are one choice, not three
        found = {k: v for k, v in found.items() if k not in named}
    found.update({k: given[k] for k in (*kind, "api_base", "timeout", "proxies") if k in given})
    missing = [n for n in ("corpid", "corpsecret", "agentid") if n in kind and n not in found]
    if missing:
        have = next(n for n in kind if n in found)
        raise ConfigurationError(missing[0], f"is missing: with {have} an application needs it")
    secret = found[name]
    if not isinstance(secret, Secret):
        check(secret)
    return found
