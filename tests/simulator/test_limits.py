"""Budgets of the simulated WeCom: counted per member, per robot, per call and per day."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers.simulator_client import Direct
from wecom_logging.simulator import SimulatorConfig


@pytest.fixture
def wecom() -> Direct:
    return Direct()


def fates(wecom: Direct) -> list[str]:
    return [each.fate for each in wecom.world.inbox.messages()]


def test_a_member_gets_30_a_minute_and_the_rest_is_dropped_in_silence(wecom: Direct) -> None:
    answers = [wecom.text(str(number)) for number in range(31)]
    assert {each["errcode"] for each in answers} == {0}
    assert fates(wecom) == ["delivered"] * 30 + ["dropped"]
    assert wecom.world.inbox.messages()[-1].dropped_for == ("ZhangSan",)
    wecom.clock.advance(60)
    wecom.text("next minute")
    assert fates(wecom)[-1] == "delivered"


def test_each_member_has_a_budget_of_their_own(wecom: Direct) -> None:
    for number in range(30):
        wecom.text(str(number))
    wecom.text("both", touser="ZhangSan|LiSi")
    message = wecom.world.inbox.messages()[-1]
    assert (message.delivered_to, message.dropped_for) == (("LiSi",), ("ZhangSan",))
    assert message.fate == "delivered"


def test_a_member_gets_1000_an_hour(wecom: Direct) -> None:
    for number in range(1001):
        wecom.clock.advance(3)
        wecom.text(str(number))
    assert fates(wecom)[-2:] == ["delivered", "dropped"]
    wecom.clock.advance(3600 - 1000 * 3)
    wecom.text("an hour after the first")
    assert fates(wecom)[-1] == "delivered"


def test_the_excess_can_be_an_error(wecom: Direct) -> None:
    wecom.world.switch(member_limit="45009")
    codes = [wecom.text(str(number))["errcode"] for number in range(31)]
    assert codes == [0] * 30 + [45009]


@pytest.mark.parametrize("errcode", [45009, 45033])
def test_an_application_has_person_times_a_day(errcode: int) -> None:
    wecom = Direct(SimulatorConfig(accounts=1))
    wecom.world.switch(daily_limit_errcode=errcode)
    for number in range(66):
        assert wecom.text(str(number), touser="@all")["errcode"] == 0
    assert wecom.text("199 and 3 more", touser="@all")["errcode"] == errcode
    wecom.clock.advance(24 * 3600)
    assert wecom.text("next day", touser="@all")["errcode"] == 0


def hooks(wecom: Direct, number: int) -> list[int]:
    text: dict[str, Any] = {"content": "hello"}
    return [wecom.hook(msgtype="text", text=text)["errcode"] for _ in range(number)]


@pytest.mark.parametrize("window", ["sliding", "fixed"])
def test_a_robot_takes_20_a_minute_and_then_closes_for_a_minute(wecom: Direct, window: str) -> None:
    wecom.world.switch(robot_window=window)
    assert hooks(wecom, 20) == [0] * 20
    wecom.clock.advance(50)
    assert hooks(wecom, 2) == [45009, 45009]
    wecom.clock.advance(59)
    assert hooks(wecom, 1) == [45009]
    wecom.clock.advance(1)
    assert hooks(wecom, 1) == [0]


@pytest.mark.parametrize(("window", "last"), [("sliding", 45009), ("fixed", 0)])
def test_a_robots_window_slides_unless_switched(wecom: Direct, window: str, last: int) -> None:
    wecom.world.switch(robot_window=window)
    assert hooks(wecom, 1) == [0]
    wecom.clock.advance(59)
    assert hooks(wecom, 19) == [0] * 19
    wecom.clock.advance(2)
    assert hooks(wecom, 2) == [0, last]


def test_refused_messages_cost_a_robot_nothing(wecom: Direct) -> None:
    for _ in range(30):
        assert wecom.hook(msgtype="text", text={"content": ""})["errcode"] == 44004
    assert hooks(wecom, 20) == [0] * 20


def test_every_call_has_a_limit_for_the_corporation(wecom: Direct) -> None:
    token = wecom.token
    query: dict[str, Any] = {"method": "GET", "access_token": token, "agentid": "1000002"}
    for _ in range(10_000):
        wecom.call("agent/get", **query)
    assert wecom.call("agent/get", **query)["errcode"] == 45009
    assert wecom.text()["errcode"] == 0  # another call, and messages do not count
    wecom.clock.advance(60)
    assert wecom.call("agent/get", **query)["errcode"] == 0


def test_debug_is_for_five_calls_a_minute(wecom: Direct) -> None:
    codes = [wecom.gettoken(debug="1")["errcode"] for _ in range(6)]
    assert codes == [0] * 5 + [45009]
    assert wecom.gettoken()["errcode"] == 0


# The duplicate check


def test_the_same_request_is_held_back_within_its_interval(wecom: Direct) -> None:
    first = wecom.text(enable_duplicate_check=1)
    wecom.clock.advance(1799)
    assert wecom.text(enable_duplicate_check=1) == first
    assert fates(wecom) == ["delivered", "duplicate"]
    wecom.clock.advance(1)
    assert wecom.text(enable_duplicate_check=1)["msgid"] != first["msgid"]
    assert fates(wecom) == ["delivered", "duplicate", "delivered"]


@pytest.mark.parametrize(("interval", "seconds"), [(60, 60), (14400, 14400), (99999, 14400)])
def test_the_interval_is_at_most_four_hours(wecom: Direct, interval: int, seconds: int) -> None:
    check: dict[str, Any] = {"enable_duplicate_check": 1, "duplicate_check_interval": interval}
    wecom.text(**check)
    wecom.clock.advance(seconds - 1)
    wecom.text(**check)
    wecom.clock.advance(1)
    wecom.text(**check)
    assert fates(wecom) == ["delivered", "duplicate", "delivered"]


def test_another_byte_is_another_message(wecom: Direct) -> None:
    wecom.text("one", enable_duplicate_check=1)
    wecom.text("two", enable_duplicate_check=1)
    wecom.text("three")
    wecom.text("three")
    assert fates(wecom) == ["delivered"] * 4


def test_a_refused_message_is_no_duplicate_later(wecom: Direct) -> None:
    body: dict[str, Any] = {"touser": "ZhaoLiu", "enable_duplicate_check": 1}
    assert wecom.text(**body)["errcode"] == 81013
    wecom.world.configure(users=("ZhaoLiu",))
    assert wecom.text(**body)["errcode"] == 0
    assert fates(wecom) == ["delivered"]


def test_a_duplicate_can_be_an_error(wecom: Direct) -> None:
    wecom.world.switch(duplicate_errcode=45035)
    codes = [wecom.text(enable_duplicate_check=1)["errcode"] for _ in range(2)]
    assert codes == [0, 45035]


# What is kept


def test_the_inbox_is_bounded_oldest_out_first() -> None:
    wecom = Direct(SimulatorConfig(max_messages=3))
    for number in range(5):
        wecom.text(str(number))
    assert [each.content for each in wecom.world.inbox.messages()] == ["2", "3", "4"]
    assert wecom.world.inbox.delivered == 5


def test_files_are_bounded_oldest_out_first() -> None:
    wecom = Direct(SimulatorConfig(max_file_bytes=2000))
    ids = [wecom.upload(b"x" * 800, str(number))["media_id"] for number in range(3)]
    assert wecom.send(msgtype="file", file={"media_id": ids[0]})["errcode"] == 40007
    assert wecom.send(msgtype="file", file={"media_id": ids[2]})["errcode"] == 0


@pytest.mark.parametrize(
    ("switch", "value"),
    [("nothing", 1), ("truncation", "word"), ("robot_text_limit", 4096), ("same_token", 1)],
)
def test_a_switch_has_names_and_positions(wecom: Direct, switch: str, value: object) -> None:
    with pytest.raises(ValueError, match=switch):
        wecom.world.switch(**{switch: value})
