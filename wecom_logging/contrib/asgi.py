"""A middleware that says, in each alert, in which request it happened.

app.add_middleware(RequestContextMiddleware)      # Starlette, FastAPI
app = RequestContextMiddleware(app)               # any ASGI application
"""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any

from structlog.contextvars import bound_contextvars, get_contextvars

from wecom_logging._capture import breadcrumbs
from wecom_logging._capture.sanitize import mark
from wecom_logging._runtime import lazy, shutdown

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

#: Set on an exception that leaves the middleware. The server logs it outside of the
#: request, when the context has been cleared; the exception brings it along. One with slots
#: cannot: its alert goes out without.
_MARK = "__wecom_logging_context__"

_ID_HEADER = b"x-request-id"
_REQUEST_ID = lazy.regex(r"[\w.:-]{1,64}", re.ASCII)

_scope: ContextVar[Scope | None] = ContextVar("wecom_logging_scope", default=None)


class RequestContextMiddleware:
    """Binds `request_id`, `method` and `path` of each request as structlog contextvars.

    The id comes from the header `X-Request-ID` if that holds a plain one, else it is made
    up. The route is looked up when an alert needs it: it is not known before the request is
    routed. All are unbound when the request is over. Never raises by itself.

    When the application shuts down, what is new or due is delivered within `close_timeout`, as
    at exit: uvicorn ends by a signal to itself, and no exit hook runs.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, _delivering(send))
            return
        breadcrumbs.begin()
        request = {
            "request_id": _request_id(scope),
            "method": str(scope.get("method", "WEBSOCKET")),
            "path": str(scope.get("path", "")),
        }
        token = _scope.set(scope)
        with bound_contextvars(**request):
            try:
                await self.app(scope, receive, send)
            except Exception as error:
                mark(error, _MARK, {**get_contextvars(), "route": _route(scope)})
                raise
            finally:
                _scope.reset(token)


def context(record: logging.LogRecord) -> Mapping[str, object]:
    """The route of the current request, or all about that in which an exception was raised."""
    scope = _scope.get()
    if scope is not None:
        return {"route": _route(scope)}
    exc_info = record.exc_info
    if not exc_info or exc_info[1] is None:
        return {}
    found: Mapping[str, object] = getattr(exc_info[1], _MARK, {})
    return found


def _delivering(send: Send) -> Send:
    async def send_and_deliver(message: MutableMapping[str, Any]) -> None:
        if message["type"].startswith("lifespan.shutdown."):
            shutdown.deliver_pending()  # waits: nothing else is left to be done
        await send(message)

    return send_and_deliver


def _route(scope: Scope) -> str:
    """`/pay/{order}`, as far as the framework says so."""
    path = getattr(scope.get("route"), "path", None)
    return f"{path or getattr(scope.get('endpoint'), '__qualname__', '')}"


def _request_id(scope: Scope) -> str:
    for name, value in scope.get("headers", ()):
        if name.lower() == _ID_HEADER:
            text: str = value.decode("latin-1")
            if _REQUEST_ID.fullmatch(text):
                return text
    return uuid.uuid4().hex[:16]
