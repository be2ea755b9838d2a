"""How long what was counted may wait for company, before it is brought into the store."""

from __future__ import annotations

import math

from wecom_logging._capture.tally import Tally

#: After a visit to the store what comes next gathers for so long, seconds, and errors of known
#: kinds so much longer per source: a fleet visits its store about a thousand times a second.
GATHER, GATHER_EACH = 0.05, 0.001

#: In a storm of kinds that the store knows there is nothing to tell before their pause is over.
#: So their counts gather until `GATHER` seconds were without any, at most for so long, and so
#: much longer for each kind, which is a document.
STORM, STORM_EACH = 1.0, 0.006


class Gathering:
    """What has been noted since the last visit, on the worker's thread. Times are monotonic."""

    def __init__(self) -> None:
        self._visited = self._began = self._look_at = -math.inf
        self._due = math.inf
        #: Something gathers.
        self.has_noted = False
        #: Kinds that the store heard of a moment ago, and the sum of their counts at the last look.
        self._storm: dict[Tally, None] = {}
        self._counted = -1

    def begin(self, now: float, until: float) -> None:
        """There was a visit; the next one is at `until`, if nothing is noted before."""
        self._visited, self._due, self.has_noted = now, until, False
        self._storm.clear()

    def at_once(self) -> None:
        """Somebody waits."""
        self._due = -math.inf

    def add_new(self) -> None:
        """A kind that nobody has been told of, or something new about one."""
        self._due, self.has_noted = min(self._due, self._visited + GATHER), True

    def add_known(self, now: float, gather: float) -> None:
        """Errors of a kind that was quiet: its pause may have passed."""
        self._due, self.has_noted = min(self._due, now + gather), True

    def add_storm(self, tally: Tally, now: float, gather: float) -> None:
        """Errors of a kind that was brought in a moment ago."""
        if not self._storm:
            self._began, self._look_at, self._counted = now, now + gather, -1
        self._storm[tally], self.has_noted = None, True

    def left(self, now: float) -> float:
        """Seconds until the next look at it; none: bring it in."""
        due = self._due
        if self._storm:
            due = min(due, self._began + STORM + STORM_EACH * len(self._storm))
            if now < due and now >= self._look_at:
                counted = sum(tally.value for tally in self._storm)
                if counted == self._counted:
                    return 0.0
                self._counted, self._look_at = counted, now + GATHER
            due = min(due, max(self._look_at, now))
        return max(0.0, due - now)
