"""What nobody can do to the bot, and what a night costs it."""

from __future__ import annotations

import gc
import json
import random
import re
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.bot_chat import GROUP, SECRET, Phone, cards, pushed
from tests.helpers.bot_store import SHOP

#: What no answer may hold: mentions, markup, a forged line, what hides or reorders.
HOSTILE = "x\n# head\n> quote <@all> **b** [a](http://evil) `c`\r\n- #99999 ×9 \u202e\u200b\x1b[31m"


@pytest.fixture
def phone() -> Phone:
    phone = Phone("zhangsan=张三").connect().pair()
    phone.store.add("40871")
    return phone


def unchanged(phone: Phone) -> bool:
    return phone.store.acts == []


@pytest.mark.parametrize("text", ["静默 40871 2h", "未恢复", "40871", "帮助", "撤销", "报告"])
def test_a_chat_that_is_not_paired_learns_only_how_to_pair(phone: Phone, text: str) -> None:
    assert phone.ask(text, chat="wrOther").startswith("这个会话还没有绑定")
    assert phone.ask(text, user="mallory", chat="").startswith("这个会话还没有绑定")
    assert unchanged(phone)


@pytest.mark.parametrize("text", ["静默 40871 2h", "未恢复", "40871", "帮助", "绑定 123456"])
def test_who_is_not_named_neither_acts_nor_reads(phone: Phone, text: str) -> None:
    assert phone.ask(text, user="mallory") == "mallory 不在 WECOM_BOT_USERS 名单里，什么也没有做。"
    assert unchanged(phone)


def test_without_a_list_everybody_in_the_chat_and_nobody_in_private() -> None:
    phone = Phone().connect().pair()
    phone.store.add("40871")
    assert phone.ask("静默 40871 1h", "mallory").startswith("mallory 静默 #40871")
    for text in ("静默 40871 1h", "未恢复", "绑定 123456"):
        assert phone.ask(text, "mallory", "").startswith("单聊里的命令需要设置 WECOM_BOT_USERS")
    assert len(phone.store.acts) == 1


def test_an_id_of_another_app_does_not_exist(phone: Phone) -> None:
    phone.store.add("60001", SHOP)
    phone.pair(GROUP, "pay")
    for text in ("静默 60001 1h", "我来 60001", "60001", "取消静默 60001", "静默 shop 1h"):
        assert "没有" in phone.ask(text)
    assert unchanged(phone)


def test_a_message_twice_is_done_once(phone: Phone) -> None:
    frame = phone.message("静默 40871 2h")
    assert len(phone.hear(frame)) == 1
    assert phone.hear(frame) == []
    assert len(phone.store.acts) == 1


def test_a_message_twice_to_two_hosts_is_done_once(phone: Phone) -> None:
    frame = phone.message("我来 40871")
    phone.hear(frame)
    second = Phone.on(phone.store, "zhangsan=张三").connect()
    second.hear(frame)
    assert len(phone.store.acts) == 1


def test_a_message_that_comes_late_changes_nothing(phone: Phone) -> None:
    frame = phone.message("静默 40871 2h")
    phone.now += 61
    assert "来得太晚" in phone.hear(frame)[0]["body"]["markdown"]["content"]
    assert unchanged(phone)


@pytest.mark.parametrize("language", [True, False])
def test_hostile_texts_stay_texts(language: bool) -> None:
    """Reasons, names of people, types, texts, places, stores and chats, in every answer."""
    phone = Phone(f"zhangsan={HOSTILE.replace(',', '')}", chinese=language).connect().pair()
    phone.store.add("40871", type=HOSTILE, text=HOSTILE, place=HOSTILE, news_at=phone.now)
    phone.store.add("52210", type="", text=HOSTILE, taken_by=HOSTILE, taken_at=phone.now)
    phone.store.details["40871"] = HOSTILE
    phone.store.name = lambda: HOSTILE  # type: ignore[method-assign]  # it lies from now on
    said = [
        phone.ask(text)
        for text in (
            "未恢复", "40871", f"静默 40871 2h {HOSTILE}", f"静默 {HOSTILE}", "我来 52210", "撤销",
            f"{HOSTILE}", f"silence 40871 1h {HOSTILE}", "免打扰 30m", f"绑定 {HOSTILE}",
        )
    ]  # fmt: skip
    frames = phone.hear(phone.message(f"静默 40871 1h {HOSTILE}", chat=""))
    said += [text for _, text in pushed(frames)]
    said.append(phone.ask("未恢复", user=HOSTILE.replace("\n", "").replace("\r", "")[:60]))
    for text in said:
        assert not any(sign in text for sign in ("\u202e", "\u200b", "\x1b", "\r"))
        assert "<@" not in text
        assert "](http" not in text
        assert "**b**" not in text
        assert "×9" not in text
        assert text.count("```") in (0, 2)
        lines = re.sub("```.*?```", "", text, flags=re.S).split("\n")
        assert not any(line.startswith(("# ", "> ", "- #99999")) for line in lines)
    assert all("\x1b" not in line and "\n" not in line for line in phone.lines)


def test_ten_thousand_frames_at_once(phone: Phone) -> None:
    """Most are not answered, and what is not answered is not done either."""
    frames = [phone.message(f"静默 40871 {n % 50 + 1}m", chat=GROUP) for n in range(5000)]
    frames += [phone.message("未恢复", f"user{n}", f"wr{n}") for n in range(4000)]
    frames += [phone.click(f"wl-{n}", "silence") for n in range(1000)]
    random.Random(1).shuffle(frames)
    phone.errcode = None
    began = time.thread_time()
    for frame in frames:
        phone.core.receive(frame)
    assert time.thread_time() - began < 20.0
    answered = [json.loads(each) for each in phone.core.outgoing()]
    assert len(answered) <= 90
    in_group = sum(each["body"].get("chatid", GROUP) == GROUP for each in answered)
    assert len(phone.store.acts) <= min(24, in_group)
    assert len(phone.core.session._seen) <= 16384
    phone.errcode = 0
    phone.now += 120
    phone.tick()
    assert "静默" in phone.ask("静默 40871 1h")


def test_too_many_messages_are_said_once_in_a_minute(phone: Phone) -> None:
    phone.tick(3.0)
    said = [phone.ask(f"静默 40871 {n + 1}m") for n in range(40)]
    assert len(phone.store.acts) == 24
    assert said[24] == "消息太多，什么也没有做；一分钟内再发的可能没有答复。"
    assert not any(said[25:])
    told = [line for line in phone.lines if "too many" in line]
    assert told == [f"too many messages from {GROUP}: nothing was done"]
    phone.tick(61.0)
    assert "静默" in phone.ask("静默 40871 1h")


def test_too_many_from_strangers_is_for_the_terminal_alone(phone: Phone) -> None:
    phone.tick(3.0)
    said = [phone.ask("未恢复", f"user{n}", f"wr{n}") for n in range(60)]
    assert not any(said[30:])
    assert [line for line in phone.lines if "too many" in line] == [
        "too many messages from chats that are not paired: nothing was done"
    ]


def test_a_flood_from_other_chats_leaves_room_for_the_paired_one(phone: Phone) -> None:
    phone.tick(3.0)
    for number in range(1000):
        phone.core.receive(phone.message("未恢复", f"user{number}", f"wr{number}"))
    assert len(phone.exchange()) == 30
    assert "静默" in phone.ask("静默 40871 1h")


def test_ten_thousand_things_in_one_frame(phone: Phone) -> None:
    ids = " ".join(str(number) for number in range(20000, 30000))
    began = time.thread_time()
    assert "没有 #20000" in phone.ask(f"静默 {ids}")
    assert time.thread_time() - began < 2.0


def test_the_secret_is_in_nothing_that_is_said(phone: Phone) -> None:
    phone.ask(f"静默 40871 1h {SECRET[:0]}")
    shown = [repr(phone.core.session), repr(vars(phone.core.session)), *phone.lines]
    assert not any(SECRET in each for each in shown)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from([
            "cmd", "headers", "req_id", "body", "errcode", "msgid", "chatid", "chattype", "from",
            "userid", "msgtype", "text", "content", "event", "eventtype", "template_card_event",
            "quote", "create_time", "selected_items", "mixed", "msg_item",
        ]), inner, max_size=6,
    ),
    max_leaves=25,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(cmd=st.sampled_from(["aibot_msg_callback", "aibot_event_callback", "", "x"]), body=_JSON)
def test_no_frame_raises_or_acts(cmd: str, body: Any) -> None:
    phone = Phone().connect().pair()
    phone.store.add("40871")
    phone.hear(json.dumps({"cmd": cmd, "headers": {"req_id": "r"}, "body": body}))
    phone.hear(json.dumps(body))
    assert unchanged(phone)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200), st.text(max_size=200))
def test_no_text_raises_or_acts_without_an_id(text: str, quote: str) -> None:
    phone = Phone().connect().pair()
    phone.store.add("40871")
    phone.ask(text, quote={"msgtype": "text", "text": {"content": quote}})
    assert not [line for line in phone.lines if "unexpected" in line]
    assert not any(act.ids for act in phone.store.acts) or "40871" in text + quote


def test_a_night_of_nothing() -> None:
    """24 hours idle: one connection, one ping in 30 seconds, no more memory."""
    phone = Phone().connect().pair()
    phone.store.add("40871")
    cmds: dict[str, int] = {}

    def hours(number: int) -> None:
        for _ in range(number * 720):
            for frame in phone.tick(5.0):
                cmds[frame["cmd"]] = cmds.get(frame["cmd"], 0) + 1

    hours(1)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    hours(23)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert cmds == {"ping": 24 * 120}
    assert phone.turns[1:] == []
    assert grown < 100_000  # 36 bytes for each ping: less than anything kept of one


def test_a_night_of_messages_and_cards() -> None:
    """What is remembered of them has a bound."""
    phone = Phone().connect().pair()
    for number in range(2000):
        phone.store.all.clear()
        phone.store.add("40871", news_at=phone.now)
        dealt = cards(phone.tick(20.0))
        phone.ask("未恢复", f"user{number}", f"wr{number}")
        if dealt:
            phone.hear(phone.click(dealt[0]["task_id"], "take"))
    bot = phone.core._bot
    assert len(bot._rate_limits._chats) <= 1000
    assert len(phone.core.session._sent) == 0
