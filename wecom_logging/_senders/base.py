"""What an application and a group robot have in common as senders."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies

from wecom_logging._config import destination
from wecom_logging._model.secret import scrub
from wecom_logging._runtime.echo_guard import delivering
from wecom_logging._senders.errcodes import Call, refusal, unsent
from wecom_logging._senders.http import Files, Http, Params
from wecom_logging._senders.protocol import Limits, Message
from wecom_logging.errors import ConfigurationError, TransportError

#: A file holds more than 5 bytes and 20 MB at most (WeCom API documents 90253, 91770).
MIN_FILE = 6
MAX_FILE = 20 * 1024 * 1024


class WeComSender(ABC):
    """Base class of `AppSender` and `WebhookSender`. Not meant for other subclasses."""

    #: What a message to this kind of destination can carry.
    limits: Limits

    #: Called before a message is written a second time within one `send`, because the
    #: first attempt showed that the token or key had to be renewed. Each attempt counts
    #: against the rate limit; what the hook raises, `send` raises instead of it.
    before_resend: Callable[[], None] | None = None

    def __init__(self, api_base: object, timeout: object, proxies: object) -> None:
        self._base = destination.api_base(api_base)
        checked = destination.proxies(proxies)
        self._proxy_passwords = _passwords((checked or getproxies()).values())
        self._http = Http(destination.timeout(timeout), checked, self._scrub)

    # --- for scripts ----------------------------------------------------------------------

    def markdown(self, text: str) -> None:
        """Send a markdown message. WeChat, as opposed to WeCom, does not show these.

        Returns when WeCom has accepted it, raises a `DeliveryError` otherwise; its
        `unclear` says whether the message may have arrived all the same.
        """
        self.send(Message("markdown", text))

    def text(self, text: str, mentions: Iterable[str] = ()) -> None:
        """Send a plain text message, see `markdown`.

        Args:
            text: The text.
            mentions: Robots only: user ids, mobile numbers or "@all" to call.
        """
        names = mentions if isinstance(mentions, str) else list(mentions)
        self.send(Message("text", text, destination.mentions(names)))

    def file(self, name: str, data: bytes) -> None:
        """Upload a file and send it, see `markdown`."""
        self.send(Message("file", self.upload(name, data)))

    # --- the Sender protocol ----------------------------------------------------------------

    @property
    @abstractmethod
    def destination(self) -> str:
        """A stable name of where messages go, without a secret in it."""

    @property
    def exposed_to(self) -> str:
        """The host that the secret goes to without encryption, "" if there is none."""
        parts = urlsplit(self._base)
        host = parts.hostname or ""
        return host if parts.scheme == "http" and not _is_loopback(host) else ""

    @abstractmethod
    def secrets(self) -> tuple[str, ...]:
        """Strings that must never be shown. Ask again later: a token changes."""

    def send(self, message: Message) -> None:
        """Send one message; return when WeCom has answered `errcode` 0.

        Raises:
            ConfigurationError: This kind of destination cannot call people by name.
            ContentError: WeCom would refuse, or has refused, what it says: too long, empty.
            DeliveryError: See the tree in `wecom_logging.errors`.
        """
        self._check(message)
        with delivering():
            self._send(message)

    def upload(self, name: str, data: bytes) -> str:
        """Upload a file; returns the media id for `Message("file", ...)`, good for 3 days."""
        if not MIN_FILE <= len(data) <= MAX_FILE:
            rule = f"WeCom takes files of {MIN_FILE} bytes to {MAX_FILE // 1024**2} MB"
            raise unsent(40006, f"{len(data)} bytes: {rule}")
        with delivering():
            answer = self._upload({"media": (_file_name(name), bytes(data), _OCTETS)})
        media_id = answer.get("media_id")
        if not isinstance(media_id, str) or not media_id:
            raise TransportError("the answer to the upload has no media_id", unclear=True)
        return media_id

    def close(self) -> None:
        """Close the connection. The sender stays usable and opens another when needed."""
        self._http.close()

    def after_fork(self) -> None:
        """In a forked child: leave the parent's connection alone.

        Each call looks whether the process is still the same one; this is for those who
        know that it is not.
        """
        self._http.after_fork()

    # --- for the two of them ------------------------------------------------------------------

    @abstractmethod
    def _send(self, message: Message) -> None: ...

    @abstractmethod
    def _upload(self, files: Files) -> dict[str, Any]: ...

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
        answer = self._http.call(f"{self._base}/cgi-bin/{path}", params, body=body, files=files)
        errcode = _errcode(answer)
        if errcode:
            # Taken out, so that no frame of the traceback shows what it may quote of ours.
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

    def _scrub(self, text: str) -> str:
        return scrub(text, self.secrets())


_OCTETS = "application/octet-stream"


def encoded(text: str) -> bytes:
    """UTF-8, whatever the text holds: a lone surrogate becomes a question mark."""
    return text.encode("utf-8", "replace")


def json_bytes(value: Mapping[str, object]) -> bytes:
    """The same bytes for the same value: a duplicate check compares them.

    Characters are written as they are: an escaped one would be six bytes, and document
    90313 mentions trouble with `\\u` under 40033.
    """
    return encoded(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _errcode(answer: Mapping[str, object]) -> int:
    errcode = answer.get("errcode")
    if errcode is None:
        return 0  # left out on success (document 90313)
    if isinstance(errcode, int):
        return errcode
    if isinstance(errcode, str) and errcode.removeprefix("-").isdecimal():
        return int(errcode)
    raise TransportError("the answer's errcode is not a number", unclear=True)


def _file_name(name: str) -> str:
    """The last part of a path, printable, as one line."""
    name = encoded(os.path.basename(name)).decode()
    return "".join(char for char in name if char.isprintable()) or "file"


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


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
