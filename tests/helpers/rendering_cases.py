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
    keys = ("logger", "level", "template", "cause")
    identity = {"logger": "pay.views", "level": "error"}
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


CASES: tuple[Callable[[], Digest], ...] = (
    one_error,
    several_kinds,
    one_cause,
    critical,
    going_on,
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
)
