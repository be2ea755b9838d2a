"""No echo: what a delivery itself logs reaches no handler."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
import urllib3

from wecom_logging._runtime.echo_guard import DELIVERING, delivering
from wecom_logging._senders import http

assert http  # it names the loggers


class Collecting(logging.Handler):
    def __init__(self) -> None:
        super().__init__(level=logging.DEBUG)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@pytest.fixture
def seen() -> Iterator[list[str]]:
    root, handler = logging.getLogger(), Collecting()
    level = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(handler)
    yield handler.messages
    root.removeHandler(handler)
    root.setLevel(level)


log = logging.getLogger("urllib3.connectionpool")


def test_a_thread_that_delivers_is_not_heard(seen: list[str]) -> None:
    with delivering():
        log.debug("GET /cgi-bin/gettoken?corpsecret=secret")
    log.debug("the application's own")
    assert seen == ["the application's own"]


def test_other_threads_are_heard_meanwhile(seen: list[str]) -> None:
    with delivering():
        thread = threading.Thread(target=log.warning, args=("from elsewhere",))
        thread.start()
        thread.join()
    assert seen == ["from elsewhere"]


def test_it_nests(seen: list[str]) -> None:
    with delivering():
        with delivering():
            pass
        log.debug("inside")
        assert threading.get_ident() in DELIVERING
    assert threading.get_ident() not in DELIVERING
    assert seen == []


def test_it_ends_with_an_error() -> None:
    with pytest.raises(KeyError), delivering():
        raise KeyError
    assert threading.get_ident() not in DELIVERING


def test_a_filter_that_was_taken_off_comes_back(seen: list[str]) -> None:
    log.filters.clear()
    with delivering(), delivering():
        log.debug("secret")
    with delivering():
        log.debug("secret")
    assert seen == []
    assert len(log.filters) == 1


def test_handlers_of_the_loggers_themselves_hear_nothing_either() -> None:
    handler = Collecting()
    urllib3_log = logging.getLogger("urllib3")
    urllib3_log.addHandler(handler)
    try:
        with delivering():
            for name in ("urllib3", "urllib3.connection", "urllib3.util.retry"):
                logging.getLogger(name).error("secret")
    finally:
        urllib3_log.removeHandler(handler)
    assert handler.messages == []


def test_every_logger_of_the_http_library_is_known() -> None:
    """Also those that a newer urllib3 may add: this test then fails."""
    names = [
        name
        for name, logger in logging.Logger.manager.loggerDict.items()
        if name.partition(".")[0] in ("urllib3", "requests")
        and isinstance(logger, logging.Logger)
        and name in sys.modules  # not one that another test made up
    ]
    assert urllib3.__name__ in names
    with delivering():
        for name in names:
            assert logging.getLogger(name).filters, name


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_forgets_the_threads_of_its_parent() -> None:
    """Its own new threads may get the same identities."""
    DELIVERING.add(-1)
    try:
        with delivering():
            pid = os.fork()
            if not pid:
                os._exit(0 if {threading.get_ident()} == DELIVERING else 1)
            assert os.waitpid(pid, 0)[1] == 0
    finally:
        DELIVERING.clear()


def test_it_does_not_import_requests() -> None:
    code = "import wecom_logging._runtime.echo_guard, sys; sys.exit('requests' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
