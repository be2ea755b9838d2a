"""Whole scenes: errors go in, messages come out, on a clock that is moved by hand."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from wecom_logging._capture.variety import Tallies
from wecom_logging._config.options import read_options
from wecom_logging._model.digest import Identity
from wecom_logging._senders.protocol import Limits, Message
from wecom_logging._stores.memory import MemoryStore
from wecom_logging._stores.protocol import Batch, Entry, Rules
from wecom_logging._worker.components import make_components
from wecom_logging._worker.cycle import DeliveryCycle
from wecom_logging._worker.flush import Flushes
from wecom_logging.errors import DeliveryError
from wecom_logging.stats import Stats
from wecom_logging.testing import RecordingSender

ZONE = ZoneInfo("Asia/Shanghai")

ROBOT = Limits({"markdown": 4096, "text": 2048}, mentions=True)
APP = Limits({"markdown": 2048, "text": 2048}, duplicate_check=True)


class SceneSender(RecordingSender):
    """A destination of a scene: it knows when each message came, and fails as long as `error`
    is set; an unclear one after it has taken the message."""

    def __init__(self, limits: Limits = ROBOT) -> None:
        super().__init__(limits)
        self.error: DeliveryError | None = None
        self.clock = datetime.now().timestamp
        self.told: list[tuple[str, Message]] = []

    def send(self, message: Message) -> None:
        if self.error is None or self.error.unclear:
            now = datetime.fromtimestamp(self.clock(), ZONE)
            self.told.append((f"{now:%H:%M:%S}", message))
        if self.error is not None:
            raise self.error

    def heads(self) -> list[str]:
        """When, and the first line."""
        return [f"{at} {message.content.splitlines()[0]}" for at, message in self.told]

    def lines(self, index: int) -> list[str]:
        return self.told[index][1].content.splitlines()


def moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp()


class Scene:
    """One worker's cycle, from what was counted to what is sent.

    Args:
        sender: Where it goes.
        others: Senders that need the clock as well.
        start: In Shanghai.
        options: Of a handler.
    """

    def __init__(
        self,
        sender: SceneSender,
        *,
        others: Iterable[SceneSender] = (),
        start: str = "2026-11-27 03:12:00",
        **options: Any,
    ) -> None:
        self.now = moment(start)
        given = {"app": "payments", "environment": "prod", "timezone": "Asia/Shanghai",
                 "language": "zh", "msgtype": "text", "host": "web-1", **options}  # fmt: skip
        found = read_options({"sender": sender, **given}, {})
        for each in (sender, *others):
            each.clock = lambda: self.now
        self.store = MemoryStore(
            rules=Rules(found.policy, duplicate_check=sender.limits.duplicate_check),
            clock=lambda: self.now,
            wall=lambda: self.now,
        )
        components = make_components(found, started=0.0)
        if components.fallback is not None:  # as if it were what its limits are those of
            kind = "application" if sender.limits.duplicate_check else "robot"
            style = components.fallback.style._replace(instead_of=kind)
            components = components._replace(fallback=components.fallback._replace(style=style))
        self.cycle = DeliveryCycle(
            components._replace(open_store=lambda: self.store), Tallies(found.max_groups)
        )
        self._count = 0

    def log(
        self,
        kind: str,
        count: int = 1,
        *,
        level: str = "error",
        place: str = "",
        logger: str = "pay",
    ) -> None:
        """Errors, and whatever is due then."""
        self._count += 1
        identity = Identity(
            f"{kind}{logger}".lower().ljust(16, "0"), logger, level, kind,
            place or f"pay/{kind.lower()}.py run",
        )  # fmt: skip
        self.cycle._unmerged.append(
            Batch(self.cycle._source, self._count, (Entry(identity, count),))
        )
        self.run(0.0)

    def run(self, seconds: float) -> None:
        """Let so much time pass, with everything that falls due in it."""
        until = self.now + seconds
        while True:
            wait = self.cycle.run(Flushes())
            if wait is None or self.now + wait > until:
                break
            self.now += wait
        self.now = until

    @property
    def stats(self) -> Stats:
        return self.cycle._recorder.read(lambda: self.store.account(self.cycle._source).merged)
