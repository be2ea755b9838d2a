"""Connections to the API: requests' and urllib3's own, adapted in three ways.

They notice whether the request itself was written, which decides whether a message may
have arrived; they keep to the thread's deadline, which urllib3's timeouts per read do not;
and they are not reused when they have idled.
"""

from __future__ import annotations

import http.client
import io
import math
import os
import socket
from contextvars import ContextVar
from typing import Any

from requests import PreparedRequest
from requests.adapters import HTTPAdapter

from wecom_logging._runtime.deadline import remaining
from wecom_logging._runtime.native import Empty, monotonic

#: Seconds after which an idle connection is replaced instead of reused: if the server closes it
#: just then, nobody can say whether the request arrived. The calls of one delivery (token, file,
#: message) follow within milliseconds, and no server or balancer in common use closes a connection
#: before two seconds.
MAX_IDLE = 1.0

#: Up to so many bytes a body is sent together with its head.
_TOGETHER = 1 << 16


class Progress:
    """How far a call has got."""

    def __init__(self, read: float) -> None:
        #: Whether a byte of the request itself may have left, so that it may have arrived.
        self.written = False
        #: Seconds to wait for each part of the answer.
        self.read = read


_NOBODYS = Progress(math.inf)

#: That of the current call, of this thread or greenlet.
progress: ContextVar[Progress] = ContextVar("wecom_logging_progress", default=_NOBODYS)


class Adapter(HTTPAdapter):
    """Has urllib3 use our connections, to the API as to a proxy."""

    def __init__(self) -> None:
        self._latest: tuple[str, Any] = ("", None)
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def get_connection_with_tls_context(
        self, request: PreparedRequest, *args: Any, **kwargs: Any
    ) -> Any:
        """The pool of a host, kept: proxy and certificates stay as they were at its first call,
        and requests takes 0.1 ms to look for it."""
        origin = "/".join((request.url or "").split("/", 3)[:3])
        known, pool = self._latest
        if known != origin:
            pool = super().get_connection_with_tls_context(request, *args, **kwargs)
            self._latest = (origin, pool)
        return pool

    def request_url(self, request: PreparedRequest, proxies: Any) -> str:
        """The request target: path and query, unless a proxy has to be told the host. requests
        would parse the URL three times, and look for a proxy again."""
        _, pool = self._latest
        if pool is None or pool.proxy is not None:
            return super().request_url(request, proxies)
        return "/" + (request.url or "").split("/", 3)[3]

    def connect(
        self, request: PreparedRequest, verify: Any, cert: Any, proxies: Any, **_: Any
    ) -> None:
        """Have a connection to the host of a request, unless there is one or it has a proxy."""
        if hasattr(HTTPAdapter, "get_connection_with_tls_context"):
            pool = self.get_connection_with_tls_context(request, verify, proxies=proxies, cert=cert)
        else:  # requests before 2.32
            pool = self.get_connection(request.url or "", proxies)
        if pool.proxy is not None:
            return
        self.cert_verify(pool, request.url, verify, cert)  # type: ignore[no-untyped-call]  # requests'
        connection = pool._get_conn()
        if connection.sock is None:
            connection.timeout = remaining(math.inf)
            connection.connect()
            connection.answered_at = monotonic()
        pool._put_conn(connection)

    def close(self) -> None:
        self._latest = ("", None)
        super().close()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _adapt(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        _adapt(manager)
        return manager


def _adapt(manager: Any) -> None:
    manager.pool_classes_by_scheme = {
        scheme: _adapted(pool) for scheme, pool in manager.pool_classes_by_scheme.items()
    }


def _adapted(pool: Any) -> Any:
    if issubclass(pool, _Pool):
        return pool
    connection = type("Connection", (_Connection, pool.ConnectionCls), {})
    return type("Pool", (_Pool, pool), {"ConnectionCls": connection})


class _Idle(list[Any]):
    """The connections that a pool keeps, without a lock: a child forked while it is held would
    wait for it for ever when the pool's finaliser runs, at exit."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most
        self._pid = os.getpid()

    def put(self, connection: Any, block: bool = True) -> None:
        if len(self) < self._most:
            self.append(connection)
        elif connection is not None:
            connection.close()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        # What a child inherits is the parent's. Not even its descriptor may be closed, whose number
        # can be another file's by now: a daemon closes all that it has not opened.
        try:
            if self._pid == os.getpid():
                return self.pop()
        except IndexError:
            pass
        raise Empty

    def qsize(self) -> int:
        return len(self)


class _Pool:
    """A urllib3 pool (mixed in) that does not reuse what has idled, see `MAX_IDLE`."""

    QueueCls = _Idle

    def _get_conn(self, timeout: float | None = None) -> Any:
        connection = super()._get_conn(timeout)  # type: ignore[misc]  # urllib3's, mixed in
        if connection.sock and monotonic() - connection.answered_at > MAX_IDLE:
            connection.close()  # it connects again by itself
        return connection


class _Answer(http.client.HTTPResponse):
    """An HTTP answer, head and body, whose every read keeps to the deadline."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Reader(sock, self.fp.detach()))


class _Reader(io.RawIOBase):
    def __init__(self, sock: socket.socket, raw: io.RawIOBase) -> None:
        self._sock = sock
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        # A socket's own timeout starts again with each byte that drips in.
        self._sock.settimeout(remaining(progress.get().read))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Connection:
    """A urllib3 connection (mixed in) that notices when the request itself is written."""

    sock: socket.socket | None
    response_class = _Answer
    #: `http.client.HTTPConnection.debuglevel` of the application would print our URLs.
    debuglevel = 0
    answered_at = 0.0
    _connecting = False
    #: Whether a head is what is sent next; and a head that waits for its body.
    _is_head = False
    _head = b""

    def connect(self) -> None:
        self._connecting = True
        try:
            super().connect()  # type: ignore[misc]  # urllib3's, mixed in
        finally:
            self._connecting = False

    def endheaders(self, *args: Any, **kwargs: Any) -> None:
        self._is_head = True
        super().endheaders(*args, **kwargs)  # type: ignore[misc]  # urllib3's, mixed in

    def send(self, data: Any) -> None:
        # Head and body leave together: in between, another thread may take the interpreter for
        # some milliseconds, while the server has half a request.
        if self._is_head:
            self._is_head, self._head = False, data
            return
        if self._head and len(data) <= _TOGETHER:
            self._head, data = b"", self._head + data
        elif self._head:
            self._head, head = b"", self._head
            self.send(head)
        if self.sock is None:
            self.connect()
        # While connecting, what is sent is for the proxy.
        if self.sock is not None and not self._connecting:
            # urllib3 leaves the connect timeout set, too short for a file of 20 MB.
            self.sock.settimeout(remaining(math.inf))
            progress.get().written = True
        super().send(data)  # type: ignore[misc]  # urllib3's, mixed in

    def getresponse(self, *args: Any, **kwargs: Any) -> Any:
        if self._head:
            self.send(b"")
        response = super().getresponse(*args, **kwargs)  # type: ignore[misc]  # urllib3's, mixed in
        self.answered_at = monotonic()
        return response

    def _new_conn(self) -> Any:
        if hasattr(self, "_socks_options"):  # PySocks resolves and connects by itself
            return super()._new_conn()  # type: ignore[misc]  # urllib3's, mixed in
        return _dialled(self._dns_host, self.port, self.timeout)  # type: ignore[attr-defined]  # urllib3's, mixed in


def _dialled(host: str, port: int, timeout: float) -> socket.socket:
    """Connect to the first address of a host that answers, all within the deadline.

    urllib3's own waits for each address in turn, however many there are.
    """
    trouble: OSError | None = None
    for family, kind, proto, _, address in socket.getaddrinfo(
        host.strip("[]"), port, type=socket.SOCK_STREAM
    ):
        sock = socket.socket(family, kind, proto)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(remaining(timeout))
            sock.connect(address)
            return sock
        except OSError as error:
            sock.close()
            trouble = error
    try:
        raise trouble or OSError("the name has no address")
    finally:
        trouble = None  # else exception and frame would refer to each other
