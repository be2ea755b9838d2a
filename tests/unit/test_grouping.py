"""Which errors are the same error: in the process, in what is stored and shown, at the caps."""

from __future__ import annotations

import gc
import json
import logging
import os
import subprocess
import sys
import traceback
import urllib.error
from collections.abc import Callable, Iterable
from email.message import Message
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import example, given
from hypothesis import strategies as st

from tests.helpers.support import Watched, balanced, eventually
from wecom_logging import contrib
from wecom_logging._capture import code_location, grouping
from wecom_logging._capture.failure import code_of
from wecom_logging._capture.grouping import fingerprint
from wecom_logging._capture.identity import identify
from wecom_logging._capture.keys import Key, site_of
from wecom_logging._capture.rendered import template_of
from wecom_logging._capture.tally import NEWS, GroupSeed, Tally
from wecom_logging._capture.template import HEAD, TAIL, mask, without_prefix
from wecom_logging._capture.text_traceback import Traced
from wecom_logging._capture.variety import Tallies
from wecom_logging._model.digest import MAX_CONSTANT, MAX_VARIANTS, VARYING

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


def key_of(found: logging.LogRecord) -> Key:
    """The fingerprint of a record that the handler has seen the like of."""
    grouping.learn(found)
    return fingerprint(found)


def group_id(found: logging.LogRecord) -> str:
    return identify(GroupSeed(found, key_of(found))).id


# -- the fingerprint -----------------------------------------------------------------------


def divide() -> float:
    return 1 / 0


NOTHING: dict[str, object] = {}


def look_up() -> object:
    return NOTHING["x"]


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
    "user names": (record("user alice not found"), record("user bob.k not found")),
    "user names at the end": (record("no cart for user alice"), record("no cart for user bob")),
    "user names after a sign": (
        record("no cart for user='alice'"),
        record("no cart for user='bob'"),
    ),
    "e-mails": (record("no mail to a.b@example.com"), record("no mail to zoe@mail.example.org")),
    "file names": (record("cannot read report.pdf"), record("cannot read /data/in/sales-2025.csv")),
    "nanoid": (
        record("no object V1StGXR8_Z5jdHi6B-myT"),
        record("no object Uakgb_J5m9g-0JDMbcJqL"),
    ),
    "base64": (
        record("token aGVsbG8gd29ybGQgdGhpcyBpcw== is bad"),
        record("token c29tZXRoaW5nIGVsc2UgaGVyZSE= is bad"),
    ),
    "Chinese names": (record("用户 张伟 登录失败"), record("用户 李娜 登录失败")),
    "Chinese names without a space": (record("用户张伟登录失败"), record("用户李娜登录失败")),
    "Chinese numerals": (record("第一次重试失败"), record("第二次重试失败")),
    "Chinese counts": (record("还剩三个订单"), record("还剩十二个订单")),
    "numbers of two countries": (record("sum 12 345,67 is wrong"), record("sum 1,234.50 is wrong")),
    "one and many": (record("1 row affected"), record("5 rows affected")),
    "one and many that change": (record("1 entry lost"), record("2 entries lost")),
    "units": (record("took 12ms"), record("took 900 µs")),
    "a formatter's prefix": (
        record("2026-03-04 14:03:11,123 ERROR shop.pay: it failed"),
        record("2026-03-05 09:00:00,001 WARNING shop.cart: it failed"),
    ),
    "another formatter's prefix": (record("ERROR:shop.pay:it failed"), record("it failed")),
    "a prefix in brackets": (
        record("[2026-03-04 14:03:11 +0800] [12] [ERROR] it failed"),
        record("[2026-03-05 14:03:11 +0800] [1344] [ERROR] it failed"),
    ),
    "a message by another key": (
        record('{"msg": "order 7 failed", "order": 7}'),
        record('{"level": "error", "msg": "order 8 failed"}'),
    ),
    "numbers beside a code": (record("HTTP 404 for order 7"), record("HTTP 404 for order 8")),
    "an exception's own numbers": (
        record("failed: %s", OSError(28, "No space left", "/data/7")),
        record("failed: %s", OSError(28, "No space left", "/data/8")),
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
    "what happened to somebody": (record("account suspended"), record("account closed")),
    "what somebody did": (record("client connected twice"), record("client disconnected twice")),
    "a status in a text": (record("HTTP 404 for order 7"), record("HTTP 500 for order 7")),
    "a status by its name": (record("status code 401"), record("status code 403")),
    "a status with its phrase": (
        record("404 Client Error: Not Found for url: /7"),
        record("500 Server Error: Internal Server Error for url: /7"),
    ),
    "an errno in a text": (record("[Errno 111] no luck"), record("[Errno 28] no luck")),
    "SQLSTATE": (record("SQLSTATE[23505] at 7"), record("SQLSTATE[40001] at 7")),
    "exit codes": (record("exited with code 1"), record("exited with code 137")),
    "signals": (record("killed by signal 9"), record("killed by signal 11")),
    "services in quotes": (record("service 'redis' is down"), record("service 'kafka' is down")),
    "logfmt": (record('level=error msg="disk full"'), record('level=error msg="queue slow"')),
    "JSON without a message": (record('{"error": "disk full"}'), record('{"error": "queue slow"}')),
    "an exception's repr": (record(repr(KeyError("sku"))), record(repr(KeyError("price")))),
    "codes of a service in a text": (
        record("An error occurred (ThrottlingException) when calling PutItem"),
        record("An error occurred (AccessDenied) when calling PutItem"),
    ),
    "exceptions as arguments": (
        record("failed: %s", ValueError("x")),
        record("failed: %s", KeyError("x")),
    ),
    "errno of an argument": (
        record("failed: %s", OSError(28, "x")),
        record("failed: %s", OSError(5, "x")),
    ),
    "a fingerprint of its own at another level": (
        record("failed", fingerprint="db-down"),
        record("failed", fingerprint="db-down", levelno=50),
    ),
}


@pytest.mark.parametrize("case", SAME)
def test_these_are_one_kind_of_error(case: str) -> None:
    one, other = SAME[case]
    assert key_of(one) == key_of(other)
    assert group_id(one) == group_id(other)


@pytest.mark.parametrize("case", DIFFERENT)
def test_these_are_two_kinds_of_error(case: str) -> None:
    one, other = DIFFERENT[case]
    assert key_of(one) != key_of(other)
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


def test_no_name_of_an_identity_is_without_end() -> None:
    """A type that is made of somebody's answer may have a name of megabytes."""
    huge = "n" * 1_000_000
    made = type(huge, (Exception,), {"__module__": huge})
    raised = record("failed", name=huge, exc_info=(made, made("x"), None))
    for one in (raised, record("failed", name=huge)):
        assert len(repr(identify(GroupSeed(one, fingerprint(one))))) < 20_000


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


@given(st.text(st.characters(exclude_categories=["Nd"])))
@example("user Alice not found")
@example("token aGVsbGhbGxvIHdvcmxkIHRoaXM is bad")
@example("ERROR:shop.pay:'x' is missing in report.pdf")
def test_a_text_without_digits_has_one_mask(message: str) -> None:
    """Leaving out what looks for digits changes nothing."""
    assert mask(message, digits=False) == mask(message)


@pytest.mark.parametrize("message", ["", "%", "%s %s", "no digits", "中文 42", "a" * 10_000])
def test_a_mask_is_bounded_and_hides_numbers(message: str) -> None:
    masked = mask(message)
    assert len(masked) <= HEAD + TAIL + 3
    assert not any(c.isdigit() for c in masked)


class Refused(Exception):
    """With whatever a library puts onto its exceptions."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


class Response:
    def __init__(self, status_code: int) -> None:
        self.status_code = status_code


def answered(status: int) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    return response


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(28, "No space left on device"), "28"),
        (ConnectionRefusedError(111, "refused"), "111"),
        (OSError("without"), ""),
        (Refused(status_code=404), "404"),
        (Refused(code="E42"), "E42"),
        (Refused(pgcode="23505"), "23505"),
        (Refused(returncode=137), "137"),
        (Refused(response=Response(503)), "503"),
        (Refused(response={"Error": {"Code": "ThrottlingException"}}), "ThrottlingException"),
        (Refused(status_code=HTTPStatus.NOT_FOUND), "404"),
        (urllib.error.HTTPError("/x", 502, "Bad Gateway", Message(), None), "502"),
        (requests.HTTPError(response=answered(429)), "429"),
        (Refused(code=True), ""),
        (Refused(code="two words"), ""),
        (Refused(code="x" * 33), ""),
        (Refused(code="SplxlOBeZQQYbYS6WxSbIA"), ""),
        (Refused(code=10**5000), ""),
        (Refused(code=None, response=None), ""),
        (Refused(response={"Error": "none"}), ""),
        (subprocess.CalledProcessError(139, ["job"]), "139"),
    ],
    ids=repr,
)
def test_the_code_of_an_exception(error: BaseException, code: str) -> None:
    assert code_of(error) == code


def test_no_code_of_the_application_runs_for_a_code() -> None:
    class Trap(Exception):
        ran = False

        @property
        def status_code(self) -> int:
            Trap.ran = True
            return 404

        code = errno = response = status_code

        def __getattribute__(self, name: str) -> Any:
            Trap.ran = True
            return super().__getattribute__(name)

    assert code_of(Trap("x")) == ""
    assert not Trap.ran


def test_codes_of_live_exceptions_tell_groups_apart(watch: Watch) -> None:
    w = watch()
    for code in (404, 500, 404):
        try:
            raise Refused(status_code=code)
        except Refused:
            w.log.exception("failed")
    assert sorted(w.counts()) == [1, 2]


def test_the_code_of_a_cause_tells_groups_apart(watch: Watch) -> None:
    w = watch()
    for code in ("23505", "40001"):
        try:
            try:
                raise Refused(pgcode=code)
            except Refused as error:
                raise RuntimeError("no order") from error
        except RuntimeError:
            w.log.exception("failed")
    assert w.counts() == [1, 1]


def test_beyond_the_allowance_an_exception_has_no_code(watch: Watch) -> None:
    w = watch()
    for code in range(20):
        try:
            raise Refused(code=code)
        except Refused:
            w.log.exception("failed")
    assert sorted(w.counts()) == [1] * MAX_VARIANTS + [10]


def fails() -> None:
    raise ValueError("no price")


def test_a_traceback_of_the_exception_being_handled_is_that_exception(watch: Watch) -> None:
    """`log.error("…%s", traceback.format_exc())`: three failures at their own places."""
    w = watch()

    def run(job: Callable[[], object], how: int) -> None:
        try:
            job()
        except Exception:
            text = traceback.format_exc()
            if how:
                w.log.error(f"job failed: {text}")
            else:
                w.log.error("job failed: %s", text)

    for how in range(2):
        for job in (fails, divide, look_up):
            run(job, how)
    told = w.told()
    assert w.counts() == [2, 2, 2], "logged in two places, it is one cause"
    assert all(f"test_grouping.py:{name(job)}" in told for job in (fails, divide, look_up))
    assert 'return NOTHING["x"]' in told, "the source of a frame that has run"


def name(function: Callable[[], object]) -> str:
    return f"{function.__code__.co_firstlineno + 1} {function.__name__}"


def posted(i: int) -> str:
    return (
        f'Traceback (most recent call last):\n  File "a{i}.py", line {i + 1}, in x{i}\n'
        "    nothing()\nValueError: nothing"
    )


def test_a_traceback_in_a_text_is_not_the_exception_being_handled() -> None:
    grouping.learn(found := record("cannot parse: %s", posted(1)))
    try:
        raise ValueError("nothing")
    except ValueError:
        key = fingerprint(found)
    assert isinstance(key[4], Traced)
    identity = identify(GroupSeed(found, key))
    assert (identity.type, identity.from_text) == ("ValueError", True)
    assert identity.template == "cannot parse: %s"
    assert identity.cause == "", "never in a block with a failure that has happened"


def test_a_remote_traceback_tells_where_it_failed() -> None:
    """The exception of a process pool stands where its result was asked for."""

    def remote(function: str) -> BaseException:
        cause = type("_RemoteTraceback", (Exception,), {})()
        cause.tb = (
            f'"""\nTraceback (most recent call last):\n  File "/srv/shop/jobs.py", line 4, in'
            f' {function}\n    boom()\nValueError: x\n"""'
        )
        error = ValueError("x")
        error.__cause__ = cause
        return error

    one, other = (record("failed", exc_info=(ValueError, remote(f), None)) for f in ("a", "b"))
    assert key_of(one) != key_of(other)
    identity = identify(GroupSeed(one, key_of(one)))
    assert identity.place == "shop/jobs.py a"


def test_frames_of_compiled_libraries_are_a_librarys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cython gives its frames the path that the source had where it was built."""
    installed = {"__file__": "/venv/lib/site-packages/pandas/_libs/x.so"}
    own = {"__file__": "/srv/shop/fast.so"}
    for name, namespace, expected in (
        ("pandas/_libs/tslibs/timestamps.pyx", installed, True),
        ("src/lxml/parser.pxi", installed, True),
        ("<template>", {}, True),
        ("<attrs generated init shop.Order>", {}, True),
        ("shop/fast.pyx", own, False),
        ("<stdin>", {}, False),
        ("shop/pay.py", {}, False),
        ("/srv/shop/templates/cart.html", {}, False),
        (contrib.__file__, {}, True),
    ):
        monkeypatch.setattr(code_location, "LIBRARIES", {})
        assert code_location.is_library(name, namespace) is expected, name


@pytest.mark.parametrize("path", ["pandas/_libs/dates.pyx", "src/lxml/parser.pxi", "<template>"])
def test_a_compiled_librarys_failure_is_told_apart_by_who_called_it(path: str) -> None:
    """And that of a template in memory."""
    namespace: dict[str, Any] = {"__file__": "/x/site-packages/dates.so"}
    source = "def parse():\n    return int('x')\n"
    exec(compile(source, path, "exec"), namespace)
    parse = namespace["parse"]

    def orders() -> object:
        return parse()

    def stock() -> object:
        return parse()

    ours = [record("bad", exc_info=caught(f)) for f in (orders, stock)]
    assert key_of(ours[0]) != key_of(ours[1])
    places = [identify(GroupSeed(each, key_of(each))).place for each in ours]
    # With the names around them since Python 3.11.
    assert [place.replace(" ", ".").rpartition(".")[2] for place in places] == ["orders", "stock"]


def test_what_a_library_reports_of_itself_is_marked() -> None:
    """Where nothing of the application has logged, and nothing of it was called."""
    inside = "/x/site-packages/driver/pool.py"
    namespace: dict[str, Any] = {}
    exec(compile("def get():\n    return 1 / 0\n", inside, "exec"), namespace)

    def of(found: logging.LogRecord) -> bool:
        return identify(GroupSeed(found, key_of(found))).library

    get = namespace["get"]
    kind, error, tb = caught(get)
    alone = (kind, error, tb.tb_next)  # as in a thread of the driver's own
    assert of(record("pool is empty", pathname=inside))
    assert of(record("no connection", pathname=inside, exc_info=alone))
    assert not of(record("pool is empty"))
    assert not of(record("no connection", exc_info=alone)), "the application has logged it"
    assert not of(record("no connection", pathname=inside, exc_info=caught(get)))


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
    assert len(set(map(id, tallies.known.values()))) <= 3 + 2


def test_varying_messages_beyond_max_groups_are_others_too() -> None:
    tallies = Tallies(3)
    for line in range(20):
        for _ in range(MAX_VARIANTS + 2):
            each = record("always the same", lineno=line)
            key = fingerprint(each)
            if key not in tallies.known:
                tallies.add(key, each)
    assert len(set(map(id, tallies.known.values()))) <= 3 + 2


def test_a_call_site_is_not_varying_because_there_was_no_room() -> None:
    tallies = Tallies(1)
    group = tallies.add(("a group",), record("x"))
    for _ in range(MAX_VARIANTS + 2):
        each = record("always the same")
        crowd = tallies.add(fingerprint(each), each)
    tallies.remove(group)
    assert tallies.add(fingerprint(each), each) is not crowd
    assert fingerprint(each) in tallies.known


def test_what_is_beyond_max_groups_is_known_until_there_is_room() -> None:
    tallies = Tallies(1)
    first, second = record("kind a", lineno=1), record("kind b", lineno=2)
    group = tallies.add(fingerprint(first), first)
    others = tallies.add(fingerprint(second), second)
    others = tallies.add(fingerprint(second), second)
    assert tallies.known[fingerprint(second)] is others
    assert tallies.is_full
    tallies.remove(group)
    assert fingerprint(second) not in tallies.known
    assert tallies.add(fingerprint(second), second) is not others


def test_what_is_remembered_of_kinds_beyond_max_groups_is_bounded() -> None:
    tallies = Tallies(1)
    for line in range(5000):
        each = record("kind", lineno=line)
        tallies.add(fingerprint(each), each)
    assert len(tallies.known) <= 1000 + 3


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
    assert len(seen) == MAX_VARIANTS + 1


def made(tallies: Tallies, records: Iterable[logging.LogRecord]) -> list[Tally]:
    """The tallies that the records end up in, as a handler finds them."""
    found = []
    for each in records:
        grouping.learn(each)
        key = fingerprint(each)
        found.append(tallies.known.get(key) or tallies.add(key, each))
    return found


VARYING_KINDS: dict[str, Callable[[int], logging.LogRecord]] = {
    "f-strings": lambda i: record(f"cannot open {letters(i)}"),
    "tracebacks in arguments": lambda i: record("cannot parse: %s", posted(i)),
    "tracebacks in texts": lambda i: record("cannot parse: " + posted(i)),
    "JSON": lambda i: record(json.dumps({"event": f"cannot open {letters(i)}"})),
    "JSON without a message": lambda i: record(json.dumps({"why": f"cannot open {letters(i)}"})),
    "structlog's events": lambda i: record({"event": f"cannot open {letters(i)}"}),
    "fingerprints": lambda i: record("failed", fingerprint=f"shard-{letters(i)}"),
    "fingerprints that are numbers": lambda i: record("failed", fingerprint=i),
    "reprs": lambda i: record(f"failed: {KeyError(letters(i) * 3)!r}"),
    "logger names": lambda i: record("failed", name=f"tenant.{letters(i)}"),
    "rendered exceptions": lambda i: record("failed", exc_text=posted(i)),
}


def letters(i: int) -> str:
    return chr(97 + i // 26 % 26) + chr(97 + i % 26) + "x"


@pytest.mark.parametrize("kind", VARYING_KINDS)
def test_one_call_site_makes_ten_groups_of_changing_values(kind: str) -> None:
    tallies = Tallies(1000)
    found = made(tallies, map(VARYING_KINDS[kind], range(200)))
    assert len(set(map(id, found))) == MAX_VARIANTS + 1
    assert found[-1].origin.is_crowd
    assert identify(found[-1].origin).template == VARYING


def test_texts_that_are_constant_have_a_larger_allowance() -> None:
    """Constant: the same object as before, as in a helper that logs what it is given."""
    tallies = Tallies(1000)
    texts = [f"failure {letters(i)}" for i in range(150)]
    first = made(tallies, map(record, texts))
    assert len(set(map(id, first))) == MAX_VARIANTS + 1
    again = made(tallies, map(record, (text for text in texts for _ in range(2))))
    assert len(set(map(id, again))) == MAX_VARIANTS + MAX_CONSTANT + 1


def test_types_that_are_made_up_are_a_hundred_in_one_place() -> None:
    tallies = Tallies(1000)

    def failure(i: int) -> logging.LogRecord:
        made_up = type(f"Refused{i}", (Exception,), {})
        return record("failed", exc_info=(made_up, made_up("x"), None))

    found = made(tallies, map(failure, range(300)))
    assert len(set(map(id, found))) == MAX_CONSTANT + 1


def test_a_frameworks_call_site_makes_a_group_for_each_failure() -> None:
    tallies = Tallies(1000)
    code = "\n".join(f"def view_{i}(): return {{}}[{i}]" for i in range(300))
    scope: dict[str, Any] = {}
    exec(compile(code, "/srv/shop/views.py", "exec"), scope)
    failures = (record("failed", exc_info=caught(scope[f"view_{i}"])) for i in range(300))
    assert len(set(map(id, made(tallies, failures)))) == 300


def test_the_call_site_of_structlog_is_who_has_called_it() -> None:
    """A logger made before `structlog.configure` reports one and the same for every event."""
    found = record({"event": "x"}, pathname=f"/x{os.sep}structlog{os.sep}_base.py", lineno=1)
    one = site_of(found)
    other = site_of(found)
    assert one[2] == other[2] == __file__
    assert other[3] == one[3] + 1


def test_a_tenth_of_the_groups_is_kept_for_call_sites_that_have_none() -> None:
    tallies = Tallies(100)
    for line in range(9):
        made(tallies, (record(f"line {line} {letters(i)}", lineno=line) for i in range(10)))
    others = [record("pay: no answer", lineno=1000 + i) for i in range(10)]
    assert not any(tally.origin.is_crowd for tally in made(tallies, others))
    assert made(tallies, [record("one too many", lineno=2000)])[0].origin.is_crowd


def test_a_group_that_is_forgotten_makes_room_at_its_call_site() -> None:
    tallies = Tallies(1000)
    found = made(tallies, (record(f"cannot open {letters(i)}") for i in range(11)))
    tallies.remove(found[0])
    (new,) = made(tallies, [record("cannot open a new one")])
    assert not new.origin.is_crowd


def test_all_groups_of_a_call_site_name_it() -> None:
    one, other, elsewhere = (
        identify(GroupSeed(each, key_of(each)))
        for each in (record("a thing"), record("another"), record("x", funcName="elsewhere"))
    )
    assert one.site == other.site != elsewhere.site
    assert one.varying.id == other.varying.id != elsewhere.varying.id
    assert one.varying.template == VARYING


def test_an_exception_beyond_the_allowance_of_a_store_is_the_one_without_its_code() -> None:
    def failed(code: int) -> logging.LogRecord:
        try:
            raise OSError(code, "failed")
        except OSError:
            return record("failed", exc_info=sys.exc_info())

    one, other = failed(28), failed(5)
    key = key_of(other)
    bare = identify(GroupSeed(other, (*key[:4], OSError, key[5])))
    found = [identify(GroupSeed(each, key_of(each), changing=True)) for each in (one, other)]
    assert len({bare.id, *(each.id for each in found)}) == 3
    assert {each.beyond.id for each in found} == {bare.id}
    assert found[0].beyond._replace(cause="") == bare._replace(cause="")
    assert bare.beyond.id == bare.site


def test_what_a_stranger_logs_takes_no_words_from_a_real_failure(watch: Watch) -> None:
    w = watch(max_groups=200)
    for i in range(300):
        w.log.error("cannot parse comment: %s", posted(i))
    try:
        raise ConnectionError("bank does not answer")
    except ConnectionError:
        w.log.exception("payment failed")
    w.log.critical("the vault is open")
    told = w.told()
    assert "bank does not answer" in told
    assert "the vault is open" in told
    assert sum(w.counts()) == 302


def test_a_new_text_beyond_the_allowance_is_news(watch: Watch) -> None:
    w = watch(group_wait=0.0, group_interval=0.0)

    def report(message: str) -> None:
        w.log.error(message)

    for i in range(11):
        report(f"failure {letters(i)}")
    assert w.flush()
    before = len(w.sender.messages)
    report("the disk is full")  # nobody flushes: it does not wait for a pause
    eventually(lambda: len(w.sender.messages) > before)
    assert "the disk is full" in w.sender.messages[-1].content


def test_a_stream_of_new_texts_is_news_ten_times_an_hour() -> None:
    tallies = Tallies(1000)
    found = made(tallies, (record(f"cannot open {letters(i)}") for i in range(11)))
    crowd, news = found[-1], 0
    for second in range(1000):
        crowd.is_new(second, float(second))
        news += crowd.news
        crowd.news = False
    assert news == NEWS


def test_of_a_huge_template_little_is_kept() -> None:
    found, other = (record("x" * 1_000_000 + end, 1) for end in ("a %s", "b %s"))
    one = identify(GroupSeed(found, fingerprint(found)))
    assert len(one.template) == HEAD
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
    code_location.below_root.cache_clear()
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
        return record.team  # type: ignore[attr-defined]  # an `extra`

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


def test_silent_groups_of_a_call_site_make_room_for_its_new_ones(watch: Watch) -> None:
    w = watch(quiet_after=0.01, repeat_intervals=[0.01], rate_limit=[[1000, 60]])

    def report(text: str) -> None:
        w.log.error(text)

    for i in range(20):
        report(f"failure {letters(i)}")
    assert w.flush()

    def is_a_kind_of_its_own() -> bool:
        report("the disk is full")
        assert w.flush()
        return "**NEW** the disk is full" in w.sender.messages[-1].content

    eventually(is_a_kind_of_its_own)
    assert balanced(w.stats)


def test_codes_are_told_apart_in_whatever_order_they_come() -> None:
    texts = [
        f"{code} in order {order} (HTTP {code})" for order in (1, 2) for code in (200, 404, 500)
    ]
    templates = [template_of(text) for text in texts]
    assert templates[:3] == templates[3:]
    assert len(set(templates)) == 3


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


@pytest.mark.parametrize(
    "prefix",
    [
        *("DEBUG:", "INFO:", "NOTICE:", "WARN:", "WARNING:", "ERROR:", "ERR:", "CRITICAL:"),
        *("FATAL:", "EXCEPTION:", "E:", " \n ERROR:", "ERROR:shop.pay:"),
        *("2026-11-26 23:40:01 ", "[2026-11-26 23:40:01] ", "(2026/11/26T23:40:01Z) - "),
        "\t2026-11-26 23:40:01,123 [pid 12] ERROR shop.pay - ",
    ],
)
def test_a_formatters_prefix_is_seen_by_how_it_begins(prefix: str) -> None:
    name = "" if prefix.endswith((" ", "pay:")) else "root:"
    assert without_prefix(f"{prefix}{name}order failed") == "order failed"
