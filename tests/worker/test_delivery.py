"""Promises 13 to 15: every fault at every call. Delivered once it is over, nothing lost."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.support import Watched, balanced, counted, eventually, pointing_at
from wecom_logging._senders import access_token
from wecom_logging._senders.application import AppSender
from wecom_logging.handler import WeComHandler
from wecom_logging.simulator.config import SimulatorConfig
from wecom_logging.simulator.faults import Fault
from wecom_logging.simulator.inbox import Call
from wecom_logging.simulator.server import Simulator

Watch = Callable[..., Watched]

QUICK: dict[str, Any] = {"rate_limit": [[1000, 60]], "group_wait": 0.0}
#: Where answers hang for good. Anywhere else, one that is late is one of a loaded machine.
IMPATIENT: dict[str, Any] = {**QUICK, "timeout": [3, 1.0]}


@pytest.fixture(autouse=True)
def _tokens_without_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second `gettoken` is not waited for; that it would be is in test_token.py."""
    monkeypatch.setattr(access_token, "SPACING", 0.0)


#: What goes wrong, and whether the message may have arrived all the same.
FAULTS: dict[str, Fault] = {
    "502 with a page": Fault("status", status=502),
    "404 with a page": Fault("status", status=404),
    "an empty body": Fault("empty", status=200),
    "no JSON": Fault("garbage"),
    "an endless body": Fault("flood", size=2 * 1024 * 1024),
    "a redirect": Fault("redirect"),
    "a reset": Fault("reset"),
    "a reset after it was processed": Fault("reset", processed=True),
    "a hang": Fault("hang", delay=20.0),
    "a hang after it was processed": Fault("hang", delay=20.0, processed=True),
    "half an answer": Fault("cut"),
    "half an answer to what was processed": Fault("cut", processed=True),
    "500 to what was processed": Fault("status", status=500, processed=True),
    "busy": Fault("errcode", errcode=-1),
    "a dead token": Fault("dead_token", errcode=42001),
    "a revoked token": Fault("dead_token", errcode=40014),
    "a set-up code": Fault("errcode", errcode=60020),
    "a code nobody knows": Fault("errcode", errcode=99999),
    "too long, they say": Fault("errcode", errcode=45002),
    "a slow answer": Fault("slow", delay=0.1),
}

CALLS = {"robot": ("webhook/send",), "app": ("gettoken", "message/send")}


def strikes(fault: Fault, call: str, times: int) -> Fault:
    return Fault(**{**fault.__dict__, "call": call, "times": times})


def attempts(sim: Simulator, kind: str) -> list[Call]:
    return sim.calls(CALLS[kind][-1])


def delivers(w: Watched, sim: Simulator, kind: str) -> None:
    """Flush until everything is told, and look at what that took."""
    w.log.error("payment %d failed", 1)
    w.log.error("payment %d failed", 2)
    w.log.error("order %d failed", 3)
    eventually(lambda: w.flush(0.15))  # each flush overrides_backoff once
    assert (w.stats.reported, w.stats.lost, w.stats.seen) == (3, 0, 3)
    assert balanced(w.stats)
    assert len(attempts(sim, kind)) <= 10, "no storm of requests"
    sends = [call for call in sim.calls() if call.name != "gettoken"]
    assert len(sim.calls("gettoken")) <= len(sends) + w.stats.failures + 1


def told_exactly(sim: Simulator, kind: str, *, unclear: bool) -> None:
    told = counted(sim.messages)
    if kind == "app" or not unclear:
        assert told == 3, "an application's duplicate check keeps it from being told twice"
        return
    assert told >= 3
    if told > 3:
        assert "told before" in sim.messages[-1].content, "a robot's second telling is marked"


CASES = [
    pytest.param(kind, call, name, id=f"{kind}-{call}-{name}")
    for kind, calls in CALLS.items()
    for call in calls
    for name, fault in FAULTS.items()
    if fault.kind != "dead_token" or call == "message/send"
]


@pytest.mark.parametrize(("kind", "call", "name"), CASES)
def test_one_fault_at_one_call(
    kind: str, call: str, name: str, sim: Simulator, watch: Watch
) -> None:
    sim.faults.add(strikes(FAULTS[name], call, times=1))
    hangs = FAULTS[name].kind == "hang"
    w = watch(**pointing_at(sim, kind), **(IMPATIENT if hangs else QUICK))
    delivers(w, sim, kind)
    told_exactly(sim, kind, unclear=True)


PAIRS = [
    pytest.param(kind, first, second, id=f"{kind}-{first}-then-{second}")
    for i, (first, second) in enumerate(itertools.permutations(FAULTS, 2))
    for kind in CALLS
    if i % 19 == (0 if kind == "app" else 9)
    and "hang" not in first + second
    and (kind == "app" or "token" not in first + second)
]


@pytest.mark.parametrize(("kind", "first", "second"), PAIRS)
def test_one_fault_after_the_other(
    kind: str, first: str, second: str, sim: Simulator, watch: Watch
) -> None:
    """A sample of the pairs: each fault comes first and second with several others."""
    call = CALLS[kind][-1]
    sim.faults.add(strikes(FAULTS[first], call, times=1))
    sim.faults.add(strikes(FAULTS[second], call, times=1))
    w = watch(**pointing_at(sim, kind), **QUICK)
    delivers(w, sim, kind)
    told_exactly(sim, kind, unclear=True)


@pytest.mark.parametrize("name", ["a reset", "half an answer to what was processed", "busy"])
def test_a_fault_at_the_token_and_one_at_the_message(
    name: str, sim: Simulator, watch: Watch
) -> None:
    sim.faults.add(strikes(FAULTS["502 with a page"], "gettoken", times=1))
    sim.faults.add(strikes(FAULTS[name], "message/send", times=1))
    w = watch(**pointing_at(sim, "app"), **QUICK)
    delivers(w, sim, "app")
    told_exactly(sim, "app", unclear=True)


def test_a_redirect_is_not_followed(sim: Simulator, watch: Watch) -> None:
    sim.faults.add(Fault("redirect"))
    w = watch(**pointing_at(sim), **QUICK)
    w.log.error("failed")
    eventually(lambda: w.stats.failures)
    assert not w.flush(0.1)
    assert "redirect" in str(w.stats.last_error)


def test_pauses_between_attempts_grow(sim: Simulator, watch: Watch) -> None:
    sim.faults.add(Fault("status", status=502))
    w = watch(**pointing_at(sim), **QUICK)
    w.log.error("failed")
    eventually(lambda: len(attempts(sim, "robot")) == 3)
    times = [call.time for call in attempts(sim, "robot")]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert gaps[0] >= 0.8
    assert gaps[1] >= 1.6


# -- the access token ----------------------------------------------------------------------


@pytest.mark.parametrize("errcode", [42001, 40014, 40001])
def test_a_token_that_stays_invalid_is_refreshed_once_a_send(
    errcode: int, sim: Simulator, watch: Watch
) -> None:
    sim.faults.add(Fault("errcode", call="message/send", errcode=errcode))
    w = watch(**pointing_at(sim, "app"), **QUICK)
    w.log.error("failed")
    eventually(lambda: w.stats.failures == 1)
    assert len(sim.calls("gettoken")) == 2
    assert len(sim.calls("message/send")) == 2
    sim.faults.clear()
    assert w.flush()
    assert counted(sim.messages) == 1


def test_a_token_dies_early_and_nobody_notices(sim: Simulator, watch: Watch) -> None:
    w = watch(**pointing_at(sim, "app"), **QUICK)
    w.log.error("before")
    assert w.flush()
    sim.expire_tokens()
    w.log.error("after")
    assert w.flush()
    assert (counted(sim.messages), w.stats.failures) == (2, 0)
    assert len(sim.calls("gettoken")) == 2


def test_many_handlers_share_one_token(sim: Simulator, watch: Watch) -> None:
    watched = [watch(**pointing_at(sim, "app"), **QUICK, environment=str(i)) for i in range(5)]
    for w in watched:
        w.log.error("failed")
    for w in watched:
        assert w.flush()
    assert counted(sim.messages) == 5
    assert len(sim.calls("gettoken")) == 1


# -- set-ups that somebody has to mend -----------------------------------------------------


def wrong_secret(sim: Simulator) -> Callable[[], None]:
    secret = sim.world.config.app.secret
    sim.change_app(secret="another-secret-altogether")
    return lambda: sim.change_app(secret=secret)


def untrusted_address(sim: Simulator) -> Callable[[], None]:
    sim.change_app(trusted_ips=("192.0.2.7",))
    sim.configure(client_ip="203.0.113.9")
    return lambda: sim.change_app(trusted_ips=("203.0.113.9",))


def removed_robot(sim: Simulator) -> Callable[[], None]:
    robots = sim.world.config.robots
    sim.configure(robots=())
    return lambda: sim.configure(robots=robots)


def unknown_user(sim: Simulator) -> Callable[[], None]:
    users = sim.world.config.users
    sim.configure(users=())
    return lambda: sim.configure(users=users)


TO_MEND: dict[str, tuple[str, Callable[[Simulator], Callable[[], None]], tuple[str, ...]]] = {
    "a wrong secret": ("app", wrong_secret, ("40001", "corpsecret", "应用管理")),
    "an untrusted address": ("app", untrusted_address, ("60020", "203.0.113.9", "企业可信IP")),
    "a removed robot": ("robot", removed_robot, ("93000", "Webhook")),
    "an unknown user": ("app", unknown_user, ("81013", "touser", "可见范围")),
}


@pytest.mark.parametrize("case", TO_MEND)
def test_it_is_said_once_what_to_do_and_delivered_when_it_is_mended(
    case: str, sim: Simulator, watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    kind, break_it, advice = TO_MEND[case]
    options = pointing_at(sim, kind)
    mend = break_it(sim)
    w = watch(**options, **QUICK)
    capsys.readouterr()  # that QUICK's rate limit is above WeCom's
    for i in range(50):
        w.log.error("payment %d failed", i)
    eventually(lambda: w.stats.failures == 1)
    assert not w.flush(0.3)
    w.log.error("another kind")
    assert not w.flush(0.3)
    (line,) = capsys.readouterr().err.splitlines()
    assert all(part in line for part in advice), line
    assert not any(options.get(name, "…") in line for name in ("corpsecret", "webhook_key"))
    assert (w.stats.pending, w.stats.lost) == (51, 0)
    assert len(sim.calls()) <= 8, "no storm of requests"
    mend()
    assert w.flush(), "without a restart"
    assert counted(sim.messages) == 51


def test_a_secret_file_that_was_mended_is_read_again(
    sim: Simulator, watch: Watch, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = pointing_at(sim, "app")
    right = options.pop("corpsecret")
    path = tmp_path / "secret"
    path.write_text("yesterdays-secret")
    monkeypatch.setenv("WECOM_CORPSECRET_FILE", str(path))
    w = watch(**options, **QUICK)
    w.log.error("failed")
    eventually(lambda: w.stats.failures)
    path.write_text(right)
    assert w.flush()
    assert counted(sim.messages) == 1


def test_one_of_two_users_is_unknown(
    sim: Simulator, watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    w = watch(**{**pointing_at(sim, "app"), "touser": "ZhangSan|nobody"}, **QUICK)
    for kind in ("one", "two", "three"):
        w.log.error(kind)
        assert w.flush()
    assert w.stats.reported == 3
    assert capsys.readouterr().err.count("nobody") == 1


def test_45009_is_waited_out(sim: Simulator, watch: Watch) -> None:
    sim.faults.add(Fault("errcode", call="webhook/send", errcode=45009, times=1))
    w = watch(**pointing_at(sim), **QUICK)
    w.log.error("failed")
    eventually(lambda: w.stats.failures)
    for _ in range(2):
        assert not w.flush(0.3)
    assert len(sim.calls("webhook/send")) == 1
    assert w.stats.pending == 1


def test_success_is_errcode_0_and_nothing_else(sim: Simulator, watch: Watch) -> None:
    """HTTP 200 with an errcode was success to several others (pitfalls: false success)."""
    sim.faults.add(Fault("errcode", call="webhook/send", errcode=93001))
    w = watch(**pointing_at(sim), **QUICK)
    w.log.error("failed")
    eventually(lambda: w.stats.failures)
    assert not w.flush(0.1)
    assert w.stats.reported == 0
    assert "93001" in str(w.stats.last_error)


# -- what WeCom limits ---------------------------------------------------------------------


def test_a_flood_of_kinds_never_exceeds_the_robots_limit(watch: Watch) -> None:
    """With the default budget, and every pause off: WeCom never has to refuse."""
    with Simulator(config=SimulatorConfig()) as sim:
        w = watch(**pointing_at(sim), group_wait=0.0, group_interval=0.0)
        kinds = itertools.count()

        def tells_another() -> bool:
            w.log.critical("failed", extra={"fingerprint": next(kinds)})
            return w.flush(0.5)

        eventually(lambda: not tells_another() and len(sim.calls("webhook/send")) == 18)
        assert not any(tells_another() for _ in range(2))
        assert len(sim.calls("webhook/send")) == 18
        assert all(call.told == 0 for call in sim.calls("webhook/send"))
        assert w.stats.seen == next(kinds)
        assert balanced(w.stats)


def test_two_handlers_with_one_robot_share_its_budget(sim: Simulator, watch: Watch) -> None:
    limit = {"rate_limit": [[4, 60]], "group_wait": 0.0}
    watched = [watch(**pointing_at(sim), **limit, environment=str(i)) for i in range(2)]
    threads = [threading.Thread(target=_flush_often, args=(w, sim)) for w in watched]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sim.calls("webhook/send")) == 4
    eventually(lambda: sum(w.stats.pending for w in watched) == 10 - counted(sim.messages))


def _flush_often(w: Watched, sim: Simulator) -> None:
    """Each error by itself, as long as there is a budget, and then not at all."""
    for i in range(5):
        w.log.error("failed", extra={"fingerprint": i})
        eventually(lambda: w.flush(0.2) or len(sim.calls("webhook/send")) == 4)


@pytest.mark.parametrize("store", ["memory", "sqlite:///alerts.db"])
def test_a_sender_that_a_handler_has_used_is_its_owners_again(
    sim: Simulator, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Used by itself it asks no store for a slot, or for a token: a token that died early is
    fetched anew and the message sent."""
    monkeypatch.chdir(tmp_path)
    sender = AppSender.from_env(sim.env("app"))
    handler = WeComHandler(sender=sender, store=store, group_wait=0.01)
    handler.handle(logging.makeLogRecord({"levelno": 40, "msg": "boom"}))
    assert handler.flush()
    sim.revoke_tokens()
    sender.text("directly")
    assert sim.messages[-1].content == "directly"
    handler.close()
