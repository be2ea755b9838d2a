"""A shared store while it can be reached, and memory while it cannot."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, TypeVar

from wecom_logging._model.ratelimit import ASSUMED, Fleet, split_limit, until_time_slice
from wecom_logging._runtime.deadline import time_left
from wecom_logging._runtime.diagnostics import warn_rarely
from wecom_logging._runtime.native import monotonic
from wecom_logging._stores import memory
from wecom_logging._stores.memory import MemoryStore
from wecom_logging._stores.protocol import (
    LEASE,
    Account,
    Answer,
    Asker,
    Batch,
    Claim,
    Dropped,
    Failure,
    FollowUp,
    Left,
    Rules,
    Store,
    StoreError,
)
from wecom_logging._stores.records import RANDOM

T = TypeVar("T")

#: First and longest pause between two tries to reach a store, seconds.
RETRY_FIRST, RETRY_LAST = 1.0, 60.0

#: How long errors wait for whoever is at work in the store. A CRITICAL does not.
BUSY_FOR = 3.0
#: How long all that a visit asks for beside its claim waits for them: tokens, cooldowns, the
#: account. A CRITICAL may come meanwhile, or wait for the answer.
ASKS_BUSY_FOR = 1.0
#: How often a step comes again meanwhile that cannot wait in the inbox, seconds.
BUSY_POLL = 0.005

#: For how long nobody else can have fetched another token than what is still to be left.
LEAVES_FOR = 10.0


class FailoverStore:
    """One worker's way to a shared store.

    While the store cannot be reached the worker works with a memory of its own, within
    its share of the rate limit. What was counted meanwhile and not told is merged when the
    store is back. A batch whose fate is unknown is kept, and merged again under its number
    before anything newer. A store that was emptied, or went back in time, leaves the account
    of this worker whole: what is gone with it is `lost`, and said.

    A store that is busy is not away: the worker comes again, with a CRITICAL that has come
    meanwhile, which does not wait.

    Raises:
        StoreError: From `claim`, when the store is busy and nothing was done; from `freeze`,
            when nothing may be sent.
    """

    def __init__(
        self,
        primary: Store,
        rules: Rules,
        name: str,
        *,
        clock: Callable[[], float] = memory.clock,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._primary, self._rules, self._name = primary, rules, name
        self._clock, self._wall = clock, wall
        #: What was merged and is not told outlives this process: while it can be reached.
        self.durable = True
        #: What works while the store is away; None while it is there.
        self._memory: MemoryStore | None = None
        self._retry_at, self._tries = 0.0, 0
        #: Since when nothing could be handed in because others were at work.
        self._busy_since: float | None = None
        #: Until when this visit goes on asking a busy store; None: it was not busy yet.
        self._asks_until: float | None = None
        self._fleet = Fleet(RANDOM.randrange(ASSUMED), ASSUMED)
        #: Numbered here: what was counted in memory comes in between.
        self._sequence = 0
        #: Handed to the store, which has not said that it took them in.
        self._unanswered: list[Batch] = []
        #: Errors that it has taken in, and what it said last has become of them.
        self._merged = 0
        self._last = Account()
        #: Errors that were told, or lost, by earlier lives of the store and without it.
        self._reported = self._lost = self._by_fallback = 0
        #: What was claimed from the store last, and what it has not been told about that.
        self._claimed = ""
        self._leased_until = 0.0
        #: Steps, and until when each of them means what it says.
        self._owed: list[tuple[float, Callable[[], object]]] = []

    # -- what comes in, what goes out --------------------------------------------------

    def merge(self, *batches: Batch) -> None:
        if self._memory is None:
            try:
                self._hand_in(batches, self._primary.merge, patience=BUSY_FOR)
            except StoreError as error:
                self._lose(error)
        else:
            self._memory.merge(*self._numbered(batches))

    def claim(self, asker: Asker, *batches: Batch) -> tuple[Answer, Account | None]:
        self._asks_until = None
        if self._memory is not None and (asker.why == "insist" or self._clock() >= self._retry_at):
            self._return(asker.source)
        if self._memory is None:
            asked = self._clock()
            try:
                answer, there = self._hand_in(
                    batches, lambda *all_: self._primary.claim(asker, *all_)
                )
            except StoreError as error:
                if error.busy:
                    raise
                self._lose(error)
                batches = ()
            else:
                self._claimed = answer.id if isinstance(answer, (Claim, FollowUp)) else ""
                self._leased_until = asked + LEASE
                if there is None:
                    return answer, None
                self._read(there)
                return answer, self._whole(asker.source)
        return self._claim_alone(asker, self._numbered(batches)), None

    def _hand_in(
        self, batches: tuple[Batch, ...], step: Callable[..., T], *, patience: float = 0.0
    ) -> T:
        """A step that merges what is new, after what may have been merged already."""
        unanswered, new = self._unanswered, self._numbered(batches)
        try:
            answer = self._take(lambda: step(*unanswered, *new), patience)
        except StoreError as error:
            error.busy = error.busy and self._may_wait(batches)
            if error.unclear:
                self._unanswered = [*unanswered, *new]
            elif new and not error.busy:
                self._alone.merge(*new)
            raise
        self._busy_since, self._unanswered = None, []
        self._merged += sum(batch.errors for batch in (*unanswered, *new))
        return answer

    def _may_wait(self, batches: tuple[Batch, ...]) -> bool:
        """Whether these may wait until the store is no longer busy."""
        if any(entry.identity.critical for batch in batches for entry in batch.entries):
            return False
        if self._busy_since is None:
            self._busy_since = self._clock()
        return self._clock() - self._busy_since < BUSY_FOR

    def _numbered(self, batches: tuple[Batch, ...]) -> tuple[Batch, ...]:
        first = self._sequence + 1
        self._sequence += len(batches)
        return tuple(
            Batch(batch.source, n, batch.entries) for n, batch in enumerate(batches, first)
        )

    def _claim_alone(self, asker: Asker, batches: tuple[Batch, ...]) -> Answer:
        turn = until_time_slice(self._rules.rate_limit, self._fleet, self._wall())
        self._alone.hold_back(turn)
        answer, _ = self._alone.claim(asker, *batches)
        if isinstance(answer, (Claim, FollowUp)):
            self._claimed = ""
            return answer
        if answer is None and not (self._owed or self._unanswered or self._outstanding):
            return None
        retry = max(0.1, self._retry_at - self._clock())
        return retry if answer is None else min(answer, retry)

    def freeze(self, claim_id: str, body: str, *, extra: int = 0) -> bool:
        try:
            return self._step(
                claim_id, lambda store: store.freeze(claim_id, body, extra=extra), BUSY_FOR
            )
        except StoreError:
            # Nothing is sent: without this all would wait until the lease is over.
            self._owe_release(claim_id, Failure("its store was away", pause=0.0))
            raise

    def renew(self, claim_id: str) -> bool:
        asked = self._clock()
        try:
            renewed = self._step(claim_id, lambda store: store.renew(claim_id))
        except StoreError:
            return False
        if renewed:
            self._leased_until = asked + LEASE
        return renewed

    def settle(self, claim_id: str, *follow_ups: FollowUp, **how: Any) -> None:
        def settle(store: Store) -> None:
            store.settle(claim_id, *follow_ups, **how)

        try:
            self._step(claim_id, settle)
        except StoreError:
            self._owed.append((math.inf, lambda: settle(self._primary)))

    def release(self, claim_id: str, failure: Failure) -> None:
        try:
            self._step(claim_id, lambda store: store.release(claim_id, failure))
        except StoreError:
            self._owe_release(claim_id, failure)

    def _owe_release(self, claim_id: str, failure: Failure) -> None:
        # Later it is somebody else's, who may be sending it.
        until = self._leased_until
        self._owed.append((until, lambda: self._primary.release(claim_id, failure)))

    def _take(self, step: Callable[[], T], patience: float = 0.0) -> T:
        """A step at the store, after what it was not told of what was claimed before.

        Args:
            patience: For how long both come again while others are at work, seconds, as long as
                this thread may.
        """
        until = monotonic() + (time_left(patience) if patience else 0.0)
        while True:
            try:
                while self._owed:
                    late, owed = self._owed[0]
                    if self._clock() < late:
                        owed()
                    del self._owed[0]
                return step()
            except StoreError as error:
                if error.busy and monotonic() < until:
                    time.sleep(BUSY_POLL)
                    continue
                error.busy = error.busy and not patience
                raise

    def _step(self, claim_id: str, step: Callable[[Store], T], patience: float = 0.0) -> T:
        """A step on what was claimed, in the store that it came from."""
        if claim_id != self._claimed:
            return step(self._alone)
        if self._memory is not None:
            raise StoreError("it is away")
        try:
            return self._take(lambda: step(self._primary), patience)
        except StoreError as error:
            if not error.busy:
                self._lose(error)
            raise

    def lease(self, key: str, left: Left | Dropped | None = None) -> str | float | None:
        if self._memory is None:
            try:
                if left is None:
                    return self._ask(lambda: self._primary.lease(key))
                return self._primary.lease(key, left)
            except StoreError as error:
                if error.busy and left is not None:
                    # Later somebody else may have had the turn, and what is newer must stay.
                    late = self._clock() + LEAVES_FOR
                    until = math.inf if isinstance(left, Dropped) else late
                    self._owed.append((until, lambda: self._primary.lease(key, left)))
                    return None
                self._lose(error)
        return self._alone.lease(key, left)

    def _ask(self, question: Callable[[], T]) -> T:
        """What a visit asks for beside its claim."""
        while True:
            try:
                return question()
            except StoreError as error:
                now = monotonic()
                if self._asks_until is None:
                    self._asks_until = now + time_left(ASKS_BUSY_FOR)
                if not error.busy or now >= self._asks_until:
                    raise
                time.sleep(BUSY_POLL)

    # -- away and back -----------------------------------------------------------------

    @property
    def _alone(self) -> MemoryStore:
        if self._memory is None:
            self.durable = False
            share = split_limit(self._rules.rate_limit, self._fleet.size)
            rules = self._rules._replace(rate_limit=share)
            self._memory = MemoryStore(
                rules=rules, provisional=True, clock=self._clock, wall=self._wall
            )
        return self._memory

    def _lose(self, error: StoreError) -> None:
        """The store cannot be reached: go on alone, and try again later."""
        self._tries, self._retry_at, self._busy_since = 0, self._clock(), None
        if not error.unclear:  # else at once: where a connection broke another one may be had
            self._retry_later()
        self._alone  # noqa: B018  from now on
        warn_rarely(
            f"store {self._name}",
            f"{self._name} cannot be used ({error}); until it can, this process counts and"
            " alerts for itself",
        )

    def _retry_later(self) -> None:
        self._tries += 1
        pause = min(RETRY_LAST, RETRY_FIRST * 2.0 ** min(self._tries - 1, 10))
        self._retry_at = self._clock() + pause * RANDOM.uniform(0.8, 1.2)

    def _return(self, source: str) -> None:
        """Look whether the store is back, and bring it what was counted meanwhile."""
        try:
            self._hand_in((), self._primary.merge)
        except StoreError:
            self._retry_later()
            return
        memory, self._memory, self.durable = self._alone, None, True
        entries = memory.withdraw(source)
        self._book(memory.account(source))
        if entries:
            self.merge(Batch(source, 0, entries))

    # -- the account -------------------------------------------------------------------

    def account(self, source: str) -> Account:
        if self._memory is None:
            try:
                self._read(self._ask(lambda: self._primary.account(source)))
            except StoreError as error:
                self._lose(error)
        return self._whole(source)

    def _whole(self, source: str) -> Account:
        """What the store has said last, with what was told, or lost, before it began anew and
        while it was away."""
        alone = Account() if self._memory is None else self._memory.account(source)
        reported = self._reported + self._last.reported + alone.reported
        lost = self._lost + self._last.lost + alone.lost
        return self._last._replace(
            reported=reported,
            lost=lost,
            merged=reported + lost + max(0, self._outstanding),
            by_fallback=self._by_fallback + self._last.by_fallback + alone.by_fallback,
            stuck=self._memory is not None and alone.merged == alone.reported + alone.lost,
        )

    @property
    def _outstanding(self) -> int:
        """Errors that the store has and nobody has told."""
        return self._merged - self._last.reported - self._last.lost

    def _read(self, there: Account) -> None:
        """What the store says now. If it was emptied, or fell back on an older copy, errors are
        gone."""
        if there.first != self._last.first and self._last.first:
            self._forget(self._outstanding - there.merged)
            self._book(self._last)
            warn_rarely(
                f"marks {self._name}",
                f"{self._name} was emptied: silences, and who has taken what, are gone with it",
            )
        elif (gone := self._merged - there.merged) > 0:
            # An older copy: what has been told since it was made stays told.
            told = min(gone, max(0, self._last.reported - there.reported))
            declared = min(gone - told, max(0, self._last.lost - there.lost))
            by_fallback = min(told, max(0, self._last.by_fallback - there.by_fallback))
            self._book(Account(told, declared, by_fallback=by_fallback))
            self._forget(gone - told - declared)
        self._last, self._merged = there, there.merged
        self._fleet = Fleet(there.rank, there.sources)

    def _book(self, account: Account) -> None:
        """Keep what the store, or the memory, is about to forget."""
        self._reported += account.reported
        self._lost += account.lost
        self._by_fallback += account.by_fallback

    def _forget(self, gone: int) -> None:
        if gone > 0:
            self._lost += gone
            errors = "error is" if gone == 1 else "errors are"
            warn_rarely(
                f"emptied {self._name}", f"{gone:,} {errors} lost: {self._name} has forgotten them"
            )
