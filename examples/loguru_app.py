"""loguru with alerts: the handler is a sink like any other.

    pip install wecom-logging loguru
    export WECOM_WEBHOOK_KEY=…
    python examples/loguru_app.py

`format` keeps loguru's own prefix out of the message line. The alert shows what `bind` and
`contextualize` add.
"""

from __future__ import annotations

import os

from loguru import logger

import wecom_logging

logger.add(wecom_logging.WeComHandler(app="shop"), level="ERROR", format="{message}")


def charge(order: int, password: str) -> None:
    raise TimeoutError(f"bank did not answer for order {order}")


def main() -> None:
    with logger.contextualize(request_id="req-ab12"):
        try:
            charge(8841, os.environ.get("PASSWORD", ""))
        except TimeoutError:
            logger.exception("payment failed")


if __name__ == "__main__":
    main()
