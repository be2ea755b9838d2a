"""What cannot be read in a store counts as none, is said once, and the rest goes on."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import pytest

from tests.helpers.redis_server import RedisServer
from tests.helpers.store_kits import Client, RedisKit, SQLiteKit, fill
from wecom_logging._stores.documents import TABLE
from wecom_logging._stores.protocol import Claim

#: No JSON, no object, fields missing, nested without end, numbers that are none.
BAD = ("{", "7", "{}", "[]", "[" * 100_000, '{"n": 1e999}', "1e999", '"text"', "null")

#: What stands in a record where there should be a number.
HOLLOW = ("1e999", '"7"', "null", "[]", "1" + "0" * 400, "-1e300")


def hollowed(body: str, which: int, bad: str) -> str:
    """A record with one number that is none."""
    numbers = list(re.finditer(r"(?<=[:\[,])-?\d+(\.\d+)?(?=[,\]}])", body))
    if not numbers:
        return body
    found = numbers[which % len(numbers)]
    return body[: found.start()] + bad + body[found.end() :]


def told_in_the_end(client: Client) -> int:
    """How many errors are told when everything is, with new ones of two kinds."""
    total = 0
    client.log("A", 10)
    client.log("C", 100)
    for _ in range(6):
        client.kit.advance(40)
        claim = client.ask(why="insist")
        if isinstance(claim, Claim):
            total += sum(report.count for report in claim.digest.reports)
            client.store.settle(claim.id)
    return total


@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
def test_rows_that_are_no_records(
    bad: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = SQLiteKit(tmp_path)
    fill(Client(place))
    with sqlite3.connect(place.path) as other:
        kinds = {kind for (kind,) in other.execute(f"SELECT DISTINCT kind FROM {TABLE}")}
        other.execute(f"UPDATE {TABLE} SET body=?", (bad,))
    other.close()
    assert {"scope_state", "destination", "group", "pending", "samples", "digest", "part"} <= kinds
    assert told_in_the_end(Client(place, "web/2/x")) >= 110
    lines = capsys.readouterr().err.splitlines()
    assert lines
    assert len(lines) == len(set(lines)), "each is said once"


@pytest.mark.parametrize("bad", ["CAST(x'ff22' AS TEXT)", "x'ff22'", "x'007b'"])
def test_rows_that_are_no_texts(bad: str, tmp_path: Path) -> None:
    """Also in a store that is open: one row must not stop the steps that read it."""
    place = SQLiteKit(tmp_path)
    client = Client(place)
    fill(client)
    with sqlite3.connect(place.path) as other:
        kinds = {kind for (kind,) in other.execute(f"SELECT DISTINCT kind FROM {TABLE}")}
    for kind in sorted(kinds):
        with other:
            other.execute(f"UPDATE {TABLE} SET body={bad} WHERE kind=?", (kind,))
            other.execute(
                f"INSERT INTO {TABLE} SELECT scope, kind, x'ff', body, written FROM {TABLE}"
                " WHERE kind=? LIMIT 1",
                (kind,),
            )
        client.ask()
        client.store.groups()  # type: ignore[attr-defined]  # of stores that can be asked
        client.store.account(client.source)
    other.close()
    assert told_in_the_end(client) >= 110


@pytest.mark.parametrize("which", range(0, 24, 3))
@pytest.mark.parametrize("bad", HOLLOW, ids=range(len(HOLLOW)))
def test_rows_with_a_number_that_is_none(bad: str, which: int, tmp_path: Path) -> None:
    place = SQLiteKit(tmp_path)
    fill(Client(place))
    with sqlite3.connect(place.path) as other:
        rows = other.execute(f"SELECT rowid, body FROM {TABLE}").fetchall()
        for row, body in rows:
            text = hollowed(body, which, bad)
            other.execute(f"UPDATE {TABLE} SET body=? WHERE rowid=?", (text, row))
    other.close()
    assert told_in_the_end(Client(place, "web/2/x")) >= 110


@pytest.mark.parametrize(
    "kind", ["group", "pending", "part", "digest", "scope_state", "destination"]
)
def test_a_kind_of_rows_that_is_gone(kind: str, tmp_path: Path) -> None:
    place = SQLiteKit(tmp_path)
    fill(Client(place))
    with sqlite3.connect(place.path) as other:
        other.execute(f"DELETE FROM {TABLE} WHERE kind=?", (kind,))
    other.close()
    assert told_in_the_end(Client(place, "web/2/x")) >= 110


def test_a_table_that_is_gone_is_made_anew(tmp_path: Path) -> None:
    place = SQLiteKit(tmp_path)
    client = Client(place)
    fill(client)
    with sqlite3.connect(place.path) as other:
        other.execute(f"DROP TABLE {TABLE}")
    other.close()
    with pytest.raises(Exception, match="no such table"):
        client.log("A")
    assert told_in_the_end(client) == 110


@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
def test_fields_that_are_no_records(
    bad: str, redis_server: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    there = redis_server.client()
    there.flushall()
    fill(Client(RedisKit(redis_server.url)))
    for key in there.scan_iter():
        if there.type(key) == "hash" and not key.startswith("wecom-logging:2"):
            for name in there.hkeys(key):
                there.hset(key, name, bad)
    assert told_in_the_end(Client(RedisKit(redis_server.url), "web/2/x")) >= 110
    lines = capsys.readouterr().err.splitlines()
    assert lines
    assert len(lines) == len(set(lines)), "each is said once"


@pytest.mark.parametrize("which", range(0, 24, 3))
@pytest.mark.parametrize("bad", HOLLOW, ids=range(len(HOLLOW)))
def test_fields_with_a_number_that_is_none(bad: str, which: int, redis_server: RedisServer) -> None:
    there = redis_server.client()
    there.flushall()
    fill(Client(RedisKit(redis_server.url)))
    for key in there.scan_iter():
        if there.type(key) == "hash":
            for name, body in there.hgetall(key).items():
                number = re.fullmatch(r"-?[\d.]+", body)
                there.hset(key, name, bad if number else hollowed(body, which, bad))
    assert told_in_the_end(Client(RedisKit(redis_server.url), "web/2/x")) >= 110


def test_an_account_has_whole_numbers(redis_server: RedisServer) -> None:
    there = redis_server.client()
    there.flushall()
    client = Client(RedisKit(redis_server.url))
    fill(client)
    (key,) = there.scan_iter("*:sources")
    source = json.loads(there.hget(key, client.source))
    numbers = {"reported": 1.5, "merged": 123456789012345}
    there.hset(key, client.source, json.dumps({**source, **numbers}))
    account = client.store.account(client.source)
    assert account.merged == 123456789012345
    assert [type(n) for n in account] == [*[int] * 7, float, int, bool]


@pytest.mark.parametrize("type_", ["string", "list", "hash", "zset"])
def test_keys_of_a_wrong_type(type_: str, redis_server: RedisServer) -> None:
    there = redis_server.client()
    there.flushall()
    client = Client(RedisKit(redis_server.url))
    fill(client)
    for key in list(there.scan_iter()):
        there.delete(key)
        if type_ == "string":
            there.set(key, "x")
        elif type_ == "list":
            there.rpush(key, "x")
        elif type_ == "hash":
            there.hset(key, "x", "y")
        else:
            there.zadd(key, {"x": 1})
    assert told_in_the_end(Client(RedisKit(redis_server.url), "web/2/x")) == 110
    assert client.store.lease("key") is None
