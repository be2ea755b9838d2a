"""What a ledger writes down: groups, digests, sources, a destination's state, leases.

Plain values that JSON can hold. Times are the store's, unless they are for display. Nobody compares
or prints them: methods that are not generated do not delay the first handler.
"""

from __future__ import annotations

from random import Random

from wecom_logging._model.digest import Event, Holder, Identity, Outage, Report, SilenceEnd, State
from wecom_logging._model.schedule import Track, over_at, state
from wecom_logging._runtime import fork
from wecom_logging._runtime.values import NamedTuple, dataclass, field
from wecom_logging._stores.due_index import DueIndex
from wecom_logging._stores.marks import Quiet, Silence, Taken
from wecom_logging._stores.protocol import MAX_SAMPLES, Failure

#: Not the system's: each call of it gives up the interpreter, for 5 ms beside a busy thread.
#: Nor the program's, which it may have seeded.
RANDOM = Random()  # noqa: S311  # names and pauses, no secrets
fork.in_child(RANDOM.seed)


def new_id() -> str:
    """A name for a digest, a slot or a follow-up."""
    return f"{RANDOM.getrandbits(32):08x}"


@dataclass(eq=False, repr=False)
class Crowd:
    """Whom a group of what is not told apart has heard, and how often it may be news."""

    heard: list[str] = field(default_factory=list)
    left: int = 0
    until: float = 0.0


@dataclass(eq=False, repr=False)
class Group:
    """One group: who it is, what the schedule remembers, how much has not been told.

    Its samples and its counts by source are documents of their own.
    """

    identity: Identity
    track: Track
    #: Its short id; 0: it has none yet.
    number: int = 0
    #: Errors that are pending.
    count: int = 0
    #: Of these: how many an unclear message may have told, and how many were left by
    #: processes that have ended, which delay nothing.
    doubtful: int = 0
    left: int = 0
    #: Errors that are in a digest right now.
    out: int = 0
    #: Errors by minute in the last hour, see `marks.counted`.
    recent: dict[str, int] = field(default_factory=dict)
    #: The beginning of its latest message, which answers show when its samples are told.
    text: str = ""
    silence: Silence | None = None
    taken: Taken | None = None
    #: When a message last told of it as news.
    news_at: float = 0.0
    crowd: Crowd | None = None
    #: Short ids of the latest messages that told of it, the newest last.
    messages: list[str] = field(default_factory=list)
    #: Errors by hour of the last day, see `marks.by_hour`.
    hours: dict[str, int] = field(default_factory=dict)
    #: Releases that it was seen in, the oldest first, and those of its pending errors.
    releases: list[str] = field(default_factory=list)
    pending_releases: list[str] = field(default_factory=list)
    #: Its pending errors are the first of a release, and it was last seen in this one.
    back_from: str = ""

    @property
    def untold(self) -> int:
        return self.count + self.out

    @property
    def delaying(self) -> int:
        """Untold errors that keep it from being over."""
        return self.untold - self.left

    def ends(self, now: float) -> bool:
        """Whether a message that goes out now says that it is over."""
        track = self.track
        if track.over_told or self.out or now < over_at(track):
            return False
        if track.ended_at is not None:
            return track.told > 0 or self.count > 0
        if track.told_at is None:
            return False
        # Pending errors are told now, and were the last ones for long enough.
        return not self.delaying or (track.told > 0 and not track.again)


@dataclass(eq=False, repr=False)
class Allowance:
    """The groups of a call site that are counted against the same limit."""

    groups: list[str] = field(default_factory=list)
    #: Until when there is no use in looking whether any of them is over.
    full_until: float = 0.0


class Pending(NamedTuple):
    """Errors of one group and source that no message has told."""

    errors: int
    #: So many of them were there when the source ended.
    left: int = 0


def kept(samples: list[Event]) -> list[Event]:
    """The first one stays, and the latest ones: they show the most."""
    if len(samples) <= MAX_SAMPLES:
        return samples
    return [samples[0], *samples[1 - MAX_SAMPLES :]]


def told_sample(group_id: str) -> str:
    """The key of the sample of a group that a message has told, for whoever asks later."""
    return f"told/{group_id}"


@dataclass(eq=False, repr=False)
class DigestEntry:
    """What a digest has taken out of one group, with the group as it was."""

    track: Track
    pending: dict[str, int]
    doubtful: int = 0
    left: int = 0
    #: The message says that the group is over.
    ends: bool = False
    #: A silence that the message ends, and who has the group.
    silence: Silence | None = None
    taken: Taken | None = None
    #: Releases that its errors happened in, the newest first, see `Group.back_from`.
    releases: list[str] = field(default_factory=list)
    back_from: str = ""

    @property
    def count(self) -> int:
        return sum(self.pending.values())

    @property
    def came_after_silence(self) -> bool:
        """Whether all its errors came after a silence that has ended."""
        silence = self.silence
        return (
            silence is not None and bool(self.pending) and self.track.pending_since > silence.until
        )

    def reports(
        self, identity: Identity, short_id: str, samples: list[Event], now: float, wall: float
    ) -> list[Report]:
        """What the message says about the group; `wall` is `now` for display."""

        def report(state: State) -> Report:
            track = self.track
            count = 0 if state == "over" else self.count
            return Report(
                identity=identity,
                state=state,
                count=count,
                doubtful=min(self.doubtful, count),
                total=track.total,
                since=wall - (now - track.since),
                last=wall - (now - track.last_seen),
                first=wall - (now - track.pending_since),
                before=(track.told_count, track.told_span),
                span=now - (track.pending_since if track.told_at is None else track.told_at),
                news=track.news,
                hosts=tuple(sorted({source.split("/", 1)[0] for source in self.pending})),
                samples=tuple(samples),
                earlier=track.earlier,
                earliest=wall - (now - track.first_seen),
                last_before=wall - (now - track.last_before),
                short_id=short_id,
                left=min(self.left, count),
                silence=None if state == "over" else _silence_end(self.silence, now, wall),
                taken=_holder(self.taken, now, wall),
                releases=tuple(self.releases) if count else (),
                back_from=self.back_from if count else "",
            )

        found = []
        # What came after its end goes on as anything does; the silence is told beside it.
        if self.silence and not self.came_after_silence:
            found = [report("silenced")]
        elif self.pending:
            found = [report(state(self.track))]
        return [*found, report("over")] if self.ends else found


def _silence_end(silence: Silence | None, now: float, wall: float) -> SilenceEnd | None:
    if silence is None:
        return None
    since, until = wall - (now - silence.since), wall - (now - silence.until)
    return SilenceEnd(silence.by, since, until, silence.why, silence.ended, silence.release)


def _holder(taken: Taken | None, now: float, wall: float) -> Holder | None:
    if taken is None:
        return None
    return Holder(taken.by, wall - (now - taken.since), lapsed=taken.until <= now)


@dataclass(eq=False, repr=False)
class Detour:
    """What fallbacks have told since the destination took something, and when."""

    since: float
    until: float
    count: int
    name: str


@dataclass(eq=False, repr=False)
class LeasedDigest:
    """The head of a digest that somebody has claimed, or whose answer was unclear.

    Its parts, their samples and its frozen body are documents of their own.
    """

    #: When it was collected, by the store's clock and for display.
    now: float
    wall: float
    slot: str = ""
    #: How who has it reaches the destination.
    route: str = ""
    #: None: nobody has it.
    lease_until: float | None = None
    #: Slots that were taken for its follow-ups.
    extra: list[str] = field(default_factory=list)
    outage: Outage | None = None
    #: Errors that it declares lost.
    lost: int = 0
    #: It is the first one after a time that was quiet.
    quiet: Quiet | None = None
    unclear_since: float | None = None
    #: Who has it gives it to the fallback of this name, and may have done so.
    fallback: str | None = None
    handed: bool = False
    #: What it says fallbacks have told instead of its destination.
    detour: Detour | None = None


@dataclass(eq=False, repr=False)
class Following:
    """A follow-up that waits, or that somebody is sending. Its body is apart."""

    id: str
    slots: int
    since: float
    #: Slots that it has already.
    taken: list[str] = field(default_factory=list)
    attempts: int = 0
    not_before: float = 0.0
    lease_until: float | None = None


class ReleaseSeen(NamedTuple):
    """When errors of a release were seen. The end is exact to an hour."""

    first: float
    last: float


@dataclass(eq=False, repr=False)
class JobHistory:
    """When a job has run."""

    name: str
    #: Seconds between two runs as somebody has said; 0: nobody has.
    every: float = 0.0
    #: The last run of each hour, the oldest first.
    runs: list[float] = field(default_factory=list)
    worked_at: float | None = None
    failed_at: float | None = None


@dataclass(eq=False, repr=False)
class Trouble:
    """A destination, or a route to it, that has failed since its last success."""

    failures: int = 0
    since: float | None = None
    reason: str = ""
    resume_at: float = 0.0
    strict: bool = False
    #: Somebody has to mend the set-up.
    setup: bool = False

    def failed(self, failure: Failure, now: float) -> None:
        self.failures += 1
        if self.since is None:
            self.since = now
        self.reason = failure.reason
        self.resume_at, self.strict = now + failure.pause, failure.strict
        self.setup = failure.setup


@dataclass(eq=False, repr=False)
class ScopeState:
    """What an app and environment has to keep in mind."""

    due_index: DueIndex = field(default_factory=DueIndex)
    #: Until when news has to wait, and when the last message went out.
    news_gate: float = 0.0
    last_message: float = 0.0
    #: Errors that were lost and that no message has declared yet.
    lost: int = 0
    #: The digests that are out, the oldest first, and the kinds of follow-ups that wait.
    out: list[str] = field(default_factory=list)
    following: list[str] = field(default_factory=list)
    #: How many groups there are but for "others", and until when none of them is over, so that
    #: there is no use in looking for room.
    groups: int = 0
    full_until: float = 0.0
    quiet: Quiet | None = None
    #: When those `quiet_hours` end, or have ended, that were entered last.
    hours_until: float = 0.0
    #: What the destination has not been told of, and how its fallbacks do.
    detour: Detour | None = None
    fallback: Trouble = field(default_factory=Trouble)
    #: Errors by hour of the last day, also of groups that are forgotten.
    hours: dict[str, int] = field(default_factory=dict)
    #: Its releases: when each was seen first, and last.
    releases: dict[str, ReleaseSeen] = field(default_factory=dict)


@dataclass(eq=False, repr=False)
class Source:
    """What is known of one source."""

    #: Its first batch and its latest one.
    first: int = 0
    sequence: int = 0
    merged: int = 0
    reported: int = 0
    lost: int = 0
    seen: float = 0.0
    #: Errors of `reported` that fallbacks took.
    by_fallback: int = 0


@dataclass(eq=False, repr=False)
class Destination:
    """What all apps at one destination share, but for slots, routes and who is there."""

    trouble: Trouble = field(default_factory=Trouble)
    #: Routes that have failed since the last success of any; two are enough to know.
    ways: list[str] = field(default_factory=list)
    #: When the latest slot was taken.
    last_taken: float = 0.0
    #: Digests whose answer was unclear, and since when, the oldest first. Until one is
    #: clear it is the only attempt here, because only then does the duplicate check make a
    #: retry harmless.
    unclear: dict[str, float] = field(default_factory=dict)
    #: How many short ids are in the register.
    numbers: int = 0


class Numbered(NamedTuple):
    """Whose a short id is."""

    scope: str
    group: str
    seen: float = 0.0


class App(NamedTuple):
    """The names behind a scope."""

    app: str
    environment: str
    seen: float = 0.0


@dataclass(eq=False, repr=False)
class Token:
    """A value that one process leaves for all, an access token say, and whose turn it is."""

    token: str = ""
    refresh_at: float = 0.0
    #: When the turn was taken last, and when before that.
    asked_at: float | None = None
    asked_before: float | None = None
    fetched_until: float = 0.0
