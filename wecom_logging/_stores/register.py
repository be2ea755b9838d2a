"""The register of a destination: whose the short ids are, and what the apps are called."""

from __future__ import annotations

from hashlib import sha256

from wecom_logging._stores.records import App, Numbered
from wecom_logging._stores.state import State

#: Five digits, and a sixth one when so many are taken.
FIVE_DIGITS = 10_000

#: How often an entry in use is refreshed, and when it is free again without that, seconds.
REFRESH = 86_400.0
UNUSED_FOR = 30 * 86_400.0


def number_of(state: State, group_id: str, now: float) -> int:
    """The short id of a group, the same one whenever it comes, if no older group has it."""
    base = FIVE_DIGITS if state.destination.numbers < FIVE_DIGITS else 10 * FIVE_DIGITS
    start = first_choice(state.names, group_id)
    step = 0
    while True:
        number = _number(base, start + step)
        entry = state.numbers.get(str(number))
        if entry is None:
            state.destination.numbers += 1
        if entry is None or entry[:2] == (state.scope, group_id) or _is_unused(entry, now):
            state.numbers[str(number)] = Numbered(state.scope, group_id, now)
            return number
        step += 1


def first_number(names: tuple[str, str], group_id: str) -> str:
    """The key of the number that a group has, unless it is somebody else's or there are many."""
    return str(_number(FIVE_DIGITS, first_choice(names, group_id)))


def _number(base: int, at: int) -> int:
    return base + at % (9 * base)


def first_choice(names: tuple[str, str], group_id: str) -> int:
    """Where to begin to look for a number, the same in every store."""
    text = "\x00".join((*names, group_id)).encode("utf-8", "surrogatepass")
    return int.from_bytes(sha256(text).digest()[:6], "big")


def remember(state: State, now: float) -> None:
    """Refresh the entries in use, and forget those that are not."""
    groups = dict(state.groups)
    state.read_ahead(("numbers", str(group.number)) for group in groups.values())
    for group_id, group in groups.items():
        entry = state.numbers.get(str(group.number))
        if entry is None or entry[:2] != (state.scope, group_id):
            group.number = number_of(state, group_id, now)
            state.groups[group_id] = group
        elif now - entry.seen > REFRESH:
            state.numbers[str(group.number)] = entry._replace(seen=now)
    known = state.apps.get(state.scope)
    if known is None or now - known.seen > REFRESH:
        state.apps[state.scope] = App(*state.names, now)
        for number, entry in list(state.numbers.items()):
            if _is_unused(entry, now):
                del state.numbers[number]
        state.destination.numbers = len(state.numbers)


def _is_unused(entry: Numbered, now: float) -> bool:
    return now - entry.seen > UNUSED_FOR
