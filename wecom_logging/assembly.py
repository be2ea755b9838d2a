"""From options to the parts of a delivery.

Imported by the constructor of a handler that is on, and with it everything that a delivery
needs: from then on no thread of ours imports anything. An import on a background thread
leaves a forked child with half a module, and deadlocks with a `dictConfig` elsewhere, which
holds logging's lock and waits for the import lock while we do the reverse.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wecom_logging.capture import capture, preload
from wecom_logging.digest import Event
from wecom_logging.drain import Processor
from wecom_logging.errors import ConfigurationError
from wecom_logging.options import Options
from wecom_logging.redaction import redact_text, redactor
from wecom_logging.rendering import Style
from wecom_logging.senders.base import Sender
from wecom_logging.stores.base import Store
from wecom_logging.stores.memory import shared_store


@dataclass(frozen=True)
class Assembly:
    """What a handler and its courier work with."""

    #: On the thread that logs: an event for a record.
    capture: Callable[[logging.LogRecord, logging.Formatter | None], Event]
    #: The user's processors, then the redaction.
    processors: tuple[Processor, ...]
    redact: Callable[[str], str]
    open_store: Callable[[], Store]
    style: Style
    sender: Sender
    host: str
    quiet_after: float
    close_timeout: float


def assemble(options: Options, started: float) -> Assembly:
    """Make sender, style, processors and store of a handler."""
    sender = _sender(options)
    preload()
    msgtype = options.msgtype if options.msgtype in sender.limits.max_bytes else "text"
    style = Style(
        app=options.app,
        environment=options.environment,
        release=options.release,
        started=started,
        language=options.language,  # type: ignore[arg-type]
        msgtype=msgtype,  # type: ignore[arg-type]
        max_bytes=sender.limits.max_bytes[msgtype],  # type: ignore[index]
        timezone=options.timezone,
        show_offset=options.timezone is None,
        show_source=options.show_source,
    )

    def open_store() -> Store:
        return shared_store(
            sender.destination,
            options.app,
            options.environment,
            duplicate_check=sender.limits.duplicate_check,
            policy=options.policy,
            rate_limit=options.rate_limit,
            max_groups=options.max_groups,
        )

    mode: Any = options.redact
    return Assembly(
        capture=capture,
        processors=(*options.processors, redactor(mode, sender.secrets)),
        redact=redact_text,
        open_store=open_store,
        style=style,
        sender=sender,
        host=options.host,
        quiet_after=options.policy.quiet_after,
        close_timeout=options.close_timeout,
    )


def _sender(options: Options) -> Sender:
    arguments = dict(options.destination)
    if options.kind == "sender":
        sender = arguments["sender"]
        if not isinstance(sender, Sender):
            raise ConfigurationError(
                "sender",
                f"{type(sender).__name__} has not all of destination, limits, secrets, send"
                " and upload",
            )
        return sender
    if options.kind == "robot":
        from wecom_logging.senders.webhook import WebhookSender

        return WebhookSender(arguments.pop("webhook_key"), **arguments)
    from wecom_logging.senders.app import AppSender

    return AppSender(**arguments)
