"""What people write by hand: `requests.post` in `emit`."""

import logging

NAME = "hand-written requests.post"
PACKAGES = ("requests",)
IMPORT = "import requests"


def handler(url: str) -> logging.Handler:
    import requests

    class Post(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            try:
                text = {"content": self.format(record)}
                requests.post(url, json={"msgtype": "text", "text": text}, timeout=5)
            except Exception:
                self.handleError(record)

    return Post()
