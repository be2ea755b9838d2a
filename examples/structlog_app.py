"""structlog with alerts: structlog's events pass through logging, where the handler is.

    pip install wecom-logging
    export WECOM_WEBHOOK_KEY=…
    python examples/structlog_app.py

Where structlog does not pass through logging (`PrintLoggerFactory`), put
`wecom_logging.structlog_processor()` before the renderer instead.
"""

from __future__ import annotations

import logging.config
import os

import structlog
from structlog.typing import Processor

SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso"),
]

logging.config.dictConfig(
    {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "console": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": SHARED,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.dev.ConsoleRenderer(colors=False),
                ],
            }
        },
        "handlers": {
            "console": {"class": "logging.StreamHandler", "formatter": "console"},
            "wecom": {"class": "wecom_logging.WeComHandler", "level": "ERROR", "app": "shop"},
        },
        "root": {"handlers": ["console", "wecom"], "level": "INFO"},
    }
)
structlog.configure(
    processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)

log = structlog.get_logger("shop")


def charge(order: int, password: str) -> None:
    raise TimeoutError(f"bank did not answer for order {order}")


def main() -> None:
    with structlog.contextvars.bound_contextvars(request_id="req-ab12"):
        try:
            charge(8841, os.environ.get("PASSWORD", ""))
        except TimeoutError:
            log.exception("payment failed", order=8841, password=os.environ.get("PASSWORD", ""))


if __name__ == "__main__":
    main()
