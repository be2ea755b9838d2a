"""A hundred secrets in every place where a program can put one: none leaves the process."""

from __future__ import annotations

import base64
import builtins
import itertools
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
import structlog

from tests.helpers.support import eventually
from wecom_logging import WeComHandler
from wecom_logging.simulator.inbox import Message
from wecom_logging.simulator.server import Simulator

_numbers = itertools.count(1)


class Vault:
    """Makes secrets that nothing else looks like, and knows them again in any encoding."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def new(self, prefix: str = "") -> str:
        secret = f"{prefix}zQ{next(_numbers):04d}xKv7Wm"
        self.made.append(secret)
        return secret

    def found_in(self, data: bytes) -> list[str]:
        text = data.decode("utf-8", "replace")
        return [secret for secret in self.made if any(form in text for form in _forms(secret))]


def _forms(secret: str) -> tuple[str, ...]:
    encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
    return secret, secret[-8:], quote(secret, safe=""), secret[::-1], encoded[:-2]


@pytest.fixture
def vault() -> Vault:
    return Vault()


@pytest.fixture
def log(sim: Simulator) -> Iterator[logging.Logger]:
    env = sim.env("robot")
    handler = WeComHandler(
        webhook_key=env["WECOM_WEBHOOK_KEY"],
        api_base=env["WECOM_API_BASE"],
        show_locals=True,
        breadcrumbs=20,
        mention="zhangsan",
        app="shop",
        store="memory",
        rate_limit=((1000, 60),),
    )
    # Of its own, out of the reach of pytest's handlers: they raise on bad arguments.
    logger = logging.Logger("secrets", logging.DEBUG)
    logger.addHandler(handler)
    yield logger
    handler.close()


class Account:
    def __init__(self, password: str) -> None:
        self.password = password

    def __repr__(self) -> str:
        return f"Account(user='li', password={self.password!r})"


# -- the places ------------------------------------------------------------------------


def in_message(log: logging.Logger, new: Callable[..., str]) -> None:
    log.error(f"login failed: password={new()} for li")
    log.error("token: " + new())
    log.error(f"Authorization: Bearer {new()}")
    log.error(f"api_key='{new()}' refused")
    log.error(f'{{"user": "li", "password": "{new()}"}}')
    log.error(f"postgresql://shop:{new()}@db:5432/shop does not answer")
    log.error(f"GET https://api.example/pay?access_token={new()}&order=1 failed")
    log.error(f"curl -H 'X-Api-Key: {new()}' failed")
    log.error(f"密码：{new()}")
    log.error(f"Cookie: sessionid={new()}; csrftoken={new()}")
    log.error(f"client_secret={new()}&grant_type=client_credentials")
    log.error(f"aws_secret_access_key = {new()}")
    log.error(
        "key is -----BEGIN RSA PRIVATE KEY-----\n"
        + new()
        + "\n"
        + new()
        + "\n-----END RSA PRIVATE KEY-----"
    )


def in_args(log: logging.Logger, new: Callable[..., str]) -> None:
    log.error("login failed with password=%s", new())
    log.error("settings: %s", {"SECRET_KEY": new(), "DEBUG": False})
    log.error("headers: %r", [("Authorization", f"Bearer {new()}"), ("Cookie", new())])
    log.error("account: %r", Account(new()))
    log.error("calling %s", f"https://user:{new()}@erp.example/")
    log.error("bad %d", f"password={new()}")
    log.error("body: %s", json.dumps({"auth": {"password": new(), "nested": [{"token": new()}]}}))
    log.error("body: %s", json.dumps(json.dumps({"password": new()})))
    log.error("%(what)s", {"what": f"refresh_token={new()}"})


def in_extra(log: logging.Logger, new: Callable[..., str]) -> None:
    log.error("extra", extra={"password": new(), "api_key": new(), "X-Auth-Token": new()})
    log.error("nested", extra={"config": {"db": {"password": new(), "hosts": ["a", "b"]}}})
    log.error("listed", extra={"headers": [["Authorization", new()], ["Accept", "*/*"]]})
    log.error("json", extra={"body": json.dumps({"client_secret": new()})})
    log.error("url", extra={"dsn": f"redis://:{new()}@cache:6379/0"})
    log.error("object", extra={"account": Account(new())})
    log.error("bytes", extra={"raw": f"password={new()}".encode()})
    log.error("dsn", extra={"DATABASE_PASSWORD": new(), "secretKey": new(), "passwd": new()})
    log.error("deep", extra={"a": {"b": {"c": {"d": {"e": {"password": new()}}}}}})
    log.error("tuple", extra={"pair": ("password", new())})
    log.error("key", extra={f"password={new()}": 1})
    log.error("fingerprint", extra={"fingerprint": f"token={new()}"})


def in_context(log: logging.Logger, new: Callable[..., str]) -> None:
    with structlog.contextvars.bound_contextvars(
        password=new(), session={"sessionid": new()}, url=f"https://x/?api_key={new()}"
    ):
        log.error("with context")
    log.error({"event": f"secret={new()}", "password": new(), "nested": {"token": new()}})
    log.error(json.dumps({"event": "rendered", "password": new(), "dsn": f"amqp://u:{new()}@mq"}))


def in_exceptions(log: logging.Logger, new: Callable[..., str]) -> None:
    def fail(text: str, *notes: str, cause: Exception | None = None) -> None:
        error = ValueError(text)
        if hasattr(error, "add_note"):
            for note in notes:
                error.add_note(note)
        try:
            raise error from cause
        except ValueError:
            log.exception("failed")

    fail(f"password={new()}")
    fail("noted", f"token: {new()}", f"Authorization: Basic {new()}")
    fail("caused", cause=KeyError(f"api_key={new()}"))
    fail(f"HTTPSConnectionPool(host='x'): /send?key=1&access_token={new()}")
    fail(f'{{"client_secret": "{new()}"}}')
    try:
        compile(f"password = '{new()}' +", "settings.py", "exec")
    except SyntaxError:
        log.exception("settings")
    try:
        raise OSError(2, "no such file", f"/run/secret={new()}")
    except OSError:
        log.exception("file")
    log.error("stack", stack_info=True)
    log.error(f"Traceback (most recent call last):\nValueError: password={new()}")


def in_urls(log: logging.Logger, new: Callable[..., str]) -> None:
    log.error(f"GET /login?user=li&password={new()}&next=/ failed")
    log.error(f"callback https://x/cb#access_token={new()}&state=1")
    log.error(f"mongodb+srv://li:{quote(new())}@cluster/db is away")
    log.error(f"smtp://noreply%40x:{new()}@mail:587 refused")
    log.error("hook %s", f"https://hooks.example/send?sign={new('secret=')}")
    log.error("url", extra={"next": f"https://x/?token={new()}", "proxy": f"http://a:{new()}@p:1"})


def in_parts_of_groups(log: logging.Logger, new: Callable[..., str]) -> None:
    group: Any = getattr(builtins, "ExceptionGroup", None)
    parts = [
        ValueError(f"password={new()}"),
        KeyError(f"token={new()}"),
        OSError(f"secret={new()}"),
    ]
    try:
        raise group("several", parts) if group else parts[0]
    except Exception:
        log.exception("batch failed")


def in_source_lines(log: logging.Logger, new: Callable[..., str]) -> None:
    import linecache

    for i in range(3):
        line = f"raise ValueError('x', dict(password='{new()}', api_key='{new()}'))\n"
        name = f"/srv/shop/settings{i}.py"
        linecache.cache[name] = (len(line), None, [line], name)
        try:
            exec(compile(line, name, "exec"), {})
        except ValueError:
            # What the exception itself holds is a tuple of values under no name.
            log.error("settings", exc_info=True)


def in_locals(log: logging.Logger, new: Callable[..., str]) -> None:
    password = new()
    api_key = new().encode()
    config = {"db": {"password": new()}}
    account = Account(new())
    header = f"Bearer {new()}"
    url = f"https://li:{new()}@erp.example/"
    body = json.dumps({"refresh_token": new()})
    try:
        raise RuntimeError(
            f"with {len((password, api_key, config, account, header, url, body))} locals"
        )
    except RuntimeError:
        log.exception("locals")


def in_breadcrumbs(log: logging.Logger, new: Callable[..., str]) -> None:
    log.info("connecting with password=%s", new())
    log.info("headers %r", {"Authorization": f"Bearer {new()}"})
    log.warning(f"retrying https://x/?token={new()}")
    log.info({"event": f"secret={new()}"})
    log.info(json.dumps({"password": new()}))
    log.info("account %r", Account(new()))
    log.critical("it broke")


def in_long_texts(log: logging.Logger, new: Callable[..., str]) -> None:
    log.error("x" * 3000 + f" password={new()} " + "y" * 3000)
    log.error("数据" * 1500 + f" token={new()}")
    handler: Any = log.handlers[0]
    handler.flush()  # the next is alone in a message, where what it has on it is shown
    log.error("many", extra={f"password{i}": new() for i in range(8)})


def in_what_hides(log: logging.Logger, new: Callable[..., str]) -> None:
    log.error(f"\x1b[36mpassword\x1b[0m=\x1b[35m{new()}\x1b[0m")
    log.error(f"pass\u200bword={new()}")
    log.error("coloured", extra={"line": f"\x1b[1mapi_key\x1b[0m: {new()}"})
    secret = new("sk_live_")
    log.error(f"charged with {secret[:4]}\u2060{secret[4:]}{'B' * 12}")


def in_known_shapes(log: logging.Logger, new: Callable[..., str]) -> None:
    log.error("pushed with " + new("ghp_") + "A" * 24)
    log.error("charged with " + new("sk_live_") + "B" * 12)
    log.error("asked with " + new("sk-") + "C" * 36)
    jwt = ".".join(
        base64.urlsafe_b64encode(part.encode()).decode().rstrip("=")
        for part in ('{"alg":"HS256","typ":"JWT"}', json.dumps({"sub": new()}), new())
    )
    log.error(f"session {jwt} has expired")


PLACES = [
    in_message,
    in_args,
    in_extra,
    in_context,
    in_exceptions,
    in_parts_of_groups,
    in_urls,
    in_source_lines,
    in_locals,
    in_breadcrumbs,
    in_long_texts,
    in_what_hides,
    in_known_shapes,
]


def everything_sent(sim: Simulator) -> list[tuple[str, bytes]]:
    """The bodies of all requests that were accepted, and the files."""
    messages: list[Message] = sim.accepted
    sent = [("message", message.raw) for message in messages]
    return sent + [("file", message.file.data) for message in messages if message.file]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_no_secret_leaves(
    place: Callable[..., None], log: logging.Logger, vault: Vault, sim: Simulator
) -> None:
    place(log, vault.new)
    assert vault.made
    handler: Any = log.handlers[0]
    assert handler.flush()
    # The file with the local variables follows its message, and no flush waits for it.
    eventually(lambda: any(b"[redacted: " in data for _, data in everything_sent(sim)))
    sent = everything_sent(sim)
    leaked = [(kind, secret) for kind, data in sent for secret in vault.found_in(data)]
    assert not leaked, [data.decode("utf-8", "replace") for kind, data in sent]


def test_all_of_them_at_once(log: logging.Logger, vault: Vault, sim: Simulator) -> None:
    """In one overview with its file, which holds every group."""
    for place in PLACES:
        place(log, vault.new)
    assert len(vault.made) >= 100
    handler: Any = log.handlers[0]
    assert handler.flush()
    eventually(lambda: "file" in {kind for kind, _ in everything_sent(sim)})
    sent = everything_sent(sim)
    assert not [secret for _, data in sent for secret in vault.found_in(data)]


def test_a_test_that_finds_nothing_would_find_something(vault: Vault) -> None:
    secret = vault.new()
    assert vault.found_in(f"x{secret}x".encode()) == [secret]
    assert vault.found_in(b"nothing") == []


def test_our_own_secrets_do_not_leave_either(log: logging.Logger, sim: Simulator) -> None:
    key = sim.env("robot")["WECOM_WEBHOOK_KEY"]
    log.error(f"sent to {key}")
    log.error("f-string %s", key, extra={"hook": key, "fingerprint": key})
    handler: Any = log.handlers[0]
    assert handler.flush()
    assert not [kind for kind, data in everything_sent(sim) if key.encode() in data]
