"""Everything that `wecom_logging` raises.

WeComError
├── ConfigurationError        an option is wrong: change the configuration
└── DeliveryError             a message was not, or may not have been, delivered
    ├── TransportError        no readable answer: try again later
    └── ApiError              WeCom answered with an errcode other than 0
        ├── TokenError        the access token is stale: fetch one, send again
        ├── BusyError         WeCom is busy: try again a little later
        ├── RateLimitedError  too many calls: wait out the window
        ├── ContentError      this message is not accepted: send a plainer one
        └── SetupError        nothing will be accepted until somebody mends the set-up

Each branch is one way of going on after it. None of these ever reaches the line that
logged; a script that uses a sender by itself sees them.
"""

from __future__ import annotations


class WeComError(Exception):
    """Base class of all errors of this package."""


class ConfigurationError(WeComError, ValueError):
    """An option has a value that cannot work.

    The text names the option, the value (never a secret's) and the rule.
    """

    def __init__(self, option: str, rule: str) -> None:
        super().__init__(option, rule)
        #: Name of the option, as it is written in the configuration.
        self.option = option
        #: What is wrong with its value, and what would be right.
        self.rule = rule

    def __str__(self) -> str:
        return f"{self.option}: {self.rule}"


class DeliveryError(WeComError):
    """A message was not delivered, or nobody can say whether it was."""

    #: True if it failed on the way there (no connection, proxy, credentials), which is
    #: nothing to processes that get to the same destination by another way.
    way = False

    def __init__(self, text: str, *, unclear: bool = False) -> None:
        super().__init__(text)
        self.text = text
        #: True if the request was written but no readable answer came back, so that
        #: the message may have arrived all the same.
        self.unclear = unclear

    def __reduce__(self) -> tuple[object, ...]:
        # By default `__init__` is called with `args`, which are not its own arguments.
        return type(self).__new__, (type(self), *self.args), self.__dict__


class TransportError(DeliveryError):
    """The API could not be reached, or its answer could not be read."""

    #: Whether the request was written at all, so that it counts as a call.
    written = True


class ApiError(DeliveryError):
    """WeCom answered, with an `errcode` other than 0."""

    def __init__(self, errcode: int, errmsg: str, advice: str = "") -> None:
        super().__init__(f"WeCom refused with errcode {errcode}: {errmsg}")
        #: The number by which to look the refusal up.
        self.errcode = errcode
        #: WeCom's own text. For people only: WeCom changes it.
        self.errmsg = errmsg
        #: What the user can do about it; empty if waiting is all there is to do.
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.text} ({self.advice})" if self.advice else self.text


class TokenError(ApiError):
    """The access token has expired or was withdrawn."""

    way = True


class BusyError(ApiError):
    """WeCom is busy or in conflict with itself."""


class RateLimitedError(ApiError):
    """More calls than WeCom allows, or than our own budget does (`errcode` 45009)."""

    #: Seconds after which a new attempt makes sense.
    retry_after: float = 60.0


class ContentError(ApiError):
    """WeCom does not accept this message: too long, or with illegal content."""


class SetupError(ApiError):
    """Credentials, application, recipients or network have to be mended by somebody."""

    way = True


def display(value: object) -> str:
    """A value as an error names it: short, whatever its `repr` does."""
    try:
        written = repr(value)
    except Exception:
        written = f"a value of type {type(value).__name__}"
    return written if len(written) <= 80 else written[:79] + "…"
