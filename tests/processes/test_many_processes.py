"""Promise 18 on one host: many processes, one voice, through the automatic SQLite file."""

from __future__ import annotations

import os
import re
import signal
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.fleet import Worker, at_most, files_below
from tests.helpers.support import PATIENCE, counted, eventually, headlines
from wecom_logging.simulator.faults import Fault
from wecom_logging.simulator.server import Simulator

Start = Callable[..., Worker]


@pytest.fixture
def start(sim: Simulator, tmp_path: Path) -> Iterator[Start]:
    """Start a worker that shares the automatic store of this test."""
    made: list[Worker] = []

    def make(body: str, number: int = 0, **options: Any) -> Worker:
        made.append(Worker(body, sim, number, state=tmp_path, **options))
        return made[-1]

    yield make
    for worker in made:
        worker.end()


STORM = """
    say(ready=1); listen()
    def fail(kind):
        for n in range(500):
            log.error(f"kind {kind} failed")
            if n % 50 == 0: time.sleep(0.02)  # a storm of seconds, not all at once
    for kind in "abcde":
        threads = [threading.Thread(target=fail, args=(kind,)) for _ in range(4)]
        [t.start() for t in threads]; [t.join() for t in threads]
    listen()
    assert handler.flush(20), handler.stats()
    account()
"""


def test_eight_processes_are_one_voice(sim: Simulator, start: Start) -> None:
    workers = [start(STORM, n) for n in range(8)]
    for worker in workers:
        worker.hear()
    for worker in workers:
        worker.go_on()  # the storm
    for worker in workers:
        worker.go_on()  # the end
    accounts = [worker.hear() for worker in workers]
    errors = "".join(worker.finish() for worker in workers)
    assert errors == ""
    assert all(a["seen"] == a["reported"] == 500 * 4 * 5 for a in accounts), accounts
    assert counted(sim.messages) == 8 * 4 * 500 * 5
    for kind in "abcde":
        firsts = [m for m in sim.messages if re.search(rf"NEW.*kind {kind}", m.content)]
        assert len(firsts) <= 1, "one first message for each kind"
    assert len(sim.calls("gettoken")) == 1
    assert at_most(sim, 18, 60)
    assert "8 hosts" in "".join(m.content for m in sim.messages)


def test_what_a_killed_process_had_merged_is_told_by_the_next_start(
    sim: Simulator, start: Start
) -> None:
    # The first message takes long: the process is killed while it waits for company.
    worker = start(
        """
        for n in range(1000): log.error("lost order")
        merge(); say(logged=1); listen()
        """,
        group_wait=30,
    )
    worker.hear()
    worker.kill()
    assert sim.messages == []
    after = start('log.error("another error")')
    assert after.finish() == ""
    assert counted(sim.messages) == 1001


def test_a_process_killed_while_it_sends_is_inherited_and_told_once(
    sim: Simulator, start: Start
) -> None:
    sim.faults.add(Fault("slow", call="message/send", times=1, delay=3))
    first = start(
        """
        from wecom_logging._stores import claiming
        claiming.LEASE = 2.0
        log.error("once"); say(logged=1); listen()
        """
    )
    first.hear()
    eventually(lambda: sim.calls("message/send"))
    first.kill()
    waiting = start(
        """
        log.critical("twice"); handler.flush(50); account(); listen()
        """,
        close_timeout=50,
    )
    assert waiting.hear()["reported"] == 1
    eventually(lambda: len(sim.calls("message/send")) == 3)
    waiting.go_on()
    waiting.finish()
    assert counted(sim.messages) == 2, "the same bytes twice: the duplicate check knew them"


HOLDER = """
    log.error("first"); handler.flush(20); say(ready=1); listen()
    def step(ledger):
        ledger.state.bodies["?"] = "a"  # in the middle of writing
        say(held=1); os.kill(os.getpid(), signal.{})
    handler._worker.cycle.store._primary._step(step)
    log.error("second"); assert handler.flush(20), handler.stats()
    account(); listen()
"""

NEIGHBOUR = """
    from wecom_logging._stores import failover
    failover.BUSY_FOR = 1000.0  # whoever waited for it would not be told
    log.error("third"); handler.flush(20); say(ready=1); listen()
    log.error("fourth"); log.critical("urgent"); listen()
    assert handler.flush(20), handler.stats()
    account(); listen()
"""


def test_a_process_that_is_stopped_while_it_writes_delays_no_critical(
    sim: Simulator, start: Start
) -> None:
    holder, neighbour = start(HOLDER.format("SIGSTOP")), start(NEIGHBOUR, 1)
    for worker in (holder, neighbour):
        worker.hear()
    holder.go_on()
    holder.hear()
    neighbour.go_on()
    eventually(lambda: any("urgent" in m.content for m in sim.messages))
    assert re.search(r"#\d+\?", sim.messages[-1].content), "its ids are for the time being"
    holder.process.send_signal(signal.SIGCONT)
    neighbour.go_on()
    accounts = [holder.hear(), neighbour.hear()]
    assert [a["seen"] for a in accounts] == [a["reported"] for a in accounts] == [2, 3], accounts
    assert counted(sim.messages) == 5
    for worker in (holder, neighbour):
        worker.go_on()
        worker.finish()


def test_a_process_that_is_killed_while_it_writes_takes_its_lock_with_it(
    sim: Simulator, start: Start
) -> None:
    holder, neighbour = start(HOLDER.format("SIGKILL")), start(NEIGHBOUR, 1)
    for worker in (holder, neighbour):
        worker.hear()
    holder.go_on()
    holder.hear()
    holder.process.wait()
    neighbour.go_on()
    eventually(lambda: any("urgent" in m.content for m in sim.messages))
    assert not re.search(r"#\d+\?", sim.messages[-1].content), "told through the store"
    neighbour.go_on()
    assert neighbour.hear()["reported"] == 3
    assert counted(sim.messages) == 4
    neighbour.go_on()
    assert neighbour.finish() == ""


def test_a_host_that_went_down_in_an_outage_tells_one_overview(
    sim: Simulator, start: Start
) -> None:
    body = """
        for _ in range(10): log.error(f"kind {NUMBER}")
        eventually(lambda: handler.flush(0.1) or handler.stats().failures)
        merge(); say(failed=1); listen()
    """
    with sim.down():
        workers = [start(body, n, kind="robot") for n in range(3)]
        for worker in workers:
            worker.hear()
        for worker in workers:
            worker.kill()
    after = start('log.error("up again")', kind="robot")
    after.finish()
    assert len(sim.messages) == 1, headlines(sim.messages)
    assert counted(sim.messages) == 31


def test_sixteen_processes_need_one_token(sim: Simulator, start: Start) -> None:
    body = 'say(ready=1); listen(); log.error("%d", NUMBER); handler.flush(30)'
    workers = [start(body, n, rate_limit=[[30, 60], [900, 3600]]) for n in range(16)]
    for worker in workers:
        worker.hear()
    for worker in workers:
        worker.go_on()
    for worker in workers:
        assert worker.finish() == ""
    assert counted(sim.messages) == 16
    assert len(sim.calls("gettoken")) == 1


def test_a_token_that_dies_early_is_fetched_once_more(sim: Simulator, start: Start) -> None:
    body = """
        log.error("before %d" % NUMBER); handler.flush(30); say(told=1)
        listen(); log.error("after %d" % NUMBER); handler.flush(30)
    """
    workers = [start(body, n, rate_limit=[[99, 60]]) for n in range(4)]
    for worker in workers:
        worker.hear()
    sim.revoke_tokens()
    for worker in workers:
        worker.go_on()
    for worker in workers:
        worker.finish()
    assert counted(sim.messages) == 8
    assert len(sim.calls("gettoken")) == 2


def test_apps_and_environments_on_one_robot_never_mix(sim: Simulator, start: Start) -> None:
    workers = []
    for app, environment, count in (("shop", "prod", 1), ("shop", "staging", 2), ("till", "", 3)):
        body = f'say(r=1); listen(); [log.error("it failed") for _ in range({count})]'
        workers.append(start(body, kind="robot", app=app, environment=environment))
    for worker in workers:
        worker.hear()
        worker.go_on()
    for worker in workers:
        worker.finish()
    lines = sorted(headlines(sim.messages))
    assert [re.sub(r"^\W+", "", line).split(" · ")[:2] for line in lines] == [
        ["shop prod", "1 error"], ["shop staging", "2 errors"], ["till", "3 errors"],
    ]  # fmt: skip


def test_a_cron_script_is_told_at_its_exit_and_then_once_for_each_pause(
    sim: Simulator, start: Start
) -> None:
    for _ in range(3):
        began = time.monotonic()
        start('log.error("nightly job failed")', kind="robot", close_timeout=30).finish()
        assert counted(sim.messages) == 1
        assert time.monotonic() - began < PATIENCE, "it waits for its turn"
    start('log.error("the weekly job as well")', kind="robot", close_timeout=30).finish()
    assert counted(sim.messages) == 4


IT = """
def it(): log.error("it failed")
"""


def test_a_recycled_worker_takes_nothing_with_it(sim: Simulator, start: Start) -> None:
    """What is no news is left to a sibling that looks, and told by nobody else meanwhile."""
    options = {"kind": "robot", "repeat_intervals": [10, 10]}
    sibling = start(
        IT + "it(); handler.flush(9); it(); say(r=1); listen(); account()",
        **options,
    )
    sibling.hear()
    recycled = start(IT + "[it() for _ in range(5)]", **options)
    assert recycled.finish() == ""
    assert counted(sim.messages) <= 2
    eventually(lambda: counted(sim.messages) == 7, 2 * PATIENCE)
    sibling.go_on()
    sibling_account = sibling.hear()
    assert sibling_account["reported"] + sibling_account["pending"] == 2
    sibling.finish()


def test_what_the_last_has_left_is_told_by_who_comes_next(sim: Simulator, start: Start) -> None:
    """One sees that the other's error is pending; the other leaves it; then it leaves too."""
    body = """
    while word := listen():
        if word == "fail": log.error("it failed"); merge()
        if word == "flush": handler.flush(20)
        if word == "look":
            handler._worker.wake()
            worker = handler._worker
            eventually(lambda: not worker._inbox.qsize() and not worker.busy)
        say(done=word)
    """
    last, first = start(body, kind="robot"), start(body, kind="robot")
    for worker, word in ((last, "fail"), (last, "flush"), (first, "fail"), (last, "look")):
        worker.go_on(word)
        worker.hear()
    assert counted(sim.messages) == 1
    for worker in (first, last):
        worker.go_on("")
        assert worker.finish() == ""
    assert counted(sim.messages) == 1, "its pause has not passed"
    start('log.error("another kind")', kind="robot").finish()
    assert counted(sim.messages) == 3


def test_no_planted_password_is_in_any_file(sim: Simulator, start: Start, tmp_path: Path) -> None:
    worker = start(
        """
        try:
            raise ValueError("login with password=hunter2-planted failed")
        except ValueError:
            log.exception("cannot log in", extra={"password": "hunter2-planted"})
        handler.flush(9)
        log.error("again with Authorization: Bearer hunter2-planted-token-0123456789")
        merge(); say(logged=1); listen()
        """,
        group_wait=30,
    )
    worker.hear()
    found = files_below(tmp_path)
    assert any(path.name.endswith(".db") for path in found)
    secret = sim.env("app")["WECOM_CORPSECRET"].encode()
    for path in found:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        content = path.read_bytes()
        assert b"hunter2-planted" not in content
        assert secret not in content
    worker.go_on()
    worker.finish()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_children_leave_the_parents_connection_alone(sim: Simulator, start: Start) -> None:
    worker = start(
        """
        stop = threading.Event()
        def fail():
            while not stop.is_set():
                log.error("in the parent"); time.sleep(0.001)  # the storm
        thread = threading.Thread(target=fail, daemon=True); thread.start()
        eventually(lambda: handler.flush(0.1) or handler.stats().reported)
        children = []
        for n in range(8):
            pid = os.fork()
            if not pid:
                stop.set()
                log.error("in a child")
                sys.exit(0 if handler.flush(20) else 1)  # with all finalisers
            children.append(pid)
            before = handler.stats().seen
            eventually(lambda: handler.stats().seen > before + 20)  # in the storm
        codes = [os.waitpid(pid, 0)[1] for pid in children]
        stop.set(); thread.join()
        assert handler.flush(20)
        import glob, sqlite3
        (path,) = glob.glob(os.environ["XDG_STATE_HOME"] + "/wecom-logging/*.db")
        (sound,) = sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone()
        say(codes=codes, sound=sound, seen=handler.stats().seen)
        """,
        kind="robot",
        rate_limit=[[999, 60]],
    )
    said = worker.hear()
    worker.finish()
    assert said["codes"] == [0] * 8
    assert said["sound"] == "ok"
    assert counted(sim.messages) == said["seen"] + 8
