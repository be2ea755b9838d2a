"""`wecom-logging bot` on a store in memory, as a program of its own: `bot_program.py ARGUMENTS`.

Its error is news once somebody has asked for what is open.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence

from tests.helpers.bot_store import FakeStore
from wecom_logging._cli import bot
from wecom_logging._stores.marks import KnownGroup


def open_store(environ: Mapping[str, str], *, make: bool = False) -> FakeStore:
    store = FakeStore(time.time)
    store.add("40871")
    groups = store.groups

    def asked() -> Sequence[KnownGroup]:
        if not store.all["40871"].news_at:
            store.add("40871", news_at=time.time())
        return groups()

    store.groups = asked  # type: ignore[method-assign]  # it waits there
    return store


def main() -> int:
    bot.open_store = open_store
    parser = argparse.ArgumentParser()
    bot.register(parser.add_subparsers())
    args = parser.parse_args(["bot", *sys.argv[1:]])
    status: int = args.run(args)
    return status


if __name__ == "__main__":
    sys.exit(main())
