"""The way from this machine to the API: name, proxy, TLS, clock."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from wecom_logging._cli.checks.step import Step, failed, ok, skipped, warning

TIMEOUT = 8.0

#: Seconds that this machine's clock and the server's may differ.
SKEW = 60.0

_FIREWALL = "Open the way to it in the firewall, or set WECOM_PROXIES or HTTPS_PROXY."


def network_steps(base: str, proxies: Mapping[str, str] | None) -> Iterator[Step]:
    """Connect as a delivery would; the steps end where nothing further can work.

    Args:
        base: Scheme, host and port of the API.
        proxies: Those of the option; None for the environment's.
    """
    url = urlsplit(base)
    proxy = _proxy(url, proxies)
    step = _reach_proxy(proxy) if proxy else _resolve(url)
    yield step
    if step.status == "failed":
        return
    connection = _connection(url, proxy)
    try:
        connection.connect()
        yield _tls(connection)
        connection.request("HEAD", "/")
        yield clock_step(connection.getresponse().headers.get("Date"), time.time())
    except ssl.SSLCertVerificationError as error:
        yield failed(
            "TLS",
            f"the certificate of {url.hostname} is not trusted: {error.verify_message}",
            "Where a proxy or gateway has its own CA, name its file in REQUESTS_CA_BUNDLE.",
        )
    except (OSError, http.client.HTTPException) as error:
        yield failed("connection", f"{url.netloc}: {_reason(error)}", _FIREWALL)
    finally:
        connection.close()


def _proxy(url: SplitResult, proxies: Mapping[str, str] | None) -> SplitResult | None:
    if proxies is None and proxy_bypass(url.hostname or ""):
        return None
    found = getproxies() if proxies is None else proxies
    address = found.get(url.scheme) or found.get("all")
    if not address:
        return None
    return urlsplit(address if "//" in address else f"//{address}")


def _reach_proxy(proxy: SplitResult) -> Step:
    where = f"{proxy.hostname}:{proxy.port or 80}"
    try:
        socket.create_connection((proxy.hostname or "", proxy.port or 80), TIMEOUT).close()
    except OSError as error:
        fix = "Correct WECOM_PROXIES or HTTPS_PROXY, or list the API's host in NO_PROXY."
        return failed("proxy", f"{where}: {_reason(error)}", fix)
    return ok("proxy", f"{where} answers; it resolves the API's name")


def _resolve(url: SplitResult) -> Step:
    try:
        found = socket.getaddrinfo(url.hostname, _port(url), type=socket.SOCK_STREAM)
    except OSError as error:
        fix = "Correct WECOM_API_BASE, or this machine's name server; or use a proxy."
        return failed("DNS", f"{url.hostname}: {error.strerror}", fix)
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    return ok("DNS", f"{url.hostname} is {', '.join(addresses[:3])}; no proxy")


def _connection(url: SplitResult, proxy: SplitResult | None) -> http.client.HTTPConnection:
    host, port = url.hostname or "", _port(url)
    through = (proxy.hostname or "", proxy.port or 80) if proxy else (host, port)
    if url.scheme == "http":
        return http.client.HTTPConnection(*through, timeout=TIMEOUT)
    context = ssl.create_default_context(cafile=_ca_bundle())
    secure = http.client.HTTPSConnection(*through, timeout=TIMEOUT, context=context)
    if proxy:
        secure.set_tunnel(host, port, headers=_credentials(proxy))
    return secure


def _ca_bundle() -> str:
    """The authorities that requests would trust."""
    import certifi

    named = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    return named or certifi.where()


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
