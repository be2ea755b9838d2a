"""What one message will report: plain values, from the store to the renderer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

#: A captured record: plain JSON data (the keys are listed in `capture.py`).
Event = dict[str, Any]

State = Literal["new", "again", "still", "over", "silenced"]


class Identity(NamedTuple):
    """What makes a group this group: stable across processes and releases, already redacted."""

    #: Sixteen hexadecimal digits. The first four are shown, as in `#7f3a`.
    id: str
    logger: str
    level: str
    #: Type of the exception ("ConnectTimeout"), "" without one.
    type: str = ""
    #: Module path below its import root and function ("pay/gateway.py post"), "" if unknown.
    place: str = ""
    #: The message template with its variable parts masked.
    template: str = ""
    #: The same for all groups that one cause explains (chain of types and innermost
    #: frame); "" if there is no exception.
    cause: str = ""
    #: It is over when somebody says so, and not because it is silent: a job that fails once
    #: a day has not been mended in between.
    job: bool = False

    @property
    def critical(self) -> bool:
        return self.level == "critical"


class SilenceEnd(NamedTuple):
    """A silence that has ended. Times are seconds since the epoch, for display."""

    by: str
    since: float
    until: float
    why: str = ""
    #: Why it ended before its time: "undone", "storm", "exit"; "" if it did not.
    ended: str = ""


class Holder(NamedTuple):
    """Who has taken a group, and when; `lapsed`: nobody has it any more."""

    by: str
    at: float
    lapsed: bool = False


#: Ids of what is not told apart: errors beyond `max_groups`. CRITICAL ones stay apart.
OTHERS = ("others", "others-critical")


def others(*, critical: bool) -> Identity:
    """The group of what is not told apart."""
    return Identity(OTHERS[critical], "", "critical" if critical else "error")


@dataclass(frozen=True, repr=False)
class Report:
    """One group's part of a digest. Times are seconds since the epoch, for display.

    Without a `repr`, because of the samples.
    """

    identity: Identity
    state: State
    #: Errors that this message newly reports; 0 for a group that is over.
    count: int
    #: Errors of `count` that an earlier message of unknown fate may have told already.
    doubtful: int
    #: Errors since `since`, told and untold.
    total: int
    #: When the group began, or began again after it had been over.
    since: float
    #: When its latest error happened.
    last: float
    #: Errors and seconds of the span before this one, for the trend; 0 seconds: none.
    before: tuple[int, float]
    #: Seconds in which `count` gathered.
    span: float
    #: True for a surge or a CRITICAL that had been over, and for a new group.
    news: bool
    #: Names of the hosts it happened on.
    hosts: tuple[str, ...]
    #: Up to five captured events, oldest first.
    samples: tuple[Event, ...] = ()
    #: When the first of `count` happened; 0 if that is not known.
    first: float = 0.0
    #: Errors before `since`, and when the first and the last of them happened.
    earlier: int = 0
    earliest: float = 0.0
    last_before: float = 0.0
    #: Five or six digits to be typed on a phone, with a question mark while nobody else knows
    #: of them; "" if there are none.
    short_id: str = ""
    #: Errors of `count` that processes which have ended left to be told.
    left: int = 0
    #: With state "silenced".
    silence: SilenceEnd | None = None
    taken: Holder | None = None


class Outage(NamedTuple):
    """Why this digest comes late."""

    #: When the first attempt failed, seconds since the epoch.
    since: float
    #: What the last failure said, without secrets.
    reason: str


class Digest(NamedTuple):
    """The groups that one message will report."""

    #: Names the lease in the store; the message's own id is `m-` and its first four digits.
    id: str
    reports: tuple[Report, ...]
    #: When it was claimed, seconds since the epoch.
    now: float
    #: Set if the destination could not be reached before.
    outage: Outage | None = None
    #: Errors that a deadline has lost since the last message.
    lost: int = 0
    #: From when to when only what could not wait was told.
    quiet: tuple[float, float] | None = None

    @property
    def message_id(self) -> str:
        return f"m-{self.id[:4]}"
