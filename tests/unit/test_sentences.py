"""Commands and stderr in Chinese: every sentence of theirs is known."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import wecom_logging
from wecom_logging import WeComHandler
from wecom_logging._cli import check
from wecom_logging._cli.checks import (
    configuration,
    handler,
    network,
    obstacles,
    program,
    routing,
    wecom,
)
from wecom_logging._rendering.sentences import _CATALOGUE, _CHINESE, in_language
from wecom_logging._runtime import diagnostics
from wecom_logging._senders.errcodes import _GETTOKEN, refusal, table
from wecom_logging.errors import DeliveryError, TransportError
from wecom_logging.testing import RecordingSender

#: Words that stand for themselves, in either language.
SAME = {
    "DNS", "TLS", "structlog", "loguru", "loggers", "formatter", "handler {}", "--no-send",
    "access token", "markdown", "{}: {}", "{}:{}: {}",
}  # fmt: skip

#: What stands in a longer sentence, or is no sentence: what is sent, logged or a format.
PIECES = {
    "{} is {}", "the level of {}", "no answer within {} s", "Make a QueueListener.",
    "{} Or take the queue out: a WeComHandler needs none before it.",
    'Call logging.getHandlerByName("{}").listener.start().',
    "an error of {} comes to it twice and is counted once", ": there and at {}",
    ": by two handlers there", '"{}" in "loggers"', " and {} more",
    'Add {} to "handlers" of {}.',
    "this machine's is {} s {} the server's", "{} = {}  (from the {})",
    "应用管理 → 应用 → the app → 可见范围",
    "Set it as the server has it: DJANGO_SETTINGS_MODULE={} wecom-logging check --django",
    'Add one to "handlers" of "root".', "order 8841 is not paid",
    "wecom-logging check: a test message for the fallback",
    "wecom-logging check: a test error through ",
    "wecom-logging check from {}, {}: messages arrive.",
}  # fmt: skip


@pytest.mark.parametrize(
    "module", [check, configuration, handler, network, obstacles, program, routing, wecom]
)
def test_what_check_says_is_known(module: ModuleType) -> None:
    """Literal texts of steps; f-strings with values in their places."""
    unknown = [
        text
        for text in said_by(module)
        if text not in SAME | PIECES
        and re.search("[a-z]{2} [a-zA-Z]", text)
        and in_language(text, "zh") == text
    ]
    assert not unknown


def said_by(module: ModuleType) -> Iterator[str]:
    """What is given to a step, and whatever else has three words; but for docstrings, what
    `argparse` prints, and errors, which are in English."""
    tree = ast.parse(inspect.getsource(module))
    elsewhere: set[ast.AST] = set()
    for node in ast.walk(tree):
        called = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
        if called in ("ok", "failed", "warning", "skipped"):
            for arg in node.args:  # type: ignore[attr-defined]  # a call
                yield from literal(arg)
        if (
            isinstance(node, ast.Expr)
            or called == "CommandError"
            or (isinstance(node, ast.keyword) and node.arg in ("help", "description", "epilog"))
        ):
            elsewhere.update(ast.walk(node))
        elif isinstance(node, ast.JoinedStr):
            elsewhere.update(node.values)
    for node in ast.walk(tree):
        if isinstance(node, ast.expr) and node not in elsewhere:
            yield from (text for text in literal(node) if text.count(" ") > 1)


def literal(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr) and not any(
        isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Name)
        and part.value.id in ("_VISIBLE", "way")
        for part in node.values
    ):  # fmt: skip
        parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        yield "".join(map(str, parts))


#: Values that decide which sentence a line is; any other is a number here.
PARTS = [
    {"errors": "errors were", "meanwhile": "everything stays pending"},
    {"errors": "errors are", "meanwhile": "the fallback tells it meanwhile"},
]


def test_each_line_on_stderr_is_known() -> None:
    """Whoever says it: every text that `warn_rarely` is given as it stands."""
    package = Path(wecom_logging.__file__).parent
    lines = {line for path in sorted(package.rglob("*.py")) for line in complaints(path)}
    said = {line: [line.format_map(parts) for parts in PARTS] for line in lines}
    unknown = [
        line for line, each in said.items() if [in_language(one, "zh") for one in each] == each
    ]
    assert len(lines) > 10
    assert not unknown


def complaints(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("warn_rarely", "say"):
            for text in node.args[1:2]:
                if isinstance(text, ast.JoinedStr):
                    yield "".join(map(part_of_line, text.values))
                elif isinstance(text, ast.Constant) and isinstance(text.value, str):
                    yield text.value


def part_of_line(part: ast.expr) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    name = getattr(getattr(part, "value", None), "id", "")
    return f"{{{name}}}" if name in PARTS[0] else "7"


@pytest.mark.parametrize(
    ("said", "chinese"),
    [
        ("""Set "level": "ERROR" in 'wecom' of "handlers".""",
         """请在 "handlers" 的 'wecom' 中设置 "level": "ERROR"。"""),
        ('Add "wecom" to "handlers" of "shop" in "loggers".',
         '请把 "wecom" 加到 "loggers" 中 "shop" 的 "handlers"。'),
        ('Add a logging.StreamHandler to "handlers" of "root".',
         '请把 一个 logging.StreamHandler 加到 "root" 的 "handlers" 中。'),
        ('Call logging.getHandlerByName("q").listener.start(). Or take the queue out: a'
         " WeComHandler needs none before it.",
         '请调用 logging.getHandlerByName("q").listener.start()。或去掉该队列：'
         "WeComHandler 之前不需要队列。"),
        ("the level of 'shop' is CRITICAL", "'shop' 的级别是 CRITICAL"),
        ("an error of 'shop' comes to it twice and is counted once: there and at 'root'",
         "'shop' 的错误会到达它两次，只计一次：在那里和在 'root'"),
        ("an error of 'shop' comes to it twice and is counted once: by two handlers there",
         "'shop' 的错误会到达它两次，只计一次：那里有两个 handler"),
        ("localhost: no answer within 5 s", "localhost：5 秒内无响应"),
    ],
)  # fmt: skip
def test_what_is_put_together_is_known(said: str, chinese: str) -> None:
    assert in_language(said, "zh") == chinese


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("number", [1, 3000])
def test_what_an_exit_says_is_in_chinese_whole(number: int, kept: bool) -> None:
    errors = "1 error was" if number == 1 else f"{number:,} errors were"
    end = "; the store keeps them for the next error, flush or exit of this app" if kept else ""
    said = in_language(f"{errors} not delivered at exit: not done within 5 s{end}", "zh")
    assert said.startswith(f"退出时有 {number:,} 个错误未能送达：5 秒内未完成")
    assert not re.search("[a-z]{4}", said.replace("flush", ""))


@pytest.mark.parametrize(
    "advice",
    sorted({m.advice for m in table().values()} | {advice for _, advice in _GETTOKEN.values()}),
)
def test_every_advice_is_known(advice: str) -> None:
    """Also with a value in its place."""
    said = in_language(advice.replace("{ip}", "10.0.0.7"), "zh")
    assert said != advice
    assert "{" not in said


@pytest.mark.parametrize(
    "meanwhile", ["everything stays pending", "the fallback tells it meanwhile"]
)
@pytest.mark.parametrize(
    ("error", "chinese"),
    [
        (refusal(60020, "not allow, hint: [1], from ip: 10.0.0.7"),
         "企业微信以 errcode 60020 拒绝：not allow, hint: [1]（请把 10.0.0.7 加入 应用管理 → 应用 →"
         " 该应用 的企业可信IP，约一分钟后生效。）"),
        (refusal(93000, "invalid webhook url"),
         "企业微信以 errcode 93000 拒绝：invalid webhook url（机器人已被移除或 key 有误："
         "请打开群设置 → 消息推送（群机器人），重新复制 Webhook 地址。）"),
        (TransportError("qyapi.weixin.qq.com: cannot connect: [Errno 111] Connection refused"),
         "qyapi.weixin.qq.com：无法连接：[Errno 111] Connection refused"),
        (TransportError("qyapi.weixin.qq.com: HTTP 404: is api_base right?"),
         "qyapi.weixin.qq.com：HTTP 404：api_base 是否正确？"),
    ],
)  # fmt: skip
def test_what_is_said_of_an_attempt_is_in_chinese_whole(
    error: DeliveryError, chinese: str, meanwhile: str
) -> None:
    """But for the words of WeCom and of the system."""
    said = in_language(f"{error} — {meanwhile}, trying again", "zh")
    assert said.startswith(f"{chinese} —— ")
    assert not re.search("[a-z]{3}", said.removeprefix(chinese))


def test_values_are_kept_and_translated_where_they_are_sentences() -> None:
    """What stands in a sentence may be one."""
    said = in_language("bank.example: no answer within 8 s", "zh")
    assert said == "bank.example：8 秒内无响应"
    assert in_language("'shop', seen by 2 members, 1 tag", "zh").startswith("'shop'，可见范围：")
    audience = in_language("'shop', seen by 3 members, 2 parties, 1 tag", "zh")
    assert audience == "'shop'，可见范围：3 名成员，2 个部门，1 个标签"
    assert in_language("1 member, 1 party, 4 tags", "zh") == "1 名成员，1 个部门，4 个标签"
    assert in_language("of somebody else", "zh") == "of somebody else"
    assert in_language("nobody", "en") == "nobody"


def test_each_sentence_is_in_the_catalogue_once() -> None:
    """And each line of the catalogue is read."""
    assert len(_CHINESE) == _CATALOGUE.count(" | ")


def test_placeholders_agree() -> None:
    """As many values in Chinese as in English."""
    placeholder = re.compile(r"\{\d?\}")
    for english, chinese in _CHINESE.items():
        assert len(placeholder.findall(english)) == len(placeholder.findall(chinese)), english


def test_stderr_follows_the_language(capsys: pytest.CaptureFixture[str]) -> None:
    """That of the handler that was made last."""
    handlers = [WeComHandler(sender=RecordingSender(), language=one) for one in ("zh", "en")]
    for each, language in zip(handlers, ("zh", "en"), strict=True):
        diagnostics.speak(language)
        diagnostics.warn_rarely(
            f"a test {language}", "delivered, but not to everybody (touser: LiSi)"
        )
        each.close()
    zh, en = capsys.readouterr().err.splitlines()
    assert zh == "wecom_logging: 已送达，但不是所有人（touser: LiSi）"
    assert en == "wecom_logging: delivered, but not to everybody (touser: LiSi)"
