"""A worker of RQ with alerts.

    pip install wecom-logging rq
    export WECOM_WEBHOOK_KEY=… REDIS_URL=redis://127.0.0.1:6379/0
    python examples/rq_worker.py

RQ logs a failed job in the process that it has forked for it, and then ends that process
with `os._exit`: what has not been delivered by then never is.
"""

from __future__ import annotations

import os

from redis import Redis
from rq import Queue, Worker
from rq.job import Job

import wecom_logging

handler = wecom_logging.install(app="shop")


def deliver(job: Job, *exc_info: object) -> bool:
    """Runs after RQ has logged the failure: what is new or due is told now, the rest waits
    in the store for a later failure, or the worker's end."""
    handler.close_after_job()
    return True  # the next exception handler may go on


def sync(order: int, password: str) -> None:
    raise TimeoutError(f"erp did not answer for order {order}")


if __name__ == "__main__":
    redis = Redis.from_url(os.environ["REDIS_URL"])
    queue = Queue("shop", connection=redis)
    Worker([queue], connection=redis, exception_handlers=[deliver]).work(
        burst=bool(os.environ.get("BURST"))
    )
