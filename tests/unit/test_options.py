"""Options: what is wrong is refused where it is written, by name, value and rule."""

from __future__ import annotations

import enum
import gc
import io
import json
import logging
import logging.config
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.helpers.support import Finished
from wecom_logging import ConfigurationError, WeComHandler
from wecom_logging._config.defaults import default_app, default_host, default_release
from wecom_logging._config.options import Options, read_options
from wecom_logging.simulator.server import Simulator
from wecom_logging.testing import RecordingSender

KEY = "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa"
SECRET = "top-secret-0123456789"
ROBOT: dict[str, Any] = {"webhook_key": KEY}
APP: dict[str, Any] = {"corpid": "ww1", "corpsecret": SECRET, "agentid": 1000002, "touser": "zhang"}


class Unprintable:
    def __repr__(self) -> str:
        raise ValueError("no repr")


# -- one option that is wrong --------------------------------------------------------------

TEXTS = (1, 1.5, True, b"bytes", ["a"], {"a": "b"}, Unprintable())
DURATIONS = (-1, "5", True, [1], float("nan"), float("inf"), -0.1, 10**400, Unprintable())
SWITCHES = (1, 0, "true", "yes", [True])

WRONG: dict[str, tuple[object, ...]] = {
    "level": ("LOUD", "error", 1.5, ["ERROR"], True, Unprintable()),
    "app": TEXTS,
    "environment": TEXTS,
    "release": TEXTS,
    "host": TEXTS,
    "language": (*TEXTS, "fr", "EN"),
    "store": (*TEXTS, "disk"),
    "sender": ("a string", 5, object(), RecordingSender),
    "enabled": SWITCHES,
    "api_base": (*TEXTS[:4], "example.com", "ftp://h", "http://", "https://u:p@h", "http://h/?a=b"),
    "timeout": (0, -1, "3", True, [1, 2, 3], (1, 0), float("nan"), float("inf"), 10**400),
    "proxies": ("http://p:3128", ["http://p"], {"https": 1}, {1: "http://p"}),
    "timezone": (*TEXTS, "Mars/Base", "../../etc/passwd", "Asia", "UTC\x00", "A/" * 5000),
    "group_wait": DURATIONS,
    "group_interval": DURATIONS,
    "close_timeout": DURATIONS,
    "fallback_after": DURATIONS,
    "quiet_after": (*DURATIONS, 0),
    "forget_after": (*DURATIONS, 0),
    "repeat_intervals": (60, "60", [60, "x"], [300, 60], [0], [-1, 5], [float("nan")], {60: 1}),
    "quiet_hours": (
        22,
        True,
        {"Sat": "Sun"},
        ["22:00-08:00", 8],
        "22-8",
        "Moon 22:00-08:00",
        "22:00-08:00; night",
        "00:00-24:00",
        ["08:00-22:00", "22:00-08:00"],
    ),
    "recovery": (True, "sometimes", ["auto"]),
    "rate_limit": (18, "18/60", [18, 60], [[18]], [[0, 60]], [[1.5, 60]], [[True, 60]], [[18, 0]]),
    "max_groups": (0, -1, 1.5, "100", True),
    "fingerprint": ("shop.errors", 5, ["a"]),
    "processors": (len, "shop.redact", ["shop.redact"], [len, None], {"a": len}),
    "redact": (
        "all",
        1,
        0,
        ["secrets"],
        {"name": ["x"]},
        {"names": "x"},
        {"names": [1]},
        {"patterns": ["("]},
        {"patterns": [""]},
        {"patterns": ["x*"]},
        {"keep": None},
    ),
    "uncaught": SWITCHES,
    "show_source": SWITCHES,
    "msgtype": ("html", True, ["text"], "MARKDOWN"),
}


@pytest.mark.parametrize(
    ("option", "value"),
    [
        pytest.param(option, value, id=f"{option}-{i}")
        for option, values in WRONG.items()
        for i, value in enumerate(values)
    ],
)
def test_a_wrong_value_is_refused_with_option_value_and_rule(option: str, value: object) -> None:
    options: dict[str, Any] = {} if option == "sender" else ROBOT
    with pytest.raises(ConfigurationError) as refused:
        WeComHandler(**{**options, option: value})
    assert refused.value.option == option
    assert str(refused.value).startswith(f"{option}: ")
    assert len(refused.value.rule) > 10
    if isinstance(value, (int, str)) and option not in ("api_base", "proxies", "sender"):
        assert repr(value)[:40] in refused.value.rule
    assert isinstance(refused.value, ValueError)


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("language", "zh"), ("msgtype", "text"), ("recovery", "off"), ("app", "shop"),
        ("environment", "prod"), ("release", "1.2"), ("host", "web-1"), ("store", "memory"),
        ("redact", "secrets"),
    ],
)  # fmt: skip
def test_a_member_of_an_enum_is_its_text(option: str, text: str) -> None:
    mine: Any = enum.Enum
    member = mine("Mine", {"MEMBER": text}, type=str).MEMBER
    value = getattr(read_options({**ROBOT, option: member}, {}), option)
    assert (type(value), value) == (str, text)


@pytest.mark.parametrize("value", [KEY, f"https://host/send?key={KEY}", [KEY], KEY.encode()])
def test_what_is_no_level_may_be_a_key_and_is_not_shown(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="is not a level") as refused:
        WeComHandler(value)
    assert KEY[:8] not in str(refused.value)


WRONG_FALLBACKS: tuple[tuple[dict[str, object], str], ...] = (
    ({"webhook_key": 1}, "webhook_key: is a string, not int"),
    ({"webhook_key": None}, "webhook_key: is a string, not NoneType"),
    ({"webhook_key": f"{KEY} {KEY}"}, "webhook_key: is one word"),
    ({**APP, "corpsecret": 1}, "corpsecret: is a string, not int"),
    ({**APP, "corpid": "w w"}, "corpid: 'w w' is no corp id"),
    ({**ROBOT, "timeout": 0}, "timeout: 0 is neither"),
)


@pytest.mark.parametrize(("fallback", "rule"), WRONG_FALLBACKS)
@pytest.mark.parametrize("enabled", [None, False])
def test_a_wrong_fallback_is_refused_by_the_name_it_was_given_by(
    fallback: dict[str, object], rule: str, enabled: bool | None
) -> None:
    given = {**ROBOT, "enabled": enabled}
    with pytest.raises(ConfigurationError) as refused:
        WeComHandler(**given, fallback=fallback)
    assert str(refused.value).startswith(f"fallback: {rule}")
    with pytest.raises(ConfigurationError) as refused:
        read_options(given, {"WECOM_FALLBACK": json.dumps(fallback)})
    assert str(refused.value).startswith(f"WECOM_FALLBACK: {rule}")
    assert KEY not in str(refused.value)


@pytest.mark.parametrize("name", ["mention_level", "breadcrumb_level"])
@pytest.mark.parametrize("written", ["-5", "1_000", "+5", "5.0"])
def test_a_level_in_the_environment_is_digits_or_a_name(name: str, written: str) -> None:
    with pytest.raises(ConfigurationError, match=f"WECOM_{name.upper()}: .* is not a level"):
        read_options(ROBOT, {f"WECOM_{name.upper()}": written})
    assert getattr(read_options(ROBOT, {f"WECOM_{name.upper()}": "50"}), name) == 50
    assert getattr(read_options(ROBOT, {f"WECOM_{name.upper()}": "ERROR"}), name) == 40


#: Elsewhere: options of issues of their own have tests of their own.
ELSEWHERE = {"show_locals", "link", "links", "attach", "mention", "mention_level"}
ELSEWHERE |= {"fallback", "breadcrumbs", "breadcrumb_level"}
DESTINATION = {"webhook_key", "corpid", "corpsecret", "agentid", "touser", "toparty", "totag"}


def test_no_option_is_forgotten_here() -> None:
    named = set(WeComHandler.__init__.__kwdefaults__ or ()) | {"level"}
    assert named == set(WRONG) | DESTINATION | ELSEWHERE


def test_an_unknown_option_is_pythons_own_error() -> None:
    with pytest.raises(TypeError, match="webhook"):
        WeComHandler(webhook="x")  # type: ignore[call-arg]  # no such option


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("group_intervall", "group_interval"),
        ("url", "webhook_key"),
        ("webhook", "webhook_key"),
        ("webhookkey", "webhook_key"),
        ("corp_id", "corpid"),
        ("to_user", "touser"),
        ("lang", "language"),
        ("ratelimit", "rate_limit"),
    ],
)
def test_an_unknown_option_is_answered_with_the_one_that_is_meant(name: str, option: str) -> None:
    options: dict[str, Any] = {name: "s3cr3t"}
    with pytest.raises(TypeError, match=f"{name!r}: is {option!r} meant") as refused:
        WeComHandler(**options)
    assert "s3cr3t" not in str(refused.value)


def test_an_option_that_is_like_no_other_is_only_named() -> None:
    with pytest.raises(TypeError, match=r"argument 'zzzz'$"):
        WeComHandler(zzzz=1)  # type: ignore[call-arg]  # no such option


def test_a_subclass_has_options_of_its_own() -> None:
    class Mine(WeComHandler):
        def __init__(self, team: str) -> None:
            super().__init__(enabled=False, app=team)
            self.team = team

    assert Mine(team="shop").team == "shop"


@pytest.mark.parametrize(
    ("destination", "limit", "said"),
    [
        ("robot", ((20, 60),), ""),
        ("robot", ((40, 60),), "40 attempts in 60 s, and WeCom takes 20 a minute"),
        ("robot", ((1, 1),), "60 attempts in 60 s"),
        ("robot", ((100, 60), (18, 60)), ""),
        ("application", ((30, 60), (1000, 3600)), ""),
        ("application", ((30, 60),), "1,800 attempts in 3600 s, and WeCom takes 1,000 an hour"),
        ("application", ((31, 60), (900, 3600)), "WeCom takes 30 a minute"),
        ("nowhere", ((4000, 60),), ""),
    ],
)
def test_a_rate_limit_above_wecoms_own_is_said_once(
    destination: str, limit: Any, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    destinations: dict[str, dict[str, Any]] = {
        "robot": ROBOT,
        "application": APP,
        "nowhere": {"sender": RecordingSender()},
    }
    options = destinations[destination]
    for _ in range(2):
        WeComHandler(**options, rate_limit=limit, store="memory").close()
    err = capsys.readouterr().err
    assert said in err
    assert err.count("rate_limit") == bool(said)


# -- the destination -----------------------------------------------------------------------

WRONG_DESTINATIONS: dict[str, tuple[dict[str, object], str]] = {
    "a key with spaces": ({"webhook_key": f"{KEY} {KEY}"}, "webhook_key"),
    "a key with a line feed": ({"webhook_key": KEY + "\n"}, "webhook_key"),
    "a key that is a number": ({"webhook_key": 12345678}, "webhook_key"),
    "a URL of another API": (
        {"webhook_key": f"https://qyapi.weixin.qq.com/cgi-bin/message/send?key={KEY}"},
        "webhook_key",
    ),
    "a URL without a key": (
        {"webhook_key": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send"},
        "webhook_key",
    ),
    "a URL with more than a key": (
        {"webhook_key": f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={KEY}&debug=1"},
        "webhook_key",
    ),
    "a URL of another messenger": (
        {"webhook_key": f"https://oapi.example.com/robot/send?access_token={KEY}"},
        "webhook_key",
    ),
    "a URL beside the base of another host": (
        {
            "webhook_key": f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={KEY}",
            "api_base": "http://127.0.0.1:1",
        },
        "api_base",
    ),
    "no secret": ({**APP, "corpsecret": None}, "corpsecret"),
    "an empty secret": ({**APP, "corpsecret": ""}, "corpsecret"),
    "no corpid": ({**APP, "corpid": None}, "corpid"),
    "no agentid": ({**APP, "agentid": None}, "agentid"),
    "no recipient": ({**APP, "touser": None}, "touser"),
    "only a recipient": ({"touser": "zhangsan"}, "corpid"),
    "an agentid in words": ({**APP, "agentid": "alerts"}, "agentid"),
    "an agentid that is true": ({**APP, "agentid": True}, "agentid"),
    "a negative agentid": ({**APP, "agentid": -1}, "agentid"),
    "a corpid with spaces": ({**APP, "corpid": "w w"}, "corpid"),
    "a secret with spaces": ({**APP, "corpsecret": f"{SECRET} {SECRET}"}, "corpsecret"),
    "a secret that is a list": ({**APP, "corpsecret": [SECRET]}, "corpsecret"),
    "1001 users": ({**APP, "touser": [f"u{i}" for i in range(1001)]}, "touser"),
    "101 parties": ({**APP, "toparty": "|".join(map(str, range(101)))}, "toparty"),
    "101 tags": ({**APP, "totag": [*range(101)]}, "totag"),
    "everybody and somebody": ({**APP, "touser": "@all|zhangsan"}, "touser"),
    "a party with a name": ({**APP, "toparty": "ops"}, "toparty"),
    "recipients that are a mapping": ({**APP, "touser": {"zhangsan": 1}}, "touser"),
    "a robot and an application": ({**APP, **ROBOT}, "corpid"),
    "a sender and a robot": ({**ROBOT, "sender": RecordingSender()}, "webhook_key"),
    "a sender and an application": ({**APP, "sender": RecordingSender()}, "corpid"),
}


@pytest.mark.parametrize("case", WRONG_DESTINATIONS)
def test_a_wrong_destination_is_refused_and_its_secret_never_named(case: str) -> None:
    options, option = WRONG_DESTINATIONS[case]
    with pytest.raises(ConfigurationError) as refused:
        WeComHandler(**options)  # type: ignore[arg-type]  # wrong values are the test
    assert refused.value.option == option
    assert KEY not in str(refused.value)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("options", "sent_to"),
    [
        (APP, {"touser": APP["touser"]}),
        ({**APP, "touser": ["a", "b"]}, {"touser": "a|b"}),
        ({**APP, "touser": "a|b", "totag": [7, "8"]}, {"touser": "a|b", "totag": "7|8"}),
        ({**APP, "touser": None, "toparty": ("1", 2)}, {"toparty": "1|2"}),
        ({**APP, "touser": "@all"}, {"touser": "@all"}),
        (
            {**APP, "touser": [f"u{i}" for i in range(1000)]},
            {"touser": "|".join(f"u{i}" for i in range(1000))},
        ),
    ],
)
def test_recipients_as_people_write_them(options: dict[str, Any], sent_to: object) -> None:
    assert WeComHandler(**options)._components.sender._to == sent_to  # type: ignore[attr-defined]  # wrong values are the test


def test_a_whole_url_brings_its_own_api_base() -> None:
    handler = WeComHandler(webhook_key=f"http://127.0.0.1:9/cgi-bin/webhook/send?key={KEY}")
    assert "http://127.0.0.1:9" in repr(handler)
    assert KEY not in repr(handler)


# -- off -----------------------------------------------------------------------------------


def test_without_a_destination_it_is_off_and_says_so_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, second = WeComHandler(), WeComHandler()
    assert not first.enabled
    assert not second.enabled
    assert capsys.readouterr().err.count("no destination") == 1
    log = logging.Logger("shop")
    log.addHandler(first)
    log.error("nobody hears this")
    assert first.stats().seen == 0
    assert first.flush(0)


@pytest.mark.parametrize("options", [{}, ROBOT, APP, {**APP, "corpsecret": None}])
def test_switched_off_is_off_and_silent_whatever_the_destination(
    options: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert not WeComHandler(enabled=False, **options).enabled
    assert capsys.readouterr().err == ""


def test_switched_off_is_still_checked() -> None:
    with pytest.raises(ConfigurationError, match="group_wait"):
        WeComHandler(enabled=False, group_wait=-1)


def test_switched_on_without_a_destination_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="webhook_key"):
        WeComHandler(enabled=True)


@pytest.mark.parametrize("empty", ["", [], (), {}])
def test_an_empty_value_is_no_value(empty: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert not WeComHandler(webhook_key=empty, touser=empty, environment=empty).enabled
    assert "no destination" in capsys.readouterr().err


# -- the environment -----------------------------------------------------------------------

#: option: (as the variable has it, as the option is then)
VARIABLES: dict[str, tuple[str, object]] = {
    "app": ("shop", "shop"),
    "environment": ("prod", "prod"),
    "release": ("2.3.1", "2.3.1"),
    "host": ("web-7", "web-7"),
    "language": ("zh", "zh"),
    "store": ("memory", "memory"),
    "enabled": ("1", True),
    "rate_limit": ("[[5, 60], [50, 3600]]", ((5, 60.0), (50, 3600.0))),
    "max_groups": ("50", 50),
    "redact": (
        '{"names": ["badge_no"], "patterns": ["EMP-\\\\d{6}"]}',
        {"names": ("badge_no",), "patterns": (r"EMP-\d{6}",)},
    ),
    "uncaught": ("TRUE", True),
    "show_source": ("0", False),
    "msgtype": ("text", "text"),
    "close_timeout": ("2.5", 2.5),
}
POLICY: dict[str, tuple[str, object]] = {
    "group_wait": ("0", 0.0),
    "group_interval": ("30", 30.0),
    "repeat_intervals": ("60, 300,900", (60.0, 300.0, 900.0)),
    "quiet_after": ("60", 60.0),
    "forget_after": ("3600", 3600.0),
    "recovery": ("off", "off"),
}


def from_environment(**variables: str) -> Options:
    return read_options({}, {f"WECOM_{name.upper()}": value for name, value in variables.items()})


@pytest.mark.parametrize("option", VARIABLES)
def test_options_of_the_environment(option: str) -> None:
    written, expected = VARIABLES[option]
    assert getattr(from_environment(**{option: written}), option) == expected


@pytest.mark.parametrize("option", POLICY)
def test_the_schedule_of_the_environment(option: str) -> None:
    written, expected = POLICY[option]
    assert getattr(from_environment(**{option: written}).policy, option) == expected


def test_a_zone_of_the_environment() -> None:
    assert str(from_environment(timezone="Asia/Shanghai").timezone) == "Asia/Shanghai"


@pytest.mark.parametrize(
    ("variable", "written"),
    [
        ("WECOM_GROUP_WAIT", "soon"),
        ("WECOM_GROUP_WAIT", "nan"),
        ("WECOM_RATE_LIMIT", "18/60"),
        ("WECOM_RATE_LIMIT", "[[18]]"),
        ("WECOM_RATE_LIMIT", "[" * 20_000),  # deeper than the interpreter reads
        ("WECOM_REPEAT_INTERVALS", "60;300"),
        ("WECOM_MAX_GROUPS", "many"),
        ("WECOM_ENABLED", "perhaps"),
        ("WECOM_LANGUAGE", "fr"),
        ("WECOM_TIMEZONE", "Mars/Base"),
    ],
)
def test_a_wrong_variable_is_named(variable: str, written: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_options({}, {variable: written})
    assert refused.value.option == variable
    assert written.strip("[]") in refused.value.rule


def test_an_argument_wins_and_the_variable_is_not_even_read() -> None:
    environ = {"WECOM_GROUP_WAIT": "soon", "WECOM_APP": "theirs", "WECOM_WEBHOOK_KEY": "a b"}
    options = read_options({"group_wait": 2, "app": "ours", "webhook_key": KEY}, environ)
    assert (options.policy.group_wait, options.app) == (2.0, "ours")
    assert options.destination["webhook_key"] == KEY


@pytest.mark.parametrize("variable", ["LEVEL", "SENDER", "FINGERPRINT", "PROCESSORS"])
def test_objects_do_not_come_from_the_environment(variable: str) -> None:
    assert read_options({}, {f"WECOM_{variable}": "os.system"}) == read_options({}, {})


def test_an_empty_variable_is_no_value() -> None:
    assert read_options({}, {f"WECOM_{name.upper()}": "" for name in (*VARIABLES, *APP)}).kind == ""


@pytest.mark.parametrize(
    ("environ", "kind"),
    [
        ({"WECOM_WEBHOOK_KEY": KEY}, "robot"),
        ({f"WECOM_{k.upper()}": str(v) for k, v in APP.items()}, "application"),
        ({"WECOM_TOUSER": "zhangsan"}, ""),
        ({"WECOM_API_BASE": "http://127.0.0.1:1"}, ""),
    ],
)
def test_the_destination_of_the_environment(environ: dict[str, str], kind: str) -> None:
    assert read_options({}, environ).kind == kind


def test_both_kinds_in_the_environment_are_an_error_that_names_both() -> None:
    both = {"WECOM_WEBHOOK_KEY": KEY, "WECOM_CORPID": "ww1"}
    with pytest.raises(ConfigurationError) as refused:
        read_options({}, both)
    assert "WECOM_WEBHOOK_KEY" in str(refused.value)
    assert "WECOM_CORPID" in str(refused.value)
    assert KEY not in str(refused.value)


@pytest.mark.parametrize(
    ("argument", "kind"), [({"webhook_key": KEY}, "robot"), ({"corpid": "ww1"}, "application")]
)
def test_an_argument_chooses_the_kind_and_the_environment_completes_it(
    argument: dict[str, str], kind: str
) -> None:
    environ = {f"WECOM_{k.upper()}": str(v) for k, v in {**APP, **ROBOT}.items()}
    options = read_options(argument, environ)
    assert options.kind == kind
    assert "touser" in options.destination or kind == "robot"


def test_recipients_are_one_choice() -> None:
    """A tag in the settings is not sent to the users of the environment as well."""
    environ = {f"WECOM_{k.upper()}": str(v) for k, v in APP.items()}
    assert "touser" not in read_options({"totag": 7}, environ).destination


@pytest.mark.parametrize("kind", ["robot", "app"])
def test_a_secret_in_a_file(
    kind: str, sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in sim.env(kind).items():
        if name in ("WECOM_WEBHOOK_KEY", "WECOM_CORPSECRET"):
            (tmp_path / "secret").write_text(value + "\n")
            name, value = name + "_FILE", str(tmp_path / "secret")
        monkeypatch.setenv(name, value)
    handler = WeComHandler()
    handler.handle(logging.makeLogRecord({"levelno": 40, "msg": "from a file"}))
    assert handler.flush()
    handler.close()
    assert "from a file" in sim.messages[0].content


@pytest.mark.parametrize(
    "content", [pytest.param(None, id="missing"), pytest.param("", id="empty"), "two words"]
)
def test_a_secret_file_that_is_missing_empty_or_wrong(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_text(content)
    arguments = {k: v for k, v in APP.items() if k != "corpsecret"}
    with pytest.raises(ConfigurationError) as refused:
        read_options(arguments, {"WECOM_CORPSECRET_FILE": str(path)})
    assert refused.value.option == "WECOM_CORPSECRET_FILE"


def test_a_secret_twice_is_an_error() -> None:
    environ = {"WECOM_WEBHOOK_KEY": KEY, "WECOM_WEBHOOK_KEY_FILE": "/run/secrets/key"}
    with pytest.raises(ConfigurationError) as refused:
        read_options({}, environ)
    assert "WECOM_WEBHOOK_KEY_FILE" in str(refused.value)
    assert KEY not in str(refused.value)


# -- dictConfig ----------------------------------------------------------------------------


def configure(**options: object) -> WeComHandler:
    """A handler by way of dictConfig and JSON, as a settings file has it."""
    handlers = {"wecom": {"class": "wecom_logging.WeComHandler", **options}}
    config = json.loads(json.dumps({"version": 1, "handlers": handlers}))
    config["root"] = {"handlers": ["wecom"]}
    config["disable_existing_loggers"] = False
    logging.config.dictConfig(config)
    return next(h for h in logging.getLogger().handlers if isinstance(h, WeComHandler))


def drop_everything(logger: object, method: str, event: dict[str, Any]) -> dict[str, Any]:
    return event


def test_every_kind_of_value_through_dictconfig(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("shop_settings")
    module.drop_everything = drop_everything  # type: ignore[attr-defined]  # made up at run time
    monkeypatch.setitem(sys.modules, "shop_settings", module)
    options = configure(
        **{**APP, "touser": ["a", "b"]},
        level="CRITICAL",
        processors=["ext://shop_settings.drop_everything"],
        fingerprint="ext://shop_settings.drop_everything",
        rate_limit=[[5, 60], [50, 3600]],
        repeat_intervals=[1, 2],
        timeout=[1, 2],
        proxies={"https": "http://127.0.0.1:9"},
        enabled=True,
    )._options
    assert options.processors == (drop_everything,)
    assert options.fingerprint is drop_everything
    assert options.rate_limit == ((5, 60.0), (50, 3600.0))
    assert options.policy.repeat_intervals == (1.0, 2.0)


@pytest.mark.parametrize(
    "options",
    [{**ROBOT, "group_wait": -1}, {"webhook_key": "a b"}, {"corpid": "ww1"}, {"enabled": True}],
)
def test_through_dictconfig_our_error_is_the_cause(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="wecom") as refused:
        configure(**options)
    assert isinstance(refused.value.__cause__, ConfigurationError)


def test_through_dictconfig_an_unknown_option_is_a_type_error() -> None:
    with pytest.raises(ValueError, match="wecom") as refused:
        configure(**ROBOT, colour="red")
    assert isinstance(refused.value.__cause__, TypeError)


def test_a_handler_that_was_refused_is_not_called_at_exit(
    sim: Simulator, run_program: Callable[..., Finished]
) -> None:
    done = run_program("logging.config.dictConfig(LOGGING)", sim, group_wait=-1)
    assert done.returncode == 1
    assert "group_wait: -1 is not" in done.err
    assert done.err.rstrip().endswith("Unable to configure handler 'wecom'"), "nothing after it"


def test_a_handler_that_was_refused_leaves_nothing_behind() -> None:
    def handlers() -> int:
        gc.collect()
        return sum(isinstance(each, WeComHandler) for each in gc.get_objects())

    before = handlers()
    for options in (
        {**ROBOT, "group_wait": -1},
        {**ROBOT, "level": "LOUD"},
        {**APP, "msgtype": "markdown_v2"},
    ):
        with pytest.raises(ConfigurationError):
            WeComHandler(**options)
    assert handlers() == before


# -- plain http ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ("http://wecom.internal.example:8080", True),
        ("http://10.0.0.5/cgi-bin", True),
        ("https://wecom.internal.example", False),
        ("http://127.0.0.1:8765", False),
        ("http://localhost:8765", False),
        ("http://[::1]:8765", False),
    ],
)
def test_plain_http_is_said_once_unless_it_stays_on_this_host(
    base: str, said: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        WeComHandler(**ROBOT, api_base=base)
    err = capsys.readouterr().err
    assert err.count("plain http") == said
    assert KEY not in err


def test_a_program_without_stderr_is_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    for stderr in (None, closed):
        monkeypatch.setattr(sys, "stderr", stderr)
        assert not WeComHandler().enabled


# -- defaults of the surroundings ----------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "program", "expected"),
    [
        ({"OTEL_SERVICE_NAME": "payments", "DJANGO_SETTINGS_MODULE": "x.y"}, "a.py", "payments"),
        ({"DJANGO_SETTINGS_MODULE": "mysite.settings"}, "manage.py", "mysite"),
        ({}, "/srv/bin/import_orders.py", "import_orders"),
        ({}, "/usr/bin/gunicorn", "shop-directory"),
        ({}, "mod_wsgi", "shop-directory"),
        ({}, "/usr/lib/python3.11/site-packages/celery/__main__.py", "shop-directory"),
        ({}, "-c", "shop-directory"),
        ({}, "", "shop-directory"),
        ({"DJANGO_SETTINGS_MODULE": "config.settings"}, "manage.py", "shop-directory"),
        ({}, "/srv/shop/app.py", "shop-directory"),
    ],
)
def test_the_name_of_the_program(
    environ: dict[str, str],
    program: str,
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "shop-directory").mkdir()
    monkeypatch.chdir(tmp_path / "shop-directory")
    monkeypatch.setattr(sys, "argv", [program])
    assert default_app(environ) == expected


def test_a_server_in_the_root_directory_is_better_than_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir("/")
    monkeypatch.setattr(sys, "argv", ["mod_wsgi"])
    assert default_app({}) == "mod_wsgi"
    monkeypatch.setattr(sys, "argv", ["-c"])
    assert default_app({}) == "python"


def test_a_directory_whose_name_says_nothing_is_not_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "payments" / "src" / "backend"
    directory.mkdir(parents=True)
    monkeypatch.chdir(directory)
    assert default_app({"DJANGO_SETTINGS_MODULE": "core.settings"}) == "payments"


@pytest.mark.parametrize(
    ("directory", "package", "expected"),
    [
        ("/srv/shop/Backend", "Config.settings", "shop"),
        ("/usr/src/shop/app", "config.settings", "shop"),
        # Where no name says anything, the package says at least as much as `usr`.
        ("/usr/src/app", "config.settings", "config"),
        ("/opt/app", "core.settings", "core"),
        ("/app", "config.settings", "config"),
    ],
)
def test_what_every_system_has_is_not_the_name(
    directory: str, package: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.getcwd", lambda: directory)
    assert default_app({"DJANGO_SETTINGS_MODULE": package}) == expected


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, ""),
        ({"SENTRY_RELEASE": "shop@2.3.1", "GIT_SHA": "0b1e5d2"}, "shop@2.3.1"),
        ({"GIT_SHA": "0b1e5d2"}, "0b1e5d2"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=shop,service.version=2.3%2C1"}, "2.3,1"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=shop"}, ""),
    ],
)
def test_the_release_that_somebody_else_has_named(environ: dict[str, str], expected: str) -> None:
    assert default_release(environ) == expected
    assert read_options({}, environ).release == expected


@pytest.mark.parametrize(
    ("environ", "hostname", "expected"),
    [
        ({}, "web-3.example.com", "web-3"),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "shop-5d9c7b8f6d-x2x4q", "x2x4q"),
        ({}, "", "localhost"),
    ],
)
def test_the_name_of_the_host(
    environ: dict[str, str], hostname: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: hostname)
    assert default_host(environ) == expected
