"""What comes in: counts and samples of one source."""

from __future__ import annotations

from collections.abc import Iterable

from wecom_logging._model import schedule
from wecom_logging._model.digest import OTHERS, Identity, others
from wecom_logging._stores import releases, variety
from wecom_logging._stores.ledger import Ledger
from wecom_logging._stores.marks import MAX_JOBS, RUNS_FOR, beginning, by_hour, counted, endure
from wecom_logging._stores.protocol import Batch, Entry
from wecom_logging._stores.records import Crowd, Group, JobHistory, Source, kept
from wecom_logging._stores.register import number_of

#: How often a full store, or a full call site, is searched for groups that are over, seconds.
CROWDED = 1.0


def merge(ledger: Ledger, batches: Iterable[Batch]) -> None:
    """Add each batch, once."""
    for batch in batches:
        _merge(ledger, batch)


def _merge(ledger: Ledger, batch: Batch) -> None:
    source = ledger.state.sources.get(batch.source) or Source()
    if batch.sequence <= source.sequence:
        return
    source.first, source.sequence = source.first or batch.sequence, batch.sequence
    source.seen = ledger.now
    scope_state, release = ledger.state.scope_state, ledger.rules.release
    if batch.errors:
        scope_state.hours = by_hour(scope_state.hours, batch.errors, ledger.now)
        if release:
            releases.note_app(scope_state.releases, release, ledger.now)
    for entry in batch.entries:
        source.merged += entry.errors
        if entry.identity.job and (entry.errors or entry.over):
            _note_run(ledger, entry)
        if entry.errors:
            _add(ledger, entry, batch.source)
        if entry.over and (group := ledger.state.groups.get(entry.identity.id)) is not None:
            schedule.end(group.track, group.untold, ledger.now)
            ledger.save(group)
    ledger.state.sources[batch.source] = source


def _add(ledger: Ledger, entry: Entry, source: str) -> None:
    state, now, policy = ledger.state, ledger.now, ledger.rules.policy
    wait = schedule.wait_for_company(policy, critical=entry.identity.critical)
    group = state.groups.get(entry.identity.id)
    if group is None:
        group = _new_group(ledger, entry.identity, wait)
    elif group.identity.changing and not entry.identity.changing:
        variety.leave(state, group.identity)
        group.identity = group.identity._replace(changing=False)
        variety.enter(state, group.identity)
    if schedule.is_forgotten(group.track, group.delaying, now):
        first = group.track.pending_since
        group.track = _begin(ledger, group.identity, wait)
        group.track.pending_since = first
        group.releases = []
    since = group.track.since
    schedule.arrive(group.track, entry.errors, group.untold, now, wait, left=group.left)
    if _is_news(group, entry, now):
        schedule.hasten(group.track, now, wait)
    group.recent = counted(group.recent, entry.errors, now)
    group.hours = by_hour(group.hours, entry.errors, now)
    if group.track.since != since:
        group.taken = None  # it was over, or forgotten
    if group.silence is not None:
        endure(group.silence, group.recent, entry.errors, now)
    if release := ledger.rules.release:
        releases.note_group(state.scope_state.releases, group, release, now, wait)
    ledger.add_pending(group, source, entry.errors)
    group.doubtful += entry.doubtful
    if entry.samples:
        earlier = state.samples.get(group.identity.id, [])
        state.samples[group.identity.id] = kept([*earlier, *entry.samples])
        group.text = beginning(entry.identity, entry.samples)
    ledger.save(group)


def _is_news(group: Group, entry: Entry, now: float) -> bool:
    if not group.identity.is_crowd:
        return entry.news
    group.crowd = group.crowd or Crowd()
    return variety.is_news(group.crowd, entry.identity.id, entry.news, now)


def _note_run(ledger: Ledger, entry: Entry) -> None:
    """A job has failed, or worked. Of each hour the last run is kept: that is a habit."""
    jobs, now, identity = ledger.state.jobs, ledger.now, entry.identity
    history = jobs.get(identity.id)
    if history is None:
        if len(jobs) >= MAX_JOBS:
            return
        history = JobHistory(identity.logger)
    history.every = identity.every
    kept_runs = [at for at in history.runs if now - at <= RUNS_FOR]
    if kept_runs and kept_runs[-1] // 3600 == now // 3600:
        kept_runs.pop()
    history.runs = [*kept_runs, now]
    if entry.errors:
        history.failed_at = now
    else:
        history.worked_at = now
    jobs[identity.id] = history


def _new_group(ledger: Ledger, identity: Identity, wait: float) -> Group:
    state, scope_state = ledger.state, ledger.state.scope_state
    while not _has_allowance(ledger, identity):
        identity = identity.beyond
        if (known := state.groups.get(identity.id)) is not None:
            return known
    # A tenth is kept for call sites that have none yet.
    kept = ledger.rules.max_groups // 10 if state.sites.get(identity.site) else 0
    if scope_state.groups >= ledger.rules.max_groups - kept:
        identity = _make_room(ledger, identity)
        if (known := state.groups.get(identity.id)) is not None:
            return known
    scope_state.groups += identity.id not in OTHERS
    variety.enter(state, identity)
    number = number_of(state, identity.id, ledger.now)
    return Group(identity, _begin(ledger, identity, wait), number)


def _begin(ledger: Ledger, identity: Identity, wait: float) -> schedule.Track:
    policy, critical, job = ledger.rules.policy, identity.critical, identity.job
    return schedule.begin(ledger.now, wait, policy, critical=critical, job=job)


def _has_allowance(ledger: Ledger, identity: Identity) -> bool:
    """Whether its call site may have another group of the kind; one that is over makes room."""
    if (found := identity.allowance) is None:
        return True
    key, limit = found
    state, allowance = ledger.state, ledger.state.allowances.get(key)
    if allowance is None or len(allowance.groups) < limit:
        return True
    if ledger.now < allowance.full_until:
        return False
    if _drop_oldest(ledger, [g for each in allowance.groups if (g := state.groups.get(each))]):
        return True
    allowance.full_until = ledger.now + CROWDED
    state.allowances[key] = allowance
    return False


def _make_room(ledger: Ledger, identity: Identity) -> Identity:
    """Groups that are over go, longest silent first; if none is, there are "others"."""
    scope_state, now = ledger.state.scope_state, ledger.now
    if now < scope_state.full_until:
        return others(critical=identity.critical)
    if _drop_oldest(ledger, ledger.state.groups.values()):
        return identity
    scope_state.full_until = now + CROWDED
    return others(critical=identity.critical)


def _drop_oldest(ledger: Ledger, groups: Iterable[Group]) -> bool:
    """Forget the group that is over and has been silent longest, if any of them is over."""
    now = ledger.now
    over = [g for g in groups if schedule.is_over(g.track, g.untold, now) and not g.silence]
    if over:
        oldest = min(over, key=lambda g: (not g.track.over_told, g.track.last_seen))
        ledger.drop(oldest.identity.id)
    return bool(over)


def withdraw(ledger: Ledger, source: str) -> tuple[Entry, ...]:
    """Everything of a source that is pending, to be merged into another store."""
    state, found = ledger.state, []
    for digest_id in state.scope_state.out:
        if state.digests[digest_id].lease_until is None:
            ledger.take_apart(digest_id, doubtful=True)
    for group_id, pending in ledger.pending_by_group().items():
        if source not in pending:
            continue
        count, group = pending[source].errors, ledger.group(group_id)
        samples = tuple(state.samples.pop(group_id, ()))
        doubtful = min(count, group.doubtful)
        group.doubtful -= doubtful
        group.count -= count
        del state.pending[f"{group_id}|{source}"]
        over = group.track.ended_at is not None
        found.append(Entry(group.identity, count, samples, doubtful, over))
    ledger.look_through()
    return tuple(found)
