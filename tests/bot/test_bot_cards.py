"""Cards: when there is one, what is on it, and what a press does."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.helpers.bot_chat import GROUP, Phone, cards, pushed
from tests.helpers.bot_store import SHOP
from wecom_logging._bot.pairing import Chat, Pairings, Scope
from wecom_logging._bot.store import app_of
from wecom_logging._model.links import Link, MiniProgram


@pytest.fixture
def phone() -> Phone:
    return with_news(Phone("zhangsan=张三,lisi=李四"))


def with_news(phone: Phone) -> Phone:
    phone.connect().pair()
    phone.tick()
    phone.store.add("40871", news_at=phone.now, messages=["m-5c1e"])
    phone.store.add("52210", type="KeyError", text="'x'", count=12, news_at=phone.now)
    return phone


def dealt(phone: Phone) -> dict[str, Any]:
    (card,) = cards(phone.tick(5.0))
    return card


def test_a_card_names_what_is_new(phone: Phone) -> None:
    card = dealt(phone)
    assert card["card_type"] == "button_interaction"
    assert card["source"] == {"desc": "pay prod", "desc_color": 0}
    assert card["main_title"] == {"title": "2 类新错误", "desc": "payment failed"}
    assert card["horizontal_content_list"] == [
        {"keyname": "40871", "value": "ConnectTimeout ×300"},
        {"keyname": "52210", "value": "KeyError ×12"},
    ]
    assert [each["text"] for each in card["button_list"]] == ["我来处理", "静默"]
    options = card["button_selection"]["option_list"]
    assert [each["text"] for each in options] == ["1 小时", "到 09:00", "24 小时"]
    assert re.fullmatch(r"[0-9A-Za-z_@-]{24,128}", card["task_id"])


def test_a_card_about_one_kind_says_what_its_exception_says(phone: Phone) -> None:
    phone.store.causes = {"40871": "ConnectTimeout: gateway\u202e\n" + "x" * 200}
    assert "sub_title_text" not in dealt(phone)  # of two kinds
    phone.tick(300.0)
    phone.store.add("40871", news_at=phone.now)
    card = dealt(phone)
    assert card["main_title"] == {"title": "新错误", "desc": "payment failed"}
    assert card["sub_title_text"].startswith("ConnectTimeout: gateway xx")
    assert len(card["sub_title_text"]) == 112
    frames = phone.hear(phone.click(card["task_id"], "take"))
    assert cards(frames)[0]["sub_title_text"].startswith("张三")


def test_no_two_cards_have_the_same_id(phone: Phone) -> None:
    first = dealt(phone)
    phone.store.add("60000", news_at=phone.now)
    assert cards(phone.tick(300.0))[0]["task_id"] != first["task_id"]


def test_one_card_for_news_and_one_in_five_minutes(phone: Phone) -> None:
    dealt(phone)
    phone.store.add("60000", news_at=phone.now + 1)
    assert [cards(phone.tick(5.0)) for _ in range(58)] == [[]] * 58
    (card,) = [each for _ in range(3) for each in cards(phone.tick(5.0))]
    assert [row["keyname"] for row in card["horizontal_content_list"]] == ["60000"]
    assert [cards(phone.tick(5.0)) for _ in range(200)] == [[]] * 200


def test_a_slow_store_is_asked_seldom(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    """To look for news takes one part in fifty of its time at most."""
    looks: list[float] = []

    def slowly(after: float) -> list[Any]:
        looks.append(phone.now)
        phone.now += 0.2
        return []

    monkeypatch.setattr(phone.store, "news", slowly)
    for _ in range(100):
        phone.tick(0.5)
    assert 4 <= len(looks) <= 6
    assert looks[1] - looks[0] >= 10.0


def test_a_critical_has_its_own_card_of_one_hour(phone: Phone) -> None:
    phone.store.add("90001", critical=True, news_at=phone.now)
    card = dealt(phone)
    assert [row["keyname"] for row in card["horizontal_content_list"]] == ["90001"]
    assert [each["id"] for each in card["button_selection"]["option_list"]] == ["1h"]
    phone.hear(phone.click(card["task_id"], "silence", chosen="24h"))
    assert phone.store.acts[0].until == phone.now + 3600
    (rest,) = cards(phone.tick(300.0))
    assert [row["keyname"] for row in rest["horizontal_content_list"]] == ["40871", "52210"]


@pytest.mark.parametrize(
    ("card_policy", "critical", "number"),
    [("news", False, 1), ("critical", False, 0), ("critical", True, 1), ("off", True, 0)],
)
def test_which_news_get_a_card(card_policy: str, critical: bool, number: int) -> None:
    phone = Phone(card_policy=card_policy).connect().pair()
    phone.store.add("40871", critical=critical, news_at=phone.now)
    assert len(cards(phone.tick(5.0))) == number


@pytest.mark.parametrize("state", ["silenced", "taken", "over", "quiet", "another team's", "old"])
def test_what_gets_none(phone: Phone, state: str) -> None:
    phone.store.all.clear()
    more: dict[str, dict[str, Any]] = {
        "silenced": {"silenced_until": phone.now + 900},
        "taken": {"taken_by": "lisi"},
        "over": {"state": "over"},
        "another team's": {"app": SHOP},
        "old": {"news_at": phone.now - 4000},
    }
    phone.pair(GROUP, "pay")
    phone.store.add("40871", **{"news_at": phone.now, **more.get(state, {})})
    if state == "quiet":
        phone.store.quiet[app_of(phone.store.all["40871"])] = phone.now + 900
    assert cards(phone.tick(5.0)) == []


@pytest.mark.parametrize(
    ("chosen", "until", "shown"),
    [
        ("1h", 3600, "04:16"),
        ("9", 20640, "09:00"),
        ("24h", 86400, "3月5日 03:16"),
        ("x", 3600, "04:16"),
    ],
)
def test_a_press_acts_on_what_the_card_shows(
    phone: Phone, chosen: str, until: float, shown: str
) -> None:
    card = dealt(phone)
    phone.now -= 5.0
    phone.store.add("60000")  # came afterwards
    (update,) = phone.hear(phone.click(card["task_id"], "silence", chosen=chosen))
    (act,) = phone.store.acts
    assert (act.ids, act.until, act.who) == (("40871", "52210"), phone.now + until, "张三")
    assert update["cmd"] == "aibot_respond_update_msg"
    assert "userids" not in update["body"]  # for everybody
    fact = update["body"]["template_card"]
    assert fact["task_id"] == card["task_id"]
    assert fact["sub_title_text"] == f"张三 03:16 静默，原定至 {shown}"
    assert fact["card_action"]["type"] == 1
    assert "button_list" not in fact


def test_taken_by_a_press(phone: Phone) -> None:
    card = dealt(phone)
    (update,) = phone.hear(phone.click(card["task_id"], "take", "lisi"))
    assert update["body"]["template_card"]["sub_title_text"] == "李四 03:16 接手"
    assert phone.store.all["40871"].taken_by == "李四"


def test_the_second_press_sees_the_fact_of_the_first(phone: Phone) -> None:
    card = dealt(phone)
    phone.hear(phone.click(card["task_id"], "take", "lisi"))
    phone.now += 600
    (update,) = phone.hear(phone.click(card["task_id"], "silence"))
    assert update["body"]["template_card"]["sub_title_text"] == "李四 03:16 接手"
    assert len(phone.store.acts) == 1


def test_a_press_on_what_is_over_or_silent_says_so(phone: Phone) -> None:
    first = dealt(phone)
    phone.ask("静默 40871 52210 2h", "lisi")
    (update,) = phone.hear(phone.click(first["task_id"], "silence"))
    assert update["body"]["template_card"]["sub_title_text"] == "03:16 时已被 李四 静默"
    phone.store.add("60000", news_at=phone.now)
    (second,) = cards(phone.tick(300.0))
    phone.store.add("60000", state="over")
    (update,) = phone.hear(phone.click(second["task_id"], "take"))
    assert update["body"]["template_card"]["sub_title_text"] == "03:21 已平息"
    assert len(phone.store.acts) == 1


# What must change nothing.


def test_another_task_id(phone: Phone) -> None:
    dealt(phone)
    assert phone.hear(phone.click("wl-" + "x" * 32, "silence")) == []
    assert phone.hear(phone.click("bot chats", "silence")) == []
    assert phone.store.acts == []


def test_another_key(phone: Phone) -> None:
    card = dealt(phone)
    assert phone.hear(phone.click(card["task_id"], "unsilence")) == []
    assert phone.store.acts == []


def test_from_another_chat(phone: Phone) -> None:
    card = dealt(phone)
    phone.pair("wrOther")
    assert phone.hear(phone.click(card["task_id"], "silence", chat="wrOther")) == []
    assert phone.hear(phone.click(card["task_id"], "silence", chat="wrUnpaired")) == []
    assert phone.store.acts == []


def test_by_somebody_else(phone: Phone) -> None:
    card = dealt(phone)
    ((_, said),) = pushed(phone.hear(phone.click(card["task_id"], "silence", "mallory")))
    assert "mallory 不在 WECOM_BOT_USERS" in said
    assert phone.store.acts == []


def test_twice(phone: Phone) -> None:
    frame = phone.click(dealt(phone)["task_id"], "silence")
    assert len(phone.hear(frame)) == 1
    assert phone.hear(frame) == []
    assert len(phone.store.acts) == 1


def test_late(phone: Phone) -> None:
    card = dealt(phone)
    frame = phone.click(card["task_id"], "silence")
    phone.now += 61
    ((_, said),) = pushed(phone.hear(frame))
    assert "来得太晚" in said
    assert phone.store.acts == []


def test_on_a_group_that_is_no_longer_this_chats_business(phone: Phone) -> None:
    phone.store.add("60001", SHOP, news_at=phone.now)
    card = dealt(phone)
    Pairings(phone.store).add(Chat(GROUP, Scope(("shop",))))
    phone.hear(phone.click(card["task_id"], "silence"))
    assert phone.store.acts[0].ids == ("60001",)


# When the card cannot be changed.


def test_an_update_that_is_not_taken_is_said_in_the_chat(phone: Phone) -> None:
    card = dealt(phone)
    phone.errcode = None
    (update,) = phone.hear(phone.click(card["task_id"], "take"))
    phone.reply(update, 846605)
    ((chat, said),) = pushed(phone.exchange())
    assert (chat, said) == (GROUP, "#40871 #52210 张三 03:16 接手")


def test_stopped_in_the_middle_of_a_press(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was done is said, but not by an update that nobody waits for any more."""
    card = dealt(phone)
    mark = phone.store.mark

    def slowly(act: Any, apps: Any = ()) -> Any:
        done = mark(act, apps)
        phone.now += 60.0
        return done

    monkeypatch.setattr(phone.store, "mark", slowly)
    frames = phone.hear(phone.click(card["task_id"], "take"))
    assert [each["cmd"] for each in frames] == ["aibot_send_msg"]
    assert "张三 03:16 接手" in pushed(frames)[0][1]


def test_the_connection_gone_in_the_middle_of_a_press(phone: Phone) -> None:
    card = dealt(phone)
    phone.errcode = None
    phone.core.receive(phone.click(card["task_id"], "take"))
    phone.core.closed()
    phone.now += 31
    phone.errcode = 0
    phone.core.opened()
    ((_, said),) = pushed(phone.exchange())
    assert "张三 03:16 接手" in said


def test_the_store_away_when_a_button_is_pressed(phone: Phone) -> None:
    card = dealt(phone)
    phone.store.away = True
    ((_, said),) = pushed(phone.hear(phone.click(card["task_id"], "take")))
    assert "暂时连不上存储" in said


def test_links_are_jumps_to_pages_and_mini_programs(phone: Phone) -> None:
    """Also on the card that has been answered; each target once."""
    program = {"appid": "wx1", "pagepath": "pages/a"}
    page = Link("手册", "https://wiki/x")
    phone.store.leads = {"40871": [page, Link("小程序", MiniProgram(**program))], "52210": [page]}
    card = dealt(phone)
    (update,) = phone.hear(phone.click(card["task_id"], "take"))
    assert update["body"]["template_card"]["jump_list"] == card["jump_list"]
    assert card["jump_list"] == [
        {"title": "手册", "type": 1, "url": "https://wiki/x"},
        {"title": "小程序", "type": 2, **program},
    ]
    assert card["card_action"] == {"type": 1, "url": "https://wiki/x"}


def test_a_card_keeps_to_wecoms_sizes() -> None:
    phone = Phone(chinese=False).connect().pair()
    for number in range(40000, 40010):
        phone.store.add(
            str(number), type="a.very.long.module.path.ExceptionWithAName" * 3,
            text="line\nbreak \u202e **bold** <@all>" * 20, news_at=phone.now,
        )  # fmt: skip
    phone.store.leads = {
        "40000": [Link(f"runbook {n}, a long name", f"https://{n}") for n in range(9)]
    }
    (card,) = cards(phone.tick(5.0))
    assert len(card["horizontal_content_list"]) == 6
    assert all(len(row["value"]) <= 26 for row in card["horizontal_content_list"])
    assert card["main_title"] == {"title": "10 new kinds of error", "desc": "4 more kinds"}
    assert len(card["jump_list"]) == 3
    assert all(len(jump["title"]) <= 13 for jump in card["jump_list"])
    phone.hear(phone.click(card["task_id"], "take"))
    assert len(phone.store.acts[0].ids) == 6  # those that it shows


@pytest.mark.parametrize("chinese", [True, False])
@pytest.mark.parametrize("critical", [True, False])
def test_buttons_and_choices_are_not_cut(chinese: bool, critical: bool) -> None:
    phone = Phone(chinese=chinese).connect().pair()
    phone.store.add("40871", critical=critical, news_at=phone.now)
    (card,) = cards(phone.tick(5.0))
    labels = [*card["button_list"], *card["button_selection"]["option_list"]]
    assert not [each["text"] for each in labels if "…" in each["text"] or len(each["text"]) > 10]
