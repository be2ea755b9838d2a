"""When a group is worth a message: functions of (state, now), without a clock of their own.

A store keeps the numbers that are computed here and compares them with its own clock.
Every duration is in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wecom_logging._runtime.values import NamedTuple, dataclass
from wecom_logging.errors import BusyError, DeliveryError, RateLimitedError, SetupError, TokenError

if TYPE_CHECKING:
    from wecom_logging._model.digest import State

#: A surge is at least this many errors, and more than this many times the last message's;
#: and they come as many times as fast. Without that every steady storm would be a surge:
#: its first message tells of one second, and the pause after it is a minute long.
SURGE_COUNT = 10
SURGE_FACTOR = 10
#: First and longest pause after an attempt that failed for reasons that pass by themselves.
BACKOFF_FIRST = 1.0
BACKOFF_LAST = 60.0
#: Pauses between attempts while somebody has to mend the set-up.
PROBES = (60.0, 300.0, 900.0)
#: Pauses after errcode 45009. WeCom blocks for as long as the window that was exceeded:
#: a minute, an hour, or the rest of the day (WeCom API document 90312).
BLOCKS = (65.0, 300.0, 900.0, 3600.0)
#: For how long a job that has failed is remembered, if it does not work again.
JOB_FOR = 30 * 86400.0
#: How long an unclear message is sent again. The duplicate check that makes this harmless
#: reaches back four hours (document 90236).
UNCLEAR_FOR = 3.5 * 3600


class Policy(NamedTuple):
    """The options of the schedule; the defaults are the handler's."""

    group_wait: float = 1.0
    group_interval: float = 15.0
    repeat_intervals: tuple[float, ...] = (60.0, 300.0, 900.0, 3600.0)
    quiet_after: float = 600.0
    forget_after: float = 90000.0
    recovery: str = "auto"


@dataclass(eq=False, repr=False)
class Track:
    """What a store remembers of a group for the schedule; times are readings of its clock."""

    first_seen: float
    last_seen: float
    #: When it began, or began again after it had been over.
    since: float
    #: From when on its pending errors are worth a message, if they are news.
    due: float
    quiet_after: float
    forget_after: float
    critical: bool = False
    #: Errors since `since`.
    total: int = 0
    #: Errors before that, and when the last of them came (0: none).
    earlier: int = 0
    last_before: float = 0.0
    #: Its pending errors disturb somebody's sleep sooner than a pause would allow.
    news: bool = True
    #: It had been over before its pending errors came.
    again: bool = False
    #: It is over, and a message has said so.
    over_told: bool = False
    #: That it is over is worth a message of its own.
    loud: bool = False
    #: When somebody said that it is over.
    ended_at: float | None = None
    #: So many pending errors, at so many a second, are a surge.
    surge: int = 0
    surge_speed: float = 0.0
    #: Messages that told of it since `since`, and its place in `Policy.repeat_intervals`
    #: (-1: the pauses start again with the next message).
    told: int = 0
    step: int = -1
    #: How long to wait after a message before the next one, unless there is news.
    pause: float = 0.0
    #: When the last message told of it, of how many errors, gathered in how many seconds.
    told_at: float | None = None
    told_count: int = 0
    told_span: float = 0.0
    #: When the first of its pending errors came.
    pending_since: float = 0.0


def begin(now: float, wait: float, policy: Policy, *, critical: bool, job: bool = False) -> Track:
    """A group that has never been seen."""
    return Track(
        first_seen=now,
        last_seen=now,
        since=now,
        due=now + wait,
        quiet_after=JOB_FOR if job else policy.quiet_after,
        forget_after=max(JOB_FOR, policy.forget_after) if job else policy.forget_after,
        critical=critical,
    )


def wait_for_company(policy: Policy, *, critical: bool) -> float:
    """How long news waits for others to share its message."""
    return 0.0 if critical else policy.group_wait


def is_over(track: Track, pending: int, now: float) -> bool:
    """Whether nothing has happened for long enough, and all that happened has been told.

    The message that tells the last errors may say so, and a pause begins with it all the same.
    """
    if pending or track.told_at is None:
        return False
    return track.over_told or now >= over_at(track)


def over_at(track: Track) -> float:
    """When a group without pending errors will be over, if no error comes."""
    if track.ended_at is not None:
        return track.ended_at
    told_at = track.first_seen if track.told_at is None else track.told_at
    return max(track.last_seen + track.quiet_after, told_at + track.pause)


def over_since(track: Track) -> float:
    """Since when one that is over has been: since a message has said so, with its last errors,
    or nothing happened for long enough."""
    if track.over_told and track.ended_at is None and track.told_at is not None:
        return max(track.last_seen + track.quiet_after, track.told_at)
    return over_at(track)


def arrive(
    track: Track, count: int, pending: int, now: float, wait: float, *, left: int = 0
) -> None:
    """`count` errors come to a group that has `pending` already, `left` of which are from
    processes that have ended and delay nothing."""
    if is_over(track, pending - left, now):
        track.earlier, track.last_before = track.earlier + track.total, track.last_seen
        track.since, track.total, track.told = now, 0, 0
        track.again, track.over_told, track.loud = True, False, False
        if track.critical:
            track.news, track.due = True, now + wait
    track.ended_at = None
    if not pending:
        track.pending_since = now
    track.total += count
    track.last_seen = now
    if is_surge(track, pending + count, now):
        hasten(track, now, wait)


def hasten(track: Track, now: float, wait: float) -> None:
    """Its pending errors are news, whatever the pause."""
    if not track.news:
        track.news, track.due, track.step = True, now + wait, -1


def end(track: Track, untold: int, now: float) -> None:
    """Somebody says that the group is over; nothing to tell where nobody knows that it was."""
    if not track.over_told and (track.told or untold):
        track.ended_at = now if track.ended_at is None else track.ended_at
        track.loud = track.told > 0


def ends_at_once(track: Track) -> bool:
    """Whether its end is worth a message now, with the errors that are pending."""
    return track.ended_at is not None and track.loud and not track.over_told


def is_surge(track: Track, pending: int, now: float) -> bool:
    """Whether it has become so much worse that nobody should have to wait for the pause."""
    seconds = max(1.0, now - track.pending_since)
    return pending >= track.surge and pending >= track.surge_speed * seconds


def state(track: Track) -> State:
    """How a group with pending errors is announced."""
    if track.told_at is None:
        return "new"
    return "again" if track.again else "still"


def tell(track: Track, count: int, now: float, policy: Policy) -> None:
    """A message has told of `count` errors of this group."""
    before = track.since if track.told_at is None else track.told_at
    if track.step < 0 or now >= before + track.pause:
        # Told in company of other news it keeps its place: a storm that is told four times
        # in its first minute, because of others, would be silent for an hour then.
        track.step += 1
    # Another process may have more of them.
    track.step = min(track.step, len(policy.repeat_intervals) - 1)
    track.told_at, track.told_count, track.told_span = now, count, max(0.0, now - before)
    track.told += 1
    track.pause = policy.repeat_intervals[track.step]
    track.surge = max(SURGE_COUNT, SURGE_FACTOR * count + 1)
    track.surge_speed = SURGE_FACTOR * count / max(1.0, track.told_span)
    track.news = track.again = False
    wanted = policy.recovery == "auto" and (track.critical or track.told > 1)
    track.loud = wanted or policy.recovery == "always" or track.ended_at is not None


def tell_over(track: Track) -> None:
    """A message has told that this group is over."""
    track.over_told = True
    track.loud = False


def is_forgotten(track: Track, pending: int, now: float) -> bool:
    """Whether the next error of this group will be new again."""
    return not pending and now >= track.last_seen + track.forget_after


def pause_after(error: DeliveryError, failures: int, jitter: float) -> float:
    """Seconds to leave a destination alone after an attempt that failed.

    `failures` counts the failed attempts in a row, this one included; `jitter` is a
    random number from 0 to 1, so that many processes do not come back together.
    """
    if isinstance(error, RateLimitedError):
        return max(error.retry_after, _nth(BLOCKS, failures)) * (1 + 0.05 * jitter)
    if isinstance(error, (SetupError, TokenError)):
        return _nth(PROBES, failures)
    pause = min(BACKOFF_LAST, BACKOFF_FIRST * 2.0 ** min(failures - 1, 16))
    if isinstance(error, BusyError) and failures >= 3:
        pause = BACKOFF_LAST  # document 90313: errcode -1 may be tried three times in a row
    return pause * (0.8 + 0.4 * jitter)


def _nth(pauses: Sequence[float], n: int) -> float:
    return pauses[min(n, len(pauses)) - 1]
