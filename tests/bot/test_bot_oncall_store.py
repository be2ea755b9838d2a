"""The bot's protocol on every store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.helpers.store_kits import KITS, START, Client, Kit, event, kit
from wecom_logging._bot.oncall_store import OnCallStore
from wecom_logging._bot.store import App, BotStore, app_of
from wecom_logging._model.links import Link
from wecom_logging._stores.marks import Act
from wecom_logging._stores.oncall import OnCall

PAY, SHOP = App("pay", "prod"), App("shop", "prod")


# Nobody else can ask a store in memory, which keeps nothing for them.
@pytest.fixture(params=[name for name in KITS if name != "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Kit:
    return kit(request.param, tmp_path, request)


@pytest.fixture
def clock(place: Kit) -> list[float]:
    return [START]


@pytest.fixture
def store(place: Any, clock: list[float]) -> BotStore:
    return OnCallStore(OnCall("a store", place.open, SHOP), clock=lambda: clock[0])


def errors(place: Kit, app: App = SHOP, kind: str = "Timeout") -> str:
    client = Client(place, app=app.app, environment=app.environment)
    client.log(kind)
    client.deliver()
    found: Any = client.store
    number: str = next(g.id for g in found.groups().groups if g.type == kind)
    return number


def action(verb: Any, *ids: str, key: str = "key 1", user: str = "zhangsan", **more: Any) -> Act:
    seconds = 3600.0 if verb in ("silence", "quiet") else 0.0
    return Act(verb, key, "张三", user, "wr1", ids=ids, seconds=seconds, **more)


def group(store: BotStore, number: str) -> Any:
    return next(each for each in store.groups() if each.id == number)


def test_alerts(place: Kit, store: BotStore) -> None:
    shop, pay = errors(place), errors(place, PAY)
    assert {each.id: app_of(each) for each in store.groups()} == {shop: SHOP, pay: PAY}
    assert set(store.apps()) == {SHOP, PAY}
    assert {each.id for each in store.news(0.0)} == {shop, pay}
    assert list(store.news(1e12)) == []
    assert store.written() is not None
    assert f"#{pay}" in store.report([PAY], False)
    assert f"#{shop}" not in store.report([PAY], False)


def test_marks(place: Kit, store: BotStore) -> None:
    number = errors(place)
    result = store.mark(action("silence", number, "99999"))
    assert (result.ids, result.refused) == ((number,), {"99999": "unknown"})
    assert group(store, number).silenced_by == "张三"
    store.mark(action("take", number, key="key 2", user="lisi"))
    undone = store.undo(action("undo", key="key 3"), 600.0)
    assert undone is not None
    assert (undone.act.verb, undone.act.ids) == ("silence", (number,))
    assert group(store, number).silenced_until is None
    assert group(store, number).taken_by == "张三"
    assert store.undo(action("undo", key="key 4"), 600.0) is None


def test_an_act_in_two_apps_is_undone_whole(place: Kit, store: BotStore) -> None:
    shop, pay = errors(place), errors(place, PAY)
    store.mark(action("silence", shop, pay))
    undone = store.undo(action("undo", key="key 2"), 600.0)
    assert undone is not None
    assert set(undone.act.ids) == {shop, pay}
    assert [group(store, each).silenced_until for each in (shop, pay)] == [None, None]
    store.mark(action("quiet", key="key 3"), (PAY, SHOP))
    assert list(store.news(0.0)) == []
    undone = store.undo(action("undo", key="key 4"), 600.0)
    assert undone is not None
    assert (undone.act.verb, set(undone.apps)) == ("quiet", {PAY, SHOP})
    assert {each.id for each in store.news(0.0)} == {shop, pay}


def test_a_message_stands_for_the_kinds_in_it(place: Kit, store: BotStore) -> None:
    """Also one that was not the last, so that somebody can quote what they are looking at."""
    client = Client(place)
    client.log("A")
    client.log("B")
    first = client.deliver().digest.message_id
    a, b = (g.id for kind in "AB" for g in store.groups() if g.type == kind)
    place.advance(3600.0)
    client.log("A")
    second = client.deliver().digest.message_id
    assert {g.id for g in store.groups() if first in g.messages} == {a, b}
    assert {g.id for g in store.groups() if second in g.messages} == {a}
    for _ in range(9):
        place.advance(3600.0)
        client.log("A")
        client.deliver()
    assert len(group(store, a).messages) == 4


def test_the_whole_report_of_a_group(place: Kit, store: BotStore) -> None:
    """Also of what has been told, whose samples no message needs any more."""
    client = Client(place)
    client.log("Timeout", 3, samples=(event("payment 8841 failed"), event("payment 17 failed")))
    client.deliver()
    client.log("Timeout", 2, samples=(event("payment 99 failed"),))
    number = store.groups()[0].id
    told = store.detail(number, False)
    assert told.startswith(f"#{number} · STILL · ×5")
    assert "payment 8841 failed" in told
    assert "payment 99 failed" in told
    assert f"#{number}" in store.detail(number, True)
    assert store.detail("99999", False) == ""


def test_the_whole_report_says_what_the_group_is_by_now(place: Kit, store: BotStore) -> None:
    """One error is not going on because it has been told, and what is over is not either."""
    client = Client(place)
    client.log("Timeout", samples=(event("payment 8841 failed"),))
    client.deliver()
    (group,) = store.groups()
    assert (group.state, store.detail(group.id, False).split(" · ")[1]) == ("open", "NEW")
    place.advance(3600.0)
    (group,) = store.groups()
    assert (group.state, store.detail(group.id, False).split(" · ")[1]) == ("over", "OVER")


def test_the_exception_comes_first_then_context_then_messages(place: Kit, store: BotStore) -> None:
    """With its own code's frames, within what a group shows of an answer."""
    library = [
        {"filename": "site/lib.py", "lineno": n, "name": "f", "library": True} for n in range(20)
    ]
    own = {"filename": "shop.py", "lineno": 8, "name": "RuntimeError", "line": "raise error"}
    cause = {"exc_type": "OSError", "exc_value": "no network", "is_cause": True, "frames": []}
    error = {
        "exc_type": "RuntimeError",
        "exc_value": "gateway: no route",
        "frames": [*library, own],
    }
    client = Client(place)
    client.log("RuntimeError", samples=({
        **event("order 29 not paid"), "exception": [error, cause], "order": 29,
    },))  # fmt: skip
    client.deliver()
    number = store.groups()[0].id
    lines = [line.strip() for line in store.detail(number, False).splitlines() if line.strip()]
    assert lines[0].endswith("gateway: no route: no network · shop.py:8 RuntimeError")
    assert lines[2:7] == [
        "RuntimeError: gateway: no route", "shop.py:8 RuntimeError", "raise error",
        "← OSError: no network", "order = 29",
    ]  # fmt: skip
    assert lines[7] == "Messages seen"
    assert lines.count("order = 29") == 1
    assert store.cause(number) == "RuntimeError: gateway: no route: no network"
    assert store.cause("99999") == ""


def test_a_silence_until_the_next_release(place: Kit, store: BotStore) -> None:
    nameless = errors(place, PAY)
    refused = store.mark(action("silence", nameless, until_release=True))
    assert refused.refused == {nameless: "no release"}
    client = Client(place, release="2.3.1")
    client.log()
    client.deliver()
    number = next(each.id for each in store.groups() if app_of(each) == SHOP)
    act = action("silence", number, until_release=True, key="key 2")
    assert store.mark(act).ids == (number,)
    assert group(store, number).until_release


def test_what_is_not_told_apart_is_a_group_as_well(place: Kit, store: BotStore) -> None:
    """It has a report, and leads nowhere: no card may fail because of it."""
    client = Client(place, max_groups=4)
    for kind in "ABCDEFGH":
        client.log(kind, samples=(event(f"{kind} failed"),))
    client.deliver()
    for each in store.groups():
        assert store.detail(each.id, False).strip()
        assert store.links(each.id, False) == []
    assert len(store.groups()) < 8


def test_links_of_a_group(place: Any) -> None:
    """Those of the option, filled in, and the runbook that came with the error."""
    number = errors(place)
    logs = Link("logs", "https://logs.example/?q={id}&t={type}")
    store = OnCallStore(OnCall("a store", place.open, SHOP), links=(logs,), clock=lambda: START)
    assert store.links(number, False) == [
        Link("logs", f"https://logs.example/?q={number}&t=Timeout")
    ]
    assert store.links("99999", False) == []


def test_quiet(place: Kit, store: BotStore) -> None:
    """There is no news of an app that is quiet."""
    pay, shop = (errors(place, app, "job, which is over when it says so") for app in (PAY, SHOP))
    store.mark(action("quiet"), (PAY,))
    assert [each.id for each in store.news(0.0)] == [shop]
    place.advance(3700.0)
    assert {each.id for each in store.news(0.0)} == {pay, shop}


def test_notes(place: Kit, store: BotStore) -> None:
    store.write("a", "1", 60.0)
    store.write("b", "2")
    assert (store.read("a"), store.read("b"), store.read("c")) == ("1", "2", None)
    place.advance(61.0)
    assert (store.read("a"), store.read("b")) == (None, "2")
    store.erase(["b", "c"])
    assert store.read("b") is None


def test_a_lease_has_one_owner(place: Kit, store: BotStore) -> None:
    assert store.hold("lease", "a", 60.0)
    assert store.hold("lease", "a", 60.0)
    assert not store.hold("lease", "b", 60.0)
    place.advance(61.0)
    assert store.hold("lease", "b", 60.0)
    store.leave("lease", "a")  # is not its to leave
    assert not store.hold("lease", "a", 60.0)
    store.leave("lease", "b")
    assert store.hold("lease", "a", 60.0)
