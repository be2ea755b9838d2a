"""Jobs that nobody watches: told when they fail, and once when they work again.

`alerts` is for code, `wecom-logging run` for commands, `airflow` for tasks of Airflow.
"""

from __future__ import annotations

from wecom_logging.jobs.alert import alerts, watch_loop

__all__ = ["alerts", "watch_loop"]
