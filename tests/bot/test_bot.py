"""What the bot answers, and to whom: frames in, frames out, no connection."""

from __future__ import annotations

import re

import pytest

from tests.helpers.bot_chat import GROUP, Phone, pushed
from tests.helpers.bot_store import PAY, SHOP
from wecom_logging._bot.pairing import Pairings, Scope
from wecom_logging._bot.store import App


@pytest.fixture
def phone() -> Phone:
    phone = Phone("zhangsan=张三,lisi=李四").connect().pair()
    phone.store.add("40871", messages=["m-5c1e"], news_at=phone.now)
    place = "orders/tasks.py:31 sync"
    phone.store.add("52210", type="redis.ConnectionError", place=place, count=12)
    return phone


def test_a_silence_says_who_until_when_and_how_to_undo(phone: Phone) -> None:
    said = phone.ask("@报警 静默 40871 2h 上游维护")
    assert said.splitlines() == [
        "张三 静默 #40871 ConnectTimeout，至 05:16（2 小时）",
        "原因：上游维护",
        "期间照常计数，结束时告知。",
        "撤销：10 分钟内发「撤销」，之后发「取消静默 40871」",
    ]
    (act,) = phone.store.acts
    assert (act.ids, act.until, act.who, act.user) == (
        ("40871",), phone.now + 7200, "张三", "zhangsan",
    )  # fmt: skip
    assert phone.lines[-1].startswith("张三 (zhangsan): silence #40871 until 05:16")


def test_the_language_is_that_of_the_question(phone: Phone) -> None:
    assert phone.ask("silence 40871 until 9:00").startswith(
        "张三 silenced #40871 ConnectTimeout until 09:00 (5 h 44 min)"
    )
    english = Phone(chinese=False).connect().pair()
    assert english.ask("40871").startswith("There is no #40871")
    assert english.ask("40871 我来").startswith("没有 #40871")


def test_until_the_next_release(phone: Phone) -> None:
    """It may be a week, so it needs a reason; the store knows releases."""
    assert "请写原因：静默 40871 到下个版本 原因" in phone.ask("静默 40871 到下个版本")
    assert phone.store.acts == []
    said = phone.ask("静默 40871 到下个版本 已修复待发布").splitlines()
    week = "下个版本，最晚 3月11日 03:16"
    assert said[:2] == [
        f"张三 静默 #40871 ConnectTimeout，至 {week}（7 天）", "原因：已修复待发布",
    ]  # fmt: skip
    assert "没写时间" not in "\n".join(said)
    (act,) = phone.store.acts
    assert (act.until_release, act.until) == (True, phone.now + 7 * 86400)
    assert f"静默至 {week}" in phone.ask("未恢复")
    phone.store.add("90001", critical=True)
    phone.ask("silence 90001 until the next release known")
    assert phone.store.acts[1].until == phone.now + 3600


def test_no_time_is_one_hour_and_said(phone: Phone) -> None:
    assert "没写时间，按 1 小时" in phone.ask("静默 40871")
    assert phone.store.all["40871"].silenced_until == phone.now + 3600


@pytest.mark.parametrize(
    "text", ["静默 40871 3d", "静默 40871 25h", "静默 40871 到25点", "静默 40871 0m"]
)
def test_what_cannot_be_is_refused(phone: Phone, text: str) -> None:
    assert "什么也没有做" in phone.ask(text)
    assert phone.store.acts == []


def test_a_silence_without_an_id_never_means_all(phone: Phone) -> None:
    assert phone.ask("静默 2h") == "哪一个？例如：静默 40871 2h 原因"
    assert phone.store.acts == []


def test_one_unknown_id_and_nothing_is_done(phone: Phone) -> None:
    assert "没有 #99999" in phone.ask("静默 40871 99999 2h")
    assert phone.store.acts == []


@pytest.mark.parametrize(
    ("target", "ids"),
    [
        ("gateway.py", {"40871"}),
        ("pay/gateway.py", {"40871"}),
        ("redis.ConnectionError", {"52210"}),
        ("ConnectionError", {"52210"}),
        ("pay", {"40871", "52210"}),
        ("way.py", set()),
        ("Error", set()),
    ],
)
def test_by_place_type_or_app(phone: Phone, target: str, ids: set[str]) -> None:
    phone.ask(f"静默 {target} 1h 上游维护")
    assert {each for act in phone.store.acts for each in act.ids} == ids
    assert all(act.why == "上游维护" for act in phone.store.acts)


@pytest.mark.parametrize(("target", "ids"), [("pay prod", ["40871"]), ("pay", ["40871", "70001"])])
def test_an_app_with_its_environment_is_that_one_alone(target: str, ids: list[str]) -> None:
    phone = Phone().connect().pair()
    phone.store.add("40871")
    phone.store.add("70001", App("pay", "staging"))
    phone.ask(f"静默 {target} 1h 维护")
    (act,) = phone.store.acts
    assert (sorted(act.ids), act.why) == (ids, "维护")
    phone.ask(f"免打扰 {target} 1h")
    environments = {"prod", "staging"} if len(ids) > 1 else {"prod"}
    assert {app.environment for app in phone.store.quiet} == environments


def test_more_than_five_kinds_are_asked_about_first(phone: Phone) -> None:
    for number in range(60000, 60005):
        phone.store.add(str(number))
    assert "将静默 7 类" in phone.ask("静默 pay 2h")
    assert phone.store.acts == []
    assert "没有等待确认" in phone.ask("确认", user="lisi")
    phone.store.add("70000")  # came afterwards: it was not asked about
    assert "张三 静默" in phone.ask("确认")
    assert len(phone.store.acts[0].ids) == 7
    assert "没有等待确认" in phone.ask("确认")


def test_a_yes_comes_in_two_minutes_or_not_at_all(phone: Phone) -> None:
    for number in range(60000, 60005):
        phone.store.add(str(number))
    phone.ask("静默 pay 2h")
    phone.now += 121
    assert "没有等待确认" in phone.ask("确认")
    assert phone.store.acts == []


def test_a_quoted_alert_stands_for_its_ids(phone: Phone) -> None:
    quote = {"msgtype": "markdown", "markdown": {"content": "🔴 pay\n**NEW** X ×3 #40871"}}
    assert "#40871" in phone.ask("静默 2h", quote=quote)
    assert phone.store.acts[0].ids == ("40871",)
    quote = {"msgtype": "text", "text": {"content": "whole report below · m-5c1e"}}
    phone.ask("我来", quote=quote)
    assert phone.store.acts[1].ids == ("40871",)


def test_a_critical_only_by_its_own_id_and_for_an_hour(phone: Phone) -> None:
    phone.store.add("90001", critical=True)
    assert "最多 1 小时：静默 90001 1h" in phone.ask("静默 90001 2h")
    said = phone.ask("静默 pay 1h")
    assert "CRITICAL 不在内：#90001" in said
    assert "90001" not in phone.store.acts[0].ids
    phone.ask("静默 90001 1h")
    assert phone.store.acts[1].ids == ("90001",)


def test_a_shorter_silence_says_what_it_shortens(phone: Phone) -> None:
    phone.ask("静默 40871 5h")
    said = phone.ask("静默 40871 52210 2h").splitlines()
    assert said[0].endswith("至 05:16（2 小时）")
    assert said[1] == "#40871 原来静默至 08:16"
    assert "原来" not in phone.ask("静默 40871 3h")
    assert "#40871 was until 06:16" in phone.ask("silence 40871 1h")


def test_taking_and_handing_over(phone: Phone) -> None:
    assert phone.ask("我来 40871").startswith("张三 接手 #40871 ConnectTimeout")
    assert phone.ask("接手 40871", user="lisi").startswith("李四 从 张三 接手 #40871")
    assert phone.ask("放手 40871", user="lisi").startswith("李四 放手 #40871")


def test_undo_is_ones_own_last_act_of_ten_minutes(phone: Phone) -> None:
    phone.ask("静默 40871 2h")
    assert "没有可撤销" in phone.ask("撤销", user="lisi")
    assert phone.ask("撤销").startswith("张三 撤销了：张三 静默 #40871")
    assert phone.store.all["40871"].silenced_until is None
    phone.ask("静默 40871 2h")
    phone.now += 601
    assert "没有可撤销" in phone.ask("撤销")


def test_a_list_has_fifteen_lines_and_ends_with_the_store(phone: Phone) -> None:
    for number in range(60000, 60030):
        phone.store.add(str(number), count=5)
    phone.ask("静默 40871 2h")
    lines = phone.ask("未恢复").splitlines()
    assert len(lines) == 15
    assert lines[0] == "未恢复 32 类："
    assert lines[1] == (
        "- **#40871** ConnectTimeout **×300** · `pay/gateway.py:41 post` · 03:06 起 · 静默至 05:16"
    )
    assert lines[-3:] == ["另有 21 类", "", "memory of this test · 最后写入 03:15"]


def test_a_store_that_never_saw_an_error_says_so() -> None:
    phone = Phone().connect().pair()
    assert "从未有错误写入" in phone.ask("列表")


def test_a_long_report_goes_on_in_private(phone: Phone) -> None:
    phone.store.details["40871"] = "\n".join(f"line {n}" for n in range(40))
    phone.errcode = None
    (push,) = phone.hear(phone.message("40871"))
    ((chat, rest),) = pushed([push])
    assert (chat, push["body"]["chat_type"]) == ("zhangsan", 1)
    phone.reply(push)
    (answer,) = phone.exchange()  # not before it is true
    assert answer["cmd"] == "aibot_respond_msg"
    first = answer["body"]["markdown"]["content"].splitlines()
    assert len(first) == 15
    assert first[-2] == "其余见单聊。"
    assert "line 39" in rest


def test_a_report_with_a_line_that_would_be_cut_is_a_file(phone: Phone) -> None:
    phone.store.details["40871"] = f"SELECT {'x' * 700}"
    phone.errcode = None
    (upload,) = phone.hear(phone.message("40871"))
    assert upload["cmd"] == "aibot_upload_media_init"
    phone.reply(upload, 45009)
    (first,) = phone.exchange()
    assert len(first["body"]["markdown"]["content"]) < 900


def test_a_report_keeps_its_indentation(phone: Phone) -> None:
    phone.store.details["40871"] = "Traceback\n    pay/gateway.py:41 post\n        raise Timeout"
    lines = phone.ask("40871").splitlines()
    assert lines[1:4] == ["Traceback", "    pay/gateway.py:41 post", "        raise Timeout"]


def test_who_never_wrote_in_private_is_told_to(phone: Phone) -> None:
    phone.store.details["40871"] = "x\n" * 40
    phone.errcode = None
    (push,) = phone.hear(phone.message("40871"))
    phone.reply(push, 93006)
    (answer,) = phone.exchange()
    lines = answer["body"]["markdown"]["content"].splitlines()
    assert len(lines) == 15
    assert lines[-2] == "张三：请先在与我的单聊里发一句话，我才能把全文发给你。"
    assert "其余见单聊。" not in lines


def asked_to_write(phone: Phone) -> Phone:
    """In a group, by an answer whose rest WeCom did not take."""
    phone.connect().pair()
    phone.store.add("40871")
    phone.store.details["40871"] = "x\n" * 40
    phone.errcode = None
    (push,) = phone.hear(phone.message("40871"))
    said = list(phone.lines)
    phone.reply(push, 93006)
    assert phone.lines == said, "it is no fault that somebody has not written yet"
    phone.errcode = 0
    (answer,) = phone.exchange()
    assert answer["cmd"] == "aibot_respond_msg"
    return phone


@pytest.mark.parametrize("users", ["", "zhangsan=张三"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("你好", "从现在起，其余的我可以发到这里。"),
        ("hi", "From now on I can send you the rest here."),
    ],
)
def test_who_was_asked_to_write_in_private_learns_that_it_worked(
    users: str, text: str, said: str
) -> None:
    phone = asked_to_write(Phone(users, chinese=text == "你好"))
    assert phone.ask(text, user="lisi", chat="") != said
    assert phone.ask(text, chat="") == said
    assert phone.ask(text, chat="") != said


def test_who_got_the_rest_was_not_asked() -> None:
    phone = Phone("zhangsan=张三").connect().pair()
    phone.store.add("40871")
    phone.store.details["40871"] = "x\n" * 40
    phone.ask("40871")
    assert phone.ask("静末", chat="").startswith("没有看懂")


def test_a_command_in_private_is_refused_also_to_who_was_asked_to_write() -> None:
    phone = asked_to_write(Phone())
    said = phone.ask("静默 40871 1h", chat="")
    assert said.startswith("单聊里的命令需要设置")
    assert said.endswith("放不下的内容可以发到这里。"), "the rest of what it asked for"
    assert not phone.store.acts


def test_a_report_too_long_for_a_message_is_a_file(phone: Phone) -> None:
    phone.store.details["40871"] = "\n".join(f"line {n} {'x' * 400}" for n in range(1500))
    phone.errcode = None
    (frame,) = phone.hear(phone.message("40871"))
    cmds = [frame["cmd"]]
    body = {"upload_id": "u-1"}
    while frame["cmd"] != "aibot_send_msg":
        phone.reply(frame, 0, **body)
        (frame,) = phone.exchange()
        cmds.append(frame["cmd"])
        body = {"media_id": "m-1"} if cmds[-1].endswith("finish") else {}
    chunk = "aibot_upload_media_chunk"
    assert cmds == [
        "aibot_upload_media_init", chunk, chunk, "aibot_upload_media_finish", "aibot_send_msg",
    ]  # fmt: skip
    assert frame["body"]["file"] == {"media_id": "m-1"}
    assert frame["body"]["chatid"] == "zhangsan"
    phone.reply(frame)
    (answer,) = phone.exchange()
    assert "其余见单聊。" in answer["body"]["markdown"]["content"]


def test_what_was_done_in_private_is_announced(phone: Phone) -> None:
    phone.pair("wrOther", "shop")
    frames = phone.hear(phone.message("静默 40871 2h", chat=""))
    assert pushed(frames) == [
        (GROUP, "张三 静默 #40871 ConnectTimeout，至 05:16（2 小时）（单聊）")
    ]


def test_a_chat_is_no_place_for_paths(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phone.store, "name", lambda: "/srv/state/alerts.db")
    phone.store.add("40871")
    assert phone.ask("未恢复").splitlines()[-1] == "alerts.db · 最后写入 03:15"


def test_quiet_is_of_the_chats_own_apps(phone: Phone) -> None:
    phone.store.add("60001", SHOP)
    phone.pair(GROUP, "pay")
    assert "张三 对 pay prod 开启免打扰，至 03:46" in phone.ask("免打扰 30m")
    assert list(phone.store.quiet) == [PAY]
    assert "结束 pay prod 的免打扰" in phone.ask("取消免打扰")


def test_not_understood_names_three_commands(phone: Phone) -> None:
    said = phone.ask("静末 52210")
    assert said.startswith("没有看懂。你是想：`静默 52210 2h 原因`")
    for unknown in ("静末", "静末 52210?", "静末 1.52210.5"):
        assert "`静默 40871 2h 原因`" in phone.ask(unknown), "an example"
    assert len(re.findall("`", said)) == 6


def test_help_names_every_command(phone: Phone) -> None:
    said = phone.ask("帮助")
    assert all(word in said for word in ("未恢复", "静默", "我来", "免打扰", "撤销", "报告"))
    assert "take 40871" in phone.ask("help")


# Pairing.


def test_pairing() -> None:
    phone = Phone().connect()
    phone.store.add("40871")
    phone.store.add("60001", SHOP)
    assert "wecom-logging bot --pair" in phone.ask("未恢复")
    code = Pairings(phone.store).new_code(Scope(("pay",)), phone.now)
    assert re.fullmatch(r"\d{6}", code)
    assert phone.ask(f"@静默 助手 绑定 {code}") == "已绑定：pay。试试「帮助」。"
    said = phone.ask("@静默 助手 未恢复")
    assert "#40871" in said
    assert "#60001" not in said
    assert "绑定码不对" in phone.ask(f"@静默 助手 绑定 {code}", chat="wrOther")
    code = Pairings(phone.store).new_code(Scope(), phone.now)
    assert phone.ask(f"绑定 {code}").startswith("已绑定：所有应用")


def test_pairing_with_the_printed_line_pasted_behind_the_mention() -> None:
    phone = Phone(chinese=False).connect()
    code = Pairings(phone.store).new_code(Scope(), phone.now)
    assert phone.ask(f"@On-call bot @bot pair {code}").startswith("Paired")
    assert phone.ask("@On-call bot open").startswith("Nothing is open")


def test_a_name_that_has_changed_is_no_riddle() -> None:
    phone = Phone(chinese=False).connect().pair(name="Alerts")
    said = phone.ask("@On-call bot open")
    assert said.endswith("Is this a new name of mine? Then pair again.")
    assert "`open`" not in said
    assert "new name" not in phone.ask("@Alerts opne")


def test_a_code_is_good_for_ten_minutes_and_ten_tries() -> None:
    phone = Phone().connect()
    pairings = Pairings(phone.store)
    code = pairings.new_code(Scope(), phone.now)
    phone.now += 601
    assert "绑定码不对" in phone.ask(f"绑定 {code}")
    code = pairings.new_code(Scope(), phone.now)
    for _ in range(10):
        phone.ask(f"绑定 {(int(code) + 1) % 10**6:06}")
    assert "绑定码不对" in phone.ask(f"绑定 {code}")
    assert pairings.chats() == []


def test_a_pairing_that_cannot_be_read_covers_nothing() -> None:
    phone = Phone().connect()
    phone.store.add("40871")
    phone.store.write("bot chats", f'[{{"id": "{GROUP}", "scope": {{"apps": "pay"}}}}, 7, {{}}]')
    assert "没有未恢复的告警" in phone.ask("未恢复")


def test_the_store_away_is_said(phone: Phone) -> None:
    phone.store.away = True
    assert "暂时连不上存储" in phone.ask("静默 40871 2h")
    assert "the store is away" in phone.lines[-1]


def test_a_store_that_holds_nonsense_ends_nothing(phone: Phone) -> None:
    phone.store.all["40871"] = None  # type: ignore[assignment]  # broken on purpose
    assert "出错了" in phone.ask("未恢复")
    assert "出错了" in phone.ask("静默 40871 2h")
