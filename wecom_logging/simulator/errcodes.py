"""WeCom's error codes, and the shape in which a refusal is written."""

from __future__ import annotations

import itertools
from typing import Any

#: The text of each code that the simulator uses, and of those worth simulating.
TEXTS: dict[int, str] = {
    -1: "system busy",
    6000: "data version conflict",
    40001: "invalid credential",
    40003: "invalid userid",
    40004: "invalid media type",
    40005: "invalid type param",
    40006: "invalid media size",
    40007: "invalid media_id",
    40008: "invalid message type",
    40013: "invalid corpid",
    40014: "invalid access_token",
    40031: "invalid userid list",
    40032: "userid list too long",
    40033: "content contains illegal characters",
    40056: "invalid agentid",
    40058: "invalid Request Parameter",
    40063: "some parameters are empty",
    40066: "invalid party list",
    40068: "invalid tag list",
    40074: "news msg can not be safe",
    40091: "secret is invalid",
    40094: "invalid url",
    40123: "invalid image data",
    40145: "media_id expired",
    40201: "message is judged as spam",
    40206: "request body too large",
    41001: "access_token missing",
    41002: "corpid missing",
    41004: "corpsecret missing",
    41006: "media_id missing",
    41011: "missing agentid",
    41016: "missing title",
    41033: "missing description",
    42001: "access_token expired",
    42014: "invalid task_id",
    42027: "missing keyname",
    42028: "missing card_action url",
    42031: "invalid card_type",
    42035: "horizontal_content_list size out of limit",
    42042: "jump_list size out of limit",
    42045: "invalid card_action",
    42052: "msgid expired",
    43012: "missing callback url",
    44001: "empty media data",
    44004: "empty content",
    45001: "media size out of limit",
    45002: "content size out of limit",
    45008: "article count out of limit",
    45009: "api freq out of limit",
    45032: "author size out of limit",
    45033: "api concurrent out of limit",
    45034: "url must start with http or https",
    45035: "request conflict",
    48002: "api forbidden",
    50003: "app disabled",
    60020: "not allow to access from your ip",
    60111: "userid not found",
    81013: "user & party & tag all invalid",
    82001: "touser & toparty & totag all empty",
    82002: "toparty list too long",
    82003: "totag list too long",
    82004: "content may crash the client",
    93000: "invalid webhook url",
    93001: "chat refuses pushes",
    93004: "webhook push is disabled",
    93006: "invalid chatid",
    93008: "robot is not in the group",
    93018: "image size out of limit",
    93019: "invalid robot id",
    301002: "not allow operate another agent with this accesstoken",
    301019: "invalid md5",
    701099: "no valid licence",
    846605: "invalid req_id",
    846608: "stream message expired",
    846609: "not subscribed",
    853000: "invalid bot secret",
}

_counter = itertools.count(1)


class Refusal(Exception):
    """WeCom says no. `extra` are further fields of its answer."""

    def __init__(self, errcode: int, text: str | None = None, **extra: Any) -> None:
        super().__init__(errcode)
        self.errcode = errcode
        self.text: str = TEXTS.get(errcode, "unknown error") if text is None else text
        self.extra = extra

    def body(self, now: float, ip: str, *, warning: bool = False) -> dict[str, Any]:
        """The answer; `warning` if the request was not quite JSON."""
        prefix = "Warning: wrong json format. " if warning else ""
        errmsg = f"{prefix}{self.text}{self._suffix(now, ip)}"
        return {"errcode": self.errcode, "errmsg": errmsg, **self.extra}

    def _suffix(self, now: float, ip: str) -> str:
        if self.errcode == 40014:  # the only one that comes bare
            return ""
        # Ten digits of time and fifteen more, as the real hint today.
        hint = f"{int(now)}{next(_counter) * 7919 % 10**15:015d}"
        more = f"https://open.work.weixin.qq.com/devtool/query?e={self.errcode}"
        return f", hint: [{hint}], from ip: {ip}, more info at {more}"


def parameter(text: str) -> Refusal:
    """40058 with the text that WeCom puts before it: which parameter, and what is wrong."""
    return Refusal(40058, f"{text}. {TEXTS[40058]}")


def too_long(field: str, limit: int) -> Refusal:
    """40058 for a field of more than `limit` bytes."""
    return parameter(f"{field} exceed max length {limit}")
