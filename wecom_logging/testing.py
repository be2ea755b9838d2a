"""For tests of programs that alert through `wecom_logging`.

`RecordingSender` takes the place of a destination, without any network::

    sender = RecordingSender()
    handler = WeComHandler(sender=sender)
    logging.getLogger().addHandler(handler)

    logging.getLogger("shop").error("payment %d failed", 8841)

    handler.flush()
    assert sender.inbox.total_errors == 1
    assert sender.inbox.containing("payment").one().msgtype == "markdown"

The fixture `wecom_simulator` is a real local WeCom instead (extra `simulator`).
"""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Generic, Protocol, TypeVar

from wecom_logging._senders.protocol import APP_CARD, CARD_BYTES, Limits, Message
from wecom_logging.errors import DeliveryError

__all__ = ["Inbox", "RecordingSender"]

#: The figure on a card: as it was sent, or the line of it that can be read.
_FIGURE = re.compile(
    r'(?:\{"card_type":.*"emphasis_content":\{"title":"|(?:.+\n){1,3})([\d,]+)'
    r'(?:"| (?:errors?|次错误)(?:\n|\Z))'
)


class _HasContent(Protocol):
    @property
    def content(self) -> str: ...


M = TypeVar("M", bound=_HasContent)

#: A part of the first line that says how many errors the message newly reports. Before it
#: there may be marker and level, if the application has no name.
_ERRORS = re.compile(r"(?:\S (?:CRITICAL )?)?([\d,]+) errors?")
#: The same in Chinese, where it stands behind the application's name.
_TIMES = re.compile(r"\S (?:\S.{0,100} )??([\d,]+)次(?: |$)")


class Inbox(Generic[M]):
    """Messages that arrived, oldest first, with questions that read well in assertions."""

    def __init__(self, messages: Callable[[], Sequence[M]]) -> None:
        self._messages = messages

    def one(self) -> M:
        """The only message; an `AssertionError` that shows what is there if it is not."""
        messages = self._messages()
        assert len(messages) == 1, f"expected one message, not {self._describe()}"
        return messages[0]

    def latest(self) -> M:
        """The newest message; an `AssertionError` if there is none."""
        messages = self._messages()
        assert messages, "expected a message, not an empty inbox"
        return messages[-1]

    def containing(self, text: str) -> Inbox[M]:
        """Those whose content has `text` in it, as it is."""
        return Inbox(lambda: [each for each in self._messages() if text in each.content])

    @property
    def total_errors(self) -> int:
        """Errors that the messages newly report: the sum of the counts in their first lines."""
        return sum(errors_in(each.content) for each in self._messages())

    def __len__(self) -> int:
        return len(self._messages())

    def __iter__(self) -> Iterator[M]:
        return iter(self._messages())

    def __getitem__(self, place: int) -> M:
        return self._messages()[place]

    def __repr__(self) -> str:
        return f"<Inbox: {self._describe()}>"

    def _describe(self) -> str:
        lines = [each.content.partition("\n")[0] for each in self._messages()]
        return f"{len(lines)}: " + "; ".join(lines) if lines else "none"


def errors_in(content: str) -> int:
    """The count in a message's first line, or on a card; 0 if it is no alert of ours."""
    line = content.partition("\n")[0]
    found = next(filter(None, map(_ERRORS.fullmatch, line.split(" · "))), _TIMES.match(line))
    found = found or _FIGURE.match(content)
    return int(found[1].replace(",", "")) if found else 0


_numbers = itertools.count(1)


class RecordingSender:
    """A `Sender` that keeps what it is given, and fails on demand.

    Usable from any thread. `limits` are those of an application by default.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        #: Each its own: what one test has told or let fail is nothing to the next one.
        self.destination: str = f"recording {next(_numbers)}"
        limits = limits or Limits(
            {"markdown": 2048, "text": 2048, "card": CARD_BYTES}, files=True, card=APP_CARD
        )
        # No other process knows this destination: `store="auto"` is memory for it.
        self.limits: Limits = replace(limits, local=True)
        self._lock = threading.Lock()
        self._messages: list[Message] = []
        self._files: dict[str, tuple[str, bytes]] = {}
        self._failures: list[DeliveryError] = []

    @property
    def messages(self) -> list[Message]:
        """What was delivered, oldest first."""
        with self._lock:
            return list(self._messages)

    @property
    def inbox(self) -> Inbox[Message]:
        """The same, to be asked."""
        return Inbox(lambda: self.messages)

    def file(self, message: Message) -> tuple[str, bytes]:
        """Name and bytes of the file that a message of type "file" brought."""
        return self._files[message.content]

    def fail(self, error: DeliveryError, times: int = 1) -> None:
        """Let the next `times` messages fail with `error` instead of being delivered."""
        with self._lock:
            self._failures += [error] * times

    def secrets(self) -> Iterable[str]:
        """None."""
        return ()

    def send(self, message: Message) -> None:
        with self._lock:
            if self._failures:
                raise self._failures.pop(0)
            self._messages.append(message)

    def upload(self, name: str, data: bytes) -> str:
        with self._lock:
            media_id = f"recorded-{len(self._files) + 1}"
            self._files[media_id] = (name, data)
            return media_id
