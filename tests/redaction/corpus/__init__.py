"""Lines as programs write them: with secrets, and without.

`secrets()` yields (kind, line, what must not be left of it), `ordinary()` (kind, line).
"""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

HERE = Path(__file__).parent

_WORD = string.ascii_letters + string.digits
_PASSWORDS = ("Sommer{}!", "hunter{}x", "p#ssW0rd{}", "Zx{}kQvLm", "Tr0ub4dor_{}", "qwe{}RTY$")
_PHRASE = ("absent", "abuse", "acid", "action", "anchor", "apple", "autumn", "bacon", "cactus",
           "drama", "error", "ginger")  # fmt: skip
_NAMES = ("张三丰", "欧阳娜娜", "李小龙", "王建国", "陈思远")


class _Values(dict[str, str]):
    """Makes a value for each placeholder, and remembers it."""

    def __init__(self, seed: str) -> None:
        super().__init__()
        self._random = random.Random(seed)
        self.made: list[str] = []

    def new(self, kind: str) -> str:
        value = self._make(kind)
        self.made.append(value)
        return value

    def _chars(self, alphabet: str, length: int) -> str:
        return "".join(self._random.choice(alphabet) for _ in range(length))

    def _make(self, kind: str) -> str:
        pick = self._random
        if kind == "p":
            return pick.choice(_PASSWORDS).format(pick.randint(1000, 9999))
        if kind == "s":
            return "Z" + self._chars(_WORD, 16) + "7q"
        if kind == "url":
            return quote("p@ss" + self._chars(_WORD, 10), safe="")
        if kind == "code":
            return str(pick.randint(100000, 999999))
        if kind == "b64":
            return "M" + self._chars(_WORD, 29) + "9a"
        if kind == "uuid":
            return "-".join(self._chars("0123456789abcdef", n) for n in (8, 4, 4, 4, 12))
        if kind == "phrase":
            return " ".join(pick.sample(_PHRASE, 12))
        if kind == "mobile":
            return "1" + pick.choice("3578") + str(pick.randint(10**8, 10**9 - 1))
        if kind == "email":
            return self._chars(string.ascii_lowercase, 8) + "@example.com"
        if kind == "name":
            return pick.choice(_NAMES)
        if kind == "card":
            return _with_luhn(pick.choice(("62220212345", "41111111", "54000000")), self)
        if kind == "idcard":
            return _with_gb11643(f"110105{pick.randint(1950, 2000)}0{pick.randint(1, 9)}1", self)
        length = int(kind.lstrip(string.ascii_letters))
        name = kind.rstrip(string.digits)
        alphabet = {"hex": "0123456789abcdef", "w": _WORD, "U": "ABCDEFGHJKLMNP234567"}[name]
        return self._chars(alphabet, length - 2) + {"hex": "3f", "w": "7q", "U": "Q7"}[name]

    def digits(self, length: int) -> str:
        return self._chars(string.digits, length)


def _with_luhn(start: str, values: _Values) -> str:
    number = start + values.digits(15 - len(start))
    total = 0
    for i, digit in enumerate(reversed(number)):
        total += sum(divmod(int(digit) * (1 if i % 2 else 2), 10))
    return number + str(-total % 10)


def _with_gb11643(start: str, values: _Values) -> str:
    number = start + str(values._random.randint(0, 8)) + values.digits(17 - len(start) - 1)
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(digit) * weight for digit, weight in zip(number, weights, strict=True))
    return number + "10X98765432"[total % 11]


_KINDS = ("p", "s", "url", "code", "phrase", "b64", "uuid", "mobile", "email", "name", "card",
          "idcard")  # fmt: skip


def _filled(line: str, values: _Values) -> str:
    kinds = [*_KINDS]
    kinds += [f"hex{n}" for n in (8, 24, 32, 40, 48)] + [f"U{n}" for n in (16, 24, 27, 40)]
    kinds += [
        f"w{n}" for n in (14, 16, 20, 22, 24, 27, 28, 30, 32, 34, 35, 36, 37, 40, 43, 46, 48, 60)
    ]
    for kind in kinds:
        place = "{" + kind + "}"
        while place in line:
            line = line.replace(place, values.new(kind), 1)
    return line


def _lines(name: str) -> Iterator[tuple[str, str]]:
    kind = ""
    for line in (HERE / name).read_text("utf-8").splitlines():
        if line.startswith("## "):
            kind = line[3:]
        elif line and not line.startswith("# "):
            yield kind, line


def secrets(seed: int = 0) -> Iterator[tuple[str, str, str, list[str]]]:
    """Kind, the line as it is written here, the line with values, and the values."""
    for kind, line in _lines("secrets.txt"):
        values = _Values(f"{seed} {line}")
        text = _filled(line.replace("¦", "").replace("⏎", "\n"), values)
        yield kind, line, text, values.made or ["417" if "417" in line else "x7k2"]


def ordinary() -> Iterator[tuple[str, str]]:
    for kind, line in _lines("ordinary.txt"):
        yield kind, line.replace("¦", "").replace("⏎", "\n")
