"""Ours, with its state in memory."""

import logging

NAME = "wecom-logging"
PACKAGES = ("wecom_logging",)
IMPORT = "import wecom_logging"
TELLS_COUNTS = True

KEY = "00000000-0000-0000-0000-000000000000"


def handler(url: str, **options: object) -> logging.Handler:
    from wecom_logging import WeComHandler

    chosen = {"store": "memory", "webhook_key": KEY, **options}
    return WeComHandler(api_base=url, **chosen)  # type: ignore[arg-type]  # checked at run time
