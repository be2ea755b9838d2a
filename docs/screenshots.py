"""Make the pictures of the simulator's inbox: `make screenshots`. Needs chromium.

A small program fails, its messages arrive in a simulator, and a browser without a window
takes pictures of the page.
"""

from __future__ import annotations

import importlib
import logging
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from wecom_logging import WeComHandler
from wecom_logging.simulator import Simulator

PICTURES = {"inbox.png": (1240, 900, 1), "inbox-phone.png": (390, 844, 2)}

PROGRAM = {
    "pay/gateway.py": """\
        import socket

        def connect(host):
            raise TimeoutError("read timed out after 3 s")

        def post(order):
            try:
                connect("bank.example")
            except OSError as error:
                raise ConnectionError("bank.example does not answer") from error
        """,
    "pay/views.py": """\
        import logging
        from pay import gateway

        log = logging.getLogger("pay.views")

        def charge(order):
            try:
                gateway.post(order)
            except ConnectionError:
                context = {"method": "POST", "path": "/pay", "request_id": "ab12"}
                log.exception("order %d is not paid", order, extra=context)
        """,
    "pay/stock.py": """\
        import logging

        log = logging.getLogger("pay.stock")

        def find(names):
            for name in names:
                log.error("%s is not in stock", name)

        def full():
            log.critical("disk full on /var/lib/stock, 0 bytes left")
        """,
}


def main() -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        sys.exit("chromium is not installed")
    with tempfile.TemporaryDirectory() as directory, Simulator() as simulator:
        _fail(Path(directory), simulator)
        for name, (width, height, scale) in PICTURES.items():
            _take(browser, simulator.url, Path(__file__).with_name(name), width, height, scale)


def _fail(directory: Path, simulator: Simulator) -> None:
    for name, source in PROGRAM.items():
        path = directory / name
        path.parent.mkdir(exist_ok=True)
        lines = [line[8:] for line in source.splitlines()]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.path.insert(0, str(directory))
    views, stock = map(importlib.import_module, ("pay.views", "pay.stock"))
    environ = simulator.env()
    handler = WeComHandler(
        corpid=environ["WECOM_CORPID"],
        corpsecret=environ["WECOM_CORPSECRET"],
        agentid=environ["WECOM_AGENTID"],
        touser=environ["WECOM_TOUSER"],
        api_base=environ["WECOM_API_BASE"],
        app="payments",
        environment="prod",
        release="2.3.1",
        host="web-3",
        store="memory",
    )
    log = logging.getLogger("pay")
    log.addHandler(handler)
    log.propagate = False
    stock.full()
    handler.flush()
    stock.find(["tea", "coffee", "sugar"])
    for order in [8841] * 37:
        views.charge(order)
    handler.flush()
    handler.close()


def _take(browser: str, url: str, file: Path, width: int, height: int, scale: int) -> None:
    # The page never stops listening for messages: the picture is taken after a while.
    options = (
        "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--lang=en",
        "--force-prefers-reduced-motion",  # else what is still fading in is pale
        f"--window-size={width},{height}", f"--force-device-scale-factor={scale}",
        "--timeout=4000", f"--screenshot={file}",
    )  # fmt: skip
    subprocess.run([browser, *options, url], check=True, capture_output=True, timeout=60)
    print(f"{file.name}: {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
