"""A first look at a text: which of some hundred short strings occur in it, and where.

Most texts have none, and are done. Three hundred calls of `in` would take longer than all that
follows; one regular expression built as a trie reads each character about once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

Tree = dict[str, "Tree"]

#: Marks that a string ends here.
_END = ""


#: Where the longest hint begins of those that begin there, and the hint.
Hit = tuple[int, str]


class Hints:
    """Looks for all of them at once. The text has to be in lower case.

    Args:
        names: Those whose places are wanted.
        others: Those of which it is enough to know whether they occur.
    """

    def __init__(self, names: Iterable[str], others: Iterable[str]) -> None:
        wanted = frozenset(names)
        known = wanted.union(others)
        tree: Tree = {}
        #: What begins at the same place: the hint itself and those that it begins with.
        self._within: dict[str, frozenset[str]] = {}
        for hint in known:
            branch = tree
            for char in hint:
                branch = branch.setdefault(char, {})
            branch[_END] = {}
            starts = (hint[:length] for length in range(1, len(hint) + 1))
            self._within[hint] = known.intersection(starts)
        self._names = frozenset(hint for hint, within in self._within.items() if within & wanted)
        self._search = re.compile(_pattern(tree)).search

    def find(self, low: str) -> tuple[set[str], list[Hit]]:
        """Which hints occur, and the places where one of a name begins."""
        search = self._search
        hits: list[Hit] = []
        match = search(low)
        while match:
            at = match.start()
            hits.append((at, match[0]))
            match = search(low, at + 1)
        if not hits:
            return set(), hits
        longest = {hint for _, hint in hits}
        found: set[str] = set()
        found.update(*map(self._within.__getitem__, longest))
        return found, [hit for hit in hits if hit[1] in self._names]


def _pattern(tree: Tree) -> str:
    if tree.keys() == {_END}:
        return ""
    branches = (re.escape(char) + _pattern(branch) for char, branch in tree.items() if char)
    return f"(?:{'|'.join(branches)})" + ("?" if _END in tree else "")
