"""A small line chart as SVG, with logarithmic axes; no library needed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

WIDTH, HEIGHT, EDGE = 640, 400, 60
COLOURS = ("#0b66c2", "#c2410b", "#0b8a43", "#7a0bc2")


@dataclass(frozen=True)
class Series:
    """A line and its name."""

    name: str
    points: list[tuple[float, float]]


def plot(path: str, series: list[Series], across: str) -> None:
    """Write the chart; both axes are logarithmic."""
    xs = [x for each in series for x, _ in each.points]
    ys = [y for each in series for _, y in each.points if y > 0]
    left, right = math.log10(min(xs)), math.log10(max(xs))
    bottom, top = math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys)))

    def place(x: float, y: float) -> tuple[float, float]:
        over = (math.log10(x) - left) / ((right - left) or 1)
        up = (math.log10(max(y, 10**bottom)) - bottom) / ((top - bottom) or 1)
        return EDGE + over * (WIDTH - 2 * EDGE), HEIGHT - EDGE - up * (HEIGHT - 2 * EDGE)

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">']
    parts.append("<style>text{font:12px sans-serif}</style>")
    parts.append('<rect width="100%" height="100%" fill="#fff"/>')
    for power in range(bottom, top + 1):
        _, y = place(10**left, 10.0**power)
        parts.append(f'<line x1="{EDGE}" x2="{WIDTH - EDGE}" y1="{y}" y2="{y}" stroke="#ddd"/>')
        parts.append(f'<text x="{EDGE - 8}" y="{y + 4}" text-anchor="end">{10.0**power:g}</text>')
    for x in sorted(set(xs)):
        at, _ = place(x, 10.0**bottom)
        parts.append(f'<text x="{at}" y="{HEIGHT - EDGE + 18}" text-anchor="middle">{x:g}</text>')
    for number, each in enumerate(series):
        colour = COLOURS[number % len(COLOURS)]
        line = " ".join("{:.1f},{:.1f}".format(*place(x, y)) for x, y in each.points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{EDGE}" y="{20 + 16 * number}" fill="{colour}">{each.name}</text>')
    middle = WIDTH / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 12}" text-anchor="middle">{across}</text></svg>')
    Path(path).write_text("\n".join(parts), encoding="utf-8")
