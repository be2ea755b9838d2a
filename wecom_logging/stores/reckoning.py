"""One courier's account, kept whole across what happens to its store."""

from __future__ import annotations

from wecom_logging.complaints import complain
from wecom_logging.stores.base import Account, Batch


class Reckoning:
    """Adds up what a store says, what it has forgotten, and what was told without it.

    Numbers of a store count from when it began to know the courier. A file that was
    removed, a Redis that was emptied or fell back on an older copy begins anew: what is
    missing then is `lost`, and said.
    """

    def __init__(self) -> None:
        #: Errors that were told, or lost, in earlier lives of the store and without it.
        self._reported = self._lost = 0
        #: What the store said when it began anew, and what it said last.
        self._from = self._last = Account()
        #: Errors that it must have taken in; None: it has to say.
        self._merged: int | None = 0

    @property
    def outstanding(self) -> int:
        """Errors that the store has and nobody has told."""
        last = self._last
        return (self._merged or last.merged) - last.reported - last.lost

    def merged(self, batch: Batch) -> None:
        """The store has taken a batch in."""
        if any(entry.count < 0 for entry in batch.entries):
            self._merged = None  # it takes back only what is still pending
        elif self._merged is not None:
            self._merged += batch.count

    def took_in(self, there: Account, unclear: Batch) -> bool:
        """Whether a batch has arrived of which nobody knew."""
        arrived = self._merged is not None and there.merged >= self._merged + unclear.count
        if arrived:
            self._merged = there.merged
        return arrived

    def told_alone(self, account: Account) -> None:
        """What was told while the store was away."""
        self._reported += account.reported
        self._lost += account.lost

    def read(self, account: Account, name: str) -> None:
        """What the store says now."""
        forgotten = self._merged is not None and account.merged < self._merged
        if forgotten or account.reported < self._last.reported:
            self._begin_anew(account, name)
        self._last, self._merged = account, account.merged

    def _begin_anew(self, account: Account, name: str) -> None:
        last, before = self._last, self._from
        told = last.reported - before.reported
        lost = last.lost - before.lost
        pending = account.merged - account.reported - account.lost
        was_pending = (self._merged or 0) - last.reported - last.lost
        gone = was_pending - pending
        self._reported += told + min(0, gone)
        self._lost += lost + max(0, gone)
        self._from = self._last = account
        if gone > 0:
            complain(f"emptied {name}", f"{gone:,} errors are lost: {name} has forgotten them")

    def total(self, alone: Account) -> Account:
        """The courier's account, with what a memory says that stands in for the store."""
        reported = self._reported + self._last.reported - self._from.reported + alone.reported
        lost = self._lost + self._last.lost - self._from.lost + alone.lost
        return Account(reported, lost, merged=reported + lost + max(0, self.outstanding))
