"""Access tokens that processes share through a store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Protocol, cast

from wecom_logging._runtime.deadline import remaining
from wecom_logging._senders.access_token import SPACING, TOKENS, Fetch, margin_of
from wecom_logging._senders.protocol import Message, Receipt, Sender, TokenSender
from wecom_logging._stores.protocol import LEASE, POLL, Store, StoreError
from wecom_logging._stores.records import Token
from wecom_logging.errors import TokenError, TransportError

#: How long to wait for another process to fetch a token, seconds: less than a lease, which
#: the digest that is about to be sent is under.
PATIENCE = 15.0


class Known(Protocol):
    @property
    def tokens(self) -> MutableMapping[str, Token]: ...


class TokenBook:
    """The steps of one moment: who has a token, and who may fetch the next one.

    `Store` says what each does.
    """

    def __init__(self, state: Known, now: float) -> None:
        self._state, self._now = state, now

    def token(self, key: str) -> str | float | None:
        now, known = self._now, self._known(key)
        if known.token and now < known.refresh_at:
            return known.token
        if now < known.fetched_until:
            return POLL
        if known.asked_at is not None and known.asked_at + SPACING > now:
            return known.asked_at + SPACING - now
        known.asked_before, known.asked_at = known.asked_at, now
        known.fetched_until = now + LEASE
        return None

    def put(self, key: str, token: str, refresh_in: float) -> None:
        known = self._known(key)
        known.token, known.refresh_at, known.fetched_until = token, self._now + refresh_in, 0.0

    def miss(self, key: str, *, asked: bool) -> None:
        known = self._known(key)
        known.fetched_until = 0.0
        if not asked:
            known.asked_at = known.asked_before

    def drop(self, key: str, token: str) -> None:
        known = self._known(key)
        if known.token == token:
            known.token = ""

    def _known(self, key: str) -> Token:
        return self._state.tokens.setdefault(key, Token())


class Tokens(Protocol):
    """Where a token comes from: this process, or a store that many share."""

    def get(self, key: str, fetch: Fetch) -> str:
        """The current token of `key`; calls `fetch`, once for all who wait, if there is none."""

    def invalidate(self, key: str, token: str) -> None:
        """WeCom has refused this token: never hand it out again. Others stay."""


class Wire:
    """A sender and, if it needs one, the access token. Called on the worker's thread.

    A token that is refused is dropped, if it is still that one, and the `TokenError` goes
    on: whoever takes another slot can call once more, with a new one.
    """

    def __init__(self, sender: Sender, store: Store) -> None:
        self._sender = sender
        self._tokens: Tokens = SharedTokens(store) if store.durable else TOKENS

    @property
    def renews_tokens(self) -> bool:
        """Whether another call comes with another token, once one was refused."""
        return self._sender.limits.token

    def send(self, message: Message) -> Receipt | None:
        """Send a message. Raises what the sender raises."""
        if not self._sender.limits.token:
            return self._sender.send(message)
        sender = cast("TokenSender", self._sender)
        with self._token(sender) as token:
            return sender.send(message, token)

    def upload(self, name: str, data: bytes) -> str:
        """Upload a file, see `send`."""
        if not self._sender.limits.token:
            return self._sender.upload(name, data)
        sender = cast("TokenSender", self._sender)
        with self._token(sender) as token:
            return sender.upload(name, data, token)

    @contextmanager
    def _token(self, sender: TokenSender) -> Iterator[str]:
        key = sender.token_key
        token = self._tokens.get(key, sender.fetch_token)
        try:
            yield token
        except TokenError:
            self._tokens.invalidate(key, token)
            raise


class SharedTokens:
    """One `gettoken` for all processes that share the store.

    One process fetches while the others wait for it. Where the store cannot be reached,
    the tokens of this process serve.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, key: str, fetch: Fetch) -> str:
        until = time.monotonic() + PATIENCE
        try:
            while True:
                answer = self._store.token(key)
                if isinstance(answer, str):
                    return answer
                if answer is None:
                    return self._fetch(key, fetch)
                _wait(answer, until)
        except StoreError:
            return TOKENS.get(key, fetch)

    def invalidate(self, key: str, token: str) -> None:
        TOKENS.invalidate(key, token)
        try:
            self._store.drop_token(key, token)
        except StoreError:
            pass  # whoever gets it from there will find out as well

    def _fetch(self, key: str, fetch: Fetch) -> str:
        began, asked = time.monotonic(), True
        try:
            token, lifetime = fetch()
        except Exception as error:
            # What never reached WeCom does not count for the spacing.
            asked = not isinstance(error, TransportError) or error.written
            self._tell(lambda: self._store.miss_token(key, asked=asked))
            raise
        # Counted from before the question: the answer may have been on its way for long.
        refresh_in = lifetime - margin_of(lifetime) - (time.monotonic() - began)
        self._tell(lambda: self._store.put_token(key, token, refresh_in))
        return token

    def _tell(self, step: Callable[[], None]) -> None:
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
