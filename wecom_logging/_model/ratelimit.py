"""The budget of a destination: when the next request may be written.

Pure functions over the slots that have been taken, with the time passed in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from wecom_logging._runtime.values import NamedTuple

#: Who asks. "message" is any due message; "critical" a message with a new CRITICAL;
#: "flush" has somebody waiting for it (`flush()` or exit); "extra" is a file or a mention.
Purpose = Literal["message", "critical", "flush", "extra"]

#: (attempts, seconds) pairs, all of which hold at once. The defaults leave room below
#: WeCom's own limits: a robot takes 20 messages a minute (WeCom API document 91770), an
#: application 30 a minute and 1000 an hour for each member, and drops the rest in
#: silence (document 90312).
RateLimit = tuple[tuple[int, float], ...]
DEFAULT_RATE_LIMIT: RateLimit = ((18, 60.0), (900, 3600.0))

#: When the n-th latest slot was answered, or has to be; None if there are not so many.
Nth = Callable[[int], "float | None"]


def free_at(nth: Nth, last_taken: float, limit: RateLimit, now: float, purpose: Purpose) -> float:
    """When `purpose` may take a slot: `now` or later.

    A slot comes back a window after its *answer*: WeCom counts a request at some moment
    between the two, and nobody can say at which.

    The first half of a window is spent as the schedule wants. After that messages keep
    `window / half` seconds apart, so that somebody who brings worse news never waits
    longer than that; the last slot is kept for a CRITICAL, a flush or the exit.
    """
    at = now
    for attempts, window in limit:
        half = _half(attempts)
        at = max(at, _fewer_than(_allowed(attempts, purpose), nth, window))
        halfway = _fewer_than(half, nth, window)
        if halfway > now and purpose != "flush":
            at = max(at, min(last_taken + window / half, halfway))
    return at


def ranks(limit: RateLimit, purpose: Purpose) -> set[int]:
    """Which slots, counted from the latest one, `free_at` asks for."""
    return {n for attempts, _ in limit for n in (_half(attempts), _allowed(attempts, purpose))}


def _half(attempts: int) -> int:
    """How many of a window's attempts are spent as the schedule wants."""
    return max(1, attempts // 2)


def _allowed(attempts: int, purpose: Purpose) -> int:
    """How many may be out at once."""
    if purpose == "extra":
        return _half(attempts)
    return max(1, attempts - 1) if purpose == "message" else attempts


def _fewer_than(n: int, nth: Nth, window: float) -> float:
    """When fewer than `n` slots are out."""
    answered = nth(n)
    return float("-inf") if answered is None else answered + window


# -- one process's part of a budget that nobody keeps for all of them ---------------------------

#: How many processes are assumed where nobody has ever been able to count them. So few need no
#: turns, so that each tells at once that it cannot start, and sixteen stay within the limit.
ASSUMED = 8


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
        for half, window in ((_half(attempts), window) for attempts, window in limit)
    )


def until_time_slice(limit: RateLimit, fleet: Fleet, wall: float) -> float:
    """Seconds until the turn of this process; 0 while it is, or where none is needed.

    Where there are more processes than attempts, each speaks in its own part of a cycle:
    two hundred that lose their store in the same moment do not speak in the same moment.
    """
    longer = [
        window * fleet.size / half
        for attempts, window in limit
        if fleet.size > (half := _half(attempts))
    ]
    if not longer:
        return 0.0
    cycle = max(longer)
    turn = cycle / fleet.size
    position = (wall - fleet.rank * turn) % cycle
    return 0.0 if position < turn else cycle - position
