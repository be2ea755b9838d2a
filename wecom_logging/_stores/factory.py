"""From the option `store` to a store."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from wecom_logging._runtime.diagnostics import warn_rarely
from wecom_logging._runtime.values import NamedTuple
from wecom_logging._stores.memory import shared_store
from wecom_logging._stores.protocol import Rules, Store
from wecom_logging.errors import ConfigurationError


class StoreScope(NamedTuple):
    """Whose store it is, and by which options it goes."""

    destination: str
    app: str
    environment: str
    rules: Rules


def opener(store: str, place: StoreScope, *, local: bool) -> Callable[[], Store]:
    """Import what the store needs, in the constructor; returns what opens it later.

    What is returned is called by each worker, on its own thread, with its first visit. It
    does not wait for a network, and fails never: a store that cannot be reached is a
    matter for `FailoverStore`.

    Args:
        local: No other process knows the destination, and "auto" shares nothing.

    Raises:
        ConfigurationError: A library is missing.
    """
    if store.startswith(("redis:", "rediss:")):
        return _redis(store, place)
    if store.startswith("sqlite:"):
        return _file(os.path.abspath(store.removeprefix("sqlite:///")), place)
    if store == "auto" and not local:
        return _automatic(place)
    return lambda: shared_store(*place)


def password(store: str) -> tuple[str, ...]:
    """What of the option must not be shown."""
    found = urlsplit(store).password if store.startswith("redis") else None
    return (found, unquote(found)) if found else ()


def shown(store: str) -> str:
    """The option as it may be named: a URL without user and password."""
    if not store.startswith("redis"):
        return store
    parts = urlsplit(store)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or 6379}/{parts.path.strip('/') or 0}"


def _automatic(place: StoreScope) -> Callable[[], Store]:
    def in_memory() -> Store:
        return shared_store(*place)

    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        warn_rarely(
            "kubernetes",
            "in Kubernetes without store='redis://…' every pod alerts for itself"
            " (store='memory' says that this is meant)",
            once=True,
        )
        return in_memory
    try:
        from wecom_logging._stores import failover, location, sqlite  # noqa: F401  # loaded now, on the caller's thread
    except ImportError:  # a Python without SQLite
        return in_memory
    directories = list(location.candidates(os.environ))
    name = file_name(place.destination)

    def open_store() -> Store:
        directory = location.private_directory(directories)
        if directory is None:
            return in_memory()
        location.sweep(directory, time.time())
        return _file(os.path.join(directory, name), place, owned=True)()

    return open_store


def file_name(destination: str) -> str:
    """One file for each destination of each host: homes may be shared between hosts."""
    from wecom_logging._stores.documents import scope

    return f"{scope(socket.gethostname(), destination)}.db"


def _file(path: str, place: StoreScope, *, owned: bool = False) -> Callable[[], Store]:
    from wecom_logging._stores.failover import FailoverStore
    from wecom_logging._stores.sqlite import SQLiteStore
    from wecom_logging._stores.sqlite_file import STOPPED_AFTER

    def open_store() -> Store:
        store = SQLiteStore(path, *place, owned=owned, patience=STOPPED_AFTER)
        return FailoverStore(store, place.rules, f"the store {path}")

    return open_store


def _redis(url: str, place: StoreScope) -> Callable[[], Store]:
    from wecom_logging._stores.failover import FailoverStore

    try:
        from wecom_logging._stores.redis import RedisStore
    except ImportError:
        raise ConfigurationError(
            "store", "a redis:// URL needs the client: pip install 'wecom-logging[redis]'"
        ) from None

    def open_store() -> Store:
        return FailoverStore(RedisStore(url, *place), place.rules, shown(url))

    return open_store
