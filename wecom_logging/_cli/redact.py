"""`wecom-logging redact`: what redaction would mask in a log, and by which rule."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from wecom_logging._cli import Commands


def register(commands: Commands) -> None:
    parser = commands.add_parser(
        "redact",
        help="show what redaction would mask in a log",
        description="Reads a log from stdin and shows each record in which something would be"
        " masked, as it would be sent, and by which rules. Nothing is sent. WECOM_REDACT counts,"
        " as it does for a handler.",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from wecom_logging._config.options import read_options
    from wecom_logging.redaction import rules_for, with_findings

    mode: Any = read_options({"enabled": False}).redact
    looked_for = rules_for(mode)
    rules: Counter[str] = Counter()
    records = masked = 0
    for number, record in _records(_lines()):
        records += 1
        shown, findings = with_findings(record, looked_for)
        if findings:
            masked += 1
            print(f"{number}: {shown}")
            for rule in dict.fromkeys(finding.rule for finding in findings):
                print(f"    ^ {rule}")
            rules.update(finding.rule for finding in findings)
    print(f"{masked} of {records} records have something to mask", file=sys.stderr)
    for rule, count in rules.most_common(20):
        print(f"{count:6} {rule}", file=sys.stderr)
    return 0


def _lines() -> Iterator[str]:
    for line in sys.stdin.buffer:
        yield line.decode("utf-8", "replace").rstrip("\r\n")


def _records(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Lines with what belongs to them: tracebacks are indented, keys have an end."""
    first, record, in_key = 1, "", False
    for number, line in enumerate(lines, 1):
        if number > 1 and (in_key or line[:1] in (" ", "\t")):
            record += f"\n{line}"
        else:
            if number > 1:
                yield first, record
            first, record = number, line
        in_key = "-----END" not in line and (in_key or "-----BEGIN" in line)
    if record:
        yield first, record
