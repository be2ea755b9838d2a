"""`wecom-logging redact`: what would be masked, by which rule."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable

import pytest

from wecom_logging._cli.main import main

LOG = """\
worker 12 restarted
login failed password=Sommer2026! for bob
mysqldump -uroot -pSommer2026! shop failed
Traceback (most recent call last):
  File "pay.py", line 3, in post
    phone=13812345678
-----BEGIN PRIVATE {key}-----
MIIabc
-----END PRIVATE {key}-----
badge_no=K-17
""".format(key="KEY")


Shown = Callable[..., tuple[list[str], list[str]]]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shown:
    def run(log: str = LOG) -> tuple[list[str], list[str]]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(log.encode())))
        assert main(["redact"]) == 0
        captured = capsys.readouterr()
        return captured.out.splitlines(), captured.err.splitlines()

    return run


def test_each_record_with_the_rule_that_masks_it(shown: Shown) -> None:
    out, err = shown()
    assert out == [
        "2: login failed password=[redacted: password] for bob",
        "    ^ password behind a sign",
        "3: mysqldump -uroot -p[redacted: password] shop failed",
        "    ^ on a command line",
        "4: Traceback (most recent call last):",
        '  File "pay.py", line 3, in post',
        "    phone=138****5678",
        "    ^ phone behind a sign",
        "7: [redacted: private key]",
        "    ^ private key by its shape",
    ]
    assert err[0] == "4 of 6 records have something to mask"
    assert "     1 password behind a sign" in err


def test_the_rules_of_the_environment(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WECOM_REDACT", '{"names": ["badge_no"], "keep": ["password"]}')
    out, _ = shown()
    assert "10: badge_no=[redacted: badge_no]" in out
    assert not [line for line in out if line.startswith("2: ")]
    monkeypatch.setenv("WECOM_REDACT", "false")
    assert shown() == ([], ["0 of 6 records have something to mask"])


def test_an_empty_log(shown: Shown) -> None:
    assert shown("") == ([], ["0 of 0 records have something to mask"])


def test_nothing_of_what_is_masked_is_shown(shown: Shown) -> None:
    out, err = shown()
    assert "Sommer" not in "".join([*out, *err])
