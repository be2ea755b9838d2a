"""The messages of the page "On call": what each tells, in both languages, to be drawn as it
would be today."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from wecom_logging._model.digest import (
    ByFallback,
    Digest,
    Event,
    Holder,
    Identity,
    Outage,
    Report,
    SilenceEnd,
)
from wecom_logging._model.links import Link, MiniProgram
from wecom_logging._rendering import Language, Style, render
from wecom_logging._senders.protocol import ROBOT_CARD, Message
from wecom_logging._worker.mentions import Mentions

ZONE = timezone(timedelta(hours=8))
NOW = datetime(2026, 11, 26, 14, 3, 26, tzinfo=ZONE).timestamp()
MINUTE, HOUR = 60.0, 3600.0

#: What people are called, and what they say.
WORDS: dict[Language, dict[str, str]] = {
    "en": {"app": "payments", "by": "zhangsan", "why": "bank is down", "logs": "logs",
           "runbook": "runbook", "order": "order"},
    "zh": {"app": "支付", "by": "张三", "why": "银行侧故障", "logs": "日志", "runbook": "手册",
           "order": "订单"},
}  # fmt: skip


def style(language: Language) -> Style:
    words = WORDS[language]
    logs = Link(words["logs"], "https://logs.example.com/?q={request_id}&from={from}&to={to}")
    runbook = Link(words["runbook"], "https://wiki.example.com/alerts/{type}")
    return Style(
        words["app"], "prod", "2.3.1", language=language, timezone=ZONE, links=(logs, runbook)
    )


def report(**changes: Any) -> Report:
    """353 errors of one kind, unless it says otherwise."""
    identity = Identity(
        "7f3a" * 4, "pay.views", "error", "ConnectTimeout", "pay/gateway.py post",
        text="payment 8841 failed",
    )  # fmt: skip
    known = Report(
        identity, "new", 353, 0, 353, NOW - 15, NOW, (0, 0.0), 15.0, True, ("web-3",), (EVENT,),
        first=NOW - 15, short_id="40871",
    )  # fmt: skip
    return replace(known, **changes)


def frame(path: str, line: int, name: str) -> dict[str, object]:
    return {"filename": path, "lineno": line, "name": name}


EVENT: Event = {
    "event": "payment 8841 failed",
    "logger": "pay.views",
    "method": "POST",
    "path": "/pay",
    "request_id": "ab12",
    "exception": [
        {
            "exc_type": "ConnectTimeout",
            "exc_value": "bank:443 did not answer within 3 s",
            "frames": [frame("pay/views.py", 88, "charge"), frame("pay/gateway.py", 41, "post")],
        },
        {"exc_type": "ConnectionRefusedError", "exc_value": "[Errno 111] Connection refused"},
    ],
}
ANOTHER: Event = {
    "event": "Task orders.sync raised unexpected: erp refused",
    "logger": "orders.sync",
    "task": "orders.sync",
    "exception": [
        {
            "exc_type": "ErpError",
            "exc_value": "erp refused",
            "frames": [frame("orders/tasks.py", 31, "sync")],
        }
    ],
}


def another(**changes: Any) -> Report:
    identity = Identity(
        "e07b" * 4, "orders.sync", "error", "ErpError", "orders/tasks.py sync", text="erp refused"
    )
    known = {"identity": identity, "short_id": "52210", "samples": (ANOTHER,)}
    return report(**{**known, **changes})


def told(language: Language, *reports: Report, **changes: Any) -> list[Message]:
    style_changes = changes.pop("style", {})
    digest = Digest("5c1e" * 4, reports, NOW, **changes)
    return [render(digest, style(language)._replace(**style_changes)).message]


def alert(language: Language) -> list[Message]:
    return told(language, report())


def silence_ended(language: Language) -> list[Message]:
    words = WORDS[language]
    end = SilenceEnd(words["by"], NOW - HOUR, NOW, words["why"])
    return told(language, silenced(end, count=20, first=NOW - HOUR + 90))


def storm(language: Language) -> list[Message]:
    end = SilenceEnd(WORDS[language]["by"], NOW - 20 * MINUTE, NOW, ended="storm")
    return told(language, silenced(end, count=1210, first=NOW - 19 * MINUTE, news=True))


def silenced(end: SilenceEnd, **changes: Any) -> Report:
    known = {"state": "silenced", "silence": end, "since": NOW - 2 * HOUR, "total": 1532}
    return report(**{**known, "samples": (), "news": False, **changes})


def taken(language: Language) -> list[Message]:
    holder = Holder(WORDS[language]["by"], NOW - 50 * MINUTE)
    going_on = report(
        state="still", count=182, total=1532, since=NOW - 65 * MINUTE, first=NOW - HOUR,
        before=(70, 900.0), span=HOUR, news=False, taken=holder,
    )  # fmt: skip
    return told(language, going_on)


def releases(language: Language) -> list[Message]:
    back = another(
        state="again", count=12, releases=("2.3.1", "2.2.0"), back_from="2.2.0", earlier=19,
        earliest=NOW - 50 * HOUR, last_before=NOW - 26 * HOUR, since=NOW - 15, total=12,
    )  # fmt: skip
    fresh = {"started": NOW - 14 * MINUTE}
    return told(language, report(releases=("2.3.1",)), back, style=fresh)


def quiet(language: Language) -> list[Message]:
    morning = datetime(2026, 11, 26, 8, 0, tzinfo=ZONE).timestamp()
    first = morning - 9 * HOUR
    reports = (
        another(count=19, total=19, since=first, first=first, last=morning - 6 * HOUR),
        report(count=4, total=4, since=first + HOUR, first=first + HOUR, last=morning - 5 * HOUR),
    )
    digest = Digest("5c1e" * 4, reports, morning, quiet=(morning - 10 * HOUR, morning))
    return [render(digest, style(language)).message]


def fallback(language: Language) -> list[Message]:
    """What comes by another robot while the first one is gone."""
    outage = Outage(NOW - 11 * MINUTE, "errcode 93000: invalid webhook url")
    return told(language, report(count=3, total=3), outage=outage, style={"instead_of": "robot"})


def back(language: Language) -> list[Message]:
    """The first message of the robot that works again."""
    told_there = ByFallback(NOW - 6 * HOUR, NOW - 2 * MINUTE, 412, "mail_admins")
    return told(language, another(count=2, total=2), by_fallback=told_there)


def owner(language: Language) -> list[Message]:
    mentions = Mentions({"pay/": ("zhangsan",), "*": ("@all",)})
    digest = Digest("5c1e" * 4, (report(),), NOW)
    return [mentions.message(digest, style(language), ("zhangsan",))]


def card(language: Language) -> list[Message]:
    words = WORDS[language]
    order = Link(words["order"], MiniProgram("wx0123456789abcdef", "pages/order?q={request_id}"))
    links = (*style(language).links, order)
    return told(language, report(), style={"msgtype": "card", "card": ROBOT_CARD, "links": links})


#: In the order of the page.
MESSAGES: dict[str, Callable[[Language], list[Message]]] = {
    "alert": alert,
    "silence-ended": silence_ended,
    "storm": storm,
    "taken": taken,
    "releases": releases,
    "quiet": quiet,
    "owner": owner,
    "fallback": fallback,
    "back": back,
    "card": card,
}
