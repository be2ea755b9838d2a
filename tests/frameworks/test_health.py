"""The handlers' own health, as Prometheus and OpenTelemetry see it."""

from __future__ import annotations

from collections.abc import Callable

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import CollectorRegistry, generate_latest

from tests.helpers.support import Watched, eventually
from wecom_logging import DeliveryError
from wecom_logging.contrib.opentelemetry import instrument
from wecom_logging.contrib.prometheus import collector

Watch = Callable[..., Watched]


def scraped() -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(collector())
    lines = generate_latest(registry).decode().splitlines()
    return {
        name: float(value)
        for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    }


def observed() -> dict[str, float]:
    reader = InMemoryMetricReader()
    instrument(MeterProvider(metric_readers=[reader]))
    data = reader.get_metrics_data()
    assert data is not None
    found = {}
    for metric in data.resource_metrics[0].scope_metrics[0].metrics:
        for point in metric.data.data_points:
            labels = dict(point.attributes or {})
            found[f"{metric.name} {labels['app']} {labels['environment']}"] = float(
                getattr(point, "value", 0.0)
            )
    return found


def test_what_was_told_and_what_is_pending(watch: Watch) -> None:
    w = watch(app="paying", environment="prod", group_wait=0)
    w.log.error("told")
    assert w.flush()
    labels = '{app="paying",environment="prod"}'
    assert scraped()[f"wecom_logging_seen_total{labels}"] == 1.0
    assert scraped()[f"wecom_logging_reported_total{labels}"] == 1.0
    assert scraped()[f"wecom_logging_pending{labels}"] == 0.0
    assert scraped()[f"wecom_logging_messages_total{labels}"] == 1.0
    assert 0.0 <= scraped()[f"wecom_logging_seconds_since_success{labels}"] < 60.0
    assert observed()["wecom_logging.reported paying prod"] == 1.0
    assert 0.0 <= observed()["wecom_logging.seconds_since_success paying prod"] < 60.0


def test_handlers_of_one_app_are_added_up_and_failures_are_seen(watch: Watch) -> None:
    one = watch(app="adding", environment="test", group_wait=0)
    two = watch(app="adding", environment="test", group_wait=0)
    one.log.error("one")
    two.log.error("two")
    assert one.flush()
    assert two.flush()
    assert observed()["wecom_logging.seen adding test"] == 2.0

    def refuse(message: object) -> None:
        raise DeliveryError("no")

    two.sender.send = refuse  # type: ignore[method-assign] # it fails from now on
    two.log.critical("three")
    assert not two.flush(0.2)
    eventually(lambda: two.stats.failures)
    labels = '{app="adding",environment="test"}'
    assert scraped()[f"wecom_logging_failures_total{labels}"] >= 1.0
    assert scraped()[f"wecom_logging_pending{labels}"] == 1.0
