"""A Redis of the benchmark's own, where `BENCH_REDIS` names none."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def running() -> Iterator[str]:
    """The URL of a server on a free port of loopback, which keeps nothing on disk.

    Empty where none is installed, or none starts.
    """
    program = shutil.which("redis-server")
    if program is None:
        yield ""
        return
    with tempfile.TemporaryDirectory() as directory:
        process, port = None, 0
        for _ in range(3):  # another program may be faster on the port that was free
            port = _free_port()
            process = _started(program, port, directory)
            if process is not None:
                break
        try:
            yield f"redis://127.0.0.1:{port}/0" if process else ""
        finally:
            if process is not None:
                _end(process)


def answers(url: str) -> bool:
    import redis

    try:
        with redis.Redis.from_url(url, socket_timeout=3) as client:
            return bool(client.ping())
    except (redis.RedisError, ValueError):
        return False


def _started(program: str, port: int, directory: str) -> subprocess.Popen[bytes] | None:
    process = subprocess.Popen(
        [
            program, "--port", str(port), "--bind", "127.0.0.1", "--dir", directory,
            "--save", "", "--appendonly", "no", "--daemonize", "no",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until = time.monotonic() + 10
    while process.poll() is None and time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return process
    _end(process)
    return None


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
