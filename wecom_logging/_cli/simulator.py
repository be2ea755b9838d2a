"""`wecom-logging simulator`: a local WeCom with an inbox."""

from __future__ import annotations

import argparse
import sys
import webbrowser
from typing import TYPE_CHECKING

from wecom_logging._cli import Commands, require

if TYPE_CHECKING:
    from wecom_logging.simulator import Simulator

#: As in `wecom_logging.simulator.server`, which is not imported for `--help`.
DEFAULT_PORT = 8765


def register(commands: Commands) -> None:
    parser = commands.add_parser(
        "simulator",
        help="run a local WeCom with an inbox, to test against",
        description="A local WeCom: it checks calls as strictly as the real one and shows"
        " what arrives on a page. It listens on this machine only. Ctrl-C ends it.",
    )
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="default: %(default)s; 0 takes a free one"
    )
    parser.add_argument("--open", action="store_true", help="open the inbox in a browser")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    require("wecom_logging.simulator", "simulator")
    from wecom_logging.simulator import serve

    return serve(args.port, ready=open_inbox if args.open else None)


def open_inbox(simulator: Simulator) -> None:
    if not webbrowser.open(simulator.url):
        print(f"No browser found; the inbox is at {simulator.url}", file=sys.stderr)
