"""What a Redis holds, as the ledger sees it: for what people do, and for what they ask.

That is rare, so it is decided here and not in a script: documents are read when they are asked
for, and written all at once, unless somebody else has written one of them meanwhile. Then the
step is done anew. Nobody waits for anybody.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any, Generic, TypeVar

from wecom_logging._model.digest import Event, Identity
from wecom_logging._runtime.diagnostics import warn_rarely
from wecom_logging._stores.codec import decode, reader
from wecom_logging._stores.due_index import DueIndex
from wecom_logging._stores.marks import ACTS_FOR, KeptAct
from wecom_logging._stores.records import App, Group, JobHistory, Numbered, ScopeState, Source

T = TypeVar("T")

#: Runs a script with keys and arguments.
Send = Callable[[str, list[str], Sequence[object]], Any]


class RedisDocuments(MutableMapping[str, T], Generic[T]):
    """The documents of one hash, for the time of a step.

    What is handed out may be changed in place, and is written once it has been assigned. A
    field that is no such record counts as absent.
    """

    def __init__(self, client: Any, key: str, type_: Any) -> None:
        self._client, self.key, self._type = client, key, type_
        #: Texts as they were read, "" where there is none; and records as they are now.
        self._texts: dict[str, str] = {}
        self._records: dict[str, T] = {}
        self._changed: set[str] = set()
        self._all = False

    def __getitem__(self, name: str) -> T:
        if not self._all and name not in self._texts:
            self._take_in(name, self._client.hget(self.key, name))
        return self._records[name]

    def __setitem__(self, name: str, record: T) -> None:
        self.get(name)  # what it takes the place of
        self._records[name] = record
        self._changed.add(name)

    def __delitem__(self, name: str) -> None:
        self[name]
        del self._records[name]
        self._changed.add(name)

    def __iter__(self) -> Iterator[str]:
        if not self._all:
            for name, text in self._client.hgetall(self.key).items():
                if name not in self._texts:
                    self._take_in(name, text)
            self._all = True
        return iter(list(self._records))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _take_in(self, name: str, text: str | None) -> None:
        self._texts[name] = text or ""
        if text is None:
            return
        try:
            self._records[name] = self._read(name, text)
        except (ValueError, TypeError):
            kind = self.key.rpartition(":")[2]
            warn_rarely(
                f"unreadable {kind}",
                f"the store holds {kind} that cannot be read; they count as none",
            )

    def _read(self, name: str, text: str) -> T:
        record: T = decode(self._type, text)
        return record

    def _write(self, name: str, record: T) -> str:
        return _encode(record)

    def changes(self) -> Iterator[tuple[str, str, str]]:
        """Field, what was there, and what is to be; "" is nothing."""
        for name in self._changed:
            text = self._write(name, self._records[name]) if name in self._records else ""
            yield name, self._texts.get(name, ""), text


class _Groups(RedisDocuments[Group]):
    """Groups, whose identities are apart: Lua does not read them."""

    def __init__(self, client: Any, key: str, identities: str) -> None:
        super().__init__(client, key, Group)
        self._identities = identities
        self._every_identity: dict[str, str] | None = None
        #: What Lua has written down of their call sites.
        self._sites: dict[str, Any] = {}

    def __iter__(self) -> Iterator[str]:
        if not self._all:
            self._every_identity = self._client.hgetall(self._identities)
        return super().__iter__()

    def _read(self, name: str, text: str) -> Group:
        plain = json.loads(text)
        group: Group = reader(Group)({**plain, "identity": [name, "", "error"]})
        self._sites[name] = plain.get("site")
        every = self._every_identity
        found = self._client.hget(self._identities, name) if every is None else every.get(name)
        group.identity = identity_of(name, found or "")
        return group

    def _write(self, name: str, record: Group) -> str:
        fields = {**vars(record), "site": self._sites.get(name)}
        del fields["identity"]
        return _encode({key: value for key, value in fields.items() if value is not None})


class _Samples(RedisDocuments[list[Event]]):
    """Samples, each of which is a text for Lua."""

    def _read(self, name: str, text: str) -> list[Event]:
        return samples_of(text)


class RedisState:
    """A `ledger.State` as far as those steps go.

    Args:
        keys: Of the destination, the app and environment, by their names in `redis.py`.
    """

    def __init__(
        self, client: Any, keys: Mapping[str, str], own_scope: str, names: tuple[str, str]
    ) -> None:
        self._client, self._keys = client, keys
        self.scope, self.names = own_scope, names

        def documents(name: str, type_: Any) -> Any:
            return RedisDocuments(client, keys[name], type_)

        self.groups = _Groups(client, keys["groups"], keys["identities"])
        self.samples = _Samples(client, keys["samples"], list)
        self.sources: RedisDocuments[Source] = documents("sources", Source)
        self.acts: RedisDocuments[KeptAct] = documents("acts", KeptAct)
        self.jobs: RedisDocuments[JobHistory] = documents("jobs", JobHistory)
        self.numbers: RedisDocuments[Numbered] = documents("numbers", Numbered)
        self.apps: RedisDocuments[App] = documents("apps", App)
        self._scopes: RedisDocuments[ScopeState] = documents("scope", ScopeState)
        self._scope_state: ScopeState | None = None
        self._before = ""

    @property
    def scope_state(self) -> ScopeState:
        if self._scope_state is None:
            self._scope_state = self._scopes.get("state")
            if self._scope_state is None:
                self._scope_state = self._found_scope_state()
            self._before = _encode(self._scope_state)
        return self._scope_state

    def _found_scope_state(self) -> ScopeState:
        """One that is new or was lost, as `new_scope` in `common.lua` makes it."""
        out = {key.partition("/")[0] for key in self._client.hkeys(self._keys["parts"])}
        following = self._client.hkeys(self._keys["following"])
        return ScopeState(DueIndex(over=0.0), out=sorted(out), following=following)

    def save(self, send: Send, ttl: int) -> bool:
        """Write what has changed, see `written`."""
        if self._scope_state is not None and _encode(self._scope_state) != self._before:
            self._scopes["state"] = self._scope_state
        return written((self.groups, self.acts, self._scopes), (ttl, int(ACTS_FOR), ttl), send)


def written(every: Sequence[RedisDocuments[Any]], ttl: Sequence[int], send: Send) -> bool:
    """Write what has changed, all at once; returns False if somebody else was sooner."""
    flat = [
        value
        for n, documents in enumerate(every, 1)
        for change in documents.changes()
        for value in (n, *change)
    ]
    keys = [documents.key for documents in every]
    return not flat or bool(send("write", keys, [*ttl, *flat]))


def identity_of(group_id: str, text: str) -> Identity:
    """That of the group, or of one that has found no place at its call site."""
    try:
        identity = decode(Identity, text)
        while identity.id != group_id and identity.allowance is not None:
            identity = identity.beyond
        return identity
    except (ValueError, TypeError):
        return Identity(group_id, "", "error")  # its errors are told all the same


def samples_of(text: str) -> list[Event]:
    """Samples of a group, as Lua keeps them."""
    try:
        return [decode(dict, sample) for sample in json.loads(text) or []]
    except (ValueError, TypeError, RecursionError):
        return []


def _encode(record: object) -> str:
    """JSON that Lua reads as well: with nothing for None, and without lone surrogates."""
    text = json.dumps(record, default=_fields, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "replace").decode()


def _fields(record: object) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if value is not None}
