"""What the demo's shop says that it has logged is what it has logged."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from wecom_logging._cli import shop


class Counting(logging.Handler):
    errors = 0

    def handle(self, record: logging.LogRecord) -> bool:
        self.errors += record.levelno >= logging.ERROR
        return True


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counting]:
    monkeypatch.setattr(shop, "STORM", 30)
    log, handler = logging.getLogger("shop"), Counting()
    log.addHandler(handler)
    log.propagate = False
    yield handler
    log.removeHandler(handler)
    log.propagate = True


@pytest.mark.parametrize("scene", [each for each in shop.SCENES if each != "worker"])
def test_a_scene_logs_what_it_says(scene: str, counting: Counting) -> None:
    assert shop.SCENES[scene]() == counting.errors


def test_the_worker_logs_in_a_child(counting: Counting) -> None:
    assert shop.worker() == 1
    assert counting.errors == 0
    shop.print_invoice()
    assert counting.errors == 1


def test_scenes_are_asked_for_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    counting: Counting,
) -> None:  # fmt: skip
    (tmp_path / "logging.json").write_text('{"version": 1, "disable_existing_loggers": false}')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO("payment\ncoupons\n"))
    shop.main()
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["errors"] for each in answers] == [1, 30]
    assert counting.errors == 31
