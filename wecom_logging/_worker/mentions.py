"""Calling people by name in a robot's group: when, and with which words."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from wecom_logging._model.digest import Digest, Identity, Report
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
    """Whom one handler calls: the owners of what is new, and everybody once for what goes on
    and nobody has taken.

    Args:
        who: User ids, mobile numbers or "@all"; or owners of places and loggers, by pattern.
        level: The lowest level, as a number, that is worth a call; None: CRITICAL, where there
            are owners ERROR.
    """

    def __init__(
        self, who: Sequence[str] | Mapping[str, Sequence[str]], level: int | None = None
    ) -> None:
        self._owners = dict(who) if isinstance(who, Mapping) else {"*": tuple(who)}
        self._everybody = [name for names in self._owners.values() for name in names]
        self._level = level or (logging.ERROR if isinstance(who, Mapping) else logging.CRITICAL)

    def called(self, digest: Digest, cooldowns: Cooldowns) -> tuple[str, ...]:
        """Whom a message about this digest calls: for new groups, and once for one that goes
        on; nobody who was called in the last ten minutes."""
        names: list[str] = []
        for report in digest.reports:
            if not self._is_worth(report, digest):
                continue
            if not _goes_on(report, digest):
                names += self.owners(report.identity)
            # Two digits of an id: see `follow_ups.file_wanted`.
            elif cooldowns.take(f"goes on {report.identity.id[:2]}", A_DAY):
                names += self._everybody
        return tuple(n for n in dict.fromkeys(names) if cooldowns.take(f"call {n}", INTERVAL))

    def owners(self, identity: Identity) -> Sequence[str]:
        """The owners by the longest pattern that fits the place, as messages show it, or the
        logger."""
        found = [pattern for pattern in self._owners if _fits(pattern, identity)]
        return self._owners[max(found, key=len)] if found else ()

    def message(self, digest: Digest, style: Style, names: tuple[str, ...]) -> Message:
        """A text of its own, for a dialect that cannot call anybody; the count is in the other
        message."""
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
        return Message("text", f"🔴 {' · '.join(filter(None, words))}", mentions=names)

    def _is_worth(self, report: Report, digest: Digest) -> bool:
        if not report.count or _number(report.identity.level) < self._level:
            return False
        if not self.owners(report.identity):
            return False
        return _goes_on(report, digest) or (report.news and report.state in ("new", "again"))


def _goes_on(report: Report, digest: Digest) -> bool:
    """And nobody has it: who has taken a group need not be called for it."""
    held = report.taken is not None and not report.taken.lapsed
    return not held and report.state == "still" and digest.now - report.since >= GOING_ON


def _fits(pattern: str, identity: Identity) -> bool:
    """`pay/` is what lies below it, `orders.*` that logger as well as those below it."""
    place, logger = identity.place, identity.logger
    names = (place, place.partition(" ")[0], logger, f"{logger}.")
    below = f"{pattern}*" if pattern.endswith("/") else pattern
    return any(fnmatchcase(name, below) for name in names)


def _number(level: str) -> int:
    number = logging.getLevelName(level.upper())
    return number if isinstance(number, int) else logging.ERROR
