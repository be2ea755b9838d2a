"""A store for the bot's tests, in memory, with the rules that the bot relies on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from wecom_logging._bot.store import App, BotStore, app_of
from wecom_logging._model.links import Link
from wecom_logging._stores.marks import Act, Done, KnownGroup, Refusal
from wecom_logging._stores.oncall import Undone
from wecom_logging._stores.protocol import StoreError

PAY, SHOP = App("pay", "prod"), App("shop", "prod")
NOW = 1_772_565_360.0  # 2026-03-04 03:16 in Shanghai


@dataclasses.dataclass
class Kept:
    """An act, and when and for which apps it was done."""

    act: Act
    at: float
    apps: tuple[App, ...]

    @property
    def until(self) -> float | None:
        return self.at + self.act.seconds if self.act.seconds else None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.act, name)


class FakeStore:
    """Groups and marks as a store would have them."""

    def __init__(self, clock: Callable[[], float] = lambda: NOW) -> None:
        self.clock = clock
        self.all: dict[str, KnownGroup] = {}
        self.acts: list[Kept] = []
        self.keys: set[str] = set()
        self.notes: dict[str, tuple[str, float]] = {}
        self.leases: dict[str, tuple[str, float]] = {}
        self.quiet: dict[App, float] = {}
        self.details: dict[str, str] = {}
        self.causes: dict[str, str] = {}
        self.leads: dict[str, Sequence[Link]] = {}
        self.away = False
        self.before: list[tuple[Kept, dict[str, KnownGroup]]] = []

    def add(self, number: str, app: App = PAY, **fields: object) -> KnownGroup:
        values: dict[str, object] = {
            "type": "ConnectTimeout", "text": "payment failed", "place": "pay/gateway.py:41 post",
            "state": "open", "critical": False, "pending": 0, "count": 300,
            "first": self.clock() - 600, "last": self.clock(), **fields,
        }  # fmt: skip
        self.all[number] = KnownGroup(number, app.app, app.environment, **values)  # type: ignore[arg-type]  # any of its fields
        return self.all[number]

    def _reach(self) -> None:
        if self.away:
            raise StoreError("no route to the store")

    # Alerts.

    def groups(self) -> Sequence[KnownGroup]:
        self._reach()
        return list(self.all.values())

    def news(self, after: float) -> Sequence[KnownGroup]:
        self._reach()
        return [
            group
            for group in self.all.values()
            if (group.news_at or 0.0) > after and group.state != "over"
            if self.quiet.get(app_of(group), 0.0) <= self.clock()
        ]

    def apps(self) -> Sequence[App]:
        self._reach()
        return list(dict.fromkeys(app_of(group) for group in self.all.values()))

    def mark(self, act: Act, apps: Sequence[App] = ()) -> Done:
        self._reach()
        if act.key in self.keys:
            return Done(act.ids)
        self.keys.add(act.key)
        kept = Kept(act, self.clock(), tuple(apps))
        done: list[str] = []
        refused: dict[str, Refusal] = {}
        before = {each: self.all[each] for each in act.ids if each in self.all}
        for each in act.ids:
            group = self.all.get(each)
            if group is None:
                refused[each] = "unknown"
            elif group.state == "over" and act.verb in ("silence", "take"):
                refused[each] = "over"
            elif act.verb == "unsilence" and group.silenced_until is None:
                refused[each] = "nothing"
            else:
                self.all[each] = dataclasses.replace(group, **_change(kept))
                done.append(each)
        for app in apps:
            self.quiet[app] = kept.until or 0.0
        self.acts.append(kept)
        self.before.append((kept, before))
        return Done(tuple(done), refused)

    def undo(self, act: Act, within: float) -> Undone | None:
        self._reach()
        for place, (each, before) in reversed(list(enumerate(self.before))):
            if each.act.user == act.user and each.at >= self.clock() - within:
                self.all.update(before)
                del self.before[place]
                return Undone(each.act, each.at, each.apps)
        return None

    def report(self, apps: Sequence[App], chinese: bool) -> str:
        self._reach()
        return "\n".join(f"{app}: all told" for app in apps)

    def detail(self, group: str, chinese: bool) -> str:
        self._reach()
        return self.details.get(group, f"#{group} in full")

    def links(self, group: str, chinese: bool) -> Sequence[Link]:
        self._reach()
        return self.leads.get(group, ())

    def cause(self, group: str) -> str:
        self._reach()
        return self.causes.get(group, "")

    def written(self) -> float | None:
        self._reach()
        return self.clock() - 60 if self.all else None

    def name(self) -> str:
        return "memory of this test"

    # Notes.

    def read(self, key: str) -> str | None:
        self._reach()
        value, until = self.notes.get(key, ("", 0.0))
        return value if until > self.clock() else None

    def write(self, key: str, value: str, seconds: float | None = None) -> None:
        self._reach()
        self.notes[key] = (value, self.clock() + (seconds or 1e9))

    def erase(self, keys: Iterable[str]) -> None:
        self._reach()
        for key in keys:
            self.notes.pop(key, None)

    def hold(self, key: str, owner: str, seconds: float) -> bool:
        self._reach()
        holder, until = self.leases.get(key, ("", 0.0))
        if holder not in ("", owner) and until > self.clock():
            return False
        self.leases[key] = (owner, self.clock() + seconds)
        return True

    def leave(self, key: str, owner: str) -> None:
        self._reach()
        if self.leases.get(key, ("", 0.0))[0] == owner:
            del self.leases[key]


def _change(act: Kept) -> dict[str, Any]:
    changes: dict[str, dict[str, Any]] = {
        "silence": {
            "silenced_until": act.until,
            "silenced_by": act.who,
            "until_release": act.until_release,
        },
        "unsilence": {"silenced_until": None, "silenced_by": ""},
        "take": {"taken_by": act.who, "taken_at": act.at},
        "untake": {"taken_by": "", "taken_at": None},
    }
    return changes[act.verb]


def _is_a_store(store: FakeStore) -> BotStore:
    return store  # mypy's opinion is the test
