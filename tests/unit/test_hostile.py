"""Promise 6: whatever a record holds, `emit` does not raise, and the error is told."""

from __future__ import annotations

import builtins
import copy
import gc
import itertools
import logging
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.support import Watched, balanced, counted, eventually, pointing_at
from wecom_logging._model import serialize
from wecom_logging._runtime.echo_guard import DELIVERING
from wecom_logging.simulator.server import Simulator

Watch = Callable[..., Watched]

ExceptionGroup: Any = getattr(builtins, "ExceptionGroup", None)  # since Python 3.11


class Mute:
    """Neither `str` nor `repr`."""

    def __str__(self) -> str:
        raise ValueError("no str")

    __repr__ = __str__


class Silent(Exception):
    def __str__(self) -> str:
        raise ValueError("no str")


class Odd(dict):  # type: ignore[type-arg]  # of anything
    """A mapping that breaks wherever it is touched."""

    def items(self) -> Any:
        raise ValueError("no items")

    get = keys = values = __iter__ = __contains__ = items  # type: ignore[assignment]  # nothing fits here


class Strange(str):
    def __getitem__(self, key: object) -> str:
        raise ValueError("no part of it")

    __format__ = __add__ = encode = __getitem__  # type: ignore[assignment]  # nothing fits here


class Short(str):
    def __len__(self) -> int:
        return 3


def in_a_loop() -> Exception:
    one, other = ValueError("one"), KeyError("other")
    one.__context__, other.__context__ = other, one
    return one


def in_itself() -> list[Any]:
    nested: list[Any] = []
    nested.append(nested)
    return nested


def deep(levels: int) -> Any:
    value: Any = "bottom"
    for _ in range(levels):
        value = {"in": [value]}
    return value


MESSAGES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "too few arguments": ("%s and %s", (1,)),
    "too many arguments": ("nothing to fill in", (1, 2)),
    "a wrong conversion": ("%d orders", ("no number",)),
    "a lone percent sign": ("100% of %", ()),
    "an unfinished conversion": ("50%", (1,)),
    "a missing key": ("%(order)s", ({"other": 1},)),
    "None": (None, ()),
    "a number": (404, ()),
    "bytes": (b"\xff\x00", ()),
    "a dict": ({"event": "failed", "n": 1}, ()),
    "a dict with keys that are no text": ({1: 2, None: 3, ("a", 1): 4}, ()),
    "a dict that breaks": (Odd(event="failed"), ()),
    "an event that is no text": ({"event": {"nested": [1, 2]}}, ()),
    "an exception": (ValueError("as the message"), ()),
    "an exception that cannot speak": (Silent(), ()),
    "an object that cannot speak": (Mute(), ()),
    "an argument that cannot speak": ("%s failed", (Mute(),)),
    "a text that is not what it seems": (Strange("odd"), ()),
    "an argument that is not what it seems": ("%s", (Strange("odd"),)),
    "lone surrogates": ("\ud83d and \udc4d", ()),
    "a NUL and control characters": ("a\x00b\x1b[31mc\u202ed\u200be", ()),
    "an empty text": ("", ()),
    "white space": (" \n\t ", ()),
    "JSON that is no object": ("[1, 2]", ()),
    "JSON that ends too soon": ('{"event": "x"', ()),
    "JSON with an exception of another shape": ('{"event":"x","exception":[{"exceptions":5}]}', ()),
    "JSON with numbers without end": ('{"event": 1e999, "n": NaN}', ()),
    "half a traceback": ("Traceback (most recent call last):", ()),
    "another's markup": ("**NEW** ×5 [x](http://x) <@all> <font color='info'>", ()),
}


@pytest.mark.parametrize("case", MESSAGES)
def test_any_message_is_told(case: str, watch: Watch) -> None:
    w = watch()
    message, args = MESSAGES[case]
    w.log.error(message, *args)
    assert w.counts()[0] == 1
    assert (w.stats.reported, w.stats.seen) == (1, 1)


def test_a_text_that_says_it_is_shorter_is_told_as_it_is(watch: Watch) -> None:
    w = watch()
    w.handler.setFormatter(_Shortens())
    w.log.error("failed")
    assert "payment failed" in w.told()
    assert "characters" not in w.told()


class _Shortens(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return Short("payment failed")


EXTRAS: dict[str, Any] = {
    "an object that cannot speak": Mute(),
    "a mapping that breaks": Odd(a=1),
    "itself": in_itself(),
    "1000 levels": deep(1000),
    "a million items": range(1_000_000),
    "a list of a million": [0] * 1_000_000,
    "a number of 6000 digits": 10**6000,
    "infinity": float("inf"),
    "lone surrogates": "\udfff",
    "a generator": itertools.count(),
    "a lock": threading.Lock(),
    "a module": sys,
    "a set of everything": {1, "a", None, (1, 2)},
    "keys that are no text": {1: 1, None: 2, Mute: 3},
    "a megabyte": "x" * 1_000_000,
}


@pytest.mark.parametrize("case", EXTRAS)
def test_any_context_is_survived(case: str, watch: Watch) -> None:
    w = watch()
    w.log.error("failed", extra={"value": EXTRAS[case], "order": 7})
    assert "failed" in w.told()
    assert w.counts() == [1]


#: File, line, column, text.
_LIE: Any = ("f", "line", Mute(), 5)


def _raise(error: BaseException) -> Callable[[], None]:
    def raiser() -> None:
        raise error

    return raiser


def _recursion() -> None:
    _recursion()


EXCEPTIONS: dict[str, Callable[[], None]] = {
    "one that cannot speak": _raise(Silent()),
    "a loop of causes": _raise(in_a_loop()),
    "a deep recursion": _recursion,
    "arguments that cannot speak": _raise(ValueError(Mute())),
    "a text of a megabyte": _raise(ValueError("é" * 1_000_000)),
    "lone surrogates": _raise(ValueError("\ud800")),
    "notes that are no notes": _raise(type("Noted", (Exception,), {"__notes__": Mute()})()),
    "a syntax error that lies": _raise(SyntaxError("x", _LIE)),
}
if ExceptionGroup:
    EXCEPTIONS["a group"] = _raise(ExceptionGroup("two", [ValueError("a"), KeyError("b")]))
    EXCEPTIONS["groups in groups"] = _raise(
        ExceptionGroup("out", [ExceptionGroup("in", [Silent()]), ValueError("a")])
    )
    EXCEPTIONS["a group of a thousand"] = _raise(
        ExceptionGroup("many", [ValueError(i) for i in range(1000)])
    )


@pytest.mark.parametrize("case", EXCEPTIONS)
def test_any_exception_is_told_with_its_type(case: str, watch: Watch) -> None:
    w = watch()
    try:
        EXCEPTIONS[case]()
    except Exception as error:
        w.log.exception("failed")
        name = type(error).__name__
    assert name in w.told()
    assert w.stats.reported == 1


@pytest.mark.parametrize(
    "exc_info",
    [
        (None, None, None),
        (ValueError, None, None),
        (ValueError, ValueError("no traceback"), None),
        ("not", "an", "exception"),
        ValueError("alone"),
        1,
        "text",
    ],
    ids=repr,
)
def test_any_exc_info_is_told(exc_info: Any, watch: Watch) -> None:
    w = watch()
    w.handler.handle(
        logging.makeLogRecord({"name": "shop", "levelno": 40, "msg": "m", "exc_info": exc_info})
    )
    assert w.counts() == [1]


class NoString(str):
    """A string that is none wherever it is used."""

    def __str__(self) -> str:
        raise ValueError("no string")

    startswith = partition = endswith = split = encode = __str__  # type: ignore[assignment]  # nothing fits here


ODD: dict[str, dict[str, Any]] = {
    "nothing at all": {},
    "a level that is a word": {"levelno": "ERROR", "msg": "m"},
    "a level that is a number as a word": {"levelno": "40", "msg": "m"},
    "a level that is no level": {"levelno": object(), "msg": "m"},
    "no name": {"levelno": 40, "name": None},
    "a name that is no string": {"levelno": 40, "name": NoString("evil")},
    "a name that is a list": {"levelno": 40, "name": ["shop"]},
    "a path that is no string": {"levelno": 40, "pathname": NoString("/evil")},
    "a path that is a path": {"levelno": 40, "pathname": Path("/srv/shop.py")},
    "a line that is a word": {"levelno": 40, "lineno": "seven"},
    "a line that is a list": {"levelno": 40, "lineno": [7]},
    "arguments that are a list": {"levelno": 40, "msg": "%s", "args": [1]},
    "arguments that are a number": {"levelno": 40, "msg": "%s", "args": 7},
    "a time that is a word": {"levelno": 40, "created": "noon"},
    "an exception's text that is none": {"levelno": 40, "exc_text": 7},
    "a stack that is none": {"levelno": 40, "stack_info": ["x"]},
    "a level's name that is none": {"levelno": 40, "levelname": None},
    "a traceback that is none": {"levelno": 40, "exc_info": (ValueError, ValueError("x"), "tb")},
}


@pytest.mark.parametrize("case", ODD)
def test_a_record_with_odd_attributes_is_counted(case: str, watch: Watch) -> None:
    w = watch()
    for _ in range(3):
        w.handler.handle(logging.makeLogRecord(ODD[case]))
    w.log.error("another")
    assert sum(w.counts()) == 4
    assert "another" in w.told()
    assert w.stats.reported == w.stats.seen == 4


@pytest.mark.parametrize("name", sorted(logging.makeLogRecord({}).__dict__))
def test_a_record_that_lacks_an_attribute_is_counted(name: str, watch: Watch) -> None:
    w = watch()
    fields = {"name": "shop", "levelno": 40, "levelname": "ERROR", "msg": "m"}
    record = logging.makeLogRecord(fields)
    del record.__dict__[name]
    w.handler.handle(record)
    assert w.counts() == [1]


def test_a_level_that_is_a_word_is_compared_as_a_level(watch: Watch) -> None:
    w = watch("ERROR")
    assert not w.handler.handle(logging.makeLogRecord({"levelno": "WARNING", "msg": "m"}))
    assert w.handler.handle(logging.makeLogRecord({"levelno": "CRITICAL", "msg": "m"}))
    assert w.counts() == [1]


def test_the_record_is_left_as_it_was(watch: Watch) -> None:
    w = watch()
    w.handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    try:
        raise ValueError("x")
    except ValueError:
        record = w.log.makeRecord(
            "shop", 40, "a.py", 1, "%s failed", ("it",), sys.exc_info(), extra={"order": [1]}
        )
    before = copy.copy(record.__dict__)
    w.handler.handle(record)
    assert w.flush()
    assert record.__dict__ == before


# -- code of the application that runs while we capture -------------------------------------


class Chatty:
    """An object that logs when it is shown."""

    def __init__(self, log: logging.Logger, message: str) -> None:
        self.log, self.message = log, message

    def __str__(self) -> str:
        self.log.error(self.message)
        return "chatty"


@pytest.mark.parametrize("message", ["failed: %s", "another kind"])
def test_a_str_that_logs_is_counted_and_no_loop(message: str, watch: Watch) -> None:
    w = watch()
    w.log.error("failed: %s", Chatty(w.log, message))
    assert sum(w.counts()) == 2
    assert balanced(w.stats)


def test_a_str_that_logs_itself_is_no_loop(watch: Watch) -> None:
    w = watch()
    chatty = Chatty(w.log, "")
    chatty.message = chatty  # type: ignore[assignment]  # an attribute of any kind
    w.log.error(chatty)
    assert w.flush()
    assert balanced(w.stats)
    assert w.stats.seen < 10


class Slow:
    asked = 0
    clock = 0.0

    def __repr__(self) -> str:
        self.asked += 1
        self.clock += 0.2
        return "slow"


def test_one_slow_repr_is_waited_for_and_what_comes_after_it_is_left_out(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    w = watch()
    slow = Slow()
    monkeypatch.setattr(serialize, "perf_counter", lambda: slow.clock)
    w.log.error("failed", extra={f"key{i}": slow for i in range(20)})
    assert slow.asked == 1
    assert w.counts() == [1]


class Verbose:
    """100 MB of text each time it is asked."""

    def __repr__(self) -> str:
        return "x" * 100_000_000


def test_a_repr_of_100_mb_ends_within_the_limit(sim: Simulator, watch: Watch) -> None:
    w = watch(**pointing_at(sim, "app"))
    w.log.error("failed %r", Verbose(), extra={"value": Verbose(), "more": [Verbose()]})
    w.log.error("the next one")
    assert w.flush()
    assert counted(sim.messages) == 2
    assert all(m.bytes <= m.limit and not m.truncated for m in sim.messages if m.limit)


class Last:
    """Logs when it is collected, and counts those that were not collected in a delivery: what
    is logged on the thread that delivers is taken for an echo."""

    logged = 0

    def __init__(self, log: logging.Logger) -> None:
        self.log, self.loop = log, self

    def __del__(self) -> None:
        Last.logged += threading.get_ident() not in DELIVERING
        self.log.error("collected")


@pytest.fixture
def _eager_collector() -> Iterator[None]:
    threshold = gc.get_threshold()
    gc.set_threshold(1)
    yield
    gc.set_threshold(*threshold)


@pytest.mark.usefixtures("_eager_collector")
def test_a_del_that_logs_in_the_middle_of_everything(watch: Watch) -> None:
    """A collection may run wherever something is allocated: also while a lock is held."""
    w, Last.logged = watch(rate_limit=[[1000, 60]]), 0
    for i in range(300):
        Last(w.log)
        w.log.error("failed", extra={"fingerprint": i % 50})
        if i % 100 == 0:
            assert w.flush()
    gc.collect()
    assert w.flush()
    assert Last.logged > 0
    assert w.stats.seen == w.stats.reported == 300 + Last.logged


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timers here")
def test_a_signal_handler_that_logs(watch: Watch) -> None:
    w = watch(rate_limit=[[1000, 60]])
    interrupted = 0

    def logs(*args: object) -> None:
        nonlocal interrupted
        interrupted += 1
        w.log.error("signal", extra={"fingerprint": f"signal {interrupted % 20}"})

    before = signal.signal(signal.SIGALRM, logs)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        for i in range(5000):
            w.log.error("failed", extra={"fingerprint": i % 20})
        eventually(lambda: interrupted > 20)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert w.flush()
    assert w.stats.reported == w.stats.seen == 5000 + interrupted


def test_a_signal_handler_that_raises_does_not_put_a_kind_to_sleep(watch: Watch) -> None:
    """An exception out of nowhere, as Ctrl-C, in the middle of a capture."""

    class Interrupting:
        def __str__(self) -> str:
            raise KeyboardInterrupt

    w = watch(group_wait=0.0)

    def fail(reason: object) -> None:
        w.log.error("failed: %s", reason)

    with pytest.raises(KeyboardInterrupt):
        fail(Interrupting())
    fail("the same kind again")
    eventually(lambda: w.stats.reported == 2)


def test_at_the_end_of_the_stack_emit_counts_and_does_not_raise(watch: Watch) -> None:
    w = watch()
    raised_by: set[str] = set()

    def fall() -> None:
        try:
            fall()
        except RecursionError:
            try:
                w.log.error("no stack left")
            except RecursionError as error:
                tb = error.__traceback__
                while tb is not None:
                    if tb.tb_frame.f_globals["__name__"].startswith("wecom_logging"):
                        raised_by.add(tb.tb_frame.f_code.co_name)
                    tb = tb.tb_next
                raise

    for _ in range(3):
        fall()
    assert raised_by <= {"handle"}, "at most there is not even room to call emit"
    assert w.flush()
    assert w.stats.reported == w.stats.seen >= 3


def test_a_warning_while_capturing_is_no_error(watch: Watch) -> None:
    class Warns:
        def __repr__(self) -> str:
            warnings.warn("deprecated", DeprecationWarning, stacklevel=1)
            return "warns"

    w = watch()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        w.log.error("failed %r", Warns())
    assert w.counts() == [1]


# -- at the limit of bytes -----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["robot", "app"])
@pytest.mark.parametrize("msgtype", ["markdown", "text"])
@pytest.mark.parametrize("letter", ["é", "中", "👍🏽", "e\u0301", "\U000e0041"])
def test_no_letter_is_cut_wherever_the_limit_falls(
    kind: str, msgtype: str, letter: str, sim: Simulator, watch: Watch
) -> None:
    w = watch(**pointing_at(sim, kind), msgtype=msgtype, rate_limit=[[1000, 60]])
    for shift in range(4):
        w.log.error("a" * shift + letter * 3000, extra={"value": letter * 3000, "id": shift})
        assert w.flush()
    assert counted(sim.messages) == 4
    for message in sim.messages:
        assert message.limit is None or message.bytes <= message.limit
        assert not message.truncated
        assert "\ufffd" not in message.content
