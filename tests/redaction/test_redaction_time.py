"""What redaction costs, whoever wrote the text: it grows with the length and no faster.

Time is that of the thread, best of several, and a text that seems too slow is looked at
again: other programs on the machine may have been in the way.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import time
from collections.abc import Iterator
from types import FrameType, ModuleType
from typing import Any

import pytest

import wecom_logging.redaction
from tests.redaction.corpus import ordinary, secrets
from wecom_logging._runtime import lazy
from wecom_logging.redaction import redact_text, redactor

#: Beginnings of all notations, without their ends, to be repeated.
PIECES = [
    "a", "A1", "1", "\\", '\\"', '"', "'", "{", "password=", "password=(", "password=(\\'",
    "password=a[", 'password:"', '"password": \\"', "--password ", "a-", "a=", "password=a,",
    "a://b:", "http://u:", "-----BEGIN PRIVATE KEY-----", "eyJ", "eyJaaaaaa.", "sk-", "Bearer ",
    "token ", 'Authorization: a="', "mysql ", "curl -u a", "identified by '", "user '", "<a ",
    "<password>", "('a', '", '("', "密码", "密码是", "\\u5bc6", "\\\\u5bc6\\u7801", "13", "6222 ",
    "webhook/send?a=b&", "password: str", "auth=(", "a:", "x\n  input_value=", "password a1",
    '"name":"a","value":"', "[redacted: ", "invalid token: a", "a@",
    "email=", "email=a ", "x://", "x://x:", "x://x:@", "x://a@b:", "http://x", "://", "@", "a/b@",
    "a:bcdefg@", "curl -u a:", "curl ", "mysql -p", "'mysql', '", "docker login ", 'mysql "',
    "-p'", "values (", "into t (a", "into t (a) values (", "params=(", "[parameters: ('",
    "[parameters: [(", "?", "%s", "a=?", "key (", "row contains (",
    "insert into u (password) values (", "params=((", 'name="password"\n',
    'name="password"\\r\\n', '{"name":"password",', '{"value":"a","name":"',
    "<key>password</key>", "<password a=", '<x password="', "&lt;password&gt;", "password\n  ",
    "password:\n  ", "password: |\n  a\n", "loc': ('password', ", "input': ", "rejected value ",
    "密码错误", "密码 x", "密码(", "密码“", "验证码", "验证码1", "手机", "单号",
    "$2b$", "$6$", "$", "{SHA}", "eyJ-",
    "-eyJ", "sk-sk-", "sk-a", "AKIA", "glpat-", "key-", "1//0", "Q~", "8Q~", "bot1:AA",
    "f" * 32 + ".", "M" * 24 + ".", "a.", ":5432:a:", "5432:a:b:", "*:*:*:", "password for ",
    "password for a ", "password is ", "--password", "--no-password ", "auth=('", "auth: [",
    "1381234567", "138 1234 5678 ", "6222 0212 ", "id=138", "id=", "sign=", "sign=a", "sign='",
    "sign=(", "token=a.b(", "password=f(", "password=f(a,", "?key=", "&code=a1", "key=&",
    "password=password=", "a.password", "pass word ", "a b c key ", "session id ",
    "secret secret ", "key key ", "a key.", "ＰＡＳＳ", "ａ", "İ", "%5Bpassword%5D",
    "user[password]",
    "password]", "mnemonic=abandon ", "abandon ", "LOGIN a ", "AUTH ", "PASS ",
    "identified by 'a", "user a password ", "machine a login b password ", "-----BEGIN ",
    "-----BEGIN PRIVATE KEY-----", 'Cookie: a="', 'authorization: a"', "bearer a1",
    'password="\\', "\\u5bc6", "\\n", "\\npassword", "[\n", "set-cookie: ", "realname=",
    "address=1", "address=a. ", "ak=", "校验码=", "密码[", "update u set password=?; args=('a')",
    "select; args=(1) ",
]  # fmt: skip


def seconds(text: str, times: int) -> float:
    """Of this thread, the best of several."""
    best = float("inf")
    for _ in range(times):
        began = time.thread_time()
        redact_text(text)
        best = min(best, time.thread_time() - began)
    return best


def repeated(piece: str, size: int) -> str:
    return (piece * (size // len(piece) + 1))[:size]


def grows_too_fast(piece: str, size: int) -> bool:
    """Whether sixteen times the text takes more than forty-eight times as long; a square would
    take 256 times. Less is no fault: a text may have enough of something to be read twice.

    Measured once: who is too slow is asked again.
    """
    less, more = (seconds(repeated(piece, each), 1) for each in (size, 16 * size))
    return more > 48 * max(less, 1e-4)


@pytest.mark.parametrize("piece", PIECES, ids=ascii)
def test_time_grows_with_the_text(piece: str) -> None:
    assert not all(grows_too_fast(piece, 1024) for _ in range(6))


def beginnings() -> Iterator[str]:
    """Each line of the corpus up to its secret: every notation, and never its end."""
    for _, _, text, values in secrets(5):
        places = [text.find(value) for value in values if text.find(value) > 0]
        yield text[: min(places)] if places else text


def test_time_grows_with_every_notation() -> None:
    slow = [piece for piece in beginnings() if grows_too_fast(piece, 256)]
    assert not [piece for piece in slow if all(grows_too_fast(piece, 1024) for _ in range(6))]


@pytest.mark.parametrize("argument", ["1", "a", "a_", "a.", "1a"])
def test_a_call_that_is_not_closed(argument: str) -> None:
    """A number or a name in it can be read in one way only, not in each of its parts."""
    assert seconds(f"auth=f({argument * 40}!", 1) < 1


def test_a_password_in_one_megabyte() -> None:
    """The event's own limits are elsewhere; a processor may be given anything."""
    assert seconds("email=" + "x" * 2**20, 1) < 5
    assert seconds("x://" * 2**18, 1) < 20


# -- no stretch in which the interpreter is held ------------------------------------------

#: Those in which one call of the regular expression engine takes longest.
HOLDING = [
    "@",
    "$6$",
    "sk-",
    "key-",
    "x://x:@",
    "eyJ-",
    "curl -u a:",
    "a1",
    "1381234567",
    "(",
    "a:",
]


def longest_hold(text: str) -> float:
    """The longest time between two events of the interpreter, at which others may run."""
    clock = time.thread_time
    longest, last = 0.0, clock()

    def note(frame: FrameType, event: str, arg: Any) -> None:
        nonlocal longest, last
        longest = max(longest, clock() - last)
        last = clock()

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        redact_text(text)
    finally:
        sys.setprofile(before)
    return longest


@pytest.mark.parametrize("piece", HOLDING)
def test_no_other_thread_stands_still(piece: str) -> None:
    """20 ms for 64 KiB on a machine of its own; twice that here, where it is not."""
    text = repeated(piece, 65536)
    redact_text(text)  # compiles
    assert any(longest_hold(text) < 0.040 for _ in range(6))


# -- every pattern is among them ------------------------------------------------------------


def _modules() -> Iterator[ModuleType]:
    package = wecom_logging.redaction
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        yield importlib.import_module(found.name)


def _patterns(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Patterns that are compiled when they are first used, also in tables."""
    if type(value) is lazy.regex:
        yield name, value
    elif isinstance(value, (tuple, list)):
        for i, item in enumerate(value):
            yield from _patterns(item, f"{name}[{i}]")


def test_every_pattern_is_used_by_the_corpus() -> None:
    """So that each is among the notations whose time was looked at."""
    for _, _, text, _ in secrets():
        redact_text(text)
    for _, text in ordinary():
        redact_text(text)
    redact_text("token, " * 400)  # more names than are looked at
    redactor(True, ())(None, "", {"loc": ("a", "password"), "input": "x"})
    unused = [
        where
        for module in _modules()
        for name, value in vars(module).items()
        for where, pattern in _patterns(value, f"{module.__name__}.{name}")
        if "compiled" not in vars(pattern)
    ]
    assert not unused
