"""The options of a handler, in one table: names, checks, defaults, environment.

`Options` is the table and, once it is filled by `read_options`, what a handler goes by. What they
mean stands in the constructor's docstring, which is held to the table by a test like its signature;
the pages are made of both.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Mapping
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

from wecom_logging._config import destination
from wecom_logging._config import option as env
from wecom_logging._config import validators as check
from wecom_logging._config.defaults import default_app, default_host, default_release
from wecom_logging._config.destination import elsewhere
from wecom_logging._config.option import Option, variable
from wecom_logging._model.links import Link
from wecom_logging._model.ratelimit import DEFAULT_RATE_LIMIT, RateLimit
from wecom_logging._model.schedule import Policy
from wecom_logging._model.secret import Secret
from wecom_logging._runtime.values import dataclass

if TYPE_CHECKING:
    from wecom_logging._model.quiet_hours import Window

_POLICY = Policy()


#: What an option is, where the type of its attribute says what it is set to.
_option: Any = Option


@dataclass(frozen=True, repr=False)
class Options:
    """A handler's options, checked. Durations are in seconds.

    Neither a `repr` nor a tuple that somebody might take apart: there are secrets in it.
    """

    #: The arguments of a sender, as `destination.choose` finds them; a secret is in it.
    destination: Mapping[str, Any]

    app: str = _option(check.text, find=default_app)
    environment: str = _option(check.text, "")
    release: str = _option(check.text, find=default_release)
    language: str = _option(check.choice("en", "zh"), "en")
    store: str = _option(check.store, "auto", secret=True)  # its URL may hold a password
    sender: Any = _option(lambda value, option: value, read=None)
    enabled: bool | None = _option(check.boolean, read=env.as_boolean)
    host: str = _option(check.text, find=default_host)
    timezone: tzinfo | None = _option(check.zone)
    group_wait: float = _option(check.duration, _POLICY.group_wait, env.as_number)
    group_interval: float = _option(check.duration, _POLICY.group_interval, env.as_number)
    repeat_intervals: tuple[float, ...] = _option(
        check.durations, _POLICY.repeat_intervals, env.as_numbers
    )
    quiet_after: float = _option(check.positive, _POLICY.quiet_after, env.as_number)
    forget_after: float = _option(check.positive, _POLICY.forget_after, env.as_number)
    quiet_hours: tuple[Window, ...] = _option(check.quiet_hours, ())
    recovery: str = _option(check.choice("auto", "always", "fold", "off"), _POLICY.recovery)
    rate_limit: RateLimit = _option(check.rate_limit, DEFAULT_RATE_LIMIT, env.as_json)
    max_groups: int = _option(check.positive_integer, 1000, env.as_integer)
    fingerprint: Callable[..., Any] | None = _option(check.function, read=None)
    processors: tuple[Callable[..., Any], ...] = _option(check.functions, (), read=None)
    redact: bool | str | Mapping[str, tuple[str, ...]] = _option(
        check.redaction, True, env.or_json(env.as_boolean)
    )
    uncaught: bool = _option(check.boolean, False, env.as_boolean)
    show_source: bool = _option(check.boolean, True, env.as_boolean)
    show_locals: bool = _option(check.boolean, False, env.as_boolean)
    msgtype: str = _option(check.choice("markdown", "text", "markdown_v2", "card"), "markdown")
    links: tuple[Link, ...] = _option(check.links, (), env.or_json(env.as_text))
    link: str | None = _option(check.url_template)
    attach: bool = _option(check.boolean, True, env.as_boolean)
    mention: tuple[str, ...] | Mapping[str, tuple[str, ...]] = _option(
        check.owners, (), env.or_json(env.as_names)
    )
    mention_level: int | None = _option(check.level_number, read=env.as_level)
    fallback: Any = _option(elsewhere, read=env.as_json)
    fallback_after: float = _option(check.duration, 300.0, env.as_number)
    breadcrumbs: int = _option(check.crumbs, 0, env.as_integer)
    breadcrumb_level: int = _option(check.level_number, logging.INFO, env.as_level)
    close_timeout: float = _option(check.duration, 5.0, env.as_number)

    @property
    def kind(self) -> str:
        """ "sender", "robot", "application", or "" without a destination."""
        kinds = {"sender": "sender", "webhook_key": "robot", "corpid": "application"}
        return next((kind for name, kind in kinds.items() if name in self.destination), "")

    @property
    def policy(self) -> Policy:
        return Policy(**{name: getattr(self, name) for name in Policy._fields})


_OWN = {name: value for name, value in vars(Options).items() if isinstance(value, Option)}

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
    # What is wrong is wrong, also where there is no destination that would use it.
    destination.check({name: given[name] for name in destination.CONNECTION if name in given})
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
    """A plain list: dictConfig's own converts (`ext://…`) only what is read by index."""
    if isinstance(value, (list, tuple)):
        return [_plain(value[i]) for i in range(len(value))]
    return value
