"""The options that name a destination: which kind it is, and what completes it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, TypeVar

from wecom_logging._config import validators
from wecom_logging._config.advice import hint
from wecom_logging._config.option import Option, as_json, as_numbers, as_recipients, variable
from wecom_logging.errors import ConfigurationError, display

Made = TypeVar("Made")

#: Their checks are the senders' own: a sender may be made without a handler.
DESTINATION = {
    "webhook_key": Option(validators.webhook, secret=True),
    "corpid": Option(validators.corpid),
    "corpsecret": Option(validators.secret, secret=True),
    "agentid": Option(validators.agentid),
    "touser": Option(validators.recipients, read=as_recipients),
    "toparty": Option(validators.recipients, read=as_recipients),
    "totag": Option(validators.recipients, read=as_recipients),
}

#: How either kind is reached.
CONNECTION = {
    "api_base": Option(validators.api_base, validators.API_BASE),
    "timeout": Option(validators.timeout, validators.TIMEOUT, as_numbers),
    "proxies": Option(validators.proxies, read=as_json),
}

#: The options of each kind. An argument of one kind chooses it.
ROBOT = ("webhook_key",)
APPLICATION = tuple(name for name in DESTINATION if name not in ROBOT)
_NEEDED = ("corpid", "corpsecret", "agentid")


def arguments(
    environ: Mapping[str, str], names: Sequence[str], besides: Container[str] = ()
) -> dict[str, Any]:
    """What the environment says about these options of a destination and its connection, but
    for those that are given otherwise.

    Raises:
        ConfigurationError: A secret and its file are both named, or the file is no good.
    """
    options = {name: DESTINATION[name] for name in names} | CONNECTION
    read = ((n, o.of_environment(n, environ)) for n, o in options.items() if n not in besides)
    return {name: value for name, value in read if value is not None}


def from_environment(
    sender: Callable[..., Made], kind: Sequence[str], environ: Mapping[str, str]
) -> Made:
    """A sender by itself, with errors that name the variable and not the argument."""
    found = arguments(environ, kind)
    for name in (*ROBOT, *_NEEDED):
        if name in kind and name not in found:
            raise ConfigurationError(variable(name), "is not set")
    for name in ROBOT:
        if name in found:
            found["key"] = found.pop(name)  # as the sender calls it
    try:
        return sender(**found)
    except ConfigurationError as error:
        option, rule = error.option, error.rule
    raise ConfigurationError(variable(option), rule)


def check(given: Mapping[str, Any]) -> None:
    """Refuse what cannot work among these options of a destination and its connection."""
    options = DESTINATION | CONNECTION
    for name, value in given.items():
        options[name].check(value, name)


def choose(given: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """The destination's own arguments; {} if there is none.

    Arguments choose the kind of destination, the environment only completes that kind.
    """
    chosen = [
        kind for kind in (("sender",), ROBOT, APPLICATION) if not given.keys().isdisjoint(kind)
    ]
    if len(chosen) > 1:
        first, second = (next(n for n in kind if n in given) for kind in chosen[:2])
        rule = f"names a second destination beside {first}: use a handler for each"
        raise ConfigurationError(second, rule)
    if "sender" in given:
        return {"sender": given["sender"]}
    kind = chosen[0] if chosen else _kind_in(environ)
    return _complete(kind, given, environ) if kind else {}


def elsewhere(value: object, option: str) -> Any:
    """A handler, or what `logging.config` makes one of, as it is; or the checked arguments of
    another destination, with its `msgtype`."""
    if isinstance(value, logging.Handler):
        return value
    # Never shown: there is a secret in it.
    if not isinstance(value, Mapping):
        what = type(value).__name__
        rule = f"is neither the options of a destination nor a logging.Handler, but a {what}"
        raise ConfigurationError(option, rule)
    if "class" in value or "()" in value:
        return value
    known = (*DESTINATION, *CONNECTION, "msgtype")
    for name in value:
        if name not in known:
            rule = f"{display(name)} is no option of it{hint(str(name), known)}"
            raise ConfigurationError(option, rule)
    try:
        found = choose({n: value[n] for n in value if n != "msgtype"}, {})
        check(found)
        if "msgtype" in value:
            validators.choice("markdown", "text", "markdown_v2")(value["msgtype"], "msgtype")
            found["msgtype"] = value["msgtype"]
    except ConfigurationError as error:
        raise ConfigurationError(option, f"{error.option}: {error.rule}") from None
    if not found:
        raise ConfigurationError(option, "names no destination: webhook_key, or corpid …")
    return found


def _kind_in(environ: Mapping[str, str]) -> tuple[str, ...]:
    robot = _variables(ROBOT, environ)
    application = _variables(_NEEDED, environ)
    if robot and application:
        rule = f"is set and {application[0]} as well: keep one kind of destination"
        raise ConfigurationError(robot[0], rule)
    return ROBOT if robot else APPLICATION if application else ()


def _variables(names: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    candidates = (f"{variable(name)}{suffix}" for name in names for suffix in ("", "_FILE"))
    return list(filter(environ.get, candidates))


def _complete(
    kind: tuple[str, ...], given: Mapping[str, Any], environ: Mapping[str, str]
) -> dict[str, Any]:
    # What is given as an argument must not be read, and so not be wrong, in the environment.
    found = arguments(environ, kind, besides=given)
    if any(name in given for name in validators.RECIPIENTS):  # they are one choice, not three
        found = {k: v for k, v in found.items() if k not in validators.RECIPIENTS}
    found.update({k: given[k] for k in (*kind, *CONNECTION) if k in given})
    missing = [n for n in _NEEDED if n in kind and n not in found]
    if missing:
        have = next(n for n in kind if n in found)
        raise ConfigurationError(missing[0], f"is missing: with {have} an application needs it")
    return found
