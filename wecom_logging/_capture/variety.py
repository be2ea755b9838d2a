"""The tallies of a handler, and how many one line of code may make, so that none takes what
others need."""

from __future__ import annotations

import logging
from typing import Literal

from wecom_logging._capture.failure import without_codes
from wecom_logging._capture.keys import OTHER_KEYS, OVERFLOW, Job, Key, Site, site_of, text_of
from wecom_logging._capture.tally import GroupSeed, Tally
from wecom_logging._capture.template import WHOLE
from wecom_logging._model.digest import MAX_CONSTANT, MAX_VARIANTS

#: What makes a group another one than the rest of its call site: a value that changes, a
#: constant text, anything else. Each has an allowance of its own.
Kind = Literal["changing", "constant", "other"]


class Variety:
    """The groups that one call site has made, by what makes them different."""

    __slots__ = ("kinds", "logger", "texts")

    def __init__(self, logger: str) -> None:
        self.logger = logger
        self.kinds: dict[Key, Kind] = {}
        #: Texts that found no place, by `id`, and their keys: one that comes again is constant.
        self.texts: dict[int, tuple[str, Key]] = {}

    def number(self, kind: Kind) -> int:
        return tuple(self.kinds.values()).count(kind)

    def is_constant(self, text: object, key: Key) -> bool:
        """Whether a text is the same object as before, which no f-string is, and is all that
        makes the group."""
        if type(text) is not str or len(text) > WHOLE:
            return False
        if len(self.texts) >= MAX_CONSTANT:
            self.texts.clear()
        before = self.texts.get(id(text))
        self.texts[id(text)] = (text, key)
        return before is not None and before[0] is text and before[1] == key


#: Kinds beyond `max_groups` that are remembered as such.
MAX_BEYOND = 1000


class Tallies:
    """The tallies of one handler, bounded, and no call site takes what others need. `known` is
    read in every call, by the handler itself."""

    def __init__(self, max_groups: int) -> None:
        self.max_groups = max_groups
        self.known: dict[Key, Tally] = {}
        #: Whose next error a thread, by its number, is about to capture for the worker.
        self.rousing: dict[Tally, int] = {}
        self._sites: dict[Site, Variety] = {}
        #: Call sites that have wanted more groups than they may make.
        self._crowded: set[Site] = set()
        #: Where their next new text belongs, by the start of its key; until allowances change.
        self._crowds: dict[Key, tuple[Tally, Variety]] = {}
        #: Keys that are known although what they count is "others", so that it is not found
        #: out anew with each error; so many of them at most, until there is room.
        self._beyond: list[Key] = []

    def add(self, key: Key, record: logging.LogRecord) -> Tally:
        """The tally for a key that is not known: a new one, or that of a crowd."""
        if len(key) == 5 and (crowd := self._crowds.get(key[:4])) is not None:
            text = record.msg
            if type(text) is str and not crowd[1].is_constant(text, key):
                return crowd[0]
        return self._added(key, record)

    def _added(self, key: Key, record: logging.LogRecord) -> Tally:
        known = key
        site = site_of(record)
        variety = self._sites.get(site) or Variety(record.name)
        key, kind = self._allowed(key, record, site, variety)
        if (tally := self.known.get(key)) is not None:
            if key[-1] is OVERFLOW and len(known) == 5:
                self._crowds[known[:4]] = tally, variety
            return tally
        # A tenth is kept for call sites that have none yet.
        if self._room <= (self.max_groups // 10 if variety.kinds else 0):
            key = OTHER_KEYS[record.levelno >= logging.CRITICAL]
            if (tally := self.known.get(key)) is not None:
                if len(self._beyond) < MAX_BEYOND:
                    self._beyond.append(known)
                    self.known[known] = tally
                return tally
        else:
            self._sites.setdefault(site, variety).kinds[key] = kind
        origin = GroupSeed(record, key, site, changing=kind == "changing")
        # setdefault: two threads may meet here, and one of the two tallies would be lost.
        return self.known.setdefault(key, Tally(origin))

    def remove(self, tally: Tally) -> None:
        """Forget a tally, so that its call site may make another group."""
        self._crowds.clear()
        while self._beyond:
            self.known.pop(self._beyond.pop(), None)
        key = tally.origin.key
        self.known.pop(key, None)
        variety = self._sites.get(tally.origin.site)
        if variety is not None:
            variety.kinds.pop(key, None)
            if not variety.kinds:
                self._sites.pop(tally.origin.site, None)

    def come_again(self, tally: Tally, record: logging.LogRecord) -> None:
        """Another error of a group: a text that is the same object as before is constant."""
        origin = tally.origin
        if origin.text is not None and origin.text is text_of(record):
            origin.text = None
            variety = self._sites.get(origin.site)
            if variety is not None and variety.kinds.get(origin.key) == "changing":
                self._crowds.clear()
                variety.kinds[origin.key] = "constant"
                origin.changing = False

    def _allowed(
        self, key: Key, record: logging.LogRecord, site: Site, variety: Variety
    ) -> tuple[Key, Kind]:
        """The key that a record may have, and what it is counted against."""
        # Beyond its allowance this runs for every error of a call site.
        is_changing = variety.number("changing") < MAX_VARIANTS
        if isinstance(key[-1], Job):  # as many as the program has
            return key, "other"
        if len(key) == 6:
            bare = (*key[:4], without_codes(key[4]), key[5])
            if bare != key and is_changing:
                return key, "changing"
            others = [each for each, kind in tuple(variety.kinds.items()) if kind == "other"]
            here = sum(each[5] == key[5] for each in others if len(each) == 6)
            if here < MAX_CONSTANT or bare in self.known:
                return bare, "other"
        elif is_changing:  # until its text comes again as the same object
            return key, "changing"
        elif variety.number("constant") < MAX_CONSTANT and variety.is_constant(
            text_of(record), key
        ):
            return key, "constant"
        self._crowded.add(site)
        return (variety.logger, *site[1:], OVERFLOW), "other"

    @property
    def _room(self) -> int:
        crowds = (OTHER_KEYS[0] in self.known) + (OTHER_KEYS[1] in self.known)
        return self.max_groups - (len(self.known) - crowds - len(self._beyond))

    @property
    def is_full(self) -> bool:
        """Whether a call site that has a group can make no other."""
        return self._room <= self.max_groups // 10

    def take_crowded(self) -> set[Site]:
        """The call sites that have wanted more groups than they may make, since last asked."""
        self._crowds.clear()  # so that those who want more are noted again
        crowded, self._crowded = self._crowded, set()
        return crowded

    def site_of(self, key: Key) -> Site | None:
        """The call site of a group that is known."""
        tally = self.known.get(key)
        return None if tally is None else tally.origin.site
