"""From the option `store` to a store."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from urllib.parse import unquote, urlsplit

from wecom_logging._runtime.diagnostics import warn_rarely
from wecom_logging._runtime.values import NamedTuple
from wecom_logging._senders.protocol import Sender
from wecom_logging._stores.memory import shared_store
from wecom_logging._stores.protocol import Rules, Store
from wecom_logging.errors import ConfigurationError


class StoreScope(NamedTuple):
    """Whose store it is, and by which options it goes."""

    sender: Sender
    app: str
    environment: str
    rules: Rules


def opener(
    store: str, place: StoreScope, environ: Mapping[str, str] = os.environ
) -> Callable[[], Store]:
    """Import what the store needs, in the constructor; returns what opens it later.

    What is returned is called by each worker, on its own thread, with its first visit. It
    does not wait for a network, and fails never: a store that cannot be reached is a
    matter for `FailoverStore`.

    Raises:
        ConfigurationError: A library is missing.
    """
    if store.startswith(("redis:", "rediss:")):
        return _redis(store, place)
    if store.startswith("sqlite:"):
        return _file(os.path.abspath(store.removeprefix("sqlite:///")), place)
    if store == "auto":
        return _automatic(place, environ)
    return lambda: _memory(place)


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


def _memory(place: StoreScope) -> Store:
    return shared_store(place.sender.destination, place.app, place.environment, place.rules)


def _automatic(place: StoreScope, environ: Mapping[str, str]) -> Callable[[], Store]:
    if place.sender.limits.local:
        return lambda: _memory(place)
    if environ.get("KUBERNETES_SERVICE_HOST"):
        warn_rarely(
            "kubernetes",
            "in Kubernetes without store='redis://…' every pod alerts for itself"
            " (store='memory' says that this is meant)",
            once=True,
        )
        return lambda: _memory(place)
    try:
        from wecom_logging._stores import failover, location, sqlite  # noqa: F401  # loaded now, on the caller's thread
    except ImportError:  # a Python without SQLite
        return lambda: _memory(place)
    directories = list(location.candidates(environ))
    name = file_name(place.sender)

    def open_store() -> Store:
        directory = location.private_directory(directories)
        if directory is None:
            return _memory(place)
        location.sweep(directory, time.time())
        return _file(os.path.join(directory, name), place, owned=True)()

    return open_store


def file_name(sender: Sender) -> str:
    """One file for each destination of each host: homes may be shared between hosts."""
    from wecom_logging._stores.documents import scope

    return f"{scope(socket.gethostname(), sender.destination)}.db"


def _file(path: str, place: StoreScope, *, owned: bool = False) -> Callable[[], Store]:
    from wecom_logging._stores.failover import FailoverStore
    from wecom_logging._stores.sqlite import SQLiteStore
    from wecom_logging._stores.sqlite_file import STOPPED_AFTER

    def open_store() -> Store:
        store = SQLiteStore(
            path,
            place.sender.destination,
            place.app,
            place.environment,
            place.rules,
            owned=owned,
            patience=STOPPED_AFTER,
        )
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
        destination = place.sender.destination
        store = RedisStore(url, destination, place.app, place.environment, place.rules)
        return FailoverStore(store, place.rules, shown(url))

    return open_store
