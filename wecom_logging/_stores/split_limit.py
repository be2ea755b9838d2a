"""What is one process's part of a budget that nobody keeps for all of them."""

from __future__ import annotations

from typing import NamedTuple

from wecom_logging._model.ratelimit import RateLimit

#: How many processes are assumed where nobody has ever been able to count them.
ASSUMED = 16


class Fleet(NamedTuple):
    """The sources at a destination, and the place of one of them among them."""

    rank: int
    size: int


def split_limit(limit: RateLimit, size: int) -> RateLimit:
    """One process's part of `limit` among `size`, of half of it.

    Nobody knows what the others have spent just before, and half a window is what they
    may spend at once. A part of less than one attempt is one attempt in a longer window.
    """
    if size <= 1:
        return limit
    return tuple(
        (half // size, window) if half >= size else (1, window * size / half)
        for attempts, window in limit
        for half in (max(1, attempts // 2),)
    )


def until_time_slice(limit: RateLimit, fleet: Fleet, wall: float) -> float:
    """Seconds until the turn of this process; 0 while it is, or where none is needed.

    Where there are more processes than attempts, each speaks in its own part of a cycle:
    two hundred that lose their store in the same moment do not speak in the same moment.
    """
    longer = [
        window * fleet.size / half
        for attempts, window in limit
        if fleet.size > (half := max(1, attempts // 2))
    ]
    if not longer:
        return 0.0
    cycle = max(longer)
    turn = cycle / fleet.size
    position = (wall - fleet.rank * turn) % cycle
    return 0.0 if position < turn else cycle - position
