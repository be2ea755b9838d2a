"""What follows a message goes through the store: written down with its settle, done by whoever
comes to it, and waited for by nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.helpers.support import Finished, Watched, counted, eventually, many_kinds
from wecom_logging import WeComHandler
from wecom_logging._rendering.report import MAX_BYTES
from wecom_logging._senders.protocol import Limits, Message
from wecom_logging._stores.protocol import FOLLOW_UP_ATTEMPTS, Failure, FollowUp
from wecom_logging._worker.delivery import Delivery
from wecom_logging._worker.frozen import body_of
from wecom_logging.errors import ContentError, DeliveryError, TransportError
from wecom_logging.simulator.faults import Fault
from wecom_logging.simulator.server import Simulator
from wecom_logging.stats import StatsRecorder
from wecom_logging.testing import RecordingSender

Watch = Callable[..., Watched]

LIMITS = Limits({"markdown": 2048, "text": 2048}, files=True, mentions=True)


def kinds(sender: RecordingSender) -> list[str]:
    return [message.msgtype for message in sender.messages]


class Uploads(RecordingSender):
    """Waits, or fails, with its first uploads."""

    def __init__(self, *failures: DeliveryError) -> None:
        super().__init__(LIMITS)
        self.failing = list(failures)
        self.uploads = 0

    def upload(self, name: str, data: bytes) -> str:
        self.uploads += 1
        if self.failing:
            raise self.failing.pop(0)
        return super().upload(name, data)


def test_the_file_holds_what_the_message_has_told(watch: Watch) -> None:
    sender = Uploads()
    w = watch(sender=sender)
    many_kinds(w.log)
    assert w.flush()
    eventually(lambda: kinds(sender) == ["markdown", "file"])
    name, data = sender.file(sender.messages[1])
    assert name.startswith("shop-")
    assert data.count(b"NEW") >= 90


def test_it_is_cut_at_256_kib(watch: Watch) -> None:
    sender = Uploads()
    w = watch(sender=sender)
    many_kinds(w.log, text="x" * 20_000)
    assert w.flush()
    eventually(lambda: kinds(sender) == ["markdown", "file"])
    name, data = sender.file(sender.messages[1])
    assert MAX_BYTES - 1000 < len(name.encode()) + 1 + len(data) <= MAX_BYTES
    assert data.endswith(b"more in the list above only\n")


def test_a_call_comes_before_the_file(watch: Watch, any_store: str) -> None:
    sender = Uploads()
    w = watch(sender=sender, mention="zhangsan", mention_level="ERROR", store=any_store)
    many_kinds(w.log)
    assert w.flush()
    eventually(lambda: kinds(sender) == ["markdown", "text", "file"])
    assert sender.messages[1].mentions == ("zhangsan",)


def test_one_that_fails_is_tried_again(
    watch: Watch, any_store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sender = Uploads(TransportError("no route"), TransportError("cut", unclear=True))
    w = watch(sender=sender, store=any_store)
    many_kinds(w.log)
    assert w.flush()
    eventually(lambda: kinds(sender) == ["markdown", "file"])
    assert sender.uploads == 3
    assert (w.stats.reported, w.stats.failures) == (90, 0), "that is the message's account"
    assert "file" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("failure", "attempts"),
    [(ContentError(45001, "too big"), 1), (TransportError("no route"), FOLLOW_UP_ATTEMPTS)],
)
def test_one_that_goes_on_failing_is_given_up(
    watch: Watch, capsys: pytest.CaptureFixture[str], failure: DeliveryError, attempts: int
) -> None:
    sender = Uploads(*[failure] * 9)
    w = watch(sender=sender)
    many_kinds(w.log)
    assert w.flush()
    said = []

    def is_given_up() -> bool:
        said.append(capsys.readouterr().err)
        return "the file with the whole report could not be sent" in "".join(said)

    eventually(is_given_up)
    w.log.error("the next one")
    assert w.flush()
    eventually(lambda: kinds(sender) == ["markdown", "markdown"])
    assert sender.uploads == attempts


def test_its_failures_stop_no_message(watch: Watch) -> None:
    sender = Uploads(*[TransportError("no route")] * 9)
    w = watch(sender=sender, group_interval=0.05, group_wait=0.0)
    many_kinds(w.log)
    assert w.flush()
    eventually(lambda: sender.uploads)
    w.log.error("a new one")
    eventually(lambda: w.stats.reported == 91)
    assert "late" not in sender.messages[-1].content


@pytest.mark.parametrize("body", ["", "null", '{"msgtype": "text"}', "[" * 100_000])
@pytest.mark.parametrize("kind", ["call", "carrier pigeon"])
def test_one_that_cannot_be_read_is_dropped(kind: str, body: str) -> None:
    sender, store = Uploads(), Told()
    delivery(sender).follow(store, FollowUp(kind, body, id="f1"))  # type: ignore[arg-type]  # a kind of a parameter
    assert store.steps == [("settle", "f1")]
    assert sender.messages == []


def test_a_call_that_may_have_arrived_is_not_repeated() -> None:
    sender, store = Uploads(), Told()
    sender.fail(TransportError("reset", unclear=True))
    call = FollowUp("call", body_of(Message("text", "x", ("li",))), id="f1", attempt=1)
    delivery(sender).follow(store, call)  # type: ignore[arg-type]  # what is read from a store may be anything
    assert store.steps == [("settle", "f1")]


def delivery(sender: RecordingSender) -> Delivery:
    handler = WeComHandler(sender=sender, app="shop", store="memory")
    components = handler._components
    return Delivery(sender, components.style, components.follow_ups, StatsRecorder())


class Told:
    """A store that takes note of what it is told."""

    durable = False

    def __init__(self) -> None:
        self.steps: list[tuple[str, str]] = []

    def settle(self, claim_id: str, *follow_ups: FollowUp, **_: Any) -> None:
        self.steps.append(("settle", claim_id))

    def release(self, claim_id: str, failure: Failure) -> None:
        self.steps.append(("release", claim_id))


# -- nobody waits ----------------------------------------------------------------------


def test_flush_does_not_wait_for_a_file(watch: Watch, sim: Simulator) -> None:
    sim.faults.add(Fault("slow", call="webhook/upload_media", delay=60.0, times=1))
    env = {k.removeprefix("WECOM_").lower(): v for k, v in sim.env("robot").items()}
    w = watch(webhook_key=env["webhook_key"], api_base=env["api_base"])
    many_kinds(w.log)
    assert w.flush()
    assert [message.msgtype for message in sim.messages] == ["markdown"]

    def told() -> bool:
        sim.faults.release()  # the upload may not have come to it yet
        return len(sim.messages) == 2

    eventually(told)


def test_a_message_at_an_exit_calls_by_itself(
    sim: Simulator, run_program: Callable[..., Finished]
) -> None:
    for trouble in ("shop is closed", "warehouse burns"):
        body = f"logging.config.dictConfig(LOGGING); log.critical({trouble!r})"
        run_program(body, sim, app="shop", mention="@all")
    called = [(message.msgtype, message.mentions) for message in sim.messages]
    assert called == [("text", ("@all",)), ("markdown", ())]


def test_an_exit_announces_none_and_leaves_it_to_who_comes_next(
    sim: Simulator, run_program: Callable[..., Finished]
) -> None:
    body = """
        logging.config.dictConfig(LOGGING)
        for i in range(90):
            try:
                raise type(f"Kind{i}Error", (Exception,), {})(f"{chr(0x4E00 + i)} of it")
            except Exception:
                log.exception("trouble")
        """
    done = run_program(body, sim, app="shop")
    assert done.returncode == 0
    (message,) = sim.messages
    assert "file below" not in message.content
    assert counted(sim.messages) == 90
    run_program(
        """
        logging.config.dictConfig(LOGGING)
        handler = logging.getLogger().handlers[0]
        sender = handler._components.sender
        sent, send = [], sender.send
        sender.send = lambda message: sent.append(message) or send(message)
        log.error("another")
        eventually(lambda: any(message.msgtype == "file" for message in sent))
        """,
        sim,
        app="shop",
        group_interval=0.1,
    )
    (file,) = (message.file for message in sim.messages if message.file is not None)
    assert file.data.count(b"NEW") >= 90


# -- a sender that somebody else wrote ---------------------------------------------------


class Plain:
    """No more than the protocol asks for, as before there were tokens and routes."""

    destination = "a pager"
    limits = Limits({"text": 2048}, files=True)

    def __init__(self) -> None:
        self.sent: list[object] = []

    def secrets(self) -> tuple[str, ...]:
        return ()

    def send(self, message: Message) -> Any:
        self.sent.append(message.msgtype)
        return {"whatever": "it answers"}

    def upload(self, name: str, data: bytes) -> str:
        self.sent.append(name)
        return "id-7"


def test_a_sender_of_the_users_own_works_on_any_store(watch: Watch, any_store: str) -> None:
    sender = Plain()
    w = watch(sender=sender, store=any_store)
    many_kinds(w.log)
    assert w.flush()
    eventually(lambda: len(sender.sent) == 3)
    text, name, file = sender.sent
    assert (text, file) == ("text", "file")
    assert str(name).endswith(".txt")
    assert w.stats.reported == 90
