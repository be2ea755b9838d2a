"""What `wecom-logging check` finds, one step after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warning", "failed", "skipped"]

MARKS: dict[Status, tuple[str, str]] = {
    "ok": ("good", "✔"),
    "warning": ("warning", "!"),
    "failed": ("bad", "✘"),
    "skipped": ("dim", "–"),
}


@dataclass(frozen=True)
class Step:
    """One thing that was looked at."""

    name: str
    status: Status
    #: What was found; of a failure the cause.
    text: str
    #: What to do about it, in one sentence.
    fix: str = ""
    details: tuple[str, ...] = ()


def ok(name: str, text: str, *details: str) -> Step:
    return Step(name, "ok", text, details=details)


def failed(name: str, text: str, fix: str = "", *details: str) -> Step:
    return Step(name, "failed", text, fix, details)


def warning(name: str, text: str, fix: str = "") -> Step:
    return Step(name, "warning", text, fix)


def skipped(name: str, text: str) -> Step:
    return Step(name, "skipped", text)
