"""What a ledger writes into: mappings of records, and how they are read on demand."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import ItemsView, Iterable, Iterator, MutableMapping, ValuesView
from typing import Any, Generic, TypeVar, cast

from wecom_logging._model.digest import Event
from wecom_logging._runtime.diagnostics import warn_rarely
from wecom_logging._stores import records
from wecom_logging._stores.codec import decode
from wecom_logging._stores.marks import KeptAct
from wecom_logging._stores.rate_limiter import Slots

T = TypeVar("T")

#: The mappings of a `State`, of an app and environment and of a destination: what one of their
#: documents is called, and its type.
OWN: dict[str, tuple[str, Any]] = {
    "groups": ("group", records.Group),
    "pending": ("pending", records.Pending),
    "samples": ("samples", list[Event]),
    "sources": ("source", records.Source),
    "looks": ("look", float),
    "digests": ("digest", records.LeasedDigest),
    "parts": ("part", records.DigestEntry),
    "bodies": ("body", str),
    "following": ("following", records.Following),
    "acts": ("act", KeptAct),
    "sites": ("site", int),
    "allowances": ("allowance", records.Allowance),
    "jobs": ("job", records.JobHistory),
}
SHARED: dict[str, tuple[str, Any]] = {
    "routes": ("route", records.Trouble),
    "presence": ("presence", float),
    "numbers": ("number", records.Numbered),
    "apps": ("app", records.App),
}

#: A field of a `State`, and a key in it.
Wanted = tuple[str, str]


def warn_unreadable(kind: str) -> None:
    warn_rarely(
        f"unreadable {kind}", f"the store holds {kind} that cannot be read; they count as none"
    )


class State(ABC):
    """What a ledger writes into, each a document of its own.

    What was changed in place is kept once it has been assigned again; scope_state and
    destination are kept as they are.
    """

    #: Names the app and environment, and what they are called.
    scope: str
    names: tuple[str, str]

    groups: MutableMapping[str, records.Group]
    #: By "<group>|<source>".
    pending: MutableMapping[str, records.Pending]
    #: By group, and by "<digest>/<group>" of what is out.
    samples: MutableMapping[str, list[Event]]
    sources: MutableMapping[str, records.Source]
    looks: MutableMapping[str, float]
    digests: MutableMapping[str, records.LeasedDigest]
    #: By "<digest>/<group>".
    parts: MutableMapping[str, records.DigestEntry]
    bodies: MutableMapping[str, str]
    following: MutableMapping[str, records.Following]
    acts: MutableMapping[str, KeptAct]
    sites: MutableMapping[str, int]
    allowances: MutableMapping[str, records.Allowance]
    jobs: MutableMapping[str, records.JobHistory]

    scope_state: records.ScopeState

    # Of the destination:
    destination: records.Destination
    slots: Slots
    routes: MutableMapping[str, records.Trouble]
    presence: MutableMapping[str, float]
    numbers: MutableMapping[str, records.Numbered]
    apps: MutableMapping[str, records.App]

    # Of the whole place:
    tokens: MutableMapping[str, records.Token]

    @abstractmethod
    def read_ahead(self, wanted: Iterable[Wanted]) -> None:
        """Read at once what will be asked for."""

    def place(self, source: str) -> tuple[int, int]:
        """The rank of a source among those who are there, and how many they are."""
        names = sorted({*self.presence, source})
        return names.index(source), len(names)


class Records(MutableMapping[str, T], ABC, Generic[T]):
    """Records of one kind, for the time of a step.

    What is handed out may be changed in place, and is written once it has been assigned. A
    text that is no such record counts as absent.
    """

    def __init__(self, kind: str, type_: Any) -> None:
        self._kind, self._type = kind, type_
        #: Records as they are now (None: there is none), and which of them are to be written.
        self._records: dict[str, T | None] = {}
        self.changed: set[str] = set()
        #: Texts that are there, "" once they have been decoded (None: there is none).
        self._texts: dict[str, str | None] = {}
        #: There are no others.
        self.complete = False

    @abstractmethod
    def _fetch(self, key: str) -> str | None:
        """The text of a key."""

    @abstractmethod
    def _fetch_all(self) -> Iterable[tuple[str, str]]:
        """All keys, with their texts."""

    def _read(self, key: str, text: str) -> T:
        """The record of a text, or a `ValueError` or `TypeError`."""
        record: T = decode(self._type, text)
        return record

    def __getitem__(self, key: str) -> T:
        record = self.get(key)
        if record is None:
            raise KeyError(key)
        return cast("T", record)

    def get(self, key: str, default: Any = None) -> Any:
        """Without raising: most of what a new group asks for is not there."""
        record = self._records[key] if key in self._records else self._found(key)
        return default if record is None else record

    def _found(self, key: str) -> T | None:
        """What nobody has asked for yet."""
        if key not in self._texts:
            if self.complete:
                return None
            self.take_in(key, self._fetch(key))
        text, record = self._texts[key], None
        if text is not None:
            try:
                record = self._read(key, text)
            except (ValueError, TypeError):
                warn_unreadable(self._kind)
            self._texts[key] = ""
        self._records[key] = record
        return record

    def __setitem__(self, key: str, record: T) -> None:
        self._records[key] = record
        self.changed.add(key)

    def __delitem__(self, key: str) -> None:
        self[key]  # an error if there is none
        self._records[key] = None
        self.changed.add(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._known())

    def __len__(self) -> int:
        return len(self._known())

    def items(self) -> ItemsView[str, T]:
        return self._known().items()

    def values(self) -> ValuesView[T]:
        return self._known().values()

    def _known(self) -> dict[str, T]:
        """All that there are."""
        if not self.complete:
            for key, text in self._fetch_all():
                if key not in self._texts:
                    self.take_in(key, text)
            self.complete = True
        for key in self._texts:
            if key not in self._records:
                self._found(key)
        return {key: record for key, record in self._records.items() if record is not None}

    def knows(self, key: str) -> bool:
        """Whether it has been read, or assigned."""
        return key in self._records or key in self._texts or self.complete

    def take_in(self, key: str, text: str | None) -> None:
        """Remember what is there for a key; None: nothing."""
        self._texts[key] = text
