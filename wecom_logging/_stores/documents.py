"""The rows of a database as mappings that read on demand and write what was assigned."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from hashlib import sha256
from itertools import chain, islice
from typing import Any, TypeVar, cast

from wecom_logging._stores.codec import encode
from wecom_logging._stores.due_index import DueIndex
from wecom_logging._stores.records import Destination, Pending, ScopeState, Token
from wecom_logging._stores.state import OWN, SHARED, Records, State, Wanted

T = TypeVar("T")

#: The number is that of the layout. All versions share tokens and slots, which stay in place.
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

#: Documents read or written by one statement, which may cost 5 ms beside a busy thread. Older
#: SQLites take 999 values in one, a row is five, and a prepared statement grows with them.
_AT_ONCE = 192

_HERE = "scope=? AND kind=?"
_UPDATE = "ON CONFLICT (scope, kind, id) DO UPDATE SET body=excluded.body, written=excluded.written"

#: Scope, kind and id of a row; the same with its body, and when that was of use last.
Place = tuple[str, str, str]
Row = tuple[str, str, str, str, float]

#: Records as they were last written, with their texts, by scope and kind.
Kept = dict[tuple[str, str], tuple[str, Any]]

#: What is asked, and for which key: it has an `expression`, whose values are its `place` and the
#: key, and a method `take_in` for what was found.
Asked = tuple[Any, object]


class Documents(Records[T]):
    """Records of one kind in one scope, which are rows."""

    expression = f"(SELECT body FROM {TABLE} WHERE {_HERE} AND id=?)"
    table = TABLE

    def __init__(
        self, cursor: sqlite3.Cursor, scope: str, called: str, kind: str, type_: Any
    ) -> None:
        super().__init__(called, type_)
        self._cursor, self.place = cursor, (scope, kind)

    def _fetch(self, key: str) -> str | None:
        found: str | None
        (found,) = self._cursor.execute(f"SELECT {self.expression}", (*self.place, key)).fetchone()
        return found

    def _fetch_all(self) -> list[tuple[str, str]]:
        # As texts, whatever they are: JSON has none that is a blob, and the step would fail.
        row = "json_array(CAST(id AS TEXT), CAST(body AS TEXT))"
        every = f"SELECT json_group_array({row}) FROM {self.table} WHERE {_HERE}"
        (found,) = self._cursor.execute(every, self.place).fetchone()
        rows: list[tuple[str, str]] = json.loads(found)
        return rows

    def written(self, now: float, gone: list[Place]) -> Iterator[Row]:
        """Rows of what was assigned; what was removed is added to `gone`."""
        for key in self.changed:
            record = self._records[key]
            if record is not None:
                yield (*self.place, key, encode(record), self._of_use_until(record, now))
            elif self._texts.get(key) is not None:
                gone.append((*self.place, key))

    def _of_use_until(self, record: T, now: float) -> float:
        """From when on a record counts as abandoned if nobody writes it."""
        return now


class Tokens(Documents[Token]):
    """Documents that every version of this package looks for where they are."""

    expression = f"(SELECT body FROM {TOKENS} WHERE {_HERE} AND id=?)"
    table = TOKENS

    def _of_use_until(self, record: Token, now: float) -> float:
        # The pairings of a bot that is written to once a year stay.
        return max(now, record.refresh_at)


class _Single(Documents[T]):
    """The one record of its kind in a scope, written if it has changed.

    `kept` holds it from step to step with its text: usually nobody else has written it meanwhile.
    """

    def __init__(
        self, cursor: sqlite3.Cursor, scope: str, kind: str, type_: Any, kept: Kept
    ) -> None:
        super().__init__(cursor, scope, f"{kind}s", kind, type_)
        self._kept, self._before = kept, ""

    def one(self, make: Callable[[], T]) -> T:
        self._before = self._texts.get("") or ""
        record: T = self.get("") or make()
        self._records[""] = record
        return record

    def _read(self, key: str, text: str) -> T:
        # Out of it: what is changed by a step that fails is not what is written.
        before, record = self._kept.pop(self.place, ("", None))
        return record if before == text else super()._read(key, text)

    def written(self, now: float, gone: list[Place]) -> Iterator[Row]:
        record = self._records.get("")
        if record is None:
            return
        text = encode(record)
        self._kept[self.place] = text, record
        if text != self._before:
            yield (*self.place, "", text, now)


class Question:
    """Something else that is asked for together with the documents of a step."""

    def __init__(self, expression: str, *place: object) -> None:
        self.expression, self.place = expression, place
        self.value: Any = None

    def take_in(self, key: object, found: object) -> None:
        self.value = found

    def pair(self) -> tuple[float, float]:
        """Two numbers with a space between them; not finite if it is something else."""
        try:
            one, other = self.value.split(" ")
            return float(one), float(other)
        except (AttributeError, ValueError):
            return math.inf, math.inf


class SQLiteSlots:
    """The slots of a destination, for the time of a transaction."""

    expression = f"(SELECT at FROM {SLOTS} WHERE scope=? ORDER BY at DESC LIMIT 1 OFFSET ?-1)"

    def __init__(self, cursor: sqlite3.Cursor, scope: str) -> None:
        self._cursor, self.place = cursor, (scope,)
        #: The n-th latest ones that are known.
        self._latest: dict[int, float] = {}
        #: There are fewer than so many.
        self._fewer = math.inf

    def take_in(self, rank: int, at: float | None) -> None:
        if at is None:
            self._fewer = min(self._fewer, rank)
        else:
            self._latest[rank] = at

    def latest(self, ranks: Collection[int]) -> Mapping[int, float]:
        ask(self._cursor, [(self, n) for n in ranks if n < self._fewer and n not in self._latest])
        return {n: self._latest[n] for n in ranks if n < self._fewer}

    def at(self, slot_id: str) -> float | None:
        found = self._execute(f"SELECT at FROM {SLOTS} WHERE scope=? AND id=?", slot_id).fetchone()
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
        return self._cursor.execute(statement, (*self.place, *more))


class DocumentState(State):
    """A `State` that lasts for one transaction."""

    slots: SQLiteSlots
    pending: Documents[Pending]
    presence: Documents[float]

    def __init__(
        self, cursor: sqlite3.Cursor, scopes: tuple[str, str], names: tuple[str, str], kept: Kept
    ) -> None:
        # One for all: a connection keeps a weak reference to each, which outlives the step.
        self._cursor = cursor
        destination, scope = self._destination_scope, self.scope = scopes
        self.names = names
        self._scope_states: _Single[ScopeState]
        self._scope_states = _Single(cursor, scope, "scope_state", ScopeState, kept)
        self._destinations: _Single[Destination]
        self._destinations = _Single(cursor, destination, "destination", Destination, kept)
        self._is_pending = Question(
            f"EXISTS (SELECT 1 FROM {TABLE} WHERE {_HERE} AND id<>?)", scope, OWN["pending"][0]
        )
        #: The rank of who asks, and how many others there are.
        self._place: Question | None = None
        #: Those that something was asked of: a step is about few kinds of records.
        self._documents: dict[str, list[Documents[Any]]]
        self._documents = {TABLE: [self._scope_states, self._destinations], TOKENS: []}

    def __getattr__(self, name: str) -> Any:
        found: Any
        if name in OWN:
            found = self._rows(Documents(self._cursor, self.scope, name, *OWN[name]))
        elif name in SHARED:
            place = self._destination_scope
            found = self._rows(Documents(self._cursor, place, name, *SHARED[name]))
        elif name == "tokens":
            found = self._rows(Tokens(self._cursor, "tokens", "tokens", "token", Token))
        elif name == "slots":
            found = SQLiteSlots(self._cursor, self._destination_scope)
        elif name == "scope_state":
            found = self._scope_states.one(self._found_scope_state)
        elif name == "destination":
            found = self._destinations.one(Destination)
        else:
            raise AttributeError(name)
        setattr(self, name, found)
        return found

    def _rows(self, found: Documents[T]) -> Documents[T]:
        self._documents[found.table].append(found)
        return found

    def _found_scope_state(self) -> ScopeState:
        """One that was lost or is no scope_state: have all groups looked through."""
        out = {*self.digests, *(key.partition("/")[0] for key in self.parts)}
        return ScopeState(DueIndex(over=0.0), out=sorted(out), following=list(self.following))

    def place(self, source: str) -> tuple[int, int]:
        if self.presence.complete:  # and those that are gone may have been removed
            return super().place(source)
        if self._place is None:
            ask(self._cursor, self.about(source))
        rank, others = cast("Question", self._place).pair()
        return int(rank), int(others) + 1

    def about(self, source: str) -> list[Asked]:
        """What to ask for a claim: the place of the source among all, and whether anything is
        pending."""
        rank = f"(SELECT total(id<?)||' '||count(*) FROM {TABLE} WHERE {_HERE} AND id<>?)"
        place = self._destination_scope, SHARED["presence"][0]
        self._place = Question(rank, source, *place)
        return [(self._place, source), (self._is_pending, "")]

    def begin(self, asked: Iterable[Asked]) -> None:
        """Read at once what every step asks for, and what this one does."""
        ask(self._cursor, [(self._scope_states, ""), (self._destinations, ""), *asked])
        if self._is_pending.value == 0:
            self.pending.complete = True

    def asked(self, wanted: Wanted) -> tuple[Documents[Any], str]:
        """The documents that a field holds, with the key there."""
        field, key = wanted
        return getattr(self, field), key

    def read_ahead(self, wanted: Iterable[Wanted]) -> None:
        asked = [(rows, key) for rows, key in map(self.asked, wanted) if not rows.knows(key)]
        if asked:
            ask(self._cursor, asked)

    def save(self, now: float) -> bool:
        """Write what has changed; returns whether anything has."""
        wrote = [self._save(table, every, now) for table, every in self._documents.items() if every]
        return any(wrote)

    def _save(self, table: str, every: list[Documents[Any]], now: float) -> bool:
        gone: list[Place] = []
        wrote = False
        for some in _in_parts(chain.from_iterable([rows.written(now, gone) for rows in every])):
            wrote = True
            rows = ",".join(["(?,?,?,?,?)"] * len(some))
            statement = f"INSERT INTO {table} VALUES {rows} {_UPDATE}"
            self._cursor.execute(statement, list(chain.from_iterable(some)))
        for places in _in_parts(gone):
            wrote = True
            rows = ",".join(["(?,?,?)"] * len(places))
            # By a cross join, so that each is looked up: with IN the whole table is read.
            self._cursor.execute(
                f"WITH wanted (scope, kind, id) AS (VALUES {rows}) DELETE FROM {table} WHERE"
                f" rowid IN (SELECT {table}.rowid FROM wanted CROSS JOIN {table}"
                " USING (scope, kind, id))",
                list(chain.from_iterable(places)),
            )
        return wrote


def ask(cursor: sqlite3.Cursor, asked: Iterable[Asked]) -> None:
    """Answer all in one row: beside a busy thread it may take 5 ms to get the interpreter back
    after each step of SQLite, and each row is one."""
    for some in _in_parts(asked):
        expressions, values = list[str](), list[object]()
        for rows, key in some:
            expressions.append(rows.expression)
            values += (*rows.place, key)
        row = cursor.execute(f"SELECT {','.join(expressions)}", values).fetchone()
        for (rows, key), found in zip(some, row, strict=True):
            rows.take_in(key, found)


def keep_body(connection: sqlite3.Connection, scope: str, digest_id: str, body: str) -> bool:
    """Keep the body of a digest that is there, and is no fallback's, in one statement."""
    found = connection.execute(
        f"INSERT INTO {TABLE} SELECT scope, ?, id, ?, written FROM {TABLE}"
        f" WHERE {_HERE} AND id=? AND instr(body, '\"fallback\":')=0 {_UPDATE}",
        (OWN["bodies"][0], encode(body), scope, OWN["digests"][0], digest_id),
    )
    return found.rowcount > 0


def _in_parts(rows: Iterable[T]) -> Iterator[list[T]]:
    """As many as one statement takes, one part at a time.

    Each part is filled up, with its last row, to a power of two or one and a half of one. Each
    number is a statement of its own, which takes SQLite three times as long to prepare as to run,
    and is kept: a hundred of them were 10 MB.
    """
    left = iter(rows)
    while some := list(islice(left, _AT_ONCE)):
        full = 1 << (len(some) - 1).bit_length()
        if len(some) <= full * 3 // 4:
            full = full * 3 // 4
        yield some + some[-1:] * (full - len(some))


def scope(*names: str) -> str:
    """An opaque name of fixed length, for rows and keys."""
    text = "\x00".join(names).encode("utf-8", "surrogatepass")
    return sha256(text).hexdigest()[:24]
