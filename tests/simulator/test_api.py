"""The simulated WeCom refuses what the real one refuses, in the same order and words."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from tests.helpers.simulator_client import Direct
from wecom_logging.simulator import App, Robot, SimulatorConfig
from wecom_logging.simulator.content import cut
from wecom_logging.simulator.media import Upload
from wecom_logging.simulator.world import parse

MIB = 1024 * 1024
PNG = b"\x89PNG\r\n\x1a\n" + b"picture"
CARD = {
    "card_type": "text_notice",
    "main_title": {"title": "Disk full"},
    "card_action": {"type": 1, "url": "https://example.com"},
}


@pytest.fixture
def wecom() -> Direct:
    return Direct()


# gettoken


@pytest.mark.parametrize(
    ("query", "errcode"),
    [
        ({"corpid": "", "corpsecret": ""}, 41004),
        ({"corpsecret": ""}, 41004),
        ({"corpid": ""}, 41002),
        ({"corpid": "ww0"}, 40013),
        ({"corpid": "ww0", "corpsecret": "wrong"}, 40013),
        ({"corpsecret": "wrong"}, 40001),
        ({}, 0),
    ],
)
def test_gettoken_looks_at_the_secret_then_the_corpid(
    wecom: Direct, query: dict[str, str], errcode: int
) -> None:
    assert wecom.gettoken(**query)["errcode"] == errcode


def test_a_token_lives_as_long_as_it_says(wecom: Direct) -> None:
    answer = wecom.gettoken()
    assert answer["expires_in"] == 7200
    assert len(answer["access_token"]) <= 512
    call = {"method": "GET", "access_token": answer["access_token"], "agentid": "1000002"}
    wecom.clock.advance(7199)
    assert wecom.call("agent/get", **call)["errcode"] == 0
    assert wecom.gettoken()["expires_in"] == 1
    wecom.clock.advance(1)
    assert wecom.call("agent/get", **call)["errcode"] == 42001
    assert wecom.gettoken()["access_token"] != answer["access_token"]


def test_a_token_is_the_same_while_it_is_valid_unless_switched(wecom: Direct) -> None:
    first = wecom.token
    assert wecom.token == first
    wecom.world.switch(same_token=False)
    second = wecom.token
    assert second != first
    call: dict[str, Any] = {"method": "GET", "agentid": "1000002"}
    assert wecom.call("agent/get", access_token=first, **call)["errcode"] == 0
    wecom.world.switch(old_token_survives=False)
    third = wecom.token
    assert wecom.call("agent/get", access_token=second, **call)["errcode"] == 40014
    assert wecom.call("agent/get", access_token=third, **call)["errcode"] == 0


@pytest.mark.parametrize(("switch", "said"), [("normal", 7200), ("missing", None), ("zero", 0)])
def test_expires_in_can_be_odd(wecom: Direct, switch: str, said: int | None) -> None:
    wecom.world.switch(expires_in=switch)
    assert wecom.gettoken().get("expires_in") == said


def test_many_wrong_secrets_ban_the_address_for_an_hour(wecom: Direct) -> None:
    codes = [wecom.gettoken(corpsecret="wrong")["errcode"] for _ in range(21)]
    assert codes == [40001] * 20 + [45009]
    assert wecom.gettoken()["errcode"] == 45009
    assert wecom.gettoken(ip="192.0.2.2")["errcode"] == 0
    wecom.clock.advance(3600)
    assert wecom.gettoken()["errcode"] == 0


@pytest.mark.parametrize("errcode", [40001, 50003])
def test_a_stopped_application_gets_no_token_and_sends_nothing(wecom: Direct, errcode: int) -> None:
    token = wecom.token
    wecom.world.switch(disabled_app_errcode=errcode)
    wecom.world.change_app(disabled=True)
    assert wecom.gettoken()["errcode"] == errcode
    assert wecom.call("message/send", {}, access_token=token)["errcode"] == 50003


# What all calls of applications have in common


@pytest.mark.parametrize("name", ["message/send", "message/recall", "media/upload"])
def test_the_token_is_looked_at_before_any_parameter(wecom: Direct, name: str) -> None:
    assert wecom.call(name, b"no json")["errcode"] == 41001
    assert wecom.call(name, b"no json", access_token="unknown")["errcode"] == 40014
    token = wecom.token
    wecom.clock.advance(7200)
    assert wecom.call(name, b"no json", access_token=token)["errcode"] == 42001


def test_the_token_counts_only_in_the_query(wecom: Direct) -> None:
    assert wecom.call("message/send", {"access_token": wecom.token})["errcode"] == 41001


def test_untrusted_addresses_are_refused_with_the_address(wecom: Direct) -> None:
    wecom.world.change_app(trusted_ips=("192.0.2.9",))
    answer = wecom.text()
    assert answer["errcode"] == 60020
    assert answer["errmsg"].startswith("not allow to access from your ip, hint: [")
    assert "from ip: 192.0.2.1, more info at" in answer["errmsg"]
    wecom.world.configure(client_ip="192.0.2.9")
    assert wecom.text()["errcode"] == 0
    wecom.world.configure(client_ip="198.51.100.4")
    wecom.world.switch(gettoken_checks_ip=True)
    assert wecom.gettoken()["errcode"] == 60020


def test_a_get_where_a_post_belongs_is_40058(wecom: Direct) -> None:
    assert wecom.call("message/send", method="GET", access_token=wecom.token)["errcode"] == 40058


def test_refusals_have_hint_address_and_link() -> None:
    wecom = Direct()
    errmsg = wecom.gettoken(corpsecret="wrong")["errmsg"]
    text, hint, rest = errmsg.split(", ", 2)
    assert text == "invalid credential"
    assert hint.startswith("hint: [1800000000")
    assert len(hint) == len("hint: []") + 25
    assert rest == (
        "from ip: 192.0.2.1, more info at https://open.work.weixin.qq.com/devtool/query?e=40001"
    )
    bare = wecom.call("message/send", access_token="unknown")["errmsg"]
    assert bare == "invalid access_token"


# message/send: envelope


@pytest.mark.parametrize(
    ("fields", "errcode"),
    [
        ({"agentid": None}, 41011),
        ({"agentid": ""}, 41011),
        ({"agentid": 7}, 40056),
        ({"agentid": "seven"}, 40056),
        ({"agentid": True}, 40056),
        ({"agentid": 1000003}, 301002),
        ({"agentid": "1000002"}, 0),
        ({"touser": None}, 82001),
        ({"touser": "", "toparty": "", "totag": ""}, 82001),
        ({"touser": ["ZhangSan"]}, 40031),
        ({"touser": "|".join(f"u{n}" for n in range(1001))}, 40032),
        ({"toparty": "|".join(str(n) for n in range(101))}, 82002),
        ({"totag": "|".join(str(n) for n in range(101))}, 82003),
        ({"toparty": "sales"}, 40066),
        ({"totag": "sales"}, 40068),
        ({"touser": "u" * 65}, 40058),
        ({"touser": "nobody"}, 81013),
        ({"touser": "nobody", "toparty": "99", "totag": "99"}, 81013),
        ({"touser": "@all"}, 0),
        ({"touser": "zhangSAN"}, 0),
        ({"msgtype": None}, 40008),
        ({"msgtype": "telegram"}, 40008),
        ({"msgtype": "markdown_v2", "markdown_v2": {"content": "x"}}, 40008),
    ],
)
def test_message_send_checks_its_envelope(fields: dict[str, Any], errcode: int) -> None:
    wecom = Direct(SimulatorConfig(apps=(App(), App(1000003, secret="another"))))
    body = {"msgtype": "text", "text": {"content": "hello"}, **fields}
    assert wecom.send(**body)["errcode"] == errcode


def test_some_bad_recipients_are_listed_and_the_rest_get_it() -> None:
    wecom = Direct(SimulatorConfig(unlicensed=frozenset({"WangWu"})))
    answer = wecom.text(touser="ZhangSan|Nobody|WangWu", toparty="2|99", totag="7|98")
    assert answer["errcode"] == 0
    assert answer["invaliduser"] == "nobody"
    assert answer["invalidparty"] == "99"
    assert answer["invalidtag"] == "98"
    assert answer["unlicenseduser"] == "wangwu"
    (message,) = wecom.world.inbox.messages()
    assert message.delivered_to == ("ZhangSan", "LiSi")


def test_nobody_left_is_81013_with_the_list(wecom: Direct) -> None:
    answer = wecom.text(touser="Nobody")
    assert answer["errcode"] == 81013
    assert answer["invaliduser"] == "nobody"
    assert not wecom.world.inbox.messages()


def test_who_cannot_see_the_application_is_invalid() -> None:
    wecom = Direct(SimulatorConfig(apps=(App(visible=("LiSi",)),)))
    assert wecom.text(touser="ZhangSan|LiSi")["invaliduser"] == "zhangsan"
    assert wecom.text(touser="@all")["errcode"] == 0
    assert wecom.world.inbox.messages()[-1].delivered_to == ("LiSi",)


def test_empty_lists_of_the_invalid_can_be_there(wecom: Direct) -> None:
    assert "invaliduser" not in wecom.text()
    wecom.world.switch(empty_invalid_fields=True)
    assert wecom.text("again")["invaliduser"] == ""


def test_recipients_as_an_array_can_be_switched_on(wecom: Direct) -> None:
    wecom.world.switch(touser_array="accept")
    assert wecom.text(touser=["ZhangSan", "LiSi"])["errcode"] == 0


@pytest.mark.parametrize(
    "raw",
    [
        b'{"touser":"LiSi","msgtype":"text","agentid":1000002,"text":{"content":"a,}\nb"},}',
        b'\xef\xbb\xbf{"touser":"LiSi","msgtype":"text","agentid":1000002,"text":{"content":"a,}\\nb"}}',
        b'{"touser":"LiSi","msgtype":"text","agentid":1000002,"text":{"content":"a,}\\nb",}} tail',
    ],
)
def test_sloppy_json_is_read_with_a_warning(wecom: Direct, raw: bytes) -> None:
    answer = wecom.send(raw)
    assert (answer["errcode"], answer["errmsg"]) == (0, "ok. Warning: wrong json format. ")
    assert wecom.world.inbox.messages()[0].content == "a,}\nb"


def test_hopeless_json_counts_as_empty_and_says_so(wecom: Direct) -> None:
    answer = wecom.send(b"hello")
    assert answer["errcode"] == 41011
    assert answer["errmsg"].startswith("Warning: wrong json format. missing agentid, hint: [")
    assert parse(b"[" * 100_000) == ({}, False)
    assert parse(b"[1]") == ({}, False)


def test_an_agentid_in_quotes_draws_the_warning(wecom: Direct) -> None:
    assert wecom.text(agentid="1000002")["errmsg"] == "ok. Warning: wrong json format. "
    wecom.world.switch(agentid_warning=False)
    assert wecom.text("2", agentid="1000002")["errmsg"] == "ok"


# message/send: content


def article(**fields: Any) -> dict[str, Any]:
    return {"title": "t", "url": "https://example.com", **fields}


TEXTCARD = {"title": "t", "description": "d", "url": "https://example.com"}


@pytest.mark.parametrize(
    ("msgtype", "payload", "errcode"),
    [
        ("text", {"content": ""}, 44004),
        ("text", {}, 44004),
        ("text", "hello", 44004),
        ("text", {"content": 5}, 40058),
        ("text", {"content": "a\x00b"}, 40033),
        ("text", {"content": "a\ud800b"}, 40033),
        ("text", {"content": "汉" * 5000}, 0),
        ("markdown", {"content": "m" * 2048}, 0),
        ("markdown", {"content": "汉" * 683}, 45002),
        ("file", {}, 41006),
        ("file", {"media_id": "unknown"}, 40007),
        ("file", {"media_id": 5}, 40007),
        ("textcard", TEXTCARD, 0),
        ("textcard", {**TEXTCARD, "title": ""}, 41016),
        ("textcard", {**TEXTCARD, "description": ""}, 41033),
        ("textcard", {**TEXTCARD, "url": ""}, 40094),
        ("textcard", {**TEXTCARD, "url": "example.com"}, 45034),
        ("textcard", {**TEXTCARD, "url": "https://" + "x" * 2048}, 40058),
        ("news", {"articles": [article()]}, 0),
        ("news", {}, 40063),
        ("news", {"articles": [article()] * 9}, 45008),
        ("news", {"articles": [article(title="")]}, 41016),
        ("news", {"articles": [{"title": "t", "appid": "wx", "pagepath": "p"}]}, 0),
        ("news", {"articles": [article(picurl="x.png")]}, 45034),
        ("mpnews", {"articles": [article(thumb_media_id="unknown")]}, 40007),
        ("miniprogram_notice", {"appid": "wx", "title": "t"}, 0),
        ("miniprogram_notice", {"title": "t"}, 40063),
        ("template_card", CARD, 0),
        ("template_card", {**CARD, "card_type": "poster"}, 42031),
        ("template_card", {**CARD, "main_title": {}}, 40058),
        ("template_card", {**CARD, "main_title": {}, "sub_title_text": "s"}, 0),
        ("template_card", {**CARD, "card_action": None}, 42045),
        ("template_card", {**CARD, "card_action": {"type": 1}}, 42028),
        ("template_card", {**CARD, "horizontal_content_list": [{"keyname": "k"}] * 7}, 42035),
        ("template_card", {**CARD, "horizontal_content_list": [{"value": "v"}]}, 42027),
        ("template_card", {**CARD, "jump_list": [{"title": "t"}] * 4}, 42042),
        ("template_card", {**CARD, "jump_list": [{}]}, 40058),
        ("template_card", {**CARD, "jump_list": [{"title": "t", "type": 1}]}, 40058),
        ("template_card", {**CARD, "jump_list": [{"title": "t", "type": 2}]}, 40058),
        ("template_card", {**CARD, "card_action": {"type": 3, "url": "https://x"}}, 42045),
        ("template_card", {**CARD, "card_action": {"type": 2, "pagepath": "a"}}, 42045),
        ("template_card", {**CARD, "card_action": {"type": 2, "appid": "wx1"}}, 0),
        ("template_card", {**CARD, "task_id": "no spaces"}, 42014),
        ("template_card", {**CARD, "action_menu": {"desc": "d"}}, 43012),
        ("template_card", {**CARD, "card_type": "vote_interaction"}, 43012),
        ("template_card", {**CARD, "card_type": "news_notice"}, 40058),
        ("template_card", {**CARD, "card_type": "news_notice", "card_image": {"url": "u"}}, 0),
    ],
)  # fmt: skip
def test_message_send_checks_the_content(
    wecom: Direct, msgtype: str, payload: object, errcode: int
) -> None:
    content: dict[str, Any] = {msgtype: payload}
    answer = wecom.send(msgtype=msgtype, **content)
    assert answer["errcode"] == errcode


def test_buttons_need_a_callback_and_a_task_id() -> None:
    wecom = Direct(SimulatorConfig(apps=(App(callback=True),)))
    buttons: dict[str, Any] = {**CARD, "card_type": "button_interaction"}
    assert wecom.send(msgtype="template_card", template_card=buttons)["errcode"] == 40058
    buttons["button_list"] = [{"text": "OK", "key": "ok"}]
    assert wecom.send(msgtype="template_card", template_card=buttons)["errcode"] == 42014
    buttons["task_id"] = "t-1"
    assert wecom.send(msgtype="template_card", template_card=buttons)["errcode"] == 0


def test_news_cannot_be_safe(wecom: Direct) -> None:
    answer = wecom.send(msgtype="news", news={"articles": [article()]}, safe=1)
    assert answer["errcode"] == 40074


def test_mpnews_has_limits_of_its_own(wecom: Direct) -> None:
    thumb = wecom.upload(PNG, "a.png", type="image")["media_id"]

    def errcode(**fields: Any) -> int:
        item = {"title": "t", "thumb_media_id": thumb, "content": "c", **fields}
        return int(wecom.send(msgtype="mpnews", mpnews={"articles": [item]}, safe=2)["errcode"])

    assert errcode() == 0
    assert errcode(author="a" * 65) == 45032
    assert errcode(content="c" * (666 * 1024 + 1)) == 45002


def test_text_is_cut_at_2048_bytes_between_characters(wecom: Direct) -> None:
    wecom.text("汉" * 1000)
    (message,) = wecom.world.inbox.messages()
    assert message.content == "汉" * 682
    assert (message.bytes, message.limit, message.truncated) == (3000, 2048, True)
    assert cut("汉汉", 4, by_byte=True) == "汉\ufffd"
    wecom.world.switch(over_long_text="45002")
    assert wecom.text("x" * 2049)["errcode"] == 45002


@pytest.mark.parametrize(
    ("switch", "errcode"), [("45002", 45002), ("40058", 40058), ("truncate", 0)]
)
def test_what_becomes_of_over_long_markdown_is_a_switch(
    wecom: Direct, switch: str, errcode: int
) -> None:
    wecom.world.switch(over_long_markdown=switch)
    assert wecom.send(msgtype="markdown", markdown={"content": "x" * 2049})["errcode"] == errcode


def test_text_cards_and_news_are_cut(wecom: Direct) -> None:
    card = {**TEXTCARD, "title": "题" * 60, "btntxt": "一二三四五"}
    wecom.send(msgtype="textcard", textcard=card)
    wecom.world.switch(textcard_unit="characters")
    wecom.send(msgtype="textcard", textcard=card)
    wecom.send(msgtype="news", news={"articles": [article(description="述" * 200)]})
    by_bytes, by_characters, news = wecom.world.inbox.messages()
    assert by_bytes.shown["title"] == "题" * 42
    assert by_bytes.shown["btntxt"] == "一二三四"
    assert by_bytes.truncated
    assert by_characters.shown["title"] == "题" * 60
    assert news.shown["articles"][0]["description"] == "述" * 170


def test_illegal_characters_can_be_let_through(wecom: Direct) -> None:
    wecom.world.switch(illegal_characters="accept")
    assert wecom.text("a\ud800b")["errcode"] == 0
    assert wecom.world.inbox.messages()[0].content == "a?b"


def test_a_request_of_over_a_mebibyte_is_40206(wecom: Direct) -> None:
    assert wecom.text("x" * MIB)["errcode"] == 40206


def test_a_message_can_be_recalled_for_a_day(wecom: Direct) -> None:
    first, second = wecom.text("1")["msgid"], wecom.text("2")["msgid"]

    def recall(msgid: str) -> int:
        return int(
            wecom.call("message/recall", {"msgid": msgid}, access_token=wecom.token)["errcode"]
        )

    assert recall(first) == 0
    assert [each.fate for each in wecom.world.inbox.messages()] == ["recalled", "delivered"]
    assert recall("unknown") == 40058
    wecom.clock.advance(24 * 3600 + 1)
    assert recall(second) == 42052


# Files


@pytest.mark.parametrize(
    ("kind", "data", "errcode"),
    [
        ("file", b"", 44001),
        ("file", b"12345", 40006),
        ("file", b"123456", 0),
        ("file", b"x" * (20 * MIB + 1), 45001),
        ("poster", b"123456", 40005),
        ("image", PNG, 0),
        ("image", b"no picture", 40123),
        ("image", PNG + b"x" * (5 * MIB), 45001),
        ("voice", b"no voice", 40004),
        ("voice", b"#!AMR\nla", 0),
        ("video", b"anything", 0),
        ("video", b"x" * (10 * MIB + 1), 45001),
    ],
)
def test_media_upload_checks_type_size_and_format(
    wecom: Direct, kind: str, data: bytes, errcode: int
) -> None:
    assert wecom.upload(data, type=kind)["errcode"] == errcode


def test_a_file_lives_three_days_for_all_applications_of_the_corporation() -> None:
    wecom = Direct(SimulatorConfig(apps=(App(), App(1000003, secret="another"))))
    answer = wecom.upload(b"the whole traceback", "report.txt")
    assert (answer["type"], answer["created_at"]) == ("file", "1800000000")
    body: dict[str, Any] = {"msgtype": "file", "file": {"media_id": answer["media_id"]}}
    assert wecom.send(**body)["errcode"] == 0
    message = wecom.world.inbox.messages()[0]
    assert message.content == "report.txt"
    assert message.file is not None
    assert message.file.data == b"the whole traceback"
    token = wecom.gettoken(corpsecret="another")["access_token"]
    other = {"touser": "LiSi", "agentid": 1000003, **body}
    assert wecom.call("message/send", other, access_token=token)["errcode"] == 0
    assert wecom.send(msgtype="image", image=body["file"])["errcode"] == 40007
    wecom.clock.advance(3 * 86400)
    assert wecom.send(**body)["errcode"] == 40145


def test_media_get_gives_a_file_back(wecom: Direct) -> None:
    media_id = wecom.upload()["media_id"]
    token = wecom.token

    def errcode(**query: Any) -> int:
        return int(wecom.call("media/get", method="GET", access_token=token, **query)["errcode"])

    assert errcode() == 41006
    assert errcode(media_id="unknown") == 40007
    wecom.clock.advance(3 * 86400)
    token = wecom.token
    assert errcode(media_id=media_id) == 40145


# agent/get


@pytest.mark.parametrize(
    ("agentid", "errcode"),
    [("", 41011), ("7", 40056), ("seven", 40056), ("1000003", 301002), ("1000002", 0)],
)
def test_agent_get_checks_the_agentid(agentid: str, errcode: int) -> None:
    wecom = Direct(SimulatorConfig(apps=(App(), App(1000003, secret="another"))))
    answer = wecom.call("agent/get", method="GET", access_token=wecom.token, agentid=agentid)
    assert answer["errcode"] == errcode


def test_agent_get_tells_name_state_and_visible_range() -> None:
    wecom = Direct(SimulatorConfig(apps=(App(name="On-call", visible=("LiSi",)),)))
    answer = wecom.call("agent/get", method="GET", access_token=wecom.token, agentid="1000002")
    assert (answer["name"], answer["close"]) == ("On-call", 0)
    assert answer["allow_userinfos"] == {"user": [{"userid": "LiSi"}]}
    assert answer["allow_partys"] == {"partyid": []}


# Group robots


def test_the_key_is_looked_at_first(wecom: Direct) -> None:
    queries: list[dict[str, Any]] = [{}, {"key": ""}, {"key": "unknown"}]
    for query in queries:
        answer = wecom.call("webhook/send", b"no json", **query)
        assert answer["errcode"] == 93000
        assert "invalid webhook url, hint: [" in answer["errmsg"]
    wecom.world.change_robot(errcode=93004)
    assert wecom.hook()["errcode"] == 93004
    wecom.world.configure(robots=())
    assert wecom.call("webhook/send", key=Robot().key)["errcode"] == 93000


IMAGE = {"base64": base64.b64encode(PNG).decode(), "md5": hashlib.md5(PNG).hexdigest()}
BIG = PNG + b"x" * (2 * MIB)


@pytest.mark.parametrize(
    ("msgtype", "payload", "errcode"),
    [
        (None, {}, 40008),
        ("textcard", TEXTCARD, 40008),
        ("text", {"content": ""}, 44004),
        ("text", {"content": "x" * 2048}, 0),
        ("text", {"content": "x" * 2049}, 40058),
        ("text", {"content": "x", "mentioned_list": "@all"}, 40058),
        ("markdown", {"content": "x" * 4096}, 0),
        ("markdown", {"content": "汉" * 1366}, 40058),
        ("markdown_v2", {"content": "x" * 4096}, 0),
        ("markdown_v2", {"content": "x" * 4097}, 40058),
        ("image", IMAGE, 0),
        ("image", {**IMAGE, "md5": "0"}, 301019),
        ("image", {**IMAGE, "base64": "?"}, 40058),
        ("image", {}, 44001),
        ("image", {"base64": base64.b64encode(BIG).decode()}, 93018),
        ("news", {"articles": [article()] * 8}, 0),
        ("news", {"articles": [article()] * 9}, 45008),
        ("news", {"articles": [{"title": "t", "appid": "wx"}]}, 40094),
        ("file", {"media_id": "unknown"}, 40007),
        ("template_card", CARD, 0),
        ("template_card", {**CARD, "card_action": None}, 42045),
        ("template_card", {**CARD, "card_type": "button_interaction"}, 42031),
    ],
)
def test_webhook_send_checks_the_content(
    wecom: Direct, msgtype: str | None, payload: dict[str, Any], errcode: int
) -> None:
    assert wecom.hook(msgtype=msgtype, **{str(msgtype): payload})["errcode"] == errcode


def test_a_robot_says_by_how_much_a_message_is_too_long(wecom: Direct) -> None:
    answer = wecom.hook(msgtype="markdown", markdown={"content": "x" * 5000})
    text, _, suffix = answer["errmsg"].partition(", hint: [")
    assert text == "markdown.content exceed max length 4096. invalid Request Parameter"
    assert suffix.endswith("more info at https://open.work.weixin.qq.com/devtool/query?e=40058")


def test_a_robots_text_can_be_longer(wecom: Direct) -> None:
    wecom.world.switch(robot_text_limit=5120)
    assert wecom.hook(msgtype="text", text={"content": "x" * 5120})["errcode"] == 0
    answer = wecom.hook(msgtype="text", text={"content": "x" * 5121})
    assert answer["errmsg"].startswith("text.content exceed max length 5120. ")


def test_a_robot_says_only_ok(wecom: Direct) -> None:
    text = {"content": "look", "mentioned_list": ["LiSi"], "mentioned_mobile_list": ["@all"]}
    assert wecom.hook(msgtype="text", text=text) == {"errcode": 0, "errmsg": "ok"}
    (message,) = wecom.world.inbox.messages()
    assert message.mentions == ("LiSi", "@all")
    assert message.delivered_to == ("On-call",)


def test_a_robots_file_is_its_own() -> None:
    wecom = Direct(SimulatorConfig(robots=(Robot(), Robot("second", "Second"))))
    upload = Upload("a.txt", b"traceback")

    def uploaded(**query: Any) -> dict[str, Any]:
        return wecom.call("webhook/upload_media", upload=upload, **query)

    assert wecom.call("webhook/upload_media")["errcode"] == 44001  # before the key
    assert uploaded(type="file")["errcode"] == 40058
    assert "key" in uploaded(type="file", key="unknown")["errmsg"]
    assert uploaded(type="image", key="second")["errcode"] == 40005
    media_id = uploaded(type="file", key="second")["media_id"]
    body = {"msgtype": "file", "file": {"media_id": media_id}}
    assert wecom.call("webhook/send", body, key="second")["errcode"] == 0
    assert wecom.hook(**body)["errcode"] == 40007
    wecom.clock.advance(3 * 86400)
    assert wecom.call("webhook/send", body, key="second")["errcode"] == 40145
