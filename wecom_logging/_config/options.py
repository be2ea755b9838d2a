"""The options of a handler, in one table: names, checks, defaults, environment, meaning.

`Options` is the table and, once it is filled by `read_options`, what a handler goes by. The
constructor's signature and docstring and the tables of the README are held to it by a test.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import field, fields
from datetime import tzinfo
from typing import Any

from wecom_logging._config import destination
from wecom_logging._config.defaults import default_app, default_host, default_release
from wecom_logging._config.destination import elsewhere
from wecom_logging._config.option import (
    Option,
    as_boolean,
    as_boolean_or_json,
    as_integer,
    as_json,
    as_level,
    as_names_or_json,
    as_number,
    as_numbers,
    as_text,
    as_text_or_json,
    variable,
)
from wecom_logging._config.validators import (
    boolean,
    choice,
    crumbs,
    duration,
    durations,
    function,
    functions,
    level_number,
    links,
    owners,
    positive,
    positive_integer,
    quiet_hours,
    rate_limit,
    redaction,
    store,
    text,
    url_template,
    zone,
)
from wecom_logging._model.links import Link
from wecom_logging._model.quiet_hours import Window
from wecom_logging._model.ratelimit import DEFAULT_RATE_LIMIT, RateLimit
from wecom_logging._model.schedule import Policy
from wecom_logging._model.secret import Secret
from wecom_logging._runtime.values import dataclass

_POLICY = Policy()


def _option(
    doc: str,
    check: Callable[[Any, str], Any],
    default: Any = None,
    read: Callable[[str], object] | None = as_text,
    *,
    find: Callable[[Mapping[str, str]], Any] | None = None,
    secret: bool = False,
) -> Any:
    return field(metadata={"option": Option(doc, check, default, read, find, secret)})


@dataclass(frozen=True, repr=False)
class Options:
    """A handler's options, checked. Durations are in seconds.

    Neither a `repr` nor a tuple that somebody might take apart: there are secrets in it.
    """

    #: The arguments of a sender, as `destination.choose` finds them; a secret is in it.
    destination: Mapping[str, Any]

    app: str = _option(
        "Name of the program, shown in the headline. Default: `OTEL_SERVICE_NAME`, the package"
        " of `DJANGO_SETTINGS_MODULE`, the program's or the directory's name.",
        text,
        find=default_app,
    )
    environment: str = _option('Like "prod"; shown in the headline.', text, "")
    release: str = _option(
        "Version of the program, shown in each message. Default: `SENTRY_RELEASE`, `GIT_SHA`,"
        " `service.version` of `OTEL_RESOURCE_ATTRIBUTES`.",
        text,
        find=default_release,
    )
    language: str = _option('Of the labels: "en", "zh".', choice("en", "zh"), "en")
    store: str = _option(
        'Where groups, counts, schedule, budget and token live. "auto": a SQLite file of this'
        ' host and user, or memory where no private directory can be had; "memory";'
        ' "sqlite:///relative", "sqlite:////absolute"; "redis://…", "rediss://…" for many hosts.',
        store,
        "auto",
        secret=True,  # its URL may hold a password
    )
    sender: Any = _option(
        "Any object with the `Sender` protocol instead of a destination.",
        lambda value, option: value,
        read=None,
    )
    enabled: bool | None = _option(
        "True: no destination is an error. False: off and silent. Default: off without a"
        " destination, and said once.",
        boolean,
        read=as_boolean,
    )
    host: str = _option("Name of this host in messages.", text, find=default_host)
    timezone: tzinfo | None = _option(
        "Zone name for the times in messages; default: the local zone.", zone
    )
    group_wait: float = _option(
        "How long the first news waits for company, 1.0. CRITICAL does not wait.",
        duration,
        _POLICY.group_wait,
        as_number,
    )
    group_interval: float = _option(
        "Shortest time between two messages with news, 15.0. Not for CRITICAL.",
        duration,
        _POLICY.group_interval,
        as_number,
    )
    repeat_intervals: tuple[float, ...] = _option(
        "Pauses between messages about what goes on, (60, 300, 900, 3600).",
        durations,
        _POLICY.repeat_intervals,
        as_numbers,
    )
    quiet_after: float = _option(
        "Without errors for so long a group is over, 600.",
        positive,
        _POLICY.quiet_after,
        as_number,
    )
    forget_after: float = _option(
        f"Without errors for so long a group is forgotten, {_POLICY.forget_after:.0f}.",
        positive,
        _POLICY.forget_after,
        as_number,
    )
    quiet_hours: tuple[Window, ...] = _option(
        "Hours in which only what cannot wait is told: CRITICAL, and a new kind with 100 errors in"
        ' five minutes. "22:00-08:00", "Mon-Fri 22:00-08:00", "Sat,Sun", or a list of such, in'
        ' `timezone` (in the environment with ";" between); one overview at their end.',
        quiet_hours,
        (),
    )
    recovery: str = _option(
        'Telling that groups are over: "auto", "always", "fold", "off".',
        choice("auto", "always", "fold", "off"),
        _POLICY.recovery,
    )
    rate_limit: RateLimit = _option(
        "(attempts, seconds) windows, ((18, 60), (900, 3600)). WeCom takes 20 a minute from a"
        " robot (document 91770), 30 a minute and 1000 an hour from an application to a member"
        " (document 90312), and drops the rest in silence.",
        rate_limit,
        DEFAULT_RATE_LIMIT,
        as_json,
    )
    max_groups: int = _option(
        'Groups told apart at once, 1000; what is beyond is counted as "others". A line of code'
        " makes at most ten groups of values that change and a hundred of constant texts; a tenth"
        " of all is kept for lines that have none.",
        positive_integer,
        1000,
        as_integer,
    )
    fingerprint: Callable[..., Any] | None = _option(
        "Called with each record; returns what tells groups apart.", function, read=None
    )
    processors: tuple[Callable[..., Any], ...] = _option(
        "structlog processors, run on each captured event before the redaction.",
        functions,
        (),
        read=None,
    )
    redact: bool | str | Mapping[str, tuple[str, ...]] = _option(
        'True: secrets and personal data; "secrets"; False; or True with more {"names": [...],'
        ' "patterns": [...]} and without the names to {"keep": [...]}.',
        redaction,
        True,
        as_boolean_or_json,
    )
    uncaught: bool = _option(
        "Also report uncaught exceptions of the program and its threads.",
        boolean,
        False,
        as_boolean,
    )
    show_source: bool = _option("Show source lines.", boolean, True, as_boolean)
    show_locals: bool = _option(
        "Show local variables of the application's own frames; redacted.",
        boolean,
        False,
        as_boolean,
    )
    msgtype: str = _option(
        '"markdown", or "text" for people who read inside WeChat; robots also "markdown_v2".'
        ' "card": a template card with the count as a figure; it needs `links`, a tap opens the'
        " first of them, up to three more stand below; the whole report follows as a file.",
        choice("markdown", "text", "markdown_v2", "card"),
        "markdown",
    )
    links: tuple[Link, ...] = _option(
        "What a group leads to, by name, or one URL: templates with the fields {id}, {logger},"
        " {type}, {request_id}, {trace_id}, {from} and {to}, the last two in epoch milliseconds. A"
        ' link whose field has no value is left out. A mini-program, {"appid": …, "pagepath":'
        ' …}, is shown where cards are. extra={"runbook": "https://…"} adds one.',
        links,
        (),
        as_text_or_json,
    )
    link: str | None = _option("Deprecated, goes with 0.3: one URL for `links`.", url_template)
    attach: bool = _option(
        "Send the whole report as a file with a new or CRITICAL group whose own frames did not"
        " fit, or when kinds were left out; six an hour at most.",
        boolean,
        True,
        as_boolean,
    )
    mention: tuple[str, ...] | Mapping[str, tuple[str, ...]] = _option(
        'Robots only: user ids, mobile numbers or "@all" to call for a new group, and once more'
        " for one that has gone on for 15 minutes and nobody has taken. A mapping calls its owner:"
        ' {"pay/": "zhangsan", "orders.*": ["lisi"], "*": "@all"}, by the place as the message'
        " shows it, or the logger; the longest match. Once more means everybody of it.",
        owners,
        (),
        as_names_or_json,
    )
    mention_level: int | None = _option(
        "The lowest level that is worth a call: CRITICAL, with a mapping of owners ERROR.",
        level_number,
        read=as_level,
    )
    fallback: Any = _option(
        "Where to tell what the destination refuses until its set-up is mended, or has not taken"
        " for `fallback_after` seconds: another destination as a mapping of its options, or a"
        " logging.Handler, as an object or in dictConfig by its name, `cfg://handlers.mail_admins`.",
        elsewhere,
        read=as_json,
    )
    fallback_after: float = _option(
        "For how long the destination has to have taken nothing, 300.",
        duration,
        300.0,
        as_number,
    )
    breadcrumbs: int = _option(
        "How many earlier records of the same request, task or thread to show with an error, 0."
        " The loggers must let them through. `level` and `setLevel` stay the level of alerts"
        " (`alert_level`); the level that logging sees becomes the lower one of both.",
        crumbs,
        0,
        as_integer,
    )
    breadcrumb_level: int = _option(
        "The lowest level of these, INFO.", level_number, logging.INFO, as_level
    )
    close_timeout: float = _option(
        "How long flush, close and exit may take to deliver, 5.0.", duration, 5.0, as_number
    )

    @property
    def kind(self) -> str:
        """ "sender", "robot", "application", or "" without a destination."""
        if "sender" in self.destination:
            return "sender"
        if "webhook_key" in self.destination:
            return "robot"
        return "application" if "corpid" in self.destination else ""

    @property
    def policy(self) -> Policy:
        return Policy(**{name: getattr(self, name) for name in Policy._fields})


_OWN: dict[str, Option] = {
    each.name: each.metadata["option"] for each in fields(Options) if "option" in each.metadata
}

#: All options but `level`, which is logging's own.
OPTIONS = {**destination.DESTINATION, **destination.CONNECTION, **_OWN}


def read_options(arguments: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> Options:
    """Check the options of a handler.

    Args:
        arguments: As given to the constructor; None is not given.
        environ: Fills in what is not given, as `WECOM_<OPTION>`.

    Raises:
        ConfigurationError: An option is wrong; it names the option, the value and the rule.
    """
    given = {name: _plain(value) for name, value in arguments.items() if not _empty(value)}
    found = {name: _value(name, option, given, environ) for name, option in _OWN.items()}
    if found["link"] is not None:
        warnings.warn("link is called links now, and goes with 0.3", DeprecationWarning, 3)
        found["links"] = found["links"] or (Link("", found["link"]),)
    destination.check_connection(given)
    # Off is off: where it is meant to be, the secret often is not at hand.
    off = found["enabled"] is False
    return Options(destination={} if off else destination.choose(given, environ), **found)


def _value(name: str, option: Option, given: Mapping[str, Any], environ: Mapping[str, str]) -> Any:
    """The argument, then the environment, then the default."""
    value: Any = None
    if name in given:
        value = option.check(given[name], name)
    elif (written := option.of_environment(name, environ)) is not None:
        in_file = isinstance(written, Secret)  # checked when it was read
        value = written.value if in_file else option.check(written, variable(name))
    if value is None:
        return option.find(environ) if option.find else option.default
    return value


def _empty(value: object) -> bool:
    return value is None or (isinstance(value, (str, list, tuple, dict)) and not value)


def _plain(value: Any) -> Any:
    """A list as it is meant: those of dictConfig convert (`ext://…`) what is read by index."""
    if isinstance(value, (list, tuple)):
        return [_plain(value[i]) for i in range(len(value))]
    return value
