"""`wecom-logging groups`, `silence`, `take`, `quiet` …: answers to alerts, from a terminal."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import re
import shlex
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from wecom_logging._cli import CommandError, Commands
from wecom_logging._cli.destination import Setup, add_program, environment
from wecom_logging._config.defaults import default_app
from wecom_logging._model import spans, text
from wecom_logging._rendering.daily import sparkline
from wecom_logging._stores.marks import Act, KnownApp, KnownGroup, Verb
from wecom_logging._stores.oncall import App, OnCall
from wecom_logging._stores.protocol import StoreError

#: How long one's own last act can be undone, seconds.
UNDO = 600.0
#: From a terminal a silence that is longer than one from a phone may be needs a reason.
_NEEDS_REASON = spans.PHONE_LIMIT

_ID = re.compile(r"#?(\d{5,6})")
#: A message stands for the kinds that it has told.
_MESSAGE_ID = re.compile(r"m-[0-9a-f]{4,16}", re.I)

_REFUSALS = {
    "unknown": "there is no such group",
    "over": "it is over",
    "nothing": "there is nothing to end",
    "too long": "a CRITICAL may be silenced for 1 h at most, others for 7 days",
    "no release": "no error of its application says which release it is of: set WECOM_RELEASE",
}


def register(commands: Commands) -> None:
    groups = _command(commands, "groups", _groups, "list what is open")
    groups.add_argument("--all", action="store_true", help="also what is over")
    groups.add_argument("--json", action="store_true", help="a list of objects")
    silence = _command(commands, "silence", _silence, "tell nothing of a group for a while")
    silence.add_argument(
        "what", nargs="+", metavar="ID… [TIME]", help="as in: 40871 2h; without a TIME for an hour"
    )
    silence.add_argument(
        "--until-release",
        action="store_true",
        help="until it is seen in a release that is not known yet, or the TIME, or 7 days",
    )
    silence.add_argument("--reason", default="", help="why; needed beyond 24 h")
    for name, help_ in (
        ("unsilence", "end a silence"),
        ("take", "say that you have it: it causes one message an hour at most, others include it"),
        ("untake", "say that you have it no longer"),
    ):
        parser = _command(commands, name, _mark, help_)
        parser.add_argument("what", nargs="+", metavar="ID")
        parser.set_defaults(verb=name)
    _command(commands, "undo", _undo, "take back your last act of the last ten minutes")
    quiet = _command(commands, "quiet", _quiet, "tell only what cannot wait for a while")
    quiet.add_argument("time", nargs="+", metavar="TIME", help="30m, until 9:00, or off")
    quiet.add_argument("--reason", default="")


def _command(commands: Commands, name: str, run: object, help_: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=help_, description=f"{help_.capitalize()}.")
    add_program(parser)
    parser.set_defaults(run=_guarded, act=run)
    return parser


def _guarded(args: argparse.Namespace) -> int:
    """Trouble with a store is one line, and status 1."""
    with store_trouble():
        store = Setup.of_command(args).on_call()
    try:
        with store_trouble(store):
            status: int = args.act(args, store)
    except spans.SpanError as error:
        raise CommandError(str(error), 1) from None
    return status


@contextmanager
def store_trouble(store: OnCall | None = None) -> Iterator[None]:
    """Trouble with a store is a `CommandError` which says the store that it is about."""
    try:
        yield
    except StoreError as error:
        name = f"{_clean(store.name, 200)}: " if store else ""
        raise CommandError(f"the store: {name}{error}", 1) from None


# -- what they do ------------------------------------------------------------------------------


def _groups(args: argparse.Namespace, store: OnCall) -> int:
    apps = store.known()
    shown = [
        group
        for app in apps
        for group in app.groups
        if args.all or group.state != "over" or group.silenced_until
    ]
    if args.json:
        print(json.dumps([as_json(group) for group in shown], indent=2))
        return 0
    for group in shown:
        print(_line(group))
    for said in filter(None, map(quiet_line, apps)):
        print(said)
    print(f"{len(shown)} kind{'s' * (len(shown) != 1)} · {footer(store, apps)}")
    return 0


def _silence(args: argparse.Namespace, store: OnCall) -> int:
    ids, rest = _ids(args.what, store, silence=True)
    now = time.time()
    default = spans.TERMINAL_LIMIT if args.until_release else spans.DEFAULT
    span = spans.parse(" ".join(rest)) if rest else spans.Span(default)
    end = span.end(now)
    spans.within(end, now, spans.TERMINAL_LIMIT)
    if end - now > _NEEDS_REASON + 1 and not args.reason.strip():
        raise CommandError("a silence of more than 24 h needs a --reason", 1)
    act = _act("silence", ids, args.reason, end - now)
    until = f"the next release, {_at(end)} at most" if args.until_release else _at(end)
    return _do(store, act._replace(until_release=args.until_release), f"silenced until {until}")


def _mark(args: argparse.Namespace, store: OnCall) -> int:
    ids, rest = _ids(args.what, store)
    if rest:
        raise _no_id(rest[0])
    said = {"unsilence": "no longer silenced", "take": "yours", "untake": "nobody's"}
    return _do(store, _act(args.verb, ids), said[args.verb])


def _do(store: OnCall, act: Act, said: str) -> int:
    done = store.mark(act)
    for each in done.ids:
        print(f"#{each} {said}")
    if done.refused:
        reasons = (f"#{each}: {_REFUSALS.get(why, why)}" for each, why in done.refused.items())
        raise CommandError(f"{'; '.join(reasons)} (store {store.name})", 1)
    return 0


def _undo(args: argparse.Namespace, store: OnCall) -> int:
    undone = store.undo(_act("undo"), UNDO)
    if undone is None:
        raise CommandError("there is nothing of yours to undo in the last ten minutes", 1)
    act, apps = undone.act, ", ".join(map(_app, undone.apps))
    verb = "quiet off" if act.verb == "unquiet" else act.verb
    print(f"undone: {verb}", *([f"#{each}" for each in act.ids] or [f"({_clean(apps, 200)})"]))
    # What somebody has done before it is in force again.
    for app in store.known():
        if not act.ids and (app.app, app.environment) in undone.apps and (said := quiet_line(app)):
            print(said)
        for group in app.groups:
            if act.verb.endswith("silence") and group.id in act.ids and group.silenced_until:
                print(f"#{group.id} is {silence_line(group)}")
    return 0


def _quiet(args: argparse.Namespace, store: OnCall) -> int:
    words, app = " ".join(args.time), _clean(_app(_chosen(args, store)), 80)
    if words == "off":
        if _quiet_until(store) is None:
            raise CommandError(f"{app!r} is not quiet (store {store.name})", 1)
        store.mark(_act("unquiet", why=args.reason), store.own)
        print(f"{app} is no longer quiet")
        return 0
    now = time.time()
    end = spans.parse(words).end(now)
    spans.within(end, now, spans.PHONE_LIMIT)
    store.mark(_act("quiet", why=args.reason, seconds=end - now), store.own)
    end = max(end, _quiet_until(store) or end)  # quiet hours may last longer
    print(f"{app} is quiet until {_at(end)}: only what cannot wait is told")
    return 0


def _chosen(args: argparse.Namespace, store: OnCall) -> App:
    """The app that is meant. The name that this command itself goes by stands where nobody has
    said any: with others in the store it is a guess, and quiet for the wrong one goes unseen."""
    own, apps = store.own, store.apps()
    named = own[0] != default_app({}) or environment(args.env_file).get("WECOM_APP")
    others = [each for each in apps if each != own]
    if own in apps and (named or not others):
        return own
    # One that nobody has written down is this command's, and says nothing.
    unknown = (
        ""
        if own in apps or not named
        else f"{_clean(_app(own), 80)!r} has had no error in {store.name}: "
    )
    if not others:
        raise CommandError(f"{unknown}set WECOM_APP and WECOM_ENVIRONMENT as it does", 1)
    likely = next((each for each in others if each[0] == own[0]), others[0])
    names = zip(("WECOM_APP", "WECOM_ENVIRONMENT"), likely, strict=True)
    setting = (f"{name}={shlex.quote(value)}" for name, value in names if value)
    example = " ".join((*setting, "wecom-logging quiet", *args.time))
    known = f"say which of {', '.join(map(_app, apps))}: {example}"
    raise CommandError(unknown + _clean(known, 400), 1)


def _quiet_until(store: OnCall) -> float | None:
    ends = (a.quiet_until for a in store.known() if (a.app, a.environment) == store.own)
    return next(ends, None)


def _act(verb: Verb, ids: tuple[str, ...] = (), why: str = "", seconds: float = 0.0) -> Act:
    login, host = _login(), socket.gethostname()
    return Act(verb, uuid.uuid4().hex, login, f"{login}@{host}", host, why, ids, seconds)


def _login() -> str:
    """Who is behind `sudo`, if that is how it came here."""
    if name := os.environ.get("SUDO_USER"):
        return name
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return f"uid {os.getuid()}"


def _ids(
    words: list[str], store: OnCall, *, silence: bool = False
) -> tuple[tuple[str, ...], list[str]]:
    """The groups that the first words name, and the words after them."""
    ids: list[str] = []
    rest: list[str] = []
    for word in words:
        found = _ID.fullmatch(word)
        if found and not rest:
            ids.append(found[1])
        elif not rest and _MESSAGE_ID.fullmatch(word):
            ids += _told_by(word.lower(), store, silence)
        else:
            rest.append(word)
    if not ids:
        raise _no_id(words[0])
    return tuple(dict.fromkeys(ids)), rest


def _no_id(word: str) -> CommandError:
    why = "five digits, as in 40871"
    if re.fullmatch(r"#?\d{5,6}\?", word):
        why = "a process has given it that cannot reach its store, where nobody else knows it"
    return CommandError(f"{_clean(word, 40)!r} is no id: {why}", 1)


def _told_by(message: str, store: OnCall, silence: bool) -> list[str]:
    """The kinds in a message, as far as they are known; a CRITICAL is silenced by its own id."""
    found = [each for app in store.known() for each in app.groups if message in each.messages]
    if not found:
        raise CommandError(f"{message}: nothing is known of such a message ({store.name})", 1)
    chosen = [each.id for each in found if not (silence and each.critical)]
    if not chosen:
        own = " ".join(each.id for each in found)
        raise CommandError(f"{message}: a CRITICAL is silenced by its own id only: {own}", 1)
    return chosen


# -- what they show ----------------------------------------------------------------------------


def _line(group: KnownGroup) -> str:
    return "  ".join(filter(None, _parts(group)))


def _parts(group: KnownGroup) -> Iterator[str]:
    yield f"#{group.id}"
    yield group.state.upper() if group.state == "silenced" else group.state
    yield f"×{group.count:,}" + (f" ({group.pending:,} pending)" if group.pending else "")
    yield sparkline(group.hours)
    yield f"since {_at(group.first)}, last {_at(group.last)}"
    app = _app((group.app, group.environment))
    kind = f"{'CRITICAL ' if group.critical else ''}{group.type}"
    for words, width in ((app, 40), (kind, 60), (group.place, 80), (group.text, 100)):
        yield _clean(words, width)
    yield _clean(_releases(group), 80)
    yield silence_line(group)
    if group.taken_by and group.taken_at:
        yield _clean(f"taken by {group.taken_by} {_at(group.taken_at)}", 100)


def silence_line(group: KnownGroup) -> str:
    """For how long a group is silenced and by whom; "" if it is not."""
    if not group.silenced_until:
        return ""
    why = f": {group.silenced_why}" if group.silenced_why else ""
    until = _at(group.silenced_until)
    until = f"the next release, {until} at most," if group.until_release else until
    return _clean(f"silenced until {until} by {group.silenced_by}{why}", 200)


def quiet_line(app: KnownApp) -> str:
    """Until when an app is quiet and who has asked for it; "" if it is not."""
    if app.quiet_until is None:
        return ""
    name, until = _app((app.app, app.environment)), _at(app.quiet_until)
    return _clean(f"{name} is quiet until {until} (by {app.quiet_by})", 200)


def _releases(group: KnownGroup) -> str:
    first, last = group.first_release, group.last_release
    return "" if not first else f"in {first}" if first == last else f"in {first} to {last}"


def as_json(group: KnownGroup) -> dict[str, object]:
    """A group for programs. Times are ISO 8601, with the offset of here."""
    return {
        "id": group.id, "app": group.app, "environment": group.environment, "state": group.state,
        "count": group.count, "pending": group.pending,
        "first": iso(group.first), "last": iso(group.last),
        "place": group.place, "type": group.type, "text": group.text,
        "silenced_until": iso(group.silenced_until), "until_release": group.until_release,
        "silenced_by": group.silenced_by or None,
        "taken_by": group.taken_by or None, "taken_at": iso(group.taken_at),
        "first_release": group.first_release or None, "last_release": group.last_release or None,
    }  # fmt: skip


def iso(at: float | None) -> str | None:
    """`2026-03-04T14:03:11+08:00`."""
    return None if at is None else datetime.fromtimestamp(at).astimezone().isoformat("T", "seconds")


def footer(store: OnCall, apps: list[KnownApp]) -> str:
    """Which store it is, and what speaks against its being the one that is meant."""
    written = max((app.written for app in apps if app.written is not None), default=None)
    said = [_clean(store.name, 200)]
    if written is None:
        said.append("has never seen an error: this may not be the store that the application uses")
    else:
        said.append(f"last written to {_at(written)}")
    return " · ".join(filter(None, (*said, store.doubt)))


def _app(app: App) -> str:
    return " ".join(filter(None, app))


def _at(at: float) -> str:
    """`13:58`, with the date if it is not today."""
    moment = datetime.fromtimestamp(at)
    today = moment.date() == datetime.now().date()
    return f"{moment:%H:%M}" if today else f"{moment:%m-%d %H:%M}"


def _clean(words: str, width: int) -> str:
    """Logged or written by others: one line, and nothing that a terminal acts upon."""
    return text.cut_columns(text.neutralise(words), width)
