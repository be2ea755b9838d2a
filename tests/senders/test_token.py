"""The access token: one for all, in time, and never in a loop."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

import pytest

from wecom_logging._runtime.deadline import deadline
from wecom_logging._senders.access_token import TokenCache, lifetime_of
from wecom_logging.errors import SetupError, TransportError


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Fetch:
    """Hands out token-1, token-2, …"""

    def __init__(self, expires_in: object = 7200) -> None:
        self.lifetime = lifetime_of(expires_in)
        self.calls = 0

    def __call__(self) -> tuple[str, float]:
        self.calls += 1
        return f"token-{self.calls}", self.lifetime


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> TokenCache:
    return TokenCache(clock, clock.sleep)


def test_a_token_is_fetched_once_and_kept(cache: TokenCache, clock: Clock) -> None:
    fetch = Fetch()
    assert cache.get("key", fetch) == "token-1"
    clock.now += 6899
    assert cache.get("key", fetch) == "token-1"
    assert fetch.calls == 1


@pytest.mark.parametrize(
    ("expires_in", "ahead"),
    [(7200, 300), (600, 60), (100, 10), (36000, 300), ("7200", 300), (7200.0, 300)],
)
def test_refresh_ahead_of_the_end(
    cache: TokenCache, clock: Clock, expires_in: object, ahead: float
) -> None:
    fetch = Fetch(expires_in)
    cache.get("key", fetch)
    clock.now += float(expires_in) - ahead - 0.5  # type: ignore[arg-type]  # a number, or the text of one
    assert cache.get("key", fetch) == "token-1"
    clock.now += 0.5
    assert cache.get("key", fetch) == "token-2"


@pytest.mark.parametrize(
    "garbage", [None, 0, -1, "", "soon", True, [], float("nan"), float("inf"), 10**400]
)
def test_two_hours_where_no_lifetime_is_named(
    cache: TokenCache, clock: Clock, garbage: object
) -> None:
    fetch = Fetch(garbage)
    cache.get("key", fetch)
    clock.now += 6899
    assert cache.get("key", fetch) == "token-1"
    clock.now += 1
    assert cache.get("key", fetch) == "token-2"


def test_the_time_that_the_answer_took_is_not_added(cache: TokenCache, clock: Clock) -> None:
    def slow() -> tuple[str, float]:
        clock.now += 16
        return "slow", 7200

    cache.get("key", slow)
    clock.now += 6900 - 16
    assert cache.get("key", Fetch()) == "token-1"


def test_never_a_second_fetch_within_ten_seconds(cache: TokenCache, clock: Clock) -> None:
    fetch = Fetch()
    cache.invalidate("key", cache.get("key", fetch))
    clock.now += 4
    assert cache.get("key", fetch) == "token-2"
    assert clock.slept == [6.0]
    cache.invalidate("key", "token-2")
    clock.now += 10
    assert cache.get("key", fetch) == "token-3"
    assert clock.slept == [6.0]


def test_a_short_lived_token_is_not_fetched_in_a_loop(cache: TokenCache, clock: Clock) -> None:
    fetch = Fetch(expires_in=1)
    start = clock.now
    for _ in range(4):
        cache.get("key", fetch)
        clock.now += 1
    assert fetch.calls == 4
    assert clock.now - start >= 30


def test_a_refused_fetch_counts_too(cache: TokenCache, clock: Clock) -> None:
    def refused() -> tuple[str, float]:
        raise SetupError(40001, "invalid credential")

    with pytest.raises(SetupError):
        cache.get("key", refused)
    assert cache.get("key", Fetch()) == "token-1"
    assert clock.slept == [10.0]


@pytest.mark.parametrize(("written", "slept"), [(False, []), (True, [10.0])])
def test_a_fetch_that_never_reached_wecom_does_not_count(
    cache: TokenCache, clock: Clock, written: bool, slept: list[float]
) -> None:
    def down() -> tuple[str, float]:
        error = TransportError("down")
        error.written = written
        raise error

    with pytest.raises(TransportError):
        cache.get("key", down)
    cache.get("key", Fetch())
    assert clock.slept == slept


def test_a_deadline_is_not_slept_through(cache: TokenCache, clock: Clock) -> None:
    """Exit waits for a few seconds only: the message stays pending instead."""
    cache.invalidate("key", cache.get("key", Fetch()))
    with deadline(time.monotonic() + 3), pytest.raises(TransportError) as caught:
        cache.get("key", Fetch())
    assert not caught.value.unclear
    assert caught.value.__context__ is None
    assert clock.slept == []


def test_only_the_refused_token_is_forgotten(cache: TokenCache, clock: Clock) -> None:
    """A thread that comes late with an old token does not throw the new one away."""
    fetch = Fetch()
    old = cache.get("key", fetch)
    cache.invalidate("key", old)
    new = cache.get("key", fetch)
    cache.invalidate("key", old)
    assert cache.get("key", fetch) == new
    assert fetch.calls == 2


def test_keys_are_apart(cache: TokenCache) -> None:
    one, two = Fetch(), Fetch()
    cache.get("one", one)
    cache.get("two", two)
    assert (one.calls, two.calls) == (1, 1)


def test_sixteen_threads_one_fetch() -> None:
    cache = TokenCache()
    everybody = threading.Barrier(17)
    go = threading.Event()
    calls: list[int] = []
    tokens: list[str] = []

    def fetch() -> tuple[str, float]:
        calls.append(1)
        go.wait(20)
        return "token", 7200

    def ask() -> None:
        everybody.wait(20)
        tokens.append(cache.get("key", fetch))

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    everybody.wait(20)
    go.set()
    for thread in threads:
        thread.join()
    assert tokens == ["token"] * 16
    assert len(calls) == 1


def test_waiting_for_another_threads_fetch_keeps_to_the_deadline() -> None:
    """At exit, say, while that thread hangs."""
    cache = TokenCache()
    inside, leave = threading.Event(), threading.Event()

    def hangs() -> tuple[str, float]:
        inside.set()
        leave.wait(20)
        return "late", 7200

    thread = threading.Thread(target=cache.get, args=("key", hangs))
    thread.start()
    inside.wait(20)
    try:
        for wait in (lambda: cache.get("key", Fetch()), lambda: cache.invalidate("key", "x")):
            with deadline(time.monotonic() + 0.05), pytest.raises(TransportError) as caught:
                wait()
            assert not caught.value.unclear
            assert caught.value.__context__ is None
    finally:
        leave.set()
        thread.join()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_keeps_the_token_and_not_the_lock() -> None:
    """Forked while another thread of the parent is fetching, so with the lock held."""
    cache = TokenCache()
    cache.get("known", lambda: ("inherited", 7200))
    inside, leave = threading.Event(), threading.Event()

    def fetch() -> tuple[str, float]:
        inside.set()
        leave.wait(20)
        return "parents", 7200

    thread = threading.Thread(target=cache.get, args=("key", fetch))
    thread.start()
    inside.wait(20)

    def child() -> bool:
        known = cache.get("known", Fetch())
        cache.invalidate("known", "another")
        # The answer to the parent's question never comes to it: it has ten seconds of its own.
        cache._sleep = lambda seconds: os._exit(3)
        return (known, cache.get("key", Fetch())) == ("inherited", "token-1")

    try:
        assert _in_child(child)
    finally:
        leave.set()
        thread.join()


def _in_child(check: Callable[[], bool]) -> bool:
    pid = os.fork()
    if not pid:
        try:
            os._exit(0 if check() else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
