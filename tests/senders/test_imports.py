"""What is imported when: a first delivery adds nothing, so a fork or a `dictConfig` at that
moment finds no half-made module and no held import lock."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BEGIN = """
import sys, threading
from tests.helpers.stub_server import serving, errcode, raw
from wecom_logging._senders import access_token
from wecom_logging._senders.application import AppSender
from wecom_logging._senders.robot import WebhookSender
from wecom_logging.errors import DeliveryError
import concurrent.futures, traceback  # what the test itself needs

access_token.SPACING = 0.0  # a second fetch would wait for so long

def check(stub, *senders):
    before = set(sys.modules)
    for sender in senders:
        for call in (
            lambda: sender.markdown("x \\ud800 错"),
            lambda: sender.file("报告.txt", b"123456"),
        ):
            try:
                call()
            except DeliveryError:
                pass
        sender.close()
    print(sorted(set(sys.modules) - before))


def senders(base, **given):
    return (
        AppSender("ww1", "s3cret", 7, "a", api_base=base, timeout=1, **given),
        WebhookSender("key", api_base=base, timeout=1, **given),
    )


"""


@pytest.mark.parametrize(
    "case",
    [
        "with serving() as stub: check(stub, *senders(stub.url))",
        "with serving() as stub: check(stub, *senders(f'http://localhost:{stub.port}'))",
        "with serving(errcode(40014)) as stub: check(stub, *senders(stub.url))",
        "with serving(raw(b'HTTP/1.1 302 Found\\r\\nLocation: /x\\r\\n\\r\\n')) as stub:"
        " check(stub, *senders(stub.url))",
        "with serving(raw(b'rubbish', 'gettoken')) as stub: check(stub, *senders(stub.url))",
        "with serving() as stub: check(stub, *senders(f'https://localhost:{stub.port}'))",
        "with serving() as stub:"
        " check(stub, *senders('https://x.invalid', proxies={'https': stub.url}))",
        "check(None, *senders('http://127.0.0.1:1'))",
        "check(None, *senders('https://wecom.invalid'))",
    ],
    ids=[
        "delivered", "by-name", "stale-token", "redirect", "rubbish", "tls", "tunnel", "refused",
        "unknown-name",
    ],
)  # fmt: skip
def test_a_first_delivery_imports_nothing(case: str) -> None:
    assert python(BEGIN + case) == "[]"


def test_the_light_modules_import_no_requests() -> None:
    """The handler needs these before it knows whether it is on."""
    names = [
        "_senders.protocol",
        "_runtime.deadline",
        "_config.option",
        "_senders.errcodes",
        "_config.destination",
        "_model.secret",
        "_senders.access_token",
    ]
    imports = "".join(f"import wecom_logging.{name}\n" for name in names)
    code = "import sys, wecom_logging._runtime.echo_guard\n" + imports
    heavy = {"requests", "urllib3", "structlog", "sqlite3", "flask"}
    assert python(f"{code}print(sorted({heavy!r} & set(sys.modules)))") == "[]"


def test_constructing_touches_no_network_and_starts_no_thread() -> None:
    code = """
import socket, threading
from wecom_logging._senders.application import AppSender
from wecom_logging._senders.robot import WebhookSender
socket.socket.connect = socket.getaddrinfo = None
AppSender("ww1", "s3cret", 7, "a").close()
WebhookSender("key")
print(threading.active_count())
"""
    assert python(code) == "1"


def test_the_first_handler_compiles_little() -> None:
    """A class of values by the standard library is a source that it compiles, 0.2 ms or more;
    a pattern takes as long. What the line that logs needs is there before it, nothing else."""
    code = """
import dataclasses, re, requests, structlog
patterns, sources = [], []
def noting(texts, function):
    def call(text, *arguments, **options):
        texts.append(text)
        return function(text, *arguments, **options)
    return call
re.compile = noting(patterns, re.compile)
dataclasses.exec = noting(sources, exec)
from wecom_logging import WeComHandler
WeComHandler(webhook_key="00000000-0000-0000-0000-000000000000")
print(sum(map(len, sources)) < 1000 or sources, len(patterns) <= 22 or patterns)
"""
    assert python(code) == "True True"


def python(code: str) -> str:
    command = [sys.executable, "-W", "error", "-c", code]
    here = Path(__file__).parents[2]  # `-c` looks for modules in its directory
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, cwd=here
    )
    assert done.stderr == ""
    return done.stdout.strip()
