"""Quiet hours of handlers: from the option to the store, between processes, and back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.support import Watched, eventually
from wecom_logging._runtime import native
from wecom_logging._stores import memory

Watch = Callable[..., Watched]


def around_now(end: int = 3) -> str:
    """Hours that hold now, in UTC, and end in more than `end` - 1 hours."""
    hour = datetime.now(timezone.utc).hour
    return f"{(hour - 1) % 24:02}:00-{(hour + end) % 24:02}:00"


def options(path: Path, **more: Any) -> dict[str, Any]:
    return {"store": f"sqlite:///{path}/s.db", "timezone": "UTC", "group_wait": 0.0, **more}


def test_what_can_wait_waits_and_flush_does_not(tmp_path: Path, watch: Watch) -> None:
    w = watch(**options(tmp_path, quiet_hours=around_now()))
    w.log.error("payment failed")
    assert w.handler.flush(10.0)
    assert (w.stats.pending, w.sender.messages) == (1, [])
    w.log.critical("the database is gone")
    eventually(lambda: w.stats.reported == 1)
    (message,) = w.sender.messages
    assert "CRITICAL" in message.content


def test_a_memory_tells_at_its_end(watch: Watch) -> None:
    """Not before: only what is gone with the process else is told in spite of it."""
    w = watch(timezone="UTC", quiet_hours=around_now())
    w.log.error("payment failed")
    assert w.handler.flush(10.0)
    assert w.sender.messages == []


@pytest.mark.parametrize("store", ["memory", "sqlite:////dev/null/s.db"])
def test_on_a_machine_that_started_in_the_middle_of_them(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, store: str
) -> None:
    """Also where another store's stand-in is memory: they began before its clock did."""
    started = native.monotonic()
    monkeypatch.setattr(memory, "monotonic", lambda: native.monotonic() - started)
    w = watch(store=store, timezone="UTC", quiet_hours=around_now())
    w.log.error("payment failed")
    w.handler.flush(2.0)  # in vain where another store may come back
    assert w.sender.messages == []


def test_a_difference_between_processes_is_said_once(
    tmp_path: Path, watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = watch(**options(tmp_path, quiet_hours=around_now(3)))
    first.log.error("payment failed")
    assert first.handler.flush(10.0)
    assert "quiet_hours" not in capsys.readouterr().err
    second = watch(**options(tmp_path, sender=first.sender, quiet_hours=around_now(5)))
    for _ in range(2):
        second.log.error("payment failed again")
        assert second.handler.flush(10.0)
    assert first.sender.messages == []
    assert capsys.readouterr().err.count("quiet_hours of shop: here until ") == 1


def test_one_without_the_option_keeps_them_and_says_so(
    tmp_path: Path, watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = watch(**options(tmp_path, app="orders", quiet_hours=around_now()))
    first.log.error("payment failed")
    assert first.handler.flush(10.0)
    second = watch(**options(tmp_path, app="orders", sender=first.sender))
    second.log.error("order failed")
    assert second.handler.flush(10.0)
    assert (first.sender.messages, second.stats.pending) == ([], 1)
    assert "here no quiet now, in the store until " in capsys.readouterr().err
