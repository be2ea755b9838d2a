"""What `wecom-logging run` remembers of a job from one run to the next."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path

from wecom_logging._model.schedule import Policy

#: A job that runs every minute never runs exactly every minute.
_PUNCTUAL = 0.9


@dataclass(frozen=True)
class History:
    """Times are seconds since the epoch."""

    last_success: float | None = None
    #: Failures in a row, and how many of them nobody has been told of.
    failures: int = 0
    untold: int = 0
    #: When the last one was told, and how many were.
    told_at: float | None = None
    told: int = 0
    #: Failures before a success that nobody has been told of yet.
    owed: int = 0

    def failed(self) -> History:
        return replace(self, failures=self.failures + 1, untold=self.untold + 1, owed=0)

    def is_due(self, now: float, policy: Policy) -> bool:
        """Whether a failure is worth a message: the handler's own pauses hold here too."""
        if self.told_at is None or now < self.told_at:
            return True
        pauses = policy.repeat_intervals
        pause = pauses[min(self.told, len(pauses)) - 1]
        return now >= self.told_at + _PUNCTUAL * pause

    def failure_told(self, now: float) -> History:
        return replace(self, untold=0, told_at=now, told=self.told + 1)

    def succeeded(self, now: float) -> History:
        """Keeps in mind that it had failed, if anybody knows that."""
        return History(last_success=now, owed=self.failures if self.told else self.owed)

    def success_told(self) -> History:
        return replace(self, owed=0)


class HistoryFile:
    """A history in a file of its own, readable by its owner alone.

    What cannot be read is as if it had never been; what cannot be written is not kept.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, name: str, command: Sequence[str], environ: Mapping[str, str]) -> HistoryFile:
        """The file of a job, known by its name or else by its whole command line."""
        base = environ.get("XDG_STATE_HOME") or ""
        home = Path(base) if os.path.isabs(base) else Path.home() / ".local" / "state"
        key = sha256("\0".join([name] if name else command).encode("utf-8", "replace")).hexdigest()[
            :16
        ]
        return cls(home / "wecom-logging" / f"run-{key}.json")

    def read(self) -> History:
        try:
            found = json.loads(self.path.read_bytes())
            history = History(**{field: found[field] for field in asdict(History())})
        except (OSError, ValueError, TypeError, KeyError):
            return History()
        return history if _is_sound(history) else History()

    def write(self, history: History) -> None:
        """Replace the file as a whole; raises `OSError`."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = self.path.with_suffix(f".{os.getpid()}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        try:
            with open(os.open(temporary, flags, 0o600), "w", encoding="utf-8") as file:
                json.dump(asdict(history), file)
            os.replace(temporary, self.path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise


def _is_sound(history: History) -> bool:
    numbers = (history.failures, history.untold, history.told, history.owed)
    times = (history.last_success, history.told_at)
    return all(type(n) is int and n >= 0 for n in numbers) and all(
        t is None or (isinstance(t, (int, float)) and 0 <= t <= time.time() + 86400) for t in times
    )
