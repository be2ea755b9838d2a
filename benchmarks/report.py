"""From results to tables in markdown, ratios first."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks import plots
from benchmarks.peers import load

Row = dict[str, Any]

TITLES = {
    "storm": "one call site",
    "sites": "1,000 call sites",
    "exception": "`logger.exception`, 12 frames",
    "fstring": "f-string, each different",
    "structlog": "structlog event",
    "constant": "constant message",
}

BREADCRUMBS = {
    "info": "INFO: kept, no alert",
    "task": "the same in an asyncio task",
    "error": "ERROR of a known kind: counted and kept",
}


def write(results: Row, out: Path) -> None:
    """Write `out.md` and the plots beside it."""
    cases = results["cases"]
    machine = results["machine"]
    parts = [
        "# Results" + (" of a quick run" if results["quick"] else ""),
        "\n".join(f"- {name}: {value}" for name, value in machine.items()),
        "`×` is the ratio to a NullHandler that was timed in turns with the peer, in the same"
        " process. Trust it; the microseconds follow the machine, which others share.",
    ]
    for name, section in SECTIONS.items():
        if name in cases:
            parts.append(section(cases[name]))
    for title, picture in plots.draw(cases, out):
        parts.append(f"![{title}]({picture.name})")
    beside(out, ".md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def beside(out: Path, ending: str) -> Path:
    """Not `with_suffix`, for which `python3.11` ends in a suffix already."""
    return out.with_name(out.name + ending)


def _calls(cases: Row) -> str:
    head = ["", *(TITLES[case] for case in cases)]
    peers = list(next(iter(cases.values())))
    ratios = _table(head, ([_name(p), *(_ratio(cases[c].get(p)) for c in cases)] for p in peers))
    times = _table(head, ([_name(p), *(_times(cases[c].get(p)) for c in cases)] for p in peers))
    return (
        "## One call, on the thread that logs\n\n"
        f"× NullHandler (in brackets: lowest and highest round); p99 × its p99.\n\n{ratios}\n\n"
        f"Microseconds, median and p99.\n\n{times}"
    )


def _ratio(row: Row | None) -> str:
    if row is None or "failed" in row:
        return _failed(row)
    low, high = (_short(each) for each in row.get("spread", (row["ratio"],) * 2))
    spread = f" [{low}–{high}]" if low != high else ""
    return f"**{_short(row['ratio'])}**{spread}; {_short(row['p99'] / row['null_p99'])}"


def _times(row: Row | None) -> str:
    if row is None or "failed" in row:
        return _failed(row)
    return f"{_short(row['us'])} / {_short(row['p99'])}"


def _breadcrumbs(rows: Row) -> str:
    head = ["", *BREADCRUMBS.values()]
    ratios = _table(
        head, ([_name(p), *(_ratio(row.get(c)) for c in BREADCRUMBS)] for p, row in rows.items())
    )
    return (
        "## One call with `breadcrumbs=20`\n\n"
        f"× a NullHandler of the same level; p99 × its p99.\n\n{ratios}"
    )


def _first(cases: Row) -> str:
    head = ["", "plain, in a row", "deep, in a row", "plain, after a pause", "deep, after a pause"]
    rows = [
        [_name(peer), *(_us(cases[c].get(peer), pause) for pause in ("0.0", "0.05") for c in cases)]
        for peer in cases["plain"]
    ]
    return (
        "## The first error of a new kind\n\n"
        "Microseconds, median; in brackets a NullHandler's beside it. After a pause of 50 ms"
        " everything is cold, the NullHandler too.\n\n" + _table(head, rows)
    )


def _us(row: Row | None, pause: str) -> str:
    if row is None or "failed" in row:
        return _failed(row)
    return f"{_short(row[f'peer {pause}'])} ({_short(row[f'null {pause}'])})"


def _storm(rows: Row) -> str:
    head = [
        "", "× NullHandler", "µs per call", "logged", "arrived", "requests", "MB sent",
        "memory, MB", "flush and close, s",
    ]  # fmt: skip
    return "## A storm from 4 threads\n\n" + _table(
        head, ([_name(p), *_storm_cells(row)] for p, row in rows.items())
    )


def _storm_cells(row: Row) -> list[str]:
    if "ratio" not in row:
        return [_failed(row), *[""] * 7]
    return [
        f"**{_short(row['ratio'])}**",
        _short(row["us"]),
        f"{row['sent']:,}",
        f"{row['arrived']:,}",
        f"{row['requests']:,}",
        _short(row["bytes"] / 1e6),
        _short(row["grown"] / 2**20),
        _short(row["flush"]) if "flush" in row else "> 10",
    ]


def _down(rows: Row) -> str:
    kinds = {"refused": "refuses", "hanging": "hangs"}
    head = [""]
    for what in kinds.values():
        head += [f"{what}: × NullHandler", "calls", "memory, MB", "exit, s"]
    body = ([_name(p), *(c for k in kinds for c in _down_cells(row[k]))] for p, row in rows.items())
    return "## Destination down\n\n" + _table(head, body)


def _down_cells(row: Row) -> list[str]:
    if "ratio" not in row:
        return [_failed(row), "", "", ""]
    ended = _short(row["exit"]) if row.get("exit") is not None else "> 12"
    return [
        f"**{_short(row['ratio'])}**",
        f"{row['calls']:,}",
        _short(row["grown"] / 2**20),
        ended,
    ]


def _killed(rows: Row) -> str:
    return "## SIGKILL 200 ms after the last of 1,000 errors\n\n" + _table(
        ["", "arrived by the next start"],
        (
            [_name(p), f"{row['arrived']:,}" if "arrived" in row else _failed(row)]
            for p, row in rows.items()
        ),
    )


def _latency(rows: Row) -> str:
    head = ["", "p50, ms", "p99, ms", "errors", "that call itself, µs"]
    return "## From `logger.error` to the first byte of the request, isolated errors\n\n" + _table(
        head, ([_name(p), *_latency_cells(row)] for p, row in rows.items())
    )


def _latency_cells(row: Row) -> list[str]:
    if not row.get("ms"):
        return [_failed(row), "", "", ""]
    times = sorted(row["ms"])
    p50, p99 = times[len(times) // 2], times[int(len(times) * 0.99)]
    return [f"**{_short(p50)}**", _short(p99), str(len(times)), _short(row["us"])]


def _imports(rows: Row) -> str:
    head = ["", "import, ms", "MB", "making a handler, ms", "MB"]
    return (
        "## Import, and a handler\n\n"
        "Import: in a fresh process that has `logging.config`, `typing` and `dataclasses`."
        " A handler: in one that has requests and structlog as well.\n\n"
        + _table(head, ([_name(p), *_import_cells(row)] for p, row in rows.items()))
    )


def _import_cells(row: Row) -> list[str]:
    cells = []
    for measure in ("imports", "construct"):
        found = row[measure]
        if "failed" in found:
            cells += [_failed(found), ""]
        else:
            cells += [f"**{_short(found['took'] * 1000)}**", _short(found["grown"] / 2**20)]
    return cells


def _beside(rows: Row) -> str:
    floor = rows.get("null", {}).get("requests", {}).get("points", 0.0)
    head = [
        "", "of a core, points", "request p50, µs", "p99", "longest, ms",
        "asyncio: late p50, ms", "p99", "latest",
    ]  # fmt: skip
    return (
        "## The program beside it: 300 new kinds of errors a second\n\n"
        "Processor time of the whole process over that of one with a NullHandler; what a"
        " request takes that does a little and logs one; how late a step of an asyncio program"
        " is, beside as many tracebacks.\n\n"
        + _table(head, ([_name(p), *_beside_cells(row, floor)] for p, row in rows.items()))
    )


def _beside_cells(row: Row, floor: float) -> list[str]:
    asked, late = row["requests"], row["loop"]
    cells = [_failed(asked), *[""] * 3]
    if "points" in asked:
        points = f"**{asked['points'] - floor:+.1f}**"
        cells = [points, *(_short(asked[name]) for name in ("p50", "p99"))]
        cells.append(_short(asked["most"] / 1000))
    if "p99" not in late:
        return [*cells, _failed(late), "", ""]
    return [*cells, *(_short(late[name] / 1000) for name in ("p50", "p99", "most"))]


def _written(rows: Row) -> str:
    head = ["", "one kind, MB an hour", "of a core, points", "1,000 in turn", "points"]
    return (
        "## Written in a storm of 1,000 errors a second that goes on\n\n"
        "All that the process writes into files, after the first message; what goes to a socket"
        " is not in it.\n\n"
        + _table(
            head,
            (
                [_name(p), *(c for k in ("1", "1000") for c in _written_cells(row[k]))]
                for p, row in rows.items()
            ),
        )
    )


def _written_cells(row: Row) -> list[str]:
    if "megabytes" not in row:
        return [_failed(row), ""]
    return [f"**{_short(row['megabytes'])}**", _short(row["points"])]


def _thousand(rows: Row) -> str:
    head = ["", "processor, s", "memory, MB", "flush, s", "flush beside a busy thread, s"]
    return (
        "## A thousand kinds at once, and a flush\n\n"
        "Without what the thread that logs takes; memory a second after it.\n\n"
        + _table(head, ([_name(p), *_thousand_cells(row)] for p, row in rows.items()))
    )


def _thousand_cells(row: Row) -> list[str]:
    alone, busy = row["0"], row["1"]
    if "cpu" not in alone:
        return [_failed(alone), *[""] * 3]
    return [
        f"**{_short(alone['cpu'])}**",
        _short(alone["grown"] / 2**20),
        _short(alone["flush"]),
        _short(busy["flush"]) if "flush" in busy else _failed(busy),
    ]


def _crowded(rows: Row) -> str:
    return "## A call beyond `max_groups`\n\n" + _table(
        ["", "× NullHandler"], ([_name(p), _ratio(row)] for p, row in rows.items())
    )


def _first_byte(rows: Row) -> str:
    times = ("p50, ms", "× by hand", "p99, ms", "× by hand")
    head = ["", "processor, × by hand", *times, *times]
    return (
        "## From `logger.error` to the first byte, in turns with `requests.post`\n\n"
        "In one process; the last four beside a busy thread. Processor time also of what follows"
        " the message.\n\n"
        + _table(head, ([_name(p), *_byte_cells(row)] for p, row in rows.items()))
    )


def _byte_cells(rows: Row) -> list[str]:
    cells = [f"**{_short(statistics.median(rows['0']['spent']))}**"]
    for row, q in itertools.product(rows.values(), (0.5, 0.99)):
        ours, by_hand = (sorted(row[name])[int(len(row[name]) * q)] for name in ("ours", "by_hand"))
        cells += [_short(ours), f"**{_short(ours / by_hand)}**"]
    return cells


def _growth(kinds: Row) -> str:
    tables = [
        _table([kind, *rows], [["× NullHandler", *(_growth_cell(row) for row in rows.values())]])
        for kind, rows in kinds.items()
    ]
    return "## Ours, as things grow\n\n" + "\n\n".join(tables)


def _growth_cell(row: Row) -> str:
    return f"**{_short(row['ratio'])}**" if "ratio" in row else _failed(row)


SECTIONS: dict[str, Callable[[Row], str]] = {
    "calls": _calls,
    "breadcrumbs": _breadcrumbs,
    "first": _first,
    "storm": _storm,
    "down": _down,
    "killed": _killed,
    "latency": _latency,
    "imports": _imports,
    "beside": _beside,
    "written": _written,
    "thousand": _thousand,
    "crowded": _crowded,
    "first_byte": _first_byte,
    "growth": _growth,
}


def _name(peer: str) -> str:
    return str(load(peer).NAME)


def _failed(row: Row | None) -> str:
    return f"— ({row['failed']})" if row and "failed" in row else "—"


def _short(number: float) -> str:
    """Three digits, which is all that these figures are good for."""
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.2f}" if number < 10 else f"{number:.1f}"


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
