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
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.frameworks.test_examples_frameworks import EXAMPLES, SERVER_PATIENCE, Site, gunicorn
from tests.helpers.support import counted, eventually
from wecom_logging._stores.codec import decode
from wecom_logging._stores.documents import TABLE
from wecom_logging._stores.protocol import LEASE
from wecom_logging._stores.records import Source
from wecom_logging.simulator.server import Simulator

pytestmark = pytest.mark.skipif(
    not all(map(find_spec, ("celery", "flask", "gunicorn"))),
    reason="not all of celery, flask, gunicorn are there",
)

#: State, kind and count of a group, as a message tells them.
ITEM = re.compile(r"^\*\*(\w+)\*\* (.+?) \*\*×([\d,]+)\*\*", re.MULTILINE)
#: One of several places where a kind has failed.
PLACE = re.compile(r"(?:^| · )([\d,]+) `([^`]+)`", re.MULTILINE)

#: A killed process may have held the lease of a digest, or that of a token, which is shorter.
EXPIRED_WITHIN = 2 * LEASE

#: A handler of the examples' processes that writes down every error before ours counts it: a
#: line each that outlives SIGKILL.
WITNESS = """
import json, logging, os, re, time

class Witness(logging.Handler):
    def emit(self, record):
        about = record.args if isinstance(record.args, dict) else {}
        kind = about.get("name") or record.msg
        # Formatted by gunicorn before 27.
        kind = re.sub(r"pid:\\d+\\) was sent \\w+", "pid:%s) was sent %s", kind)
        line = json.dumps([os.getpid(), kind]) + "\\n"
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


CELERY = (
    WITNESS
    + """
from celery.signals import after_setup_logger, after_setup_task_logger, task_postrun
from celery_app import app

app.conf.worker_lost_wait = 0.5

@after_setup_logger.connect(weak=False)
def _(logger, **_):
    logger.handlers.insert(0, witness)

@after_setup_task_logger.connect(weak=False)
def _(logger, **_):
    if not logger.propagate:
        logger.handlers.insert(0, witness)

# On this broker the children share a pipe, and who dies with its lock in hand stops the pool
# for good, with any logging: so a child is stopped for us where it has none, in a task.
@task_postrun.connect(weak=False)
def _(**_):
    try:
        os.rename(os.environ["WITNESS"] + "-hold", f"{os.environ['WITNESS']}-held-{os.getpid()}")
    except FileNotFoundError:
        return
    while True:
        time.sleep(60)  # until it is killed
"""
)

#: Sends so many tasks of each kind as a line says, and answers with a line. Tasks are moved to
#: the broker as whole files: a worker that finds one half written ends.
PRODUCER = """
import sys
import celery_app

staged = celery_app.broker / "staged"
staged.mkdir()
celery_app.app.conf.broker_transport_options["data_folder_out"] = str(staged)
for line in sys.stdin:
    for _ in range(int(line)):
        celery_app.pay.delay(8841, "")
        celery_app.refund.delay(8842, "")
        celery_app.stock.delay()
    for path in staged.iterdir():
        path.rename(celery_app.broker / "messages" / path.name)
    print(flush=True)
"""


@dataclass(frozen=True)
class Logged:
    """An error, as the witness wrote it down."""

    pid: int
    kind: str


@dataclass
class Scene:
    """Servers on one store, what they have logged, and whom the test has killed."""

    sim: Simulator
    directory: Path
    #: Of each: so many of its errors were merged, and have to stay so.
    killed: dict[int, int] = field(default_factory=dict)

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
            "WECOM_GROUP_WAIT": "2",
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
            # gunicorn loses the signal for a worker that it has just started, and kills that
            # after 30 s.
            assert process.wait(SERVER_PATIENCE) == 0
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
            text = (self.directory / "witness").read_text("utf-8")
        except FileNotFoundError:
            return []
        # Who reads while somebody writes may find the last line half written.
        whole, _, _ = text.rpartition("\n")
        return [Logged(*json.loads(line)) for line in whole.splitlines()]

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

    def kill(self, pid: int) -> None:
        self.killed[pid] = self.merged().get(pid, 0)
        os.kill(pid, signal.SIGKILL)

    def kill_in_the_middle(self, master: int) -> None:
        """Kill one that fails and is in the store; another one takes its place and fails."""
        before = self.by_process()

        def busy() -> list[int]:
            now, merged = self.by_process(), self.merged()
            others = merged.keys() - self.killed.keys() - {master}
            return [pid for pid in others if now[pid] >= before[pid] + 5]

        eventually(busy)
        victim, known = busy()[0], self.by_process().keys() | {master}
        logged = self.by_process()[victim]
        eventually(lambda: self.merged().get(victim, 0) >= logged)  # and it goes on meanwhile
        self.kill(victim)
        eventually(lambda: self.by_process().keys() - known)

    def kill_when_all_is_merged(self, master: int) -> None:
        """Nobody fails any more: whoever is killed now takes nothing with it."""
        eventually(self.is_merged)
        self.kill(max(self.merged().keys() - self.killed.keys() - {master}))

    def is_merged(self) -> bool:
        merged, logged = self.merged(), self.by_process()
        return all(merged.get(pid) == logged[pid] for pid in logged.keys() - self.killed.keys())

    def check_store(self) -> None:
        """Everything that was logged is merged, but for the last moments of the killed."""
        merged, logged = self.merged(), self.by_process()
        assert self.is_merged(), (merged, logged, self.killed)
        for pid, safe in self.killed.items():
            assert safe <= merged.get(pid, 0) <= logged[pid], (pid, merged, logged, self.killed)

    def check_messages(self, kinds: dict[str, str], firsts: int, by_task: str = "") -> None:
        """The first message of each kind comes once; the counts are those of the store.

        Args:
            kinds: What the witness wrote, and how it begins where messages count it.
            firsts: So many kinds are told; one that fails in two places is one.
            by_task: What may be a kind for each task, and is one here. Its errors are shown
                with the names of tasks, so that these count some more.
        """
        text = "\n".join(message.content for message in self.sim.messages)
        news = [name for state, name, _ in ITEM.findall(text) if state == "NEW"]
        news = [name for name in news if name != by_task] + [by_task] * (by_task in news)
        assert len(news) == len(set(news)) == firsts, news
        counts = [(name, n) for _, name, n in ITEM.findall(text)]
        counts += [(name, n) for n, name in PLACE.findall(text)]
        merged, logged = self.merged(), Counter(each.kind for each in self.logged())
        assert logged.keys() == kinds.keys()
        assert counted(self.sim.messages) == sum(merged.values())
        unmerged = logged.total() - sum(merged.values())
        lost = sum(logged[kind] for kind, title in kinds.items() if title == by_task)
        for kind, title in kinds.items():
            told = sum(int(n.replace(",", "")) for name, n in counts if re.match(title, name))
            assert logged[kind] - unmerged <= told <= logged[kind] + lost, (kind, counts)


@pytest.fixture
def scene(sim: Simulator, tmp_path: Path) -> Scene:
    return Scene(sim, tmp_path)


@contextmanager
def pouring(ask: Callable[[], object], threads: int = 3) -> Iterator[None]:
    """Ask from several threads, all the time."""
    stop = threading.Event()

    def pour() -> None:
        while not stop.is_set():
            ask()

    started = [threading.Thread(target=pour) for _ in range(threads)]
    for thread in started:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in started:
            thread.join()


GUNICORN_KINDS = {
    "Exception on /pay/8841 [POST]": "TimeoutError",
    "stock of %s is negative": "stock of sku-7 is negative",
    "Worker (pid:%s) was sent %s! Perhaps out of memory?": r"Worker \(pid:",
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
            scene.sim.wait_for(1, timeout=EXPIRED_WITHIN)
            for _ in range(2):
                scene.kill_in_the_middle(master.pid)
        scene.kill_when_all_is_merged(master.pid)
        eventually(lambda: scene.by_process()[master.pid] == 5)  # it has noticed
    scene.check_store()
    scene.check_messages(GUNICORN_KINDS, firsts=3)


class Producer:
    """Has tasks done that fail, and never runs far ahead of those who do them."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.sent = 0
        self.process = subprocess.Popen(
            [sys.executable, "-c", PRODUCER],
            env=scene.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def send(self, each: int) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{each}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline()
        self.sent += 3 * each

    def pour(self) -> None:
        self.send(10)
        eventually(lambda: self.done() > self.sent - 60)

    def done(self) -> int:
        return sum(each.kind in TASKS for each in self._scene.logged())

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def producer(scene: Scene) -> Iterator[Producer]:
    made = Producer(scene)
    yield made
    made.end()


TASKS = {
    "orders.pay": "orders.pay",
    "orders.refund": "orders.refund",
    "stock of %s is negative": "stock of sku-7 is negative",
}
#: Celery's parent tells of the task in which a child was killed.
LOST = {"Task handler raised error: %r": "WorkerLostError"}


def kill_held(scene: Scene, master: int, *, merged: bool) -> None:
    """Kill a child that has failed and stands still; another one takes its place and fails."""
    (scene.directory / "witness-hold").touch()

    def held() -> list[int]:
        pids = [int(p.name.rpartition("-")[2]) for p in scene.directory.glob("witness-held-*")]
        return [pid for pid in pids if pid not in scene.killed]

    eventually(held)
    (victim,) = held()
    if merged:
        eventually(lambda: scene.merged().get(victim) == scene.by_process()[victim])
    known = scene.by_process().keys() | {master}
    scene.kill(victim)
    eventually(lambda: scene.by_process().keys() - known)


def test_celery_children_killed_under_load_are_one_voice(scene: Scene, producer: Producer) -> None:
    """Three of the killed have merged what they had logged, the fourth perhaps not."""
    scene.module("shop", CELERY)
    options = ("--concurrency", "4", "--loglevel", "INFO")
    with scene.running("celery", "--app", "shop", "worker", *options) as master:
        with pouring(producer.pour, threads=1):
            for _ in range(2):
                kill_held(scene, master.pid, merged=True)
            scene.sim.wait_for(1, timeout=EXPIRED_WITHIN)
            kill_held(scene, master.pid, merged=True)
            kill_held(scene, master.pid, merged=False)
        eventually(lambda: producer.done() == producer.sent)
        eventually(lambda: scene.by_process()[master.pid] == 4)  # it has noticed
    scene.check_store()
    scene.check_messages(TASKS | LOST, firsts=3, by_task="WorkerLostError")
