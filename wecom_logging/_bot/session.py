"""The bot's side of WeCom's long connection, without a connection.

`opened`, `receive`, `closed` and `tick` are told what happened and when (monotonic seconds);
`outgoing` gives the frames to be written, and what `receive` and `tick` return is what there
is to react to. Nothing here raises, whatever a frame holds.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from wecom_logging._bot import frames
from wecom_logging._bot.frames import Callback, Disconnected, Entered, Json, Message, Press, Reply
from wecom_logging._model.secret import Secret

#: Seconds: between pings, and until a frame of ours counts as unanswered.
PING = 30.0
ANSWER = 10.0
#: The shortest time between two subscriptions, in seconds: WeCom protects itself against more.
SUBSCRIBE = 30.0
#: Callbacks of groups may stop after a reconnect until there is a fresh subscription.
FRESH = 60.0
#: Pings without an answer after which the connection is dead.
_MISSED = 2
#: Frames and callbacks remembered; each is small.
_MOST_WAITING, _MOST_SEEN = 200, 16384

_NOT_SUBSCRIBED = 846609
#: Frames whose answers are nobody else's business.
_OWN = ("aibot_subscribe", "ping")

Cmd = Literal[
    "aibot_subscribe", "ping",
    "aibot_respond_msg", "aibot_respond_welcome_msg", "aibot_respond_update_msg", "aibot_send_msg",
    "aibot_upload_media_init", "aibot_upload_media_chunk", "aibot_upload_media_finish",
]  # fmt: skip


@dataclass(frozen=True)
class Subscribed:
    """The bot is heard from now on."""


@dataclass(frozen=True)
class Refused:
    """WeCom refuses the subscription: wrong id or secret, or too many."""

    errcode: int
    errmsg: str


@dataclass(frozen=True)
class Kicked:
    """Another client of the same bot has taken over."""


@dataclass(frozen=True)
class Dead:
    """The connection does not answer any more, or is of no use: open another one."""


@dataclass(frozen=True)
class Answered:
    """What became of a frame: WeCom's answer, or None, when nobody knows."""

    #: What `send` was given, to know the frame by.
    about: object
    errcode: int | None
    errmsg: str = ""
    body: Json | None = None


Event = Subscribed | Refused | Kicked | Dead | Answered | Message | Press | Entered


@dataclass
class _Sent:
    cmd: Cmd
    req_id: str
    body: Json | None
    about: object
    #: When it stops being of use; and when its answer is given up.
    expires: float
    given_up: float
    again: bool = False

    def answered(self, errcode: int | None, errmsg: str = "", body: Json | None = None) -> Answered:
        return Answered(self.about, errcode, errmsg, body)


class Session:
    """One bot across all its connections. For one thread.

    The secret is in the subscription and nowhere else: not in a `repr`, not in an event. It is
    looked at for each subscription, since a file that holds it may have changed.
    """

    def __init__(
        self, bot_id: str, secret: Secret, unique: Callable[[], str] = lambda: secrets.token_hex(12)
    ) -> None:
        self._bot_id = bot_id
        self._secret = secret
        self._unique = unique
        self._out: list[str] = []
        #: Frames that wait for an answer, oldest first; and such as wait for a subscription.
        self._sent: OrderedDict[str, _Sent] = OrderedDict()
        self._held: list[_Sent] = []
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._open = False
        #: It has been open before, and groups may not be heard yet on this connection.
        self._reopened = self._opened_before = False
        self.subscribed = False
        self._subscribed_at = -SUBSCRIBE
        self._subscribe_due: float | None = None
        self._ping_due = 0.0
        self._missed = 0
        #: Frames that could not be read.
        self.ignored = 0

    def __repr__(self) -> str:
        return f"<Session {self._bot_id!r} {'subscribed' if self.subscribed else 'not subscribed'}>"

    # What happens.

    def opened(self, now: float) -> None:
        """A connection has been made: it begins with a subscription, as soon as one is due."""
        self._reopened, self._opened_before = self._opened_before, True
        self._open, self._missed = True, 0
        self._out.clear()
        self._ping_due = now + PING
        self._subscribe_due = max(now, self._subscribed_at + SUBSCRIBE)
        self._subscribe(now)

    def closed(self, now: float) -> list[Event]:
        """The connection is gone; so is what waited for an answer on it."""
        self._open = self.subscribed = False
        self._subscribe_due = None
        self._out.clear()
        waiting = [*self._sent.values(), *self._held]
        self._sent.clear()
        self._held.clear()
        return [each.answered(None) for each in waiting if each.cmd not in _OWN]

    def receive(self, raw: str | bytes, now: float) -> list[Event]:
        frame = frames.parse(raw)
        if frame is None:
            self.ignored += 1
            return []
        self._missed = 0  # somebody is there
        if isinstance(frame, Reply):
            return self._answered(frame, now)
        if isinstance(frame, Disconnected):
            self.subscribed = False
            return [Kicked()]
        return [frame] if self._first(frame) else []

    def tick(self, now: float) -> list[Event]:
        events: list[Event] = []
        for sent in [each for each in self._sent.values() if each.given_up <= now]:
            del self._sent[sent.req_id]
            if sent.cmd == "aibot_subscribe":
                events.append(Dead())
            elif sent.cmd not in _OWN:
                events.append(sent.answered(None))
        for sent in [each for each in self._held if each.expires <= now]:
            self._held.remove(sent)
            events.append(sent.answered(_NOT_SUBSCRIBED))
        if not self._open:
            return events
        self._subscribe(now)
        if now >= self._ping_due:
            if self._missed >= _MISSED:
                self._open = self.subscribed = False
                return [*events, Dead()]
            self._missed += 1
            self._ping_due = now + PING
            self._write(_Sent("ping", self._unique(), None, None, now + PING, now + 3 * PING))
        return events

    def due(self) -> float | None:
        """When `tick` is wanted next, in the same seconds; None: not before something happens."""
        times = [each.given_up for each in self._sent.values() if each.cmd != "ping"]
        times += [each.expires for each in self._held]
        if self._open:
            times.append(self._ping_due)
            if self._subscribe_due is not None:
                times.append(self._subscribe_due)
        return min(times, default=None)

    def next_subscription(self) -> float:
        """The earliest time at which a new connection may subscribe."""
        return self._subscribed_at + SUBSCRIBE

    def outgoing(self) -> list[str]:
        out, self._out = self._out, []
        return out

    # What is said.

    def send(
        self,
        cmd: Cmd,
        body: Json,
        now: float,
        *,
        req_id: str | None = None,
        about: object = None,
        within: float = ANSWER,
    ) -> str | None:
        """Write a frame, with the `req_id` of the callback that it answers or one of its own;
        returns that, or None while there is no way to write it. After `within` seconds it is of no
        use. Its `Answered`, with `about`, comes later, exactly once."""
        sent = _Sent(cmd, req_id or self._unique(), body, about, now + within, now + ANSWER)
        full = len(self._sent) + len(self._held) >= _MOST_WAITING
        # Answers are told apart by their ids alone: two to one callback go one after another.
        if not self._open or not self.subscribed or full or sent.req_id in self._sent:
            return None
        self._write(sent)
        return sent.req_id

    def _write(self, sent: _Sent) -> None:
        self._sent[sent.req_id] = sent
        self._out.append(frames.render(sent.cmd, sent.req_id, sent.body))

    def _subscribe(self, now: float) -> None:
        if self._subscribe_due is None or now < self._subscribe_due:
            return
        self._subscribe_due = None
        self._subscribed_at = now
        body = {"bot_id": self._bot_id, "secret": self._secret.value}
        self._write(
            _Sent("aibot_subscribe", self._unique(), body, None, now + ANSWER, now + ANSWER)
        )

    def _answered(self, reply: Reply, now: float) -> list[Event]:
        sent = self._sent.pop(reply.req_id, None)
        if sent is None:
            self.ignored += 1
            return []
        if sent.cmd == "aibot_subscribe":
            return self._subscription(reply, now)
        if reply.errcode == _NOT_SUBSCRIBED and self._open:
            return self._forgotten(sent, now)
        if sent.cmd == "ping":
            return []
        return [sent.answered(reply.errcode, reply.errmsg, reply.body)]

    def _subscription(self, reply: Reply, now: float) -> list[Event]:
        if reply.errcode != 0:
            self.subscribed = False
            return [Refused(reply.errcode, reply.errmsg)]
        first, self.subscribed = not self.subscribed, True
        if self._reopened and self._subscribe_due is None:
            self._subscribe_due = now + FRESH
            self._reopened = False
        events: list[Event] = [Subscribed()] if first else []
        held, self._held = self._held, []
        for sent in held:
            if sent.expires > now:
                sent.given_up = now + ANSWER
                self._write(sent)
            else:
                events.append(sent.answered(_NOT_SUBSCRIBED))
        return events

    def _forgotten(self, sent: _Sent, now: float) -> list[Event]:
        """WeCom has lost our subscription on an open connection: subscribe, and say it again."""
        self.subscribed = False
        subscribing = any(each.cmd == "aibot_subscribe" for each in self._sent.values())
        if self._subscribe_due is None and not subscribing:
            self._subscribe_due = max(now, self._subscribed_at + SUBSCRIBE)
        self._subscribe(now)
        if sent.cmd == "ping":
            return []
        if sent.again:
            return [sent.answered(_NOT_SUBSCRIBED)]
        sent.again = True
        if sent.cmd == "aibot_send_msg":  # a push may come a little late
            sent.expires = max(sent.expires, now + 2 * SUBSCRIBE)
        self._held.append(sent)
        return []

    def _first(self, callback: Callback) -> bool:
        """Whether it comes for the first time."""
        if callback.msgid in self._seen:
            return False
        self._seen[callback.msgid] = None
        if len(self._seen) > _MOST_SEEN:
            self._seen.popitem(last=False)
        return True
