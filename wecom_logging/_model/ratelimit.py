"""The budget of a destination: when the next request may be written.

Pure functions over the slots that have been taken, with the time passed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

#: Who asks. "message" is any due message; "critical" a message with a new CRITICAL;
#: "flush" has somebody waiting for it (`flush()` or exit); "extra" is a file or a mention.
Purpose = Literal["message", "critical", "flush", "extra"]

#: (attempts, seconds) pairs, all of which hold at once. The defaults leave room below
#: WeCom's own limits: a robot takes 20 messages a minute (WeCom API document 91770), an
#: application 30 a minute and 1000 an hour for each member, and drops the rest in
#: silence (document 90312).
RateLimit = tuple[tuple[int, float], ...]
DEFAULT_RATE_LIMIT: RateLimit = ((18, 60.0), (900, 3600.0))


class Slot(NamedTuple):
    """One attempt. It comes back a window after its *answer*: WeCom counts a request at
    some moment between the two, and nobody can say at which."""

    taken: float
    answered: float | None = None


def free_at(slots: Sequence[Slot], limit: RateLimit, now: float, purpose: Purpose) -> float:
    """When `purpose` may take a slot: `now` or later.

    The first half of a window is spent as the schedule wants. After that messages keep
    `window / half` seconds apart, so that somebody who brings worse news never waits
    longer than that; the last slot is kept for a CRITICAL, a flush or the exit.
    """
    return max((_free_in(slots, attempts, window, now, purpose) for attempts, window in limit))


def _free_in(
    slots: Sequence[Slot], attempts: int, window: float, now: float, purpose: Purpose
) -> float:
    returns = sorted(r for s in slots if (r := _returns(s, window, now)) > now)
    half = max(1, attempts // 2)
    allowed = {
        "extra": half,
        "message": max(1, attempts - 1),
        "critical": attempts,
        "flush": attempts,
    }[purpose]
    at = _when_fewer_than(allowed, returns, now)
    if len(returns) >= half and purpose != "flush":
        spaced = max(s.taken for s in slots) + window / half
        at = max(at, min(spaced, _when_fewer_than(half, returns, now)))
    return at


def _returns(slot: Slot, window: float, now: float) -> float:
    return (now if slot.answered is None else slot.answered) + window


def _when_fewer_than(n: int, returns: Sequence[float], now: float) -> float:
    """When fewer than `n` slots are out; `returns` are sorted times in the future."""
    return returns[len(returns) - n] if len(returns) >= n else now


def expired(slot: Slot, limit: RateLimit, now: float) -> bool:
    """Whether a slot has come back in every window and can be forgotten."""
    longest = max(window for _, window in limit)
    return slot.answered is not None and slot.answered + longest <= now
