"""What an exception holds, read without running code of the application."""

from __future__ import annotations

import re
from typing import Any

from wecom_logging._capture.sound import as_text, fields_of
from wecom_logging._capture.template import is_random
from wecom_logging._capture.text_traceback import MAX_TEXT


def args_of(error: BaseException) -> tuple[Any, ...]:
    """What an exception was made with."""
    found = _ARGS(error)
    return found if type(found) is tuple else ()


_ARGS = BaseException.__dict__["args"].__get__
#: The errno of an `OSError`, or None. A call into C.
errno_of = OSError.__dict__["errno"].__get__
_CODE_NAMES = (
    "errno", "status_code", "code", "status", "pgcode", "sqlstate", "returncode", "exit_code",
)  # fmt: skip
_CODE = re.compile(r"[\w.-]{1,32}", re.ASCII)
_NUMBERED = ("pymysql", "MySQLdb")


def code_of(error: BaseException) -> str:
    """The code of an exception: errno, status of HTTP, SQLSTATE, that of a service; "" if none."""
    if issubclass(type(error), OSError) and type(number := errno_of(error)) is int:
        return str(number)
    fields = fields_of(error)
    values = [fields[name] for name in _CODE_NAMES if name in fields]
    response = fields.get("response")
    if type(response) is dict:  # botocore's
        said = response.get("Error")
        values.append(said.get("Code") if type(said) is dict else None)
    elif response is not None:
        values.append(fields_of(response).get("status_code"))
    if type(error).__module__.partition(".")[0] in _NUMBERED:
        values.extend(args_of(error)[:1])
    return next(filter(None, map(as_code, values)), "")


def as_code(value: Any) -> str:
    """What can be a code, as a text: a small number or a short word; "" for all else."""
    kind = type(value)
    if issubclass(kind, int) and kind is not bool:
        number = int.__add__(value, 0)
        return str(number) if number.bit_length() <= 64 else ""
    code = as_text(value)
    # One of random letters is no kind of failure, and perhaps a secret.
    return code if _CODE.fullmatch(code) and not is_random(code) else ""


def remote_traceback(error: BaseException) -> str:
    """The traceback that a pool's exception has brought from another process, as its cause."""
    if not type(error).__name__.endswith("RemoteTraceback"):
        return ""
    text = fields_of(error).get("tb")
    return text[-MAX_TEXT:] if type(text) is str else ""
