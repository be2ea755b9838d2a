"""Which errors are the same error: in the process, in what is stored and shown, at the caps."""

from __future__ import annotations

import gc
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.support import Watched, balanced, eventually
from wecom_logging._capture import code_location, grouping
from wecom_logging._capture.grouping import GroupSeed, Tallies, Tally, fingerprint, mask
from wecom_logging._capture.identity import identify

Watch = Callable[..., Watched]


def record(message: object, *args: object, **fields: Any) -> logging.LogRecord:
    """A record of one fixed call site."""
    fields = {"name": "shop", "levelno": 40, "pathname": "/srv/shop/pay.py", "lineno": 7, **fields}
    return logging.makeLogRecord({"msg": message, "args": args, "levelname": "ERROR", **fields})


def caught(raising: Callable[[], object]) -> Any:
    try:
        raising()
    except Exception as error:
        return (type(error), error, error.__traceback__)
    raise AssertionError("it did not raise")


def group_id(found: logging.LogRecord) -> str:
    return identify(GroupSeed(found, fingerprint(found))).id


# -- the fingerprint -----------------------------------------------------------------------


def divide() -> float:
    return 1 / 0


def look_up() -> object:
    return {}["x"]


def with_cause(cause: Callable[[], object]) -> object:
    try:
        return cause()
    except Exception as error:
        raise RuntimeError("failed") from error


SAME = {
    "arguments differ": (record("order %d failed", 1), record("order %d failed", 2)),
    "numbers in an f-string": (record("order 1 failed"), record("order 22 failed")),
    "hex and UUIDs": (
        record("user 6f1e0b52-0c0f-4cf5-8d3b-0a6f2f1c9f11 gone"),
        record("user a81bc81b-dead-4e5d-abff-90865d1e13b1 gone"),
    ),
    "addresses": (record("no route to 10.0.0.1:80"), record("no route to 192.168.7.20:8080")),
    "quoted parts": (record("no column 'a' here"), record("no column 'b' here")),
    "colours": (record("\x1b[31mfailed\x1b[0m"), record("failed")),
    "the message beside an exception": (
        record("first", exc_info=(error := caught(divide))),
        record("second", exc_info=error),
    ),
    "structlog's event": (
        record({"event": "order failed", "order": 1}),
        record({"event": "order failed", "order": 2}),
    ),
    "a JSON message": (
        record(json.dumps({"event": "order failed", "order": 1})),
        record(json.dumps({"order": 2, "event": "order failed"})),
    ),
    "long messages that differ in their middle": (
        record("a" * 500 + "x" * 50 + "z" * 300),
        record("a" * 500 + "y" * 50 + "z" * 300),
    ),
}

DIFFERENT = {
    "another template": (record("order %d failed", 1), record("order %d paid twice", 1)),
    "another line": (record("failed"), record("failed", lineno=8)),
    "another logger": (record("failed"), record("failed", name="billing")),
    "another level": (record("failed"), record("failed", levelno=50)),
    "another type": (
        record("failed", exc_info=caught(divide)),
        record("failed", exc_info=caught(look_up)),
    ),
    "another cause": (
        record("failed", exc_info=caught(lambda: with_cause(divide))),
        record("failed", exc_info=caught(lambda: with_cause(look_up))),
    ),
    "an exception and none": (record("failed"), record("failed", exc_info=caught(divide))),
    "fingerprints of their own": (
        record("failed", fingerprint="db-down"),
        record("failed", fingerprint="cache-down"),
    ),
    "fingerprints that differ by a number": (
        record("failed", fingerprint="shard-1"),
        record("failed", fingerprint="shard-2"),
    ),
    "a fingerprint of its own at another level": (
        record("failed", fingerprint="db-down"),
        record("failed", fingerprint="db-down", levelno=50),
    ),
}


@pytest.mark.parametrize("case", SAME)
def test_these_are_one_kind_of_error(case: str) -> None:
    one, other = SAME[case]
    assert fingerprint(one) == fingerprint(other)
    assert group_id(one) == group_id(other)


@pytest.mark.parametrize("case", DIFFERENT)
def test_these_are_two_kinds_of_error(case: str) -> None:
    one, other = DIFFERENT[case]
    assert fingerprint(one) != fingerprint(other)
    if case not in ("another line", "another level"):
        assert group_id(one) != group_id(other)


def test_a_place_in_a_library_is_told_apart_by_who_called_it() -> None:
    def parse_price() -> object:
        return json.loads("{")

    def parse_stock() -> object:
        return json.loads("{")

    one, other = (record("bad", exc_info=caught(f)) for f in (parse_price, parse_stock))
    assert fingerprint(one) != fingerprint(other)
    ours = [identify(GroupSeed(r, fingerprint(r))) for r in (one, other)]
    assert [identity.place.split()[-1].split(".")[-1] for identity in ours] == [
        "parse_price",
        "parse_stock",
    ] or ours[0].place.endswith("parse_price"), ours
    assert ours[0].cause == ours[1].cause, "one cause is drawn as one block"


def test_an_identity_knows_no_line_and_no_absolute_path() -> None:
    moved = {"pathname": "/opt/release-2/shop/pay.py", "lineno": 99}
    assert group_id(record("failed")) == group_id(record("failed", **moved))
    identity = identify(GroupSeed(found := record("failed"), fingerprint(found)))
    assert "/srv" not in repr(identity)


@pytest.mark.parametrize(
    ("level", "renamed", "expected"),
    [
        (50, "FATAL", "critical"),
        (60, "EMERGENCY", "critical"),
        (40, "\x1b[31mERROR\x1b[0m", "error"),
        (45, "\x1b[31mALERT\x1b[0m", "alert"),
    ],
)
def test_a_level_by_another_name_is_the_same_level(
    level: int, renamed: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(logging._levelToName, level, renamed)
    found = record("failed", levelno=level)
    assert identify(GroupSeed(found, fingerprint(found))).level == expected


def test_a_traceback_that_is_only_text_gives_type_and_place() -> None:
    text = (
        "boom\nTraceback (most recent call last):\n"
        '  File "/srv/shop/pay.py", line 31, in post\n    send()\n'
        "pay.errors.Refused: card 4111\n"
    )
    found = record(text)
    identity = identify(GroupSeed(found, fingerprint(found)))
    assert identity.type == "Refused"
    assert identity.place.endswith("pay.py post")


@pytest.mark.parametrize(
    "text",
    [
        f'Traceback (most recent call last):\n  File "x.py", line {"9" * 5000}, in f\nE: x',
        'Traceback (most recent call last):\n  File "x.py", line ١٢, in f\nE: x',
        "Traceback (most recent call last):\n",
        '{"event": "x", "exception": "Traceback (most recent call last):"}',
        '{"event": ' + "[" * 5000 + "]" * 5000 + "}",
        '{"event": ' + "9" * 5000 + "}",
    ],
)
def test_a_text_that_only_looks_like_a_traceback_is_a_text(text: str) -> None:
    found = record(text)
    assert group_id(found) == group_id(record(text))


def test_a_chain_that_is_a_loop_has_an_end() -> None:
    one, other = ValueError("one"), KeyError("other")
    one.__cause__, other.__cause__ = other, one
    found = record("failed", exc_info=(ValueError, one, None))
    assert fingerprint(found)[4] == (ValueError, KeyError)


@pytest.mark.parametrize("message", ["", "%", "%s %s", "no digits", "中文 42", "a" * 10_000])
def test_a_mask_is_bounded_and_hides_numbers(message: str) -> None:
    masked = mask(message)
    assert len(masked) <= grouping.HEAD + grouping.TAIL + 3
    assert not any(c.isdigit() for c in masked)


# -- the tally -----------------------------------------------------------------------------


def test_reading_a_tally_does_not_count() -> None:
    tally = Tally(GroupSeed(record("x"), ("x",)))
    assert [tally.value, tally.value] == [0, 0]
    next(tally)
    next(tally)
    assert tally.value == 2


def test_max_groups_are_told_apart_and_the_rest_are_others() -> None:
    tallies = Tallies(3)
    found = [record(f"kind {letter}", lineno=i) for i, letter in enumerate("abcde")]
    seen = [tallies.add(fingerprint(each), each) for each in found]
    assert len(set(map(id, seen))) == 4
    assert seen[3] is seen[4]
    assert len(tallies.known) <= 3 + 2


def test_varying_messages_beyond_max_groups_are_others_too() -> None:
    tallies = Tallies(3)
    for line in range(20):
        for _ in range(grouping.MAX_VARIANTS + 2):
            each = record("always the same", lineno=line)
            key = fingerprint(each)
            if key not in tallies.known:
                tallies.add(key, each)
    assert len(tallies.known) <= 3 + 2


def test_a_call_site_is_not_varying_because_there_was_no_room() -> None:
    tallies = Tallies(1)
    tallies.add(("a group",), record("x"))
    for _ in range(grouping.MAX_VARIANTS + 2):
        each = record("always the same")
        crowd = tallies.add(fingerprint(each), each)
    del tallies.known[("a group",)]
    assert tallies.add(fingerprint(each), each) is not crowd
    assert fingerprint(each) in tallies.known


def test_critical_errors_beyond_max_groups_stay_apart() -> None:
    tallies = Tallies(1)
    levels = (40, 40, 50, 50)
    found = [record("kind", lineno=i, levelno=level) for i, level in enumerate(levels)]
    _, error, critical, again = (tallies.add(fingerprint(each), each) for each in found)
    assert error is not critical
    assert critical is again


def test_a_call_site_with_ever_new_texts_becomes_one_group() -> None:
    tallies = Tallies(1000)
    found = [record(f"cannot open {chr(97 + i // 26) + chr(97 + i % 26)}") for i in range(50)]
    seen = {id(tallies.add(fingerprint(each), each)) for each in found}
    assert len(seen) == grouping.MAX_VARIANTS + 1


def test_of_a_huge_template_little_is_kept() -> None:
    found, other = (record("x" * 1_000_000 + end, 1) for end in ("a %s", "b %s"))
    one = identify(GroupSeed(found, fingerprint(found)))
    assert len(one.template) == grouping.HEAD
    assert one.id != identify(GroupSeed(other, fingerprint(other))).id


def test_a_working_directory_that_is_gone_takes_nothing_from_an_alert(
    watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process may outlive the directory of its release; relative paths lead nowhere then."""
    gone = tmp_path / "release"
    gone.mkdir()
    monkeypatch.chdir(gone)
    monkeypatch.syspath_prepend("")
    gone.rmdir()
    code_location._relative.clear()
    w = watch()
    w.log.error("payment %d failed", 8841)
    assert "payment 8841 failed" in w.told()
    assert "test_grouping.py" in w.told()


# -- as people see it ----------------------------------------------------------------------


def test_a_fingerprint_of_the_records_own_makes_groups(watch: Watch) -> None:
    w = watch(fingerprint=lambda record: "all the same")
    for name in ("db-down", "cache-down", "db-down"):
        w.log.error("failed", extra={"fingerprint": name})
    assert sorted(w.counts()) == [1, 2]


@pytest.mark.parametrize(
    "value", [None, 7, ("a", 1), ["unhashable"], {"a": 1}, "x" * 100_000, "\ud800"]
)
def test_any_value_is_a_fingerprint(value: object, watch: Watch) -> None:
    w = watch()
    for i in range(3):
        w.log.error("failed %d", i, extra={"fingerprint": value})
        w.log.error("and then there was %s", "b" * i, extra={"fingerprint": value})
    assert w.counts() == [6]


def test_the_users_fingerprint_decides_and_the_built_in_one_stands_in(watch: Watch) -> None:
    def by_team(record: logging.LogRecord) -> object:
        return record.team  # type: ignore[attr-defined]

    w = watch(fingerprint=by_team)
    w.log.error("one", extra={"team": "pay"})
    w.log.error("another", extra={"team": "pay"})
    w.log.error("no team")
    assert sorted(w.counts()) == [1, 2]


class Unequal:
    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        raise ValueError("not comparable")

    def __repr__(self) -> str:
        raise ValueError("not printable")


def test_what_cannot_be_told_apart_is_counted_as_others(watch: Watch) -> None:
    w = watch()
    for _ in range(3):
        w.log.error("failed", extra={"fingerprint": Unequal()})
    assert sum(w.counts()) == 3
    assert balanced(w.stats)


def test_max_groups_plus_one_is_told_as_others(watch: Watch) -> None:
    w = watch(max_groups=5)
    for i in range(12):
        w.log.error("failed", extra={"fingerprint": i})
    assert sorted(w.counts()) == [1] * 5 + [7]
    assert "others ×7" in w.told()


def tallies_in_memory() -> int:
    return sum(type(each) is Tally for each in gc.get_objects())


def test_silent_groups_make_room_and_no_error_is_lost_with_them(watch: Watch) -> None:
    w = watch(max_groups=20, quiet_after=0.01, rate_limit=[[1000, 60]])
    before = tallies_in_memory()
    for i in range(400):
        w.log.error("failed", extra={"fingerprint": i})
        if i % 20 == 19:
            assert w.flush()
    eventually(lambda: w.flush() and tallies_in_memory() <= before + 20 + 2)
    assert w.stats.reported == w.stats.seen == 400
