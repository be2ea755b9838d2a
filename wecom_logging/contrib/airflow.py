"""Moved to `wecom_logging.jobs.airflow`."""

from __future__ import annotations

import warnings

from wecom_logging.jobs.airflow import on_failure

__all__ = ["on_failure"]

warnings.warn(
    "wecom_logging.contrib.airflow has moved to wecom_logging.jobs.airflow, and goes with 0.3",
    DeprecationWarning,
    stacklevel=2,
)
