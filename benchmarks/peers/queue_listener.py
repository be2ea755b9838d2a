"""The standard library's answer: `QueueHandler`, and a listener in front of the same post."""

import logging
import logging.handlers
import queue

from benchmarks.peers import requests_post

NAME = "QueueHandler + requests.post"
PACKAGES = ("requests",)
IMPORT = "import logging.handlers, requests"


def handler(url: str) -> logging.Handler:
    waiting: queue.Queue[logging.LogRecord] = queue.Queue()
    listener = logging.handlers.QueueListener(waiting, requests_post.handler(url))
    listener.start()

    class Stopping(logging.handlers.QueueHandler):
        def close(self) -> None:
            listener.stop()
            super().close()

    return Stopping(waiting)
