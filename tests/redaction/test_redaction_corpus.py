"""What redaction catches and what it leaves alone, on lines as real programs write them."""

from __future__ import annotations

import base64
import json
import logging
import os
import subprocess
from collections import Counter, namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.helpers.redis_server import RedisServer
from tests.helpers.support import eventually
from tests.redaction.corpus import ordinary, secrets
from wecom_logging import WeComHandler
from wecom_logging.redaction import redact_text, redact_value, redactor
from wecom_logging.simulator.server import Simulator

#: Different values in the same lines.
SEEDS = range(3)

#: Ordinary lines that are altered all the same, with the reason.
ALTERED = {
    # Four digits after "pin" are what a bank's or a phone's PIN looks like.
    "GPIO pin 1823 is not available": "GPIO pin [redacted: pin] is not available",
    # Nothing says that these eleven digits are no mobile number.
    "OffsetOutOfRange: orders-0 at 13812348000": "OffsetOutOfRange: orders-0 at 138****8000",
}
#: Lines whose secret leaks all the same, with the reason.
LEAKING: dict[str, str] = {
    "with credentials bob / {s}": "nothing ties the second word to the name",
    "密码校验失败，输入：{s}": "the value stands under 输入, which is everything",
    "Invalid credentials for bob:{s}": "looks like any pair",
    "net use \\\\srv\\x {s} /user:bob": "a position, of a program that is not known",
    "imap login failed: bob {s}": "a position",
    "密 码：{s}": "a space within the name, as forms have it",
    "passwd|{s}": "a column of a table",
    "user|password|bob|{s}": "a column of a table",
    "password:\\n    value: {s}": "a value's own name on the next line",
    "password:\\r\\n{s}": "the next line, without an indent",
    "EXEC sp_addlogin 'bob', '{s}'": "a position",
    "INSERT INTO users VALUES ('bob', '{s}')": "a position: no columns are named",
    "echo {s} | sudo -S x": "nothing before the value says what it is",
    'echo "bob:{s}" | chpasswd': "nothing before the value says what it is",
    "setex token:42 7200 {s}": "a key of Redis is no name",
    "'tokens': {'access': '{s}'}": "tokens are counted more often than shown",
    "vault login {s}": "a position",
    "smtp auth bob {s}": "a position",
    "htpasswd -b f bob {s}": "a position",
}


def test_the_corpus_is_large_enough() -> None:
    assert len(list(secrets())) >= 700
    assert len(list(ordinary())) >= 600


@pytest.mark.parametrize("seed", SEEDS)
def test_secrets_do_not_pass(seed: int) -> None:
    passed = [
        (kind, redact_text(text))
        for kind, line, text, values in secrets(seed)
        if any(value in redact_text(text) for value in values) != (line in LEAKING)
    ]
    assert not passed, Counter(kind for kind, _ in passed)
    assert len(LEAKING) <= 0.02 * len(list(secrets()))


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_masked_stays_as_it_is(seed: int) -> None:
    for _, _, text, _ in secrets(seed):
        once = redact_text(text)
        assert redact_text(once) == once


def test_ordinary_lines_stay_as_they_are() -> None:
    altered = {line: redact_text(line) for _, line in ordinary() if redact_text(line) != line}
    assert altered == ALTERED
    assert len(ALTERED) <= 0.01 * len(list(ordinary()))


def test_secrets_and_ordinary_lines_together() -> None:
    """A secret is found in the middle of other text, which stays."""
    before, after = "payment 8841 failed: gateway timeout", "worker 12 restarted"
    for _, line, text, values in secrets(7):
        if line not in LEAKING and not line.startswith(("-----", "--b")) and "PRIV¦ATE" not in line:
            shown = redact_text(f"{before}\n{text}\n{after}")
            assert shown.startswith(f"{before}\n"), shown
            assert shown.endswith(f"\n{after}"), shown
            assert not any(value in shown for value in values), shown


# -- nested data -----------------------------------------------------------------------

S = "Zx9kQ2vLm7Rt4Wp8aB"

Login = namedtuple("Login", "user password")


@dataclass
class Account:
    user: str
    password: str


NESTED: dict[str, Any] = {
    "named tuple": {"login": Login("bob", S)},
    "dataclass": {"login": Account("bob", S)},
    "glued option": {"argv": ["mysql", "-p" + S]},
    "option and value": {"argv": ["/usr/bin/docker", "login", "-u", "ci", "-p", S]},
    "first option": ["sshpass", "-p", S, "ssh", "db"],
    "user and password": ("curl", "-u", "bob:" + S, "https://x"),
    "named option": ["deploy", "--password", S],
    "option with a sign": ["deploy", "--password=" + S],
    "pair under auth": {"auth": ("bob", S)},
    "mapping under auth": {"auth": {"user": "bob", "password": S}},
    "Key and Value": {"tags": [{"Key": "Password", "Value": S}]},
    "name and value": [{"name": "DB_PASSWORD", "value": S}],
    "NAME and VALUE": [{"NAME": "api_key", "VALUE": S}],
    "ParameterKey": {"ParameterKey": "DbPassword", "ParameterValue": S},
    "field": [{"field": "password", "value": S}],
    "pydantic": [{"type": "string_too_short", "loc": ("body", "password"), "input": S}],
    "statement": {"statement": "INSERT INTO u (name, password) VALUES (?, ?)",
                  "parameters": ("bob", S)},
    "update": {"sql": "UPDATE u SET password=%s WHERE id=%s", "params": [S, 7]},
    "no names": {"sql": "SELECT f(?) FROM u WHERE password IS NULL", "args": [S]},
    "headers": {"headers": [("X-Api-Key", S)]},
    "list of tokens": {"tokens": [S]},
    "deep": {"a": {"b": [{"c": ({"secret": S},)}]}},
    "bytes": {"password": S.encode()},
    "set": {"passwords": {S}},
    "JSON in JSON": {"body": json.dumps({"a": json.dumps({"password": S})})},
    "key": {f"password={S}": 1},
}  # fmt: skip

ORDINARY_DATA: list[Any] = [
    {"order_id": 13812348000},
    {"order_id": "13812348000"},
    {"uid": 13812348000, "id": 13812348000, "pid": 13812348000, "seq": 13812348000},
    {"单号": 13812348000, "订单": "13812348000"},
    {"pass": 2, "fail": 1},
    {"usage": {"prompt_tokens": 17, "completion_tokens": 3}},
    {"tokens": {"prompt": 17}},
    {"token_type": "bearer", "auth": "ok", "session": "active", "cookie": "disabled"},
    {"key": "order-list-3", "code": 404, "pin": 18},
    {"name": "page", "value": "2"},
    {"type": "token", "value": "x"},
    {"sql": "SELECT * FROM orders WHERE id = ?", "params": [7]},
    ["ssh", "-p", "2222", "web-1"],
    ["docker", "run", "-p", "80:80", "shop"],
    ["mysql", "-p", "shop"],
]


@pytest.mark.parametrize("value", NESTED.values(), ids=NESTED)
def test_secrets_in_nested_data(value: Any) -> None:
    assert S not in repr(redact_value(value))
    assert S not in repr(redactor(True, ())(None, "", {"extra": value}))


@pytest.mark.parametrize("value", ORDINARY_DATA, ids=str)
def test_ordinary_data_stay_as_they_are(value: Any) -> None:
    assert redact_value(value) == value


# -- one event -------------------------------------------------------------------------


def test_what_was_masked_once_is_masked_in_all_of_the_event() -> None:
    event = {
        "event": f"no luck with {S} for zhang.wei@example.com",
        "lines": [{"text": f"x{S}y"}, "欧阳娜娜 13812345678"],
        "dsn": f"postgres://bob:{S}@db/shop",
        "email": "zhang.wei@example.com",
        "real_name": "欧阳娜娜",
    }
    assert redactor(True, ())(None, "", event) == {
        "event": "no luck with [redacted: password] for z***@example.com",
        "lines": [{"text": "x[redacted: password]y"}, "欧** 138****5678"],
        "dsn": "postgres://bob:[redacted: password]@db/shop",
        "email": "z***@example.com",
        "real_name": "欧**",
    }


@pytest.mark.parametrize("word", ["shop", "postgres", "12345", "abc"])
def test_a_password_that_is_a_word_does_not_tear_the_event_apart(word: str) -> None:
    event = {"password": word, "event": f"{word} is down"}
    assert redactor(True, ())(None, "", event)["event"] == f"{word} is down"


def test_short_values_are_looked_for_between_other_characters_only() -> None:
    event = {"pin": "482113", "event": "tries: 482113, total 14821139"}
    assert redactor(True, ())(None, "", event)["event"] == "tries: [redacted: pin], total 14821139"


@pytest.mark.parametrize("shift", range(3))
def test_our_own_secrets_in_base64(shift: int) -> None:
    own = "0123456789abcdefghij"
    encoded = base64.b64encode(b"x" * shift + own.encode() + b":y").decode()
    shown = redactor(False, [own])(None, "", {"event": f"sent {encoded}"})["event"]
    assert base64.b64encode(own.encode())[4:16].decode() not in shown
    assert encoded not in shown
    assert "[redacted: wecom secret]" in shown


# -- the user's own rules ----------------------------------------------------------------

OWN = {"names": ["badge_no"], "patterns": [r"EMP-\d{6}"], "keep": ["session_id"]}


def test_names_patterns_and_exceptions_of_the_users_own() -> None:
    event = {
        "event": f"badgeNo=17 EMP-123456 session_id={S} password={S[::-1]}",
        "BADGE_NO": 17,
        "employee_badge_no": "x",
        "session_id": S,
        "sessionid": S.lower(),
    }
    assert redactor(OWN, ())(None, "", event) == {
        "event": "badgeNo=[redacted: badge_no] [redacted: pattern]"
        f" session_id={S} password=[redacted: password]",
        "BADGE_NO": "[redacted: badge_no]",
        "employee_badge_no": "[redacted: badge_no]",
        "session_id": S,
        "sessionid": "[redacted: session id]",
    }


def test_a_handler_with_rules_of_the_users_own(sim: Simulator) -> None:
    env = sim.env("robot")
    handler = WeComHandler(
        webhook_key=env["WECOM_WEBHOOK_KEY"],
        api_base=env["WECOM_API_BASE"],
        store="memory",
        redact=OWN,
    )
    logger = logging.Logger("own rules")
    logger.addHandler(handler)
    logger.error("badge_no=K-17 of EMP-123456")
    assert handler.flush()
    handler.close()
    (message,) = sim.accepted
    assert "K-17" not in message.content
    assert "EMP-123456" not in message.content


# -- end to end --------------------------------------------------------------------------


def _log_all(logger: logging.Logger, number: int) -> list[str]:
    """A selection of the corpus through a logger, and what may be found nowhere."""
    values: list[str] = []
    for i, (_, line, text, made) in enumerate(secrets(11)):
        if line in LEAKING:
            continue
        if i % 7 == number and "{code}" not in line and "cvv" not in line and "x7k2" not in line:
            logger.error("%s", text, extra={"fingerprint": str(i), "detail": {"line": text}})
            values += [value for value in made if len(value) >= 8]
    for name, value in NESTED.items():
        logger.error("nested", extra={"fingerprint": name, "value": value})
    _log_an_exception(logger)
    return [*values, S]


def _log_an_exception(logger: logging.Logger) -> None:
    """In a function of its own: the values of the corpus are local variables of the other."""
    try:
        password = S
        raise subprocess.CalledProcessError(1, ["mysql", "-uroot", f"-p{password}", "shop"])
    except subprocess.CalledProcessError:
        logger.exception("failed")


@pytest.mark.parametrize("number", range(2))
@pytest.mark.parametrize("kind", ["memory", "sqlite", "redis"])
def test_secrets_are_nowhere(
    kind: str,
    number: int,
    sim: Simulator,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    store = {"memory": "memory", "sqlite": f"sqlite:///{tmp_path}/store.db"}.get(kind, "")
    if kind == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        store = server.url
    env = sim.env("robot")
    handler = WeComHandler(
        webhook_key=env["WECOM_WEBHOOK_KEY"],
        api_base=env["WECOM_API_BASE"],
        store=store,
        app=f"corpus-{kind}-{number}-{os.getpid()}",
        show_locals=True,
        breadcrumbs=20,
        rate_limit=((1000, 60),),
        group_wait=600,  # nothing is sent, and gone from the store, before it was looked at
    )
    logger = logging.Logger("corpus")
    logger.addHandler(handler)
    values = _log_all(logger, number)
    last = f"the last of {kind}, run {'ab'[number]}"  # the server is shared, and numbers go
    logger.error(last)

    def kept() -> bytes:
        files = [path.read_bytes() for path in tmp_path.rglob("store.db*")]
        return b"".join(files) + (_dump(store) if kind == "redis" else b"")

    eventually(lambda: kind == "memory" or last.encode() in kept())
    stored = kept()
    assert kind == "memory" or b"[redacted: " in stored
    assert handler.flush(30)
    stored += kept()
    # A flush waits for no file.
    eventually(lambda: any(message.file for message in sim.accepted))
    handler.close()
    sent = [message.raw for message in sim.accepted]
    files = [message.file.data for message in sim.accepted if message.file]
    assert files, "the whole report is among what is looked at"
    assert b"[redacted: " in b"".join(sent)
    everything = {
        "message": b"\n".join(sent),
        "file": b"\n".join(files),
        "store": stored,
        "stderr": capfd.readouterr().err.encode(),
    }
    found = [
        (where, value)
        for where, text in everything.items()
        for value in values
        if any(form in text for form in _forms(value))
    ]
    assert not found


def _forms(value: str) -> set[bytes]:
    return {value.encode(), quote(value, safe="").encode(), json.dumps(value)[1:-1].encode()}


def _dump(url: str) -> bytes:
    """All keys and values of a Redis."""
    import redis

    client = redis.Redis.from_url(url)
    read: dict[bytes | str, Callable[[Any], Any]] = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1),
        b"none": lambda key: None,  # it has expired since it was seen
    }
    kept = [(key, read[client.type(key)](key)) for key in client.scan_iter()]
    client.close()
    return repr(kept).encode()
