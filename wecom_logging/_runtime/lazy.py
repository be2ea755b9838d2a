"""What is made when it is first used, so that making a handler does not wait for it.

Without a lock, which `functools.cached_property` has before Python 3.12: a process may fork
while another thread holds it, and the child would wait for that thread forever. At worst
something is made twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


def regex(source: str, flags: int = 0) -> Callable[[], re.Pattern[str]]:
    """A regular expression that is compiled by the first call of what is returned.

    There are two hundred, and compiling one takes a tenth of a millisecond and more.
    """
    pattern: re.Pattern[str] | None = None

    def compiled() -> re.Pattern[str]:
        nonlocal pattern
        if pattern is None:
            pattern = re.compile(source, flags)
        return pattern

    return compiled


class cached(Generic[T]):  # noqa: N801 - a decorator, named like those of functools
    """A property that is worked out once for each object."""

    def __init__(self, work_out: Callable[[Any], T]) -> None:
        self._work_out = work_out
        self._name = work_out.__name__
        self.__doc__ = work_out.__doc__

    def __get__(self, instance: Any, owner: type) -> T:
        if instance is None:
            return self  # type: ignore[return-value]  # on the class: for `help` alone
        # What stands in `__dict__` goes before this from now on.
        value = instance.__dict__[self._name] = self._work_out(instance)
        return value
