"""The floor: what a call costs with a handler that does nothing."""

import logging

NAME = "NullHandler"
PACKAGES: tuple[str, ...] = ()
IMPORT = "import logging"


def handler(url: str) -> logging.Handler:
    return logging.NullHandler()
