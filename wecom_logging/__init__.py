"""WeChat Work (WeCom, 企业微信) alerts from Python's logging: grouped, counted, never in the way.

    LOGGING["handlers"]["wecom"] = {
        "class": "wecom_logging.WeComHandler", "level": "ERROR", "webhook_key": "…",
    }

`WeComHandler` is all that most programs need. `install` is one line for a script,
`structlog_processor` one for a structlog chain without `logging`, `alerts` a job's failure
and recovery; `AppSender` and `WebhookSender` send messages by themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wecom_logging._senders.application import AppSender
    from wecom_logging._senders.protocol import (
        Limits,
        Message,
        Receipt,
        RoutedSender,
        Sender,
        TokenSender,
    )
    from wecom_logging._senders.robot import WebhookSender
    from wecom_logging.errors import (
        ApiError,
        BusyError,
        ConfigurationError,
        ContentError,
        DeliveryError,
        RateLimitedError,
        SetupError,
        TokenError,
        TransportError,
        WeComError,
    )
    from wecom_logging.handler import WeComHandler
    from wecom_logging.install import install, structlog_processor
    from wecom_logging.jobs.alert import alerts, watch_loop
    from wecom_logging.stats import Stats

#: The one place that says it; the build reads it here.
__version__ = "0.2.0"

__all__ = [
    "ApiError", "AppSender", "BusyError", "ConfigurationError", "ContentError", "DeliveryError",
    "Limits", "Message", "RateLimitedError", "Receipt", "RoutedSender", "Sender", "SetupError",
    "Stats", "TokenError", "TokenSender", "TransportError", "WeComError", "WeComHandler",
    "WebhookSender", "__version__", "alerts", "install", "structlog_processor", "watch_loop",
]  # fmt: skip

#: The modules of the names that are not errors.
_HOMES = {
    "install": ("install", "structlog_processor"),
    "stats": ("Stats",),
    "handler": ("WeComHandler",),
    "jobs.alert": ("alerts", "watch_loop"),
    "_senders.application": ("AppSender",),
    "_senders.protocol":
        ("Limits", "Message", "Receipt", "RoutedSender", "Sender", "TokenSender"),
    "_senders.robot": ("WebhookSender",),
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Load a name when it is first asked for: importing the package imports no dependency."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    home = next((home for home, names in _HOMES.items() if name in names), "errors")
    try:
        value = getattr(import_module(f"{__name__}.{home}"), name)
    except AttributeError as error:
        # An AttributeError would say that the package has no such name.
        raise ImportError(f"{name} cannot be had on this platform: {error}") from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
