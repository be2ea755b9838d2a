"""Request and task context: found by itself, without what a request keeps to itself."""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import structlog

from wecom_logging import WeComHandler, contrib
from wecom_logging._capture.capture import capture, complete
from wecom_logging.contrib import celery as celery_context
from wecom_logging.contrib.asgi import RequestContextMiddleware
from wecom_logging.testing import RecordingSender

SECRET = "zQ77xKv7Wm"


@pytest.fixture(autouse=True)
def _no_context() -> Iterator[None]:
    structlog.contextvars.clear_contextvars()
    yield
    structlog.contextvars.clear_contextvars()


def record(error: BaseException | None = None, **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord("shop", logging.ERROR, __file__, 7, "it failed", (), None)
    if error is not None:
        made.exc_info = (type(error), error, error.__traceback__)
    made.__dict__.update(extra)
    return made


def holds_no_secret(event: dict[str, Any]) -> bool:
    return SECRET not in json.dumps(event, default=repr)


class Text(str):
    """As frameworks have some of their own."""


def test_what_says_nothing_is_no_context(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"path": Text(""), "method": "", "task": None, "route": Text("/pay"), "retries": 0}
    monkeypatch.setattr(contrib, "_FINDERS", (("logging", lambda _: said),))
    assert contrib.context(record()) == [("route", "/pay"), ("retries", 0)]


# -- Django ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def django() -> Any:
    pytest.importorskip("django")
    from django.conf import settings

    if not settings.configured:
        settings.configure(
            ALLOWED_HOSTS=["testserver"], ROOT_URLCONF=__name__, SECRET_KEY="x", USE_TZ=True
        )
        import django

        django.setup()
    return settings


events: list[dict[str, Any]] = []


def pay(request: Any, order: int) -> Any:
    from django.http import HttpResponse

    events.append(capture(record()))
    return HttpResponse("paid")


def sensitive(request: Any) -> Any:
    from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

    @sensitive_variables("card")
    def charge(card: str, order: int) -> None:
        raise ValueError("declined")

    @sensitive_variables()
    def sign(key: str, text: str) -> None:
        raise ValueError("unsigned")

    @sensitive_post_parameters("card")
    def view(request: Any) -> Any:
        from django.http import HttpResponse

        form = request.POST  # noqa: F841 - a local variable that must not be shown
        acts: list[Callable[[], None]] = [lambda: charge(SECRET, 7), lambda: sign(SECRET, "x")]
        for act in acts:
            try:
                act()
            except ValueError as error:
                events.append(complete(capture(record(error), show_locals=True)))
        events.append(capture(record(request=request, form=request.POST)))
        return HttpResponse("no")

    return view(request)


class _Urls:
    """The patterns, made when Django asks: this module must load without Django."""

    def __iter__(self) -> Iterator[Any]:
        from django.urls import path

        yield path("pay/<int:order>", pay, name="pay")
        yield path("sensitive", sensitive)

    def __reversed__(self) -> Iterator[Any]:
        return iter(list(self)[::-1])


urlpatterns = _Urls()


@pytest.fixture
def client(django: Any) -> Any:
    from django.test import Client

    events.clear()
    return Client()


def test_django_the_request_of_the_running_view(client: Any) -> None:
    client.post(f"/pay/8841?token={SECRET}", {"password": SECRET}, headers={"X-Key": SECRET})
    (event,) = events
    assert (event["method"], event["path"], event["route"]) == ("POST", "/pay/8841", "pay")
    assert holds_no_secret(event)


def test_django_the_request_in_extra_is_described_not_shown(django: Any) -> None:
    from django.test import RequestFactory

    request = RequestFactory().get(f"/pay/1?token={SECRET}")
    event = capture(record(request=request, status_code=500))
    assert (event["method"], event["path"], event["status_code"]) == ("GET", "/pay/1", 500)
    assert "request" not in event
    assert holds_no_secret(event)


def test_django_the_socket_in_extra_is_not_shown() -> None:
    """`runserver` logs with the socket of the connection as `request`; one of TLS is one too."""
    with socket.socket() as connection:
        event = capture(record(request=connection, peer=connection, status_code=500))
    assert event["status_code"] == 500
    assert not {"request", "peer"} & set(event)


def test_django_a_user_who_was_loaded_and_no_other(django: Any) -> None:
    from django.test import RequestFactory

    class Key:
        attname = "id"

    class User:
        _meta = type("Meta", (), {"pk": Key})

        def __init__(self) -> None:
            self.id = 7

    request = RequestFactory().get("/")
    assert "user_id" not in capture(record(request=request))
    request._cached_user = User()
    assert capture(record(request=request))["user_id"] == 7


def test_django_what_is_called_sensitive(client: Any) -> None:
    client.post("/sensitive", {"card": SECRET, "order": "7"})
    charged, signed, posted = events

    def locals_of(event: dict[str, Any], name: str) -> dict[str, Any]:
        frames = event["exception"][0]["frames"]
        found: dict[str, Any] = next(f["locals"] for f in frames if f["name"].endswith(name))
        return found

    assert locals_of(charged, "charge")["card"] == "[redacted: sensitive variable]"
    assert locals_of(charged, "charge")["order"] == 7
    assert set(locals_of(signed, "sign").values()) == {"[redacted: sensitive variable]"}
    assert posted["form"] == {"card": "[redacted: sensitive parameter]", "order": "7"}
    assert all(holds_no_secret(event) for event in events)


def test_django_a_query_set_is_not_evaluated(django: Any) -> None:
    from django.db.models import QuerySet

    class Orders(QuerySet):  # type: ignore[misc] # Django comes without types
        def __repr__(self) -> str:
            raise AssertionError("this would have been a query")

    assert capture(record(orders=Orders()))["orders"] == "<Orders>"


# -- Flask -----------------------------------------------------------------------------


def test_flask_the_current_request() -> None:
    flask = pytest.importorskip("flask")
    app = flask.Flask(__name__)

    @app.post("/pay/<int:order>")
    def pay(order: int) -> str:
        events.append(capture(record(request=flask.request)))
        return "paid"

    events.clear()
    app.test_client().post(
        f"/pay/8841?token={SECRET}", data={"password": SECRET}, headers={"Cookie": f"s={SECRET}"}
    )
    (event,) = events
    assert (event["method"], event["path"]) == ("POST", "/pay/8841")
    assert event["route"] == "/pay/<int:order>"
    assert holds_no_secret(event)
    assert "method" not in capture(record())


# -- ASGI ------------------------------------------------------------------------------


def scope(**changes: Any) -> dict[str, Any]:
    headers = [(b"x-request-id", b"req-1"), (b"cookie", SECRET.encode())]
    return {
        "type": "http",
        "method": "GET",
        "path": "/pay/1",
        "query_string": f"token={SECRET}".encode(),
        "headers": headers,
        **changes,
    }


async def nothing(*args: Any) -> Any:
    return {}


def serve(app: Any, **changes: Any) -> None:
    asyncio.run(RequestContextMiddleware(app)(scope(**changes), nothing, nothing))


def test_asgi_the_request_is_bound_and_unbound() -> None:
    events.clear()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["route"] = type("Route", (), {"path": "/pay/{order}"})()
        events.append(capture(record()))

    serve(app)
    (event,) = events
    assert (event["request_id"], event["method"], event["path"], event["route"]) == (
        "req-1",
        "GET",
        "/pay/1",
        "/pay/{order}",
    )
    assert holds_no_secret(event)
    assert "request_id" not in capture(record())


@pytest.mark.parametrize("header", [b"", b"a b", b"x" * 65, b"<script>"])
def test_asgi_an_odd_id_is_not_taken_over(header: bytes) -> None:
    events.clear()

    async def app(*args: Any) -> None:
        events.append(capture(record()))

    serve(app, headers=[(b"x-request-id", header)])
    (event,) = events
    assert len(event["request_id"]) == 16
    assert event["request_id"].isalnum()


def test_asgi_an_exception_brings_its_request_along() -> None:
    async def app(*args: Any) -> None:
        raise ValueError("not handled")

    with pytest.raises(ValueError, match="not handled") as caught:
        serve(app)
    event = capture(record(caught.value))
    assert (event["request_id"], event["path"]) == ("req-1", "/pay/1")


def test_asgi_a_bound_value_that_is_an_array_costs_no_words() -> None:
    class Array:
        def __ne__(self, other: object) -> Any:
            raise ValueError("the truth value of an array is ambiguous")

        __eq__ = __ne__
        __hash__ = None  # type: ignore[assignment]  # as theirs

    async def app(*args: Any) -> None:
        structlog.contextvars.bind_contextvars(array=Array())
        raise ValueError("not handled")

    with pytest.raises(ValueError, match="not handled") as caught:
        serve(app)
    event = capture(record(caught.value))
    assert (event["event"], event["path"]) == ("it failed", "/pay/1")
    assert "array" in event  # as whatever there was time for


def test_asgi_lifespan_and_others_pass_through() -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "lifespan.shutdown.complete"})
        seen.append(scope["type"])

    serve(app, type="lifespan")
    assert seen == ["lifespan"]


def test_asgi_a_restart_leaves_what_is_no_news_in_the_store(tmp_path: Path) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "lifespan.shutdown.complete"})

    sender = RecordingSender()
    for _ in range(2):  # two processes, one after the other
        handler = WeComHandler(sender=sender, store=f"sqlite:///{tmp_path}/alerts.db")
        handler.handle(record())
        serve(app, type="lifespan")
        assert len(sender.messages) == 1
    assert handler.stats().pending == 1
    assert handler.flush()
    assert "×1" in sender.messages[-1].content
    handler.close()


# -- Airflow ---------------------------------------------------------------------------


def test_airflow_is_still_found_where_it_was() -> None:
    from wecom_logging.jobs import airflow

    sys.modules.pop("wecom_logging.contrib.airflow", None)
    with pytest.warns(DeprecationWarning, match=r"wecom_logging\.jobs\.airflow"):
        old = importlib.import_module("wecom_logging.contrib.airflow")
    assert old.on_failure is airflow.on_failure


def test_airflow_a_failed_task(capsys: pytest.CaptureFixture[str]) -> None:
    from wecom_logging.jobs.airflow import on_failure

    class Task:
        dag_id, task_id, run_id, try_number = "nightly", "load", "scheduled__1", 2

    sender = RecordingSender()
    tell = on_failure(sender=sender, store="memory")
    try:
        raise LookupError("no such file")
    except LookupError as error:
        tell({"task_instance": Task(), "exception": error})
    tell({"task_instance": Task(), "exception": "killed by the scheduler"})
    first, second = sender.messages
    assert "LookupError" in first.content
    assert "LookupError: no such file" in first.content.splitlines()[0]
    assert "nightly.load" in first.content
    assert "run_id=scheduled__1" in first.content
    assert "killed by the scheduler" in second.content
    tell({})
    assert len(sender.messages) == 3


def test_airflow_a_task_that_goes_on_failing_is_told_after_pauses(tmp_path: Path) -> None:
    """Also if each try is a process of its own: the store keeps what is left for later."""
    from wecom_logging.jobs.airflow import on_failure

    class Task:
        dag_id, task_id = "nightly", "load"

    sender = RecordingSender()
    for _ in range(3):
        on_failure(sender=sender, store=f"sqlite:///{tmp_path}/alerts.db")({"ti": Task()})
    (message,) = sender.messages
    assert "nightly.load failed" in message.content
    facts = message.content.splitlines()[-1]
    assert facts.count("nightly.load") == 1


# -- Celery ----------------------------------------------------------------------------


@pytest.fixture
def handler() -> Iterator[WeComHandler]:
    pytest.importorskip("celery.signals")
    made = WeComHandler(sender=RecordingSender(), store="memory")
    yield made
    celery_context._ours.discard(made)
    made.close()


@pytest.fixture
def emptied() -> Iterator[logging.Logger]:
    """The root logger; as it was, afterwards. The same for the tasks' own."""
    root, tasks = logging.getLogger(), logging.getLogger("celery.task")
    before = (root.handlers[:], tasks.handlers[:], tasks.propagate)
    yield root
    root.handlers[:], tasks.handlers[:], tasks.propagate = before
    celery_context._displaced = None


def empty_and_tell(root: logging.Logger) -> None:
    """What Celery does when a worker sets up logging."""
    from celery import signals

    root.handlers = []
    signals.after_setup_logger.send(sender=None, logger=root)
    tasks = logging.getLogger("celery.task")
    tasks.propagate = False
    signals.after_setup_task_logger.send(sender=None, logger=tasks)


def test_celery_a_worker_gets_the_handler_back(
    handler: WeComHandler, emptied: logging.Logger
) -> None:
    from celery import signals

    emptied.addHandler(handler)
    signals.celeryd_init.send(sender="worker")
    empty_and_tell(emptied)
    assert handler in emptied.handlers
    assert handler in logging.getLogger("celery.task").handlers


def test_celery_beat_gets_it_back_as_well(handler: WeComHandler, emptied: logging.Logger) -> None:
    emptied.addHandler(handler)
    empty_and_tell(emptied)
    assert handler in emptied.handlers


def test_celery_a_handler_that_was_elsewhere_stays_there(
    handler: WeComHandler, emptied: logging.Logger
) -> None:
    logger = logging.getLogger("shop.celery")
    logger.addHandler(handler)
    empty_and_tell(emptied)
    logger.removeHandler(handler)
    assert handler not in emptied.handlers


def test_celery_a_handler_of_structlogs_own_stays_alone(
    handler: WeComHandler, emptied: logging.Logger
) -> None:
    handler.standalone = True
    empty_and_tell(emptied)
    assert handler not in emptied.handlers


def test_celery_the_running_task_and_its_failures_by_name() -> None:
    celery = pytest.importorskip("celery")
    app = celery.Celery("shop", broker="memory://", set_as_current=False)
    app.conf.task_always_eager = True
    events.clear()

    @app.task(name="orders.sync", bind=True)
    def sync(self: Any, password: str) -> None:
        events.append(capture(record()))

    sync.apply(args=(SECRET,), task_id="id-7", retries=2)
    (event,) = events
    assert (event["task"], event["task_id"], event["retries"]) == ("orders.sync", "id-7", 2)
    assert holds_no_secret(event)


def test_celery_a_group_for_each_task(handler: WeComHandler) -> None:
    handler.tell_tasks_apart()
    for name in ("orders.sync", "orders.pay", "orders.sync"):
        about = {"name": name, "id": "7", "args": SECRET, "exc": "x"}
        made = logging.LogRecord(
            celery_context.TRACE, 40, __file__, 7, "Task %(name)s failed", (about,), None
        )
        made.__dict__["data"] = about
        handler.handle(made)
    assert handler.flush()
    sender: Any = handler._options.destination["sender"]
    (message,) = sender.messages
    assert "orders.sync" in message.content
    assert "×2" in message.content
    assert "×1" in message.content
    assert SECRET not in message.content


def test_celery_a_task_whose_process_was_killed(handler: WeComHandler) -> None:
    """Told in the worker itself, of an exception in a wrapping, without the task's name."""
    from billiard.einfo import ExceptionInfo
    from billiard.exceptions import WorkerLostError
    from celery.worker.request import Request

    handler.tell_tasks_apart()
    logger = logging.getLogger(celery_context.REQUEST)
    logger.addHandler(handler)
    for name in ("orders.sync", "orders.pay"):
        request = MagicMock(id="id-7", task=MagicMock(retry_on_worker_lost=False))
        request.name = name
        request._success_was_stored.return_value = False
        try:
            raise WorkerLostError("signal 9 (SIGKILL)")
        except WorkerLostError:
            Request.on_failure(request, ExceptionInfo(), send_failed_event=False)
    logger.removeHandler(handler)
    assert handler.flush()
    sender: Any = handler._options.destination["sender"]
    (message,) = sender.messages
    assert "WorkerLostError: signal 9 (SIGKILL)" in message.content.splitlines()[0]
    assert "· 1 `orders.sync` · 1 `orders.pay`" in message.content
    assert "orders.sync +1 route · task_id=id-7" in message.content
    assert "ExceptionWithTraceback" not in message.content
