"""Personal data of mainland China: shown in part, enough to find a case, not a person.

Identity cards and bank cards prove themselves by their check digit, mobile numbers by
their shape. Names, addresses and e-mail have no shape; they are found by key (`keys.py`).
"""

from __future__ import annotations

import re
from datetime import date

from wecom_logging._runtime import lazy

# Not within a longer number or an identifier, whether it has dashes and dots or not.
_BEFORE = r"(?<![0-9A-Za-z_])(?<![0-9A-Za-z][.-])"
_AFTER = r"(?![0-9A-Za-z_]|[.-][0-9A-Za-z])"
_QUANTITY = r"(?! ?(?:[kKmMgG]?i?[bB]|bytes|rows|ns|us|µs|ms)\b)"

_IDENTITY_CARD = lazy.regex(
    _BEFORE + r"[1-9]\d{5}(?:18|19|20)\d{2}[01]\d[0-3]\d{4}[0-9Xx]" + _AFTER, re.ASCII
)
_BANK_CARD = lazy.regex(_BEFORE + r"62\d{2}(?:[ -]?\d{4}){3}(?:[ -]?\d{1,3})?" + _AFTER, re.ASCII)
_MOBILE = lazy.regex(
    _BEFORE + r"((?:(?:\+|00)86[ -]?|86[ -]?)?1[3-9]\d)[ -]?\d{4}[ -]?(\d{4})" + _AFTER + _QUANTITY,
    re.ASCII,
)

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


_NUMBER = lazy.regex(r"\d(?:[ -]?\d){10}", re.ASCII)


def may_occur(text: str) -> bool:
    """Whether there is a number in it that is long enough for any of them."""
    return _NUMBER().search(text) is not None


def redact_personal(text: str) -> str:
    """`text` with identity cards, bank cards and mobile numbers shown in part."""
    text = _IDENTITY_CARD().sub(_identity_card, text)
    text = _BANK_CARD().sub(_bank_card, text)
    return _MOBILE().sub(r"\1****\2", text)


def ends(value: str, start: int, end: int) -> str:
    """The first `start` and last `end` characters, or less of what is hardly longer."""
    if "*" in value:
        return value  # Shown in part already.
    if len(value) < start + end + 4:
        start, end = min(1, len(value) // 2), 0
    return value[:start] + "*" * (len(value) - start - end) + value[len(value) - end :]


def _identity_card(match: re.Match[str]) -> str:
    number = match[0]
    return ends(number, 3, 4) if _is_date(number[6:14]) and _checks(number) else number


def _is_date(digits: str) -> bool:
    try:
        date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return True


def _checks(number: str) -> bool:
    """The check character of GB 11643."""
    total = sum(int(digit) * weight for digit, weight in zip(number, _WEIGHTS, strict=False))
    return "10X98765432"[total % 11] == number[-1].upper()


def _bank_card(match: re.Match[str]) -> str:
    digits = re.sub("[ -]", "", match[0])
    return ends(digits, 4, 4) if _luhn(digits) else match[0]


def _luhn(digits: str) -> bool:
    total = sum(map(int, digits[-1::-2]))
    total += sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return total % 10 == 0


# --- values of a key that says what they are -----------------------------------------


def name(value: str) -> str:
    """`张三丰` as `张**`, whatever its length."""
    return value if "*" in value or len(value) < 2 else value[0] + "**"


def address(value: str) -> str:
    """The first six characters of a postal address; those of networks and memory stay."""
    postal = re.search(r"[\u4e00-\u9fff]{2}|\d+[A-Za-z]? [A-Za-z]|[A-Za-z]\.? \d", value)
    return value if "*" in value or not postal else value[: min(6, len(value) // 2)] + "****"


def email(value: str) -> str:
    """`someone@example.com` as `s***@example.com`."""
    return re.sub(r"([^\s@<>\"'*])[^\s@<>\"'*]*@", r"\1***@", value)


def phone(value: str) -> str:
    return ends(value, 3, 4) if sum(map(str.isdigit, value)) >= 7 else value


def identity_number(value: str) -> str:
    return ends(value, 3, 4) if sum(map(str.isdigit, value)) >= 8 else value


def card_number(value: str) -> str:
    return ends(value, 4, 4) if sum(map(str.isdigit, value)) >= 12 else value
