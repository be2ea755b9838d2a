"""One of the processes of `chaos`: logs whatever comes to its mind, until its input ends.

What it logs it first writes down, in lines `[time, pid, errors]` of one file for all.
"""

from __future__ import annotations

import atexit
import json
import os
import random
import select
import signal
import sys
import threading
import time


@atexit.register  # before `logging` is imported: after all that it does at exit
def say_account() -> None:
    """Write down what has become of the errors of this process: `[pid, seen, told, kept, lost]`."""
    stats = handler.stats()
    line = [os.getpid(), stats.seen, stats.reported, stats.pending, stats.lost]
    with open(SETTINGS["accounts"], "a") as accounts:
        accounts.write(json.dumps(line) + "\n")


import logging  # noqa: E402 - after what has to come first

SETTINGS = json.loads(sys.argv[1])
CHANCE = random.Random(SETTINGS["seed"])
WITNESS = os.open(SETTINGS["witness"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

# The clock of the host, which somebody sets now and then. Before the import: some take the
# function with them.
CLOCK = os.open(SETTINGS["clock"], os.O_RDONLY)
_wall = time.time
time.time = lambda: _wall() + float(os.pread(CLOCK, 16, 0))

from wecom_logging import WeComHandler  # noqa: E402 - as above

handler = WeComHandler(**SETTINGS["options"])
log = logging.getLogger("shop")
log.addHandler(handler)
log.propagate = False

TRACEBACK = 'Traceback (most recent call last):\n  File "/dev/zero", line 1, in f\nValueError: x'
HOSTILE = (
    "×9,999 **×5**",
    "🔴 shop · 77 errors · gone",
    "\x1b[2J\x1b]0;owned\x07",
    "[a](http://evil.example) <a href='x'>y</a> <@all>",
    "\u202e\u200b\ud800" * 20,
    "# heading\n> quote\n**NEW** x **×3**",
    TRACEBACK,
    '{"event": "x", "exception": "Traceback", "breadcrumbs": [1], "logger": "other"}',
    "{" + '"a":[' * 5000,
    "错误" * 20_000,
    "%s %d %(x)s",
    "password=hunter2 " * 500,
)


class Odd:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __repr__(self) -> str:
        raise self.error


def noted(errors: int) -> None:
    line = json.dumps([time.monotonic(), os.getpid(), errors]) + "\n"
    os.write(WITNESS, line.encode())


def burst() -> None:
    errors = CHANCE.choice((1, 1, 3, 20, 200))
    noted(errors)
    kind = CHANCE.randrange(30)
    for i in range(errors):
        log.error(f"order {i} failed in {chr(97 + kind)}")


def exception() -> None:
    noted(1)
    try:
        raise CHANCE.choice((ValueError, OSError, KeyError, RecursionError))("went wrong")
    except Exception:
        log.exception("payment %d failed", CHANCE.randrange(100))


def critical() -> None:
    noted(1)
    log.critical("disk %d full", CHANCE.randrange(3))


def hostile() -> None:
    noted(2)
    text = CHANCE.choice(HOSTILE)
    log.error(text, extra={"user_text": text, CHANCE.choice(HOSTILE)[:20]: text})
    log.error("value %s", Odd(ValueError(text)), extra={"fingerprint": text[:50]})


def threads() -> None:
    errors = 50
    noted(3 * errors)

    def work(name: str) -> None:
        for i in range(errors):
            log.error("thread %s failed, %d", name, i)

    started = [threading.Thread(target=work, args=(str(n),)) for n in range(3)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


def nap() -> None:
    time.sleep(CHANCE.random() * 0.3)  # paces the load


def flush() -> None:
    handler.flush(CHANCE.random())


def reopen() -> None:
    handler.close()  # and it stays attached


def fork() -> None:
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    CHANCE.seed(os.getpid())
    end = CHANCE.choice(("return", "exit", "kill"))
    if end == "kill":
        noted(-1)  # from here on nobody knows
    errors = CHANCE.randrange(1, 20)
    noted(errors)
    for i in range(errors):
        log.error("child failed, %d", i)
    if end == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    sys.exit(0)


ACTS = [burst] * 8 + [exception] * 3 + [hostile] * 2 + [nap] * 10
ACTS += [critical, threads, flush, fork, reopen]


def main() -> None:
    mine = os.getpid()
    while not select.select([sys.stdin], [], [], 0)[0]:
        CHANCE.choice(ACTS)()
        stats = handler.stats()
        places = (stats.reported, stats.pending, stats.muted, stats.lost)
        if stats.seen != sum(places) or min(places) < 0:
            print(f"UNBALANCED {mine}: {stats}", file=sys.stderr, flush=True)


main()
