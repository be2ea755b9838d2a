"""What each `errcode` means for us, and what the user can do about it.

Codes and their meaning are those of WeCom API document 90313 (全局错误码), the limits
behind them of the documents named at each sender. Menu names are the administrator's
console's own, for whoever has to click there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from wecom_logging._model.text import one_line
from wecom_logging._runtime import lazy
from wecom_logging._runtime.values import NamedTuple
from wecom_logging.errors import (
    ApiError,
    BusyError,
    ContentError,
    RateLimitedError,
    SetupError,
    TokenError,
)

#: Which kind of call was refused: some codes mean something else at `gettoken`.
Call = Literal["gettoken", "send", "upload", "query"]


class Meaning(NamedTuple):
    #: How to go on.
    error: type[ApiError]
    #: One sentence for the user.
    advice: str


#: The codes at `gettoken` that another secret may cure.
BAD_SECRET = frozenset({40001, 40091, 45031})

_APP = "应用管理 → 应用 → the app"

_GROUPS: tuple[tuple[type[ApiError], str, Iterable[int]], ...] = (
    # --- the token, and times when nothing has to be mended --------------------------
    (TokenError, "Nothing to do: a new access token is fetched.", (40014, 42001)),
    (
        TokenError,
        f"If it stays so, compare corpsecret with Secret under {_APP}, and enable the app there.",
        (40001,),
    ),
    (BusyError, "Nothing to do: WeCom is busy, try again a little later.", (-1, 6000)),
    (BusyError, "Send from fewer threads or processes at a time.", (45033, 45035, 45036)),
    (
        RateLimitedError,
        "Wait for a minute and send less: a robot takes 20 messages a minute,"
        " an application 30 a minute and member.",
        (45009,),
    ),
    # --- the message ------------------------------------------------------------------
    (ContentError, "Send a shorter message.", (40058, 45002, 40206, 45008)),
    (ContentError, "Send a message that is not empty.", (44004, 40063, 93017)),
    (
        ContentError,
        "Send it as plain text, without control characters.",
        (40033, 82004, 40008),
    ),
    (ContentError, "WeCom's spam filter refused the text: word it differently.", (40201, 40204)),
    (
        ContentError,
        "Upload the file again: more than 5 bytes, 20 MB at most; it lives for 3 days.",
        (40004, 40005, 40006, 40007, 40123, 40145, 41006, 44001, 45001, 45007, 93018, 301019),
    ),
    (
        ContentError,
        "A field of this kind of message is missing or wrong.",
        (40074, 40094, 41016, 41033, 45032, 45034, *range(42014, 42021), *range(42027, 42052)),
    ),
    (ContentError, "The message is too old to be changed.", (42052, 60140)),
    # --- credentials --------------------------------------------------------------------
    (SetupError, "Copy corpid from 我的企业 → 企业信息 → 企业ID.", (40013, 41002)),
    (
        SetupError,
        f"Copy corpsecret from Secret under {_APP}; it may be another app's.",
        (40091, 41004),
    ),
    (
        SetupError,
        f"Reset the Secret under {_APP}: WeCom finds this one unsafe.",
        (45031,),
    ),
    (SetupError, f"Copy agentid from AgentId under {_APP}.", (40056, 41011)),
    (
        SetupError,
        f"corpsecret and agentid are of two apps: copy both from the same page under {_APP}.",
        (301002,),
    ),
    (
        SetupError,
        "The access token got lost on the way: a proxy or gateway drops the query of the URL.",
        (41001,),
    ),
    # --- recipients -----------------------------------------------------------------------
    (
        SetupError,
        f"No recipient can be reached: correct touser, toparty and totag,"
        f" or add them to 可见范围 under {_APP}.",
        (81013,),
    ),
    (
        SetupError,
        f"Add the recipients to 可见范围 under {_APP}.",
        (60011, 60021),
    ),
    (
        SetupError,
        "Correct touser: the user id is 账号 of a member under 通讯录.",
        (40003, 40031, 60111),
    ),
    (SetupError, "Correct toparty or totag: the numbers are in 通讯录.", (40066, 40068)),
    (
        SetupError,
        "Name fewer recipients: 1000 users, 100 parties, 100 tags at most; or use a tag.",
        (40032, 82002, 82003),
    ),
    (SetupError, "Name a recipient: touser, toparty or totag.", (81012, 82001)),
    (SetupError, "The member has to follow 微信插件 first (我的企业 → 微信插件).", (43004,)),
    (
        SetupError,
        "The group chat is unknown to this app: it has to be made by the same app.",
        (40050, 86001, 86003, 86006, 86008, 86216),
    ),
    # --- the app, the company, the network ------------------------------------------------
    (
        SetupError,
        f"Add {{ip}} to 企业可信IP under {_APP}; it takes effect after about a minute.",
        (60020,),
    ),
    (SetupError, f"Enable the app: 已启用 under {_APP}.", (50003, 60031)),
    (
        SetupError,
        f"The app may not do this: take corpsecret and agentid of one 自建 app under {_APP}.",
        (48001, 48002, 48004),
    ),
    (SetupError, "WeCom has retired this call: update wecom-logging.", (48005,)),
    (SetupError, f"Permission lapsed after long disuse: renew it under {_APP}.", (48006,)),
    (SetupError, "Use a newer Python or OpenSSL: WeCom refuses this version of TLS.", (48010,)),
    (SetupError, f"Set a callback under {_APP} → 接收消息.", (43012,)),
    (SetupError, "WeCom has closed the company's account: ask its support.", (301007,)),
    (
        SetupError,
        "The recipients or the company lack a licence: see 我的企业 → 接口许可.",
        range(701000, 702000),
    ),
    # --- the robot -------------------------------------------------------------------------
    (
        SetupError,
        "The robot is gone or its key is wrong: open the group's settings → 消息推送 (群机器人)"
        " and copy its Webhook address again.",
        (93000, 93006, 93007, 93019),
    ),
    (
        SetupError,
        "The group does not take the robot's messages: look at the group's settings → 消息推送"
        " (群机器人), and add a new robot if need be.",
        (*range(93001, 93006), *range(93008, 93017)),
    ),
)


def table() -> dict[int, Meaning]:
    """What each code means, apart from `gettoken`. For the pages: there are 1,200."""
    return {code: Meaning(error, advice) for error, advice, codes in _GROUPS for code in codes}


#: Of a robot and its group.
_ROBOT = range(93000, 93020)

#: What some mean at `gettoken`.
_GETTOKEN: dict[int, tuple[type[ApiError], str]] = {
    40001: (
        SetupError,
        f"corpsecret does not belong to corpid, or the app is stopped: copy Secret from {_APP},"
        " and see that it is 已启用.",
    ),
    45009: (
        RateLimitedError,
        "Too many access tokens asked for, perhaps with a wrong corpsecret:"
        " WeCom then refuses this address for up to an hour.",
    ),
}

# The tail of errmsg: `, hint: [1234], from ip: 1.2.3.4, more info at https://…`. The hint
# stays: WeCom's support asks for it.
_TAIL = lazy.regex(r",?\s*(from ip:|more info at).*", re.DOTALL)
_FROM_IP = lazy.regex(r"from ip:\s*([0-9A-Fa-f:.]*[0-9A-Fa-f])")


def refusal(errcode: int, errmsg: str, call: Call = "send") -> ApiError:
    """The error to raise for an answer that is not 0.

    Args:
        errcode: Decides alone which error it is.
        errmsg: For people. The caller's address, which WeCom adds to it, is taken off, and
            named in the advice of 60020 only, where somebody has to type it.
        call: What was called.
    """
    meaning = _meaning(errcode, call)
    address = _FROM_IP.search(errmsg)
    ip = address.group(1) if address else "this machine's public address"
    error = meaning.error(
        errcode, one_line(_TAIL.sub("", errmsg)), meaning.advice.replace("{ip}", ip)
    )
    if isinstance(error, RateLimitedError) and call == "gettoken":
        error.retry_after = 300.0
    if errcode in _ROBOT:
        error.way = False  # for whoever has this robot, and there is no other way to it
    return error


def unsent(errcode: int, reason: str) -> ContentError:
    """The error for a message that WeCom would refuse with `errcode`, and is not asked."""
    error = ContentError(errcode, reason)
    error.text = f"not sent: {reason}"
    return error


def _meaning(errcode: int, call: Call) -> Meaning:
    found = (Meaning(error, advice) for error, advice, codes in _GROUPS if errcode in codes)
    meaning = next(found, None)
    if call == "gettoken":
        if errcode in _GETTOKEN:
            meaning = Meaning(*_GETTOKEN[errcode])
        if meaning is not None and meaning.error in (TokenError, ContentError):
            # There is neither a token nor a message yet.
            meaning = Meaning(SetupError, "Check corpid, corpsecret and api_base.")
    if meaning is None:
        # Kept, not dropped: somebody can look it up, and what is pending goes out then.
        url = f"https://open.work.weixin.qq.com/devtool/query?e={errcode}"
        meaning = Meaning(SetupError, f"Look this code up at {url}.")
    return meaning
