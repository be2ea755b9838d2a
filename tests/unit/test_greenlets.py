"""Programs whose threads are greenlets: gevent and eventlet, patched before or after."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.frameworks.test_examples_frameworks import Site, gunicorn, running
from tests.helpers.support import Finished, counted, eventually
from wecom_logging.simulator.server import Simulator

CONFIGURE = "logging.config.dictConfig(LOGGING)\nhandler = logging.getLogger().handlers[0]\n"

PATCH = {
    "gevent": "from gevent import monkey; monkey.patch_all(); from gevent import sleep, spawn\n",
    "eventlet": "import eventlet; eventlet.monkey_patch(); from eventlet import sleep, spawn\n",
}


def needs(*modules: str) -> pytest.MarkDecorator:
    missing = [name for name in modules if find_spec(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"without {', '.join(missing)}")


EITHER = [pytest.param(name, marks=needs(name)) for name in PATCH]


def program(*parts: str) -> str:
    return "".join(textwrap.dedent(part) for part in parts)


@pytest.mark.parametrize("when", ["before the handler", "after the handler", "after an error"])
@pytest.mark.parametrize("library", EITHER)
def test_greenlets_go_on_and_their_errors_are_told(
    library: str, when: str, sim: Simulator, run_program: Callable[..., Finished]
) -> None:
    earlier = 'log.error("earlier"); assert handler.flush(20)\n'
    start = {
        "before the handler": PATCH[library] + CONFIGURE + earlier,
        "after the handler": CONFIGURE + PATCH[library] + earlier,
        "after an error": CONFIGURE + earlier + PATCH[library],
    }[when]
    body = """
        ticks = []
        def tick():
            while True:
                ticks.append(time.monotonic()); sleep(0.01)  # the hub's pace
        spawn(tick); sleep(0)
        def fail(i):
            sleep(0.001 * i); log.error("order is not paid")  # in turn with the ticks
        for i in range(20): spawn(fail, i)
        eventually(lambda: handler.stats().seen == 21)
        assert handler.flush(20), handler.stats()
        before = len(ticks)
        eventually(lambda: len(ticks) > before)  # between the two messages
        log.critical("disk full")
        assert handler.flush(20), handler.stats()
        ticks.append(time.monotonic())
        pauses = [b - a for a, b in zip(ticks, ticks[1:])]
        print(handler.stats().reported, sorted(pauses)[-2])  # one may be a busy machine's
        """
    sim.faults.add("slow", "webhook/send", delay=1.0)
    done = run_program(program(start, body), sim, group_wait=0.1, group_interval=0.1)
    assert done.returncode == 0, done.err
    reported, longest = done.out.split()
    assert int(reported) == counted(sim.messages) == 22
    assert len(sim.messages) >= 3, "two of them while there are ticks"
    assert float(longest) < 0.8, "the hub stood still while a message was on its way"


@needs("gevent")
def test_a_first_error_on_a_native_thread_of_a_pool(
    sim: Simulator, run_program: Callable[..., Finished]
) -> None:
    body = """
        import gevent
        def blocking(): log.error("in the thread pool")
        gevent.get_hub().threadpool.apply(blocking)
        for i in range(5):
            log.critical("from a greenlet %d", i)
            assert handler.flush(20), handler.stats()
        """
    done = run_program(program(PATCH["gevent"], CONFIGURE, body), sim)
    assert done.returncode == 0, done.err
    assert counted(sim.messages) == 6


@pytest.mark.parametrize("library", EITHER)
def test_an_exit_waits_for_what_greenlets_have_logged(
    library: str, sim: Simulator, run_program: Callable[..., Finished]
) -> None:
    body = 'spawn(log.error, "in a greenlet"); sleep(0); log.error("in main")'
    done = run_program(program(CONFIGURE, PATCH[library], body), sim)
    assert counted(sim.messages) == 2, done.err
    assert "not delivered" not in done.err


@pytest.mark.parametrize("library", EITHER)
def test_a_server_in_the_same_program_can_be_told(
    library: str, sim: Simulator, run_program: Callable[..., Finished]
) -> None:
    """Who waits for a flush must not keep the greenlet from answering that it waits for."""
    serve = """
        import socket
        listener = socket.create_server(("127.0.0.1", 0))
        def answer(connection):
            data = b""
            while b"}" not in data: data += connection.recv(65536)
            body = b'{"errcode": 0, "errmsg": "ok"}'
            head = b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body)
            connection.sendall(head + body)
        def serve():
            while True: spawn(answer, listener.accept()[0])
        spawn(serve)
        os.environ["WECOM_API_BASE"] = "http://127.0.0.1:%d" % listener.getsockname()[1]
        """
    body = 'log.error("to ourselves"); print(handler.flush(10))'
    done = run_program(program(PATCH[library], serve, CONFIGURE, body), sim, store="memory")
    assert done.out.split() == ["True"], done.err


@pytest.mark.parametrize("library", EITHER)
def test_what_a_delivery_logs_is_no_alert_and_what_greenlets_log_meanwhile_is(
    library: str, sim: Simulator, run_program: Callable[..., Finished]
) -> None:
    # Two threads that make their first hubs at once can wait for each other for good while
    # gevent imports its resolver, from Python 3.13 on (one in some thousand programs).
    body = """
        sending, logged = [], []
        class Sender:
            destination = "nowhere"
            from wecom_logging import Limits
            limits = Limits({"markdown": 4096, "text": 2048})
            def secrets(self): return ()
            def send(self, message):
                log.error("from the delivery")
                sending.append(message)
                eventually(lambda: logged)
            def upload(self, name, data): return name
        from wecom_logging import WeComHandler
        handler = WeComHandler(sender=Sender(), store="memory", group_wait=0)
        log.addHandler(handler)
        """
    then = """
        sleep(0)  # this thread's hub, before the sender's `time.sleep` makes another one
        log.critical("first")
        eventually(lambda: sending)
        log.error("from a greenlet meanwhile"); logged.append(True)
        assert handler.flush(20)
        print(handler.stats().seen)
        """
    done = run_program(program(body, PATCH[library], then), sim)
    assert done.out.split() == ["2"], done.err


SERVED = """
import logging, logging.config, os
logging.config.dictConfig({"version": 1, "disable_existing_loggers": False,
    "handlers": {"wecom": {"class": "wecom_logging.WeComHandler"}},
    "root": {"handlers": ["wecom"]}})
EARLIER
def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path != "/alive":
        logging.getLogger("shop").error("order is not paid")
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""


@needs("gevent", "gunicorn")
@pytest.mark.parametrize("earlier", ["", 'logging.error("while loading")'], ids=["", "earlier"])
def test_gunicorn_with_gevent_and_preload(earlier: str, sim: Simulator, tmp_path: Path) -> None:
    (tmp_path / "served.py").write_text(SERVED.replace("EARLIER", earlier))
    environ = {**os.environ, **sim.env("robot"), "PYTHONPATH": str(tmp_path)}
    site = Site()
    with running(environ, *gunicorn(site, "served:app", "-k", "gevent")):
        eventually(site.is_up)
        for _ in range(10):
            assert site.ask("/pay") == 200
        sim.wait_for(1)
        assert site.is_up()
    expected = 11 if earlier else 10
    sim.wait_until(lambda: counted(sim.messages) == expected, 20, "all of them")


@needs("celery")
@pytest.mark.parametrize("pool", EITHER)
def test_celery_with_greenlets(pool: str, sim: Simulator, tmp_path: Path) -> None:
    broker = tmp_path / "broker"
    for name in ("messages", "control"):
        (broker / name).mkdir(parents=True)
    (tmp_path / "tasks.py").write_text(
        textwrap.dedent(
            f"""
            import celery, logging
            app = celery.Celery("tasks", broker="filesystem://")
            app.conf.broker_transport_options = {{
                "data_folder_in": {str(broker / "messages")!r},
                "data_folder_out": {str(broker / "messages")!r},
                "control_folder": {str(broker / "control")!r},
            }}
            app.conf.worker_hijack_root_logger = False
            from wecom_logging import WeComHandler
            logging.getLogger().addHandler(WeComHandler())
            @app.task
            def pay(order):
                raise TimeoutError("bank did not answer")
            """
        )
    )
    environ = {**os.environ, **sim.env("robot"), "PYTHONPATH": str(tmp_path)}
    send = "import tasks; [tasks.pay.delay(i) for i in range(5)]"
    subprocess.run([sys.executable, "-c", send], env=environ, cwd=tmp_path, check=True, timeout=60)
    worker = ("celery", "-A", "tasks", "worker", "--pool", pool, "--concurrency", "4")
    options = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    with running(environ, *worker, *options):
        sim.wait_until(lambda: "TimeoutError" in str([m.content for m in sim.messages]), 30, "it")
    sim.wait_until(lambda: counted(sim.messages) == 5, 20, "all of them")
