"""What several tests need: reading messages, waiting for conditions."""

from __future__ import annotations

import inspect
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from wecom_logging import Stats, WeComHandler
from wecom_logging._worker.worker import Worker
from wecom_logging.simulator.server import Simulator
from wecom_logging.testing import RecordingSender


class Told(Protocol):
    """A message, of the simulator's or of a `RecordingSender`."""

    @property
    def content(self) -> str: ...


def missing(what: str, package: str = "") -> NoReturn:
    """Something that a test needs is not here: a failure in CI, elsewhere a skip."""
    import pytest  # here, since benchmarks need the rest and do without it

    why = f"needs {what}" + (f" (Debian: apt-get install {package})" if package else "")
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why, allow_module_level=True)


#: Seconds that a condition may take on a loaded machine before the test has failed.
PATIENCE = 20.0


def eventually(condition: Callable[[], object], patience: float = PATIENCE) -> None:
    """Wait until a condition holds; fail when it does not in time."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.005)  # between two looks


def stands_in(*functions: str) -> bool:
    """Whether a thread waits in one of these functions: two looks find it in the same place."""
    looks = []
    for _ in range(2):
        frames = sys._current_frames().items()
        found = ((thread, frame.f_code.co_name, frame.f_lasti) for thread, frame in frames)
        looks.append({each for each in found if each[1] in functions})
        time.sleep(0.001)  # who only waits for the interpreter goes on
    return bool(looks[0] & looks[1])


#: Both for programs of the tests' own, which import nothing of them.
WAITING = (
    f"import sys, time\nfrom collections.abc import Callable\nPATIENCE = {PATIENCE}\n"
    + inspect.getsource(eventually)
    + inspect.getsource(stands_in)
)


def counted(messages: Iterable[Told]) -> int:
    """Errors that the messages tell of: the sum of every `×n` in them."""
    return sum(
        int(number.replace(",", ""))
        for message in messages
        for number in re.findall(r"×([\d,]+)", message.content)
    )


def headlines(messages: Iterable[Told]) -> list[str]:
    return [message.content.split("\n", 1)[0] for message in messages]


@dataclass(frozen=True)
class Finished:
    """A program that has run to its end."""

    returncode: int
    out: str
    err: str
    seconds: float


@dataclass(frozen=True)
class Watched:
    """A handler, a logger that leads to it alone, and what it has told."""

    handler: WeComHandler
    log: logging.Logger
    sender: RecordingSender

    @property
    def worker(self) -> Worker:
        return self.handler._worker

    def flush(self, timeout: float = PATIENCE) -> bool:
        return self.handler.flush(timeout)

    @property
    def stats(self) -> Stats:
        return self.handler.stats()

    def told(self) -> str:
        """Flush, and return the content of all messages so far."""
        assert self.flush(), self.stats
        return "\n".join(message.content for message in self.sender.messages)

    def counts(self) -> list[int]:
        """Flush, and return every `×n` that was told, in order."""
        return [int(n.replace(",", "")) for n in re.findall(r"×([\d,]+)", self.told())]


def pointing_at(sim: Simulator, kind: str = "robot") -> dict[str, Any]:
    """The options that point a handler at a simulator."""
    return {key.removeprefix("WECOM_").lower(): value for key, value in sim.env(kind).items()}


def balanced(stats: Stats) -> bool:
    """Promise 1: every error is in exactly one place."""
    places = (stats.reported, stats.pending, stats.muted, stats.lost)
    return stats.seen == sum(places) and min(places) >= 0


def many_kinds(log: logging.Logger, number: int = 90, text: str = "") -> None:
    """So many types, whose texts differ too: what differs in one word is one row."""
    for i in range(number):
        name = chr(0x4E00 + i)
        try:
            raise type(f"Kind{i}Error", (Exception,), {})(f"{name} of {name}{text}")
        except Exception:
            log.exception("trouble")
