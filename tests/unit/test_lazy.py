"""What is made when it is first used."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from wecom_logging._runtime import lazy


def test_a_regex_is_compiled_once() -> None:
    digits = lazy.regex("[0-9]+")
    assert "compiled" not in vars(digits)
    assert digits.fullmatch("12")
    compiled = vars(digits)["compiled"]
    assert digits.search("a12")
    assert vars(digits)["compiled"] is compiled


def test_a_cached_property_is_worked_out_once() -> None:
    class Order:
        times = 0

        @lazy.cached
        def total(self) -> int:
            self.times += 1
            return 7

    order = Order()
    assert (order.total, order.total, order.times) == (7, 7, 1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_that_is_forked_meanwhile_waits_for_nobody() -> None:
    parent, inside, done = os.getpid(), threading.Event(), threading.Event()

    class Order:
        @lazy.cached
        def total(self) -> int:
            if os.getpid() == parent:
                inside.set()
                done.wait(10)
            return 7

    thread = threading.Thread(target=lambda: Order().total)
    thread.start()
    assert inside.wait(10)
    child = os.fork()
    if not child:
        signal.alarm(5)  # the end of a child that waits
        os._exit(Order().total)
    done.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
