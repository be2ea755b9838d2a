"""Calling people by name in a robot's group: when, and with which words."""

from __future__ import annotations

import logging

from wecom_logging._model.digest import Digest, Report
from wecom_logging._rendering import Language, Style
from wecom_logging._rendering.dialects import Pen
from wecom_logging._senders.protocol import Message
from wecom_logging._worker.cooldowns import Cooldowns

#: People are called at most once in so many seconds.
INTERVAL = 600.0

#: A group that has gone on for so many seconds is worth a second call, once in a day.
GOING_ON = 900.0
A_DAY = 86400.0

_WORDS: dict[Language, tuple[str, str]] = {
    "en": ("see the message above", "still going on"),
    "zh": ("详见上一条消息", "仍在发生"),
}


class Mentions:
    """Whom one handler calls.

    Args:
        who: User ids, mobile numbers or "@all".
        level: The lowest level, as a number, that is worth a call.
    """

    def __init__(self, who: tuple[str, ...], level: int) -> None:
        self.who = who
        self._level = level

    def wanted(self, digest: Digest, cooldowns: Cooldowns) -> bool:
        """Whether a message about this digest calls somebody: for a new group, or once for
        one that goes on; not within ten minutes of the last call."""
        worth = [report for report in digest.reports if self._is_worth(report, digest)]
        going_on = [r for r in worth if _goes_on(r, digest)]
        # Two digits of an id: see `follow_ups.file_wanted`.
        unsaid = [r for r in going_on if cooldowns.take(f"goes on {r.identity.id[:2]}", A_DAY)]
        is_new = len(worth) > len(going_on)
        return (is_new or bool(unsaid)) and cooldowns.take("call", INTERVAL)

    def message(self, digest: Digest, style: Style) -> Message:
        """A text of its own, for a dialect that cannot call anybody. Without a count: the
        message that it is about has told it."""
        report = next(r for r in digest.reports if self._is_worth(r, digest))
        see, going_on = _WORDS[style.language]
        what = report.identity.type or report.identity.template or report.identity.logger
        words = (
            " ".join(filter(None, (style.app, style.environment))),
            "CRITICAL" if report.identity.critical else "",
            Pen().start(what, 200),
            going_on if report.state == "still" else "",
            f"{see} ({digest.message_id})",
        )
        return Message("text", f"🔴 {' · '.join(filter(None, words))}", mentions=self.who)

    def _is_worth(self, report: Report, digest: Digest) -> bool:
        if not report.count or _number(report.identity.level) < self._level:
            return False
        return _goes_on(report, digest) or (report.news and report.state in ("new", "again"))


def _goes_on(report: Report, digest: Digest) -> bool:
    return report.state == "still" and digest.now - report.since >= GOING_ON


def _number(level: str) -> int:
    number = logging.getLevelName(level.upper())
    return number if isinstance(number, int) else logging.ERROR
