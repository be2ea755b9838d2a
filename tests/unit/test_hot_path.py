"""What one call costs the program that logs: counted in bytecodes, and bounded.

Time depends on the machine, the number of bytecodes that one error of a known group
executes in our code does not. It is compared, function by function, with what
`hot_path.json` has on record for this version of Python; `python tests/unit/test_hot_path.py`
writes it anew after a change that is meant.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import wecom_logging
from tests.helpers.support import PATIENCE, Watched, eventually
from wecom_logging import WeComHandler
from wecom_logging._capture.capture import capture, complete, said
from wecom_logging._capture.grouping import fingerprint, learn
from wecom_logging._capture.template import mask
from wecom_logging._capture.variety import Tallies
from wecom_logging._model.digest import MAX_VARIANTS
from wecom_logging._runtime.echo_guard import DELIVERING
from wecom_logging._senders.protocol import Limits, Message
from wecom_logging.handler import LOOKS_PER_SECOND

PACKAGE = str(Path(wecom_logging.__file__).parent)
RECORD = Path(__file__).with_name("hot_path.json")
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"

#: How much more than on record is let pass: a load or a comparison, not a call.
SLACK = 1.05


class Nowhere:
    """A sender that accepts everything."""

    destination = "nowhere"
    limits = Limits({"markdown": 4096, "text": 2048})

    def secrets(self) -> tuple[str, ...]:
        return ()

    def send(self, message: Message) -> None: ...

    def upload(self, name: str, data: bytes) -> str:
        return name


def plain(i: int) -> dict[str, Any]:
    return {"msg": "payment %s failed", "args": (i,)}


def constant(i: int) -> dict[str, Any]:
    return {"msg": "no connection to the ledger"}


def rendered(i: int) -> dict[str, Any]:
    return {"msg": f"payment {10_000 + i} of user {i % 10} failed"}


def structured(i: int) -> dict[str, Any]:
    return {"msg": {"event": "payment failed", "order": i, "level": "error"}}


def exception(i: int) -> dict[str, Any]:
    def charge(deeper: int) -> None:
        if deeper:
            charge(deeper - 1)
        raise TimeoutError(f"after {i} s")

    try:
        charge(10)
    except TimeoutError:
        return {"msg": "payment %s failed", "args": (i,), "exc_info": sys.exc_info()}
    raise AssertionError


CASES = (plain, constant, rendered, structured, exception)


def record(fields: dict[str, Any]) -> logging.LogRecord:
    arguments = {"args": (), "exc_info": None, **fields}
    return logging.LogRecord("shop", logging.ERROR, "/srv/shop/pay.py", 41, **arguments)


def bytecodes(call: Callable[[], object]) -> Counter[str]:
    """Bytecodes that a call executes in each function of the package."""
    counted: Counter[str] = Counter()

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            file = frame.f_code.co_filename.rpartition("/")[2].removesuffix(".py")
            counted[f"{file}.{frame.f_code.co_name}"] += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return counted


def measure(case: Callable[[int], dict[str, Any]]) -> Counter[str]:
    """Bytecodes for an error of a group that is known and that the worker knows of."""
    handler = WeComHandler(sender=Nowhere(), store="memory")
    try:
        for i in range(10):
            handler.handle(record(case(i)))
        assert handler.flush(PATIENCE)
        _settle(handler)
        new = record(case(10))
        counts: list[Counter[str]] = []
        while len(counts) < 5:
            # A worker of an earlier test, or this one, may still deliver, or begin to while we
            # count: then more is asked, and for longer than the five take.
            eventually(lambda: not DELIVERING)
            count = bytecodes(lambda: handler.handle(new))
            if not DELIVERING:
                counts.append(count)
        # The middle of several: a collection in between may run somebody's finaliser, and
        # 3.12 traces the first call of a process without its bytecodes.
        return sorted(counts, key=Counter.total)[2]
    finally:
        for tally in handler._tallies.known.values():
            tally.needs_wakeup = True
        handler.close()


def _settle(handler: WeComHandler) -> None:
    """As between two visits of the worker, who now has no reason; nor delivers anybody else."""
    eventually(lambda: not DELIVERING)
    for tally in handler._tallies.known.values():
        tally.needs_wakeup = False


def compared(now: Counter[str], before: dict[str, int]) -> str:
    """What grew and what shrank, function by function."""
    lines = [
        f"  {name}: {before.get(name, 0)} -> {now[name]}"
        for name in sorted({*now, *before})
        if now[name] != before.get(name, 0)
    ]
    return "\n".join(lines)


@pytest.mark.parametrize("case", CASES)
def test_a_known_error_costs_what_is_on_record(case: Callable[[int], dict[str, Any]]) -> None:
    on_record = json.loads(RECORD.read_text())
    if VERSION not in on_record:
        pytest.skip(f"nothing on record for Python {VERSION}")
    before = on_record[VERSION][case.__name__]
    now = measure(case)
    allowed = round(sum(before.values()) * SLACK)
    assert now.total() <= allowed, (
        f"one known error ({case.__name__}) executes {now.total()} bytecodes, on record are"
        f" {sum(before.values())}:\n{compared(now, before)}\n"
        "If that is meant: python tests/unit/test_hot_path.py, on each version of Python."
    )


def coded(i: int) -> dict[str, Any]:
    return {"msg": f"payment {10_000 + i} failed: HTTP 503 after {i % 10} s"}


def refused(i: int) -> dict[str, Any]:
    failed = exception(i)
    tb = failed["exc_info"][2]
    error = ConnectionRefusedError(111, "Connection refused").with_traceback(tb)
    return {**failed, "exc_info": (ConnectionRefusedError, error, tb)}


@pytest.mark.parametrize(
    ("case", "plainer", "most"), [(coded, rendered, 20), (refused, exception, 20)]
)
def test_a_code_costs_a_look_more(
    case: Callable[[int], dict[str, Any]], plainer: Callable[[int], dict[str, Any]], most: int
) -> None:
    """A status in a text, the errno of an exception."""
    assert measure(case).total() <= measure(plainer).total() + most


def test_a_thousand_kinds_in_turn_cost_what_one_costs(
    watch: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They share the looks of a second: here it goes on, and the worker has not read them."""
    monkeypatch.setattr("wecom_logging.handler.monotonic", lambda: 100.0)
    handler = watch().handler
    monkeypatch.setattr(handler._worker, "notify", lambda *_: True)
    kinds = [
        logging.LogRecord("shop", logging.ERROR, "/srv/shop/pay.py", i, f"job {i} failed", (), None)
        for i in range(LOOKS_PER_SECOND)
    ]
    # New; looked at; found that no look is left.
    for each in kinds * 3:
        handler.handle(each)
    now = bytecodes(lambda: [handler.handle(each) for each in kinds])
    assert sum(tally.value for tally in handler._tallies.known.values()) == 4 * len(kinds)
    assert not now["handler._notify_worker"], compared(now, {})


def test_a_text_that_is_always_new_costs_little_beyond_its_allowance() -> None:
    """It is masked and looked for; the allowance of its call site is not worked out anew."""
    tallies = Tallies(1000)
    letters = "abcdefghijklmnopqrst"
    texts = [record({"msg": f"no answer for {letter} of the shop"}) for letter in letters]

    def count(new: logging.LogRecord) -> None:
        key = fingerprint(new)
        tallies.known.get(key) or tallies.add(key, new)

    for text in texts[:-1]:
        count(text)
    now = bytecodes(partial(count, texts[-1]))
    assert len(tallies.known) == MAX_VARIANTS + 1
    assert "variety._allowed" not in now
    assert now.total() <= 400, compared(now, {})


def test_what_grew_is_named() -> None:
    told = compared(Counter({"handler.emit": 40, "template.mask": 9}), {"handler.emit": 31})
    assert told == "  handler.emit: 31 -> 40\n  template.mask: 0 -> 9"


# -- whatever is logged --------------------------------------------------------------------

LONG = 10_000_000
TRACEBACK = "Traceback (most recent call last):\n"

HOSTILE = {
    "one word": "a" * LONG,
    "digits": "1" * LONG,
    "hex and dashes": "abcdef-" * (LONG // 7),
    "quotes": "'\"" * (LONG // 2),
    "almost JSON": "{" + '"a":[' * (LONG // 5),
    "JSON": json.dumps({"event": "x" * LONG}),
    "colours": "\x1b[31m" * (LONG // 5),
    "broken colours": "\x1b[" + "0;" * (LONG // 2),
    "a traceback of empty lines": TRACEBACK + "\n" * LONG,
    "a traceback of spaces": TRACEBACK + " " * LONG,
    "a traceback of dots": TRACEBACK + "a." * (LONG // 2),
    "a traceback of quotes": TRACEBACK + 'File "' * (LONG // 6),
    "frames": TRACEBACK + '  File "a.py", line 1, in f\n    x\n' * (LONG // 34),
    "almost frames": '  File "' * (LONG // 8),
    "almost codes": "exit " * (LONG // 5),
    "almost a prefix": "2026-01-01 10:00:00 " + "[x] " * (LONG // 4),
    "names": "user=" * (LONG // 5),
    "Chinese names": "用户张" * (LONG // 3),
    "almost e-mails": "a@" * (LONG // 2),
    "almost files": "a." * (LONG // 2),
    "slashes": "/" * LONG,
    "a traceback last": "x" * LONG + TRACEBACK + '  File "a.py", line 1, in f\nValueError: x',
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_call_is_bounded_whatever_is_logged(what: str) -> None:
    """10 MB of it take no more than a few milliseconds, and a short one no longer."""
    for text in (HOSTILE[what], HOSTILE[what][:60_000]):
        new = record({"msg": text})
        assert seconds(fingerprint, new) < 0.05
        assert seconds(capture, new) < 0.1
        assert seconds(said, new) < 0.01
        argument = record({"msg": "it failed: %s", "args": (text,)})
        learn(argument)
        assert seconds(fingerprint, argument) < 0.01
        assert seconds(told, argument) < 0.1
        assert seconds(mask, text) < 0.01
        event = record({"msg": {"event": text}})
        assert seconds(fingerprint, event) < 0.05
        rendered = record({"msg": "x"})
        rendered.exc_text = text
        assert seconds(fingerprint, rendered) < 0.05


def told(record: logging.LogRecord) -> object:
    return complete(capture(record))


def seconds(call: Callable[[Any], object], logged: Any) -> float:
    """What a call takes of this thread, the best of three: a busy machine fails nothing."""
    best = 10.0
    for _ in range(3):
        began = time.thread_time()
        call(logged)
        best = min(best, time.thread_time() - began)
    return best


def main() -> None:
    """Write what this version of Python executes today."""
    on_record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    on_record[VERSION] = {case.__name__: dict(sorted(measure(case).items())) for case in CASES}
    ordered = {version: on_record[version] for version in sorted(on_record)}
    RECORD.write_text(json.dumps(ordered, indent=2) + "\n")
    for case, counts in on_record[VERSION].items():
        print(f"{VERSION} {case}: {sum(counts.values())} {counts}")


if __name__ == "__main__":
    main()
