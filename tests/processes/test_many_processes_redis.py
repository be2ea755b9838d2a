"""Promise 18 on many hosts: a fleet on one Redis, some of it killed again and again."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.fleet import Worker, at_most
from tests.helpers.redis_server import RedisServer
from tests.helpers.support import Watched, counted, eventually
from wecom_logging.errors import TransportError
from wecom_logging.simulator.server import Simulator

#: Says now and then how many errors have been merged, until it is told to stop.
STORM = """
say(ready=1); listen()
stop = threading.Event()
threading.Thread(target=lambda: (listen(), stop.set()), daemon=True).start()
n = 0
while not stop.is_set():
    for kind in "abcde":
        log.error(f"kind {kind} failed"); n += 1
    if n % 50 == 0:
        merge()
        say(logged=n)
    else:
        time.sleep(0.01)  # paces the storm
merge(); say(logged=n)
"""


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    redis_server.client().flushall()
    return redis_server.url


def last_word(worker: Worker) -> int:
    """How many errors a killed worker is known to have had merged."""
    assert worker.process.stdout is not None
    numbers = re.findall(r'"logged": (\d+)', worker.process.stdout.read())
    return int(numbers[-1]) if numbers else 0


def test_a_fleet_that_is_killed_and_restarted_tells_what_it_merged(
    sim: Simulator, redis_url: str, tmp_path: Path
) -> None:
    rng = random.Random(5)
    made = 0
    heard: dict[Worker, int] = {}

    def start() -> Worker:
        nonlocal made
        made += 1
        return Worker(STORM, sim, made % 4, state=tmp_path / f"host-{made % 4}", store=redis_url)

    workers = [start() for _ in range(8)]
    for worker in workers:
        worker.hear()
        worker.go_on()
    known, dead = 0, []
    for _ in range(4):
        for _ in range(4):  # who came last is in the midst of the storm
            heard[workers[-1]] = workers[-1].hear()["logged"]
        victim = workers.pop(rng.randrange(len(workers)))
        victim.process.kill()
        dead.append(victim)
        workers.append(start())
        workers[-1].hear()
        workers[-1].go_on()
    for worker in workers:
        worker.go_on()
    for worker in workers:
        out, errors = worker.process.communicate(timeout=60)
        assert worker.process.returncode == 0, errors
        known += int(re.findall(r'"logged": (\d+)', out)[-1])
    for worker in dead:
        known += max(last_word(worker), heard.get(worker, 0))
        worker.end()
    last = Worker('log.error("the last one"); handler.flush(40)', sim, store=redis_url)
    last.finish()
    told = counted(sim.messages) - 1
    assert known <= told <= known + 55 * len(dead), "at most what the dead had not yet spoken of"
    for kind in "abcde":
        firsts = [m for m in sim.messages if re.search(rf"NEW.*kind {kind}", m.content)]
        assert len(firsts) <= 1, "one first message for each kind"
    assert len(sim.calls("gettoken")) == 1
    assert at_most(sim, 18, 60)
    assert "4 hosts" in "".join(m.content for m in sim.messages)


def test_hosts_without_a_common_file_share_a_redis(
    sim: Simulator, redis_url: str, tmp_path: Path
) -> None:
    body = """
    log.error("it failed")
    cycle = handler._worker.cycle  # until it is in the store, for whoever flushes first
    eventually(lambda: cycle._sequence and not cycle._unmerged)
    say(logged=1); listen(); handler.flush(20); account()
    """
    workers = [
        Worker(body, sim, n, state=tmp_path / str(n), store=redis_url, group_wait=3)
        for n in range(4)
    ]
    for worker in workers:
        worker.hear()
    for worker in workers:
        worker.go_on()
    accounts = [worker.hear() for worker in workers]
    for worker in workers:
        worker.finish()
    assert all(account["reported"] == 1 for account in accounts)
    assert counted(sim.messages) == 4
    assert len(sim.messages) <= 2
    assert len(sim.calls("gettoken")) == 1


def test_a_fleet_whose_redis_dies_goes_on_and_comes_back(
    sim: Simulator, redis_server: RedisServer, tmp_path: Path
) -> None:
    redis_server.client().flushall()
    body = """
    def it(): log.error("it failed")
    it(); handler.flush(20); say(told=1); listen()
    store = handler._worker.cycle.store
    eventually(lambda: it() or store._memory is not None)
    eventually(lambda: it() or store._tries > 1)  # it has looked for it in vain
    say(alone=1); listen()
    eventually(lambda: it() or store._memory is None)
    for _ in range(3): it(); handler.flush(20)
    account()
    """
    workers = [Worker(body, sim, n, store=redis_server.url) for n in range(4)]
    for worker in workers:
        worker.hear()
    redis_server.kill()
    for worker in workers:
        worker.go_on()
    for worker in workers:
        worker.hear()
    redis_server.start()
    for worker in workers:
        worker.go_on()
    accounts = [worker.hear() for worker in workers]
    errors = [worker.finish() for worker in workers]
    assert all(account["reported"] == account["seen"] for account in accounts), accounts
    assert counted(sim.messages) == sum(account["seen"] for account in accounts)
    assert all(text.count("cannot be used") == 1 for text in errors), errors
    eventually(lambda: at_most(sim, 30, 60))


def test_a_redis_that_is_gone_for_good_is_not_waited_for(
    redis_server: RedisServer, watch: Callable[..., Watched], capsys: pytest.CaptureFixture[str]
) -> None:
    """What was merged into it cannot be told by anybody; what is counted later can."""
    w = watch(store=redis_server.url, group_wait=0.0, group_interval=0.0)
    w.sender.fail(TransportError("no route to WeCom"), times=1)
    w.log.error("merged before")
    eventually(lambda: w.stats.failures)
    redis_server.kill()
    try:
        began = time.monotonic()
        assert not w.handler.flush(60)
        assert time.monotonic() - began < 30
        assert (
            w.worker.cycle.last_error
            == "their store, which has them, cannot be used any more; they may have been told"
        )
        w.log.error("counted later")
        eventually(lambda: w.flush(1) or w.stats.reported == 1)
        assert counted(w.sender.messages) == 1
        lost = w.handler._worker.cycle.give_up("no route to WeCom")
        assert lost == w.stats.lost == 1
        assert "the store keeps" not in capsys.readouterr().err
    finally:
        redis_server.start()
