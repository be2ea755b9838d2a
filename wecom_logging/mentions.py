"""Calling people by name in a robot's group: when, and with which words.

Plain decisions over a digest; the clock is passed in.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from wecom_logging.digest import Digest, Report
from wecom_logging.rendering import Language, Style
from wecom_logging.senders.base import Message
from wecom_logging.text import cut_bytes, neutralise

#: People are called at most once in so many seconds.
INTERVAL = 600.0

#: A group that has gone on for so many seconds is worth a second call.
GOING_ON = 900.0

_WORDS: dict[Language, tuple[str, str]] = {
    "en": ("see the message above", "still going on"),
    "zh": ("详见上一条消息", "仍在发生"),
}


class Mentions:
    """Whom one handler calls, and when it last did. For one thread at a time.

    Args:
        who: User ids, mobile numbers or "@all".
        level: The lowest level, as a number, that is worth a call.
        clock: Monotonic seconds.
    """

    def __init__(
        self, who: tuple[str, ...], level: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.who = who
        self._level = level
        self._clock = clock
        self._last = float("-inf")
        #: Groups that were called for because they went on: when they had begun.
        self._going_on: dict[str, float] = {}

    def wanted(self, digest: Digest) -> bool:
        """Whether a message about this digest calls somebody."""
        if self._clock() < self._last + INTERVAL:
            return False
        return any(self._is_worth(report, digest) for report in digest.reports)

    def note(self, digest: Digest) -> None:
        """Somebody was called."""
        self._last = self._clock()
        begun = {r.identity.id: r.since for r in digest.reports if _goes_on(r, digest)}
        known = {i: at for i, at in self._going_on.items() if at > digest.now - 86400}
        self._going_on = {**known, **begun}

    def message(self, digest: Digest, style: Style) -> Message:
        """A text of its own, for a dialect that cannot call anybody. Without a count: the
        message that it is about has told it."""
        report = next(r for r in digest.reports if self._is_worth(r, digest))
        see, going_on = _WORDS[style.language]
        what = report.identity.type or report.identity.template or report.identity.logger
        words = (
            " ".join(filter(None, (style.app, style.environment))),
            "CRITICAL" if report.identity.critical else "",
            cut_bytes(neutralise(what), 200),
            going_on if report.state == "still" else "",
            f"{see} ({digest.message_id})",
        )
        return Message("text", f"🔴 {' · '.join(filter(None, words))}", mentions=self.who)

    def _is_worth(self, report: Report, digest: Digest) -> bool:
        if not report.count or _number(report.identity.level) < self._level:
            return False
        if _goes_on(report, digest):
            return self._going_on.get(report.identity.id) != report.since
        return report.news and report.state in ("new", "again")


def _goes_on(report: Report, digest: Digest) -> bool:
    return report.state == "still" and digest.now - report.since >= GOING_ON


def _number(level: str) -> int:
    number = logging.getLevelName(level.upper())
    return number if isinstance(number, int) else logging.ERROR
