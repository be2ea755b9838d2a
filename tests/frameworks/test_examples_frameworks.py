"""The examples of frameworks, started for real; what arrives is looked at where it arrives."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.helpers.ports import free_port
from tests.helpers.support import counted, eventually
from wecom_logging.simulator.inbox import Message
from wecom_logging.simulator.server import Simulator

NEEDED = ("celery", "django", "fastapi", "gunicorn", "loguru", "uvicorn")
pytestmark = pytest.mark.skipif(
    not all(map(find_spec, NEEDED)), reason=f"not all of {', '.join(NEEDED)} are there"
)

EXAMPLES = Path(__file__).parents[2] / "examples"
PASSWORD = "correct-horse-battery-staple"
REQUEST_ID = "req-4f2a91"


#: Seconds that an exit may take to deliver, and a server for anything, on a slow machine:
#: by default they are few, after which it is right that what is left is not told.
CLOSE_TIMEOUT = 25
SERVER_PATIENCE = 60


@pytest.fixture
def environ(sim: Simulator, tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        **sim.env("robot"),
        "WECOM_CLOSE_TIMEOUT": str(CLOSE_TIMEOUT),
        "BROKER_DIR": str(tmp_path / "broker"),
        "PASSWORD": PASSWORD,
        "PYTHONPATH": str(EXAMPLES),
    }


@contextmanager
def running(environ: Mapping[str, str], *command: str) -> Iterator[subprocess.Popen[str]]:
    """A program in its own process; told to stop, and waited for, at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        env=dict(environ),
        cwd=EXAMPLES,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            out, _ = process.communicate(timeout=SERVER_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            out, _ = process.communicate()
        print(out)


class Site:
    """An HTTP server that is starting or running."""

    def __init__(self) -> None:
        self.port = free_port()

    def ask(self, path: str, body: bytes | None = None, kind: str = "") -> int:
        """The status of the answer; 0 without one."""
        headers = {"X-Request-ID": REQUEST_ID, "Cookie": f"session={PASSWORD}"}
        if kind:
            headers["Content-Type"] = kind
        url = f"http://127.0.0.1:{self.port}{path}"
        try:
            request = urllib.request.Request(url, body, headers)
            # One that is given up and asked again would be told twice.
            with urllib.request.urlopen(request, timeout=SERVER_PATIENCE) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        except OSError:
            return 0

    def is_up(self) -> bool:
        return self.ask("/alive") == 200

    def pay_with_form(self) -> int:
        form = "application/x-www-form-urlencoded"
        return self.ask(f"/pay/8841?token={PASSWORD}", f"password={PASSWORD}".encode(), form)

    def pay_with_json(self) -> int:
        body = json.dumps({"password": PASSWORD}).encode()
        return self.ask(f"/pay/8841?token={PASSWORD}", body, "application/json")


def gunicorn(site: Site, app: str, *options: str) -> tuple[str, ...]:
    address = f"127.0.0.1:{site.port}"
    # After 30 s it kills its workers, of which one that has just been started may not have
    # heard that it is to end.
    return ("gunicorn", "--preload", "--workers", "2", "--bind", address, *options, app)


def told(sim: Simulator, words: str) -> Message:
    """The message that says `words`, once it has come."""

    def found() -> list[Message]:
        return [message for message in sim.messages if words in message.content]

    sim.wait_until(found, SERVER_PATIENCE, words)
    return found()[0]


def requests_of(sim: Simulator) -> bytes:
    files = [message.file.data for message in sim.messages if message.file]
    return b"\n".join([*(message.raw for message in sim.messages), *files])


def check_payment(sim: Simulator, example: str) -> None:
    # A broker that is a directory may hand out the tasks in another order.
    content = told(sim, "bank did not answer for order 8841").content
    assert "TimeoutError" in content
    assert f"{example}.py" in content
    assert "charge" in content
    assert PASSWORD.encode() not in requests_of(sim)


SITES: dict[str, tuple[Callable[[Site], int], str]] = {
    "django_app": (Site.pay_with_form, "route=pay"),
    "flask_app": (Site.pay_with_form, "route=/pay/‹int:order›"),
}


@pytest.mark.parametrize("example", SITES)
def test_a_site_under_gunicorn(example: str, sim: Simulator, environ: dict[str, str]) -> None:
    site = Site()
    pay, route = SITES[example]
    app = f"{example}:application" if example == "django_app" else f"{example}:app"
    with running(environ, *gunicorn(site, app)):
        eventually(site.is_up, SERVER_PATIENCE)
        assert pay(site) == 500
        content = told(sim, "TimeoutError").content
        assert "POST /pay/8841" in content
        assert f"request_id={REQUEST_ID}" in content
        assert route in content
        check_payment(sim, example)
        assert site.ask("/stock") == 200
    told(sim, "stock of sku-7 is negative")


@pytest.mark.parametrize("example", ["django_app:application", "flask_app:app"])
def test_workers_that_end_lose_nothing(
    example: str, sim: Simulator, environ: dict[str, str]
) -> None:
    """`max_requests`, a reload in the middle, and a graceful stop.

    With pauses so short that nothing has to wait for whoever comes next.
    """
    site = Site()
    environ["WECOM_REPEAT_INTERVALS"] = "0.01"
    asked = 0

    def fails() -> bool:
        nonlocal asked
        asked += 1
        return site.pay_with_form() == 500

    with running(environ, *gunicorn(site, example, "--max-requests", "4")) as master:
        eventually(site.is_up, SERVER_PATIENCE)
        for i in range(12):
            eventually(fails)
            if i == 6:
                master.send_signal(signal.SIGHUP)
    # Who got no answer met a worker that was about to end, before its error or after it.
    assert 12 <= counted(sim.messages) <= asked


def test_fastapi_under_uvicorn(sim: Simulator, environ: dict[str, str]) -> None:
    site = Site()
    command = ("uvicorn", "--port", str(site.port), "fastapi_app:app")
    with running(environ, *command):
        eventually(site.is_up, SERVER_PATIENCE)
        assert site.pay_with_json() == 500
        content = told(sim, "TimeoutError").content
        assert "POST /pay/8841" in content
        assert f"request_id={REQUEST_ID}" in content
        assert "route=/pay/{order}" in content
        check_payment(sim, "fastapi_app")
        assert site.ask("/stock") == 200
    content = told(sim, "stock of sku-7 is negative").content
    assert "GET /stock" in content
    assert counted(sim.messages) == 2


CALLS = """
import celery_app
celery_app.pay.delay(8841, password={password!r})
celery_app.refund.delay(8842, {password!r})
celery_app.stock.delay()
"""


def test_a_celery_worker(sim: Simulator, environ: dict[str, str]) -> None:
    """Put back after Celery's own set-up; a group for each task; children that end lose
    nothing."""
    options = ("--concurrency", "1", "--max-tasks-per-child", "1", "--loglevel", "INFO")
    with running(environ, "celery", "--app", "celery_app", "worker", *options):
        call = CALLS.format(password=PASSWORD)
        subprocess.run([sys.executable, "-c", call], env=environ, cwd=EXAMPLES, check=True)
        told(sim, "orders.pay")
        told(sim, "orders.refund")
        told(sim, "stock of sku-7 is negative")
    check_payment(sim, "celery_app")
    assert counted(sim.messages) == 3
    assert len({message.content.rpartition("#")[2][:4] for message in sim.messages}) == 3


@pytest.mark.parametrize("example", ["structlog_app", "loguru_app"])
def test_a_script(example: str, sim: Simulator, environ: dict[str, str]) -> None:
    with running(environ, example) as process:
        process.wait(SERVER_PATIENCE)
    (message,) = sim.messages
    assert "payment failed" in message.content
    assert "Traceback" not in message.content
    assert "request_id=req-ab12" in message.content
    check_payment(sim, example)
