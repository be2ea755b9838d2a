"""Faults on order: what goes wrong, at which call, how often or how long."""

from __future__ import annotations

import dataclasses
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_type_hints

Kind = Literal[
    "status", "empty", "garbage", "flood", "redirect", "reset", "hang", "slow", "drip", "cut",
    "errcode", "dead_token", "drop", "outage",
    "kick", "unsubscribe", "deaf", "twice", "half_open", "unknown",
]  # fmt: skip

KINDS: dict[str, str] = {
    "status": "HTTP `status` with an HTML page",
    "empty": "HTTP `status` with an empty body",
    "garbage": "HTTP 200 with a body that is no JSON",
    "flood": "HTTP 200 with `size` bytes of body",
    "redirect": "HTTP 301 to another host",
    "reset": "the connection is reset instead of an answer",
    "hang": "no answer for `delay` seconds, then the connection is closed",
    "slow": "the answer comes `delay` seconds late",
    "drip": "the answer comes byte by byte, over `delay` seconds",
    "cut": "the connection is closed in the middle of the answer",
    "errcode": "WeCom answers with `errcode`",
    "dead_token": "the access token dies first; `errcode` is 42001 or 40014",
    "drop": "errcode 0, and nobody gets the message",
    "outage": "every connection is reset, as if WeCom were not there",
    "kick": "another client of the bot takes over: `disconnected_event`, then the end",
    "unsubscribe": "the open connection is not subscribed any more: 846609",
    "deaf": "the subscription succeeds, and groups are not heard until the next one",
    "twice": "the frame comes twice",
    "half_open": "nothing is answered or told any more, and the connection stays open",
    "unknown": "a frame with a `cmd` that nobody knows comes first",
}
#: Faults that only a bot's long connection has, and those that only HTTP has.
_BOT_ONLY = ("kick", "unsubscribe", "deaf", "twice", "half_open", "unknown")
_HTTP_ONLY = ("status", "empty", "redirect", "drip", "cut", "dead_token")
#: Faults of the way back: by default the call itself is processed.
_LATE = ("slow", "drip", "dead_token", "drop", "unsubscribe", "deaf", "twice", "unknown")


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong.

    Without `times` and `seconds` it stays until it is removed.
    """

    kind: Kind
    #: Path below `/cgi-bin/`, such as "message/send", or `cmd` of a frame; "*" is every call.
    call: str = "*"
    #: How many calls it strikes; None: all.
    times: int | None = None
    #: How long it lasts, by the simulator's clock; None: no limit.
    seconds: float | None = None
    #: Calls that pass before it begins to strike.
    after: int = 0
    #: Whether WeCom processes the call all the same, so that only the answer is lost. None:
    #: as suits the kind (late answers, dead tokens and drops are processed, the rest not).
    processed: bool | None = None
    errcode: int = 0
    errmsg: str | None = None
    #: HTTP status, for "status" and "empty".
    status: int = 502
    #: Seconds of real time, for "hang", "slow" and "drip".
    delay: float = 1.0
    #: Bytes, for "flood".
    size: int = 4 * 1024 * 1024

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind: {self.kind!r} is not one of {', '.join(KINDS)}")
        for name, hint in get_type_hints(type(self)).items():
            self._check_type(name, hint)
        if self.kind == "dead_token" and self.errcode not in (0, 40014, 42001):
            raise ValueError(f"errcode: a dead token is 42001 or 40014, not {self.errcode}")
        for name in ("times", "seconds", "after", "delay", "size"):
            if (getattr(self, name) or 0) < 0:
                raise ValueError(f"{name}: {getattr(self, name)!r} is negative")
        if not 200 <= self.status <= 599:
            raise ValueError(f"status: {self.status!r} is not between 200 and 599")

    def _check_type(self, name: str, hint: Any) -> None:
        value = getattr(self, name)
        allowed = {each for each in get_args(hint) if isinstance(each, type)} or {hint}
        if float in allowed:
            allowed.add(int)
        if name != "kind" and type(value) not in allowed:
            raise ValueError(f"{name}: {value!r} has the wrong type")

    def strikes(self, call: str) -> bool:
        """Whether this call can be struck by it."""
        frame = call == "ping" or call.startswith("aibot_")
        return self.call in ("*", call) and self.kind not in (_HTTP_ONLY if frame else _BOT_ONLY)

    @property
    def processes(self) -> bool:
        """Whether WeCom processes the call that it strikes."""
        return self.kind in _LATE if self.processed is None else self.processed


@dataclass
class Active:
    """A fault that is switched on."""

    id: int
    fault: Fault
    since: float
    #: Calls that it has struck, and calls that it let pass first.
    struck: int = 0
    passed: int = 0

    def over(self, now: float) -> bool:
        fault = self.fault
        used_up = fault.times is not None and self.struck >= fault.times
        return used_up or (fault.seconds is not None and now >= self.since + fault.seconds)


class Faults:
    """The faults that are switched on, in the order in which they were added."""

    def __init__(self, now: Callable[[], float], touch: Callable[[], None]) -> None:
        self._now = now
        self._touch = touch
        self._lock = threading.Lock()
        self._active: list[Active] = []
        self._ids = itertools.count(1)
        #: Set to let hanging and dripping answers go on; replaced by `release`.
        self.released: threading.Event = threading.Event()

    def add(self, fault: Fault | Kind, call: str = "*", **options: Any) -> int:
        """Switch a fault on; returns its id. `add("reset", "message/send", times=1)`."""
        if not isinstance(fault, Fault):
            fault = Fault(fault, call, **options)
        with self._lock:
            active = Active(next(self._ids), fault, self._now())
            self._active.append(active)
        self._touch()
        return active.id

    def take(self, call: str) -> Fault | None:
        """The first fault that strikes this call, and counts it."""
        now = self._now()
        with self._lock:
            self._active = [each for each in self._active if not each.over(now)]
            for active in self._active:
                if not active.fault.strikes(call):
                    continue
                if active.passed < active.fault.after:
                    active.passed += 1
                    continue
                active.struck += 1
                return active.fault
        return None

    def remove(self, fault_id: int) -> bool:
        """Switch one off; False if it is not on (any more)."""
        with self._lock:
            before = len(self._active)
            self._active = [each for each in self._active if each.id != fault_id]
            removed = len(self._active) < before
        self._touch()
        return removed

    def clear(self) -> None:
        """Switch all off, and let answers that hang go on."""
        with self._lock:
            self._active.clear()
        self.release()
        self._touch()

    def release(self) -> None:
        """Let answers that hang go on at once; later ones hang as ordered."""
        with self._lock:
            released, self.released = self.released, threading.Event()
        released.set()

    def active(self) -> list[Active]:
        """Copies of what is switched on."""
        now = self._now()
        with self._lock:
            return [dataclasses.replace(each) for each in self._active if not each.over(now)]
