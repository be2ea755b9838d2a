"""What one message will report: plain values, from the store to the renderer."""

from __future__ import annotations

import builtins
from typing import Any, Literal

from wecom_logging._runtime import lazy
from wecom_logging._runtime.values import NamedTuple, dataclass

#: A captured record: plain JSON data (the keys are listed in `capture.py`).
Event = dict[str, Any]

State = Literal["new", "again", "still", "over", "silenced"]

#: The template of all that a call site says beyond its allowance.
VARYING = "varying messages"
#: Groups that one call site may make: of values that change, of texts that are constant (the
#: same object as before), of types of exceptions in one place.
MAX_VARIANTS = 10
MAX_CONSTANT = 100


class Identity(NamedTuple):
    """What makes a group this group: stable across processes and releases, already redacted."""

    #: Sixteen hexadecimal digits.
    id: str
    logger: str
    level: str
    #: Type of the exception as `type_name` has it ("ConnectTimeout"), "" without one.
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
    #: Code that tells the group from others of the type ("28", "404"); "" if there is none.
    code: str = ""
    #: Type and place were read out of a text that was logged; the template is what it is about.
    from_text: bool = False
    #: The same for all groups of one call site.
    site: str = ""
    #: It is one of the few groups that its call site may make of values that change.
    changing: bool = False
    #: The words of its first event: a group has one name in all messages, also in those that
    #: come when its events are gone.
    text: str = ""
    #: No code of the application has a part in it: a library reports something of itself.
    library: bool = False
    #: Of a job: seconds between two runs, if that was given; else 0.
    every: float = 0.0
    #: The id of the group of the same exception with any code; "" if that is the same.
    bare: str = ""

    @property
    def allowance(self) -> tuple[str, int] | None:
        """What it is counted against at its call site, and how many groups of that may be."""
        if self.job or not self.site or self.id == self.site:
            return None
        if self.changing:
            return f"{self.site} *", MAX_VARIANTS
        kind = self.place if self.type and not self.from_text else "="
        return f"{self.site} {kind}", MAX_CONSTANT

    @property
    def beyond(self) -> Identity:
        """The group that it belongs to if its call site has none to spare for it."""
        if self.bare:
            return self._replace(id=self.bare, bare="", code="", changing=False)
        return self.varying

    @property
    def varying(self) -> Identity:
        """The group of what its call site says beyond its allowance."""
        return self._replace(
            id=self.site,
            template=VARYING,
            type="",
            cause="",
            code="",
            from_text=False,
            changing=False,
            bare="",
        )

    @property
    def is_crowd(self) -> bool:
        """Whether it holds what is not told apart."""
        return self.id == self.site or self.id in OTHERS

    @property
    def critical(self) -> bool:
        return self.level == "critical"


def type_name(module: str, qualname: str) -> str:
    """What a type of exception is called, everywhere: `KeyError`, `Order.DoesNotExist`; with its
    package where the name alone says little: `redis.ConnectionError`, but `ConnectTimeout`."""
    owner, _, name = qualname.replace("<locals>.", "").rpartition(".")
    owner = owner.rpartition(".")[2]
    if owner[:1].isupper():  # a class of exceptions for each model, as Django has them
        return f"{owner}.{name}"
    package = module.partition(".")[0].lstrip("_")
    is_bare = package in ("", "builtins", "__main__", "main__")
    if is_bare or not (hasattr(builtins, name) or _SAYS_LITTLE.fullmatch(name)):
        return name
    return f"{package}.{name}"


#: Names that many libraries have.
_SAYS_LITTLE = lazy.regex(
    "(?:Error|Exception|Failure|Timeout|Abort|HTTP|Http|API|Api|Client|Server|Service|Request"
    "|Response|Connection|Validation|Status|Database|Not|Found|Bad|Base)+"
)


class SilenceEnd(NamedTuple):
    """A silence that has ended. Times are seconds since the epoch, for display."""

    by: str
    since: float
    until: float
    why: str = ""
    #: Why it ended before its time: "undone", "storm", "exit", "release"; "" if it did not.
    ended: str = ""
    #: The release that has ended it.
    release: str = ""


class Holder(NamedTuple):
    """Who has taken a group, and when; `lapsed`: it is theirs no longer."""

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
    """One group's part of a digest. Times are seconds since the epoch, for display. It has no
    `repr`, which would show the samples."""

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
    #: One that has ended, of which no message has told yet.
    silence: SilenceEnd | None = None
    taken: Holder | None = None
    #: The releases that `count` happened in, the newest first; and if it had been over and comes
    #: back with another release, the one that it was last seen in.
    releases: tuple[str, ...] = ()
    back_from: str = ""

    @property
    def shown_id(self) -> str:
        """`#40871`."""
        return f"#{self.short_id or self.identity.id[:4]}"


class Outage(NamedTuple):
    """Why this digest comes late."""

    #: When the first attempt failed, seconds since the epoch.
    since: float
    #: What the last failure said, without secrets.
    reason: str


def message_id(digest_id: str) -> str:
    """The short id of the message that tells a digest; "" for what is in no message."""
    return f"m-{digest_id[:4]}" if digest_id else ""


class ByFallback(NamedTuple):
    """What a fallback has told instead of the destination. Times are seconds since the epoch."""

    since: float
    until: float
    errors: int
    #: What the fallback is called; "" for another destination.
    name: str


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
    #: What the destination has not been told and never will be.
    by_fallback: ByFallback | None = None

    def back_from(self, told: ByFallback) -> Digest:
        """The first digest that the destination takes again. It comes late only if something in
        it had to wait for that."""
        waited = any(r.count and (r.first or r.since) < told.until for r in self.reports)
        return self._replace(by_fallback=told, outage=self.outage if waited else None)

    @property
    def message_id(self) -> str:
        return message_id(self.id)
