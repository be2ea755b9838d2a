"""A Flask shop with alerts.

pip install wecom-logging flask gunicorn
export WECOM_WEBHOOK_KEY=…
gunicorn --preload --workers 2 --chdir examples flask_app:app
curl --data 'password=…' http://127.0.0.1:8000/pay/8841
"""

from __future__ import annotations

import logging.config
import uuid

import structlog
from flask import Flask, request

logging.config.dictConfig(
    {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {
            "console": {"class": "logging.StreamHandler"},
            "wecom": {"class": "wecom_logging.WeComHandler", "level": "ERROR", "app": "shop"},
        },
        "root": {"handlers": ["console", "wecom"], "level": "INFO"},
        "loggers": {
            # Does not reach the root logger: a worker that timed out, a boot that failed.
            "gunicorn.error": {
                "handlers": ["console", "wecom"],
                "level": "INFO",
                "propagate": False,
            },
        },
    }
)

app = Flask(__name__)


@app.before_request
def bind_request_id() -> None:
    """Gives each request an id that every alert and log line about it shows."""
    structlog.contextvars.clear_contextvars()
    request_id = request.headers.get("X-Request-ID") or uuid.uuid4().hex[:16]
    structlog.contextvars.bind_contextvars(request_id=request_id)


def charge(order: int, password: str) -> None:
    raise TimeoutError(f"bank did not answer for order {order}")


@app.post("/pay/<int:order>")
def pay(order: int) -> str:
    charge(order, request.form["password"])
    return "paid\n"


@app.get("/stock")
def stock() -> str:
    app.logger.error("stock of %s is negative", "sku-7")
    return "told\n"


@app.get("/alive")
def alive() -> str:
    return "alive\n"
