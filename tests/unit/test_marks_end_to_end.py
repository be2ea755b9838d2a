"""A silence from the command line, seen by a program and the phone."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import Any

import pytest

from wecom_logging import WeComHandler
from wecom_logging._cli import main
from wecom_logging.simulator import Simulator


def test_flush_does_not_wait_for_what_is_silenced_and_its_end_is_told(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, caplog: Any
) -> None:
    env = {**sim.env("robot"), "WECOM_STORE": f"sqlite:///{tmp_path}/store.db", "WECOM_APP": "shop"}
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    log = logging.Logger("shop")
    log.addHandler(handler := WeComHandler())
    try:
        for _ in range(3):
            log.error("payment failed")
        assert handler.flush(10.0)
        assert main.main(["groups", "--json"]) == 0
        (group,) = json.loads(capsys.readouterr().out)
        assert main.main(["silence", group["id"], "1h"]) == 0
        for _ in range(5):
            log.error("payment failed")
        began = time.monotonic()
        assert handler.flush(60.0)
        assert time.monotonic() - began < 40.0
        assert handler.stats().pending == 5
        assert [message.msgtype for message in sim.messages].count("markdown") == 1
        # A handler that takes everything takes none of it for an alert.
        audit = logging.getLogger("wecom_logging.audit")
        audit.addHandler(handler)
        handler.setLevel("INFO")
        with caplog.at_level(logging.INFO, audit.name):
            assert main.main(["unsilence", group["id"]]) == 0
            assert handler.flush(10.0)
        audit.removeHandler(handler)
        done, ended = [record.getMessage() for record in caplog.records]
        assert done.startswith(f"unsilence {group['id']} ")
        assert ended.startswith(f"silence of {group['id']} ended ")
        assert handler.stats().seen == 8
        assert handler.stats().pending == 0
        _, end = [message for message in sim.messages if message.msgtype == "markdown"]
        assert "SILENCED" in str(end)
    finally:
        handler.close()
