"""Who may read and act, and what they are called."""

from __future__ import annotations

from collections.abc import Mapping

from wecom_logging._model import text
from wecom_logging.errors import ConfigurationError

VARIABLE = "WECOM_BOT_USERS"

#: Bytes of a name in a message.
_NAME = 48


class Users:
    """Those whom `WECOM_BOT_USERS` names; without it, everybody in a paired chat.

    User ids know no case.
    """

    def __init__(self, names: Mapping[str, str] | None = None) -> None:
        self._names = {user.casefold(): name for user, name in (names or {}).items()}

    @classmethod
    def parse(cls, written: str) -> Users:
        """`zhangsan=张三,lisi=李四`; a name may be left out.

        Raises:
            ConfigurationError: An entry has no user id, or stands there twice.
        """
        names: dict[str, str] = {}
        for entry in filter(None, (part.strip() for part in written.split(","))):
            user, _, name = (part.strip() for part in entry.partition("="))
            if not user or user.casefold() in names:
                rule = f"{entry!r} has no user id" if not user else f"names {user!r} twice"
                raise ConfigurationError(VARIABLE, rule)
            names[user.casefold()] = name or user
        return cls(names)

    @property
    def named(self) -> bool:
        return bool(self._names)

    def allowed(self, user: str, *, single: bool) -> bool:
        """Whether this person may read and act in a chat that is paired, or alone with us."""
        return user.casefold() in self._names if self._names else not single

    def name(self, user: str) -> str:
        """What this person is called, harmless in a message: ids can be chosen as well."""
        shown = self._names.get(user.casefold(), user)
        return text.neutralise(text.shorten_middle(text.neutralise(shown), _NAME)) or "?"
