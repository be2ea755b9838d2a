"""The rows of a database as mappings that read on demand and write what has changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, MutableMapping
from hashlib import sha256
from typing import Any, Generic, TypeVar

from wecom_logging._model.digest import Event
from wecom_logging._stores.codec import decode, encode
from wecom_logging._stores.due_index import Agenda
from wecom_logging._stores.records import Desk, Destination, Group, Source, Token

T = TypeVar("T")

#: The number is that of the layout: two versions of this package beside each other on one
#: file keep to their own tables.
TABLE = "documents_2"
SCHEMA = (
    f"CREATE TABLE IF NOT EXISTS {TABLE} (scope TEXT NOT NULL, kind TEXT NOT NULL,"
    " id TEXT NOT NULL, body TEXT NOT NULL, written REAL NOT NULL,"
    " PRIMARY KEY (scope, kind, id))"
)
_READ = f"SELECT body FROM {TABLE} WHERE scope=? AND kind=? AND id=?"  # noqa: S608
_READ_ALL = f"SELECT id, body FROM {TABLE} WHERE scope=? AND kind=? ORDER BY rowid"  # noqa: S608
_COUNT = f"SELECT count(*) FROM {TABLE} WHERE scope=? AND kind=?"  # noqa: S608
_WRITE = (
    f"INSERT INTO {TABLE} VALUES (?, ?, ?, ?, ?)"  # noqa: S608
    " ON CONFLICT DO UPDATE SET body=excluded.body, written=excluded.written"
)
_DELETE = f"DELETE FROM {TABLE} WHERE scope=? AND kind=? AND id=?"  # noqa: S608
FORGET = f"DELETE FROM {TABLE} WHERE written<?"  # noqa: S608


class Rows(MutableMapping[str, T], Generic[T]):
    """One kind of record in one scope, for the time of a transaction.

    What is handed out may be changed in place: `save` writes whatever is not as it was
    read. A row that is no such record counts as absent, and is overwritten.
    """

    def __init__(self, connection: sqlite3.Connection, scope: str, kind: str, type_: Any) -> None:
        self._connection, self._place, self._type = connection, (scope, kind), type_
        #: Records as they are now, and their texts as they were read (None: no row).
        self._records: dict[str, T] = {}
        self._texts: dict[str, str | None] = {}
        self._all = False

    def __getitem__(self, key: str) -> T:
        if not self._all and key not in self._texts:
            row = self._connection.execute(_READ, (*self._place, key)).fetchone()
            self._take_in(key, None if row is None else row[0])
        return self._records[key]

    def __setitem__(self, key: str, record: T) -> None:
        self.get(key)
        self._records[key] = record

    def __delitem__(self, key: str) -> None:
        self[key]
        del self._records[key]

    def __iter__(self) -> Iterator[str]:
        if not self._all:
            for key, text in self._connection.execute(_READ_ALL, self._place).fetchall():
                if key not in self._texts:
                    self._take_in(key, text)
            self._all = True
        return iter(list(self._records))

    def __len__(self) -> int:
        if self._all:
            return len(self._records)
        known = sum(text is not None for text in self._texts.values())
        (stored,) = self._connection.execute(_COUNT, self._place).fetchone()
        return int(stored) - known + len(self._records)

    def _take_in(self, key: str, text: str | None) -> None:
        self._texts[key] = text
        if text is not None:
            try:
                self._records[key] = decode(self._type, text)
            except (ValueError, TypeError):
                pass

    def save(self, now: float) -> bool:
        """Write what has changed; returns whether anything has."""
        changed = False
        for key, record in self._records.items():
            text = encode(record)
            if text != self._texts.get(key):
                self._connection.execute(_WRITE, (*self._place, key, text, now))
                changed = True
        for key, before in self._texts.items():
            if before is not None and key not in self._records:
                self._connection.execute(_DELETE, (*self._place, key))
                changed = True
        return changed


class RowState:
    """A `ledger.State` that lasts for one transaction."""

    def __init__(self, connection: sqlite3.Connection, destination: str, desk: str) -> None:
        def rows(scope: str, kind: str, type_: Any) -> Any:
            return Rows(connection, scope, kind, type_)

        self.groups: Rows[Group] = rows(desk, "group", Group)
        self.samples: Rows[list[Event]] = rows(desk, "samples", list[Event])
        self.sources: Rows[Source] = rows(desk, "source", Source)
        self.tokens: Rows[Token] = rows("tokens", "token", Token)
        self._desks: Rows[Desk] = rows(desk, "desk", Desk)
        self._destinations: Rows[Destination] = rows(destination, "destination", Destination)

    @property
    def desk(self) -> Desk:
        # One that was lost or is no desk: have all groups looked through.
        return _single(self._desks, lambda: Desk(Agenda(over=0.0)))

    @property
    def destination(self) -> Destination:
        return _single(self._destinations, Destination)

    def save(self, now: float) -> bool:
        """Write what has changed; returns whether anything has."""
        every: tuple[Rows[Any], ...] = (
            self.groups, self.samples, self.sources, self.tokens, self._desks, self._destinations,
        )  # fmt: skip
        return sum(rows.save(now) for rows in every) > 0


def _single(rows: Rows[T], make: Callable[[], T]) -> T:
    found = rows.get("")
    if found is None:
        found = rows[""] = make()
    return found


def scope(*names: str) -> str:
    """A name for rows and keys that says nothing and has no length of its own."""
    text = "\x00".join(names).encode("utf-8", "surrogatepass")
    return sha256(text).hexdigest()[:24]
