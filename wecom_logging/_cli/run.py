"""`wecom-logging run -- COMMAND`: runs a command, and tells when it fails.

The command comes first: whatever is wrong with the alerts, it runs, its output passes
through, and its exit status is ours.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys

from wecom_logging._capture.keys import Job
from wecom_logging._cli import CommandError, Commands
from wecom_logging._cli.destination import add_env_file, environment, options, sender
from wecom_logging._config.options import read_options
from wecom_logging._model import spans
from wecom_logging.errors import WeComError
from wecom_logging.handler import WeComHandler
from wecom_logging.jobs.command import execute, tell


def register(commands: Commands) -> None:
    parser = commands.add_parser(
        "run",
        help="run a command and tell when it fails",
        usage="wecom-logging run [-h] [--name NAME] [--every TIME] [--to USERS] [--env-file FILE]"
        " -- COMMAND ...",
        description="Run a command, pass its output through, and on failure send one alert with"
        " exit status, duration and the last lines of its output. A job that goes on failing is"
        " told after pauses of 1, 5, 15 and 60 minutes, and once when it works again. The exit"
        " status is the command's own; 127 if there is no such command.",
    )
    parser.add_argument("--name", help="what alerts call it; default: the program's name")
    parser.add_argument(
        "--every",
        metavar="TIME",
        help="how often it runs, as in 1d: wecom-logging report names it when it is overdue;"
        " default: by its own habit",
    )
    parser.add_argument("--to", metavar="USERS", help="user ids as 'a|b' (applications only)")
    add_env_file(parser)
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND ...")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not command:
        raise CommandError("no command: wecom-logging run -- COMMAND ...")
    every = _every(args.every)
    name = args.name or os.path.basename(command[0])
    handler = _handler(args, name)
    outcome = execute(command)
    if outcome.interrupted:
        print("wecom-logging: interrupted, nothing sent", file=sys.stderr)
    elif handler is not None:
        # Without a name two jobs of one program are told apart by their arguments.
        tell(Job(args.name or shlex.join(command), every), name, outcome, handler)
        stats = handler.stats()
        if stats.pending and stats.last_error:
            print(
                f"wecom-logging: the alert was not delivered: {stats.last_error}", file=sys.stderr
            )
    return outcome.status


def _every(time: str | None) -> float:
    """Seconds; what cannot be read is said, and stops no command."""
    if not time:
        return 0.0
    try:
        return spans.parse(time).seconds
    except spans.SpanError as error:
        print(f"wecom-logging: --every: {error}", file=sys.stderr)
        return 0.0


def _handler(args: argparse.Namespace, app: str) -> WeComHandler | None:
    """What tells of the command; its alerts stand under the command's name, if the
    environment has no other."""
    try:
        environ = environment(args.env_file)
        options(environ)
        given = {"app": environ.get("WECOM_APP") or app, "sender": sender(environ, args.to)}
        return WeComHandler.of(read_options(given, environ))
    except (CommandError, WeComError) as error:
        print(f"wecom-logging: {error}; the command runs without alerts", file=sys.stderr)
        return None
