"""Messages from a group robot (群机器人, 消息推送) to its group."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from wecom_logging._config import validators
from wecom_logging._config.destination import ROBOT, from_environment
from wecom_logging._model.secret import Secret
from wecom_logging._senders.base import WeComSender, content_of, json_bytes, media, media_id
from wecom_logging._senders.http import Params
from wecom_logging._senders.protocol import CARD_BYTES, ROBOT_CARD, Limits, Message, Receipt
from wecom_logging.errors import ConfigurationError, SetupError

#: "invalid webhook url": the one code that another key may cure.
_BAD_KEY = 93000


class WebhookSender(WeComSender):
    """Sends messages to the group of a robot.

        WebhookSender("693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa").text("Hello")

    The constructor touches no network. Each call returns when WeCom has accepted, or raises
    a `DeliveryError`; nothing is queued or repeated. While WeCom is down a call fails within
    the sum of the timeouts and 5 s. WeCom does not recognise a repetition, so one after an
    unclear answer may show the message twice. Usable from several threads; a forked child
    opens its own connection.

    Limits, of WeCom API document 91770: 4096 bytes of UTF-8 of markdown, 2048 of text; 20
    messages a minute, beyond which it refuses them.

    Args:
        key: The robot's key or its whole URL, as a string or a `Secret`. A whole URL brings
            its own `api_base`.
        api_base: Scheme, host, port and prefix, with or without `/cgi-bin`.
        timeout: Seconds to connect and seconds to wait for each part of the answer.
        proxies: As requests takes them; None for those of the environment.

    Raises:
        ConfigurationError: An argument has a value that cannot work.
    """

    limits: Limits = Limits(
        max_bytes={"markdown": 4096, "text": 2048, "markdown_v2": 4096, "card": CARD_BYTES},
        card=ROBOT_CARD,
        files=True,
        mentions=True,
        route=True,
        connects=True,
    )

    def __init__(
        self,
        key: str | Secret,
        *,
        api_base: str = validators.API_BASE,
        timeout: object = validators.TIMEOUT,
        proxies: Mapping[str, str] | None = None,
    ) -> None:
        self._given = Secret.of(key, validators.webhook)
        super().__init__(api_base, timeout, proxies)
        before = self._base
        self._read_key()
        if before not in (validators.API_BASE, self._base):
            rule = f"is {before!r}, but webhook_key is a URL of another host"
            raise ConfigurationError("api_base", rule)
        # Of the first key for good: the rate limit and the back-off belong to this name.
        self._destination = f"robot {self._base} {self._key.digest[:12]}"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> WebhookSender:
        """Make one from `WECOM_WEBHOOK_KEY`, `WECOM_API_BASE`, `WECOM_TIMEOUT` and `WECOM_PROXIES`.

        The key may stand in a file named by `WECOM_WEBHOOK_KEY_FILE`, which is read again
        when WeCom refuses what it held. An empty value is no value.

        Raises:
            ConfigurationError: The key is missing, or a value cannot work.
        """
        return from_environment(cls, ROBOT, environ)

    @property
    def _credentials(self) -> str:
        return self._key.digest

    def secrets(self) -> tuple[str, ...]:
        return self._secrets

    def __repr__(self) -> str:
        base = "" if self._base == validators.API_BASE else f", api_base={self._base!r}"
        return f"WebhookSender('***'{base})"

    def send(self, message: Message) -> Receipt:
        self._check(message)
        try:
            self._call("webhook/send", {"key": self._key}, body=_body(message))
        except SetupError as refused:
            if refused.errcode == _BAD_KEY and self._given.reload():
                self._read_key()  # for the next attempt
            raise
        return Receipt({})

    def upload(self, name: str, data: bytes) -> str:
        params: Params = {"key": self._key, "type": "file"}
        answer = self._call("webhook/upload_media", params, files=media(name, data), call="upload")
        return media_id(answer)

    def _read_key(self) -> None:
        key, base = validators.webhook(self._given.value)
        self._key, self._base = Secret(key), base or self._base
        keys = (validators.webhook(value)[0] for value in self._given.known)
        self._secrets = (*keys, *self._given.known, *self._proxy_passwords)


def _body(message: Message) -> bytes:
    body: Any = content_of(message)
    if not message.mentions:
        return json_bytes(body)
    content = body[body["msgtype"]]
    mobiles = [name for name in message.mentions if validators.is_mobile(name)]
    users = [name for name in message.mentions if not validators.is_mobile(name)]
    if users:
        content["mentioned_list"] = users
    if mobiles:
        content["mentioned_mobile_list"] = mobiles
    return json_bytes(body)
