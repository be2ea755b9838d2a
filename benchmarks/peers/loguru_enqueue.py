"""loguru with `enqueue=True`, behind `logging` by the bridge of its documentation."""

import logging

NAME = "loguru, enqueue=True"
PACKAGES = ("loguru", "requests")
IMPORT = "import loguru, requests"


def handler(url: str) -> logging.Handler:
    import requests
    from loguru import logger

    def post(message: str) -> None:
        requests.post(url, json={"msgtype": "text", "text": {"content": message}}, timeout=5)

    logger.remove()
    logger.add(post, enqueue=True)

    class Bridge(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            depth = logger.opt(depth=6, exception=record.exc_info)
            depth.log(record.levelname, record.getMessage())

        def close(self) -> None:
            logger.complete()
            logger.remove()
            super().close()

    return Bridge()
