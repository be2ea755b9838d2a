"""What a store does, step by step, on whatever `State` it is given.

`MemoryStore` keeps the state; `SQLiteStore` reads and writes what a step touches, as `RedisStore`
does for what people do. Its other steps are in Lua, held to these by the tests. The steps are in
`merging`, `claiming`, `settling` and `marking`, and here is what they share. `schedule.py` computes
when something is due, `ratelimit.py` when there is a slot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import TypeVar

from wecom_logging._model import schedule
from wecom_logging._model.digest import OTHERS, Identity
from wecom_logging._stores import releases, variety
from wecom_logging._stores.due_index import DueIndex
from wecom_logging._stores.marks import is_storm
from wecom_logging._stores.protocol import FLEET_FOR, SOURCE_FOR, Failure, Rules
from wecom_logging._stores.rate_limiter import RateLimiter
from wecom_logging._stores.records import (
    DigestEntry,
    Group,
    LeasedDigest,
    Pending,
    Trouble,
    kept,
    told_sample,
)
from wecom_logging._stores.register import remember
from wecom_logging._stores.state import State

T = TypeVar("T")

#: How often all groups are looked through, if there is no other reason, seconds.
LOOK_THROUGH = 3600.0


class Ledger:
    """One moment: `now` by the store's clock, `wall` for display.

    `shared`: other processes take part. `is_alive` says whether the process of a source may still
    be there. `provisional`: nobody else knows the short ids that are given now.
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
        provisional: bool = False,
    ) -> None:
        self.state, self.rules = state, rules
        self.now, self.wall, self.shared = now, wall, shared
        self.is_alive, self.provisional = is_alive, provisional

    @property
    def slots(self) -> RateLimiter:
        return RateLimiter(
            self.state.slots, self.state.destination, self.rules.rate_limit, self.now
        )

    # -- groups ------------------------------------------------------------------------

    def group(self, group_id: str) -> Group:
        """A group that has errors; what was known of it may not be readable any more."""
        group = self.state.groups.get(group_id)
        if group is None:
            identity = Identity(group_id, "", "error")
            track = schedule.begin(self.now, 0.0, self.rules.policy, critical=False)
            group = self.state.groups[group_id] = Group(identity, track)
            pending = self.pending_by_group().get(group_id, {})
            group.count = sum(each.errors for each in pending.values())
            self.state.scope_state.groups += group_id not in OTHERS
        return group

    def save(self, group: Group) -> None:
        self.state.groups[group.identity.id] = group
        self.note(group)

    def note(self, group: Group) -> None:
        due_index, until = self.state.scope_state.due_index, self.held_until(group)
        if until is None:
            due_index.note(group.track, group.count, group.left, group.out)
        else:
            due_index.hold(until)

    def held_until(self, group: Group) -> float | None:
        """Until when nothing may be told of a group, or since when its silence is to be."""
        if group.silence is not None:
            return group.silence.until
        quiet = self.state.scope_state.quiet
        if quiet is None or quiet.until <= self.now or self._cannot_wait(group):
            return None
        return quiet.until

    def _cannot_wait(self, group: Group) -> bool:
        if group.track.critical or not group.count:
            return group.count > 0  # that it is over can wait
        return group.track.told_at is None and is_storm(group.recent, self.now)

    def add_pending(self, group: Group, source: str, errors: int) -> None:
        key = f"{group.identity.id}|{source}"
        before = self.state.pending.get(key) or Pending(0)
        self.state.pending[key] = Pending(before.errors + errors, before.left)
        group.count += errors

    def pending_by_group(self) -> dict[str, dict[str, Pending]]:
        found: dict[str, dict[str, Pending]] = {}
        for key, pending in self.state.pending.items():
            group_id, _, source = key.partition("|")
            found.setdefault(group_id, {})[source] = pending
        return found

    def knows_all_concerned(self) -> bool:
        """Whether a message concerns groups with pending errors only; not if the index is
        implausible."""
        return self.now < self.state.scope_state.due_index.look_at <= self.now + LOOK_THROUGH

    def make_exact(self) -> None:
        """Note all groups anew: what one was noted for may have been told or taken back since."""
        if not self.knows_all_concerned():
            self.look_through()
            return
        self.state.scope_state.due_index.collected()
        by_group = self.pending_by_group()
        self.state.read_ahead(("groups", group_id) for group_id in by_group)
        for group_id in by_group:
            self.note(self.group(group_id))

    def look_through(self) -> None:
        """All groups: those that are forgotten go, and the due_index becomes exact."""
        state, now, scope_state = self.state, self.now, self.state.scope_state
        scope_state.due_index = DueIndex(look_at=now + LOOK_THROUGH)
        by_group = self.pending_by_group()
        for group_id in {*by_group, *state.groups}:
            group = self.group(group_id)
            group.count = sum(each.errors for each in by_group.get(group_id, {}).values())
            forgotten = schedule.is_forgotten(group.track, group.untold, now)
            if forgotten and group.silence is None:
                self.drop(group_id)
            else:
                self.save(group)
        scope_state.groups = sum(group_id not in OTHERS for group_id in state.groups)
        variety.recount(state)
        remember(state, now)
        self.slots.forget_old()
        if self.shared:
            _forget(state.sources, lambda source: now - source.seen > SOURCE_FOR)
            _forget(state.looks, lambda at: now - at > FLEET_FOR)
        _forget(state.routes, lambda trouble: now - trouble.resume_at > SOURCE_FOR)

    def drop(self, group_id: str) -> None:
        """Forget a group that has nothing to tell."""
        group = self.state.groups.pop(group_id, None)
        self.state.samples.pop(group_id, None)
        self.state.samples.pop(told_sample(group_id), None)
        self.state.scope_state.groups -= group_id not in OTHERS
        if group is not None:
            variety.leave(self.state, group.identity)

    # -- digests -----------------------------------------------------------------------

    def parts(self, digest_id: str) -> Iterator[tuple[str, DigestEntry]]:
        """What a digest has taken, by group."""
        prefix = f"{digest_id}/"
        for key, part in list(self.state.parts.items()):
            if key.startswith(prefix):
                yield key.removeprefix(prefix), part

    def failed(self, route: str, failure: Failure) -> None:
        """A failure of the way pauses its route, unless another one has failed as well."""
        destination = self.state.destination
        if failure.way and not failure.unclear:
            trouble = self.state.routes.get(route) or Trouble()
            trouble.failed(failure, self.now)
            self.state.routes[route] = trouble
            if route not in destination.ways:
                destination.ways = [*destination.ways, route][:2]
            if len(destination.ways) < 2:
                return
        destination.trouble.failed(failure, self.now)

    def put_away(self, digest_id: str, held: LeasedDigest, *, unclear: bool, since: float) -> None:
        """A digest that nobody has since then: kept as it is if a retry is harmless, else taken
        apart. What a fallback may have told is none to be repeated at the destination."""
        self.slots.answered(held.slot, at=since)
        self.slots.give_back(held.extra)
        at_fallback = held.fallback is not None
        held.extra, held.lease_until, held.fallback, held.handed = [], None, None, False
        if at_fallback and held.unclear_since is None:
            self.take_apart(digest_id, doubtful=unclear)
            return
        if unclear and held.unclear_since is None:
            held.unclear_since = since
        self.state.digests[digest_id] = held
        if held.unclear_since is not None and self.may_repeat(held):
            self.state.destination.unclear[digest_id] = held.unclear_since
        else:
            self.take_apart(digest_id, doubtful=held.unclear_since is not None)

    def may_repeat(self, held: LeasedDigest) -> bool:
        """Whether an unclear message may be sent once more as it was."""
        since = held.unclear_since
        recent = since is not None and self.now - since < schedule.UNCLEAR_FOR
        return recent and self.rules.duplicate_check

    def take_apart(self, digest_id: str, *, doubtful: bool) -> None:
        """Its errors are pending again."""
        parts = dict(self.parts(digest_id))
        self.state.read_ahead(
            found
            for group_id, part in parts.items()
            for found in (
                ("groups", group_id),
                ("samples", group_id),
                ("samples", f"{digest_id}/{group_id}"),
                *(("pending", f"{group_id}|{source}") for source in part.pending),
            )
        )
        for group_id, part in parts.items():
            self._put_back(digest_id, group_id, part, doubtful=doubtful)
        self.forget(digest_id)

    def _put_back(
        self, digest_id: str, group_id: str, part: DigestEntry, *, doubtful: bool
    ) -> None:
        state = self.state
        if not part.pending:
            if (known := state.groups.get(group_id)) is not None:
                self.note(known)  # that it is over is still to be told
            return
        group = self.group(group_id)
        group.out = max(0, group.out - part.count)
        if group.count:
            group.track.pending_since = min(group.track.pending_since, part.track.pending_since)
        for source, count in part.pending.items():
            self.add_pending(group, source, count)
        group.doubtful += part.count if doubtful else part.doubtful
        group.left += part.left
        releases.put_back(state.scope_state.releases, group, part)
        out = state.samples.get(f"{digest_id}/{group_id}", [])
        if samples := kept([*out, *state.samples.get(group_id, [])]):
            state.samples[group_id] = samples
        self.save(group)

    def forget(self, digest_id: str) -> None:
        """Remove a digest: it was told, or its errors are pending again."""
        state = self.state
        state.destination.unclear.pop(digest_id, None)
        state.scope_state.out = [each for each in state.scope_state.out if each != digest_id]
        for group_id, _ in self.parts(digest_id):
            self.forget_part(digest_id, group_id)
        state.digests.pop(digest_id, None)
        state.bodies.pop(digest_id, None)

    def forget_part(self, digest_id: str, group_id: str) -> None:
        """Remove what a digest says of one group."""
        self.state.parts.pop(f"{digest_id}/{group_id}", None)
        self.state.samples.pop(f"{digest_id}/{group_id}", None)


def _forget(records: MutableMapping[str, T], gone: Callable[[T], bool]) -> None:
    for key, record in list(records.items()):
        if gone(record):
            del records[key]
