"""The connection itself: the only part of the bot that has a socket, a clock and a thread."""

from __future__ import annotations

import logging
import os
import random
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from wecom_logging._bot import frames
from wecom_logging._bot.backoff import Backoff
from wecom_logging._bot.bot import Bot
from wecom_logging._bot.core import ConnectionEvent, Core
from wecom_logging._bot.session import SUBSCRIBE, Kicked, Refused, Session, Subscribed
from wecom_logging._bot.status import Status, keep
from wecom_logging._bot.store import BotStore
from wecom_logging._bot.texts import shown
from wecom_logging._model.secret import Secret
from wecom_logging._stores.protocol import StoreError

#: Where WeCom listens.
PUBLIC_URL = "wss://openws.work.weixin.qq.com"
#: Seconds: a lease on being the one bot, how often it is renewed, and for opening a connection.
LEASE, RENEW, OPEN = 60.0, 15.0, 10.0
#: Seconds between two looks: of who waits to be the bot, and of who is it.
WAITING, HOLDING = 5.0, 1.0

# websockets writes every frame into its DEBUG lines, and with one of them the secret.
_SILENT = logging.Logger("wecom_logging.bot")
_SILENT.disabled = True

_ADVICE = {
    45009: "subscribed too often",
    853000: "the secret is wrong: WECOM_BOT_SECRET",
    93019: "there is no such bot: WECOM_BOT_ID",
}


@dataclass(frozen=True)
class _Ended:
    """How a connection came to its end, and for how long to leave WeCom alone."""

    reason: str
    pause: float


_STOPPED = _Ended("stopped", 0.0)
_OUSTED = _Ended("another process has become the bot", Backoff.FIRST)


class Runner:
    """Holds the one connection of a bot, until it is stopped. `say` gets a line about each thing
    that happens; `store` decides which of several processes is the bot."""

    def __init__(
        self,
        url: str,
        bot_id: str,
        secret: Secret,
        bot: Bot,
        store: BotStore,
        say: Callable[[str], None],
        *,
        backoff: Backoff | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._bot_id = bot_id
        self._secret = secret
        self._store = store
        self._say = say
        self._core = Core(Session(bot_id, secret), bot, monotonic, time.time)
        self._monotonic = monotonic
        self._backoff = backoff or Backoff(random.random)
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._stop = threading.Event()
        self._connection: ClientConnection | None = None
        # Who is the bot, and who may subscribe next: WeCom counts what all processes do.
        self._lease, self._turns = f"bot lease {bot_id}", f"bot subscription {bot_id}"
        self._turn = ""
        self._renew_due = 0.0
        self._waiting_said = False

    def run(self) -> None:
        """Be the bot, or wait to be it, until `stop`."""
        try:
            while not self._stop.is_set():
                if self._is_mine():
                    ended = self._hold()
                    self._tell("not connected")
                    if not self._stop.is_set():
                        self._say(f"{ended.reason}; next try in {ended.pause:.0f} s")
                        self._wait(ended.pause)
                else:
                    self._stop.wait(WAITING)
        finally:
            self._leave()

    def stop(self) -> None:
        """End now, from any thread."""
        self._stop.set()
        connection = self._connection
        if connection is not None:
            try:
                connection.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has ended by itself

    def try_once(self) -> str | None:
        """Subscribe and leave again: what is wrong, "" if nothing is, None if another process
        is this bot and would lose its connection."""
        if not self._store.hold(self._lease, self._owner, LEASE):
            return None
        wrong: list[str] = []

        def seen(event: ConnectionEvent) -> _Ended:
            wrong.append("" if isinstance(event, Subscribed) else self._ended(event, 0.0).reason)
            return _Ended("", 0.0)

        try:
            ended = self._speak_on_a_connection(seen)
        finally:
            self._store.leave(self._lease, self._owner)
        return wrong[0] if wrong else ended.reason

    # Being the one.

    def _is_mine(self) -> bool:
        """Whether this process is the bot now."""
        now = self._monotonic()
        if now < self._renew_due:
            return True
        try:
            mine = self._store.hold(self._lease, self._owner, LEASE)
        except StoreError as error:
            # Who has it already goes on: a store that is away is no reason to be deaf.
            self._say_once_waiting(f"the store is away, waiting for it: {shown(str(error))}")
            return self._connection is not None
        if mine:
            self._renew_due, self._waiting_said = now + RENEW, False
        else:
            self._say_once_waiting("another process is the bot; waiting to take over")
        connected = "connected" if self._core.session.subscribed else "not connected"
        self._tell(connected if mine else "waiting")
        return mine

    def _say_once_waiting(self, line: str) -> None:
        if not self._waiting_said:
            self._waiting_said = True
            self._say(line)

    def _leave(self) -> None:
        try:
            self._store.leave(self._lease, self._owner)
            self._tell("stopped")
        except StoreError:
            pass  # the lease passes by itself

    def _tell(self, state: str) -> None:
        try:
            keep(self._store, Status(state, socket.gethostname(), os.getpid(), time.time()))
        except StoreError:
            pass  # said by whoever asks for it

    # The connection.

    def _hold(self) -> _Ended:
        """One connection, from its beginning to its end."""
        wait = self._core.session.next_subscription() - self._monotonic()
        if self._wait(wait) or self._wait_for_others():
            return _STOPPED
        if not self._is_mine():
            return _OUSTED
        began = self._monotonic()

        def seen(event: ConnectionEvent) -> _Ended | None:
            if isinstance(event, (Subscribed, Refused)):
                self._keep_turn()
            if not isinstance(event, Subscribed):
                return self._ended(event, self._monotonic() - began)
            self._say(f"connected as {shown(self._bot_id)}")
            self._tell("connected")
            return None

        ended = self._speak_on_a_connection(seen)
        if self._core.session.next_subscription() <= began:
            self._give_turn_back()  # there was no connection to subscribe on
        return ended

    def _wait_for_others(self) -> bool:
        """Wait until no other process, or none before us, has subscribed lately; whether it was
        stopped."""
        said = False
        while not self._may_subscribe():
            if not said:
                self._say(f"this bot has subscribed in the last {SUBSCRIBE:.0f} s; waiting")
                said = True
            if self._wait(HOLDING):
                return True
        return self._stop.is_set()

    def _may_subscribe(self) -> bool:
        """Take the turn, which nobody else has for half a minute."""
        self._turn = secrets.token_hex(8)
        try:
            return self._store.hold(self._turns, self._turn, SUBSCRIBE)
        except StoreError:
            return True  # a store that is away is no reason to be deaf

    def _keep_turn(self) -> None:
        """Half a minute from now: to connect may have taken a part of the first one."""
        try:
            self._store.hold(self._turns, self._turn, SUBSCRIBE)
        except StoreError:
            pass  # it has most of it all the same

    def _give_turn_back(self) -> None:
        try:
            self._store.leave(self._turns, self._turn)
        except StoreError:
            pass  # it passes by itself

    def _speak_on_a_connection(self, seen: Callable[[ConnectionEvent], _Ended | None]) -> _Ended:
        began = self._monotonic()
        try:
            with connect(
                self._url,
                compression=None,  # a small frame must not become a large one
                ping_interval=None,  # WeCom has a ping of its own
                open_timeout=OPEN,
                close_timeout=1.0,
                max_size=frames.MAX_FRAME,
                logger=_SILENT,
                user_agent_header="wecom-logging",
            ) as connection:
                self._connection = connection
                self._core.opened()
                return self._speak(connection, seen)
        except ConnectionClosed as error:
            reason = _who_closed(error)
        except Exception as error:
            # Of an unknown one only its kind: the text may show a proxy with its password.
            reason = f"no connection: {_kind(error)}"
        finally:
            self._connection = None
            self._core.closed()
        self._backoff.held(self._monotonic() - began)
        return _Ended(reason, self._backoff.failed())

    def _speak(
        self, connection: ClientConnection, seen: Callable[[ConnectionEvent], _Ended | None]
    ) -> _Ended:
        """Until the connection is of no use any more."""
        while not self._stop.is_set():
            events = self._core.tick()
            for frame in self._core.outgoing():
                connection.send(frame)
            received = None if events else self._received(connection)
            if received is not None:
                events += self._core.receive(received)
            for event in events:
                ended = seen(event)
                if ended is not None:
                    return ended
            if not self._is_mine():
                return _OUSTED
        return _STOPPED

    def _received(self, connection: ClientConnection) -> str | bytes | None:
        try:
            # Undecoded: text that is no UTF-8 would end the connection.
            return connection.recv(timeout=min(self._core.wait(), HOLDING), decode=False)
        except TimeoutError:
            return None

    def _ended(self, event: ConnectionEvent, held: float) -> _Ended:
        self._backoff.held(held)
        if isinstance(event, Kicked):
            reason = "another client of this bot has taken the connection over"
            return _Ended(reason, self._backoff.kicked())
        if isinstance(event, Refused) and self._secret.reload():
            return _Ended("the secret has changed in its file", Backoff.FIRST)
        if isinstance(event, Refused):
            told = _ADVICE.get(event.errcode) or shown(event.errmsg)
            reason = f"WeCom refuses this bot: {told} (errcode {event.errcode})"
            return _Ended(reason, self._backoff.refused(event.errcode))
        return _Ended("the connection does not answer any more", self._backoff.failed())

    def _wait(self, seconds: float) -> bool:
        """Wait, and stay who we are meanwhile; whether it was stopped."""
        until = self._monotonic() + seconds
        while not self._stop.is_set() and self._monotonic() < until:
            self._stop.wait(max(0.0, min(until - self._monotonic(), HOLDING)))
            self._is_mine()
        return self._stop.is_set()


def _who_closed(error: ConnectionClosed) -> str:
    if error.sent and not error.rcvd_then_sent:
        return f"WeCom has sent what cannot be taken, as a frame too large ({error.sent.code})"
    return f"WeCom has closed the connection ({error.rcvd.code if error.rcvd else 1006})"


def _kind(error: Exception) -> str:
    if isinstance(error, InvalidStatus):
        return f"HTTP {error.response.status_code}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate: {error.verify_message}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, TimeoutError):
        return f"no answer in {OPEN:.0f} s"
    if isinstance(error, (OSError, WebSocketException)):
        return type(error).__name__
    return f"unexpected {type(error).__name__}"
