"""`wecom-logging bot`: answers from the phone, over the long connection of a 智能机器人."""

from __future__ import annotations

import argparse
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import urlsplit

from wecom_logging._bot.pairing import Pairings, Scope
from wecom_logging._bot.status import find
from wecom_logging._bot.store import BotStore
from wecom_logging._bot.users import VARIABLE as _USERS
from wecom_logging._bot.users import Users
from wecom_logging._cli import CommandError, Commands, require
from wecom_logging._cli.destination import add_env_file, environment, on_call_store, options
from wecom_logging._config import validators
from wecom_logging._model.secret import Secret
from wecom_logging._stores.protocol import StoreError
from wecom_logging.errors import ConfigurationError

if TYPE_CHECKING:
    from wecom_logging._bot.runner import Runner

_ID, _SECRET, _URL = "WECOM_BOT_ID", "WECOM_BOT_SECRET", "WECOM_BOT_URL"
_CARDS_FOR = "WECOM_BOT_CARDS"
#: Those that the bot reads, and the chat that the simulator prints beside them for other clients.
VARIABLES = (_ID, _SECRET, f"{_SECRET}_FILE", _URL, _USERS, _CARDS_FOR, "WECOM_BOT_CHATID")
_CARDS = ("news", "critical", "off")

_EPILOG = """\
The bot is WECOM_BOT_ID with WECOM_BOT_SECRET or WECOM_BOT_SECRET_FILE. Who may read and act
in a paired chat is WECOM_BOT_USERS="zhangsan=张三,lisi=李四" (without it: everybody there), for
what there are cards is WECOM_BOT_CARDS: news, critical or off. Store, language and time zone
are those of the handler.
"""


@dataclass(frozen=True)
class Settings:
    """What the environment says about the bot."""

    id: str
    secret: Secret
    url: str
    users: str
    cards: Literal["news", "critical", "off"]
    chinese: bool
    zone: tzinfo | None


def register(commands: Commands) -> None:
    parser = commands.add_parser(
        "bot",
        help="answer alerts from the phone",
        description="Holds the connection of a bot and does what is written to it, or pressed.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_env_file(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--pair", action="store_true", help="print a code that pairs one chat, then be the bot"
    )
    what.add_argument(
        "--check", action="store_true", help="say whether everything is right, and end"
    )
    what.add_argument("--chats", action="store_true", help="list the chats it is paired with")
    what.add_argument("--remove", metavar="CHAT", help="end the pairing with this chat")
    what.add_argument(
        "--status", action="store_true", help="exit 0 if the bot of this host is alive, for a probe"
    )
    for name in ("app", "environment"):
        parser.add_argument(
            f"--{name}",
            action="append",
            metavar="NAME",
            help=f"with --pair: an {name} that the chat is about; may be repeated; default: all",
        )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    if (args.app or args.environment) and not args.pair:
        raise CommandError("--app and --environment belong to --pair")
    try:
        return _run(args, environment(args.env_file))
    except StoreError as error:
        raise CommandError(f"the store cannot be reached: {error}", 1) from None


def _run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    if args.status:
        return status(open_store(environ))
    if args.chats:
        return chats(open_store(environ))
    if args.remove:
        return remove(open_store(environ), args.remove)
    require("websockets", "bot")
    found = settings(environ)
    if args.check:
        return check(found, open_store(environ))
    # The bot may well be there before the first error is.
    store = open_store(environ, make=True)
    if args.pair:
        pair(store, args.app or (), args.environment or ())
    return hold(found, store)


def settings(environ: Mapping[str, str]) -> Settings:
    """The bot as the environment describes it.

    Raises:
        ConfigurationError: Something is missing or wrong; it names the variable.
    """
    from wecom_logging._bot.runner import PUBLIC_URL

    if not environ.get(_ID):
        raise ConfigurationError(_ID, "is not set: it is shown where the bot was made")
    cards = environ.get(_CARDS_FOR) or "news"
    validators.choice(*_CARDS)(cards, _CARDS_FOR)
    language = environ.get("WECOM_LANGUAGE") or "en"
    validators.choice("en", "zh")(language, "WECOM_LANGUAGE")
    return Settings(
        id=environ[_ID],
        secret=_secret(environ),
        url=_url(environ.get(_URL) or PUBLIC_URL),
        users=environ.get(_USERS, ""),
        cards=cast("Any", cards),
        chinese=language == "zh",
        zone=_zone(environ),
    )


def _zone(environ: Mapping[str, str]) -> tzinfo | None:
    named = environ.get("WECOM_TIMEZONE")
    return validators.zone(named, "WECOM_TIMEZONE") if named else None


def _secret(environ: Mapping[str, str]) -> Secret:
    in_file = f"{_SECRET}_FILE"
    value, path = environ.get(_SECRET), environ.get(in_file)
    if bool(value) == bool(path):
        both = "and WECOM_BOT_SECRET are both set: give one of them"
        raise (
            ConfigurationError(in_file, both)
            if path
            else ConfigurationError(_SECRET, "is not set, and neither is WECOM_BOT_SECRET_FILE")
        )
    if path:
        return Secret.from_file(path, option=in_file, check=_check_secret)
    _check_secret(value or "")
    return Secret(value or "")


def _check_secret(value: str) -> None:
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        raise ConfigurationError(_SECRET, "is no secret: one word of ASCII")


def _url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not parts.hostname or parts.username:
        raise ConfigurationError(_URL, "is no address like wss://host")
    if parts.scheme == "ws" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        say(f"{_URL} is not encrypted: whoever is on the way to {parts.hostname} reads the secret")
    return url


def open_store(environ: Mapping[str, str], *, make: bool = False) -> BotStore:
    """The store that the environment names, as the bot needs it; `make`: if need be a new one."""
    from wecom_logging._bot.oncall_store import OnCallStore

    store = on_call_store(environ, make=make)
    return OnCallStore(store, _zone(environ), options(environ).links)


# What it does.


def hold(found: Settings, store: BotStore) -> int:
    """Be the bot until Ctrl-C or SIGTERM."""
    runner = made(found, store)
    # What a signal interrupts may hold any lock, and half of what it had to do is done: its
    # handler takes none and raises nothing.
    ended: SimpleQueue[bool] = SimpleQueue()

    def hold_on() -> None:
        try:
            runner.run()
        finally:
            ended.put(True)

    thread = threading.Thread(target=hold_on, name="wecom-bot", daemon=True)
    signals = [signal.SIGTERM]
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:  # as in the background of a script
        signals.append(signal.SIGINT)
    before = {number: signal.signal(number, lambda *_: ended.put(False)) for number in signals}
    try:
        thread.start()
        broken = _first(ended)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    runner.stop()
    thread.join(1.0)  # a name that is being resolved cannot be interrupted
    say("stopped")
    return 1 if broken else 0


def _first(ended: SimpleQueue[bool]) -> bool:
    while True:
        try:
            # No longer: a signal that comes right before a wait is handled after it.
            return ended.get(timeout=1.0)
        except Empty:
            pass


def made(found: Settings, store: BotStore) -> Runner:
    from wecom_logging._bot.bot import Bot
    from wecom_logging._bot.runner import Runner

    bot = Bot(
        store,
        Users.parse(found.users),
        chinese=found.chinese,
        zone=found.zone,
        card_policy=found.cards,
        say=say,
    )
    return Runner(found.url, found.id, found.secret, bot, store, say)


def pair(store: BotStore, apps: list[str] | tuple[str, ...], environments: Any) -> None:
    code = Pairings(store).new_code(Scope(tuple(apps), tuple(environments)), time.time())
    print(f"pairing code: {code}", flush=True)
    print("Within ten minutes, in the chat, after the bot's @name, as the client's list writes it:")
    print(f"pair {code}   (绑定 {code})", flush=True)


def chats(store: BotStore) -> int:
    from wecom_logging._bot.texts import shown

    found = Pairings(store).chats()
    for chat in found:
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(chat.at))
        name = f"  @{chat.name}" if chat.name else ""
        print(shown(f"{chat.id}  {chat.scope}{name}  paired by {chat.by} {since}"))
    if not found:
        print("No chat is paired: wecom-logging bot --pair")
    return 0


def remove(store: BotStore, chat: str) -> int:
    if not Pairings(store).remove(chat):
        raise CommandError(f"{chat!r} is not paired; --chats lists those that are", 1)
    print(f"{chat} is not paired any more.")
    return 0


def status(store: BotStore) -> int:
    found = find(store, socket.gethostname())
    if found is None:
        print(f"no bot on {socket.gethostname()} has been heard of lately")
        return 1
    ago = max(0.0, time.time() - found.at)
    print(f"{found.state}, process {found.pid}, {ago:.0f} s ago")
    return 0 if found.alive else 1


def check(found: Settings, store: BotStore) -> int:
    """Id, secret, pairing and people; the exit status."""
    problems = [*_connection(found, store), *_pairings(found, store)]
    for problem in problems:
        print(f"✘ {problem}")
    print("Something is wrong." if problems else "All is well.")
    return 1 if problems else 0


def _connection(found: Settings, store: BotStore) -> Iterator[str]:
    runner = made(found, store)
    tried = runner.try_once()
    if tried is None:
        # To subscribe would take the connection from it.
        print("– id and secret were not tried: another process is this bot right now")
    elif tried:
        yield tried
    else:
        print("✔ id and secret")


def _pairings(found: Settings, store: BotStore) -> Iterator[str]:
    users = Users.parse(found.users)
    chats = Pairings(store).chats()
    if not chats:
        yield "no chat is paired: wecom-logging bot --pair"
        return
    print(f"✔ paired with {len(chats)} chats" if len(chats) > 1 else "✔ paired with a chat")
    for user in sorted({c.by for c in chats if c.by.startswith("wo") and len(c.by) >= 24}):
        print(
            f"– user ids come encrypted ({user}): the bot was not made by a super administrator;"
            " WECOM_BOT_USERS has to hold them as they come"
        )
    if users.named and not any(users.allowed(chat.by, single=True) for chat in chats):
        yield "nobody of WECOM_BOT_USERS has paired a chat: are these the ids that callbacks carry?"


def say(line: str) -> None:
    """One line for what happens; nobody has to read it."""
    try:
        print(time.strftime("%H:%M:%S"), line, flush=True)
    except (OSError, ValueError):
        pass  # who read it has gone
