"""From options to the parts of a delivery.

Imported by the constructor of a handler that is on, and with it everything that a delivery
needs: from then on no thread of ours imports anything. An import on a background thread
leaves a forked child with half a module, and deadlocks with a `dictConfig` elsewhere, which
holds logging's lock and waits for the import lock while we do the reverse.
"""

from __future__ import annotations

from typing import Any

from wecom_logging.capture import capture, preload
from wecom_logging.courier import Delivery
from wecom_logging.errors import ConfigurationError
from wecom_logging.options import Options
from wecom_logging.redaction import redact_text, redactor
from wecom_logging.rendering import Style
from wecom_logging.senders.base import Sender
from wecom_logging.stores.memory import MemoryStore, shared_store


def assemble(options: Options, started: float) -> Delivery:
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

    def open_store() -> MemoryStore:
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
    return Delivery(
        open_store=open_store,
        sender=sender,
        style=style,
        processors=(*options.processors, redactor(mode, sender.secrets)),
        redact_text=redact_text,
        capture=capture,
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
