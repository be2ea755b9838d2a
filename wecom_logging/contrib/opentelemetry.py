"""The handlers' own health as OpenTelemetry metrics. Needs `opentelemetry-api`, yours to install.

from wecom_logging.contrib.opentelemetry import instrument

instrument()
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation, get_meter

from wecom_logging.contrib.health import COUNTERS, GAUGES, readings


def instrument(meter_provider: MeterProvider | None = None) -> None:
    """Have the numbers of `stats()` observed as `wecom_logging.<name>`, for each of
    `health.COUNTERS` and `health.GAUGES`, with the attributes `app` and `environment`.

    Observing does no I/O and takes no lock, also while WeCom is down. Call it once for each
    process; in a forked child the numbers start anew, like the handlers' accounts.

    Args:
        meter_provider: Default: the global one.
    """
    meter = get_meter("wecom_logging", meter_provider=meter_provider)
    for name, meaning in COUNTERS.items():
        called, ask = f"wecom_logging.{name}", [_observe(name)]
        meter.create_observable_counter(called, ask, description=meaning)
    for name, meaning in GAUGES.items():
        called, ask = f"wecom_logging.{name}", [_observe(name)]
        unit = "s" if name.startswith("seconds") else ""
        meter.create_observable_gauge(called, ask, unit=unit, description=meaning)


def _observe(name: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(options: CallbackOptions) -> Iterable[Observation]:
        for reading in readings():
            if reading.name == name:
                labels = {"app": reading.app, "environment": reading.environment}
                yield Observation(reading.value, labels)

    return observe
