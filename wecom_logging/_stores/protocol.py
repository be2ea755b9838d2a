"""What a store is: the `Store` protocol, and the values that go in and out of it.

A store serves one app and environment at one destination. Groups, counts, digests and the
list of workers belong to that app and environment; slots of the rate limit and back-off
belong to the destination, and tokens to their credentials: all stores in one place share
them.

No method takes a time: every store has one clock.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from wecom_logging._model.digest import Digest, Event, Identity
from wecom_logging._model.ratelimit import DEFAULT_RATE_LIMIT, Purpose, RateLimit
from wecom_logging._model.schedule import Policy

#: How long a digest belongs to who claimed it, seconds. Longer than any attempt can take.
LEASE = 30.0

#: How often a worker looks at a shared store that holds something, seconds, and how late
#: it may be before it is taken for dead.
LOOK = 30.0
DEAD_AFTER = 10.0

#: How soon to ask again for what another worker is about to finish, seconds.
POLL = 0.1

#: Samples kept of a group until a message tells of it.
MAX_SAMPLES = 5

#: For how long a process counts as one of the fleet after it was last heard of, and how
#: long its account is kept, seconds.
FLEET_FOR = 3600.0
SOURCE_FOR = 90_000.0


class StoreError(Exception):
    """The store cannot be reached, or what is there is not a store of ours.

    The text names no secret. It never leaves this package: a store that may raise it
    stands behind a `FallbackStore`.
    """

    def __init__(self, text: str, *, unclear: bool = False) -> None:
        super().__init__(text)
        #: The step may have been done all the same.
        self.unclear = unclear


class Rules(NamedTuple):
    """The options that a store goes by: those of the handler that asks."""

    policy: Policy = Policy()
    rate_limit: RateLimit = DEFAULT_RATE_LIMIT
    max_groups: int = 1000
    #: The destination recognises a byte-identical repetition.
    duplicate_check: bool = False


class Entry(NamedTuple):
    """What one source has to say about one group."""

    identity: Identity
    #: Negative: so many errors that were merged before have been told elsewhere.
    errors: int
    samples: tuple[Event, ...] = ()
    #: How many of them a message of unknown fate may have told already.
    doubtful: int = 0
    #: After these errors the group is over, which is worth a message if one told of it.
    over: bool = False
    #: A group of what is not told apart says something new.
    news: bool = False


class Batch(NamedTuple):
    """What one source has counted since its last batch."""

    #: `host/pid/nonce`: one handler in one process.
    source: str
    #: Grows by one with each batch; the same batch twice changes nothing.
    sequence: int
    entries: tuple[Entry, ...]

    @property
    def errors(self) -> int:
        return sum(entry.errors for entry in self.entries)


class Account(NamedTuple):
    """What has become of the errors of one source."""

    reported: int = 0
    lost: int = 0
    #: Errors that the store has taken in; what is neither reported nor lost is pending.
    merged: int = 0
    #: The first batch that it knows of: another one after it was emptied.
    first: int = 0


class Fleet(NamedTuple):
    """The sources at a destination, and the place of one of them among them."""

    rank: int
    size: int


class Claim(NamedTuple):
    """A digest under a lease, with a slot of the rate limit for its first attempt."""

    digest: Digest
    #: Set if an earlier attempt had no readable answer: send exactly this.
    body: str | None = None
    #: Failed attempts in a row at this destination.
    failures: int = 0


class Failure(NamedTuple):
    """Why a digest comes back, and what follows from it."""

    #: What went wrong, without secrets; the reader is told after the outage.
    reason: str
    #: Seconds to leave the destination alone.
    pause: float
    #: True: even a flush has to wait that long.
    strict: bool = False
    #: True: the message may have arrived.
    unclear: bool = False


class Store(Protocol):
    """Where groups, counts, schedule, budget and token live.

    Called by workers only, from one thread at a time for each of them. A store that is
    shared between processes may raise `StoreError` from any method.
    """

    #: What is pending in it outlives the process.
    durable: bool

    def merge(self, batch: Batch) -> None:
        """Add what a source has counted, and fix when it is due."""

    def claim(
        self,
        source: str,
        *,
        urgent: bool = False,
        news_only: bool = False,
        insist: bool = False,
        leaving: bool = False,
    ) -> Claim | float | None:
        """Take everything that is pending, if something is due and a slot is free.

        Returns a `Claim`, or the seconds after which to ask again (which the store writes
        down), or None if nothing will become due without a new error. `urgent` makes
        everything pending due; with `news_only` it does if there is news among it. `insist`
        overrides a pause after a failure, unless that is strict. An unclear message comes
        before all else. `leaving`, with `urgent`: the process ends, and None also means that
        what is pending, none of it news, is left to a worker of another process that is due
        to look.
        """

    def freeze(self, digest_id: str, body: str) -> None:
        """Keep what is about to be sent, so that a retry by anybody is byte-identical."""

    def renew(self, digest_id: str) -> bool:
        """Take a slot for another attempt and extend the lease; False: not now."""

    def settle(self, digest_id: str, *, lost: bool = False) -> None:
        """The digest was delivered (or refused for good: `lost`). Twice is once."""

    def release(self, digest_id: str, failure: Failure) -> None:
        """The digest was not delivered: its errors are pending again. Twice is once.

        After an unclear attempt at a destination with a duplicate check the digest and
        its body stay together instead, and are claimed again first.
        """

    def take_slot(self, purpose: Purpose) -> bool:
        """Take a slot for a file or a mention, if one is free right now."""

    def give_back(self) -> None:
        """The request of the last `take_slot` has been answered."""

    def account(self, source: str) -> Account:
        """What has become of the errors of a source, by now."""

    def fleet(self, source: str) -> Fleet:
        """How many sources there are at this destination, and which of them this one is."""

    def token(self, key: str) -> str | float | None:
        """The access token of these credentials, or the seconds after which to ask again,
        or None: fetch one, it is your turn for `LEASE` seconds."""

    def put_token(self, key: str, token: str, refresh_in: float) -> None:
        """The token that was fetched, and in how many seconds to fetch the next one."""

    def miss_token(self, key: str, *, asked: bool) -> None:
        """No token was fetched; `asked`: WeCom has, or may have, seen the request."""

    def drop_token(self, key: str, token: str) -> None:
        """WeCom has refused this token: never hand it out again. Newer ones stay."""
