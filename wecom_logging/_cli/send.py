"""`wecom-logging send`: a message from a shell or a cron job."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from wecom_logging._cli import CommandError, Commands
from wecom_logging._cli.destination import add_env_file, environment, options, sender
from wecom_logging._model.text import neutralise, strip_hidden, without_links

if TYPE_CHECKING:
    from wecom_logging._senders.protocol import Receipt

MARKERS = {"info": "🔵", "warning": "🔶", "error": "🔴", "critical": "🔴"}

#: Columns of leading white space that are kept.
_INDENT = 16


def register(commands: Commands) -> None:
    parser = commands.add_parser(
        "send",
        help="send a message",
        description="Send a message. It is sent as it stands there, but for three things that a"
        " client would act on or not show: the < of a link (<a href=…>) or mention (<@…>) becomes"
        " ‹, terminal colours and control characters go, and the spaces that begin a line become"
        " such as WeCom keeps. With --markdown TEXT is WeCom's markdown, and nothing is changed."
        " Exit status 0 if WeCom has accepted it, 1 if not.",
    )
    parser.add_argument(
        "text", nargs="?", metavar="TEXT", help="the message; - reads it from stdin"
    )
    parser.add_argument("--markdown", action="store_true", help="TEXT is WeCom's markdown")
    parser.add_argument("--file", metavar="PATH", help="send this file, after the TEXT if any")
    parser.add_argument("--level", choices=MARKERS, help="begin with a line that shows it")
    parser.add_argument("--to", metavar="USERS", help="user ids as 'a|b' (applications only)")
    add_env_file(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    environ = environment(args.env_file)
    destination = sender(environ, args.to)
    text = _text(args)
    file = _file(args.file) if args.file else None
    if text is None and file is None:
        raise CommandError("nothing to send: give TEXT, - for stdin, or --file")
    receipts = []
    if text is not None:
        lines = []
        if args.level:
            host = neutralise(options(environ).host)
            lines.append(f"{MARKERS[args.level]} {args.level.upper()} · {host}")
        lines.append(text if args.markdown else inert(text))
        send = destination.markdown if args.markdown else destination.text
        receipts.append(send("\n".join(lines)))
    if file is not None:
        receipts.append(destination.file(*file))
    _name_those_missed(receipts)
    return 0


def inert(text: str) -> str:
    """`text` as text: nothing in it becomes a link or a mention, and control characters go."""
    return "\n".join(map(_inert_line, text.splitlines()))


def _inert_line(line: str) -> str:
    line = strip_hidden(line.expandtabs(4)).rstrip()
    words = line.lstrip(" ")
    # WeCom takes ordinary spaces off the start of a line.
    return "\u00a0" * min(len(line) - len(words), _INDENT) + without_links(words)


def _text(args: argparse.Namespace) -> str | None:
    if args.text is None:
        return None
    text: str = (
        sys.stdin.buffer.read().decode("utf-8", "replace") if args.text == "-" else args.text
    )
    if not text.strip():
        raise CommandError("the text is empty")
    return text.strip("\n")


def _file(path: str) -> tuple[str, bytes]:
    try:
        return Path(path).name, Path(path).read_bytes()
    except OSError as error:
        raise CommandError(f"--file: cannot read {path}: {error.strerror}") from None


def _name_those_missed(receipts: list[Receipt]) -> None:
    for field, names in receipts[-1].missed.items():
        missed = ", ".join(sorted(names))
        print(f"wecom-logging: not delivered to {missed} ({field})", file=sys.stderr)
