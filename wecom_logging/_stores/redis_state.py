"""What a Redis holds, as the ledger sees it: for what people do, and for what they ask.

That is rare, so Python decides it, and no script: documents are read on demand, and what has
changed is written at once, unless somebody else has written it meanwhile: then the step is done
anew. Nobody waits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from wecom_logging._model.digest import Event, Identity
from wecom_logging._stores.codec import decode, reader
from wecom_logging._stores.due_index import DueIndex
from wecom_logging._stores.marks import ACTS_FOR, KeptAct
from wecom_logging._stores.records import Group, ScopeState
from wecom_logging._stores.state import OWN, SHARED, Records

T = TypeVar("T")

#: Runs a script with keys and arguments.
Send = Callable[[str, list[str], Sequence[object]], Any]


class RedisDocuments(Records[T]):
    """The records of one hash."""

    def __init__(self, client: Any, key: str, type_: Any) -> None:
        super().__init__(key.rpartition(":")[2], type_)
        self._client, self.key = client, key
        #: What was there.
        self._before: dict[str, str] = {}

    def take_in(self, key: str, text: str | None) -> None:
        self._before[key] = text or ""
        super().take_in(key, text)

    def _fetch(self, key: str) -> str | None:
        found: str | None = self._client.hget(self.key, key)
        return found

    def _fetch_all(self) -> Iterable[tuple[str, str]]:
        found: dict[str, str] = self._client.hgetall(self.key)
        return found.items()

    def __setitem__(self, key: str, record: T) -> None:
        self.get(key)  # what it takes the place of
        super().__setitem__(key, record)

    def _plain(self, key: str, record: T) -> object:
        return _plain(record)

    def _relied_on(self, old: Any) -> Iterable[tuple[object, ...]]:
        """What must not have changed meanwhile for a change to hold."""
        return ()

    def changes(self) -> Iterator[tuple[str, str, str, str]]:
        """Field, what was there, what is to be, and how these differ, as `write.lua` has it."""
        for key in self.changed:
            text, record = self._before.get(key, ""), self._records[key]
            if record is None:
                yield key, text, "", ""
                continue
            new = self._plain(key, record)
            try:
                old = self._plain(key, self._read(key, text)) if text else None
            except (ValueError, TypeError):
                old = None  # nobody can read it
            if old is None:
                yield key, text, _json(new), ""
            elif differences := [*self._relied_on(old), *_differences(old, new)]:
                yield key, text, "", _json(differences)


class _Scopes(RedisDocuments[ScopeState]):
    def _relied_on(self, old: Any) -> Iterable[tuple[object, ...]]:
        # If somebody has looked meanwhile, a group changed for that look would miss it.
        index = old.get("due_index", {})
        for name in ("held", "look_at"):
            yield ("due_index", name), index.get(name), index.get(name)


class _Groups(RedisDocuments[Group]):
    """Groups, whose identities are apart: Lua does not read them."""

    def __init__(self, client: Any, key: str, identities: str) -> None:
        super().__init__(client, key, Group)
        self._identities = identities
        self._every: dict[str, str] | None = None
        #: What Lua has written down of their call sites.
        self._sites: dict[str, Any] = {}

    def _fetch_all(self) -> Iterable[tuple[str, str]]:
        self._every = self._client.hgetall(self._identities)
        return super()._fetch_all()

    def _read(self, key: str, text: str) -> Group:
        plain = json.loads(text)
        group: Group = reader(Group)({**plain, "identity": [key, "", "error"]})
        self._sites[key] = plain.get("site")
        every = self._every
        found = self._client.hget(self._identities, key) if every is None else every.get(key)
        group.identity = identity_of(key, found or "")
        return group

    def _plain(self, key: str, record: Group) -> object:
        fields = {**_fields(record), "site": self._sites.get(key)}
        del fields["identity"]
        return _plain({name: value for name, value in fields.items() if value is not None})


class _Samples(RedisDocuments[list[Event]]):
    """Samples, each of which is a text for Lua."""

    def _read(self, key: str, text: str) -> list[Event]:
        return samples_of(text)


class RedisState:
    """A `ledger.State` as far as those steps go.

    Args:
        keys: Of the destination, the app and environment, by their names in `redis.py`.
    """

    acts: RedisDocuments[KeptAct]

    def __init__(
        self, client: Any, keys: Mapping[str, str], own_scope: str, names: tuple[str, str]
    ) -> None:
        self._client, self._keys = client, keys
        self.scope, self.names = own_scope, names
        for name in ("sources", "acts", "jobs", "numbers", "apps"):
            _, type_ = OWN.get(name) or SHARED[name]
            setattr(self, name, RedisDocuments(client, keys[name], type_))
        self.groups = _Groups(client, keys["groups"], keys["identities"])
        self.samples = _Samples(client, keys["samples"], list)
        self._scopes = _Scopes(client, keys["scope"], ScopeState)
        self._scope_state: ScopeState | None = None
        self._scope_before: object = None

    @property
    def scope_state(self) -> ScopeState:
        if self._scope_state is None:
            self._scope_state = self._scopes.get("state")
            if self._scope_state is None:
                self._scope_state = self._found_scope_state()
            self._scope_before = _plain(self._scope_state)
        return self._scope_state

    def _found_scope_state(self) -> ScopeState:
        """One that is new or was lost, as `new_scope` in `common.lua` makes it."""
        out = {key.partition("/")[0] for key in self._client.hkeys(self._keys["parts"])}
        following = self._client.hkeys(self._keys["following"])
        return ScopeState(DueIndex(over=0.0), out=sorted(out), following=following)

    def save(self, send: Send, ttl: int) -> bool:
        """Write what has changed, see `written`."""
        state = self._scope_state
        if state and (self.groups.changed or _plain(state) != self._scope_before):
            self._scopes["state"] = state
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


def _json(plain: object) -> str:
    """What Lua reads as well: without lone surrogates."""
    text = json.dumps(plain, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "replace").decode()


def _plain(record: object) -> object:
    """A record as JSON has it, with nothing for None."""
    return json.loads(json.dumps(record, default=_fields))


def _differences(old: object, new: object, *way: str) -> Iterator[tuple[object, ...]]:
    """Of each: the names on the way to it, what was there and what is to be; None is nothing."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in {**old, **new}:
            yield from _differences(old.get(name), new.get(name), *way, name)
    elif old != new:
        yield way, old, new


def _fields(record: object) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if value is not None}
