"""The sample application of `wecom-logging demo`: a shop where much goes wrong.

The demo copies this file beside a `logging.json` and runs it as a program of its own. All
that the shop knows about WeCom stands in that file; its code only logs. A line on stdin
names what goes wrong next; a line of JSON on stdout says how many errors it has logged.
"""

from __future__ import annotations

import json
import logging
import logging.config
import multiprocessing
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

#: Threads of the storm, and errors that each of them logs. Divisible by three.
THREADS = 4
STORM = 25_000

payments = logging.getLogger("shop.payments")
stock = logging.getLogger("shop.stock")
search = logging.getLogger("shop.search")
feeds = logging.getLogger("shop.feeds")
database = logging.getLogger("shop.database")
mails = logging.getLogger("shop.mails")


class PaymentFailed(Exception):
    """An order could not be charged."""


def ask_bank(order: int) -> None:
    raise ConnectionResetError("bank.example: connection reset by peer")


def charge(order: int) -> None:
    try:
        ask_bank(order)
    except OSError as error:
        raise PaymentFailed("no answer from the bank") from error


def payment() -> int:
    """One exception, with a cause."""
    try:
        charge(8841)
    except PaymentFailed:
        payments.exception("order %d is not paid", 8841)
    return 1


def storm() -> int:
    """A hundred thousand errors of three kinds, from four threads at once."""
    threads = [threading.Thread(target=fail_often) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return THREADS * STORM


def fail_often() -> None:
    for n in range(STORM):
        if n % 3 == 0:
            find_shelf(n * 7919 % 100_003)
        elif n % 3 == 1:
            fail_search()
        else:
            fail_payment(n)


def find_shelf(article: int) -> None:
    stock.error(f"no shelf holds article {article}")


def fail_search() -> None:
    search.error("index %s answers with status %d", "articles", 503)


def fail_payment(order: int) -> None:
    try:
        ask_bank(order)
    except OSError:
        payments.exception("order %d is not paid", order)


def drizzle() -> int:
    """What is known already goes on."""
    for n in range(500):
        find_shelf(n)
    return 500


def search_again() -> int:
    """Somebody knows of it already."""
    for _ in range(40):
        fail_search()
    return 40


def outage() -> int:
    """Errors that come in while WeCom cannot be reached."""
    for n in range(60):
        mails.error("mail to customer %d was refused: mailbox is full", n)
    return 60


def critical() -> int:
    """Something that cannot wait."""
    database.critical("disk of the primary is full, all writes fail")
    return 1


def worker() -> int:
    """A forked worker that logs one error and is gone at once."""
    process = multiprocessing.get_context("fork").Process(target=print_invoice)
    process.start()
    process.join()
    return 1


def print_invoice() -> None:
    try:
        raise PermissionError("/var/spool/invoices is read-only")
    except PermissionError:
        logging.getLogger("shop.invoices").exception("invoice %d is not printed", 17)


def parse_feed(error: type[Exception], supplier: int) -> None:
    raise error(f"column price is missing in the feed of supplier {supplier}")


def many_kinds() -> int:
    """Three hundred errors, each of another kind, and one that had been over."""
    for supplier in range(300):
        error = type(f"Feed{supplier:03}Error", (Exception,), {})
        try:
            parse_feed(error, supplier)
        except Exception:
            feeds.exception("feed of supplier %d is skipped", supplier)
    find_shelf(8841)
    return 301


def coupons() -> int:
    """Something that is broken, and can wait until the morning."""
    for order in range(30):
        try:
            raise KeyError("no such coupon")
        except KeyError:
            logging.getLogger("shop.coupons").exception("coupon of order %d is ignored", order)
    return 30


def last_words() -> int:
    """An error right before the program ends."""
    logging.getLogger("shop").error("shop closes with %d open orders", 3)
    return 1


SCENES: dict[str, Callable[[], int]] = {
    scene.__name__: scene
    for scene in (
        payment, storm, drizzle, search_again, outage, critical, worker, many_kinds, coupons,
        last_words,
    )
}  # fmt: skip


def main() -> None:
    logging.config.dictConfig(json.loads(Path("logging.json").read_text("utf-8")))
    for line in sys.stdin:
        began, start = time.time(), time.monotonic()
        errors = SCENES[line.strip()]()
        seconds = time.monotonic() - start
        answer = {"errors": errors, "began": began, "seconds": seconds}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
