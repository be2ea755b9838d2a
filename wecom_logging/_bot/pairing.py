"""Which chats the bot speaks in, for which apps, and what it is called there."""

from __future__ import annotations

import dataclasses
import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from wecom_logging._bot.store import App, Notes

#: Seconds for which a code is good, and wrong codes that it outlives.
CODE_LIFE = 600.0
_TRIES = 10
#: Chats that one bot can be paired with.
_MOST = 100

_CHATS, _CODE = "bot chats", "bot code"


@dataclass(frozen=True)
class Scope:
    """The apps that a chat is about. Nothing named: all of them."""

    apps: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()

    def covers(self, app: App) -> bool:
        return (not self.apps or app.app in self.apps) and (
            not self.environments or app.environment in self.environments
        )

    def __str__(self) -> str:
        named = "/".join(self.apps) or "*"
        return " ".join(filter(None, (named, "/".join(self.environments))))


@dataclass(frozen=True)
class Chat:
    """A chat that was paired."""

    id: str
    scope: Scope
    #: What the bot is called there; "" where nobody has to call it.
    name: str = ""
    by: str = ""
    at: float = 0.0
    single: bool = False


class Pairings:
    """The chats and the code, as the store has them: every process sees the same."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    def chats(self) -> list[Chat]:
        """All that are paired. What cannot be read is none."""
        return [chat for chat in map(_chat, _read(self._notes.read(_CHATS), list)) if chat]

    def find(self, chat_id: str) -> Chat | None:
        return next((chat for chat in self.chats() if chat.id == chat_id), None)

    def add(self, chat: Chat) -> None:
        kept = [each for each in self.chats() if each.id != chat.id]
        self._keep([*kept[-(_MOST - 1) :], chat])

    def remove(self, chat_id: str) -> bool:
        """Whether it was paired."""
        chats = self.chats()
        kept = [each for each in chats if each.id != chat_id]
        self._keep(kept)
        return len(kept) < len(chats)

    def new_code(self, scope: Scope, now: float) -> str:
        """Six digits that pair one chat with these apps within ten minutes."""
        code = f"{secrets.randbelow(10**6):06}"
        scope_note = dataclasses.asdict(scope)
        note = {"code": code, "tries": _TRIES, "until": now + CODE_LIFE, **scope_note}
        self._notes.write(_CODE, json.dumps(note), CODE_LIFE)
        return code

    def redeem(self, code: str, now: float) -> Scope | None:
        """What the code pairs with, once; None: it is not the one. A few wrong ones end it."""
        note = _read(self._notes.read(_CODE), dict)
        written, tries, until = note.get("code"), note.get("tries"), note.get("until")
        if not (isinstance(written, str) and isinstance(tries, int) and isinstance(until, float)):
            return None
        if until <= now:
            return None
        if hmac.compare_digest(written.encode(), code.encode("utf-8", "replace")):
            self._notes.erase([_CODE])
            return _scope(note)
        if tries <= 1:
            self._notes.erase([_CODE])
        else:
            self._notes.write(_CODE, json.dumps({**note, "tries": tries - 1}), until - now)
        return None

    def _keep(self, chats: Sequence[Chat]) -> None:
        text = json.dumps([dataclasses.asdict(chat) for chat in chats], ensure_ascii=False)
        self._notes.write(_CHATS, text)


def _chat(data: object) -> Chat | None:
    if not isinstance(data, dict) or not isinstance(data.get("id"), str):
        return None
    name, by, at = data.get("name"), data.get("by"), data.get("at")
    return Chat(
        data["id"],
        _scope(data.get("scope")),
        name if isinstance(name, str) else "",
        by if isinstance(by, str) else "",
        float(at) if isinstance(at, (int, float)) else 0.0,
        data.get("single") is True,
    )


def _scope(data: object) -> Scope:
    """A scope as it was written; one that cannot be read covers nothing, never everything."""
    data = data if isinstance(data, dict) else {}
    apps, environments = data.get("apps"), data.get("environments")
    if not isinstance(apps, list) or not isinstance(environments, list):
        return Scope(apps=("",))
    return Scope(tuple(map(str, apps)), tuple(map(str, environments)))


T = TypeVar("T", dict[str, Any], list[Any])


def _read(written: str | None, kind: type[T]) -> T:
    """The JSON of a note; what cannot be read is an empty one."""
    try:
        data = json.loads(written or "null")
    except ValueError:
        data = None
    return data if isinstance(data, kind) else kind()
