"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import sys
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version

DISTRIBUTIONS = (
    "wecom-logging", "requests", "structlog", "redis", "sentry-sdk", "opentelemetry-sdk",
    "python-logstash-async", "loguru",
)  # fmt: skip


def name() -> str:
    """What a file of results is called: `python3.11`."""
    return f"python{sys.version_info[0]}.{sys.version_info[1]}"


def describe() -> dict[str, str]:
    return {
        "date": f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC",
        "python": platform.python_version(),
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "load": f"{os.getloadavg()[0]:.1f} when it began",
        "packages": ", ".join(f"{d} {v}" for d in DISTRIBUTIONS if (v := _version(d))),
    }


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            models = [line.partition(":")[2].strip() for line in file if "model name" in line]
    except OSError:
        models = []
    return models[0] if models else platform.machine()
