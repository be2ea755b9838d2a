"""Make the pictures of the simulator's inbox and of each message of the page "On call":
`make screenshots`. Needs chromium and its driver.

A small program fails, its messages arrive in a simulator, and a browser without a window
takes pictures of the page.
"""

from __future__ import annotations

import importlib
import logging
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

from browser import Browser, open_browser
from oncall_messages import MESSAGES

from wecom_logging import WebhookSender, WeComHandler
from wecom_logging._bot.pairing import Chat, Pairings, Scope
from wecom_logging._cli import bot
from wecom_logging._rendering import Language
from wecom_logging.simulator import Message, Simulator

PHONE = (390, 844, 1.5)
DESK = (1240, 900, 1)
#: How the names of pictures end in each language.
SUFFIXES: dict[Language, str] = {"en": "", "zh": ".zh-CN"}
#: A card that somebody has answered, by the language of alerts, bot and page.
ANSWERED = {"en": "answered-phone.png", "zh": "answered-phone.zh-CN.png"}

PROGRAM = {
    "pay/gateway.py": """\
        import socket

        def connect(host):
            raise TimeoutError("read timed out after 3 s")

        def post(order):
            try:
                connect("bank.example")
            except OSError as error:
                raise ConnectionError("bank.example does not answer") from error
        """,
    "pay/views.py": """\
        import logging
        from pay import gateway

        log = logging.getLogger("pay.views")

        def charge(order):
            try:
                gateway.post(order)
            except ConnectionError:
                context = {"method": "POST", "path": "/pay", "request_id": "ab12"}
                log.exception("order %d is not paid", order, extra=context)
        """,
    "pay/stock.py": """\
        import logging

        log = logging.getLogger("pay.stock")

        def find(names):
            for name in names:
                log.error("%s is not in stock", name)

        def full():
            log.critical("disk full on /var/lib/stock, 0 bytes left")
        """,
}


def main() -> None:
    docs = Path(__file__).parent
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory,
        open_browser() as browser,
    ):
        views, stock = _program(Path(directory))
        for language, suffix in SUFFIXES.items():
            with Simulator() as simulator, _alerts(simulator, "memory", language) as handler:
                stock.full()
                handler.flush()
                stock.find(["tea", "coffee", "sugar"])
                _fail(views)
                handler.flush()
                browser.take(simulator, docs / f"inbox-phone{suffix}.png", PHONE, language)
                if language == "en":
                    browser.take(simulator, docs / "inbox.png", DESK)
        for language, name in ANSWERED.items():
            store = f"sqlite:///{directory}/{language}.db"
            with (
                Simulator() as simulator,
                _alerts(simulator, store, language) as handler,
                _bot(simulator, store, language),
            ):
                _fail(views)
                handler.flush()
                _answer(simulator)
                browser.take(simulator, docs / name, PHONE, language, part="#messages")
        _oncall(browser, docs / "oncall")


def _program(directory: Path) -> tuple[Any, Any]:
    for name, source in PROGRAM.items():
        path = directory / name
        path.parent.mkdir(exist_ok=True)
        lines = [line[8:] for line in source.splitlines()]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.path.insert(0, str(directory))
    return importlib.import_module("pay.views"), importlib.import_module("pay.stock")


@contextmanager
def _alerts(simulator: Simulator, store: str, language: str) -> Iterator[WeComHandler]:
    environ = simulator.env()
    handler = WeComHandler(
        corpid=environ["WECOM_CORPID"],
        corpsecret=environ["WECOM_CORPSECRET"],
        agentid=environ["WECOM_AGENTID"],
        touser=environ["WECOM_TOUSER"],
        api_base=environ["WECOM_API_BASE"],
        app="payments",
        environment="prod",
        release="2.3.1",
        host="web-3",
        store=store,
        language=language,
    )
    log = logging.getLogger("pay")
    log.addHandler(handler)
    log.propagate = False
    yield handler
    log.removeHandler(handler)
    handler.close()


def _fail(views: Any) -> None:
    for order in [8841] * 37:
        views.charge(order)


@contextmanager
def _bot(simulator: Simulator, store: str, language: str) -> Iterator[None]:
    environ = {
        **simulator.env(), **simulator.env("bot"), "WECOM_STORE": store,
        "WECOM_LANGUAGE": language, "WECOM_BOT_USERS": "ZhangSan=张三",
    }  # fmt: skip
    opened = bot.open_store(environ, make=True)
    Pairings(opened).add(Chat(environ["WECOM_BOT_CHATID"], Scope()))
    runner = bot.made(bot.settings(environ), opened)
    thread = threading.Thread(target=runner.run)
    thread.start()
    yield
    runner.stop()
    thread.join()


def _answer(simulator: Simulator) -> None:
    """Somebody presses a button, and the card becomes a fact."""

    def cards() -> list[Message]:
        return [each for each in simulator.messages if each.msgtype == "template_card"]

    simulator.wait_until(cards, 30.0, "the card")
    simulator.press(cards()[0], "silence", {"silence_for": ["1h"]}, "ZhangSan")
    simulator.wait_until(lambda: "button_list" not in cards()[0].shown, 30.0, "the fact")


def _oncall(browser: Browser, directory: Path) -> None:
    """A picture of each message of the page "On call", in both languages."""
    directory.mkdir(exist_ok=True)
    with Simulator() as simulator:
        environ = simulator.env("robot")
        robot = WebhookSender(environ["WECOM_WEBHOOK_KEY"], api_base=environ["WECOM_API_BASE"])
        for (name, make), (language, suffix) in product(MESSAGES.items(), SUFFIXES.items()):
            simulator.reset()
            for message in make(language):
                robot.send(message)
            file = directory / f"{name}{suffix}.png"
            browser.take(simulator, file, (440, 900, 1.5), language, part=".bubble")


if __name__ == "__main__":
    main()
