"""The access token that a sender is given: one for all processes that share a store.

One process has the turn and asks WeCom, the others wait for its answer. Where the store is not
shared the token is the process's: its handlers may have a store each.
"""

from __future__ import annotations

import time

from wecom_logging._runtime import shutdown
from wecom_logging._runtime.deadline import time_left
from wecom_logging._runtime.native import monotonic
from wecom_logging._senders.access_token import TOKENS
from wecom_logging._senders.protocol import TokenSender
from wecom_logging._stores.protocol import Dropped, Left, Store
from wecom_logging.errors import DeliveryError, TransportError

#: How long to wait for another process to fetch a token, seconds: less than the digest's lease.
PATIENCE = 15.0

#: How often to look meanwhile whether the process ends, seconds.
EXIT_LOOK = 0.1

#: For how long a token that could not be had in advance is not asked for again, seconds.
MET_FOR = 3.0


def current(store: Store, sender: TokenSender) -> str:
    """The token for this sender's credentials, fetched if need be.

    Raises:
        DeliveryError: There is none, and it is no fault of the destination's.
    """
    key = sender.token_key
    until = monotonic() + PATIENCE
    while store.durable:
        found = store.lease(key)
        if isinstance(found, str):
            return found
        if not store.durable:
            break  # it went away at this moment, and a turn without it is nobody's
        if found is None:
            return _fetched(store, sender, key)
        _wait(found, until)
    return TOKENS.get(key, sender.fetch_token)


def drop(store: Store, key: str, token: str) -> None:
    """WeCom has refused this token: nobody gets it again. Newer ones stay."""
    if store.durable:
        store.lease(key, Dropped(token))
    TOKENS.invalidate(key, token)


def _fetched(store: Store, sender: TokenSender, key: str) -> str:
    used = True
    try:
        # One that was fetched while the store was away is good, and a second one is not.
        token, good_for = TOKENS.unshared(key, sender.fetch_token)
    except Exception as error:
        # What never reached WeCom does not count for the ten seconds between two calls.
        used = not isinstance(error, TransportError) or error.written
        store.lease(key, Left(used=used))
        raise
    store.lease(key, Left(token, good_for))
    # A store that went away at this moment has not taken it.
    TOKENS.keep(key, token, good_for, shared=store.durable)
    return token


def _wait(seconds: float, until: float) -> None:
    now, was_exiting = monotonic(), shutdown.exiting.begun
    at = now + seconds
    in_time = seconds <= time_left(until - now)
    while in_time and (left := at - monotonic()) > 0:
        time.sleep(min(left, EXIT_LOOK))
        # What is under a lease is given back: who waits for the exit has less time than this.
        in_time = was_exiting or not shutdown.exiting.begun
    if not in_time:
        error = TransportError(f"the next access token may be fetched in {seconds:.1f} s only")
        error.way = True
        raise error


class Tokens:
    """The tokens that the calls of one sender bring."""

    def __init__(self, sender: TokenSender) -> None:
        self._sender = sender
        #: Why there was none when one was asked for in advance, and until when that holds.
        self._met: tuple[float, DeliveryError] | None = None

    def prepare(self, store: Store) -> bool:
        """Have one ready for the next call; returns whether there is one."""
        self._met = None
        try:
            current(store, self._sender)
        except DeliveryError as error:
            # To ask for a token again within seconds would have to wait.
            self._met = (monotonic() + MET_FOR, error)
        return self._met is None

    def for_call(self, store: Store) -> tuple[str, str]:
        """A token, and the key that it is of: see `drop`."""
        met, self._met = self._met, None
        if met is not None and monotonic() < met[0]:
            raise met[1]
        return self._sender.token_key, current(store, self._sender)

    def drop(self, store: Store, key: str, token: str) -> None:
        """WeCom has refused what `for_call` said."""
        drop(store, key, token)
