"""Messages as they are sent, one readable file each under `golden/`.

After a change that is meant: `UPDATE_GOLDEN=1 pytest tests/rendering/test_golden.py`, then
read the difference.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta, timezone
from pathlib import Path

import pytest

from tests.helpers.rendering_cases import CASES, NOW
from tests.rendering.test_properties import check
from wecom_logging._model.digest import Digest
from wecom_logging._rendering import Language, Shape, Style, render, report_text
from wecom_logging._senders.protocol import MsgType

GOLDEN = Path(__file__).parent / "golden"
UPDATE = bool(os.environ.get("UPDATE_GOLDEN"))
STYLE = Style("payments", "prod", "2.3.1", NOW - 14 * 60, timezone=timezone(timedelta(hours=8)))
LIMITS: dict[MsgType, int] = {"markdown": 2048, "text": 2048, "markdown_v2": 4096}

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)


@cases
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("msgtype", LIMITS)
def test_message(case: Callable[[], Digest], msgtype: MsgType, language: Language) -> None:
    """Every case in every dialect and language."""
    style = STYLE._replace(msgtype=msgtype, max_bytes=LIMITS[msgtype], language=language)
    rendered = render(case(), style, file_follows=case.__name__ == "crowded")
    check(rendered, case(), style, "full")
    compare(f"{case.__name__}.{msgtype}.{language}", rendered.message.content)


@cases
@pytest.mark.parametrize("shape", ["short", "text", "bare"])
def test_plainer(case: Callable[[], Digest], shape: Shape) -> None:
    """Every case in the shapes for a destination that refuses content."""
    rendered = render(case(), STYLE, shape=shape)
    check(rendered, case(), STYLE, shape)
    compare(f"{case.__name__}.{shape}", rendered.message.content)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", ["one_error", "several_kinds", "exception_group", "recursion"])
def test_file(name: str, language: Language) -> None:
    """The attached file."""
    case = next(case for case in CASES if case.__name__ == name)
    compare(f"{name}.file.{language}", report_text(case(), STYLE._replace(language=language)))


def compare(name: str, content: str) -> None:
    path = GOLDEN / f"{name}.txt"
    if UPDATE:
        path.write_text(content, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == content
