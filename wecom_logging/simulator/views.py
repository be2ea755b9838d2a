"""The state of the simulator as plain JSON data, for the control API and the page."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from typing import Any

from wecom_logging.simulator import markup
from wecom_logging.simulator.budgets import Quota, Window
from wecom_logging.simulator.config import Switches
from wecom_logging.simulator.faults import KINDS, Active, Faults
from wecom_logging.simulator.inbox import Message
from wecom_logging.simulator.world import World

Json = dict[str, Any]


def message(each: Message, world: World) -> Json:
    """One message, without the bytes of its file; `tree` is its text for a page."""
    data = {name: value for name, value in vars(each).items() if name not in ("file", "raw")}
    # What a bot says is markdown_v2, whatever the type is called.
    said = each.source == "bot" and each.msgtype in ("markdown", "stream")
    kind, robot = "markdown_v2" if said else each.msgtype, each.source != "app"
    data["tree"] = markup.render(kind, each.shown, world.config.switches, robot=robot)
    data["levels"] = sorted(levels(each.content))
    data["raw"] = each.raw.decode("utf-8", "replace")
    file = each.file
    data["file"] = file and {
        "id": file.id, "type": file.type, "name": file.name, "bytes": file.size,
    }  # fmt: skip
    return data


#: What begins a block of an alert, and the state that it tells, in both languages.
_STATES = {
    "NEW": "NEW", "新出现": "NEW",
    "AGAIN": "AGAIN", "再次出现": "AGAIN",
    "STILL": "STILL", "仍在发生": "STILL",
    "OVER": "OVER", "已恢复": "OVER", "已平息": "OVER",
}  # fmt: skip
# What goes on has its count on the same line; so has no sentence that begins with such a word.
_STATE = re.compile(
    rf"^[^\w\n]*({'|'.join(_STATES)})(?!\w)(?:(?<=OVER)|(?<=已恢复)|(?<=已平息)|(?=.*×\d))",
    re.MULTILINE,
)
#: A card of ours: perhaps who says it, state and kind, perhaps a place, the figure.
_CARD = re.compile(
    rf"(?:.*\n)?\S ({'|'.join(_STATES)})( CRITICAL)?\b.*\n(?:.*\n)?"
    r"([\d,]+ (?:errors?|次错误))(?:\n|\Z)"
)
_COUNT = re.compile(r"([\d,]+) ?(?:errors?\b|个错误|次)")
_CRITICAL = re.compile(r"[^\w\n]*CRITICAL\b")
_LEVEL = re.compile(r"\b(CRITICAL|ERROR|WARNING)\b")


def levels(content: str) -> set[str]:
    """What a message is about, by its first line and the states of its blocks.

    Words that happen to stand in a logged text say nothing about the message.
    """
    first = content.split("\n", 1)[0]
    found = {_STATES[word] for word in _STATE.findall(content)}
    if card := _CARD.match(content):
        first, found = f"{card[2] or ''} {card[3]}", {_STATES[card[1]]}
    count = _COUNT.search(first)
    if count is None:  # another program's, in words of its own
        found.update(_LEVEL.findall(first))
    elif _CRITICAL.match(first):
        found.add("CRITICAL")
    if (count and count[1].strip("0,")) or found & {"NEW", "AGAIN", "STILL"}:
        found.add("ERROR")
    return found


def calls(world: World) -> Json:
    """Numbers by path and by errcode, and the newest hundred calls."""
    by_errcode: dict[str, dict[str, int]] = {}
    with world.changed:
        for (name, told), number in sorted(world.inbox.by_errcode.items(), key=str):
            key = "no answer" if told is None else str(told)
            by_errcode.setdefault(name, {})[key] = number
        return {
            "total": sum(world.inbox.by_call.values()),
            "by_call": dict(world.inbox.by_call),
            "by_errcode": by_errcode,
            "recent": [vars(each) for each in world.inbox.calls()[-100:]],
        }


def tokens(world: World) -> list[Json]:
    """Issued tokens, newest first; `left` is their remaining life in seconds."""
    with world.changed:
        now = world.clock.now()
        return [
            {
                "agentid": each.agentid,
                "ends_in": each.value[-6:],
                "issued": each.issued,
                "left": 0.0 if each.errcode(now) else each.expires - now,
                "errcode": each.errcode(now),
            }
            for each in reversed(list(world.tokens))
        ]


def budgets(world: World) -> list[Json]:
    """What each destination has used of its limits."""
    with world.changed:
        now = world.clock.now()
        rows: list[Json] = []
        for (agentid, user), quota in world.quotas.items():
            rows.append(_row("app", str(agentid), user, **_spans(quota, now)))
        for robot in world.config.robots:
            gate = world.gate(robot)
            closed_for = max(0.0, gate.closed_until - now)
            used = {"minute": _window(gate.window, now), "closed_for": closed_for}
            rows.append(_row("robot", robot.key[-4:], robot.name, **used))
        for (_, chat), quota in world.bots.quotas.items():
            rows.append(_row("bot", chat[-4:], "", **_spans(quota, now)))
        for agentid, daily in world.daily.items():
            day = {"used": daily.used(now), "limit": world.config.accounts * 200}
            rows.append(_row("app", str(agentid), "", day=day))
        return rows


def _row(source: str, destination: str, member: str, **used: object) -> Json:
    return {"source": source, "destination": destination, "member": member, **used}


def _spans(quota: Quota, now: float) -> Json:
    return {"minute": _window(quota.minute, now), "hour": _window(quota.hour, now)}


def _window(window: Window, now: float) -> Json:
    return {"used": window.used(now), "limit": window.limit}


def faults(each: Faults) -> Json:
    """What is switched on, and what could be."""
    return {"active": [_fault(active) for active in each.active()], "kinds": KINDS}


def _fault(active: Active) -> Json:
    data = {"id": active.id, "since": active.since, "struck": active.struck}
    return {**vars(active.fault), **data, "processed": active.fault.processes}


def switches(world: World) -> Json:
    """Each switch with its position, its choices and what it is about."""
    now = world.config.switches
    return {
        field.name: {
            "value": getattr(now, field.name),
            "choices": list(field.metadata["choices"]),
            "about": field.metadata["about"],
        }
        for field in dataclasses.fields(Switches)
    }


def clock(world: World) -> Json:
    return {"now": world.clock.now(), "moved": world.clock.moved}


def state(world: World, active: Faults) -> Json:
    """Everything but the messages."""
    with world.changed:
        fates = Counter(each.fate for each in world.inbox.messages())
        return {
            "version": world.inbox.version,
            "corpid": world.config.corpid,
            "apps": [
                {"agentid": each.agentid, "name": each.name, "disabled": each.disabled}
                for each in world.config.apps
            ],
            "robots": [
                {"key_ends_in": each.key[-4:], "name": each.name, "errcode": each.errcode}
                for each in world.config.robots
            ],
            "bots": [
                {"id": each.id, "name": each.name, "connected": world.bots.connected(each.id)}
                for each in world.config.bots
            ],
            "chats": [{"id": each.id, "name": each.name} for each in world.config.chats],
            "users": list(world.config.users),
            "clock": clock(world),
            "calls": calls(world),
            "tokens": tokens(world),
            "budgets": budgets(world),
            "faults": faults(active),
            "switches": switches(world),
            "counts": {
                fate: fates[fate] for fate in ("delivered", "dropped", "duplicate", "recalled")
            },
        }
