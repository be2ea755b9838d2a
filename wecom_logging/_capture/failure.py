"""The exception of a record: where it is, and what tells it apart.

Runs in the line that logs; no code of the application runs for it.
"""

from __future__ import annotations

import builtins
import logging
import re
import sys
from collections.abc import Hashable, Iterable, Mapping
from types import TracebackType
from typing import Any

from wecom_logging._capture.code_location import LIBRARIES, is_library, is_library_by_name
from wecom_logging._capture.sanitize import as_text, fields_of
from wecom_logging._capture.template import is_random
from wecom_logging._capture.text_traceback import FRAME, MAX_TEXT, MAX_TRACEBACK, text_traceback

#: Exceptions looked at along a chain. A chain can be a loop.
MAX_CHAIN = 10
#: Exception groups; there are none before Python 3.11.
EXCEPTION_GROUPS: Any = getattr(builtins, "BaseExceptionGroup", ())

#: A type of exception, with its code or with the place where it failed in another process
#: (path and function, with a NUL between them).
Coded = tuple[type, str]

#: What has been learnt of the program, so that a call costs no more than a look-up: templates
#: whose arguments have held an exception or a traceback; types of exceptions that have a code,
#: and whether they are `OSError`s.
TELLING: dict[str, bool] = {}
CODED: dict[type, bool] = {OSError: True}

_ARGS = BaseException.__dict__["args"].__get__
#: The errno of an `OSError`, or None. A call into C.
errno_of = OSError.__dict__["errno"].__get__
_CODE_NAMES = (
    "errno", "status_code", "code", "status", "pgcode", "sqlstate", "returncode", "exit_code",
)  # fmt: skip
_CODE = re.compile(r"[\w.-]{1,32}", re.ASCII)
_NUMBERED = ("pymysql", "MySQLdb")


def find_error(record: logging.LogRecord) -> BaseException | None:
    """The exception of a record, wherever it is; only on the thread that logs."""
    exc_info: Any = record.exc_info
    if exc_info:
        error = exc_info[1]
        if type(error).__module__ == "billiard.einfo":  # Celery's wrapping around a traceback
            error = getattr(error, "exc", error)
        return error if isinstance(error, BaseException) else None
    message: object = record.msg
    if isinstance(message, dict):
        message = message.get("exc_info")
        if message is True or message == 1:
            return sys.exc_info()[1]
        if isinstance(message, tuple) and len(message) == 3:
            message = message[1]
    elif type(message) is str:
        return _error_in_text(record, message)
    return message if isinstance(message, BaseException) else None


def _error_in_text(record: logging.LogRecord, message: str) -> BaseException | None:
    """The exception among the arguments, or the one being handled if its traceback is there."""
    if not record.args:
        return live_error(message)
    if message not in TELLING:
        return None
    found: BaseException | None = None
    for argument in arguments(record):
        if issubclass(type(argument), BaseException):
            error: BaseException = argument
            return error
        if type(argument) is str:
            found = found or live_error(argument)
    return found


def arguments(record: logging.LogRecord) -> Iterable[Any]:
    """The values that a record's message is filled with."""
    args: Any = record.args
    return args.values() if isinstance(args, Mapping) else args if type(args) is tuple else ()


def live_error(text: str) -> BaseException | None:
    """The exception that is being handled, if a text ends with its traceback."""
    if FRAME not in text[-MAX_TRACEBACK:]:
        return None
    kind, error, tb = sys.exc_info()
    if error is None or kind is None or tb is None:
        return None
    tb = innermost(tb)
    text = text[-MAX_TRACEBACK:].rstrip()
    code = tb.tb_frame.f_code
    inner = f'{FRAME}{code.co_filename}", line {tb.tb_lineno}, in {code.co_name}\n'
    rest = text[text.rfind(FRAME) :]
    # Its last line, without asking the exception what it says: that is code of others.
    name = kind.__qualname__
    names = (f"\n{name}", f"\n{kind.__module__}.{name}")
    return error if rest.startswith(inner) and any(name in rest for name in names) else None


def chain(error: BaseException) -> list[BaseException]:
    """The error, then what it was raised from or while handling."""
    errors = [error]
    while len(errors) < MAX_CHAIN:
        below = error.__cause__
        if below is None and not error.__suppress_context__:
            below = error.__context__
        if below is None or any(below is known for known in errors):
            break
        errors.append(below)
        error = below
    return errors


def types_of(error: BaseException) -> Any:
    """The types along the chain, with codes; the type itself for the usual chain of one."""
    if isinstance(error, EXCEPTION_GROUPS):
        # The first few types inside: a group by itself says nothing.
        parts = {type(part) for part in getattr(error, "exceptions", ())[:50]}
        return (type(error), *sorted(parts, key=lambda t: t.__qualname__)[:5])
    if error.__context__ is None and error.__cause__ is None:
        kind = type(error)
        is_os = CODED.get(kind)
        if is_os is None:
            return kind
        if is_os and type(number := errno_of(error)) is int:
            return kind, number
        return _coded(error)
    found = tuple([_coded(e) if type(e) in CODED else type(e) for e in chain(error)])
    return found if len(found) > 1 else found[0]


def _coded(error: BaseException) -> Any:
    """The type of an exception that may have a code, and the code."""
    code = code_of(error)
    if code:
        return (type(error), code)
    remote = remote_traceback(error)
    return (type(error), _remote_place(remote)) if remote else type(error)


def _remote_place(text: str) -> str:
    _, _, frames = text_traceback(text[-MAX_TRACEBACK:])
    own = [frame for frame in frames if not is_library_by_name(frame[0])] or frames[-1:]
    return f"{own[-1][0]}\0{own[-1][2]}" if own else ""


def pairs_of(kinds: Any) -> tuple[Coded, ...]:
    """`types_of` in one shape."""
    if not isinstance(kinds, tuple) or isinstance(kinds[-1], (str, int)):
        kinds = (kinds,)
    pairs = (kind if isinstance(kind, tuple) else (kind, "") for kind in kinds)
    return tuple((kind, as_code(code) if type(code) is int else code) for kind, code in pairs)


def without_codes(kinds: Any) -> Any:
    """`types_of` without the codes."""
    bare = tuple([kind for kind, _ in pairs_of(kinds)])
    return bare if len(bare) > 1 else bare[0]


def place_of(tb: TracebackType | None) -> Hashable:
    """The innermost frame; and the innermost one of the application's own, if that is not it."""
    if tb is None:
        return None
    last = tb
    while (following := last.tb_next) is not None:
        last = following
    frame = last.tb_frame
    code = frame.f_code
    file = code.co_filename
    inner = (file, code.co_firstlineno, last.tb_lasti)
    library = LIBRARIES.get(file)
    if library is None:
        library = is_library(file, frame.f_globals)
    if not library:
        return inner
    own = own_frame(tb)
    if own is None:
        return inner
    code = own.tb_frame.f_code
    return (*inner, code.co_filename, code.co_firstlineno, own.tb_lasti)


def innermost(tb: TracebackType) -> TracebackType:
    """The frame that has raised."""
    while (following := tb.tb_next) is not None:
        tb = following
    return tb


def own_frame(tb: TracebackType | None) -> TracebackType | None:
    """The innermost frame of the application's own."""
    found = None
    while tb is not None:
        frame = tb.tb_frame
        file = frame.f_code.co_filename
        library = LIBRARIES.get(file)
        if library is None:
            library = is_library(file, frame.f_globals)
        if not library:
            found = tb
        tb = tb.tb_next
    return found


def ends(tb: TracebackType | None) -> tuple[TracebackType, ...]:
    """The frames that `place_of` is made of."""
    if tb is None:
        return ()
    inner, own = innermost(tb), own_frame(tb)
    return (inner,) if own is None or own is inner else (inner, own)


def traceback_of(record: logging.LogRecord, error: BaseException) -> TracebackType | None:
    """The traceback that was given with the exception: its own may have been taken off."""
    return (record.exc_info[2] if record.exc_info else None) or error.__traceback__


def args_of(error: BaseException) -> tuple[Any, ...]:
    """What an exception was made with, read without running code of the application."""
    found = _ARGS(error)
    return found if type(found) is tuple else ()


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
