"""From a record to an event: what is taken, what is left out, and that nothing can break it."""

from __future__ import annotations

import builtins
import io
import json
import logging
import os
import subprocess
import sys
import traceback
import uuid
import warnings
from asyncio import CancelledError
from collections.abc import Iterator
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

import pytest
import structlog

from wecom_logging._capture import exceptions
from wecom_logging._capture.capture import capture, complete, glimpse
from wecom_logging._model import serialize
from wecom_logging._model.serialize import MAX_TEXT, MAX_VALUE

NEEDS_GROUPS = pytest.mark.skipif(sys.version_info < (3, 11), reason="no exception groups")


def record(
    message: object = "it failed", *args: object, error: BaseException | None = None, **extra: Any
) -> logging.LogRecord:
    made = logging.LogRecord("shop", logging.ERROR, __file__, 7, message, args, None)
    if error is not None:
        made.exc_info = (type(error), error, error.__traceback__)
    made.__dict__.update(extra)
    return made


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except BaseException as caught:
        return caught


class Hostile:
    """`repr` does what it is told."""

    def __init__(self, act: Any) -> None:
        self.act = act

    def __repr__(self) -> str:
        return str(self.act())


def breaks() -> str:
    raise RuntimeError("no repr today")


# -- message and context ---------------------------------------------------------------


def test_the_message_is_rendered_and_the_record_stays_as_it_was() -> None:
    made = record("order %s failed", 7, order=7)
    before = dict(made.__dict__)
    assert capture(made)["event"] == "order 7 failed"
    assert made.__dict__ == before


def test_bad_arguments_are_shown_with_what_is_wrong() -> None:
    event = capture(record("order %d failed", "seven"))
    assert event["event"] == "order %d failed [TypeError in formatting; args: ('seven',)]"


def test_extra_is_flat_and_ours_win() -> None:
    event = capture(record(order=7, level_="x", logger="theirs", process="theirs"))
    assert event["order"] == 7
    assert event["logger"] == "shop"
    assert isinstance(event["process"], str)  # it is the record's own: `extra` cannot set it


def test_contextvars_are_there() -> None:
    with structlog.contextvars.bound_contextvars(request_id="ab12"):
        assert capture(record())["request_id"] == "ab12"


def test_what_loguru_binds_is_flat() -> None:
    assert capture(record(extra={"request_id": "ab12"}))["request_id"] == "ab12"


def test_values_become_plain_data() -> None:
    key = uuid.UUID(int=7)
    event = capture(
        record(
            when=datetime(2026, 3, 4, 14, 3, tzinfo=timezone.utc),
            day=date(2026, 3, 4),
            price=Decimal("1.50"),
            path=PurePosixPath("/srv/shop"),
            key=key,
            items={"a": (1, 2), "b": {3}},
            number=10**5000,
            raw=b"\xff",
        )
    )
    assert event["when"] == "2026-03-04 14:03:00+00:00"
    assert (event["day"], event["price"], event["path"]) == ("2026-03-04", "1.50", "/srv/shop")
    assert event["key"] == str(key)
    assert event["items"] == {"a": [1, 2], "b": [3]}
    assert event["number"] == "int of 16,610 bits"
    assert event["raw"] == "b'\\xff'"
    json.dumps(event)


def test_a_lazy_proxy_is_not_made_to_fetch_what_it_stands_for() -> None:
    fetched = []

    class Lazy:
        @property  # type: ignore[misc] # mypy wants a setter
        def __class__(self) -> Any:
            fetched.append(1)
            return dict

        def __repr__(self) -> str:
            return "<Lazy>"

    assert capture(record(user=Lazy()))["user"] == "<Lazy>"
    assert not fetched


def test_a_value_that_holds_itself() -> None:
    loop: dict[str, Any] = {}
    loop["loop"] = loop
    json.dumps(capture(record(loop=loop)))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"otelTraceID": "4bf92f35", "otelSpanID": "00f067aa"}, ("4bf92f35", "00f067aa")),
        ({"dd.trace_id": "7277407061855694839", "dd.span_id": "12"}, ("7277407061855694839", "12")),
        ({"dd.trace_id": 7277407061855694839}, ("7277407061855694839", None)),
        ({"otelTraceID": "0", "otelSpanID": "0"}, (None, None)),
        ({"otelTraceID": "0" * 32}, (None, None)),
        ({"dd.trace_id": "", "dd.service": "shop"}, (None, None)),
        ({"trace_id": "0"}, (None, None)),
        ({"trace_id": "ab12"}, ("ab12", None)),
    ],
)
def test_ids_of_traces_by_the_names_of_others(
    fields: dict[str, Any], expected: tuple[str | None, str | None]
) -> None:
    event = capture(record(**fields))
    assert (event.get("trace_id"), event.get("span_id")) == expected
    assert not [key for key in event if key.startswith(("otel", "dd."))]


def test_the_current_span_of_opentelemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    class Span:
        trace_id, span_id = 0x4BF92F3577B34DA6A3CE929D0E0E4736, 0xF067AA0BA902B7

        def get_span_context(self) -> Span:
            return self

    module = ModuleType("opentelemetry.trace")
    module.get_current_span = Span  # type: ignore[attr-defined]  # made up at run time
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", module)
    event = capture(record())
    assert event["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert event["span_id"] == "00f067aa0ba902b7"
    Span.trace_id = 0
    assert "trace_id" not in capture(record())


def test_fields_of_a_factory_that_was_there_first_are_context() -> None:
    program = """
import logging
before = logging.getLogRecordFactory()
def factory(*args, **options):
    made = before(*args, **options)
    made.tenant = args[0].upper()  # which nobody's None survives
    return made
logging.setLogRecordFactory(factory)
from wecom_logging import WeComHandler
from wecom_logging.testing import RecordingSender
sender = RecordingSender()
logging.getLogger().addHandler(WeComHandler(sender=sender, store="memory"))
logging.getLogger("shop").error("failed")
assert logging.getLogger().handlers[0].flush(60)
print(sender.inbox.one().content)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "tenant=SHOP" in done.stdout, done.stderr


# -- bounds ----------------------------------------------------------------------------


def test_a_message_of_megabytes_leaves_room_for_the_exception() -> None:
    event = capture(record("x" * 2_000_000, error=raised(ValueError("why")), order=7))
    assert len(event["event"]) < MAX_VALUE + 50
    assert event["event"].endswith("… (2,000,000 characters)")
    assert event["exception"][0]["exc_value"] == "why"
    assert event["order"] == 7


@pytest.mark.parametrize("text", ["x", "数", "😀", "\ud800"])
def test_all_texts_together_stay_below_64_kib(text: str) -> None:
    texts = {f"key{i}": text * 30_000 for i in range(40)}
    event = capture(record(text * 100_000, error=raised(ValueError(text * 100_000)), **texts))
    size = len(json.dumps(event, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    assert size < MAX_TEXT * 1.1
    assert "key39" in event["left_out"]


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is slow moves it, and no other program does."""
    Slow.clock = 0.0
    monkeypatch.setattr(serialize, "perf_counter", lambda: Slow.clock)


class Slow:
    clock = 0.0
    asked = 0

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __repr__(self) -> str:
        self.asked += 1
        Slow.clock += self.seconds
        return "slow"


def test_what_comes_after_a_slow_repr_is_left_out_and_said() -> None:
    slow = Slow(0.06)
    event = capture(record(first=1, slow=slow, second=slow, third=[slow] * 20))
    assert slow.asked == 1
    assert event["first"] == 1
    assert event["slow"] == "slow"
    assert event["left_out"] == "second, third"


def test_a_list_of_slow_values_is_left_in_the_middle() -> None:
    slow = Slow(0.03)
    event = capture(record(items=[slow] * 50))
    assert slow.asked <= 2  # 0.06 s of 0.05
    assert event["items"][0] == "slow"
    assert event["items"][-1] == "…"


def test_of_a_context_without_end_a_part_is_looked_at_and_that_is_said() -> None:
    """Its fields are a stranger's, where `extra` is what came in; so are their names."""
    fields: dict[str, Any] = {f"k{i}": i for i in range(5000)}
    event = capture(record(**fields))
    assert event["k0"] == 0
    assert "k4999" not in event
    assert event["left_out"].startswith("…")
    assert len(event) < 1100


def test_no_name_is_without_end() -> None:
    huge = 1_000_000
    fields: dict[str, Any] = {"k" * huge: 1}
    one = record(**fields)
    for name in ("name", "levelname", "pathname", "module", "funcName", "threadName"):
        setattr(one, name, name * huge)
    assert len(json.dumps(capture(one))) < 65536


def test_a_repr_that_raises_or_is_huge() -> None:
    event = capture(record(bad=Hostile(breaks), huge=Hostile(lambda: "x" * 5_000_000), after=1))
    assert event["bad"] == "<Hostile: repr raised RuntimeError>"
    assert len(event["huge"]) < MAX_VALUE + 50
    assert event["after"] == 1


# -- exceptions ------------------------------------------------------------------------


def frames_of(event: dict[str, Any]) -> Iterator[str]:
    return (frame["name"] for frame in event["exception"][0]["frames"])


def test_the_chain_begins_with_the_failure_itself() -> None:
    root = raised(ConnectionError("refused"))
    event = capture(record(error=raised(LookupError("no price"), root)))
    found = [(e["exc_type"], e["exc_value"], e["is_cause"]) for e in event["exception"]]
    assert found == [("LookupError", "no price", False), ("ConnectionError", "refused", True)]


def test_a_loop_in_the_chain() -> None:
    first, second = ValueError("first"), KeyError("second")
    first.__cause__, second.__cause__ = second, first
    event = capture(record(error=first))
    assert [e["exc_type"] for e in event["exception"]] == ["ValueError", "KeyError"]


def test_a_chain_that_was_cut_says_so() -> None:
    """The last link that was captured is not the root; of a chain that ends there, or comes
    back to one that is known, it is."""

    def linked(most: int) -> list[BaseException]:
        links: list[BaseException] = [ValueError(n) for n in range(most)]
        for n, below in enumerate(links[1:]):
            links[n].__cause__ = below
        return links

    event = capture(record(error=linked(30)[0]))
    assert [e.get("goes_on", False) for e in event["exception"]] == [False] * 9 + [True]
    assert event["left_out"] == "cause ValueError"
    whole, loop = linked(10), linked(10)
    loop[-1].__cause__ = loop[3]
    for links in (whole, loop):
        event = capture(record(error=links[0]))
        assert len(event["exception"]) == 10
        assert "goes_on" not in event["exception"][-1]
        assert "left_out" not in event


def test_recursion_is_folded() -> None:
    def down(n: int) -> None:
        if n:
            down(n - 1)
        raise RecursionError("too deep")

    try:
        down(500)
    except RecursionError as error:
        event = complete(capture(record(error=error)))
    names = list(frames_of(event))
    assert len(names) == 51
    assert "Skipped frames: 452" in names


@NEEDS_GROUPS
def test_a_group_of_two_hundred_is_counted() -> None:
    group: Any = builtins.ExceptionGroup  # type: ignore[attr-defined] # since 3.11
    error = group("many", [ValueError(i) for i in range(150)] + [KeyError(i) for i in range(50)])
    (found,) = capture(record(error=raised(error)))["exception"]
    types = [part[0]["exc_type"] for part in found["exceptions"]]
    assert (types.count("ValueError"), types.count("KeyError")) == (150, 50)
    assert found["exceptions"][0][0]["exc_value"] == "0"


@NEEDS_GROUPS
def test_groups_that_hold_each_other_and_groups_without_end() -> None:
    group: Any = builtins.ExceptionGroup  # type: ignore[attr-defined] # since 3.11
    looped = group("outer", [ValueError("inner")])
    looped.exceptions[0].__cause__ = looped
    deep: Any = ValueError("deepest")
    for _ in range(2000):
        deep = group("deep", [deep])
    for error in (looped, deep):
        json.dumps(capture(record(error=error)))


@NEEDS_GROUPS
def test_notes_of_any_kind() -> None:
    error: Any = ValueError("noted")
    error.__notes__ = ["see runbook 7", 42, Hostile(breaks)]
    (found,) = capture(record(error=error))["exception"]
    assert found["exc_notes"] == [
        "see runbook 7",
        "42",
        "<Hostile: repr raised RuntimeError>",
    ]
    error.__notes__ = "not a list"
    assert capture(record(error=error))["exception"][0]["exc_notes"] == []


def test_the_place_of_a_syntax_error() -> None:
    try:
        compile("if x\n  pass", "/srv/shop/rules.py", "exec")
    except SyntaxError as error:
        (found,) = capture(record(error=error))["exception"]
    assert found["syntax_error"]["filename"] == "shop/rules.py"
    assert found["syntax_error"]["lineno"] == 1
    assert found["syntax_error"]["line"].strip() == "if x"


def test_a_syntax_error_that_somebody_has_made_up() -> None:
    error = SyntaxError("odd")
    error.lineno, error.offset, error.text, error.filename = "x", [], 7, object()  # type: ignore[assignment]  # values that lie
    json.dumps(capture(record(error=error)))


def test_an_exception_whose_str_raises() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    (found,) = capture(record(error=Mute()))["exception"]
    assert found["exc_value"] == "<Mute: str raised RuntimeError>"


def test_structlogs_exc_info_is_resolved_on_this_thread() -> None:
    try:
        raise ValueError("now")
    except ValueError:
        event = capture(record({"event": "it failed", "exc_info": True}))
    assert event["event"] == "it failed"
    assert event["exception"][0]["exc_value"] == "now"


def test_a_message_that_repeats_its_traceback_is_the_message_alone() -> None:
    text = "it failed\nTraceback (most recent call last):\n  File …\nValueError: secret = 7"
    event = complete(capture(record(text, error=raised(ValueError("why")))))
    assert event["event"] == "it failed"
    assert event["exception"][0]["exc_value"] == "why"


def test_the_traceback_that_was_given_counts_where_the_exception_has_none() -> None:
    """As in a failure that Twisted has cleaned."""
    error = raised(ValueError("why"))
    made = record()
    made.exc_info = (ValueError, error, error.__traceback__)
    error.__traceback__ = None
    (found,) = complete(capture(made))["exception"]
    assert found["frames"][-1]["name"] == "raised"
    assert found["frames"][-1]["line"] == "raise error from cause"


def test_the_end_of_what_a_program_has_written() -> None:
    error = subprocess.CalledProcessError(2, ["pg_dump"], stderr=b"x" * 9000 + b"\xff no space\n")
    (found,) = capture(record(error=error))["exception"]
    assert found["stderr"].endswith("x\ufffd no space")
    assert len(found["stderr"].encode()) <= exceptions.STDERR_BYTES
    assert found["code"] == "2"
    assert "stderr" not in capture(record(error=ValueError("x")))["exception"][0]


def test_a_pools_exception_goes_on_in_the_other_process() -> None:
    remote = type("_RemoteTraceback", (Exception,), {})()
    remote.tb = (
        '"""\nTraceback (most recent call last):\n  File "/srv/shop/jobs.py", line 4, in crunch\n'
        '    boom()\nValueError: x\n"""'
    )
    (found,) = complete(capture(record(error=raised(ValueError("x"), remote))))["exception"]
    *ours, last = found["frames"]
    assert ours[-1]["name"] == "raised"
    assert (last["filename"], last["lineno"], last["name"]) == ("shop/jobs.py", 4, "crunch")
    assert (last["line"], last["remote"], last["library"]) == ("boom()", True, False)


def test_the_calls_that_led_to_a_record() -> None:
    made = record()
    stack = "".join(traceback.format_stack())
    made.stack_info = f"Stack (most recent call last):\n{stack.rstrip()}"
    frames = complete(capture(made))["stack_frames"]
    assert frames[-1]["name"] == "test_the_calls_that_led_to_a_record"
    assert frames[-1]["line"].startswith("stack = ")


def test_a_captured_warning_stands_where_it_was_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[dict[str, Any]] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            events.append(complete(capture(record)))

    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    keeper, logger = Keeper(), logging.getLogger("py.warnings")
    logger.addHandler(keeper)
    logging.captureWarnings(True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = logging._showwarning  # type: ignore[attr-defined]  # logging's own
            warnings.warn("old_api is deprecated", DeprecationWarning, stacklevel=1)
    finally:
        logging.captureWarnings(False)
        logger.removeHandler(keeper)
    (event,) = events
    assert event["event"] == "old_api is deprecated"
    assert event["warning"] == "DeprecationWarning"
    assert event["pathname"].endswith("test_capture.py")
    assert "old_api" in Path(__file__).read_text().splitlines()[event["lineno"] - 1]


# -- text is never a path ----------------------------------------------------------------


def traceback_naming(path: str) -> str:
    return (
        f'Traceback (most recent call last):\n  File "{path}", line 1, in x\n'
        f'  File "{path}", line 1\n    nothing here\nValueError: nothing'
    )


def with_remote(text: str) -> BaseException:
    remote = type("RemoteTraceback", (Exception,), {})()
    remote.tb = text
    error = ValueError("x")
    error.__cause__ = remote
    return error


NAMING = {
    "in a message": lambda path: record(f"cannot parse: {traceback_naming(path)}"),
    "in an argument": lambda path: record("cannot parse: %s", traceback_naming(path)),
    "in JSON": lambda path: record(json.dumps({"event": "x", "exception": traceback_naming(path)})),
    "in JSON's frames": lambda path: record(
        json.dumps({"event": "x", "exception": [{"frames": [{"filename": path, "lineno": 1}]}]})
    ),
    "rendered by logging": lambda path: record(exc_text=traceback_naming(path)),
    "rendered by structlog": lambda path: record(
        {"event": "x", "exception": traceback_naming(path)}
    ),
    "structlog's frames": lambda path: record(
        {
            "event": "x",
            "exception": [{"exc_type": "E", "frames": [{"filename": path, "lineno": 1}]}],
        }
    ),
    "in a stack": lambda path: record(stack_info=traceback_naming(path)),
    "from another process": lambda path: record(error=with_remote(traceback_naming(path))),
    "in an exception's text": lambda path: record(error=ValueError(traceback_naming(path))),
    "of a syntax error": lambda path: record(error=SyntaxError("x", (path, 1, 1, None))),
    "as the record's own": lambda path: record(pathname=path),
    "in breadcrumbs": lambda path: record(
        json.dumps({"event": "x", "breadcrumbs": [{"pathname": path}]})
    ),
}


@pytest.mark.parametrize("where", NAMING)
def test_nothing_is_opened_that_a_text_names(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))  # not even below an import root
    path = tmp_path / "private.conf"
    path.write_text("code word HORSE-STAPLE\n")
    touched: list[str] = []

    def watched(module: ModuleType, name: str) -> None:
        before = getattr(module, name)

        def call(file: Any, *args: Any, **options: Any) -> Any:
            if str(file).endswith(path.name):
                touched.append(name)
            return before(file, *args, **options)

        monkeypatch.setattr(module, name, call)

    for module, name in (
        (os, "open"),
        (os, "stat"),
        (os, "lstat"),
        (io, "open"),
        (builtins, "open"),
    ):
        watched(module, name)
    event = complete(capture(NAMING[where](str(path))))
    assert not touched
    assert "HORSE" not in json.dumps(event)


def frame_of(path: Path, source: str = "def fails():\n    raise ValueError\n") -> dict[str, Any]:
    """The innermost frame of code that was compiled under a name."""
    scope: dict[str, Any] = {}
    exec(compile(source, str(path), "exec"), scope)
    try:
        scope["fails"]()
    except ValueError as error:
        event = complete(capture(record(error=error)))
    frame: dict[str, Any] = event["exception"][0]["frames"][-1]
    return frame


def test_source_lines_are_of_regular_files_below_an_import_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    for folder in (root, elsewhere):
        folder.mkdir()
        (folder / "code.py").write_text("def fails():\n    raise ValueError  # here\n")
    monkeypatch.syspath_prepend(str(root))
    assert frame_of(root / "code.py")["line"] == "raise ValueError  # here"
    assert "line" not in frame_of(elsewhere / "code.py")
    assert "line" not in frame_of(root / ".." / "elsewhere" / "code.py")
    os.mkfifo(root / "pipe.py")
    assert "line" not in frame_of(root / "pipe.py")
    (root / "link.py").symlink_to("/dev/zero")
    assert "line" not in frame_of(root / "link.py")
    (root / "huge.py").write_bytes(b"x\n" * (1 << 20))
    assert "line" not in frame_of(root / "huge.py")
    assert "line" not in frame_of(root)


def test_lines_are_counted_as_python_counts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    source = "\ufeff# \x0c \u2028 one line\r\ndef fails():\r\n    raise ValueError  # 这里\r\n"
    (tmp_path / "odd.py").write_text(source, encoding="utf-8", newline="")
    code = source.removeprefix("\ufeff").replace("\x0c \u2028", "")
    assert frame_of(tmp_path / "odd.py", code)["line"] == "raise ValueError  # 这里"
    gbk = "# coding: gbk\ndef fails():\n    raise ValueError  # 这里\n"
    (tmp_path / "gbk.py").write_text(gbk, encoding="gbk")
    assert "line" not in frame_of(tmp_path / "gbk.py", gbk), "no codec is imported for it"


def test_what_there_is_no_time_for_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter(range(1000))
    event = capture(record(error=raised(ValueError("why"))))
    monkeypatch.setattr(exceptions, "thread_time", lambda: next(seconds))
    event = complete(event)
    assert "line" not in event["exception"][0]["frames"][-1]
    assert event["left_out"] == "source"


def test_an_exception_out_of_a_text_is_marked() -> None:
    text = traceback_naming("/srv/shop/pay.py")
    (found,) = complete(capture(record("cannot parse: %s", text)))["exception"]
    assert (found["exc_type"], found["from_text"]) == ("ValueError", True)
    (found,) = complete(capture(record(exc_text=text)))["exception"]
    assert "from_text" not in found, "logging itself has rendered it"


def test_the_words_of_a_rendered_exception_are_whole() -> None:
    text = (
        'Traceback (most recent call last):\n  File "/srv/shop/pay.py", line 31, in post\n'
        "    send(order)\n    ~~~~^^^^^^^\npsycopg2.errors.UniqueViolation: duplicate key\n"
        "DETAIL:  Key (id)=(5) already exists.\n"
    )
    (found,) = complete(capture(record(exc_text=text)))["exception"]
    assert found["exc_type"] == "UniqueViolation"
    assert found["exc_value"] == "duplicate key\nDETAIL:  Key (id)=(5) already exists."
    assert found["frames"][0]["line"] == "send(order)"


def test_of_json_nothing_is_believed_but_what_it_says() -> None:
    text = json.dumps(
        {
            "event": "ledger out of balance",
            "path": "/ledger",
            "level": "critical",
            "logger": "bank",
            "request_id": "r-1",
            "exception": [{"exc_type": "LedgerError", "frames": [{"filename": "a.py"}]}],
            "breadcrumbs": [{"event": "operator: restart now"}],
        }
    )
    event = complete(capture(record(text)))
    assert event["event"].startswith("ledger out of balance\npath=/ledger level=critical")
    assert not {"path", "request_id", "exception", "breadcrumbs"} & event.keys()
    assert (event["level"], event["logger"]) == ("error", "shop")
    assert "restart now" not in json.dumps(event)


# -- what there is always time for ---------------------------------------------------------


def test_a_glimpse_has_the_words_and_where_it_broke() -> None:
    try:
        json.loads("{")
    except ValueError as error:
        made = record("cannot read %s", "the feed", error=error, order=7)
    event = complete(glimpse(made))
    assert event["event"] == "cannot read the feed"
    (found,) = event["exception"]
    own, inner = found["frames"]
    assert own["name"] == "test_a_glimpse_has_the_words_and_where_it_broke"
    assert own["line"] == 'json.loads("{")'
    assert inner["library"]
    assert found["exc_value"].startswith("Expecting property name")
    assert event["left_out"] == "callers, context"


def test_cancelling_in_a_repr_is_no_cancelling() -> None:
    def cancelled() -> str:
        raise CancelledError

    event = capture(record("failed: %r", Hostile(cancelled), value=Hostile(cancelled)))
    assert "CancelledError" in event["event"]
    assert event["value"] == "<Hostile: repr raised CancelledError>"


# -- local variables -------------------------------------------------------------------


def fail_with_locals() -> None:
    order, password, big = 7, "hunter2", "x" * 5000  # noqa: F841 - to be shown, or not
    raise ValueError("with locals")


def locals_of(**options: Any) -> dict[str, Any]:
    try:
        fail_with_locals()
    except ValueError as error:
        event = complete(capture(record(error=error), **options))
    frame: dict[str, Any] = event["exception"][0]["frames"][-1]
    return frame


def test_local_variables_are_off_by_default() -> None:
    assert "locals" not in locals_of()


def test_local_variables_are_bounded() -> None:
    found = locals_of(show_locals=True)["locals"]
    assert found["order"] == 7
    assert found["password"] == "hunter2"  # the redaction goes by the name
    assert len(found["big"]) < 500


def test_no_locals_of_libraries() -> None:
    try:
        json.loads("{")
    except ValueError as error:
        event = complete(capture(record(error=error), show_locals=True))
    frames = event["exception"][0]["frames"]
    assert [("locals" in frame) for frame in frames] == [not frame["library"] for frame in frames]
    assert sum(frame["library"] for frame in frames) >= 2


def test_many_locals_and_slow_ones() -> None:
    slow = Slow(0.03)
    names = {f"v{i}": i for i in range(100)}
    scope: dict[str, Any] = {"slow": slow}
    code = "def f(slow):\n " + "; ".join(f"{n}={v}" for n, v in names.items())
    exec(f"{code}\n a=b=c=slow\n raise ValueError", scope)
    try:
        scope["f"](slow)
    except ValueError as error:
        event = complete(capture(record(error=error), show_locals=True))
    assert slow.asked <= 2  # 0.06 s of 0.05
    assert len(event["exception"][0]["frames"][-1]["locals"]) == 20
    assert "locals" in event["left_out"]


# -- a formatter of the user's ---------------------------------------------------------


def test_a_formatter_gives_the_message_line_only() -> None:
    made = record("it failed", error=raised(ValueError("why")), stack_info="Stack …")
    formatter = logging.Formatter("%(levelname)s in %(name)s: %(message)s")
    event = capture(made, formatter)
    assert event["event"] == "ERROR in shop: it failed"
    assert event["exception"][0]["exc_value"] == "why"
    assert made.exc_text is None
    assert not hasattr(made, "message")


def test_a_formatter_that_writes_into_the_record_writes_into_a_copy() -> None:
    class Rude(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            record.msg, record.args, record.name = "mine", (), "mine"
            return "mine"

    made = record("it failed")
    assert capture(made, Rude())["event"] == "mine"
    assert (made.msg, made.name) == ("it failed", "shop")


def test_structlogs_processor_formatter() -> None:
    """With structlog's own events and with plain records; neither shows a traceback."""
    formatter = structlog.stdlib.ProcessorFormatter(
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.dev.ConsoleRenderer(colors=False),
        ],
        foreign_pre_chain=[structlog.stdlib.add_log_level],
    )
    made: list[logging.LogRecord] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            made.append(record)
            events.append(capture(record, formatter))

    events: list[dict[str, Any]] = []
    logger = logging.Logger("shop", logging.DEBUG)
    logger.addHandler(Keeper())
    log = structlog.wrap_logger(
        logger,
        processors=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    try:
        raise ValueError("why")
    except ValueError:
        log.exception("payment failed", order=7)
        logger.exception("plainly failed")
    first, second = events
    assert "payment failed" in first["event"]
    assert "order=7" in first["event"]
    assert "plainly failed" in second["event"]
    for event in events:
        assert "Traceback" not in event["event"]
        assert event["exception"][0]["exc_value"] == "why"
    assert first["order"] == 7
    assert made[0].msg["exc_info"] is True  # type: ignore[index]  # of structlog it is a dict


def test_a_formatter_that_raises() -> None:
    event = capture(record("it failed"), logging.Formatter("%(nothing)s", validate=False))
    assert event["event"].startswith("it failed [ValueError in formatting")
