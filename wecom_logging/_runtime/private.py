"""Directories and paths that are this user's alone."""

from __future__ import annotations

import os
import stat


def make_directories(path: str) -> None:
    """Make a directory and those above it that are not there, each for this user alone.

    Raises:
        OSError: One of them cannot be made.
    """
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for each in reversed(missing):
        try:
            os.mkdir(each, 0o700)
        except FileExistsError:
            continue  # another process was faster
        os.chmod(each, 0o700)  # a umask may have taken away what the user needs


def foreign_link(path: str) -> str | None:
    """The first symbolic link on the way to an absolute path that neither this user nor root
    has made: in a directory where anybody may write, it would lead us to a file of theirs."""
    ours = (0, os.geteuid())
    parts = os.path.abspath(path).split(os.sep)
    for end in range(2, len(parts) + 1):
        here = os.sep.join(parts[:end])
        try:
            found = os.lstat(here)
        except OSError:
            return None  # what is not there leads nowhere
        if stat.S_ISLNK(found.st_mode) and found.st_uid not in ours:
            return here
    return None


def is_open(path: str) -> bool:
    """Whether a descriptor of this process leads to a file; True where nobody can say.

    Opens nothing: to close a descriptor gives up all locks that the process has on the file.
    """
    try:
        wanted = os.stat(path)
        descriptors = os.listdir("/proc/self/fd")
    except OSError:
        return True
    for descriptor in descriptors:
        try:
            if os.path.samestat(os.stat(f"/proc/self/fd/{descriptor}"), wanted):
                return True
        except OSError:
            pass  # closed meanwhile
    return False
