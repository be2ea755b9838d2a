"""A store whose steps are done by Python, on a state that this process can reach."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager

from wecom_logging._model.ratelimit import Purpose
from wecom_logging._stores.ledger import Ledger
from wecom_logging._stores.protocol import Account, Batch, Claim, Failure, Fleet


class LocalStore(ABC):
    """`Store` on top of a `Ledger`: each method is one step, done as a whole or not at all."""

    def __init__(self) -> None:
        self._extra: list[str] = []

    @abstractmethod
    def _step(self) -> AbstractContextManager[Ledger]:
        """The ledger of this moment, for one step; nobody else gets one meanwhile."""

    def merge(self, batch: Batch) -> None:
        with self._step() as ledger:
            ledger.merge(batch)

    def claim(
        self,
        source: str,
        *,
        urgent: bool = False,
        news_only: bool = False,
        insist: bool = False,
        leaving: bool = False,
    ) -> Claim | float | None:
        with self._step() as ledger:
            return ledger.claim(
                source, urgent=urgent, news_only=news_only, insist=insist, leaving=leaving
            )

    def freeze(self, digest_id: str, body: str) -> None:
        with self._step() as ledger:
            ledger.freeze(digest_id, body)

    def renew(self, digest_id: str) -> bool:
        with self._step() as ledger:
            return ledger.renew(digest_id)

    def settle(self, digest_id: str, *, lost: bool = False) -> None:
        with self._step() as ledger:
            ledger.settle(digest_id, lost=lost)

    def release(self, digest_id: str, failure: Failure) -> None:
        with self._step() as ledger:
            ledger.release(digest_id, failure)

    def take_slot(self, purpose: Purpose) -> bool:
        with self._step() as ledger:
            slot = ledger.take_slot(purpose)
        if slot is not None:
            self._extra.append(slot)
        return slot is not None

    def give_back(self) -> None:
        if self._extra:
            with self._step() as ledger:
                ledger.give_back(self._extra.pop())

    def account(self, source: str) -> Account:
        with self._step() as ledger:
            return ledger.account(source)

    def fleet(self, source: str) -> Fleet:
        with self._step() as ledger:
            return ledger.fleet(source)

    def token(self, key: str) -> str | float | None:
        with self._step() as ledger:
            return ledger.tokens.token(key)

    def put_token(self, key: str, token: str, refresh_in: float) -> None:
        with self._step() as ledger:
            ledger.tokens.put(key, token, refresh_in)

    def miss_token(self, key: str, *, asked: bool) -> None:
        with self._step() as ledger:
            ledger.tokens.miss(key, asked=asked)

    def drop_token(self, key: str, token: str) -> None:
        with self._step() as ledger:
            ledger.tokens.drop(key, token)
