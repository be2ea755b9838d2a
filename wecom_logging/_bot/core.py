"""Protocol and answers together: what the runner runs, with the connection left out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from wecom_logging._bot.bot import Bot
from wecom_logging._bot.frames import Entered, Message, Press
from wecom_logging._bot.outgoing import Outgoing
from wecom_logging._bot.session import Answered, Dead, Kicked, Refused, Session, Subscribed

#: Seconds between two looks for news; and, of a store that is slow to answer, how many times
#: as long as the look has taken: others want the store, too.
POLL, _REST = 2.0, 50.0
#: Messages that wait for the next connection; they do so as long as they are of use.
_MOST_LATER = 50

#: What the runner has to act upon.
ConnectionEvent = Subscribed | Refused | Kicked | Dead


class Core:
    """A bot on whatever connection there is. For one thread; nothing here raises.

    What takes time is measured in `monotonic` seconds, what has a date in those of `wall`.
    """

    def __init__(
        self, session: Session, bot: Bot, monotonic: Callable[[], float], wall: Callable[[], float]
    ) -> None:
        self.session = session
        self._bot = bot
        self._monotonic = monotonic
        self._wall = wall
        self._poll_due = 0.0
        self._later: deque[tuple[float, Outgoing]] = deque(maxlen=_MOST_LATER)

    def opened(self) -> None:
        self.session.opened(self._monotonic())

    def closed(self) -> None:
        now = self._monotonic()
        self._follow(self.session.closed(now), now)

    def receive(self, raw: str | bytes) -> list[ConnectionEvent]:
        now = self._monotonic()
        return self._follow(self.session.receive(raw, now), now)

    def tick(self) -> list[ConnectionEvent]:
        now = self._monotonic()
        seen = self._follow(self.session.tick(now), now)
        if self.session.subscribed and now >= self._poll_due:
            self._send_all(self._bot.poll(self._wall()), now)
            took = self._monotonic() - now
            self._poll_due = now + took + max(POLL, _REST * took)
        return seen

    def wait(self) -> float:
        """Seconds after which `tick` is wanted."""
        due = self.session.due()
        wait = POLL if due is None else min(POLL, due - self._monotonic())
        return max(0.0, wait)

    def outgoing(self) -> list[str]:
        return self.session.outgoing()

    def _follow(self, events: Iterable[object], began: float) -> list[ConnectionEvent]:
        seen: list[ConnectionEvent] = []
        for event in events:
            if isinstance(event, (Message, Press, Entered)):
                self._send_all(self._bot.handle(event, self._wall()), began)
            elif isinstance(event, Answered):
                self._send_all(self._bot.answered(event), self._monotonic())
            elif isinstance(event, (Subscribed, Refused, Kicked, Dead)):
                seen.append(event)
                if isinstance(event, Subscribed):
                    self._catch_up()
        return seen

    def _send_all(self, outs: Iterable[Outgoing], began: float) -> None:
        """Write what is still of use; of the rest, what there is instead of it.

        `began` is when it was wanted: the store may have taken its time since, or the whole
        process may have been stopped.
        """
        waiting = list(outs)
        while waiting:
            out = waiting.pop(0)
            now = self._monotonic()
            left = out.within - (now - began)
            sent = None
            if left > 0:
                sent = self.session.send(
                    out.cmd, out.body, now, req_id=out.req_id, about=out, within=left
                )
            if sent is not None:
                continue
            if out.cmd == "aibot_send_msg" and left > 0 and not self.session.subscribed:
                self._later.append((began + out.within, out))
                continue
            waiting += self._bot.answered(Answered(out, None))
            began = now

    def _catch_up(self) -> None:
        """Heard again: say what is still of use of what could not be said."""
        now = self._monotonic()
        later, self._later = self._later, deque(maxlen=_MOST_LATER)
        self._send_all([out for until, out in later if until > now], now)
