"""Which groups a command is about. A wrong choice is an answer, never an act."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from wecom_logging._bot.commands import Command
from wecom_logging._bot.store import app_of
from wecom_logging._bot.texts import Texts, inert
from wecom_logging._stores.marks import KnownGroup

#: Kinds that a name may stand for without being asked.
UNASKED = 5
#: Words of a name that are looked at.
_NAME_WORDS = 6

T = TypeVar("T")


class NoSelection(Exception):
    """Nothing to act on; its text is the answer."""


@dataclass(frozen=True)
class Selection:
    """What was chosen, and whether somebody has to say yes first."""

    groups: list[KnownGroup]
    #: Its ids were written out, so that a CRITICAL may be among them.
    named: bool
    #: The words that are left: the reason.
    why: str

    @property
    def to_be_asked(self) -> bool:
        return not self.named and len(self.groups) > UNASKED


def select(command: Command, groups: Sequence[KnownGroup], texts: Texts) -> Selection:
    """The groups among these that the command means.

    Raises:
        NoSelection: There is none, or it is not clear which.
    """
    if command.doubtful:
        raise NoSelection(texts.say("doubtful"))
    if command.ids and not command.quoted:
        return _by_id(command, groups, texts)
    if command.ids or command.messages:
        return _by_message(command, groups, texts)
    if command.rest:
        return _by_name(command, groups, texts)
    first = next((group.id for group in groups if group.state != "over"), "40871")
    example = texts.usage(command.name).replace("40871", first)
    raise NoSelection(texts.say("which", example=example))


def _by_id(command: Command, groups: Sequence[KnownGroup], texts: Texts) -> Selection:
    known = {group.id: group for group in groups}
    missing = [each for each in command.ids if each not in known]
    if missing:
        raise NoSelection(texts.say("unknown ids", ids=texts.ids(missing)))
    return Selection([known[each] for each in command.ids], named=True, why=command.rest)


def _by_message(command: Command, groups: Sequence[KnownGroup], texts: Texts) -> Selection:
    """An alert stands for the kinds in it; of those that are gone by now there is none."""
    wanted = set(command.messages)
    found = [group for group in groups if group.id in command.ids or wanted & set(group.messages)]
    if not found:
        ids = texts.ids(command.ids) or " ".join(command.messages)
        raise NoSelection(texts.say("unknown ids", ids=ids))
    return Selection(found, named=False, why=command.rest)


def _by_name(command: Command, groups: Sequence[KnownGroup], texts: Texts) -> Selection:
    open_ = [group for group in groups if group.state != "over"]
    found, why = longest_name(
        command.rest, lambda target: [group for group in open_ if _called(group, target)]
    )
    if not found:
        target = command.rest.partition(" ")[0]
        raise NoSelection(texts.say("no match", target=inert(target, 60)))
    return Selection(found, named=False, why=why)


def longest_name(words: str, called: Callable[[str], list[T]]) -> tuple[list[T], str]:
    """What the longest beginning of these words names, and the words after it: `pay prod` is
    that environment of it and not all of `pay`."""
    parts = words.split()
    for number in range(min(len(parts), _NAME_WORDS), 0, -1):
        found = called(" ".join(parts[:number]))
        if found:
            return found, " ".join(parts[number:])
    return [], words


def _called(group: KnownGroup, target: str) -> bool:
    """Whether a place, type or app is called so: as a whole, or by whole parts at its end."""
    wanted = target.casefold()
    place = group.place.casefold().partition(" ")[0]
    path = place.partition(":")[0]
    names = [
        group.type.casefold(),
        group.app.casefold(),
        str(app_of(group)).casefold(),
        place,
        path,
    ]
    ends = (
        path.endswith(f"/{wanted}"),
        place.endswith(f"/{wanted}"),
        group.type.casefold().endswith(f".{wanted}"),
    )
    return wanted in filter(None, names) or any(ends)
