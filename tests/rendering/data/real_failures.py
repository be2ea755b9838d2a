"""Failures of real libraries, as programs log them: what `real_failures.json` was made by.

With the libraries of `LIBRARIES` installed, `python tests/data/real_failures.py` prints the
message of each, and `… --write` writes their events. Nothing but loopback is asked for an
answer. The tests only read the file.
"""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import io
import json
import logging
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

LIBRARIES = (
    "requests redis sqlalchemy psycopg[binary] pymysql httpx aiohttp pydantic django flask celery"
    " jinja2 boto3 pandas lxml pyyaml kafka-python pika pymongo elasticsearch grpcio paramiko"
    " openpyxl marshmallow jsonschema pyjwt tenacity websockets apscheduler Pillow fastapi loguru"
)
FILE = Path(__file__).with_name("real_failures.json")

log = logging.getLogger("shop")
FAILURES: list[Callable[[], Any]] = []

Failure = Callable[[], Any]


def failure(function: Failure) -> Failure:
    FAILURES.append(function)
    return function


def caught(what: str, *args: object, **extra: object) -> Callable[[Failure], Failure]:
    """A failure that the program catches and logs, as most do."""

    def decorate(function: Failure) -> Failure:
        def run() -> None:
            try:
                function()
            except Exception:
                log.exception(what, *args, extra=extra)

        run.__name__ = function.__name__
        return failure(run)

    return decorate


@caught("charge failed for order %d", 8841)
def requests_refused() -> None:
    import requests

    requests.post("http://127.0.0.1:9/v1/charge?order=8841", timeout=1)


@caught("charge failed for order %d", 8842)
def requests_status() -> None:
    import requests

    answer = requests.Response()
    answer.status_code, answer.reason, answer.url = 503, "Service Unavailable", "http://bank/pay"
    answer.raise_for_status()


@caught("session lost")
def redis_refused() -> None:
    import redis

    redis.Redis(port=9).get("session:8841")


@caught("order not saved")
def sqlalchemy_unique() -> None:
    import sqlalchemy as sa

    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        connection.execute(sa.text("create table orders (number int unique, customer text)"))
        for _ in range(2):
            statement = sa.text("insert into orders (number, customer) values (:n, :c)")
            connection.execute(statement, {"n": 8841, "c": "ACME"})


@caught("report not made")
def sqlalchemy_table() -> None:
    import sqlalchemy as sa

    with sa.create_engine("sqlite://").connect() as connection:
        connection.execute(sa.text("select sum(total) from orders where day = '2026-11-26'"))


@caught("stock sync failed")
def psycopg_refused() -> None:
    import psycopg

    psycopg.connect("postgresql://shop@127.0.0.1:9/shop", connect_timeout=1)


@caught("stock sync failed")
def pymysql_refused() -> None:
    import pymysql

    pymysql.connect(host="127.0.0.1", port=9, user="shop", database="shop")


@caught("journal not written")
def sqlite_locked() -> None:
    path = os.path.join(tempfile.mkdtemp(), "journal.db")
    one, other = sqlite3.connect(path), sqlite3.connect(path, timeout=0)
    one.execute("create table t (x)")
    one.execute("begin immediate")
    other.execute("insert into t values (1)")


@caught("rate service unavailable")
def httpx_refused() -> None:
    import httpx

    httpx.get("http://127.0.0.1:9/rates")


@caught("rate service unavailable")
def httpx_status() -> None:
    import httpx

    request = httpx.Request("GET", "http://rates.example/v2/EUR")
    httpx.Response(404, request=request).raise_for_status()


@caught("push failed")
def aiohttp_refused() -> None:
    import aiohttp

    async def push() -> None:
        async with aiohttp.ClientSession() as session:
            await session.get("http://127.0.0.1:9/push")

    asyncio.run(push())


@caught("order refused")
def pydantic_invalid() -> None:
    import pydantic

    class Order(pydantic.BaseModel):
        number: int
        quantity: int
        price: float

    Order.model_validate({"number": "x", "quantity": None})


@failure
def django_view() -> None:
    _django()
    from django.test import Client

    Client(raise_request_exception=False).get("/pay/8841")


@failure
def django_does_not_exist() -> None:
    _django()
    from django.test import Client

    Client(raise_request_exception=False).get("/customer/17")


@failure
def flask_view() -> None:
    import flask

    app = flask.Flask("shop")

    @app.get("/cart/<int:number>")
    def cart(number: int) -> str:
        return {17: "full"}[number]

    app.test_client().get("/cart/8841")


@failure
def jinja_undefined() -> None:
    import flask

    app = flask.Flask("shop")

    @app.get("/invoice")
    def invoice() -> str:
        return flask.render_template_string("{{ order.customer.name }}", order={})

    app.test_client().get("/invoice")


@failure
def celery_task() -> None:
    from celery import Celery

    app = Celery("shop", broker="memory://", backend="cache+memory://")
    app.conf.task_store_eager_result = False

    @app.task(name="orders.sync")
    def sync(order: int) -> None:
        raise TimeoutError(f"erp did not answer for order {order}")

    from celery.app import trace

    sync.bind(app)
    trace.build_tracer(sync.name, sync, eager=True, propagate=False, app=app)(
        "226f31ab-0a5e-4f6c-9d0b-000000000000", (8841,), {}, {"is_eager": False, "id": "226f31ab"}
    )


@caught("upload failed")
def boto_credentials() -> None:
    import boto3

    boto3.client("s3", region_name="eu-west-1").upload_file(__file__, "invoices", "8841.pdf")


@caught("message not queued")
def boto_client_error() -> None:
    from botocore.exceptions import ClientError

    error = {"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}
    raise ClientError(error, "SendMessage")


@caught("feed of supplier %s skipped", "ACME")
def pandas_column() -> None:
    import pandas as pd

    pd.DataFrame({"sku": ["a"]})["price"].sum()


@caught("feed of supplier %s skipped", "ACME")
def pandas_date() -> None:
    import pandas as pd

    pd.to_datetime(pd.Series(["2026-11-26", "2026-13-45"]))


@caught("catalogue not read")
def lxml_syntax() -> None:
    from lxml import etree

    etree.fromstring("<catalogue><item></catalogue>")


@caught("settings not read")
def yaml_syntax() -> None:
    import yaml

    yaml.safe_load("shop:\n  rate: [1, 2\n  day: 3\n")


@caught("events not sent")
def kafka_brokers() -> None:
    from kafka import KafkaProducer

    KafkaProducer(bootstrap_servers="127.0.0.1:9", bootstrap_timeout_ms=500)


@caught("events not sent")
def pika_refused() -> None:
    import pika

    pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", 9))


@caught("customer %d not found", 17)
def mongo_servers() -> None:
    import pymongo

    client = pymongo.MongoClient("mongodb://127.0.0.1:9", serverSelectionTimeoutMS=200)
    client.shop.customers.find_one({"_id": 17})


@caught("search failed")
def elastic_refused() -> None:
    import elasticsearch

    client = elasticsearch.Elasticsearch("http://127.0.0.1:9", max_retries=0)
    client.search(index="articles")


@caught("price not fetched")
def grpc_unavailable() -> None:
    import grpc

    with grpc.insecure_channel("127.0.0.1:9") as channel:
        channel.unary_unary("/shop.Prices/Get")(b"", timeout=1)


@caught("invoice not uploaded")
def paramiko_refused() -> None:
    import paramiko

    client = paramiko.SSHClient()
    client.connect("127.0.0.1", 9, "shop")


@caught("price list not read")
def openpyxl_no_zip() -> None:
    import openpyxl

    openpyxl.load_workbook(io.BytesIO(b"no workbook"))


@caught("order refused")
def marshmallow_invalid() -> None:
    import marshmallow as ma

    ma.Schema.from_dict({"qty": ma.fields.Int(), "day": ma.fields.Date()})().load({"qty": "x"})


@caught("order refused")
def jsonschema_invalid() -> None:
    import jsonschema

    schema = {"properties": {"qty": {"type": "integer"}}, "required": ["sku"]}
    jsonschema.validate({"qty": "x", "sku": 1}, schema)


@caught("token refused", method="GET", path="/orders")
def jwt_expired() -> None:
    import jwt

    key = "simulator-key-opens-nothing-000000"
    jwt.decode(jwt.encode({"exp": 1}, key), key, algorithms=["HS256"])


@caught("bank gave up")
def tenacity_retries() -> None:
    import tenacity

    @tenacity.retry(stop=tenacity.stop_after_attempt(2))
    def ask() -> None:
        raise ConnectionResetError(104, "Connection reset by peer")

    ask()


@caught("ticker stopped")
def websockets_refused() -> None:
    from websockets.sync.client import connect

    connect("ws://127.0.0.1:9/ticker")


@failure
def apscheduler_job() -> None:
    from apscheduler.executors.base import run_job
    from apscheduler.schedulers.background import BackgroundScheduler

    def nightly() -> None:
        raise FileNotFoundError(2, "No such file or directory", "/data/2026-11-26.csv")

    scheduler = BackgroundScheduler()
    job = scheduler.add_job(
        nightly, "interval", days=1, name="nightly import", misfire_grace_time=None
    )
    from datetime import datetime, timezone

    run_job(job, "default", [datetime.now(timezone.utc)], "apscheduler.executors.default")


@caught("thumbnail not made")
def pillow_no_image() -> None:
    from PIL import Image

    Image.open(io.BytesIO(b"no image"))


@failure
def asgi_application() -> None:
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/orders/{number}")
    def order(number: int) -> float:
        return 100 / (number - 8841)

    scope = {
        "type": "http", "method": "GET", "path": "/orders/8841", "raw_path": b"/orders/8841",
        "query_string": b"", "headers": [], "http_version": "1.1", "scheme": "http",
        "server": ("shop", 80), "client": ("127.0.0.1", 1), "root_path": "",
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        pass

    try:
        asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]  # Starlette's own types
    except Exception as error:
        # uvicorn's words, and its logger
        logging.getLogger("uvicorn.error").error("Exception in ASGI application\n", exc_info=error)


@caught("backup failed")
def called_process() -> None:
    script = Path(tempfile.mkdtemp(), "backup.sh")
    script.write_text("echo 'pg_dump: error: no space left on device' >&2; exit 3", "utf-8")
    subprocess.run(["sh", script], check=True, capture_output=True, text=True)


@caught("nightly import failed")
def several_at_once() -> None:
    rows = [ValueError("row 17 has no price"), ValueError("row 18 has no price"), KeyError("sku")]
    group: Any = builtins.ExceptionGroup  # type: ignore[attr-defined]  # since Python 3.11
    raise group("import", [*rows, OSError(28, "No space left on device")])


@failure
def verbose_text() -> None:
    log.error("2026-11-26 03:00:01,123 ERROR [shop.pay:41] 4711 order 8841 has no address")


@failure
def logfmt_text() -> None:
    log.error('level=error ts=2026-11-26T03:00:01Z msg="mail bounced" customer=17 code=550')


@failure
def asyncio_task() -> None:
    async def sync() -> None:
        raise ConnectionError("erp refused the connection")

    async def main() -> None:
        task = asyncio.ensure_future(sync())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        del task

    asyncio.run(main())


@failure
def thread() -> None:
    def watch() -> None:
        int("12,5")

    def told(args: threading.ExceptHookArgs) -> None:
        log.error("Unhandled exception in %s", args.thread.name, exc_info=args.exc_value)  # type: ignore[union-attr]  # there is a thread and an error

    before, threading.excepthook = threading.excepthook, told
    one = threading.Thread(target=watch, name="price-watch")
    one.start()
    one.join()
    threading.excepthook = before


def _django() -> None:
    import django
    from django.conf import settings

    if not settings.configured:
        settings.configure(
            ROOT_URLCONF=__name__, SECRET_KEY="simulator", ALLOWED_HOSTS=["*"], LOGGING_CONFIG=None,
            DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
            INSTALLED_APPS=["django.contrib.contenttypes"],
        )  # fmt: skip
        django.setup()
    from django.urls import path

    def pay(request: Any, number: int) -> None:
        raise TimeoutError(f"bank did not answer for order {number}")

    def customer(request: Any, number: int) -> None:
        from django.contrib.contenttypes.models import ContentType
        from django.core.management import call_command

        with contextlib.redirect_stdout(io.StringIO()):
            call_command("migrate", verbosity=0)
        ContentType.objects.get(pk=number * 1000)

    patterns = [path("pay/<int:number>", pay), path("customer/<int:number>", customer)]
    globals()["urlpatterns"] = patterns


def run(name: str) -> tuple[str, list[dict[str, Any]]]:
    """The first message of a failure, and its events."""
    from wecom_logging import WeComHandler
    from wecom_logging.testing import RecordingSender

    events: list[dict[str, Any]] = []

    def keep(logger: Any, method_name: str, event: dict[str, Any]) -> dict[str, Any]:
        events.append(json.loads(json.dumps(event, default=str)))
        return event

    sender = RecordingSender()
    handler = WeComHandler(
        sender=sender, store="memory", app="shop", environment="prod", processors=[keep]
    )
    logging.getLogger().addHandler(handler)
    next(one for one in FAILURES if one.__name__ == name)()
    handler.flush()
    logging.getLogger().removeHandler(handler)
    handler.close()
    return sender.messages[0].content, events


def tame(event: dict[str, Any]) -> dict[str, Any]:
    """Without what is this machine's or this moment's."""
    event |= {"timestamp": "2026-03-04T06:03:11+00:00", "process": 4711}
    text = json.dumps(event)
    here = str(Path(__file__).parent)
    for path, instead in ((here, "/srv"), (tempfile.gettempdir(), "/srv")):
        text = text.replace(path, instead)
    text = re.sub(r"/srv/tmp\w+", "/srv/shop", text)
    found: dict[str, Any] = json.loads(text)
    for error in found.get("exception", ()):
        frames = error["frames"]
        error["frames"] = [one for one in frames if not one["library"] or one in frames[-6:]]
    return found


def main() -> None:
    logging.lastResort = None
    found: dict[str, Any] = {}
    for one in FAILURES:
        content, events = run(one.__name__)
        print(f"## {one.__name__}\n{content}\n")
        found[one.__name__] = tame(events[-1] if len(events) > 1 else events[0])
    if "--write" in sys.argv:
        FILE.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
