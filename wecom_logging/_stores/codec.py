"""Records as JSON, and back: what is read is as little trusted as a log line.

Whatever does not have the shape of its record is a `ValueError`, and never a surprise later.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import is_dataclass
from functools import cache
from inspect import Parameter, signature
from itertools import compress
from json.encoder import (  # type: ignore[attr-defined]  # typeshed has not the first one
    c_make_encoder,
    encode_basestring_ascii,
)
from operator import ne
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

#: No number that is written here is as large: no count, and no time for a million years.
MOST = 1e15

#: Makes a value of plain data, or raises a `ValueError`.
Reader = Callable[[Any], Any]


def encode(record: object) -> str:
    """JSON in ASCII: lone surrogates, which no database takes, are escaped."""
    return "".join(_write(record, 0)) if c_make_encoder else _ENCODER.encode(record)


def decode(kind: type[T], text: str) -> T:
    """The record that `encode` has written.

    Raises:
        ValueError: The text is no JSON, or not that of a `kind`.
    """
    try:
        found: T = reader(kind)(json.loads(text))  # type: ignore[arg-type]  # a type is hashable
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return found


def _said(record: Any) -> dict[str, Any]:
    """The fields of a record that differ from their defaults: few of a group, which is written
    with every error."""
    values, usual = vars(record), _usual(type(record))  # type: ignore[arg-type]  # a type is hashable
    return dict(compress(values.items(), map(ne, values.values(), usual)))


@cache
def _usual(kind: Any) -> tuple[Any, ...]:
    """The defaults of all fields, in their order."""
    names, required = _fields(kind)
    made = vars(kind(**dict.fromkeys(required)))
    return tuple(_NOTHING if name in required else made[name] for name in names)


#: Is equal to no value.
_NOTHING = object()

# `json` writes a named tuple as a list by itself. `JSONEncoder` builds its C encoder anew for
# each text, which takes longer than most texts do.
_ENCODER = json.JSONEncoder(default=_said, separators=(",", ":"))
_write = c_make_encoder and c_make_encoder(
    None, _said, encode_basestring_ascii, None, ":", ",", False, False, True
)


@cache
def reader(kind: Any) -> Reader:
    """What checks and builds a value of this type."""
    origin, arguments = get_origin(kind), get_args(kind)
    if hasattr(kind, "_fields") and issubclass(kind, tuple):
        return _row(kind)
    if hasattr(kind, "_fields") or is_dataclass(kind):
        return _record(kind)
    if origin in (Union, UnionType):
        read = reader(next(a for a in arguments if a is not type(None)))
        return lambda value: None if value is None else read(value)
    if origin is Literal:
        return lambda value: _checked(value, value in arguments)
    if origin is dict and arguments[1] is not Any:
        of = reader(arguments[1])
        return lambda value: {key: of(each) for key, each in _SCALARS[dict](value).items()}
    if origin in (list, tuple):
        return _sequence(origin, arguments)
    return _SCALARS[origin or kind]


def _checked(value: Any, good: bool) -> Any:
    if not good:
        raise ValueError(f"unexpected {type(value).__name__}")
    return value


def _number(value: Any) -> Any:
    good = type(value) in (int, float) and -MOST < value < MOST
    return float(value) if good else _checked(value, good)


_SCALARS: dict[Any, Reader] = {
    str: lambda value: _checked(value, isinstance(value, str)),
    bool: lambda value: _checked(value, isinstance(value, bool)),
    int: lambda value: _checked(value, type(value) is int and -MOST < value < MOST),
    float: _number,
    dict: lambda value: _checked(value, isinstance(value, dict)),
}


def _sequence(kind: Any, arguments: tuple[Any, ...]) -> Reader:
    reads = [reader(a) for a in arguments if a is not Ellipsis]
    fixed = kind is tuple and Ellipsis not in arguments

    def make(value: Any) -> Any:
        if value == {}:
            value = []  # which is the same for Lua
        _checked(value, isinstance(value, list) and (not fixed or len(value) == len(reads)))
        each = reads if fixed else reads * len(value)
        return kind(read(item) for read, item in zip(each, value, strict=True))

    return make


def _record(kind: Any) -> Reader:
    hints, (names, required) = get_type_hints(kind), _fields(kind)
    reads = {name: reader(hints[name]) for name in names}
    taken: dict[str, Any] = {name: _taken(hints[name]) for name in names}

    def make(value: Any) -> Any:
        plain: dict[str, Any] = _SCALARS[dict](value)
        # What a newer version has added is left out; what an older one lacks has defaults.
        given = {
            n: v if taken[n] is type(v) and (taken[n] is str or -MOST < v < MOST) else reads[n](v)
            for n, v in plain.items()
            if n in reads
        }
        _checked(value, required <= given.keys())
        return kind(**given)

    return make


def _taken(hint: Any) -> type | None:
    """The type whose values are taken as they are, without a call, as most are."""
    return hint if hint in (str, bool, int, float) else None


def _fields(kind: Any) -> tuple[list[str], set[str]]:
    """The fields of a record, and those without a default."""
    if hasattr(kind, "_fields"):
        return list(kind._fields), set(kind._fields) - kind._field_defaults.keys()
    parameters = signature(kind).parameters
    return list(parameters), {n for n, p in parameters.items() if p.default is Parameter.empty}


def _row(kind: Any) -> Reader:
    """A named tuple, which is a list in JSON."""
    hints = get_type_hints(kind).values()
    reads: list[tuple[Any, Reader]] = [(_taken(hint), reader(hint)) for hint in hints]
    least = len(reads) - len(kind._field_defaults)

    def make(value: Any) -> Any:
        # As above: a newer version may have added some, an older one lack them.
        _checked(value, isinstance(value, list) and len(value) >= least)
        known = zip(reads, value, strict=False)
        return kind(
            *[
                v if taken is type(v) and (taken is str or -MOST < v < MOST) else read(v)
                for (taken, read), v in known
            ]
        )

    return make
