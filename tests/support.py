"""What several tests need: reading messages, waiting for conditions."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from wecom_logging.simulator.inbox import Message

#: Seconds that a condition may take on a loaded machine before the test has failed.
PATIENCE = 20.0


def eventually(condition: Callable[[], object], patience: float = PATIENCE) -> None:
    """Wait until a condition holds; fail when it does not in time."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.005)


def counted(messages: Iterable[Message]) -> int:
    """Errors that the messages tell of: the sum of every `×n` in them."""
    return sum(
        int(number.replace(",", ""))
        for message in messages
        for number in re.findall(r"×([\d,]+)", message.content)
    )


def headlines(messages: Iterable[Message]) -> list[str]:
    return [message.content.split("\n", 1)[0] for message in messages]


@dataclass(frozen=True)
class Finished:
    """A program that has run to its end."""

    returncode: int
    out: str
    err: str
    seconds: float
