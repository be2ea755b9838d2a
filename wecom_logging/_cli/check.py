"""`wecom-logging check`: everything between this machine and a message on a phone."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import asdict
from typing import TYPE_CHECKING

from wecom_logging._cli import CommandError, Commands
from wecom_logging._cli.checks.program import SERVERS
from wecom_logging._cli.checks.step import MARKS, Step, failed, ok
from wecom_logging._cli.destination import Setup, add_env_file, environment, options, read_env_file
from wecom_logging._cli.destination import sender as make_sender
from wecom_logging._cli.terminal import Terminal
from wecom_logging.errors import WeComError

if TYPE_CHECKING:
    from wecom_logging._config.options import Options
    from wecom_logging._rendering.style import Language
    from wecom_logging._senders.base import WeComSender

NEXT = "what happens next"
#: Steps whose warning says that something, or all of it, is not told.
_HELD = ("quiet", "quiet hours", "test errors")


def register(commands: Commands) -> None:
    parser = commands.add_parser(
        "check",
        help="find out why alerts do not arrive, and send a test message",
        description="Look at everything between this machine and a message on a phone. Each"
        " step gets a tick, or the cause and what to do. Exit status 0 if all is well, 1 if"
        " a step has failed (warnings do not count), 2 if the command line is wrong.",
    )
    parser.add_argument("--no-send", action="store_true", help="send no test message")
    parser.add_argument("--json", action="store_true", help="write the steps as JSON")
    config = parser.add_mutually_exclusive_group()
    config.add_argument(
        "--app",
        metavar="MODULE:NAME",
        help="load a program and log a test error through each of its loggers: NAME is its"
        " logging configuration, `NAME()` a function to call, neither if importing is enough",
    )
    config.add_argument(
        "--django", action="store_true", help="likewise, that of DJANGO_SETTINGS_MODULE"
    )
    parser.add_argument(
        "--server",
        choices=SERVERS,
        action="append",
        default=[],
        help="what runs the program, if it is not running and its configuration does not say;"
        " gunicorn with uvicorn's workers: --server gunicorn --server uvicorn",
    )
    parser.add_argument(
        "--except",
        metavar="LOGGER",
        action="append",
        default=[],
        dest="left_out",
        help="a logger of the program that is not meant to alert, with those below it",
    )
    add_env_file(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    terminal = Terminal()
    found: list[Step] = []
    # What a program prints while it is loaded must not stand in the JSON.
    with redirect_stdout(sys.stderr):
        for step in steps(args):
            found.append(step)
            if not args.json:
                _show(step, terminal, _language(args))
    well = all(step.status != "failed" for step in found)
    if args.json:
        data = {"ok": well, "steps": [asdict(step) for step in found]}
        terminal.say(json.dumps(data, ensure_ascii=False, indent=2))
    return 0 if well else 1


def steps(args: argparse.Namespace) -> Iterator[Step]:
    """Every step, up to the one after which nothing else can work."""
    look = _application_steps if args.app or args.django else _environment_steps
    well = True
    try:
        for step in look(args):
            held = step.status == "warning" and step.name in _HELD
            well = well and step.status != "failed" and not held
            # What happens next is nothing, if something on the way there has failed or waits.
            if well or step.name != NEXT:
                yield step
    except CommandError as error:
        yield failed("configuration", error.text, error.fix)
    except WeComError as error:
        yield failed("configuration", str(error))


def _environment_steps(args: argparse.Namespace) -> Iterator[Step]:
    """From variables alone."""
    from wecom_logging._cli.checks.configuration import configuration_steps, option_steps
    from wecom_logging._cli.checks.store import store_steps
    from wecom_logging._cli.checks.wecom import message_steps, no_message_step
    from wecom_logging._worker.components import make_components

    environ = environment(args.env_file)
    found, sender = options(environ), make_sender(environ)
    yield from configuration_steps(environ, read_env_file(args.env_file), found.kind)
    fallback = make_components(found, started=0.0).fallback
    yield from option_steps(found, fallback, send=not args.no_send)
    yield from store_steps(Setup(found, sender, environ))
    well = True
    for step in _destination_steps(sender):
        well = well and step.status != "failed"
        yield step
    if args.no_send:
        yield no_message_step(sender)
    elif well:
        yield from message_steps(sender, found)
    yield _next(found)


def _application_steps(args: argparse.Namespace) -> Iterator[Step]:
    """From a program's own logging configuration. Its test errors are the test message."""
    from wecom_logging._cli.checks import obstacles
    from wecom_logging._cli.checks.configuration import option_steps
    from wecom_logging._cli.checks.handler import handler_steps
    from wecom_logging._cli.checks.program import Program
    from wecom_logging._cli.checks.routing import routing_steps
    from wecom_logging._cli.checks.store import store_steps
    from wecom_logging._senders.base import WeComSender

    os.environ.update(read_env_file(args.env_file))
    program = Program(args.server)
    program.load(args.app)
    handlers = obstacles.handlers()
    if not handlers:
        for queue in obstacles.unread_queues():
            yield failed("configuration", *obstacles.unread(queue))
        fix = 'Add one to "handlers" of "root".'
        raise CommandError("no logger has a WeComHandler", fix=fix)
    # A configuration that is applied twice leaves the handlers of the first time.
    told: set[object] = set()
    for handler in handlers:
        sender = handler._components.sender if handler.enabled else None
        destination = sender.destination if sender else ""
        if (handler.get_name(), destination) in told:
            continue
        told.add((handler.get_name(), destination))
        yield from handler_steps(handler)
        fallback = handler._components.fallback if handler.enabled else None
        yield from option_steps(handler._options, fallback, send=not args.no_send)
        if sender is not None:
            yield from store_steps(Setup(handler._options, sender, os.environ))
        if isinstance(sender, WeComSender) and destination not in told:
            told.add(destination)
            yield from _destination_steps(sender)
    yield from routing_steps(program, args.left_out, send=not args.no_send)
    yield _next(handlers[0]._options)


def _destination_steps(sender: WeComSender) -> Iterator[Step]:
    """The way to WeCom, and what WeCom says about an application."""
    from wecom_logging._cli.checks.network import network_steps
    from wecom_logging._cli.checks.wecom import application_steps
    from wecom_logging._senders.application import AppSender

    reached = True
    for step in network_steps(sender._base, sender._http._proxies):
        reached = reached and step.status != "failed"
        yield step
    if reached and isinstance(sender, AppSender):
        yield from application_steps(sender)


def _next(found: Options) -> Step:
    wait, pause = found.policy.group_wait, found.policy.repeat_intervals[0]
    return ok(
        NEXT,
        f"a new error is told after {wait:g} s; the same again is counted and told in {pause:g} s",
    )


def _language(args: argparse.Namespace) -> Language:
    """That of the application's handler, or of the environment."""
    if args.app or args.django:
        from wecom_logging._cli.checks import obstacles

        found = obstacles.handlers()
        # One whose options were refused is known to `logging` all the same, and has none.
        options = next((vars(each).get("_options") for each in found), None)
        chosen = options.language if options else os.environ.get("WECOM_LANGUAGE")
    else:
        chosen = environment(args.env_file).get("WECOM_LANGUAGE")
    return "zh" if chosen == "zh" else "en"


def _show(step: Step, terminal: Terminal, language: Language) -> None:
    from wecom_logging._rendering.sentences import in_language

    style, mark = MARKS[step.status]
    name, text, fix, *details = (
        in_language(words, language) for words in (step.name, step.text, step.fix, *step.details)
    )
    colon = "：" if language == "zh" else ": "
    terminal.say(f"{terminal.paint(style, mark)} {name}{colon}{text}")
    for line in (*details, *([f"→ {fix}"] if fix else [])):
        terminal.say(f"    {line}")
