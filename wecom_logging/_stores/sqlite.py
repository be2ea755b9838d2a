"""The store of one host: a SQLite file that all processes of a user share."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import isfinite
from weakref import finalize

from wecom_logging._runtime import fork
from wecom_logging._runtime.private import foreign_link, make_directories
from wecom_logging._stores.documents import FORGET, SCHEMA, RowState, scope
from wecom_logging._stores.ledger import Ledger
from wecom_logging._stores.ledger_store import LocalStore
from wecom_logging._stores.protocol import Rules, StoreError

try:
    from ctypes import py_object, pythonapi
except ImportError:  # an interpreter without it: see `_leave_to_parent`
    pythonapi = None  # type: ignore[assignment]

#: Marks a file as ours ("WCLG"), whatever its name is.
APPLICATION_ID = 0x57434C47

#: How long to wait while another process writes, and how often to look, seconds.
BUSY_FOR = 3.0
BUSY_POLL = 0.005

#: Rows that nobody has written for so long belong to an app that is gone.
ABANDONED_AFTER = 30 * 86400.0

#: After so many transactions the log is written back as soon as a message has been told.
#: SQLite does it by itself after a few hundred, in the middle of whatever is going on, and
#: flushes the disk for it: ten milliseconds before a message could leave.
WRITE_BACK_AFTER = 50

#: The log beside the file is cut back to this size when it has been written back.
WAL_BYTES = 4 * 1024 * 1024

_CLOCK = "CREATE TABLE IF NOT EXISTS clock_1 (id INTEGER PRIMARY KEY, last REAL, ahead REAL)"

#: Held while SQLite works, and during a fork: a child that is made while one of SQLite's
#: own locks is taken would wait for it for ever.
_working = threading.Lock()
_forking: set[int] = set()
#: All connections of this process, by id.
_open: dict[int, sqlite3.Connection] = {}


class DamagedError(StoreError):
    """The file is not a database, or not a whole one."""


def is_running(source: str) -> bool:
    """Whether the process of a source on this host may still be there."""
    try:
        os.kill(int(source.split("/")[-2]), 0)
    except (ProcessLookupError, ValueError, IndexError, OverflowError):
        return False
    except OSError:
        pass  # somebody else's: there it is
    return True


class SQLiteStore(LocalStore):
    """Groups, schedule, budget and token in a file of mode 0600.

    What was merged survives the process, and a power cut but for the last seconds. Each
    worker has one and its own connection, opened with the first step; a forked child
    opens one anew and leaves the parent's alone. Bounded by `max_groups` and by what is
    swept: forgotten groups, silent sources, apps that are gone.

    Args:
        path: Made, with its directory, if it does not exist.
        wall: The host's clock. Steps back are bridged: the store's own time only grows.
        owned: A damaged file is set aside for a new one, instead of left alone.
        is_alive: Whether the process of a source may still be there.

    Raises:
        StoreError: From every method, if the file cannot be used; nothing was done then.
    """

    durable = True

    def __init__(
        self,
        path: str,
        destination: str,
        app: str,
        environment: str,
        rules: Rules,
        *,
        owned: bool = False,
        wall: Callable[[], float] = time.time,
        is_alive: Callable[[str], bool] = is_running,
    ) -> None:
        super().__init__()
        self._path, self._owned = path, owned
        self._wall, self._is_alive = wall, is_alive
        self._rules = rules
        self._scopes = scope(destination), scope(destination, app, environment)
        self._connection: sqlite3.Connection | None = None
        self._pid = self._inode = 0
        self._written = 0

    def settle(self, digest_id: str, *, lost: bool = False) -> None:
        super().settle(digest_id, lost=lost)
        if self._written >= WRITE_BACK_AFTER:
            self._written = 0
            with _working:
                if self._connection is not None and self._pid == os.getpid():
                    _write_back(self._connection)

    @contextmanager
    def _step(self) -> Iterator[Ledger]:
        with self._translated(), self._transaction() as connection:
            wall = self._wall()
            now, ahead, set_back = _read_clock(connection, wall)
            state = RowState(connection, *self._scopes)
            yield Ledger(state, self._rules, now, wall, shared=True, is_alive=self._is_alive)
            if state.save(now) or set_back:
                connection.execute("INSERT OR REPLACE INTO clock_1 VALUES (1, ?, ?)", (now, ahead))
                self._written += 1

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """The only one that writes. The wait for it is ours: SQLite would hold its locks."""
        until = time.monotonic() + BUSY_FOR
        while True:
            with _working:
                connection = self._begun()
                if connection is not None:
                    with _whole(connection):
                        yield connection
                    return
            if time.monotonic() > until:
                raise StoreError("it is locked by another process")
            time.sleep(BUSY_POLL)

    def _begun(self) -> sqlite3.Connection | None:
        """The connection, in a new transaction; None while another process writes."""
        try:
            connection = self._opened()
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                return None
            raise
        return connection

    def _opened(self) -> sqlite3.Connection:
        if self._connection is not None and self._pid == os.getpid():
            if _inode(self._path) == self._inode:
                return self._connection
            self.close()  # the file was removed, and what was in it is meant to be gone
        self._connection = connect(self._path, self._wall())
        self._pid, self._inode = os.getpid(), _inode(self._path)
        finalize(self, _close, self._connection, self._pid).atexit = False
        return self._connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            text = str(error)
            if "malformed" in text or "not a database" in text:
                raise self._damaged(text) from None
            raise StoreError(text) from None
        except DamagedError as error:
            raise self._damaged(str(error)) from None
        except OSError as error:
            raise StoreError(error.strerror or "cannot be opened") from None

    def _damaged(self, text: str) -> StoreError:
        """Make room for a new file, if this one is ours to move."""
        self.close()
        if not self._owned:
            return StoreError(f"{text}; the file is left alone")
        # The log first: it would be taken for that of the new file.
        for suffix in ("-wal", "-shm", ""):
            try:
                os.replace(self._path + suffix, f"{self._path}.damaged{suffix}")
            except OSError:
                pass  # another process was faster
        return StoreError(f"{text}; it is set aside as {self._path}.damaged")

    def close(self) -> None:
        """Close the connection; the next step opens one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            _close(connection, self._pid)


def connect(path: str, wall: float) -> sqlite3.Connection:
    """Open a file of ours, made if need be, for its owner alone.

    Raises:
        StoreError: It is somebody else's, or cannot have a log beside it.
        OSError, sqlite3.Error: It cannot be opened, or is locked at the moment.
    """
    _prepare(path)
    connection = sqlite3.connect(path, timeout=0.0, isolation_level=None, check_same_thread=False)
    _open[id(connection)] = connection
    try:
        _set_up(connection, wall)
    except BaseException:
        _close(connection, os.getpid())
        raise
    return connection


def _prepare(path: str) -> None:
    """SQLite makes its files with the mode of the first one, which is made here."""
    if link := foreign_link(path):
        raise StoreError(f"{link} is a symbolic link of another user")
    make_directories(os.path.dirname(os.path.abspath(path)))
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise StoreError("it is not a regular file")
        if found.st_uid != os.geteuid():
            raise StoreError("it belongs to another user")
        if found.st_size and os.pread(descriptor, 16, 0) != b"SQLite format 3\x00":
            raise DamagedError("file is not a database")
        if stat.S_IMODE(found.st_mode) != 0o600:
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def _set_up(connection: sqlite3.Connection, wall: float) -> None:
    execute = connection.execute
    execute("PRAGMA trusted_schema=OFF")
    execute("BEGIN")  # both at once: another process may be about to make it ours
    (mark,) = execute("PRAGMA application_id").fetchone()
    (tables,) = execute("SELECT count(*) FROM sqlite_master").fetchone()
    execute("COMMIT")
    if mark != APPLICATION_ID and tables:
        raise StoreError("it is another program's database and is left alone")
    if execute("PRAGMA journal_mode=WAL").fetchone()[0] != "wal":
        raise StoreError("its file system cannot share memory between processes")
    execute("PRAGMA synchronous=NORMAL")
    execute(f"PRAGMA journal_size_limit={WAL_BYTES}")
    execute("BEGIN IMMEDIATE")
    with _whole(connection):
        execute(f"PRAGMA application_id={APPLICATION_ID}")
        execute(SCHEMA)
        execute(_CLOCK)
        now, *_ = _read_clock(connection, wall)
        execute(FORGET, (now - ABANDONED_AFTER,))


@contextmanager
def _whole(connection: sqlite3.Connection) -> Iterator[None]:
    """What is done in a transaction is done as a whole, or not at all."""
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        try:
            connection.execute("ROLLBACK")
        except sqlite3.Error:
            pass  # SQLite has done it already
        raise


def _read_clock(connection: sqlite3.Connection, wall: float) -> tuple[float, float, bool]:
    """The store's time, how far it is ahead of the wall clock, and whether that is news.

    Where the wall clock has been set back it goes on from where it was: a pause of a
    minute must not last until the clock has caught up.
    """
    row = connection.execute("SELECT last, ahead FROM clock_1").fetchone()
    if row is None or not all(isinstance(each, float) and isfinite(each) for each in row):
        return wall, 0.0, False
    last, ahead = row
    set_back = wall + ahead < last
    if set_back:
        ahead = last - wall
    return wall + ahead, ahead, set_back


def _write_back(connection: sqlite3.Connection) -> None:
    """Bring the log into the file, as far as nobody reads it just now."""
    try:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    except sqlite3.Error:
        pass  # the message has been told all the same, and the next step meets the trouble


def _inode(path: str) -> int:
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return 0


# -- fork ----------------------------------------------------------------------------------


def _close(connection: sqlite3.Connection, pid: int) -> None:
    """Close a connection that this process has opened."""
    if pid == os.getpid():
        _open.pop(id(connection), None)
        connection.close()


def _before_fork() -> None:
    if _working.acquire(timeout=0.5):
        _forking.add(threading.get_ident())


def _after_fork_in_parent() -> None:
    if threading.get_ident() in _forking:
        _forking.discard(threading.get_ident())
        _working.release()


def _leave_to_parent() -> None:
    """In a child: the parent's connections are neither used nor closed, not even at exit.

    To close one would release locks that the parent believes to have, and may undo the
    parent's transaction in the log that both have mapped. So each is given a reference
    that nobody ever drops.
    """
    global _working
    for connection in _open.values():
        if pythonapi is not None:
            pythonapi.Py_IncRef(py_object(connection))
    _open.clear()
    _forking.clear()
    _working = threading.Lock()


fork.hook(before=_before_fork, after_in_parent=_after_fork_in_parent)
fork.in_child(_leave_to_parent)
