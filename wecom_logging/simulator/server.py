"""The simulator as a server: in a test's process, or in the foreground."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

from flask import Flask, Response, request
from flask.json.provider import DefaultJSONProvider

from wecom_logging.errors import ConfigurationError
from wecom_logging.simulator.api import create_api
from wecom_logging.simulator.app_calls import APP_CALLS
from wecom_logging.simulator.clock import Clock
from wecom_logging.simulator.config import SimulatorConfig
from wecom_logging.simulator.control import create_control
from wecom_logging.simulator.faults import Faults
from wecom_logging.simulator.inbox import Call, Message
from wecom_logging.simulator.long_connection import LongConnection
from wecom_logging.simulator.page import create_page
from wecom_logging.simulator.robot_calls import ROBOT_CALLS
from wecom_logging.simulator.wire import Server
from wecom_logging.simulator.world import World
from wecom_logging.testing import Inbox

HOST = "127.0.0.1"
DEFAULT_PORT = 8765


class Simulator:
    """A local WeCom on a port of this machine.

    Usable as a context manager::

        with Simulator() as simulator:
            os.environ.update(simulator.env())
            ...
            (message,) = simulator.wait_for(1)
            assert "payment" in message.content

    Safe to use from any thread. `port` and `bot_port` (of the bots' long connection) 0 take
    free ones. Its state outlives `stop`, so that a WeCom which is not there for a while is
    `stop` and `start`.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        bot_port: int = 0,
        config: SimulatorConfig | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.port: int = port
        self.bot_port: int = bot_port
        self.clock: Clock = clock or Clock()
        self.world: World = World(
            config or SimulatorConfig(), self.clock, {**APP_CALLS, **ROBOT_CALLS}
        )
        self.faults: Faults = Faults(self.clock.now, self.world.inbox.touch)
        #: Set while it is not running: whoever streams or waits gives up.
        self.stopping: threading.Event = threading.Event()
        self._app = create_app(self)
        self._long_connection = LongConnection(self.world, self.faults, self.stopping)
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> Simulator:
        """Listen; an `OSError` if the port is taken."""
        if self._server is not None:
            return self
        self.stopping.clear()
        with _listen(self.port) as listener, _listen(self.bot_port) as bot_listener:
            self.port, self.bot_port = (
                each.getsockname()[1] for each in (listener, bot_listener)
            )  # fmt: skip
            self._server = Server(listener, self._app, self._pause)
            self._long_connection.start(bot_listener.dup())
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.05},
            name="wecom-simulator",
            daemon=True,
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Refuse connections from now on and end those that are open."""
        server, thread, self._server = self._server, self._thread, None
        if server is None or thread is None:
            return
        self.stopping.set()
        self.faults.release()
        self.world.inbox.touch()
        server.stop()
        self._long_connection.stop()
        thread.join()

    @contextmanager
    def down(self) -> Iterator[None]:
        """Not there at all while the block runs: connections are refused."""
        self.stop()
        try:
            # Bound meanwhile: the system gives a free port to any connection, and then it could
            # not start again.
            with _bound(self.port), _bound(self.bot_port):
                yield
        finally:
            self.start()

    def __enter__(self) -> Simulator:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def _pause(self, seconds: float) -> None:
        self.faults.released.wait(seconds)

    # Where it is.

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`, without a slash at its end."""
        return f"http://{HOST}:{self.port}"

    @property
    def bot_url(self) -> str:
        """`ws://127.0.0.1:PORT`: where bots connect."""
        return f"ws://{HOST}:{self.bot_port}"

    def env(self, kind: str = "app") -> dict[str, str]:
        """Environment variables that point a program here, as an "app", "robot" or "bot"."""
        config = self.world.config
        if kind == "bot":
            return {
                "WECOM_BOT_URL": self.bot_url,
                "WECOM_BOT_ID": config.bot.id,
                "WECOM_BOT_SECRET": config.bot.secret,
                "WECOM_BOT_CHATID": config.chats[0].id,
            }
        if kind == "robot":
            return {"WECOM_API_BASE": self.url, "WECOM_WEBHOOK_KEY": config.robot.key}
        return {
            "WECOM_API_BASE": self.url,
            "WECOM_CORPID": config.corpid,
            "WECOM_CORPSECRET": config.app.secret,
            "WECOM_AGENTID": str(config.app.agentid),
            "WECOM_TOUSER": config.users[0],
        }

    # What arrived.

    @property
    def messages(self) -> list[Message]:
        """Messages that somebody got, oldest first."""
        return [each for each in self.world.inbox.messages() if each.fate == "delivered"]

    @property
    def inbox(self) -> Inbox[Message]:
        """The same, with questions that read well in assertions: `inbox.one()`."""
        return Inbox(lambda: self.messages)

    @property
    def accepted(self) -> list[Message]:
        """All that was answered with errcode 0: also dropped, duplicate and recalled ones."""
        return [each for each in self.world.inbox.messages() if each.fate != "said"]

    @property
    def dropped(self) -> list[Message]:
        """Messages that WeCom dropped in silence for at least one member."""
        return [each for each in self.world.inbox.messages() if each.dropped_for]

    def calls(self, name: str | None = None) -> list[Call]:
        """The calls of one path, such as "gettoken", or all of them; oldest first."""
        return [each for each in self.world.inbox.calls() if name in (None, each.name)]

    def wait_for(self, number: int = 1, timeout: float = 10.0) -> list[Message]:
        """Wait until `number` messages are there and return all; else a `TimeoutError`."""
        self.wait_until(lambda: self.world.inbox.delivered >= number, timeout, f"{number} messages")
        return self.messages

    def wait_until(
        self, condition: Callable[[], Any], timeout: float = 10.0, what: str = "it"
    ) -> None:
        """Wait until `condition()` is true, asking again whenever something arrives."""
        with self.world.changed:
            if not self.world.changed.wait_for(condition, timeout):
                last = [f"{each.name} -> {each.fault or each.told}" for each in self.calls()[-5:]]
                raise TimeoutError(
                    f"waited {timeout:g} s for {what}; {len(self.messages)} messages arrived,"
                    f" last calls: {', '.join(last) or 'none'}"
                )

    # What people do in the chats of the first bot. Each returns whether a bot was told.

    def say(
        self, text: str, user: str | None = None, chat: str | None = None, quote: str = ""
    ) -> bool:
        """Somebody writes: to the group, or alone with the bot if `chat` is "".

        A `ValueError` names an unknown user or chat.
        """
        return self._long_connection.tell(lambda: self.world.chats.say(text, user, chat, quote))

    def press(
        self,
        message: int | Message,
        key: str,
        selected: Mapping[str, list[str]] | None = None,
        user: str | None = None,
    ) -> bool:
        """Somebody presses a button of a card, with these options by question.

        A `ValueError` says that there is no such button, option or user.
        """
        number = message if isinstance(message, int) else message.id
        return self._long_connection.tell(
            lambda: self.world.chats.press(number, key, selected, user)
        )

    def enter(self, user: str | None = None) -> bool:
        """Somebody opens the chat with the bot."""
        return self._long_connection.tell(lambda: self.world.chats.enter(user))

    # What happens to it.

    def clear(self) -> None:
        """Forget messages and calls; tokens, budgets and faults stay."""
        self.world.inbox.clear()

    def reset(self) -> None:
        """Begin anew: also no tokens, files, used budgets and faults."""
        self.faults.clear()
        self.world.reset()

    def expire_tokens(self) -> None:
        """All tokens are too old now: 42001."""
        self._withdraw(42001)

    def revoke_tokens(self) -> None:
        """WeCom does not know any of its tokens any more: 40014."""
        self._withdraw(40014)

    def _withdraw(self, errcode: int) -> None:
        with self.world.changed:
            self.world.tokens.withdraw(errcode)
            self.world.inbox.touch()

    def switch(self, **positions: Any) -> None:
        """Put switches into another position, as in `over_long_markdown="truncate"`."""
        self.world.switch(**positions)

    def configure(self, **changes: Any) -> None:
        """Change the `SimulatorConfig`, as in `users=("LiSi",)`."""
        self.world.configure(**changes)

    def change_app(self, agentid: int | None = None, **changes: Any) -> None:
        """Change an `App` (None: the first), as in `trusted_ips=()` or `disabled=True`."""
        self.world.change_app(agentid, **changes)

    def change_robot(self, key: str | None = None, **changes: Any) -> None:
        """Change a `Robot` (None: the first), as in `errcode=93004`."""
        self.world.change_robot(key, **changes)


def create_app(simulator: Simulator) -> Flask:
    """The WSGI application."""
    app = Flask("wecom_logging.simulator", static_folder=None)
    # What goes wrong in here is shown on stderr by `wire`, never logged: the program under
    # test may be listening to the root logger.
    app.config["PROPAGATE_EXCEPTIONS"] = True
    app.json = as_it_is = DefaultJSONProvider(app)
    as_it_is.ensure_ascii = as_it_is.sort_keys = False
    app.register_blueprint(create_api(simulator.world, simulator.faults))
    app.register_blueprint(create_control(simulator))
    app.register_blueprint(create_page(simulator.world, simulator.faults, simulator.stopping))

    @app.before_request
    def only_from_here() -> Response | None:
        """Refuse pages of other sites, also those whose name leads here (DNS rebinding)."""
        hosts = {f"{name}:{simulator.port}" for name in ("127.0.0.1", "localhost")}
        origin = request.headers.get("Origin")
        if request.host not in hosts:
            return Response("foreign Host\n", 403, content_type="text/plain")
        if origin is not None and origin.partition("://")[2] not in hosts:
            return Response("foreign Origin\n", 403, content_type="text/plain")
        return None

    @app.errorhandler(404)
    def nothing(error: Exception) -> Response:
        return Response(b"", 404)

    return app


@contextmanager
def _listen(port: int) -> Iterator[socket.socket]:
    """A listening socket; its duplicate in the server lives on."""
    with _bound(port) as listener:
        listener.listen(256)
        yield listener


@contextmanager
def _bound(port: int) -> Iterator[socket.socket]:
    """A socket that has the port, and refuses connections until it listens."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((HOST, port))
        yield bound


def serve(
    port: int = DEFAULT_PORT,
    *,
    config: SimulatorConfig | None = None,
    ready: Callable[[Simulator], object] | None = None,
    out: TextIO | None = None,
) -> int:
    """Run a simulator in the foreground until Ctrl-C; the exit status, 0.

    Its address, and the lines that point a program at it, go to `out` (None:
    `sys.stdout`). `ready` is called once it listens, for instance to open a browser at
    `simulator.url`. A port that is taken is a `ConfigurationError`.
    """
    out = out or sys.stdout
    simulator = Simulator(port, bot_port=_beside(port), config=config)
    try:
        simulator.start()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError("port", f"{port} cannot be listened on: {reason}") from None
    try:
        out.write(_greeting(simulator))
        out.flush()
        if ready is not None:
            ready(simulator)
        while True:
            time.sleep(1.0)  # no longer: a Ctrl-C right before it is noticed after it
    except KeyboardInterrupt:
        pass
    finally:
        simulator.stop()
    out.write(f"\nSimulator stopped after {len(simulator.accepted)} messages.\n")
    return 0


def _beside(port: int) -> int:
    """The next port, so that the bots' address stays as well; a free one if it is taken."""
    if not port:
        return 0
    try:
        with _listen(port + 1):
            return port + 1
    except (OSError, OverflowError):
        return 0


def _greeting(simulator: Simulator) -> str:
    def exports(kind: str) -> str:
        return "\n".join(f"  export {key}={value}" for key, value in simulator.env(kind).items())

    return (
        f"A local WeCom, its inbox at {simulator.url}\n\n"
        f"Point an application at it:\n\n{exports('app')}\n\n"
        f"or a group robot:\n\n{exports('robot')}\n\n"
        f"and, to answer from the phone, a bot:\n\n{exports('bot')}\n\n"
        "(WECOM_BOT_CHATID is its group, for a program of your own that writes there unasked;\n"
        "wecom-logging bot does not read it: it knows its chats by pairing.)\n\n"
        "Ctrl-C stops it.\n"
    )
