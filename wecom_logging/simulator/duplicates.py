"""WeCom's duplicate check: the same request again within an interval is held back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from wecom_logging.simulator.budgets import HOUR

#: Seconds: the longest interval, and the one when none is asked for.
LONGEST = 4 * HOUR
DEFAULT = 1800.0

Key = tuple[int, bytes]


class Duplicates:
    """Requests that were sent with the check on, for the longest interval."""

    def __init__(self) -> None:
        self._sent: dict[Key, tuple[float, str]] = {}

    def key(self, agentid: int, body: bytes, request: Mapping[str, Any]) -> Key | None:
        """What the same request is known by; None if it does not ask for the check."""
        if request.get("enable_duplicate_check") != 1:
            return None
        return agentid, hashlib.sha256(body).digest()

    def find(self, key: Key | None, request: Mapping[str, Any], now: float) -> str | None:
        """The msgid of the request that this one repeats within its interval."""
        if key not in self._sent:
            return None
        interval = request.get("duplicate_check_interval")
        asked = interval if isinstance(interval, int) and interval > 0 else DEFAULT
        time, msgid = self._sent[key]
        return msgid if now < time + min(asked, LONGEST) else None

    def remember(self, key: Key | None, msgid: str, now: float) -> None:
        if key is None:
            return
        for old in [each for each, (time, _) in self._sent.items() if time < now - LONGEST]:
            del self._sent[old]
        self._sent[key] = (now, msgid)
