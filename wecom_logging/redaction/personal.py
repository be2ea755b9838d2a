"""How much is shown of personal data: enough to find a case, not a person.

Which value is what, its name says (`keys.py`) or its digits do (`digits.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable


def ends(value: str, start: int, end: int) -> str:
    """The first `start` and last `end` characters, or less of what is hardly longer."""
    if "*" in value:
        return value  # Shown in part already.
    if len(value) < start + end + 4:
        start, end = min(1, len(value) // 2), 0
    return value[:start] + "*" * (len(value) - start - end) + value[len(value) - end :]


def name(value: str) -> str:
    """`张三丰` as `张**`, whatever its length."""
    return value if "*" in value or len(value) < 2 else value[0] + "**"


def address(value: str) -> str:
    """The first six characters of a postal address; those of networks and memory stay."""
    postal = re.search(r"[\u4e00-\u9fff]{2}|\d[A-Za-z]? [A-Za-z]|[A-Za-z]\.? \d", value)
    return value if "*" in value or not postal else value[: min(6, len(value) // 2)] + "****"


def email(value: str) -> str:
    """`someone@example.com` as `s***@example.com`."""
    # Only from where a word begins: in a text without an `@` each letter would be a start.
    return re.sub(r"(?<![^\s@<>\"'*])([^\s@<>\"'*])[^\s@<>\"'*]*@", r"\1***@", value)


def _number(start: int, end: int, least: int) -> Callable[[str], str]:
    """Shows so many characters at the start and the end of what has at least so many digits."""
    return lambda value: ends(value, start, end) if sum(map(str.isdigit, value)) >= least else value


phone: Callable[[str], str] = _number(3, 4, 7)
identity_number: Callable[[str], str] = _number(3, 4, 8)
card_number: Callable[[str], str] = _number(4, 4, 12)
