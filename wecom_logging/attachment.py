"""The file that follows a message: when there is one, and what it is called.

Plain decisions over a digest and what of it was shown; the clock is passed in.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime

from wecom_logging.digest import Digest
from wecom_logging.rendering import Rendered, Style

#: A group has its file once in so many seconds, and all together so many files in them.
INTERVAL = 3600.0
FILES = 6

#: An overview that leaves kinds out counts as a group of its own.
_OVERVIEW = "overview"


class Attachments:
    """Which messages of one handler are followed by a file. For one thread at a time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sent: deque[float] = deque()
        self._by_group: dict[str, float] = {}

    def wanted(self, digest: Digest, rendered: Rendered) -> bool:
        """Whether the file says something that matters and that the message does not."""
        self._forget(self._clock() - INTERVAL)
        if len(self._sent) >= FILES:
            return False
        return any(group not in self._by_group for group in _reasons(digest, rendered))

    def note(self, digest: Digest, rendered: Rendered) -> None:
        """A file was sent, or tried: either way it is enough for a while."""
        now = self._clock()
        self._sent.append(now)
        self._by_group.update(dict.fromkeys(_reasons(digest, rendered), now))

    def _forget(self, before: float) -> None:
        while self._sent and self._sent[0] <= before:
            self._sent.popleft()
        self._by_group = {group: at for group, at in self._by_group.items() if at > before}


def _reasons(digest: Digest, rendered: Rendered) -> list[str]:
    """Ids of the groups that need a file: new or CRITICAL ones whose own frames did not fit."""
    cut = frozenset(rendered.frames_left_out)
    found = [
        report.identity.id
        for report in digest.reports
        if report.identity.id in cut and (report.state == "new" or report.identity.critical)
    ]
    return [*found, _OVERVIEW] if rendered.kinds_left_out else found


def file_name(digest: Digest, style: Style) -> str:
    """A name by which it can be found later: `payments-prod-20260304-140311-KeyError.txt`."""
    moment = datetime.fromtimestamp(digest.now, style.timezone)
    kind = next((r.identity.type for r in digest.reports if r.identity.type), "errors")
    parts = (style.app, style.environment, f"{moment:%Y%m%d-%H%M%S}", kind)
    return f"{'-'.join(filter(None, map(_tame, parts)))[:100]}.txt"


def _tame(part: str) -> str:
    return re.sub(r"[^\w.-]+", "-", part)[:40].strip("-.")
