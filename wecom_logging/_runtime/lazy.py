"""What is made when it is first used, so that making a handler does not wait for it.

Without the lock that `functools.cached_property` has before Python 3.12: a child forked while it
is held would wait for it for ever. At worst something is made twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

T = TypeVar("T")


class cached(Generic[T]):  # noqa: N801 - a decorator, named like those of functools
    """A property that is worked out once for each object."""

    def __init__(self, work_out: Callable[[Any], T]) -> None:
        self._work_out = work_out
        self._name = work_out.__name__
        self.__doc__ = work_out.__doc__

    def __get__(self, instance: Any, owner: type) -> T:
        if instance is None:
            return self  # type: ignore[return-value]  # on the class: for `help` alone
        # From now on `__dict__` takes precedence over this.
        value = instance.__dict__[self._name] = self._work_out(instance)
        return value


if TYPE_CHECKING:
    regex = re.compile
else:

    class regex:  # noqa: N801 - used like `re.compile`
        """A regular expression that is compiled when it is first used.

        There are two hundred, and compiling one takes a tenth of a millisecond and more.
        """

        def __init__(self, source: str, flags: int = 0) -> None:
            self._given = source, flags

        @cached
        def compiled(self) -> re.Pattern[str]:
            return re.compile(*self._given)

        def __getattr__(self, name: str) -> Any:
            value = self.__dict__[name] = getattr(self.compiled, name)
            return value
