"""What a version with the layout before this one has left in a file.

It is taken over once none of that version's workers looks at the file any more; until then the two
share slots and tokens only.
"""

from __future__ import annotations

import sqlite3
from typing import Any, TypeVar

from wecom_logging._model.digest import Event, Identity
from wecom_logging._model.schedule import Track
from wecom_logging._runtime.values import dataclass, field
from wecom_logging._stores.documents import TOKENS, Documents, SQLiteSlots, Tokens
from wecom_logging._stores.ledger import Ledger
from wecom_logging._stores.protocol import DEAD_AFTER, LEASE
from wecom_logging._stores.records import Group, kept

T = TypeVar("T")


@dataclass(eq=False, repr=False)
class _Group:
    identity: Identity
    track: Track
    pending: dict[str, int] = field(default_factory=dict)
    doubtful: int = 0


@dataclass(eq=False, repr=False)
class _Part:
    identity: Identity
    pending: dict[str, int]
    samples: list[Event]


@dataclass(eq=False, repr=False)
class _Held:
    parts: list[_Part]
    body: str | None = None


@dataclass(eq=False, repr=False)
class _Desk:
    held: _Held | None = None


@dataclass(eq=False, repr=False)
class _Source:
    looks_at: float | None = None


@dataclass(eq=False, repr=False)
class _Destination:
    slots: dict[str, tuple[float, float | None]] = field(default_factory=dict)


class _Older(Documents[T]):
    """Documents of the layout before this one."""

    expression, table = Tokens.expression, Tokens.table


def take_over(ledger: Ledger, cursor: sqlite3.Cursor) -> None:
    """Take over what the older version has left, if none of its workers looks any more."""

    def documents(kind: str, type_: Any) -> _Older[Any]:
        return _Older(cursor, ledger.state.scope, f"{kind}s", kind, type_)

    latest = ledger.now - DEAD_AFTER
    if any((each.looks_at or 0.0) >= latest for each in documents("source", _Source).values()):
        return
    samples = documents("samples", list[Event])
    for group_id, old in documents("group", _Group).items():
        if group_id not in ledger.state.groups:
            ledger.state.groups[group_id] = Group(old.identity, old.track)
            ledger.state.scope_state.groups += 1
        _add(ledger, old.identity, old.pending, old.doubtful, samples.get(group_id, []))
    for scope_state in documents("desk", _Desk).values():
        for part in scope_state.held.parts if scope_state.held else ():
            doubtful = sum(part.pending.values()) if scope_state.held.body is not None else 0
            _add(ledger, part.identity, part.pending, doubtful, part.samples)
    cursor.execute(f"DELETE FROM {TOKENS} WHERE scope=?", (ledger.state.scope,))


def _add(
    ledger: Ledger, identity: Identity, pending: dict[str, int], doubtful: int, samples: list[Event]
) -> None:
    """Errors that the older version has taken in and not told."""
    state = ledger.state
    group = ledger.group(identity.id)
    for source, errors in pending.items():
        ledger.add_pending(group, source, errors)
    group.doubtful += doubtful
    if samples:
        state.samples[identity.id] = kept([*samples, *state.samples.get(identity.id, [])])
    ledger.save(group)


def is_beside(cursor: sqlite3.Cursor, scope: str, since: float) -> bool:
    """Whether the older version has written to a destination lately."""
    found = cursor.execute(
        f"SELECT 1 FROM {TOKENS} WHERE scope=? AND kind='destination' AND written>?", (scope, since)
    )
    return found.fetchone() is not None


class SharedSlots(SQLiteSlots):
    """Slots that the older version takes as well, which keeps them in one document."""

    def __init__(self, cursor: sqlite3.Cursor, scope: str, now: float) -> None:
        super().__init__(cursor, scope)
        self._now = now
        documents: _Older[_Destination] = _Older(
            cursor, scope, "destinations", "destination", _Destination
        )
        theirs = (documents.get("") or _Destination()).slots
        for slot_id, (taken, answered) in theirs.items():
            super().put(slot_id, taken + LEASE if answered is None else answered)

    def put(self, slot_id: str, at: float) -> None:
        super().put(slot_id, at)
        slot = (at - LEASE, None) if at > self._now else (at, at)
        self._tell(slot_id, "json_set(body, ?, json_array(?, ?))", *slot)

    def remove(self, slot_id: str) -> None:
        super().remove(slot_id)
        self._tell(slot_id, "json_remove(body, ?)")

    def _tell(self, slot_id: str, change: str, *values: float | None) -> None:
        self._cursor.execute(
            f"UPDATE {TOKENS} SET body={change} WHERE scope=? AND kind='destination'",
            (f'$.slots."{slot_id}"', *values, *self.place),
        )
