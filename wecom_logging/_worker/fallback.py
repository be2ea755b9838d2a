"""Where is told what the destination does not take: another destination, or a handler.

It goes the way of every message: claimed for the fallback, frozen, sent, settled.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from wecom_logging._rendering import Style
from wecom_logging._runtime.native import monotonic
from wecom_logging._runtime.values import NamedTuple
from wecom_logging._senders.protocol import Limits, Message, Sender
from wecom_logging._stores.protocol import Claim, Failure, Store
from wecom_logging._worker.cooldowns import Cooldowns
from wecom_logging._worker.delivery import Delivery
from wecom_logging._worker.follow_ups import FollowUps
from wecom_logging.errors import ConfigurationError, DeliveryError
from wecom_logging.stats import StatsRecorder

#: A budget of its own: so many attempts in so many seconds, by all who share a store.
ATTEMPTS, WINDOW = 10, 60.0

#: Bytes of one record: the whole message, and nothing that nobody reads.
MAX_BYTES = 16 * 1024

#: Logger of the records that a handler gets.
LOGGER = "wecom_logging.fallback"


class Fallback(NamedTuple):
    """The option, made into parts."""

    sender: Sender
    style: Style
    after: float
    #: What the handler is called; "" for another destination.
    name: str = ""


class HandlerSender:
    """A `logging.Handler` as a destination: one record for each message, on the worker's thread.

    It has taken a message when `handle` has returned and `handleError` was not called.
    """

    limits = Limits({"text": MAX_BYTES}, local=True)

    def __init__(self, handler: logging.Handler, name: str) -> None:
        self._handler = handler
        self.destination = f"handler {name}"
        #: When it was given something that it has not returned from.
        self.busy_since: float | None = None

    def secrets(self) -> tuple[str, ...]:
        return ()

    def send(self, message: Message) -> None:
        """Hand over a record.

        Raises:
            DeliveryError: Its filters, or what it calls, refuse it; unclear, if it has raised.
        """
        record = _record(message.content)
        self.busy_since = monotonic()
        try:
            with _errors_of(self._handler, record) as failed:
                passed: object = self._handler.handle(record)
        except Exception as error:
            what = f"{self.destination} raised {type(error).__name__}"
            raise DeliveryError(what, unclear=True) from None
        finally:
            self.busy_since = None
        if failed:
            raise DeliveryError(f"{self.destination} failed: {failed[0]}")
        if passed is False or passed == 0:
            raise DeliveryError(f"{self.destination}: its filters refuse the record")

    def upload(self, name: str, data: bytes) -> str:
        raise DeliveryError(f"{self.destination} takes no files")

    def let_go(self) -> None:
        """At exit, while the handler does not return: `logging.shutdown` would wait for its
        lock."""
        refs = logging._handlerList  # type: ignore[attr-defined]  # what it goes through
        refs[:] = [ref for ref in refs if ref() is not self._handler]


def _record(content: str) -> logging.LogRecord:
    # The first line is ours: marker, level, app and count before anything that was logged.
    critical = content[:12].partition(" ")[2].startswith("CRITICAL ")
    level = logging.CRITICAL if critical else logging.ERROR
    return logging.LogRecord(LOGGER, level, __file__, 0, content, (), None)


@contextmanager
def _errors_of(handler: logging.Handler, ours: logging.LogRecord) -> Iterator[list[str]]:
    """What goes wrong with this record, which handlers hide; others' go where they went."""
    found: list[str] = []
    was_own = vars(handler).get("handleError")
    before = handler.handleError

    def handle_error(record: logging.LogRecord) -> None:
        if record is ours:
            # Without its text: that may hold a password.
            error = sys.exc_info()[0]
            found.append(error.__name__ if error else "it says so")
        else:
            before(record)

    handler.handleError = handle_error  # type: ignore[method-assign]  # until it is back
    try:
        yield found
    finally:
        if was_own is None:
            del handler.handleError
        else:
            handler.handleError = was_own  # type: ignore[method-assign]  # as it was


class FallbackDelivery:
    """Brings to the fallback what was claimed for it, within its budget."""

    def __init__(self, fallback: Fallback, recorder: StatsRecorder) -> None:
        self.fallback = fallback
        style, sender = fallback.style, fallback.sender
        self._scope = f"fallback {sender.destination} {style.app} {style.environment}"
        nothing_follows = FollowUps(sender, style, attach=False)
        self._delivery = Delivery(sender, style, nothing_follows, recorder)

    def deliver(self, store: Store, claim: Claim) -> list[str]:
        """As `Delivery.deliver`."""
        budget = Cooldowns(store, self._scope)
        if not any(budget.take(f"no {n}", WINDOW) for n in range(ATTEMPTS)):
            store.release(claim.id, Failure("the fallback's budget is spent", WINDOW / ATTEMPTS))
            return []
        budget.keep()
        return self._delivery.deliver(store, claim)

    @property
    def stuck(self) -> HandlerSender | None:
        """A handler that has been given something and has not returned."""
        sender = self.fallback.sender
        return sender if isinstance(sender, HandlerSender) and sender.busy_since else None


# -- from the option to parts ----------------------------------------------------------------


def is_handler(value: object) -> bool:
    """Whether the option is a handler, or what `logging.config` makes one of."""
    return isinstance(value, logging.Handler) or (
        isinstance(value, Mapping) and ("class" in value or "()" in value)
    )


def made_handler(value: Any) -> tuple[logging.Handler, str]:
    """The handler, and what it is called. One that `dictConfig` has not come to yet arrives as
    its mapping, and is made of a copy: it takes out of the mapping what it has used.

    Raises:
        ConfigurationError: It cannot be made, or is one of ours.
    """
    if isinstance(value, logging.Handler):
        return _not_ours(value), value.get_name() or type(value).__name__
    from logging.config import DictConfigurator

    configurator = getattr(value, "configurator", None) or DictConfigurator({"version": 1})
    try:
        if isinstance(value.get("class"), str):
            _refuse(configurator.resolve(value["class"]))
        handler = configurator.configure_handler(configurator.convert(dict(value)))
    except ConfigurationError:
        raise
    except Exception as error:
        # Of others the text may hold what the mapping does.
        said = f": {error}" if isinstance(error, (TypeError, ImportError)) else ""
        rule = f"the handler cannot be made ({type(error).__name__}{said})"
        raise ConfigurationError("fallback", rule) from None
    known = configurator.config.get("handlers") or {}
    names = (name for name, each in dict.items(known) if each is value)
    return _not_ours(handler), next(names, type(handler).__name__)


def _not_ours(handler: logging.Handler) -> logging.Handler:
    for each in (handler, getattr(handler, "target", None)):
        _refuse(type(each))
    return handler


def _refuse(kind: object) -> None:
    """What our worker's thread logs is an echo to a handler of ours."""
    kinds = kind.__mro__ if isinstance(kind, type) else ()
    if any(each.__module__ == "wecom_logging.handler" for each in kinds):
        rule = (
            "a WeComHandler would take all of it for an echo: write the options of its"
            " destination instead"
        )
        raise ConfigurationError("fallback", rule)
