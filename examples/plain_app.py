"""A plain program: its whole logging configuration is a JSON file.

pip install wecom-logging
export WECOM_WEBHOOK_KEY=…
python examples/plain_app.py
"""

from __future__ import annotations

import json
import logging.config
from pathlib import Path

CONFIG = Path(__file__).with_name("logging.json")

log = logging.getLogger("shop")


def charge(order: int) -> None:
    raise TimeoutError(f"bank did not answer for order {order}")


def main() -> None:
    logging.config.dictConfig(json.loads(CONFIG.read_text("utf-8")))
    for order in range(100):
        try:
            charge(order)
        except TimeoutError:
            log.exception("order %d is not paid", order)


if __name__ == "__main__":
    main()
