"""A browser without a window that takes pictures of the simulator's page, small in bytes."""

from __future__ import annotations

import base64
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from small_png import small_png

from wecom_logging.simulator import Simulator

#: Points of the chat's ground around what is cut out of a page.
MARGIN = 6

_OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage",
    "--force-prefers-reduced-motion",  # else what is still fading in is pale
)  # fmt: skip


@contextmanager
def open_browser() -> Iterator[Browser]:
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        sys.exit("chromium and chromedriver are needed")
    options = Options()
    options.binary_location = program
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for option in (*_OPTIONS, f"--user-data-dir={profile}"):
            options.add_argument(option)
        chrome = webdriver.Chrome(options=options, service=Service(driver))
        try:
            yield Browser(chrome)
        finally:
            chrome.quit()


class Browser:
    def __init__(self, chrome: webdriver.Chrome) -> None:
        self._chrome = chrome

    def take(
        self, simulator: Simulator, file: Path, size: tuple[int, int, float],
        language: str = "en", *, part: str = "",
    ) -> None:  # fmt: skip
        """A picture of the inbox once all messages are there, or of the last part of it that a
        selector names.

        Args:
            simulator: Whose inbox it is.
            file: Where it is written to; the name ends with `.png`.
            size: Width and height in points, and pixels of a point.
            language: Of the page.
            part: A CSS selector; "" for all that fits into the window.
        """
        url, messages = simulator.url, len(simulator.world.inbox.messages())
        width, height, scale = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
        self._chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self._chrome.get(url)
        self._chrome.execute_script("localStorage.setItem('language', arguments[0])", language)
        self._chrome.get(url)
        self._wait(f"return document.querySelectorAll('.bubble').length >= {messages}")
        options: dict[str, Any] = {"format": "png"}
        if part:
            options |= {"clip": {**self._place(part), "scale": 1}, "captureBeyondViewport": True}
        shot = self._chrome.execute_cdp_cmd("Page.captureScreenshot", options)
        file.write_bytes(small_png(base64.b64decode(shot["data"])))
        print(f"{file.name}: {file.stat().st_size:,} bytes")

    def _place(self, part: str) -> dict[str, float]:
        script = (
            # It lies over the end of the window.
            "document.querySelector('nav').style.display = 'none';"
            "const r = [...document.querySelectorAll(arguments[0])].pop().getBoundingClientRect();"
            "return [r.x + scrollX, r.y + scrollY, r.width, r.height]"
        )
        x, y, width, height = self._chrome.execute_script(script, part)
        return {
            "x": x - MARGIN, "y": y - MARGIN, "width": width + 2 * MARGIN,
            "height": height + 2 * MARGIN,
        }  # fmt: skip

    def _wait(self, script: str) -> None:
        deadline = time.monotonic() + 30.0
        while not self._chrome.execute_script(script):
            if time.monotonic() > deadline:
                raise TimeoutError(script)
            time.sleep(0.05)
