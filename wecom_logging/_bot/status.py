"""What the bot of a host is doing, for a liveness probe: kept in the store."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass

from wecom_logging._bot.store import Notes

#: Seconds after which a bot that has written nothing is not there.
FRESH = 90.0


@dataclass(frozen=True)
class Status:
    """Connected, not connected, waiting to be the one, or stopped; and when it said so."""

    state: str
    host: str
    pid: int
    at: float

    @property
    def alive(self) -> bool:
        """Also without a connection: to be started again would not bring it one."""
        return self.state != "stopped"


def keep(notes: Notes, status: Status) -> None:
    """Write it down for as long as it is to be believed."""
    notes.write(_key(status.host), json.dumps(dataclasses.asdict(status)), FRESH)


def find(notes: Notes, host: str) -> Status | None:
    """What the bot of this host has said lately."""
    try:
        return Status(**json.loads(notes.read(_key(host)) or "null"))
    except (ValueError, TypeError):
        return None


def _key(host: str) -> str:
    return f"bot status {host}"
