"""The handlers' own health for Prometheus. Needs `prometheus-client`, which is yours to install.

from prometheus_client import REGISTRY
from wecom_logging.contrib.prometheus import collector

REGISTRY.register(collector())
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from wecom_logging.contrib.health import COUNTERS, GAUGES, readings

_LABELS = ("app", "environment")


def collector() -> Collector:
    """What a registry collects, with the labels `app` and `environment`:
    `wecom_logging_<name>_total` for each of `health.COUNTERS`, `wecom_logging_<name>` for each of
    `health.GAUGES`.

    Collecting reads `stats()` of all handlers of this process: no I/O, no lock, also while
    WeCom is down. In a forked child the numbers start anew, like the handlers' accounts.
    """
    return _Collector()


class _Collector(Collector):
    def collect(self) -> Iterable[Metric]:
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for name, meaning in COUNTERS.items():
            families[name] = CounterMetricFamily(f"wecom_logging_{name}", meaning, labels=_LABELS)
        for name, meaning in GAUGES.items():
            families[name] = GaugeMetricFamily(f"wecom_logging_{name}", meaning, labels=_LABELS)
        for reading in readings():
            families[reading.name].add_metric((reading.app, reading.environment), reading.value)
        return families.values()
