"""What arrived: messages as the receivers have them, and every call with its outcome."""

from __future__ import annotations

import dataclasses
import secrets
import threading
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from wecom_logging.simulator.media import MediaFile

Raw = bytes
Fate = Literal["delivered", "dropped", "duplicate", "recalled", "said"]


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message that WeCom accepted with errcode 0, or that somebody wrote to a bot."""

    #: Counts up from 1; never used twice. The inbox gives it.
    id: int = 0
    #: Seconds since the epoch, by the simulator's clock.
    time: float
    #: "app" (`message/send`), "robot" (`webhook/send`), "bot" (the long connection), "person".
    source: Literal["app", "robot", "bot", "person"]
    #: Name of the application, robot or bot; the person's user id.
    sender: str
    #: The agentid in digits, the last four characters of the robot's key, the chat of a bot.
    destination: str
    msgtype: str
    #: What can be read: the text after WeCom's cut, a card's lines, a file's name.
    content: str
    #: The content as WeCom passes it on, by field.
    shown: Mapping[str, Any]
    #: Bytes of UTF-8 that were sent; `limit` of them are allowed (None: no single limit).
    bytes: int
    limit: int | None = None
    #: WeCom has cut it to the limit.
    truncated: bool = False
    #: As they were asked for: touser, toparty, totag.
    recipients: Mapping[str, str]
    #: Members (for a robot: its group) that got it.
    delivered_to: tuple[str, ...] = ()
    #: Members whose limit was exceeded: WeCom drops it for them and says errcode 0.
    dropped_for: tuple[str, ...] = ()
    #: "delivered" to somebody; "dropped" in silence; a "duplicate" that was held back;
    #: "recalled" afterwards. In all of these the client was told errcode 0. "said" is what
    #: people write.
    fate: Fate
    mentions: tuple[str, ...] = ()
    file: MediaFile | None = None
    #: The request's JSON, and its bytes.
    request: Mapping[str, Any]
    raw: Raw = field(default=b"", repr=False)
    #: What WeCom answered (the client may have seen something else: a fault).
    answer: Mapping[str, Any] = field(default_factory=dict)

    @property
    def file_id(self) -> str | None:
        return self.file.id if self.file else None


@dataclass(frozen=True, kw_only=True)
class Call:
    """One HTTP call or frame of a bot, and how it ended."""

    #: As that of a `Message`.
    id: int = 0
    time: float
    #: Path below `/cgi-bin/`.
    name: str
    method: str
    ip: str
    #: What WeCom decided; None if a fault kept the call from being processed.
    errcode: int | None
    errmsg: str
    #: What the client was told: the same, or what a fault made of it (None: no answer).
    told: int | None
    #: The fault that struck, "" without one.
    fault: str = ""


class Inbox:
    """The newest messages and calls, and numbers about all of them.

    Everything happens under `changed`, whose waiters are woken by each change.
    """

    def __init__(self, changed: threading.Condition, max_messages: int, max_bytes: int) -> None:
        self._changed = changed
        self._max_bytes = max_bytes
        self._bytes = 0
        self._messages: deque[Message] = deque()
        self._max_messages = max_messages
        self._calls: deque[Call] = deque(maxlen=max(max_messages, 1000) * 5)
        #: Ids given so far; `clear` does not start them again.
        self.last_message: int = 0
        self.last_call: int = 0
        #: How often kept messages were cleared or changed; a reader has to begin anew.
        self.generation: int = secrets.randbelow(2**31)  # no process takes another's for its own
        #: Changes so far, of whatever kind.
        self.version: int = 0
        self.by_call: Counter[str] = Counter()
        #: (call, errcode that the client was told, None for no readable answer) -> calls
        self.by_errcode: Counter[tuple[str, int | None]] = Counter()
        #: Delivered messages since the last `clear`, also those no longer kept.
        self.delivered: int = 0

    def touch(self) -> None:
        """Tell everybody who waits that something is different."""
        with self._changed:
            self.version += 1
            self._changed.notify_all()

    def add(self, message: Message) -> Message:
        """Keep a message; returns it with its id."""
        with self._changed:
            self.last_message += 1
            message = dataclasses.replace(message, id=self.last_message)
            self._messages.append(message)
            self._bytes += len(message.raw)
            self.delivered += message.fate == "delivered"
            while len(self._messages) > self._max_messages or (
                self._bytes > self._max_bytes and len(self._messages) > 1
            ):
                self._bytes -= len(self._messages.popleft().raw)
            self.touch()
            return message

    def record(self, call: Call) -> None:
        """Keep a call, with an id of its own."""
        with self._changed:
            self.last_call += 1
            self._calls.append(dataclasses.replace(call, id=self.last_call))
            self.by_call[call.name] += 1
            self.by_errcode[call.name, call.told] += 1
            self.touch()

    def messages(self) -> list[Message]:
        """Oldest first."""
        with self._changed:
            return list(self._messages)

    def calls(self) -> list[Call]:
        """Oldest first."""
        with self._changed:
            return list(self._calls)

    def replace(self, message: Message) -> None:
        """Put a changed message in the place of the one with its id."""
        with self._changed:
            for place, each in enumerate(self._messages):
                if each.id == message.id:
                    self._messages[place] = message
            self.generation += 1
            self.touch()

    def clear(self) -> None:
        """Forget messages, calls and their numbers."""
        with self._changed:
            self._messages.clear()
            self._calls.clear()
            self._bytes = self.delivered = 0
            self.by_call.clear()
            self.by_errcode.clear()
            self.generation += 1
            self.touch()
