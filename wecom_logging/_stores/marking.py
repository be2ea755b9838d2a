"""What people do to groups, as `MarkingStore` describes it, and what of it a message ends."""

from __future__ import annotations

from collections.abc import Iterable

from wecom_logging._model import schedule
from wecom_logging._model.digest import Digest, State
from wecom_logging._runtime.values import replace
from wecom_logging._stores import marks
from wecom_logging._stores.ledger import Ledger
from wecom_logging._stores.marks import Act, KeptAct, Quiet
from wecom_logging._stores.records import DigestEntry, Group, JobHistory, told_sample


def mark(ledger: Ledger, act: Act) -> marks.Done:
    state = ledger.state
    if (kept := state.acts.get(act.key)) is not None:
        return _done(kept)
    act = act._replace(who=act.who[: marks.MAX_TEXT], why=act.why[: marks.MAX_TEXT])
    kept = KeptAct(act, ledger.now, ledger.wall)
    if act.verb in ("quiet", "unquiet"):
        kept.quiet = state.scope_state.quiet
        _be_quiet(ledger, act)
    else:
        _mark_groups(ledger, act, kept)
    _remember(ledger, kept)
    ledger.state.scope_state.due_index.hold(ledger.now)  # until all have been looked through
    return _done(kept)


def _done(kept: KeptAct) -> marks.Done:
    """What became of it, also the second time."""
    return marks.Done(tuple(kept.ids), dict(kept.refused))


def _by_number(ledger: Ledger, short_id: str) -> Group | None:
    entry = ledger.state.numbers.get(short_id)
    if entry is None or entry.scope != ledger.state.scope:
        return None
    group = ledger.state.groups.get(entry.group)
    return group if group is not None and str(group.number) == short_id else None


def _mark_groups(ledger: Ledger, act: Act, kept: KeptAct) -> None:
    for short_id in act.ids:
        group = _by_number(ledger, short_id)
        refusal = "unknown" if group is None else refused(ledger, group, act)
        if group is None or refusal:
            kept.refused[short_id] = refusal or "unknown"
            continue
        # Copies: what stands on the group goes on changing.
        kept.before[group.identity.id] = marks.Marks(
            group.silence and replace(group.silence), group.taken and replace(group.taken)
        )
        _mark_group(ledger, group, act)
        kept.ids.append(short_id)
        ledger.state.groups[group.identity.id] = group


def refused(ledger: Ledger, group: Group, act: Act) -> marks.Refusal | None:
    """Why an act cannot be done to a group, if it cannot."""
    silenced = group.silence is not None and group.silence.until > ledger.now
    over = schedule.is_over(group.track, group.untold, ledger.now) and not silenced
    if over and act.verb in ("silence", "take"):
        return "over"
    limit = marks.CRITICAL_LIMIT if group.identity.critical else marks.SILENCE_LIMIT
    if act.verb == "silence" and not 0 < act.seconds <= limit + marks.GRACE:
        return "too long"
    if act.verb == "silence" and act.until_release and not ledger.state.scope_state.releases:
        return "no release"
    there = {"unsilence": silenced, "untake": group.taken is not None}
    return None if there.get(act.verb, True) else "nothing"


def _mark_group(ledger: Ledger, group: Group, act: Act) -> None:
    now, pauses = ledger.now, ledger.rules.policy.repeat_intervals
    if act.verb == "silence":
        base = marks.busiest(group.recent)
        until = now + act.seconds
        group.silence = marks.Silence(
            act.who, act.where, act.why, now, until, base, until_release=act.until_release
        )
    elif act.verb == "unsilence" and group.silence is not None:
        group.silence.until, group.silence.ended = now, "undone"
    elif act.verb == "take":
        group.taken = marks.Taken(act.who, act.where, now, now + marks.TAKEN_FOR)
        group.track.pause = pauses[-1]
    elif act.verb == "untake":
        group.taken = None
        group.track.pause = pauses[max(0, min(group.track.step, len(pauses) - 1))]


def _be_quiet(ledger: Ledger, act: Act) -> None:
    now, scope_state = ledger.now, ledger.state.scope_state
    if act.verb == "quiet":
        quiet = Quiet(act.who, act.where, act.why, now, now + act.seconds)
        if (hours := _hours(ledger)) is not None:  # longer than which it may be, not shorter
            quiet.since, quiet.until = hours.since, max(quiet.until, hours.until)
        scope_state.quiet = quiet
    elif scope_state.quiet is not None:
        scope_state.quiet = replace(scope_state.quiet, until=min(now, scope_state.quiet.until))


def _hours(ledger: Ledger) -> Quiet | None:
    """The quiet hours that hold now, unless somebody has ended them."""
    scope_state = ledger.state.scope_state
    quiet, until = scope_state.quiet, scope_state.hours_until
    if quiet is None or not ledger.now < until <= quiet.until:
        return None
    return Quiet(marks.QUIET_HOURS, marks.QUIET_HOURS, "", quiet.since, until)


def keep_quiet_hours(ledger: Ledger, ago: float, left: float) -> None:
    """Enter the quiet hours of one process, for all, unless they had begun before the last ones
    were over: then what is in the store counts, even if somebody has ended it."""
    now, scope_state = ledger.now, ledger.state.scope_state
    # In whole milliseconds, as Redis keeps them.
    since, until = round(now - ago, 3), round(now + left, 3)
    if since < scope_state.hours_until:
        return
    scope_state.hours_until = until
    quiet = scope_state.quiet
    if quiet is not None and quiet.until > now:
        scope_state.quiet = replace(quiet, until=max(quiet.until, until))
    else:
        scope_state.quiet = Quiet(marks.QUIET_HOURS, marks.QUIET_HOURS, "", since, until)
    ledger.look_through()


def _remember(ledger: Ledger, kept: KeptAct) -> None:
    acts = ledger.state.acts
    acts[kept.act.key] = kept
    oldest = sorted(acts.items(), key=lambda item: item[1].at)
    for key, each in oldest:
        if ledger.now - each.at <= marks.ACTS_FOR and len(acts) <= marks.MAX_ACTS:
            break
        del acts[key]


def undo(ledger: Ledger, act: Act, within: float) -> KeptAct | None:
    acts, now = ledger.state.acts, ledger.now
    mine = [
        each
        for each in acts.values()
        if each.act.user == act.user and not each.undone and now - each.at <= within
        # One that was refused altogether has done nothing.
        if each.ids or each.act.verb in ("quiet", "unquiet")
    ]
    last = max(mine, key=lambda each: each.at, default=None)
    if last is None:
        return None
    last.undone = True
    acts[last.act.key] = last
    if last.act.verb in ("quiet", "unquiet"):
        if (later := _later(ledger, last)) is not None:
            later.quiet = last.quiet
            acts[later.act.key] = later
        else:
            _be_quiet_as_before(ledger, last)
    for group_id, before in last.before.items():
        if (later := _later(ledger, last, group_id)) is not None:
            later.before[group_id] = before
            acts[later.act.key] = later
        elif (group := ledger.state.groups.get(group_id)) is not None:
            _take_back(ledger, group, last.act, before)
            ledger.state.groups[group_id] = group
    ledger.state.scope_state.due_index.hold(now)
    return last


def _later(ledger: Ledger, last: KeptAct, group_id: str = "") -> KeptAct | None:
    """The next act of the kind, on a group or on the app: what stands is no longer that of `last`
    and is not to be ended with it, but neither may it come back when the next one is undone."""
    kind = last.act.verb.removeprefix("un")
    later = [
        each
        for each in ledger.state.acts.values()
        if each.at > last.at and not each.undone and each.act.verb.removeprefix("un") == kind
        if not group_id or group_id in each.before
    ]
    return min(later, key=lambda each: each.at, default=None)


def _be_quiet_as_before(ledger: Ledger, last: KeptAct) -> None:
    quiet, scope_state = last.quiet, ledger.state.scope_state
    if quiet is None or quiet.until <= ledger.now:
        quiet = _hours(ledger)  # that have begun since
    if quiet is not None:
        scope_state.quiet = quiet
    elif scope_state.quiet is not None:
        _be_quiet(ledger, last.act._replace(verb="unquiet"))


def _take_back(ledger: Ledger, group: Group, act: Act, before: marks.Marks) -> None:
    if act.verb in ("take", "untake"):
        _mark_group(ledger, group, act._replace(verb="untake"))
        if before.taken is not None and before.taken.until > ledger.now:
            group.taken = before.taken
            group.track.pause = ledger.rules.policy.repeat_intervals[-1]
    elif before.silence is not None and before.silence.until > ledger.now:
        group.silence = before.silence
    elif group.silence is not None and group.silence.until > ledger.now:
        group.silence.until, group.silence.ended = ledger.now, "undone"


# -- for what goes out -------------------------------------------------------------------------


def end_all(ledger: Ledger) -> None:
    """Let all that is held be told: it would be gone with the process."""
    if ledger.state.scope_state.due_index.held is None:
        return
    for group in ledger.state.groups.values():
        if group.silence is not None and group.silence.until > ledger.now:
            group.silence.until, group.silence.ended = ledger.now, "exit"
    quiet = ledger.state.scope_state.quiet
    if quiet is not None:
        quiet.until = min(quiet.until, ledger.now)
    ledger.look_through()


def ended_quiet(ledger: Ledger, collected: Iterable[DigestEntry]) -> Quiet | None:
    """The quiet that a message says has ended: something had to wait for that."""
    quiet = ledger.state.scope_state.quiet
    if quiet is None or quiet.until > ledger.now:
        return None
    return quiet if any(_waited(each, quiet.until) for each in collected) else None


def _waited(part: DigestEntry, until: float) -> bool:
    track = part.track
    came = bool(part.pending) and track.pending_since < until
    return came or (part.ends and schedule.over_at(track) < until)


def held(ledger: Ledger, source: str) -> int:
    """Errors of a source of which nothing may be told now."""
    if ledger.state.scope_state.due_index.held is None:
        return 0
    found = 0
    for group_id, pending in ledger.pending_by_group().items():
        if source in pending and (until := ledger.held_until(ledger.group(group_id))) is not None:
            found += pending[source].errors if until > ledger.now else 0
    return found


def told(group: Group, part: DigestEntry, message: str, now: float) -> None:
    """A message has told of it, and what ended; a silence that is newer stays."""
    silence, taken = group.silence, group.taken
    if part.pending:
        group.messages = [*group.messages[1 - marks.MAX_MESSAGES :], message]
    if part.pending and part.track.news and not _known_to_whoever_ended_it(part):
        group.news_at = now
    if part.silence and silence and silence.since == part.silence.since and silence.until <= now:
        group.silence = None
    if taken and taken.until <= now:
        group.taken = None


def _known_to_whoever_ended_it(part: DigestEntry) -> bool:
    """A burst that came in a silence is nothing new for whoever takes the silence back; a kind
    that no message has told of yet is."""
    undone = part.silence is not None and part.silence.ended == "undone"
    return undone and not part.came_after_silence and part.track.told_at is not None


# -- for whoever asks --------------------------------------------------------------------------


def apps(ledger: Ledger) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((each.app, each.environment) for each in ledger.state.apps.values()))


def acts(ledger: Ledger) -> tuple[KeptAct, ...]:
    return tuple(sorted(ledger.state.acts.values(), key=lambda each: each.at))


def known(ledger: Ledger) -> marks.KnownApp:
    state, now, offset = ledger.state, ledger.now, ledger.wall - ledger.now
    groups = [_describe(group, state.names, now, offset) for group in state.groups.values()]
    groups.sort(key=lambda each: (-each.last, each.id))
    quiet, sources = state.scope_state.quiet, sorted(state.sources.items())
    if quiet is not None and quiet.until <= now:
        quiet = None
    found = [marks.KnownSource(name, each.seen + offset, each.merged) for name, each in sources]
    return marks.KnownApp(
        *state.names,
        tuple(groups),
        quiet.until + offset if quiet else None,
        quiet.by if quiet else "",
        max((each.seen for each in found), default=None),
        marks.ring(state.scope_state.hours, now),
        (now // 3600 + 1) * 3600 + offset,
        tuple(found),
        tuple(_job(each, offset) for each in sorted(state.jobs.values(), key=lambda job: job.name)),
    )


def _job(job: JobHistory, offset: float) -> marks.KnownJob:
    runs = tuple(at + offset for at in job.runs)
    ends = (None if at is None else at + offset for at in (job.worked_at, job.failed_at))
    return marks.KnownJob(job.name, job.every, runs, *ends)


def whole(ledger: Ledger, short_id: str) -> Digest | None:
    """A digest with all errors since it began, also those that were told."""
    group = _by_number(ledger, short_id)
    if group is None:
        return None
    samples, group_id = ledger.state.samples, group.identity.id
    found = [*samples.get(told_sample(group_id), []), *samples.get(group_id, [])]
    track, state = group.track, _state(ledger, group)
    part = DigestEntry(track, {"": track.total})
    (report,) = part.reports(group.identity, short_id, found, ledger.now, ledger.wall)
    return Digest("", (replace(report, hosts=(), state=state),), ledger.wall)


def _state(ledger: Ledger, group: Group) -> State:
    """What a whole report says of it: what it is by now, not what its next message would say."""
    track = group.track
    if schedule.is_over(track, group.untold, ledger.now):
        return "over"
    if track.told > 1 or (track.told and group.untold):
        return "still"
    return "again" if track.earlier else "new"


def _describe(group: Group, names: tuple[str, str], now: float, offset: float) -> marks.KnownGroup:
    track, identity = group.track, group.identity
    silence = group.silence if group.silence and group.silence.until > now else None
    taken = group.taken if group.taken and group.taken.until > now else None
    over = schedule.is_over(track, group.untold, now)
    return marks.KnownGroup(
        id=str(group.number or ""),
        app=names[0],
        environment=names[1],
        state="silenced" if silence else "over" if over else "open",
        critical=identity.critical,
        count=track.total,
        pending=group.untold,
        first=track.since + offset,
        last=track.last_seen + offset,
        type=identity.type,
        text=group.text or identity.template,
        place=identity.place,
        silenced_until=silence.until + offset if silence else None,
        silenced_by=silence.by if silence else "",
        silenced_why=silence.why if silence else "",
        taken_by=taken.by if taken else "",
        taken_at=taken.since + offset if taken else None,
        news_at=group.news_at + offset if group.news_at else None,
        until_release=silence is not None and silence.until_release,
        first_release=group.releases[0] if group.releases else "",
        last_release=group.releases[-1] if group.releases else "",
        first_seen=track.first_seen + offset,
        over_since=schedule.over_since(track) + offset if over else None,
        hours=marks.ring(group.hours, now),
        messages=tuple(group.messages),
    )
