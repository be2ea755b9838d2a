"""What the bot relies on of a store, whichever it is.

A store is made by a factory: give it a clock that is moved by hand, and a way to have errors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.helpers.bot_store import PAY, SHOP, FakeStore
from wecom_logging._bot.store import App, BotStore, app_of
from wecom_logging._stores.marks import Act


@dataclass
class Kit:
    """A store, and what a test needs to do to it from outside."""

    store: BotStore
    #: Moves its clock ahead by so many seconds.
    advance: Callable[[float], None]
    now: Callable[[], float]
    #: Has errors of an app, and returns the id of their group.
    errors: Callable[..., str] = field(repr=False)


def in_memory() -> Kit:
    time = [1_772_565_360.0]
    store = FakeStore(lambda: time[0])
    ids = iter(range(40871, 99999))

    def errors(app: App = PAY, **more: Any) -> str:
        return store.add(str(next(ids)), app, **more).id

    def advance(seconds: float) -> None:
        time[0] += seconds

    return Kit(store, advance, store.clock, errors)


@pytest.fixture(params=[in_memory], ids=lambda make: make.__name__)
def kit(request: pytest.FixtureRequest) -> Kit:
    made: Kit = request.param()
    return made


def action(kit: Kit, verb: str = "silence", *ids: str, **more: Any) -> Act:
    seconds = 3600.0 if verb in ("silence", "quiet") else 0.0
    values = {
        "who": "张三", "user": "zhangsan", "where": "wr1", "key": "key-1", "ids": ids,
        "seconds": seconds, **more,
    }  # fmt: skip
    return Act(verb=verb, **values)  # type: ignore[arg-type]  # any of its fields


def group(kit: Kit, number: str) -> Any:
    return next(each for each in kit.store.groups() if each.id == number)


def test_groups_of_all_apps(kit: Kit) -> None:
    first, second = kit.errors(PAY), kit.errors(SHOP)
    assert {each.id: app_of(each) for each in kit.store.groups()} == {first: PAY, second: SHOP}
    assert set(kit.store.apps()) == {PAY, SHOP}


def test_a_silence_and_its_end(kit: Kit) -> None:
    number = kit.errors()
    until = kit.now() + 3600
    assert kit.store.mark(action(kit, "silence", number)).ids == (number,)
    assert (group(kit, number).silenced_until, group(kit, number).silenced_by) == (until, "张三")
    kit.store.mark(action(kit, "unsilence", number, key="key-2"))
    assert not group(kit, number).silenced_until
    again = kit.store.mark(action(kit, "unsilence", number, key="key-3"))
    assert again.refused == {number: "nothing"}


def test_taken_handed_over_and_let_go(kit: Kit) -> None:
    number = kit.errors()
    kit.store.mark(action(kit, "take", number))
    assert group(kit, number).taken_by == "张三"
    kit.store.mark(action(kit, "take", number, key="key-2", who="李四", user="lisi"))
    assert group(kit, number).taken_by == "李四"
    kit.store.mark(action(kit, "untake", number, key="key-3"))
    assert not group(kit, number).taken_by


def test_what_is_not_there_is_refused_and_the_rest_is_done(kit: Kit) -> None:
    number = kit.errors()
    result = kit.store.mark(action(kit, "silence", number, "99999"))
    assert result.ids == (number,)
    assert result.refused == {"99999": "unknown"}


def test_the_same_act_twice_is_done_once(kit: Kit) -> None:
    number = kit.errors()
    first = action(kit, "silence", number)
    kit.store.mark(first)
    until = group(kit, number).silenced_until
    kit.advance(60.0)
    assert kit.store.mark(first._replace(seconds=7200.0)).ids == (number,)
    assert group(kit, number).silenced_until == until


def test_undo_takes_back_ones_own_last_act(kit: Kit) -> None:
    number = kit.errors()
    kit.store.mark(action(kit, "silence", number))
    kit.store.mark(action(kit, "take", number, key="key-2", user="lisi", who="李四"))
    undo = action(kit, "undo", key="key-3")
    undone = kit.store.undo(undo, 600.0)
    assert undone is not None
    assert (undone.act.verb, undone.act.ids) == ("silence", (number,))
    assert not group(kit, number).silenced_until
    assert kit.store.undo(undo._replace(key="key-4"), 600.0) is None


def test_undo_of_what_is_too_long_ago(kit: Kit) -> None:
    kit.store.mark(action(kit, "silence", kit.errors()))
    kit.advance(601.0)
    assert kit.store.undo(action(kit, "undo", key="key-2"), 600.0) is None


def test_quiet_is_of_an_app_and_ends(kit: Kit) -> None:
    pay, shop = (kit.errors(app, news_at=kit.now()) for app in (PAY, SHOP))
    kit.store.mark(action(kit, "quiet"), (PAY,))
    assert [each.id for each in kit.store.news(0.0)] == [shop]
    kit.advance(3601.0)
    assert {each.id for each in kit.store.news(0.0)} == {pay, shop}


def test_news_after_a_time(kit: Kit) -> None:
    number = kit.errors(news_at=kit.now(), messages=["m-5c1e"])
    assert [each.id for each in kit.store.news(kit.now() - 1.0)] == [number]
    assert list(kit.store.news(kit.now())) == []


def test_notes(kit: Kit) -> None:
    kit.store.write("a", "1", 60.0)
    kit.store.write("b", "2")
    assert (kit.store.read("a"), kit.store.read("b"), kit.store.read("c")) == ("1", "2", None)
    kit.advance(61.0)
    assert (kit.store.read("a"), kit.store.read("b")) == (None, "2")
    kit.store.write("b", "3")
    assert kit.store.read("b") == "3"
    kit.store.erase(["b", "c"])
    assert kit.store.read("b") is None


def test_a_lease_has_one_owner(kit: Kit) -> None:
    assert kit.store.hold("lease", "a", 60.0)
    assert kit.store.hold("lease", "a", 60.0)
    assert not kit.store.hold("lease", "b", 60.0)
    kit.advance(61.0)
    assert kit.store.hold("lease", "b", 60.0)
    assert not kit.store.hold("lease", "a", 60.0)
    kit.store.leave("lease", "a")  # is not its to leave
    assert not kit.store.hold("lease", "a", 60.0)
    kit.store.leave("lease", "b")
    assert kit.store.hold("lease", "a", 60.0)


def test_what_it_says_of_itself(kit: Kit) -> None:
    assert kit.store.written() is None
    kit.errors()
    assert kit.store.written() is not None
    assert kit.store.name()
