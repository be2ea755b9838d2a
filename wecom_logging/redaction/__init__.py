"""Takes secrets out of events, and shows personal data in part.

A handler runs `redactor(...)` as its last processor, on the worker's thread, before
anything is stored or sent. What is found by the name of a key (`password`, `X-Api-Key`,
`数据库密码`) or by its shape (bearer tokens, private keys, passwords in URLs, keys of
providers) becomes `[redacted: password]`, which says what it was.

For processors of your own:

    from wecom_logging.redaction import redact_text, redact_value

    def only_orders(logger, method_name, event_dict):
        event_dict["order"] = redact_value(vars(event_dict["order"]))
        event_dict["event"] = redact_text(event_dict["event"])
        return event_dict

Redacting twice changes nothing more. Redaction is a net and has holes: a password with
neither a telling name nor a telling shape passes. Do not log it.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from functools import lru_cache, partial
from typing import Any, Literal
from urllib.parse import quote, quote_plus

from wecom_logging._runtime import lazy

from . import keys
from .findings import Findings, texts_in
from .keys import ANYTHING, RANDOM, VALUE, Rule, Rules, is_counted, mask
from .patterns import Redaction
from .rows import rules_of_parameters
from .shell import PASSWORD, secrets_in
from .values import MASKED, looks

__all__ = [
    "Mode", "Processor", "mask", "redact_text", "redact_value", "redactor",
]  # fmt: skip

#: True: secrets, and personal data in part; "secrets": only these; False: only our own;
#: a mapping: True, with more "names" and "patterns", and without the names to "keep".
Mode = Literal[True, False, "secrets"] | Mapping[str, Sequence[str]]

#: A structlog processor.
Processor = Callable[[Any, str, MutableMapping[str, Any]], MutableMapping[str, Any]]

#: Two are nearly always enough. Data that never settle were made so, and are masked whole.
MOST_PASSES = 6
#: Types that hold no text.
_NO_TEXTS = frozenset((bool, float, type(None)))
#: Longer than any number of a person or card.
_LONG = 10**20
#: What lies deeper is not looked at, and so not shown.
_MAX_DEPTH = 20


def rules_for(mode: Mode) -> Rules | None:
    """What the option `redact` stands for; None: nothing is looked for."""
    if isinstance(mode, Mapping):
        lists = {key: tuple(mode.get(key, ())) for key in ("names", "patterns", "keep")}
        return Rules(True, **lists)
    return {True: keys.EVERYTHING, "secrets": keys.SECRETS}.get(mode)


def redactor(mode: Mode, own_secrets: Iterable[str] | Callable[[], Iterable[str]]) -> Processor:
    """The processor for the option `redact`.

    Args:
        mode: What to take out besides our own secrets, which go in any case.
        own_secrets: The strings that a sender needs and nobody may see, or a function that
            is asked for them at every event, because an access token changes.
    """
    # Cached for each handler: two with different secrets would evict each other.
    redaction = lru_cache(maxsize=1)(partial(_redaction, rules_for(mode)))

    def redact(logger: Any, method_name: str, event_dict: MutableMapping[str, Any]) -> Any:
        secrets = own_secrets() if callable(own_secrets) else own_secrets
        return _Walk(redaction(frozenset(secrets))).redacted(event_dict)

    return redact


def redact_text(text: str, *, personal_data: bool = True) -> str:
    """`text` without secrets and, unless told otherwise, with personal data shown in part; also
    without colours and invisible characters."""
    shown: str = redact_value(text, personal_data=personal_data)
    return shown


def redact_value(value: Any, key: object = None, *, personal_data: bool = True) -> Any:
    """`value` as plain data without secrets, at any depth.

    Args:
        value: Anything. Mappings, lists and tuples are copied; what is not JSON becomes
            its redacted `repr`.
        key: The name that `value` has, which may say that all of it is a secret.
        personal_data: Whether personal data are shown in part only.
    """
    rules = keys.EVERYTHING if personal_data else keys.SECRETS
    return _Walk(_without_own(rules)).redacted(value, key)


def with_findings(text: str, rules: Rules | None) -> tuple[str, Findings]:
    """`text` as it is told, and what was found in it."""
    walk = _Walk(_without_own(rules))
    return walk.redacted(text), walk.found


#: Keys of a mapping that are a name and its value, in lower case: {"Key": …, "Value": …}.
_NAMES = (
    "key", "name", "field", "param", "parameter", "header", "attribute", "variable", "option", "k",
    "type", "loc",
)  # fmt: skip
_VALUE_KEY = lazy.regex(r"([a-z_]{0,20}?)(?:value|val|v|content|input|default|rejected_?value)")
_STATEMENTS = frozenset(("sql", "statement", "query"))
_PARAMETERS = frozenset(("parameters", "params", "args", "arguments", "bindings", "binds"))


class _Walk:
    """One walk through nested data. It remembers where it is: data may contain themselves."""

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self._rules = redaction.rules
        #: What this pass finds, and what all passes have found.
        self._findings, self.found = Findings(), Findings()
        self._inside: set[int] = set()

    def redacted(self, value: Any, key: object = None) -> Any:
        """All of an event: again and again until nothing more is found, because next to a mask a
        name may say something that it did not say next to the value."""
        for _ in range(MOST_PASSES):
            findings = self._findings = Findings()
            value = self.value(value, key)
            if not findings:
                return value
            if known := findings.known():
                value = _with_each_text(value, partial(findings.hide_again, known=known))
            self.found += findings
        # Single words stay: they hold no name with a value, and the event's own keys are such.
        return _with_each_text(value, lambda text: text if text.isidentifier() else mask("text"))

    def text(self, text: str) -> str:
        return self._redaction.part(text, self._findings)

    def value(self, value: Any, key: object = None) -> Any:
        rule = self._rule(key)
        return self._ruled(value, rule) if rule else self._unruled(value, key)

    def _ruled(self, value: Any, rule: Rule | None) -> Any:
        if not rule:
            return self._unruled(value)
        value = _without_class(value)
        # That a password is missing is worth knowing.
        if value is not None and not isinstance(value, bool) and value not in ("", b""):
            if rule.secret and self._is_secret(value, rule):
                return self._hidden(value, rule)
            if rule.partly and isinstance(value, (str, int)):
                return self.text(self._findings.hide(_text(value), rule, "name"))
        return self._unruled(value, rule=rule)

    def _unruled(self, value: Any, key: object = None, rule: Rule | None = None) -> Any:
        """A value that is no secret by its name, which may say what a number counts."""
        kind = type(value)
        if kind is str or (kind is int and abs(value) < _LONG):
            # A card or mobile number may have been logged as an int.
            text = str(value)
            if text in self._redaction.clean:
                return value
            if 11 <= len(text) < 18 and text.isdigit() and is_counted(_text(key)):
                return value
            shown = self.text(text)
            return value if shown == text else shown
        if kind is int or kind in _NO_TEXTS:
            return value
        if isinstance(value, (str, int, float)):
            return self._unruled(_without_class(value))
        return self._container(value, rule)

    def _rule(self, key: object) -> Rule | None:
        return self._rules.rule_for(_text(key)) if self._rules and key is not None else None

    def _is_secret(self, value: Any, rule: Rule) -> bool:
        if isinstance(value, (str, int, float, bytes, bytearray)):
            return rule.needs == ANYTHING or looks(_text(value), rule.needs)
        if rule.label == "credential" and rule.needs == RANDOM:  # auth=("bob", "x")
            return isinstance(value, (list, tuple)) and len(value) == 2
        return rule.needs in (ANYTHING, VALUE)

    def _hidden(self, value: Any, rule: Rule) -> Any:
        if isinstance(value, str) and MASKED.fullmatch(value):
            return value
        for text in texts_in(value):
            self._findings.hide(text, rule, "name")
        return mask(rule.label)

    def _container(self, value: Any, rule: Rule | None) -> Any:
        if id(value) in self._inside or len(self._inside) >= _MAX_DEPTH:
            return "…"
        self._inside.add(id(value))
        try:
            if isinstance(value, (dict, Mapping)):  # dict first: asking Mapping takes longer
                return self.mapping(value)
            if isinstance(value, (list, tuple, set, frozenset)):
                items = self._items(value, rule)
                return tuple(items) if isinstance(value, tuple) else items
            return self.text(_text(value))
        finally:
            self._inside.discard(id(value))

    def mapping(self, value: Mapping[Any, Any]) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        clean, plain = self._redaction.clean, self._redaction.plain
        for key, item in value.items():
            if type(key) is str and key in plain:
                is_clean = item in clean if type(item) is str else type(item) in _NO_TEXTS
                shown[key] = item if is_clean else self._unruled(item, key)
                continue
            name = self.text(_text(key))
            shown[name] = self.value(item, key)
            if name in clean and not self._rule(name) and not _is_of_pair(name.lower()):
                plain.add(name)
        return shown if plain.issuperset(shown) else self._with_pairs(value, shown)

    def _with_pairs(self, value: Mapping[Any, Any], shown: dict[str, Any]) -> dict[str, Any]:
        """`shown` without what some values say of others."""
        if not self._rules:
            return shown
        named = {key.lower(): key for key in value if isinstance(key, str)}
        # {"name": "Cookie", "value": "…"}, as in lists of headers, or {"ParameterKey": …}
        for each, key in named.items():
            match = _VALUE_KEY.fullmatch(each)
            for name in [f"{match[1]}{name}" for name in _NAMES] if match else ():
                if name in named and (rule := self._rule(_last(value[named[name]]))):
                    shown[key] = self._ruled(value[key], rule)
        for each in _STATEMENTS & named.keys():
            for other in _PARAMETERS & named.keys():
                statement, parameters = value[named[each]], value[named[other]]
                if isinstance(statement, str) and isinstance(parameters, (list, tuple)):
                    rules = rules_of_parameters(statement, len(parameters), self._rules)
                    pairs = zip(parameters, rules, strict=True)
                    shown[named[other]] = [self._ruled(item, rule) for item, rule in pairs]
        return shown

    def _items(self, value: Iterable[Any], rule: Rule | None) -> list[Any]:
        """The items of a sequence: fields of a named tuple, words of a command line, else one
        that names the next is a header or an option."""
        items = list(value)
        fields = getattr(type(value), "_fields", ())
        if len(fields) == len(items) > 0:
            return [self.value(item, name) for item, name in zip(items, fields, strict=True)]
        if self._rules and all(isinstance(item, str) for item in items):
            for i, start in list(secrets_in(items)):
                hidden = self._findings.hide(items[i][start:], PASSWORD, "an argument")
                items[i] = items[i][:start] + hidden
        shown: list[Any] = []
        name = None
        for item in items:
            shown.append(self.value(item, name) if name else self._ruled(item, rule))
            header = len(items) == 2 and not shown[1:] and isinstance(item, (str, bytes))
            option = isinstance(item, str) and item.startswith("--") and "=" not in item
            name = item if header or option else None
        return shown


def _is_of_pair(name: str) -> bool:
    """Whether another key says something about the value of this one, or the other way round."""
    return name in _STATEMENTS or name in _PARAMETERS or bool(_VALUE_KEY.fullmatch(name))


def _last(value: Any) -> Any:
    """A name; of a path (`("body", "password")`) its last part."""
    if isinstance(value, (list, tuple)) and value:
        value = value[-1]
    return value if isinstance(value, (str, bytes)) else None


def _with_each_text(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(key): _with_each_text(item, change) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_with_each_text(item, change) for item in value)
    return value


def _without_class(value: Any) -> Any:
    """A text or number as JSON has it: a subclass may show something else than it holds."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, float):
        return float.__pos__(value)
    return int.__pos__(value) if isinstance(value, int) and type(value) is not bool else value


def _text(value: object) -> str:
    value = _without_class(value)
    if isinstance(value, str):
        return value
    if isinstance(value, (bytes, bytearray)):
        return value.decode("utf-8", "backslashreplace")
    try:
        # A subclass of `str` might compare equal to a text that is known to be clean.
        return str.__str__(repr(value))
    except Exception:
        return f"<{type(value).__name__}>"


#: This much of a secret's start gives it away where the rest was cut off.
_TELLING = 12


def _redaction(rules: Rules | None, secrets: frozenset[str]) -> Redaction:
    """Finds what `rules` say, and `secrets` in every form in which they can stand in a text."""
    forms = sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True)
    whole = [re.escape(form) for form in forms]
    parts = [re.escape(form[:_TELLING]) + r"[\w%+/=.~-]*" for form in forms if len(form) > _TELLING]
    return Redaction(rules, re.compile("|".join(whole + parts)) if whole else None)


_without_own = lru_cache(maxsize=8)(partial(_redaction, secrets=frozenset()))


def _forms(secret: str) -> set[str]:
    """`secret` as it is, in a URL, in JSON, in a `repr` and in base64."""
    # Shorter ones would tear every text apart; no service accepts them.
    if len(secret) < 3:
        return set()
    encoded = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    encoded |= {quote(form, safe="") for form in encoded}
    lower = {re.sub("%..", lambda code: code[0].lower(), form) for form in encoded}
    escaped = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    return {secret, repr(secret)[1:-1], *encoded, *lower, *escaped, *_in_base64(secret)}


def _in_base64(secret: str) -> set[str]:
    """What base64 makes of `secret` wherever it stands in a longer text (`user:secret`).

    Three bytes become four characters, so it can begin in three ways; its first and last
    characters depend on its neighbours as well, and are left out.
    """
    data = secret.encode("utf-8", "surrogatepass")
    forms = set()
    for shift in range(3):
        whole = b64encode(b"\0" * shift + data).decode().rstrip("=")
        begin = (0, 2, 3)[shift]
        form = whole[begin : len(whole) if (shift + len(data)) % 3 == 0 else -1]
        if len(form) >= 8:
            forms |= {form, form.replace("+", "-").replace("/", "_")}
    return forms
