"""`wecom-logging`: the front of the command line. Each command is a module beside this one."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from wecom_logging import __version__
from wecom_logging._cli import (
    CommandError,
    bot,
    check,
    demo,
    oncall,
    redact,
    report,
    run,
    send,
    simulator,
)
from wecom_logging.errors import ConfigurationError, WeComError

#: As shells have it: ended by signal 2, and by signal 13.
INTERRUPTED = 130
BROKEN_PIPE = 141

_EPILOG = """\
Where messages go is taken from the environment: WECOM_WEBHOOK_KEY for a group robot, or
WECOM_CORPID, WECOM_CORPSECRET, WECOM_AGENTID and WECOM_TOUSER for an application.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status.

    What a person has to know is one line on stderr, never a traceback.
    """
    _print_anything()
    args = _arguments(argv)
    try:
        status: int = args.run(args)
    except CommandError as error:
        print(f"wecom-logging: {error}", file=sys.stderr)
        return error.status
    except WeComError as error:
        print(f"wecom-logging: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigurationError) else 1
    except BrokenPipeError:  # of stdout: `| head` has read enough
        # Or the interpreter complains at exit, when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except KeyboardInterrupt:
        print("\nwecom-logging: interrupted", file=sys.stderr)
        return INTERRUPTED
    return status


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """What was asked for. Of a list of words argparse takes those before the first option only:
    in `silence 40871 --until-release 2h` the time comes after it."""
    parser = _parser()
    args, late = parser.parse_known_args(argv)
    if late and ("what" not in args or any(word.startswith("--") for word in late)):
        parser.error(f"unrecognized arguments: {' '.join(late)}")
    if late:
        args.what += late
    return args


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="wecom-logging",
        description="Alerts in WeChat Work (WeCom, 企业微信).",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (check, send, run, oncall, report, bot, redact, demo, simulator):
        command.register(commands)
    return parser


def _print_anything() -> None:
    """A terminal that cannot show a character shows another one, and nothing breaks."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
