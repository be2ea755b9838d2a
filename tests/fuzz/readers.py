"""What reads texts of others, each with texts that it knows and the rules that it keeps to."""

from __future__ import annotations

import json
import logging
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.helpers import rendering_cases
from tests.helpers.bot_chat import Phone
from tests.helpers.simulator_client import Direct
from tests.helpers.store_kits import Client, SQLiteKit, fill
from tests.redaction import corpus
from wecom_logging import DeliveryError, Message, WebhookSender
from wecom_logging._bot import commands
from wecom_logging._capture import capture as capturing
from wecom_logging._capture.capture import capture, complete
from wecom_logging._capture.grouping import fingerprint, learn
from wecom_logging._config.option import variable
from wecom_logging._config.options import OPTIONS, read_options
from wecom_logging._rendering import Style, render, report_text
from wecom_logging._senders.protocol import MsgType
from wecom_logging._stores import codec, records
from wecom_logging._stores.documents import TABLE
from wecom_logging._worker import frozen
from wecom_logging.errors import ConfigurationError
from wecom_logging.redaction import redact_text
from wecom_logging.simulator.config import Switches
from wecom_logging.simulator.markup import Markdown, Tree, card_description, markdown_v2, text

KEY = "693a91f6-7aaa-4bc4-97a0-0ec2aaaa5aaa"
FAILURES = Path(__file__).parents[1] / "rendering" / "data" / "real_failures.json"


@dataclass(frozen=True)
class Reader:
    name: str
    read: Callable[[str], object]
    seeds: Sequence[str]
    #: What it says that it raises.
    raises: tuple[type[Exception], ...] = ()


# -- what a store holds --------------------------------------------------------------------

KINDS: tuple[type, ...] = (
    records.Group, records.DigestEntry, records.LeasedDigest, records.Following,
    records.ScopeState, records.Source, records.Trouble, records.Destination, records.Token,
)  # fmt: skip


def read_record(written: str) -> None:
    for kind in KINDS:
        try:
            again = codec.encode(codec.decode(kind, written))
        except (ValueError, TypeError):
            continue
        assert codec.encode(codec.decode(kind, again)) == again


def read_frozen(body: str) -> None:
    if (found := frozen.read_body(body)) is not None:
        assert frozen.read_body(frozen.body_of(*found)) == found


# -- what WeCom says -----------------------------------------------------------------------


def read_answer(answer: str) -> None:
    sender = WebhookSender(KEY)
    raw = answer.encode("utf-8", "surrogatepass")
    sender._http._exchange = lambda *_: (200, raw)  # type: ignore[method-assign]  # no network
    said = ""
    try:
        sender.send(Message("text", "disk full"))
    except DeliveryError as error:
        said = str(error)
    assert KEY not in said


def read_frame(frame: str) -> None:
    phone = Phone("zhangsan=张三").connect().pair()
    phone.store.add("40871")
    phone.hear(frame)
    assert len(phone.store.acts) <= 1


def read_command(words: str) -> None:
    commands.parse(words, words, name="报警")
    commands.taught_name(words)


# -- what is logged ------------------------------------------------------------------------


def told(record: logging.LogRecord) -> None:
    """From a record to its message and its report, as on caller's and worker's thread."""
    learn(record)
    hash(fingerprint(record))
    capturing.said(record)
    sample = complete(capture(record))
    json.dumps(sample)
    digest = rendering_cases.digest(rendering_cases.report("40871", samples=(sample,)))
    msgtypes: tuple[MsgType, ...] = ("markdown", "text", "markdown_v2")
    for msgtype in msgtypes:
        style = Style(app="shop", msgtype=msgtype, max_bytes=2048)
        content = render(digest, style).message.content
        assert len(content.encode("utf-8")) <= 2048
    report_text(digest, Style(app="shop"))


def record_of(msg: object, *args: object, exc_text: str | None = None) -> logging.LogRecord:
    made = logging.LogRecord("shop", logging.ERROR, __file__, 7, msg, args, None)
    made.exc_text = exc_text
    return made


def read_message(message: str) -> None:
    told(record_of(message))
    told(record_of("job failed: %s", message))


def read_traceback(written: str) -> None:
    told(record_of("job failed", exc_text=written))


def read_event(written: str) -> None:
    """A line of JSON, as a message and as the event dict of structlog."""
    told(record_of(written))
    try:
        fields = json.loads(written)
    except (ValueError, RecursionError):
        return
    if isinstance(fields, dict):
        told(record_of(fields))


def redact(line: str) -> None:
    once = redact_text(line)
    assert redact_text(once) == once, "masked twice it is something else"


# -- what people configure -----------------------------------------------------------------


def read_environment(written: str) -> None:
    """Lines of NAME=value."""
    pairs = (line.partition("=") for line in written.split("\n"))
    read_options({}, {name: value for name, _, value in pairs})


# -- what a client sends to the simulator --------------------------------------------------


def words_of(tree: Tree) -> str:
    return "".join(each if isinstance(each, str) else words_of(each["c"]) for each in tree)


def read_markup(content: str) -> None:
    words_of(text(content, mentions=True))
    words_of(Markdown(Switches(), mentions=True).render(content))
    words_of(markdown_v2(content))
    words_of(card_description(content))


def read_request(body: str) -> None:
    wecom = Direct()
    raw = body.encode("utf-8", "surrogatepass")
    app = wecom.call("message/send", raw, access_token=wecom.token)
    robot = wecom.call("webhook/send", raw, key=wecom.world.config.robot.key)
    assert isinstance(app["errcode"], int)
    assert isinstance(robot["errcode"], int)


# -- what they know ------------------------------------------------------------------------


def written() -> list[str]:
    """What a store writes: known, pending and out."""
    with tempfile.TemporaryDirectory() as directory:
        kit = SQLiteKit(Path(directory))
        fill(Client(kit))
        with sqlite3.connect(kit.path) as connection:
            rows = connection.execute(f"SELECT body FROM {TABLE}").fetchall()
        connection.close()
    return [body for (body,) in rows]


TRACEBACKS = [
    "Traceback (most recent call last):\n"
    '  File "/app/pay/views.py", line 88, in charge\n    return gateway.post(order)\n'
    '  File "/app/pay/gateway.py", line 41, in post\n    resp = session.post(url, json=body)\n'
    "           ~~~~~~~~~~~~^^^^^^^^^^^\n"
    "requests.exceptions.ConnectTimeout: HTTPSConnectionPool(host='bank', port=443)\n"
    "\nThe above exception was the direct cause of the following exception:\n\n"
    "Traceback (most recent call last):\n"
    '  File "/app/pay/tasks.py", line 7, in run\n    charge()\n'
    "  [Previous line repeated 990 more times]\nRecursionError: maximum recursion depth exceeded",
    "  + Exception Group Traceback (most recent call last):\n"
    '  |   File "a.py", line 3, in <module>\n'
    "  | ExceptionGroup: many (2 sub-exceptions)\n  +-+---------------- 1 ----------------\n"
    "    | ValueError: one\n    +---------------- 2 ----------------\n    | KeyError: 'two'\n"
    "    +------------------------------------",
    '  File "x.py", line 1\n    def f(:\n          ^\nSyntaxError: invalid syntax',
]

EVENTS = list(json.loads(FAILURES.read_text("utf-8")).values())
MESSAGES = [
    *[str(each.get("event", "")) for each in EVENTS],
    'payment 8841 failed: {"code": 40058, "errmsg": "invalid"}',
    "×3 **bold** `code` <font color='info'>x</font> [a](http://evil) <@all>",
]

FRAMES = [
    (_phone := Phone("zhangsan=张三")).message("静默 40871 2h 原因"),
    _phone.message("未恢复", chat=""),
    _phone.message("我来", quote={"msgtype": "text", "text": {"content": "#40871"}}),
    _phone.click("task-1", "take"),
    _phone.click("task-1", "silence", chosen="1h"),
    json.dumps({"headers": {"req_id": "r1"}, "errcode": 0, "errmsg": "ok", "body": {}}),
    _phone.frame(
        "aibot_event_callback", {"msgtype": "event", "event": {"eventtype": "enter_chat"}}
    ),
]

SETTINGS = [
    f"WECOM_WEBHOOK_KEY={KEY}\nWECOM_RATE_LIMIT=[[18, 60]]\nWECOM_TIMEOUT=3,8\nWECOM_LEVEL=ERROR",
    "WECOM_CORPID=ww1\nWECOM_CORPSECRET=x\nWECOM_AGENTID=1000002\nWECOM_TOUSER=a|b",
    f'WECOM_WEBHOOK_KEY={KEY}\nWECOM_REDACT={{"names": ["x"], "patterns": ["a+"]}}\n'
    "WECOM_LINKS=https://logs/?q={request_id}\nWECOM_TIMEZONE=Asia/Shanghai\n"
    'WECOM_STORE=redis://:pw@host:6379/0\nWECOM_PROXIES={"https": "http://p:3128"}',
    "\n".join(f"{variable(name)}=1" for name in OPTIONS if name != "link"),
]

BODIES = [
    json.dumps({"touser": "ZhangSan", "agentid": 1000002, "msgtype": "text",
                "text": {"content": "x"}}),
    json.dumps({"msgtype": "markdown",
                "markdown": {"content": "**x** <font color=\"info\">y</font>"}}),
    json.dumps({"msgtype": "markdown_v2", "markdown_v2": {"content": "|a|\n|-|\n|b|"}}),
    json.dumps({"touser": "@all", "agentid": 1000002, "msgtype": "template_card", "template_card": {
        "card_type": "text_notice", "main_title": {"title": "t"},
        "card_action": {"type": 1, "url": "http://x"},
        "horizontal_content_list": [{"keyname": "k", "value": "v"}]}}),
]  # fmt: skip

LAYOUT = "# head\n> **b** `c` [t](http://x)\n- *i*\n|a|\n|-|\n|b|\n```\nx\n```"

READERS: tuple[Reader, ...] = (
    Reader("records", read_record, written()),
    Reader("frozen bodies", read_frozen, [
        frozen.body_of(Message("text", "disk full", ("@all",)), ("40871",)),
        frozen.body_of(Message("file", "media-id")),
    ]),
    Reader("answers", read_answer, [
        '{"errcode": 0, "errmsg": "ok"}', '{"errcode": 93000, "errmsg": "invalid webhook url"}',
        '{"errcode": 0, "errmsg": "ok", "invaliduser": "a|b", "msgid": "x"}', "<html>502</html>",
    ]),
    Reader("bot frames", read_frame, FRAMES),
    Reader("bot commands", read_command, ["静默 40871 2h 原因", "silence 40871 until 9",
                                                   "@报警 我来", "免打扰 半小时"]),
    Reader("messages", read_message, MESSAGES),
    Reader("tracebacks", read_traceback, TRACEBACKS),
    Reader("events", read_event, [json.dumps(each) for each in EVENTS]),
    Reader("redaction", redact, [line for _, _, line, _ in corpus.secrets()]),
    Reader("environment", read_environment, SETTINGS, (ConfigurationError,)),
    Reader("markup", read_markup, [*MESSAGES, LAYOUT]),
    Reader("requests", read_request, BODIES),
)  # fmt: skip
