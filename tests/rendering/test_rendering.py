"""What a message says, rule by rule."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest

from tests.helpers.rendering_cases import (
    HOUR,
    MINUTE,
    NOW,
    TIMEOUT,
    digest,
    error,
    event,
    frame,
    library,
    report,
)
from wecom_logging._model.digest import VARYING, Digest, Outage, Report, State
from wecom_logging._model.links import Link, MiniProgram, fill, page, unknown_fields
from wecom_logging._model.text import columns
from wecom_logging._rendering import Style, blocks, layout, render, report_text
from wecom_logging._rendering.context import Block, DetailLevel, RenderContext
from wecom_logging._rendering.labels import LABELS
from wecom_logging._rendering.sample import Sample, first_words, read
from wecom_logging._rendering.sections import Section
from wecom_logging._rendering.times import TimeFormatter, per_unit
from wecom_logging._senders.protocol import MsgType

ZONE = timezone(timedelta(hours=8))
STYLE = Style("shop", "prod", timezone=ZONE)

NEW = report("1111", "KeyError", "a.py f", count=3)
CRITICAL = report("2222", "OSError", "b.py f", level="critical", count=1)
AGAIN = report("3333", "ValueError", "c.py f", state="again", count=50)
STILL = report("4444", "TypeError", "d.py f", state="still", count=9)
SURGE = replace(STILL, news=True)
OVER = report("5555", "EOFError", "e.py f", state="over", count=0, total=70, last=NOW - 600)
OTHERS = replace(NEW, identity=NEW.identity._replace(id="others", type="", place=""), count=40)


def lines(*reports: Report, style: Style = STYLE, **more: Any) -> list[str]:
    return render(digest(*reports, **more), style).message.content.split("\n")


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        ([NEW], "🔴 shop prod · 3 errors · KeyError"),
        ([CRITICAL], "🔴 CRITICAL shop prod · 1 error · OSError"),
        ([AGAIN, NEW], "🔴 shop prod · 53 errors · KeyError +1 kind"),
        ([AGAIN, STILL], "🔶 shop prod · 59 errors · ValueError +1 kind"),
        ([AGAIN, STILL, OVER], "🔶 shop prod · 59 errors · ValueError +1 kind"),
        ([SURGE], "🔴 shop prod · 9 errors · TypeError"),
        ([OVER], "✅ shop prod · 0 errors · OVER EOFError"),
        ([OVER, replace(OVER)], "✅ shop prod · 0 errors · OVER EOFError +1 kind"),
        ([OTHERS], "🔴 shop prod · 40 errors · others"),
        (
            [replace(CRITICAL, state="over", count=0, news=False)],
            "✅ shop prod · 0 errors · OVER OSError",
        ),
        ([], "✅ shop prod · 0 errors"),
    ],
)
def test_first_line(reports: list[Report], expected: str) -> None:
    """Marker, CRITICAL, app, count, first kind, how many more."""
    assert lines(*reports)[0] == expected


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("0 errors", "‹0 errors›"),
        ('"1,234 errors', '"‹1,234 errors›'),
        ("✅ shop · 0 errors · OVER all", "✓ shop · ‹0 errors› · ‹OVER› all"),
        ("ok · 已恢复 · 0 个错误", "ok · ‹已恢复› · ‹0 个错误›"),
        ("[NEW] order ·· 1,234 errors", "[‹NEW›] order ·· ‹1,234 errors›"),
        ("no NEW order, 7 errors", "no NEW order, 7 errors"),
    ],
)
def test_a_text_brings_no_part_of_a_first_line(said: str, shown: str) -> None:
    """No marker, state word or number of errors where one of ours would stand."""
    one = replace(NEW, identity=NEW.identity._replace(type=""), samples=(event(said),))
    assert lines(one)[0] == f"🔴 shop prod · 3 errors · {shown}"


def test_why_it_is_late_is_said_in_its_language() -> None:
    outage = Outage(NOW - 60, "qyapi.weixin.qq.com: cannot connect: timed out")
    assert "无法连接企业微信（qyapi.weixin.qq.com：无法连接：timed out）" in "\n".join(
        lines(NEW, style=STYLE._replace(language="zh"), outage=outage)
    )


def test_late_messages_are_white() -> None:
    """After an outage, or when a process before this one left the errors behind."""
    assert lines(NEW, outage=Outage(NOW - 60, "refused"))[0].startswith("⚪")
    old = replace(NEW, last=NOW - 300)
    assert lines(old, style=STYLE._replace(started=NOW - 10))[0].startswith("⚪")
    assert lines(old, style=STYLE._replace(started=NOW - 400))[0].startswith("🔴")


@pytest.mark.parametrize(
    ("app", "kind", "expected"),
    [
        ("shop", "K" * 80, f"🔴 shop prod · 1,234,567 errors · {'K' * 29}…"),
        ("a" * 70, "KeyError", f"🔴 {'a' * 25}… prod · 1,234,567 errors · KeyError"),
        ("支付" * 20, "KeyError", f"🔴 {'支付' * 6}… prod · 1,234,567 errors · KeyError"),
    ],
)
def test_first_line_is_cut(app: str, kind: str, expected: str) -> None:
    """The last part goes first, then the app, never the count."""
    many = report("1111", kind, "a.py f", count=1234567)
    line = lines(many, style=STYLE._replace(app=app))[0]
    assert columns(line) <= 64
    assert line == expected


def test_a_long_kind_keeps_the_number_of_kinds() -> None:
    """How many kinds there are says more than the end of a name."""
    long = report("1111", "K" * 80, "a.py f", count=12)
    line = lines(long, STILL)[0]
    assert line.endswith("K… +1 kind")
    assert columns(line) == 64


@pytest.mark.parametrize(
    ("message", "chain", "subject"),
    [
        ("import failed", [("KeyError", "'sku'")], "KeyError: import failed: 'sku'"),
        (
            "import of supplier ACME failed",
            [("KeyError", "'sku'")],
            "KeyError: import of supplier… 'sku'",
        ),
        (
            "feed of acme not loaded",
            [("KeyError", "'sku'")],
            "KeyError: feed of acme not loaded 'sku'",
        ),
        (
            "import of supplier ACME failed",
            [("ValueError", "row 17 has neither a price nor a weight")],
            "ValueError: import of supplier ACME…",
        ),
        ("paid", [("BankError", "bank:443"), ("OSError", "[Errno 28] disk full")],
         "BankError: paid: bank:443: disk full"),
        ("order not paid", [("BankError", "no answer from bank:443"), ("OSError", "disk full")],
         "BankError: order not paid: disk full"),
        ("not read", [("ConfigError", "bad settings"), ("KeyError", "'rate'")],
         "ConfigError: not read: KeyError: 'rate'"),
        ("", [("FileNotFoundError", "[Errno 2] No such file or directory: '/data/17.csv'")],
         "FileNotFoundError: '/data/17.csv'"),
        ("", [("OSError", "[Errno 28] No space left on device: '/data'")],
         "OSError: No space left on device…"),
        ("search failed", [("elastic_transport.ConnectionError", "Connection error")],
         "ConnectionError: search failed…"),
        ("lost", [("redis.ConnectionError", "refused")], "redis.ConnectionError: lost: refused"),
        ("not sent", [("KafkaTimeoutError", "KafkaTimeoutError: no broker")],
         "KafkaTimeoutError: not sent: no broker"),
        ("charge of order 8841 failed", [("requests.ConnectTimeout", "bank:443 is silent")],
         "ConnectTimeout: charge of order 8841…"),
        ("import failed:\n- row 17: no price\n- row 18: no name", [("ImportFailed", "")],
         "ImportFailed: import failed…"),
        ("order not saved", [("IntegrityError", "UNIQUE constraint failed: orders.number")],
         "IntegrityError: order not saved…"),
        ("job failed:", [("KeyError", "'sku'")], "KeyError: job failed: 'sku'"),
    ],
)  # fmt: skip
def test_what_the_notification_says(
    message: str, chain: list[tuple[str, str]], subject: str
) -> None:
    """Type, message, and the reason: that of the root, and whole rather than the message."""
    sample = event(message, *(error(*one, frame("a.py", 3, "f")) for one in chain))
    line = lines(report("1111", chain[0][0], "a.py f", samples=(sample,)))[0]
    assert line == f"🔴 shop prod · 1 error · {subject}"


def test_the_notification_is_about_the_event_that_is_shown() -> None:
    """Later messages of a group show a later event, and its first text is still remembered."""
    sample = event("order 9 not paid", error("BankError", "no answer", frame("a.py", 3, "f")))
    about = {"state": "still", "text": "order 1 not paid"}
    group = report("1111", "BankError", "a.py f", samples=(sample,), **about)
    line, *others = lines(group)
    assert line == "🔶 shop prod · 1 error · BankError: order 9 not paid: no answer"
    assert "order 9 not paid" in others


def test_what_a_failed_program_has_said_is_the_reason() -> None:
    failure = error("CalledProcessError", "Command 'dump' returned 3.", stderr="…\ndisk full")
    sample = event("no backup", failure)
    line = lines(report("1111", "CalledProcessError", "a.py f", samples=(sample,)))[0]
    assert line.endswith(" · CalledProcessError: no backup disk full")


def test_a_request_says_more_than_a_type_that_says_it_all() -> None:
    failure = error("Order.DoesNotExist", "Order matching query does not exist.")
    sample = event("Internal Server Error: /o/7", failure, method="GET", path="/o/7")
    line = lines(report("1111", "Order.DoesNotExist", "a.py f", samples=(sample,)))[0]
    assert line.endswith(" · Order.DoesNotExist: GET /o/7")
    found = lines(report("1111", "Order.DoesNotExist", "a.py f", samples=(sample,)))
    assert found[3] == "**NEW** Order.DoesNotExist **×1** #1111: GET /o/7"
    assert "GET /o/7" not in "\n".join(found[4:]), "a text once"


def test_a_request_that_the_heading_has_to_cut_is_a_fact_as_well() -> None:
    path = f"/orders/{'a-very-long-part/' * 4}end"
    failure = error("Order.DoesNotExist", "Order matching query does not exist.")
    sample = event(f"Internal Server Error: {path}", failure, method="GET", path=path)
    found = lines(report("1111", "Order.DoesNotExist", "a.py f", samples=(sample,)))
    assert path not in found[3]
    assert f"GET {path}" in "\n".join(found[4:])


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        (STYLE, "> web-1 · 14:03:25–14:03:26 +08"),
        (STYLE._replace(show_offset=False), "> web-1 · 14:03:25–14:03:26"),
        (STYLE._replace(release="2.3"), "> web-1 · release 2.3 · 14:03:25–14:03:26 +08"),
        (
            STYLE._replace(release="2.3", started=NOW - 40),
            "> web-1 · release 2.3 (up 40 s) · 14:03:25–14:03:26 +08",
        ),
        (
            STYLE._replace(release="2.3", started=NOW - HOUR),
            "> web-1 · release 2.3 · 14:03:25–14:03:26 +08",
        ),
        (STYLE._replace(started=NOW - 840), "> web-1 · 14:03:25–14:03:26 +08"),
        (STYLE._replace(timezone=timezone.utc), "> web-1 · 06:03:25–06:03:26 UTC"),
        (
            STYLE._replace(timezone=timezone(-timedelta(hours=3, minutes=30))),
            "> web-1 · 02:33:25–02:33:26 -03:30",
        ),
    ],
)
def test_second_line(style: Style, expected: str) -> None:
    """Host, release, uptime in the first hour, from and to."""
    assert lines(NEW, style=style)[1] == expected


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (NOW, NOW, "14:03:26 +08"),
        (NOW - 2 * 86400, NOW - 2 * 86400 + 60, "2 Mar 14:03:26–14:04:26 +08"),
        (NOW - 15 * HOUR, NOW, "3 Mar 23:03:26 – 14:03:26 +08"),
        (NOW - 400 * 86400, NOW - 400 * 86400, "28 Jan 2025 14:03:26 +08"),
        (float("nan"), float("inf"), "1 Jan 1970 08:00:00 – 8 Mar 9892 20:26:40 +08"),
    ],
)
def test_spans(start: float, end: float, expected: str) -> None:
    """The date only if it is not today."""
    assert TimeFormatter(NOW, ZONE, LABELS["en"]).span(start, end) == expected


def test_order() -> None:
    """CRITICAL, new, again and still by count, over."""
    content = "\n".join(lines(OVER, STILL, AGAIN, NEW, CRITICAL))
    types = ("OSError", "KeyError", "ValueError", "TypeError", "EOFError")
    places = [content.index(f" {name}", content.index("\n\n")) for name in types]
    assert places == sorted(places)


def test_the_application_comes_before_what_libraries_say_of_themselves() -> None:
    """Where both are as important; its place leads a block that has one of each."""
    noise = report("6666", "PoolError", "pool.py get", count=900, library=True)
    places = ("a.py f", "pool.py get")
    content = "\n".join(lines(noise, NEW))
    assert content.index(places[0]) < content.index(places[1])
    critical = "\n".join(lines(replace(noise, identity=CRITICAL.identity), NEW))
    assert critical.index("b.py f") < critical.index("a.py f")

    mine = replace(NEW, identity=NEW.identity._replace(type="PoolError", cause="c"))
    theirs = replace(noise, identity=noise.identity._replace(cause="c"))
    assert lines(theirs, mine)[3].endswith(f" #{mine.identity.id[:4]}")


def test_ten_texts_of_one_helper_are_one_row() -> None:
    """Their words are its names; texts that came far more often stand by themselves."""

    def said(n: int, **more: Any) -> Report:
        text = f"{'abcdefghij'[n]} {n * 'so '}broken"
        return report(f"a{n:03}", "", "log.py report", samples=(event(text),), **more)

    content = lines(*(said(n) for n in range(10)))
    assert content[0].endswith(" · 10 errors · a broken +9 kinds")
    assert content[3].startswith("**NEW** a broken **×10** and b so broken, c so so broken, ")
    assert len([line for line in content if line.startswith("**NEW**")]) == 1
    storm = lines(*(said(n, count=1 + 5000 * (n == 3)) for n in range(10)))
    assert storm[3].startswith("**NEW** d so so so broken **×5,001** #")
    few = lines(*(said(n) for n in range(4)))
    assert len([line for line in few if line.startswith("**NEW**")]) == 4


def test_a_message_with_room_cuts_nothing() -> None:
    """What has to be cut keeps its head and its tail, and the file has the whole of it."""
    words = " ".join(f"word{n}" for n in range(200))
    sample = event("import failed", error("ValueError", words, frame("a.py", 3, "f")))
    told = digest(report("1111", "ValueError", "a.py f", samples=(sample,)))
    whole = render(told, STYLE)
    assert words in whole.message.content
    assert not whole.left_out
    short = render(told, STYLE._replace(max_bytes=1024))
    assert re.search(r"> word0 word1 .*….*word199\n", short.message.content)
    assert 1024 - 64 < len(short.message.content.encode()) <= 1024
    assert short.left_out
    assert words in report_text(told, STYLE)


def test_no_group_is_drawn_twice_to_the_same_detail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither to see what fits nor for a message that a file follows."""
    told, drawn = digest(NEW, CRITICAL, AGAIN, STILL), []

    def draw(section: Section, context: RenderContext, detail: DetailLevel) -> Block:
        drawn.append((section, detail))
        return blocks.draw(section, context, detail)

    monkeypatch.setattr(layout, "draw", draw)
    first = render(told, STYLE)
    second = render(told, STYLE, file_follows=True, again=first.context)
    assert len({section for section, _ in drawn}) == 4
    assert len(set(drawn)) == len(drawn)
    assert second.message == render(told, STYLE, file_follows=True).message


def test_a_group_has_one_name_in_all_messages() -> None:
    """That of its first event, whichever events are left of it."""
    names = []
    for samples in ((event("article 17 is broken"),), (event("article 18 is broken"),), ()):
        told = report(
            "1111", "", "a.py f", template="article * is broken", text="article 17 is broken",
            samples=samples,
        )  # fmt: skip
        names += [lines(told)[0].split(" · ")[-1], lines(told)[3].split(" **×")[0]]
    assert set(names) == {"article 17 is broken", "**NEW** article 17 is broken"}


def test_the_same_text_is_no_name() -> None:
    """What the application tells apart by a fingerprint of its own is not drawn as one."""
    found = lines(*(report(f"a{n:03}", "", "a.py f", samples=(event("failed"),)) for n in range(6)))
    assert len([line for line in found if line.startswith("**NEW**")]) == 6


def test_a_new_text_of_what_is_not_told_apart_is_new() -> None:
    """The group has been told before, the text has not."""
    crowd = report(
        "44aa", "", "log.py report", template=VARYING, state="still", news=True, total=5,
        samples=(event("certificate expired"),),
    )  # fmt: skip
    assert lines(crowd)[3].startswith("**NEW** certificate expired **×1**")
    assert lines(replace(crowd, news=False))[3].startswith("**STILL**")


def test_over_lines_carry_no_count_of_ours() -> None:
    """Duration and total, without a multiplication sign."""
    line = lines(OVER)[3]
    assert line == "**OVER** EOFError #5555"
    assert "none for 10 min · 70 in all" in "\n".join(lines(OVER))


def test_others_are_counted_by_themselves() -> None:
    """What is beyond `max_groups` has no type and no place."""
    assert lines(NEW, OTHERS)[-1].startswith("others ×40")


def test_what_else_there_is_to_say() -> None:
    """Doubtful counts, an outage, a loss: each in a line of its own."""
    doubtful = replace(NEW, doubtful=2)
    found = lines(doubtful, outage=Outage(NOW - 600, "timed out"), lost=7)
    assert found[2:5] == [
        "> of these, 2 may have been told before",
        "> late: WeCom could not be reached since 13:53 (timed out)",
        "> 7 errors lost before anybody could be told",
    ]


@pytest.mark.parametrize(
    ("message", "value", "why", "shown"),
    [
        ("pay failed", "no route", "no route", ["pay failed"]),
        ("no route", "no route", "no route", []),
        ("pay failed: no route", "no route", "no route", ["pay failed: no route"]),
        ("", "no route", "no route", []),
        ("no route", "to bank: no route", "to bank: no route", []),
        ("pay failed", "", "", ["pay failed"]),
        ("OSError", "no route", "no route", []),
        (
            "pay failed",
            "no route\nvia a\nvia b",
            "no route · via a",
            ["pay failed", "> via a", "> via b"],
        ),
        ("not saved", "no table\n[SQL: x]", "no table", ["not saved", "> [SQL: x]"]),
        ("pay failed", 13 * "hops ", f"{12 * 'hops '}hops", ["pay failed"]),
        (
            "pay failed",
            f"OVER {11 * 'hops '}last",  # what makes it inert makes it longer
            f"‹OVER› {11 * 'hops '}".strip() + "…",
            ["pay failed", f"> ‹OVER› {11 * 'hops '}last"],
        ),
        (
            "pay failed",
            14 * "hops ",
            f"{11 * 'hops '}hops…",
            ["pay failed", f"> {13 * 'hops '}hops"],
        ),
    ],
)
def test_nothing_is_said_twice(message: str, value: str, why: str, shown: list[str]) -> None:
    """The logged message and the exception's own are often the same. What the heading says of
    the cause is not said below, unless it was cut there."""
    failed = report("1111", "OSError", samples=(event(message, error("OSError", value)),))
    found = lines(failed)
    assert found[3] == f"**NEW** OSError **×1** #1111{why and f': {why}'}"
    assert found[5:-1] == shown


@pytest.mark.parametrize(
    ("chain", "why", "shown"),
    [
        (
            [("ConnectTimeout", "bank:443 is silent"), ("OSError", "[Errno 111] refused")],
            "bank:443 is silent: [Errno 111] refused",
            ["> ← OSError"],
        ),
        (
            [("A", "Error 111 connecting to bank. Refused."), ("OSError", "[Errno 111] Refused")],
            "Error 111 connecting to bank. Refused.",
            ["> ← OSError: [Errno 111] Refused"],
        ),
        (
            [("A", "no answer from any hosts of the bank"), ("OSError", "[Errno 111] down")],
            "no answer from any hosts of the bank: [Errno 111] down",
            ["> ← OSError"],
        ),
        (
            [
                ("A", "no answer from any of the three hosts of the bank"),
                ("OSError", "[Errno 1] down"),
            ],
            "[Errno 1] down",
            ["> no answer from any of the three hosts of the bank", "> ← OSError"],
        ),
        (
            [("A", "bad settings"), ("KeyError", "'rate'")],
            "bad settings: KeyError: 'rate'",
            ["> ← KeyError"],
        ),
        ([("A", ""), ("B", "no route")], "no route", ["> ← B"]),
        ([("A", ""), ("B", "")], "B", ["> ← B"]),
    ],
)
def test_the_heading_says_why(chain: list[tuple[str, str]], why: str, shown: list[str]) -> None:
    """Right beside the type: what the exception says and what the root of it says; the root
    alone, where there is no room for both."""
    sample = event("", *(error(*one) for one in chain))
    found = lines(report("1111", chain[0][0], "a.py f", samples=(sample,)))
    assert found[3] == f"**NEW** {chain[0][0]} **×1** #1111: {why}"
    assert found[5:-1] == shown


@pytest.mark.parametrize("msgtype", ["markdown", "markdown_v2", "text"])
def test_nothing_logged_stands_where_our_facts_stand(msgtype: MsgType) -> None:
    """They stand after dots; all that stands after the colon was logged."""
    said = "taken by lisi 14:03, silenced 14:03–16:00"
    sample = event("", error("ValueError", said))
    failed = report("1111", "ValueError", "a.py f", samples=(sample,))
    content = "\n".join(lines(failed, style=STYLE._replace(msgtype=msgtype)))
    assert f" #1111: {said}\n" in content
    assert f"· {said}" not in content


@pytest.mark.parametrize(
    ("message", "command", "stderr", "shown"),
    [
        ("no backup", "dump: disk full, no space", "disk full\nno space\nleft",
         ["no backup", "> disk full", "> no space", "> left"]),
        ("backup: disk full", "dump", "disk full\nno space\nleft",
         ["backup: disk full", "> no space", "> left"]),
        ("no backup", "dump", "left", ["no backup"]),  # the heading has it
        ("backup of paydb", "dump", "pay\nlost", ["backup of paydb", "> pay", "> lost"]),
    ],
)  # fmt: skip
def test_a_few_words_of_another_text_are_no_line_that_was_said(
    message: str, command: str, stderr: str, shown: list[str]
) -> None:
    """What a program has written is left out where it stands as a line already, and not where
    the command happens to have the same words in it."""
    failure = error("CalledProcessError", f"Command {command!r} returned 3.", stderr=stderr)
    sample = event(message, failure)
    found = lines(report("1111", "CalledProcessError", "a.py f", samples=(sample,)))
    assert [line for line in found[5:-1] if not line.startswith("> Command")] == shown


def test_a_chain_that_was_cut_has_no_root_to_tell() -> None:
    """Its last link that was captured is anything but the cause."""
    cut = error("OSError", "no reply from the bank", goes_on=True)
    sample = event("", error("A", "not paid"), cut)
    found = lines(report("1111", "A", "a.py f", samples=(sample,)))
    assert found[0].endswith(" · A: not paid")
    assert found[3].startswith("**NEW** A **×1** #1111")
    assert "no reply" not in found[3]
    assert "> ← OSError: no reply from the bank" in found


def test_what_another_group_says_is_not_the_cause_of_this_one() -> None:
    """A cause in line 1 and in a heading belongs to the type that it stands beside."""
    full = event("", error("ValueError", ""), error("OSError", "disk full", is_cause=True))
    found = lines(
        report("1111", "KeyError", "a.py f", count=9),
        report("2222", "ValueError", "a.py f", count=2, samples=(full,)),
        report("3333", "IndexError", "a.py f", count=2),
    )
    assert found[0].endswith(" · 13 errors · KeyError +2 kinds")
    assert found[3] == "**NEW** KeyError **×13** and ValueError, IndexError #1111"
    assert [line for line in found if line.startswith(">")][1:] == [
        "> ValueError",
        "> ← OSError: disk full",
    ]

    locked = event("", error("OperationalError", "table B is locked"))
    found = lines(
        report("1111", "OperationalError", "a.py f", count=9, cause="c"),
        report("2222", "OperationalError", "b.py f", count=2, cause="c", samples=(locked,)),
    )
    assert found[0].endswith(" · 11 errors · OperationalError")
    assert found[3] == "**NEW** OperationalError **×11** in 2 places #1111"
    assert "> table B is locked" in found


def test_how_a_job_failed_is_no_news_when_it_works_again() -> None:
    failed = replace(OVER, samples=(event("", error("EOFError", "no line left")),))
    assert lines(failed)[3] == "**OVER** EOFError #5555: no line left"
    job = replace(failed, identity=failed.identity._replace(job=True))
    assert lines(job)[3] == "**OVER** EOFError #5555"


def test_own_frames_first() -> None:
    """Where it broke in the application, and three callers in the same line."""
    frames = [frame(f"a{n}.py", n, "f", f"step({n})") for n in range(1, 6)]
    failure = error("OSError", "no", *frames, library("lib/x.py", 9, "g"))
    rendered = render(digest(report("1111", "OSError", samples=(event("m", failure),))), STYLE)
    trace = [line for line in rendered.message.content.split("\n") if "`" in line]
    assert trace == ["`a5.py:5 f` ← `a4.py:4 f` ← `a3.py:3 f` ← `a2.py:2 f`", "`step(5)`"]
    assert rendered.left_out == ("1111" * 4,)


def test_the_place_of_the_identity_gets_the_line_of_the_sample() -> None:
    """Its spelling is kept: qualified name, path below the import root."""
    failure = error("OSError", "no", frame("/srv/app/pay/gateway.py", 41, "post"))
    known = report("1111", "OSError", "pay/gateway.py Gateway.post", samples=(event("m", failure),))
    assert "`pay/gateway.py:41 Gateway.post`" in lines(known)
    other = report("1111", "OSError", "pay/other.py Other.post", samples=(event("m", failure),))
    assert "`pay/other.py Other.post`" in lines(other)


def test_no_source_if_not_wanted() -> None:
    """`show_source=False` keeps code out of messages."""
    known = report("1111", "ConnectTimeout", "pay/gateway.py post", samples=(TIMEOUT,))
    assert "session.post" not in "\n".join(lines(known, style=STYLE._replace(show_source=False)))


def test_without_an_exception() -> None:
    """The message takes the place of the type, the logger is shown."""
    sample = event("stock is negative: -3")
    known = report("1111", "", "pay/views.py charge", logger="shop.stock", samples=(sample,))
    found = lines(known)
    assert found[0].endswith("· stock is negative: -3")
    assert found[3] == "**NEW** stock is negative: -3 **×1** #1111"
    assert found[4] == "`pay/views.py:92 charge`"
    assert "shop.stock" in found[5]


def test_one_cause_is_one_block() -> None:
    """Its count is the sum, its places carry none of ours."""
    reports = [
        report(f"{n}111", "OSError", f"v{n}.py get", cause="c", count=n) for n in range(1, 5)
    ]
    found = lines(*reports)
    assert found[0] == "🔴 shop prod · 10 errors · OSError"
    assert found[3:5] == [
        "**NEW** OSError **×10** in 4 places #4111",
        "4 `v4.py get` · 3 `v3.py get` · 2 `v2.py get`",
    ]


def test_a_block_in_one_place_lists_where_it_was_logged() -> None:
    """If all broke in the same place, callers tell them apart."""
    failure = error("OSError", "no", frame("db.py", 5, "connect"))
    reports = [
        report(
            f"{n}111",
            "OSError",
            "db.py connect",
            cause="c",
            count=n,
            samples=(event("m", failure, pathname=f"v{n}.py", lineno=n, func_name="get"),),
        )
        for n in (1, 2)
    ]
    found = lines(*reports)
    assert found[4] == "`db.py:5 connect` · 2 `v2.py:2 get` · 1 `v1.py:1 get`"


def test_groups_that_are_over_are_a_block_of_their_own() -> None:
    """What goes on and what is over are two things to say, whatever the cause."""
    both = [
        report("1111", "OSError", "a.py f", cause="c"),
        replace(report("2222", "OSError", "b.py f", cause="c"), state="over", count=0),
    ]
    found = "\n".join(lines(*both))
    assert "**NEW** OSError **×1**" in found
    assert "**OVER** OSError" in found


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        (3.0, 1.5, ("180", "90", 1)),
        (0.05, 0.01, ("3", "0.6", 1)),
        (0.001, 0.0005, ("3.6", "1.8", 2)),
        (50.0, 0.0001, ("3,000", "0.0", 1)),
    ],
)
def test_rates(now: float, before: float, expected: tuple[str, str, int]) -> None:
    """Per minute, or per hour if both are rare."""
    assert per_unit(now, before) == expected


def test_going_on() -> None:
    """Trend, and the total since when."""
    going = replace(STILL, total=1532, since=NOW - 5 * MINUTE, span=60.0, before=(2, 60.0))
    content = "\n".join(lines(going))
    assert "**STILL** TypeError **×9** #4444" in content
    assert "↑ 9/min, before 2/min · 1,532 since 13:58" in content


@pytest.mark.parametrize("shape", ["full", "short", "text", "bare"])
def test_shapes_hold_their_bytes(shape: Any) -> None:
    """Each step is plainer; the last one holds nothing that was logged."""
    known = report("7f3a", "ConnectTimeout", "pay/gateway.py post", samples=(TIMEOUT,))
    message = render(digest(known), STYLE, shape=shape).message
    assert len(message.content.encode()) <= (2048 if shape == "full" else 1024)
    assert message.msgtype == ("markdown" if shape in ("full", "short") else "text")
    assert ("gateway timeout" in message.content) == (shape != "bare")
    assert "pay/gateway.py" in message.content


def test_the_bare_shape_does_not_look_at_samples() -> None:
    """It is what is left when nothing else can be rendered."""

    class Trap(dict[str, Any]):
        def get(self, *args: object) -> Any:
            raise AssertionError

    known = report("7f3a", "OSError", "a.py f", samples=(Trap(),))
    assert "OSError ×1 #7f3a a.py f" in render(digest(known), STYLE, shape="bare").message.content


def test_file_follows() -> None:
    """The reader is told where the rest is."""
    content = render(digest(NEW), STYLE, file_follows=True).message.content
    assert content.endswith('<font color="comment">whole report in the file below · m-5c1e</font>')


@pytest.mark.parametrize(
    "raw",
    [
        None,
        "text",
        7,
        [],
        {},
        {"event": None, "exception": "Traceback", "lineno": "x"},
        {"exception": [None, 3, {"frames": [None, {"lineno": 1e9, "locals": []}]}]},
        {"exception": [{"exceptions": [[], None, [{}]], "exc_notes": 3, "syntax_error": "x"}]},
        {"event": {"a": float("inf")}, "breadcrumbs": {"a": 1}, 5: 6},
        {"n": 10**5000, "deep": None},
    ],
)
def test_odd_events(raw: Any) -> None:
    """What comes out of a store is as little trusted as a log line."""
    assert isinstance(read(raw), Sample)
    known = report("1111", "OSError", "a.py f", samples=(raw,))
    assert "**NEW** OSError **×1** #1111" in lines(known)


def test_what_nobody_asks_for_is_not_read() -> None:
    """The words of a group are asked of each new one, and the calls of few in a large digest."""

    class Unread(list[Any]):
        def __iter__(self) -> Any:
            raise AssertionError

    failure = {"exc_type": "OSError", "exc_value": "disk full", "frames": Unread()}
    raw = {"event": "", "exception": [failure], "breadcrumbs": Unread(), "stack_frames": Unread()}
    assert first_words(raw) == "disk full"
    with pytest.raises(AssertionError):
        assert read(raw).crumbs


def test_a_value_nested_without_end() -> None:
    """Deeper than JSON goes."""
    nested: list[Any] = []
    for _ in range(100000):
        nested = [nested]
    assert read({"deep": nested}).context == {"deep": "?"}


# -- links -----------------------------------------------------------------------------


def test_link_values_are_encoded() -> None:
    """No value can leave its place in the URL, nor the link its brackets."""
    url = fill('https://l/?q={request_id}&x={"a":1}', {"request_id": "a b)&c=(d 付"})
    assert url == "https://l/?q=a%20b%29%26c%3D%28d%20%E4%BB%98&x=%7B%22a%22:1%7D"


def test_unknown_fields_of_a_link() -> None:
    """For the check of the option."""
    assert unknown_fields("https://l/{id}/{from}/{to}/{logger}{type}{request_id}{trace_id}") == ()
    assert unknown_fields("https://l/{user}?{id}&{level}") == ("level", "user")


def test_a_link_with_all_fields() -> None:
    """Times are milliseconds, with a minute of margin at both ends."""
    sample = event("m", error("OSError", "no"), request_id="r1", trace_id="t1")
    known = report("1111", "OSError", "a.py f", samples=(sample,), first=NOW - 5)
    style = STYLE._replace(
        links=(Link("", "https://l/{id}/{logger}/{type}/{request_id}/{trace_id}/{from}-{to}"),)
    )
    url = f"https://l/{'1111' * 4}/pay.views/OSError/r1/t1/1772604141000-1772604266000"
    assert f"[logs]({url})" in "\n".join(lines(known, style=style))


def test_a_link_that_became_too_long_is_left_out() -> None:
    """Half a link leads nowhere."""
    assert fill("https://l/{type}", {"type": "x" * 100000}) == ""


def linked(*links: Link, **context: object) -> str:
    sample = event("m", error("OSError", "no"), **context)
    known = report("1111", "OSError", "a.py f", samples=(sample,))
    return lines(known, style=STYLE._replace(links=links))[-1]


def test_links_by_name_in_their_order() -> None:
    """The pages; a mini-program is for cards."""
    last = linked(
        Link("日志", "https://l/?q={request_id}"),
        Link("订单", MiniProgram("wx1", "pages/order?id={id}")),
        Link("手册", "https://wiki/{type}"),
        request_id="r1",
    )
    assert "[日志](https://l/?q=r1) [手册](https://wiki/OSError)" in last
    assert "wx1" not in last


def test_a_link_whose_field_has_no_value_is_left_out() -> None:
    last = linked(Link("logs", "https://l/?q={request_id}"), Link("wiki", "https://wiki/{type}"))
    assert "[wiki](https://wiki/OSError)" in last
    assert "[logs]" not in last


@pytest.mark.parametrize(
    ("context", "shown"),
    [
        ({"trace_id": "ab12"}, "https://t/ab12"),
        ({"otelTraceID": "ab12"}, "https://t/ab12"),
        ({"dd.trace_id": 7277407061855694839}, "https://t/7277407061855694839"),
        ({"trace_id": "0" * 32, "dd.trace_id": "12"}, "https://t/12"),
        ({"otelTraceID": "0", "dd.trace_id": ""}, ""),
    ],
)
def test_the_id_of_a_trace_by_any_name(context: dict[str, Any], shown: str) -> None:
    last = linked(Link("trace", "https://t/{trace_id}"), **context)
    assert ("[trace]" in last) == bool(shown)
    assert shown in last


def test_the_number_of_a_group_is_the_one_that_people_type() -> None:
    known = report("1111", "OSError", "a.py f", short_id="40871?")
    style = STYLE._replace(links=(Link("all", "https://l/?q={id}"),))
    assert "[all](https://l/?q=40871)" in "\n".join(lines(known, style=style))


def test_a_runbook_comes_with_the_error() -> None:
    """After the links of the options, and once; it is not said as context as well."""
    last = linked(Link("wiki", "https://wiki/a"), runbook="https://wiki/b(c)", user="li")
    assert "user=li · [wiki](https://wiki/a) [runbook](https://wiki/b%28c%29)" in last
    assert "runbook=" not in last
    assert linked(Link("wiki", "https://wiki/a"), runbook="https://wiki/a").count("](") == 1


@pytest.mark.parametrize(
    "said",
    [
        *("javascript:alert(1)", "ftp://wiki/a", "//wiki/a", "wiki", "https://", "https:// x"),
        *("https://wiki/a b", "https://x\\@evil/", f"https://wiki/{'x' * 600}", "data:text/html,x"),
        *("", 7),
    ],
)
def test_a_runbook_that_is_no_page_is_text(said: object) -> None:
    assert page(str(said)) == ""
    last = linked(runbook=said)
    assert "](" not in last


# -- the file --------------------------------------------------------------------------


def test_the_file_holds_what_did_not_fit() -> None:
    """All groups, all distinct messages, all frames."""
    samples = tuple(event(f"order {n} failed", *TIMEOUT["exception"]) for n in (1, 2, 2))
    many = [report("7f3a", "ConnectTimeout", "pay/gateway.py post", samples=samples)]
    many += [report(f"{n:04x}", f"Kind{n}Error", "a.py f") for n in range(200)]
    content = report_text(digest(*many), STYLE)
    assert content.count("      order 1 failed\n") == content.count("order 2 failed") == 1
    assert "requests/sessions.py:637 post" in content
    assert all(f"Kind{n}Error" in content for n in range(200))


def test_the_file_is_bounded() -> None:
    """What does not fit is in the list, and the end says so."""
    big = event("x" * 60000, error("OSError", "y" * 60000))
    many = tuple(report(f"{n:04x}", "OSError", f"a{n}.py f", samples=(big,)) for n in range(60))
    content = report_text(Digest("5c1e" * 4, many, NOW), STYLE)
    assert len(content.encode()) <= 256 * 1024
    assert content.endswith("more in the list above only\n")
    assert "a59.py f" in content


def test_a_file_that_its_list_fills_ends_without_empty_lines() -> None:
    many = tuple(
        report(f"{n:04x}", "OSError", f"a{n}.py f", samples=(event("x"),)) for n in range(9)
    )
    for size in range(600, 1200):
        content = report_text(Digest("5c1e" * 4, many, NOW), STYLE, max_bytes=size)
        assert len(content.encode()) <= size
        assert "\n\n\n" not in content
        assert content.endswith("more in the list above only\n")


def test_a_group_that_is_over_is_drawn_once_with_its_last_errors() -> None:
    last = replace(STILL, last=NOW - 660)
    content = "\n".join(lines(last, replace(last, state="over", count=0)))
    assert content.count("TypeError") == 2, "headline and block"
    assert "over: none for 11 min" in content
    assert "OVER" not in content


def test_what_is_over_takes_a_few_lines_only() -> None:
    over = [
        replace(OVER, identity=OVER.identity._replace(id=f"{n:016x}", cause="")) for n in range(300)
    ]
    content = "\n".join(lines(NEW, *over))
    assert content.count("**OVER**") == 6
    assert "294" in content


@pytest.mark.parametrize(
    ("state", "back_from", "said"),
    [("new", "", "2.3.1 新出现"), ("again", "2.2.0", "2.3.1 再次出现，上次见于 2.2.0")],
)
def test_releases_of_a_heading_in_chinese(state: State, back_from: str, said: str) -> None:
    one = replace(NEW, state=state, releases=("2.3.1",), back_from=back_from)
    assert said in lines(one, style=STYLE._replace(language="zh"))[3]
