"""Values that must not be shown, and their removal from texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha256
from urllib.parse import quote, quote_plus

from wecom_logging.errors import ConfigurationError

#: Shorter strings are left where they stand: masking each "ab" would spoil the text, and
#: nothing of that length is a secret.
_SHORTEST = 4

Check = Callable[[str], object]


class Secret:
    """A secret given as a string, or in a file that can be read again. No conversion to text
    shows it (`repr`, `str`, f-strings): only `value` does."""

    def __init__(self, value: str, *, path: str | None = None, check: Check | None = None) -> None:
        self._value = value
        self._path = path
        self._check = check
        #: Every value it has had, since an old one may still turn up in some text.
        self.known: tuple[str, ...] = (value,)

    @classmethod
    def of(cls, value: str | Secret, check: Check) -> Secret:
        """A secret as a user gives it, checked."""
        text = value.value if isinstance(value, Secret) else value
        check(text)
        return value if isinstance(value, Secret) else cls(text)

    @classmethod
    def from_file(cls, path: str, *, option: str, check: Check) -> Secret:
        """Read a secret from a file of UTF-8 text; white space around it is dropped. A
        `ConfigurationError` if that cannot be done, or `check` refuses what the file holds."""
        try:
            value = _read(path)
            check(value)
            return cls(value, path=path, check=check)
        except ConfigurationError as error:
            rule = f"what the file {path!r} holds {error.rule}"
        except OSError as error:
            rule = f"cannot read {path!r}: {error.strerror}"
        except UnicodeDecodeError:
            rule = f"the file {path!r} is not UTF-8 text"
        raise ConfigurationError(option, rule)

    @property
    def value(self) -> str:
        return self._value

    @property
    def hint(self) -> str:
        """Enough for a person to tell two secrets apart: `…` and the last four characters."""
        return "…" + (self._value[-4:] if len(self._value) >= 16 else "")

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that name the secret and do not give it away."""
        return sha256(self._value.encode("utf-8", "replace")).hexdigest()[:16]

    def reload(self) -> bool:
        """Read the file again; returns whether it holds another usable secret now."""
        if self._path is None:
            return False
        try:
            value = _read(self._path)
            if self._check:
                self._check(value)
        except (OSError, ValueError):
            return False  # half-written or gone: the old one may come good again
        if value == self._value:
            return False
        self._value = value
        self.known = (*self.known[-3:], value)
        return True

    def __repr__(self) -> str:
        return "Secret('***')"


def scrub(text: str, secrets: Iterable[str]) -> str:
    """Replace each secret in a text, as it is and as it looks inside a URL, by `***`."""
    for secret in sorted(set(secrets), key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            encodable = secret.encode("utf-8", "replace")
            for form in (secret, quote(encodable, safe=""), quote_plus(encodable)):
                text = text.replace(form, "***")
    return text


def _read(path: str) -> str:
    # Not "utf-8-sig", whose codec would be imported by the first reload, on our thread.
    with open(path, encoding="utf-8") as file:
        return file.read().lstrip("\ufeff").strip()
