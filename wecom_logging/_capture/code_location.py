"""Where a piece of code lives: below which import root, and whether it is a library's."""

from __future__ import annotations

import os
import sys
from functools import lru_cache

_STDLIB = os.path.dirname(os.__file__) + os.sep
#: Our own middleware stands between a server and the application.
_CONTRIB = os.path.join(os.path.dirname(__file__), "contrib") + os.sep
_PACKAGES = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")

#: Both caches are filled by file names of loaded code, which are few, and emptied all the
#: same when a program that makes up file names has filled them.
_MAX_CACHED = 10_000
_libraries: dict[str, bool] = {}
_relative: dict[str, str] = {}


def is_library(filename: str) -> bool:
    """Whether a code object's file belongs to the interpreter or an installed package."""
    known = _libraries.get(filename)
    if known is None:
        known = filename.startswith((_STDLIB, _CONTRIB, "<frozen ")) or any(
            part in filename for part in _PACKAGES
        )
        _remember(_libraries, filename, known)
    return known


def below_root(filename: str) -> str:
    """The path of a file below its import root: `pay/gateway.py`.

    No absolute path is ever stored or shown: it differs between hosts and releases, and
    says more about a machine than a reader of alerts has to know.
    """
    known = _relative.get(filename)
    if known is None:
        known = _find_below_root(filename)
        _remember(_relative, filename, known)
    return known


def _find_below_root(filename: str) -> str:
    if not filename or filename.startswith("<"):
        return filename
    path = _absolute(filename)
    roots = _roots(tuple(root for root in sys.path if isinstance(root, str)), _absolute(""))
    root = next(filter(path.startswith, roots), "")
    below = path[len(root) :] if root else os.sep.join(path.split(os.sep)[-2:])
    return below.replace(os.sep, "/")


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


def _remember(cache: dict[str, bool] | dict[str, str], key: str, value: bool | str) -> None:
    if len(cache) >= _MAX_CACHED:
        cache.clear()
    cache[key] = value  # type: ignore[assignment]
