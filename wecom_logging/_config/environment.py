"""A sender's arguments from environment variables: `WECOM_<ARGUMENT>` in capitals."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from wecom_logging._config.destination import RECIPIENTS
from wecom_logging._model.secret import Check, Secret
from wecom_logging.errors import ConfigurationError

Made = TypeVar("Made")


def variable(name: str) -> str:
    """The environment variable of an argument."""
    return f"WECOM_{name.upper()}"


def arguments(
    environ: Mapping[str, str], names: tuple[str, ...], secret: str, check: Check
) -> dict[str, Any]:
    """What the environment says about the arguments `names` and about the secret.

    An empty value is no value. The secret may stand in a file that `WECOM_<SECRET>_FILE`
    names. Lists are separated by commas; `WECOM_TIMEOUT` is one or two numbers of seconds,
    `WECOM_PROXIES` a JSON object.
    """
    found: dict[str, Any] = {}
    for name in (*names, "api_base", "timeout", "proxies"):
        text = environ.get(variable(name))
        if text:
            found[name] = _parsed(name, text)
    in_file = f"{variable(secret)}_FILE"
    text, path = environ.get(variable(secret)), environ.get(in_file)
    if text and path:
        raise ConfigurationError(in_file, f"and {variable(secret)} are both set: give one of them")
    if path:
        found[secret] = Secret.from_file(path, option=in_file, check=check)
    elif text:
        found[secret] = text
    return found


def made(sender: Callable[..., Made], given: Mapping[str, Any]) -> Made:
    """`sender(**given)`, with errors that name the variable and not the argument."""
    try:
        return sender(**given)
    except ConfigurationError as error:
        option, rule = error.option, error.rule
    raise ConfigurationError(variable(option), rule)


def _parsed(name: str, text: str) -> object:
    if name in RECIPIENTS:
        return text.replace(",", "|")
    if name == "timeout":
        return _numbers(text)
    if name == "proxies":
        return _object(text)
    return text


def _numbers(text: str) -> object:
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        return text  # refused by the argument's own check
    return numbers if len(numbers) > 1 else numbers[0]


def _object(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text  # likewise; and the check does not show the value, which this error does
