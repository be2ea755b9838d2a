"""What people do to groups: silences, who has taken one, quiet; and what an act of theirs is.

Plain values that JSON can hold. Times are the store's, unless they are for display.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal

from wecom_logging._model.digest import Event, Identity
from wecom_logging._runtime.values import NamedTuple, dataclass, field

#: A silence is broken by so many errors in five minutes, if they are so many times its base.
#: So many are also what a new kind needs to be told while an app is quiet.
STORM_COUNT, STORM_FACTOR = 100, 10
STORM_SPAN = 300.0

#: How long a silence may last at most, and that of a CRITICAL, seconds.
SILENCE_LIMIT, CRITICAL_LIMIT = 7 * 86_400.0, 3600.0
#: Two clocks, or the way to the store.
GRACE = 60.0

#: After so long nobody has a group any more who has not taken it again, seconds.
TAKEN_FOR = 8 * 3600.0

#: How long an act is remembered, seconds, and how many of them for an app.
ACTS_FOR, MAX_ACTS = 30 * 86_400.0, 1000

#: So many of the messages that told of a group are remembered: one of them may be quoted.
MAX_MESSAGES = 4

#: Whole hours before the current one of which errors are counted apart.
HOURS = 24

#: Releases that an app has known, those of one group, and those of its pending errors.
KNOWN_RELEASES, GROUP_RELEASES, PENDING_RELEASES = 20, 10, 5

#: Jobs of an app, for how long it is remembered when one has run, seconds.
MAX_JOBS, RUNS_FOR = 1000, 16 * 86_400.0

#: Characters of a name or reason that are kept.
MAX_TEXT = 200

Verb = Literal["silence", "unsilence", "take", "untake", "quiet", "unquiet", "undo"]

#: Why a group was not marked: it is not there, it is over, there is nothing to end, the
#: silence would be too long, or last until a release where no error says which it is of.
Refusal = Literal["unknown", "over", "nothing", "too long", "no release"]


@dataclass(eq=False, repr=False)
class Silence:
    """Nothing is told of a group until a time."""

    by: str
    where: str
    why: str
    since: float
    #: Moved to when it ends, where that is sooner.
    until: float
    #: Errors of the busiest five minutes in the hour before it, and of its first five.
    base: int = 0
    first: int = 0
    #: Why it ended before its time: "undone", "storm", "exit", "release".
    ended: str = ""
    #: The first release that is newer ends it, and the one that has.
    until_release: bool = False
    release: str = ""


@dataclass(eq=False, repr=False)
class Taken:
    """Somebody has a group."""

    by: str
    where: str
    since: float
    until: float


@dataclass(eq=False, repr=False)
class Quiet:
    """Of an app only what cannot wait is told until a time."""

    by: str
    where: str
    why: str
    since: float
    until: float


#: Who is said to have made an app quiet where its option has, and where from.
QUIET_HOURS = "quiet_hours"


@dataclass(eq=False, repr=False)
class Marks:
    """What stands on a group, or stood there before an act."""

    silence: Silence | None = None
    taken: Taken | None = None


class Act(NamedTuple):
    """Something that somebody wants done."""

    verb: Verb
    #: The same act twice has the same key, and is done once.
    key: str
    #: Who, as it is shown; whose it is to undo; and from where.
    who: str
    user: str
    where: str
    why: str = ""
    #: Short ids of groups; of "quiet" and "unquiet" none.
    ids: tuple[str, ...] = ()
    #: Of "silence" and "quiet".
    seconds: float = 0.0
    #: Of "silence": or until a release that nobody has seen yet.
    until_release: bool = False


class Done(NamedTuple):
    """What became of an act: the short ids that are marked as it wants, and of the others the
    `Refusal`."""

    ids: tuple[str, ...] = ()
    refused: Mapping[str, str] = MappingProxyType({})


@dataclass(eq=False, repr=False)
class KeptAct:
    """An act as a store remembers it."""

    act: Act
    at: float
    #: For display.
    wall: float
    #: By group: what was marked, and what stood there before.
    before: dict[str, Marks] = field(default_factory=dict)
    quiet: Quiet | None = None
    ids: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    undone: bool = False


@dataclass(frozen=True)
class KnownGroup:
    """A group as answers show it. Times in seconds since the epoch, for display."""

    #: Its short id.
    id: str
    app: str
    environment: str
    state: Literal["open", "over", "silenced"]
    critical: bool
    #: Errors since it began or began again, and how many of them nobody has been told of.
    count: int
    pending: int
    first: float
    last: float
    type: str
    text: str
    place: str
    silenced_until: float | None = None
    silenced_by: str = ""
    silenced_why: str = ""
    taken_by: str = ""
    taken_at: float | None = None
    #: When a message last told of it as news; a silence that is taken back makes none.
    news_at: float | None = None
    #: Short ids of the latest messages that told of it, the newest last.
    messages: tuple[str, ...] = ()
    #: The next release ends its silence, if that is sooner.
    until_release: bool = False
    #: The oldest and the newest release that it was seen in; "" if nobody has said.
    first_release: str = ""
    last_release: str = ""
    #: When it was seen for the first time at all, and since when it is over.
    first_seen: float = 0.0
    over_since: float | None = None
    #: Errors in each of the last `HOURS` hours, the current one last.
    hours: tuple[int, ...] = ()


class KnownJob(NamedTuple):
    """A job and when it has run. Times for display."""

    name: str
    #: Seconds between two runs as somebody has said; 0: nobody has.
    every: float
    #: The last run of each hour that it has run in, the oldest first.
    runs: tuple[float, ...]
    worked_at: float | None = None
    failed_at: float | None = None


class KnownSource(NamedTuple):
    """A handler in a process that has written to the store lately. Times for display."""

    #: `host/pid/nonce`.
    name: str
    seen: float
    errors: int


@dataclass(frozen=True)
class KnownApp:
    """What a store knows of one app and environment. Times for display."""

    app: str
    environment: str
    groups: tuple[KnownGroup, ...] = ()
    quiet_until: float | None = None
    quiet_by: str = ""
    #: When a source was last heard of.
    written: float | None = None
    #: Errors in each of the last `HOURS` hours, also of groups that are forgotten; and the end of
    #: the current one.
    hours: tuple[int, ...] = ()
    hours_end: float = 0.0
    sources: tuple[KnownSource, ...] = ()
    jobs: tuple[KnownJob, ...] = ()


def beginning(identity: Identity, samples: Sequence[Event]) -> str:
    """What is kept of what a group says: its words as messages have them, where not each
    message is another; "" without samples."""
    if not samples:
        return ""
    words = "" if identity.is_crowd or identity.job else identity.text
    return (words or str(samples[-1].get("event", "")))[:MAX_TEXT]


# -- rules, for all stores ---------------------------------------------------------------------


def counted(recent: dict[str, int], errors: int, now: float) -> dict[str, int]:
    """Errors by minute, with these: single minutes of the last five, five at once before
    that, for an hour."""
    minute = int(now // 60)
    found: dict[str, int] = {}
    for key, count in [*recent.items(), (str(minute), errors)]:
        if not key.isdigit() or not minute - 65 < int(key) <= minute:
            continue
        at = int(key) if int(key) > minute - 5 else int(key) - int(key) % 5
        found[str(at)] = found.get(str(at), 0) + count
    return found


def by_hour(hours: dict[str, int], errors: int, now: float) -> dict[str, int]:
    """Errors by hour, with these, for the current hour and the `HOURS` before it."""
    hour = int(now // 3600)
    found = {
        key: n for key, n in hours.items() if key.isdigit() and hour - HOURS <= int(key) <= hour
    }
    found[str(hour)] = found.get(str(hour), 0) + errors
    return found


def ring(hours: dict[str, int], now: float) -> tuple[int, ...]:
    """Errors of each of these hours, the current one last."""
    hour = int(now // 3600)
    return tuple(hours.get(str(each), 0) for each in range(hour - HOURS, hour + 1))


def lately(recent: dict[str, int], now: float) -> int:
    """Errors of the last five minutes."""
    return sum(n for key, n in recent.items() if key.isdigit() and int(key) > now // 60 - 5)


def busiest(recent: dict[str, int]) -> int:
    """Errors of the busiest five minutes that are known."""
    fives: dict[int, int] = {}
    for key, count in recent.items():
        if key.isdigit():
            fives[int(key) // 5] = fives.get(int(key) // 5, 0) + count
    return max(fives.values(), default=0)


def is_storm(recent: dict[str, int], now: float) -> bool:
    """Whether a kind that nobody was told of cannot wait for the end of quiet: it has, or had, so
    many errors in five minutes."""
    return max(lately(recent, now), busiest(recent)) >= STORM_COUNT


def endure(silence: Silence, recent: dict[str, int], errors: int, now: float) -> None:
    """Errors have come to a silenced group: a storm that is none of its own breaks it."""
    if silence.until <= now:
        return
    if now < silence.since + STORM_SPAN:
        silence.first += errors
    elif lately(recent, now) >= max(STORM_COUNT, STORM_FACTOR * max(silence.base, silence.first)):
        silence.until, silence.ended = now, "storm"
