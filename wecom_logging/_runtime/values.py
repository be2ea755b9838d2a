"""Classes of values, made without a source that Python would have to compile for each.

`@dataclass` and `NamedTuple` of the standard library write one for every class and compile
it, a third of what making the first handler takes. These here do what we need of the two,
for classes whose values are made by the background thread; type checkers see the library's.
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

    class _Made:
        """Stands in a class for what is made anew for each value."""

        def __init__(self, make: Callable[[], Any]) -> None:
            self.make = make

    def field(*, default_factory: Callable[[], Any]) -> Any:
        """A field whose default is made anew for each value."""
        return _Made(default_factory)

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

    def _frozen(cls: type, shown: bool) -> type:
        # The library's own as far as it compiles nothing: `fields`, `asdict` and the like work.
        dataclasses.dataclass(init=False, repr=False, eq=False)(cls)
        _with_init(cls, tuple(each.name for each in dataclasses.fields(cls) if each.init))
        cls.__eq__, cls.__hash__ = _equal, lambda self: hash(_values(self))
        cls.__setattr__, cls.__delattr__ = _refused, _refused
        cls.__dataclass_params__.frozen = True  # so that users can derive one of their own
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

    def _with_init(cls: type, names: tuple[str, ...] = ()) -> type:
        cls._fields = names or tuple(cls.__annotations__)
        cls._field_defaults = {n: cls.__dict__[n] for n in cls._fields if n in cls.__dict__}
        cls._made = {n: d for n, d in cls._field_defaults.items() if isinstance(d, _Made)}
        for name in cls._made:
            delattr(cls, name)
        cls.__init__ = _init
        return cls

    def _init(self: Any, *values: Any, **given: Any) -> None:
        cls = type(self)
        for name, default in cls._made.items():
            if name not in given and name not in cls._fields[: len(values)]:
                given[name] = default.make()
        if given or len(values) != len(cls._fields):
            values = _completed(cls, values, given)
        # A loop in C: there are a dozen fields, and some ten values are made for each alert.
        any(map(object.__setattr__, repeat(self), cls._fields, values))
        if after := getattr(self, "__post_init__", None):
            after()

    def _completed(cls: Any, values: tuple[Any, ...], given: dict[str, Any]) -> tuple[Any, ...]:
        """The values of all fields, in their order."""
        rest = cls._fields[len(values) :]
        try:
            all_values = (*values, *map({**cls._field_defaults, **given}.__getitem__, rest))
        except KeyError:
            all_values = ()
        if len(all_values) != len(cls._fields) or not given.keys() <= set(rest):
            raise TypeError(f"{cls.__name__} takes {', '.join(cls._fields)}")
        return all_values

    def replace(value: Any, **given: Any) -> Any:
        """The same with other fields."""
        return type(value)(**{**dict(zip(value._fields, _values(value), strict=True)), **given})

    class _RowType(type):
        def __new__(mcs, name: str, bases: tuple[type, ...], members: dict[str, Any]) -> type:
            names = tuple(members.get("__annotations__", ()))
            members["_field_defaults"] = {n: members[n] for n in names if n in members}
            members |= {n: _tuplegetter(i, None) for i, n in enumerate(names)}
            return super().__new__(mcs, name, bases, {"__slots__": (), "_fields": names, **members})

    class NamedTuple(tuple, metaclass=_RowType):
        """A tuple whose items have names."""

        def __new__(cls, *values: Any, **given: Any) -> Any:
            if given or len(values) != len(cls._fields):
                values = _completed(cls, values, given)
            return tuple.__new__(cls, values)

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
