"""A fallback: what the destination does not take is told elsewhere, once, and said so."""

from __future__ import annotations

import logging
import logging.config
import logging.handlers
from collections.abc import Callable

import pytest

from tests.helpers.scene import APP, Scene, SceneSender
from tests.helpers.support import Watched
from wecom_logging.errors import SetupError, TransportError

Watch = Callable[..., Watched]

REMOVED = SetupError(93000, "invalid webhook url, hint: [1764184320]", "Add the robot anew.")
REMOVED.way = False
GONE = TransportError("bank.example: no route to host")
UNCLEAR = TransportError("no answer within 8 s", unclear=True)


class Mails(logging.Handler):
    """A handler that keeps what it gets, and hides its failures as `SMTPHandler` does."""

    def __init__(self, name: str = "mail_admins") -> None:
        super().__init__()
        self.set_name(name)
        self.records: list[logging.LogRecord] = []
        self.times: list[str] = []
        self.fails = False
        self.scene: Scene | None = None

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if self.fails:
                raise OSError("smtp: password hunter2 refused")
            self.records.append(record)
        except Exception:
            self.handleError(record)

    def heads(self) -> list[str]:
        return [record.getMessage().splitlines()[0] for record in self.records]

    def lines(self, index: int) -> list[str]:
        return self.records[index].getMessage().splitlines()


@pytest.fixture(autouse=True)
def _no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wecom_logging._stores.records.RANDOM.random", lambda: 0.5)


# -- a robot that was removed, and is back ----------------------------------------------------


def test_a_robot_removed_for_ten_minutes_with_an_unclear_message_in_between() -> None:
    """At once where the set-up is wrong, at each pause, and back where it works again."""
    robot, mails = SceneSender(), Mails()
    scene = Scene(robot, fallback=mails, start="2026-11-27 03:12:00")
    robot.error = REMOVED
    scene.log("ConnectTimeout", 3)
    scene.run(30.0)
    scene.log("ConnectTimeout", 7)
    scene.run(60.0)
    scene.log("Down", level="critical")
    scene.run(310.0)
    assert robot.told == []
    robot.error = UNCLEAR
    scene.log("ReadTimeout", 2)
    scene.run(5.0)
    robot.error = REMOVED
    scene.run(195.0)
    (lost,) = robot.heads()
    assert lost == "03:18:41 🔴 payments prod 2次 ReadTimeout"
    assert mails.heads() == [
        "🔴 payments prod 3次 ConnectTimeout",
        "🔶 payments prod 7次 ConnectTimeout",
        "🔴 CRITICAL payments prod 1次 Down",
        "🔴 payments prod 2次 ReadTimeout",
    ]
    removed = "│ 备用通道：群机器人失效（93000，03:12 起）"
    assert [mails.lines(n)[1] for n in range(4)] == [
        removed,
        removed,
        removed,
        "│ 备用通道：群机器人失效（no answer within 8 s，03:12 起）",
    ]
    assert ["其中 2 个可能已经通知过" in mails.records[n].getMessage() for n in range(4)] == [
        False,
        False,
        False,
        True,
    ]
    assert [record.levelname for record in mails.records] == [
        "ERROR",
        "ERROR",
        "CRITICAL",
        "ERROR",
    ]
    robot.error = None
    robot.told.clear()
    scene.run(300.0)
    scene.log("KeyError", 2)
    scene.run(20.0)
    assert robot.heads() == [
        "03:22:30 ✅ payments prod 0次 已平息 ConnectTimeout",
        "03:23:30 ✅ payments prod 0次 已平息 Down",
        "03:27:01 🔴 payments prod 2次 KeyError",
    ]
    assert "│ 03:12–03:18 的 13 次已由 mail_admins 送出" in robot.lines(0)
    for index in range(3):
        lines = "\n".join(robot.lines(index))
        assert "通知延迟" not in lines
        assert ("已由" in lines) is (index == 0)
    stats = scene.stats
    assert (stats.reported, stats.by_fallback, stats.pending) == (15, 13, 0)


def test_what_may_have_been_told_is_said_to_be_so() -> None:
    """An application repeats an unclear message for hours; the fallback tells it, and the
    destination never does."""
    app, mails = SceneSender(APP), Mails()
    scene = Scene(app, fallback=mails, fallback_after=60.0, recovery="off")
    app.error = UNCLEAR
    scene.log("ConnectTimeout", 3)
    scene.run(300.0)
    assert mails.heads() == ["🔴 payments prod 3次 ConnectTimeout"]
    assert mails.lines(0)[1] == "│ 备用通道：应用失效（no answer within 8 s，03:12 起）"
    assert "│ 其中 3 个可能已经通知过" in mails.lines(0)
    attempts = {message.content for _, message in app.told}
    assert len(attempts) == 1, "the same bytes until then"
    app.told.clear()
    app.error = None
    scene.log("KeyError")
    scene.run(20.0)
    assert [head[9:] for head in app.heads()] == ["🔴 payments prod 1次 KeyError"]
    assert "的 3 次已由 mail_admins 送出" in "\n".join(app.lines(0))
    assert scene.stats.by_fallback == 3


def test_an_outage_is_waited_for() -> None:
    """Five minutes, not six: whatever the pauses between attempts are."""
    robot, mails = SceneSender(), Mails()
    scene = Scene(robot, start="2026-11-27 03:12:00", fallback=mails)
    robot.error = GONE
    scene.log("ConnectTimeout", 3)
    scene.run(300.9)
    assert mails.records == []
    scene.run(0.2)
    assert mails.heads() == ["🔴 payments prod 3次 ConnectTimeout"]
    assert mails.lines(0)[1].startswith("│ 备用通道：群机器人失效（bank.example")


def test_a_fallback_that_fails_leaves_everything_pending() -> None:
    robot, mails = SceneSender(), Mails()
    scene = Scene(robot, fallback=mails, recovery="off")
    robot.error, mails.fails = REMOVED, True
    scene.log("ConnectTimeout", 3)
    scene.run(120.0)
    assert (scene.stats.pending, scene.stats.by_fallback) == (3, 0)
    assert "hunter2" not in str(scene.stats.last_error)
    robot.error = None
    scene.run(900.0)
    assert [head[9:] for head in robot.heads()] == ["⚪ payments prod 3次 ConnectTimeout"]
    assert not any("已由" in line or "可能" in line for line in robot.lines(0))


def test_an_unclear_message_is_repeated_as_it_was_after_a_fallback_that_failed() -> None:
    app, mails = SceneSender(APP), Mails()
    scene = Scene(app, fallback=mails, fallback_after=60.0, recovery="off")
    app.error, mails.fails = UNCLEAR, True
    scene.log("ConnectTimeout", 3)
    scene.run(300.0)
    app.error = None
    scene.run(120.0)
    assert len({message.content for _, message in app.told}) == 1
    assert (scene.stats.pending, scene.stats.by_fallback) == (0, 0)


def test_another_destination_has_a_budget_of_its_own() -> None:
    robot, mails = SceneSender(), Mails()
    scene = Scene(robot, fallback=mails, recovery="off")
    robot.error = REMOVED
    for number in range(40):
        scene.log(f"Kind{chr(65 + number)}", level="critical")
        scene.run(1.0)
    assert len(mails.records) == 10
    scene.run(60.0)
    assert len(mails.records) == 11
    assert (scene.stats.by_fallback, scene.stats.pending) == (40, 0)


def test_without_one_nothing_changes() -> None:
    robot = SceneSender()
    scene = Scene(robot)
    robot.error = REMOVED
    scene.log("ConnectTimeout", 3)
    scene.run(3600.0)
    assert (scene.stats.pending, scene.stats.by_fallback) == (3, 0)
