"""Two versions on one file: they share slots and tokens, and what the older one left is told."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.redis_server import RedisServer
from tests.helpers.store_kits import Client, RedisKit, SQLiteKit, told
from wecom_logging._stores.documents import SCHEMA, TOKENS, scope

SCOPE = scope("robot 1", "shop", "prod")
DESTINATION = scope("robot 1")
IDENTITY = ["A", "shop", "error", "A", "shop.py A", "", ""]


def track(now: float, **more: Any) -> dict[str, Any]:
    """What the older version wrote of a group that was told two minutes ago."""
    return {
        "first_seen": now - 121.0, "last_seen": now - 30.0, "since": now - 121.0,
        "due": now - 120.0, "quiet_after": 600.0, "forget_after": 90000.0, "critical": False,
        "total": 8, "earlier": 0, "last_before": 0.0, "news": False, "again": False,
        "over_told": False, "loud": False, "surge": 31, "surge_speed": 30.0, "told": 1, "step": 0,
        "pause": 60.0, "told_at": now - 120.0, "told_count": 3, "told_span": 1.0,
        "pending_since": now - 40.0, **more,
    }  # fmt: skip


def written_by_the_older(place: SQLiteKit, documents: list[tuple[str, str, str, Any]]) -> None:
    Client(place).store.account("nobody")  # makes the file
    with sqlite3.connect(place.path) as other:
        for statement in SCHEMA:
            other.execute(statement)
        for where, kind, name, body in documents:
            row = (where, kind, name, json.dumps(body), place.now)
            other.execute(f"INSERT OR REPLACE INTO {TOKENS} VALUES (?, ?, ?, ?, ?)", row)
    other.close()


@pytest.fixture
def place(tmp_path: Path) -> SQLiteKit:
    return SQLiteKit(tmp_path)


def left_over(place: SQLiteKit, *, looks_at: float | None) -> list[tuple[str, str, str, Any]]:
    source = {"first": 1, "sequence": 9, "merged": 8, "reported": 3, "seen": place.now}
    group = {
        "identity": IDENTITY, "track": track(place.now), "pending": {"old/1/a": 5},
        "doubtful": 1, "out": 2,
    }  # fmt: skip
    part = {
        "identity": IDENTITY, "track": track(place.now), "pending": {"old/1/a": 2},
        "samples": [{"event": "text"}], "doubtful": 0, "ends": False,
    }  # fmt: skip
    held = {"id": "0badcafe", "parts": [part], "now": place.now, "wall": place.now, "body": "x"}
    return [
        (SCOPE, "source", "old/1/a", {**source, "looks_at": looks_at}),
        (SCOPE, "group", "A", group),
        (SCOPE, "desk", "", {"agenda": {}, "held": held}),
    ]


def test_what_the_older_version_left_is_told(place: SQLiteKit) -> None:
    written_by_the_older(place, left_over(place, looks_at=None))
    claim = Client(place).claim()
    assert told(claim) == {"A still": 7}
    (report,) = claim.digest.reports
    assert (report.doubtful, [s["event"] for s in report.samples]) == (3, ["text"])


def test_it_is_left_to_the_older_version_while_that_looks(place: SQLiteKit) -> None:
    written_by_the_older(place, left_over(place, looks_at=place.now + 20.0))
    client = Client(place)
    assert client.wait(why="flush") is None
    place.advance(61)
    assert told(client.claim()) == {"A still": 7}


def test_both_versions_share_one_budget(place: SQLiteKit) -> None:
    slots = {"one": [place.now - 5.0, place.now - 4.0], "two": [place.now - 2.0, None]}
    written_by_the_older(place, [(DESTINATION, "destination", "", {"slots": slots})])
    client = Client(place, rate_limit=((3, 60.0),))
    client.log("A")
    claim = client.claim(why="flush")
    client.log("B", level="critical")
    assert client.wait(why="flush") is not None, "all three are taken"
    with sqlite3.connect(place.path) as other:
        row = other.execute(f"SELECT body FROM {TOKENS} WHERE kind='destination'").fetchone()
        taken = json.loads(row[0])["slots"]
        assert len(taken) == 3
        assert [place.now, None] in taken.values()
    other.close()
    place.advance(1)
    client.store.settle(claim.id)
    with sqlite3.connect(place.path) as other:
        row = other.execute(f"SELECT body FROM {TOKENS} WHERE kind='destination'").fetchone()
        assert [place.now, place.now] in json.loads(row[0])["slots"].values()
    other.close()


def test_both_versions_share_tokens(place: SQLiteKit) -> None:
    token = {"token": "secret", "refresh_at": place.now + 1000.0}
    written_by_the_older(place, [("tokens", "token", "key", token)])
    assert Client(place).store.lease("key") == "secret"


# -- Redis -----------------------------------------------------------------------------------


def left_in_redis(server: RedisServer, now: float, *, looks_at: float | None) -> None:
    """What the older version wrote: a group with pending errors, and a digest that is out."""
    there = server.client()
    own = f"wecom-logging:2:{{{DESTINATION}}}:{scope('shop', 'prod')}:"
    old = {"t": track(now), "n": 5, "d": 1, "o": 2}
    part = {
        "id": "A", "i": json.dumps(IDENTITY), "t": track(now), "p": {"old/1/a": 2},
        "s": ['{"event":"text"}'], "d": 0, "e": False,
    }  # fmt: skip
    there.hset(own + "groups", "A", json.dumps(old))
    there.hset(own + "identities", "A", json.dumps(IDENTITY))
    there.hset(own + "pending", "A|old/1/a", 5)
    there.hset(own + "held", mapping={"id": "0badcafe", "parts": json.dumps([part]), "body": "x"})
    if looks_at is not None:
        there.zadd(own + "looks", {"old/1/a": looks_at})


def test_what_the_older_version_left_in_redis_is_told(redis_server: RedisServer) -> None:
    redis_server.client().flushall()
    left_in_redis(redis_server, time.time(), looks_at=None)
    client = Client(RedisKit(redis_server.url))
    claim = client.claim()
    assert told(claim) == {"A still": 7}
    (report,) = claim.digest.reports
    assert (report.doubtful, [s["event"] for s in report.samples]) == (3, ["text"])
    assert not redis_server.client().keys("wecom-logging:2:*groups")
    client.store.settle(claim.id)
    client.log("A")
    assert client.deliver(why="flush").digest.reports[0].short_id


def test_redis_is_left_to_the_older_version_while_that_looks(redis_server: RedisServer) -> None:
    redis_server.client().flushall()
    left_in_redis(redis_server, time.time(), looks_at=time.time() + 20)
    assert Client(RedisKit(redis_server.url)).wait(why="flush") is None
    place = RedisKit(redis_server.url)
    place.advance(61)
    assert told(Client(place).claim()) == {"A still": 7}
