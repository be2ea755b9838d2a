"""What a handler's defaults are taken from: program, host, process."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Mapping
from urllib.parse import unquote

#: Programs that run other people's code: their names say nothing about the application.
_RUNNERS = (
    "gunicorn", "uwsgi", "mod_wsgi", "celery", "uvicorn", "hypercorn", "daphne", "granian",
    "waitress-serve", "fastapi", "flask", "django-admin", "manage", "rq", "huey_consumer",
    "dramatiq", "airflow", "streamlit", "pytest", "ipython",
)  # fmt: skip

#: Names that many programs give to the same part: the directory above says more.
ANYBODYS = (
    "config", "conf", "core", "settings", "backend", "server", "project", "app", "src", "main",
    "api", "web", "code", "workspace",
)  # fmt: skip

#: Directories that every system has: no name in `/usr/src/app` says anything.
_SYSTEMS = (
    "usr", "opt", "srv", "home", "root", "var", "www", "html", "tmp", "mnt", "data", "local",
    "users",
)  # fmt: skip


def default_app(environ: Mapping[str, str]) -> str:
    """What this program calls itself, or is called by those who run it."""
    if name := environ.get("OTEL_SERVICE_NAME"):
        return name
    if package := environ.get("DJANGO_SETTINGS_MODULE", "").split(".")[0]:
        return _directory(package) if package.lower() in ANYBODYS else package
    program = os.path.splitext(os.path.basename(sys.argv[0] if sys.argv else ""))[0]
    if program.startswith(("python", "-", "__")) or not program:
        return _directory("python")
    return _directory(program) if program.lower() in (*_RUNNERS, *ANYBODYS) else program


def _directory(otherwise: str) -> str:
    """The innermost directory that we are in whose name says something."""
    try:
        names = os.getcwd().split(os.sep)
    except OSError:  # the working directory has been deleted
        return otherwise
    nothing = ("", *ANYBODYS, *_SYSTEMS)
    return next((name for name in reversed(names) if name.lower() not in nothing), otherwise)


def default_release(environ: Mapping[str, str]) -> str:
    """The version of the program, where those who deploy it have said it for others."""
    for name in ("SENTRY_RELEASE", "GIT_SHA"):
        if release := environ.get(name):
            return release
    for pair in environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","):
        key, _, value = pair.partition("=")
        if key.strip() == "service.version" and value.strip():
            return unquote(value.strip())
    return ""


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
