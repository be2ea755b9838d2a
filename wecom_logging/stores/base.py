"""What a store is: the `Store` protocol, and the values that go in and out of it.

A store serves one app and environment at one destination. Groups, counts and digests
belong to that app and environment; slots of the rate limit, back-off and token belong
to the destination and are shared by all stores that serve it.

No method takes a time: every store has one clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from wecom_logging.digest import Digest, Event, Identity
from wecom_logging.ratelimit import Purpose

#: How long a digest belongs to who claimed it, seconds. Longer than any attempt can take.
LEASE = 30.0

#: Samples kept of a group until a message tells of it.
MAX_SAMPLES = 5


@dataclass(frozen=True)
class Entry:
    """What one source has to say about one group."""

    identity: Identity
    count: int
    samples: tuple[Event, ...] = ()


@dataclass(frozen=True)
class Batch:
    """What one source has counted since its last batch."""

    #: `host/pid/nonce`: one handler in one process.
    source: str
    #: Grows by one with each batch; the same batch twice changes nothing.
    sequence: int
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Account:
    """What has become of the errors of one source."""

    reported: int = 0
    lost: int = 0


@dataclass(frozen=True)
class Claim:
    """A digest under a lease, with a slot of the rate limit for its first attempt."""

    digest: Digest
    #: Set if an earlier attempt had no readable answer: send exactly this.
    body: str | None = None
    #: Failed attempts in a row at this destination.
    failures: int = 0


@dataclass(frozen=True)
class Failure:
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

    Called by couriers only, from one thread at a time for each of them.
    """

    def merge(self, batch: Batch) -> None:
        """Add what a source has counted, and fix when it is due."""

    def claim(
        self, source: str, *, urgent: bool = False, insist: bool = False
    ) -> Claim | float | None:
        """Take everything that is pending, if something is due and a slot is free.

        Returns a `Claim`, or the seconds after which to ask again, or None if nothing
        will become due without a new error. `urgent` makes everything pending due;
        `insist` overrides a pause after a failure, unless that is strict. An unclear
        message comes before all else.
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
