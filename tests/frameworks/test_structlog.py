"""structlog, with and without `logging`: every error once, with its exception and context."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from structlog.contextvars import bind_contextvars, clear_contextvars

from tests.helpers.support import Watched, balanced
from wecom_logging import WeComHandler, structlog_processor
from wecom_logging.testing import RecordingSender

Watch = Callable[..., Watched]
Event = dict[str, Any]


@pytest.fixture(autouse=True)
def _structlog_as_it_was() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    clear_contextvars()


def charge(order: int) -> None:
    raise ConnectionError(f"bank refused order {order}")


# -- through logging -----------------------------------------------------------------------

CHAINS: dict[str, list[Any]] = {
    "wrap_for_formatter": [structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    "render_to_log_kwargs": [structlog.stdlib.render_to_log_kwargs],
    "JSON": [structlog.processors.JSONRenderer()],
    "JSON with the traceback rendered": [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ],
    "JSON with the traceback as dicts": [
        structlog.processors.dict_tracebacks,
        structlog.processors.JSONRenderer(),
    ],
    "key=value": [structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()],
    "the console's": [structlog.dev.ConsoleRenderer(colors=True)],
    "the message under another key": [
        structlog.processors.EventRenamer("message"),
        structlog.processors.JSONRenderer(),
    ],
}


def bound_to(w: Watched, chain: list[Any]) -> Any:
    """A structlog logger whose events go to a handler by way of `logging`."""
    first = [structlog.contextvars.merge_contextvars, structlog.stdlib.add_log_level]
    return structlog.wrap_logger(
        w.log, processors=[*first, *chain], wrapper_class=structlog.stdlib.BoundLogger
    )


@pytest.mark.parametrize("chain", CHAINS)
def test_an_event_is_told_with_its_message(chain: str, watch: Watch) -> None:
    w = watch()
    bound_to(w, CHAINS[chain]).error("payment failed", order=8841)
    told = w.told()
    assert "payment failed" in told
    assert "8841" in told
    assert w.counts() == [1]


@pytest.mark.parametrize("chain", [chain for chain in CHAINS if chain != "JSON"])
def test_an_exception_is_told_with_type_and_place(chain: str, watch: Watch) -> None:
    w = watch()
    log = bound_to(w, CHAINS[chain])
    try:
        charge(8841)
    except ConnectionError:
        if chain == "the message under another key":
            log = bound_to(w, [structlog.processors.format_exc_info, *CHAINS[chain]])
        log.exception("payment failed")
    told = w.told()
    assert "ConnectionError ×1" in told.replace("*", "")
    assert "charge" in told


@pytest.mark.parametrize("chain", CHAINS)
def test_events_that_differ_by_their_values_are_one_kind(chain: str, watch: Watch) -> None:
    w = watch()
    log = bound_to(w, CHAINS[chain])
    for order in range(20):
        log.error("payment failed", order=order, amount=order * 1.5)
    assert w.counts() == [20]


@pytest.mark.parametrize("chain", ["wrap_for_formatter", "render_to_log_kwargs", "JSON"])
def test_events_with_other_messages_are_other_kinds(chain: str, watch: Watch) -> None:
    w = watch()
    log = bound_to(w, CHAINS[chain])
    for message in ("payment failed", "order failed", "payment failed"):
        log.error(message)
    assert sorted(w.counts()) == [1, 2]


def test_exc_info_true_outside_of_an_except_block_is_no_exception(watch: Watch) -> None:
    w = watch()
    bound_to(w, CHAINS["wrap_for_formatter"]).error("failed", exc_info=True)
    assert w.counts() == [1]
    assert "failed" in w.told()


@pytest.mark.parametrize("form", ["the exception", "the tuple", "true"])
def test_exc_info_in_each_form(form: str, watch: Watch) -> None:
    w = watch()
    log = bound_to(w, CHAINS["wrap_for_formatter"])
    try:
        charge(1)
    except ConnectionError as error:
        exc_info: Any = {"the exception": error, "the tuple": sys.exc_info(), "true": True}[form]
        log.error("failed", exc_info=exc_info)
    assert "ConnectionError" in w.told()


def test_context_variables_are_in_every_alert(watch: Watch) -> None:
    w = watch()
    bind_contextvars(request_id="r-77")
    w.log.error("from plain logging")
    bound_to(w, CHAINS["wrap_for_formatter"]).error("from structlog")
    assert w.told().count("r-77") == 2


def test_the_formatters_own_output_is_unchanged(watch: Watch) -> None:
    """The handler beside ours sees the same dict, exception included."""
    w = watch()
    out = io.StringIO()
    other = logging.StreamHandler(out)
    other.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ]
        )
    )
    w.log.addHandler(other)
    try:
        charge(5)
    except ConnectionError:
        bound_to(w, CHAINS["wrap_for_formatter"]).exception("failed", order=5)
    written = json.loads(out.getvalue())
    assert (written["event"], written["order"]) == ("failed", 5)
    assert "ConnectionError" in written["exception"]
    assert "ConnectionError" in w.told()


# -- without logging -----------------------------------------------------------------------


class Alerts:
    """A structlog chain that prints, with our processor in it."""

    def __init__(self, *after: Any, before: tuple[Any, ...] = (), **options: Any) -> None:
        self.out = io.StringIO()
        self.sender = RecordingSender()
        self.alert = structlog_processor(sender=self.sender, app="shop", **options)
        self.handler: WeComHandler = self.alert.handler  # type: ignore[attr-defined]  # set by us, see `install`
        chain = [*before, self.alert, *after, structlog.processors.JSONRenderer()]
        self.log = structlog.wrap_logger(structlog.PrintLogger(self.out), processors=chain)

    def told(self) -> str:
        assert self.handler.flush(20)
        return "\n".join(message.content for message in self.sender.messages)


def test_an_error_of_a_chain_without_logging_is_told() -> None:
    alerts = Alerts()
    alerts.log.info("fine")
    alerts.log.warning("careful")
    alerts.log.error("payment failed", order=8841)
    told = alerts.told()
    assert "payment failed" in told
    assert "order=8841" in told
    assert "careful" not in told
    assert alerts.handler.stats().seen == 1
    assert alerts.out.getvalue().count("\n") == 3


def test_place_and_exception_are_the_callers() -> None:
    alerts = Alerts(structlog.processors.format_exc_info)
    try:
        charge(1)
    except ConnectionError:
        alerts.log.exception("failed")
    alerts.log.critical("out of disk")
    told = alerts.told()
    assert "ConnectionError" in told
    assert "test_structlog.py" in told
    assert "structlog/" not in told
    assert "CRITICAL" in told


def test_the_event_dict_goes_on_unchanged() -> None:
    seen: list[Event] = []

    def notes(logger: object, method: str, event: Event) -> Event:
        seen.append(dict(event))
        return event

    alerts = Alerts(notes, before=(notes,))
    alerts.log.error("failed", order={"id": 1})
    assert seen[0] == seen[1]


def drops(logger: object, method: str, event: Event) -> Event:
    raise structlog.DropEvent


def test_a_later_processor_that_drops_the_event_loses_no_count() -> None:
    alerts = Alerts(drops)
    alerts.log.error("dropped")
    plain = logging.Logger("plain")
    plain.addHandler(alerts.handler)
    plain.error("plain")
    assert alerts.told().count("×1") == 2
    assert alerts.handler.stats().reported == 2


def test_an_earlier_processor_that_drops_the_event_keeps_it_from_us() -> None:
    alerts = Alerts(before=(drops,))
    alerts.log.error("dropped")
    assert alerts.handler.stats().seen == 0


def test_an_event_that_goes_through_logging_is_left_to_the_handler(watch: Watch) -> None:
    w = watch()
    alerts = Alerts()
    bound_to(w, [alerts.alert, *CHAINS["wrap_for_formatter"]]).error("failed")
    assert (alerts.handler.stats().seen, w.stats.seen) == (0, 1)


def test_a_record_that_comes_from_logging_is_left_to_the_handler(watch: Watch) -> None:
    """Shared processors run on records of `logging` as well, in `foreign_pre_chain`."""
    w = watch()
    alerts = Alerts()
    other = logging.StreamHandler(io.StringIO())
    other.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[alerts.alert], processor=structlog.processors.JSONRenderer()
        )
    )
    w.log.addHandler(other)
    w.log.error("failed")
    assert (alerts.handler.stats().seen, w.stats.seen) == (0, 1)


@pytest.mark.parametrize("rendered", ["a text", '{"event": "failed"}', b'{"event": "failed"}'])
def test_behind_a_renderer_by_mistake_it_breaks_nothing(rendered: Any) -> None:
    alerts = Alerts()
    assert alerts.alert(None, "error", rendered) == rendered
    alerts.told()
    assert alerts.handler.stats().reported == 1


@pytest.mark.parametrize(
    ("method", "level", "told"),
    [("warning", "WARNING", True), ("error", "CRITICAL", False), ("made_up", "ERROR", False)],
)
def test_the_level_is_that_of_the_method(method: str, level: str, told: bool) -> None:
    alerts = Alerts(level=level)
    alerts.alert(None, method, {"event": "x"})
    assert alerts.handler.stats().seen == told


def test_without_a_destination_the_processor_does_nothing() -> None:
    alert = structlog_processor(enabled=False)
    event = {"event": "failed"}
    assert alert(None, "error", event) is event


def test_processors_see_context_of_structlog_flat(watch: Watch) -> None:
    seen: list[Event] = []

    def notes(logger: object, method: str, event: Event) -> Event:
        seen.append(dict(event))
        return event

    w = watch(processors=[notes])
    bound_to(w, CHAINS["wrap_for_formatter"]).error("failed", order=7, pathname="theirs")
    assert w.flush()
    assert seen[0]["order"] == 7
    assert seen[0]["pathname"] != "theirs", "ours wins"
    assert seen[0]["pathname_"] == "theirs"
    assert balanced(w.stats)
