"""What one option is: its check, its default, how the environment writes it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from wecom_logging._model.secret import Secret
from wecom_logging._runtime.values import NamedTuple
from wecom_logging.errors import ConfigurationError

#: Returns the value to use for (value, option), or raises a `ConfigurationError`.
Check = Callable[[Any, str], Any]


def variable(name: str) -> str:
    """The environment variable of an option."""
    return f"WECOM_{name.upper()}"


# -- how a variable writes a value ---------------------------------------------------------
#
# What cannot be read comes back as it is written: the check says what is wrong with it.


def as_text(written: str) -> object:
    return written


def as_boolean(written: str) -> object:
    return {"1": True, "true": True, "0": False, "false": False}.get(written.lower(), written)


def as_boolean_or_json(written: str) -> object:
    """A JSON object where it begins like one."""
    return as_json(written) if written.startswith("{") else as_boolean(written)


def as_text_or_json(written: str) -> object:
    """Likewise."""
    return as_json(written) if written.startswith("{") else written


def as_integer(written: str) -> object:
    try:
        return int(written)
    except ValueError:
        return written


def as_number(written: str) -> object:
    try:
        return float(written)
    except ValueError:
        return written


def as_numbers(written: str) -> object:
    """Comma-separated."""
    try:
        return [float(part) for part in written.split(",")]
    except ValueError:
        return written


def as_number_or_pair(written: str) -> object:
    numbers = as_numbers(written)
    return numbers[0] if isinstance(numbers, list) and len(numbers) == 1 else numbers


def as_level(written: str) -> object:
    return int(written) if written.isdecimal() else written


def as_names(written: str) -> object:
    """Comma-separated."""
    return [name.strip() for name in written.split(",")]


def as_names_or_json(written: str) -> object:
    """A JSON object where it begins like one."""
    return as_json(written) if written.startswith("{") else as_names(written)


def as_recipients(written: str) -> object:
    """Comma-separated, or as WeCom writes them."""
    return written.replace(",", "|")


def as_json(written: str) -> object:
    try:
        return json.loads(written)
    except (ValueError, RecursionError):
        return written


class Option(NamedTuple):
    """One option. `OPTIONS` in `options.py` is the table of all of them."""

    check: Check
    default: Any = None
    #: From the text of the environment variable; None: only an argument can say it.
    read: Callable[[str], object] | None = as_text
    #: Finds the default in the environment, where that is a matter of looking.
    find: Callable[[Mapping[str, str]], Any] | None = None
    #: It is a secret, or may hold one: it may stand in a file that `WECOM_<OPTION>_FILE` names.
    secret: bool = False

    def of_environment(self, name: str, environ: Mapping[str, str]) -> Any:
        """What the environment says about it, unchecked; None if nothing. An empty value is
        no value.

        Raises:
            ConfigurationError: Variable and file are both named, or the file does not hold
                such a value.
        """
        written = environ.get(variable(name)) if self.read else None
        path = environ.get(f"{variable(name)}_FILE") if self.secret else None
        if path:
            in_file = f"{variable(name)}_FILE"
            if written:
                both = f"and {variable(name)} are both set: give one of them"
                raise ConfigurationError(in_file, both)
            return Secret.from_file(path, option=in_file, check=lambda v: self.check(v, in_file))
        return self.read(written) if self.read and written else None
