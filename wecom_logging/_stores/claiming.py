"""What goes out: a digest, or what follows one, under a lease and with a slot."""

from __future__ import annotations

import math
from operator import itemgetter

from wecom_logging._model import schedule
from wecom_logging._model.digest import ByFallback, Digest, Outage, Report
from wecom_logging._model.ratelimit import Purpose
from wecom_logging._runtime.values import replace
from wecom_logging._stores import protocol
from wecom_logging._stores.due_index import earlier
from wecom_logging._stores.ledger import Ledger
from wecom_logging._stores.marking import end_all, ended_quiet, keep_quiet_hours
from wecom_logging._stores.protocol import LEASE, LOOK, POLL, Answer, Asker, Claim, FollowUp
from wecom_logging._stores.records import DigestEntry, Following, LeasedDigest, Pending, new_id

#: An attempt that failed makes what follows "late" only after so many seconds.
LATE_AFTER = 30.0

#: How often a source's presence is written down, seconds.
PRESENCE = 60.0

#: How exactly it is written down when a source looks next, seconds.
ABOUT = 1.0


def claim(ledger: Ledger, asker: Asker) -> Answer:
    """The step of one moment; `Store.claim` says what it does."""
    return _Claiming(ledger, asker).claim()


class _Claiming:
    def __init__(self, ledger: Ledger, asker: Asker) -> None:
        self._ledger, self._asker = ledger, asker
        self._state, self._now = ledger.state, ledger.now
        self._scope_state = ledger.state.scope_state
        self._urgent = asker.why != "due"
        #: What fails: the destination, and the way there.
        self._troubles = [ledger.state.destination.trouble]
        if (route := ledger.state.routes.get(asker.route)) is not None:
            self._troubles.append(route)
        #: What a digest that is collected now has taken, by group.
        self._collected: dict[str, DigestEntry] = {}

    def claim(self) -> Answer:
        if self._asker.quiet is not None:
            keep_quiet_hours(self._ledger, *self._asker.quiet)
        self._recover()
        self._be_present()
        if self._asker.leaving and not self._ledger.shared:
            end_all(self._ledger)  # what is held goes with the process
        answer = None if self._leaves() else self._next()
        self._look_again(answer)
        return answer

    def _next(self) -> Answer:
        answer = self._next_digest()
        if isinstance(answer, Claim):
            return answer
        after = self._next_follow_up()
        if answer is None or isinstance(after, FollowUp):
            return after
        return earlier(after, answer)

    def _recover(self) -> None:
        """Leases that have run out, and unclear messages that are too old to repeat."""
        ledger, state, now = self._ledger, self._state, self._now
        for digest_id in self._scope_state.out:
            held = state.digests.get(digest_id)
            if held is None:
                ledger.take_apart(digest_id, doubtful=True)  # it cannot be read any more
            elif held.lease_until is None:
                if not ledger.may_repeat(held):
                    ledger.take_apart(digest_id, doubtful=True)
            elif held.lease_until <= now:
                # Since the lease ran out, perhaps hours ago: WeCom's duplicate check counts from
                # the request, not from this look.
                sent = digest_id in state.bodies if held.fallback is None else held.handed
                ledger.put_away(digest_id, held, unclear=sent, since=held.lease_until)
        unclear = state.destination.unclear
        for digest_id, since in list(unclear.items()):
            if now - since > schedule.UNCLEAR_FOR + LEASE:
                del unclear[digest_id]  # its app is gone for good

    # -- digests -----------------------------------------------------------------------

    def _next_digest(self) -> Claim | float | None:
        now, scope_state, destination = self._now, self._scope_state, self._state.destination
        leases, waiting = [], None
        first = min(destination.unclear, key=destination.unclear.__getitem__, default=None)
        for digest_id in scope_state.out:
            if (until := self._state.digests[digest_id].lease_until) is not None:
                leases.append(until)
            elif waiting is None or digest_id == first:
                waiting = digest_id
        if leases:
            return self._beside(min(leases))
        if first is not None and waiting != first:
            due = now if waiting else self._due() if self._asker.fallback else None
            if due is not None and self._elsewhere_at(due) <= now:
                return self._take_elsewhere(waiting)
            return self._wait(destination.trouble.resume_at)
        due = now if waiting else self._due()
        if due is None:
            return None
        at = self._allowed_at(due)
        if at > now:
            if (elsewhere := self._elsewhere_at(due)) <= now:
                return self._take_elsewhere(waiting)
            at = min(at, elsewhere)
            busy = self._ledger.shared and (scope_state.due_index.pending or waiting)
            return min(at - now, LOOK) if busy else at - now
        taken = waiting or self._collect()
        return None if taken is None else self._take(taken)

    def _elsewhere_at(self, due: float) -> float:
        """When the fallback may have what is due; never, if the destination is not failing, or
        is to be tried once more before."""
        fallback = self._asker.fallback
        if fallback is None or self._resume_at() <= self._now:
            return math.inf
        since = [
            t.since if t.setup else t.since + fallback.after
            for t in self._troubles
            if t.since is not None
        ]
        soonest = min(since, default=math.inf)
        return max(due, soonest, self._scope_state.fallback.resume_at)

    def _take_elsewhere(self, waiting: str | None) -> Claim | None:
        digest_id = waiting or self._collect()
        if digest_id is None:
            return None
        held = self._state.digests[digest_id]
        assert self._asker.fallback is not None
        held.fallback, held.handed, held.detour = self._asker.fallback.name, False, None
        held.slot, held.route = "", self._asker.route
        held.outage = self._outage(0.0) or held.outage
        failures = self._scope_state.fallback.failures
        return self._claimed(digest_id, held, failures)._replace(fallback=True)

    def _beside(self, until: float) -> Claim | float | None:
        """Beside a digest that is out only a CRITICAL that is news may go."""
        due_index, wait = self._scope_state.due_index, self._wait(until)
        if due_index.critical is None or self._state.destination.unclear:
            return wait
        self._ledger.make_exact()
        if (critical := self._scope_state.due_index.critical) is None:
            return wait
        at = self._allowed_at(critical)
        if at > self._now:
            return min(wait, at - self._now)
        digest_id = self._collect()
        return wait if digest_id is None else self._take(digest_id)

    def _wait(self, until: float) -> float:
        """How long to wait for another worker. In the same process its end is soon known."""
        if self._urgent or not self._ledger.shared:
            return POLL
        return min(LOOK, max(POLL, until - self._now))

    def _due(self) -> float | None:
        """When something is due: a lower bound, exact once it is reached."""
        bound, urgent = self._bound(), self._urgent and self._scope_state.due_index.pending
        if not urgent and (bound is None or bound > self._now):
            return bound
        self._ledger.make_exact()
        return self._now if self._urgent and self._scope_state.due_index.pending else self._bound()

    def _bound(self) -> float | None:
        return self._scope_state.due_index.due_at(
            self._scope_state.news_gate, self._scope_state.last_message
        )

    def _allowed_at(self, due: float) -> float:
        """When what is due may be attempted. The budget is only looked at when it matters."""
        at = max(due, self._resume_at())
        if at > self._now:
            return at
        purpose: Purpose = "flush" if self._urgent else "message"
        if not self._urgent and self._scope_state.due_index.critical is not None:
            purpose = "critical"
        return self._ledger.slots.free_at(purpose)

    def _resume_at(self) -> float:
        """When the pauses that this asker has to keep are over."""
        insists = self._asker.why == "insist"
        kept = (t.resume_at for t in self._troubles if t.strict or not insists)
        return max(kept, default=0.0)

    def _collect(self) -> str | None:
        """Everything that is pending as a new digest, but for groups that are out already."""
        ledger, scope_state = self._ledger, self._scope_state
        by_group = ledger.pending_by_group()
        ids = set(by_group) if ledger.knows_all_concerned() else {*by_group, *self._state.groups}
        self._state.read_ahead((field, each) for each in ids for field in ("groups", "samples"))
        digest_id, nobody_has_any = new_id(), not scope_state.out
        scope_state.due_index.collected()
        taken = [
            self._take_out(digest_id, group_id, by_group.get(group_id, {}), nobody_has_any)
            for group_id in ids
        ]
        if not any(taken):
            return None
        declared = sum(self._state.digests[each].lost for each in scope_state.out)
        lost = max(0, scope_state.lost - declared)
        quiet = ended_quiet(ledger, self._collected.values())
        self._state.digests[digest_id] = LeasedDigest(
            self._now, ledger.wall, outage=self._outage(), lost=lost, quiet=quiet
        )
        scope_state.out = [*scope_state.out, digest_id]
        return digest_id

    def _take_out(
        self, digest_id: str, group_id: str, pending: dict[str, Pending], nobody_has_any: bool
    ) -> bool:
        ledger, state, group = self._ledger, self._state, self._ledger.group(group_id)
        if nobody_has_any:
            group.out = 0
        elif group.out:
            ledger.note(group)
            return False
        until = ledger.held_until(group)
        if until is not None and until > self._now:
            ledger.note(group)
            return False
        recovery = ledger.rules.policy.recovery
        ends = (recovery != "off" or group.track.loud) and group.ends(self._now)
        if not (pending or ends or group.silence):
            return False
        counts = {source: each.errors for source, each in pending.items()}
        key = f"{digest_id}/{group_id}"
        part = DigestEntry(replace(group.track), counts, group.doubtful, group.left, ends)
        part.silence, part.taken = group.silence, group.taken
        part.releases, part.back_from = group.pending_releases[::-1], group.back_from
        state.parts[key] = self._collected[group_id] = part
        if samples := state.samples.pop(group_id, None):
            state.samples[key] = samples
        for source in pending:
            del state.pending[f"{group_id}|{source}"]
        group.out += part.count
        group.count = group.doubtful = group.left = 0
        group.back_from = ""
        if group.pending_releases:
            group.pending_releases = []
        state.groups[group_id] = group
        return True

    def _outage(self, after: float = LATE_AFTER) -> Outage | None:
        failing = [(t.since, t.reason) for t in self._troubles if t.since is not None]
        # Of two that began at once the destination's, which comes first.
        since, reason = min(failing, key=itemgetter(0), default=(math.inf, ""))
        if self._now - since < after:
            return None
        return Outage(self._ledger.wall - (self._now - since), reason)

    def _take(self, digest_id: str) -> Claim:
        held = self._state.digests[digest_id]
        held.slot = self._ledger.slots.take()
        held.route = self._asker.route
        if held.unclear_since is None:
            held.detour = self._scope_state.detour
        failures = max(trouble.failures for trouble in self._troubles)
        return self._claimed(digest_id, held, failures)

    def _claimed(self, digest_id: str, held: LeasedDigest, failures: int) -> Claim:
        held.lease_until = self._now + LEASE
        self._state.digests[digest_id] = held
        body = None if self._collected else self._state.bodies.get(digest_id)
        return Claim(self._digest(digest_id, held), body, failures)

    def _digest(self, digest_id: str, held: LeasedDigest) -> Digest:
        state, reports = self._state, list[Report]()
        parts = self._collected or dict(self._ledger.parts(digest_id))
        state.read_ahead(("groups", group_id) for group_id in parts)
        state.read_ahead(("samples", f"{digest_id}/{group_id}") for group_id in parts)
        for group_id in sorted(parts, key=lambda each: (parts[each].track.first_seen, each)):
            part = parts[group_id]
            if not (part.pending or part.silence) and group_id not in state.groups:
                continue  # it has made room for another one: nobody knows what is over
            group = self._ledger.group(group_id)
            samples = state.samples.get(f"{digest_id}/{group_id}", [])
            short_id = f"{group.number}{'?' * self._ledger.provisional}" if group.number else ""
            reports += part.reports(group.identity, short_id, samples, held.now, held.wall)
        return as_digest(digest_id, held, reports)

    # -- follow-ups --------------------------------------------------------------------

    def _next_follow_up(self) -> FollowUp | float | None:
        """One whose time has come, or in how many seconds one may have."""
        if self._asker.leaving or self._state.destination.unclear:
            return None
        soonest = None
        for kind in self._scope_state.following:
            answer = self._try_follow_up(kind)
            if isinstance(answer, FollowUp):
                return answer
            if answer is not None:
                soonest = earlier(soonest, answer)
        return soonest

    def _try_follow_up(self, kind: str) -> FollowUp | float | None:
        state, now, slots = self._state, self._now, self._ledger.slots
        waiting = state.following.get(kind)
        body = None if waiting is None else state.bodies.get(waiting.id)
        if waiting is None or body is None or self._is_given_up(waiting):
            forget_follow_up(self._ledger, kind)
            return None
        at = max(waiting.not_before, waiting.lease_until or 0.0, self._resume_at())
        if at > now or self._urgent:
            return max(POLL, at - now)
        if not (waiting.taken and slots.extend(waiting.taken)):
            taken = slots.take_extra(waiting.slots)
            if taken is None:
                return max(1.0, slots.free_at("extra") - now)
            waiting.taken = taken
        waiting.attempts, waiting.lease_until = waiting.attempts + 1, now + LEASE
        state.following[kind] = waiting
        return FollowUp(kind, body, waiting.slots, waiting.id, waiting.attempts)

    def _is_given_up(self, waiting: Following) -> bool:
        if waiting.lease_until is not None and waiting.lease_until > self._now:
            return False
        too_old = self._now - waiting.since > protocol.FOLLOW_UP_FOR
        return too_old or waiting.attempts >= protocol.FOLLOW_UP_ATTEMPTS

    # -- who is there ------------------------------------------------------------------

    def _be_present(self) -> None:
        presence, sources, now = self._state.presence, self._state.sources, self._now
        source = self._asker.source
        if self._asker.leaving:
            presence.pop(source, None)
            return
        if now - presence.get(source, float("-inf")) <= PRESENCE:
            return
        presence[source] = now
        if (known := sources.get(source)) is not None:
            known.seen = now
            sources[source] = known
        for name, seen in list(presence.items()):
            if now - seen > protocol.FLEET_FOR:
                del presence[name]

    def _leaves(self) -> bool:
        """Whether a process that ends leaves to others what is pending."""
        if not (self._asker.leaving and self._ledger.shared):
            return False
        scope_state, digests = self._scope_state, self._state.digests
        waits = any(digests[digest_id].lease_until is None for digest_id in scope_state.out)
        if scope_state.due_index.pending or self._has_ended():
            self._ledger.make_exact()
        due_index, waits = scope_state.due_index, waits or self._has_ended()
        if not due_index.pending and not waits:
            return True
        if due_index.has_news:
            return False
        if self._somebody_else_looks():
            return True
        if waits or due_index.pause is None:
            return False
        if scope_state.last_message + due_index.pause <= self._now or self._has_seen_begin():
            return False
        self._leave()
        return True

    def _has_seen_begin(self) -> bool:
        """Whether a pending kind began while the asker was there: perhaps in a child that has
        ended."""
        began = self._now - self._asker.lived
        return any(
            self._ledger.group(group_id).track.since > began
            for group_id in self._ledger.pending_by_group()
        )

    def _has_ended(self) -> bool:
        """Whether a silence may have ended that no message has told of."""
        held = self._scope_state.due_index.held
        return held is not None and held <= self._now

    def _leave(self) -> None:
        """Nobody else is there: what is pending waits for the next process, and delays nothing."""
        state = self._state
        for key, pending in list(state.pending.items()):
            group_id, _, source = key.partition("|")
            if source == self._asker.source and pending.left < pending.errors:
                group = self._ledger.group(group_id)
                group.left += pending.errors - pending.left
                state.pending[key] = pending._replace(left=pending.errors)
                self._ledger.save(group)

    def _somebody_else_looks(self) -> bool:
        process = self._asker.source.rpartition("/")[0] + "/"
        return any(
            -protocol.DEAD_AFTER <= at - self._now <= LOOK
            and not name.startswith(process)
            and self._ledger.is_alive(name)
            for name, at in self._state.looks.items()
        )

    def _look_again(self, answer: Answer) -> None:
        """Write down when this worker looks next, if it can do something about what it sees."""
        if not self._ledger.shared:
            return
        looks, source = self._state.looks, self._asker.source
        wait = answer if isinstance(answer, float) or answer is None else LEASE
        pauses = any(each.resume_at > self._now for each in self._troubles[1:])
        if wait is None or self._asker.leaving or pauses:
            looks.pop(source, None)
        elif abs(looks.get(source, float("-inf")) - (self._now + wait)) > ABOUT:
            looks[source] = self._now + wait


def as_digest(digest_id: str, held: LeasedDigest, reports: list[Report]) -> Digest:
    """What a message tells."""
    offset, quiet, detour = held.wall - held.now, held.quiet, held.detour
    ended = None if quiet is None else (quiet.since + offset, quiet.until + offset)
    told = tuple(reports)
    digest = Digest(digest_id, told, held.wall, outage=held.outage, lost=held.lost, quiet=ended)
    if detour is None:
        return digest
    since, until = detour.since + offset, detour.until + offset
    return digest.back_from(ByFallback(since, until, detour.count, detour.name))


def forget_follow_up(ledger: Ledger, kind: str) -> None:
    """Remove one that was sent, given up or replaced."""
    state = ledger.state
    state.scope_state.following = [each for each in state.scope_state.following if each != kind]
    waiting = state.following.pop(kind, None)
    if waiting is not None:
        state.bodies.pop(waiting.id, None)
