"""opentelemetry-sdk: a batch processor and the OTLP exporter over HTTP."""

import logging

NAME = "opentelemetry-sdk"
PACKAGES = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
IMPORT = (
    "import opentelemetry.sdk._logs.export, opentelemetry.exporter.otlp.proto.http._log_exporter"
)


def handler(url: str) -> logging.Handler:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    provider = LoggerProvider()
    exporter = OTLPLogExporter(endpoint=url + "/v1/logs")
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))

    class Stopping(LoggingHandler):  # type: ignore[misc]  # without types
        def close(self) -> None:
            provider.shutdown()
            super().close()

    return Stopping(logger_provider=provider)
