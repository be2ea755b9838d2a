"""What a store is: the `Store` protocol, and the values that go in and out of it.

A store serves a destination: budget, tokens and the register of short ids belong to it,
back-off to it or to a route to it; groups, digests, follow-ups and the list of workers
belong to one app and environment there.

No method takes a time: every store has one clock.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, Protocol

from wecom_logging._model.digest import Digest, Event, Identity
from wecom_logging._model.ratelimit import DEFAULT_RATE_LIMIT, RateLimit
from wecom_logging._model.schedule import Policy
from wecom_logging._runtime.values import NamedTuple

#: How long a digest belongs to who claimed it, seconds. Longer than any attempt can take.
LEASE = 30.0

#: How long a turn of a `lease` lasts, and how far apart two turns are that were used, seconds.
TURN = 15.0
SPACING = 10.0

#: How long an expired value still serves those who would have to wait for the next one, seconds.
#: A token is usually replaced 300 s before its end.
OUTLASTS = 60.0

#: How often a worker looks at a shared store that holds something, seconds, and how late
#: it may be before it is taken for dead.
LOOK = 30.0
DEAD_AFTER = 10.0

#: How soon to ask again for what another worker is about to finish, seconds.
POLL = 0.1

#: Samples kept of a group until a message tells of it.
MAX_SAMPLES = 5

#: A follow-up is given up after so many attempts, or so many seconds.
FOLLOW_UP_ATTEMPTS = 3
FOLLOW_UP_FOR = 600.0

#: How long a silent process still counts as one of the fleet, and its account is kept, seconds.
FLEET_FOR = 3600.0
SOURCE_FOR = 90_000.0


class StoreError(Exception):
    """The store cannot be reached, or what is there is not a store of ours.

    The text names no secret. It never leaves this package: a store that may raise it
    stands behind a `FailoverStore`.
    """

    def __init__(self, text: str, *, unclear: bool = False, busy: bool = False) -> None:
        super().__init__(text)
        #: The step may have been done all the same.
        self.unclear = unclear
        #: Somebody else is at work in it: nothing was done, and soon it may be.
        self.busy = busy


class DamagedError(StoreError):
    """What is there was a store, or is none: a handler whose own file it is begins a new one."""


class Rules(NamedTuple):
    """The options that a store goes by: those of the handler that asks."""

    policy: Policy = Policy()
    rate_limit: RateLimit = DEFAULT_RATE_LIMIT
    max_groups: int = 1000
    #: The destination recognises a byte-identical repetition.
    duplicate_check: bool = False
    #: What the errors happen in that are merged; "" if nobody has said.
    release: str = ""


class Entry(NamedTuple):
    """What one source has to say about one group."""

    identity: Identity
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
    #: Grows by one with each batch; the same batch twice changes nothing, so one whose fate
    #: is unknown is merged again, before anything newer of its source.
    sequence: int
    entries: tuple[Entry, ...]

    @property
    def errors(self) -> int:
        return sum(entry.errors for entry in self.entries)


#: "due": its time has come, or not; "flush": somebody waits, so everything pending is due;
#: "insist": the same, and a pause after a failure is overridden, unless that is strict.
Why = Literal["due", "flush", "insist"]


class Elsewhere(NamedTuple):
    """Where a process can tell what its destination does not take."""

    #: What it is called; "" for another destination.
    name: str
    #: How long the destination has to have taken nothing, seconds; it is not waited for where
    #: somebody has to mend the set-up.
    after: float


class Asker(NamedTuple):
    """Who asks for something to deliver, and why."""

    source: str
    why: Why = "due"
    #: The process ends: what is no news stays for others, if that is safe (see `claim`).
    leaving: bool = False
    #: How it reaches the destination, hashed. Failures of the way pause their route only.
    route: str = ""
    #: How long ago its quiet hours have begun, and how much longer they last, seconds. They
    #: hold for the whole app, unless they have been entered already.
    quiet: tuple[float, float] | None = None
    fallback: Elsewhere | None = None
    #: The age of a process that leaves and had children, seconds: what began in its time it
    #: leaves to nobody, because the children may have been killed before they could tell it.
    lived: float = 0.0


class Account(NamedTuple):
    """What has become of the errors of one source, and its place among all sources."""

    reported: int = 0
    lost: int = 0
    #: Errors that the store has taken in; what is neither reported nor lost is pending.
    merged: int = 0
    #: The first batch that it knows of: another one after it was emptied.
    first: int = 0
    #: The sources at this destination, and which of them this one is.
    rank: int = 0
    sources: int = 1
    #: Errors that are pending and silenced, or wait until the app is no longer quiet.
    held: int = 0
    #: How much longer the quiet hours last that were entered last, seconds; 0: none do.
    hours: float = 0.0
    #: Errors of `reported` that fallbacks took.
    by_fallback: int = 0
    #: Nothing that is pending can be told before the store is back.
    stuck: bool = False


class Claim(NamedTuple):
    """A digest under a lease, with a slot of the rate limit for its first attempt."""

    digest: Digest
    #: Set if an earlier attempt had no readable answer: send exactly this.
    body: str | None = None
    #: Failed attempts in a row at this destination, or on this route.
    failures: int = 0
    #: It is for the asker's fallback, and costs no slot; then there is nothing to repeat, and
    #: a body says no more than that an earlier attempt may have told all.
    fallback: bool = False

    @property
    def id(self) -> str:
        """Names the lease."""
        return self.digest.id


class FollowUp(NamedTuple):
    """What comes after a message, if it can: a file, a call for somebody.

    Handed to `settle` with the message that it follows, and handed out by `claim` when no
    digest is due. There is one of each kind for an app: a newer one takes its place.
    """

    #: "file", "call", …
    kind: str
    #: Whatever the sender needs, as text of at most 256 KiB.
    body: str
    #: How many requests it takes, each of which costs a slot.
    slots: int = 1
    #: Names the lease; given by the store.
    id: str = ""
    #: Which attempt this is, from 1.
    attempt: int = 0


#: Groups of a digest by their ids; None: all of them.
Groups = Collection[str] | None

#: What there is to do, see `Store.claim`.
Answer = Claim | FollowUp | float | None


class Failure(NamedTuple):
    """Why something comes back, and what follows from it."""

    #: What went wrong, without secrets; the reader is told after the outage.
    reason: str
    #: Seconds to leave the route or the destination alone.
    pause: float
    #: True: even a flush has to wait that long.
    strict: bool = False
    #: True: the message may have arrived. Never the way's fault.
    unclear: bool = False
    #: True: a failure of the way (no connection, DNS, TLS, proxy, secret, 60020), which
    #: pauses its route; else one of the destination, which pauses all.
    way: bool = False
    #: True: it fails until somebody has mended the set-up.
    setup: bool = False


class Left(NamedTuple):
    """What who had the turn leaves behind."""

    #: "": nothing.
    value: str = ""
    #: For how long it holds.
    seconds: float = 0.0
    #: False: the turn was not made use of, and the next one may come at once.
    used: bool = True


class Dropped(NamedTuple):
    """A value that is not good any more. A newer one in its place stays."""

    value: str


class Store(Protocol):
    """Where groups, counts, schedule, budget and token live.

    Called by workers only, from one thread at a time for each of them. A store that is
    shared between processes may raise `StoreError` from any method.
    """

    #: What is pending in it outlives the process.
    durable: bool

    def merge(self, *batches: Batch) -> None:
        """Add what a source has counted, and fix when it is due."""

    def claim(self, asker: Asker, *batches: Batch) -> tuple[Answer, Account | None]:
        """Merge, and take everything that is pending, if something is due and a slot is free.

        Returns a `Claim`; a `FollowUp` if no digest is due (for who asks because something
        may be due, and stays); the seconds after which to ask again (which the store writes
        down); or None if nothing will become due without a new error. With it comes the
        account of the asker as it is then, or None where that has to be asked for: beside a
        `Claim`, and without the shared store.

        An unclear message comes before all else. A CRITICAL that is news is claimed beside a
        digest that is out, everything else waits for that one.

        What the destination refuses until its set-up is mended, or has not taken for so long,
        is handed out for the fallback of the asker, if it has one, while the destination is
        left alone.

        For who is leaving, None also means that what is pending, none of it news, stays in
        the store: for a worker that is due to look, or, where the store is durable and its
        pause has not passed, for whoever comes next; but not what began while it `lived`.
        """

    def freeze(self, claim_id: str, body: str, *, extra: int = 0) -> bool:
        """Keep what is about to be sent, so that a retry by anybody is byte-identical.

        `extra` slots are taken for the follow-ups that it announces. False: they are not
        free, and nothing was kept.
        """

    def renew(self, claim_id: str) -> bool:
        """Take a slot for another attempt and extend the lease; False: not now."""

    def settle(
        self, claim_id: str, *follow_ups: FollowUp, lost: bool = False, groups: Groups = None
    ) -> None:
        """It was delivered (or refused for good: `lost`), and this shall follow. Twice is once.

        With `groups`, no more than these of a digest were: the rest is still claimed, under
        the same lease, and without a frozen body, until nothing is left of it.

        Slots that were taken by `freeze` go to the follow-ups in their order; who got none
        takes its own when it is claimed.
        """

    def release(self, claim_id: str, failure: Failure) -> None:
        """It was not delivered: the errors of a digest are pending again. Twice is once.

        After an unclear attempt at a destination with a duplicate check the digest and
        its body stay together instead, and are claimed again first. A follow-up that fails
        waits for the pause by itself, and is given up after three attempts.
        """

    def lease(self, key: str, left: Left | Dropped | None = None) -> str | float | None:
        """One of all processes has the turn, and leaves a value for a while.

        Without `left`: the value that holds, or the seconds after which to ask again, or
        None: it is your turn for `TURN` seconds. Nobody waits while the value before is over
        for no more than `OUTLASTS` seconds, and was not dropped. Two turns that were made use
        of are at least `SPACING` seconds apart. With `left` the turn ends, or a value does;
        returns None.
        """

    def account(self, source: str) -> Account:
        """What has become of the errors of a source by now."""
