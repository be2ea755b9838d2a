"""What a ledger writes into: mappings of records, and how they are read on demand."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, MutableMapping
from functools import cache
from typing import Any, Generic, TypeVar, get_args, get_type_hints

from wecom_logging._model.digest import Event
from wecom_logging._runtime.diagnostics import warn_rarely
from wecom_logging._stores.codec import decode
from wecom_logging._stores.marks import KeptAct
from wecom_logging._stores.rate_limiter import Slots
from wecom_logging._stores.records import (
    Allowance,
    App,
    Destination,
    DigestEntry,
    Following,
    Group,
    JobHistory,
    LeasedDigest,
    Numbered,
    Pending,
    ScopeState,
    Source,
    Token,
    Trouble,
)

T = TypeVar("T")

#: The mappings of a `State`, and what one of their documents is called: those of an app and
#: environment, and those of a destination.
OWN = {
    "groups": "group", "pending": "pending", "samples": "samples", "sources": "source",
    "looks": "look", "digests": "digest", "parts": "part", "bodies": "body",
    "following": "following", "acts": "act", "sites": "site", "allowances": "allowance",
    "jobs": "job",
}  # fmt: skip
SHARED = {"routes": "route", "presence": "presence", "numbers": "number", "apps": "app"}

#: Instead of a key, to ask whether there is any.
ANY = "*"


class State(ABC):
    """What a ledger writes into, each a document of its own.

    What was changed in place is kept once it has been assigned again; scope_state and
    destination are kept as they are.
    """

    #: Names the app and environment, and what they are called.
    scope: str
    names: tuple[str, str]

    groups: MutableMapping[str, Group]
    #: By "<group>|<source>".
    pending: MutableMapping[str, Pending]
    #: By group, and by "<digest>/<group>" of what is out.
    samples: MutableMapping[str, list[Event]]
    sources: MutableMapping[str, Source]
    looks: MutableMapping[str, float]
    digests: MutableMapping[str, LeasedDigest]
    #: By "<digest>/<group>".
    parts: MutableMapping[str, DigestEntry]
    bodies: MutableMapping[str, str]
    following: MutableMapping[str, Following]
    acts: MutableMapping[str, KeptAct]
    sites: MutableMapping[str, int]
    allowances: MutableMapping[str, Allowance]
    jobs: MutableMapping[str, JobHistory]

    scope_state: ScopeState

    # Of the destination:
    destination: Destination
    slots: Slots
    routes: MutableMapping[str, Trouble]
    presence: MutableMapping[str, float]
    numbers: MutableMapping[str, Numbered]
    apps: MutableMapping[str, App]

    # Of the whole place:
    tokens: MutableMapping[str, Token]

    @abstractmethod
    def read_ahead(self, wanted: Iterable[tuple[str, str]]) -> None:
        """Read at once what will be asked for: (field, key) pairs."""

    @abstractmethod
    def place(self, source: str) -> tuple[int, int]:
        """The rank of a source among those who are there, and how many they are."""


@cache
def record_types() -> dict[str, Any]:
    """What the mappings of a `State` hold."""
    hints = get_type_hints(State)
    return {name: get_args(hints[name])[1] for name in (*OWN, *SHARED, "tokens")}


class Records(MutableMapping[str, T], ABC, Generic[T]):
    """Records of one kind, for the time of a step.

    What is handed out may be changed in place, and is written once it has been assigned. A
    text that is no such record counts as absent.
    """

    def __init__(self, kind: str, type_: Any) -> None:
        self._kind, self._type = kind, type_
        #: Records as they are now, None where it is known that there is none; which of them
        #: were there, and are to be written.
        self._records: dict[str, T | None] = {}
        #: Texts that are there, of which nobody has asked for the record yet.
        self._texts: dict[str, str] = {}
        self._stored: set[str] = set()
        self._changed: set[str] = set()
        self._all = False

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
        record = self._known(key)
        if record is None:
            raise KeyError(key)
        return record

    def get(self, key: str, default: Any = None) -> Any:
        """Without an error that is raised and caught: most of what a new group asks for is
        not there."""
        record = self._known(key)
        return default if record is None else record

    def _known(self, key: str) -> T | None:
        if not self.knows(key):
            self.take_in(key, self._fetch(key))
        if key in self._texts:
            self._records[key] = self._readable(key, self._texts.pop(key))
        return self._records.get(key)

    def _readable(self, key: str, text: str) -> T | None:
        try:
            return self._read(key, text)
        except (ValueError, TypeError):
            warn_rarely(
                f"unreadable {self._kind}",
                f"the store holds {self._kind} that cannot be read; they count as none",
            )
            return None

    def __setitem__(self, key: str, record: T) -> None:
        self._records[key] = record
        self._texts.pop(key, None)
        self._changed.add(key)

    def __delitem__(self, key: str) -> None:
        self[key]  # an error if there is none
        self._records[key] = None
        self._changed.add(key)

    def __iter__(self) -> Iterator[str]:
        if not self._all:
            for key, text in self._fetch_all():
                if key not in self._records:
                    self.take_in(key, text)
            self._all = True
        for key in list(self._texts):
            self._known(key)
        return iter([key for key, record in self._records.items() if record is not None])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def knows(self, key: str) -> bool:
        """Whether it has been read, or assigned."""
        return self._all or key in self._records or key in self._texts

    def take_in(self, key: str, text: str | None) -> None:
        """Remember what is there for a key; None: nothing."""
        if text is None:
            self._records[key] = None
        else:
            self._stored.add(key)
            self._texts[key] = text
