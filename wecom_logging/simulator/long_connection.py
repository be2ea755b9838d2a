"""The sockets of the bots, and the ways in which their frames go wrong."""

from __future__ import annotations

import http
import json
import logging
import socket
import threading
from collections.abc import Callable

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from wecom_logging.simulator.bots import SILENCE, Connection
from wecom_logging.simulator.faults import Fault, Faults
from wecom_logging.simulator.inbox import Call
from wecom_logging.simulator.wire import cut
from wecom_logging.simulator.world import World

# The program under test may listen to the root logger.
_SILENT = logging.Logger("wecom_logging.simulator")
_SILENT.disabled = True

#: Bytes of a frame: a chunk of an upload in base64 fits, and a careless client's frame does not.
_MAX_FRAME = 2 * 1024 * 1024


class LongConnection:
    """A WebSocket server for the bots of a world. Safe to use from any thread."""

    def __init__(self, world: World, faults: Faults, stopping: threading.Event) -> None:
        self._world = world
        self._faults = faults
        self._stopping = stopping
        self._server: Server | None = None
        self._thread: threading.Thread | None = None
        self._open: set[ServerConnection] = set()

    def start(self, listener: socket.socket) -> None:
        """Serve what connects to the listening socket, which is ours from now on."""
        host, port = listener.getsockname()[:2]
        hosts = {f"{name}:{port}" for name in (host, "localhost")}

        def only_from_here(connection: ServerConnection, request: Request) -> Response | None:
            """Refuse pages of other sites, also those whose name leads here (DNS rebinding)."""
            named = request.headers.get_all("Host")
            if set(named) <= hosts and len(named) == 1 and "Origin" not in request.headers:
                return None
            return connection.respond(http.HTTPStatus.FORBIDDEN, "foreign Host or Origin\n")

        self._server = serve(
            self._serve,
            sock=listener,
            compression=None,
            ping_interval=None,
            close_timeout=1.0,
            max_size=_MAX_FRAME,
            process_request=only_from_here,
            logger=_SILENT,
        )
        self._thread = threading.Thread(
            target=_serve_forever, args=(self._server,), name="wecom-simulator-bots", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Refuse connections from now on and end those that are open."""
        server, thread, self._server = self._server, self._thread, None
        if server is None or thread is None:
            return
        cut(server.socket)
        server.shutdown()
        for connection in list(self._open):
            cut(connection.socket)
        thread.join()

    # One connection.

    def _serve(self, socket_: ServerConnection) -> None:
        self._open.add(socket_)
        connection = Connection(
            lambda frame: _send(socket_, frame),
            lambda: threading.Thread(target=socket_.close, daemon=True).start(),
            lambda: cut(socket_.socket),
            self._world.clock.now(),
        )
        try:
            fault = self._faults.take("aibot_connect")
            if fault is not None and fault.kind in ("reset", "outage", "hang"):
                return cut(socket_.socket)
            self._listen(socket_, connection)
        except (ConnectionClosed, OSError):
            pass  # clients go as they like
        finally:
            self._open.discard(socket_)
            with self._world.changed:
                self._world.bots.gone(connection)
                self._world.inbox.touch()
        return None

    def _listen(self, socket_: ServerConnection, connection: Connection) -> None:
        while not self._stopping.is_set():
            try:
                raw = socket_.recv(timeout=0.5)
            except TimeoutError:
                silent = self._world.clock.now() - connection.last_frame
                if silent > SILENCE and not connection.half_open:
                    return
                continue
            if not connection.half_open:
                self._answer(connection, raw)

    def _answer(self, connection: Connection, raw: str | bytes) -> None:
        frame = _parsed(raw)
        data = frame if isinstance(frame, dict) else {}
        name = data["cmd"] if isinstance(data.get("cmd"), str) else "aibot_unreadable"
        fault = self._faults.take(name)
        kind = fault.kind if fault else ""
        if fault is not None and self._struck(connection, fault):
            self._record(name, kind)
            return
        with self._world.changed:
            if fault is None or fault.processes:
                answer = self._world.bots.answer(connection, frame, drop=kind == "drop")
            else:
                answer = {"headers": data.get("headers"), "errcode": 0, "errmsg": "ok"}
            if kind == "deaf":
                connection.hears_groups = False
        errcode = answer["errcode"]
        if fault is not None and kind == "errcode":
            answer |= {"errcode": fault.errcode, "errmsg": fault.errmsg or "as ordered"}
        told = None if kind in ("garbage", "flood") else answer["errcode"]
        self._record(name, kind, errcode, answer["errmsg"], told)
        self._send_struck(connection, json.dumps(answer, ensure_ascii=False), fault)

    def _struck(self, connection: Connection, fault: Fault) -> bool:
        """What a fault does to the connection itself; whether there is nothing to answer."""
        with self._world.changed:
            if fault.kind == "unsubscribe":
                self._world.bots.unsubscribe(connection)
            elif fault.kind == "half_open":
                connection.half_open = True
                return True
            elif fault.kind == "kick":
                self._world.bots.kick(connection)
                return True
        if fault.kind == "hang":
            self._faults.released.wait(fault.delay)
        if fault.kind in ("reset", "outage", "hang"):
            connection.cut()
            return True
        return False

    def _send_struck(self, connection: Connection, frame: str, fault: Fault | None) -> None:
        if fault is None:
            connection.send(frame)
            return
        if fault.kind == "slow":
            self._faults.released.wait(fault.delay)
        if fault.kind == "unknown":
            connection.send('{"cmd":"aibot_something_new","headers":{"req_id":"1"},"body":{}}')
        if fault.kind == "flood":
            frame = " " * fault.size
        if fault.kind == "garbage":
            frame = frame[: len(frame) // 2]
        connection.send(frame)
        if fault.kind == "twice":
            connection.send(frame)

    def _record(
        self,
        name: str,
        fault: str,
        errcode: int | None = None,
        errmsg: str = "",
        told: int | None = None,
    ) -> None:
        now = self._world.clock.now()
        self._world.inbox.record(
            Call(time=now, name=name, method="frame", ip="127.0.0.1", errcode=errcode,
                 errmsg=errmsg, told=told, fault=fault)
        )  # fmt: skip

    # What people do.

    def tell(self, do: Callable[[], list[tuple[Connection, str, str]]]) -> bool:
        """Tell the bot what somebody has done; whether there was somebody to be told."""
        with self._world.changed:
            frames = do()
        for connection, cmd, frame in frames:
            fault = self._faults.take(cmd)
            lost = fault is not None and (fault.kind == "drop" or self._struck(connection, fault))
            if not (lost or connection.half_open):
                self._send_struck(connection, frame, fault)
        return bool(frames)


def _parsed(raw: str | bytes) -> object:
    try:
        return json.loads(raw, strict=False)
    except (ValueError, RecursionError):
        return None


def _serve_forever(server: Server) -> None:
    try:
        server.serve_forever()
    except (OSError, ValueError):
        pass  # stopped before it had begun, which websockets 15 does not expect


def _send(connection: ServerConnection, frame: str) -> None:
    try:
        connection.send(frame)
    except (ConnectionClosed, OSError):
        pass  # it has gone
