"""The shape of the package: what `docs/architecture.md` says of it is so."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]

#: More files than that at the top, and a newcomer does not find the room of a line.
MOST_AT_THE_TOP = 14


@pytest.fixture(scope="module")
def drawing() -> ModuleType:
    path = ROOT / "docs" / "draw_architecture.py"
    spec = importlib.util.spec_from_file_location("draw_architecture", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def circles(graph: dict[str, set[str]]) -> set[str]:
    """The modules that load each other: what is left when no leaf can be taken away."""
    left = {name: set(loaded) for name, loaded in graph.items()}
    while leaves := {name for name, loaded in left.items() if not loaded & left.keys()}:
        for name in leaves:
            del left[name]
    return set(left)


def test_circles_are_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == {"a", "b", "c"}


def test_no_module_loads_one_that_loads_it(drawing: ModuleType) -> None:
    assert circles(drawing.graph()) == set()


def test_the_base_knows_nothing_of_what_stands_on_it(drawing: ModuleType) -> None:
    above = {name for row in drawing.ROWS for name in row}
    ties = {
        (module, loaded)
        for module, all_loaded in drawing.graph().items()
        for loaded in all_loaded
        if drawing.box_of(module) in drawing.BASE and drawing.box_of(loaded) in above
    }
    assert ties == set()


def test_every_part_is_in_the_picture(drawing: ModuleType) -> None:
    drawn = {name for row in drawing.ROWS for name in row} | set(drawing.BASE)
    apart = {"", "testing", "pytest_plugin", "__main__"}
    assert {drawing.box_of(name) for name in drawing.modules()} - apart <= drawn


def test_the_picture_is_that_of_the_code(drawing: ModuleType) -> None:
    assert drawing.PICTURE.read_text("utf-8") == drawing.draw(), (
        "python docs/draw_architecture.py draws it anew"
    )


def test_few_files_stand_at_the_top(drawing: ModuleType) -> None:
    assert 0 < len(list(drawing.PACKAGE.glob("*.py"))) <= MOST_AT_THE_TOP


def test_benchmarks_need_nothing_of_the_tests_group() -> None:
    """`make bench` installs what it compares with, and no pytest."""
    code = "import sys; sys.modules['pytest'] = None; import benchmarks.__main__, benchmarks.stores"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
