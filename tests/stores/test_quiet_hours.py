"""Quiet hours in the store: entered by whoever has the option, kept by all, ended by people."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.helpers.store_kits import KITS, Client, Kit, MemoryKit, kit, told
from wecom_logging._model.quiet_hours import QuietHours, parse
from wecom_logging._rendering import Style, render
from wecom_logging._stores.marks import Act
from wecom_logging._stores.protocol import Asker, Batch, Claim, Entry, Failure, FollowUp

HOUR = 3600.0

_keys = iter(range(10**9))


@pytest.fixture(params=KITS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Kit:
    return kit(request.param, tmp_path, request)


class Hours:
    """A client whose option says when it is quiet: hours by a clock that the test moves."""

    def __init__(self, place: Kit, source: str = "web-1/1/a", **more: Any) -> None:
        self.client = Client(place, source, **more)
        self.left = 0.0
        self.ago = 0.0

    def begin(self, left: float, ago: float = 0.0) -> None:
        self.ago, self.left = ago, left

    def move(self, seconds: float) -> None:
        self.client.kit.advance(seconds)
        self.ago, self.left = self.ago + seconds, self.left - seconds

    def ask(self, *batches: Batch, **how: Any) -> Claim | FollowUp | float | None:
        quiet = (self.ago, self.left) if self.left > 0 else None
        return self.client.ask(*batches, quiet=quiet, **how)

    def log(self, kind: str, count: int = 1, **more: Any) -> dict[str, int] | None:
        """Errors, and what is told of them at once, if anything is."""
        answer = self.ask(self.client.batch(kind, count, **more))
        if isinstance(answer, float) and answer <= 20.0:
            self.move(answer)
            answer = self.ask()
        if not isinstance(answer, Claim):
            return None
        self.client.store.settle(answer.id)
        return told(answer)

    def overview(self) -> Claim:
        answer = self.ask()
        assert isinstance(answer, Claim), answer
        self.client.store.settle(answer.id)
        return answer


def act(client: Client, verb: Any, seconds: float = 0.0, who: str = "lisi") -> None:
    store: Any = client.store
    store.mark(Act(verb, f"key {next(_keys)}", who, who, "web-1", seconds=seconds))


def undo(client: Client, who: str = "lisi") -> None:
    store: Any = client.store
    store.undo(Act("undo", f"key {next(_keys)}", who, who, "web-1"), 600.0)


def quiet_for(client: Client) -> float | None:
    """How much longer the app is quiet, as everybody sees it."""
    store: Any = client.store
    now = datetime.now().timestamp()
    until = store.groups().quiet_until
    if until is None:
        return None
    kit: Any = client.kit
    now = kit.now if hasattr(kit, "now") else now + kit.skew
    return float(until - now)


def test_what_can_wait_is_told_at_the_end_in_one_message(place: Kit) -> None:
    w = Hours(place)
    assert w.log("Known") == {"Known new": 1}
    w.begin(8 * HOUR)
    assert w.log("Known", 3) is None
    assert w.log("Small", 20) is None
    assert w.log("Worse", level="critical") == {"Worse new": 1}
    assert w.log("Storm", 100) == {"Storm new": 100}
    w.move(w.left + 1.0)
    overview = w.overview()
    assert told(overview)["Known still"] == 3
    assert told(overview)["Small new"] == 20
    assert overview.digest.quiet is not None
    since, until = overview.digest.quiet
    assert until - since == pytest.approx(8 * HOUR, abs=0.01)
    w.log("Later")
    assert w.ask() is None or isinstance(w.ask(), float)


def test_a_storm_that_could_not_be_told_at_once_is_told_later(place: Kit) -> None:
    """Not in the morning: an outage makes nothing less urgent."""
    w = Hours(place)
    w.begin(8 * HOUR)
    w.ask()
    w.client.log("Storm", 120)
    w.move(2.0)
    claim = w.ask()
    assert isinstance(claim, Claim)
    w.client.store.release(claim.id, Failure("no route to host", 900.0))
    w.move(901.0)
    assert told(w.overview()) == {"Storm new": 120}


def test_they_hold_for_a_process_without_the_option(place: Kit) -> None:
    w, other = Hours(place), Hours(place, "web-2/2/b")
    w.begin(8 * HOUR)
    w.log("First")
    assert other.log("Second", 20) is None
    assert other.client.store.account(other.client.source).hours == pytest.approx(8 * HOUR, abs=5.0)


def test_a_night_in_which_nothing_had_to_wait_is_not_spoken_of(place: Kit) -> None:
    w = Hours(place)
    w.begin(300.0)
    assert w.log("Worse", level="critical") == {"Worse new": 1}
    w.move(1000.0)
    w.client.log("Morning")
    _, claim = w.client.until_due()
    assert claim.digest.quiet is None


def test_what_is_told_late_still_says_that_it_was_quiet(place: Kit) -> None:
    w = Hours(place)
    w.begin(HOUR)
    w.log("Small")
    w.move(HOUR + 1.0)
    claim = w.ask()
    assert isinstance(claim, Claim)
    w.client.store.release(claim.id, Failure("connection refused", 5.0))
    _, claim = w.client.until_due()
    assert claim.digest.quiet is not None


def test_somebody_ends_them_until_the_next_night(place: Kit) -> None:
    w = Hours(place)
    w.begin(8 * HOUR)
    w.log("Small")
    w.move(60.0)
    act(w.client, "unquiet")
    assert told(w.overview()) == {"Small new": 1}
    w.move(60.0)
    assert w.log("Other") == {"Other new": 1}
    assert quiet_for(w.client) is None
    w.move(24 * HOUR - 120.0)
    w.begin(8 * HOUR)
    assert w.log("Next night") is None


def test_undone_they_hold_again(place: Kit) -> None:
    w = Hours(place)
    w.begin(8 * HOUR)
    w.log("Small")
    act(w.client, "unquiet")
    undo(w.client)
    assert quiet_for(w.client) == pytest.approx(8 * HOUR, abs=60.0)


def test_a_quiet_of_somebody_makes_them_longer_and_never_shorter(place: Kit) -> None:
    w = Hours(place)
    w.begin(8 * HOUR)
    w.log("Small")
    act(w.client, "quiet", 1800.0)
    assert quiet_for(w.client) == pytest.approx(8 * HOUR, abs=60.0)
    act(w.client, "quiet", 9 * HOUR)
    assert quiet_for(w.client) == pytest.approx(9 * HOUR, abs=60.0)


def test_they_begin_in_a_quiet_of_somebody_and_outlast_its_undoing(place: Kit) -> None:
    w = Hours(place)
    w.log("Known")
    act(w.client, "quiet", 1200.0)
    w.move(300.0)
    w.begin(8 * HOUR)
    w.log("Small")
    assert quiet_for(w.client) == pytest.approx(8 * HOUR, abs=60.0)
    undo(w.client)
    assert quiet_for(w.client) == pytest.approx(8 * HOUR, abs=60.0)


def test_of_two_options_the_one_counts_that_was_entered(place: Kit) -> None:
    w, other = Hours(place), Hours(place, "web-2/2/b")
    w.begin(8 * HOUR)
    w.log("Small")
    other.begin(9 * HOUR)
    assert other.log("Small") is None
    assert quiet_for(other.client) == pytest.approx(8 * HOUR, abs=60.0)
    account = other.client.store.account(other.client.source)
    assert account.hours == pytest.approx(8 * HOUR, abs=60.0)
    w.client.kit.advance(8 * HOUR)
    other.begin(HOUR, ago=8 * HOUR)
    assert told(other.overview()) == {"Small new": 2}
    assert quiet_for(other.client) is None


def test_a_memory_that_ends_with_its_process_tells_what_waits() -> None:
    w = Hours(MemoryKit())
    w.begin(8 * HOUR)
    w.log("Small", 4)
    claim = w.ask(why="flush", leaving=True)
    assert isinstance(claim, Claim)
    assert told(claim) == {"Small new": 4}


# -- a whole night ---------------------------------------------------------------------------

ZONE = ZoneInfo("Asia/Shanghai")


def night(errors: list[tuple[str, str, int, str]], hours: str = "22:00-08:00") -> list[str]:
    """What is told when: "HH:MM:SS" and the message. Errors are (time, kind, count, level)."""
    place = MemoryKit(shared=True)

    def moment(text: str) -> float:
        return datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp()

    place.now = moment("2026-11-26 20:00:00")
    store = place.open()
    quiet = QuietHours((parse(hours),), ZONE, lambda: place.now)
    style = Style("payments", "prod", language="zh", msgtype="text", timezone=ZONE,
                  show_offset=False, max_bytes=4096)  # fmt: skip
    queue = [(moment(at), kind, count, level) for at, kind, count, level in errors]
    told_then: list[str] = []

    def ask(*batches: Batch) -> Claim | FollowUp | float | None:
        answer, _ = store.claim(Asker("web-1/1/a", quiet=quiet.now()), *batches)
        return answer

    def run(until: float) -> None:
        while True:
            answer = ask()
            if isinstance(answer, Claim):
                content = render(answer.digest, style).message.content
                told_then.append(f"{datetime.fromtimestamp(place.now, ZONE):%d %H:%M:%S} {content}")
                store.settle(answer.id)
                continue
            assert not isinstance(answer, FollowUp)
            if answer is None or place.now + answer > until:
                place.now = max(place.now, until)
                return
            place.now += answer

    for sequence, (at, kind, count, level) in enumerate(queue, 1):
        run(at)
        entry = Entry(_identity(kind, level), count)
        store.merge(Batch("web-1/1/a", sequence, (entry,)))
    run(queue[-1][0] + 24 * HOUR)
    return told_then


def _identity(kind: str, level: str) -> Any:
    from wecom_logging._model.digest import Identity

    return Identity(kind.lower().ljust(16, "0"), "pay", level, kind, f"pay/{kind.lower()}.py run")


def test_a_night_with_a_critical_a_new_storm_and_a_new_drizzle() -> None:
    told_then = night(
        [
            ("2026-11-26 21:59:00", "Timeout", 1, "error"),
            ("2026-11-26 23:10:00", "Timeout", 3, "error"),
            ("2026-11-27 01:00:00", "Drizzle", 4, "error"),
            ("2026-11-27 01:01:00", "Drizzle", 4, "error"),
            ("2026-11-27 01:02:00", "Drizzle", 4, "error"),
            ("2026-11-27 01:03:00", "Drizzle", 4, "error"),
            ("2026-11-27 01:04:00", "Drizzle", 4, "error"),
            ("2026-11-27 03:00:00", "Storm", 20, "error"),
            ("2026-11-27 03:01:00", "Storm", 20, "error"),
            ("2026-11-27 03:02:00", "Storm", 20, "error"),
            ("2026-11-27 03:03:00", "Storm", 20, "error"),
            ("2026-11-27 03:04:00", "Storm", 20, "error"),
            ("2026-11-27 04:30:00", "Down", 1, "critical"),
        ]
    )
    heads = [message.split("\n", 1)[0] for message in told_then]
    assert heads == [
        "26 21:59:01 🔴 payments prod 1次 Timeout",
        "27 03:04:00 🔴 payments prod 100次 Storm",
        "27 04:30:00 🔴 CRITICAL payments prod 1次 Down",
        "27 08:00:00 🔴 payments prod 23次 Drizzle 等 2 类",
    ]
    quiet = "免打扰 11月26日 22:00–08:00：期间只通知了紧急的"
    assert [quiet in message for message in told_then] == [False, False, False, True]


def test_an_error_before_the_hours_and_one_after_are_told_as_ever() -> None:
    told_then = night(
        [
            ("2026-11-26 21:58:00", "Before", 1, "error"),
            ("2026-11-27 08:00:00", "After", 1, "error"),
        ]
    )
    assert [message.split("\n", 1)[0] for message in told_then] == [
        "26 21:58:01 🔴 payments prod 1次 Before",
        "27 08:00:01 🔴 payments prod 1次 After",
    ]
    assert not any("免打扰" in message for message in told_then)
