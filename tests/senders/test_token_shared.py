"""The access token that the worker brings: one for all that share a store, and never a second
`gettoken` within ten seconds."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.stub_server import Request, Stub, fine, raw, serving
from tests.helpers.support import Watched, eventually
from wecom_logging import WeComHandler
from wecom_logging._runtime import shutdown
from wecom_logging._runtime.deadline import deadline
from wecom_logging._senders import access_token as process_tokens
from wecom_logging._senders.access_token import TokenCache
from wecom_logging._senders.protocol import Limits, Message, Receipt
from wecom_logging._stores.memory import MemoryStore
from wecom_logging._stores.protocol import Rules
from wecom_logging._stores.sqlite import SQLiteStore
from wecom_logging._worker import tokens
from wecom_logging.errors import SetupError, TokenError, TransportError
from wecom_logging.testing import RecordingSender

Watch = Callable[..., Watched]


class Application(RecordingSender):
    """A sender of a user's own that takes tokens: the tenth letter of each is its number."""

    def __init__(self) -> None:
        super().__init__(Limits({"markdown": 2048, "text": 2048}, token=True))
        self.fetched = 0
        self.used: list[str | None] = []
        self.stale: set[str] = set()
        self.failure: Exception | None = None
        self.token_key = f"key of {self.destination}"

    def fetch_token(self) -> tuple[str, float]:
        self.fetched += 1
        if self.failure is not None:
            raise self.failure
        return f"token-{self.fetched}", 7200.0

    def send(  # type: ignore[override] # a sender of messages that need a token
        self, message: Message, token: str | None = None
    ) -> Receipt | None:
        self.used.append(token)
        if token in self.stale:
            raise TokenError(42001, "expired")
        super().send(message)
        return None

    def upload(self, name: str, data: bytes, token: str | None = None) -> str:
        raise AssertionError("no files")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> SQLiteStore:
    return SQLiteStore(str(tmp_path / "store.db"), "app", "shop", "", Rules(), wall=clock)


@pytest.fixture(autouse=True)
def _own_tokens(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    cache = TokenCache(clock=clock, sleep=lambda seconds: None)
    monkeypatch.setattr(process_tokens, "TOKENS", cache)
    monkeypatch.setattr(tokens, "TOKENS", cache)


def test_one_for_all(store: SQLiteStore, clock: Clock) -> None:
    one, two = Application(), Application()
    two.token_key = one.token_key
    assert tokens.current(store, one) == tokens.current(store, two) == "token-1"
    clock.now += 6899
    assert tokens.current(store, two) == "token-1"
    clock.now += 1
    assert tokens.current(store, two) == "token-1", "its own first one"
    assert (one.fetched, two.fetched) == (1, 1)


def test_only_the_refused_one_is_dropped(store: SQLiteStore, clock: Clock) -> None:
    sender = Application()
    old = tokens.current(store, sender)
    clock.now += 10
    tokens.drop(store, sender.token_key, old)
    new = tokens.current(store, sender)
    tokens.drop(store, sender.token_key, old)
    assert tokens.current(store, sender) == new == "token-2"


class Flaky:
    """A store that is away when something is left there, if it is told to be."""

    def __init__(self, store: SQLiteStore) -> None:
        self._store = store
        self.durable = True
        self.goes_away = False

    def lease(self, key: str, left: Any = None) -> str | float | None:
        self.durable = not (self.goes_away and left is not None)
        return self._store.lease(key, left) if self.durable else None


def test_what_the_store_could_not_take_is_left_there_later(
    store: SQLiteStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender, flaky = Application(), Flaky(store)
    flaky.goes_away = True
    assert tokens.current(flaky, sender) == "token-1"  # type: ignore[arg-type]  # all it asks for
    clock.now += 15  # nobody else has come, and the turn has passed
    flaky.durable, flaky.goes_away = True, False
    assert tokens.current(flaky, sender) == "token-1"  # type: ignore[arg-type]  # as above
    assert store.lease(sender.token_key) == "token-1"
    # From now on it is the store's: refused to another process it does not come back.
    with monkeypatch.context() as other:
        other.setattr(tokens, "TOKENS", TokenCache())
        tokens.drop(store, sender.token_key, "token-1")
    clock.now += 15
    assert tokens.current(store, sender) == "token-2"


def test_who_loses_the_store_when_it_asks_there_has_the_token_of_the_process(
    store: SQLiteStore,
) -> None:
    sender = Application()
    assert tokens.current(store, sender) == "token-1"

    class Lost:
        durable = True

        def lease(self, key: str, left: Any = None) -> str | float | None:
            self.durable = False
            return MemoryStore().lease(key, left)

    assert tokens.current(Lost(), sender) == "token-1"  # type: ignore[arg-type]  # as above
    assert sender.fetched == 1


def test_who_has_the_turn_and_who_is_without_a_store_ask_once(store: SQLiteStore) -> None:
    """Of two handlers one may be without the store, because the other is at work in it."""
    sender, asking, go = Application(), threading.Event(), threading.Event()
    fetch = sender.fetch_token

    def slow() -> tuple[str, float]:
        asking.set()
        assert go.wait(10)
        return fetch()

    sender.fetch_token = slow  # type: ignore[method-assign]  # to stop it there
    found: list[str] = []
    alone = MemoryStore()
    steps = [
        threading.Thread(target=lambda each=each: found.append(tokens.current(each, sender)))
        for each in (store, alone)
    ]
    steps[0].start()
    assert asking.wait(10)
    steps[1].start()
    go.set()
    for step in steps:
        step.join(10)
    assert (found, sender.fetched) == (["token-1", "token-1"], 1)


@pytest.mark.parametrize(
    ("failure", "written", "waits"),
    [
        (SetupError(40001, "invalid credential"), True, True),
        (TransportError("HTTP 400"), True, True),
        (TransportError("cannot connect"), False, False),
        (ZeroDivisionError(), True, True),
    ],
)
def test_ten_seconds_between_two_questions(
    store: SQLiteStore, clock: Clock, failure: Exception, written: bool, waits: bool
) -> None:
    sender = Application()
    sender.failure = failure
    if isinstance(failure, TransportError):
        failure.written = written
    with pytest.raises(type(failure)):
        tokens.current(store, sender)
    sender.failure = None
    with deadline(time.monotonic() + 0.2):
        if waits:
            with pytest.raises(TransportError, match=r"in 10.0 s only") as caught:
                tokens.current(store, sender)
            assert caught.value.way
            assert not caught.value.unclear
            clock.now += 10
        assert tokens.current(store, sender) == f"token-{sender.fetched}"
    assert sender.fetched == 2


def test_a_stale_token_costs_a_slot_and_one_question(watch: Watch) -> None:
    sender = Application()
    w = watch(sender=sender)
    w.log.error("first")
    assert w.flush()
    sender.stale.add("token-1")
    w.log.error("second")
    assert w.flush()
    assert sender.used == ["token-1", "token-1", "token-2"]
    assert (w.stats.messages, w.stats.failures, sender.fetched) == (2, 0, 2)


def test_without_a_slot_the_message_waits(watch: Watch) -> None:
    sender = Application()
    w = watch(sender=sender, rate_limit=[[2, 3600]])
    w.log.error("first")
    assert w.flush()
    sender.stale.add("token-1")
    w.log.error("second")
    assert not w.flush(0.3)
    assert sender.used == ["token-1", "token-1"]
    assert w.stats.pending == 1


def test_a_token_that_stays_stale_is_no_loop(watch: Watch) -> None:
    sender = Application()
    sender.stale |= {"token-1", "token-2", "token-3"}
    w = watch(sender=sender)
    w.log.error("first")
    eventually(lambda: w.stats.failures == 1)
    assert not w.flush(0.0)
    assert len(sender.used) <= 4
    assert "42001" in str(w.stats.last_error)


# -- for real --------------------------------------------------------------------------


@pytest.fixture
def stub() -> Iterator[Stub]:
    with serving() as stub:
        yield stub


def application(stub: Stub, **options: Any) -> dict[str, Any]:
    found = {"corpid": "ww1", "corpsecret": "s3cret" * 6, "agentid": 7, "touser": "a"}
    return {**found, "api_base": stub.url, "group_wait": 0.0, **options}


@pytest.mark.parametrize("store", ["memory", "auto"])
@pytest.mark.parametrize("status", [b"302 Found", b"400 No", b"503 No"])
def test_whatever_the_answer_gettoken_is_not_asked_again_at_once(
    stub: Stub, watch: Watch, monkeypatch: pytest.MonkeyPatch, status: bytes, store: str
) -> None:
    monkeypatch.setattr(tokens, "TOKENS", TokenCache())
    head = b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    stub.answer = raw(head, "gettoken")
    w = watch(**application(stub, store=store))
    w.log.error("failed")
    eventually(lambda: w.stats.failures)
    assert not w.flush(0.5)
    assert len(stub.calls("gettoken")) == 1


def test_two_handlers_one_question(stub: Stub, watch: Watch) -> None:
    """To other people, so of two stores; with the same credentials."""
    for touser in ("a", "b"):
        w = watch(**application(stub, touser=touser))
        w.log.error("failed")
        assert w.flush()
    assert len(stub.calls("message/send")) == 2
    assert len(stub.calls("gettoken")) == 1


@pytest.mark.parametrize("store", ["memory", "auto"])
def test_another_secret_in_the_file_is_tried_at_once(
    stub: Stub, watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: str
) -> None:
    path = tmp_path / "secret"
    path.write_text("old-s3cret" * 4)
    options = application(stub, store=store)
    del options["corpsecret"]
    monkeypatch.setenv("WECOM_CORPSECRET_FILE", str(path))

    def answer(request: Request, sock: Any) -> dict[str, Any]:
        if request.query.get("corpsecret", "").startswith("old"):
            path.write_text("new-s3cret" * 4)  # by the time that it is looked at
            return {"errcode": 40001, "errmsg": "invalid credential"}
        return fine(request, sock)

    stub.answer = answer
    w = watch(**options)
    w.log.error("failed")
    eventually(lambda: w.stats.reported == 1)
    assert w.stats.failures == 1
    assert len(stub.calls("gettoken")) == 2


def test_another_key_in_the_file_is_tried_at_once(
    stub: Stub, watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key"
    path.write_text("old-key")
    monkeypatch.setenv("WECOM_WEBHOOK_KEY_FILE", str(path))

    def answer(request: Request, sock: Any) -> dict[str, Any]:
        if request.query["key"] == "old-key":
            path.write_text("new-key")
            return {"errcode": 93000, "errmsg": "invalid webhook url"}
        return fine(request, sock)

    stub.answer = answer
    handler = WeComHandler(api_base=stub.url, store="memory", app="shop", group_wait=0.0)
    w = Watched(handler, logging.Logger("shop"), RecordingSender())
    w.log.addHandler(handler)
    w.log.error("failed")
    eventually(lambda: w.stats.reported == 1)
    assert [request.query["key"] for request in stub.requests] == ["old-key", "new-key"]
    handler.close()


@pytest.mark.parametrize("exits", ["before", "meanwhile"])
def test_an_exit_that_begins_meanwhile_ends_the_wait_for_anothers_turn(
    exits: str, store: SQLiteStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the process would leave a lease behind: its own exit has less time than that."""
    sender, passed = Application(), 0.0
    assert store.lease(sender.token_key) is None  # the turn of a process that is gone
    monkeypatch.setattr(shutdown.exiting, "begun", exits == "before")
    monkeypatch.setattr(tokens, "monotonic", lambda: passed)

    def sleep(seconds: float) -> None:
        nonlocal passed
        passed, clock.now = passed + seconds, clock.now + seconds
        monkeypatch.setattr(shutdown.exiting, "begun", passed > 1.0 or exits == "before")

    monkeypatch.setattr("time.sleep", sleep)
    if exits == "before":
        assert tokens.current(store, sender) == "token-1"
    else:
        with pytest.raises(TransportError):
            tokens.current(store, sender)
        assert passed < 1.5
