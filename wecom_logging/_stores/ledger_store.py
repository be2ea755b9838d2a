"""A store whose steps are done by Python, on a state that this process can reach."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from contextlib import AbstractContextManager

from wecom_logging._model.digest import Digest, Identity
from wecom_logging._model.ratelimit import ranks
from wecom_logging._stores import claiming, marking, merging, settling
from wecom_logging._stores.leases import Step, kept_value, lease, note
from wecom_logging._stores.ledger import Ledger
from wecom_logging._stores.marks import Act, Done, KeptAct, KnownApp
from wecom_logging._stores.protocol import (
    Account,
    Asker,
    Batch,
    Claim,
    Dropped,
    Failure,
    FollowUp,
    Left,
    Rules,
)
from wecom_logging._stores.records import Source
from wecom_logging._stores.register import first_number
from wecom_logging._stores.state import ANY


class LedgerStore(ABC):
    """`Store` on top of a `Ledger`: each method is one step, done as a whole or not at all."""

    _rules: Rules
    _names: tuple[str, str]

    @abstractmethod
    def _step(self, *wanted: tuple[str, str]) -> AbstractContextManager[Ledger]:
        """The ledger of this moment, for one step; nobody else gets one meanwhile.

        `wanted` are fields of its state and keys in them that the step will ask for.
        """

    def _look(self, *wanted: tuple[str, str]) -> AbstractContextManager[Ledger]:
        """The same for a step that changes nothing, and need not wait for one that does."""
        return self._step(*wanted)

    def merge(self, *batches: Batch) -> None:
        with self._step(*self._concerned(batches)) as ledger:
            for batch in batches:
                merging.merge(ledger, batch)

    def claim(self, asker: Asker, *batches: Batch) -> Claim | FollowUp | float | None:
        concerned = self._concerned(batches)
        own = [(field, asker.source) for field in ("sources", "looks", "presence")]
        seen = [*self._slots(), ("pending", ANY), ("routes", asker.route)]
        with self._step(*seen, *own, *concerned) as ledger:
            for batch in batches:
                merging.merge(ledger, batch)
            return claiming.claim(ledger, asker)

    def _slots(self) -> list[tuple[str, str]]:
        """The slots that are looked at if something is due."""
        limit = self._rules.rate_limit
        return [("slots", str(n)) for n in ranks(limit, "message") | ranks(limit, "critical")]

    def freeze(self, claim_id: str, body: str, *, extra: int = 0) -> bool:
        with self._step(("digests", claim_id)) as ledger:
            return settling.freeze(ledger, claim_id, body, extra)

    def renew(self, claim_id: str) -> bool:
        with self._step(("digests", claim_id)) as ledger:
            return settling.renew(ledger, claim_id)

    def settle(
        self,
        claim_id: str,
        *follow_ups: FollowUp,
        lost: bool = False,
        groups: Collection[str] | None = None,
    ) -> None:
        with self._step(("digests", claim_id)) as ledger:
            settling.settle(ledger, claim_id, follow_ups, lost=lost, groups=groups)

    def release(self, claim_id: str, failure: Failure) -> None:
        with self._step(("digests", claim_id)) as ledger:
            settling.release(ledger, claim_id, failure)

    def lease(self, key: str, left: Left | Dropped | None = None) -> str | float | None:
        if left is None:
            with self._look(("tokens", key)) as ledger:
                if value := kept_value(ledger.state.tokens, key, ledger.now):
                    return value
        with self._step(("tokens", key)) as ledger:
            return lease(ledger.state.tokens, key, left, ledger.now)

    def groups(self) -> KnownApp:
        with self._step() as ledger:
            return marking.known(ledger)

    def whole(self, short_id: str) -> Digest | None:
        with self._step() as ledger:
            return marking.whole(ledger, short_id)

    def apps(self) -> tuple[tuple[str, str], ...]:
        with self._step() as ledger:
            return marking.apps(ledger)

    def mark(self, act: Act) -> Done:
        with self._step() as ledger:
            return marking.mark(ledger, act)

    def undo(self, act: Act, within: float) -> KeptAct | None:
        with self._step() as ledger:
            return marking.undo(ledger, act, within)

    def note(self, step: Step, key: str, value: str = "", seconds: float = 0.0) -> str | None:
        with self._step() as ledger:
            return note(ledger.state.tokens, step, f"note:{key}", value, seconds, ledger.now)

    def take_slot(self) -> str | float:
        with self._step() as ledger:
            at = ledger.slots.free_at("extra")
            return at - ledger.now if at > ledger.now else ledger.slots.take()

    def answered(self, slot: str) -> None:
        with self._step() as ledger:
            ledger.slots.answered(slot)

    def acts(self) -> tuple[KeptAct, ...]:
        with self._step() as ledger:
            return marking.acts(ledger)

    def account(self, source: str) -> Account:
        with self._look(("sources", source)) as ledger:
            known = ledger.state.sources.get(source) or Source()
            place = ledger.state.place(source)
            return Account(
                known.reported,
                known.lost,
                known.merged,
                known.first,
                *place,
                marking.held(ledger, source),
                max(0.0, ledger.state.scope_state.hours_until - ledger.now),
                known.by_fallback,
            )

    def _concerned(self, batches: tuple[Batch, ...]) -> list[tuple[str, str]]:
        """What the state holds of sources and groups that batches tell of."""
        found = []
        for batch in batches:
            found.append(("sources", batch.source))
            for entry in batch.entries:
                group_id = entry.identity.id
                found += [("groups", group_id), ("pending", f"{group_id}|{batch.source}")]
                if entry.samples:
                    found += [("samples", group_id), *self._of_new(entry.identity)]
        return found

    def _of_new(self, identity: Identity) -> list[tuple[str, str]]:
        """What is looked at to make a group; those that are new have samples."""
        found = [("numbers", first_number(self._names, identity.id)), ("sites", identity.site)]
        if identity.allowance is not None:
            found.append(("allowances", identity.allowance[0]))
        return found
