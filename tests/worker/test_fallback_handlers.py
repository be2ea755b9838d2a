"""A fallback as an option: destinations and handlers, however they are written, and exits."""

from __future__ import annotations

import logging
import logging.config
import logging.handlers
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest

from tests.helpers.support import Finished, Watched, balanced, eventually, pointing_at
from wecom_logging import ConfigurationError, WeComHandler
from wecom_logging.errors import SetupError, TransportError
from wecom_logging.simulator import Simulator
from wecom_logging.testing import RecordingSender

Watch = Callable[..., Watched]

ROBOT: dict[str, Any] = {"webhook_key": "693a91f6-7aaa-4bc4-97a0-0ec2aaaa5aaa"}
OTHER = "0e3a8f0c-5b11-4f0e-9d55-7c3b0c3a1aaa"
SECRET = "hunter2-hunter2-hunter2"


class Kept(logging.Handler):
    """Keeps what it gets."""

    made: ClassVar[list[Kept]] = []

    def __init__(self, prefix: str = "") -> None:
        super().__init__()
        self.prefix = prefix
        self.records: list[logging.LogRecord] = []
        Kept.made.append(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


class Refusing(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return False


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    Kept.made.clear()
    yield
    logging.config.dictConfig({"version": 1})


def removed(watch: Watch, fallback: Any, **more: Any) -> Watched:
    w = watch(fallback=fallback, group_wait=0.0, **more)
    w.sender.fail(SetupError(93000, "gone"), 1000)
    return w


# -- through dictConfig ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a_first", "z_last"])
def test_a_handler_by_its_name_whatever_the_order_of_names(name: str) -> None:
    """`dictConfig` makes handlers in the order of their names: one that comes later is made of
    a copy, with its formatter and filters, and made again in its turn."""
    sender = RecordingSender()
    sender.fail(SetupError(93000, "gone"), 1000)
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"plain": {"format": "mail: %(message)s"}},
            "handlers": {
                "m_wecom": {
                    "()": WeComHandler,
                    "sender": sender,
                    "app": "shop",
                    "store": "memory",
                    "group_wait": 0.0,
                    "fallback": f"cfg://handlers.{name}",
                },
                name: {
                    "class": f"{__name__}.Kept",
                    "level": "ERROR",
                    "formatter": "plain",
                    "prefix": "x",
                },
            },
            "loggers": {"fallback_test": {"handlers": ["m_wecom"], "propagate": False}},
        }
    )
    log = logging.getLogger("fallback_test")
    handler = log.handlers[0]
    assert isinstance(handler, WeComHandler)
    log.error("payment failed")
    assert handler.flush(10.0)
    (took,) = [each for each in Kept.made if each.records]
    assert len(Kept.made) == (1 if name == "a_first" else 2)
    (record,) = took.records
    assert (took.prefix, record.levelname, record.name) == ("x", "ERROR", "wecom_logging.fallback")
    assert took.format(record).startswith("mail: 🔴 shop · 1 error · payment failed\n")
    assert (
        record.getMessage().splitlines()[1].startswith("│ fallback: the destination fails (93000,")
    )
    assert handler.stats().by_fallback == 1
    assert handler._components.fallback is not None
    assert handler._components.fallback.name == name
    handler.close()


def test_a_handler_as_an_object(watch: Watch) -> None:
    kept = Kept()
    w = removed(watch, kept)
    w.log.critical("the database is gone")
    eventually(lambda: w.stats.by_fallback == 1)
    (record,) = kept.records
    assert record.levelname == "CRITICAL"
    assert balanced(w.stats)


def test_other_records_of_that_handler_keep_their_errors(watch: Watch) -> None:
    """It is still theirs: only what goes wrong with our record is ours to know of."""
    errors: list[logging.LogRecord] = []

    class Failing(Kept):
        def emit(self, record: logging.LogRecord) -> None:
            super().emit(record)
            self.handleError(logging.makeLogRecord({"msg": "another"}))

        def handleError(self, record: logging.LogRecord) -> None:
            errors.append(record)

    kept = Failing()
    w = removed(watch, kept)
    w.log.error("payment failed")
    eventually(lambda: w.stats.by_fallback == 1)
    assert [record.getMessage() for record in errors] == ["another"]
    assert "handleError" not in vars(kept)


@pytest.mark.parametrize("how", ["filter", "raises", "hides"])
def test_what_it_does_not_take_stays_pending(
    watch: Watch, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    class Bad(Kept):
        def emit(self, record: logging.LogRecord) -> None:
            if how == "raises":
                raise OSError(SECRET)
            try:
                raise OSError(SECRET)
            except OSError:
                self.handleError(record)

    bad = Bad()
    if how == "filter":
        bad.addFilter(Refusing())
    w = removed(watch, bad)
    w.log.error("payment failed")
    eventually(lambda: w.stats.failures >= 2)
    assert (w.stats.pending, w.stats.by_fallback) == (1, 0)
    assert SECRET not in f"{w.stats} {capsys.readouterr()}"


# -- another destination -----------------------------------------------------------------------


def test_another_robot(sim: Simulator, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is reached as the first one is, with what its own options do not say."""
    options = pointing_at(sim, "robot")
    good = options["webhook_key"]
    w = watch(**{**options, "webhook_key": OTHER}, fallback={"webhook_key": good}, group_wait=0.0)
    w.log.error("payment failed")
    eventually(lambda: w.stats.by_fallback == 1)
    (message,) = sim.messages
    lines = message.content.splitlines()
    assert lines[0] == "🔴 shop · 1 error · payment failed"
    assert lines[1].startswith("> fallback: the group robot fails (93000, since ")


# -- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (7, "neither"),
        ("https://a.example", "neither"),
        ([ROBOT], "neither"),
        ({"webhook_key": ""}, "webhook_key"),
        ({"webhook_key": f"{SECRET}?"}, "webhook_key"),
        ({"webhook_keys": SECRET}, "is 'webhook_key' meant?"),
        ({"corpid": "ww1", "corpsecret": SECRET}, "agentid: is missing"),
        ({"api_base": "https://a.example"}, "names no destination"),
        ({**ROBOT}, "leads to the same destination as the handler itself"),
        ({**ROBOT, "corpid": "ww1"}, "second destination"),
        ({"webhook_key": OTHER, "msgtype": "html"}, "msgtype"),
        ({"webhook_key": OTHER, "mention": "@all"}, "is no option of it"),
        ({"class": "wecom_logging.WeComHandler", **ROBOT}, "echo"),
        ({"()": "wecom_logging.WeComHandler", "webhook_key": OTHER}, "echo"),
        ({"class": "logging.NoSuch"}, "cannot be made"),
        ({"class": "logging.handlers.SMTPHandler", "credentials": ["u", SECRET]}, "cannot be made"),
    ],
)
def test_what_cannot_be_one(value: Any, said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        WeComHandler(**ROBOT, fallback=value)
    assert refused.value.option == "fallback"
    assert said in str(refused.value)
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_handler_of_ours_is_refused_and_off_is_off() -> None:
    with pytest.raises(ConfigurationError, match="echo"):
        WeComHandler(**ROBOT, fallback=WeComHandler(**ROBOT))
    behind = logging.handlers.MemoryHandler(9, target=WeComHandler(**ROBOT))
    with pytest.raises(ConfigurationError, match="echo"):
        WeComHandler(**ROBOT, fallback=behind)
    WeComHandler(enabled=False, fallback={"class": f"{__name__}.Kept"})
    assert not Kept.made


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WECOM_FALLBACK", f'{{"webhook_key": "{OTHER}"}}')
    monkeypatch.setenv("WECOM_FALLBACK_AFTER", "60")
    handler = WeComHandler(**ROBOT)
    fallback = handler._components.fallback
    assert fallback is not None
    assert (fallback.after, fallback.name) == (60.0, "")
    assert OTHER in list(fallback.sender.secrets())
    handler.close()
    monkeypatch.setenv("WECOM_FALLBACK", f"{OTHER}")
    with pytest.raises(ConfigurationError) as refused:
        WeComHandler(**ROBOT)
    assert OTHER not in str(refused.value)


# -- the end of a program ------------------------------------------------------------------------

PROGRAM = """
import wecom_logging
from wecom_logging.testing import RecordingSender
from wecom_logging.errors import TransportError

class Spare(logging.Handler):
    def emit(self, record):
        {emit}

class Away(RecordingSender):
    def send(self, message):
        raise TransportError("no route to host")

log.addHandler(wecom_logging.WeComHandler(
    sender=Away(), app="shop", store="memory", fallback=Spare(), close_timeout=9))
log.error("payment failed")
"""


Run = Callable[..., Finished]


def test_at_exit_the_last_third_is_the_fallbacks(run_program: Run, sim: Simulator) -> None:
    """Which does not wait for `fallback_after` then: it would be lost."""
    said = "print(record.getMessage().splitlines()[0])"
    done = run_program(PROGRAM.replace("{emit}", said), sim)
    assert done.out == "🔴 shop · 1 error · payment failed\n"
    assert "not delivered" not in done.err


def test_one_that_hangs_holds_up_no_exit_and_what_it_had_is_unknown(
    run_program: Run, sim: Simulator
) -> None:
    done = run_program(PROGRAM.replace("{emit}", "time.sleep(50)"), sim)  # it hangs
    assert done.returncode == 0
    assert done.seconds < 40.0
    assert "1 error was not delivered at exit: handler Spare was given them" in done.err
    assert "unknown" in done.err


def test_what_it_logs_itself_is_no_alert(watch: Watch) -> None:
    class Chatty(Kept):
        def emit(self, record: logging.LogRecord) -> None:
            super().emit(record)
            w.log.error("connecting to the mail server")

    kept = Chatty()
    w = removed(watch, kept)
    w.log.error("payment failed")
    eventually(lambda: w.stats.by_fallback == 1)
    assert w.stats.seen == 1


def test_away_is_waited_for_while_the_program_goes_on(watch: Watch) -> None:
    kept = Kept()
    w = watch(fallback=kept, group_wait=0.0)
    w.sender.fail(TransportError("no route"), 2)
    w.log.error("payment failed")
    eventually(lambda: w.stats.reported == 1)
    assert kept.records == []
