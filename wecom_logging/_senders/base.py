"""What an application and a group robot have in common as senders."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import sha256
from ipaddress import ip_address
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies
from weakref import WeakSet

from wecom_logging._config import validators
from wecom_logging._model.secret import scrub
from wecom_logging._runtime import fork
from wecom_logging._runtime.diagnostics import warn_rarely
from wecom_logging._runtime.echo_guard import delivering
from wecom_logging._senders.errcodes import Call, refusal, unsent
from wecom_logging._senders.http import Files, Http, Params, json_object
from wecom_logging._senders.protocol import Limits, Message, Receipt
from wecom_logging.errors import ConfigurationError, TransportError

#: A file holds more than 5 bytes and 20 MB at most (WeCom API documents 90253, 91770).
MIN_FILE = 6
MAX_FILE = 20 * 1024 * 1024


class WeComSender(ABC):
    """Base class of `AppSender` and `WebhookSender`. Not meant for other subclasses."""

    #: What a message to this kind of destination can carry.
    limits: Limits
    _destination: str

    def __init__(self, api_base: object, timeout: object, proxies: object) -> None:
        self._base = validators.api_base(api_base)
        checked = validators.proxies(proxies)
        self._proxies = dict(checked or getproxies())
        self._proxy_passwords = _passwords(self._proxies.values())
        self._http = Http(validators.timeout(timeout), checked, self._scrub)
        _connections.add(self._http)
        _warn_of_plain_http(self._base)

    def markdown(self, text: str) -> Receipt:
        """Send a markdown message. WeChat, as opposed to WeCom, does not show these.

        Returns when WeCom has accepted it, with who did not get it all the same; raises a
        `DeliveryError` otherwise, whose `unclear` says whether it may have arrived.
        """
        return self.send(Message("markdown", text))

    def text(self, text: str, mentions: Iterable[str] = ()) -> Receipt:
        """Send a plain text message, see `markdown`.

        Args:
            text: The text.
            mentions: Robots only: user ids, mobile numbers or "@all" to call.
        """
        names = mentions if isinstance(mentions, str) else list(mentions)
        return self.send(Message("text", text, validators.people(names)))

    def file(self, name: str, data: bytes) -> Receipt:
        """Upload a file and send it, see `markdown`."""
        return self.send(Message("file", self.upload(name, data)))

    @property
    def destination(self) -> str:
        """A stable name of where messages go, without a secret in it."""
        return self._destination

    @property
    def route(self) -> str:
        """Names how this process gets there: host, credentials and proxies, hashed."""
        return _hashed(self._base, self._credentials, *sorted(self._proxies.items()))

    @property
    @abstractmethod
    def _credentials(self) -> str:
        """A digest of what WeCom knows us by."""

    @abstractmethod
    def secrets(self) -> tuple[str, ...]:
        """Strings that must never be shown. Ask again later: a token changes."""

    @abstractmethod
    def send(self, message: Message) -> Receipt:
        """Send one message; return when WeCom has answered `errcode` 0.

        Raises:
            ConfigurationError: This kind of destination cannot call people by name.
            ContentError: WeCom would refuse, or has refused, what it says: too long, empty.
            DeliveryError: See the tree in `wecom_logging.errors`.
        """

    @abstractmethod
    def upload(self, name: str, data: bytes) -> str:
        """Upload a file; returns the media id for `Message("file", ...)`, good for 3 days."""

    def connect(self) -> None:
        """Have a connection ready for a call that comes within the second."""
        self._http.connect(self._base)

    def close(self) -> None:
        """Close the connection. The sender stays usable and opens another when needed."""
        self._http.close()

    def _call(
        self,
        path: str,
        params: Params,
        *,
        call: Call = "send",
        body: bytes | None = None,
        files: Files | None = None,
    ) -> dict[str, Any]:
        """One request and its answer, if that is a success."""
        with delivering():
            answer = self._http.call(f"{self._base}/cgi-bin/{path}", params, body=body, files=files)
        errcode = _errcode(answer)
        if errcode:
            # Popped, so that no frame of the traceback shows what it may quote of ours.
            raise refusal(errcode, self._scrub(str(answer.pop("errmsg", ""))), call)
        return answer

    def _check(self, message: Message) -> None:
        """Find what WeCom would refuse, or cut in silence (app text), without asking it."""
        if message.mentions and not (self.limits.mentions and message.msgtype == "text"):
            rule = "only a text message of a group robot can call people by name"
            raise ConfigurationError("mentions", rule)
        if message.msgtype == "file":
            return
        most = self.limits.max_bytes.get(message.msgtype)
        if most is None:
            kinds = ", ".join(self.limits.max_bytes)
            raise unsent(40008, f"{message.msgtype!r} is not one of {kinds}")
        size = len(encoded(message.content))
        if size > most:
            raise unsent(45002, f"{size} bytes of {message.msgtype}, WeCom takes {most} at most")
        if not message.content:
            raise unsent(44004, f"an empty {message.msgtype} message")
        if message.msgtype == "card":
            _card(message)

    def _scrub(self, text: str) -> str:
        return scrub(text, self.secrets())


@lru_cache(maxsize=16)
def _hashed(*way: object) -> str:
    return sha256(encoded(repr(way))).hexdigest()[:16]


_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

#: Whatever may have a connection, which a forked child leaves to its parent.
_connections: WeakSet[Http] = WeakSet()


def _leave_connections() -> None:
    for http in list(_connections):
        http.after_fork()


fork.in_child(_leave_connections)


def media(name: str, data: bytes) -> Files:
    """A file as WeCom wants it: with the last part of its path, as one printable line."""
    if not MIN_FILE <= len(data) <= MAX_FILE:
        rule = f"WeCom takes files of {MIN_FILE} bytes to {MAX_FILE // 1024**2} MB"
        raise unsent(40006, f"{len(data)} bytes: {rule}")
    printable = filter(str.isprintable, encoded(os.path.basename(name)).decode())
    return {"media": ("".join(printable) or "file", bytes(data), "application/octet-stream")}


def content_of(message: Message) -> dict[str, object]:
    if message.msgtype == "card":
        return {"msgtype": "template_card", "template_card": _card(message)}
    field = "media_id" if message.msgtype == "file" else "content"
    return {"msgtype": message.msgtype, message.msgtype: {field: message.content}}


def _card(message: Message) -> dict[str, object]:
    card = json_object(message.content)
    if card is None:
        raise unsent(40058, "a card is a JSON object")
    return card


def media_id(answer: Mapping[str, object]) -> str:
    found = answer.get("media_id")
    if not isinstance(found, str) or not found:
        raise TransportError("the answer to the upload has no media_id", unclear=True)
    return found


def encoded(text: str) -> bytes:
    """UTF-8, whatever the text holds: a lone surrogate becomes a question mark."""
    return text.encode("utf-8", "replace")


def json_bytes(value: Mapping[str, object]) -> bytes:
    """The same bytes for the same value: a duplicate check compares them.

    Characters are written as they are: an escaped one would be six bytes, and document
    90313 mentions trouble with `\\u` under 40033.
    """
    return encoded(_json(value))


def _errcode(answer: Mapping[str, object]) -> int:
    """The number that decides. An answer without one, or with an impossible one, is not WeCom's
    but that of a gateway that swallows what it should pass on."""
    errcode = answer.get("errcode")
    if isinstance(errcode, int) and not isinstance(errcode, bool) and abs(errcode) < 10**9:
        return errcode
    raise TransportError("the answer has no errcode that is a number", unclear=True)


def _passwords(addresses: Iterable[str]) -> tuple[str, ...]:
    found: list[str] = []
    for address in addresses:
        try:
            password = urlsplit(address if "//" in address else f"//{address}").password
        except ValueError:
            continue
        if password:
            found += (password, unquote(password))
    return tuple(dict.fromkeys(found))


def _warn_of_plain_http(base: str) -> None:
    parts = urlsplit(base)
    host = parts.hostname or ""
    if parts.scheme == "http" and not _is_loopback(host):
        warn_rarely(
            f"plain http {host}",
            f"api_base is plain http: whoever sits between here and {host} can read the secret"
            " and every alert",
            once=True,
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
