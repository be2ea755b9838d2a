"""Access tokens that processes share through a store."""

from __future__ import annotations

import time
from collections.abc import Callable

from wecom_logging._runtime.deadline import remaining
from wecom_logging._senders.access_token import TOKENS, Fetch, lifetime_of, margin_of
from wecom_logging._stores.protocol import Dropped, Left, Store, StoreError
from wecom_logging.errors import TransportError

#: How long to wait for another process to fetch a token, seconds: less than a lease, which
#: the digest that is about to be sent is under.
PATIENCE = 15.0


class SharedTokens:
    """A sender's token source: one `gettoken` for all processes that share the store.

    One process fetches while the others wait for it. Where the store cannot be reached,
    the tokens of this process serve. Called on the worker's thread.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, key: str, fetch: Fetch) -> str:
        """Return the token of `key`, fetched if need be. Errors of `fetch` pass through."""
        until = time.monotonic() + PATIENCE
        try:
            while True:
                answer = self._store.lease(key)
                if isinstance(answer, str):
                    return answer
                if answer is None:
                    return self._fetch(key, fetch)
                _wait(answer, until)
        except StoreError:
            return TOKENS.get(key, fetch)

    def invalidate(self, key: str, token: str) -> None:
        """WeCom has refused this token: nobody gets it again."""
        TOKENS.invalidate(key, token)
        try:
            self._store.lease(key, Dropped(token))
        except StoreError:
            pass  # whoever gets it from there will find out as well

    def _fetch(self, key: str, fetch: Fetch) -> str:
        began, asked = time.monotonic(), True
        try:
            token, expires_in = fetch()
        except Exception as error:
            # What never reached WeCom does not count for the spacing.
            asked = not isinstance(error, TransportError) or error.unclear
            self._tell(lambda: self._store.lease(key, Left(used=asked)))
            raise
        lifetime = lifetime_of(expires_in)
        # Counted from before the question: the answer may have been on its way for long.
        refresh_in = lifetime - margin_of(lifetime) - (time.monotonic() - began)
        self._tell(lambda: self._store.lease(key, Left(token, refresh_in)))
        return token

    def _tell(self, step: Callable[[], object]) -> None:
        try:
            step()
        except StoreError:
            pass  # the turn to fetch ends by itself


def _wait(seconds: float, until: float) -> None:
    left = until - time.monotonic()
    try:
        left = remaining(max(0.001, left))
    except TimeoutError:
        left = 0.0
    if seconds > left:
        raise TransportError(f"the next access token may be fetched in {seconds:.1f} s only")
    time.sleep(seconds)
