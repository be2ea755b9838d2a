"""Pictures of the results, small SVG files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.peers import title_of

OURS, OTHERS = "#07c160", "#b8bec6"

Row = dict[str, Any]
Picture = tuple[str, Path]


def draw(cases: Row, out: Path) -> Iterator[Picture]:
    """Draw what was measured; nothing where matplotlib is not installed."""
    try:
        import matplotlib as mpl
    except ImportError:
        return
    mpl.use("svg")
    mpl.rcParams.update(
        {
            "font.size": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            # Letters as text; and the same results become the same file.
            "svg.fonttype": "none",
            "svg.hashsalt": "wecom-logging",
        }
    )
    if "calls" in cases:
        yield _calls(cases["calls"], out)
    if "latency" in cases:
        yield _latency(cases["latency"], out)
    if "growth" in cases:
        yield _growth(cases["growth"], out)


def _calls(cases: Row, out: Path) -> Picture:
    """One panel for each of three cases, a bar for each peer, logarithmic."""
    from matplotlib import pyplot as plt

    shown = {"storm": "one call site", "exception": "exception, 12 deep", "structlog": "structlog"}
    figure, panels = plt.subplots(1, 3, figsize=(9, 2.8), sharey=True, layout="constrained")
    for panel, (case, title) in zip(panels, shown.items(), strict=True):
        rows = {p: r["ratio"] for p, r in reversed(cases[case].items()) if "ratio" in r}
        bars = panel.barh([title_of(p) for p in rows], rows.values(), color=_colours(rows))
        panel.bar_label(bars, [f"{r:,.2f}" if r < 10 else f"{r:,.0f}" for r in rows.values()],
                        padding=2, fontsize=7)  # fmt: skip
        panel.set(xscale="log", xlim=(0.9, 4000), title=title, xlabel="× NullHandler")
    return _save(figure, "Cost of one call", out, "calls")


def _latency(rows: Row, out: Path) -> Picture:
    from matplotlib import pyplot as plt

    figure, panel = plt.subplots(figsize=(9, 2.6), layout="constrained")
    times = {peer: sorted(row["ms"]) for peer, row in reversed(rows.items()) if row.get("ms")}
    for height, (peer, ms) in enumerate(times.items()):
        colour = _colours([peer])[0]
        panel.plot(ms, [height] * len(ms), "|", color=colour, markersize=9, alpha=0.6)
        panel.plot(ms[len(ms) // 2], height, "o", color=colour, markersize=5)
    panel.set(xscale="log", xlabel="ms from logger.error to the first byte (dot: median)")
    panel.set_yticks(range(len(times)), [title_of(peer) for peer in times])
    return _save(figure, "Time to the first byte", out, "latency")


def _growth(kinds: Row, out: Path) -> Picture:
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, 3, figsize=(9, 2.2), sharey=True, layout="constrained")
    for panel, (kind, rows) in zip(panels, kinds.items(), strict=True):
        points = {int(number): row["ratio"] for number, row in rows.items() if "ratio" in row}
        panel.plot(points.keys(), points.values(), "o-", color=OURS)
        panel.axhline(1, color=OTHERS, linewidth=1)
        panel.set(xscale="log", xlabel=kind, ylim=(0.9, 1.6))
        panel.set_xticks(list(points), [f"{number:,}" for number in points])
        panel.minorticks_off()
    panels[0].set_ylabel("× NullHandler")
    return _save(figure, "Growth", out, "growth")


def _save(figure: Any, title: str, out: Path, name: str) -> Picture:
    path = out.with_name(f"{out.name}-{name}.svg")
    figure.savefig(path, metadata={"Date": None})
    return title, path


def _colours(peers: Any) -> list[str]:
    return [OURS if peer.startswith("wecom") else OTHERS for peer in peers]
