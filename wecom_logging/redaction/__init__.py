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
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import quote, quote_plus

from wecom_logging._model.text import strip_hidden

from .keys import Rule, mask, rule_for
from .patterns import Steps, redact_text

__all__ = ["Mode", "Processor", "mask", "redact_text", "redact_value", "redactor"]

#: True: secrets, and personal data in part; "secrets": only these; False: only our own.
Mode = Literal[True, False, "secrets"]

#: A structlog processor.
Processor = Callable[[Any, str, MutableMapping[str, Any]], MutableMapping[str, Any]]

#: Deeper than this nothing is looked at, and so nothing is shown.
_MAX_DEPTH = 20


def redactor(mode: Mode, own_secrets: Iterable[str] | Callable[[], Iterable[str]]) -> Processor:
    """The processor for the option `redact`.

    Args:
        mode: What to take out besides our own secrets, which go in any case.
        own_secrets: The strings that a sender needs and nobody may see, or a function that
            is asked for them at every event, because an access token changes.
    """

    def redact(logger: Any, method_name: str, event_dict: MutableMapping[str, Any]) -> Any:
        secrets = own_secrets() if callable(own_secrets) else own_secrets
        walk = _Walk(mode, _pattern(tuple(sorted(set(secrets)))), event_dict)
        return {walk.text(_text(key)): walk.value(value, key) for key, value in event_dict.items()}

    return redact


def redact_value(value: Any, key: object = None, *, personal_data: bool = True) -> Any:
    """`value` as plain data without secrets, at any depth.

    Args:
        value: Anything. Mappings, lists and tuples are copied; what is not JSON becomes
            its redacted `repr`.
        key: The name that `value` has, which may say that all of it is a secret.
        personal_data: Whether personal data are shown in part only.
    """
    return _Walk(True if personal_data else "secrets", None, value).value(value, key)


def _texts(value: Any) -> str | None:
    """All texts in plain JSON data, to look for hints in; None for anything else."""
    try:
        texts = json.dumps(value, ensure_ascii=False, check_circular=True)
    except Exception:  # not plain, too deep, or a loop
        return None
    # A control character has been written out, so that it cannot be taken away again; and a
    # terminal sequence that one text begins would reach into the next.
    return None if _CONTROLS.search(texts) else strip_hidden(texts)


_CONTROLS = re.compile(r"\\(?:u00|[bf])|\x9b")


class _Walk:
    """One way through nested data. It remembers where it is, for data that hold themselves."""

    def __init__(self, mode: Mode, own: re.Pattern[str] | None, whole: Any) -> None:
        self._mode = mode
        self._own = own
        if mode:
            self._steps = Steps(_texts(whole), personal_data=mode is True)
            self._note_kind(whole)
        self._inside: set[int] = set()

    def text(self, text: str) -> str:
        if not (self._own or self._mode):
            return text
        text = strip_hidden(text)
        if self._own:
            text = self._own.sub(mask("wecom secret"), text)
        return self._steps.take(text) if self._mode else text

    def value(self, value: Any, key: object = None) -> Any:
        value = _without_class(value)
        rule = self._rule(key)
        if rule and not _is_empty(value):
            if rule.secret:
                return value if _is_masked(value) else mask(rule.label)
            if isinstance(value, (str, int)):
                value = rule.apply(str(value))
        if value is None or isinstance(value, (bool, float)):
            return value
        if isinstance(value, int):
            return self._number(value)
        if isinstance(value, str):
            return self.text(value)
        return self._container(value)

    def _rule(self, key: object) -> Rule | None:
        if not self._mode or key is None:
            return None
        return rule_for(_text(key), personal_data=self._mode is True)

    def _number(self, value: int) -> int | str:
        """A card or mobile number may have been logged as an int."""
        text = str(value) if abs(value) < 10**20 else ""
        shown = self.text(text)
        return value if shown == text else shown

    def _container(self, value: Any) -> Any:
        if id(value) in self._inside or len(self._inside) >= _MAX_DEPTH:
            return "…"
        self._inside.add(id(value))
        self._note_kind(value)
        try:
            if isinstance(value, Mapping):
                return self._mapping(value)
            if isinstance(value, (list, tuple, set, frozenset)):
                items = self._items(value)
                return tuple(items) if isinstance(value, tuple) else items
            return self.text(_text(value))
        finally:
            self._inside.discard(id(value))

    def _note_kind(self, value: Any) -> None:
        """What JSON writes of a class that is not its own may be less than what it shows:
        an empty dict, where Flask's `request.values` has everybody's. Look at all of it."""
        if self._mode and isinstance(value, _CONTAINERS) and type(value) not in _CONTAINERS:
            self._steps = Steps(None, personal_data=self._mode is True)

    def _mapping(self, value: Mapping[Any, Any]) -> dict[str, Any]:
        shown = {self.text(_text(key)): self.value(item, key) for key, item in value.items()}
        # {"name": "Cookie", "value": "…"}, as in lists of headers.
        if "value" in value and isinstance(value.get("name"), str):
            shown["value"] = self.value(value["value"], value["name"])
        return shown

    def _items(self, value: Iterable[Any]) -> list[Any]:
        """The items of a sequence. One that names the next is a header or an option."""
        items = list(value)
        shown, name = [], None
        for item in items:
            shown.append(self.value(item, name))
            header = len(items) == 2 and not shown[1:] and isinstance(item, (str, bytes))
            option = isinstance(item, str) and item.startswith("--") and "=" not in item
            name = item if header or option else None
        return shown


_CONTAINERS = (dict, list, tuple)


def _without_class(value: Any) -> Any:
    """A text or number as JSON has it: a subclass may show something else than it holds."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, float):
        return float.__pos__(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int.__pos__(value)
    return value


def _text(value: object) -> str:
    value = _without_class(value)
    if isinstance(value, str):
        return value
    if isinstance(value, (bytes, bytearray)):
        return value.decode("utf-8", "backslashreplace")
    try:
        return repr(value)
    except Exception:
        return f"<{type(value).__name__}>"


def _is_empty(value: Any) -> bool:
    """None, a flag or nothing at all: that a password is missing is worth knowing."""
    return value is None or isinstance(value, bool) or value in ("", b"")


def _is_masked(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("[redacted: ") and value.endswith("]")


# --- our own secrets -----------------------------------------------------------------

#: So much of the start of a secret gives it away where the rest has been cut off.
_TELLING = 12


@lru_cache(maxsize=8)
def _pattern(secrets: tuple[str, ...]) -> re.Pattern[str] | None:
    """Finds `secrets` in every form in which they can stand in a text."""
    forms = sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True)
    whole = [re.escape(form) for form in forms]
    parts = [re.escape(form[:_TELLING]) + r"[\w%+/=.~-]*" for form in forms if len(form) > _TELLING]
    return re.compile("|".join(whole + parts)) if whole else None


def _forms(secret: str) -> set[str]:
    """`secret` as it is, in a URL, in JSON and in a `repr`."""
    # Shorter ones would tear every text apart; no service accepts them.
    if len(secret) < 3:
        return set()
    encoded = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    lower = {re.sub("%..", lambda code: code[0].lower(), form) for form in encoded}
    escaped = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    return {secret, repr(secret)[1:-1], *encoded, *lower, *escaped}
