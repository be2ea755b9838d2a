"""A real Redis of the tests' own: on a free port of loopback, in a directory of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PROGRAM = shutil.which("redis-server")


def require() -> None:
    """Skip where there is no server to be had; fail where there has to be one."""
    if PROGRAM is None:
        if os.environ.get("CI") == "true":
            pytest.fail("redis-server is missing: apt-get install redis-server")
        pytest.skip("needs redis-server (Debian: apt-get install redis-server)")


class RedisServer:
    """Start, stop, kill and start again. What it holds is kept by its append-only file."""

    def __init__(self, directory: Path, *options: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.options = options
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                str(PROGRAM), "--port", str(self.port), "--bind", "127.0.0.1",
                "--dir", str(self.directory), "--appendonly", "yes", "--appendfsync", "always",
                "--save", "", "--daemonize", "no", *self.options,
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        eventually(self._answers)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1.0) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False

    def kill(self) -> None:
        """As a crash does it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def client(self, **options: Any) -> Any:
        import redis

        return redis.Redis.from_url(self.url, decode_responses=True, **options)


@contextmanager
def running(directory: Path, *options: str) -> Iterator[RedisServer]:
    require()
    server = RedisServer(directory, *options)
    try:
        yield server
    finally:
        server.kill()


def eventually(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Wait until something holds; returns what it is."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, "did not happen in time"
        time.sleep(0.02)
    return found
