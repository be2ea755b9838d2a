"""A local destination in a process of its own, and the handle by which a benchmark asks it.

It answers each POST at once with what all peers take for success, or never (`hang`). It
keeps when the first byte of each request came, by the clock that all processes share, and
counts the errors that it was told of: distinct order numbers, and `×n` in our messages.
"""

from __future__ import annotations

import gzip
import json
import re
import selectors
import socket
import subprocess
import sys
import time
import zlib
from dataclasses import dataclass, field
from typing import Any

ORDER = re.compile(rb"ORD\d{8}Z")
_TOLD = re.compile(r"×([\d,]+)")
_ANSWER = b'{"errcode":0,"errmsg":"ok","id":"1","media_id":"1"}'
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


class Sink:
    """Starts the process; `url` is where it listens."""

    def __init__(self, mode: str = "ok") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.sink", mode],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = f"http://127.0.0.1:{self._line()}"

    def __enter__(self) -> Sink:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def seen(self, quiet: float = 0.2, patience: float = 3.0) -> dict[str, Any]:
        """What has arrived, once nothing more does for a moment."""
        until = time.monotonic() + patience
        while True:
            seen: dict[str, Any] = json.loads(self._ask("seen"))
            since = time.monotonic() - seen["last"] / 1e9
            if since > quiet or time.monotonic() > until:
                return seen
            time.sleep(quiet / 4)

    def answer(self) -> None:
        """Answer from now on, whatever the mode was."""
        self._ask("ok")

    def _ask(self, question: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(question + "\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@dataclass
class _Connection:
    socket: socket.socket
    buffer: bytes = b""
    began: int = 0


@dataclass
class _Server:
    hang: bool
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    #: When the first byte of each request came.
    began: list[int] = field(default_factory=list)
    orders: set[bytes] = field(default_factory=set)
    told: int = 0
    size: int = 0
    last: int = 0

    def serve(self) -> None:
        self.listener.listen(1024)
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.selector.register(sys.stdin, selectors.EVENT_READ)
        _say(self.listener.getsockname()[1])
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.listener:
                    connection = _Connection(self.listener.accept()[0])
                    connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self.selector.register(connection.socket, selectors.EVENT_READ, connection)
                elif key.fileobj is sys.stdin:
                    if not (question := sys.stdin.readline()):
                        return
                    self._reply(question.strip())
                else:
                    self._read(key.data)

    def _reply(self, question: str) -> None:
        if question == "ok":
            self.hang = False
        fields = {"began": self.began, "told": self.told, "size": self.size, "last": self.last}
        _say(json.dumps({"requests": len(self.began), "orders": len(self.orders), **fields}))

    def _read(self, connection: _Connection) -> None:
        try:
            data = connection.socket.recv(1 << 18)
        except OSError:
            data = b""
        now = time.monotonic_ns()
        if not data:
            self.selector.unregister(connection.socket)
            connection.socket.close()
            return
        if not connection.buffer:
            connection.began = now
        connection.buffer += data
        self.last = now
        while (body := self._body(connection)) is not None:
            self.began.append(connection.began)
            if not self.hang:
                self._count(body)
                connection.socket.sendall(_HEAD % len(_ANSWER) + _ANSWER)

    def _body(self, connection: _Connection) -> bytes | None:
        """The next request's body, decoded; None if it is not complete."""
        head, found, rest = connection.buffer.partition(b"\r\n\r\n")
        length = int(_header(head, b"content-length") or 0)
        if not found or len(rest) < length:
            return None
        connection.buffer = rest[length:]
        self.size += len(head) + 4 + length
        encoding = _header(head, b"content-encoding")
        unpack = {b"gzip": gzip.decompress, b"deflate": zlib.decompress}.get(encoding, bytes)
        return unpack(rest[:length])

    def _count(self, body: bytes) -> None:
        self.orders.update(ORDER.findall(body))
        if b'"msgtype"' in body:
            content = json.loads(body)
            text = content[content["msgtype"]].get("content", "")
            self.told += sum(int(n.replace(",", "")) for n in _TOLD.findall(text))


def _header(head: bytes, name: bytes) -> bytes:
    found = re.search(rb"\r\n" + name + rb": *([^\r]*)", head, re.IGNORECASE)
    return found[1] if found else b""


def _say(what: object) -> None:
    print(what, flush=True)


if __name__ == "__main__":
    _Server(hang=sys.argv[1] == "hang").serve()
