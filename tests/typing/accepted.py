"""Calls that a type checker has to accept. Read by mypy and pyright, never run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, MutableMapping
from typing import Any

import structlog

import wecom_logging
from wecom_logging import (
    AppSender,
    DeliveryError,
    Limits,
    Message,
    Receipt,
    RoutedSender,
    Sender,
    Stats,
    TokenError,
    TokenSender,
    WebhookSender,
    WeComHandler,
)
from wecom_logging.contrib.asgi import RequestContextMiddleware
from wecom_logging.testing import Inbox, RecordingSender


class OwnSender:
    """The least that is a `Sender`."""

    destination: str = "a pager"
    limits: Limits = Limits({"text": 500})

    def send(self, message: Message) -> Receipt | None:
        return None

    def upload(self, name: str, data: bytes) -> str:
        return name

    def secrets(self) -> Iterable[str]:
        return ["hunter2"]


def no_health_checks(record: logging.LogRecord) -> bool:
    return "/healthz" not in record.getMessage()


def drop_timeouts(
    logger: Any, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    if "Timeout" in str(event.get("exception")):
        raise structlog.DropEvent
    return event


def handlers() -> list[logging.Handler]:
    robot = WeComHandler("ERROR", webhook_key="693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa")
    robot.addFilter(no_health_checks)
    application = WeComHandler(
        logging.ERROR,
        corpid="ww1",
        corpsecret="…",
        agentid=1000002,
        touser=["zhangsan", "lisi"],
        timeout=(3, 8),
        rate_limit=((18, 60), (900, 3600)),
        repeat_intervals=[60, 300.0],
        fingerprint=lambda record: (record.name, record.lineno),
        processors=[drop_timeouts],
        redact={"names": ["badge_no"], "keep": ["token"]},
    )
    return [robot, application, WeComHandler(sender=OwnSender()), WeComHandler(enabled=False)]


def one_line() -> WeComHandler:
    handler: WeComHandler = wecom_logging.install(app="shop", environment="prod")
    wecom_logging.install("WARNING", webhook_key="…", repeat_intervals=[60, 300])
    told: bool = handler.flush(5)
    stats: Stats = handler.stats()
    number: int = stats.seen - stats.reported if told else stats.pending
    handler.setLevel(number)
    return handler


def a_job() -> None:
    with wecom_logging.alerts("nightly import", webhook_key="…"):
        pass


@wecom_logging.alerts("nightly import")
def decorated(day: str) -> int:
    return len(day)


def others() -> None:
    days: int = decorated("monday")
    structlog.configure(processors=[wecom_logging.structlog_processor(level=days)])
    wecom_logging.watch_loop(asyncio.new_event_loop(), logging.getLogger("loop"))
    RequestContextMiddleware(app)


async def app(scope: Any, receive: Any, send: Any) -> None: ...


def senders() -> list[Sender | RoutedSender | TokenSender]:
    robot = WebhookSender("693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa")
    try:
        robot.text("disk full", mentions=["@all"])
    except TokenError as error:
        code: int | None = error.errcode
        raise DeliveryError(str(code)) from error
    application = AppSender("ww1", "…", 1000002, touser="@all")
    receipt: Receipt = application.markdown("**disk full**")
    assert receipt
    return [robot, application, OwnSender()]


def in_tests() -> str:
    sender = RecordingSender()
    sender.fail(DeliveryError("down"), times=2)
    inbox: Inbox[Message] = sender.inbox.containing("payment")
    return f"{inbox.total_errors} {inbox.one().content} {[each.msgtype for each in inbox]}"
