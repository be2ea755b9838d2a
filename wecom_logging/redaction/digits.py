"""Personal numbers of mainland China, and bank cards of any country.

Identity cards and bank cards prove themselves by their check digit, mobile numbers by their
shape, unless what stands around them says that they count or identify something else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from wecom_logging._runtime import lazy

from .findings import Secret
from .keys import Rule, is_counted
from .personal import ends

# Not within a longer number or an identifier, whether it has dashes and dots or not, nor in a
# path: `/orders/13812348000/` is an order's.
_BEFORE = r"(?a)(?<![0-9A-Za-z_/#])(?<![0-9A-Za-z][.-])"
_AFTER = r"(?![0-9A-Za-z_]|[.-][0-9A-Za-z])"
# What is counted is no telephone.
_QUANTITY = (
    r"(?! ?(?:[kKmMgG]?i?[bB]|bytes|rows|records|items|keys|ns|us|µs|ms|s|sec|seconds|cents"
    r"|tokens|ticks|requests|usd|USD|CNY|RMB)\b| ?(?:元|角|秒|条|行|笔|毫秒|微秒|字节))"
)

_IDENTITY_CARD = lazy.regex(
    _BEFORE + r"[1-9]\d{5}(?:18|19|20)\d{2}[01]\d[0-3]\d{4}[0-9Xx]" + _AFTER
)
# UnionPay, Visa, Mastercard, American Express, JCB, Discover; together or in groups.
_BANK_CARD = lazy.regex(
    _BEFORE + r"(?:62\d{2}(?:[ -]?\d{4}){3}(?:[ -]?\d{1,3})?"
    r"|(?:4\d{3}|5[1-5]\d{2}|2[2-7]\d{2}|35\d{2}|6011|65\d{2})(?:[ -]?\d{4}){3}"
    r"|3[47]\d{2}[ -]?\d{6}[ -]?\d{5})" + _AFTER + _QUANTITY
)
_MOBILE = lazy.regex(
    _BEFORE + r"(?:(?:\+|00)86[ -]?|86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}" + _AFTER + _QUANTITY
)
_MOBILE_ENDS = lazy.regex(r"[ -]?\d{4}[ -]?\d{4}\Z")
# The name that a number stands under, with or without a sign between them.
_NAME_BEFORE = lazy.regex(
    r"([A-Za-z_][\w.-]{0,40}|[\u4e00-\u9fff]{1,12}|[\u4e00-\u9fff]{0,6}(?:ID|id))"
    r"(?:\\{0,8}[\"'\])]|%22)?\s{0,3}(?:=>|[:=：＝]|%3D|是|为|#|->)?\s{0,3}(?:\\{0,8}[\"'#\[(（]|%22)?\Z"
)

_OF_A_PERSON = lazy.regex(
    r"(?i)(?:phone|mobile|\btel|cell|sms|contact|card|手机|电话|短信|银行卡|卡号|联系)[^,;，；]{0,12}\Z"
)

#: Matches in every text that has one of them.
NUMBER = lazy.regex(r"\d(?:[ -]?\d){10}", re.ASCII)

#: A pattern, what is shown of its match, and whether the name before a number can say that it is
#: something else. An identity card proves itself, and stands under all sorts of names.
_Kind = tuple[re.Pattern[str], Rule, bool]


def numbers_in(text: str, kind: _Kind) -> Iterator[Secret]:
    pattern, rule, believes_names = kind
    for match in pattern.finditer(text):
        if not (believes_names and _is_counted(match)):
            yield match.start(), match.end(), rule, rule.label


def _is_counted(match: re.Match[str]) -> bool:
    """Whether the number stands under a name that says what it counts or identifies."""
    before = match.string, max(0, match.start() - 64), match.start()
    name = _NAME_BEFORE.search(*before)
    return name is not None and not _OF_A_PERSON.search(*before) and is_counted(name[1])


def _mobile(number: str) -> str:
    return f"{_MOBILE_ENDS.sub('', number)}****{number[-4:]}"


def _identity_card(number: str) -> str:
    try:
        date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:  # there is no such day
        return number
    return ends(number, 3, 4) if _checks(number) else number


def _checks(number: str) -> bool:
    """The check character of GB 11643: the n-th digit from the end weighs 2 to the n, modulo 11."""
    total = sum(int(digit) * 2**n for n, digit in enumerate(number[-2::-1], 1))
    return "10X98765432"[total % 11] == number[-1].upper()


def _bank_card(number: str) -> str:
    digits = re.sub("[ -]", "", number)
    return ends(digits, 4, 4) if _luhn(digits) else number


def _luhn(digits: str) -> bool:
    total = sum(map(int, digits[-1::-2]))
    total += sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return total % 10 == 0


KINDS: tuple[_Kind, ...] = (
    (_IDENTITY_CARD, Rule("identity card", _identity_card), False),
    (_BANK_CARD, Rule("bank card", _bank_card), True),
    (_MOBILE, Rule("mobile number", _mobile), True),
)
