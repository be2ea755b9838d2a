"""What we have to say about ourselves: it waits for nobody, and shows nothing as it came."""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.helpers.support import PATIENCE, Watched
from wecom_logging._runtime import native
from wecom_logging._runtime.diagnostics import SELDOM, warn_rarely


def fill(writer: int) -> None:
    """Write until no more goes in, for good: a terminal moves on what it has taken in."""
    os.set_blocking(writer, False)
    refused = 0
    while refused < 5:
        try:
            os.write(writer, b"x" * 100)
            refused = 0
        except BlockingIOError:
            refused += 1
            native.sleep(0.01)  # the kernel moves it on in its own time, and says nothing of it
    os.set_blocking(writer, True)


def drain(reader: int) -> bytes:
    os.set_blocking(reader, False)
    found = b""
    try:
        while more := os.read(reader, 65536):
            found += more
    except BlockingIOError:
        pass
    return found


@pytest.fixture(params=["pipe", "terminal"])
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe() if request.param == "pipe" else os.openpty()
    yield reader, writer
    os.close(reader)
    os.close(writer)


def in_time(call: Callable[[], object]) -> None:
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive(), "it waits"


@pytest.mark.parametrize("blocking", [True, False])
def test_where_nobody_reads_it_is_not_said_and_not_waited_for(
    blocking: bool, ends: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = ends
    fill(writer)
    os.set_blocking(writer, blocking)
    with os.fdopen(writer, "w", closefd=False) as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        in_time(lambda: warn_rarely("kind", "nobody hears this"))
        drain(reader)
        warn_rarely("kind", "said as soon as somebody does")
        assert b"said as soon as somebody does" in drain(reader)
        warn_rarely("kind", "and no more for an hour")
        assert drain(reader) == b""


def test_a_lock_of_stderr_that_another_thread_holds(
    ends: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child that is forked while a thread writes inherits it locked."""
    reader, writer = ends
    raw = open(writer, "wb", buffering=0, closefd=False)  # noqa: SIM115 - closed below
    inside, go_on = threading.Event(), threading.Event()

    class Slow(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def fileno(self) -> int:
            return writer

        def write(self, data: Any) -> int:
            inside.set()
            go_on.wait(PATIENCE)
            return len(data)

    stream = io.TextIOWrapper(io.BufferedWriter(Slow()), write_through=True)
    monkeypatch.setattr(sys, "stderr", stream)
    other = threading.Thread(target=lambda: print("x", file=stream, flush=True))
    other.start()
    assert inside.wait(PATIENCE)
    in_time(lambda: warn_rarely("kind", "past the lock"))
    assert b"past the lock" in drain(reader)
    go_on.set()
    other.join()
    raw.close()


@pytest.mark.parametrize("stream", [None, object(), io.StringIO()])
def test_without_a_stderr_that_can_be_written_to(
    stream: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if isinstance(stream, io.StringIO):
        stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    warn_rarely("kind", "nobody hears this")


def test_with_its_descriptor_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    stream = os.fdopen(writer, "w", closefd=False)
    os.close(writer)
    os.close(reader)
    monkeypatch.setattr(sys, "stderr", stream)
    warn_rarely("kind", "nobody hears this")


def test_what_others_have_written_is_one_clean_line(capsys: pytest.CaptureFixture[str]) -> None:
    warn_rarely("kind", "answer: \x1b[2J\x1b]0;owned\x07 line one\r\nline two \u202e\u200b \x00")
    line = capsys.readouterr().err
    assert line.startswith("wecom_logging: answer: ")
    assert line.count("\n") == 1
    assert line[:-1].isprintable()


def test_a_line_is_bounded(capsys: pytest.CaptureFixture[str]) -> None:
    warn_rarely("kind", "错" * 1_000_000)
    assert len(capsys.readouterr().err.encode()) < 4096


def test_a_stderr_that_logs_what_it_is_given_is_no_alert(
    watch: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    w = watch()

    class Logging:
        def write(self, text: str) -> None:
            w.log.error("stderr: %s", text)

        def flush(self) -> None: ...

    monkeypatch.setattr(sys, "stderr", Logging())
    warn_rarely("kind", "something is wrong")
    assert w.stats.seen == 0
    logging.Logger.error(w.log, "the application's own")
    assert w.stats.seen == 1


def test_after_an_hour_it_is_said_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 1000.0
    monkeypatch.setattr(native, "monotonic", lambda: now)
    for _ in range(3):
        warn_rarely("kind", "wrong")
    now += SELDOM
    warn_rarely("kind", "wrong")
    assert capsys.readouterr().err.count("wrong") == 2
