"""One worker's account, kept whole across what happens to its store."""

from __future__ import annotations

from wecom_logging._runtime.diagnostics import warn_rarely
from wecom_logging._stores.protocol import Account, Batch


class Reckoning:
    """Adds up what a store says, what it has forgotten, and what was told without it.

    A file that was removed, or a Redis that was emptied or fell back on an older copy of
    itself, has forgotten errors: what nobody has told of them is `lost`, and said.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        #: Errors that were told, or lost, by earlier lives of the store and without it.
        self._reported = self._lost = 0
        #: What the store said last.
        self._last = Account()
        #: Errors that it must have taken in; None: it has to say.
        self._merged: int | None = 0

    @property
    def outstanding(self) -> int:
        """Errors that the store has and nobody has told."""
        merged = self._last.merged if self._merged is None else self._merged
        return merged - self._last.reported - self._last.lost

    def merged(self, batch: Batch) -> None:
        """The store has taken a batch in."""
        if any(entry.errors < 0 for entry in batch.entries):
            self._merged = None  # it takes back only what is still pending
        elif self._merged is not None:
            self._merged += batch.errors

    def took_in(self, there: Account, unclear: Batch) -> bool:
        """Whether a batch has arrived of which nobody knew."""
        arrived = self._merged is not None and there.merged >= self._merged + unclear.errors
        if arrived:
            self._merged = there.merged
        return arrived

    def told_alone(self, account: Account) -> None:
        """What was told while the store was away."""
        self._reported += account.reported
        self._lost += account.lost

    def read(self, there: Account) -> None:
        """What the store says now."""
        if there.first != self._last.first and self._last.first:
            self._forget(self.outstanding - there.merged)
            self._reported += self._last.reported
            self._lost += self._last.lost
        elif self._merged is not None:
            self._forget(self._merged - there.merged)
        self._last, self._merged = there, there.merged

    def _forget(self, gone: int) -> None:
        if gone > 0:
            self._lost += gone
            errors = "error is" if gone == 1 else "errors are"
            warn_rarely(
                f"emptied {self._name}", f"{gone:,} {errors} lost: {self._name} has forgotten them"
            )

    def total(self, alone: Account) -> Account:
        """The worker's account, with what a memory says that stands in for the store."""
        reported = self._reported + self._last.reported + alone.reported
        lost = self._lost + self._last.lost + alone.lost
        return Account(reported, lost, merged=reported + lost + max(0, self.outstanding))
