"""What a logged text says, without what others have put around it."""

from __future__ import annotations

import time

import pytest

from wecom_logging._model.digest import type_name
from wecom_logging._rendering.words import (
    contains,
    framework_facts,
    of_template,
    others,
    without_boilerplate,
    without_frame,
)

KNOWN = frozenset({"shop.pay", "4711", "MainThread", "views", "charge", "41", "views.py"})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("order 8841 has no address", "order 8841 has no address"),
        ("2026-03-04 14:03:11,123 ERROR [shop.pay:41] 4711 no address", "no address"),
        ("2026-03-04 14:03:11.123 | ERROR    | shop.pay:charge:41 - no address", "no address"),
        ("[2026-03-04T14:03:11+0800] [4711] [ERROR] no address", "no address"),
        ("[2026-03-04 14:03:11] ERROR in views: no address", "no address"),
        ("ERROR:shop.pay:no address", "no address"),
        ("ERROR shop.pay pid=4711 :: no address", "no address"),
        ("2026-03-04 14:03:11 [error    ] no address     order=8841", "no address     order=8841"),
        ("\x1b[31mERROR\x1b[0m: no address", "no address"),
        ("14:03:11 no address", "no address"),
        ("2026-03-04 is no working day", "is no working day"),
        ("Error in charge()", "Error in charge()"),
        ("ERROR in the bank's answer", "ERROR in the bank's answer"),
        ("charge 41 failed", "charge 41 failed"),
        ("ERROR", "ERROR"),
        (
            'level=error ts=2026-03-04T14:03:11Z msg="no address" order=8841',
            "no address order=8841",
        ),
        ('msg="a \\"b\\"" n=1', 'a "b" n=1'),
        ("a=1 b=2", "a=1 b=2"),
        ('{"levelname": "ERROR", "message": "no address", "order": 8841}', "no address order=8841"),
        ('{"order": 8841}', '{"order": 8841}'),
        ("{broken", "{broken"),
    ],
)
def test_a_formatters_share_is_taken_off(line: str, said: str) -> None:
    """Time, level, logger, process and call site; nothing of a plain sentence."""
    assert without_frame(line, KNOWN) == said


@pytest.mark.parametrize(
    ("sentence", "facts"),
    [
        ("Internal Server Error: /pay/8841", {"path": "/pay/8841"}),
        ("Exception on /pay/8841 [GET]", {"path": "/pay/8841", "method": "GET"}),
        ("Exception in ASGI application\n", {}),
        (
            "Task tasks.pay[226f31ab-0a5e-4f6c] raised unexpected: TimeoutError('bank')",
            {"task": "tasks.pay", "task_id": "226f31ab"},
        ),
        ("Error handling request /pay", {"path": "/pay"}),
        ("Error handling request from 10.0.0.7", {}),
        (
            "Spider error processing <GET http://shop/a> (referer: None)",
            {"method": "GET", "path": "http://shop/a"},
        ),
        ('Job "nightly (trigger: cron, next run at: 3)" raised an exception', {"job": "nightly"}),
        (
            "Uncaught exception GET /pay (10.0.0.7)\nHTTPServerRequest()",
            {"method": "GET", "path": "/pay"},
        ),
        ("Task exception was never retrieved\nfuture: <Task finished>", {}),
        ("payment 8841 failed", None),
        ("Exception on /pay [GET] in the second try", None),
    ],
)
def test_sentences_of_frameworks(sentence: str, facts: dict[str, str] | None) -> None:
    """They say nothing of their own but where it was."""
    assert framework_facts(sentence) == facts


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (
            "HTTPConnectionPool(host='bank', port=80): Max retries exceeded with url: /pay?n=1"
            " (Caused by NewConnectionError('<x.HTTPConnection object at 0x7f01>: Failed to"
            " establish a new connection: [Errno 111] Connection refused'))",
            "bank:80/pay?n=1",
        ),
        (
            "<urllib3.connection.HTTPConnection object at 0x7f3a5c1e>: Failed to establish a new"
            " connection: [Errno 111] Connection refused",
            "[Errno 111] Connection refused",
        ),
        (
            "1 validation error for Order\nid\n  Input should be a valid integer [type=int_parsing,"
            " input_value='x', input_type=str]\n    For further information visit https://e.dev/v",
            "1 validation error for Order\nid: Input should be a valid integer (input_value='x')",
        ),
        (
            "(psycopg2.errors.UniqueViolation) duplicate key\n[SQL: INSERT]\n"
            "(Background on this error at: https://sqlalche.me/e/20/gkpj)",
            "duplicate key\n[SQL: INSERT]",
        ),
        (
            "Client error '404 Not Found' for url 'http://x'\nFor more information check: https://h",
            "Client error '404 Not Found' for url 'http://x'",
        ),
        (
            "Message: no such element\n  (Session info: chrome=1)\nStacktrace:\n#0 0x5",
            "Message: no such element",
        ),
        ("disk full", "disk full"),
    ],
)
def test_boilerplate_of_libraries(value: str, said: str) -> None:
    """Where to read more, addresses of objects, and what the chain says anyway."""
    assert without_boilerplate(value) == said


@pytest.mark.parametrize(
    ("module", "qualname", "name"),
    [
        ("builtins", "KeyError", "KeyError"),
        ("__main__", "PaymentFailed", "PaymentFailed"),
        ("redis.exceptions", "ConnectionError", "redis.ConnectionError"),
        ("requests.exceptions", "ConnectTimeout", "ConnectTimeout"),
        ("requests.exceptions", "HTTPError", "requests.HTTPError"),
        ("botocore.exceptions", "ClientError", "botocore.ClientError"),
        ("sqlalchemy.exc", "IntegrityError", "IntegrityError"),
        ("shop.models", "Order.DoesNotExist", "Order.DoesNotExist"),
        ("shop.pay", "charge.<locals>.Refused", "Refused"),
        ("_shop", "Error", "shop.Error"),
    ],
)
def test_names_of_types(module: str, qualname: str, name: str) -> None:
    """With the package where the name alone says little."""
    assert type_name(module, qualname) == name


def test_what_is_said_already() -> None:
    """Case, line breaks and spaces make no difference."""
    assert contains("pay failed:\n  No  route", "no route")
    assert not contains("pay failed", "no route")
    assert not contains("paydb is full", "pay"), "half a word"
    assert contains("付款失败：网关超时", "网关超时")


def test_other_texts_differ_in_more_than_numbers() -> None:
    """Order 17 after order 8841 is no news, kafka after redis is."""
    said = ["redis 1 is down", "redis 2 is down", "kafka is down", "", "kafka is down"]
    assert list(others(said)) == ["kafka is down"]


def test_a_template_without_its_text() -> None:
    assert of_template("order %d of %(name)s: 100 %.1f *") == "order … of …: 100 … …"


@pytest.mark.parametrize(
    "part",
    [
        "2026-03-04 ", "[ERROR] ", "a=", 'a="', "(Caused by ", "<a object at 0x1", " (", "%(a",
        "[type=", "HTTPConnectionPool(host='", "x\n  ", "\nStacktrace:\n", "a.b.", "<GET ",
        "Task a[",
    ],
)  # fmt: skip
def test_time_grows_with_the_length_only(part: str) -> None:
    """Whoever writes the text does not decide how long reading it takes."""

    def seconds(times: int) -> float:
        text = part * times
        began = time.thread_time()
        without_boilerplate(text), without_frame(text, KNOWN), framework_facts(text)
        of_template(text), list(others([text, text]))
        return time.thread_time() - began

    seconds(10)
    assert seconds(20_000) < 1.0
