"""What WeCom itself says: token, application, recipients, trusted address, robot."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from wecom_logging._cli.checks.step import Step, failed, ok, skipped, warning
from wecom_logging._config.options import Options
from wecom_logging._senders.application import AppSender
from wecom_logging._senders.protocol import Receipt
from wecom_logging._senders.robot import WebhookSender
from wecom_logging.errors import ApiError, DeliveryError

_UNTRUSTED_IP = 60020
_VISIBLE = "应用管理 → 应用 → the app → 可见范围"

_NOT_IN_WECHAT = "If somebody reads inside WeChat (微信插件), set WECOM_MSGTYPE=text."


def application_steps(sender: AppSender) -> Iterator[Step]:
    """Ask WeCom about the application, without sending anything."""
    asked = "access token"
    try:
        sender.token()
        yield ok(asked, "WeCom has issued one")
        asked = "application"
        agent = sender.agent()
    except DeliveryError as error:
        untrusted = isinstance(error, ApiError) and error.errcode == _UNTRUSTED_IP
        yield _failure("trusted IP" if untrusted else asked, error)
        return
    yield _application(agent)
    yield ok("trusted IP", "WeCom takes calls from this machine's address")
    yield _recipients(sender, agent)


def _failure(name: str, error: DeliveryError) -> Step:
    return failed(name, error.text, error.advice if isinstance(error, ApiError) else "")


def _application(agent: dict[str, Any]) -> Step:
    name = agent.get("name", "")
    if agent.get("close") == 1:
        fix = "Enable it: 应用管理 → 应用 → the app → 已启用."
        return failed("application", f"{name!r} is stopped", fix)
    return ok("application", f"{name!r}, seen by {_audience(agent)}")


def _audience(agent: dict[str, Any]) -> str:
    people = (
        (len(_users(agent)), "member", "members"),
        (len(_ids(agent, "allow_partys", "partyid")), "party", "parties"),
        (len(_ids(agent, "allow_tags", "tagid")), "tag", "tags"),
    )
    named = [f"{number} {one if number == 1 else many}" for number, one, many in people if number]
    return ", ".join(named) or "nobody"


def _users(agent: dict[str, Any]) -> set[str]:
    entries = (agent.get("allow_userinfos") or {}).get("user") or []
    return {str(each.get("userid", "")).lower() for each in entries}


def _ids(agent: dict[str, Any], field: str, key: str) -> set[str]:
    return {str(each) for each in (agent.get(field) or {}).get(key) or []}


def _recipients(sender: AppSender, agent: dict[str, Any]) -> Step:
    """Whether all of them are in the visible range, as far as that can be told without a
    message."""
    named = {field: ids.split("|") for field, ids in sender._to.items() if ids}
    if named.get("touser") == ["@all"]:
        return ok("recipients", f"everybody who sees it: {_audience(agent)}")
    visible = {
        "touser": _users(agent),
        "toparty": _ids(agent, "allow_partys", "partyid"),
        "totag": _ids(agent, "allow_tags", "tagid"),
    }
    unknown = {
        field: missing
        for field, ids in named.items()
        if (missing := [each for each in ids if each and each.lower() not in visible[field]])
    }
    if not unknown:
        return ok("recipients", "; ".join(f"{k} {v}" for k, v in sender._to.items()))
    people = ", ".join(name for ids in unknown.values() for name in ids)
    if set(unknown) != {"touser"} or visible["toparty"] or visible["totag"]:
        return skipped("recipients", f"{people} may see it by a party or tag: a message will tell")
    fix = f"Correct touser (账号 of a member under 通讯录), or add them to {_VISIBLE}."
    return failed("recipients", f"{people} cannot see the application", fix)


def message_steps(sender: AppSender | WebhookSender, found: Options) -> Iterator[Step]:
    name = "test message" if isinstance(sender, AppSender) else "robot"
    words = f"wecom-logging check from {found.host}, {time.strftime('%H:%M:%S')}: messages arrive."
    try:
        receipt = (sender.text if found.msgtype == "text" else sender.markdown)(words)
    except DeliveryError as error:
        yield _failure(name, error)
        return
    if missed := _missed(receipt):
        yield failed(name, f"accepted, but not for {missed}", f"Correct the names, or {_VISIBLE}.")
    else:
        yield ok(name, "accepted: look at your phone")
    if found.msgtype != "text" and isinstance(sender, AppSender):
        yield warning(
            "markdown", "alerts are markdown, and WeChat does not show it", _NOT_IN_WECHAT
        )


def no_message_step(sender: AppSender | WebhookSender) -> Step:
    if isinstance(sender, AppSender):
        return skipped("test message", "--no-send")
    return skipped("robot", "only a message shows whether its key is right, and --no-send is set")


def _missed(receipt: Receipt) -> str:
    missed = receipt.missed.items()
    return "; ".join(f"{', '.join(sorted(names))} ({field})" for field, names in missed)
