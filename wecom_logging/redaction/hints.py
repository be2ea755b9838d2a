"""A first look at a text: which of some hundred short strings occur in it, and where.

Most texts have none, and are done. Three hundred calls of `in` would take longer than all
that follows; one regular expression with the strings in the shape of a tree, which reads
each character about once, does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

Tree = dict[str, "Tree"]

#: Marks that a string ends here.
_END = ""


class Hit(NamedTuple):
    """The longest hint that begins at a place."""

    at: int
    hint: str


class Hints:
    """Looks for all of them at once. The text has to be in lower case."""

    def __init__(self, hints: Iterable[str]) -> None:
        tree: Tree = {}
        self._within: dict[str, frozenset[str]] = {}
        known = frozenset(hints)
        for hint in known:
            branch = tree
            for char in hint:
                branch = branch.setdefault(char, {})
            branch[_END] = {}
            starts = (hint[:length] for length in range(1, len(hint) + 1))
            self._within[hint] = known.intersection(starts)
        self._pattern = re.compile(_alternatives(tree))

    def find(self, low: str) -> list[Hit]:
        """All places where a hint begins, also within another."""
        hits = []
        search = self._pattern.search
        match = search(low)
        while match:
            at = match.start()
            hits.append(Hit(at, match[0]))
            match = search(low, at + 1)
        return hits

    def beginning_with(self, some: Iterable[str]) -> frozenset[str]:
        """The hints that are one of some, or begin with one: a hit is the longest there."""
        wanted = frozenset(some)
        return frozenset(hint for hint, within in self._within.items() if within & wanted)

    def occurring(self, hits: Iterable[Hit]) -> set[str]:
        """The hints that were found, with those that others begin with."""
        found: set[str] = set()
        for hint in {hit.hint for hit in hits}:
            found |= self._within[hint]
        return found


def _alternatives(tree: Tree) -> str:
    return "|".join(re.escape(char) + _rest(branch) for char, branch in tree.items() if char)


def _rest(tree: Tree) -> str:
    if tree.keys() == {_END}:
        return ""
    optional = "?" if _END in tree else ""
    return f"(?:{_alternatives(tree)}){optional}"
