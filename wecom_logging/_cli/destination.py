"""Where a command sends to: from the environment, and from a file for those who have none."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from wecom_logging._cli import CommandError
from wecom_logging._config.options import Options, read_options
from wecom_logging.errors import ConfigurationError

if TYPE_CHECKING:
    from wecom_logging._senders.application import AppSender
    from wecom_logging._senders.protocol import Sender
    from wecom_logging._senders.robot import WebhookSender
    from wecom_logging._stores.oncall import OnCall

NOWHERE = (
    "no destination: set WECOM_WEBHOOK_KEY, or WECOM_CORPID, WECOM_CORPSECRET, WECOM_AGENTID"
    " and WECOM_TOUSER, in the environment or in a file named by --env-file"
)

ON_AGAIN = "Set it to 1, or take it out."

_ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")


def add_env_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--env-file",
        metavar="FILE",
        help="lines of NAME=value that come before the environment, for cron, which has none",
    )


def environment(env_file: str | None, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment, with what the file says on top of it."""
    return {**environ, **read_env_file(env_file)}


def read_env_file(path: str | None) -> dict[str, str]:
    """`NAME=value` a line, as a shell would read it if nothing in it were to be expanded; of no
    file nothing.

    No error shows what stands in the file: that may be a secret.
    """
    if not path:
        return {}
    try:
        lines = Path(path).read_text("utf-8-sig").splitlines()
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
    if found.enabled is False:
        raise CommandError("WECOM_ENABLED switches alerts off", fix=ON_AGAIN)
    if not found.kind:
        raise CommandError(NOWHERE)
    return found


def sender(environ: Mapping[str, str], to: str | None = None) -> AppSender | WebhookSender:
    """What sends to the destination that the environment names; `to`: to these user ids ("a|b")
    instead of those in the environment."""
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


class Setup(NamedTuple):
    """What a handler goes by, wherever that is written."""

    options: Options
    sender: Sender
    environ: Mapping[str, str]

    @classmethod
    def of_environment(cls, environ: Mapping[str, str]) -> Setup:
        return cls(options(environ), sender(environ), environ)

    @classmethod
    def of_command(cls, args: argparse.Namespace) -> Setup:
        """That of the program which the command line names, or of the environment."""
        if not (args.app or args.django):
            return cls.of_environment(environment(args.env_file))
        from wecom_logging._cli.checks.obstacles import handlers
        from wecom_logging._cli.checks.program import Program

        os.environ.update(read_env_file(args.env_file))
        # What a program prints while it is loaded must not stand in the answer.
        with redirect_stdout(sys.stderr):
            Program().load(args.app)
        for handler in handlers():
            if handler.enabled:
                return cls(handler._options, handler._components.sender, os.environ)
        raise CommandError("no logger of it has a WeComHandler that is on", 1)

    def on_call(self, *, make: bool = False) -> OnCall:
        """The store that such a handler uses; `make`: also one that is not there.

        Raises:
            StoreError: It has none that others could reach, or none yet.
        """
        from wecom_logging._stores.oncall import on_call
        from wecom_logging._stores.protocol import Rules

        found = self.options
        rules = Rules(found.policy, found.rate_limit, found.max_groups)
        own = found.app, found.environment
        return on_call(found.store, self.sender, own, rules, self.environ, make=make)


def add_program(parser: argparse.ArgumentParser) -> None:
    """The options of a command that acts on a store, see `Setup.of_command`."""
    config = parser.add_mutually_exclusive_group()
    config.add_argument(
        "--app",
        metavar="MODULE:NAME",
        help="find the store by a program's own logging configuration, as check does",
    )
    config.add_argument(
        "--django", action="store_true", help="likewise, by that of DJANGO_SETTINGS_MODULE"
    )
    add_env_file(parser)


def on_call_store(environ: Mapping[str, str], *, make: bool = False) -> OnCall:
    return Setup.of_environment(environ).on_call(make=make)
