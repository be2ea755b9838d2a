"""How many messages a chat gets: below WeCom's limits, which count answers and pushes together."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence

Limits = Sequence[tuple[int, float]]

#: Messages in so many seconds: to one chat (WeCom takes 30 a minute and 1,000 an hour), and to
#: all of them, because each frame of ours waits for its answer.
CHAT: Limits = ((24, 60.0), (900, 3600.0))
ALL: Limits = ((80, 60.0),)
#: Of these, to chats that are not paired: many of them must not make us deaf for the others.
STRANGERS: Limits = ((30, 60.0),)
#: Chats that are told in a minute that there was no room; that one message is on top of the above.
NOTICES = 10
#: Chats that are remembered, the latest.
_MOST = 1000


class RateLimit:
    """Times of the newest messages, against limits of so many in so many seconds."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._times: deque[float] = deque()

    def free(self, now: float) -> bool:
        longest = max(seconds for _, seconds in self._limits)
        # A clock that was set back leaves times in the future behind.
        while self._times and not now - longest < self._times[0] <= now:
            self._times.popleft()
        return all(
            len(self._times) < number or self._times[-number] <= now - seconds
            for number, seconds in self._limits
        )

    def take(self, now: float) -> None:
        self._times.append(now)


class RateLimits:
    """The budget of each chat, and that of all."""

    def __init__(self) -> None:
        self._all = RateLimit(ALL)
        self._strangers = RateLimit(STRANGERS)
        self._chats: OrderedDict[str, RateLimit] = OrderedDict()
        self._told: dict[str, float] = {}

    def take(self, chat: str, now: float, *, stranger: bool = False) -> bool:
        """Take room for one message to this chat; False if there is none."""
        budget = self._chats.setdefault(chat, RateLimit(CHAT))
        self._chats.move_to_end(chat)
        if len(self._chats) > _MOST:
            self._chats.popitem(last=False)
        budgets = [budget, self._all, *([self._strangers] if stranger else [])]
        if not all(each.free(now) for each in budgets):
            return False
        for each in budgets:
            each.take(now)
        return True

    def take_notice(self, chat: str, now: float) -> bool:
        """Whether to say that there was no room: once in a minute for a chat."""
        self._told = {each: at for each, at in self._told.items() if 0.0 <= now - at < 60.0}
        if chat in self._told or len(self._told) >= NOTICES:
            return False
        self._told[chat] = now
        return True
