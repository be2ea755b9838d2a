"""The recipes of docs/frameworks.md, each with its server, started for real."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.frameworks.test_examples_frameworks import (
    CLOSE_TIMEOUT,
    EXAMPLES,
    PASSWORD,
    SERVER_PATIENCE,
    Site,
    requests_of,
    told,
)
from tests.helpers.ports import free_port
from tests.helpers.redis_server import RedisServer
from tests.helpers.support import counted, eventually
from wecom_logging._cli.checks.configuration import known_variables
from wecom_logging._cli.destination import read_env_file
from wecom_logging._config.options import read_options
from wecom_logging.simulator.server import Simulator


@pytest.fixture
def environ(sim: Simulator, tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        **sim.env("robot"),
        "PYTHONPATH": str(tmp_path),
        "WECOM_CLOSE_TIMEOUT": str(CLOSE_TIMEOUT),
    }


class Started:
    """A program that is running; `out` is what it has written so far."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def out(self) -> str:
        return self._log.read_text("utf-8", "replace")


@contextmanager
def running(place: Path, environ: Mapping[str, str], *command: str) -> Iterator[Started]:
    """A program in its own process group; told to stop, and waited for, at the end."""
    log = place / "out.txt"
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=place, env=dict(environ), stdout=file, stderr=file, start_new_session=True
        )
    started = Started(process, log)
    try:
        yield started
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(SERVER_PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        print(started.out)


def needs(package: str) -> None:
    if not find_spec(package):
        pytest.skip(f"needs {package}")


def module(name: str) -> tuple[str, str, str]:
    return sys.executable, "-m", name


# -- gunicorn ------------------------------------------------------------------------------

SLOW = """
import time
def app(environ, start_response):
    if environ["PATH_INFO"] == "/hang":
        time.sleep(60)  # until its worker is ended
    start_response("200 OK", [])
    return [b"alive"]
"""
CONF = str(EXAMPLES / "gunicorn_conf.py")
PRELOAD = pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["", "preload"])


def gunicorn(site: Site, *options: str) -> tuple[str, ...]:
    return (*module("gunicorn"), "--config", CONF, "--bind", f"127.0.0.1:{site.port}", *options)


@PRELOAD
def test_a_worker_that_times_out(
    preload: tuple[str, ...], tmp_path: Path, sim: Simulator, environ: dict[str, str]
) -> None:
    """The master tells it, whether it has loaded the application or not."""
    needs("gunicorn")
    (tmp_path / "slow_app.py").write_text(SLOW)
    site = Site()
    with running(tmp_path, environ, *gunicorn(site, *preload, "--timeout", "1", "slow_app:app")):
        eventually(site.is_up, SERVER_PATIENCE)
        site.ask("/hang")
        content = told(sim, "WORKER TIMEOUT").content
    assert "CRITICAL shop" in content.split("\n", 1)[0]


def test_the_request_that_hung(tmp_path: Path, sim: Simulator, environ: dict[str, str]) -> None:
    """Its worker says which it was, and where, in the second that gunicorn leaves it: where the
    machine is too busy for that, it is asked again."""
    needs("gunicorn")
    (tmp_path / "slow_app.py").write_text(SLOW)
    site = Site()

    def is_told() -> bool:
        site.ask("/hang")
        return any("/hang" in message.content for message in sim.messages)

    with running(tmp_path, environ, *gunicorn(site, "--timeout", "1", "slow_app:app")):
        eventually(site.is_up, SERVER_PATIENCE)
        eventually(is_told, SERVER_PATIENCE)
    assert "time.sleep(60)" in told(sim, "/hang").content


@PRELOAD
def test_an_application_that_does_not_boot(
    preload: tuple[str, ...], tmp_path: Path, sim: Simulator, environ: dict[str, str]
) -> None:
    """With its exception, before anything of its own configuration could have been read."""
    needs("gunicorn")
    (tmp_path / "broken_app.py").write_text("raise LookupError('no database is configured')\n")
    with running(tmp_path, environ, *gunicorn(Site(), *preload, "broken_app:app")) as master:
        assert master.process.wait(SERVER_PATIENCE)
    assert "LookupError" in told(sim, "no database is configured").content


# -- uvicorn -------------------------------------------------------------------------------


def test_uvicorn_keeps_its_own_console(
    tmp_path: Path, sim: Simulator, environ: dict[str, str]
) -> None:
    """Its lines look as without us, and each stands there once."""
    needs("uvicorn")
    needs("fastapi")
    site = Site()
    options = ("--port", str(site.port), "--app-dir", str(EXAMPLES), "fastapi_app:app")
    with running(tmp_path, environ, *module("uvicorn"), *options) as server:
        eventually(site.is_up, SERVER_PATIENCE)
        assert site.pay_with_json() == 500
        told(sim, "TimeoutError")
        eventually(lambda: "Exception in ASGI application" in server.out)
    assert server.out.count("ERROR:    Exception in ASGI application") == 1
    assert server.out.count("Exception in ASGI application") == 1
    assert "INFO:     Started server process" in server.out


@PRELOAD
@pytest.mark.parametrize("conf", [False, True], ids=["", "conf"])
def test_uvicorns_workers_under_gunicorn(
    conf: bool, preload: tuple[str, ...], tmp_path: Path, sim: Simulator, environ: dict[str, str]
) -> None:
    """What the page has for them: an alert, and gunicorn's log loses nothing."""
    needs("gunicorn")
    needs("uvicorn_worker")
    bare = '"uvicorn.error": {"handlers": ["wecom"], "level": "INFO"'
    below_gunicorn = (
        '"gunicorn.error": {"handlers": ["console", "wecom"], "level": "INFO", "propagate": False'
    )
    page = (EXAMPLES.parent / "docs" / "frameworks.md").read_text("utf-8")
    program = (EXAMPLES / "fastapi_app.py").read_text("utf-8")
    assert bare in program
    assert below_gunicorn in page
    (tmp_path / "shop_app.py").write_text(program.replace(bare, below_gunicorn))
    site = Site()
    options = (*preload, "--worker-class", "uvicorn_worker.UvicornWorker", "shop_app:app")
    bind = ("--bind", f"127.0.0.1:{site.port}")
    command = gunicorn(site, *options) if conf else (*module("gunicorn"), *bind, *options)
    with running(tmp_path, environ, *command) as server:
        eventually(site.is_up, SERVER_PATIENCE)
        assert site.pay_with_json() == 500
        told(sim, "bank did not answer for order 8841")
        eventually(lambda: "Exception in ASGI application" in server.out)
        assert "Application startup complete." in server.out
    assert server.out.count("Exception in ASGI application") == 1
    assert counted(sim.messages) == 1


# -- Django --------------------------------------------------------------------------------


@pytest.mark.parametrize("debug", ["1", ""], ids=["debug", ""])
def test_django_prints_an_error_once(
    debug: str, tmp_path: Path, sim: Simulator, environ: dict[str, str]
) -> None:
    needs("django")
    environ = {**environ, "DEBUG": debug, "PYTHONPATH": str(EXAMPLES)}
    site = Site()
    server = (
        "from wsgiref.simple_server import make_server; import django_app;"
        f"make_server('127.0.0.1', {site.port}, django_app.application).serve_forever()"
    )
    with running(tmp_path, environ, sys.executable, "-c", server) as django:
        eventually(site.is_up, SERVER_PATIENCE)
        assert site.pay_with_form() == 500
        told(sim, "TimeoutError")
        eventually(lambda: "Internal Server Error" in django.out)
    assert django.out.count("Internal Server Error: /pay/8841") == 1
    assert counted(sim.messages) == 1


@pytest.mark.parametrize("page", ["README", "docs/frameworks"])
@pytest.mark.parametrize("language", ["", ".zh-CN"])
def test_the_pages_keep_runservers_log_apart(page: str, language: str) -> None:
    text = (EXAMPLES.parent / f"{page}{language}.md").read_text("utf-8")
    (line,) = re.findall(r'"django.server": ({.*?})', text)
    told = ast.literal_eval(line.replace(', "level": "INFO"', ""))
    assert told == {"handlers": ["console"], "propagate": False}


RUNSERVER = """
import sys
import django_app
from django.conf import settings
from django.core.management import execute_from_command_line
settings.WSGI_APPLICATION = "django_app.application"
execute_from_command_line(["manage.py", "runserver", "--noreload", "--skip-checks", sys.argv[1]])
"""


def test_django_an_error_under_runserver_is_one_alert(
    tmp_path: Path, sim: Simulator, environ: dict[str, str]
) -> None:
    """`runserver` logs a 500 once more, as a line of its request log."""
    needs("django")
    environ = {**environ, "DEBUG": "1", "PYTHONPATH": str(EXAMPLES)}
    site = Site()
    server = (sys.executable, "-c", RUNSERVER, str(site.port))
    with running(tmp_path, environ, *server) as django:
        eventually(site.is_up, SERVER_PATIENCE)
        assert site.pay_with_form() == 500
        told(sim, "TimeoutError")
        eventually(lambda: '" 500 ' in django.out)
    assert django.out.count('" 500 ') == 1
    assert counted(sim.messages) == 1


# -- uWSGI ---------------------------------------------------------------------------------


def all_idle(stats: int) -> bool:
    """Whether every worker has loaded the application and has no request, says the server.

    One that is told to end before that ends in another way: it runs no exit hooks while it is
    busy, which its line in the log comes before the end of, and while it loads the
    application it does not end at all.
    """
    with socket.create_connection(("127.0.0.1", stats), timeout=SERVER_PATIENCE) as connection:
        answer = json.loads(connection.makefile("rb").read())
    return all(each["apps"] and each["status"] == "idle" for each in answer["workers"])


@pytest.mark.parametrize("lazy", [(), ("--lazy-apps",)], ids=["", "lazy-apps"])
def test_uwsgi(
    lazy: tuple[str, ...], tmp_path: Path, sim: Simulator, environ: dict[str, str]
) -> None:
    """Forked behind Python's back, with threads and an orderly end."""
    program = Path(sys.executable).with_name("uwsgi")
    if not program.exists():
        pytest.skip("needs pyuwsgi")
    site = Site()
    ini = (EXAMPLES / "uwsgi.ini").read_text("utf-8").replace(":8000", f":{site.port}")
    (tmp_path / "uwsgi.ini").write_text(ini)
    environ = {**environ, "PYTHONPATH": str(EXAMPLES)}
    stats = free_port()
    options = ("--ini", "uwsgi.ini", "--stats", f"127.0.0.1:{stats}", *lazy)
    with running(tmp_path, environ, str(program), *options):
        eventually(site.is_up, SERVER_PATIENCE)
        assert site.pay_with_form() == 500
        content = told(sim, "bank did not answer for order 8841").content
        assert "POST /pay/8841" in content
        assert site.ask("/stock") == 200
        eventually(lambda: all_idle(stats))
    told(sim, "stock of sku-7 is negative")
    assert counted(sim.messages) == 2


# -- jobs ----------------------------------------------------------------------------------


def test_apscheduler(tmp_path: Path, sim: Simulator, environ: dict[str, str]) -> None:
    """It logs a job that failed, on a logger that reaches root."""
    needs("apscheduler")
    with running(tmp_path, environ, sys.executable, str(EXAMPLES / "apscheduler_app.py")):
        content = told(sim, "erp did not answer").content
    assert "TimeoutError" in content
    assert "apscheduler_app.py" in content


def fail_in_rq(place: Path, environ: dict[str, str], redis: RedisServer, jobs: int) -> None:
    """Have so many jobs fail, each in a process of its own."""
    needs("rq")
    environ = {
        **environ,
        # Another database: others read all that stands in theirs.
        "REDIS_URL": redis.url.removesuffix("/0") + "/1",
        "BURST": "1",
        "PYTHONPATH": str(EXAMPLES),
    }
    call = (
        "import rq_worker, os; from redis import Redis; from rq import Queue;"
        "queue = Queue('shop', connection=Redis.from_url(os.environ['REDIS_URL']));"
        f"[queue.enqueue(rq_worker.sync, 8841, password={PASSWORD!r}) for _ in range({jobs})]"
    )
    subprocess.run([sys.executable, "-c", call], env=environ, check=True, timeout=60)
    with running(place, environ, sys.executable, str(EXAMPLES / "rq_worker.py")) as worker:
        assert worker.process.wait(SERVER_PATIENCE) == 0


def test_rq(
    tmp_path: Path, sim: Simulator, environ: dict[str, str], redis_server: RedisServer
) -> None:
    """A job's process ends by `os._exit`, and all the same its failure is told."""
    # What the process does not deliver itself is gone with it.
    fail_in_rq(tmp_path, {**environ, "WECOM_STORE": "memory"}, redis_server, jobs=1)
    content = told(sim, "erp did not answer for order 8841").content
    assert "TimeoutError" in content
    assert PASSWORD.encode() not in requests_of(sim)
    assert counted(sim.messages) == 1


def test_rq_what_goes_on_failing_waits_for_its_pause(
    tmp_path: Path, sim: Simulator, environ: dict[str, str], redis_server: RedisServer
) -> None:
    """One message, and one for all the others from the worker, as it ends after its jobs."""
    store = f"sqlite:///{tmp_path}/alerts.db"
    fail_in_rq(tmp_path, {**environ, "WECOM_STORE": store}, redis_server, jobs=6)
    assert [counted([message]) for message in sim.messages] == [1, 5]


class Airflow2Task:
    """What stands for a task in the context of Airflow 2 (a `TaskInstance`)."""

    dag_id, task_id, run_id, try_number = "nightly", "export", "scheduled__2026-03-04", 2


class Airflow3Task(Airflow2Task):
    """In Airflow 3 it is a `RuntimeTaskInstance`, and the context is a dict without `task_instance`
    in callbacks of some places: only `ti` is in both."""


@pytest.mark.parametrize(
    "context",
    [{"task_instance": Airflow2Task(), "ti": Airflow2Task()}, {"ti": Airflow3Task()}],
    ids=["2", "3"],
)
def test_airflow(
    context: dict[str, object], sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The callback has delivered when it returns: the task's process ends without an exit."""
    from wecom_logging.jobs.airflow import on_failure

    for name, value in sim.env("robot").items():
        monkeypatch.setenv(name, value)
    try:
        raise TimeoutError("erp did not answer")
    except TimeoutError as error:
        on_failure(app="airflow")({**context, "exception": error})
    content = sim.messages[0].content
    assert "nightly.export" in content
    assert "erp did not answer" in content


# -- where programs run --------------------------------------------------------------------


def test_a_program_that_is_told_to_stop(
    tmp_path: Path, sim: Simulator, environ: dict[str, str]
) -> None:
    """By systemd, Docker or Kubernetes: SIGTERM, and the last error is told."""
    with running(tmp_path, environ, sys.executable, str(EXAMPLES / "worker.py")) as worker:
        eventually(lambda: "ready" in worker.out)
    told(sim, "worker is told to stop with 3 orders open")
    assert worker.process.returncode == 0


def test_one_file_for_systemd_docker_and_the_command_line(
    sim: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lines that all three read alike: no quotes, no blanks around "=", nothing to expand."""
    text = (EXAMPLES / "wecom.env").read_text("utf-8")
    values = read_env_file(str(EXAMPLES / "wecom.env"))
    assert read_options({}, values).kind == "robot"
    for line in text.splitlines():
        assert line.startswith("#") or re.fullmatch(r"[A-Z_]+=[^\s\"'$\\]+", line), line


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_the_unit_of_systemd(tmp_path: Path) -> None:
    """It is understood, and has a place for the state and time to deliver."""
    text = (EXAMPLES / "shop.service").read_text("utf-8")
    unit = tmp_path / "shop.service"
    unit.write_text(text.replace("/usr/bin/python3", sys.executable))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert str(unit) not in done.stderr
    assert "shop.service" not in done.stderr
    assert int(re.findall(r"TimeoutStopSec=(\d+)", text)[0]) > read_options({}, {}).close_timeout


def test_the_manifest_of_kubernetes() -> None:
    """Every variable is one of ours, the file is mounted, and there is time to deliver."""
    yaml = pytest.importorskip("yaml")
    secret, deployment = yaml.safe_load_all((EXAMPLES / "kubernetes.yaml").read_text("utf-8"))
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    variables = {each["name"]: each["value"] for each in container["env"]}
    assert set(variables) <= set(known_variables())
    (mount,) = container["volumeMounts"]
    path, _, name = variables["WECOM_WEBHOOK_KEY_FILE"].rpartition("/")
    assert (path, name in secret["stringData"]) == (mount["mountPath"], True)
    assert pod["terminationGracePeriodSeconds"] > read_options({}, {}).close_timeout
