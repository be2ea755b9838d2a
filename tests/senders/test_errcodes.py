"""Every errcode has a treatment, and a sentence for whoever has to mend it."""

from __future__ import annotations

import pickle

import pytest

from wecom_logging._senders.errcodes import refusal, table, unsent
from wecom_logging.errors import (
    ApiError,
    BusyError,
    ContentError,
    RateLimitedError,
    SetupError,
    TokenError,
)

CASES: dict[type[ApiError], set[int]] = {
    TokenError: {40014, 42001, 40001},
    BusyError: {-1, 6000, 45033, 45035, 45036},
    RateLimitedError: {45009},
    ContentError: {
        40004, 40005, 40006, 40007, 40008, 40033, 40058, 40063, 40074, 40094, 40123, 40145,
        40201, 40204, 40206, 41006, 41016, 41033, *range(42014, 42021), *range(42027, 42053),
        44001, 44004, 45001, 45002, 45007, 45008, 45032, 45034, 60140, 82004, 93017, 93018,
        301019,
    },
    SetupError: {
        40003, 40013, 40031, 40032, 40050, 40056, 40066, 40068, 40091, 41001, 41002, 41004,
        41011, 43004, 43012, 45031, 48001, 48002, 48004, 48005, 48006, 48010, 50003, 60011,
        60020, 60021, 60031, 60111, 81012, 81013, 82001, 82002, 82003, 86001, 86003, 86006,
        86008, 86216, 93000, 93001, 93004, 93006, 93008, 93019, 301002, 301007, 701099,
    },
}  # fmt: skip

TAIL = (
    ", hint: [1784567890123456789012345], from ip: 203.0.113.9, more info at "
    "https://open.work.weixin.qq.com/devtool/query?e=60020"
)


@pytest.mark.parametrize(
    ("error", "code"), [(error, code) for error, codes in CASES.items() for code in sorted(codes)]
)
def test_each_code_has_a_class_and_an_advice(error: type[ApiError], code: int) -> None:
    refused = refusal(code, "text")
    assert type(refused) is error
    assert refused.errcode == code
    assert refused.advice.endswith(".")
    assert "{" not in refused.advice


def test_no_code_is_in_the_table_untested() -> None:
    tested = set().union(*CASES.values())
    families = {*range(93001, 93017), *range(701000, 702000), 93007}
    assert set(table()) - tested - families == set()


@pytest.mark.parametrize("code", [40001, 40091, 40014, 42001, 40058])
def test_at_gettoken_nothing_is_cured_by_another_token(code: int) -> None:
    assert type(refusal(code, "invalid credential", "gettoken")) is SetupError


def test_a_code_that_nobody_knows_is_kept_and_can_be_looked_up() -> None:
    refused = refusal(987654, "what")
    assert type(refused) is SetupError
    assert "devtool/query?e=987654" in refused.advice


def test_an_untrusted_address_is_named_where_it_is_to_be_typed() -> None:
    refused = refusal(60020, "not allow to access from your ip" + TAIL)
    assert "203.0.113.9" in refused.advice
    assert "企业可信IP" in refused.advice
    assert "203.0.113.9" not in refused.errmsg


@pytest.mark.parametrize("tail", ["", ", from ip: , more info at x"])
def test_an_untrusted_address_that_is_not_reported(tail: str) -> None:
    assert "this machine's public address" in refusal(60020, "not allow" + tail).advice


def test_an_ipv6_address() -> None:
    refused = refusal(60020, "not allow, hint: [1], from ip: 2001:db8::1, more info at x")
    assert "2001:db8::1 to" in refused.advice


def test_the_tail_is_taken_off_and_the_hint_stays() -> None:
    """WeCom's support asks for the hint; the address is nobody's business."""
    refused = refusal(93000, "invalid webhook url" + TAIL)
    assert refused.errmsg == "invalid webhook url, hint: [1784567890123456789012345]"


def test_errmsg_is_foreign_text_and_becomes_one_short_line() -> None:
    refused = refusal(40058, "a\nb\x1b[31m\u202ec" + "x" * 1000)
    assert refused.errmsg.startswith("a b�[31m�c")
    assert len(refused.errmsg) == 200


@pytest.mark.parametrize(("call", "seconds"), [("send", 60), ("gettoken", 300)])
def test_how_long_a_rate_limit_lasts(call: str, seconds: float) -> None:
    refused = refusal(45009, "api freq out of limit", call)  # type: ignore[arg-type]  # a call of a parameter
    assert isinstance(refused, RateLimitedError)
    assert refused.retry_after == seconds


def test_what_is_not_sent_does_not_say_that_wecom_refused() -> None:
    assert str(unsent(45002, "3000 bytes")) == "not sent: 3000 bytes"


def test_errors_survive_pickling() -> None:
    for error in (refusal(60020, "no" + TAIL), refusal(45009, "no", "gettoken"), unsent(1, "x")):
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
