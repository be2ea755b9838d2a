"""The program that logs: one call site, a thousand, deep stacks, f-strings, structlog.

Every case is `calls(n)`, a function that logs `n` times and notes what each call took. It
is made anew for each logger, so that the interpreter's own caches at the call sites serve
one handler each.
"""

from __future__ import annotations

import logging
from array import array
from collections.abc import Callable
from time import perf_counter_ns

Calls = Callable[[int], None]

SITES = 1000
DEPTH = 12

_SHOP = """
def storm(n):
    for i in range(n):
        began = clock()
        logger.error("payment %s failed", order(i))
        took(clock() - began)

def breadcrumb(n):
    for i in range(n):
        began = clock()
        logger.info("payment %s accepted", order(i))
        took(clock() - began)

def constant(n):
    for _ in range(n):
        began = clock()
        logger.error("no connection to the ledger")
        took(clock() - began)

def charge(deeper):
    if deeper:
        charge(deeper - 1)
    raise TimeoutError("gateway timeout")

def exception(n):
    for i in range(n):
        try:
            charge(DEPTH - 2)
        except TimeoutError:
            began = clock()
            logger.exception("payment %s failed", order(i))
            took(clock() - began)

def fstring(n):
    for i in range(n):
        began = clock()
        logger.error(f"payment {order(i)} of user {i * 7919} failed after {i % 30} attempts")
        took(clock() - began)

def structured(n):
    for i in range(n):
        began = clock()
        events.error("payment failed", order=order(i), amount=3.5)
        took(clock() - began)
"""

_SITE = """
def site(i):
    began = clock()
    logger.error("job {number} of %s failed", order(i))
    took(clock() - began)
"""

_SITE_DEEP = """
def fail(deeper):
    if deeper:
        fail(deeper - 1)
    raise TimeoutError("gateway timeout")

def site(i):
    try:
        fail({depth})
    except TimeoutError:
        began = clock()
        logger.exception("job {number} of %s failed", order(i))
        took(clock() - began)
"""

CASES = ("storm", "sites", "exception", "fstring", "structlog", "constant")


class Shop:
    """Call sites of one logger. `times` are nanoseconds, one for each call."""

    def __init__(self, logger: logging.Logger) -> None:
        #: An array, because a list of a million integers would be what memory grows by.
        self.times = array("q")
        self._orders = 0
        self._next_site = 0
        self._names = {
            "logger": logger,
            "clock": perf_counter_ns,
            "took": self.times.append,
            "order": self._order,
            "DEPTH": DEPTH,
        }
        self._shop = self._compiled(_SHOP, "/srv/shop/payments.py", 0)

    def forget(self) -> None:
        """Forget the times so far."""
        del self.times[:]

    def _order(self, i: int) -> str:
        """A number that no other error of this process has: the sink counts them."""
        self._orders += 1
        return f"ORD{self._orders:08d}Z"

    def _compiled(self, source: str, path: str, line: int) -> dict[str, Calls]:
        names = {**self._names, "__name__": path.rpartition("/")[2].removesuffix(".py")}
        exec(compile("\n" * line + source, path, "exec"), names)
        return names  # type: ignore[return-value]  # they are

    def calls(self, case: str) -> Calls:
        if case == "sites":
            return self.in_turn(SITES)
        if case == "structlog":
            return self._structured()
        return self._shop[case]

    def site(self, number: int, *, deep: bool = False) -> Calls:
        """A call site in a file of its own."""
        source = (_SITE_DEEP if deep else _SITE).format(number=number, depth=DEPTH - 2)
        return self._compiled(source, f"/srv/shop/job_{number}.py", number % 300)["site"]

    def in_turn(self, number: int) -> Calls:
        """So many call sites in turn, which is also the case "in turn" from now on."""
        sites = [self.site(each) for each in range(number)]

        def calls(n: int) -> None:
            start, self._next_site = self._next_site, (self._next_site + n) % len(sites)
            for i in range(start, start + n):
                sites[i % len(sites)](i)

        self._shop["in turn"] = calls
        return calls

    def _structured(self) -> Calls:
        import structlog

        structlog.configure(
            processors=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
            ],
            logger_factory=structlog.stdlib.LoggerFactory(),
            wrapper_class=structlog.stdlib.BoundLogger,
            cache_logger_on_first_use=True,
        )
        logger = self._names["logger"]
        assert isinstance(logger, logging.Logger)
        self._names["events"] = structlog.get_logger(logger.name)
        return self._compiled(_SHOP, "/srv/shop/events.py", 0)["structured"]
