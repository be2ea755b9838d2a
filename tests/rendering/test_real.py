"""Failures of real libraries: what stands in the notification and right below.

The events are those of `data/real_failures.json`; the golden file is read like a phone.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.rendering_cases import digest, report
from tests.rendering.test_golden import LIMITS, STYLE, compare
from tests.rendering.test_properties import check
from wecom_logging._model.digest import Digest
from wecom_logging._rendering import Language, render
from wecom_logging._rendering.dialects import Pen
from wecom_logging._rendering.sample import read
from wecom_logging._senders.protocol import MsgType

EVENTS: dict[str, Any] = json.loads(
    Path(__file__).with_name("data").joinpath("real_failures.json").read_text("utf-8")
)
#: First lines without an exception: they begin with what was logged.
TEXTS = ("verbose_text", "logfmt_text")

failures = pytest.mark.parametrize("name", EVENTS)


def failed(name: str) -> Digest:
    sample = read(EVENTS[name])
    kind = sample.chain[0].type if sample.chain else ""
    own = [frame for one in sample.chain for frame, _ in one.places if not frame.library]
    place = own[0] if own else sample.site
    template = "" if kind else sample.message
    return digest(
        report(
            "b0a7", kind, f"{place.path} {place.name}".strip(), logger=sample.logger,
            template=template, samples=(EVENTS[name],),
        )
    )  # fmt: skip


@failures
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("msgtype", LIMITS)
def test_it_keeps_the_rules(name: str, msgtype: MsgType, language: Language) -> None:
    """Bytes, counts, markup, and that nothing logged speaks in our voice."""
    style = STYLE._replace(msgtype=msgtype, max_bytes=LIMITS[msgtype], language=language)
    check(render(failed(name), style), failed(name), style, "full")


@failures
def test_two_lines_are_enough(name: str) -> None:
    """What broke and what it said in the notification; where, right below the heading."""
    lines = render(failed(name), STYLE).message.content.split("\n")
    subject = lines[0].split(" · ")[-1]
    assert not re.search(r"\d\d:\d\d|ERROR|4711|level=", subject)
    if name not in TEXTS:
        assert re.match(r"[\w.]+(?:: \S|…$)", subject), "more than a type, if there is room"
    heading = next(i for i, line in enumerate(lines) if line.startswith("**NEW**"))
    assert re.match(r"`[\w/.-]+:\d+ ", lines[heading + 1]), "the place"


@failures
def test_what_broke_is_in_the_heading(name: str) -> None:
    """What the exception says, at least the beginning of it, or the root of it."""
    chain = read(EVENTS[name]).chain
    heading = render(failed(name), STYLE).message.content.split("\n")[3]
    texts = [text for one in chain for text in (one.words, one.stderr) if text]
    texts += [leaf.words for one in chain for leaf in one.leaves()]
    starts = [Pen().start(text, 20).rstrip("…") for text in texts]
    assert not texts or any(start in heading for start in starts)


@failures
def test_what_is_cut_goes_on_below(name: str) -> None:
    """The heading, or the line under the place, has the whole of what the notification has
    begun to say."""
    lines = render(failed(name), STYLE).message.content.split("\n")
    _, found, words = lines[0].split(" · ")[-1].partition(": ")
    if name not in TEXTS and found and words.endswith("…"):
        place = next(i for i, line in enumerate(lines) if line.startswith("`"))
        start = re.split("[…:]", words)[0]
        shown = lines[place - 1], lines[place + 1], lines[-1]
        assert any(start in line for line in shown), "or it is the request"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_all_of_them(language: Language) -> None:
    """One file to be read."""
    style = STYLE._replace(language=language)
    found = [f"## {name}\n{render(failed(name), style).message.content}\n" for name in EVENTS]
    compare(f"real_failures.{language}", "\n".join(found))
