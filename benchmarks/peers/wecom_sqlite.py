"""Ours, with its state in a SQLite file: `BENCH_STATE` names the directory, for restarts."""

import logging
import os
import tempfile

from benchmarks.peers import wecom
from benchmarks.peers.wecom import IMPORT, PACKAGES, TELLS_COUNTS

__all__ = ["IMPORT", "NAME", "PACKAGES", "TELLS_COUNTS", "handler"]

NAME = "wecom-logging, SQLite"


def handler(url: str, **options: object) -> logging.Handler:
    directory = os.environ.get("BENCH_STATE") or tempfile.mkdtemp()
    return wecom.handler(url, **{"store": f"sqlite:///{directory}/state.db", **options})
