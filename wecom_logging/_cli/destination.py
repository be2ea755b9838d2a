"""Where a command sends to: from the environment, and from a file for those who have none."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from wecom_logging._cli import CommandError
from wecom_logging._config.options import Options, read_options
from wecom_logging.errors import ConfigurationError

if TYPE_CHECKING:
    from wecom_logging._senders.application import AppSender
    from wecom_logging._senders.robot import WebhookSender
    from wecom_logging._stores.oncall import OnCall

NOWHERE = (
    "no destination: set WECOM_WEBHOOK_KEY, or WECOM_CORPID, WECOM_CORPSECRET, WECOM_AGENTID"
    " and WECOM_TOUSER, in the environment or in a file named by --env-file"
)

_ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")


def add_env_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--env-file",
        metavar="FILE",
        help="lines of NAME=value that come before the environment, for cron, which has none",
    )


def environment(env_file: str | None, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment, with what the file says on top of it."""
    return {**environ, **(read_env_file(env_file) if env_file else {})}


def read_env_file(path: str) -> dict[str, str]:
    """`NAME=value` a line, as a shell would read it if nothing in it were to be expanded.

    No error shows what stands in the file: that may be a secret.
    """
    try:
        with open(path, encoding="utf-8-sig") as file:
            lines = file.read().splitlines()
    except OSError as error:
        raise CommandError(f"--env-file: cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CommandError(f"--env-file: {path} is not UTF-8 text") from None
    found = {}
    for number, line in enumerate(lines, 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        assignment = _ASSIGNMENT.fullmatch(line)
        if assignment is None:
            raise CommandError(f"--env-file: line {number} of {path} is not NAME=value")
        found[assignment[1]] = _unquoted(assignment[2].strip())
    return found


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return value


def options(environ: Mapping[str, str]) -> Options:
    """The handler's options as the environment has them; a destination is among them."""
    found = read_options({}, environ)
    if not found.kind:
        raise CommandError(NOWHERE)
    return found


def sender(environ: Mapping[str, str], to: str | None = None) -> AppSender | WebhookSender:
    """What sends to the destination that the environment names.

    Args:
        environ: See `environment`.
        to: User ids as "a|b", instead of those in the environment.
    """
    if options(environ).kind == "robot":
        if to:
            raise ConfigurationError("--to", "a group robot writes to its group, not to members")
        from wecom_logging._senders.robot import WebhookSender

        return WebhookSender.from_env(environ)
    from wecom_logging._senders.application import AppSender

    if to:
        recipients = {"WECOM_TOUSER": to, "WECOM_TOPARTY": "", "WECOM_TOTAG": ""}
        environ = {**environ, **recipients}
    return AppSender.from_env(environ)


def on_call_store(environ: Mapping[str, str], *, make: bool = False) -> OnCall:
    """The store that a handler with this environment uses; `make`: also one that is not there.

    Raises:
        StoreError: It has none that others could reach, or none yet.
    """
    from wecom_logging._stores.oncall import on_call
    from wecom_logging._stores.protocol import Rules

    found = options(environ)
    rules = Rules(found.policy, found.rate_limit, found.max_groups)
    own = found.app, found.environment
    return on_call(found.store, sender(environ), own, rules, environ, make=make)
