"""No echo: what a delivery itself logs reaches no handler.

urllib3 writes each URL it calls into its DEBUG lines, and with it the corp secret, the access token
or the robot's key; and a warning about a lost connection would come back as an alert about an
alert. So while a thread delivers, the records of that thread on the loggers of the HTTP library are
dropped before any handler sees them. The same loggers stay as they are for everybody else.
"""

from __future__ import annotations

import threading
from logging import Logger, LogRecord, getLogger

from wecom_logging._runtime import fork

#: The threads that are delivering right now, by their idents as in `record.thread`. `get_ident` is
#: looked up each time: patched later it tells greenlets apart, which the original does not.
DELIVERING: set[int] = set()

# The loggers themselves, because `getLogger` takes logging's module lock, for which no delivery
# may wait: `dictConfig` holds it while it closes handlers.
_hushed: list[Logger] = []


def _is_not_delivering(record: LogRecord) -> bool:
    """A logger's filter; a handler's would leave the other handlers with the record."""
    # Not `record.thread`: a record factory of the application's may have changed it,
    # and a logger's filters always run on the thread that logs.
    return threading.get_ident() not in DELIVERING


def suppress(*names: str) -> None:
    """Keep the loggers of these names quiet on threads that deliver.

    Each logger is named by itself: a filter does not see the records of child loggers.
    """
    _hushed.extend(logger for logger in map(getLogger, names) if logger not in _hushed)


class delivering:  # noqa: N801 - a step of `with`, named like those of contextlib
    """Mark the calling thread as delivering. May be nested."""

    def __enter__(self) -> None:
        thread = threading.get_ident()
        self._marked = None if thread in DELIVERING else thread
        if self._marked is None:
            return
        # At each delivery: configuring logging anew may have removed the filter.
        for logger in _hushed:
            if _is_not_delivering not in logger.filters:
                logger.addFilter(_is_not_delivering)
        DELIVERING.add(thread)

    def __exit__(self, *_: object) -> None:
        if self._marked is not None:
            DELIVERING.discard(self._marked)


# A forked child has this thread alone; its new ones may get the idents of the parent's.
fork.in_child(lambda: DELIVERING.intersection_update({threading.get_ident()}))
