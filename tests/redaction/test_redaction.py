"""Redaction of events: by key, at any depth, with our own secrets in any form."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import OrderedDict, namedtuple
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wecom_logging import redaction
from wecom_logging._model.text import strip_hidden
from wecom_logging.redaction import patterns, redact_text, redact_value, redactor, with_findings
from wecom_logging.redaction.findings import Findings
from wecom_logging.redaction.keys import EVERYTHING

FAKE = "Zq9-fake"

SECRET_NAMES = {
    "password": "password", "PASSWORD": "password", "passwd": "password", "pwd": "password",
    "db_password": "password", "dbPassword": "password", "DBPassword": "password",
    "mail-password": "password", "userpassword": "password", "password1": "password",
    "new_password_hash": "password", "passphrase": "password", "SMTP_PASS": "password",
    "password_": "password", "client_secret": "secret", "corpsecret": "secret",
    "AppSecret": "secret", "SECRET_KEY": "secret key", "SECRET_KEY_FALLBACKS": "secret",
    "token": "token", "access_token": "token", "accessToken": "token", "csrfmiddlewaretoken":
    "token", "X-Auth-Token": "token", "api_key": "api key", "apiKey": "api key", "X-Api-Key":
    "api key", "APIKEY": "api key", "access_key": "access key", "aws_secret_access_key":
    "access key", "private_key": "private key", "Authorization": "authorization",
    "HTTP_AUTHORIZATION": "authorization", "Proxy-Authorization": "authorization",
    "Cookie": "cookie", "Set-Cookie": "cookie", "cookies": "cookie", "sessionid": "session id",
    "session_id": "session id", "JSESSIONID": "session id", "credentials": "credential",
    "encodingAESKey": "secret key", "signing_key": "secret key", "jwt": "token", "cvv": "card code",
    "密码": "password", "登录密码": "password", "口令": "password", "密钥": "secret key",
    "令牌": "token", b"cookie": "cookie",
}  # fmt: skip

INNOCENT_NAMES = [
    "token_count", "max_tokens", "total_tokens", "max_token", "token_type",
    "token_expires_at", "author", "authority", "keyboard", "passenger", "secretary",
    "monkey", "key", "keys", "cache_key", "primary_key", "foreign_key", "public_key",
    "compass", "password_min_length", "passwordReset", "password_url", "secret_name",
    "cookie_name", "session", "code", "status_code", "event", "level", "logger",
    "timestamp", "pathname", "module", "func_name", "lineno", "process", "thread_name",
    "exception", "stack", "request_id", "tokenizer", "hash", "user", "username", "密码错误", "",
    "_", 3, None,
]  # fmt: skip


@pytest.mark.parametrize(("name", "label"), SECRET_NAMES.items(), ids=map(str, SECRET_NAMES))
def test_a_name_says_that_its_value_is_secret(name: str | bytes, label: str) -> None:
    assert redact_value({name: FAKE})[name if isinstance(name, str) else name.decode()] == (
        f"[redacted: {label}]"
    )


@pytest.mark.parametrize("name", INNOCENT_NAMES)
def test_other_names_say_nothing(name: object) -> None:
    assert redact_value("plain", name) == "plain"


@pytest.mark.parametrize(
    "value", [["a", FAKE], {"x": {"y": FAKE}}, (FAKE,), FAKE.encode(), 12345, 1.5]
)
def test_all_of_a_secret_is_masked(value: object) -> None:
    assert redact_value({"password": value}) == {"password": "[redacted: password]"}


@pytest.mark.parametrize("value", [None, "", True, False])
def test_that_a_secret_is_missing_is_worth_knowing(value: object) -> None:
    assert redact_value(value, "password") is value


def test_nested_data_keep_their_shape() -> None:
    Point = namedtuple("Point", "x y")
    value: dict[str, Any] = {
        "list": [1, {"pwd": FAKE}], "tuple": (None, f"token={FAKE}"), "float": 1.5, "yes": True,
        "named": Point(1, "a"), "ordered": OrderedDict(api_key=FAKE), "set": {1},
    }  # fmt: skip
    assert redact_value(value) == {
        "list": [1, {"pwd": "[redacted: password]"}],
        "tuple": (None, "token=[redacted: token]"),
        "float": 1.5,
        "yes": True,
        "named": (1, "a"),
        "ordered": {"api_key": "[redacted: api key]"},
        "set": [1],
    }
    assert value["list"][1]["pwd"] == FAKE, "the original is not touched"


def test_lists_of_headers_and_arguments() -> None:
    assert redact_value([["Cookie", FAKE], ("Host", "x"), (b"x-api-key", FAKE.encode())]) == [
        ["Cookie", "[redacted: cookie]"],
        ("Host", "x"),
        ("x-api-key", "[redacted: api key]"),
    ]
    assert redact_value([{"name": "Authorization", "value": FAKE}]) == [
        {"name": "Authorization", "value": "[redacted: authorization]"}
    ]
    assert redact_value(["deploy", "--password", FAKE, "--host", "db"]) == [
        "deploy", "--password", "[redacted: password]", "--host", "db",
    ]  # fmt: skip


def test_a_key_that_is_itself_a_secret() -> None:
    assert list(redact_value({f"GET /?pwd={FAKE}&x=1": 1})) == [
        "GET /?pwd=[redacted: password]&x=1"
    ]


class Awkward:
    def __repr__(self) -> str:
        raise RuntimeError(FAKE)


class Talkative:
    def __repr__(self) -> str:
        return f"Talkative(password='{FAKE}')"


def test_other_objects_become_text() -> None:
    assert redact_value(Talkative()) == "Talkative(password='[redacted: password]')"
    assert redact_value(Awkward()) == "<Awkward>"
    assert redact_value(b"pwd=" + FAKE.encode() + b"\xff") == "pwd=[redacted: password]"


def test_data_that_hold_themselves_and_endless_depth() -> None:
    loop: dict[str, object] = {"password": FAKE}
    loop["self"] = loop
    assert redact_value(loop) == {"password": "[redacted: password]", "self": "…"}
    deep: object = f"password={FAKE}"
    for _ in range(2000):
        deep = [deep]
    assert FAKE not in str(redact_value(deep))
    twice = ["a"]
    assert redact_value([twice, twice]) == [["a"], ["a"]]


def test_personal_data_by_key_and_as_numbers() -> None:
    value = {
        "phone": 13800138000,
        "id_card": "11010519491231002X",
        "n": 13800138000,
        "email": "bob@x.com",
    }
    assert redact_value(value) == {
        "phone": "138****8000",
        "id_card": "110***********002X",
        "n": "138****8000",
        "email": "b***@x.com",
    }
    assert redact_value(value, personal_data=False) == value


OWN = 'own/secret+with "quotes" & 字'


@pytest.mark.parametrize("mode", [True, "secrets", False])
@pytest.mark.parametrize(
    "form",
    [OWN, quote(OWN), quote(OWN, safe=""), quote_plus(OWN), quote(OWN, safe="").lower(),
     json.dumps(OWN), json.dumps(OWN, ensure_ascii=False), repr(OWN)],
)  # fmt: skip
def test_our_own_secrets_go_in_every_mode_and_form(mode: Any, form: str) -> None:
    redact = redactor(mode, [OWN, "other"])
    event = redact(None, "error", {"event": f"x {form} y", "extra": [{form: form}], "n": 1})
    text = json.dumps(event, ensure_ascii=False)
    assert "own" not in text
    assert "quotes" not in text
    assert "[redacted: wecom secret]" in event["event"]


def test_a_part_of_our_own_secret_goes_too() -> None:
    redact = redactor(False, lambda: ["0123456789abcdefghij"])
    assert (
        redact(None, "", {"event": "key=0123456789abcde"})["event"]
        == "key=[redacted: wecom secret]"
    )


def test_our_own_secrets_are_asked_for_at_every_event() -> None:
    secrets = ["first-token"]
    redact = redactor(False, lambda: secrets)
    assert "first" not in redact(None, "", {"event": "first-token"})["event"]
    secrets[:] = ["second-token"]
    assert redact(None, "", {"event": "first-token"})["event"] == "first-token"
    assert "second" not in redact(None, "", {"event": "second-token"})["event"]


@pytest.mark.parametrize("secrets", [[], ["", "a"]])
def test_no_secret_tears_a_text_apart(secrets: list[str]) -> None:
    assert redactor(False, secrets)(None, "", {"event": "a banana"}) == {"event": "a banana"}


def test_the_modes() -> None:
    event = {"event": f"13800138000 password={FAKE}", "phone": "13800138000", "pwd": FAKE}
    assert redactor(True, ())(None, "", dict(event)) == {
        "event": "138****8000 password=[redacted: password]",
        "phone": "138****8000",
        "pwd": "[redacted: password]",
    }
    assert redactor("secrets", ())(None, "", dict(event)) == {
        "event": "13800138000 password=[redacted: password]",
        "phone": "13800138000",
        "pwd": "[redacted: password]",
    }
    assert redactor(False, ())(None, "", dict(event)) == event


def event_with(secret: str) -> dict[str, object]:
    """An event with one secret in every place where one can be."""
    text = f"failed: password={secret}"
    frame = {
        "filename": "pay.py", "lineno": 3, "name": "post", "line": f"    password = '{secret}'",
        "locals": {"password": repr(secret), "body": repr({"token": secret}), "n": "3"},
    }  # fmt: skip
    return {
        "event": text,
        "level": "error",
        "logger": "pay",
        "lineno": 3,
        "exception": [
            {"exc_type": "ValueError", "exc_value": text, "exc_notes": [text], "frames": [frame]}
        ],
        "stack": f'  File "pay.py", line 3\n    login(password="{secret}")',
        "breadcrumbs": [{"message": f"GET https://x/?access_token={secret}&y=1"}],
        "headers": {"Authorization": f"Bearer {secret}"},
        "body": f'{{"pwd": "{secret}"}}',
        "order": {"items": [({"private_key": secret},)]},
        "dsn": f"postgres://bob:{secret}@db/shop",
        "SECRET_KEY": secret,
    }  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(secret=st.text("aB3!$^*_+-.~", min_size=6, max_size=20).map("Zq9".__add__))
def test_no_place_of_an_event_keeps_a_secret(secret: str) -> None:
    redact = redactor(True, ())
    event = redact(None, "error", event_with(secret))
    assert "Zq9" not in json.dumps(event)
    assert event["level"] == "error"
    assert event["exception"][0]["frames"][0]["name"] == "post"
    assert redact(None, "error", event) == event


def test_what_is_imported_is_the_standard_library() -> None:
    script = (
        "import sys, wecom_logging.redaction as r; r.redact_text('password=x');"
        "print({'requests', 'structlog', 'sqlite3'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


class Values(dict[str, str]):
    """As Flask's `request.values`: nothing in the dict itself."""

    def items(self) -> Any:
        return {"note": "call 13812345678", "auth": "Bearer abc123def456ghi789"}.items()


class Loud(str):
    """A text that says something else when it is formatted."""

    def __str__(self) -> str:
        return "password=hunter2"

    def __format__(self, spec: str) -> str:
        return "password=hunter2"


class Number(int):
    def __repr__(self) -> str:
        return "password=hunter2"

    __str__ = __repr__


@pytest.mark.parametrize("value", [Values(), {"form": Values()}, [Values()], (Values(),)])
def test_what_json_would_not_write_is_redacted_all_the_same(value: Any) -> None:
    for shown in (redact_value(value), redactor(True, ())(None, "", {"a": "x", "b": value})):
        assert "abc123def456" not in repr(shown)
        assert "13812345678" not in repr(shown)


def test_classes_of_the_users_own_do_not_outlive_the_redaction() -> None:
    event = {Loud("key"): Loud("fine"), "n": Number(7), "phone": Number(13812345678)}
    shown = redactor(True, ())(None, "", event)
    assert shown == {"key": "fine", "n": 7, "phone": "138****5678"}
    assert "hunter2" not in f"{shown}{''.join(map(format, shown.values()))}"


class Familiar(str):
    """A text that passes for another one."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash("fine")


class Described:
    def __repr__(self) -> str:
        return Familiar("password=hunter2")


def test_a_repr_that_passes_for_a_clean_text_is_redacted() -> None:
    assert redact_value("fine") == "fine"
    shown = redact_value([Described(), {Described(): 1}])
    assert "hunter2" not in f"{shown}"


_PIECES = ["a", " ", "password", "=", "pass", "\x9b", "\x1b[", "\u200b", "\u3164", "\b", "\n",
           '"', "\\", "hunter2", "138", "00138000", "token: ", "密", "码：", "x" * 8, "sk-",
           "A1" * 12, "://u:", "@h", "Bearer ", "\ud800"]  # fmt: skip


def found_in(text: str) -> Findings:
    return with_findings(text, EVERYTHING)[1]


@given(st.lists(st.lists(st.sampled_from(_PIECES), max_size=8).map("".join), max_size=5))
def test_many_texts_at_once_are_redacted_like_each_alone(texts: list[str]) -> None:
    """None hides another's secrets; what one gives away may be masked in all."""
    redact = redactor(True, ())
    together = redact(None, "", {f"_{i}": text for i, text in enumerate(texts)})
    gone = [finding.value for text in texts for finding in found_in(text)]
    for text, shown in zip(texts, together.values(), strict=True):
        assert shown == redact_text(text) or any(value in strip_hidden(text) for value in gone)


def test_an_event_that_comes_to_no_end_is_masked_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a text by itself is; but its keys stay, by which the event is read."""
    monkeypatch.setattr("wecom_logging.redaction.MOST_PASSES", 1)
    event = {"event": f"password={FAKE} and more", "logger": "shop", "count": 3}
    shown = redactor(True, ())(None, "", event)
    assert shown == {"event": "[redacted: text]", "logger": "shop", "count": 3}


def test_a_pattern_of_ones_own_finds_nothing_in_a_mask() -> None:
    redact = redactor({"patterns": [r"\b[a-z]{8}\b"]}, ())
    assert redact(None, "", {"event": "of abcdefgh: it"}) == {"event": "of [redacted: pattern]: it"}


def test_a_number_that_python_does_not_write_down_is_no_error() -> None:
    """It refuses numbers of more than 4,300 digits."""
    huge = 10**5000
    assert redact_value({"total": huge, "phone": huge}) == {"total": huge, "phone": "<int>"}


def test_a_field_that_was_clean_is_looked_at_when_its_name_or_text_says_more() -> None:
    """What is remembered of fields is that their name says nothing, and that a text is clean."""
    redact = redactor(True, ())
    for _ in range(2):
        shown = redact(None, "", {"note": "open-sesame7", "value": "open-sesame7", "name": "x"})
        assert shown == {"note": "open-sesame7", "value": "open-sesame7", "name": "x"}
    shown = redact(None, "", {"note": "password=hunter2", "name": "password", "value": "x7"})
    assert shown["note"] == "password=[redacted: password]"
    assert shown["value"] == "[redacted: password]"
    shown = redact(None, "", {"secret": "open-sesame7"})
    assert shown == {"secret": "[redacted: secret]"}


def test_what_one_handler_has_seen_is_not_forgotten_for_many_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    redactors = [redactor({"names": [f"name{n}"]}, (f"secret-{n}",)) for n in range(20)]
    for redact in redactors:
        redact(None, "", {"event": "order failed"})
    for module in (redaction, patterns):
        monkeypatch.setattr(module, "re", None)  # with which to compile anything anew
    monkeypatch.setattr(patterns.Redaction, "_redacted", None)
    for redact in redactors:
        assert redact(None, "", {"event": "order failed"}) == {"event": "order failed"}


def test_what_was_clean_is_looked_at_again_when_our_own_secrets_change() -> None:
    secrets = ["first-token"]
    redact = redactor(True, lambda: secrets)
    event = {"note": "second-token was refused", "second-token": 1}
    assert redact(None, "", event) == event
    secrets.append("second-token")
    assert redact(None, "", event) == {
        "note": "[redacted: wecom secret] was refused",
        "[redacted: wecom secret]": 1,
    }
