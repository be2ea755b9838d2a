"""Classes of values that are compiled late: what we need of the standard library's."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import get_type_hints

import pytest

from wecom_logging._runtime.values import NamedTuple, dataclass, field, replace


class Row(NamedTuple):
    name: str
    size: int = 0
    words: tuple[str, ...] = ()

    @property
    def twice(self) -> int:
        return 2 * self.size


@dataclass(eq=False, repr=False)
class Thing:
    name: str
    count: int = 0
    words: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Figure:
    name: str
    size: int = 0


def test_a_row_is_a_tuple_with_names() -> None:
    row = Row("a", 3)
    assert tuple(row) == ("a", 3, ())
    assert (row.name, row.size, row.twice) == ("a", 3, 6)
    assert row._replace(size=4) == Row("a", words=(), size=4)
    assert row._asdict() == {"name": "a", "size": 3, "words": ()}
    assert Row._make(["a", 3]) == row
    assert repr(row) == "Row(name='a', size=3, words=())"
    assert pickle.loads(pickle.dumps(row)) == row
    assert not hasattr(row, "__dict__")
    assert get_type_hints(Row)["size"] is int


def test_a_record_has_its_fields_in_order_and_defaults_of_its_own() -> None:
    first, second = Thing("a"), Thing("b", words=["x"])
    first.words.append("y")
    assert vars(first) == {"name": "a", "count": 0, "words": ["y"]}
    assert list(vars(second)) == ["name", "count", "words"]
    assert Thing("c").words == []
    assert vars(replace(second, count=5)) == {"name": "b", "count": 5, "words": ["x"]}


def test_a_source_is_compiled_with_the_first_value_and_never_again() -> None:
    class Pair(NamedTuple):
        left: int
        right: int = 2

    before = Pair.__new__
    assert Pair(1) == (1, 2)
    compiled = Pair.__new__
    assert Pair(right=1, left=2) == (2, 1)
    assert before is not compiled is Pair.__new__


@pytest.mark.parametrize("cls", [Row, Thing, Figure])
def test_what_is_missing_or_unknown_is_an_error(cls: type) -> None:
    for values, given in (
        ((), {}),
        (("a",), {"other": 1}),
        (("a", 1, (), 2), {}),
        (("a",), {"name": "b"}),
    ):
        with pytest.raises(TypeError):
            cls(*values, **given)


def test_what_is_frozen_is_one_of_the_librarys() -> None:
    figure = Figure("a", size=3)
    assert repr(figure) == "Figure(name='a', size=3)"
    assert figure == Figure("a", 3) != Figure("b", 3)
    row: object = ("a", 3)
    assert figure != row
    assert len({figure, Figure("a", 3)}) == 1
    assert dataclasses.replace(figure, size=4) == replace(figure, size=4) == Figure("a", 4)
    assert dataclasses.asdict(figure) == {"name": "a", "size": 3}
    assert pickle.loads(pickle.dumps(figure)) == copy.deepcopy(figure) == figure
    with pytest.raises(dataclasses.FrozenInstanceError):
        figure.size = 4  # type: ignore[misc]  # what must not work


def test_the_library_knows_what_is_frozen_from_its_first_use_on() -> None:
    @dataclass(frozen=True)
    class Place:
        path: str
        line: int = 0

    match Place("a.py", 3):
        case Place(path, line):
            assert (path, line) == ("a.py", 3)
    assert dataclasses.is_dataclass(Place)
    assert [(each.name, each.default) for each in dataclasses.fields(Place)][1:] == [("line", 0)]
    assert dataclasses.replace(Place("a.py"), line=4) == Place("a.py", 4)


def test_users_derive_from_what_is_frozen() -> None:
    @dataclasses.dataclass(frozen=True)
    class Larger(Figure):
        colour: str = ""

    larger = Larger("a", 2, "red")
    assert (larger, larger.colour) == (Larger("a", 2, "red"), "red")
    with pytest.raises(dataclasses.FrozenInstanceError):
        larger.colour = "blue"  # type: ignore[misc]  # what is tested
