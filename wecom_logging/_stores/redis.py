"""The store of many hosts: a Redis that all processes of a fleet share."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha1
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import parse_qs, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from wecom_logging._model import schedule
from wecom_logging._model.digest import Identity, Report, others
from wecom_logging._stores import (
    claiming,
    ledger,
    marks,
    merging,
    protocol,
    register,
    releases,
    variety,
)
from wecom_logging._stores.codec import decode, encode
from wecom_logging._stores.documents import scope
from wecom_logging._stores.leases import FOR_GOOD, Step, note
from wecom_logging._stores.ledger import Ledger
from wecom_logging._stores.ledger_store import MarkingStore
from wecom_logging._stores.protocol import (
    Account,
    Answer,
    Asker,
    Batch,
    Claim,
    Dropped,
    Entry,
    Failure,
    FollowUp,
    Groups,
    Left,
    Rules,
    StoreError,
)
from wecom_logging._stores.records import DigestEntry, LeasedDigest, Token, new_id
from wecom_logging._stores.redis_state import (
    RedisDocuments,
    RedisState,
    identity_of,
    samples_of,
    written,
)
from wecom_logging._stores.state import State, Wanted, warn_unreadable

T = TypeVar("T")

#: The number is that of the layout. All versions on one Redis share tokens and slots, which stay
#: in place.
PREFIX, SHARED_PREFIX = "wecom-logging:3", "wecom-logging:2"

#: How long to wait for a connection, and for an answer, seconds.
TIMEOUTS = (2.0, 3.0)

#: For so long after the last visit, and a group's `forget_after`, keys are kept, seconds.
KEPT = 7 * 86400

#: The keys that every step is given, as `common.lua` names them, with their types: of the
#: destination, in the old layout and in this one, then of the app and environment.
_BUDGET = ("slots", "dest")
_SHARED = ("dest", "routes", "unclear", "fleet", "seen", "numbers", "apps")
_OWN = (
    "digests", "bodies", "scope", "following", "groups", "identities", "pending", "samples",
    "sources", "looks", "parts", "jobs", "sites", "allowances",
)  # fmt: skip
_SORTED = {"slots", "unclear", "fleet", "seen", "looks"}
_TYPES = ["zset" if name in _SORTED else "hash" for name in (*_BUDGET, *_SHARED, *_OWN)]
#: What stands before a message is content with the first ones: a client packs each by itself.
_FIRST = {"freeze": 11}

#: What the older version kept of an app and environment.
_OLDER = ("groups", "identities", "pending", "samples", "looks", "held", "desk", "sources")

#: Batches that one script merges: Redis does nothing else meanwhile.
AT_ONCE = 200

#: How often a step is done anew that others come in between of.
TRIES = 50

#: How often to look whether an older version has left something, seconds.
OLDER_EVERY = 60.0

#: Scripts know the numbers of these by the same names, in lower case.
_SAME = (claiming, ledger, marks, merging, protocol, register, releases, schedule, variety)

#: Scripts that do without `common.lua`.
_ALONE = ("lease", "mend", "time", "write")
_LUA = Path(__file__).with_name("lua")

# Recent clients import something with the first connection object: here, and not on the worker's
# thread, where a forked child would have half of it.
redis.ConnectionPool().make_connection()


class RedisStore(MarkingStore):
    """Groups, schedule, budget and token in keys that a whole fleet reads and writes.

    Each step of a worker is one script with the server's clock, on keys of one slot of a
    cluster, each of which expires. Made without a connection; each worker has one, opened with its
    first step, and a forked child opens its own. Nothing is tried twice here: that is for
    `FailoverStore`.

    Args:
        url: `redis://` or `rediss://`, with user, password and database number.
        skew: Moves the clock, for tests.

    Raises:
        StoreError: From every method, if Redis does not answer, or refuses.
    """

    durable = True

    def __init__(
        self,
        url: str,
        destination: str,
        app: str,
        environment: str,
        rules: Rules,
        *,
        wall: Callable[[], float] = time.time,
        skew: Callable[[], float] = float,
    ) -> None:
        self._url, self._wall, self._skew = url, wall, skew
        self._names = app, environment
        self._rules, self._own_scope = rules, scope(app, environment)
        self._ttl = int(rules.policy.forget_after) + KEPT
        self._script_options = json.dumps(self._options_of_scripts())
        # What stands in braces decides about the slot of a cluster.
        place = f"{{{scope(destination)}}}"
        own = f"{place}:{self._own_scope}"
        self._keys = [f"{SHARED_PREFIX}:{place}:{name}" for name in _BUDGET]
        self._keys += [f"{PREFIX}:{place}:{name}" for name in _SHARED]
        self._keys += [f"{PREFIX}:{own}:{name}" for name in _OWN]
        self._by_name = dict(zip((*_SHARED, *_OWN), self._keys[len(_BUDGET) :], strict=True))
        self._by_name["acts"] = f"{PREFIX}:{own}:acts"
        self._older = [f"{SHARED_PREFIX}:{own}:{name}" for name in _OLDER]
        self._look_for_older_at: float | None = 0.0
        self._scripts = _scripts()
        self._client: Any = None
        self._pid = 0

    def _options_of_scripts(self) -> dict[str, Any]:
        """The options that scripts go by, and whose groups they are."""
        rules = self._rules
        return {
            **rules.policy._asdict(),
            "rate_limit": rules.rate_limit,
            "max_groups": rules.max_groups,
            "duplicate_check": rules.duplicate_check,
            "release": _sound(rules.release),
            "ttl": self._ttl,
            "own": self._own_scope,
            "names": [_escaped(name) for name in self._names],
            "others": [self._named(others(critical=critical)) for critical in (False, True)],
        }

    # -- steps -------------------------------------------------------------------------

    def merge(self, *batches: Batch) -> None:
        self._visit("", batches)

    def claim(self, asker: Asker, *batches: Batch) -> tuple[Answer, Account | None]:
        answer, account = self._visit(json.dumps(asker._asdict()), batches)
        return _answer(*answer), _account(account) if account else None

    def _visit(self, asker: str, batches: tuple[Batch, ...]) -> Any:
        self._take_over()
        parts = [batches[i : i + AT_ONCE] for i in range(0, len(batches), AT_ONCE)] or [()]
        for n, part in enumerate(parts):
            told = [(one.source, one.sequence, [*map(self._entry, one.entries)]) for one in part]
            arguments = json.dumps(told), asker if part is parts[-1] else "", new_id(), new_id()
            try:
                answer = self._run("visit", self._wall(), *arguments)
            except StoreError as error:
                error.unclear = error.unclear or n > 0  # the parts before this one are merged
                raise
        return answer

    def _take_over(self) -> None:
        """Take over what an older version has left, now and then until nothing is left."""
        at = self._look_for_older_at
        if at is not None and time.monotonic() >= at:
            more = self._call("upgrade", [*self._keys, *self._older], ())
            self._look_for_older_at = time.monotonic() + OLDER_EVERY if more else None

    def freeze(self, claim_id: str, body: str, *, extra: int = 0) -> bool:
        return bool(self._run("freeze", claim_id, body, extra, new_id()))

    def renew(self, claim_id: str) -> bool:
        return bool(self._run("renew", claim_id, new_id()))

    def settle(
        self, claim_id: str, *follow_ups: FollowUp, lost: bool = False, groups: Groups = None
    ) -> None:
        only = "" if groups is None else json.dumps(dict.fromkeys(groups, 1))
        flat = (value for each in follow_ups for value in (each.kind, each.slots, each.body))
        self._run("settle", claim_id, int(lost), only, new_id(), *flat)

    def release(self, claim_id: str, failure: Failure) -> None:
        self._run("release", claim_id, json.dumps(failure._asdict()))

    def account(self, source: str) -> Account:
        return _account(self._run("account", source))

    def lease(self, key: str, left: Left | Dropped | None = None) -> str | float | None:
        step: tuple[object, ...] = ("get",)
        if isinstance(left, Dropped):
            step = "drop", left.value
        elif left is not None:
            step = "left", left.value, left.seconds, int(left.used)
        answer = self._call("lease", [f"{SHARED_PREFIX}:token:{scope(key)}"], step)
        if not answer or answer[0] == "turn":
            return None
        return str(answer[1]) if answer[0] == "value" else float(answer[1])

    # -- what people do, see `MarkingStore` -----------------------------------------------

    def note(self, step: Step, key: str, value: str = "", seconds: float = 0.0) -> str | None:
        keys = [f"{PREFIX}:note:{scope(key)}"]

        def attempt() -> tuple[str | None, bool]:
            found: RedisDocuments[Token] = RedisDocuments(self._connected(), keys[0], Token)
            answer = note(found, step, "", value, seconds, self._now(keys))
            ttl = int(min(seconds + 60.0, FOR_GOOD / 10))
            return answer, written((found,), (ttl,), self._send)

        return self._anew(attempt, keys, ["hash"])

    def _step(
        self, step: Callable[[Ledger], T], wanted: Iterable[Wanted] = (), asker: Asker | None = None
    ) -> T:
        """Do a step here, and not in a script."""
        keys = [*self._keys, self._by_name["acts"]]

        def attempt() -> tuple[T, bool]:
            now = self._now(keys[:1])
            state = RedisState(self._connected(), self._by_name, self._own_scope, self._names)
            # It has what such a step asks for.
            moment = Ledger(cast("State", state), self._rules, now, self._wall(), shared=True)
            return step(moment), state.save(self._send, self._ttl)

        return self._anew(attempt, keys, [*_TYPES, "hash"])

    def _anew(self, attempt: Callable[[], tuple[T, bool]], keys: list[str], types: list[str]) -> T:
        """Repeat a step until nobody else has written meanwhile what it writes."""
        for _ in range(TRIES):
            answer, is_written = self._reach(attempt, keys, types)
            if is_written:
                return answer
        raise StoreError("others write all the time")

    def _now(self, keys: list[str]) -> float:
        """By the server's clock, in whole milliseconds, as in `common.lua`."""
        seconds, micros = map(int, self._send("time", keys, ()))
        return int((seconds + self._skew()) * 1000 + micros / 1000) / 1000

    def take_slot(self) -> str | float:
        slot = new_id()
        wait = self._run("slot", slot, "take")
        return float(wait) if wait else slot

    def answered(self, slot: str) -> None:
        self._run("slot", slot, "answered")

    # -- to Redis and back -------------------------------------------------------------

    def _entry(self, entry: Entry) -> dict[str, Any]:
        return {
            **self._named(entry.identity),
            "count": entry.errors,
            "doubtful": entry.doubtful,
            "over": entry.over,
            "news": entry.news,
            "samples": [encode(sample) for sample in entry.samples],
            # What is encoded apart Lua does not read.
            "text": _sound(marks.beginning(entry.identity, entry.samples)),
        }

    def _named(self, identity: Identity) -> dict[str, Any]:
        ways = [self._way(identity)]
        named = {
            "identity": encode(identity),
            "critical": identity.critical,
            "job": identity.job,
            "changing": identity.changing,
            "ways": ways,
            "every": identity.every,
            "name": _sound(identity.logger) if identity.job else "",
        }
        if identity.site:
            named["site"] = identity.site
        while identity.allowance is not None:
            identity = identity.beyond
            ways.append(self._way(identity))
        return named

    def _way(self, identity: Identity) -> dict[str, Any]:
        way = {"id": identity.id, "first": register.first_choice(self._names, identity.id)}
        if identity.allowance is not None:
            key, way["limit"] = identity.allowance
            way["key"] = _escaped(key)
        return way

    def _run(self, step: str, *arguments: object) -> Any:
        return self._call(step, self._keys[: _FIRST.get(step)], arguments)

    def _call(self, step: str, keys: list[str], arguments: tuple[object, ...]) -> Any:
        everything = (self._skew(), self._script_options, *arguments)
        types = ["hash"] if len(keys) == 1 else _TYPES
        unreadable, answer = self._reach(lambda: self._send(step, keys, everything), keys, types)
        if unreadable:
            warn_unreadable(unreadable)
        return answer

    def _reach(self, step: Callable[[], T], keys: list[str], types: list[str]) -> T:
        """Take a step, once more where another node has the keys, or one was of a wrong type."""
        try:
            try:
                return step()
            except redis.ResponseError as error:
                if _has_moved(error):
                    self._client = redis.RedisCluster.from_url(self._url, **_options(self._url))
                elif "WRONGTYPE" not in str(error) or not self._send("mend", keys, types):
                    raise
                return step()
        # The latter, of a cluster that is away as a whole, is none of the former.
        except (redis.RedisError, redis.exceptions.RedisClusterException) as error:
            raise _translated(error) from None
        except (OSError, ValueError, TypeError, IndexError) as error:
            raise StoreError(f"unexpected {type(error).__name__}") from None

    def _send(self, step: str, keys: list[str], arguments: Sequence[object]) -> Any:
        client, (text, digest) = self._connected(), self._scripts[step]
        try:
            return client.evalsha(digest, len(keys), *keys, *arguments)
        except redis.exceptions.NoScriptError:
            return client.eval(text, len(keys), *keys, *arguments)

    def _connected(self) -> Any:
        if self._client is None or self._pid != os.getpid():
            self._client = redis.Redis.from_url(self._url, **_options(self._url))
            self._pid = os.getpid()
        return self._client


def _has_moved(error: redis.ResponseError) -> bool:
    """Whether this is a node of a cluster that has several.

    Clients before 6.0 have its words only.
    """
    return isinstance(error, redis.exceptions.MovedError) or str(error).startswith("MOVED ")


def _options(url: str) -> dict[str, Any]:
    connect, answer = TIMEOUTS
    # Clients before 6.0 do not check the host name by default, and refuse to where certificates
    # are not checked at all.
    parts = urlsplit(url)
    checked = parts.scheme == "rediss" and parse_qs(parts.query).get("ssl_cert_reqs") != ["none"]
    return {
        **({"ssl_check_hostname": True} if checked else {}),
        "socket_connect_timeout": connect,
        "socket_timeout": answer,
        "decode_responses": True,
        "encoding_errors": "backslashreplace",
        "retry": Retry(NoBackoff(), 0),
    }


def _scripts() -> dict[str, tuple[str, str]]:
    """By step: its text, and what Redis calls it."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in _LUA.glob("*.lua")}
    constants = (
        f"{name.lower()} = {value!r}"
        for module in _SAME
        for name, value in vars(module).items()
        if name.isupper() and type(value) in (int, float)
    )
    before = f"local constants = {{{', '.join(constants)}}}\n"
    common = before + texts.pop("common")
    whole = {name: (before if name in _ALONE else common) + text for name, text in texts.items()}
    return {
        name: (text, sha1(text.encode(), usedforsecurity=False).hexdigest())
        for name, text in whole.items()
    }


def _sound(text: str) -> str:
    """Lua takes no lone surrogates."""
    return text.encode("utf-8", "replace").decode()


def _escaped(text: str) -> str:
    """The same, but different texts stay different."""
    return text.encode("utf-8", "backslashreplace").decode()


def _answer(kind: str, *values: Any) -> Answer:
    if kind == "none":
        return None
    if kind == "wait":
        return float(values[0])
    try:
        return FollowUp(*values) if kind == "follow" else _claim(*values)
    except (ValueError, TypeError, KeyError):
        raise StoreError("it holds a digest that cannot be read") from None


def _claim(
    failures: str, digest_id: str, head: str, body: str, fallback: str, *parts: str
) -> Claim:
    held = decode(LeasedDigest, head)
    told = [_reports(parts[i : i + 5], held) for i in range(0, len(parts), 5)]
    reports = [report for _, found in sorted(told, key=lambda each: each[0]) for report in found]
    digest = claiming.as_digest(digest_id, held, reports)
    return Claim(digest, body or None, int(failures), bool(int(fallback)))


def _reports(fields: Sequence[str], held: LeasedDigest) -> tuple[tuple[float, str], list[Report]]:
    """What a message says about one group, and its place among the others."""
    group_id, identity, number, text, samples = fields
    part = decode(DigestEntry, text)
    place = part.track.first_seen, group_id
    if not (part.pending or part.silence) and not identity:
        return place, []  # nobody knows any more what is over
    short_id = number if number != "0" else ""
    of = identity_of(group_id, identity)
    return place, part.reports(of, short_id, samples_of(samples), held.now, held.wall)


def _account(text: str) -> Account:
    *counts, hours, by_fallback = json.loads(text)
    return Account._make((*map(int, counts), float(hours), int(by_fallback), False))


def _translated(error: Exception) -> StoreError:
    """An error without what the URL holds, which says whether the step may have been done."""
    text = str(error)
    lost = isinstance(error, (redis.ConnectionError, redis.TimeoutError))
    before = "connecting to" in text or isinstance(error, redis.AuthenticationError)
    return StoreError(text[:200], unclear=lost and not before)
