"""`install()`: one line for a script."""

from __future__ import annotations

import importlib
import logging
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

import wecom_logging
from wecom_logging import ConfigurationError, WeComHandler, install
from wecom_logging._capture import uncaught
from wecom_logging.testing import RecordingSender

Root = Callable[[], logging.Logger]


@pytest.fixture(autouse=True)
def _hooks_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uncaught, "_hooked", False)
    monkeypatch.setattr(uncaught, "_handlers", [])
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)


@pytest.fixture
def root(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], logging.Logger]]:
    """The root logger of a new program, to which nobody listens; called in the test,
    because pytest's own handlers come after fixtures."""
    logger = logging.getLogger()

    def emptied() -> logging.Logger:
        logger.handlers.clear()
        return logger

    yield emptied
    logger.handlers.clear()


def test_one_line_and_every_logger_is_heard(root: Root) -> None:
    root()
    sender = RecordingSender()
    handler = install(sender=sender)
    logging.getLogger("anywhere.at.all").error("payment failed")
    assert handler.flush(20)
    assert "payment failed" in sender.inbox.one().content


def test_twice_is_the_same_handler(root: Root) -> None:
    logger = root()
    first = install(sender=RecordingSender())
    assert install(sender=RecordingSender()) is first
    assert sum(isinstance(each, WeComHandler) for each in logger.handlers) == 1


def test_it_reports_uncaught_exceptions_unless_told_not_to(root: Root) -> None:
    root()
    before = sys.excepthook
    install(sender=RecordingSender(), uncaught=False)
    assert sys.excepthook is before
    root()
    install(sender=RecordingSender())
    assert sys.excepthook is not before


def test_what_went_to_stderr_still_goes_there(
    root: Root, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without any handler logging prints warnings; with one it does not any more."""
    root()
    install(sender=RecordingSender())
    logging.getLogger("shop").warning("careful")
    assert "careful" in capsys.readouterr().err


def test_it_takes_the_level_as_the_handler_does(root: Root) -> None:
    root()
    assert install("WARNING", sender=RecordingSender()).level == logging.WARNING


def test_handlers_that_are_there_are_left_alone(root: Root) -> None:
    mine = logging.NullHandler()
    logger = root()
    logger.addHandler(mine)
    handler = install(sender=RecordingSender())
    assert logger.handlers == [mine, handler]


def test_a_wrong_option_leaves_root_as_it_was(root: Root) -> None:
    logger = root()
    with pytest.raises(ConfigurationError):
        install(sender=RecordingSender(), group_wait=-1)
    assert logger.handlers == []


def test_without_a_destination_it_is_off_and_the_program_runs(
    root: Root, capsys: pytest.CaptureFixture[str]
) -> None:
    root()
    assert not install().enabled
    logging.getLogger("shop").error("printed, not told")
    err = capsys.readouterr().err
    assert "printed, not told" in err
    assert "no destination" in err


def test_it_can_be_called_whoever_has_imported_its_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """The import of a submodule puts it into its package, over a function of that name."""
    module = importlib.import_module("wecom_logging.install")
    monkeypatch.setattr(wecom_logging, "install", module)
    handler = wecom_logging.install(sender=RecordingSender(), uncaught=False)
    assert handler in logging.getLogger().handlers
