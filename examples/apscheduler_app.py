"""APScheduler with alerts: it logs jobs that failed, with their exceptions.

pip install wecom-logging apscheduler
export WECOM_WEBHOOK_KEY=…
python examples/apscheduler_app.py
"""

from __future__ import annotations

from apscheduler.schedulers.blocking import BlockingScheduler

import wecom_logging

wecom_logging.install(app="shop")
scheduler = BlockingScheduler()


@scheduler.scheduled_job("interval", id="orders.sync", seconds=1)
def sync() -> None:
    raise TimeoutError("erp did not answer")


if __name__ == "__main__":
    scheduler.start()
