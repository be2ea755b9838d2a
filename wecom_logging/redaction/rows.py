"""Rows: names in one list and their values in another, as SQL writes them.

`INSERT INTO users (name, password) VALUES ('bob', 'x')`, `Key (email)=(x)`, and parameters
that stand beside their statement: `[SQL: … SET password=? …] [parameters: ('x', 7)]`. What
has no name there is masked whole if the statement names a secret at all.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from operator import itemgetter

from wecom_logging._runtime import lazy

from .findings import Secret
from .keys import CODE, QUERY, RANDOM, Rule, Rules
from .values import NO_SECRET

#: Words of which one is in every text that matters, in lower case.
HINTS = (
    "values", "parameters", "params", "args", "key (", "row contains", "generated in", "cached ",
)  # fmt: skip

_COLUMNS = lazy.regex(
    r"(?i)\b(?:into|replace|upsert|key|copy)\s{1,4}(?:[\w.\"`\[\]$]{1,128}\s{0,8})?\((?=[\w\s\"`\[\],.$]{1,2000}\))"
)
_VALUES = lazy.regex(r"\s{0,40}(?:\bvalues?\s{0,40}|=)(?=\()", re.I)
_PARAMETERS = lazy.regex(
    r"(?i)(?:\[parameters: |\b(?:parameters|params|args|arguments|bind(?:ing)?s)\s?[:=]\s?"
    r"|\[(?:generated in|cached since|no key|raw sql)[^\]\n]{0,60}\] )(?=[(\[])"
    r"|row contains (?=\()"
)
_NEXT_ROW = lazy.regex(r"\s{0,8},\s{0,8}(?=[(\[])")
_PLACEHOLDER = lazy.regex(r"\?|%s|\$\d{1,3}\b|(?<![:\w]):\w{1,64}")
_NAME = lazy.regex(r"[A-Za-z_\u4e00-\u9fff][\w$]{0,127}")
# The column that a placeholder is compared with or set to.
_COLUMN = lazy.regex(
    r"(?i)([\w$]{1,128})[\"`\]]?\s{0,8}(?:=|<>|!=|[<>]=?|\b(?:i?like|in)\b)\s{0,8}\(?\s{0,4}\Z"
)
_ITEM = lazy.regex(
    r"""(?s)(?P<quote>["'])(?:(?!(?P=quote))[^\\]|\\.|(?P=quote){2})*(?:(?P=quote)|\Z)"""
    r"""|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<comma>,)|[^"'()\[\]{},]+"""
)
#: So much of a text can be the statement that its parameters belong to.
_LONGEST_STATEMENT = 16384


class _Row(list[tuple[int, int]]):
    """Where the items in a bracket stand."""

    def __init__(self, text: str, start: int) -> None:
        depth, begin = 0, start + 1
        self.end = len(text)
        for item in _ITEM.finditer(text, start):
            depth += bool(item["open"]) - bool(item["close"])
            if (depth == 1 and item["comma"]) or not depth:
                self._add(text, begin, item.start())
                begin = item.end()
            if not depth:
                self.end = item.end()
                return
        self._add(text, begin, len(text))

    def _add(self, text: str, start: int, end: int) -> None:
        inside = text[start:end]
        start += len(inside) - len(inside.lstrip())
        end = start + len(inside.strip())
        if start < end:
            self.append((start, end))


def secrets_in_rows(text: str, rules: Rules) -> list[Secret]:
    """The secrets that a list of names tells of."""
    columns, found = _columns(text, rules)
    return sorted([*found, *_beside_statements(text, columns, rules)], key=itemgetter(0))


def rules_of_parameters(statement: str, count: int, rules: Rules) -> list[Rule | None]:
    """What a statement says about each of its parameters."""
    columns, _ = _columns(statement, rules)
    names = list(_names_of(statement, 0, columns))
    return _rule_for_each(names, count, _Marks(statement, rules).secret(0, len(statement)), rules)


def _columns(text: str, rules: Rules) -> tuple[dict[int, str], list[Secret]]:
    """Which column the item that begins at a place belongs to; and what is to be hidden."""
    columns: dict[int, str] = {}
    found: list[Secret] = []
    at = 0
    while match := _COLUMNS.search(text, at):
        names = _Row(text, match.end() - 1)
        at = names.end
        called = [text[start:end].strip('"`[]') for start, end in names]
        values = _VALUES.match(text, at)
        while values:
            row = _Row(text, values.end())
            at = row.end
            columns.update((start, name) for (start, _), name in zip(row, called, strict=False))
            each = [rules.rule_for(name) for name in called]
            found += _hidden(text, row, each)
            values = _NEXT_ROW.match(text, at)
    return columns, found


def _hidden(text: str, row: _Row, each: Sequence[Rule | None]) -> Iterator[Secret]:
    for (start, end), rule in zip(row, each, strict=False):
        if not rule or rule.needs == QUERY or _PLACEHOLDER.fullmatch(text, start, end):
            continue
        if text[start] in "\"'" and end - start > 1:
            start, end = start + 1, end - (text[end - 1] == text[start])  # or it was cut off
        elif NO_SECRET.fullmatch(text, start, end):
            continue
        yield start, end, rule, f"{rule.label} in a row"


def _rule_for_each(
    names: Sequence[str | None], count: int, secret: Rule | None, rules: Rules
) -> list[Rule | None]:
    if len(names) == count and None not in names:
        return [rules.rule_for(name) if name else None for name in names]
    return [secret] * count


def _beside_statements(text: str, columns: dict[int, str], rules: Rules) -> Iterator[Secret]:
    """Parameters, by the names in the statement before them."""
    at = 0
    marks = None
    while match := _PARAMETERS.search(text, at):
        marks = marks or _Marks(text, rules)
        begin = max(at, match.start() - _LONGEST_STATEMENT)
        statement = text[begin : match.start()]
        names = list(_names_of(statement, begin, columns))
        whole = _Row(text, match.end())
        at = whole.end
        rows = [whole]
        nested = [start for start, _ in whole if text[start] in "(["]
        if nested and nested[0] == whole[0][0] and not text.startswith("[redacted", nested[0]):
            rows = [_Row(text, start) for start in nested]  # of `executemany`
        # What a database says of a row comes before the statement, in SQLAlchemy's errors.
        secret = marks.secret(begin, match.start()) or marks.secret(at, at + 4096)
        for row in rows:
            yield from _hidden(text, row, _rule_for_each(names, len(row), secret, rules))


def _names_of(statement: str, begin: int, columns: dict[int, str]) -> Iterator[str | None]:
    for place in _PLACEHOLDER.finditer(statement):
        name = columns.get(begin + place.start())
        if name is None:
            column = _COLUMN.search(statement[max(0, place.start() - 160) : place.start()])
            name = column[1] if column else None
        yield name


_SQL = lazy.regex(r"\b(?:select|insert|update|delete|merge|replace|call|values)\b", re.I)


class _Marks:
    """Where in a text there are words of SQL, and names of secrets. It is read once: there may
    be many parameters, and each is asked about with what stands around it."""

    def __init__(self, text: str, rules: Rules) -> None:
        self._sql = [word.start() for word in _SQL.finditer(text)]
        self._names: list[tuple[int, Rule]] = []
        for name in _NAME.finditer(text) if self._sql else ():
            rule = rules.rule_for(name[0])
            if rule and rule.secret and rule.needs not in (RANDOM, QUERY, CODE):
                self._names.append((name.start(), Rule(rule.label)))

    def secret(self, begin: int, end: int) -> Rule | None:
        """The rule of a secret that a statement names; none for what is no statement."""
        if bisect_left(self._sql, begin) == bisect_left(self._sql, end):
            return None
        i = bisect_left(self._names, begin, key=itemgetter(0))
        return self._names[i][1] if i < len(self._names) and self._names[i][0] < end else None
