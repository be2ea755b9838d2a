"""What a store does, step by step, on whatever `State` it is given.

`MemoryStore` keeps the state, `SQLiteStore` reads and writes the part that a step touches.
Redis does the same steps in Lua, held to them by the contract tests. When something is due
is computed by `schedule.py`, and when there is a slot by `ratelimit.py`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, MutableMapping
from dataclasses import replace
from typing import Protocol

from wecom_logging._model import schedule
from wecom_logging._model.digest import Event, Identity, Outage, others
from wecom_logging._model.ratelimit import Purpose
from wecom_logging._stores.due_index import Agenda
from wecom_logging._stores.protocol import (
    DEAD_AFTER,
    FLEET_FOR,
    LEASE,
    LOOK,
    POLL,
    SOURCE_FOR,
    Account,
    Batch,
    Claim,
    Entry,
    Failure,
    Fleet,
    Rules,
)
from wecom_logging._stores.rate_limiter import SlotBook
from wecom_logging._stores.records import (
    Desk,
    Destination,
    Group,
    Held,
    Part,
    Source,
    Token,
    ends,
    kept,
)
from wecom_logging._stores.token_lease import TokenBook

#: An attempt that failed makes what follows "late" only after so many seconds.
LATE_AFTER = 30.0

#: How often a source's presence is written down, and how often a full store is looked
#: through for groups that are over, seconds.
PRESENCE = 60.0
CROWDED = 1.0

#: How often all groups are looked through, if there is no other reason, seconds.
LOOK_THROUGH = 3600.0


class State(Protocol):
    """What a ledger writes into. What is changed in it is kept."""

    @property
    def desk(self) -> Desk: ...
    @property
    def destination(self) -> Destination: ...
    @property
    def groups(self) -> MutableMapping[str, Group]: ...
    @property
    def samples(self) -> MutableMapping[str, list[Event]]: ...
    @property
    def sources(self) -> MutableMapping[str, Source]: ...
    @property
    def tokens(self) -> MutableMapping[str, Token]: ...


class Ledger:
    """The steps of one moment: `now` by the store's clock, `wall` for display.

    `shared` is true where other processes take part: they are reckoned with, and looked at;
    `is_alive` says of a source whether its process may still be there.
    """

    def __init__(
        self,
        state: State,
        rules: Rules,
        now: float,
        wall: float,
        *,
        shared: bool,
        is_alive: Callable[[str], bool] = bool,
    ) -> None:
        self._state, self._rules = state, rules
        self._now, self._wall, self._shared = now, wall, shared
        self._is_alive = is_alive
        self.tokens = TokenBook(state, now)

    # -- what comes in -----------------------------------------------------------------

    def merge(self, batch: Batch) -> None:
        source = self._source(batch.source)
        if batch.sequence <= source.sequence:
            return
        source.first, source.sequence = source.first or batch.sequence, batch.sequence
        for entry in batch.entries:
            if entry.errors < 0:
                source.merged -= self._cancel(entry, batch.source)
            elif entry.errors:
                source.merged += entry.errors
                self._add(entry, batch.source)
            if entry.over:
                self._end(entry.identity.id)

    def _add(self, entry: Entry, source: str) -> None:
        state, now = self._state, self._now
        wait = schedule.wait_for_company(self._rules.policy, critical=entry.identity.critical)
        group = state.groups.get(entry.identity.id)
        if group is None or schedule.is_forgotten(group.track, group.untold, now):
            group = self._new_group(entry.identity, wait)
        schedule.arrive(group.track, entry.errors, group.untold, now, wait)
        if entry.news:
            schedule.hasten(group.track, now, wait)
        group.pending[source] = group.pending.get(source, 0) + entry.errors
        group.doubtful += entry.doubtful
        if entry.samples:
            before = state.samples.get(group.identity.id, [])
            state.samples[group.identity.id] = kept([*before, *entry.samples])
        self._note(group)

    def _end(self, group_id: str) -> None:
        group = self._state.groups.get(group_id)
        if group is not None:
            schedule.end(group.track, group.untold, self._now)
            self._note(group)

    def _new_group(self, identity: Identity, wait: float) -> Group:
        groups = self._state.groups
        if identity.id not in groups and len(groups) >= self._rules.max_groups:
            identity = self._make_room(identity)
            if (others := groups.get(identity.id)) is not None:
                return others
        policy = self._rules.policy
        track = schedule.begin(
            self._now, wait, policy, critical=identity.critical, job=identity.job
        )
        group = groups[identity.id] = Group(identity, track)
        return group

    def _make_room(self, identity: Identity) -> Identity:
        """Groups that are over go, longest silent first; if none is, there are "others"."""
        desk, groups = self._state.desk, self._state.groups
        if self._now < desk.full_until:
            return others(critical=identity.critical)
        over = [g for g in groups.values() if schedule.is_over(g.track, g.untold, self._now)]
        if not over:
            desk.full_until = self._now + CROWDED
            return others(critical=identity.critical)
        oldest = min(over, key=lambda g: (not g.track.over_told, g.track.last_seen))
        del groups[oldest.identity.id]
        return identity

    def _cancel(self, entry: Entry, source: str) -> int:
        """Errors that have been told elsewhere; returns how many were still pending."""
        group = self._state.groups.get(entry.identity.id)
        taken = min(-entry.errors, group.pending.get(source, 0)) if group else 0
        if group and taken:
            group.pending[source] -= taken
            group.pending = {s: n for s, n in group.pending.items() if n}
            group.track.total -= taken
            self._state.desk.agenda.look_at = self._now  # what it says was due may be gone
        return taken

    def withdraw(self, source: str) -> tuple[Entry, ...]:
        """Everything of a source that is pending, to be merged into another store.

        A digest whose answer was unclear is taken apart for it: its errors are doubtful.
        """
        state, found = self._state, []
        if (held := state.desk.held) is not None and held.lease_until is None:
            self._take_apart(held)
        for group in state.groups.values():
            if count := group.pending.pop(source, 0):
                samples = tuple(state.samples.pop(group.identity.id, ()))
                doubtful = min(count, group.doubtful)
                group.doubtful -= doubtful
                over = group.track.ended_at is not None
                found.append(Entry(group.identity, count, samples, doubtful, over))
        self._look_through()
        return tuple(found)

    # -- what goes out -----------------------------------------------------------------

    def claim(
        self,
        source: str,
        *,
        urgent: bool = False,
        news_only: bool = False,
        insist: bool = False,
        leaving: bool = False,
    ) -> Claim | float | None:
        self._recover()
        urgent = urgent and (self._state.desk.agenda.has_news or not news_only)
        self._be_present(source, leaving=leaving)
        if leaving and self._shared and self._may_leave(source):
            answer: Claim | float | None = None
        else:
            # One that was due to look may have been left the errors of others who have ended.
            relied_on = (
                leaving
                and self._source(source).looks_at is not None
                and not (self._shared and self._somebody_else_looks(source))
            )
            answer = self._claim(urgent=urgent or relied_on, insist=insist or relied_on)
        wait = LEASE if isinstance(answer, Claim) else answer
        looks = wait is not None and not leaving
        self._source(source).looks_at = self._now + wait if looks and wait is not None else None
        return answer

    def _claim(self, *, urgent: bool, insist: bool) -> Claim | float | None:
        now, desk, destination = self._now, self._state.desk, self._state.destination
        held = desk.held
        if held is not None and held.lease_until is not None:
            return self._wait(held.lease_until, urgent=urgent)
        first = next(iter(destination.unclear), None)
        if first is not None and (held is None or held.id != first):
            return self._wait(destination.resume_at, urgent=urgent)
        due = now if held is not None else self._due(urgent=urgent)
        if due is None:
            return None
        at = max(due, self._allowed_at(urgent=urgent, insist=insist))
        if at > now:
            busy = self._shared and (desk.agenda.pending or held is not None)
            return min(at - now, LOOK) if busy else at - now
        if held is None:
            held = self._collect()
            if not held.parts:
                return None
            desk.held = held
        held.slot, held.lease_until = self._slots.take(), now + LEASE
        return Claim(held.digest(), held.body, destination.failures)

    def _wait(self, until: float, *, urgent: bool) -> float:
        """How long to wait for another worker. In the same process its end is soon known."""
        if urgent or not self._shared:
            return POLL
        return min(LOOK, max(POLL, until - self._now))

    def _due(self, *, urgent: bool) -> float | None:
        """When something is due, exactly if that is now."""
        desk = self._state.desk
        bound = desk.agenda.due_at(desk.news_gate, desk.last_message)
        if not (urgent and desk.agenda.pending) and (bound is None or bound > self._now):
            return bound
        self._make_exact()
        if urgent and desk.agenda.pending:
            return self._now
        return desk.agenda.due_at(desk.news_gate, desk.last_message)

    def _make_exact(self) -> None:
        """What a group was noted for may be told, taken back or forgotten since."""
        if self._knows_all_concerned():
            concerned = self._concerned()
            self._state.desk.agenda.collected()
            for group in concerned:
                self._note(group)
        else:
            self._look_through()

    def _look_through(self) -> None:
        """All groups: those that are forgotten go, and the agenda becomes exact."""
        self._sweep()
        self._state.desk.agenda = Agenda(look_at=self._now + LOOK_THROUGH)
        for group in self._state.groups.values():
            self._note(group)

    def _note(self, group: Group) -> None:
        self._state.desk.agenda.note(group.identity.id, group.track, group.count)

    def _allowed_at(self, *, urgent: bool, insist: bool) -> float:
        """When the back-off and the budget permit an attempt."""
        destination = self._state.destination
        purpose: Purpose = "flush" if urgent else "message"
        if not urgent and self._state.desk.agenda.critical is not None:
            purpose = "critical"
        at = self._slots.free_at(purpose)
        if insist and not destination.strict:
            return at
        return max(at, destination.resume_at)

    def _collect(self) -> Held:
        state, now, parts = self._state, self._now, []
        tells_ends = self._rules.policy.recovery != "off"
        for group in self._concerned():
            end = (tells_ends or group.track.loud) and ends(
                group.track, group.count, group.out, now
            )
            if not (group.pending or end):
                continue
            samples = state.samples.pop(group.identity.id, [])
            track = replace(group.track)
            parts.append(Part(group.identity, track, group.pending, samples, group.doubtful, end))
            group.out += group.count
            group.pending, group.doubtful = {}, 0
        state.desk.agenda.collected()
        digest_id = os.urandom(4).hex()
        lost = state.desk.lost
        return Held(digest_id, parts, now, self._wall, outage=self._outage(), lost=lost)

    def _concerned(self) -> list[Group]:
        """The groups of which a message may have something to say, the oldest first."""
        groups, agenda = self._state.groups, self._state.desk.agenda
        if self._knows_all_concerned():
            found = [groups[group_id] for group_id in agenda.counts if group_id in groups]
        else:
            found = list(groups.values())
        return sorted(found, key=lambda group: (group.track.first_seen, group.identity.id))

    def _knows_all_concerned(self) -> bool:
        """Whether they are in the agenda; not if it speaks of a time that cannot be."""
        return self._now < self._state.desk.agenda.look_at <= self._now + LOOK_THROUGH

    def _outage(self) -> Outage | None:
        since = self._state.destination.failing_since
        if since is None or self._now - since < LATE_AFTER:
            return None
        return Outage(self._wall - (self._now - since), self._state.destination.reason)

    # -- what becomes of it ------------------------------------------------------------

    def freeze(self, digest_id: str, body: str) -> None:
        if (held := self._held(digest_id)) is not None:
            held.body = body

    def renew(self, digest_id: str) -> bool:
        held = self._held(digest_id)
        if held is None:
            return False
        self._slots.answered(held.slot)
        if self._slots.free_at("flush") > self._now:
            return False
        held.slot, held.lease_until = self._slots.take(), self._now + LEASE
        return True

    def settle(self, digest_id: str, *, lost: bool = False) -> None:
        held = self._held(digest_id)
        if held is None:
            return
        state, now, desk = self._state, self._now, self._state.desk
        desk.held = None
        self._slots.answered(held.slot)
        state.destination.unclear.pop(held.id, None)
        state.destination.succeeded()
        desk.lost = desk.lost + held.count if lost else 0
        desk.last_message = now
        if held.news:
            desk.news_gate = now + self._rules.policy.group_interval
        for part in held.parts:
            self._tell(part)
            self._book(part, lost=lost)

    def _tell(self, part: Part) -> None:
        group = self._state.groups.get(part.identity.id)
        if group is None:
            return
        if part.pending:
            group.out = max(0, group.out - part.count)
            schedule.tell(group.track, part.count, self._now, self._rules.policy)
        # An error that came while the message was on its way has begun it anew.
        if part.ends and not group.pending and not group.track.again:
            schedule.tell_over(group.track)
        self._note(group)

    def _book(self, part: Part, *, lost: bool) -> None:
        for name, count in part.pending.items():
            source = self._state.sources.setdefault(name, Source(seen=self._now))
            if lost:
                source.lost += count
            else:
                source.reported += count

    def release(self, digest_id: str, failure: Failure) -> None:
        held = self._held(digest_id)
        if held is None or held.lease_until is None:
            return
        self._slots.answered(held.slot)
        self._state.destination.failed(failure, self._now)
        self._put_away(held, unclear=failure.unclear)

    def _put_away(self, held: Held, *, unclear: bool) -> None:
        """A digest nobody has: kept as it is if a retry is harmless, else taken apart."""
        unclear_ids = self._state.destination.unclear
        held.lease_until = None
        if unclear and held.unclear_since is None:
            held.unclear_since = self._now
        since = held.unclear_since
        kept = since is not None and self._now - since < schedule.UNCLEAR_FOR
        if since is not None and kept and self._rules.duplicate_check:
            unclear_ids[held.id] = since
            return
        self._take_apart(held)

    def _take_apart(self, held: Held) -> None:
        """Its errors are pending again."""
        self._state.destination.unclear.pop(held.id, None)
        self._state.desk.held = None
        for part in held.parts:
            if part.pending:
                self._put_back(part, doubtful=held.unclear_since is not None)

    def _put_back(self, part: Part, *, doubtful: bool) -> None:
        state, group_id = self._state, part.identity.id
        group = state.groups.get(group_id)
        if group is None:
            group = state.groups[group_id] = Group(part.identity, part.track, out=part.count)
        group.out = max(0, group.out - part.count)
        if group.pending:
            since = min(group.track.pending_since, part.track.pending_since)
            group.track.pending_since = since
        for source, count in part.pending.items():
            group.pending[source] = group.pending.get(source, 0) + count
        group.doubtful += part.count if doubtful else part.doubtful
        if samples := kept([*part.samples, *state.samples.get(group_id, [])]):
            state.samples[group_id] = samples
        self._note(group)

    def _held(self, digest_id: str) -> Held | None:
        held = self._state.desk.held
        return held if held is not None and held.id == digest_id else None

    def _recover(self) -> None:
        """A lease that has run out, and unclear messages that are too old to repeat."""
        held, now = self._state.desk.held, self._now
        if held is not None and held.lease_until is not None and held.lease_until <= now:
            self._slots.answered(held.slot, held.lease_until)
            self._put_away(held, unclear=held.body is not None)
        elif held is not None and held.lease_until is None:
            self._put_away(held, unclear=False)
        unclear = self._state.destination.unclear
        for digest_id, since in list(unclear.items()):
            if now - since > schedule.UNCLEAR_FOR + LEASE:
                del unclear[digest_id]  # its app is gone for good

    def _sweep(self) -> None:
        """Groups and sources that are forgotten."""
        state, now = self._state, self._now
        for group_id, group in list(state.groups.items()):
            if schedule.is_forgotten(group.track, group.untold, now):
                del state.groups[group_id]
                state.samples.pop(group_id, None)
        if self._shared:
            for name, source in list(state.sources.items()):
                if now - source.seen > SOURCE_FOR:
                    del state.sources[name]

    # -- who is there ------------------------------------------------------------------

    def account(self, source: str) -> Account:
        known = self._state.sources.get(source)
        if known is None:
            return Account()
        return Account(known.reported, known.lost, known.merged, known.first)

    def fleet(self, source: str) -> Fleet:
        names = sorted({*self._state.destination.fleet, source})
        return Fleet(names.index(source), len(names))

    def _source(self, name: str) -> Source:
        source = self._state.sources.setdefault(name, Source())
        if self._now - source.seen > PRESENCE:
            source.seen = self._now
        return source

    def _be_present(self, source: str, *, leaving: bool) -> None:
        fleet = self._state.destination.fleet
        if leaving:
            fleet.pop(source, None)
        elif self._now - fleet.get(source, float("-inf")) > PRESENCE:
            fleet[source] = self._now
            for name, seen in list(fleet.items()):
                if self._now - seen > FLEET_FOR:
                    del fleet[name]

    def _may_leave(self, source: str) -> bool:
        """Whether a process that ends can leave to others what it has merged."""
        desk = self._state.desk
        if not desk.agenda.pending and (desk.held is None or desk.held.lease_until is not None):
            return True
        return not desk.agenda.has_news and self._somebody_else_looks(source)

    def _somebody_else_looks(self, source: str) -> bool:
        process = source.rpartition("/")[0] + "/"
        return any(
            other.looks_at is not None
            and -DEAD_AFTER <= other.looks_at - self._now <= LOOK
            and not name.startswith(process)
            and self._is_alive(name)
            for name, other in self._state.sources.items()
        )

    # -- slots -------------------------------------------------------------------------

    @property
    def _slots(self) -> SlotBook:
        return SlotBook(self._state.destination.slots, self._rules.rate_limit, self._now)

    def take_slot(self, purpose: Purpose) -> str | None:
        slots = self._slots
        return slots.take() if slots.free_at(purpose) <= self._now else None

    def give_back(self, slot: str) -> None:
        self._slots.answered(slot)
