"""Ours, with its state in Redis: `BENCH_REDIS` is the URL of one that may be written to."""

import logging
import os
import uuid

from benchmarks.peers import wecom
from benchmarks.peers.wecom import IMPORT, TELLS_COUNTS

__all__ = ["IMPORT", "NAME", "PACKAGES", "TELLS_COUNTS", "handler"]

NAME = "wecom-logging, Redis"
PACKAGES = ("wecom_logging", "redis")


def handler(url: str, **options: object) -> logging.Handler:
    # A robot of each process's own, since processes share what they tell one robot; those
    # that share a directory of state are the two of a restart.
    state = os.environ.get("BENCH_STATE")
    robot = uuid.uuid5(uuid.NAMESPACE_URL, state) if state else uuid.uuid4()
    chosen = {"store": os.environ["BENCH_REDIS"], "webhook_key": str(robot), **options}
    return wecom.handler(url, **chosen)
