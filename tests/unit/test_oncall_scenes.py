"""On call, played through: what is told when, word for word, on a clock that is moved by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from itertools import count
from typing import Any

import pytest

from tests.helpers.store_kits import event
from wecom_logging._model.digest import Identity
from wecom_logging._rendering import Style, render
from wecom_logging._stores.marks import Act, KeptAct, KnownGroup
from wecom_logging._stores.memory import MemoryStore
from wecom_logging._stores.protocol import Asker, Batch, Claim, Entry

ZONE = timezone(timedelta(hours=8))
START = datetime(2026, 3, 4, 13, 0, tzinfo=ZONE).timestamp()
MINUTE, HOUR = 60.0, 3600.0


class Scene:
    """A process that is always awake, and what comes to the phone."""

    def __init__(self, release: str = "") -> None:
        self.now = START
        self.store = MemoryStore(app="shop", clock=lambda: self.now, wall=lambda: self.now)
        self.release(release)
        #: When, and all lines below the first two but for the empty ones.
        self.told: list[tuple[str, list[str]]] = []
        self._sequence, self._keys = count(1), count()

    def release(self, release: str) -> None:
        self.store._rules = self.store._rules._replace(release=release)

    def log(self, errors: int, kind: str = "Timeout", level: str = "error") -> None:
        identity = Identity(kind, "pay", level, kind, f"pay.py {kind.lower()}", text="no answer")
        entry = Entry(identity, errors, (event("no answer"),))
        self.store.merge(Batch("web-1/1/a", next(self._sequence), (entry,)))

    def act(self, verb: Any, *kinds: str, who: str = "lisi", **more: Any) -> None:
        self.now += 0.1  # no two acts at once
        ids = tuple(self.group(kind).id for kind in kinds)
        done = self.store.mark(Act(verb, str(next(self._keys)), who, who, "web-1", ids=ids, **more))
        assert done.ids == ids, done.refused

    def undo(self, who: str = "lisi") -> KeptAct | None:
        return self.store.undo(Act("undo", "x", who, who, "web-1"), 600.0)

    def group(self, kind: str = "Timeout") -> KnownGroup:
        return next(each for each in self.store.groups().groups if each.type == kind)

    def run(self, seconds: float, each: Callable[[], None] | None = None) -> None:
        """Let so much time pass; `each` happens at the start of every minute."""
        end = self.now + seconds
        while self.now < end:
            if each is not None:
                each()
            minute = min(end, self.now + MINUTE)
            self._deliver(minute)
            self.now = minute

    def _deliver(self, until: float) -> None:
        while True:
            answer, _ = self.store.claim(Asker("web-1/1/a"))
            if isinstance(answer, Claim):
                style = Style("shop", "", self.store._rules.release, timezone=ZONE)
                content = render(answer.digest, style).message.content
                moment = f"{datetime.fromtimestamp(self.now, ZONE):%H:%M:%S}"
                self.told.append((moment, [line for line in content.split("\n")[2:] if line]))
                self.store.settle(answer.id)
            elif isinstance(answer, float) and self.now + answer <= until:
                self.now += answer
            else:
                return

    def times(self) -> list[str]:
        return [at for at, _ in self.told]

    def headings(self) -> list[str]:
        return [
            line.replace(f"#{self.group().id}", "#")
            for _, lines in self.told
            for line in lines
            if line.startswith("**")
        ]

    def facts(self, n: int = -1) -> str:
        return self.told[n][1][-1].removeprefix('<font color="comment">').rpartition(" · m-")[0]


def test_a_storm_that_is_silenced_for_an_hour() -> None:
    scene = Scene()
    scene.run(3 * MINUTE, lambda: scene.log(60))
    scene.act("silence", "Timeout", why="bank is down", seconds=HOUR)
    scene.run(HOUR + 2 * MINUTE, lambda: scene.log(60))
    assert scene.times() == ["13:00:01", "13:01:01", "14:03:00"]
    assert scene.headings() == [
        "**NEW** Timeout **×60** #",
        "**STILL** Timeout **×60** #",
        # With what was pending when it began.
        "**SILENCED** Timeout **×3,660** #",
    ]
    assert "silenced 13:03–14:03 by lisi, bank is down" in scene.facts()


def test_a_silence_until_the_next_release() -> None:
    scene = Scene("2.2.0")
    scene.log(5)
    scene.run(2 * MINUTE)
    scene.act("silence", "Timeout", why="fixed in 2.3", seconds=7 * 24 * HOUR, until_release=True)
    scene.run(3 * HOUR, lambda: scene.log(1))
    assert len(scene.told) == 1
    scene.release("2.3.1")
    scene.log(2)
    scene.run(MINUTE)
    assert scene.times() == ["13:00:01", "16:02:00"]
    assert scene.headings()[-1] == "**SILENCED** Timeout **×182** # seen in 2.3.1 and 2.2.0"
    assert "silenced 13:02–16:02 by lisi, ended by release 2.3.1, fixed in 2.3" in scene.facts()
    scene.log(1)
    scene.run(HOUR)
    assert scene.headings()[-2:] == ["**STILL** Timeout **×1** #", "**OVER** Timeout #"]


def test_a_release_that_brings_it_back() -> None:
    scene = Scene("2.2.0")
    scene.log(3)
    scene.run(HOUR)
    scene.release("2.3.1")
    scene.log(4)
    scene.run(MINUTE)
    assert scene.headings() == [
        "**NEW** Timeout **×3** # in 2.2.0",
        "**AGAIN** Timeout **×4** # back in 2.3.1, last seen in 2.2.0",
    ]
    assert scene.times() == ["13:00:01", "14:00:01"]


@pytest.mark.parametrize("rate", [6, 60, 600])
def test_steady_storms_hold_and_twelve_times_as_many_break_through(rate: int) -> None:
    scene = Scene()
    scene.run(10 * MINUTE, lambda: scene.log(rate))
    scene.act("silence", "Timeout", seconds=6 * HOUR)
    before = len(scene.told)
    scene.run(3 * HOUR, lambda: scene.log(rate))
    assert len(scene.told) == before
    began = scene.now
    scene.run(5 * MINUTE, lambda: scene.log(12 * rate))
    at, lines = scene.told[before]
    assert lines[0].startswith("**SILENCED** Timeout **×")
    assert "ended by a storm" in lines[-1]
    assert at <= f"{datetime.fromtimestamp(began + 5 * MINUTE, ZONE):%H:%M:%S}"


def test_taken_handed_over_lapsed_over_and_again() -> None:
    scene = Scene()
    scene.log(1)
    scene.run(MINUTE)
    scene.act("take", "Timeout", who="lisi")
    # STILL is told at the last pause only, with who has it.
    scene.run(2 * HOUR, lambda: scene.log(1))
    assert scene.times() == ["13:00:01", "14:00:01", "15:00:01"]
    assert scene.facts().endswith("taken by lisi 13:01")
    scene.act("take", "Timeout", who="wang")
    scene.run(HOUR, lambda: scene.log(1))
    assert scene.facts().endswith("taken by wang 15:01")
    # After eight hours nobody has it any more, which is told once.
    scene.run(9 * HOUR, lambda: scene.log(1))
    assert scene.times()[-3:] == ["23:00:01", "00:00:01", "01:00:01"]
    assert scene.facts(-3).endswith("taken by wang 15:01")
    assert scene.facts(-2).endswith("taken by wang 4 Mar 15:01, not any more")
    assert "taken" not in scene.facts(-1)
    scene.act("take", "Timeout", who="lisi")
    scene.run(3 * HOUR)
    assert scene.group().state == "over"
    scene.log(1)
    scene.run(MINUTE)
    assert scene.group().taken_by == ""
    assert scene.headings()[-1].startswith("**AGAIN**")
    assert "taken" not in scene.facts()


def test_undo_of_each() -> None:
    scene = Scene("2.2.0")
    scene.log(1)
    scene.run(2 * MINUTE)
    assert len(scene.told) == 1
    scene.act("silence", "Timeout", seconds=HOUR)
    scene.log(9)
    scene.run(5 * MINUTE)
    assert len(scene.told) == 1
    assert scene.undo() is not None
    scene.run(MINUTE)
    assert scene.times()[1:] == ["13:07:00"]
    assert scene.headings()[-1] == "**SILENCED** Timeout **×9** #"
    assert "silenced 13:02–13:07 by lisi, ended by hand" in scene.facts()
    scene.act("silence", "Timeout", seconds=HOUR, until_release=True)
    scene.act("take", "Timeout")
    assert scene.undo() is not None
    assert (scene.group().taken_by, scene.group().until_release) == ("", True)
    assert scene.undo() is not None
    assert scene.group().state == "open"
    scene.act("quiet", seconds=HOUR)
    assert scene.store.groups().quiet_until
    assert scene.undo() is not None
    assert scene.store.groups().quiet_until is None
    scene.act("take", "Timeout")
    scene.act("untake", "Timeout")
    assert scene.undo() is not None
    assert scene.group().taken_by == "lisi"
    scene.act("silence", "Timeout", seconds=HOUR)
    scene.act("unsilence", "Timeout")
    undone = scene.undo()
    assert undone is not None
    assert undone.act.verb == "unsilence"
    assert scene.group().state == "silenced"
