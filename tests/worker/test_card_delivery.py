"""Cards on their way: to an application and a robot, with the file after them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers.support import pointing_at
from wecom_logging import ConfigurationError, WeComHandler
from wecom_logging._senders.protocol import Limits, Message
from wecom_logging.errors import ContentError
from wecom_logging.simulator import Simulator
from wecom_logging.simulator.faults import Fault
from wecom_logging.simulator.views import levels
from wecom_logging.testing import RecordingSender, errors_in

LINKS = {
    "日志": "https://logs.example/?q={request_id}",
    "订单": {"appid": "wx0123456789abcdef", "pagepath": "pages/order"},
}


@pytest.fixture
def handlers() -> Iterator[list[WeComHandler]]:
    made: list[WeComHandler] = []
    yield made
    for handler in made:
        handler.close()


def logger_to(handlers: list[WeComHandler], **options: Any) -> logging.Logger:
    handler = WeComHandler(store="memory", app="shop", **{"links": LINKS, **options})
    handlers.append(handler)
    logger = logging.Logger("shop", logging.DEBUG)
    logger.addHandler(handler)
    return logger


def fail(log: logging.Logger, times: int = 1, **context: object) -> None:
    for _ in range(times):
        try:
            raise KeyError("sku")
        except KeyError:
            log.exception("order is not paid", extra=context)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("kind", ["app", "robot"])
def test_a_card_and_the_whole_report_after_it(
    sim: Simulator, handlers: list[WeComHandler], kind: str, language: str
) -> None:
    log = logger_to(handlers, msgtype="card", language=language, **pointing_at(sim, kind))
    fail(log, 3, request_id="r 1")
    assert handlers[0].flush()
    card, file = sim.wait_for(2)
    assert (card.msgtype, file.msgtype) == ("template_card", "file")
    assert card.shown["card_action"]["url"] == "https://logs.example/?q=r%201"
    assert [jump["title"] for jump in card.shown["jump_list"]] == ["订单"]
    assert card.shown["emphasis_content"]["title"] == "3"
    below = "见下方文件" if language == "zh" else "see below"
    assert card.shown["horizontal_content_list"][-1]["value"].startswith(below)
    assert file.file is not None
    assert b"Traceback" in file.file.data or "调用栈".encode() in file.file.data
    assert errors_in(card.content) == 3
    assert levels(card.content) == {"NEW", "ERROR"}
    assert handlers[0].stats().reported == 3


def test_a_retry_of_a_card_is_the_same_card(sim: Simulator, handlers: list[WeComHandler]) -> None:
    """WeCom recognises a repetition by its bytes."""
    log = logger_to(handlers, msgtype="card", attach=False, **pointing_at(sim, "app"))
    sim.faults.add(Fault("reset", call="message/send", processed=True, times=1))
    fail(log, request_id="r1")
    assert handlers[0].flush()
    first, again = sim.accepted
    assert (first.fate, again.fate) == ("delivered", "duplicate")
    assert first.raw == again.raw


def test_a_card_that_would_lead_nowhere_is_markdown(
    sim: Simulator, handlers: list[WeComHandler]
) -> None:
    links = {"日志": "https://logs.example/?q={request_id}"}
    log = logger_to(handlers, msgtype="card", links=links, **pointing_at(sim))
    fail(log)
    assert handlers[0].flush()
    assert sim.messages[0].msgtype == "markdown"
    assert "KeyError" in sim.messages[0].content


def test_a_card_that_is_refused_is_told_as_markdown(handlers: list[WeComHandler]) -> None:
    sender = RecordingSender()
    log = logger_to(handlers, msgtype="card", sender=sender)
    sender.fail(ContentError(42045, "invalid card_action", "…"))
    fail(log, request_id="r1")
    assert handlers[0].flush()
    assert [message.msgtype for message in sender.messages][:1] == ["markdown"]
    assert sender.inbox.total_errors == 1


def test_a_recorded_card_has_its_count() -> None:
    content = json.dumps({"card_type": "text_notice", "emphasis_content": {"title": "1,353"}})
    assert errors_in(content.replace(" ", "")) == 1353


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"links": None}, "'card' needs links"),
        ({"sender": RecordingSender(Limits({"markdown": 2048, "text": 2048}))}, "nothing that"),
    ],
)
def test_a_card_needs_links_and_a_sender_that_takes_it(options: dict[str, Any], said: str) -> None:
    given = {"sender": RecordingSender(), "links": LINKS, "msgtype": "card", **options}
    with pytest.raises(ConfigurationError, match=said) as refused:
        WeComHandler(**given)
    assert refused.value.option == "msgtype"


@pytest.mark.parametrize("content", ["no card", "[]", "7", "[" * 100_000])
def test_what_is_no_card_is_not_sent(sim: Simulator, content: str) -> None:
    from wecom_logging import WebhookSender

    options = pointing_at(sim)
    sender = WebhookSender(options["webhook_key"], api_base=options["api_base"])
    with pytest.raises(ContentError):
        sender.send(Message("card", content))
    assert not sim.messages
