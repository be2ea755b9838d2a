"""Who is called: the owner of what broke, and everybody for what nobody has taken."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers.scene import Scene, SceneSender
from tests.worker.test_follow_ups import NOW, digest, report
from wecom_logging import ConfigurationError, WeComHandler
from wecom_logging._model.digest import Holder, Identity
from wecom_logging._stores.marks import Act
from wecom_logging._stores.memory import MemoryStore
from wecom_logging._worker.cooldowns import Cooldowns
from wecom_logging._worker.mentions import GOING_ON, Mentions

OWNERS = {
    "pay/": ("zhangsan",),
    "pay/refund.py": ("wangwu",),
    "orders.*": ("lisi",),
    "celery": ("zhaoliu",),
    "*": ("@all",),
}


@pytest.mark.parametrize(
    ("place", "logger", "names"),
    [
        ("pay/gateway.py post", "shop", ("zhangsan",)),
        ("pay/refund.py back", "shop", ("wangwu",)),
        ("pay/refund.py back", "orders.tasks", ("wangwu",)),
        ("orders/tasks.py sync", "orders.tasks", ("lisi",)),
        ("", "orders", ("lisi",)),
        ("", "orderscheck", ("@all",)),
        ("payments/x.py y", "shop", ("@all",)),
        ("", "celery", ("zhaoliu",)),
        ("", "celery.worker", ("@all",)),
    ],
)
def test_the_owner_is_the_longest_match(place: str, logger: str, names: tuple[str, ...]) -> None:
    identity = Identity("a" * 16, logger, "error", "KeyError", place)
    assert Mentions(OWNERS).owners(identity) == names


def test_nobody_is_called_for_what_nobody_owns() -> None:
    mentions = Mentions({"pay/": ("zhangsan",)})
    assert mentions.called(digest(report()), Cooldowns(MemoryStore(), "shop")) == ()


@pytest.mark.parametrize(("taken", "called"), [(None, True), (False, False), (True, True)])
def test_who_has_it_is_not_called_again_until_that_lapses(taken: bool | None, called: bool) -> None:
    held = None if taken is None else Holder("lisi", NOW, lapsed=taken)
    going_on = report(state="still", news=False, since=NOW - GOING_ON, taken=held)
    mentions = Mentions(("zhangsan",), 40)
    assert bool(mentions.called(digest(going_on), Cooldowns(MemoryStore(), "shop"))) is called


def test_with_owners_an_error_is_worth_a_call() -> None:
    store = Cooldowns(MemoryStore(), "shop")
    assert Mentions(("zhangsan",)).called(digest(report()), store) == ()
    assert Mentions({"*": ("zhangsan",)}).called(digest(report()), store) == ("zhangsan",)


def storm(scene: Scene, minutes: int) -> None:
    for _ in range(minutes):
        scene.run(60.0)
        scene.log("ConnectTimeout", 5, place="pay/gateway.py post")


def called(sender: SceneSender) -> list[tuple[str, tuple[str, ...]]]:
    return [(at, message.mentions) for at, message in sender.told if message.mentions]


SIMPLE = {"pay/": "zhangsan", "orders.*": ["lisi"], "*": "wangwu"}


def test_an_owner_is_called_and_everybody_once_more() -> None:
    """At once, and with the first message after a quarter of an hour."""
    sender = SceneSender()
    scene = Scene(sender, mention=SIMPLE, start="2026-11-27 03:12:00")
    scene.log("ConnectTimeout", place="pay/gateway.py post")
    storm(scene, 90)
    assert called(sender) == [
        ("03:12:01", ("zhangsan",)),
        ("03:33:01", ("zhangsan", "lisi", "wangwu")),
    ]


def test_what_somebody_has_taken_is_not_called_for_again() -> None:
    sender = SceneSender()
    scene = Scene(sender, mention=SIMPLE)
    scene.log("ConnectTimeout", place="pay/gateway.py post")
    scene.run(5.0)
    (group,) = scene.store.groups().groups
    scene.store.mark(Act("take", "k", "张三", "zhangsan", "phone", ids=(group.id,)))
    storm(scene, 180)
    assert called(sender) == [("03:12:01", ("zhangsan",))]
    assert len(sender.told) > 2


def test_a_second_owner_is_called_whatever_the_first_was_called_for() -> None:
    sender = SceneSender()
    scene = Scene(sender, mention=SIMPLE)
    scene.log("ConnectTimeout", place="pay/gateway.py post")
    scene.run(30.0)
    scene.log("KeyError", place="orders/tasks.py sync", logger="orders.tasks")
    scene.log("ReadTimeout", place="pay/gateway.py get")
    scene.run(30.0)
    assert called(sender) == [("03:12:01", ("zhangsan",)), ("03:12:31", ("lisi",))]


def test_in_markdown_a_text_of_its_own_calls() -> None:
    sender = SceneSender()
    scene = Scene(sender, mention=SIMPLE, msgtype="markdown")
    scene.log("ConnectTimeout", place="pay/gateway.py post")
    scene.run(5.0)
    assert [message.msgtype for _, message in sender.told] == ["markdown", "text"]
    at, call = sender.told[1]
    assert (at, call.mentions) == ("03:12:01", ("zhangsan",))
    assert call.content.startswith("🔴 payments prod · ConnectTimeout · 详见上一条消息 (m-")


# -- options ---------------------------------------------------------------------------------

ROBOT: dict[str, Any] = {"webhook_key": "693a91f6-7aaa-4bc4-97a0-0ec2aaaa5aaa"}


@pytest.mark.parametrize(
    "value",
    [
        {"pay/": 7},
        {"pay/": "li si"},
        {"": "lisi"},
        {7: "lisi"},
        {"pay/": []},
        {"pay/": ["lisi", 7]},
    ],
)
def test_owners_that_cannot_be(value: Any) -> None:
    with pytest.raises(ConfigurationError) as refused:
        WeComHandler(**ROBOT, mention=value)
    assert refused.value.option == "mention"


def test_owners_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WECOM_MENTION", '{"pay/": "zhangsan|lisi", "*": ["@all"]}')
    handler = WeComHandler(**ROBOT)
    assert handler._options.mention == {"pay/": ("zhangsan", "lisi"), "*": ("@all",)}
    handler.close()
