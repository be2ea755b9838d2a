"""A store whose steps are done by Python, on a state that this process can reach."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from wecom_logging._model.digest import Digest, Identity
from wecom_logging._stores import claiming, marking, merging, settling
from wecom_logging._stores.leases import Step, kept_value, lease, note
from wecom_logging._stores.ledger import Ledger
from wecom_logging._stores.marks import Act, Done, KeptAct, KnownApp
from wecom_logging._stores.protocol import (
    Account,
    Answer,
    Asker,
    Batch,
    Claim,
    Dropped,
    Failure,
    FollowUp,
    Groups,
    Left,
)
from wecom_logging._stores.records import Source
from wecom_logging._stores.register import first_number
from wecom_logging._stores.state import Wanted

T = TypeVar("T")


class MarkingStore(ABC):
    """A store as command line and bot use it, for one app and environment, on top of a `Ledger`.

    Raises `StoreError` if the store cannot be reached.
    """

    @abstractmethod
    def _step(
        self, step: Callable[[Ledger], T], wanted: Iterable[Wanted] = (), asker: Asker | None = None
    ) -> T:
        """Do a step on the ledger of this moment, as a whole or not at all.

        Args:
            wanted: What it will ask its state for.
            asker: Who may claim something by it.
        """

    def apps(self) -> tuple[tuple[str, str], ...]:
        """All apps and environments at this destination."""
        return self._step(marking.apps)

    def groups(self) -> KnownApp:
        """What is known of this app."""
        return self._step(marking.known)

    def whole(self, short_id: str) -> Digest | None:
        """All about one group as a digest, which `group_text` writes out; None: not there."""
        return self._step(lambda ledger: marking.whole(ledger, short_id))

    def mark(self, act: Act) -> Done:
        """Do it for all processes. Twice is once."""
        return self._step(lambda ledger: marking.mark(ledger, act))

    def undo(self, act: Act, within: float) -> KeptAct | None:
        """Take back the last act of `act.user` in so many seconds; returns it, or None."""
        return self._step(lambda ledger: marking.undo(ledger, act, within))

    def acts(self) -> tuple[KeptAct, ...]:
        """What was done in the last 30 days, the oldest first."""
        return self._step(marking.acts)

    def note(self, step: Step, key: str, value: str = "", seconds: float = 0.0) -> str | None:
        """A small document of all apps, see `leases.note`."""
        return self._step(
            lambda ledger: note(
                ledger.state.tokens, step, f"note:{key}", value, seconds, ledger.now
            )
        )

    def take_slot(self) -> str | float:
        """A slot for a message that no digest is about, within the half that files may take; or
        the seconds after which to ask again."""

        def step(ledger: Ledger) -> str | float:
            at = ledger.slots.free_at("extra")
            return at - ledger.now if at > ledger.now else ledger.slots.take()

        return self._step(step)

    def answered(self, slot: str) -> None:
        """The request of a slot that was taken has been answered."""
        self._step(lambda ledger: ledger.slots.answered(slot))


class LedgerStore(MarkingStore):
    """`Store` on top of a `Ledger`: each method is one step."""

    _names: tuple[str, str]

    def _look(self, step: Callable[[Ledger], T], wanted: Iterable[Wanted]) -> T:
        """A step that changes nothing, and need not wait for one that does."""
        return self._step(step, wanted)

    def merge(self, *batches: Batch) -> None:
        self._step(lambda ledger: merging.merge(ledger, batches), self._concerned(batches))

    def claim(self, asker: Asker, *batches: Batch) -> tuple[Answer, Account | None]:
        def step(ledger: Ledger) -> tuple[Answer, Account | None]:
            merging.merge(ledger, batches)
            answer = claiming.claim(ledger, asker)
            return answer, None if isinstance(answer, Claim) else _account(ledger, asker.source)

        return self._step(step, self._concerned(batches, asker), asker)

    def freeze(self, claim_id: str, body: str, *, extra: int = 0) -> bool:
        return self._step(
            lambda ledger: settling.freeze(ledger, claim_id, body, extra), [("digests", claim_id)]
        )

    def renew(self, claim_id: str) -> bool:
        return self._step(lambda ledger: settling.renew(ledger, claim_id), [("digests", claim_id)])

    def settle(
        self, claim_id: str, *follow_ups: FollowUp, lost: bool = False, groups: Groups = None
    ) -> None:
        self._step(
            lambda ledger: settling.settle(ledger, claim_id, follow_ups, lost=lost, groups=groups),
            [("digests", claim_id)],
        )

    def release(self, claim_id: str, failure: Failure) -> None:
        self._step(
            lambda ledger: settling.release(ledger, claim_id, failure), [("digests", claim_id)]
        )

    def lease(self, key: str, left: Left | Dropped | None = None) -> str | float | None:
        wanted = [("tokens", key)]
        if left is None:
            value = self._look(lambda each: kept_value(each.state.tokens, key, each.now), wanted)
            if value:
                return value
        return self._step(lambda each: lease(each.state.tokens, key, left, each.now), wanted)

    def account(self, source: str) -> Account:
        return self._look(lambda ledger: _account(ledger, source), [("sources", source)])

    def _concerned(
        self, batches: tuple[Batch, ...], asker: Asker | None = None
    ) -> Iterator[Wanted]:
        """What the state holds of sources and groups that batches tell of, and of who asks."""
        if asker is not None:
            yield "routes", asker.route
            for field in ("sources", "looks", "presence"):
                yield field, asker.source
        for batch in batches:
            yield "sources", batch.source
            for entry in batch.entries:
                group_id = entry.identity.id
                yield "groups", group_id
                yield "pending", f"{group_id}|{batch.source}"
                if entry.samples:
                    yield "samples", group_id
                    yield from self._of_new(entry.identity)

    def _of_new(self, identity: Identity) -> Iterator[Wanted]:
        """What is looked at to make a group; those that are new have samples."""
        yield "numbers", first_number(self._names, identity.id)
        yield "sites", identity.site
        if (allowance := identity.allowance) is not None:
            yield "allowances", allowance[0]


def _account(ledger: Ledger, source: str) -> Account:
    known, state = ledger.state.sources.get(source) or Source(), ledger.state
    counts = known.reported, known.lost, known.merged, known.first
    hours = max(0.0, state.scope_state.hours_until - ledger.now)
    held = marking.held(ledger, source)
    return Account(*counts, *state.place(source), held, hours, known.by_fallback)
