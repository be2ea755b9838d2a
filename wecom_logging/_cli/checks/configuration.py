"""Which variables are set, where each comes from, and whether all of them mean something."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator, Mapping
from datetime import datetime

from wecom_logging._cli.bot import VARIABLES
from wecom_logging._cli.checks.step import Step, failed, ok, warning
from wecom_logging._config.advice import meant
from wecom_logging._config.defaults import ANYBODYS, default_app
from wecom_logging._config.option import variable
from wecom_logging._config.options import Options
from wecom_logging._model.quiet_hours import QuietHours
from wecom_logging._model.secret import Secret
from wecom_logging._senders.protocol import Message
from wecom_logging._stores.factory import shown
from wecom_logging._worker.fallback import Fallback
from wecom_logging.errors import ApiError, DeliveryError
from wecom_logging.handler import WeComHandler

#: Shown by their last four characters.
_SECRETS = ("WECOM_CORPSECRET", "WECOM_WEBHOOK_KEY", "WECOM_BOT_SECRET")
#: May hold a password somewhere inside.
_HIDDEN = ("WECOM_PROXIES", "WECOM_FALLBACK")
_NOT_IN_ENVIRONMENT = ("self", "level", "sender", "fingerprint", "processors")


def known_variables() -> list[str]:
    """Every variable that the handler's options can come from, and the bot's."""
    options = inspect.signature(WeComHandler.__init__).parameters
    names = [f"WECOM_{each.upper()}" for each in options if each not in _NOT_IN_ENVIRONMENT]
    files = [f"{name}_FILE" for name in (*_SECRETS, "WECOM_STORE")]
    return list(dict.fromkeys((*names, *files, *VARIABLES)))


def configuration_steps(
    environ: Mapping[str, str], file: Mapping[str, str], kind: str
) -> Iterator[Step]:
    """What is set in `environ`, which has the `--env-file` on top, and what is set in vain."""
    known = known_variables()
    found = [name for name in sorted(environ) if name.startswith("WECOM_") and environ[name]]
    details = []
    for name in (each for each in found if each in known):
        source = "env file" if name in file else "environment"
        details.append(f"{name} = {_shown(name, environ[name])}  (from the {source})")
    yield ok("configuration", {"robot": "a group robot"}.get(kind, "an application"), *details)
    for name in found:
        if name not in known:
            fix = f"is {guess} meant?" if (guess := _meant(name)) else "take it out."
            yield warning("configuration", f"{name} is set, but there is no such option", fix)


def option_steps(options: Options, fallback: Fallback | None, *, send: bool) -> Iterator[Step]:
    """What follows from options that change when, or where, something is told; with `send` the
    fallback is tried."""
    if options.app.lower() in ANYBODYS and options.app == default_app(os.environ):
        text = f"messages call the program {options.app!r}, as many programs are"
        yield warning("name", text, "Set app, or WECOM_APP.")
    if fallback is not None:
        yield _tried(fallback, send=send)
    if not options.quiet_hours:
        return
    hours = QuietHours(options.quiet_hours, options.timezone)
    if (span := hours.now()) is None:
        yield ok("quiet hours", "not now")
        return
    until = datetime.fromtimestamp(hours.clock() + span[1], options.timezone)
    yield warning(
        "quiet hours",
        f"now, until {until:%d %b %H:%M}: test errors are told then",
        'Answer "wecom-logging quiet off" to be told at once.',
    )


def _tried(fallback: Fallback, *, send: bool) -> Step:
    sender, seconds = fallback.sender, f"{fallback.after:g}"
    if not send:
        return ok("fallback", f"{sender.destination}, after a refusal or {seconds} s")
    try:
        sender.send(Message("text", "wecom-logging check: a test message for the fallback"))
    except DeliveryError as error:
        advice = error.advice if isinstance(error, ApiError) else ""
        return failed("fallback", f"{sender.destination}: {error.text}", advice)
    return ok("fallback", f"{sender.destination} took a test message")


def _meant(name: str) -> str:
    """The variable that is meant by one that says nothing."""
    options = [each.removeprefix("WECOM_").lower() for each in known_variables()]
    guess = meant(name.removeprefix("WECOM_").lower(), options)
    return variable(guess) if guess else ""


def _shown(name: str, value: str) -> str:
    if name in _SECRETS:
        return Secret(value).hint
    if name == "WECOM_STORE":
        value = shown(value)
    return "(set)" if name in _HIDDEN else repr(value)
