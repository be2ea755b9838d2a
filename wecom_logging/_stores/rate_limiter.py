"""The slots of a destination's budget: taken before a request, back a window after its answer."""

from __future__ import annotations

import os

from wecom_logging._model.ratelimit import Purpose, RateLimit, Slot, expired, free_at
from wecom_logging._stores.protocol import LEASE


class SlotBook:
    """The slots as of one moment. `slots` is changed in place."""

    def __init__(self, slots: dict[str, Slot], limit: RateLimit, now: float) -> None:
        self._slots, self._limit, self._now = slots, limit, now

    def free_at(self, purpose: Purpose) -> float:
        """When one is free: now or later."""
        for slot_id, slot in list(self._slots.items()):
            if slot.answered is None and slot.taken + LEASE <= self._now:  # who took it is gone
                slot = self._slots[slot_id] = slot._replace(answered=slot.taken + LEASE)
            if expired(slot, self._limit, self._now):
                del self._slots[slot_id]
        return free_at(list(self._slots.values()), self._limit, self._now, purpose)

    def take(self) -> str:
        """Take one, whether it is free or not; returns its id."""
        slot_id = os.urandom(4).hex()
        self._slots[slot_id] = Slot(self._now)
        return slot_id

    def answered(self, slot_id: str, at: float | None = None) -> None:
        """Its request has been answered, now or at a time before."""
        slot = self._slots.get(slot_id)
        if slot is not None and slot.answered is None:
            self._slots[slot_id] = slot._replace(answered=self._now if at is None else at)
