"""Draw the packages of `wecom_logging` and what they import of each other, from the code.

    python docs/draw_architecture.py          writes architecture.svg beside this file
    python docs/draw_architecture.py --check  fails if the picture is not that of the code

Only imports that run when a module is loaded are drawn: those below `TYPE_CHECKING` or
inside a function do not tie modules together.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

_SPEC = find_spec("wecom_logging")
assert _SPEC is not None
assert _SPEC.origin is not None
PACKAGE = Path(_SPEC.origin).parent
PICTURE = Path(__file__).with_name("architecture.svg")

#: Boxes in the order of a record's path, a row each. What is below is for all of them, and
#: has no arrows: it imports none of these.
ROWS = (
    ("install", "jobs", "_cli", "_bot"),
    ("handler", "simulator"),
    ("_worker",),
    ("_capture", "contrib", "_rendering"),
    ("redaction", "_stores", "_senders"),
    ("_config",),
)
BASE = ("_model", "_runtime", "errors", "stats")

#: Left for those who import them from where they were.
SHIMS = ("wecom_logging.contrib.airflow",)

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 130, 40, 40, 46, 20


def modules() -> dict[str, Path]:
    """The modules of the package by name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path, known: set[str]) -> Iterator[str]:
    """The modules of ours that are loaded with this one."""
    for node in _statements(ast.parse(path.read_text("utf-8")).body):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in known else node.module


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        yield node
        if isinstance(node, (ast.If, ast.Try, ast.With)):
            yield from _statements(node.body)


def graph() -> dict[str, set[str]]:
    """Which module loads which."""
    found = modules()
    known = set(found)
    return {name: set(imports(path, known)) - {name} for name, path in found.items()}


def box_of(module: str) -> str:
    """The folder of a module, or the module itself where it stands at the top."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def arrows() -> set[tuple[str, str]]:
    """Which box loads which."""
    known = {name for row in ROWS for name in row}
    tied = {
        (box_of(a), box_of(b)) for a, loaded in graph().items() for b in loaded if a not in SHIMS
    }
    return {(a, b) for a, b in tied if a != b and a in known and b in known}


def draw() -> str:
    """The picture as SVG text."""
    there = {box_of(name) for name in modules()}
    rows = [[name for name in row if name in there] for row in ROWS]
    widest = max(len(row) for row in rows) * (WIDTH + GAP_X) - GAP_X
    places = {}
    for depth, row in enumerate(rows):
        left = MARGIN + (widest - len(row) * (WIDTH + GAP_X) + GAP_X) / 2
        for index, name in enumerate(row):
            places[name] = (left + index * (WIDTH + GAP_X), MARGIN + depth * (HEIGHT + GAP_Y))
    bottom = MARGIN + len(rows) * (HEIGHT + GAP_Y)
    height = bottom + HEIGHT + MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {widest + 2 * MARGIN} {height}"'
        ' font-family="sans-serif" font-size="14">',
        '<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="7" refY="3" orient="auto">'
        '<path d="M0,0 L7,3 L0,6 z" fill="#667"/></marker></defs>',
        '<rect width="100%" height="100%" fill="#fff"/>',
    ]
    lines += [_arrow(places[a], places[b]) for a, b in sorted(arrows())]
    lines += [_box(name, *place, WIDTH) for name, place in places.items()]
    lines.append(_box(" · ".join(BASE), MARGIN, bottom, widest))
    return "\n".join([*lines, "</svg>"]) + "\n"


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    down = end[1] >= start[1]
    beside = end[1] == start[1]
    if beside:  # from side to side
        right = end[0] > start[0]
        x1, y1 = start[0] + (WIDTH if right else 0), start[1] + HEIGHT / 2
        x2, y2 = end[0] + (0 if right else WIDTH), end[1] + HEIGHT / 2
    else:
        x1, y1 = start[0] + WIDTH / 2, start[1] + (HEIGHT if down else 0)
        x2, y2 = end[0] + WIDTH / 2, end[1] + (0 if down else HEIGHT)
    return (
        f'<path d="M{x1:g},{y1:g} L{x2:g},{y2:g}" fill="none" stroke="#99a" stroke-width="1"'
        ' marker-end="url(#tip)"/>'
    )


def _box(name: str, x: float, y: float, width: float) -> str:
    fill = "#f4f6fa" if name.startswith("_") else "#e3f2e6"
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{HEIGHT}" rx="5" fill="{fill}"'
        f' stroke="#445"/><text x="{x + width / 2:g}" y="{y + HEIGHT / 2 + 5:g}"'
        f' text-anchor="middle">{name}</text>'
    )


def main() -> int:
    picture = draw()
    if "--check" in sys.argv:
        return int(not PICTURE.exists() or PICTURE.read_text("utf-8") != picture)
    PICTURE.write_text(picture, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
