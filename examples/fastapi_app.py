"""A FastAPI shop with alerts.

pip install wecom-logging fastapi uvicorn
export WECOM_WEBHOOK_KEY=…
uvicorn --app-dir examples fastapi_app:app
curl --json '{"password": "…"}' http://127.0.0.1:8000/pay/8841
"""

from __future__ import annotations

import logging.config

from fastapi import FastAPI, Request

from wecom_logging.contrib.asgi import RequestContextMiddleware

logging.config.dictConfig(
    {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {
            "console": {"class": "logging.StreamHandler"},
            "wecom": {"class": "wecom_logging.WeComHandler", "level": "ERROR", "app": "shop"},
        },
        "root": {"handlers": ["console", "wecom"], "level": "INFO"},
        "loggers": {
            # "Exception in ASGI application" is logged here and does not reach the root logger.
            "uvicorn.error": {"handlers": ["wecom"], "level": "INFO"},
        },
    }
)

log = logging.getLogger("shop")
app = FastAPI()
app.add_middleware(RequestContextMiddleware)


def charge(order: int, password: str) -> None:
    raise TimeoutError(f"bank did not answer for order {order}")


@app.post("/pay/{order}")
async def pay(order: int, request: Request) -> str:
    body = await request.json()
    charge(order, body["password"])
    return "paid"


@app.get("/stock")
def stock() -> str:
    log.error("stock of %s is negative", "sku-7")
    return "told"


@app.get("/alive")
async def alive() -> str:
    return "alive"
