"""Access tokens: issued, checked, and dying early."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from wecom_logging.simulator.errcodes import Refusal


@dataclass
class Token:
    """One access token of one application."""

    value: str
    agentid: int
    issued: float
    expires: float
    #: 0 while WeCom has not withdrawn it, else what it answers to it (40014 or 42001).
    withdrawn: int = 0

    def errcode(self, now: float) -> int:
        """What a call with it is refused with; 0 if it is good."""
        return self.withdrawn or (42001 if now >= self.expires else 0)


class Tokens:
    """The tokens of all applications; the last 1000 are remembered."""

    def __init__(self) -> None:
        self._issued: deque[Token] = deque(maxlen=1000)

    def issue(self, agentid: int, now: float, life: float, *, same: bool, survives: bool) -> Token:
        """The application's token; `same`: the valid one again, `survives`: beside a new one."""
        valid = [each for each in self._issued if each.agentid == agentid and not each.errcode(now)]
        if valid and same:
            return valid[-1]
        if not survives:
            self.withdraw(40014, [each.value for each in valid])
        # 214 characters, as WeCom's own.
        token = Token(secrets.token_urlsafe(160)[:214], agentid, now, now + life)
        self._issued.append(token)
        return token

    def check(self, value: str | None, now: float) -> Token:
        """The token of that name; a `Refusal` if it is missing, unknown or dead."""
        if not value:
            raise Refusal(41001)
        token = next((each for each in self._issued if each.value == value), None)
        if token is None:
            raise Refusal(40014)
        if errcode := token.errcode(now):
            raise Refusal(errcode)
        return token

    def withdraw(self, errcode: int, values: list[str] | None = None) -> None:
        """Let tokens die now (None: all of them); `errcode` is what WeCom says from now on."""
        for token in self._issued:
            if values is None or token.value in values:
                token.withdrawn = errcode

    def __iter__(self) -> Iterator[Token]:
        return iter(list(self._issued))
