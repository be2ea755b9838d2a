"""A Celery worker with alerts, on a broker that is a directory.

    pip install wecom-logging celery
    export WECOM_WEBHOOK_KEY=… BROKER_DIR=/tmp/broker
    celery --app celery_app --workdir examples worker --concurrency 2
    python examples/celery_app.py

A worker empties the root logger when it starts, and the handler puts itself back, so nothing
else is needed. It receives what `get_task_logger` logs, and Celery's own reports of failed tasks.
"""

from __future__ import annotations

import logging.config
import os
from pathlib import Path

from celery import Celery
from celery.utils.log import get_task_logger

logging.config.dictConfig(
    {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {
            "console": {"class": "logging.StreamHandler"},
            "wecom": {"class": "wecom_logging.WeComHandler", "level": "ERROR", "app": "shop"},
        },
        "root": {"handlers": ["console", "wecom"], "level": "INFO"},
    }
)

broker = Path(os.environ.get("BROKER_DIR", "/tmp/shop-broker"))
(broker / "messages").mkdir(parents=True, exist_ok=True)
(broker / "control").mkdir(parents=True, exist_ok=True)

app = Celery("shop", broker="filesystem://")
app.conf.broker_transport_options = {
    "data_folder_in": str(broker / "messages"),
    "data_folder_out": str(broker / "messages"),
    "control_folder": str(broker / "control"),
}

log = get_task_logger(__name__)


def charge(order: int, password: str) -> None:
    raise TimeoutError(f"bank did not answer for order {order}")


@app.task(name="orders.pay")
def pay(order: int, password: str) -> None:
    charge(order, password)


@app.task(name="orders.refund")
def refund(order: int, password: str) -> None:
    charge(order, password)


@app.task(name="orders.stock")
def stock() -> None:
    log.error("stock of %s is negative", "sku-7")


if __name__ == "__main__":
    pay.delay(8841, password=os.environ.get("PASSWORD", ""))
