"""One record is one error at one place, by however many ways it comes there.

A handler in the list of a logger and of root's, two handlers of one robot, a cell of a notebook
that was run three times: the first one that takes a record counts it, the others do not.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from weakref import ref

#: Destination, app and environment.
Place = tuple[str, str, str]


class Seen:
    """The records that have been counted at one place: by `id`, for as long as they live. Nothing
    is written into a record, and none is kept."""

    def __init__(self) -> None:
        self._records: dict[int, ref[logging.LogRecord]] = {}

    def __contains__(self, record: logging.LogRecord) -> bool:
        found = self._records.get(id(record))
        return found is not None and found() is record

    def add(self, record: logging.LogRecord) -> None:
        """Note a record that has been counted."""
        records, key = self._records, id(record)
        records[key] = ref(record, lambda _: records.pop(key, None))


_places: dict[Place, Seen] = {}


def seen_at(place: Place) -> Seen:
    """What has been counted at a place, by any handler of this process."""
    return _places.setdefault(place, Seen())


def on_the_way(name: str) -> Iterator[logging.Handler]:
    """The handlers that a record of the logger of this name meets, some of them twice."""
    logger: logging.Logger | None = logging.root
    known = logging.root.manager.loggerDict.get(name)
    if isinstance(known, logging.Logger):
        logger = known
    while logger is not None:
        yield from tuple(logger.handlers)
        logger = logger.parent if logger.propagate else None
