"""A job: a command or a block of code that fails, and works again later.

Its failure is an error in a group of its own, and that it works again is the end of that
group: both go the way of every other error, through the handler's worker and its store.
"""

from __future__ import annotations

import logging
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock, Thread
from types import FrameType
from typing import IO

from wecom_logging._capture.keys import Job
from wecom_logging.handler import WeComHandler

#: Bytes of output that are kept to be shown: more than a message can hold, and as text
#: (a byte that is none becomes three) no more than an event may hold.
TAIL = 5 * 1024

#: Seconds to wait for output after the command's end: what it has left running in the
#: background may hold the pipe for good.
DRAIN = 1.0

#: As shells have them: killed by signal n is 128 + n.
NOT_FOUND, NOT_EXECUTABLE, KILLED = 127, 126, 128


def failure(
    job: Job, message: str, place: tuple[str, int] = ("", 0), **context: object
) -> logging.LogRecord:
    """An error in the group of a job."""
    record = logging.LogRecord(job.name, logging.ERROR, *place, message, (), None)
    record.__dict__.update(context, fingerprint=job)
    return record


def works_again(job: Job, handler: WeComHandler) -> None:
    """The job has not failed. Told if a message has told that it had; costs a look at the
    store, since that may have been another process."""
    if handler.enabled:
        handler.end_job(failure(job, ""))


@dataclass(frozen=True)
class Outcome:
    """How a command has ended."""

    command: str
    #: The exit status, as a shell has it.
    status: int
    seconds: float
    #: The end of what it has written.
    output: str
    #: The name of the signal that killed it.
    killed_by: str = ""
    #: Ended by Ctrl-C: somebody is there and knows.
    interrupted: bool = False

    @property
    def took(self) -> str:
        seconds = self.seconds
        return f"{seconds:,.0f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"

    @property
    def how(self) -> str:
        """How it failed."""
        return f"killed by {self.killed_by}" if self.killed_by else f"exit status {self.status}"


def tell(job: Job, name: str, outcome: Outcome, handler: WeComHandler) -> None:
    """Count a failure or the end of a series of them, and have told what is due."""
    if outcome.status:
        record = failure(
            job,
            f"{name}: {outcome.how}",
            command=outcome.command,
            took=outcome.took,
            output=outcome.output,
        )
        handler.handle(record)
    else:
        works_again(job, handler)
    handler.close_after_job()


def execute(command: list[str]) -> Outcome:
    """Run the command to its end. Its environment is ours, without the `--env-file`."""
    start, tail = time.monotonic(), Tail()
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except OSError as error:
        print(f"wecom-logging: cannot run {command[0]}: {error.strerror}", file=sys.stderr)
        status = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
        return Outcome(shlex.join(command), status, 0.0, f"cannot run it: {error.strerror}")
    with _forwarded_signals(process) as received:
        streams = ((process.stdout, sys.stdout), (process.stderr, sys.stderr))
        pumps = [Thread(target=_pass_on, args=(*pair, tail), daemon=True) for pair in streams]
        for pump in pumps:
            pump.start()
        returned = _returned(process)
        deadline = time.monotonic() + DRAIN
        for pump in pumps:
            pump.join(max(0.0, deadline - time.monotonic()))
    seconds = time.monotonic() - start
    return Outcome(
        shlex.join(command),
        returned if returned >= 0 else KILLED - returned,
        seconds,
        tail.text(),
        killed_by=_signal_name(-returned) if returned < 0 else "",
        interrupted=signal.SIGINT in received and returned != 0,
    )


def _returned(process: subprocess.Popen[bytes]) -> int:
    """Wait for a command. A signal that comes right before a wait without a limit would be
    handled when that is over."""
    while True:
        try:
            return process.wait(1.0)
        except subprocess.TimeoutExpired:
            pass


class Tail:
    """The last bytes that a command has written, on whichever stream."""

    def __init__(self) -> None:
        self._kept = b""
        self._lock = Lock()

    def add(self, chunk: bytes) -> None:
        with self._lock:
            self._kept = (self._kept + chunk)[-TAIL:]

    def text(self) -> str:
        return self._kept.decode("utf-8", "replace")


def _pass_on(source: IO[bytes], target: object, tail: Tail) -> None:
    """Pass a stream on as it comes, and keep its end."""
    out: IO[bytes] | None = getattr(target, "buffer", None)
    with source:
        while chunk := os.read(source.fileno(), 65536):
            tail.add(chunk)
            try:
                if out is not None:
                    out.write(chunk)
                    out.flush()
            except (OSError, ValueError):
                out = None  # nobody listens any more; the command goes on


@contextmanager
def _forwarded_signals(process: subprocess.Popen[bytes]) -> Iterator[set[int]]:
    """Signals that would end us go to the command, which decides. Yields those that came."""
    received: set[int] = set()

    def forward(number: int, frame: FrameType | None) -> None:
        # A terminal's Ctrl-C reaches the command without us.
        if not (number == signal.SIGINT and sys.stdin is not None and sys.stdin.isatty()):
            process.send_signal(number)
        received.add(number)

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    before = {number: signal.signal(number, forward) for number in signals}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
