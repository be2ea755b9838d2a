"""The file: who may read it, what is done about one that cannot be used, and its bounds."""

from __future__ import annotations

import gc
import os
import re
import sqlite3
import stat
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.helpers.store_kits import Client, SQLiteKit, event, identity, told
from tests.helpers.support import PATIENCE
from wecom_logging._runtime.deadline import deadline
from wecom_logging._stores import sqlite, sqlite_file
from wecom_logging._stores.codec import decode, encode
from wecom_logging._stores.documents import FORGET, TABLE, TOKENS
from wecom_logging._stores.leases import FOR_GOOD
from wecom_logging._stores.ledger import Ledger
from wecom_logging._stores.protocol import Asker, Batch, Claim, Entry, Failure, Left, StoreError
from wecom_logging._stores.records import LeasedDigest, Token, Trouble
from wecom_logging._stores.sqlite import ABANDONED_AFTER


@pytest.fixture
def place(tmp_path: Path) -> SQLiteKit:
    return SQLiteKit(tmp_path)


@pytest.fixture
def client(place: SQLiteKit) -> Client:
    return Client(place)


def test_no_file_is_made_before_the_first_step(place: SQLiteKit) -> None:
    client = Client(place)
    assert not place.path.exists()
    client.log("A")
    assert place.path.exists()


def test_only_its_owner_may_read_it(place: SQLiteKit, client: Client) -> None:
    before = os.umask(0)
    try:
        client.log("A")
    finally:
        os.umask(before)
    assert stat.S_IMODE(place.path.parent.stat().st_mode) == 0o700
    for path in place.path.parent.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_a_file_that_others_could_read_is_closed_to_them(place: SQLiteKit) -> None:
    place.path.parent.mkdir(parents=True)
    place.path.touch(0o644)
    Client(place).log("A")
    assert stat.S_IMODE(place.path.stat().st_mode) == 0o600


def test_it_survives_its_process(place: SQLiteKit, client: Client) -> None:
    client.log("A", 3, samples=(event("text"),))
    del client.store
    claim = Client(place, "web/2/y").claim(why="flush")
    assert told(claim) == {"A new": 3}


def test_a_clock_that_is_set_back_does_not_stop_it(place: SQLiteKit, client: Client) -> None:
    client.log("A")
    client.deliver()
    client.log("A")
    place.now -= 86400
    waited, claim = client.until_due()
    assert waited == pytest.approx(60, abs=1)
    client.store.settle(claim.digest.id)
    place.now += 86400
    client.log("A")
    assert client.until_due()[0] == pytest.approx(0, abs=1)  # the day has passed after all


@pytest.mark.parametrize(
    "content", [b"no database" * 99, b"note", b"SQLite format 3\x00" + b"x" * 9000]
)
@pytest.mark.parametrize("owned", [True, False])
def test_a_damaged_file_is_set_aside_or_left_alone(
    place: SQLiteKit, content: bytes, owned: bool
) -> None:
    place.path.parent.mkdir(parents=True)
    place.path.write_bytes(content)
    client = Client(place)
    client.store._owned = owned  # type: ignore[attr-defined]  # SQLite's own
    with pytest.raises(StoreError, match="set aside" if owned else "left alone"):
        client.log("A")
    if owned:
        assert place.path.with_suffix(".db.damaged").read_bytes() == content
        client.log("A")
        assert told(client.claim(why="flush")) == {"A new": 1}
    else:
        assert place.path.read_bytes() == content


def test_a_page_that_was_overwritten_is_found(place: SQLiteKit, client: Client) -> None:
    for n in range(40):
        client.log(f"kind {n}", samples=(event("x" * 3000),))
    del client.store
    with place.path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(200_000))
    again = Client(place, "web/2/x")
    again.store._owned = True  # type: ignore[attr-defined]  # SQLite's own
    with pytest.raises(StoreError):
        again.claim(why="flush")
    again.log("A")


def test_another_programs_database_is_left_alone(place: SQLiteKit, client: Client) -> None:
    place.path.parent.mkdir(parents=True)
    other = sqlite3.connect(place.path)
    other.execute("CREATE TABLE theirs (x)")
    other.commit()
    other.close()
    before = place.path.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        client.log("A")
    assert place.path.read_bytes() == before


def test_a_directory_in_its_place_and_a_path_that_cannot_be(tmp_path: Path) -> None:
    place = SQLiteKit(tmp_path)
    place.path.mkdir(parents=True)
    with pytest.raises(StoreError):
        Client(place).log("A")
    (tmp_path / "file").touch()
    place.path = tmp_path / "file" / "store.db"
    with pytest.raises(StoreError):
        Client(place).log("A")


@contextmanager
def full(client: Client) -> Iterator[None]:
    """A disk that takes two more pages."""
    connection = client.store.file.connection  # type: ignore[attr-defined]  # SQLite's own
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count={pages + 2}")
    yield
    connection.execute("PRAGMA max_page_count=100000")


def test_a_full_disk_loses_nothing_that_was_there(place: SQLiteKit, client: Client) -> None:
    client.log("A", 3)
    with full(client), pytest.raises(StoreError, match="full"):
        client.log("B", samples=(event("x" * 60_000),))
    assert told(client.claim(why="flush")) == {"A new": 3}


@pytest.mark.parametrize(("blocks", "said"), [(0, "full"), (1000, "disk I/O error")])
def test_a_disk_that_is_full_is_not_called_broken(
    place: SQLiteKit, client: Client, monkeypatch: pytest.MonkeyPatch, blocks: int, said: str
) -> None:
    """SQLite cannot tell why its log does not grow."""
    client.log("A", 3)
    space = SimpleNamespace(f_bavail=blocks, f_frsize=4096)
    monkeypatch.setattr(os, "statvfs", lambda path: space)
    error = sqlite3.OperationalError("disk I/O error")
    file = client.store.file  # type: ignore[attr-defined]  # SQLite's own
    assert said in str(file._translated(error, owned=True))


def test_a_visit_that_failed_is_in_no_account(place: SQLiteKit, client: Client) -> None:
    client.log("A", 3)
    with full(client), pytest.raises(StoreError, match="full"):
        client.ask(client.batch("B", 2, samples=(event("x" * 60_000),)))
    assert client.store.account(client.source).merged == 3


def test_a_file_that_may_only_be_read(place: SQLiteKit, client: Client) -> None:
    client.log("A", 3)
    client.store.file.connection.execute("PRAGMA query_only=ON")  # type: ignore[attr-defined]  # SQLite's own
    with pytest.raises(StoreError, match="readonly"):
        client.log("A")
    client.store.file.connection.execute("PRAGMA query_only=OFF")  # type: ignore[attr-defined]  # SQLite's own
    assert client.store.account(client.source).merged == 3


def test_who_holds_the_lock_is_waited_for_but_not_for_ever(
    place: SQLiteKit, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.log("A")
    monkeypatch.setattr(sqlite_file, "BUSY_FOR", 0.3)
    holder = sqlite3.connect(place.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(StoreError, match="locked"):
        client.log("A")
    assert 0.2 < time.monotonic() - began < PATIENCE
    holder.execute("ROLLBACK")
    holder.close()
    client.log("A")


def test_who_writes_is_waited_for_and_who_reads_waits_for_nobody(
    place: SQLiteKit, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A neighbour that is busy is none that was stopped."""
    patience = client.store._patience = 0.3  # type: ignore[attr-defined]  # SQLite's own
    client.log("A")
    holder = sqlite3.connect(place.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    looks, written = 0, iter(range(1, 5))

    def look(_: float) -> None:
        """A neighbour's commit every 0.8 of the patience, with the lock taken again at once."""
        nonlocal looks
        looks += 1
        time_is.append(time_is[-1] + 0.8 * patience)
        if next(written, None):
            holder.execute(f"PRAGMA user_version={looks}")
            holder.execute("COMMIT")
            holder.execute("BEGIN IMMEDIATE")

    time_is = [1000.0]
    monkeypatch.setattr(time, "sleep", look)
    monkeypatch.setattr(sqlite_file, "monotonic", lambda: time_is[-1])
    with pytest.raises(StoreError, match="locked") as refused:
        client.log("A")
    assert refused.value.busy
    assert looks == 4 + 2, "four commits, then none for longer than it waits"
    assert client.store.account(client.source).merged == 1
    holder.execute("ROLLBACK")
    holder.close()
    client.log("A")
    assert client.store.account(client.source).merged == 2


class Damaged:
    """A connection to a file that cannot even be looked at."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        if "data_version" in statement:
            raise sqlite3.DatabaseError("database disk image is malformed")
        return self._connection.execute(statement, *values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def test_what_is_locked_and_damaged_is_an_error_of_the_store(
    place: SQLiteKit, client: Client
) -> None:
    client.log("A")
    client.store._patience = 0.1  # type: ignore[attr-defined]  # SQLite's own
    file = client.store.file  # type: ignore[attr-defined]  # SQLite's own
    file.connection = Damaged(file.connection)
    holder = sqlite3.connect(place.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked"):
        client.log("A")
    holder.close()


def test_a_value_is_read_while_somebody_holds_the_lock(place: SQLiteKit, client: Client) -> None:
    client.store.lease("key", Left("secret", 6900.0))
    holder = sqlite3.connect(place.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert client.store.lease("key") == "secret"
    holder.close()


def test_a_file_that_was_removed_is_made_anew(place: SQLiteKit, client: Client) -> None:
    client.log("A", 3)
    for path in place.path.parent.iterdir():
        path.unlink()
    client.log("B")
    assert told(Client(place, "web/2/x").claim(why="flush")) == {"B new": 1}


def test_rows_that_are_no_records_count_as_absent(place: SQLiteKit, client: Client) -> None:
    client.log("A", 3, samples=(event("text"),))
    other = sqlite3.connect(place.path)
    for kind, body in (
        ("scope_state", '{"due_index": 7}'),
        ("samples", '["text"]'),
        ("source", "{"),
    ):
        other.execute(f"UPDATE {TABLE} SET body=? WHERE kind=?", (body, kind))
    other.execute("UPDATE clock_1 SET last='later'")
    other.commit()
    other.close()
    claim = client.until_due()[1]
    assert told(claim) == {"A new": 3}
    assert claim.digest.reports[0].samples == ()


@pytest.mark.parametrize("last", ["'later'", "'1 2'", "1e999", "X'00'", "''"])
def test_a_clock_that_cannot_be_read_is_none(last: str, place: SQLiteKit, client: Client) -> None:
    client.log("A", 3)
    other = sqlite3.connect(place.path)
    other.execute(f"UPDATE clock_1 SET last={last}")
    other.commit()
    other.close()
    place.advance(20.0)
    assert told(client.claim(why="flush")) == {"A new": 3}


def test_it_is_bounded(place: SQLiteKit) -> None:
    client = Client(place, max_groups=50)
    sizes = []
    for week in range(14):
        for n in range(120):
            client.log(f"kind {week}-{n}", samples=(event("x" * 500),))
        client.deliver(why="flush")
        place.advance(2 * 86400)
        Client(place, f"web/{week}/x", max_groups=50).wait()
        sizes.append(place.path.stat().st_size)
    other = sqlite3.connect(place.path)
    (rows,) = other.execute(f"SELECT count(*) FROM {TABLE} WHERE kind!='number'").fetchone()
    other.close()
    assert rows < 150
    assert max(sizes[7:]) <= max(sizes[:7]) * 1.5


def test_what_an_app_left_that_is_gone_is_swept(place: SQLiteKit) -> None:
    Client(place, app="gone").log("A", samples=(event("long ago"),))
    place.advance(31 * 86400)
    Client(place).log("B")
    other = sqlite3.connect(place.path)
    kept = other.execute(f"SELECT body FROM {TABLE}").fetchall()
    other.close()
    assert not any("long ago" in body for (body,) in kept)


def test_an_agenda_that_speaks_of_a_time_that_cannot_be_is_not_believed(
    place: SQLiteKit, client: Client
) -> None:
    client.log("A", 3)
    other = sqlite3.connect(place.path)
    body = '{"due_index": {"news": 0, "look_at": 1e300}}'
    other.execute(f"UPDATE {TABLE} SET body=? WHERE kind='scope_state'", (body,))
    other.commit()
    other.close()
    assert told(client.until_due()[1]) == {"A new": 3}


@pytest.mark.parametrize("number", ["1" + "0" * 400, "1e999", "NaN", "true", "null", '"7"'])
def test_a_number_that_is_none_is_no_record(number: str) -> None:
    with pytest.raises(ValueError, match="unexpected"):
        decode(Token, f'{{"refresh_at": {number}}}')


def is_locked_elsewhere(path: Path) -> bool:
    """Whether another process sees a lock on a file: POSIX never shows a process its own."""
    look = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+b'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    done = subprocess.run([sys.executable, "-c", look, str(path)], stderr=subprocess.PIPE)
    return b"BlockingIOError" in done.stderr


def test_all_stores_of_a_process_share_one_connection(place: SQLiteKit, client: Client) -> None:
    """Under whatever name they know the file, and whatever app they are for."""
    client.log("A")
    (place.path.parent.parent / "link").symlink_to(place.path.parent)
    other = SQLiteKit(place.path.parent.parent)
    other.path = place.path.parent.parent / "link" / place.path.name
    second = Client(other, app="blog")
    second.log("B")
    files = [each.store.file for each in (client, second)]  # type: ignore[attr-defined]  # SQLite's own
    assert files[0].connection is files[1].connection is not None


@pytest.mark.parametrize("comes_late", [True, False])
def test_a_neighbour_that_comes_or_goes_takes_no_lock_away(
    place: SQLiteKit, client: Client, comes_late: bool
) -> None:
    """A process whose locks are gone counts as gone for the others, which then delete the
    log that it goes on writing into."""
    second = None if comes_late else Client(place, "web/1/b")
    if second is not None:
        second.log("B")
    client.log("A")
    assert is_locked_elsewhere(place.path)
    second = second or Client(place, "web/1/b")
    second.log("B")
    assert is_locked_elsewhere(place.path)
    del second
    gc.collect()
    assert is_locked_elsewhere(place.path)
    client.log("A")
    assert told(client.claim(why="flush")) == {"A new": 2, "B new": 1 + (not comes_late)}


def test_the_connection_is_closed_with_the_last_store(place: SQLiteKit, client: Client) -> None:
    client.log("A")
    second = Client(place, "web/1/b")
    second.log("B")
    log = place.path.with_name(f"{place.path.name}-wal")
    del client.store
    assert log.exists()
    del second.store
    assert not log.exists()


def test_a_link_in_its_place_is_not_followed(place: SQLiteKit, client: Client) -> None:
    place.path.parent.mkdir(parents=True)
    theirs = place.path.parent.parent / "theirs"
    place.path.symlink_to(theirs)
    with pytest.raises(StoreError, match="regular"):
        client.log("A")
    assert not theirs.exists()


def test_another_thread_is_waited_for_until_the_callers_deadline(
    place: SQLiteKit, client: Client
) -> None:
    """A thread that exits cannot wait for one that is stuck on a disk; but what became of a
    message is written down also when its time is over."""
    client.log("A")
    claim = client.claim(why="flush")
    stuck, free = threading.Event(), threading.Event()

    def wait(ledger: Ledger) -> None:
        stuck.set()
        free.wait(10)

    def hold() -> None:
        store = Client(place, "web/1/b").store
        assert isinstance(store, sqlite.SQLiteStore)
        store._step(wait)

    holder = threading.Thread(target=hold)
    holder.start()
    assert stuck.wait(10)
    with deadline(time.monotonic()), pytest.raises(StoreError, match="another thread") as refused:
        client.log("B")
    assert refused.value.busy, "nobody goes alone because a thread beside it is slow"
    free.set()
    holder.join()
    with deadline(time.monotonic()):
        client.store.settle(claim.digest.id)
    assert client.store.account(client.source).reported == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_opens_its_own_connection(place: SQLiteKit, client: Client) -> None:
    client.log("A")
    parents = client.store.file.connection  # type: ignore[attr-defined]  # SQLite's own
    child = os.fork()
    if not child:
        client.source = "web/child/x"
        client.log("A")
        os._exit(0 if client.store.file.connection is not parents else 1)  # type: ignore[attr-defined]  # SQLite's own
    assert os.waitpid(child, 0)[1] == 0
    assert client.store.file.connection is parents  # type: ignore[attr-defined]  # SQLite's own
    assert told(client.claim(why="flush")) == {"A new": 2}
    (sound,) = parents.execute("PRAGMA integrity_check").fetchone()
    assert sound == "ok"


def test_the_log_is_written_back_after_messages_before_sqlite_would_do_it(
    place: SQLiteKit, client: Client
) -> None:
    """SQLite does it at 1,000 pages, in the middle of whatever is going on: a disk is flushed
    before the message leaves."""
    for number in range(150):
        client.log(f"kind {number % 9}", samples=(event("x" * 8000),))
        client.deliver(why="flush")
        place.advance(300.0)
    log = place.path.with_name(f"{place.path.name}-wal")
    assert 0 < log.stat().st_size < 900 * 4096


def test_what_is_kept_for_good_outlives_a_month_without_a_write(place: SQLiteKit) -> None:
    """Pairings of a bot; what was kept for a while goes."""
    place.open().note("write", "pairings", "chats", FOR_GOOD)
    place.open().note("write", "card", "ids", 86_400.0)
    place.advance(100 * 86_400.0)
    with sqlite3.connect(place.path) as connection:
        for statement in FORGET:
            connection.execute(statement, (place.now - ABANDONED_AFTER,))
        left = connection.execute(f"SELECT count(*) FROM {TOKENS} WHERE kind='token'").fetchall()
    connection.close()
    assert left == [(1,)]
    assert place.open().note("read", "pairings") == "chats"


class Steps:
    """What a store asks SQLite: after each statement and each row its thread has to get the
    interpreter back, which takes 5 ms beside a busy one."""

    def __init__(self, client: Client) -> None:
        self.statements: list[str] = []
        self.rows: list[tuple[object, ...]] = []
        connection = client.store.file.connection  # type: ignore[attr-defined]  # SQLite's own
        connection.set_trace_callback(self.statements.append)
        connection.row_factory = self._note_row

    def _note_row(self, _: sqlite3.Cursor, row: tuple[object, ...]) -> tuple[object, ...]:
        self.rows.append(row)
        return row

    def taken(self) -> int:
        """How many since the last look."""
        found = len(self.statements) + len(self.rows)
        self.statements.clear()
        self.rows.clear()
        return found


def test_few_statements_stand_before_a_message(place: SQLiteKit, client: Client) -> None:
    client.log("A")
    client.deliver(why="flush")
    steps = Steps(client)
    place.advance(20.0)
    answer = client.ask(client.batch("B", level="critical", samples=(event("b"),)))
    assert isinstance(answer, Claim)
    assert steps.taken() == 7, "begin, read one row, a slot, documents, the time, commit"
    client.store.freeze(answer.id, "body")
    assert steps.taken() == 1, "the body"
    client.store.settle(answer.id)
    assert steps.taken() <= 13


def test_a_visit_with_nothing_due_is_one_transaction(client: Client) -> None:
    client.log("A")
    client.deliver(why="flush")
    steps = Steps(client)
    _, account = client.store.claim(Asker(client.source), client.batch("A"))
    assert account is not None
    assert steps.taken() <= 6, "begin, read one row, documents, perhaps the time, commit"


def test_a_body_is_kept_for_what_is_claimed_and_for_nothing_else(
    place: SQLiteKit, client: Client
) -> None:
    client.log("A")
    claim = client.claim(why="flush")
    client.store.freeze(claim.id, "first")
    client.store.freeze(claim.id, "second")
    client.store.settle(claim.id)
    assert client.store.freeze(claim.id, "late")
    assert client.store.freeze("never", "seen")
    with sqlite3.connect(place.path) as beside:
        assert beside.execute(f"SELECT id FROM {TABLE} WHERE kind='body'").fetchall() == []
    beside.close()


def test_a_body_is_not_kept_while_another_process_writes(
    place: SQLiteKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(place, "web/1/a", duplicate_check=True)
    client.log("A")
    claim = client.claim(why="flush")
    monkeypatch.setattr(sqlite_file, "BUSY_FOR", 0.1)
    beside = sqlite3.connect(place.path, isolation_level=None)
    beside.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked") as refused:
        client.store.freeze(claim.id, "body")
    assert refused.value.busy
    beside.execute("COMMIT")
    beside.close()
    assert client.store.freeze(claim.id, "body")
    place.advance(31.0)
    assert client.claim(why="insist").body == "body"


def test_few_steps_take_many_kinds(place: SQLiteKit, client: Client) -> None:
    entries = tuple(Entry(identity(f"kind {n}"), 1) for n in range(40))
    client.store.merge(Batch("web/2/b", 1, entries))
    place.advance(40.0)
    steps = Steps(client)
    claim = client.ask(why="flush")
    assert isinstance(claim, Claim)
    assert len(told(claim)) == 40
    assert steps.taken() <= 45, "with what is done once an hour"
    client.store.release(claim.id, Failure("refused", 1.0))
    assert steps.taken() <= 20
    place.advance(40.0)
    claim = client.deliver(why="flush")
    assert len(told(claim)) == 40
    assert steps.taken() <= 45


def test_however_many_documents_change_they_are_written(place: SQLiteKit, client: Client) -> None:
    kinds = 400
    entries = tuple(Entry(identity(f"kind {n}"), 1) for n in range(kinds))
    client.store.merge(Batch(client.source, 1, entries))
    claim = client.deliver(why="flush")
    assert len(told(claim)) == kinds
    with sqlite3.connect(place.path) as connection:
        left = connection.execute(
            f"SELECT kind, count(*) FROM {TABLE} WHERE kind IN ('group', 'part', 'pending')"
            " GROUP BY kind"
        ).fetchall()
    connection.close()
    assert left == [("group", kinds)]


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="the system counts no bytes")
def test_a_visit_with_many_kinds_is_written_once(place: SQLiteKit, client: Client) -> None:
    """A statement's own journal, on disk, would be as much again."""
    entries = tuple(Entry(identity(f"kind {n}"), 1) for n in range(500))
    client.store.merge(Batch(client.source, 1, entries))
    connection = client.store.file.connection  # type: ignore[attr-defined]  # SQLite's own
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    log = place.path.with_name(f"{place.path.name}-wal")
    before = bytes_written()
    client.store.merge(Batch(client.source, 2, entries))
    assert 0 < bytes_written() - before < 1.3 * log.stat().st_size


def bytes_written() -> int:
    fields = dict(
        line.split(": ") for line in Path("/proc/self/io").read_text("ascii").splitlines()
    )
    return int(fields["wchar"])


def test_what_time_it_is_is_not_written_each_time(place: SQLiteKit, client: Client) -> None:
    client.log("A")
    statements: list[str] = []
    client.store.file.connection.set_trace_callback(statements.append)  # type: ignore[attr-defined]  # SQLite's own
    for _ in range(20):
        place.advance(1.0)
        client.log("A")
    assert 3 <= sum("INTO clock_1" in each for each in statements) <= 5


def test_a_clock_set_back_by_less_than_is_written_down_is_bridged_all_the_same(
    place: SQLiteKit, client: Client
) -> None:
    client.log("A")
    client.deliver(why="flush")
    place.advance(sqlite.TICK - 1)
    client.log("A")
    before = client.wait()
    place.advance(1 - sqlite.TICK)
    assert client.wait() == before


def test_few_statements_do_for_any_number_of_documents(client: Client) -> None:
    """Each is prepared once, and then kept by SQLite: by its text without what it is given."""
    asked: set[str] = set()

    def note(statement: str) -> None:
        asked.add(re.sub(r"'(?:[^']|\'\')*'|[\d.]+", "?", statement))

    client.log("A")
    *_, connection = sqlite_file._open.values()  # before it are those of other tests
    connection.set_trace_callback(note)
    for kinds in range(1, 40):
        entries = [Entry(identity(f"{kinds} {n}"), 1, (event("x"),)) for n in range(kinds)]
        client.store.merge(Batch("web/1/a", kinds + 1, tuple(entries)))
    connection.set_trace_callback(None)
    assert len(asked) < 30


def test_what_a_record_holds_anyway_is_not_written() -> None:
    silent, failing = Trouble(), Trouble(failures=2, since=3.0, reason="refused")
    assert encode(silent) == "{}"
    assert encode(failing) == '{"failures":2,"since":3.0,"reason":"refused"}'
    for trouble in (silent, failing):
        assert vars(decode(Trouble, encode(trouble))) == vars(trouble)
    known = LeasedDigest(0.0, 0.0)
    assert encode(known) == '{"now":0.0,"wall":0.0}', "what has no default is always written"


def test_what_a_step_has_read_is_gone_with_it(client: Client) -> None:
    gc.disable()  # what is left to it is thousands of documents, until it comes by
    try:
        assert isinstance(client.store, sqlite.SQLiteStore)
        read = []

        def step(ledger: Ledger) -> None:
            ledger.state.scope_state.lost += 1
            read.append(weakref.ref(ledger.state))

        client.store._step(step)
        assert read[0]() is None
    finally:
        gc.enable()


def test_times_are_written_to_a_millisecond(place: SQLiteKit, client: Client) -> None:
    place.now = 1_795_712_270.152843
    client.log("A")
    with sqlite3.connect(place.path) as beside:
        query = f"SELECT body FROM {TABLE} WHERE kind='group'"
        ((body,),) = beside.execute(query).fetchall()
    beside.close()
    assert "1795712270.153" in body
    assert "1795712270.1528" not in body
