"""What a handler's defaults are taken from: program, host, process."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Mapping

#: Programs that run other people's code: their name says nothing about the application.
_RUNNERS = (
    "gunicorn", "uwsgi", "celery", "python", "python3", "uvicorn", "hypercorn", "daphne",
    "flask", "django-admin", "manage", "pytest", "ipython", "__main__", "-c", "-m", "",
)  # fmt: skip


def default_app(environ: Mapping[str, str]) -> str:
    """What this program calls itself, or is called by those who run it."""
    if name := environ.get("OTEL_SERVICE_NAME"):
        return name
    if settings := environ.get("DJANGO_SETTINGS_MODULE"):
        return settings.split(".")[0]
    program = os.path.splitext(os.path.basename(sys.argv[0] if sys.argv else ""))[0]
    if program not in _RUNNERS and not program.startswith("python"):
        return program
    try:
        return os.path.basename(os.getcwd()) or "python"
    except OSError:  # the working directory has been deleted
        return "python"


def default_host(environ: Mapping[str, str]) -> str:
    """The host's name without its domain; of a pod the part that tells it from its siblings."""
    name = socket.gethostname().split(".")[0]
    if environ.get("KUBERNETES_SERVICE_HOST"):
        name = name.rpartition("-")[2]
    return name or "localhost"


def process_start() -> float:
    """When this process started, seconds since the epoch; now, where nobody can say."""
    try:
        with open("/proc/self/stat", "rb") as file:
            ticks = int(file.read().rpartition(b")")[2].split()[19])
        with open("/proc/uptime", "rb") as file:
            uptime = float(file.read().split()[0])
        return time.time() - uptime + ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return time.time()
