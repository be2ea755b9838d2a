"""A shared store while it can be reached, and memory while it cannot."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from wecom_logging._model.ratelimit import Purpose
from wecom_logging._runtime.diagnostics import warn_rarely
from wecom_logging._stores.memory import MemoryStore
from wecom_logging._stores.protocol import (
    Account,
    Batch,
    Claim,
    Entry,
    Failure,
    Fleet,
    Rules,
    Store,
    StoreError,
)
from wecom_logging._stores.reckoning import Reckoning
from wecom_logging._stores.split_limit import ASSUMED, share, until_turn

T = TypeVar("T")

#: First and longest pause between two tries to reach a store, seconds.
RETRY_FIRST, RETRY_LAST = 1.0, 60.0

#: How often the size of the fleet is asked for, seconds.
CENSUS = 10.0

#: How many errors of known groups gather, seconds: a fleet as a whole comes to the store
#: about a thousand times a second.
GATHER, GATHER_EACH = 0.05, 0.001


class FallbackStore:
    """One worker's way to a shared store.

    While the store cannot be reached the worker works with a memory of its own, within
    its share of the rate limit. What was counted meanwhile and not told is merged when the
    store is back; a batch of which nobody knew whether it had arrived is reckoned with. A
    store that was emptied, or went back in time, leaves the account of this worker whole:
    what is gone with it is `lost`, and said.

    Raises:
        StoreError: From `freeze`, when nothing may be sent, and the four steps of tokens.
    """

    def __init__(
        self,
        primary: Store,
        rules: Rules,
        name: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._primary, self._rules, self._name = primary, rules, name
        self._clock, self._wall = clock, wall
        #: What was merged and is not told outlives this process: while it can be reached.
        self.durable = True
        #: What works while the store is away; None while it is there.
        self._memory: MemoryStore | None = None
        self._retry_at, self._tries = 0.0, 0
        self._fleet: Fleet | None = None
        self._census_at = 0.0
        self._sequence = 0
        self._account = Reckoning(name)
        #: May have been merged, or not.
        self._unclear: Batch | None = None
        #: The store's digests that were sent, and what it has not been told about them.
        self._claimed = ""
        self._owed: list[Callable[[], None]] = []

    def is_stuck(self, source: str) -> bool:
        """Whether nothing that is pending can be told before the store is back."""
        if self._memory is None:
            return False
        alone = self._memory.account(source)
        return alone.merged == alone.reported + alone.lost

    @property
    def gather(self) -> float:
        """How long a worker lets the errors of known groups gather, seconds."""
        return max(GATHER, GATHER_EACH * self._fleet.size) if self._fleet else GATHER

    # -- what comes in, what goes out --------------------------------------------------

    def merge(self, batch: Batch) -> None:
        # Numbered here: what was counted in memory comes in between.
        self._sequence += 1
        batch = batch._replace(sequence=self._sequence)
        if self._memory is None:
            try:
                self._primary.merge(batch)
            except StoreError as error:
                self._lose(error)
                self._unclear = batch if error.unclear else None
            else:
                self._account.merged(batch)
                return
        self._alone.merge(batch)

    def claim(
        self, source: str, *, urgent: bool = False, insist: bool = False, leaving: bool = False
    ) -> Claim | float | None:
        if self._memory is not None and (insist or self._clock() >= self._retry_at):
            self._return(source)
        if self._memory is None:
            try:
                answer = self._primary.claim(source, urgent=urgent, insist=insist, leaving=leaving)
                self._count_fleet(source)
            except StoreError as error:
                self._lose(error)
            else:
                self._claimed = answer.digest.id if isinstance(answer, Claim) else ""
                return answer
        return self._claim_alone(source, urgent=urgent, insist=insist)

    def _claim_alone(self, source: str, *, urgent: bool, insist: bool) -> Claim | float | None:
        turn = until_turn(self._rules.rate_limit, self._known_fleet, self._wall())
        self._alone.hold_back(turn)
        answer = self._alone.claim(source, urgent=urgent, insist=insist)
        if isinstance(answer, Claim):
            self._claimed = ""
            return answer
        if answer is None and not (self._owed or self._unclear or self._account.outstanding):
            return None
        retry = max(0.1, self._retry_at - self._clock())
        return retry if answer is None else min(answer, retry)

    def freeze(self, digest_id: str, body: str) -> None:
        self._step(digest_id, lambda store: store.freeze(digest_id, body))

    def renew(self, digest_id: str) -> bool:
        try:
            return self._step(digest_id, lambda store: store.renew(digest_id))
        except StoreError:
            return False

    def settle(self, digest_id: str, *, lost: bool = False) -> None:
        self._step_or_owe(digest_id, lambda store: store.settle(digest_id, lost=lost))

    def release(self, digest_id: str, failure: Failure) -> None:
        self._step_or_owe(digest_id, lambda store: store.release(digest_id, failure))

    def _step_or_owe(self, digest_id: str, step: Callable[[Store], None]) -> None:
        try:
            self._step(digest_id, step)
        except StoreError:
            self._owed.append(lambda: step(self._primary))

    def _step(self, digest_id: str, step: Callable[[Store], T]) -> T:
        """A step on a digest, in the store that it came from."""
        if digest_id != self._claimed:
            return step(self._alone)
        if self._memory is not None:
            raise StoreError("it is away")
        try:
            return step(self._primary)
        except StoreError as error:
            self._lose(error)
            raise

    # -- away and back -----------------------------------------------------------------

    @property
    def _alone(self) -> MemoryStore:
        if self._memory is None:
            rules = self._rules
            self.durable = False
            self._memory = MemoryStore(
                duplicate_check=rules.duplicate_check,
                policy=rules.policy,
                rate_limit=share(rules.rate_limit, self._known_fleet.size),
                max_groups=rules.max_groups,
                clock=self._clock,
                wall=self._wall,
            )
        return self._memory

    @property
    def _known_fleet(self) -> Fleet:
        if self._fleet is None:
            self._fleet = Fleet(random.randrange(ASSUMED), ASSUMED)  # noqa: S311
        return self._fleet

    def _lose(self, error: StoreError) -> None:
        """The store cannot be reached: go on alone, and try again later."""
        self._tries = 0
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
        self._retry_at = self._clock() + pause * random.uniform(0.8, 1.2)  # noqa: S311

    def _return(self, source: str) -> None:
        """Look whether the store is back, and bring it what was counted meanwhile."""
        try:
            while self._owed:
                self._owed[0]()
                del self._owed[0]
            there = self._primary.account(source)
        except StoreError:
            self._retry_later()
            return
        memory, self._memory, self.durable = self._alone, None, True
        entries = memory.withdraw(source)
        self._account.told_alone(memory.account(source))
        unclear, self._unclear = self._unclear, None
        if unclear is not None and self._account.took_in(there, unclear):
            entries = without(entries, unclear.entries)
        if entries:
            self.merge(Batch(source, 0, entries))

    # -- accounts, fleet, slots --------------------------------------------------------

    def account(self, source: str) -> Account:
        if self._memory is None:
            try:
                self._account.read(self._primary.account(source))
            except StoreError as error:
                self._lose(error)
        alone = Account() if self._memory is None else self._memory.account(source)
        return self._account.total(alone)

    def fleet(self, source: str) -> Fleet:
        return self._known_fleet

    def _count_fleet(self, source: str) -> None:
        if self._clock() >= self._census_at:
            self._fleet = self._primary.fleet(source)
            self._census_at = self._clock() + CENSUS

    def take_slot(self, purpose: Purpose) -> bool:
        if self._memory is not None:
            return self._memory.take_slot(purpose)
        try:
            return self._primary.take_slot(purpose)
        except StoreError as error:
            self._lose(error)
            return False

    def give_back(self) -> None:
        try:
            (self._memory or self._primary).give_back()
        except StoreError as error:
            self._lose(error)

    # -- tokens ------------------------------------------------------------------------

    def token(self, key: str) -> str | float | None:
        return self._shared(lambda: self._primary.token(key))

    def put_token(self, key: str, token: str, refresh_in: float) -> None:
        self._shared(lambda: self._primary.put_token(key, token, refresh_in))

    def miss_token(self, key: str, *, asked: bool) -> None:
        self._shared(lambda: self._primary.miss_token(key, asked=asked))

    def drop_token(self, key: str, token: str) -> None:
        self._shared(lambda: self._primary.drop_token(key, token))

    def _shared(self, step: Callable[[], T]) -> T:
        if self._memory is not None:
            raise StoreError("it is away")
        try:
            return step()
        except StoreError as error:
            self._lose(error)
            raise


def without(entries: tuple[Entry, ...], told: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """What is left of `entries` when `told` were among them; less than none is negative."""
    left = {entry.identity.id: entry for entry in entries}
    for entry in told:
        have = left.get(entry.identity.id, Entry(entry.identity, 0))
        errors = have.errors - entry.errors
        doubtful = min(have.doubtful, max(0, errors))
        left[entry.identity.id] = have._replace(errors=errors, doubtful=doubtful)
    return tuple(entry for entry in left.values() if entry.errors)
