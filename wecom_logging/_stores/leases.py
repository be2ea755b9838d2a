"""Turns that one of all processes has, with what the last one left; documents of command line and
bot."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Literal

from wecom_logging._stores.protocol import OUTLASTS, POLL, SPACING, TURN, Dropped, Left
from wecom_logging._stores.records import Token

Step = Literal["read", "write", "erase", "hold", "leave"]

#: Seconds that are as good as for ever.
FOR_GOOD = 1e10


def lease(
    tokens: MutableMapping[str, Token], key: str, left: Left | Dropped | None, now: float
) -> str | float | None:
    """The step of one moment; `Store.lease` says what it does."""
    known = tokens.get(key) or Token()
    if left is None:
        return _turn(tokens, key, known, now)
    if isinstance(left, Dropped):
        if known.token != left.value:
            return None
        known.token = ""
    else:
        known.fetched_until = 0.0
        if left.value:
            known.token, known.refresh_at = left.value, now + left.seconds
        if not left.used:
            known.asked_at = known.asked_before
    tokens[key] = known
    return None


def kept_value(tokens: Mapping[str, Token], key: str, now: float) -> str:
    """What was left and still holds; "" if nothing does."""
    known = tokens.get(key)
    return known.token if known is not None and now < known.refresh_at else ""


def _turn(
    tokens: MutableMapping[str, Token], key: str, known: Token, now: float
) -> str | float | None:
    if value := kept_value(tokens, key, now):
        return value
    wait = POLL if now < known.fetched_until else 0.0
    if not wait and known.asked_at is not None:
        wait = max(0.0, known.asked_at + SPACING - now)
    if wait:
        # Who fetches the next one may be slow, or have been stopped.
        return known.token if known.token and now < known.refresh_at + OUTLASTS else wait
    known.asked_before, known.asked_at = known.asked_at, now
    known.fetched_until = now + TURN
    tokens[key] = known
    return None


def note(
    tokens: MutableMapping[str, Token], step: Step, key: str, value: str, seconds: float, now: float
) -> str | None:
    """One step on the document `key`; returns what is there after it, None if nothing is.

    "read"; "write" of a value for so long; "erase"; "hold": as "write", unless another
    value is there; "leave": as "erase", unless another value is there.
    """
    there = tokens.get(key)
    current = there.token if there is not None and there.refresh_at > now else None
    is_others = current is not None and current != value
    if step == "read" or (is_others and step in ("hold", "leave")):
        return current
    if step in ("write", "hold"):
        tokens[key] = Token(value, now + seconds)
        return value
    tokens.pop(key, None)
    return None
