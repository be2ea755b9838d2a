"""The earliest of everything that may become due, kept beside the groups."""

from __future__ import annotations

from wecom_logging._model import schedule
from wecom_logging._model.schedule import Track
from wecom_logging._runtime.values import dataclass


@dataclass(eq=False, repr=False)
class DueIndex:
    """A lower bound for when something about any group is worth a message.

    It is read instead of a thousand groups. When it is reached the groups with pending errors are
    looked at, or all groups where one may be over: then it is exact.
    """

    #: When a CRITICAL, and when other news, has waited for company.
    critical: float | None = None
    news: float | None = None
    #: The shortest pause of a known group with pending errors.
    pause: float | None = None
    #: When the first group is over whose end is worth a message: by silence, or by an act.
    over: float | None = None
    ended: float | None = None
    #: When the first silence ends, or the app is no longer quiet and has something to tell.
    held: float | None = None
    #: From when on all groups have to be looked through.
    look_at: float = 0.0

    @property
    def pending(self) -> bool:
        """Whether any error is pending."""
        return self.has_news or self.pause is not None

    @property
    def has_news(self) -> bool:
        return any(at is not None for at in (self.critical, self.news, self.ended))

    def note(self, track: Track, pending: int, left: int, out: int) -> None:
        """A group has changed. `left` of its pending errors are from processes that have
        ended, `out` more are in a digest."""
        if schedule.ends_at_once(track) or (
            pending == left and track.told_at is not None and not track.over_told
        ):
            over_at = schedule.over_at(track)
            self.look_at = min(self.look_at, over_at)
            if track.loud and track.ended_at is not None:
                self.ended = earlier(self.ended, over_at)
            elif track.loud:
                self.over = earlier(self.over, over_at)
        if not pending:
            return
        if not track.news:
            self.pause = earlier(self.pause, track.pause)
        elif track.critical and not out:
            self.critical = earlier(self.critical, track.due)
        else:
            self.news = earlier(self.news, track.due)

    def hold(self, until: float) -> None:
        """Of a group that has changed nothing may be told until then."""
        self.held = earlier(self.held, until)
        self.look_at = min(self.look_at, until)

    def collected(self) -> None:
        """A digest has taken what was pending."""
        self.critical = self.news = self.pause = self.ended = None

    def due_at(self, news_gate: float, last_message: float) -> float | None:
        """When something may be due.

        `news_gate` is the end of `group_interval` after the last message with news. The pause
        is counted from the last message of all: it told everything there was to tell, so it
        spoke about each group, if only by not naming it. Twenty kinds that each fail once an
        hour are one message an hour because of this, not twenty.
        """
        times = (
            self.critical,
            None if self.news is None else max(self.news, news_gate),
            None if self.pause is None else last_message + self.pause,
            self.over,
            self.ended,
            self.held,
        )
        return min((at for at in times if at is not None), default=None)


def earlier(one: float | None, other: float) -> float:
    """The earlier of two times, the first of which may be none yet."""
    return other if one is None else min(one, other)
