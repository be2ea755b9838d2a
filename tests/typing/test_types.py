"""The types that the package promises: what mypy accepts, and what it finds."""

from __future__ import annotations

import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("mypy")
# What mypy has read of the package, once.
pytestmark = pytest.mark.xdist_group("types")

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

_EXPECTED = re.compile(r"  # type: ignore\[([a-z, -]+)\] .*")


def found(program: Path, cache: Path) -> dict[int, set[str]]:
    """The codes of the errors that mypy finds, by line."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={cache}",
         "--no-error-summary", "--hide-error-context", str(program)],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert not done.stderr, done.stderr
    errors: dict[int, set[str]] = {}
    for line, code in re.findall(r":(\d+): error: .*\[([a-z-]+)\]$", done.stdout, re.MULTILINE):
        errors.setdefault(int(line), set()).add(code)
    return errors


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mypy")


def test_what_is_right_is_accepted(cache: Path) -> None:
    assert found(HERE / "accepted.py", cache) == {}


def test_each_mistake_is_found(cache: Path, tmp_path: Path) -> None:
    lines = (HERE / "refused.py").read_text("utf-8").splitlines()
    expected = {
        number: set(match[1].split(", "))
        for number, line in enumerate(lines, 1)
        if (match := _EXPECTED.search(line))
    }
    assert len(expected) > 20
    program = tmp_path / "refused.py"
    program.write_text("\n".join(_EXPECTED.sub("", line) for line in lines), "utf-8")
    assert found(program, cache) == expected


def comments(path: Path) -> Iterator[tuple[int, str]]:
    with tokenize.open(path) as source:
        for token in tokenize.generate_tokens(source.readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string


def test_every_exception_to_a_rule_has_its_reason() -> None:
    """What mypy or ruff is told to pass over says which rule, and why."""
    exception = re.compile(r"# (?:noqa|type: ignore)(: [A-Z0-9, ]+|\[[a-z, -]+\])?\s*(\S.*)?$")
    without = [
        f"{path.relative_to(ROOT)}:{line}"
        for part in ("wecom_logging", "tests", "examples", "docs", "benchmarks")
        for path in sorted((ROOT / part).rglob("*.py"))
        for line, text in comments(path)
        if (found := exception.match(text)) and not all(found.groups())
    ]
    assert without == []
