"""Promise 17: nothing is imported, started or woken that is not needed."""

from __future__ import annotations

import gc
import logging
import subprocess
import sys
import textwrap
import threading
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from tests.helpers.redis_server import RedisServer
from tests.helpers.scene import Scene, SceneSender
from tests.helpers.support import Finished, Watched, eventually
from wecom_logging import WeComHandler
from wecom_logging.simulator.server import Simulator

Watch = Callable[..., Watched]

HEAVY = ("requests", "structlog", "urllib3", "sqlite3", "flask", "redis", "ssl", "asyncio")


def loaded_by(body: str, **environ: str) -> set[str]:
    """Of the heavy modules: those that a new interpreter has loaded after `body`."""
    program = f"{textwrap.dedent(body)}\nimport sys; print(*({HEAVY!r} & sys.modules.keys()))"
    program = program.replace(repr(HEAVY), repr(set(HEAVY)))
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "", **environ},
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "body",
    [
        "import wecom_logging",
        "from wecom_logging import WeComHandler",
        "from wecom_logging import ConfigurationError, SetupError, WeComHandler, Stats",
        "from wecom_logging import WeComHandler; WeComHandler()",
        "from wecom_logging import WeComHandler; WeComHandler(enabled=False, webhook_key='k')",
        """
        import logging.config
        handlers = {"wecom": {"class": "wecom_logging.WeComHandler"}}
        logging.config.dictConfig({"version": 1, "handlers": handlers})
        """,
    ],
)
def test_nothing_heavy_is_loaded_before_it_is_needed(body: str) -> None:
    assert loaded_by(body) == set()


def test_a_handler_that_is_on_loads_what_it_needs() -> None:
    body = "from wecom_logging import WeComHandler; WeComHandler(webhook_key='k', store='memory')"
    assert {"requests", "structlog"} <= loaded_by(body)
    assert not {"flask", "redis"} & loaded_by(body)


@pytest.mark.parametrize("kind", ["robot", "app"])
def test_a_delivery_imports_nothing(
    kind: str, sim: Simulator, run_program: Callable[..., Finished]
) -> None:
    body = """
        logging.config.dictConfig(LOGGING)
        handler = logging.getLogger().handlers[0]
        before = set(sys.modules)
        def fails(): return {}["x"]
        try:
            fails()
        except KeyError:
            log.exception("payment %d failed é中👍", 1, extra={"password": "x", "when": 1.5})
        log.critical("disk full")
        log.error("Traceback (most recent call last):\\n  File \\"a.py\\", line 1, in f\\nE: x")
        assert handler.flush(20), handler.stats()
        log.error('{"event": "from JSON"}', stack_info=True)
        assert handler.flush(20), handler.stats()
        print(*sorted(set(sys.modules) - before))
        """
    done = run_program(textwrap.dedent(body), sim, kind=kind)
    assert done.returncode == 0, done.err
    assert done.out.split() == []


IMPORTED_BY_A_DELIVERY = """
logging.config.dictConfig(LOGGING)
handler = logging.getLogger().handlers[0]
before = set(sys.modules)
log.critical("disk full")
assert handler.flush(20), handler.stats()
print(*sorted(set(sys.modules) - before))
"""


def test_nor_does_one_with_every_part_that_an_option_brings(
    sim: Simulator, run_program: Callable[..., Finished]
) -> None:
    options: dict[str, Any] = {
        "mention": {"*": "@all"},
        "quiet_hours": "Sat,Sun",
        "fallback": {"webhook_key": "other"},
        "language": "zh",
        "breadcrumbs": 3,
        "uncaught": True,
    }
    done = run_program(IMPORTED_BY_A_DELIVERY, sim, kind="robot", **options)
    assert done.returncode == 0, done.err
    assert done.out.split() == []


def test_what_no_option_asks_for_is_not_loaded() -> None:
    parts = (
        "_worker.fallback",
        "_worker.mentions",
        "_worker.tokens",
        "_senders.access_token",
        "_stores.failover",
        "_model.quiet_hours",
        "contrib.asgi",
    )
    code = """
        import sys
        from wecom_logging import WeComHandler
        WeComHandler(webhook_key="k", store="memory")
        print(*(part for part in sys.argv[1:] if f"wecom_logging.{part}" in sys.modules))
        """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *parts],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == []


@pytest.mark.parametrize("away", [False, True])
def test_nor_does_the_client_of_redis(
    away: bool,
    redis_server: RedisServer,
    sim: Simulator,
    run_program: Callable[..., Finished],
) -> None:
    url = "redis://127.0.0.1:1/0" if away else redis_server.url
    done = run_program(IMPORTED_BY_A_DELIVERY, sim, store=url)
    assert done.returncode == 0, done.err
    assert done.out.split() == []


def test_an_unsuccessful_delivery_imports_nothing_either(
    sim: Simulator, run_program: Callable[..., Finished]
) -> None:
    body = """
        os.environ["WECOM_API_BASE"] = "http://127.0.0.1:1"
        logging.config.dictConfig(LOGGING)
        handler = logging.getLogger().handlers[0]
        before = set(sys.modules)
        log.error("nobody is there")
        eventually(lambda: handler.flush(0.1) or handler.stats().failures)
        print(*sorted(set(sys.modules) - before))
        """
    done = run_program(textwrap.dedent(body), sim, close_timeout=0.1)
    assert done.returncode == 0, done.err
    assert done.out.split() == [], done.err
    assert "1 error was not delivered" in done.err


def test_no_thread_before_the_first_error(watch: Watch) -> None:
    before = len(sys._current_frames())
    watched = [watch() for _ in range(20)]
    for w in watched:
        w.log.warning("not told")
    assert len(sys._current_frames()) == before


def test_the_constructor_touches_no_network_no_file_no_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("the constructor has done something")

    for name in (
        "socket.socket.connect",
        "socket.getaddrinfo",
        "wecom_logging._runtime.native.start_new_thread",
        "os.mkdir",
    ):
        monkeypatch.setattr(name, refuse)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    robot = WeComHandler(webhook_key="k")
    app = WeComHandler(corpid="c", corpsecret="s", agentid=1, touser="u")
    assert robot.enabled
    assert app.enabled


def test_when_all_is_told_and_over_nobody_wakes_up(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    w = watch(group_wait=0.0, group_interval=0.0, quiet_after=0.2, repeat_intervals=[0.1])
    worker = w.handler._worker
    waits: list[float | None] = []
    listen = worker._listen

    def noting(timeout: float | None) -> None:
        waits.append(timeout)
        listen(timeout)

    monkeypatch.setattr(worker, "_listen", noting)
    w.log.error("failed")
    eventually(lambda: w.stats.reported == 1)
    w.log.error("failed")
    eventually(lambda: "OVER" in w.sender.messages[-1].content)
    eventually(lambda: waits[-1] is None)
    woken = len(waits)
    assert w.flush(0)
    assert len(waits) == woken
    w.log.error("and again")
    eventually(lambda: w.stats.reported == 3)
    assert len(waits) > woken, "asleep, not gone"


def test_between_two_messages_there_is_one_timer(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    w = watch(group_wait=0.0, repeat_intervals=[3600.0])
    worker = w.handler._worker
    waits: list[float | None] = []
    listen = worker._listen

    def note(timeout: float | None) -> object:
        waits.append(timeout)
        return listen(timeout)

    monkeypatch.setattr(worker, "_listen", note)
    w.log.error("failed")
    eventually(lambda: w.stats.reported == 1)
    w.log.error("failed")
    eventually(lambda: waits and waits[-1] is not None and waits[-1] > 3500)
    for _ in range(1000):
        w.log.error("failed")
    eventually(lambda: w.worker._inbox.empty())
    assert len(waits) < 20, "a thousand errors are not a thousand wake-ups"


def test_memory_is_bounded_in_groups(watch: Watch) -> None:
    w = watch(max_groups=50, rate_limit=[[1000, 60]])
    for i in range(5000):
        w.log.error("failed", extra={"fingerprint": i, "ballast": "x" * 10_000})
    assert w.flush()
    assert len(w.handler._tallies.known) <= 52
    assert w.stats.reported == 5000


@pytest.mark.parametrize("options", [{}, {"release": "2.3.1"}, {"fallback": logging.NullHandler()}])
def test_an_error_takes_so_many_steps_in_the_store_and_no_more(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it is silenced, who has it, its releases: all in steps that are taken anyway."""
    sender = SceneSender()
    scene = Scene(sender, **options)
    steps: list[str] = []

    class Counted:
        def __getattr__(self, name: str) -> Any:
            found = getattr(scene.store, name)
            if not callable(found):
                return found

            def step(*args: Any, **more: Any) -> Any:
                steps.append(name)
                return found(*args, **more)

            return step

    monkeypatch.setattr(scene.cycle, "_open_store", Counted)
    scene.log("Timeout")
    scene.run(5.0)
    assert len(sender.told) == 1
    merged = looked = "claim"  # the scene looks once more after it has logged
    assert steps == [merged, looked, "claim", "freeze", "settle", "claim"]


# -- what stays ------------------------------------------------------------------------


def test_little_is_kept_of_what_was_told(watch: Watch) -> None:
    """Names, counts and times of a group, and not its words."""
    w, kinds, most = watch(attach=False), 300, 6_000

    def log(first: int, last: int) -> None:
        for n in range(first, last):
            call = compile("log.error('job %s failed', words)", f"/srv/job_{n}.py", "exec")
            exec(call, {"log": w.log, "words": f"{n} " + "x" * 10_000})

    log(0, 50)
    assert w.flush()
    tracemalloc.start()
    try:
        log(50, 50 + kinds)
        assert w.flush()
        del w.sender.messages[:]
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < kinds * most
    finally:
        tracemalloc.stop()
