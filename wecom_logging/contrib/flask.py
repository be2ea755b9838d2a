"""The request that Flask is serving on this thread."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping

from wecom_logging._capture.sanitize import as_text


def context(record: logging.LogRecord) -> Mapping[str, object]:
    """Method, path, route and user of the current request.

    The user only if Flask-Login has loaded them already, and only their `id`, without a
    look into the session: that would be noted in the response.
    """
    flask = sys.modules["flask"]
    if not flask.has_request_context():
        return {}
    request = flask.request._get_current_object()
    rule = request.url_rule
    user = flask.g.get("_login_user")
    request_id = getattr(request, "request_id", None) or flask.g.get("request_id")
    return {
        "method": request.method,
        "path": request.path,
        "route": rule.rule if rule is not None else None,
        "user_id": getattr(user, "__dict__", {}).get("id"),
        "request_id": as_text(request_id),
    }
