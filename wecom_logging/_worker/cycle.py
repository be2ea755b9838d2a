"""A worker's cycle: from the tallies to the store, and from the store to the destination.

It brings in what one handler has counted, takes what is due, has it delivered, and writes
into the handler's account what has become of its errors, whoever has told them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from wecom_logging._capture.grouping import Tallies, Tally
from wecom_logging._model.digest import Event
from wecom_logging._runtime import fork, shutdown
from wecom_logging._runtime.deadline import deadline
from wecom_logging._runtime.diagnostics import warn_rarely
from wecom_logging._runtime.native import monotonic
from wecom_logging._stores.protocol import Batch, Claim, Store
from wecom_logging._worker.collector import Collector
from wecom_logging._worker.delivery import Delivery
from wecom_logging._worker.flush import Flushes
from wecom_logging.stats import Stats, StatsRecorder

if TYPE_CHECKING:
    from wecom_logging._worker.components import Components

#: How long a worker lets the errors of known groups gather, seconds.
GATHER = 0.05

#: What an exit needs to write down what became of the last attempt, seconds.
TO_WRITE_DOWN = 0.15


class DeliveryCycle:
    """What one handler has to tell, and how far that has come.

    `stats`, `seen`, `has_work` and `give_up` are for any thread; all else is for the one that
    holds the worker's turn.
    """

    def __init__(self, components: Components, tallies: Tallies) -> None:
        self._open_store = components.open_store
        self.durable = components.durable
        self._recorder = StatsRecorder()
        self._collector = Collector(
            tallies,
            self._recorder,
            processors=components.processors,
            redact=components.redact,
            show_source=components.style.show_source,
            quiet_after=components.quiet_after,
        )
        self._delivery = Delivery(
            components.sender, components.style, components.follow_ups, self._recorder
        )
        self._source = f"{components.host}/{os.getpid()}/{os.urandom(4).hex()}"
        self.store: Store | None = None
        self._sequence = 0
        self._unmerged: list[Batch] = []
        self._merging = False
        #: A tally has counted and could not say so: look at all of them.
        self.overlooked = False
        #: Errors of ours that the store keeps for whoever comes to it next.
        self.kept = 0
        #: They are no news, and another process is due to look at them.
        self._handed_over = False
        self._given_up = False

    # -- for any thread ----------------------------------------------------------------

    @property
    def last_error(self) -> str | None:
        return self._recorder.last_error

    def stats(self) -> Stats:
        """The account, in one consistent reading."""
        return self._recorder.read(self._collector.seen)

    def seen(self) -> int:
        """All errors ever counted."""
        return self._collector.seen()

    def has_work(self) -> bool:
        """Whether there is something to tell, or a store in which others may have left errors
        that they cannot tell any more."""
        if self.stats().pending > 0:
            return True
        if self.store is None:
            return self.durable and fork.had_children()
        return self.store.durable

    def has_unstored(self) -> bool:
        """Whether errors are counted in this process only."""
        return self._merging or bool(self._unmerged) or self._collector.has_unread()

    def give_up(self, reason: str) -> int:
        """At exit: what is pending is lost, but for what a store keeps. Returns how many."""
        pending = self.stats().pending
        kept = min(pending, self.kept)
        if kept and not self._handed_over:
            errors = "error was" if kept == 1 else "errors were"
            warn_rarely(
                f"kept {id(self)} {kept}",
                f"{kept:,} {errors} not delivered at exit: {reason}; the store keeps them for"
                " the next error, flush or exit of this app",
            )
        lost = pending - kept
        self._given_up = self._given_up or lost > 0
        self._recorder.add(lost=lost)
        return lost

    # -- for who holds the turn --------------------------------------------------------

    @property
    def gather(self) -> float:
        """How long the errors of known groups may gather, seconds."""
        gather: float = getattr(self.store, "gather", GATHER)
        return gather

    def note(self, tally: Tally, sample: Event | None) -> bool:
        """Take note of a tally that has counted; returns whether it is a new one."""
        return self._collector.note(tally, sample)

    def run(self, flushes: Flushes, take_in: Callable[[], None]) -> float | None:
        """Bring in what was counted, deliver what is due; returns when to come again.

        Args:
            flushes: Those who wait for it.
            take_in: Notes what has come since the last message.

        Raises:
            StoreError: The store cannot be used just now; it has been said.
        """
        store = self._opened()
        claim: Claim | float | None
        while not self._given_up:
            take_in()
            if flushes or self.overlooked:
                self.overlooked = False
                self._collector.note_all()
            self._merge(store)
            if shutdown.exiting.killed or (shutdown.exiting.last_call and not flushes):
                return None  # nobody waits for us any more: it would be left half sent
            # One that outlived the process would leave its lease behind, and every other
            # process waiting for that.
            last_moment = flushes.last_moment() - TO_WRITE_DOWN
            if monotonic() >= last_moment:
                claim = TO_WRITE_DOWN
                break
            claim = store.claim(
                self._source,
                urgent=flushes.has_waiters(self._recorder.settled),
                insist=flushes.take_override(self._recorder.settled),
                leaving=flushes.leaving and not flushes.looking,
            )
            if not isinstance(claim, Claim):
                break
            self._deliver(store, claim, last_moment)
        else:
            return None  # declared lost: to tell it now would be to tell it twice
        self._balance(store)
        self._collector.make_room()
        if not flushes:
            return claim
        self._handed_over = claim is None and flushes.leaving
        is_stuck = getattr(store, "is_stuck", None)
        in_vain = self._handed_over or bool(is_stuck and is_stuck(self._source))
        flushes.answer(self._recorder.settled, in_vain=in_vain, due=claim)
        waits = (flushes.next_deadline(), claim)
        return min((wait for wait in waits if wait is not None), default=None)

    def leave_in_store(self) -> None:
        """Bring in what was counted, for others to tell."""
        store = self._opened()
        self._collector.note_all()
        self._merge(store)
        self._balance(store)
        self._handed_over = False

    def _opened(self) -> Store:
        if self.store is None:
            self.store = self._open_store()
        return self.store

    def _merge(self, store: Store) -> None:
        self._merging = True
        try:
            entries = self._collector.entries()
            if entries:
                self._sequence += 1
                self._unmerged.append(Batch(self._source, self._sequence, entries))
        finally:
            self._merging = False
        while self._unmerged:
            store.merge(self._unmerged[0])
            del self._unmerged[0]

    def _deliver(self, store: Store, claim: Claim, last_moment: float) -> None:
        with deadline(last_moment):
            delivered = self._delivery.deliver(store, claim)
        if delivered:
            self._collector.want_samples(r.identity.id for r in claim.digest.reports)
        self._balance(store)

    def _balance(self, store: Store) -> None:
        """Take over what has become of our errors, whoever has told them."""
        if self._given_up:
            return
        account = store.account(self._source)
        self._recorder.write(reported=account.reported, lost=account.lost)
        # While it cannot be reached nobody can say that it keeps them.
        self.kept = account.merged - account.reported - account.lost if store.durable else 0
