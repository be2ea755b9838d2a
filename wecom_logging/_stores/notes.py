"""Small documents that command line and bot keep in a store, and leases with an owner."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Literal

from wecom_logging._stores.records import Token

Step = Literal["read", "write", "erase", "hold", "leave"]

#: Seconds that are as good as for ever.
FOR_GOOD = 1e10


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
