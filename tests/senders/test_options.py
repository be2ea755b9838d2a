"""What a user may write, and what is said about everything else."""

from __future__ import annotations

import logging.config
import math
from pathlib import Path
from typing import Any

import pytest

from wecom_logging._config import validators
from wecom_logging._senders.application import AppSender
from wecom_logging._senders.robot import WebhookSender
from wecom_logging.errors import ConfigurationError

KEY = "693a91f6-7abc-4bc4-97a0-0ec2a1fa5aaa"
HOOK = f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={KEY}"

GOOD: dict[str, Any] = {
    "corpid": "ww0123456789abcdef",
    "corpsecret": "s3cret-of-the-app",
    "agentid": 1000002,
    "touser": "zhangsan",
}


def app(**changes: Any) -> AppSender:
    return AppSender(**{**GOOD, **changes})


@pytest.mark.parametrize(
    ("value", "base"),
    [
        ("https://qyapi.weixin.qq.com", "https://qyapi.weixin.qq.com"),
        ("https://qyapi.weixin.qq.com/", "https://qyapi.weixin.qq.com"),
        ("https://qyapi.weixin.qq.com/cgi-bin", "https://qyapi.weixin.qq.com"),
        ("https://qyapi.weixin.qq.com/cgi-bin/", "https://qyapi.weixin.qq.com"),
        ("HTTP://Gateway:8080/wecom/cgi-bin/", "http://gateway:8080/wecom"),
        ("http://127.0.0.1:8765", "http://127.0.0.1:8765"),
        ("http://[::1]:8765/a/b", "http://[::1]:8765/a/b"),
        ("http://wecom_sim", "http://wecom_sim"),
    ],
)
def test_api_base(value: str, base: str) -> None:
    assert validators.api_base(value) == base


@pytest.mark.parametrize(
    "value",
    [
        None, 7, b"https://x", "", "qyapi.weixin.qq.com", "ftp://x", "https://", "https:///x",
        "https://user:s3cret@host", "https://host/?key=s3cret", "https://host/#s3cret",
        "https://ho st", "https://host:port", "https://host:99999", "https://host/a b",
        "https://企业.cn", "https://host\n", "https://host//x",
    ],
)  # fmt: skip
def test_api_base_of_another_shape(value: object) -> None:
    with pytest.raises(ConfigurationError, match=r"^api_base: ") as caught:
        app(api_base=value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "base"),
    [
        (KEY, None),
        (HOOK, "https://qyapi.weixin.qq.com"),
        (f"http://127.0.0.1:8765/x/cgi-bin/webhook/send?key={KEY}", "http://127.0.0.1:8765/x"),
    ],
)
def test_webhook(value: str, base: str | None) -> None:
    assert validators.webhook(value) == (KEY, base)


@pytest.mark.parametrize(
    "value",
    [
        None, 7, "", " ", f"{KEY} ", "key with spaces", "k\u00e9y", "a" * 129,
        f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?token={KEY}",
        f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={KEY}&debug=1",
        f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={KEY}#x",
        "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=",
        f"https://qyapi.weixin.qq.com/cgi-bin/webhook/upload_media?key={KEY}",
        f"https://qyapi.weixin.qq.com/?key={KEY}",
        f"qyapi.weixin.qq.com/cgi-bin/webhook/send?key={KEY}",
        f"https://oapi.dingtalk.com/robot/send?access_token={KEY}",
        f"https://u:{KEY}@host/cgi-bin/webhook/send?key={KEY}",
    ],
)  # fmt: skip
def test_webhook_of_another_shape_is_refused_without_showing_it(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^webhook_key: ") as caught:
        WebhookSender(value)
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_whole_url_brings_its_own_base() -> None:
    with WebhookClosing(HOOK.replace("qyapi.weixin.qq.com", "gateway")) as sender:
        assert sender.destination.startswith("robot https://gateway ")
    with pytest.raises(ConfigurationError, match=r"^api_base: "):
        WebhookSender(HOOK, api_base="http://127.0.0.1:8765")
    WebhookSender(HOOK, api_base="https://qyapi.weixin.qq.com/cgi-bin/")


class WebhookClosing(WebhookSender):
    def __enter__(self) -> WebhookSender:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


@pytest.mark.parametrize("value", [None, 7, "", " ", "two words", "s3cret\n", "s3cret=", "é" * 9])
def test_corpsecret_of_another_shape_is_refused_without_showing_it(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^corpsecret: ") as caught:
        app(corpsecret=value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("value", [None, 7, "", "ww 1", "企业"])
def test_corpid_of_another_shape(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^corpid: "):
        app(corpid=value)


@pytest.mark.parametrize("value", [0, 1000002, "1000002", "0"])
def test_agentid(value: int | str) -> None:
    assert validators.agentid(value) == int(value)


@pytest.mark.parametrize("value", [None, True, -1, 1.0, "", "one", "-1", " 1", "1_0", "٣", 10**10])
def test_agentid_of_another_shape(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^agentid: "):
        app(agentid=value)


@pytest.mark.parametrize(
    ("option", "value", "names"),
    [
        ("touser", None, ""),
        ("touser", "", ""),
        ("touser", [], ""),
        ("touser", "a|b", "a|b"),
        ("touser", " a | b | a ", "a|b"),
        ("touser", ["b", "a"], "b|a"),
        ("touser", ("li.si-1_x@corp.cn",), "li.si-1_x@corp.cn"),
        ("touser", {"b", "a"}, "a|b"),
        ("touser", "@all", "@all"),
        ("touser", ["@all"], "@all"),
        ("touser", ["u" * 64] + [f"u{n}" for n in range(999)], None),
        ("toparty", "1|2", "1|2"),
        ("toparty", 7, "7"),
        ("totag", [7, "8"], "7|8"),
        ("totag", [*range(100)], None),
    ],
)
def test_recipients(option: str, value: object, names: str | None) -> None:
    result = validators.recipients(value, option)
    assert names is None or result == names


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("touser", 7, "7 is not a string"),
        ("touser", [True], "True is not a string"),
        ("touser", b"a", "is not a string"),
        ("touser", {"a": 1}, "is not a string"),
        ("touser", "a||b", "empty name"),
        ("touser", "a,b", "'a,b' is not a user id; several are written 'a|b' or as a list"),
        ("touser", "张三", "'张三' is not a user id"),
        ("touser", "u" * 65, "is not a user id"),
        ("touser", "@all|a", "stands alone"),
        ("touser", [f"u{n}" for n in range(1001)], "1001 recipients, WeCom takes 1000"),
        ("toparty", [*range(101)], "101 recipients, WeCom takes 100"),
        ("totag", [*range(101)], "101 recipients, WeCom takes 100"),
        ("totag", "@all", "in touser only"),
        ("totag", "ops", "'ops' is not the number"),
        ("toparty", True, "True is not a string"),
        ("toparty", -1, "'-1' is not the number"),
    ],
)
def test_recipients_of_another_shape(option: str, value: object, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        app(touser=None, **{option: value}) if option != "touser" else app(touser=value)
    assert caught.value.option == option
    assert said in caught.value.rule


def test_one_recipient_is_required_and_all_stands_alone() -> None:
    with pytest.raises(ConfigurationError, match="touser, toparty or totag"):
        app(touser="")
    with pytest.raises(ConfigurationError, match="stands alone"):
        app(touser="@all", totag="7")


@pytest.mark.parametrize(
    ("value", "pair"),
    [
        (5, (5.0, 5.0)),
        (0.5, (0.5, 0.5)),
        ((3, 8), (3.0, 8.0)),
        ([1.5, 2], (1.5, 2.0)),
        ([3], (3.0, 3.0)),
    ],
)
def test_timeout(value: object, pair: tuple[float, float]) -> None:
    assert validators.timeout(value) == pair


@pytest.mark.parametrize(
    "value",
    [None, 0, -1, True, "5", (1, 2, 3), (1, None), (1, 0), [], math.nan, math.inf],
)
def test_timeout_of_another_shape(value: object) -> None:
    with pytest.raises(ConfigurationError, match=r"^timeout: "):
        app(timeout=value)


@pytest.mark.parametrize("value", ["http://u:s3cret@p", 7, {"https": 1}, {1: "s3cret"}, ["s3cret"]])
def test_proxies_of_another_shape_are_refused_without_showing_them(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^proxies: ") as caught:
        app(proxies=value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("value", ["张三", "", ["a b"], [1], {"a": 1}])
def test_mentions_of_another_shape(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^mentions: "):
        validators.people(value or [""])


@pytest.mark.parametrize(
    ("name", "mobile"),
    [("13800138000", True), ("+8613800138000", True), ("+85261234567", True), ("10001", False),
     ("zhangsan", False), ("12345678901", False), ("@all", False)],
)  # fmt: skip
def test_what_is_a_mobile_number(name: str, mobile: bool) -> None:
    assert validators.is_mobile(name) is mobile


def test_the_values_of_dictconfig() -> None:
    """It hands over subclasses of dict, list and tuple of its own."""
    made: list[AppSender] = []

    def make(**given: Any) -> logging.Handler:
        made.append(app(**given))
        return logging.NullHandler()

    logging.config.dictConfig(
        {
            "version": 1,
            "incremental": False,
            "disable_existing_loggers": False,
            "handlers": {
                "h": {
                    "()": make,
                    "touser": ["a", "b"],
                    "totag": (7,),
                    "timeout": (1, 2),
                    "proxies": {"https": "http://p:3128"},
                }
            },
        }
    )
    assert repr(made[0]) == (
        "AppSender('ww0123456789abcdef', '***', 1000002, touser='a|b', totag='7')"
    )


ENVIRON = {
    "WECOM_CORPID": "ww1",
    "WECOM_CORPSECRET": "s3cret",
    "WECOM_AGENTID": "7",
    "WECOM_TOUSER": "a,b",
    "WECOM_TOPARTY": "",
    "WECOM_TOTAG": "8|9",
    "WECOM_API_BASE": "http://127.0.0.1:1/cgi-bin",
    "WECOM_TIMEOUT": "1,2.5",
    "WECOM_PROXIES": '{"https": "http://p:3128"}',
}


def test_an_app_from_the_environment() -> None:
    sender = AppSender.from_env(ENVIRON)
    assert repr(sender) == (
        "AppSender('ww1', '***', 7, touser='a|b', totag='8|9', api_base='http://127.0.0.1:1')"
    )
    assert "s3cret" in sender.secrets()


def test_a_robot_from_the_environment() -> None:
    sender = WebhookSender.from_env({"WECOM_WEBHOOK_KEY": KEY, "WECOM_TIMEOUT": "4"})
    assert KEY in sender.secrets()
    assert repr(sender) == "WebhookSender('***')"


def test_a_sender_of_somebody_takes_its_options_by_name_and_may_say_where_it_goes() -> None:
    class Mine(WebhookSender):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)

        @property
        def destination(self) -> str:
            return f"mine {super().destination}"

    assert Mine.from_env({"WECOM_WEBHOOK_KEY": KEY}).destination.startswith("mine robot ")


@pytest.mark.parametrize("missing", ["WECOM_CORPID", "WECOM_CORPSECRET", "WECOM_AGENTID"])
def test_an_empty_variable_is_no_value(missing: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{missing}: is not set"):
        AppSender.from_env({**ENVIRON, missing: ""})
    with pytest.raises(ConfigurationError, match=r"^WECOM_WEBHOOK_KEY: is not set"):
        WebhookSender.from_env({"WECOM_WEBHOOK_KEY": ""})


@pytest.mark.parametrize(
    ("name", "value"),
    [("TIMEOUT", "soon"), ("PROXIES", "s3cret"), ("PROXIES", "[1]"), ("AGENTID", "x")],
)
def test_a_variable_of_another_shape_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^WECOM_{name}: "):
        AppSender.from_env({**ENVIRON, f"WECOM_{name}": value})


def test_a_secret_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b"\xef\xbb\xbf  from-a-file\r\n")
    environ = {**ENVIRON, "WECOM_CORPSECRET": "", "WECOM_CORPSECRET_FILE": str(file)}
    assert "from-a-file" in AppSender.from_env(environ).secrets()
    with pytest.raises(ConfigurationError, match="give one of them"):
        AppSender.from_env({**environ, "WECOM_CORPSECRET": "s3cret"})


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe", b"two words"])
def test_a_secret_file_that_holds_none(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"^WECOM_WEBHOOK_KEY") as caught:
        WebhookSender.from_env({"WECOM_WEBHOOK_KEY_FILE": str(file)})
    assert "two words" not in str(caught.value)
    assert caught.value.__cause__ is None
