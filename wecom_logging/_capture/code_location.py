"""Where a piece of code lives: below which import root, whether it is a library's; its lines.

A file is only ever opened for a frame that has run. A path that stands in a text is a text.
"""

from __future__ import annotations

import codecs
import linecache
import os
import stat
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from types import CodeType
from typing import Any

from wecom_logging._capture.sanitize import remember

_STDLIB = os.path.dirname(os.__file__) + os.sep
#: Our own middleware stands between a server and the application.
_CONTRIB = os.path.join(os.path.dirname(os.path.dirname(__file__)), "contrib") + os.sep
_PACKAGES = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
#: Names of code that was typed in; all others in angle brackets are generated.
_TYPED = ("<stdin>", "<string>", "<console>", "<ipython", "<python-input", "<doctest")
#: Source files that are larger are not looked into, bytes.
_MAX_SOURCE = 1 << 20
#: Filled by file names of loaded code, which are few, and bounded all the same: a program may
#: make up file names.
_MAX_CACHED = 10_000
LIBRARIES: dict[str, bool] = {}


#: What a function is called; with its class since Python 3.11.
qualname = attrgetter("co_qualname" if hasattr(CodeType, "co_qualname") else "co_name")


def is_library(filename: str, namespace: Mapping[str, Any] | None = None) -> bool:
    """Whether a code object's file belongs to the interpreter or an installed package.

    `namespace` holds the globals of a frame that runs it: a compiled extension gives its frames
    the path that its source had where it was built.
    """
    known = LIBRARIES.get(filename)
    if known is None:
        known = is_library_by_name(filename, namespace)
        remember(LIBRARIES, filename, known, _MAX_CACHED)
    return known


def is_library_by_name(filename: str, namespace: Mapping[str, Any] | None = None) -> bool:
    """`is_library` for a path in a text. Not remembered: whoever writes the text must not decide
    about real frames."""
    if _is_installed(filename):
        return True
    if filename.startswith("<"):
        return not filename.startswith(_TYPED)
    if os.path.isabs(filename) or filename.endswith(".py"):
        return False
    # Relative and no Python: Cython's `pandas/_libs/x.pyx`, a template in memory.
    module = (namespace or {}).get("__file__")
    return not isinstance(module, str) or not os.path.isabs(module) or _is_installed(module)


def _is_installed(filename: str) -> bool:
    return filename.startswith((_STDLIB, _CONTRIB, "<frozen ")) or any(
        part in filename for part in _PACKAGES
    )


def below_root_by_name(filename: str) -> str:
    """The path of a file below its import root: `pay/gateway.py`.

    No absolute path is ever stored or shown: it differs between hosts and releases, and
    says more about a machine than a reader of alerts has to know.
    """
    if not filename or filename.startswith("<"):
        return filename
    path = _absolute(filename)
    root = _root_of(path)
    below = path[len(root) :] if root else os.sep.join(path.split(os.sep)[-2:])
    return below.replace(os.sep, "/")


#: The same for files of loaded code, which are few: remembered.
below_root = lru_cache(maxsize=_MAX_CACHED)(below_root_by_name)


def _root_of(path: str) -> str:
    roots = _roots(tuple(map(str, sys.path)), _absolute(""))
    return next(filter(path.startswith, roots), "")


@lru_cache(maxsize=1)
def _roots(paths: tuple[str, ...], directory: str) -> tuple[str, ...]:
    """Import roots as absolute paths, the longest first; `directory` is the one of relative
    ones. Remembered, because making them absolute takes longer than all else here."""
    roots = {_absolute(path) + os.sep for path in paths} - {os.sep}
    return tuple(sorted(roots, key=len, reverse=True))


def _absolute(path: str) -> str:
    try:
        return os.path.abspath(path)
    except OSError:  # the working directory has been deleted, as that of an old release
        return path


# -- on the worker's thread ---------------------------------------------------------------


def source_line(filename: str, lineno: int) -> str:
    """A line of the code of a real frame; "" if it is not to be had.

    Read from regular files below an import root only: a program may compile code under any
    name, and a pipe or a device would never end.
    """
    try:
        lines = _typed_lines(filename) or _file_lines(filename)
        line = lines[lineno - 1] if 0 < lineno <= len(lines) else ""
        # Of another encoding there is no line: looking for a codec would be an import.
        return (line if isinstance(line, str) else line.decode()).strip()[:500]
    except Exception:
        return ""  # a file that cannot be read is no reason to lose an alert


def _typed_lines(filename: str) -> Sequence[str]:
    """The cells of a notebook, which are kept in memory."""
    entry = linecache.cache.get(filename)
    return entry[2] if entry and len(entry) == 4 and entry[1] is None else []


def _file_lines(filename: str) -> Sequence[bytes]:
    path = os.path.abspath(filename)
    if filename.startswith("<") or not (path.startswith(_STDLIB) or _root_of(path)):
        return []
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode) or found.st_size > _MAX_SOURCE:
        return []
    return _read_lines(path, found.st_mtime_ns)


@lru_cache(maxsize=16)
def _read_lines(path: str, changed: int) -> Sequence[bytes]:
    # Without blocking, and looked at again: it may have become a pipe since.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return []
        return file.read(_MAX_SOURCE).removeprefix(codecs.BOM_UTF8).splitlines()
