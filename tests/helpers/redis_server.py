"""A real Redis for tests and benchmarks: on a free port of loopback, in a directory of its own."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.helpers.ports import free_port
from tests.helpers.support import eventually

PROGRAM = shutil.which("redis-server")


class RedisServer:
    """Start, stop, kill and start again. What it holds is kept by its append-only file."""

    def __init__(self, directory: Path, *options: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.options = options
        self._process: subprocess.Popen[bytes] | None = None
        for _ in range(3):  # another program may be faster on the port that was free
            self.port = free_port()
            self.url = f"redis://127.0.0.1:{self.port}/0"
            if self.start():
                return
        raise AssertionError("redis-server does not start")

    def start(self) -> bool:
        process = self._process = subprocess.Popen(
            [
                str(PROGRAM), "--port", str(self.port), "--bind", "127.0.0.1",
                "--dir", str(self.directory), "--appendonly", "yes", "--appendfsync", "always",
                "--save", "", "--daemonize", "no", *self.options,
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            eventually(lambda: self._answers() or process.poll() is not None)
        except AssertionError:  # it runs, and says nothing
            self.kill()
        return process.poll() is None

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

    def client(self, *, decode: bool = True) -> Any:
        import redis

        return redis.Redis.from_url(self.url, decode_responses=decode)


@contextmanager
def running(directory: Path, *options: str) -> Iterator[RedisServer]:
    """A server that keeps its data, unless the options say otherwise."""
    server = RedisServer(directory, *options)
    try:
        yield server
    finally:
        server.kill()
