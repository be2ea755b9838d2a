"""Digests as they happen, for the golden files: one function each, named after its file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wecom_logging._model.digest import Digest, Event, Identity, Outage, Report

#: 2026-03-04 14:03:26 in the zone of the tests, UTC+8.
NOW = 1772604206.0

MINUTE, HOUR = 60.0, 3600.0


def frame(path: str, line: int, name: str, source: str = "") -> Event:
    return {"filename": path, "lineno": line, "name": name, "line": source, "library": False}


def library(path: str, line: int, name: str) -> Event:
    return {**frame(path, line, name, "…"), "library": True}


def error(name: str, value: str, *frames: Event, **more: Any) -> Event:
    return {"exc_type": name, "exc_value": value, "frames": list(frames), **more}


def event(message: str, *chain: Event, **context: Any) -> Event:
    found = {
        "event": message,
        "level": "error",
        "logger": "pay.views",
        "timestamp": "2026-03-04T06:03:11+00:00",
        "pathname": "pay/views.py",
        "func_name": "charge",
        "lineno": 92,
        "process": 4711,
        "thread_name": "MainThread",
        **context,
    }
    return {**found, "exception": list(chain)} if chain else found


def report(id_: str, type_: str = "", place: str = "", **more: Any) -> Report:
    """A new group of one error a second ago, unless told otherwise."""
    keys = ("logger", "level", "template", "cause", "from_text", "text", "library")
    identity: dict[str, Any] = {"logger": "pay.views", "level": "error"}
    identity.update({key: more.pop(key) for key in keys if key in more})
    count = more.setdefault("count", 1)
    more.setdefault("since", NOW - 1)
    values = {
        "state": "new",
        "doubtful": 0,
        "total": count,
        "last": NOW,
        "before": (0, 0.0),
        "span": 1.0,
        "news": more.get("state", "new") == "new",
        "hosts": ("web-1",),
        **more,
    }
    return Report(Identity(id_ * 4, type=type_, place=place, **identity), **values)


def digest(*reports: Report, **more: Any) -> Digest:
    return Digest("5c1e9a0b7d3f2468", reports, NOW, **more)


TIMEOUT = event(
    "payment 8841 failed: gateway timeout",
    error(
        "ConnectTimeout",
        "HTTPSConnectionPool(host='bank', port=443): Read timed out",
        library("django/core/handlers/base.py", 197, "_get_response"),
        frame("pay/views.py", 88, "charge", "return gateway.post(order)"),
        frame("pay/gateway.py", 41, "post", "resp = session.post(url, json=body, timeout=3)"),
        library("requests/sessions.py", 637, "post"),
    ),
    error(
        "TimeoutError",
        "[Errno 110] Connection timed out",
        library("urllib3/connection.py", 198, "_new_conn"),
        is_cause=True,
    ),
    method="POST",
    path="/pay",
    request_id="ab12",
    user_id=77,
)


def one_error() -> Digest:
    return digest(report("7f3a", "ConnectTimeout", "pay/gateway.py post", samples=(TIMEOUT,)))


def several_kinds() -> Digest:
    sync = event(
        "Task orders.sync raised unexpected: erp refused",
        error("ConnectionError", "erp refused", frame("orders/tasks.py", 31, "sync")),
        task="orders.sync",
    )
    hosts = ("web-1", "web-2", "web-3")
    return digest(
        report(
            "7f3a",
            "ConnectTimeout",
            "pay/gateway.py post",
            count=300,
            since=NOW - 15,
            hosts=hosts,
            samples=(TIMEOUT,),
        ),
        report(
            "e07b",
            "ConnectionError",
            "orders/tasks.py sync",
            state="again",
            count=12,
            total=12,
            since=NOW - 12,
            hosts=("web-3",),
            samples=(sync,),
            earlier=7,
            earliest=NOW - 5.5 * 3600,
            last_before=NOW - 4.7 * 3600,
        ),
        *(
            report(
                f"{n}a1b",
                ("KeyError", "ValueError", "TemplateDoesNotExist")[n % 3],
                f"shop/{('cart', 'stock', 'views')[n % 3]}.py step_{n}",
                state="still",
                count=9 - n,
                total=400 - n,
                since=NOW - 2 * HOUR,
                before=(20, 900.0),
                span=300.0,
            )
            for n in range(7)
        ),
    )


def one_cause() -> Digest:
    """The database is down under sixty views."""
    refused = 'connection to server at "db", port 5432 failed: Connection refused'
    return digest(
        *(
            report(
                f"{n:04x}",
                "OperationalError",
                f"shop/views_{n}.py get",
                cause="d1",
                count=60 - n,
                since=NOW - 20,
                hosts=("web-1", "web-2"),
                samples=(
                    event(
                        f"Internal Server Error: /page/{n}",
                        error(
                            "OperationalError",
                            refused,
                            frame(f"shop/views_{n}.py", 20 + n, "get", "order = load(pk)"),
                            library("psycopg/connection.py", 119, "connect"),
                        ),
                    ),
                ),
            )
            for n in range(60)
        )
    )


def critical() -> Digest:
    full = event(
        "disk full on /var/lib/orders, 0 bytes left",
        level="critical",
        logger="shop.disk",
        pathname="shop/disk.py",
        func_name="watch",
        lineno=17,
        mount="/var/lib/orders",
    )
    return digest(
        report(
            "d15c",
            "",
            "shop/disk.py watch",
            level="critical",
            logger="shop.disk",
            template="disk full on %s, %d bytes left",
            samples=(full,),
        ),
        report("7f3a", "ConnectTimeout", "pay/gateway.py post", count=1200, samples=(TIMEOUT,)),
    )


def going_on() -> Digest:
    return digest(
        report(
            "7f3a",
            "ConnectTimeout",
            "pay/gateway.py post",
            state="still",
            count=182,
            total=1532,
            since=NOW - 5 * MINUTE,
            span=60.0,
            before=(360, 240.0),
            samples=(TIMEOUT,),
        ),
        report(
            "e07b",
            "KeyError",
            "orders/tasks.py sync",
            state="still",
            count=2,
            total=40,
            since=NOW - 30 * HOUR,
            span=3600.0,
            before=(8, 3600.0),
        ),
    )


def releases() -> Digest:
    """A rollout: something new in it, something back, something of the hosts that lag behind."""
    return digest(
        report("40871", "ConnectTimeout", "pay/gateway.py post", count=300, releases=("2.3.1",)),
        report(
            "52210",
            "ConnectionError",
            "orders/tasks.py sync",
            state="again",
            count=12,
            news=True,
            releases=("2.3.1", "2.2.0"),
            back_from="2.2.0",
        ),
        report(
            "11111",
            "KeyError",
            "shop/cart.py total",
            state="still",
            count=5,
            releases=("2.3.1", "2.2.0"),
        ),
        report("22222", "OSError", "shop/mail.py send", state="again", releases=("2.2.0",)),
        report("33333", "LookupError", "shop/a.py b", state="still", releases=("2.3.1",)),
    )


def over() -> Digest:
    return digest(
        report(
            "7f3a",
            "ConnectTimeout",
            "pay/gateway.py post",
            state="over",
            count=0,
            total=1532,
            since=NOW - 40 * MINUTE,
            last=NOW - 10 * MINUTE,
            hosts=(),
        ),
        report(
            "e07b",
            "",
            "orders/tasks.py sync",
            template="order * has no customer",
            state="over",
            count=0,
            total=3,
            since=NOW - 3 * HOUR,
            last=NOW - 11 * MINUTE,
            hosts=(),
        ),
    )


def after_an_outage() -> Digest:
    return digest(
        report(
            "7f3a",
            "ConnectTimeout",
            "pay/gateway.py post",
            count=1840,
            doubtful=300,
            since=NOW - 16 * HOUR,
            first=NOW - 16 * HOUR,
            samples=(TIMEOUT,),
        ),
        outage=Outage(NOW - 15.5 * HOUR, "connection refused"),
        lost=12,
    )


def crowded() -> Digest:
    """Three hundred kinds at once, and more than are told apart."""
    kinds = [
        report(
            f"{n:04x}",
            f"Import{n}Error",
            f"plugins/p{n}.py load",
            count=400 - n,
            samples=(TIMEOUT,) if not n else (),
        )
        for n in range(300)
    ]
    others = Report(
        Identity("others", "", "error"), "new", 4200, 0, 4200, NOW, NOW, (0, 0.0), 1.0, True, ()
    )
    return digest(*kinds, others)


def exception_group() -> Digest:
    parts = [[error("ValueError", f"row {n}: bad date")] for n in range(4)]
    parts += [[error("KeyError", "'sku'", frame("feed/rows.py", 12, "parse"))] for _ in range(3)]
    group = error(
        "ExceptionGroup",
        "import failed (7 sub-exceptions)",
        frame("feed/run.py", 55, "run", "async with TaskGroup() as group:"),
        is_group=True,
        exceptions=parts,
        exc_notes=["file: 2026-03-04.csv"],
    )
    return digest(
        report(
            "91c0", "ExceptionGroup", "feed/run.py run", samples=(event("import failed", group),)
        )
    )


def recursion() -> Digest:
    deep = [frame("shop/tree.py", 9, "Node.depth", "return 1 + self.parent.depth()")] * 40
    failure = error(
        "RecursionError",
        "maximum recursion depth exceeded",
        frame("shop/menu.py", 30, "render", "depth = node.depth()"),
        *deep[:9],
        {"filename": "", "lineno": -1, "name": "Skipped frames: 930", "library": False},
        *deep,
    )
    return digest(
        report(
            "0ecc",
            "RecursionError",
            "shop/tree.py Node.depth",
            samples=(event("menu failed", failure),),
        )
    )


def long_chain() -> Digest:
    """Five causes, the root of all at the end."""
    names = ("CheckoutError", "PaymentError", "GatewayError", "RetryError", "SSLError")
    chain = [
        error(
            name,
            f"{name} happened because of what is below",
            frame(f"shop/{name.lower()}.py", 10 + n, "call", "raise"),
            is_cause=n % 2 == 1,
        )
        for n, name in enumerate(names)
    ]
    return digest(
        report(
            "cafe",
            "CheckoutError",
            "shop/checkouterror.py call",
            samples=(event("checkout failed", *chain),),
        )
    )


def syntax_error() -> Digest:
    failure = error(
        "SyntaxError",
        "invalid syntax (plugin.py, line 3)",
        frame("shop/plugins.py", 14, "load", "exec(compile(source, path, 'exec'), space)"),
        syntax_error={
            "filename": "conf/plugin.py",
            "lineno": 3,
            "offset": 5,
            "line": "def f(:\n",
            "msg": "invalid syntax",
        },
    )
    return digest(
        report("5e11", "SyntaxError", "shop/plugins.py load", samples=(event("no", failure),))
    )


def hostile() -> Digest:
    nasty = "**NEW** Fake **×999** [reset password](http://evil) <@all> `x` <font color='info'>ok"
    failure = error(
        "ValueError",
        f"{nasty}\n\n> 🔴 shop prod · 9 errors",
        frame("shop/a_b.py", 5, "<module>", "x = a * b  # `×7`"),
    )
    return digest(
        report(
            "bad0",
            "ValueError",
            "shop/a_b.py <module>",
            samples=(event(nasty, failure, user=nasty, path="/a|b?<x>"),),
        )
    )


def chinese() -> Digest:
    failure = error(
        "库存不足",
        "商品 8841 库存不足：需要 3，剩余 0",
        frame("商城/库存.py", 27, "扣减", 'raise 库存不足(f"商品 {编号} 库存不足")'),
    )
    return digest(
        report(
            "5e4d",
            "库存不足",
            "商城/库存.py 扣减",
            count=18,
            samples=(event("下单失败：" + "库存服务返回错误，请稍后再试。" * 12, failure),),
        )
    )


def long_message() -> Digest:
    """Two megabytes in one message, and the breadcrumbs before it."""
    crumbs = [
        {"time": f"2026-03-04T06:03:0{n}+00:00", "level": "info", "event": f"step {n} done"}
        for n in range(8)
    ]
    big = event(
        "upload refused: " + "0123456789abcdef " * 120000,
        breadcrumbs=crumbs,
        left_out="basket, session",
        basket_id="b-77",
    )
    return digest(
        report("b16b", "", "pay/views.py charge", template="upload refused: *", samples=(big,))
    )


def varying_messages() -> Digest:
    """One call site with more messages than are told apart."""
    sample = event("row 17 of import 3 is bad: no price")
    return digest(
        report(
            "44aa",
            "",
            "pay/views.py charge",
            template="varying messages",
            count=5000,
            samples=(sample,),
        )
    )


# -- what has been told badly once ---------------------------------------------------------


def alone(name: str, sample: Event, place: str = "shop/pay.py charge", **more: Any) -> Digest:
    """One new group of one sample."""
    return digest(report("b0a7", name, place, samples=(sample,), **more))


def said_three_times() -> Digest:
    """A refused connection, whose reason each library wraps into words of its own."""
    reason = "Failed to establish a new connection: [Errno 111] Connection refused"
    inner = f"<urllib3.connection.HTTPConnection object at 0x7f3a5c1e9a0b>: {reason}"
    outer = (
        "HTTPConnectionPool(host='bank', port=80): Max retries exceeded with url: /v1/charge?n=8841"
        f" (Caused by NewConnectionError('{inner}'))"
    )
    chain = (
        error("requests.ConnectionError", outer, frame("shop/pay.py", 12, "charge")),
        error("MaxRetryError", outer, library("urllib3/util/retry.py", 515, "increment")),
        error("NewConnectionError", inner, library("urllib3/connection.py", 213, "_new_conn")),
        error("ConnectionRefusedError", "[Errno 111] Connection refused", is_cause=True),
    )
    return alone("requests.ConnectionError", event("charge failed for order 8841", *chain))


def compiled_library() -> Digest:
    """A date that pandas refuses; its compiled frames are a library's."""
    failure = error(
        "DateParseError",
        "month must be in 1..12: 2026-13-45",
        frame("shop/more.py", 154, "orders_from", 'return pd.Timestamp("2026-13-45")'),
        library("pandas/_libs/tslibs/timestamps.pyx", 1865, "Timestamp.__new__"),
    )
    sample = event("request failed in orders_from", failure)
    return alone("DateParseError", sample, "shop/more.py orders_from")


def verbose_formatter() -> Digest:
    """Date, level, logger and process before what happened."""
    line = "2026-03-04 14:03:11,123 ERROR [pay.views:92] 4711 order 8841 has no address"
    return alone("", event(line), "pay/views.py charge")


def every_part() -> Digest:
    """An exception group of four types."""
    parts = [
        [error("ValueError", "row 17 has no price")],
        [error("KeyError", "'sku'")],
        [error("ConnectionError", "erp refused")],
        [error("OSError", "[Errno 28] No space left on device")],
    ]
    group = error(
        "ExceptionGroup",
        "nightly (4 sub-exceptions)",
        frame("shop/nightly.py", 55, "run"),
        is_group=True,
        exceptions=parts,
    )
    return alone("ExceptionGroup", event("nightly failed", group), "shop/nightly.py run")


def many_lines() -> Digest:
    """A message that is a list."""
    rows = [
        "row 17: price missing",
        "row 18: quantity 'abc' is not a number",
        "row 99: unknown SKU",
    ]
    text = "\n".join(["import finished with errors:", *(f"- {row}" for row in rows)])
    return alone("", event(f"{text}\n\n3 of 1204 rows skipped"), "pay/views.py charge")


def helper_of_three_routes() -> Digest:
    """One helper, three views."""

    def failed(path: str, key: str) -> Event:
        frames = (frame("shop/views.py", 40, "view"), frame("shop/db.py", 11, "fetch"))
        message = f"Exception on {path} [GET]"
        return event(message, error("KeyError", key, *frames), method="GET", path=path)

    samples = (failed("/cart", "'card'"), failed("/orders", "'total'"), failed("/me", "'email'"))
    return digest(report("b0a7", "KeyError", "shop/db.py fetch", count=60, samples=samples))


def frameworks() -> Digest:
    """Three sentences that say nothing, and a task that only its sentence names."""
    task = (
        "Task tasks.pay[226f31ab-0a5e-4f6c-9d0b-5c1e9a0b7d3f] raised unexpected: TimeoutError('b')"
    )
    timeout = error("TimeoutError", "bank did not answer", frame("tasks/pay.py", 9, "pay"))
    broken = error("ZeroDivisionError", "division by zero", frame("shop/price.py", 7, "share"))
    return digest(
        report(
            "71fe", "TimeoutError", "tasks/pay.py pay", count=2, samples=(event(task, timeout),)
        ),
        report(
            "72fe",
            "ZeroDivisionError",
            "shop/price.py share",
            samples=(event("Internal Server Error: /price/17", broken, method="GET"),),
        ),
    )


def boilerplate() -> Digest:
    """Eleven faulty fields, with a link to read more for each."""
    names = ["id", "qty", "price", "total", "weight", "vat", "phone", "zip", "day", "month", "year"]
    fields = [
        f"{name}\n  Input should be a valid number [type=float_parsing, input_value='x',"
        " input_type=str]\n    For further information visit https://errors.example/v/float"
        for name in names
    ]
    text = "\n".join(["11 validation errors for Order", *fields])
    failure = error("pydantic.ValidationError", text, frame("shop/orders.py", 14, "accept"))
    sample = event("order refused", failure)
    return alone("pydantic.ValidationError", sample, "shop/orders.py accept")


def over_with_its_words() -> Digest:
    """What is over is named as it was when it was new."""
    over = {"state": "over", "count": 0, "last": NOW - 10 * MINUTE, "hosts": ()}
    return digest(
        report(
            "b0a7",
            "TimeoutError",
            "shop/pay.py charge",
            total=1532,
            since=NOW - 40 * MINUTE,
            text="order 8841 not paid",
            **over,
        )
    )


def services() -> Digest:
    """Three services down at one line: the texts of a group differ."""
    samples = tuple(event(f"{name} is down") for name in ("redis", "postgres", "kafka"))
    return digest(
        report("b0a7", "", "pay/views.py charge", template="%s is down", count=3, samples=samples)
    )


def names_only() -> Digest:
    """Thirty kinds that differ in nothing but the name of a class."""

    def failed(n: int) -> Event:
        value = f"column price is missing in the feed of supplier {n}"
        failure = error(f"Feed{n:03}Error", value, frame("shop/feeds.py", 123, "parse"))
        return event(f"feed of supplier {n} is skipped", failure)

    return digest(
        *(
            report(f"{n:04x}", f"Feed{n:03}Error", "shop/feeds.py parse", samples=(failed(n),))
            for n in range(30)
        )
    )


def helper_of_ten_texts() -> Digest:
    """A helper that logs for the whole program: ten texts at one line, one of them a storm."""
    texts = (
        "cache cold", "queue slow", "mail bounced", "price missing", "coupon invalid",
        "cart lost", "image broken", "feed empty", "rate stale", "disk full on db-main",
    )  # fmt: skip
    return digest(
        *(
            report(
                f"7a{n:02}",
                place="shop/log.py report",
                template=text,
                count=1000 if text == "feed empty" else 1 + n % 2,
                samples=(event(text, pathname="shop/log.py", lineno=12, func_name="report"),),
            )
            for n, text in enumerate(texts)
        )
    )


def chatter_of_a_library() -> Digest:
    """A driver says five times of itself what the application says once."""
    own = frame("shop/events.py", 31, "publish", "producer = Producer(brokers)")
    inner = library("kafka/net/manager.py", 168, "bootstrap")
    refused = error("KafkaConnectionError", "111 ECONNREFUSED", inner)
    timeout = error("KafkaTimeoutError", "Unable to bootstrap from kafka-1:9092", own, inner)
    at_home: Event = {"place": "kafka/net/manager.py bootstrap", "library": True}
    said = event("Bootstrap failed", {**timeout, "frames": [inner]}, logger="kafka.net.manager")
    return digest(
        report(
            "6a01", "KafkaConnectionError", logger="kafka.net.manager", count=5, **at_home,
            samples=(event("Connection failed", refused, logger="kafka.net.manager"),),
        ),
        report(
            "6a02", "KafkaTimeoutError", logger="kafka.net.manager", cause="c" * 16, count=2,
            samples=(said,), **at_home,
        ),
        report(
            "6a03", "KafkaTimeoutError", "shop/events.py publish", cause="c" * 16,
            samples=(event("events not sent", timeout),),
        ),
    )  # fmt: skip


def in_a_text() -> Digest:
    """An exception that only a text tells of, which may say anything."""
    told = error("KeyError", "'sku'", frame("shop/jobs.py", 12, "nightly"), from_text=True)
    return alone(
        "KeyError",
        event("job failed:", told),
        "shop/jobs.py nightly",
        template="job failed:",
        from_text=True,
    )


def together() -> Digest:
    """As many of each: what came first explains the others."""
    told = (
        ("ValueError", "page not rendered", 4),
        ("ConnectionError", "database gone", 1),
        ("LookupError", "no session", 3),
    )
    return digest(
        *(
            report(
                f"{n}4aa",
                name,
                f"shop/step{n}.py run",
                first=NOW - 1,
                samples=(
                    event(
                        "step failed",
                        error(name, value, frame(f"shop/step{n}.py", n, "run")),
                        timestamp=f"2026-03-04T06:03:1{n}+00:00",
                    ),
                ),
            )
            for name, value, n in told
        )
    )


def failed_program() -> Digest:
    """What the program itself has said is the reason."""
    failure = error(
        "CalledProcessError",
        "Command '['pg_dump', 'shop']' returned non-zero exit status 3.",
        frame("shop/backup.py", 21, "dump", 'subprocess.run(["pg_dump", "shop"], check=True)'),
        stderr="pg_dump: error: no space left on device",
    )
    return alone("CalledProcessError", event("backup failed", failure), "shop/backup.py dump")


def stack_and_warning() -> Digest:
    """A record with its stack, a captured warning, and a dict."""
    calls = [
        frame("shop/jobs.py", 30, "nightly"),
        library("contextlib.py", 81, "inner"),
        frame("shop/locks.py", 8, "release"),
    ]
    stack = event(
        "lock not released",
        pathname="shop/locks.py",
        lineno=8,
        func_name="release",
        stack_frames=calls,
    )
    warning = event(
        "price() is deprecated",
        level="warning",
        logger="py.warnings",
        pathname="shop/old.py",
        lineno=10,
        func_name="total",
        warning="DeprecationWarning",
    )
    refused = event(
        "{'what': 'payment refused', 'order': 8841}", what="payment refused", order=8841
    )
    return digest(
        report("a111", "", "shop/locks.py release", samples=(stack,), count=3),
        report("a222", "", "shop/old.py total", samples=(warning,), level="warning", count=2),
        report("a333", "", "pay/views.py charge", samples=(refused,)),
    )


def a_line_of_ours() -> Digest:
    """A text that would be a block of its own, with another marker, state and count."""
    forged = "ok\nNEW Fake ×999 #12345\n🔴 shop prod · 9 errors\n已平息 订单 9次"
    return alone("", event(f"OVER {forged}"), "pay/views.py charge")


CASES: tuple[Callable[[], Digest], ...] = (
    one_error,
    several_kinds,
    one_cause,
    critical,
    going_on,
    releases,
    over,
    after_an_outage,
    crowded,
    exception_group,
    recursion,
    long_chain,
    syntax_error,
    hostile,
    chinese,
    long_message,
    varying_messages,
    said_three_times,
    compiled_library,
    verbose_formatter,
    every_part,
    many_lines,
    helper_of_three_routes,
    frameworks,
    boilerplate,
    over_with_its_words,
    services,
    names_only,
    helper_of_ten_texts,
    chatter_of_a_library,
    in_a_text,
    together,
    failed_program,
    stack_and_warning,
    a_line_of_ours,
)
