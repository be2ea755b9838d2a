"""Those who wait until what was pending is told: `flush`, `close`, the exit."""

from __future__ import annotations

import math

from wecom_logging._runtime.native import Latch, monotonic

#: An exit keeps a tenth of its time, within these seconds, to write down what became of its last
#: attempt: what is not written down nobody may tell until its lease is over.
TO_WRITE_DOWN, MOST_TO_WRITE_DOWN = 0.15, 0.5


class FlushRequest:
    """Somebody waits until what was pending is told, or until the deadline."""

    def __init__(
        self, deadline: float, seen: int, *, leaving: bool, looking: bool, ends: bool
    ) -> None:
        self.deadline = deadline
        left = max(0.0, deadline - monotonic())
        #: When the last third begins, which is the fallback's, if there is one.
        self.last_third = deadline - left / 3
        #: Until when an exit sends: then it writes down what became of the last attempt.
        self.last_moment = deadline - min(MOST_TO_WRITE_DOWN, max(TO_WRITE_DOWN, left / 10))
        #: Errors counted by then, which are to be told. Later ones are for the schedule, or a
        #: flush in a storm would spend the whole budget.
        self.seen = seen
        #: The process ends, or a job: what is no news may be left to others who share the
        #: store, so that a job that fails every minute is not told every minute.
        self.leaving = leaving
        #: It had children, which may have been killed: what they left in a store is asked for
        #: as its own errors are, as long as that may help before the deadline.
        self.looking = looking
        #: It has to tell that a job works again.
        self.ends = ends
        self.done = Latch()
        #: The first attempt overrides a pause after a failure, later ones keep it.
        self.overrides_backoff = True
        #: False: no thread can be started any more, who waits has to do the work.
        self.has_thread = True

    @property
    def looks_first(self) -> bool:
        """Whether it looks once although all of its own errors are told."""
        return self.looking or self.ends or not self.leaving


class Flushes:
    """The requests that one worker has not answered yet. `told` is how many of the errors
    that its handler has ever counted nobody has to tell any more."""

    def __init__(self) -> None:
        self._requests: list[FlushRequest] = []

    def __bool__(self) -> bool:
        return bool(self._requests)

    def add(self, request: FlushRequest) -> None:
        self._requests.append(request)

    @property
    def leaving(self) -> bool:
        """Whether all who wait do so because the process ends."""
        return bool(self._requests) and all(request.leaving for request in self._requests)

    @property
    def looking(self) -> bool:
        """Whether somebody looks for what others have left."""
        return any(request.looking for request in self._requests)

    def last_moment(self) -> float:
        """Until when an exit sends (monotonic); for ever if not only an exit waits."""
        if not self.leaving:
            return math.inf
        return max(request.last_moment for request in self._requests)

    def two_thirds(self) -> float:
        """Until when an exit waits for the destination, where there is a fallback."""
        if not self.leaving:
            return math.inf
        return max(request.last_third for request in self._requests)

    def has_waiters(self, told: int) -> bool:
        """Whether somebody waits for errors that have not been told.

        The first look of a flush is for everybody's; who leaves waits for its own only.
        """
        return any(
            r.seen > told or r.looking or (r.overrides_backoff and r.looks_first)
            for r in self._requests
        )

    def take_override(self, told: int) -> bool:
        """Whether a pause after a failure is to be overridden: once for each request."""
        overrides_backoff = any(
            r.overrides_backoff and (r.seen > told or r.looks_first) for r in self._requests
        )
        for request in self._requests:
            request.overrides_backoff = False
        return overrides_backoff

    def answer(self, told: int, *, in_vain: bool, due: float | None) -> None:
        """Let those go who have what they wait for, or no more time.

        Args:
            in_vain: Nothing more can be told by this process: it is left to others, or in a
                store that is away.
            due: Seconds until the store has something to tell; None if it has nothing.
        """
        now = monotonic()
        for request in list(self._requests):
            in_time = due is not None and now + due < request.deadline
            has_all = told >= request.seen and not (request.looking and in_time)
            if in_vain or has_all or now >= request.deadline:
                self._requests.remove(request)
                request.done.close()

    def next_deadline(self) -> float | None:
        """Seconds until the first of them has no more time; None if nobody waits."""
        now = monotonic()
        return min((request.deadline - now for request in self._requests), default=None)
