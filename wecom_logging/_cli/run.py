"""`wecom-logging run -- COMMAND`: runs a command, and tells when it fails.

The command comes first: whatever is wrong with the alerts, it runs, its output passes
through, and its exit status is ours.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import IO, TYPE_CHECKING

from wecom_logging._cli import CommandError
from wecom_logging._cli.destination import add_env_file, environment, options, sender
from wecom_logging._config.options import Options
from wecom_logging.errors import WeComError
from wecom_logging.jobs.history import History, HistoryFile
from wecom_logging.jobs.message import Outcome, failure_message, recovery_message

if TYPE_CHECKING:
    from wecom_logging._cli import Commands
    from wecom_logging._senders.application import AppSender
    from wecom_logging._senders.robot import WebhookSender

#: Bytes of output that are kept to be shown: more than a message can hold.
TAIL = 16 * 1024

#: Seconds to wait for output after the command's end: what it has left running in the
#: background may hold the pipe for good.
DRAIN = 1.0

#: As shells have them: killed by signal n is 128 + n.
NOT_FOUND, NOT_EXECUTABLE, KILLED = 127, 126, 128


def register(commands: Commands) -> None:
    parser = commands.add_parser(
        "run",
        help="run a command and tell when it fails",
        usage="wecom-logging run [-h] [--name NAME] [--to USERS] [--env-file FILE] -- COMMAND ...",
        description="Run a command, pass its output through, and on failure send one alert with"
        " exit status, duration and the last lines of its output. A job that goes on failing is"
        " told after pauses of 1, 5, 15 and 60 minutes, and once when it works again. The exit"
        " status is the command's own; 127 if there is no such command.",
    )
    parser.add_argument("--name", help="what alerts call it; default: the program's name")
    parser.add_argument("--to", metavar="USERS", help="user ids as 'a|b' (applications only)")
    add_env_file(parser)
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND ...")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not command:
        raise CommandError("no command: wecom-logging run -- COMMAND ...")
    alerts = _alerts(args)
    outcome = execute(command, args.name or os.path.basename(command[0]))
    if outcome.interrupted:
        print("wecom-logging: interrupted, nothing sent", file=sys.stderr)
    elif alerts is not None:
        tell(outcome, alerts, HistoryFile.of(args.name or "", command, os.environ))
    return outcome.status


@dataclass(frozen=True)
class Alerts:
    sender: AppSender | WebhookSender
    options: Options


def _alerts(args: argparse.Namespace) -> Alerts | None:
    try:
        environ: Mapping[str, str] = environment(args.env_file)
        return Alerts(sender(environ, args.to), options(environ))
    except (CommandError, WeComError) as error:
        print(f"wecom-logging: {error}; the command runs without alerts", file=sys.stderr)
        return None


# -- the command ---------------------------------------------------------------------------


def execute(command: list[str], name: str) -> Outcome:
    """Run the command to its end. Its environment is ours, without the `--env-file`."""
    began, start = time.time(), time.monotonic()
    tail = Tail()
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except OSError as error:
        print(f"wecom-logging: cannot run {command[0]}: {error.strerror}", file=sys.stderr)
        tail.add(f"cannot run it: {error.strerror}".encode())
        status = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
        return Outcome(name, shlex.join(command), status, began, 0.0, tail.text())
    with _forwarded_signals(process) as received:
        pumps = [_pump(process.stdout, sys.stdout, tail), _pump(process.stderr, sys.stderr, tail)]
        returned = process.wait()
        deadline = time.monotonic() + DRAIN
        for pump in pumps:
            pump.join(max(0.0, deadline - time.monotonic()))
    seconds = time.monotonic() - start
    return Outcome(
        name,
        shlex.join(command),
        returned if returned >= 0 else KILLED - returned,
        began,
        seconds,
        tail.text(),
        killed_by=_signal_name(-returned) if returned < 0 else "",
        interrupted=signal.SIGINT in received and returned != 0,
    )


class Tail:
    """The last bytes that a command has written, on whichever stream."""

    def __init__(self) -> None:
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._lock = threading.Lock()

    def add(self, chunk: bytes) -> None:
        with self._lock:
            self._chunks.append(chunk)
            self._size += len(chunk)
            while self._size - len(self._chunks[0]) >= TAIL:
                self._size -= len(self._chunks.popleft())

    def text(self) -> str:
        with self._lock:
            return b"".join(self._chunks)[-TAIL:].decode("utf-8", "replace")


def _pump(source: IO[bytes] | None, target: object, tail: Tail) -> threading.Thread:
    """Pass a stream on as it comes, and keep its end."""
    assert source is not None
    out: IO[bytes] | None = getattr(target, "buffer", None)
    pump = threading.Thread(target=_pass_on, args=(source, out, tail), daemon=True)
    pump.start()
    return pump


def _pass_on(source: IO[bytes], out: IO[bytes] | None, tail: Tail) -> None:
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


# -- the alert -----------------------------------------------------------------------------


def tell(outcome: Outcome, alerts: Alerts, file: HistoryFile) -> None:
    """Send what is worth a message, and remember it."""
    before = file.read()
    now = outcome.began + outcome.seconds
    after = (
        _tell_failure(outcome, alerts, before.failed(), now)
        if outcome.status
        else _tell_recovery(outcome, alerts, before.succeeded(now))
    )
    try:
        if after != before:
            file.write(after)
    except OSError as error:
        print(f"wecom-logging: cannot write {file.path}: {error.strerror}", file=sys.stderr)


def _tell_failure(outcome: Outcome, alerts: Alerts, history: History, now: float) -> History:
    if not history.is_due(now, alerts.options.policy):
        return history
    told = _send(alerts, failure_message(outcome, history, alerts.options, alerts.sender))
    return history.failure_told(now) if told else history


def _tell_recovery(outcome: Outcome, alerts: Alerts, history: History) -> History:
    if not history.owed:
        return history
    told = _send(alerts, recovery_message(outcome, history, alerts.options, alerts.sender))
    return history.success_told() if told else history


def _send(alerts: Alerts, content: str) -> bool:
    send = alerts.sender.text if alerts.options.msgtype == "text" else alerts.sender.markdown
    try:
        send(content)
    except WeComError as error:
        print(f"wecom-logging: the alert was not delivered: {error}", file=sys.stderr)
        return False
    return True
