"""A server that answers exactly what a test says, also what no WeCom would."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    #: Address and port of the connection it came over.
    peer: tuple[str, int]

    @property
    def call(self) -> str:
        return self.path.partition("/cgi-bin/")[2]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


#: Gets the request; returns JSON to answer with, or writes to the socket by itself.
Answer = Callable[[Request, socket.socket], "dict[str, Any] | None"]


def fine(request: Request, sock: socket.socket) -> dict[str, Any]:
    """What WeCom says to a call that is all right."""
    if request.call == "gettoken":
        return {"errcode": 0, "errmsg": "ok", "access_token": "TOKEN-1", "expires_in": 7200}
    if "upload" in request.call:
        return {"errcode": 0, "errmsg": "ok", "media_id": "MEDIA-1", "created_at": "1"}
    return {"errcode": 0, "errmsg": "ok"}


@dataclass
class Stub:
    answer: Answer = fine
    requests: list[Request] = field(default_factory=list)
    port: int = 0
    #: One for each connection that the server has closed.
    closed: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def calls(self, name: str) -> list[Request]:
        return [request for request in self.requests if request.call == name]


def errcode(code: int, errmsg: str = "no", call: str = "message/send") -> Answer:
    """Answer `code` to one call, and what is fine to the others."""

    def answer(request: Request, sock: socket.socket) -> dict[str, Any]:
        return {"errcode": code, "errmsg": errmsg} if request.call == call else fine(request, sock)

    return answer


def raw(data: bytes, call: str = "message/send") -> Answer:
    """Write these bytes as the answer to one call, and close."""

    def answer(request: Request, sock: socket.socket) -> dict[str, Any] | None:
        if request.call != call:
            return fine(request, sock)
        sock.sendall(data)
        return None

    return answer


@contextmanager
def serving(answer: Answer = fine) -> Iterator[Stub]:
    stub = Stub(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(url.query).items()}
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = Request(
                self.command, url.path, query, dict(self.headers), body, self.client_address
            )
            stub.requests.append(request)
            answer = stub.answer(request, self.connection)
            if answer is None:
                self.close_connection = True
                return
            data = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 64

        def shutdown_request(self, request: Any) -> None:
            super().shutdown_request(request)
            stub.closed.release()

        def handle_error(self, *args: object) -> None:
            pass  # a client that gave up is what several tests are about

    with Server(("127.0.0.1", 0), Handler) as server:
        stub.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield stub
        finally:
            server.shutdown()
            thread.join()
