"""`wecom-logging report`: what has been since yesterday, for a terminal or, from cron, a phone."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from wecom_logging._cli import CommandError, Commands
from wecom_logging._cli.destination import Setup, add_program
from wecom_logging._cli.oncall import as_json, footer, iso, store_trouble
from wecom_logging._model import habits, spans
from wecom_logging._rendering.daily import Daily, daily_report, fitted
from wecom_logging._senders.protocol import Message
from wecom_logging._stores.marks import HOURS, RUNS_FOR, KnownApp
from wecom_logging._stores.oncall import OnCall
from wecom_logging._worker import tokens
from wecom_logging.errors import TokenError

#: How long to wait for a slot, seconds: alerts come first.
PATIENCE = 120.0

#: Where it is written down when reports were sent.
_SENT = "reports"


def register(commands: Commands) -> None:
    parser = commands.add_parser(
        "report",
        help="what has been since yesterday: kinds of errors, what is open, jobs that are overdue",
        description="Report what has been since yesterday. WeCom advises against sending at the"
        " full hour; in a crontab: 5 8 * * * wecom-logging report --send --env-file …",
    )
    parser.add_argument(
        "--hours", type=int, default=HOURS, metavar="N", help=f"how far back, {HOURS} at most"
    )
    parser.add_argument("--send", action="store_true", help="send it, within the rate limit")
    parser.add_argument(
        "--every", metavar="TIME", help="when the next one comes, as in 1d; default: by its habit"
    )
    parser.add_argument("--json", action="store_true", help="a list of objects, one for each app")
    add_program(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    if not 1 <= args.hours <= HOURS:
        raise CommandError(f"--hours: 1 to {HOURS}, for what is over for longer is forgotten", 1)
    setup = Setup.of_command(args)
    every = _every(args.every) if args.every else 0.0
    with store_trouble():
        store = setup.on_call()
    with store_trouble(store):
        _report(args, setup, store, every)
    return 0


def _every(text: str) -> float:
    try:
        seconds = spans.parse(text).seconds
    except spans.SpanError as error:
        raise CommandError(f"--every: {error}", 1) from None
    if seconds <= 0:
        raise CommandError(f"--every: {text!r} is not how long it takes, as 1d is", 1)
    return seconds


def _report(args: argparse.Namespace, setup: Setup, store: OnCall, every: float) -> None:
    now, apps, options = time.time(), store.known(), setup.options
    zone = options.timezone
    habit = _Habit.read(store, now)
    if args.send:
        habit = habit.with_one(now, every)
    next_at = habits.expected(habit.sent, every or habit.every, zone)
    report = daily_report(
        apps,
        now,
        language=options.language,  # type: ignore[arg-type]  # the table of options has checked it
        zone=zone,
        hours=args.hours,
        next_at=next_at,
    )
    if args.send:
        if not apps:
            raise CommandError(footer(store, apps), 1)
        _send(setup, store, fitted(report, setup.sender.limits.max_bytes["text"], options.language))
        # Not before: a report that did not come is none.
        store.note("write", _SENT, json.dumps(habit), RUNS_FOR)
    if args.json:
        found = [_as_json(Daily(app, now, args.hours, zone), next_at) for app in apps]
        print(json.dumps(found, indent=2))
    elif not args.send:
        print("\n".join(filter(None, (report, footer(store, apps)))))


class _Habit(NamedTuple):
    """When reports were sent, the last one of each hour, and how often they are said to be."""

    sent: list[float]
    every: float

    @classmethod
    def read(cls, store: OnCall, now: float) -> _Habit:
        try:
            sent, every = json.loads(store.note("read", _SENT) or "[[], 0]")
            known = [float(at) for at in sent if now - RUNS_FOR <= float(at) <= now]
            return cls(known, float(every))
        except (ValueError, TypeError):
            return cls([], 0.0)  # what cannot be read is none

    def with_one(self, now: float, every: float) -> _Habit:
        before = (at for at in self.sent if at // 3600 != now // 3600)
        return _Habit([*before, now], every)


def _send(setup: Setup, store: OnCall, report: str) -> None:
    """Send it as one attempt within the rate limit, and once more with a new token if need be.

    Raises:
        DeliveryError: It was not accepted.
    """
    try:
        _attempt(setup.sender, store, report)
    except TokenError:
        _attempt(setup.sender, store, report)


def _attempt(sender: Any, store: OnCall, report: str) -> None:
    token: dict[str, str] = {}
    shared: Any = store.open(*store.own)
    if sender.limits.token:
        token["token"] = tokens.current(shared, sender)
    slot = _slot(store)
    try:
        sender.send(Message("text", report), **token)
    except TokenError:
        if token:
            tokens.drop(shared, sender.token_key, token["token"])
        raise
    finally:
        store.answered(slot)


def _slot(store: OnCall) -> str:
    until = time.monotonic() + PATIENCE
    while True:
        found = store.take_slot()
        if isinstance(found, str):
            return found
        if time.monotonic() + found > until:
            raise CommandError(
                f"the rate limit has no room for a report: alerts need it. In {found:.0f} s it"
                " has again",
                1,
            )
        time.sleep(found)


def _as_json(found: Daily, next_at: float | None) -> dict[str, object]:
    app: KnownApp = found.app

    def groups(kind: Sequence[Any]) -> list[dict[str, object]]:
        return [as_json(group) for group in kind]

    overdue = [
        {"job": job.name, "expected": iso(at), "last": iso(job.runs[-1])}
        for job, at in found.overdue
    ]
    return {
        "app": app.app, "environment": app.environment,
        "since": iso(found.since), "until": iso(found.now),
        "errors": found.errors, "kinds": found.kinds,
        "pending": found.pending, "silenced_pending": found.held,
        "quiet_until": iso(app.quiet_until), "hours": list(found.hours),
        "new": groups(found.new), "open": groups(found.open), "over": groups(found.calmed),
        "silenced": groups(found.silenced),
        "processes": found.processes, "hosts": found.hosts,
        "overdue": overdue, "next": iso(next_at),
    }  # fmt: skip
