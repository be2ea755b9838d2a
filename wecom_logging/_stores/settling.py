"""What becomes of what was claimed: the methods of `Store` with these names."""

from __future__ import annotations

from collections.abc import Iterator

from wecom_logging._model import schedule
from wecom_logging._model.digest import message_id
from wecom_logging._stores import marking
from wecom_logging._stores.claiming import forget_follow_up
from wecom_logging._stores.ledger import Ledger
from wecom_logging._stores.protocol import FOLLOW_UP_ATTEMPTS, LEASE, Failure, FollowUp, Groups
from wecom_logging._stores.records import (
    Detour,
    DigestEntry,
    Following,
    LeasedDigest,
    Source,
    Trouble,
    new_id,
    told_sample,
)


def freeze(ledger: Ledger, digest_id: str, body: str, extra: int) -> bool:
    held = ledger.state.digests.get(digest_id)
    if held is None:
        return True
    if extra:
        taken = ledger.slots.take_extra(extra)
        if taken is None:
            return False
        held.extra = [*held.extra, *taken]
        ledger.state.digests[digest_id] = held
    if held.fallback is None:
        ledger.state.bodies[digest_id] = body
    else:  # which nobody repeats; what the destination may have taken stays as it was
        held.handed = True
        ledger.state.digests[digest_id] = held
    return True


def renew(ledger: Ledger, claim_id: str) -> bool:
    state, slots = ledger.state, ledger.slots
    held = state.digests.get(claim_id)
    if held is not None and held.lease_until is not None:
        if held.fallback is None:
            slots.answered(held.slot)
            if slots.free_at("flush") > ledger.now:
                return False
            held.slot = slots.take()
        held.lease_until = ledger.now + LEASE
        state.digests[claim_id] = held
        return True
    if (found := _follow_up(ledger, claim_id)) is None or slots.free_at("extra") > ledger.now:
        return False
    kind, waiting = found
    waiting.taken, waiting.lease_until = [*waiting.taken, slots.take()], ledger.now + LEASE
    state.following[kind] = waiting
    return True


def settle(
    ledger: Ledger, claim_id: str, follow_ups: tuple[FollowUp, ...], *, lost: bool, groups: Groups
) -> None:
    held = ledger.state.digests.get(claim_id)
    if held is not None:
        _settle_digest(ledger, claim_id, held, lost=lost, groups=groups)
        for follow_up in follow_ups:
            _follow(ledger, held, follow_up)
        if claim_id not in ledger.state.digests:
            ledger.slots.answered(held.slot)
            ledger.slots.give_back(held.extra)
    elif (found := _follow_up(ledger, claim_id)) is not None:
        kind, waiting = found
        ledger.slots.answered(*waiting.taken)
        forget_follow_up(ledger, kind)


def _settle_digest(
    ledger: Ledger, digest_id: str, held: LeasedDigest, *, lost: bool, groups: Groups
) -> None:
    state, now, scope_state = ledger.state, ledger.now, ledger.state.scope_state
    parts = dict(ledger.parts(digest_id))
    state.read_ahead(_concerned(digest_id, held, parts))
    state.destination.unclear.pop(digest_id, None)
    if held.fallback is None:
        state.destination.trouble, state.destination.ways = Trouble(), []
        state.routes.pop(held.route, None)
        if held.detour and scope_state.detour and held.detour.until == scope_state.detour.until:
            scope_state.detour = None
    else:
        scope_state.fallback = Trouble()
    scope_state.last_message = now
    if held.quiet and scope_state.quiet and scope_state.quiet.since == held.quiet.since:
        scope_state.quiet = None
    count, rest, message = 0, {}, message_id(digest_id)
    for group_id, part in parts.items():
        if groups is not None and group_id not in groups:
            rest[group_id] = part
            continue
        count += part.count
        if part.pending and part.track.news:
            scope_state.news_gate = now + ledger.rules.policy.group_interval
        _tell(ledger, group_id, part, message)
        _book(ledger, held, part, lost=lost)
        # For whoever asks later, which is always another process.
        if ledger.shared and (samples := state.samples.get(f"{digest_id}/{group_id}")):
            state.samples[told_sample(group_id)] = samples[:1]
        if groups is not None:
            ledger.forget_part(digest_id, group_id)
    if held.fallback is not None and not lost and count:
        scope_state.detour = _further(scope_state.detour, held, count, now)
    scope_state.lost = scope_state.lost + count if lost else max(0, scope_state.lost - held.lost)
    if rest:
        _keep(ledger, digest_id, held, rest)
    else:
        ledger.forget(digest_id)


def _concerned(
    digest_id: str, held: LeasedDigest, parts: dict[str, DigestEntry]
) -> Iterator[tuple[str, str]]:
    yield from (("routes", held.route), ("bodies", digest_id))
    for group_id, part in parts.items():
        yield from (("groups", group_id), ("samples", f"{digest_id}/{group_id}"))
        yield from (("sources", source) for source in part.pending)


def _keep(ledger: Ledger, digest_id: str, held: LeasedDigest, rest: dict[str, DigestEntry]) -> None:
    """What is left of a digest that was told in part, whose next message is another one."""
    state, was_unclear = ledger.state, held.unclear_since is not None
    for group_id, part in rest.items():
        part.doubtful = part.count if was_unclear else part.doubtful
        state.parts[f"{digest_id}/{group_id}"] = part
    held.unclear_since, held.lost, held.detour = None, 0, None
    state.digests[digest_id] = held
    state.bodies.pop(digest_id, None)


def _tell(ledger: Ledger, group_id: str, part: DigestEntry, message: str) -> None:
    group = ledger.state.groups.get(group_id)
    if group is None:
        return
    if part.pending:
        group.out = max(0, group.out - part.count)
        schedule.tell(group.track, part.count, ledger.now, ledger.rules.policy)
        if group.taken is not None:
            group.track.pause = ledger.rules.policy.repeat_intervals[-1]
    marking.told(group, part, message, ledger.now)
    # An error that came while the message was on its way has begun it anew.
    if part.ends and not group.count and not group.track.again:
        schedule.tell_over(group.track)
        group.taken = None
    ledger.save(group)


def _further(detour: Detour | None, held: LeasedDigest, count: int, now: float) -> Detour:
    """What fallbacks have told by now. It begins when the destination did not take any more."""
    since = held.now - (held.wall - held.outage.since) if held.outage else held.now
    before = detour or Detour(since, now, 0, "")
    return Detour(min(since, before.since), now, before.count + count, held.fallback or "")


def _book(ledger: Ledger, held: LeasedDigest, part: DigestEntry, *, lost: bool) -> None:
    sources = ledger.state.sources
    for name, count in part.pending.items():
        source = sources.get(name) or Source(seen=ledger.now)
        if lost:
            source.lost += count
        else:
            source.reported += count
            source.by_fallback += count if held.fallback is not None else 0
        sources[name] = source


def release(ledger: Ledger, claim_id: str, failure: Failure) -> None:
    held = ledger.state.digests.get(claim_id)
    if held is not None and held.lease_until is not None:
        if held.fallback is None:
            ledger.failed(held.route, failure)
        else:
            ledger.state.scope_state.fallback.failed(failure, ledger.now)
        ledger.put_away(claim_id, held, unclear=failure.unclear, since=ledger.now)
    elif (found := _follow_up(ledger, claim_id)) is not None:
        kind, waiting = found
        ledger.slots.answered(*waiting.taken)
        waiting.taken, waiting.lease_until = [], None
        waiting.not_before = ledger.now + failure.pause
        ledger.state.following[kind] = waiting
        if waiting.attempts >= FOLLOW_UP_ATTEMPTS:
            forget_follow_up(ledger, kind)


# -- follow-ups --------------------------------------------------------------------------------


def _follow(ledger: Ledger, held: LeasedDigest, follow_up: FollowUp) -> None:
    """Have it follow; one of its kind that still waits gives up its place."""
    state, scope_state, kind = ledger.state, ledger.state.scope_state, follow_up.kind
    if (older := state.following.get(kind)) is not None:
        if older.lease_until is None:  # else they are in use
            ledger.slots.give_back(older.taken)
        forget_follow_up(ledger, kind)
    follow_id = new_id()
    taken = held.extra[: follow_up.slots]
    if len(taken) < follow_up.slots:
        taken = []
    held.extra = held.extra[len(taken) :]
    state.following[kind] = Following(follow_id, follow_up.slots, ledger.now, taken)
    state.bodies[follow_id] = follow_up.body
    scope_state.following = [*scope_state.following, kind]


def _follow_up(ledger: Ledger, claim_id: str) -> tuple[str, Following] | None:
    """A follow-up that is under this lease."""
    for kind in ledger.state.scope_state.following:
        waiting = ledger.state.following.get(kind)
        if waiting is not None and waiting.id == claim_id and waiting.lease_until is not None:
            return kind, waiting
    return None
