"""The programs of the demo: a shop that breaks, and a bot that answers for it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, TYPE_CHECKING, Any

from wecom_logging._cli import CommandError

if TYPE_CHECKING:
    from wecom_logging.simulator import Simulator

#: All that the shop knows about alerts. The durations are those of a film.
LOGGING = """\
{
  "version": 1,
  "disable_existing_loggers": false,
  "handlers": {
    "wecom": {
      "class": "wecom_logging.WeComHandler", "level": "ERROR", "environment": "demo",
      "group_interval": 2, "repeat_intervals": [3, 4], "quiet_after": 5,
      "rate_limit": [[30, 60], [900, 3600]]
    }
  },
  "root": {"handlers": ["wecom"], "level": "INFO"}
}
"""


class Shop:
    """The shop's process, at the other end of two pipes; restarted, it is another release."""

    def __init__(self, directory: str, environ: Mapping[str, str]) -> None:
        self._directory = directory
        #: The environment in which it runs, and whoever looks for its store.
        self.environ = environ
        #: Errors that it says it has logged, and when the first was.
        self.errors = 0
        self.first_error: float | None = None
        self.start("2.3.1")

    def start(self, release: str) -> None:
        self._answers: SimpleQueue[str] = SimpleQueue()
        environ = {**self.environ, "WECOM_RELEASE": release}
        self._process = _start([sys.executable, "shop.py"], self._directory, environ)
        listening = (self._process.stdout, self._answers)
        threading.Thread(target=_listen, args=listening, name="shop", daemon=True).start()

    def begin(self, scene: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{scene}\n")
        self._process.stdin.flush()

    def ended(self) -> dict[str, Any] | None:
        """What it answers once a scene is over; None until then."""
        try:
            line = self._answers.get_nowait()
        except Empty:
            return None
        if not line:
            raise CommandError("the shop has ended too soon", 1)
        answer: dict[str, Any] = json.loads(line)
        self.errors += answer["errors"]
        self.first_error = self.first_error or answer["began"]
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()

    @property
    def closed(self) -> bool:
        return self._process.poll() is not None

    def kill(self) -> None:
        _end(self._process)


def _listen(pipe: IO[str], answers: SimpleQueue[str]) -> None:
    for line in pipe:
        answers.put(line)
    answers.put("")


@contextmanager
def open_shop(simulator: Simulator) -> Iterator[Shop]:
    """Run the shop in a directory of its own, with nothing but its configuration."""
    with tempfile.TemporaryDirectory(prefix="wecom-logging-demo-") as directory:
        shutil.copy(Path(__file__).with_name("shop.py"), directory)
        Path(directory, "logging.json").write_text(LOGGING, "utf-8")
        ours = {key: value for key, value in os.environ.items() if not key.startswith("WECOM_")}
        place = {"XDG_STATE_HOME": directory, "NO_PROXY": "127.0.0.1"}
        shop = Shop(directory, {**ours, **simulator.env(), **place})
        try:
            yield shop
        finally:
            shop.kill()


class BotProgram:
    """`wecom-logging bot --pair`, as somebody who watches its terminal sees it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        #: The six digits that it shows; and whether WeCom hears it.
        self.code, self.connected = "", False
        threading.Thread(target=self._read, name="bot", daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("pairing code: "):
                self.code = line.split()[-1]
            self.connected = self.connected or " connected as " in line


@contextmanager
def open_bot(simulator: Simulator, shop: Shop) -> Iterator[BotProgram]:
    """Run the bot on the shop's store."""
    environ = {**shop.environ, **simulator.env("bot")}
    command = [sys.executable, "-m", "wecom_logging", "bot", "--pair"]
    process = _start(command, environ["XDG_STATE_HOME"], environ)
    try:
        yield BotProgram(process)
    finally:
        _end(process)


def _start(command: list[str], directory: str, environ: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        cwd=directory,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for us; they and what they start end with us
    )


def _end(process: subprocess.Popen[str]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it has come to its own end
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
