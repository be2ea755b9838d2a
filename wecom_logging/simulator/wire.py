"""The connection itself: HTTP/1.1 with keep-alive, and the ways in which it can break."""

from __future__ import annotations

import io
import socket
import struct
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from wecom_logging.simulator.faults import Fault

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: Key in the WSGI environment under which the application orders a fault of the connection.
FAULT = "wecom_logging.fault"
#: Bytes of a request; WeCom's largest file is 20 MiB.
MAX_REQUEST = 32 * 1024 * 1024

Headers = list[tuple[str, str]]


class Wire(WSGIRequestHandler):
    """Serves one connection.

    Werkzeug's own `run_wsgi` closes the connection after every answer, as it cannot know
    whether the application has read the request. This one reads it first, so that clients
    can keep their connections, and can break them in all the ways that a `Fault` names.
    """

    protocol_version = "HTTP/1.1"
    # Head and body are written apart; Nagle would hold the second back for 40 ms.
    disable_nagle_algorithm = True
    server: Server
    environ: WSGIEnvironment
    close_connection: bool

    def run_wsgi(self) -> None:
        self.environ = environ = self.make_environ()
        body = self._read(environ)
        if body is None:
            self._send("413 Content Too Large", [("Content-Length", "0")], [b""])
            self.close_connection = True
            return
        environ["wsgi.input"] = io.BytesIO(body)
        environ["wsgi.input_terminated"] = True
        environ["CONTENT_LENGTH"] = str(len(body))
        status, headers, chunks = self._call(environ)
        try:
            self._deliver(environ.get(FAULT), status, headers, chunks)
        finally:
            getattr(chunks, "close", lambda: None)()

    def _read(self, environ: dict[str, Any]) -> bytes | None:
        """The body of the request; None if it is too long, or nobody knows how long."""
        if environ.get("wsgi.input_terminated"):  # chunked
            body: bytes = environ["wsgi.input"].read(MAX_REQUEST + 1)
            return body if len(body) <= MAX_REQUEST else None
        length = environ.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal() or int(length) > MAX_REQUEST:
            return None
        return self.rfile.read(int(length))

    def _call(self, environ: dict[str, Any]) -> tuple[str, Headers, Iterable[bytes]]:
        head: list[tuple[str, Headers]] = []

        def start_response(status: str, headers: Headers, exc_info: Any = None) -> Any:
            head.append((status, headers))

        try:
            chunks = self.server.app(environ, start_response)
        except Exception:
            # Never through `logging`: the program under test may alert about it.
            sys.stderr.write(f"wecom simulator: {traceback.format_exc()}")
            return "500 Internal Server Error", [("Content-Length", "0")], [b""]
        return *head[-1], chunks

    def _deliver(
        self, fault: Fault | None, status: str, headers: Headers, chunks: Iterable[bytes]
    ) -> None:
        if fault is None:
            self._send(status, headers, chunks)
            return
        body = b"".join(chunks)
        if fault.kind in ("hang", "slow"):
            self.server.pause(fault.delay)
        if fault.kind in ("reset", "outage"):
            self._reset()
        elif fault.kind == "hang":
            self.close_connection = True
        elif fault.kind == "cut":
            self._send(status, headers, [body[: len(body) // 2]])
            self.close_connection = True
        elif fault.kind == "drip":
            self._send(status, headers, self._drops(body, fault.delay))
        else:
            self._send(status, headers, [body])

    def _drops(self, body: bytes, seconds: float) -> Iterable[bytes]:
        for place in range(len(body)):
            self.server.pause(seconds / len(body))
            yield body[place : place + 1]

    def _send(self, status: str, headers: Headers, chunks: Iterable[bytes]) -> None:
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in headers):
            self.send_header("Connection", "close")  # a stream ends with its connection
        self.end_headers()
        if self.command != "HEAD":
            for chunk in chunks:
                self.wfile.write(chunk)

    def _reset(self) -> None:
        """Close the connection with a reset instead of a farewell."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        raise ConnectionResetError("as ordered")

    def log_request(self, *args: Any) -> None:
        """Nothing: a log line per request would end up in the program under test."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002  # the base class's name
        """Nothing either: what is left here are malformed requests."""


class Server(ThreadedWSGIServer):
    """Werkzeug's threaded server, which also ends its open connections when it stops."""

    multithread = True
    daemon_threads = True

    def __init__(self, listener: socket.socket, app: Any, pause: Callable[[float], None]) -> None:
        host, port = listener.getsockname()[:2]
        super().__init__(host, port, app, handler=Wire, fd=listener.fileno())
        #: Waits for so many seconds, or until faults are cleared or the server stops.
        self.pause = pause
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        # No orderly shutdown() of the connection first: it would spoil a reset.
        with self._lock:
            self._open.discard(request)
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that vanish are no news; anything else is a bug of ours."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handle_error(request, client_address)

    def stop(self) -> None:
        """End the loop, refuse new connections and end the open ones."""
        cut(self.socket)
        self.shutdown()
        with self._lock:
            for connection in self._open:
                cut(connection)


def cut(sock: socket.socket) -> None:
    """End a connection, or what listens, without a farewell. To close is not enough: a forked
    child of the program under test may hold the socket, too."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it has ended by itself; or a system does not allow it for one that listens
