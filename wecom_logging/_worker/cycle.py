"""A worker's cycle: from the tallies to the store, and from the store to the destination.

It brings in what one handler has counted, takes what is due, has it delivered, and writes
into the handler's account what has become of its errors, whoever has told them.
"""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING

from wecom_logging._capture.tally import Tally
from wecom_logging._capture.variety import Tallies
from wecom_logging._model.digest import Event
from wecom_logging._runtime import fork, shutdown
from wecom_logging._runtime.deadline import deadline
from wecom_logging._runtime.diagnostics import warn_rarely
from wecom_logging._runtime.native import monotonic
from wecom_logging._stores.protocol import (
    POLL,
    Account,
    Asker,
    Batch,
    Claim,
    Elsewhere,
    FollowUp,
    Store,
    Why,
)
from wecom_logging._worker.audit import audit_ends
from wecom_logging._worker.collector import Collector
from wecom_logging._worker.delivery import Delivery
from wecom_logging._worker.flush import TO_WRITE_DOWN, Flushes
from wecom_logging._worker.gathering import GATHER, GATHER_EACH, Gathering
from wecom_logging.stats import Stats, StatsRecorder

if TYPE_CHECKING:
    from wecom_logging._worker.components import Components
    from wecom_logging._worker.fallback import FallbackDelivery

#: A kind whose errors were read last so long ago may be due with the next one, seconds.
QUIET = 60.0

#: Connection and token are made ready so long before something is due, seconds, if that is soon:
#: after a longer pause somebody else may have told it.
AHEAD, SOON = 0.5, 5.0

#: Quiet hours that end so close to each other are the same by two clocks, seconds.
SAME_HOURS = 60.0


class DeliveryCycle:
    """What one handler has to tell, and how far that has come.

    `stats`, `seen`, `has_work` and `give_up` are for any thread; all else is for the one that
    holds the worker's turn.
    """

    def __init__(self, components: Components, tallies: Tallies) -> None:
        self._open_store, self.durable = components.open_store, components.durable
        style = components.style
        self._app = " ".join(filter(None, (style.app, style.environment)))
        self._quiet_hours = components.quiet_hours
        self._recorder = StatsRecorder()
        self._collector = Collector(components, tallies, self._recorder)
        self._delivery = Delivery(
            components.sender,
            components.style,
            components.follow_ups,
            self._recorder,
            has_fallback=components.fallback is not None,
        )
        self._fallback: FallbackDelivery | None = None
        if components.fallback is not None:
            from wecom_logging._worker.fallback import FallbackDelivery

            self._fallback = FallbackDelivery(components.fallback, self._recorder)
        #: A thread that exits does the work, and waits for nothing that has no deadline.
        self.on_exiting_thread = False
        self._began = monotonic()
        self._source = f"{components.host}/{os.getpid()}/{os.urandom(4).hex()}"
        self.store: Store | None = None
        self._sequence = 0
        self._unmerged: list[Batch] = []
        self._collecting = False
        #: A tally has counted and could not say so: look at all of them.
        self.overlooked = False
        #: Errors of ours that the store keeps for whoever comes to it next.
        self.kept = 0
        #: What the store said last of our errors, and of all who share it.
        self.account = Account()
        #: When something is due for which connection and token are to be made ready.
        self._prepare_for: float | None = None
        #: They are no news, and another process is due to look at them, or whoever comes next.
        self._handed_over = False
        self._given_up = False

    # -- for any thread ----------------------------------------------------------------

    @property
    def last_error(self) -> str | None:
        if self._fallback and (stuck := self._fallback.stuck):
            where = f"{stuck.destination} was given them and has not returned"
            return f"{where}: it is unknown whether it told them"
        if self.account.stuck:  # told, perhaps, and that could not be written down
            return "their store, which has them, cannot be used any more; they may have been told"
        return self._recorder.last_error

    def stats(self) -> Stats:
        """The account, in one consistent reading."""
        return self._recorder.read(self._collector.seen)

    def seen(self) -> int:
        return self._collector.seen()

    def has_work(self) -> bool:
        """Whether there is something to tell, or a store in which others may have left errors."""
        durable = self.store is not None and self.store.durable
        return durable or self.has_endings() or self.stats().pending > 0

    @property
    def gather(self) -> float:
        """How long the errors of known groups may gather, seconds."""
        return max(GATHER, GATHER_EACH * self.account.sources)

    def has_endings(self) -> bool:
        """Whether the end of a group has still to be brought in."""
        return bool(self._collector.endings)

    def may_find(self) -> bool:
        """Whether children of this process may have left something in a store not yet looked
        into."""
        return self.store is None and self.durable and fork.had_children()

    def has_unstored(self) -> bool:
        """Whether errors are counted in this process only."""
        return self._collecting or bool(self._unmerged) or self._collector.has_unread()

    def give_up(self, reason: str) -> int:
        """At exit: what is pending is lost, but for what a store keeps. Returns how many."""
        pending = self.stats().pending
        if self._fallback and (stuck := self._fallback.stuck):
            stuck.let_go()
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

    def end(self, tally: Tally) -> None:
        """The group of a tally is over after the errors that it has counted so far."""
        self._collector.endings[tally] = tally.value

    # -- for who holds the turn --------------------------------------------------------

    def note(self, tally: Tally, sample: Event | None, gathering: Gathering) -> None:
        now = monotonic()
        read_at = self._collector.note(tally, sample)
        if read_at is None or tally.news:
            gathering.add_new()
        elif now - read_at > QUIET or tally.origin.level >= logging.CRITICAL:
            gathering.add_known(now, self.gather)
        else:
            gathering.add_storm(tally, now, self.gather)

    def run(self, flushes: Flushes) -> float | None:
        """Bring in what was counted, and deliver what is due, one thing at a time.

        Returns after how many seconds to come again, None if there is no reason to.

        Args:
            flushes: Those who wait for it.

        Raises:
            StoreError: The store cannot be used just now. What was counted is kept.
        """
        if self._given_up:
            return None  # declared lost: to tell it now would be to tell it twice
        store = self._opened()
        if (left := self._prepared(store, flushes)) is not None:
            return left
        self._collect(flushes)
        if shutdown.exiting.killed or (shutdown.exiting.last_call and not flushes):
            self._merge(store)
            return None  # nobody waits for us any more: it would be left half sent
        # An attempt that outlived the process would leave its lease behind, and every other
        # process waiting for that.
        last_moment = flushes.last_moment()
        if monotonic() >= last_moment:
            self._merge(store)
            return self._answer(store, flushes, TO_WRITE_DOWN)
        asker = self._asker(flushes)
        found, account = store.claim(asker, *self._unmerged)
        self._taken_in(store)
        if not isinstance(found, (Claim, FollowUp)):
            wait = self._answer(store, flushes, found, account)
            if store.durable:
                self._compare_hours(asker.quiet[1] if asker.quiet else 0.0)
            return wait
        at_fallback = isinstance(found, Claim) and found.fallback
        if not at_fallback and not self._is_last_third(flushes):
            last_moment = flushes.two_thirds()
        with deadline(last_moment):
            if isinstance(found, Claim):
                told = self._deliver(store, found, leaving=flushes.leaving)
                self._collector.want_samples(told)
                audit_ends(found.digest, told, self._app)
            else:
                self._balance(store, account)
                self._delivery.follow(store, found)
        if flushes:
            # Before the next claim, which may be a follow-up: nobody waits for one.
            self._balance(store)
            flushes.answer(self._recorder.settled + self.account.held, in_vain=False, due=0.0)
        return 0.0

    def _deliver(self, store: Store, claim: Claim, *, leaving: bool) -> list[str]:
        if claim.fallback and self._fallback:
            return self._fallback.deliver(store, claim)
        return self._delivery.deliver(store, claim, leaving=leaving)

    def _is_last_third(self, flushes: Flushes) -> bool:
        """Whether the rest of an exit is the fallback's; without one all of it is the
        destination's."""
        return self._fallback is None or monotonic() >= flushes.two_thirds()

    def _elsewhere(self, flushes: Flushes) -> Elsewhere | None:
        if self._fallback is None:
            return None
        fallback = self._fallback.fallback
        if self.on_exiting_thread and fallback.name:
            return None  # a handler: nobody could say how long it takes
        hurries = flushes.leaving and self._is_last_third(flushes)
        return Elsewhere(fallback.name, 0.0 if hurries else fallback.after)

    def _answer(
        self, store: Store, flushes: Flushes, wait: float | None, account: Account | None = None
    ) -> float | None:
        """Nothing is due now: let those go who wait for no more than that."""
        self._balance(store, account)
        self._collector.make_room()
        if not flushes:
            if wait is None or not self._is_ours_soon(wait):
                return wait
            self._prepare_for = monotonic() + wait
            return max(0.0, wait - AHEAD)
        self._handed_over = wait is None and flushes.leaving
        in_vain = self._handed_over or self.account.stuck
        flushes.answer(self._recorder.settled + self.account.held, in_vain=in_vain, due=wait)
        waits = [flushes.next_deadline(), wait]
        if not self._is_last_third(flushes):
            waits.append(flushes.two_thirds() - monotonic() if flushes.leaving else None)
        return min((each for each in waits if each is not None), default=None)

    def _is_ours_soon(self, wait: float) -> bool:
        """Whether in so many seconds there will be something of ours to send."""
        soon = POLL < wait < SOON and self._delivery.prepares
        return soon and self.stats().pending > self.account.held

    def _prepared(self, store: Store, flushes: Flushes) -> float | None:
        """Seconds until what everything is ready for is due; None if there is more to do than
        that."""
        due, self._prepare_for = self._prepare_for, None
        if due is None or flushes or self.overlooked or self._collector.has_noted:
            return None
        if monotonic() < due:
            self._delivery.prepare(store)
        return max(0.0, due - monotonic())

    def leave_in_store(self) -> None:
        """Bring in what was counted, for others to tell."""
        store = self._opened()
        self.overlooked = True
        self._collect(Flushes())
        self._merge(store)
        self._balance(store)
        self._handed_over = False

    def _opened(self) -> Store:
        if self.store is None:
            self.store = self._open_store()
        return self.store

    def _collect(self, flushes: Flushes) -> None:
        if flushes or self.overlooked:
            self.overlooked = False
            self._collector.note_all()
        self._collecting = True
        try:
            if entries := self._collector.entries():
                self._sequence += 1
                self._unmerged.append(Batch(self._source, self._sequence, entries))
        finally:
            self._collecting = False

    def _merge(self, store: Store) -> None:
        if self._unmerged:
            store.merge(*self._unmerged)
            self._taken_in(store)

    def _taken_in(self, store: Store) -> None:
        """The store has them, also if an exit does not wait for what becomes of them."""
        if store.durable:
            self.kept += sum(batch.errors for batch in self._unmerged)
        self._unmerged.clear()

    def _asker(self, flushes: Flushes) -> Asker:
        quiet = self._quiet_hours.now() if self._quiet_hours else None
        route, elsewhere = self._delivery.route, self._elsewhere(flushes)
        # Between the steps of an exit nobody waits, but there is nobody to come back either.
        why: Why = "due"
        leaving, lived = shutdown.exiting.begun, 0.0
        if flushes:
            settled = self._recorder.settled + self.account.held
            if flushes.has_waiters(settled):
                why = "insist" if flushes.take_override(settled) else "flush"
            leaving = flushes.leaving
            lived = monotonic() - self._began if flushes.looking else 0.0
        return Asker(self._source, why, leaving, route, quiet, elsewhere, lived)

    def _balance(self, store: Store, account: Account | None = None) -> None:
        """Take over what has become of our errors, whoever has told them."""
        if self._given_up:
            return
        self.account = account = account or store.account(self._source)
        self._recorder.write(
            reported=account.reported, lost=account.lost, by_fallback=account.by_fallback
        )
        # While it cannot be reached nobody can say that it keeps them.
        self.kept = account.merged - account.reported - account.lost if store.durable else 0

    def _compare_hours(self, left: float) -> None:
        """Say that another process has other quiet hours: for how long ours last, seconds."""
        if abs(left - self.account.hours) <= SAME_HOURS:
            return
        ours = f"until {_clock(left)}" if left else "no quiet now"
        theirs = f"until {_clock(self.account.hours)}" if self.account.hours else "no quiet now"
        warn_rarely(
            f"quiet_hours {self._app}",
            f"quiet_hours of {self._app}: here {ours}, in the store {theirs}: what is in the"
            " store counts. Give all processes the same; if you have changed them, end the old"
            " ones with: wecom-logging quiet off",
            once=True,
        )


def _clock(seconds: float) -> str:
    """What the clock of this host shows then."""
    return time.strftime("%H:%M", time.localtime(time.time() + seconds))
