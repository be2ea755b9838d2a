"""A Django shop in one file, with alerts.

    pip install wecom-logging django gunicorn
    export WECOM_WEBHOOK_KEY=…
    gunicorn --preload --workers 2 --chdir examples django_app:application
    curl --data 'password=…' http://127.0.0.1:8000/pay/8841

For a project of your own only LOGGING and the middleware matter.
"""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Callable

import django
import structlog
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.urls import path

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {
        "console": {"class": "logging.StreamHandler"},
        "wecom": {"class": "wecom_logging.WeComHandler", "level": "ERROR", "app": "shop"},
    },
    "root": {"handlers": ["console", "wecom"], "level": "INFO"},
    "loggers": {
        # Without Django's own console and mail handlers, which under DEBUG would print each
        # line a second time; its loggers reach the root logger.
        "django": {"handlers": [], "level": "INFO"},
        # The request log of `runserver`: a 500 is told by `django.request` already.
        "django.server": {"handlers": ["console"], "level": "INFO", "propagate": False},
        # Does not reach the root logger: a worker that timed out, a boot that failed.
        "gunicorn.error": {"handlers": ["console", "wecom"], "level": "INFO", "propagate": False},
    },
}

log = logging.getLogger("shop")


class RequestId:
    """Gives each request an id that every alert and log line about it shows."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = request.headers.get("X-Request-ID") or uuid.uuid4().hex[:16]
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            return self.get_response(request)


def charge(order: int, password: str) -> None:
    raise TimeoutError(f"bank did not answer for order {order}")


def pay(request: HttpRequest, order: int) -> HttpResponse:
    charge(order, request.POST["password"])
    return HttpResponse("paid\n")


def stock(request: HttpRequest) -> HttpResponse:
    log.error("stock of %s is negative", "sku-7")
    return HttpResponse("told\n")


def alive(request: HttpRequest) -> HttpResponse:
    return HttpResponse("alive\n")


urlpatterns = [
    path("pay/<int:order>", pay, name="pay"),
    path("stock", stock, name="stock"),
    path("alive", alive),
]

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    DEBUG=bool(os.environ.get("DEBUG")),
    LOGGING=LOGGING,
    MIDDLEWARE=["django_app.RequestId"],
    ROOT_URLCONF="django_app",
    SECRET_KEY="only for an example",
)
django.setup()
application = WSGIHandler()
