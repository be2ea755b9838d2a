"""The store of many hosts: a Redis that all processes of a fleet share."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from wecom_logging._model import schedule
from wecom_logging._model.digest import Identity, Outage, others
from wecom_logging._model.ratelimit import Purpose
from wecom_logging._model.schedule import Policy, Track
from wecom_logging._senders.access_token import SPACING
from wecom_logging._stores.codec import encode, reader
from wecom_logging._stores.documents import scope
from wecom_logging._stores.ledger import CROWDED, LATE_AFTER, LOOK_THROUGH
from wecom_logging._stores.protocol import (
    DEAD_AFTER,
    FLEET_FOR,
    LEASE,
    LOOK,
    MAX_SAMPLES,
    POLL,
    SOURCE_FOR,
    Account,
    Batch,
    Claim,
    Entry,
    Failure,
    Fleet,
    Rules,
    StoreError,
)
from wecom_logging._stores.records import Held, Part

#: The number is that of the layout: two versions of this package beside each other on one
#: Redis keep to their own keys.
PREFIX = "wecom-logging:2"

#: How long to wait for a connection, and for an answer, seconds.
TIMEOUTS = (2.0, 3.0)

#: For so long after the last visit, and a group's `forget_after`, keys are kept, seconds.
KEPT = 7 * 86400

#: Of the destination, then of the app and environment, as `common.lua` names them.
_SHARED = ("dest", "slots", "unclear", "fleet", "seen")
_OWN = ("desk", "groups", "identities", "pending", "samples", "sources", "looks", "held")

#: What `schedule.arrive` writes, and `schedule.tell` does not.
_ARRIVAL = (
    "last_seen", "since", "total", "earlier", "last_before", "due", "pending_since", "over_told",
)  # fmt: skip

_STEPS = ("merge", "claim", "freeze", "renew", "settle", "release", "slot", "account", "fleet")
_LUA = Path(__file__).with_name("lua")


class RedisStore:
    """Groups, schedule, budget and token in keys that a whole fleet reads and writes.

    Each step is one script with the server's clock, on keys of one slot of a cluster, each
    of which expires. Made without a connection; each worker has one, opened with its
    first step, and a forked child opens its own. Nothing is tried twice here: that is for
    `FallbackStore`.

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
        self._policy = rules.policy
        self._numbers = json.dumps(_numbers(rules))
        # What stands in braces decides about the slot of a cluster.
        shared = f"{PREFIX}:{{{scope(destination)}}}"
        own = f"{shared}:{scope(app, environment)}"
        self._keys = [f"{shared}:{name}" for name in _SHARED] + [f"{own}:{n}" for n in _OWN]
        self._scripts = _scripts()
        self._client: Any = None
        self._pid = 0
        self._extra: list[str] = []
        #: The digest claimed last, and when: by the server's clock and by ours.
        self._held: Held | None = None
        self._claimed_at = (0.0, 0.0)

    # -- steps -------------------------------------------------------------------------

    def merge(self, batch: Batch) -> None:
        entries = json.dumps([self._entry(entry) for entry in batch.entries])
        self._run("merge", batch.source, batch.sequence, entries)

    def claim(
        self, source: str, *, urgent: bool = False, insist: bool = False, leaving: bool = False
    ) -> Claim | float | None:
        answer = self._run(
            "claim",
            source,
            int(urgent),
            int(insist),
            int(leaving),
            _new_id(),
            _new_id(),
            self._wall(),
            source.rpartition("/")[0] + "/",
        )
        if answer[0] == "none":
            return None
        if answer[0] == "wait":
            return float(answer[1])
        try:
            held = self._read(dict(zip(answer[3::2], answer[4::2], strict=True)))
        except (ValueError, TypeError, KeyError):
            raise StoreError("it holds a digest that cannot be read") from None
        self._held, self._claimed_at = held, (float(answer[2]), self._clock())
        return Claim(held.digest(), held.body, int(answer[1]))

    def _read(self, fields: dict[str, str]) -> Held:
        """A digest out of the hash that holds it."""
        now, wall = float(fields["now"]), float(fields["wall"])
        outage = None
        if "outage_since" in fields:
            outage = Outage(wall - (now - float(fields["outage_since"])), fields["reason"])
        return Held(
            fields["id"],
            [self._part(part, now) for part in json.loads(fields["parts"])],
            now,
            wall,
            fields["slot"],
            outage=outage,
            lost=int(float(fields["lost"])),
            body=fields.get("body"),
        )

    def _part(self, part: dict[str, Any], now: float) -> Part:
        try:
            return _part(part)
        except (ValueError, TypeError, KeyError):
            # Its errors are told all the same; nothing else of it can be trusted.
            identity = Identity(str(part["id"]), "", "error")
            track = schedule.begin(now, 0.0, self._policy, critical=False)
            return Part(identity, track, reader(dict[str, int])(part["p"] or {}), [])

    def freeze(self, digest_id: str, body: str) -> None:
        self._run("freeze", digest_id, body)

    def renew(self, digest_id: str) -> bool:
        return bool(self._run("renew", digest_id, _new_id()))

    def settle(self, digest_id: str, *, lost: bool = False) -> None:
        if self._held is not None and self._held.id == digest_id:
            told = json.dumps(self._told(self._held))
            self._run("settle", digest_id, int(lost), told)

    def _told(self, held: Held) -> dict[str, dict[str, Any]]:
        """What the tracks of a digest become now that it is told."""
        theirs, ours = self._claimed_at
        now, policy = theirs + self._clock() - ours, self._policy
        return {
            part.identity.id: {
                "told": _after(part.track, part.count, now, policy),
                "surged": _after(replace(part.track, step=-1), part.count, now, policy),
            }
            for part in held.parts
            if part.pending
        }

    def _clock(self) -> float:
        return time.monotonic() + self._skew()

    def release(self, digest_id: str, failure: Failure) -> None:
        strict, unclear = int(failure.strict), int(failure.unclear)
        self._run("release", digest_id, failure.reason, failure.pause, strict, unclear)

    def take_slot(self, purpose: Purpose) -> bool:
        slot = _new_id()
        taken = bool(self._run("slot", slot, purpose))
        if taken:
            self._extra.append(slot)
        return taken

    def give_back(self) -> None:
        if self._extra:
            self._run("slot", self._extra.pop(), "")

    def account(self, source: str) -> Account:
        return Account(*map(int, self._run("account", source)))

    def fleet(self, source: str) -> Fleet:
        rank, size = self._run("fleet", source)
        return Fleet(int(rank), int(size))

    def token(self, key: str) -> str | float | None:
        answer = self._run_token(key, "get")
        if answer[0] == "fetch":
            return None
        return str(answer[1]) if answer[0] == "token" else float(answer[1])

    def put_token(self, key: str, token: str, refresh_in: float) -> None:
        self._run_token(key, "put", token, refresh_in)

    def miss_token(self, key: str, *, asked: bool) -> None:
        self._run_token(key, "miss", int(asked))

    def drop_token(self, key: str, token: str) -> None:
        self._run_token(key, "drop", token)

    # -- to Redis and back -------------------------------------------------------------

    def _entry(self, entry: Entry) -> dict[str, Any]:
        wait = schedule.wait_for_company(self._policy, critical=entry.identity.critical)
        return {
            **self._group(entry.identity, wait),
            "count": entry.errors,
            "doubtful": entry.doubtful,
            "samples": [encode(sample) for sample in entry.samples],
            "others": self._group(others(critical=entry.identity.critical), wait),
        }

    def _group(self, identity: Identity, wait: float) -> dict[str, Any]:
        track = schedule.begin(0.0, wait, self._policy, critical=identity.critical)
        return {
            "id": identity.id,
            "identity": encode(identity),
            "track": asdict(track),
            "wait": wait,
        }

    def _run(self, step: str, *arguments: object) -> Any:
        return self._call(step, self._keys, arguments)

    def _run_token(self, key: str, *arguments: object) -> Any:
        return self._call("token", [f"{PREFIX}:token:{scope(key)}"], arguments)

    def _call(self, step: str, keys: list[str], arguments: tuple[object, ...]) -> Any:
        try:
            client = self._connected()
            script = client.register_script(self._scripts[step])
            try:
                return script(keys, (self._skew(), self._numbers, *arguments), client)
            except redis.exceptions.MovedError:  # a node of a cluster that has several
                self._client = redis.RedisCluster.from_url(self._url, **_options(self._url))
                return script(keys, (self._skew(), self._numbers, *arguments), self._client)
        except redis.RedisError as error:
            raise _translated(error) from None
        except (OSError, ValueError, TypeError, IndexError) as error:
            raise StoreError(f"unexpected {type(error).__name__}") from None

    def _connected(self) -> Any:
        if self._client is None or self._pid != os.getpid():
            self._client, self._pid = (
                redis.Redis.from_url(self._url, **_options(self._url)),
                os.getpid(),
            )
        return self._client


def shown(url: str) -> str:
    """A Redis as it may be named: without user and password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or 6379}/{parts.path.strip('/') or 0}"


def _options(url: str) -> dict[str, Any]:
    connect, answer = TIMEOUTS
    # Of clients before 6.0 not the default: anybody's certificate would do.
    checks = {"ssl_check_hostname": True} if url.startswith("rediss:") else {}
    return {
        **checks,
        "socket_connect_timeout": connect,
        "socket_timeout": answer,
        "decode_responses": True,
        "encoding_errors": "backslashreplace",
        "retry": Retry(NoBackoff(), 0),
    }


def _scripts() -> dict[str, str]:
    common = (_LUA / "common.lua").read_text(encoding="utf-8")
    found = {step: common + (_LUA / f"{step}.lua").read_text(encoding="utf-8") for step in _STEPS}
    return {**found, "token": (_LUA / "token.lua").read_text(encoding="utf-8")}


def _numbers(rules: Rules) -> dict[str, Any]:
    policy = rules.policy
    return {
        "group_interval": policy.group_interval,
        "recovery": policy.recovery,
        "rate_limit": rules.rate_limit,
        "max_groups": rules.max_groups,
        "duplicate_check": rules.duplicate_check,
        "unclear_for": schedule.UNCLEAR_FOR,
        "max_samples": MAX_SAMPLES,
        "lease": LEASE,
        "look": LOOK,
        "poll": POLL,
        "dead_after": DEAD_AFTER,
        "fleet_for": FLEET_FOR,
        "source_for": SOURCE_FOR,
        "late_after": LATE_AFTER,
        "crowded": CROWDED,
        "look_through": LOOK_THROUGH,
        "spacing": SPACING,
        "ttl": int(policy.forget_after) + KEPT,
    }


def _after(track: Track, count: int, now: float, policy: Policy) -> dict[str, Any]:
    """What a track is after a message; without what errors change that come meanwhile."""
    told = replace(track)
    schedule.tell(told, count, now, policy)
    return {name: value for name, value in asdict(told).items() if name not in _ARRIVAL}


def _new_id() -> str:
    return os.urandom(4).hex()


def _part(part: dict[str, Any]) -> Part:
    # An empty list and an empty object are the same for Lua.
    samples = [json.loads(sample) for sample in part["s"] or []]
    found: Part = reader(Part)(
        {
            "identity": json.loads(part["i"]),
            "track": part["t"],
            "pending": part["p"] or {},
            "samples": samples,
            "doubtful": part["d"],
            "ends": part["e"],
        }
    )
    return replace(found, samples=samples)


def _translated(error: redis.RedisError) -> StoreError:
    """Without what a URL holds; and whether the step may have been done."""
    text = str(error)
    lost = isinstance(error, (redis.ConnectionError, redis.TimeoutError))
    before = "connecting to" in text or isinstance(error, redis.AuthenticationError)
    return StoreError(text[:200], unclear=lost and not before)
