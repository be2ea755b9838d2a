"""What users' own tests build on."""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Iterator

import pytest

from wecom_logging import WeComHandler
from wecom_logging._senders.protocol import Message, Sender
from wecom_logging.errors import TransportError
from wecom_logging.testing import Inbox, RecordingSender, errors_in

pytest_plugins = ["pytester"]


def inbox(*contents: str) -> Inbox[Message]:
    return Inbox(lambda: [Message("markdown", content) for content in contents])


@pytest.mark.parametrize(
    ("content", "errors"),
    [
        ("🔴 payments prod · 353 errors · ConnectTimeout +8 kinds\n3 errors", 353),
        ("🔴 CRITICAL payments · 1 error · Disk", 1),
        ("🔴 353 errors · ConnectTimeout", 353),
        ("🔴 CRITICAL 1,353 errors", 1353),
        ("🔶 订单 生产 1,234,567次 KeyError 等 9 类", 1234567),
        ("✅ payments · 0 errors · 2 kinds over", 0),
        ("🔴 payments · Found 7 errors", 0),
        ("7 errors of another program\n", 0),
        ("shop prod\n🔴 NEW KeyError\npay/a.py:7 f\n353 errors\n7 errors", 353),
        ("🔴 新出现 KeyError\n1,353 次错误", 1353),
        ("hello\n\nthere were\n3 errors", 0),
        ("hello", 0),
        ("", 0),
    ],
)
def test_errors_are_counted_in_the_first_line(content: str, errors: int) -> None:
    assert errors_in(content) == errors


def test_an_inbox_answers_questions() -> None:
    mail = inbox("🔴 shop · 2 errors · payment", "🔶 shop · 40 errors · orders")
    assert mail.total_errors == 42
    assert mail.containing("payment").one().content == mail[0].content
    assert mail.latest() == mail[1]
    assert len(mail.containing("nothing")) == 0
    assert [each.msgtype for each in mail] == ["markdown", "markdown"]


def test_an_inbox_says_what_it_holds_instead() -> None:
    with pytest.raises(AssertionError, match="expected one message, not none"):
        inbox().one()
    with pytest.raises(AssertionError, match="expected one message, not 2: a; b"):
        inbox("a\nmore", "b").one()
    with pytest.raises(AssertionError, match="expected a message"):
        inbox().latest()
    assert repr(inbox("a\nmore")) == "<Inbox: 1: a>"


def test_a_recording_sender_is_a_sender() -> None:
    sender = RecordingSender()
    assert isinstance(sender, Sender)
    media_id = sender.upload("report.txt", b"all of it")
    sender.send(Message("file", media_id))
    assert sender.file(sender.inbox.one()) == ("report.txt", b"all of it")
    assert list(sender.secrets()) == []


def test_a_recording_sender_fails_on_demand() -> None:
    sender = RecordingSender()
    sender.fail(TransportError("no route", unclear=True), times=2)
    for _ in range(2):
        with pytest.raises(TransportError, match="no route"):
            sender.send(Message("text", "lost"))
    sender.send(Message("text", "there"))
    assert sender.inbox.one().content == "there"


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("wecom_logging_tests.shop")
    logger.propagate = False
    yield logger
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()


def test_a_handler_with_a_recording_sender(logger: logging.Logger) -> None:
    sender = RecordingSender()
    handler = WeComHandler(sender=sender, store="memory")
    logger.addHandler(handler)
    for _ in range(3):
        logger.error("payment %d failed", 8841)
    assert handler.flush()
    assert sender.inbox.total_errors == 3
    assert "payment 8841 failed" in sender.inbox.one().content


PLUGIN = "wecom_logging.pytest_plugin"
INSTALLED = any(each.value == PLUGIN for each in importlib.metadata.entry_points(group="pytest11"))


def run(pytester: pytest.Pytester, code: str, *options: str) -> pytest.RunResult:
    """Run a user's test file, with the plugin found by itself once it is installed."""
    pytester.makepyfile(code)
    plugin = () if INSTALLED else ("-p", PLUGIN)
    return pytester.runpytest_subprocess(*plugin, "-p", "no:cacheprovider", *options)


def test_the_fixture_catches_what_a_program_sends(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import logging, pytest
        from wecom_logging import WeComHandler

        def test_payment(wecom_simulator):
            handler = WeComHandler()
            logging.getLogger("shop").addHandler(handler)
            logging.getLogger("shop").error("payment failed")
            assert handler.flush()
            assert wecom_simulator.inbox.containing("payment").one().delivered_to == ("ZhangSan",)
            assert wecom_simulator.inbox.total_errors == 1
            wecom_simulator.faults.add("status", times=1)
            wecom_simulator.clock.advance(60)

        @pytest.mark.parametrize("wecom_simulator", ["robot"], indirect=True)
        def test_robot(wecom_simulator):
            handler = WeComHandler()
            logging.getLogger("robot").addHandler(handler)
            logging.getLogger("robot").error("payment failed")
            assert handler.flush()
            assert wecom_simulator.inbox.one().source == "robot"
        """,
    )
    result.assert_outcomes(passed=2)


def test_the_plugin_imports_nothing_before_it_is_used(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import sys

        def test_light():
            assert not {"flask", "werkzeug", "requests", "structlog"} & set(sys.modules)
        """,
    )
    result.assert_outcomes(passed=1)


def test_without_the_extra_the_fixture_says_what_to_install(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import sys

        sys.modules["flask"] = None

        def test_payment(wecom_simulator):
            pass
        """,
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(['*pip install "wecom-logging?simulator?"*'])
