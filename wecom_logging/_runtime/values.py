"""Classes of values whose code is compiled when the first value is made.

The standard library's `@dataclass` and `NamedTuple` compile for every class, a third of the time
that making the first handler would take, and most classes have no value in most processes. These
do what we need of the two; type checkers see the library's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
    from dataclasses import field as field
    from dataclasses import replace as replace
    from typing import NamedTuple as NamedTuple
else:
    import dataclasses
    from collections import _tuplegetter
    from functools import partial
    from itertools import repeat

    class field:  # noqa: N801 - the library's name
        """A field whose default is made anew for each value."""

        def __init__(self, *, default_factory: Callable[[], Any]) -> None:
            self.make = default_factory

    def dataclass(
        *,
        eq: bool = True,
        repr: bool = True,  # noqa: A002 - the library's name
        frozen: bool = False,
    ) -> Callable[[type], type]:
        """A class with an `__init__` that sets its fields; without `eq` and `repr`, or frozen."""
        assert eq == frozen
        assert frozen or not repr
        return partial(_frozen, shown=repr) if frozen else _with_init

    class _Librarys:
        """What the library keeps of a frozen class, by which its `fields`, `asdict` and the like
        work: asked of it when it is needed, because it looks at each annotation."""

        def __init__(self, cls: type, name: str) -> None:
            self._cls, self._name = cls, name

        def __get__(self, instance: Any, owner: type) -> Any:
            # As far as it compiles nothing. It puts its own in the place of both of these.
            dataclasses.dataclass(init=False, repr=False, eq=False)(self._cls)
            self._cls.__dataclass_params__.frozen = True  # so that users can derive one of theirs
            return vars(self._cls)[self._name]

    def _frozen(cls: type, shown: bool) -> type:
        _with_init(cls)
        for name in ("__dataclass_fields__", "__dataclass_params__"):
            setattr(cls, name, _Librarys(cls, name))
        cls.__match_args__, cls.__replace__ = cls._fields, replace
        cls.__eq__, cls.__hash__ = _equal, lambda self: hash(_values(self))
        cls.__setattr__, cls.__delattr__ = _refused, _refused
        if shown:
            cls.__repr__ = _shown
        return cls

    def _values(self: Any) -> tuple[Any, ...]:
        return tuple(map(self.__getattribute__, self._fields))

    def _equal(self: Any, other: object) -> bool:
        same = type(self) is type(other)
        return _values(self) == _values(other) if same else NotImplemented

    def _refused(self: Any, name: str, *_: Any) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot change field {name!r}")

    def _shown(self: Any) -> str:
        fields = (f"{n}={v!r}" for n, v in zip(self._fields, _values(self), strict=True))
        return f"{type(self).__qualname__}({', '.join(fields)})"

    def _with_init(cls: type) -> type:
        cls._fields = tuple(cls.__annotations__)
        cls._field_defaults = {n: cls.__dict__[n] for n in cls._fields if n in cls.__dict__}
        made = {n: d for n, d in cls._field_defaults.items() if isinstance(d, field)}
        for name in made:
            delattr(cls, name)

        def first(self: Any, *values: Any, **given: Any) -> None:
            all_values = [
                f"{n}.make() if {n} is _{n} else {n}" if n in made else n for n in cls._fields
            ]
            # A loop in C: there are a dozen fields, and some ten values are made for each alert.
            body = f"any(map(_set, _repeat(self), _names, ({', '.join(all_values)},)))"
            if hasattr(cls, "__post_init__"):
                body += "; self.__post_init__()"
            known = {"_set": object.__setattr__, "_repeat": repeat, "_names": cls._fields}
            known |= {f"_{name}": default for name, default in made.items()}
            cls.__init__ = _compiled(cls, "__init__(self", body, known)
            cls.__init__(self, *values, **given)

        cls.__init__ = first
        return cls

    def _compiled(cls: Any, begin: str, body: str, known: dict[str, Any]) -> Any:
        """A method of a class of values that takes its fields."""
        source = f"def {begin}, {', '.join(cls._fields)}): {body}"
        exec(source, known)  # noqa: S102 - the names in it are written in our classes
        method = known[begin.partition("(")[0]]
        method.__qualname__ = cls.__qualname__  # in what a wrong call raises
        method.__defaults__ = tuple(cls._field_defaults.values())
        return method

    def replace(value: Any, **given: Any) -> Any:
        return type(value)(**{**dict(zip(value._fields, _values(value), strict=True)), **given})

    class _RowType(type):
        def __new__(mcs, name: str, bases: tuple[type, ...], members: dict[str, Any]) -> type:
            names = tuple(members.get("__annotations__", ()))
            members["_field_defaults"] = {n: members[n] for n in names if n in members}
            members |= {n: _tuplegetter(i, None) for i, n in enumerate(names)}
            return super().__new__(mcs, name, bases, {"__slots__": (), "_fields": names, **members})

    class NamedTuple(tuple, metaclass=_RowType):
        def __new__(cls, *values: Any, **given: Any) -> Any:
            body = f"return _new(_cls, ({', '.join(cls._fields)},))"
            cls.__new__ = _compiled(cls, "__new__(_cls", body, {"_new": tuple.__new__})
            return cls.__new__(cls, *values, **given)

        @classmethod
        def _make(cls, values: Iterable[Any]) -> Any:
            return cls(*values)

        def __getnewargs__(self) -> tuple[Any, ...]:
            return tuple(self)

        __repr__ = _shown

        def _asdict(self) -> dict[str, Any]:
            return dict(zip(self._fields, self, strict=True))

        def _replace(self, **given: Any) -> Any:
            found = tuple.__new__(type(self), map(given.pop, self._fields, self))
            if given:
                raise TypeError(f"{type(self).__name__} takes {', '.join(self._fields)}")
            return found
