"""python-logstash-async over HTTP, its queue in memory."""

import logging

NAME = "python-logstash-async"
PACKAGES = ("logstash_async",)
IMPORT = "import logstash_async.handler, logstash_async.transport"


def handler(url: str) -> logging.Handler:
    from logstash_async.handler import AsynchronousLogstashHandler
    from logstash_async.transport import HttpTransport

    host, port = url.rpartition("/")[2].split(":")
    transport = HttpTransport(host, int(port), ssl_enable=False)
    found: logging.Handler = AsynchronousLogstashHandler(host, int(port), None, transport=transport)
    return found
