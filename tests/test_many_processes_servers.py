"""Promise 18 for real servers: preloaded gunicorn workers and Celery's prefork children on one
store, killed while failing requests pour in."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pytest
from support import counted, eventually
from test_examples_frameworks import EXAMPLES, Site, gunicorn

from wecom_logging.simulator.server import Simulator
from wecom_logging.stores.codec import decode
from wecom_logging.stores.records import Source
from wecom_logging.stores.rows import TABLE

pytestmark = pytest.mark.skipif(
    not all(map(find_spec, ("celery", "flask", "gunicorn"))),
    reason="not all of celery, flask, gunicorn are there",
)

#: State, kind and count of a group, as a message tells them.
ITEM = re.compile(r"^\*\*(\w+)\*\* (.+?) \*\*×([\d,]+)\*\*", re.MULTILINE)

#: What a killed process had logged so long before is in the store. Promised is a tenth of a
#: second; the rest is for a machine on which nobody gets to run.
MERGED_WITHIN = 1.5

#: A handler of the examples' processes that writes down every error before ours counts it: a
#: line each that outlives SIGKILL.
WITNESS = """
import json, logging, os, time

class Witness(logging.Handler):
    def emit(self, record):
        about = record.args if isinstance(record.args, dict) else {}
        kind = about.get("name") or record.msg
        line = json.dumps([time.time(), os.getpid(), kind]) + "\\n"
        os.write(FILE, line.encode())

FILE = os.open(os.environ["WITNESS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
witness = Witness("ERROR")
"""

FLASK = (
    WITNESS
    + """
from flask_app import app

logging.getLogger().handlers.insert(0, witness)
logging.getLogger("gunicorn.error").handlers.insert(0, witness)
"""
)


@dataclass(frozen=True)
class Logged:
    """An error, as the witness wrote it down."""

    time: float
    pid: int
    kind: str


@dataclass
class Scene:
    """Servers on one store, what they have logged, and whom the test has killed."""

    sim: Simulator
    directory: Path
    #: Of each: what it had logged before that time has to be merged.
    killed: dict[int, float] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        return {
            **os.environ,
            **self.sim.env("app"),
            "BROKER_DIR": str(self.directory / "broker"),
            "PYTHONPATH": os.pathsep.join((str(EXAMPLES), str(self.directory))),
            "WITNESS": str(self.directory / "witness"),
            "WECOM_STORE": f"sqlite:///{self.directory / 'alerts.db'}",
            # The first kill comes before the first message, all others long before the
            # second: nobody is killed who has a message in hand (that is tested elsewhere).
            "WECOM_GROUP_WAIT": "4",
            "WECOM_GROUP_INTERVAL": "300",
            "WECOM_REPEAT_INTERVALS": "300",
            "WECOM_CLOSE_TIMEOUT": "20",
        }

    def module(self, name: str, text: str) -> None:
        (self.directory / f"{name}.py").write_text(text, encoding="utf-8")

    @contextmanager
    def running(self, *command: str) -> Iterator[subprocess.Popen[bytes]]:
        """A server with all its children; told to stop at the end, and then none is left."""
        said = self.directory / "said"
        with said.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                env=self.environ,
                cwd=self.directory,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield process
            process.terminate()
            assert process.wait(30) == 0
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
            print(said.read_text("utf-8", "replace")[-4000:])
        assert "wecom_logging" not in said.read_text("utf-8", "replace"), "it has complained"

    def logged(self) -> list[Logged]:
        try:
            lines = (self.directory / "witness").read_text("utf-8").splitlines()
        except FileNotFoundError:
            return []
        return [Logged(*json.loads(line)) for line in lines]

    def by_process(self) -> Counter[int]:
        return Counter(each.pid for each in self.logged())

    def merged(self) -> dict[int, int]:
        """Errors that the store has of each process."""
        url = f"file:{self.directory / 'alerts.db'}?mode=ro"
        try:
            with closing(sqlite3.connect(url, uri=True)) as store:
                rows = store.execute(f"SELECT id, body FROM {TABLE} WHERE kind='source'").fetchall()
        except sqlite3.OperationalError:
            return {}  # nobody has come to it yet
        return {int(name.split("/")[-2]): decode(Source, body).merged for name, body in rows}

    def kill(self, pid: int, *, lately: float) -> None:
        self.killed[pid] = time.time() - lately
        os.kill(pid, signal.SIGKILL)

    def kill_in_the_middle(self, master: int) -> None:
        """Kill one that fails and is in the store; another one takes its place and fails."""
        before = self.by_process()

        def busy() -> list[int]:
            now, merged = self.by_process(), self.merged()
            others = merged.keys() - self.killed.keys() - {master}
            return [pid for pid in others if now[pid] >= before[pid] + 5]

        eventually(busy)
        known = self.by_process().keys() | {master}
        self.kill(busy()[0], lately=MERGED_WITHIN)
        eventually(lambda: self.by_process().keys() - known)

    def kill_when_all_is_merged(self, master: int) -> None:
        """Nobody fails any more: whoever is killed now takes nothing with it."""
        eventually(self.is_merged)
        self.kill(max(self.merged().keys() - self.killed.keys() - {master}), lately=0)

    def is_merged(self) -> bool:
        merged, logged = self.merged(), self.by_process()
        return all(merged.get(pid) == logged[pid] for pid in logged.keys() - self.killed.keys())

    def check_store(self) -> None:
        """Everything that was logged is merged, but for the last moments of the killed."""
        merged, logged = self.merged(), self.by_process()
        assert self.is_merged(), (merged, logged, self.killed)
        for pid, at in self.killed.items():
            safe = sum(each.pid == pid and each.time < at for each in self.logged())
            assert safe <= merged[pid] <= logged[pid], (pid, merged, logged, self.killed)

    def check_messages(self, kinds: dict[str, str]) -> None:
        """Of each kind one message is the first, and the counts are those of the store.

        Args:
            kinds: What the witness wrote, and how it begins in messages.
        """
        merged, logged = self.merged(), Counter(each.kind for each in self.logged())
        items = [item for message in self.sim.messages for item in ITEM.findall(message.content)]
        assert logged.keys() == kinds.keys()
        assert sum(state == "NEW" for state, *_ in items) == len(kinds), items
        assert counted(self.sim.messages) == sum(merged.values())
        unmerged = logged.total() - sum(merged.values())
        for title in set(kinds.values()):
            same = [kind for kind in kinds if kinds[kind] == title]
            told = [
                (state, int(n.replace(",", "")))
                for state, name, n in items
                if name.startswith(title)
            ]
            assert [state for state, _ in told].count("NEW") == len(same), (title, items)
            happened = sum(logged[kind] for kind in same)
            assert happened - unmerged <= sum(n for _, n in told) <= happened, (title, items)


@pytest.fixture
def scene(sim: Simulator, tmp_path: Path) -> Scene:
    return Scene(sim, tmp_path)


@contextmanager
def pouring(ask: Callable[[], object]) -> Iterator[None]:
    """Ask from three threads, all the time."""
    stop = threading.Event()

    def pour() -> None:
        while not stop.is_set():
            ask()

    threads = [threading.Thread(target=pour) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


GUNICORN_KINDS = {
    "Exception on /pay/8841 [POST]": "TimeoutError",
    "stock of %s is negative": "stock of sku-7 is negative",
    "Worker (pid:%s) was sent %s! Perhaps out of memory?": "Worker (pid:",
}


def test_gunicorn_workers_killed_under_load_are_one_voice(scene: Scene) -> None:
    scene.module("shop", FLASK)
    site = Site()

    def ask() -> None:
        site.pay_with_form()
        site.ask("/stock")

    with scene.running(*gunicorn(site, "shop:app", "--workers", "4")) as master:
        eventually(site.is_up)
        with pouring(ask):
            for _ in range(2):
                scene.kill_in_the_middle(master.pid)
            scene.sim.wait_for(1)
            for _ in range(2):
                scene.kill_in_the_middle(master.pid)
        scene.kill_when_all_is_merged(master.pid)
        eventually(lambda: scene.by_process()[master.pid] == 5)  # it has noticed
    scene.check_store()
    scene.check_messages(GUNICORN_KINDS)
