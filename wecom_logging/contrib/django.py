"""The request in which Django logs, and what Django calls sensitive."""

from __future__ import annotations

import logging
import sys
from collections.abc import Collection, Mapping
from types import FrameType
from typing import Any

from wecom_logging._capture.sanitize import as_text

#: What `sensitive_variables()` without names means.
ALL = "__ALL__"

#: Frames that are looked at for the view that is running.
_MAX_FRAMES = 200


def context(record: logging.LogRecord) -> Mapping[str, object]:
    """Method, path, route and user of the record's request, or of the running view's.

    The request is found in `extra` (`django.request` puts it there) or among the callers.
    The user only if something has asked for them before: to ask now would be a query to a
    database that may be what has failed.
    """
    request = _request(record)
    if request is None:
        return {}
    match = request.resolver_match
    return {
        "method": as_text(request.method),
        "path": as_text(request.path),
        "route": as_text(getattr(match, "view_name", "")) or as_text(getattr(match, "route", "")),
        "user_id": _user_id(vars(request).get("_cached_user") or vars(request).get("user")),
        "request_id": as_text(vars(request).get("request_id")) or as_text(vars(request).get("id")),
    }


def sensitive_variables(frame: FrameType) -> Collection[str]:
    """Names of local variables that `@sensitive_variables` hides; `ALL` in it: all of them."""
    debug = sys.modules.get("django.views.decorators.debug")
    if debug is None:
        return ()
    code = frame.f_code
    functions = getattr(debug, "coroutine_functions_to_sensitive_variables", {})
    names = functions.get(f"{code.co_filename}:{code.co_firstlineno}")
    caller = frame.f_back
    if caller is not None and caller.f_code.co_name == "sensitive_variables_wrapper":
        wrapper = caller.f_locals.get("sensitive_variables_wrapper")
        names = getattr(wrapper, "sensitive_variables", ALL)
    return (ALL,) if names == ALL else tuple(names or ())


def sensitive_parameters(record: logging.LogRecord) -> Collection[str]:
    """Names of POST parameters that `@sensitive_post_parameters` hides, for this record."""
    names = getattr(_request(record), "sensitive_post_parameters", None)
    return (ALL,) if names == ALL else tuple(names or ())


def is_posted(value: object) -> bool:
    """Whether a value is a form or a query, of Django or another framework."""
    return type(value).__name__.endswith(("QueryDict", "MultiDict", "MultiValueDict", "FormData"))


def _request(record: logging.LogRecord) -> Any:
    request = record.__dict__.get("request")
    return request if _is_request(request) else _running_request()


def _is_request(value: object) -> bool:
    module = sys.modules.get("django.http.request")
    return module is not None and issubclass(type(value), module.HttpRequest)


def _running_request() -> Any:
    """The request that Django's own handler has in hand, further up on this thread."""
    if "django.core.handlers.base" not in sys.modules:
        return None
    frame: FrameType | None = sys._getframe(1)
    for _ in range(_MAX_FRAMES):
        if frame is None:
            return None
        if frame.f_globals.get("__name__", "").startswith("django.core.handlers."):
            request = frame.f_locals.get("request")
            if _is_request(request):
                return request
        frame = frame.f_back
    return None


def _user_id(user: Any) -> object:
    """The key of a user who has been loaded. Read from its `__dict__`: no query, no lookup."""
    if user is None or not hasattr(type(user), "_meta"):
        return None
    return vars(user).get(type(user)._meta.pk.attname)
