"""The earliest of everything that may become due, kept beside the groups."""

from __future__ import annotations

from dataclasses import dataclass

from wecom_logging import schedule
from wecom_logging.schedule import Track


@dataclass(eq=False, repr=False)
class Agenda:
    """A bound for `schedule.due_at` over all groups: never later than the truth.

    Whoever only looks whether something is due reads four numbers, not a thousand groups.
    When the bound is reached all groups are looked through, and it is made exact again.
    """

    #: When a CRITICAL, and when other news, has waited for company.
    critical: float | None = None
    news: float | None = None
    #: The shortest pause of a known group with pending errors.
    pause: float | None = None
    #: When the first group is over whose end is worth a message.
    over: float | None = None

    @property
    def pending(self) -> bool:
        """Whether any error is pending."""
        return self.has_news or self.pause is not None

    @property
    def has_news(self) -> bool:
        return self.critical is not None or self.news is not None

    def note(self, track: Track, pending: int) -> None:
        """A group has changed."""
        if pending and track.news and track.critical:
            self.critical = _earlier(self.critical, track.due)
        elif pending and track.news:
            self.news = _earlier(self.news, track.due)
        elif pending:
            self.pause = _earlier(self.pause, track.pause)
        elif track.loud and not track.over_told:
            self.over = _earlier(self.over, schedule.over_at(track))

    def collected(self) -> None:
        """A digest has taken everything that was pending."""
        self.critical = self.news = self.pause = None

    def due_at(self, news_gate: float, last_message: float) -> float | None:
        """When something may be due; as `schedule.due_at`, over all groups."""
        times = (
            self.critical,
            None if self.news is None else max(self.news, news_gate),
            None if self.pause is None else last_message + self.pause,
            self.over,
        )
        return min((at for at in times if at is not None), default=None)


def _earlier(one: float | None, other: float) -> float:
    return other if one is None else min(one, other)
