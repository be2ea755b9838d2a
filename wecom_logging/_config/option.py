"""What one option is: its check, its default, how the environment writes it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from wecom_logging._config.validators import Check
from wecom_logging._model.secret import Secret
from wecom_logging._runtime.values import NamedTuple
from wecom_logging.errors import ConfigurationError


def variable(name: str) -> str:
    return f"WECOM_{name.upper()}"


#: How a variable writes a value. What cannot be read comes back as it is written: the check says
#: what is wrong with it.
Read = Callable[[str], object]


def _read_by(convert: Read) -> Read:
    def read(written: str) -> object:
        try:
            return convert(written)
        except (ValueError, RecursionError):
            return written

    return read


def or_json(read: Read) -> Read:
    """A JSON object where it begins like one."""
    return lambda written: (as_json if written.startswith("{") else read)(written)


def as_text(written: str) -> object:
    return written


def as_boolean(written: str) -> object:
    return {"1": True, "true": True, "0": False, "false": False}.get(written.lower(), written)


def as_level(written: str) -> object:
    """A name or a number; `int` would take `-5` and `1_000` as well."""
    return int(written) if written.isdecimal() else written


as_integer = _read_by(int)
as_number = _read_by(float)
as_numbers = _read_by(lambda written: [float(part) for part in written.split(",")])
as_json = _read_by(json.loads)


def as_names(written: str) -> object:
    return [name.strip() for name in written.split(",")]


def as_recipients(written: str) -> object:
    """Comma-separated, or as WeCom writes them."""
    return written.replace(",", "|")


class Option(NamedTuple):
    """One option. `OPTIONS` in `options.py` is the table of all of them."""

    check: Check[Any]
    default: Any = None
    #: From the text of the environment variable; None: only an argument can say it.
    read: Read | None = as_text
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
