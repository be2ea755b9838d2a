"""One table of options: signature and pages say what it says (the docstring: `docs/test_site`)."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from wecom_logging import WeComHandler
from wecom_logging._config.options import OPTIONS, Options, read_options

ROOT = Path(__file__).parents[2]

#: Logging's own, and so in the signature and not in the table.
LEVEL = "level"


def test_the_constructor_takes_what_is_in_the_table() -> None:
    arguments = set(inspect.signature(WeComHandler).parameters) - {LEVEL}
    assert arguments == set(OPTIONS)


@pytest.mark.parametrize("page", ["options.md", "options.zh-CN.md"])
def test_the_page_of_options_has_every_option_with_its_default(page: str) -> None:
    """Both languages say the same numbers; the English text is that of the table."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    found = dict(re.findall(r"^### (\w+)\n\n(.*)$", text, re.M))
    assert set(found) == {LEVEL, *OPTIONS}
    for name, option in OPTIONS.items():
        if isinstance(option.default, (int, float)) and not isinstance(option.default, bool):
            level = {50: "CRITICAL", 20: "INFO"}.get(int(option.default), "")
            written = re.findall(r"[\d.]*\d|[A-Z]+", found[name])
            assert level in written or any(
                each[0].isdigit() and float(each) == option.default for each in written
            ), name


def test_what_is_not_set_has_the_default_of_the_table() -> None:
    options = read_options({}, {})
    for name, option in OPTIONS.items():
        if hasattr(options, name) and option.find is None:
            assert getattr(options, name) == option.default, name


def test_every_option_is_read_from_the_environment_unless_it_cannot_be() -> None:
    unreadable = {name for name, option in OPTIONS.items() if option.read is None}
    assert unreadable == {"sender", "fingerprint", "processors"}


def test_options_show_no_secret() -> None:
    options: Any = read_options({"webhook_key": "0123456789-secret-key"}, {})
    assert isinstance(options, Options)
    assert "secret-key" not in repr(options)
