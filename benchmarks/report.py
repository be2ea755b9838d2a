"""From results to tables in markdown, ratios first."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import plots
from benchmarks.peers import title_of

Row = dict[str, Any]
Cell = Callable[[Row], str]

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


# -- tables --------------------------------------------------------------------------------


class Part(NamedTuple):
    """Columns of a table that has a row for each peer."""

    #: What a peer that was measured has; of one that was not the first column says why.
    needs: str
    columns: list[tuple[str, Cell]]
    #: Where in the results of a peer they are; "": at the top.
    key: str = ""

    def cells(self, row: Row) -> list[str]:
        found = row.get(self.key) if self.key else row
        if not found or found.get(self.needs) in (None, []):
            why = f"— ({found['failed']})" if found and "failed" in found else "—"
            return [why, *[""] * (len(self.columns) - 1)]
        return [cell(found) for _, cell in self.columns]


def _section(title: str, about: str, rows: Row, *parts: Part) -> str:
    return "\n\n".join(filter(None, (f"## {title}", about, _by_peer(rows, *parts))))


def _by_peer(rows: Row, *parts: Part) -> str:
    head = ["", *(name for part in parts for name, _ in part.columns)]
    return _table(
        head,
        ([title_of(p), *(c for part in parts for c in part.cells(row))] for p, row in rows.items()),
    )


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _turned(cases: Row) -> Row:
    """By peer and case what is there by case and peer."""
    return {
        p: {case: rows.get(p) for case, rows in cases.items()} for p in next(iter(cases.values()))
    }


# -- cells ---------------------------------------------------------------------------------


def _short(number: float) -> str:
    """Three digits, which is all that these figures are good for."""
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.2f}" if number < 10 else f"{number:.1f}"


def _figure(name: str, unit: float = 1) -> Cell:
    return lambda row: _short(row[name] / unit)


def _bold(name: str, unit: float = 1) -> Cell:
    return lambda row: f"**{_short(row[name] / unit)}**"


def _number(name: str) -> Cell:
    return lambda row: f"{row[name]:,}"


def _ratio(row: Row) -> str:
    low, high = (_short(each) for each in row.get("spread", (row["ratio"],) * 2))
    spread = f" [{low}–{high}]" if low != high else ""
    return f"**{_short(row['ratio'])}**{spread}; {_short(row['p99'] / row['null_p99'])}"


def _quantile(times: list[float], q: float) -> float:
    return sorted(times)[int(len(times) * q)]


_MEMORY = ("memory, MB", _figure("grown", 2**20))

# -- sections ------------------------------------------------------------------------------


def _calls(cases: Row) -> str:
    def table(cell: Cell) -> str:
        return _by_peer(_turned(cases), *(Part("ratio", [(TITLES[c], cell)], c) for c in cases))

    return (
        "## One call, on the thread that logs\n\n"
        "× NullHandler (in brackets: lowest and highest round); p99 × its p99.\n\n"
        f"{table(_ratio)}\n\nMicroseconds, median and p99.\n\n"
        + table(lambda row: f"{_short(row['us'])} / {_short(row['p99'])}")
    )


def _breadcrumbs(rows: Row) -> str:
    return _section(
        "One call with `breadcrumbs=20`",
        "× a NullHandler of the same level; p99 × its p99.",
        rows,
        *(Part("ratio", [(title, _ratio)], case) for case, title in BREADCRUMBS.items()),
    )


def _first(cases: Row) -> str:
    def part(case: str, pause: str, when: str) -> Part:
        def cell(row: Row) -> str:
            return f"{_short(row[f'peer {pause}'])} ({_short(row[f'null {pause}'])})"

        return Part(f"peer {pause}", [(f"{case}, {when}", cell)], case)

    return _section(
        "The first error of a new kind",
        "Microseconds, median; in brackets a NullHandler's beside it. After a pause of 50 ms"
        " everything is cold, the NullHandler too.",
        _turned(cases),
        *(part(case, "0.0", "in a row") for case in cases),
        *(part(case, "0.05", "after a pause") for case in cases),
    )


def _storm(rows: Row) -> str:
    columns = [
        ("× NullHandler", _bold("ratio")),
        ("µs per call", _figure("us")),
        ("logged", _number("sent")),
        ("arrived", _number("arrived")),
        ("requests", _number("requests")),
        ("MB sent", _figure("bytes", 1e6)),
        _MEMORY,
        ("flush and close, s", lambda row: _short(row["flush"]) if "flush" in row else "> 10"),
    ]
    return _section("A storm from 4 threads", "", rows, Part("ratio", columns))


def _down(rows: Row) -> str:
    def part(key: str, what: str) -> Part:
        ratio = (f"{what}: × NullHandler", _bold("ratio"))
        return Part("ratio", [ratio, ("calls", _number("calls")), _MEMORY, ("exit, s", ended)], key)

    def ended(row: Row) -> str:
        return "> 12" if row.get("exit") is None else _short(row["exit"])

    parts = part("refused", "refuses"), part("hanging", "hangs")
    return _section("Destination down", "", rows, *parts)


def _killed(rows: Row) -> str:
    part = Part("logged", [("arrived by the next start", _number("arrived"))])
    return _section("SIGKILL 200 ms after the last of 1,000 errors", "", rows, part)


def _latency(rows: Row) -> str:
    columns = [
        ("p50, ms", lambda row: f"**{_short(_quantile(row['ms'], 0.5))}**"),
        ("p99, ms", lambda row: _short(_quantile(row["ms"], 0.99))),
        ("errors", lambda row: str(len(row["ms"]))),
        ("that call itself, µs", _figure("us")),
    ]
    title = "From `logger.error` to the first byte of the request, isolated errors"
    return _section(title, "", rows, Part("ms", columns))


def _imports(rows: Row) -> str:
    return _section(
        "Import, and a handler",
        "Import: in a fresh process that has `logging.config`, `typing` and `dataclasses`."
        " A handler: in one that has requests and structlog as well.",
        rows,
        *(
            Part("took", [(title, _bold("took", 1e-3)), ("MB", _figure("grown", 2**20))], key)
            for key, title in (("imports", "import, ms"), ("construct", "making a handler, ms"))
        ),
    )


def _beside(rows: Row) -> str:
    floor = rows.get("null", {}).get("requests", {}).get("points", 0.0)
    asked = [
        ("of a core, points", lambda row: f"**{row['points'] - floor:+.1f}**"),
        ("request p50, µs", _figure("p50")),
        ("p99", _figure("p99")),
        ("longest, ms", _figure("most", 1000)),
    ]
    late = [
        ("asyncio: late p50, ms", _figure("p50", 1000)),
        ("p99", _figure("p99", 1000)),
        ("latest", _figure("most", 1000)),
    ]
    return _section(
        "The program beside it: 300 new kinds of errors a second",
        "Processor time of the whole process over that of one with a NullHandler; what a"
        " request takes that does a little and logs one; how late a step of an asyncio program"
        " is, beside as many tracebacks.",
        rows,
        Part("points", asked, "requests"),
        Part("p99", late, "loop"),
    )


def _written(rows: Row) -> str:
    def part(key: str, megabytes: str, points: str) -> Part:
        columns = [(megabytes, _bold("megabytes")), (points, _figure("points"))]
        return Part("megabytes", columns, key)

    return _section(
        "Written in a storm of 1,000 errors a second that goes on",
        "All that the process writes into files, after the first message; what goes to a socket"
        " is not in it.",
        rows,
        part("1", "one kind, MB an hour", "of a core, points"),
        part("1000", "1,000 in turn", "points"),
    )


def _thousand(rows: Row) -> str:
    alone = [("processor, s", _bold("cpu")), _MEMORY, ("flush, s", _figure("flush"))]
    busy = [("flush beside a busy thread, s", _figure("flush"))]
    return _section(
        "A thousand kinds at once, and a flush",
        "Without what the thread that logs takes; memory a second after it.",
        rows,
        Part("cpu", alone, "0"),
        Part("flush", busy, "1"),
    )


def _crowded(rows: Row) -> str:
    part = Part("ratio", [("× NullHandler", _ratio)])
    return _section("A call beyond `max_groups`", "", rows, part)


def _first_byte(rows: Row) -> str:
    def spent(row: Row) -> str:
        return f"**{_short(statistics.median(row['spent']))}**"

    def times(q: float) -> list[tuple[str, Cell]]:
        def ours(row: Row) -> float:
            return _quantile(row["ours"], q)

        return [
            (f"p{q:.0%}, ms".replace("%", ""), lambda row: _short(ours(row))),
            ("× by hand", lambda row: f"**{_short(ours(row) / _quantile(row['by_hand'], q))}**"),
        ]

    both = [*times(0.5), *times(0.99)]
    return _section(
        "From `logger.error` to the first byte, in turns with `requests.post`",
        "In one process; the last four beside a busy thread. Processor time also of what follows"
        " the message.",
        rows,
        Part("ours", [("processor, × by hand", spent), *both], "0"),
        Part("ours", both, "1"),
    )


def _growth(kinds: Row) -> str:
    cell = Part("ratio", [("", _bold("ratio"))])
    tables = (
        _table([kind, *rows], [["× NullHandler", *(cell.cells(row)[0] for row in rows.values())]])
        for kind, rows in kinds.items()
    )
    return "## Ours, as things grow\n\n" + "\n\n".join(tables)


SECTIONS = {
    section.__name__[1:]: section
    for section in (
        _calls, _breadcrumbs, _first, _storm, _down, _killed, _latency, _imports, _beside, _written,
        _thousand, _crowded, _first_byte, _growth,
    )
}  # fmt: skip
