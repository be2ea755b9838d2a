"""Ours, with its state in Redis: `BENCH_REDIS` is the URL of one that may be written to."""

import logging
import os

from benchmarks.peers import wecom
from benchmarks.peers.wecom import IMPORT, TELLS_COUNTS

__all__ = ["IMPORT", "NAME", "PACKAGES", "TELLS_COUNTS", "handler"]

NAME = "wecom-logging, Redis"
PACKAGES = ("wecom_logging", "redis")


def handler(url: str, **options: object) -> logging.Handler:
    address = os.environ.get("BENCH_REDIS")
    if not address:
        raise RuntimeError("BENCH_REDIS is not set")
    return wecom.handler(url, **{"store": address, **options})
