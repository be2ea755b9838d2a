"""A program that runs until systemd, Docker or Kubernetes tells it to stop.

    pip install wecom-logging
    export WECOM_WEBHOOK_KEY=…
    python examples/worker.py

SIGTERM ends a Python program at once, without running exit hooks. Turned into an exception that
leaves `main`, as SIGINT is, it is an orderly end, and what is pending is delivered.
"""

from __future__ import annotations

import logging
import signal
import sys
import time
from types import FrameType

import wecom_logging

wecom_logging.install(app="shop")
log = logging.getLogger("shop")


def stop(signum: int, frame: FrameType | None) -> None:
    sys.exit(0)


def main() -> None:
    signal.signal(signal.SIGTERM, stop)
    print("ready", flush=True)
    try:
        while True:
            time.sleep(1)
    finally:
        log.error("worker is told to stop with %d orders open", 3)


if __name__ == "__main__":
    main()
