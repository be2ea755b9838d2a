"""The store of one process: plain values under one lock."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from wecom_logging import schedule
from wecom_logging.digest import Digest, Event, Identity, Outage, Report, State
from wecom_logging.ratelimit import DEFAULT_RATE_LIMIT, Purpose, RateLimit, Slot, expired, free_at
from wecom_logging.schedule import Policy, Track
from wecom_logging.stores.base import (
    LEASE,
    MAX_SAMPLES,
    Account,
    Batch,
    Claim,
    Entry,
    Failure,
)

#: How soon to ask again while another courier of this process has the digest, seconds.
POLL = 0.1

#: An attempt that failed makes what follows "late" only after so many seconds.
LATE_AFTER = 30.0

Clock = Callable[[], float]


class Destination:
    """What all stores of one destination share: slots, back-off, the unclear digest."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.slots: list[Slot] = []
        self.resume_at = float("-inf")
        self.strict = False
        self.failures = 0
        self.failing_since: float | None = None
        self.reason = ""
        #: The digest whose answer was unclear. Until one is clear it is the only attempt
        #: here, because only then does the duplicate check make a retry harmless.
        self.unclear: Held | None = None
        self.extra_slots: list[Slot] = []

    def succeeded(self) -> None:
        self.failures, self.failing_since, self.strict = 0, None, False
        self.resume_at = float("-inf")

    def failed(self, failure: Failure, now: float) -> None:
        self.failures += 1
        if self.failing_since is None:
            self.failing_since = now
        self.reason = failure.reason
        self.resume_at, self.strict = now + failure.pause, failure.strict

    def free_at(self, limit: RateLimit, now: float, purpose: Purpose) -> float:
        self.slots = [s for s in self.slots if not expired(s, limit, now)]
        return free_at(self.slots, limit, now, purpose)

    def take(self, now: float) -> Slot:
        slot = Slot(now)
        self.slots.append(slot)
        return slot


@dataclass
class Group:
    """One group: who it is, what the schedule remembers, what has not been told."""

    identity: Identity
    track: Track
    pending: dict[str, int] = field(default_factory=dict)
    samples: list[Event] = field(default_factory=list)
    #: Of the pending errors: how many an unclear message may have told.
    doubtful: int = 0
    #: Errors that are in a digest right now.
    out: int = 0

    @property
    def count(self) -> int:
        return sum(self.pending.values())

    def keep(self, samples: tuple[Event, ...]) -> None:
        """The first one stays, and the latest ones: they show the most."""
        kept = [*self.samples, *samples]
        if len(kept) > MAX_SAMPLES:
            kept = [kept[0], *kept[1 - MAX_SAMPLES :]]
        self.samples = kept


@dataclass
class Part:
    """What a digest has taken out of one group."""

    pending: dict[str, int]
    samples: list[Event]
    doubtful: int
    since: float

    @property
    def count(self) -> int:
        return sum(self.pending.values())


@dataclass
class Held:
    """A digest that somebody has claimed, or whose answer was unclear."""

    digest: Digest
    parts: dict[str, Part]
    over: tuple[str, ...]
    news: bool
    slot: Slot
    #: None: nobody has it.
    lease_until: float | None
    body: str | None = None
    unclear_since: float | None = None


_destinations: dict[str, Destination] = {}
_stores: WeakValueDictionary[tuple[str, str, str], MemoryStore] = WeakValueDictionary()


def shared_store(
    destination: str,
    app: str,
    environment: str,
    *,
    duplicate_check: bool,
    policy: Policy,
    rate_limit: RateLimit,
    max_groups: int,
) -> MemoryStore:
    """The store of this process for an app and environment at a destination.

    Handlers with the same three share it, so that a `dictConfig` in the middle of a
    storm does not start the storm anew. The options of the latest handler hold.
    """
    key = (destination, app, environment)
    store = _stores.get(key)
    if store is None:
        store = MemoryStore(shared_destination(destination), duplicate_check=duplicate_check)
        store = _stores.setdefault(key, store)
    store.configure(policy, rate_limit, max_groups)
    return store


def shared_destination(name: str) -> Destination:
    """What this process knows of a destination."""
    return _destinations.setdefault(name, Destination())


def forget_parent() -> None:
    """In a forked child: locks may be held by threads that do not exist here, and what
    is pending is the parent's to deliver."""
    _destinations.clear()
    _stores.clear()


os.register_at_fork(after_in_child=forget_parent)


class MemoryStore:
    """Groups, schedule and budget in the memory of this process.

    What a process that is killed had not delivered is gone with it.
    """

    def __init__(
        self,
        destination: Destination | None = None,
        *,
        duplicate_check: bool = False,
        policy: Policy | None = None,
        rate_limit: RateLimit = DEFAULT_RATE_LIMIT,
        max_groups: int = 1000,
        clock: Clock = time.monotonic,
        wall: Clock = time.time,
    ) -> None:
        self._destination = destination or Destination()
        self._lock = self._destination.lock
        self._duplicate_check = duplicate_check
        self._clock, self._wall = clock, wall
        self._groups: dict[str, Group] = {}
        self._held: dict[str, Held] = {}
        self._accounts: dict[str, Account] = {}
        self._sequences: dict[str, int] = {}
        self._news_gate = self._last_message = float("-inf")
        self._lost = 0
        self.configure(policy or Policy(), rate_limit, max_groups)

    def configure(self, policy: Policy, rate_limit: RateLimit, max_groups: int) -> None:
        """Take over the options of the latest handler."""
        self._policy, self._rate_limit, self._max_groups = policy, rate_limit, max_groups

    # -- what comes in -----------------------------------------------------------------

    def merge(self, batch: Batch) -> None:
        with self._lock:
            if batch.sequence <= self._sequences.get(batch.source, 0):
                return
            self._sequences[batch.source] = batch.sequence
            now = self._clock()
            for entry in batch.entries:
                self._add(entry, batch.source, now)

    def _add(self, entry: Entry, source: str, now: float) -> None:
        critical = entry.identity.critical
        wait = schedule.wait_for_company(self._policy, critical=critical)
        group = self._groups.get(entry.identity.id)
        if group is not None and schedule.is_forgotten(group.track, group.count + group.out, now):
            group = None
        if group is None:
            group = self._new_group(entry.identity, now, wait)
        schedule.arrive(group.track, entry.count, group.count + group.out, now, wait)
        group.pending[source] = group.pending.get(source, 0) + entry.count
        group.keep(entry.samples)

    def _new_group(self, identity: Identity, now: float, wait: float) -> Group:
        if len(self._groups) >= self._max_groups and identity.id not in self._groups:
            identity = self._make_room(identity, now)
            if (others := self._groups.get(identity.id)) is not None:
                return others
        track = schedule.begin(now, wait, self._policy, critical=identity.critical)
        group = self._groups[identity.id] = Group(identity, track)
        return group

    def _make_room(self, identity: Identity, now: float) -> Identity:
        """Groups that are over go, longest silent first; if none is, there are "others"."""
        over = [
            g
            for g in self._groups.values()
            if schedule.is_over(g.track, g.count + g.out, now) and g.track.over_told
        ] or [
            g
            for g in self._groups.values()
            if schedule.is_over(g.track, g.count + g.out, now)
        ]
        if not over:
            return others(identity)
        oldest = min(over, key=lambda g: g.track.last_seen)
        del self._groups[oldest.identity.id]
        return identity

    # -- what goes out -----------------------------------------------------------------

    def claim(
        self, source: str, *, urgent: bool = False, insist: bool = False
    ) -> Claim | float | None:
        with self._lock:
            now = self._clock()
            self._recover(now)
            if any(held.lease_until is not None for held in self._held.values()):
                return POLL
            unclear = self._destination.unclear
            if unclear is not None and unclear.digest.id not in self._held:
                return max(POLL, self._destination.resume_at - now)
            due = now if unclear is not None else self._due(now, urgent=urgent)
            if due is None:
                return None
            at = max(due, self._allowed_at(now, urgent=urgent, insist=insist))
            if at > now:
                return at - now
            slot = self._destination.take(now)
            held = unclear if unclear is not None else self._collect(now, slot)
            held.slot, held.lease_until = slot, now + LEASE
            return Claim(held.digest, held.body, self._destination.failures)

    def _due(self, now: float, *, urgent: bool) -> float | None:
        if urgent:
            return now if any(g.pending for g in self._groups.values()) else None
        return min(
            (
                at
                for g in self._groups.values()
                if (at := self._due_at(g)) is not None
            ),
            default=None,
        )

    def _due_at(self, group: Group) -> float | None:
        return schedule.due_at(group.track, group.count, self._news_gate, self._last_message)

    def _allowed_at(self, now: float, *, urgent: bool, insist: bool) -> float:
        """When the back-off and the budget permit an attempt."""
        destination = self._destination
        purpose: Purpose = "flush" if urgent else "message"
        if not urgent and any(
            g.track.critical and g.track.news for g in self._groups.values() if g.pending
        ):
            purpose = "critical"
        at = destination.free_at(self._rate_limit, now, purpose)
        if insist and not destination.strict:
            return at
        return max(at, destination.resume_at)

    def _collect(self, now: float, slot: Slot) -> Held:
        reports: list[Report] = []
        parts: dict[str, Part] = {}
        over: list[str] = []
        news = False
        for group in self._groups.values():
            if group.pending:
                reports.append(self._report(group, schedule.state(group.track), now))
                news = news or group.track.news
            if self._ends(group, now):
                reports.append(self._report(group, "over", now))
                over.append(group.identity.id)
            if group.pending:
                parts[group.identity.id] = self._take(group)
        destination = self._destination
        outage = None
        if destination.failing_since is not None and now - destination.failing_since >= LATE_AFTER:
            outage = Outage(self._shown(destination.failing_since, now), destination.reason)
        digest = Digest(
            os.urandom(4).hex(), tuple(reports), self._wall(), outage=outage, lost=self._lost
        )
        held = Held(digest, parts, tuple(over), news, slot, None)
        self._held[digest.id] = held
        return held

    def _ends(self, group: Group, now: float) -> bool:
        """Whether a message that goes out now says that the group is over."""
        track = group.track
        if self._policy.recovery == "off" or track.over_told:
            return False
        if group.pending:  # they are told now, and were the last ones for long enough
            return track.told > 0 and not track.again and now >= schedule.over_at(track)
        return schedule.is_over(track, group.out, now)

    def _report(self, group: Group, state: State, now: float) -> Report:
        track = group.track
        count = 0 if state == "over" else group.count
        return Report(
            identity=group.identity,
            state=state,
            count=count,
            doubtful=min(group.doubtful, count),
            total=track.total,
            since=self._shown(track.since, now),
            last=self._shown(track.last_seen, now),
            first=self._shown(track.pending_since, now),
            before=(track.told_count, track.told_span),
            span=now - (track.pending_since if track.told_at is None else track.told_at),
            news=track.news,
            hosts=tuple(sorted({source.split("/", 1)[0] for source in group.pending})),
            samples=tuple(group.samples),
        )

    def _take(self, group: Group) -> Part:
        part = Part(group.pending, group.samples, group.doubtful, group.track.pending_since)
        group.out += part.count
        group.pending, group.samples, group.doubtful = {}, [], 0
        return part

    def _shown(self, at: float, now: float) -> float:
        """A reading of the store's clock as seconds since the epoch, for people."""
        return self._wall() - (now - at)

    # -- what becomes of it ------------------------------------------------------------

    def freeze(self, digest_id: str, body: str) -> None:
        with self._lock:
            if (held := self._held.get(digest_id)) is not None:
                held.body = body

    def renew(self, digest_id: str) -> bool:
        with self._lock:
            now = self._clock()
            held = self._held.get(digest_id)
            if held is None:
                return False
            held.slot.answered = now
            if self._destination.free_at(self._rate_limit, now, "flush") > now:
                return False
            held.slot, held.lease_until = self._destination.take(now), now + LEASE
            return True

    def settle(self, digest_id: str, *, lost: bool = False) -> None:
        with self._lock:
            held = self._held.pop(digest_id, None)
            if held is None:
                return
            now = self._clock()
            held.slot.answered = now
            self._clear_unclear(held)
            self._destination.succeeded()
            self._lost = self._lost + sum(p.count for p in held.parts.values()) if lost else 0
            for group_id, part in held.parts.items():
                self._book(part, lost=lost)
                if (group := self._groups.get(group_id)) is not None:
                    group.out -= part.count
                    schedule.tell(group.track, part.count, now, self._policy)
            for group_id in held.over:
                group = self._groups.get(group_id)
                # An error that came while the message was on its way has begun it anew.
                if group is not None and not group.pending and not group.track.again:
                    schedule.tell_over(group.track)
            self._last_message = now
            if held.news:
                self._news_gate = now + self._policy.group_interval

    def release(self, digest_id: str, failure: Failure) -> None:
        with self._lock:
            held = self._held.get(digest_id)
            if held is None or held.lease_until is None:
                return
            now = self._clock()
            held.slot.answered = now
            self._destination.failed(failure, now)
            self._put_away(held, now, unclear=failure.unclear)

    def _put_away(self, held: Held, now: float, *, unclear: bool) -> None:
        """A digest nobody has: kept as it is if a retry is harmless, else taken apart."""
        held.lease_until = None
        if unclear and held.unclear_since is None:
            held.unclear_since = now
        since = held.unclear_since
        if since is not None and self._duplicate_check and now - since < schedule.UNCLEAR_FOR:
            self._destination.unclear = held
            return
        self._clear_unclear(held)
        del self._held[held.digest.id]
        for group_id, part in held.parts.items():
            self._put_back(group_id, part, doubtful=since is not None)

    def _put_back(self, group_id: str, part: Part, *, doubtful: bool) -> None:
        group = self._groups[group_id]
        group.out -= part.count
        if group.pending:
            group.track.pending_since = min(group.track.pending_since, part.since)
        for source, count in part.pending.items():
            group.pending[source] = group.pending.get(source, 0) + count
        group.doubtful += part.count if doubtful else part.doubtful
        newer, group.samples = tuple(group.samples), part.samples
        group.keep(newer)

    def _clear_unclear(self, held: Held) -> None:
        if self._destination.unclear is held:
            self._destination.unclear = None

    def _book(self, part: Part, *, lost: bool) -> None:
        for source, count in part.pending.items():
            account = self._accounts.get(source, Account())
            if lost:
                account = Account(account.reported, account.lost + count)
            else:
                account = Account(account.reported + count, account.lost)
            self._accounts[source] = account

    def _recover(self, now: float) -> None:
        """Leases that have run out, and groups that are forgotten."""
        for held in list(self._held.values()):
            if held.lease_until is not None and held.lease_until <= now:
                held.slot.answered = held.lease_until
                self._put_away(held, now, unclear=held.body is not None)
        forgotten = [
            group_id
            for group_id, g in self._groups.items()
            if schedule.is_forgotten(g.track, g.count + g.out, now)
        ]
        for group_id in forgotten:
            del self._groups[group_id]

    # -- accounts and extras -----------------------------------------------------------

    def account(self, source: str) -> Account:
        with self._lock:
            return self._accounts.get(source, Account())

    def take_slot(self, purpose: Purpose) -> bool:
        with self._lock:
            now = self._clock()
            if self._destination.free_at(self._rate_limit, now, purpose) > now:
                return False
            self._destination.extra_slots.append(self._destination.take(now))
            return True

    def give_back(self) -> None:
        with self._lock:
            if self._destination.extra_slots:
                self._destination.extra_slots.pop().answered = self._clock()


def others(identity: Identity) -> Identity:
    """The group of what is beyond `max_groups`; CRITICAL has one of its own."""
    if identity.critical:
        return Identity("others-critical", "", "critical")
    return Identity("others", "", "error")
