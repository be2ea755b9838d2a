"""The way from this machine to the API: name, proxy, TLS, clock."""

from __future__ import annotations

import http.client
import importlib
import os
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import closing
from email.utils import parsedate_to_datetime
from functools import partial
from importlib.util import find_spec
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import requests
from requests.utils import select_proxy

from wecom_logging._cli.checks.step import Step, failed, ok, skipped, warning

TIMEOUT = 8.0

#: Seconds that this machine's clock and the server's may differ.
SKEW = 60.0

#: OpenSSL's numbers for what is wrong with a certificate (x509_vfy.h).
_EXPIRED, _NOT_YET_VALID = 10, 9
_OTHER_NAMES = (62, 64)

_BAD_REQUEST = 400

_FIREWALL = "Open the way to it in the firewall, or set WECOM_PROXIES or HTTPS_PROXY."


def network_steps(base: str, proxies: Mapping[str, str] | None) -> Iterator[Step]:
    """Connect as a delivery to `base` would; the steps end where nothing further can work.
    `proxies` are those of the option, None for the environment's."""
    url = urlsplit(base)
    proxy, authorities = _surroundings(base, proxies)
    step = _reach_proxy(proxy) if proxy else _resolve(url)
    yield step
    if step.status == "failed":
        return
    if proxy and proxy.scheme == "https":
        yield skipped("connection", "a proxy that speaks TLS itself: the next call will show")
        return
    connection = _connection(url, proxy, _context(authorities))
    try:
        connection.connect()
        yield _tls(connection)
        answer = _ask(connection, url, proxy)
        if answer.status == _BAD_REQUEST and (wrong := _wrong_scheme(url, proxy)):
            yield wrong  # some servers say so politely
        else:
            yield clock_step(answer.headers.get("Date"), time.time())
    except ssl.SSLCertVerificationError as error:
        yield _distrusted(error, url, _names(url, proxy, authorities))
    except (ConnectionRefusedError, TimeoutError) as error:
        yield _unconnected(url, error)
    except (OSError, http.client.HTTPException) as error:
        yield _wrong_scheme(url, proxy) or _unconnected(url, error)
    finally:
        connection.close()


def _surroundings(
    base: str, proxies: Mapping[str, str] | None
) -> tuple[SplitResult | None, str | None]:
    """The proxy and the file of authorities that requests would use, None for its own."""
    with requests.Session() as session:
        found = session.merge_environment_settings(base, dict(proxies or {}), True, None, None)
    address = select_proxy(base, found["proxies"])
    proxy = urlsplit(address if "//" in address else f"http://{address}") if address else None
    return proxy, found["verify"] if isinstance(found["verify"], str) else None


def _reach_proxy(proxy: SplitResult) -> Step:
    host, port = _address(proxy)
    if _is_socks(proxy) and not find_spec("socks"):
        cause = f"{host}:{port} is a SOCKS proxy, and the package for it is not installed"
        return failed("proxy", cause, 'Install it: pip install "requests[socks]".')
    try:
        socket.create_connection((host, port), TIMEOUT).close()
    except OSError as error:
        fix = "Correct WECOM_PROXIES or HTTPS_PROXY, or list the API's host in NO_PROXY."
        return failed("proxy", f"{host}:{port}: {_reason(error)}", fix)
    return ok("proxy", f"{host}:{port} takes connections; it resolves the API's name")


def _is_socks(proxy: SplitResult) -> bool:
    return proxy.scheme.startswith("socks")


def _address(proxy: SplitResult) -> tuple[str, int]:
    usual = 1080 if _is_socks(proxy) else 443 if proxy.scheme == "https" else 80
    return proxy.hostname or "", proxy.port or usual


def _resolve(url: SplitResult) -> Step:
    try:
        found = socket.getaddrinfo(url.hostname, _port(url), type=socket.SOCK_STREAM)
    except OSError as error:
        fix = "Correct WECOM_API_BASE, or this machine's name server; or use a proxy."
        return failed("DNS", f"{url.hostname}: {error.strerror}", fix)
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    return ok("DNS", f"{url.hostname} is {', '.join(addresses[:3])}; no proxy")


def _connection(
    url: SplitResult, proxy: SplitResult | None, context: ssl.SSLContext
) -> http.client.HTTPConnection:
    """A connection that is not made yet, by the way that a delivery takes."""
    host, port = url.hostname or "", _port(url)
    through = _address(proxy) if proxy and not _is_socks(proxy) else (host, port)
    connection: http.client.HTTPConnection
    if url.scheme == "http":
        connection = http.client.HTTPConnection(*through, timeout=TIMEOUT)
    else:
        connection = http.client.HTTPSConnection(*through, timeout=TIMEOUT, context=context)
        if proxy and not _is_socks(proxy):
            connection.set_tunnel(host, port, headers=_credentials(proxy))
    if proxy and _is_socks(proxy):
        connection._create_connection = _through_socks(proxy)  # type: ignore[attr-defined]  # no other way in
    return connection


def _ask(
    connection: http.client.HTTPConnection, url: SplitResult, proxy: SplitResult | None
) -> http.client.HTTPResponse:
    """What the server says to a question without meaning; a proxy has to be told whom to ask."""
    named = proxy and not _is_socks(proxy) and url.scheme == "http"
    connection.request("HEAD", f"{url.scheme}://{url.netloc}/" if named else "/")
    return connection.getresponse()


def _context(authorities: str | None) -> ssl.SSLContext:
    """TLS with the authorities that requests would trust: a file, or a directory of them."""
    import certifi

    place = authorities or certifi.where()
    if os.path.isdir(place):
        return ssl.create_default_context(capath=place)
    return ssl.create_default_context(cafile=place)


def _through_socks(proxy: SplitResult) -> Any:
    socks: Any = importlib.import_module("socks")
    host, port = _address(proxy)
    return partial(
        socks.create_connection,
        proxy_type=socks.SOCKS4 if proxy.scheme.startswith("socks4") else socks.SOCKS5,
        proxy_addr=host,
        proxy_port=port,
        proxy_rdns=proxy.scheme in ("socks4a", "socks5h"),
        proxy_username=unquote(proxy.username) if proxy.username else None,
        proxy_password=unquote(proxy.password) if proxy.password else None,
    )


def _credentials(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


def _tls(connection: http.client.HTTPConnection) -> Step:
    if not isinstance(connection.sock, ssl.SSLSocket):
        return skipped("TLS", "plain http")
    expires = connection.sock.getpeercert() or {}
    return ok("TLS", f"{connection.sock.version()}, certificate until {expires.get('notAfter')}")


def _distrusted(error: ssl.SSLCertVerificationError, url: SplitResult, names: list[str]) -> Step:
    said = f"the certificate of {url.hostname} is not trusted: {error.verify_message}"
    if error.verify_code in _OTHER_NAMES:
        said = f"the certificate of {url.hostname} is for {', '.join(names) or 'another name'}"
        fix = "Write a name that it has into WECOM_API_BASE, or have one made for this name."
    elif error.verify_code in (_EXPIRED, _NOT_YET_VALID):
        fix = f"Have it renewed, unless this machine's clock is wrong: it says {time.ctime()}."
    else:
        fix = "Where a proxy or gateway has its own CA, name its file in REQUESTS_CA_BUNDLE."
    return failed("TLS", said, fix)


def _names(url: SplitResult, proxy: SplitResult | None, authorities: str | None) -> list[str]:
    """The names in the certificate of a server, which is trusted but for its name."""
    context = _context(authorities)
    context.check_hostname = False
    try:
        with closing(_connection(url, proxy, context)) as connection:
            connection.connect()
            secure: Any = connection.sock
            found = secure.getpeercert() or {}
            return [str(name) for _, name in found.get("subjectAltName", ())]
    except (OSError, http.client.HTTPException):
        return []


def _wrong_scheme(url: SplitResult, proxy: SplitResult | None) -> Step | None:
    """A failure if the server answers to the other of http and https."""
    other = "http" if url.scheme == "https" else "https"
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing is sent but the question
    at_other = url._replace(scheme=other, netloc=f"{url.hostname}:{_port(url)}")
    try:
        with closing(_connection(at_other, proxy, context)) as connection:
            if _ask(connection, at_other, proxy).status == _BAD_REQUEST:
                return None
    except (OSError, http.client.HTTPException):
        return None
    cause = f"{url.netloc} speaks {other}, not {url.scheme}"
    return failed("connection", cause, f"Write {other}:// in WECOM_API_BASE, or another port.")


def _unconnected(url: SplitResult, error: Exception) -> Step:
    if isinstance(error, (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError)):
        cause = f"{url.netloc}: the connection was cut off in the middle"
        fix = "Ask who runs the firewall, proxy or gateway whether it lets this machine pass."
        return failed("connection", cause, fix)
    return failed("connection", f"{url.netloc}: {_reason(error)}", _FIREWALL)


def clock_step(date: str | None, now: float) -> Step:
    """Whether this machine agrees with the `Date` of an answer."""
    try:
        skew = now - parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        return skipped("clock", "the server does not say what time it is")
    if abs(skew) > SKEW:
        way = "ahead of" if skew > 0 else "behind"
        fix = "Set it, for instance with timedatectl set-ntp true."
        return warning("clock", f"this machine's is {abs(skew):,.0f} s {way} the server's", fix)
    return ok("clock", "agrees with the server's")


def _port(url: SplitResult) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {TIMEOUT:g} s"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
