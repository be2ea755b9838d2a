"""Connection and token are ready when the time has come to send."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.stub_server import Request, serving
from tests.helpers.support import Watched, eventually
from wecom_logging._senders import connection
from wecom_logging._senders.application import AppSender

Watch = Callable[..., Watched]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    # On a slow machine two calls may be further apart than a connection may idle.
    monkeypatch.setattr(connection, "MAX_IDLE", 60.0)


def app(url: str) -> AppSender:
    return AppSender("ww1", f"secret-{url[-5:]}", 1000002, touser="zhangsan", api_base=url)


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_the_token_is_there_when_the_first_message_is_due(
    store: str, tmp_path: Path, watch: Watch
) -> None:
    with serving() as stub:
        place = "memory" if store == "memory" else f"sqlite:///{tmp_path}/state.db"
        w = watch(sender=app(stub.url), store=place, group_wait=3.0)
        w.log.error("payment failed")
        eventually(lambda: stub.calls("gettoken"))
        assert not stub.calls("message/send")
        assert w.stats.pending == 1
        w.log.critical("disk full")  # it does not wait, and asks for no second one
        eventually(lambda: w.stats.reported == 2)
        assert [each.call for each in stub.requests] == ["gettoken", "message/send"]
        assert len({each.peer for each in stub.requests}) == 1


def test_a_handler_that_has_nothing_to_send_makes_nothing_ready(watch: Watch) -> None:
    with serving() as stub:
        w = watch(sender=app(stub.url), group_wait=0.3)
        w.log.warning("no error")
        assert w.handler.flush(1.0)
        assert stub.requests == []


def test_a_token_that_was_refused_in_advance_is_not_asked_for_again_at_once(
    watch: Watch,
) -> None:
    def refuses(request: Request, sock: Any) -> dict[str, Any]:
        return {"errcode": 40013, "errmsg": "invalid corpid"}

    with serving(refuses) as stub:
        w = watch(sender=app(stub.url), group_wait=0.4)
        w.log.error("payment failed")
        eventually(lambda: w.stats.failures == 1)
        assert len(stub.calls("gettoken")) == 1
        assert w.stats.pending == 1
        assert "40013" in (w.stats.last_error or "")
