"""From options to the parts of a delivery.

The constructor of a handler imports this, and with it all that a delivery needs, or an option that
is set: from then on no thread of ours imports anything. An import on a background thread leaves a
forked child with half a module, and deadlocks with a `dictConfig` elsewhere, which holds logging's
lock and waits for the import lock while we do the reverse.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from wecom_logging._capture.capture import capture, glimpse, said
from wecom_logging._config.destination import CONNECTION
from wecom_logging._config.options import Options
from wecom_logging._model.digest import Event
from wecom_logging._rendering import Style
from wecom_logging._runtime.values import NamedTuple
from wecom_logging._senders.protocol import Sender
from wecom_logging._stores.factory import StoreScope, opener, password
from wecom_logging._stores.protocol import Rules, Store
from wecom_logging._worker.collector import Processor
from wecom_logging._worker.follow_ups import FollowUps
from wecom_logging.errors import ConfigurationError
from wecom_logging.redaction import redactor

if TYPE_CHECKING:
    from wecom_logging._model.quiet_hours import QuietHours
    from wecom_logging._worker.fallback import Fallback
    from wecom_logging._worker.mentions import Mentions

#: Characters of a release that tell it from others.
MAX_RELEASE = 100

#: A message within less could not hold what is never cut: counts, types, places.
MIN_BYTES = 1024


class Components(NamedTuple):
    """What a handler and its worker work with."""

    #: On the thread that logs: an event for a record.
    capture: Callable[[logging.LogRecord, logging.Formatter | None], Event]
    #: The same in short, where there is no time for more; and what a record says, as a number.
    glimpse: Callable[[logging.LogRecord, logging.Formatter | None], Event]
    said: Callable[[logging.LogRecord], int]
    #: The user's processors, then the redaction; and that alone, for what is kept of a group
    #: besides its samples.
    processors: tuple[Processor, ...]
    redact: Processor
    open_store: Callable[[], Store]
    #: The store is meant to outlive the process, and to be shared with others.
    durable: bool
    style: Style
    sender: Sender
    follow_ups: FollowUps
    host: str
    #: Seconds without errors after which a tally may make room for others.
    quiet_after: float
    quiet_hours: QuietHours | None
    fallback: Fallback | None
    close_timeout: float


def make_components(options: Options, started: float) -> Components:
    """Make sender, style, processors and store of a handler."""
    sender = _sender(options.kind, options.destination)
    _check_abilities(options, sender)
    limits: Mapping[Any, int] = sender.limits.max_bytes
    msgtype: Any = options.msgtype if options.msgtype in limits else "text"
    if limits.get(msgtype, 0) < MIN_BYTES:
        raise ConfigurationError("sender", f"takes less than {MIN_BYTES} bytes of {msgtype}")
    style = Style(
        app=options.app,
        environment=options.environment,
        release=options.release,
        started=started,
        language=options.language,  # type: ignore[arg-type]  # checked with the options
        msgtype=msgtype,
        max_bytes=limits[msgtype],
        timezone=options.timezone,
        show_offset=options.timezone is None,
        show_source=options.show_source,
        links=options.links,
        card=sender.limits.card,
    )

    rules = Rules(
        options.policy,
        options.rate_limit,
        options.max_groups,
        duplicate_check=sender.limits.duplicate_check,
        release=options.release[:MAX_RELEASE],
    )
    place = StoreScope(sender.destination, options.app, options.environment, rules)
    mode: Any = options.redact
    hidden = password(options.store)
    fallback = _fallback(options, sender, style)
    senders = (sender, fallback.sender) if fallback else (sender,)

    def secrets() -> list[str]:
        return [*hidden, *(text for each in senders for text in each.secrets())]

    redact = redactor(mode, secrets)
    return Components(
        capture=partial(capture, show_locals=options.show_locals, breadcrumbs=options.breadcrumbs),
        glimpse=glimpse,
        said=said,
        processors=(*options.processors, redact),
        redact=redact,
        open_store=opener(options.store, place, local=sender.limits.local),
        durable=options.store != "memory" and not sender.limits.local,
        style=style,
        sender=sender,
        follow_ups=FollowUps(sender, style, attach=options.attach, mentions=_mentions(options)),
        fallback=fallback,
        host=options.host,
        quiet_after=options.policy.quiet_after,
        quiet_hours=_quiet_hours(options),
        close_timeout=options.close_timeout,
    )


def _check_abilities(options: Options, sender: Sender) -> None:
    """What a robot can do and an application cannot."""
    if options.mention and not sender.limits.mentions:
        raise ConfigurationError(
            "mention", "only a group robot can call people; an application has touser"
        )
    if options.msgtype == "markdown_v2" and "markdown_v2" not in sender.limits.max_bytes:
        raise ConfigurationError("msgtype", "'markdown_v2' is for group robots only")
    if options.msgtype == "card":
        if not options.links:
            raise ConfigurationError(
                "msgtype", "'card' needs links: a tap on it has to lead somewhere"
            )
        if "card" not in sender.limits.max_bytes or sender.limits.card is None:
            raise ConfigurationError("msgtype", "'card' is nothing that this sender takes")


def _mentions(options: Options) -> Mentions | None:
    if not options.mention:
        return None
    from wecom_logging._worker.mentions import Mentions

    return Mentions(options.mention, options.mention_level)


def _quiet_hours(options: Options) -> QuietHours | None:
    if not options.quiet_hours:
        return None
    from wecom_logging._model.quiet_hours import QuietHours

    return QuietHours(options.quiet_hours, options.timezone)


def _fallback(options: Options, sender: Sender, style: Style) -> Fallback | None:
    if options.fallback is None:
        return None
    from wecom_logging._worker import fallback

    style = style._replace(instead_of=options.kind, card=None)
    if fallback.is_handler(options.fallback):
        handler, name = fallback.made_handler(options.fallback)
        style = style._replace(msgtype="text", max_bytes=fallback.MAX_BYTES)
        told = fallback.HandlerSender(handler, name)
        return fallback.Fallback(told, style, options.fallback_after, name)
    arguments = dict(options.fallback)
    wanted = arguments.pop("msgtype", "markdown")
    if "/" not in arguments.get("webhook_key", ""):  # a whole URL says how it is reached
        own = {k: v for k, v in options.destination.items() if k in CONNECTION}
        arguments = {**own, **arguments}
    try:
        other = _sender("robot" if "webhook_key" in arguments else "application", arguments)
    except ConfigurationError as error:
        raise ConfigurationError("fallback", f"{error.option}: {error.rule}") from None
    if other.destination == sender.destination:
        raise ConfigurationError("fallback", "leads to the same destination as the handler itself")
    max_bytes = other.limits.max_bytes
    msgtype: Any = wanted if wanted in max_bytes else "text"
    style = style._replace(msgtype=msgtype, max_bytes=max_bytes[msgtype])
    return fallback.Fallback(other, style, options.fallback_after)


def _sender(kind: str, destination: Mapping[str, Any]) -> Sender:
    arguments = dict(destination)
    if kind == "sender":
        sender = arguments["sender"]
        if not isinstance(sender, Sender):
            raise ConfigurationError(
                "sender",
                f"{type(sender).__name__} has not all of destination, limits, secrets, send"
                " and upload",
            )
        return sender
    if kind == "robot":
        from wecom_logging._senders.robot import WebhookSender

        return WebhookSender(arguments.pop("webhook_key"), **arguments)
    from wecom_logging._senders.application import AppSender

    return AppSender(**arguments)
