"""Redis: its keys, and what goes wrong with it. Against a real server of the tests' own."""

from __future__ import annotations

import gc
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.helpers.ports import free_port
from tests.helpers.redis_server import RedisServer, running
from tests.helpers.store_kits import Client, RedisKit, event, identity, told
from tests.helpers.support import counted, eventually, missing
from wecom_logging import WeComHandler
from wecom_logging._stores import redis as redis_store
from wecom_logging._stores.factory import shown
from wecom_logging._stores.marks import Act
from wecom_logging._stores.protocol import Claim, Left, Rules, StoreError
from wecom_logging._stores.redis import TIMEOUTS, RedisStore
from wecom_logging._stores.redis_state import RedisState
from wecom_logging.simulator.server import Simulator


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with running(tmp_path / "redis") as found:
        yield found


@pytest.fixture
def watched(sim: Simulator) -> Iterator[Callable[..., WeComHandler]]:
    """A handler of an application, with a logger that leads to it alone."""
    made: list[WeComHandler] = []

    def make(url: str, **options: Any) -> WeComHandler:
        env = sim.env("app")
        handler = WeComHandler(
            corpid=env["WECOM_CORPID"],
            corpsecret=env["WECOM_CORPSECRET"],
            agentid=env["WECOM_AGENTID"],
            touser="@all",
            api_base=env["WECOM_API_BASE"],
            app="shop",
            store=url,
            **{"group_interval": 0.2, "repeat_intervals": [0.5, 1.0], **options},
        )
        made.append(handler)
        return handler

    yield make
    for handler in made:
        handler._worker.cycle.give_up("the test is over")
        handler.close()


def log_to(handler: WeComHandler, text: str = "it failed") -> float:
    """Log an error; returns how long the line took that did."""
    import logging

    log = logging.Logger("shop")
    log.addHandler(handler)
    began = time.monotonic()
    log.error(text)
    return time.monotonic() - began


# -- keys ----------------------------------------------------------------------------------


def test_every_key_expires_and_keys_of_a_destination_share_a_slot(
    redis_server: RedisServer,
) -> None:
    there = redis_server.client()
    there.flushall()
    client = Client(RedisKit(redis_server.url), duplicate_check=True)
    client.log("A", 3, samples=(event("text"),))
    client.wait()
    client.store.lease("key")
    client.store.lease("key", Left("t", 6900))
    client.store.freeze(client.claim(why="flush").digest.id, "body")
    client.log("B")
    keys = there.keys("*")
    assert len(keys) >= 10
    for key in keys:
        assert 86400 < there.ttl(key) <= 10 * 86400, key
        assert key.startswith(("wecom-logging:3:", "wecom-logging:2:"))
    tags = {found[1] for key in keys if (found := re.search(r"\{(.*?)\}", key))}
    assert len(tags) == 1


def is_whole(server: RedisServer) -> bool:
    """Whether a node of a cluster knows where every key is."""
    return "cluster_state:ok" in str(server.client().execute_command("CLUSTER", "INFO"))


def test_it_works_on_a_cluster(tmp_path: Path) -> None:
    with running(tmp_path / "cluster", "--cluster-enabled", "yes") as server:
        there = server.client()
        there.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        eventually(lambda: is_whole(server))
        client = Client(RedisKit(server.url))
        client.log("A", 3)
        assert told(client.deliver()) == {"A new": 3}
        assert client.store.lease("key") is None


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_a_node_that_has_not_the_keys_is_left_for_the_one_that_has(tmp_path: Path) -> None:
    with (
        running(tmp_path / "a", "--cluster-enabled", "yes") as one,
        running(tmp_path / "b", "--cluster-enabled", "yes") as two,
    ):
        one.client().execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 8191)
        two.client().execute_command("CLUSTER", "ADDSLOTSRANGE", 8192, 16383)
        one.client().execute_command("CLUSTER", "MEET", "127.0.0.1", two.port)
        for server in (one, two):
            eventually(partial(is_whole, server))
        for n in range(4):
            client = Client(RedisKit(one.url))
            store = RedisStore(one.url, f"robot {n}", "shop", "prod", Rules())
            client.store = store
            client.log("A", 3)
            assert told(client.deliver()) == {"A new": 3}
            at_desk = RedisStore(one.url, f"robot {n}", "shop", "prod", Rules())
            (known,) = at_desk.groups().groups
            act = Act("take", f"key {n}", "lisi", "lisi", "web", ids=(known.id,))
            assert at_desk.mark(act).ids == (known.id,)
            assert store.groups().groups[0].taken_by == "lisi"
            assert at_desk.note("hold", f"key {n}", "me", 60.0) == "me"
            assert store.note("hold", f"key {n}", "other", 60.0) == "me"
            for each in (store, at_desk):
                each._client.close()
        # What is left of a cluster's client refers to itself, and need not be closed: a later
        # test that happens to free it would fail.
        del store, at_desk, client, each
        gc.collect()


def test_at_rest_there_is_json_without_secrets(
    redis_server: RedisServer, watched: Callable[..., WeComHandler], sim: Simulator, tmp_path: Path
) -> None:
    there = redis_server.client()
    there.flushall()
    handler = watched(redis_server.url, group_wait=30)
    log_to(handler, "login with password=hunter2-planted failed")
    eventually(lambda: there.keys("*:groups"))
    dump = b"".join(redis_server.client(decode=False).dump(key) for key in there.keys("*"))
    aof = b"".join(p.read_bytes() for p in redis_server.directory.rglob("*") if p.is_file())
    for content in (dump, aof):
        assert b"hunter2-planted" not in content
        assert sim.env("app")["WECOM_CORPSECRET"].encode() not in content
    assert b"login with" in aof


def test_a_url_is_shown_without_user_and_password() -> None:
    assert shown("rediss://me:topsecret@cache.example:7000/3") == "rediss://cache.example:7000/3"


def test_acl_users_and_wrong_passwords(tmp_path: Path) -> None:
    user = ("alerts", "on", ">right-password", "~wecom-logging:*", "+@all")
    options = ("--user", "default", "off", "--user", *user)
    with running(tmp_path / "acl", *options) as server:
        good = f"redis://alerts:right-password@127.0.0.1:{server.port}/0"
        client = Client(RedisKit(good))
        client.log("A")
        assert told(client.deliver()) == {"A new": 1}
        for url in (good.replace("right", "wrong"), server.url):
            with pytest.raises(StoreError) as refused:
                Client(RedisKit(url)).log("A")
            assert "password-" not in str(refused.value)
            assert "wrong-password" not in str(refused.value)


def test_tls(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    try:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
             "-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)],
            check=True, capture_output=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        missing("openssl", "openssl")
    port = free_port()
    options = ("--tls-port", str(port), "--tls-cert-file", str(certificate),
               "--tls-key-file", str(key), "--tls-auth-clients", "no")  # fmt: skip
    with running(tmp_path / "tls", *options):
        client = Client(RedisKit(f"rediss://127.0.0.1:{port}/0?ssl_cert_reqs=none"))
        client.log("A")
        assert told(client.deliver()) == {"A new": 1}
        with pytest.raises(StoreError):  # nobody vouches for this certificate
            Client(RedisKit(f"rediss://127.0.0.1:{port}/0")).log("A")


# -- what goes wrong -----------------------------------------------------------------------


def test_out_of_memory_changes_nothing(server: RedisServer) -> None:
    client = Client(RedisKit(server.url))
    client.log("A", 3)
    there = server.client()
    there.config_set("maxmemory", "1mb")
    for step in (lambda: client.log("B"), lambda: client.claim(why="flush")):
        with pytest.raises(StoreError, match="maxmemory"):
            step()
    there.config_set("maxmemory", "0")
    assert told(client.claim(why="flush")) == {"A new": 3}


def test_a_replica_may_not_be_written(server: RedisServer) -> None:
    client = Client(RedisKit(server.url))
    client.log("A", 3)
    there = server.client()
    there.execute_command("REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(StoreError, match=r"(?i)read.?only"):
        client.claim(why="flush")
    there.execute_command("REPLICAOF", "NO", "ONE")
    assert told(client.claim(why="flush")) == {"A new": 3}


@pytest.mark.parametrize("trouble", ["killed", "paused", "memory", "replica"])
def test_nobody_who_logs_is_slowed_and_everything_is_told_once(
    server: RedisServer,
    watched: Callable[..., WeComHandler],
    sim: Simulator,
    trouble: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    handler = watched(server.url)
    log_to(handler)
    assert handler.flush(10)
    there = server.client()
    if trouble == "killed":
        server.kill()
    elif trouble == "paused":
        there.execute_command("CLIENT", "PAUSE", 2000, "ALL")
    elif trouble == "memory":
        there.config_set("maxmemory", "1mb")
    else:
        there.execute_command("REPLICAOF", "127.0.0.1", "1")
    took: list[float] = []
    worker = handler._worker

    def is_met() -> bool:
        """It waits for Redis, or has looked for it again in vain."""
        took.append(log_to(handler))
        store: Any = worker.cycle.store
        return worker.busy if trouble == "paused" else store._tries > 1

    eventually(is_met)
    took += [log_to(handler) for _ in range(20)]
    if trouble == "killed":
        server.start()
    elif trouble == "memory":
        there.config_set("maxmemory", "0")
    elif trouble == "replica":
        there.execute_command("REPLICAOF", "NO", "ONE")
    took += [log_to(handler) for _ in range(20)]
    eventually(lambda: handler.flush(5) and handler.stats().reported == 1 + len(took))
    assert counted(sim.messages) == 1 + len(took)
    assert max(took) < min(TIMEOUTS) / 2, "it has waited for Redis"

    def is_back() -> bool:
        log_to(handler)
        store: Any = worker.cycle.store
        return handler.flush(5) and store._memory is None

    eventually(is_back)
    log_to(handler)
    assert handler.flush()
    stats = handler.stats()
    assert counted(sim.messages) == stats.reported == stats.seen
    lines = [line for line in capfd.readouterr().err.splitlines() if "cannot be used" in line]
    assert len(lines) == (0 if trouble == "paused" else 1)


def test_a_pause_longer_than_any_patience(
    server: RedisServer, watched: Callable[..., WeComHandler], sim: Simulator
) -> None:
    """A step that timed out is done all the same, later: its errors are counted once."""
    handler = watched(server.url)
    log_to(handler)
    assert handler.flush(10)
    server.client().execute_command("CLIENT", "PAUSE", 4500, "ALL")
    for _ in range(10):
        log_to(handler)
    eventually(lambda: handler.flush(5) and handler.stats().reported == 11)
    server.client().ping()  # answered when the pause is over, after what came before it
    handler.flush(5)
    assert counted(sim.messages) == 11
    assert handler.stats().reported == handler.stats().seen == 11


def test_an_emptied_redis_is_declared(
    server: RedisServer,
    watched: Callable[..., WeComHandler],
    sim: Simulator,
    capfd: pytest.CaptureFixture[str],
) -> None:
    handler = watched(server.url, group_wait=5)
    log_to(handler, "first")
    eventually(lambda: server.client().keys("*:groups"))
    server.client().flushall()
    log_to(handler, "second")
    eventually(lambda: handler.flush(5))
    stats = handler.stats()
    assert (stats.seen, stats.reported, stats.lost) == (2, 1, 1)
    assert "1 error is lost" in capfd.readouterr().err


def test_a_group_that_cannot_be_read_is_told_by_its_count(redis_server: RedisServer) -> None:
    there = redis_server.client()
    there.flushall()
    client = Client(RedisKit(redis_server.url))
    client.log("A", 3)
    client.log("B", 2)
    (identities,) = (key for key in there.scan_iter() if key.endswith(":identities"))
    there.hset(identities, identity("A").id, "{}")
    claim = client.until_due()[1]
    assert sorted(report.count for report in claim.digest.reports) == [2, 3]
    client.store.settle(claim.digest.id)
    assert client.store.account(client.source).reported == 5


def test_of_many_batches_nobody_knows_once_some_are_merged(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are merged again under their numbers, and not counted in memory as well."""
    client = Client(RedisKit(server.url))
    batches = [client.batch("A") for _ in range(450)]
    store, parts = client.store, []
    run = store._run  # type: ignore[attr-defined]  # Redis's own

    def cut(step: str, *arguments: Any) -> object:
        if step == "visit":
            parts.append(len(json.loads(arguments[1])))
            if len(parts) == 2:
                raise StoreError("connection refused")
        return run(step, *arguments)

    monkeypatch.setattr(store, "_run", cut)
    with pytest.raises(StoreError) as caught:
        store.merge(*batches)
    assert caught.value.unclear
    store.merge(*batches)
    assert parts == [200, 200, 200, 200, 50]
    assert store.account(client.source).merged == 450


def test_a_mark_that_others_write_in_between_of(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Errors are in nobody's way, and are not written over; with another mark it is made anew."""
    redis_server.client().flushall()
    client, other = (Client(RedisKit(redis_server.url), f"web/{n}/x") for n in (1, 2))
    client.log("A", 3)
    store: Any = client.store
    others: Any = other.store
    (known,) = store.groups().groups
    act = Act("silence", "key", "lisi", "lisi", "web", ids=(known.id,), seconds=600.0)
    theirs = act._replace(key="theirs", who="wangwu", user="wangwu")
    save, between = RedisState.save, list[Callable[[], object]]()

    def late(state: RedisState, *arguments: Any) -> bool:
        tries.append(state)
        if between:
            between.pop(0)()
        return save(state, *arguments)

    tries: list[RedisState] = []
    monkeypatch.setattr(RedisState, "save", late)
    between.append(lambda: other.log("A", 5))
    assert store.mark(act._replace(verb="take")).ids == (known.id,)
    assert len(tries) == 1
    between.append(lambda: others.mark(theirs))
    assert store.mark(act._replace(key="mine")).ids == (known.id,)
    assert len(tries) == 4, "twice this one, once the other, and before that the first"
    assert [kept.act.key for kept in store.acts()] == ["key", "theirs", "mine"]
    (known,) = store.groups().groups
    assert (known.silenced_by, known.taken_by, known.count) == ("lisi", "lisi", 8)
    monkeypatch.setattr(RedisState, "save", lambda *_: False)
    with pytest.raises(StoreError, match="all the time"):
        store.mark(act._replace(key="another"))


def test_a_look_in_between_makes_a_mark_anew(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One mark has asked for a look, so another need not; but that look may be over by then."""
    redis_server.client().flushall()
    kit = RedisKit(redis_server.url)
    client, other = Client(kit, "web/1/x"), Client(kit, "web/2/x")
    store: Any = client.store
    for name in "AB":
        client.log(name)
        client.deliver(why="flush")
    ids = tuple(known.id for known in store.groups().groups)
    act = Act("silence", "key", "lisi", "lisi", "web", ids=ids, seconds=7200.0)
    store.mark(act)
    client.log("A", 7)
    client.log("B", 9)
    kit.advance(300)
    other.ask()
    store.mark(act._replace(verb="unsilence", key="one", ids=ids[:1]))
    other.deliver(why="due")
    save = RedisState.save

    def late(state: RedisState, *arguments: Any) -> bool:
        looks.append(None if looks else other.ask())
        return save(state, *arguments)

    looks: list[object] = []
    monkeypatch.setattr(RedisState, "save", late)
    store.mark(act._replace(verb="unsilence", key="another", ids=ids[1:]))
    assert len(looks) == 2
    assert isinstance(other.ask(), Claim)


def test_no_two_numbers_of_scripts_have_one_name() -> None:
    modules = redis_store._SAME
    numbers = [
        (name, value)
        for module in modules
        for name, value in vars(module).items()
        if name.isupper() and type(value) in (int, float)
    ]
    assert len(set(numbers)) == len(dict(numbers)) > 30


def test_a_cluster_none_of_whose_nodes_answers_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def moved(*_: object) -> None:
        raise redis.ResponseError("MOVED 1 127.0.0.1:1")

    def away(*_: object, **__: object) -> None:
        raise redis.exceptions.RedisClusterException("it cannot be connected")

    store = RedisStore("redis://127.0.0.1:1/0", "app", "shop", "", Rules())
    monkeypatch.setattr(store, "_send", moved)
    monkeypatch.setattr(redis.RedisCluster, "from_url", away)
    with pytest.raises(StoreError, match="cannot be connected") as raised:
        store.account("web/1/x")
    assert not raised.value.unclear
