"""The slots of a destination's budget: taken before a request, back a window after its answer."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Collection, Mapping
from typing import Protocol

from wecom_logging._model.ratelimit import Purpose, RateLimit, free_at, ranks
from wecom_logging._stores.protocol import LEASE
from wecom_logging._stores.records import Destination, new_id


class Slots(Protocol):
    """Slots by id, and in the order of when they were answered, or have to be."""

    def latest(self, ranks: Collection[int]) -> Mapping[int, float]:
        """When the n-th latest was answered, or has to be, for each n of which there is one."""

    def at(self, slot_id: str) -> float | None:
        """When this one was, if it is still known."""

    def put(self, slot_id: str, at: float) -> None:
        """Add one, or move it."""

    def remove(self, slot_id: str) -> None:
        """Forget one, if it is there."""

    def forget(self, before: float) -> None:
        """Forget those that were answered before."""


class MemorySlots:
    """The slots of one process."""

    def __init__(self) -> None:
        self._at: dict[str, float] = {}
        self._sorted: list[tuple[float, str]] = []

    def latest(self, ranks: Collection[int]) -> Mapping[int, float]:
        return {n: self._sorted[-n][0] for n in ranks if n <= len(self._sorted)}

    def at(self, slot_id: str) -> float | None:
        return self._at.get(slot_id)

    def put(self, slot_id: str, at: float) -> None:
        self.remove(slot_id)
        self._at[slot_id] = at
        insort(self._sorted, (at, slot_id))

    def remove(self, slot_id: str) -> None:
        if (at := self._at.pop(slot_id, None)) is not None:
            del self._sorted[bisect_left(self._sorted, (at, slot_id))]

    def forget(self, before: float) -> None:
        gone = bisect_left(self._sorted, (before, ""))
        for _, slot_id in self._sorted[:gone]:
            del self._at[slot_id]
        del self._sorted[:gone]


class RateLimiter:
    """The slots as of one moment."""

    def __init__(
        self, slots: Slots, destination: Destination, limit: RateLimit, now: float
    ) -> None:
        self._slots, self._destination = slots, destination
        self._limit, self._now = limit, now

    def free_at(self, purpose: Purpose) -> float:
        """When one is free: now or later."""
        last_taken = self._destination.last_taken
        latest = self._slots.latest(ranks(self._limit, purpose))
        return free_at(latest.get, last_taken, self._limit, self._now, purpose)

    def take(self) -> str:
        """Take one, whether it is free or not; returns its id."""
        slot_id = new_id()
        self._slots.put(slot_id, self._now + LEASE)
        self._destination.last_taken = self._now
        return slot_id

    def forget_old(self) -> None:
        """Forget those that have come back in every window."""
        self._slots.forget(self._now - max(window for _, window in self._limit))

    def take_extra(self, count: int) -> list[str] | None:
        """Take so many for a follow-up, or none."""
        taken: list[str] = []
        while len(taken) < count:
            if self.free_at("extra") > self._now:
                self.give_back(taken)
                return None
            taken.append(self.take())
        return taken

    def extend(self, slot_ids: list[str]) -> bool:
        """Keep slots for the length of another lease, if all are still taken."""
        held = all((self._slots.at(slot_id) or 0.0) > self._now for slot_id in slot_ids)
        if held:
            for slot_id in slot_ids:
                self._slots.put(slot_id, self._now + LEASE)
        return held

    def answered(self, *slot_ids: str, at: float | None = None) -> None:
        """Their requests have been answered, now or at a time before."""
        at = self._now if at is None else at
        for slot_id in slot_ids:
            if (due := self._slots.at(slot_id)) is not None and due > at:
                self._slots.put(slot_id, at)

    def give_back(self, slot_ids: list[str]) -> None:
        """They are not used after all."""
        for slot_id in slot_ids:
            self._slots.remove(slot_id)
