"""The handlers that are compared, one file each.

A peer is a module with a `NAME`, the `PACKAGES` it needs and `handler(url)`, which makes a
`logging.Handler` with the library's defaults that delivers to a sink. It imports its
library in there and not before: importing it is measured. Optional: `IMPORT`, the
statement that a program begins with, and `TELLS_COUNTS`, where a message says how many
errors it stands for.
"""

from __future__ import annotations

import importlib
import pkgutil
from importlib.util import find_spec
from types import ModuleType

#: The floor comes first, then the others by name, ours last.
NULL = "null"


def load(name: str) -> ModuleType:
    return importlib.import_module(f"benchmarks.peers.{name}")


def title_of(name: str) -> str:
    return str(load(name).NAME)


def tells_counts(name: str) -> bool:
    return getattr(load(name), "TELLS_COUNTS", False)


def names() -> list[str]:
    found = [module.name for module in pkgutil.iter_modules(__path__)]
    return sorted(found, key=lambda name: (name != NULL, name.startswith("wecom"), name))


def missing(peer: ModuleType) -> list[str]:
    """Packages of a peer that are not installed."""
    return [p for p in peer.PACKAGES if find_spec(p.partition(".")[0]) is None]
