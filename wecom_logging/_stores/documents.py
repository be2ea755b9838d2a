"""The rows of a database as mappings that read on demand and write what was assigned."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from hashlib import sha256
from itertools import chain, islice
from typing import Any, Protocol, TypeVar

from wecom_logging._stores.codec import encode
from wecom_logging._stores.due_index import DueIndex
from wecom_logging._stores.records import Destination, ScopeState, Token
from wecom_logging._stores.state import ANY, OWN, SHARED, Records, State, record_types

T = TypeVar("T")

#: The number is that of the layout. Tokens and slots stay where every version looks for
#: them, so that two versions beside each other on one file share them.
TABLE = "documents_3"
TOKENS = "documents_2"
SLOTS = "slots_1"
_COLUMNS = (
    "(scope TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL,"
    " written REAL NOT NULL, PRIMARY KEY (scope, kind, id))"
)
SCHEMA = (
    f"CREATE TABLE IF NOT EXISTS {TABLE} {_COLUMNS}",
    f"CREATE TABLE IF NOT EXISTS {TOKENS} {_COLUMNS}",
    f"CREATE TABLE IF NOT EXISTS {SLOTS} (scope TEXT NOT NULL, id TEXT NOT NULL,"
    " at REAL NOT NULL, PRIMARY KEY (scope, id)) WITHOUT ROWID",
    f"CREATE INDEX IF NOT EXISTS {SLOTS}_at ON {SLOTS} (scope, at)",
)
#: Removes what nobody has written since.
FORGET = tuple(f"DELETE FROM {table} WHERE written<?" for table in (TABLE, TOKENS))

#: So many documents are read or written at once. SQLite has a limit for the values that one
#: statement takes, and what it keeps of a statement grows with them.
_AT_ONCE = 64


#: What rows of a kind are called together.
_NAMES = {kind: name for name, kind in {**OWN, **SHARED}.items()}


#: An expression of a `SELECT`, and its values.
Question = tuple[str, tuple[object, ...]]


class Asked(Protocol):
    """Whoever may be asked for something that the database knows."""

    def question(self, key: str) -> Question: ...

    def take_in(self, key: str, found: Any) -> object: ...


class Documents(Records[T]):
    """Records of one kind in one scope, which are rows."""

    def __init__(
        self, cursor: sqlite3.Cursor, scope: str, kind: str, type_: Any, table: str = TABLE
    ) -> None:
        super().__init__(_NAMES.get(kind, f"{kind}s"), type_)
        self._cursor, self.place, self.table = cursor, (scope, kind), table

    def question(self, key: str) -> Question:
        """What is there for a key; `ANY`: whether there is anything at all."""
        if key == ANY:
            return f"EXISTS (SELECT 1 FROM {self.table} WHERE {_HERE})", self.place
        return f"(SELECT body FROM {self.table} WHERE {_HERE} AND id=?)", (*self.place, key)

    def take_in(self, key: str, found: Any) -> None:
        if key == ANY:
            self._all = self._all or not found
        else:
            super().take_in(key, found)

    def _fetch(self, key: str) -> str | None:
        expression, values = self.question(key)
        found: str | None = self._cursor.execute(f"SELECT {expression}", values).fetchone()[0]
        return found

    def _fetch_all(self) -> list[tuple[str, str]]:
        # As texts, whatever they are: JSON has none that is a blob, and the step would fail.
        row = "json_array(CAST(id AS TEXT), CAST(body AS TEXT))"
        every = f"SELECT json_group_array({row}) FROM {self.table} WHERE {_HERE}"
        (found,) = self._cursor.execute(every, self.place).fetchone()
        rows: list[tuple[str, str]] = json.loads(found)
        return rows

    def written(self, now: float) -> Iterator[tuple[str, str, str, str, float]]:
        """Rows of what was assigned."""
        for key in self._changed:
            if (record := self._records.get(key)) is not None:
                yield (*self.place, key, encode(record), _of_use_until(record, now))

    def gone(self) -> list[tuple[str, str, str]]:
        """Rows that are there no more."""
        left = self._changed & self._stored
        return [(*self.place, key) for key in left if self._records[key] is None]


_HERE = "scope=? AND kind=?"


def _of_use_until(record: object, now: float) -> float:
    """When a record begins to be abandoned: now, or when its own time is over. The pairings of
    a bot that is written to once a year stay."""
    return max(now, record.refresh_at) if isinstance(record, Token) else now


class _Single(Documents[T]):
    """The one record of its kind in a scope, written if it is not as it was read."""

    _before = ""

    def one(self, make: Callable[[], T]) -> T:
        self._before = self._texts.get("", "")
        record: T = self.get("") or make()
        self._records[""] = record
        return record

    def written(self, now: float) -> Iterator[tuple[str, str, str, str, float]]:
        record = self._records.get("")
        if record is not None and (text := encode(record)) != self._before:
            yield (*self.place, "", text, now)


class SQLiteSlots:
    """The slots of a destination, for the time of a transaction."""

    def __init__(self, cursor: sqlite3.Cursor, scope: str) -> None:
        self._cursor, self._scope = cursor, scope
        #: The n-th latest ones that are known.
        self._latest: dict[int, float] = {}
        #: There are fewer than so many.
        self._fewer = math.inf

    def knows(self, rank: str) -> bool:
        return int(rank) >= self._fewer or int(rank) in self._latest

    def question(self, rank: str) -> Question:
        nth = f"(SELECT at FROM {SLOTS} WHERE scope=? ORDER BY at DESC LIMIT 1 OFFSET ?)"
        return nth, (self._scope, int(rank) - 1)

    def take_in(self, rank: str, at: float | None) -> None:
        if at is None:
            self._fewer = min(self._fewer, int(rank))
        else:
            self._latest[int(rank)] = at

    def latest(self, ranks: Collection[int]) -> Mapping[int, float]:
        ask(self._cursor, [(self, rank) for rank in map(str, ranks) if not self.knows(rank)])
        return {n: self._latest[n] for n in ranks if n < self._fewer}

    def at(self, slot_id: str) -> float | None:
        found = self._execute(
            f"SELECT at FROM {SLOTS} WHERE scope=? AND id=?",
            slot_id,
        ).fetchone()
        return found[0] if found else None

    def put(self, slot_id: str, at: float) -> None:
        self._changed()
        self._execute(f"INSERT OR REPLACE INTO {SLOTS} VALUES (?, ?, ?)", slot_id, at)

    def remove(self, slot_id: str) -> None:
        self._changed()
        self._execute(f"DELETE FROM {SLOTS} WHERE scope=? AND id=?", slot_id)

    def forget(self, before: float) -> None:
        self._changed()
        self._execute(f"DELETE FROM {SLOTS} WHERE scope=? AND at<?", before)

    def _changed(self) -> None:
        self._latest.clear()
        self._fewer = math.inf

    def _execute(self, statement: str, *more: object) -> sqlite3.Cursor:
        return self._cursor.execute(statement, (self._scope, *more))


class DocumentState(State):
    """A `State` that lasts for one transaction."""

    def __init__(
        self, connection: sqlite3.Connection, destination: str, scope: str, names: tuple[str, str]
    ) -> None:
        # One for all: a connection keeps a weak reference to each, which outlives the step.
        self._cursor = connection.cursor()
        self._destination_scope, self.scope, self.names = destination, scope, names
        self.slots = SQLiteSlots(self._cursor, destination)
        self._scope_states: _Single[ScopeState]
        self._scope_states = _Single(self._cursor, scope, "scope_state", ScopeState)
        self._destinations: _Single[Destination]
        self._destinations = _Single(self._cursor, destination, "destination", Destination)
        self.tokens: Documents[Token] = Documents(self._cursor, "tokens", "token", Token, TOKENS)
        #: Those that something was asked of: a step is about few kinds of records.
        self._documents: list[Documents[Any]]
        self._documents = [self._scope_states, self._destinations, self.tokens]

    def __getattr__(self, name: str) -> Any:
        found: Any
        if name in OWN:
            found = self._rows(self.scope, OWN[name], record_types()[name])
        elif name in SHARED:
            found = self._rows(self._destination_scope, SHARED[name], record_types()[name])
        elif name == "scope_state":
            found = self._scope_states.one(self._found_scope_state)
        elif name == "destination":
            found = self._destinations.one(Destination)
        else:
            raise AttributeError(name)
        setattr(self, name, found)
        return found

    def _rows(self, scope: str, kind: str, type_: Any) -> Documents[Any]:
        rows: Documents[Any] = Documents(self._cursor, scope, kind, type_)
        self._documents.append(rows)
        return rows

    def _found_scope_state(self) -> ScopeState:
        """One that was lost or is no scope_state: have all groups looked through."""
        out = {*self.digests, *(key.partition("/")[0] for key in self.parts)}
        return ScopeState(DueIndex(over=0.0), out=sorted(out), following=list(self.following))

    def place(self, source: str) -> tuple[int, int]:
        rank, size, known = self._cursor.execute(
            f"SELECT sum(id<?), count(*), sum(id=?) FROM {TABLE} WHERE {_HERE}",
            (source, source, self._destination_scope, SHARED["presence"]),
        ).fetchone()
        return int(rank or 0), int(size) + (0 if known else 1)

    def begin(self, wanted: Iterable[tuple[str, str]], *more: tuple[Asked, str]) -> None:
        """Read at once what every step asks for, `more`, and what is wanted."""
        singles = ((self._scope_states, ""), (self._destinations, ""))
        ask(self._cursor, chain(more, singles, self._unknown(wanted)))

    def read_ahead(self, wanted: Iterable[tuple[str, str]]) -> None:
        ask(self._cursor, self._unknown(wanted))

    def _unknown(self, wanted: Iterable[tuple[str, str]]) -> Iterator[tuple[Any, str]]:
        for field, key in wanted:
            if not (rows := getattr(self, field)).knows(key):
                yield rows, key

    def save(self, now: float) -> bool:
        """Write what has changed; returns whether anything has."""
        wrote = [self._save(table, now) for table in (TABLE, TOKENS)]
        return any(wrote)

    def _save(self, table: str, now: float) -> bool:
        every = [rows for rows in self._documents if rows.table == table]
        wrote = False
        for some in map(_filled, _in_parts(row for rows in every for row in rows.written(now))):
            wrote = True
            self._cursor.execute(
                f"INSERT INTO {table} VALUES {','.join(['(?,?,?,?,?)'] * len(some))}"
                " ON CONFLICT (scope, kind, id)"
                " DO UPDATE SET body=excluded.body, written=excluded.written",
                [value for row in some for value in row],
            )
        for places in map(_filled, _in_parts(row for rows in every for row in rows.gone())):
            wrote = True
            self._cursor.execute(
                f"{_wanted(len(places))} DELETE FROM {table} WHERE rowid IN"
                f" (SELECT {table}.rowid FROM wanted CROSS JOIN {table} USING (scope, kind, id))",
                [value for place in places for value in place],
            )
        return wrote


def ask(cursor: sqlite3.Cursor, asked: Iterable[tuple[Asked, str]]) -> None:
    """Have all answered in one row: to get the interpreter back after each step of SQLite may
    take 5 ms beside a busy thread, and each row is a step."""
    for some in map(_filled, _in_parts(asked)):
        questions = [rows.question(key) for rows, key in some]
        row = cursor.execute(
            f"SELECT {','.join([expression for expression, _ in questions])}",
            [value for _, values in questions for value in values],
        ).fetchone()
        for (rows, key), found in zip(some, row, strict=True):
            rows.take_in(key, found)


def _in_parts(rows: Iterable[T]) -> Iterator[list[T]]:
    """So many as one statement takes; no more are made at a time."""
    left = iter(rows)
    while some := list(islice(left, _AT_ONCE)):
        yield some


def _filled(rows: list[T]) -> list[T]:
    """As many as a power of two, or one and a half of one; the last one several times. Each number
    is a statement of its own, which SQLite takes as long to prepare as to carry out three times,
    and keeps: a hundred of them were 10 MB."""
    full = 1 << (len(rows) - 1).bit_length()
    if len(rows) <= full * 3 // 4:
        full = full * 3 // 4
    return rows + rows[-1:] * (full - len(rows))


def _wanted(rows: int) -> str:
    # For a cross join, so that each is looked up: with IN the whole table is read.
    return f"WITH wanted (scope, kind, id) AS (VALUES {','.join(['(?,?,?)'] * rows)})"


def scope(*names: str) -> str:
    """A name for rows and keys that says nothing and has no length of its own."""
    text = "\x00".join(names).encode("utf-8", "surrogatepass")
    return sha256(text).hexdigest()[:24]
