"""What was found in one event: each value that was masked, and what stands for it.

An e-mail under its key and the same e-mail in the text below are one leak, so what was
masked once is masked everywhere in the event.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from wecom_logging._runtime import lazy
from wecom_logging._runtime.values import NamedTuple

from .keys import Rule
from .values import MASKED, is_random


class Finding(NamedTuple):
    """One value that was masked, by which rule, and what stands there now."""

    value: str
    instead: str
    rule: str


#: Where in a text something begins and ends that is to be hidden, by which rule, and why.
Secret = tuple[int, int, Rule, str]


#: At most so many secrets of a kind in so many characters. A text with more was made to cost time,
#: and nothing of it is shown from its first secret on. Personal data do not count: a list of them
#: is long, and what stands around it is worth knowing.
_MOST_SECRETS, _PORTION = 256, 16384

#: How many values of one event are looked for elsewhere in it, and how long ones.
_MOST, _LONGEST = 64, 512


def most_in(text: str, of_a_portion: int) -> int:
    return of_a_portion * -(-len(text) // _PORTION)


class Findings(list[Finding]):
    """Of one event, in the order in which they were found."""

    def hide(self, value: str, rule: Rule, why: str) -> str:
        """What stands for `value`: itself if it is empty or masked already."""
        if not value or MASKED.fullmatch(value) or not value.strip("*"):
            return value
        instead = rule.apply(value)
        if value != instead:
            self.append(Finding(value, instead, why))
        return instead

    def hide_all(self, text: str, secrets: Iterable[Secret]) -> str:
        """`text` without `secrets`, which come from left to right. Overlaps go to the first."""
        pieces: list[str] = []
        first = done = count = 0
        most = most_in(text, _MOST_SECRETS)
        for start, end, rule, why in secrets:
            if not done <= start < end:
                continue
            if rule.secret and count == most:
                return text[:first] + self.hide(text[first:], Rule("text"), "too many secrets")
            if rule.secret:
                first = first if count else start
                count += 1
            pieces += text[done:start], self.hide(text[start:end], rule, why)
            done = end
        return "".join([*pieces, text[done:]]) if pieces else text

    def known(self) -> list[tuple[str, str]]:
        """The values that are recognised where no name or shape gives them away, and what stands
        for them. The longest first: another may be a part of it."""
        known: dict[str, str] = {}
        for value, instead, _ in self:
            for part in (value,) if _is_telling(value, instead) else _parts(value, instead):
                if len(known) < _MOST:
                    known.setdefault(part, instead)
        return sorted(known.items(), key=lambda pair: -len(pair[0]))

    def hide_again(self, text: str, known: Iterable[tuple[str, str]]) -> str:
        """`text` without values that were found elsewhere."""
        for value, instead in known:
            if value in text:
                before = text
                text = instead.join(re.split(_bounded(value), text))
                if text != before:
                    self.append(Finding(value, instead, "seen in the same event"))
        return text


def _bounded(value: str) -> str:
    """Its pattern: a short value may be part of a word or number, a long one is not."""
    if len(value) >= 12 and not value.isdigit():
        return re.escape(value)
    before = r"(?<![0-9A-Za-z])" if value[0].isascii() and value[0].isalnum() else ""
    after = r"(?![0-9A-Za-z])" if value[-1].isascii() and value[-1].isalnum() else ""
    return before + re.escape(value) + after


_PLAIN = lazy.regex(r"[A-Za-z]{1,11}|[a-z]{1,24}|[\d.,:/ -]{1,5}|\W+")
_PART = lazy.regex(r"[\w.+/=@!#$%^&*-]{8,}")


def _is_telling(value: str, instead: str) -> bool:
    """Whether a value is worth looking for: `shop` may be a password, and other things too."""
    if len(value) > _LONGEST or "\n" in value or "[redacted: " in value:
        return False
    if "[redacted: " in instead:
        return len(value) >= 6 and not _PLAIN.fullmatch(value) and " " not in value
    return "@" in value or len(value) >= 7 or (len(value) > 1 and not value.isascii())


def _parts(value: str, instead: str) -> list[str]:
    """Of what was masked as a whole (a cookie, a list, a call) what may stand alone."""
    if "[redacted: " not in instead or len(value) <= 6:
        return []
    return [part for part in _PART.findall(value[: 4 * _LONGEST]) if is_random(part)][:_MOST]


def texts_in(value: Any) -> list[str]:
    """The texts in nested data that are masked as a whole."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple, set, frozenset)):
        return [text for item in value for text in texts_in(item)]
    return [value] if isinstance(value, str) else []
