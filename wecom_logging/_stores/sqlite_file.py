"""One connection for one SQLite file in a process, whoever asks.

When a process closes any descriptor of a file, POSIX drops all its locks on that file: others would
take it for gone, and delete the log that it writes into. So nothing of ours opens or closes a file
that SQLite has open, and all stores on one path share what this module hands out.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Literal, TypeVar
from weakref import WeakValueDictionary, finalize

from wecom_logging._runtime import fork, private
from wecom_logging._runtime.deadline import time_left
from wecom_logging._runtime.native import monotonic
from wecom_logging._stores.protocol import DamagedError, StoreError

try:
    from ctypes import py_object, pythonapi
except ImportError:  # an interpreter without it: see `_leave_to_parent`
    pythonapi = None  # type: ignore[assignment]  # it is looked at

#: Marks a file as ours ("WCLG"), whatever its name is.
APPLICATION_ID = 0x57434C47

#: How long to wait while others are at work, and how often to look, seconds.
BUSY_FOR = 3.0
BUSY_POLL = 0.005
#: A process that holds the lock for so long and writes nothing may have been stopped, seconds: a
#: CRITICAL cannot wait to see whether it goes on.
STOPPED_AFTER = 0.12
#: So long even after a thread's deadline, seconds: the deadline is for sending, and what became
#: of a message has to be written down, or it is sent again.
TO_WRITE_DOWN = 0.15

#: After so many transactions the log is written back as soon as a message has been told.
#: SQLite does it by itself after a few hundred, in the middle of whatever is going on, and
#: flushes the disk for it: ten milliseconds before a message could leave.
WRITE_BACK_AFTER = 50

#: Bytes of the smallest database. SQLite would take a shorter text for an empty file.
SMALLEST = 512

#: SQLite itself writes the log back at so many pages, 16 MB: four times its default, because a
#: storm writes the same pages again and again.
WAL_PAGES = 4000

#: The log beside the file is cut back to this size when it has been written back.
WAL_BYTES = 4 * 1024 * 1024

#: What the log and its index grow by at a time is less, bytes.
_ROOM = 64 * 1024

T = TypeVar("T")

#: How a transaction begins.
Begin = Literal["BEGIN IMMEDIATE", "BEGIN", ""]

#: Makes what is missing, on a connection that is in a transaction.
MakeTables = Callable[[sqlite3.Connection], object]

#: Held while SQLite works, and during a fork: a child forked while one of SQLite's own locks is
#: held would wait for it for ever.
_working = threading.Lock()
_forking: set[int] = set()
#: The files of this process by path, for as long as a store refers to them.
_files: WeakValueDictionary[str, SQLiteFile] = WeakValueDictionary()
#: All connections of this process, by id.
_open: dict[int, sqlite3.Connection] = {}
#: Files that the parent of this process had open when it was forked.
_inherited: set[str] = set()


def shared_file(path: str) -> SQLiteFile:
    """The file at `path`, the same one for all who ask. Opens nothing yet.

    Raises:
        StoreError: Others are at work for too long, or have put a link in the way.
    """
    if link := private.foreign_link(path):
        raise StoreError(f"{link} is a symbolic link of another user")
    # A link in its last part is refused when it is opened, and must not be followed here.
    directory, name = os.path.split(os.path.abspath(path))
    path = os.path.join(os.path.realpath(directory), name)
    lock = _held(_until())
    try:
        file = _files.get(path)
        if file is None:
            file = _files[path] = SQLiteFile(path)
        return file
    finally:
        lock.release()


class SQLiteFile:
    """A database of ours, for any number of threads; get it from `shared_file`.

    Opened, and made if need be, with the first transaction; closed when the last store that refers
    to it is gone. A forked child opens its own and leaves the parent's alone.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.connection: sqlite3.Connection | None = None
        self._pid = self._inode = 0
        self._written = 0
        #: This connection has made, or found, the tables.
        self._has_tables = False
        #: What others had written when it was found locked, and since when they write no more.
        self._waits_at: tuple[int, float] | None = None

    def run(
        self,
        step: Callable[[sqlite3.Connection], T],
        make_tables: MakeTables,
        *,
        owned: bool,
        begin: Begin = "BEGIN IMMEDIATE",
        patience: float = BUSY_FOR,
    ) -> T:
        """Do something with the connection, as a whole or not at all.

        Waits for others until this thread's deadline, for `BUSY_FOR` seconds at most.

        Args:
            step: May be called again after it was found locked.
            make_tables: Called with a new connection, in a transaction.
            owned: A damaged file is set aside for a new one, instead of left alone.
            begin: "BEGIN" where nothing will be written, which waits for nobody who writes; ""
                for a single statement.
            patience: How long to wait for somebody who writes nothing, seconds.

        Raises:
            StoreError: The file cannot be used; nothing was done then.
        """
        until = _until()
        while True:
            lock = _held(until)
            try:
                return self._done(step, make_tables, begin)
            except (sqlite3.Error, OSError) as error:
                if not (isinstance(error, sqlite3.OperationalError) and "locked" in str(error)):
                    raise self._translated(error, owned=owned) from None
                since = self._locked_since()
            finally:
                lock.release()
            # With our lock free: SQLite itself would wait with it, and with its own, held.
            if monotonic() > min(until, since + patience):
                raise StoreError("it is locked by another process", busy=True)
            time.sleep(BUSY_POLL)

    def _done(
        self, step: Callable[[sqlite3.Connection], T], make_tables: MakeTables, begin: Begin
    ) -> T:
        # A single statement does without a look whether the file is still there.
        connection = (begin == "" and self._mine()) or self._opened()
        is_new = not self._has_tables
        if is_new or begin:
            connection.execute("BEGIN IMMEDIATE" if is_new else begin)
        try:
            if is_new:
                connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
                make_tables(connection)
            answer = step(connection)
            connection.commit()
        except BaseException:
            try:
                connection.execute("ROLLBACK")
            except sqlite3.Error:
                pass  # SQLite has done it already
            raise
        self._has_tables, self._waits_at = True, None
        self._written += begin != "BEGIN"
        return answer

    def write_back(self) -> None:
        """Bring the log into the file if it is long, as far as nobody reads it just now."""
        if self._written < WRITE_BACK_AFTER:
            return
        lock = _held(_until())
        try:
            self._written = 0
            if (connection := self._mine()) is not None:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error:
            pass  # the message has been told, and the next step meets the trouble
        finally:
            lock.release()

    def _mine(self) -> sqlite3.Connection | None:
        """The connection, if this process has opened it."""
        return self.connection if self._pid == os.getpid() else None

    def _locked_since(self) -> float:
        """Since when nobody has written anything although somebody holds the lock."""
        written = 0
        if (connection := self._mine()) is not None:
            try:
                (written,) = connection.execute("PRAGMA data_version").fetchone()
            except sqlite3.Error:
                pass  # locked for those who read, too: nobody writes. Or damaged: see the next try
        if self._waits_at is None or self._waits_at[0] != written:
            self._waits_at = written, monotonic()
        return self._waits_at[1]

    def _opened(self) -> sqlite3.Connection:
        connection = self._mine()
        if connection is not None:
            if _inode(self.path) == self._inode:
                return connection
            self._close()  # the file was removed, and what was in it is meant to be gone
        if self.path in _inherited and not private.is_open(self.path):
            # SQLite goes on to use what it had opened before, and waits ten seconds for it.
            raise StoreError(
                "its descriptors were closed, as a process does that becomes a daemon after an"
                " error; make the handler after that"
            )
        self.connection = connection = _connect(self.path)
        self._pid, self._inode = os.getpid(), _inode(self.path)
        self._has_tables, self._waits_at = False, None
        finalize(self, _close, connection, self._pid).atexit = False
        return connection

    def _close(self) -> None:
        """Close the connection; the next transaction opens one."""
        connection, self.connection = self.connection, None
        if connection is not None:
            _close(connection, self._pid)

    def _translated(self, error: sqlite3.Error | OSError, *, owned: bool) -> StoreError:
        """SQLite's and the system's errors as ours. Under the lock: only the first who meets a
        damaged file sets it aside, and nobody the new one."""
        if isinstance(error, OSError):
            return StoreError(error.strerror or "cannot be opened")
        text = str(error)
        if "malformed" in text or "not a database" in text:
            return self._damaged(text, owned=owned)
        if "no such table" in text:
            self._close()  # they are made with the next connection
        if "disk I/O" in text and _is_full(self.path):
            text = "database or disk is full"  # a log that cannot grow is told as a broken disk
        return StoreError(text)

    def _damaged(self, text: str, *, owned: bool) -> DamagedError:
        """Make room for a new file, if this one is ours to move."""
        self._close()
        if not owned:
            return DamagedError(f"{text}; the file is left alone")
        # The log first: it would be taken for that of the new file.
        for suffix in ("-wal", "-shm", ""):
            try:
                os.replace(self.path + suffix, f"{self.path}.damaged{suffix}")
            except OSError:
                pass  # another process was faster
        return DamagedError(f"{text}; it is set aside as {self.path}.damaged")


def _connect(path: str) -> sqlite3.Connection:
    """Open a file of ours, made if need be, for its owner alone.

    Raises:
        StoreError: It is somebody else's, or cannot have a log beside it.
        OSError, sqlite3.Error: It cannot be opened, or is locked at the moment.
    """
    _prepare(path)
    connection = sqlite3.connect(path, timeout=0.0, isolation_level=None, check_same_thread=False)
    # A document with a byte that is none of UTF-8 cannot be read; the rest of its row can.
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    _open[id(connection)] = connection
    try:
        _set_up(connection)
    except BaseException:
        _close(connection, os.getpid())
        raise
    return connection


def _prepare(path: str) -> None:
    """SQLite makes its files with the mode of the first one, which is made here.

    One that is there is looked at from outside: see the top of this module.
    """
    private.make_directories(os.path.dirname(path))
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        pass
    found = os.lstat(path)
    if not stat.S_ISREG(found.st_mode):
        raise StoreError("it is not a regular file")
    if found.st_uid != os.geteuid():
        raise StoreError("it belongs to another user")
    if 0 < found.st_size < SMALLEST:
        raise sqlite3.DatabaseError("file is not a database")
    if stat.S_IMODE(found.st_mode) != 0o600:
        os.chmod(path, 0o600)


def _set_up(connection: sqlite3.Connection) -> None:
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
    execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES}")
    execute(f"PRAGMA journal_size_limit={WAL_BYTES}")
    # What a statement may have to undo: on disk it is as much again as what it writes.
    execute("PRAGMA temp_store=MEMORY")
    # Half of what it would keep of the file: the system keeps it as well.
    execute("PRAGMA cache_size=-1000")


def _inode(path: str) -> int:
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return 0


def _is_full(path: str) -> bool:
    """Whether its disk has no room for the log and its index to grow."""
    try:
        space = os.statvfs(os.path.dirname(path) or ".")
    except OSError:
        return False
    return space.f_bavail * space.f_frsize < _ROOM


# -- waiting -------------------------------------------------------------------------------


def _until() -> float:
    """Until when to wait for others, monotonic time: this thread may have a deadline."""
    return monotonic() + max(TO_WRITE_DOWN, time_left(BUSY_FOR))


def _held(until: float) -> threading.Lock:
    """The lock, which another thread may hold for longer than we can wait; to be released."""
    lock = _working
    if not lock.acquire(timeout=max(0.0, until - monotonic())):
        raise StoreError("another thread of this process is at work in it", busy=True)
    return lock


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

    To close one would release the parent's locks, and may undo its transaction in the log that both
    have mapped. So each gets a reference that nobody ever drops.
    """
    global _working
    for connection in _open.values():
        if pythonapi is not None:
            pythonapi.Py_IncRef(py_object(connection))
    _inherited.update(path for path, file in _files.items() if file.connection is not None)
    _open.clear()
    _forking.clear()
    _working = threading.Lock()


fork.hook(before=_before_fork, after_in_parent=_after_fork_in_parent)
fork.in_child(_leave_to_parent)
