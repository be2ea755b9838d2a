"""HTTP to the API: one answer or one `TransportError`, in bounded time and memory.

Built on requests for its proxies, CA bundles and environment variables, over the
connections of `connection.py`.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import lru_cache
from typing import Any
from urllib.parse import quote_plus

import requests

from wecom_logging._model.secret import Secret
from wecom_logging._model.text import one_line
from wecom_logging._runtime import fork
from wecom_logging._runtime.deadline import deadline, remaining
from wecom_logging._runtime.echo_guard import suppress
from wecom_logging._runtime.native import monotonic
from wecom_logging._senders.connection import Adapter, Progress, progress
from wecom_logging.errors import TransportError

#: Seconds that a call may take beyond its connect and read timeouts.
GRACE = 5.0

#: Bytes of an answer. WeCom's own are a few hundred.
MAX_ANSWER = 1 << 20

Params = Mapping[str, "str | Secret"]
Files = Mapping[str, "tuple[str, bytes, str]"]

#: Why there is no answer, and whether the request may have been carried out all the same.
Trouble = tuple[str, bool]

suppress(
    "requests", "charset_normalizer", "urllib3", "urllib3.connection", "urllib3.connectionpool",
    "urllib3.poolmanager", "urllib3.response", "urllib3.util.retry", "urllib3.http2.connection",
    "urllib3.contrib.pyopenssl",
)  # fmt: skip

# What `getaddrinfo` would otherwise look up, and so import, at the first call and on our thread.
codecs.lookup("idna")

# Adapters of the parent, kept alive in a forked child: the locks inside may have been held at the
# fork, and the connections are the parent's.
_inherited: list[Adapter] = []

# No compression: an answer is small, and its size is limited as it comes.
_HEADERS = {"User-Agent": "wecom-logging", "Accept": "*/*", "Accept-Encoding": "identity"}


class Http:
    """Calls to one API, over one connection that is kept between them.

    Redirects are not followed (a POST would become a GET), `~/.netrc` is not read, cookies
    are not kept and nothing is repeated. Usable from several threads; a forked child makes
    its own connection.

    Args:
        timeout: Seconds to connect (to each address of the host) and to wait for each part
            of the answer. A whole call takes at most their sum and 5 s more, apart from
            name resolution, which has the system's own limit.
        proxies: As requests takes them; None for those of the environment.
        scrub: Takes our secrets out of a text.
    """

    def __init__(
        self,
        timeout: tuple[float, float],
        proxies: Mapping[str, str] | None,
        scrub: Callable[[str], str],
    ) -> None:
        self._timeout = timeout
        self._proxies = dict(proxies) if proxies is not None else None
        self._scrub = scrub
        self._adapter = Adapter()
        self._surroundings: dict[str, Any] | None = None

    def call(
        self, url: str, params: Params, *, body: bytes | None = None, files: Files | None = None
    ) -> dict[str, Any]:
        """GET, or POST if there is a body or a file; returns WeCom's answer.

        Args:
            url: Without a secret.
            params: The query. Secrets stay wrapped until they are written, so that no
                frame of a traceback shows them.

        Raises:
            TransportError: There is no answer that can be WeCom's. Its text names neither
                URL nor secret, and no exception of requests hangs on it.
        """
        fork.notice()
        try:
            with deadline(monotonic() + sum(self._timeout) + GRACE):
                status, content = self._exchange(url, params, body, files)
        except Exception as error:
            # Whatever the HTTP library raises holds the URL, in its text, its request or its
            # context. Replaced outside of this block, so that it is not the new one's context.
            text, unclear = _unanswered(error)
        else:
            answer = json_object(content.decode("utf-8", "replace"))
            if not (trouble := _unreadable(status, answer)):
                return answer or {}
            text, unclear = trouble
        failed = TransportError(f"{url.split('/')[2]}: {self._scrub(text)}", unclear=unclear)
        failed.written, failed.way = progress.get().written, not unclear
        raise failed

    def connect(self, url: str) -> None:
        """Connect ahead of a call, if that is direct. Whatever is wrong is for the call."""
        fork.notice()
        try:
            with deadline(monotonic() + self._timeout[0]):
                self._adapter.connect(_request(url, {}), **self._settings(url))
        except Exception:
            pass

    def close(self) -> None:
        """Close the connection. A later call opens another."""
        self._adapter.close()

    def after_fork(self) -> None:
        """In a forked child: leave the parent's connection alone, and have a new one."""
        _inherited.append(self._adapter)
        self._adapter = Adapter()

    def _exchange(
        self, url: str, params: Params, body: bytes | None, files: Files | None
    ) -> tuple[int, bytes]:
        connect, read = self._timeout
        progress.set(Progress(read))
        request = _request(url, params, body, files)
        timeout = (remaining(connect), read)
        response = self._adapter.send(request, timeout=timeout, **self._settings(url))
        with closing(response):
            content = bytearray()
            for chunk in response.iter_content(1 << 16):
                content += chunk
                if len(content) > MAX_ANSWER:
                    raise ValueError("the answer is larger than 1 MiB")
            return response.status_code, bytes(content)

    def _settings(self, url: str) -> dict[str, Any]:
        """Proxies and CA bundle, as given or from the environment, which is read once:
        requests reads all of its variables at every call, 0.2 ms."""
        if self._surroundings is None:
            with requests.Session() as session:
                self._surroundings = dict(
                    session.merge_environment_settings(url, self._proxies or {}, True, None, None)
                )
        return self._surroundings


def _request(
    url: str, params: Params, body: bytes | None = None, files: Files | None = None
) -> requests.PreparedRequest:
    """A request with all that ours needs.

    A `Session` adds cookies, credentials of ~/.netrc and redirects, which nobody wants here, and
    takes half of the time until the first byte; `prepare` takes most of the rest.
    """
    request = requests.PreparedRequest()
    request.method = "GET" if body is None and files is None else "POST"
    request.url, sign = _checked(url), "?"
    for name, value in params.items():
        written = quote_plus(value.value if isinstance(value, Secret) else value)
        request.url, sign = f"{request.url}{sign}{name}={written}", "&"
    # A plain dict: in requests' own a look-up takes some ten steps, and it is copied on the way.
    headers: Any = _HEADERS.copy()
    request.headers = headers
    if files is not None:
        request.prepare_body(None, files)
    elif body is not None:
        request.body = body
        headers["Content-Type"] = "application/json"
        headers["Content-Length"] = str(len(body))
    return request


@lru_cache(maxsize=16)
def _checked(url: str) -> str:
    """A URL as requests wants it (host in IDNA, path quoted), which takes it 0.15 ms."""
    request = requests.PreparedRequest()
    request.prepare_url(url, None)
    return request.url or url


def _unanswered(error: Exception) -> Trouble:
    if progress.get().written:
        return f"the request was written, but no readable answer came: {_reason(error)}", True
    return f"cannot connect: {_reason(error)}", False


def _reason(error: BaseException) -> str:
    """The text of the innermost exception that is not the HTTP library's own.

    Theirs hold the URL; the system's and OpenSSL's say what happened.
    """
    best: BaseException | None = None
    seen: list[BaseException] = []
    queue: list[object] = [error]
    while queue and len(seen) < 20:
        current = queue.pop(0)
        if not isinstance(current, BaseException) or current in seen:
            continue
        seen.append(current)
        if type(current).__module__.partition(".")[0] not in ("requests", "urllib3"):
            best = current
        queue += [*current.args, getattr(current, "reason", None), current.__cause__]
        if not current.__suppress_context__:
            queue.append(current.__context__)
    if isinstance(error, requests.exceptions.InvalidSchema):
        return "a SOCKS proxy needs PySocks: pip install 'requests[socks]'"
    if best is None:
        return type(error).__name__
    return one_line(str(best)) or type(best).__name__


def json_object(text: str) -> dict[str, Any] | None:
    """The object that `text` is; None if it is something else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _unreadable(status: int, answer: dict[str, Any] | None) -> Trouble | None:
    """What is wrong with an answer; None if it is WeCom's, whose refusals come with 200.

    A request that was turned away as such (3xx, 4xx) has not been carried out; any other foreign
    answer may have replaced WeCom's.
    """
    if 300 <= status < 400:
        return f"redirected (HTTP {status}), which is not followed: is api_base right?", False
    if status >= 500:
        return f"HTTP {status}", True
    if answer is not None and (status < 400 or answer.get("errcode")):
        return None
    if status >= 400:
        return f"HTTP {status}: is api_base right?", False
    return f"the answer is not WeCom's (HTTP {status})", True
