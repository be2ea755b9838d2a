"""`wecom-logging demo`: a shop breaks in many ways, and every error is accounted for.

The shop is a program of its own (`shop.py`); this one plays WeCom, shows what arrives, and
counts for itself: what the shop says it has logged must be the sum of the counts in the
messages that were delivered.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from wecom_logging._cli import CommandError, Commands, require
from wecom_logging._cli.demo_programs import LOGGING, Shop, open_bot, open_shop
from wecom_logging._cli.simulator import open_inbox
from wecom_logging._cli.terminal import Terminal

if TYPE_CHECKING:
    from wecom_logging.simulator import Message, Simulator

_INTRODUCTION = """\
A shop is about to break in many ways. It is a Python program that only logs; a handler in
its logging configuration tells people in WeCom. This demo plays WeCom, and shows each
message as it arrives on their phones. Here is the whole configuration:
"""

_HURRY = """\
The last four settings make a short film of it. By default 15 s pass between two messages
with news; 60 s, then 5, 15 and 60 min before more about the same; 10 min until it is over;
and no more than 18 messages go out in a minute, 900 in an hour.
"""

T = TypeVar("T")

#: Seconds until a message has to be there, and until the shop has to have done its part.
PATIENCE = 30.0

#: How long the silence of the film is.
SILENCE = "2s"

_COUNT = re.compile(r"×([\d,]+)")


def register(commands: Commands) -> None:
    parser = commands.add_parser(
        "demo",
        help="see what alerts look like, in half a minute, without WeCom",
        description="A sample shop breaks in many ways; see what arrives in a local WeCom."
        " Exit status 0 if every error logged is counted in a message.",
    )
    parser.add_argument("--open", action="store_true", help="open the inbox in a browser")
    parser.add_argument("--keep", action="store_true", help="keep the inbox until Ctrl-C")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    require("wecom_logging.simulator", "simulator")
    from wecom_logging.simulator import Simulator

    terminal = Terminal()
    with Simulator() as simulator:
        if args.open:
            open_inbox(simulator)
        with open_shop(simulator) as shop:
            film = Film(simulator, shop, terminal)
            film.play()
        balanced = account(film, terminal)
        if args.keep:
            terminal.say(f"\nThe inbox stays at {simulator.url} until Ctrl-C.")
            try:
                while True:
                    time.sleep(1.0)  # no longer: a Ctrl-C right before it is noticed after it
            except KeyboardInterrupt:
                pass
    return 0 if balanced else 1


class Film:
    """The scenes, in their order."""

    def __init__(self, simulator: Simulator, shop: Shop, terminal: Terminal) -> None:
        self.simulator = simulator
        self.shop = shop
        self._terminal = terminal
        self._shown = 0
        self._scene = 0

    def play(self) -> None:
        self._terminal.say(_INTRODUCTION)
        self._terminal.say(self._terminal.paint("code", LOGGING))
        self._terminal.say(_HURRY)
        self._told("A payment fails", "an exception with a cause", "payment")
        self._storm()
        self._silence()
        self._told(
            "It goes on", "500 more of a kind that is known: no hurry to tell them", "drizzle"
        )
        self._calm()
        self._outage()
        self._critical()
        self._bad_release()
        self._told(
            "A forked worker", "logs one error and is gone; its own thread delivers it", "worker"
        )
        self._phone()
        self._end()

    def _told(self, title: str, about: str, scene: str) -> None:
        """A scene whose errors are told, and nothing else."""
        self._title(title, about)
        self._perform(scene)
        self._await_count()

    def _storm(self) -> None:
        self._title("A storm", "100,000 errors of three kinds, from four threads, f-strings too")
        answer = self._perform("storm")
        micros = answer["seconds"] / answer["errors"] * 1e6
        self._note(f"All logged, in {answer['seconds']:.1f} s: {micros:.0f} µs each.")
        self._await_count()

    def _silence(self) -> None:
        self._title("A silence", "for what somebody knows of; its end tells what came meanwhile")
        self._perform("search_again")
        self._command("silence", self._number_of("index articles"), SILENCE)
        self._perform("search_again")

    def _calm(self) -> None:
        self._title("Calm", "what was told more than once is worth an all-clear")

        def all_clear() -> bool:
            lines = [line for each in self.simulator.messages for line in each.content.split("\n")]
            return any("OVER" in line and "no shelf" in line for line in lines)

        self._watch(all_clear, PATIENCE, "the all-clear")

    def _outage(self) -> None:
        self._title("WeCom is down", "for two seconds; 60 mails bounce meanwhile")
        with self.simulator.down():
            self._perform("outage")
            self._watch(lambda: False, 2.0)
        self._note("It is back.")
        self._await_count()

    def _critical(self) -> None:
        self._title("A CRITICAL", "told at once, though WeCom has just withdrawn the access token")
        self.simulator.revoke_tokens()
        self._perform("critical")
        self._await_count()

    def _bad_release(self) -> None:
        self._title(
            "A bad release", "2.4.0 brings 300 new errors, and one back: an overview, and a file"
        )
        self._close_shop()
        self.shop.start("2.4.0")
        self._perform("many_kinds")
        self._await_count()
        self._watch(lambda: any(m.file for m in self.simulator.messages), PATIENCE, "the file")

    def _phone(self) -> None:
        self._title("An answer", "a bot in the chat hears what is written to it and pressed there")
        with open_bot(self.simulator, self.shop) as bot:
            self._watch(lambda: bot.connected, PATIENCE, "the bot")
            self._write(f"pair {bot.code}")
            self._silence_from_the_phone()

    def _silence_from_the_phone(self) -> None:
        self._perform("coupons")
        self._await_count()
        self._watch(lambda: bool(self._cards()), PATIENCE, "the card")
        self._press("silence", "Silence, 1 hour")
        self._perform("coupons")
        self._watch(lambda: False, 2.0)
        self._note("30 more, and nobody is disturbed.")
        (group,) = self._cards()[-1].shown["horizontal_content_list"]
        self._write(f"unsilence {group['keyname']}")
        self._perform("coupons")
        self._note("30 after it: told together with the 30 that were only counted.")
        self._await_count()

    def _write(self, text: str) -> None:
        """Somebody writes to the bot, and it answers."""
        heard = len(self._said())
        self._note(f"{self.simulator.world.config.users[0]}: {text}")
        self.simulator.say(text)
        self._watch(lambda: len(self._said()) > heard, PATIENCE, "the answer")

    def _press(self, button: str, label: str) -> None:
        """Somebody presses a button of the latest card, which changes for everybody."""
        self._note(f"{self.simulator.world.config.users[0]} presses [{label}]")
        self.simulator.press(self._cards()[-1], button, {"silence_for": ["1h"]})

        self._watch(lambda: "button_list" not in self._cards()[-1].shown, PATIENCE, "the fact")
        self._terminal.card("the same card, from now on", self._cards()[-1].content)

    def _said(self) -> list[Message]:
        return [each for each in self.simulator.messages if each.source == "bot"]

    def _cards(self) -> list[Message]:
        return [each for each in self._said() if each.msgtype == "template_card"]

    def _end(self) -> None:
        self._title("The end", "one more error, and the program exits")
        self._perform("last_words")
        self._close_shop()
        self._show_messages()

    def _close_shop(self) -> None:
        self.shop.close()
        self._watch(lambda: self.shop.closed, PATIENCE, "the shop to exit")

    # What a scene consists of.

    def _title(self, title: str, about: str) -> None:
        self._scene += 1
        paint = self._terminal.paint
        self._terminal.say(f"\n{paint('bold', f'{self._scene}. {title}')} · {about}")

    def _note(self, text: str) -> None:
        self._terminal.say(f"  {text}")

    def _command(self, *words: str) -> None:
        self._note(self._terminal.paint("code", f"$ wecom-logging {' '.join(words)}"))
        done = subprocess.run(
            [sys.executable, "-m", "wecom_logging", *words],
            env=dict(self.shop.environ),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        if done.returncode:
            raise CommandError(done.stderr.strip().removeprefix("wecom-logging: "), 1)
        self._note(done.stdout.strip())

    def _number_of(self, words: str) -> str:
        said = "\n".join(message.content for message in self.simulator.messages)
        found = re.search(rf"{words}.*#(\d{{5,6}})", said)
        if found is None:
            raise CommandError(f"no message has a number for {words!r}", 1)
        return found[1]

    def _perform(self, scene: str) -> dict[str, Any]:
        """Have the shop play a scene; what arrives meanwhile is shown."""
        self.shop.begin(scene)
        return self._watch(self.shop.ended, PATIENCE, "the shop") or {}

    def _await_count(self) -> None:
        """Until every error logged so far is told."""
        self._watch(lambda: self.counted >= self.shop.errors, PATIENCE, "the messages")

    def _watch(self, done: Callable[[], T], seconds: float, what: str = "") -> T:
        """Show messages until something has happened; only what has no name may not happen."""
        deadline = time.monotonic() + seconds
        while True:
            self._show_messages()
            found, late = done(), time.monotonic() > deadline
            if late and what and not found:
                raise CommandError(f"waited {seconds:g} s for {what}, in vain", 1)
            if found or late:
                return found
            time.sleep(0.02)

    def _show_messages(self) -> None:
        for message in self.simulator.messages[self._shown :]:
            self._shown += 1
            clock = time.strftime("%H:%M:%S", time.localtime(message.time))
            self._terminal.card(
                f"message {self._shown} · {clock} · {_size(message)}", _text(message)
            )

    @property
    def counted(self) -> int:
        return sum(map(count, self.alerts))

    @property
    def alerts(self) -> list[Message]:
        """What the shop has sent, without what the bot says about it."""
        return [each for each in self.simulator.messages if each.source != "bot"]


def _size(message: Message) -> str:
    return f"{message.bytes:,} of {message.limit:,} bytes" if message.limit else message.msgtype


def _text(message: Message) -> str:
    file = message.file
    return f"📎 {file.name}, {file.size:,} bytes" if file else message.content


def count(message: Message) -> int:
    """Errors that a message reports: the sum of its `×n`, which nothing else in it looks like."""
    return sum(int(found.replace(",", "")) for found in _COUNT.findall(message.content))


def account(film: Film, terminal: Terminal) -> bool:
    """Print what was logged and what was told; returns whether it is the same."""
    simulator, shop = film.simulator, film.shop
    balanced = shop.errors == film.counted and not simulator.dropped
    first = film.alerts[0].time - (shop.first_error or 0.0)
    calls = [each for each in simulator.calls() if each.method != "frame"]
    verdict = terminal.paint("good", "✔ every error is told") if balanced else "✘"
    rows = (
        ("errors logged", f"{shop.errors:,}"),
        ("counted in messages", f"{film.counted:,}  {verdict}"),
        ("messages", f"{len(film.alerts)}"),
        ("calls of the WeCom API", f"{len(calls)}"),
        ("access tokens fetched", f"{len(simulator.calls('gettoken'))}"),
        ("first error to its arrival", f"{first:.2f} s"),
    )
    terminal.say(f"\n{terminal.paint('bold', 'The account')}\n")
    for label, value in rows:
        terminal.say(f"  {label:<28} {value}")
    return balanced
