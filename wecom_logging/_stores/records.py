"""What a ledger writes down: groups, digests, sources, a destination's state, tokens.

Plain values that JSON can hold. Times are readings of the store's clock, unless they are
marked as for display. Nobody compares or prints them, and what is not generated does not
delay the first handler.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from wecom_logging._model.digest import Digest, Event, Identity, Outage, Report, State
from wecom_logging._model.ratelimit import Slot
from wecom_logging._model.schedule import Track, over_at, state
from wecom_logging._stores.due_index import Agenda
from wecom_logging._stores.protocol import MAX_SAMPLES, Failure


@dataclass(eq=False, repr=False)
class Group:
    """One group: who it is, what the schedule remembers, what has not been told.

    Its samples are kept apart: most merges bring none.
    """

    identity: Identity
    track: Track
    pending: dict[str, int] = field(default_factory=dict)
    #: Of the pending errors: how many an unclear message may have told.
    doubtful: int = 0
    #: Errors that are in a digest right now.
    out: int = 0

    @property
    def count(self) -> int:
        return sum(self.pending.values())

    @property
    def untold(self) -> int:
        return self.count + self.out


def kept(samples: list[Event]) -> list[Event]:
    """The first one stays, and the latest ones: they show the most."""
    if len(samples) <= MAX_SAMPLES:
        return samples
    return [samples[0], *samples[1 - MAX_SAMPLES :]]


@dataclass(eq=False, repr=False)
class Part:
    """What a digest has taken out of one group, with the group as it was."""

    identity: Identity
    track: Track
    pending: dict[str, int]
    samples: list[Event]
    doubtful: int = 0
    #: The message says that the group is over.
    ends: bool = False

    @property
    def count(self) -> int:
        return sum(self.pending.values())

    def reports(self, now: float, wall: float) -> list[Report]:
        """What the message says about the group; `wall` is `now` for display."""
        found = [self._report(state(self.track), now, wall)] if self.pending else []
        return [*found, self._report("over", now, wall)] if self.ends else found

    def _report(self, state: State, now: float, wall: float) -> Report:
        track = self.track
        count = 0 if state == "over" else self.count
        return Report(
            identity=self.identity,
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
            samples=tuple(self.samples),
            earlier=track.earlier,
            earliest=wall - (now - track.first_seen),
            last_before=wall - (now - track.last_before),
        )


def ends(track: Track, pending: int, out: int, now: float) -> bool:
    """Whether a message that goes out now says that the group is over."""
    if track.over_told or out or now < over_at(track):
        return False
    if track.ended_at is not None:
        return track.told > 0 or pending > 0
    if track.told_at is None:
        return False
    # Pending errors are told now, and were the last ones for long enough.
    return not pending or (track.told > 0 and not track.again)


@dataclass(eq=False, repr=False)
class Held:
    """A digest that somebody has claimed, or whose answer was unclear."""

    id: str
    parts: list[Part]
    #: When it was collected, by the store's clock and for display.
    now: float
    wall: float
    slot: str = ""
    #: None: nobody has it.
    lease_until: float | None = None
    outage: Outage | None = None
    #: Errors that it declares lost.
    lost: int = 0
    body: str | None = None
    unclear_since: float | None = None

    @property
    def news(self) -> bool:
        return any(part.pending and part.track.news for part in self.parts)

    @property
    def count(self) -> int:
        return sum(part.count for part in self.parts)

    def digest(self) -> Digest:
        reports = [r for part in self.parts for r in part.reports(self.now, self.wall)]
        return Digest(self.id, tuple(reports), self.wall, outage=self.outage, lost=self.lost)


@dataclass(eq=False, repr=False)
class Desk:
    """What an app and environment has to keep in mind."""

    agenda: Agenda = field(default_factory=Agenda)
    #: Until when news has to wait, and when the last message went out.
    news_gate: float = 0.0
    last_message: float = 0.0
    #: Errors that were lost and that no message has declared yet.
    lost: int = 0
    #: The digest that is out. One at a time: the next one tells what came meanwhile.
    held: Held | None = None
    #: Until when no group is over, so that there is no use in looking for room.
    full_until: float = 0.0


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
    #: When it looks at the store next; None: when its next error comes.
    looks_at: float | None = None


@dataclass(eq=False, repr=False)
class Destination:
    """What all apps at one destination share: slots, back-off, unclear digests."""

    slots: dict[str, Slot] = field(default_factory=dict)
    resume_at: float = 0.0
    strict: bool = False
    failures: int = 0
    failing_since: float | None = None
    reason: str = ""
    #: Digests whose answer was unclear, and since when, the oldest first. Until one is
    #: clear it is the only attempt here, because only then does the duplicate check make a
    #: retry harmless.
    unclear: dict[str, float] = field(default_factory=dict)
    #: Who is there, and when that was last written down.
    fleet: dict[str, float] = field(default_factory=dict)

    def succeeded(self) -> None:
        self.failures, self.failing_since, self.strict = 0, None, False
        self.resume_at = 0.0

    def failed(self, failure: Failure, now: float) -> None:
        self.failures += 1
        if self.failing_since is None:
            self.failing_since = now
        self.reason = failure.reason
        self.resume_at, self.strict = now + failure.pause, failure.strict


@dataclass(eq=False, repr=False)
class Token:
    """The access token of some credentials, and who is fetching one."""

    token: str = ""
    refresh_at: float = 0.0
    #: When WeCom was last asked, and when before that.
    asked_at: float | None = None
    asked_before: float | None = None
    fetched_until: float = 0.0
