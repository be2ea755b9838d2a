"""Where the automatic store of a host may be: a private directory on a local disk."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping

from wecom_logging._runtime.private import make_directories

#: File systems on which hosts do not see each other's locks, or cannot share memory. Those of
#: FUSE count as such, except for local disks ("fuseblk").
_REMOTE = (
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "glusterfs", "lustre", "gpfs", "ocfs2",
    "gfs2", "9p", "virtiofs", "davfs", "beegfs", "orangefs", "pvfs2", "vboxsf", "ncpfs", "fuse",
)  # fmt: skip


#: A file that no process has written for so long, seconds, is of no use to anybody.
UNUSED_FOR = 90 * 86400.0


def candidates(environ: Mapping[str, str]) -> Iterator[str]:
    """Directories that may hold the file, the best first. Touches nothing.

    Called in the constructor: to find a home directory may mean an import.
    """
    state = environ.get("XDG_STATE_HOME", "")
    if os.path.isabs(state):  # a relative one is to be ignored, says the specification
        yield os.path.join(state, "wecom-logging")
    home = os.path.expanduser("~")
    if os.path.isabs(home):
        yield os.path.join(home, ".local", "state", "wecom-logging")
    temporary = environ.get("TMPDIR", "")
    yield os.path.join(
        temporary if os.path.isabs(temporary) else "/tmp",  # noqa: S108  private: see below
        f"wecom-logging-{os.geteuid()}",
    )


def private_directory(paths: list[str]) -> str | None:
    """The first that is there, or can be made, for this user alone, and is local."""
    return next((path for path in paths if _is_private(path) and not is_remote(path)), None)


def _is_private(path: str) -> bool:
    try:
        make_directories(path)
        # Not through a link: under a temporary directory anybody may have put one there.
        found = os.lstat(path)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            return False
        if stat.S_IMODE(found.st_mode) & 0o077:
            os.chmod(path, 0o700)
        return os.access(path, os.W_OK | os.X_OK)
    except OSError:
        return False


def sweep(directory: str, now: float) -> None:
    """Remove files that nobody has used for long: each simulator on a port of its own leaves
    one."""
    used: dict[str, float] = {}
    with os.scandir(directory) as entries:
        for entry in entries:
            name = entry.name.partition(".db")[0]
            try:
                used[name] = max(used.get(name, 0.0), entry.stat().st_mtime)
            except OSError:
                used[name] = now  # somebody is at work on it
    for name, at in used.items():
        if now - at > UNUSED_FOR:
            for suffix in (".db-wal", ".db-shm", ".db", ".db.damaged"):
                try:
                    os.unlink(os.path.join(directory, name + suffix))
                except OSError:
                    pass


def is_remote(path: str, mounts: str = "/proc/self/mountinfo") -> bool:
    """Whether a path is on a network file system; False where nobody can say."""
    path = os.path.realpath(path)
    best, kind = "", ""
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as lines:
            for line in lines:
                before, _, after = line.partition(" - ")
                point = _unescaped(before.split()[4])
                below = path == point or path.startswith(point.rstrip("/") + "/")
                if below and len(point) >= len(best):
                    best, kind = point, after.split()[0]
    except (OSError, IndexError):
        return False
    return kind in _REMOTE or kind.startswith("fuse.")


def _unescaped(point: str) -> str:
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        point = point.replace(code, char)
    return point


#: What Docker and Podman leave in a container.
_MARKS_OF_CONTAINERS = (".dockerenv", "run/.containerenv")


def in_container(root: str = "/") -> bool:
    """Whether this is a container, whose files nobody else may see."""
    return any(os.path.exists(os.path.join(root, each)) for each in _MARKS_OF_CONTAINERS)
