"""Feed everything that reads what others wrote with worse than they write.

    python -m tests.fuzz --minutes 10 [--only NAME] [--seed N]

Each reader starts from texts that it knows, and is given mutants of them, for as long as the
others. It has to answer within seconds, raise nothing but what it says that it raises, and keep
what it promises (its asserts). What breaks it is said at once, and at the end as a Python literal,
cut as short as it still breaks; it belongs into the tests as a case. The seed makes a run come
again.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Sequence

from tests.fuzz.readers import READERS, Reader

#: Characters of a mutant, and seconds that a reader may take for one on a shared machine, and
#: those for cutting short what broke it: a text that is slow is slow in each of its versions.
LONGEST = 20_000
SLOW = 5.0
CUTTING = 60.0
#: Mutants that are mutated further, of each reader.
KEPT = 200

#: What has a meaning to one reader or another.
WORDS = (
    "", "\x00", "\n", "\r\n", "\u2028", "\ud800", "\u202e", "\x1b[31m", "0", "-1", "1e999", "NaN",
    "9" * 400, "null", "true", "[]", "{}", "[" * 2000, '{"a":' * 500, '"', "\\", "\\u0000",
    "\\ud800", "'", "`", "```", "**", "__", "](", "<", ">", "</font>", "<@all>", "|", "|-|\n",
    "# ", "> ",
    "%s", "%(x)d", "{0}", "password=", "token: ", "Bearer ", "://", "@", "=", ":", "&", "?", "/../",
    "-----BEGIN PRIVATE KEY-----\n", "Traceback (most recent call last):\n",
    '  File "a.py", line 1, in f\n', "ValueError: x", "\nDuring handling of the above exception",
    "  + Exception Group Traceback", "[Previous line repeated 999 more times]", "静默", "2小时",
    "×9", "字", "👨‍👩‍👧‍👦", "e\u0301" * 50, "13800138000", "4111111111111111",
)  # fmt: skip


def mutant(chance: random.Random, text: str, others: Sequence[str]) -> str:
    """A text with a few things done to it."""
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        at = chance.randint(0, len(text))
        to = min(len(text), at + chance.choice((1, 1, 3, 10, 100)))
        how = chance.randrange(7)
        if how == 0:
            text = text[:at] + text[to:]
        elif how == 1:
            text = text[:at] + chance.choice(WORDS) + text[at:]
        elif how == 2:
            text = text[:at] + chance.choice(WORDS) + text[to:]
        elif how == 3:
            text = text[:at] + text[at:to] * chance.choice((2, 3, 50, 1000)) + text[to:]
        elif how == 4:
            text = (
                text[:at]
                + chr(chance.choice((chance.randrange(128), chance.randrange(0x11000))))
                + text[to:]
            )
        elif how == 5:
            other = chance.choice(others)
            text = text[:at] + other[chance.randint(0, len(other)) :]
        else:
            start = chance.randint(0, len(text))
            text = text[:start] + text[at:to] + text[start:]
        text = text[:LONGEST]
    return text


def trouble(reader: Reader, text: str) -> str:
    """What goes wrong when this is read; "" if nothing does."""
    began = time.thread_time()
    try:
        reader.read(text)
    except reader.raises:
        pass
    except Exception:
        return traceback.format_exc(limit=-4)
    seconds = time.thread_time() - began
    return f"{seconds:.1f} s" if seconds > SLOW else ""


def shortest(reader: Reader, text: str) -> str:
    """The text without what it breaks as well without, as far as there is time."""
    end = time.thread_time() + CUTTING
    size = len(text)
    while size := size // 2:
        at = 0
        while at < len(text) and time.thread_time() < end:
            less = text[:at] + text[at + size :]
            if trouble(reader, less):
                text = less
            else:
                at += size
    return text


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.fuzz")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--only", choices=[reader.name for reader in READERS])
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    args = parser.parse_args(argv)
    # Before anything can hang or be killed.
    print(f"seed {args.seed}", flush=True)
    readers = [reader for reader in READERS if args.only in (None, reader.name)]
    known = {reader.name: list(reader.seeds) for reader in readers}
    # One for each, so that its texts do not depend on whose turn it is.
    chances = {name: random.Random(f"{args.seed} {name}") for name in known}
    runs: Counter[str] = Counter()
    spent = dict.fromkeys(known, 0.0)
    found: dict[str, str] = {}
    end = time.monotonic() + args.minutes * 60
    while time.monotonic() < end and len(found) < 20:
        reader = min(readers, key=lambda each: spent[each.name])  # the same time for all
        texts, chance = known[reader.name], chances[reader.name]
        text = mutant(chance, chance.choice(texts), texts)
        began = time.thread_time()
        said = trouble(reader, text)
        spent[reader.name] += time.thread_time() - began
        runs[reader.name] += 1
        if said:
            what = f"{reader.name}: {said}"
            if what not in found:
                print(f"seed {args.seed}: {what}", flush=True)
            found.setdefault(what, text)
        elif len(texts) < len(reader.seeds) + KEPT:
            texts.append(text)
        else:
            texts[chance.randrange(len(reader.seeds), len(texts))] = text
    for reader in readers:
        print(f"{reader.name}: {runs[reader.name]:,} texts")
    for what, text in found.items():
        name = what.partition(":")[0]
        reader = next(each for each in readers if each.name == name)
        print(f"\n{what}\n{ascii(shortest(reader, text))[:4000]}", file=sys.stderr)
    print(f"seed {args.seed}: {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
