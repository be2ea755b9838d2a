"""sentry-sdk: an event for each error, and breadcrumbs, as its integration sets them up."""

import logging

NAME = "sentry-sdk"
PACKAGES = ("sentry_sdk",)
IMPORT = "import sentry_sdk"


def handler(url: str) -> logging.Handler:
    import sentry_sdk
    from sentry_sdk.integrations.logging import BreadcrumbHandler, EventHandler, LoggingIntegration

    # Its hook into all loggers is off: it would meet the NullHandler's records as well.
    off = LoggingIntegration(level=None, event_level=None)
    sentry_sdk.init(url.replace("//", "//key@") + "/1", integrations=[off])
    breadcrumbs = BreadcrumbHandler()

    class Integrated(EventHandler):
        def emit(self, record: logging.LogRecord) -> None:
            super().emit(record)
            breadcrumbs.handle(record)

        def flush(self) -> None:
            sentry_sdk.flush()

    return Integrated()
