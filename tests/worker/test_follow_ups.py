"""What follows a message: the file with the whole report, and a call for somebody."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.support import counted, eventually, many_kinds
from wecom_logging import ConfigurationError, WeComHandler
from wecom_logging._model.digest import Digest, Identity, Report
from wecom_logging._model.links import Link, MiniProgram
from wecom_logging._rendering import Rendered, Style
from wecom_logging._senders.protocol import Message
from wecom_logging._stores.memory import MemoryStore
from wecom_logging._worker.cooldowns import Cooldowns
from wecom_logging._worker.follow_ups import FILES, INTERVAL, file_name, file_wanted
from wecom_logging._worker.mentions import A_DAY, GOING_ON, Mentions
from wecom_logging.simulator.faults import Fault
from wecom_logging.simulator.server import Simulator

NOW = 1_772_600_000.0


def report(name: str = "a", **changes: Any) -> Report:
    identity = Identity(
        id=name * 16, logger="shop", level=changes.pop("level", "error"), type="KeyError"
    )
    made = Report(
        identity=identity,
        state="new",
        count=1,
        doubtful=0,
        total=1,
        since=NOW,
        last=NOW,
        before=(0, 0.0),
        span=1.0,
        news=True,
        hosts=("web-1",),
    )
    return replace(made, **changes)


def digest(*reports: Report) -> Digest:
    return Digest("5c1e0000", reports or (report(),), NOW)


def rendered(*cut: str, hidden: int = 0) -> Rendered:
    ids = tuple(name * 16 for name in cut)
    return Rendered(Message("markdown", "…"), kinds_left_out=hidden, left_out=ids)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Processes:
    """Several that share a store; each delivery asks for itself."""

    def __init__(self, clock: Clock) -> None:
        self.store = MemoryStore(clock=clock)

    def cooldowns(self) -> Cooldowns:
        return Cooldowns(self.store, "shop")


@pytest.fixture
def processes(clock: Clock) -> Processes:
    return Processes(clock)


# -- when there is a file --------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "shown", "wanted"),
    [
        (report(), rendered("a"), True),
        (report(), rendered(), False),
        (report(state="still"), rendered("a"), False),
        (report(state="still", level="critical"), rendered("a"), True),
        (report(state="still"), rendered(hidden=3), True),
    ],
)
def test_a_file_follows(found: Report, shown: Rendered, wanted: bool, processes: Processes) -> None:
    assert file_wanted(digest(found), shown, processes.cooldowns()) is wanted


def has_file(processes: Processes, name: str) -> bool:
    cooldowns = processes.cooldowns()
    found = file_wanted(digest(report(name)), rendered(name), cooldowns)
    if found:
        cooldowns.keep()
    else:
        cooldowns.leave()
    return found


def test_one_file_per_group_and_hour_whoever_sends_it(processes: Processes, clock: Clock) -> None:
    assert has_file(processes, "a")
    assert not has_file(processes, "a")
    assert has_file(processes, "b")
    clock.now += INTERVAL
    assert has_file(processes, "a")


def test_six_files_an_hour_in_all(processes: Processes, clock: Clock) -> None:
    for name in "abcdef":
        assert has_file(processes, name)
        clock.now += 60
    assert FILES == 6
    assert not has_file(processes, "0")
    clock.now += INTERVAL - 6 * 60
    assert has_file(processes, "0")


def test_a_message_that_did_not_go_out_leaves_its_turn(processes: Processes) -> None:
    cooldowns = processes.cooldowns()
    assert file_wanted(digest(), rendered("a"), cooldowns)
    assert not has_file(processes, "a")
    cooldowns.leave()
    assert has_file(processes, "a")


@pytest.mark.parametrize(
    ("style", "name"),
    [
        (Style("payments", "prod"), r"payments-prod-\d{8}-\d{6}-KeyError\.txt"),
        (Style("支付/../x", ""), r"支付-\.\.-x-\d{8}-\d{6}-KeyError\.txt"),
    ],
)
def test_a_file_can_be_found_by_its_name(style: Style, name: str) -> None:
    assert re.fullmatch(name, file_name(digest(), style))


# -- when somebody is called -----------------------------------------------------------


CALLS = Mentions(("zhangsan",), logging.ERROR)


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (report(), True),
        (report(level="warning"), False),
        (report(state="again", level="critical"), True),
        (report(state="again", news=False), False),
        (report(state="still", news=True), False),
        (report(state="over", count=0), False),
        (report(state="still", news=False, since=NOW - GOING_ON + 1), False),
        (report(state="still", news=False, since=NOW - GOING_ON), True),
    ],
)
def test_somebody_is_called(found: Report, wanted: bool, processes: Processes) -> None:
    assert bool(CALLS.called(digest(found), processes.cooldowns())) is wanted


def is_called(processes: Processes, found: Digest) -> bool:
    cooldowns = processes.cooldowns()
    called = bool(CALLS.called(found, cooldowns))
    if called:
        cooldowns.keep()
    else:
        cooldowns.leave()
    return called


def test_at_most_once_in_ten_minutes_and_once_for_what_goes_on(
    processes: Processes, clock: Clock
) -> None:
    going_on = digest(report("c", state="still", news=False, since=NOW - 2000))
    assert is_called(processes, digest())
    clock.now += 599
    assert not is_called(processes, digest(report("b")))
    assert not is_called(processes, going_on)
    clock.now += 1
    assert is_called(processes, going_on)
    clock.now += 3600
    assert not is_called(processes, going_on)
    assert is_called(processes, digest(report("b")))
    clock.now += A_DAY
    assert is_called(processes, going_on)


def test_the_words_of_a_call_are_inert_and_have_no_count() -> None:
    hostile = replace(report(), identity=Identity("a" * 16, "shop", "error", "<@all>\n# x"))
    message = CALLS.message(digest(hostile), Style("shop", "prod", language="zh"), ("zhangsan",))
    assert message.msgtype == "text"
    assert message.mentions == ("zhangsan",)
    assert "详见上一条消息 (m-5c1e)" in message.content
    assert "<@" not in message.content
    assert "\n" not in message.content
    assert "×" not in message.content


# -- sent for real ---------------------------------------------------------------------


@pytest.fixture
def handlers() -> Iterator[list[WeComHandler]]:
    made: list[WeComHandler] = []
    yield made
    for handler in made:
        handler.close()


def logger_to(
    sim: Simulator, handlers: list[WeComHandler], kind: str = "robot", **options: Any
) -> logging.Logger:
    names = ("corpid", "corpsecret", "agentid", "touser", "webhook_key", "api_base")
    env: dict[str, Any] = {
        key.removeprefix("WECOM_").lower(): value for key, value in sim.env(kind).items()
    }
    handler = WeComHandler(
        store="memory", app="shop", **{n: env[n] for n in names if n in env}, **options
    )
    handlers.append(handler)
    logger = logging.Logger("shop", logging.DEBUG)
    logger.addHandler(handler)
    return logger


@pytest.mark.parametrize("kind", ["robot", "app"])
def test_an_overview_that_leaves_kinds_out_is_followed_by_its_file(
    kind: str, sim: Simulator, handlers: list[WeComHandler]
) -> None:
    log = logger_to(sim, handlers, kind)
    many_kinds(log)
    assert handlers[0].flush()
    eventually(lambda: len(sim.messages) == 2)
    message, file = sim.messages
    assert "whole report in the file below" in message.content
    assert counted([message]) == 90
    assert file.file is not None
    text = file.file.data.decode()
    assert len(re.findall(r"^#\d{5}  NEW  ×1 ", text, re.MULTILINE)) >= 90
    assert re.fullmatch(r"shop-\d{8}-\d{6}-Kind\d+Error\.txt", file.file.name)


def deep(n: int) -> None:
    if n == 5:
        raise KeyError("sku")
    (deep_a, deep_b)[n % 2](n + 1)


def deep_a(n: int) -> None:
    deep_c(n)


def deep_b(n: int) -> None:
    deep_c(n)


def deep_c(n: int) -> None:
    deep(n)


def test_own_frames_that_did_not_fit_are_in_the_file(
    sim: Simulator, handlers: list[WeComHandler]
) -> None:
    log = logger_to(sim, handlers)
    try:
        deep(0)
    except KeyError:
        log.exception("failed")
    assert handlers[0].flush()
    eventually(lambda: len(sim.messages) == 2)
    _, file = sim.messages
    assert file.file is not None
    assert b"deep_b" in file.file.data


def test_no_file_where_everything_fits_or_it_is_not_wanted(
    sim: Simulator, handlers: list[WeComHandler]
) -> None:
    logger_to(sim, handlers).error("plainly failed")
    assert handlers[0].flush()
    many_kinds(logger_to(sim, handlers, attach=False))
    assert handlers[1].flush()
    assert [message.msgtype for message in sim.messages] == ["markdown", "markdown"]
    assert "file below" not in sim.messages[1].content


def test_a_file_that_cannot_be_uploaded_takes_nothing_with_it(
    sim: Simulator, handlers: list[WeComHandler], capsys: pytest.CaptureFixture[str]
) -> None:
    log = logger_to(sim, handlers)
    sim.faults.add(Fault("errcode", call="webhook/upload_media", errcode=45001))
    many_kinds(log)
    assert handlers[0].flush()
    assert [message.msgtype for message in sim.messages] == ["markdown"]
    assert handlers[0].stats().reported == 90
    said = "the file with the whole report could not be sent"
    eventually(lambda: said in capsys.readouterr().err)
    assert len(sim.calls("webhook/upload_media")) == 1, "it would be refused again"


def test_no_file_from_the_second_half_of_the_budget(
    sim: Simulator, handlers: list[WeComHandler]
) -> None:
    log = logger_to(sim, handlers, rate_limit=((4, 60),))
    many_kinds(log)
    assert handlers[0].flush()
    (message,) = sim.messages
    assert "file below" not in message.content


def test_markdown_is_followed_by_a_short_text_that_calls(
    sim: Simulator, handlers: list[WeComHandler]
) -> None:
    log = logger_to(sim, handlers, mention=["zhangsan", "13800138000"])
    log.error("no call")
    assert handlers[0].flush()
    log.critical("the shop is closed")
    assert handlers[0].flush()
    eventually(lambda: len(sim.messages) == 3)
    _, alert, call = sim.messages
    assert alert.mentions == ()
    assert call.msgtype == "text"
    assert set(call.mentions) == {"zhangsan", "13800138000"}
    assert counted([alert]) == 1
    assert counted([call]) == 0


def test_a_call_waits_for_a_slot(sim: Simulator, handlers: list[WeComHandler]) -> None:
    """Of the first half of the budget, which the message has used up."""
    log = logger_to(sim, handlers, mention="@all", rate_limit=((2, 1),))
    log.critical("the shop is closed")
    assert handlers[0].flush()
    assert [message.msgtype for message in sim.messages] == ["markdown"]
    eventually(lambda: [message.msgtype for message in sim.messages] == ["markdown", "text"])


def test_a_text_calls_by_itself(sim: Simulator, handlers: list[WeComHandler]) -> None:
    log = logger_to(sim, handlers, mention="@all", mention_level="ERROR", msgtype="text")
    log.error("the shop is closed")
    assert handlers[0].flush()
    (message,) = sim.messages
    assert message.mentions == ("@all",)


def test_processes_of_a_host_call_once_in_ten_minutes(sim: Simulator, run_program: Any) -> None:
    for trouble, requests in (("shop is closed", 2), ("warehouse burns", 1)):
        run_program(
            f"""
            logging.config.dictConfig(LOGGING)
            sender = logging.getLogger().handlers[0]._components.sender
            sent, send = [], sender.send
            sender.send = lambda message: sent.append(message) or send(message)
            log.critical({trouble!r})
            eventually(lambda: len(sent) == {requests})
            """,
            sim,
            mention="@all",
            app="shop",
        )
    assert [message.msgtype for message in sim.messages] == ["markdown", "text", "markdown"]


def test_nothing_is_imported_for_them_later(sim: Simulator, run_program: Any) -> None:
    """On no thread of ours: it would leave a forked child with half a module."""
    done = run_program(
        """
        logging.config.dictConfig(LOGGING)
        before = set(sys.modules)
        for i in range(90):
            kind = type(f"Kind{i}Error", (Exception,), {})
            try:
                raise kind(f"{i:b}b of {i:x}x")
            except Exception:
                log.exception("trouble")
        sender = logging.getLogger().handlers[0]._components.sender
        sent, send = [], sender.send
        sender.send = lambda message: sent.append(message) or send(message)
        eventually(lambda: len(sent) == 3)
        logging.getLogger().handlers[0].flush()
        print(sorted(set(sys.modules) - before))
        """,
        sim,
        mention="@all",
        mention_level="ERROR",
        breadcrumbs=5,
        show_locals=True,
        language="zh",
        links="https://logs/{id}",
    )
    assert [message.msgtype for message in sim.messages] == ["markdown", "text", "file"]
    assert done.out.strip() == "[]"


# -- options ---------------------------------------------------------------------------

APP = {"corpid": "ww1", "corpsecret": "s" * 43, "agentid": 7, "touser": "li"}
ROBOT: dict[str, Any] = {"webhook_key": "693a91f6-7aaa-4bc4-97a0-0ec2aaaa5aaa"}


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({**APP, "mention": "li"}, "mention"),
        ({**ROBOT, "mention": ["li si"]}, "mention"),
        ({**ROBOT, "mention": 7}, "mention"),
        ({**APP, "msgtype": "markdown_v2"}, "msgtype"),
        ({**ROBOT, "msgtype": "html"}, "msgtype"),
        ({**ROBOT, "language": "fr"}, "language"),
        ({**ROBOT, "link": "https://x/?q={nothing}"}, "link"),
        ({**ROBOT, "link": "javascript:alert(1)"}, "link"),
        ({**ROBOT, "link": 7}, "link"),
        ({**ROBOT, "links": "https://x/?q={nothing}"}, "links"),
        ({**ROBOT, "links": "javascript:alert(1)"}, "links"),
        ({**ROBOT, "links": ["https://x"]}, "links"),
        ({**ROBOT, "links": {"": "https://x"}}, "links"),
        ({**ROBOT, "links": {7: "https://x"}}, "links"),
        ({**ROBOT, "links": {"logs": "ftp://x"}}, "links"),
        ({**ROBOT, "links": {"logs": {"pagepath": "a"}}}, "links"),
        ({**ROBOT, "links": {"logs": {"appid": "gh_1"}}}, "links"),
        ({**ROBOT, "links": {"logs": {"appid": "wx1", "page": "a"}}}, "links"),
        ({**ROBOT, "links": {"logs": {"appid": "wx1", "pagepath": "a?{b}"}}}, "links"),
        ({**ROBOT, "mention_level": "LOUD"}, "mention_level"),
        ({**ROBOT, "breadcrumbs": -1}, "breadcrumbs"),
        ({**ROBOT, "breadcrumbs": True}, "breadcrumbs"),
        ({**ROBOT, "breadcrumbs": 100_000}, "breadcrumbs"),
        ({**ROBOT, "breadcrumb_level": "CHATTY"}, "breadcrumb_level"),
        ({**ROBOT, "attach": "yes"}, "attach"),
        ({**ROBOT, "show_locals": 1}, "show_locals"),
        # A name that ends before its link does.
        ({**ROBOT, "links": {"logs](https://other) [": "https://l/{id}"}}, "links"),
        ({**ROBOT, "links": {"two\nlines": "https://l/{id}"}}, "links"),
    ],
)
def test_wrong_options(options: dict[str, Any], option: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        WeComHandler(**options)
    assert caught.value.option == option


def test_options_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "MENTION": "zhangsan, 13800138000",
        "MENTION_LEVEL": "40",
        "BREADCRUMBS": "20",
        "BREADCRUMB_LEVEL": "debug".upper(),
        "LINKS": '{"日志": "https://l/{id}", "订单": {"appid": "wx1", "pagepath": "p?t={type}"}}',
        "ATTACH": "0",
        "SHOW_LOCALS": "true",
        "LANGUAGE": "zh",
        "MSGTYPE": "markdown_v2",
    }.items():
        monkeypatch.setenv(f"WECOM_{name}", value)
    handler = WeComHandler(**ROBOT)
    found = handler._options
    assert (found.mention, found.mention_level) == (("zhangsan", "13800138000"), 40)
    assert (found.breadcrumbs, found.breadcrumb_level) == (20, logging.DEBUG)
    assert found.links == (
        Link("日志", "https://l/{id}"),
        Link("订单", MiniProgram("wx1", "p?t={type}")),
    )
    assert (found.attach, found.show_locals) == (False, True)
    assert (found.language, found.msgtype) == ("zh", "markdown_v2")
    handler.close()


@pytest.mark.parametrize("msgtype", ["markdown", "text", "markdown_v2"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_dialect_and_language_arrives(
    msgtype: str, language: str, sim: Simulator, handlers: list[WeComHandler]
) -> None:
    log = logger_to(
        sim,
        handlers,
        msgtype=msgtype,
        language=language,
        links={"logs": "https://logs.example/?q={request_id}&from={from}"},
    )
    log.error("failed", extra={"request_id": "a b/1"})
    assert handlers[0].flush()
    (message,) = sim.messages
    assert message.msgtype == msgtype
    assert ("1次" if language == "zh" else "1 error") in message.content
    assert "https://logs.example/?q=a%20b%2F1&from=17" in message.content


def test_the_old_name_of_links_goes_on_working(
    sim: Simulator, handlers: list[WeComHandler], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what it is called now; where both are set, the new one counts."""
    with pytest.warns(DeprecationWarning, match="link is called links") as warned:
        log = logger_to(sim, handlers, link="https://logs.example/?q={id}")
    assert Path(warned[0].filename).name != "options.py"
    log.error("failed")
    assert handlers[0].flush()
    assert "[logs](https://logs.example/?q=" in sim.messages[0].content
    monkeypatch.setenv("WECOM_LINK", "https://old/{id}")
    with pytest.warns(DeprecationWarning, match="link is called links"):
        found = WeComHandler(**ROBOT, links="https://new/{id}", enabled=False)._options
    assert found.links == (Link("", "https://new/{id}"),)
