"""Messages from an application (自建应用) to its members."""

from __future__ import annotations

import os
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from wecom_logging._config import validators
from wecom_logging._config.destination import APPLICATION, from_environment
from wecom_logging._model.secret import Secret
from wecom_logging._senders.access_token import TOKENS, lifetime_of
from wecom_logging._senders.base import WeComSender, content_of, json_bytes, media, media_id
from wecom_logging._senders.errcodes import BAD_SECRET, Call
from wecom_logging._senders.http import Files, Params
from wecom_logging._senders.protocol import APP_CARD, CARD_BYTES, Limits, Message, Receipt
from wecom_logging.errors import (
    ConfigurationError,
    DeliveryError,
    SetupError,
    TokenError,
    TransportError,
)

#: Seconds over which WeCom recognises a repetition, its longest (WeCom API document 90236).
DUPLICATE_CHECK_INTERVAL = 4 * 3600

#: Where an answer lists who did not get the message.
_MISSED = ("invaliduser", "invalidparty", "invalidtag", "unlicenseduser")


class AppSender(WeComSender):
    """Sends messages as an application of the company, to members, parties or tags.

        AppSender("ww…", "secret", 1000002, touser="zhangsan").markdown("**Hello**")

    The constructor touches no network. Each call returns when WeCom has accepted, or raises
    a `DeliveryError`; nothing is queued and, but for a stale access token, nothing repeated.
    While WeCom is down a call fails within the sum of the timeouts and 5 s, twice that if it
    needs an access token first. All senders of a process with the same credentials share the
    token. Usable from several threads; a forked child opens its own connection.

    Limits, of WeCom API document 90236: 2048 bytes of UTF-8 in a message; 1000 users, 100
    parties, 100 tags; of document 90312: 30 messages a minute and 1000 an hour to a member,
    beyond which WeCom drops them *without an error*.

    Args:
        corpid: The company's id (我的企业 → 企业信息 → 企业ID).
        corpsecret: The application's Secret (应用管理 → 应用), as a string or a `Secret`.
        agentid: Its AgentId, an int or digits.
        touser: User ids, as "a|b" or a list; "@all" for everybody who sees the application.
        toparty: Ids of parties (部门), as "2|3" or a list. One recipient at least is required.
        totag: Ids of tags (标签), as "2|3" or a list.
        api_base: Scheme, host, port and prefix, with or without `/cgi-bin`.
        timeout: Seconds to connect and seconds to wait for each part of the answer.
        proxies: As requests takes them; None for those of the environment.

    Raises:
        ConfigurationError: An argument has a value that cannot work.
    """

    limits: Limits = Limits(
        max_bytes={"markdown": 2048, "text": 2048, "card": CARD_BYTES},
        card=APP_CARD,
        duplicate_check=True,
        files=True,
        token=True,
        route=True,
        connects=True,
    )

    def __init__(
        self,
        corpid: str,
        corpsecret: str | Secret,
        agentid: int | str,
        touser: object = None,
        toparty: object = None,
        totag: object = None,
        *,
        api_base: str = validators.API_BASE,
        timeout: object = validators.TIMEOUT,
        proxies: Mapping[str, str] | None = None,
    ) -> None:
        self._corpid = validators.corpid(corpid)
        self._corpsecret = Secret.of(corpsecret, lambda text: validators.secret(text, "corpsecret"))
        self._agentid = validators.agentid(agentid)
        to = {"touser": touser, "toparty": toparty, "totag": totag}
        named = {name: validators.recipients(value, name) for name, value in to.items()}
        self._to = {name: names for name, names in named.items() if names}
        if not self._to:
            raise ConfigurationError("touser", "name a recipient: touser, toparty or totag")
        if self._to.get("touser") == "@all" and len(self._to) > 1:
            raise ConfigurationError("touser", "'@all' stands alone: leave out toparty and totag")
        self._known_tokens: tuple[str, ...] = ()
        super().__init__(api_base, timeout, proxies)
        people = "&".join(f"{name}={sorted(names.split('|'))}" for name, names in self._to.items())
        digest = sha256(people.encode()).hexdigest()[:12]
        self._destination = f"app {self._base} {self._corpid} {self._agentid} {digest}"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> AppSender:
        """Make one from `WECOM_CORPID`, `WECOM_CORPSECRET`, `WECOM_AGENTID`, `WECOM_TOUSER`,
        `WECOM_TOPARTY`, `WECOM_TOTAG` (comma-separated), `WECOM_API_BASE`, `WECOM_TIMEOUT`
        and `WECOM_PROXIES`.

        The secret may stand in a file named by `WECOM_CORPSECRET_FILE`, which is read again
        when WeCom refuses what it held. An empty value is no value.

        Raises:
            ConfigurationError: One is missing or has a value that cannot work.
        """
        return from_environment(cls, APPLICATION, environ)

    @property
    def token_key(self) -> str:
        """Names the credentials: senders with the same key share one access token.

        Changes with the secret, so that a wrong one never lives on another's token.
        """
        return f"{self._base} {self._credentials}"

    @property
    def _credentials(self) -> str:
        return f"{self._corpid} {self._corpsecret.digest}"

    def secrets(self) -> tuple[str, ...]:
        return (*self._corpsecret.known, *self._known_tokens, *self._proxy_passwords)

    def send(self, message: Message, token: str | None = None) -> Receipt:
        # Wrapped, here and below, so that no frame of a traceback shows it.
        brought, token = _wrapped(token), None
        self._check(message)
        answer = self._authorised("message/send", brought, body=self._body(message))
        return Receipt(_missed(answer))

    def upload(self, name: str, data: bytes, token: str | None = None) -> str:
        brought, token = _wrapped(token), None
        files, params = media(name, data), {"type": "file"}
        answer = self._authorised("media/upload", brought, params, files=files, call="upload")
        return media_id(answer)

    def agent(self) -> dict[str, Any]:
        """What WeCom says about the application, without sending anything.

        `name`, `close` (1: disabled), `allow_userinfos`, `allow_partys`, `allow_tags`:
        enough to check credentials, trusted address and visible range (document 90227).
        """
        params = {"agentid": str(self._agentid)}
        return self._authorised("agent/get", None, params, call="query")

    def token(self) -> str:
        """This process's own access token, fetched if need be: for callers that bring none."""
        key = self.token_key
        try:
            return TOKENS.get(key, self.fetch_token)
        except SetupError:
            if self.token_key == key:
                raise
        return TOKENS.get(self.token_key, self.fetch_token)  # by another secret

    def fetch_token(self) -> tuple[str, float]:
        """Ask for a token (WeCom API document 91039), which is good for so many seconds.

        A secret that came from a file and is refused is read again, for the next time:
        `token_key` is another one then.
        """
        params: Params = {"corpid": self._corpid, "corpsecret": self._corpsecret}
        try:
            answer = self._call("gettoken", params, call="gettoken")
            token = answer.get("access_token")
            if not isinstance(token, str) or not token:
                raise TransportError("the answer to gettoken has no access_token")
        except DeliveryError as error:
            # No message was on its way; and other processes may have other credentials or a token.
            error.unclear, error.way = False, True
            if isinstance(error, SetupError) and error.errcode in BAD_SECRET:
                self._corpsecret.reload()
            raise
        return token, lifetime_of(answer.get("expires_in"))

    def __repr__(self) -> str:
        to = ", ".join(f"{name}={names!r}" for name, names in self._to.items())
        base = "" if self._base == validators.API_BASE else f", api_base={self._base!r}"
        return f"AppSender({self._corpid!r}, '***', {self._agentid}, {to}{base})"

    def _body(self, message: Message) -> bytes:
        check = {"enable_duplicate_check": 1, "duplicate_check_interval": DUPLICATE_CHECK_INTERVAL}
        return json_bytes({**self._to, "agentid": self._agentid, **content_of(message), **check})

    def _authorised(
        self,
        path: str,
        token: Secret | None,
        params: Mapping[str, str] | None = None,
        *,
        body: bytes | None = None,
        files: Files | None = None,
        call: Call = "send",
    ) -> dict[str, Any]:
        """One request with a token; one more if it is our own and turns out to be stale."""

        def attempt(token: Secret) -> dict[str, Any]:
            if token.value not in self._known_tokens:
                self._known_tokens = (*self._known_tokens[-1:], token.value)
            query: Params = {"access_token": token, **(params or {})}
            return self._call(path, query, call=call, body=body, files=files)

        if token is not None:
            return attempt(token)
        own = Secret(self.token())
        try:
            return attempt(own)
        except TokenError:
            pass  # and not below, so that what comes then has no context
        TOKENS.invalidate(self.token_key, own.value)
        return attempt(Secret(self.token()))


def _wrapped(token: str | None) -> Secret | None:
    return None if token is None else Secret(token)


def _missed(answer: Mapping[str, object]) -> Mapping[str, frozenset[str]]:
    found = {}
    for field in _MISSED:
        value = answer.get(field)
        names = value.split("|") if isinstance(value, str) else value
        if isinstance(names, list) and any(names):
            found[field] = frozenset(str(name) for name in names if name)
    return found
