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

_GROUPS: tuple[tuple[type[ApiError], Iterable[int], str], ...] = (
    # --- the token, and times when nothing has to be mended --------------------------
    (TokenError, (40014, 42001), "Nothing to do: a new access token is fetched."),
    (TokenError, (40001,),
     f"If it stays so, compare corpsecret with Secret under {_APP}, and enable the app there."),
    (BusyError, (-1, 6000), "Nothing to do: WeCom is busy, try again a little later."),
    (BusyError, (45033, 45035, 45036), "Send from fewer threads or processes at a time."),
    (RateLimitedError, (45009,),
     "Wait for a minute and send less: a robot takes 20 messages a minute,"
     " an application 30 a minute and member."),
    # --- the message ------------------------------------------------------------------
    (ContentError, (40058, 45002, 40206, 45008), "Send a shorter message."),
    (ContentError, (44004, 40063, 93017), "Send a message that is not empty."),
    (ContentError, (40033, 82004, 40008), "Send it as plain text, without control characters."),
    (ContentError, (40201, 40204), "WeCom's spam filter refused the text: word it differently."),
    (ContentError,
     (40004, 40005, 40006, 40007, 40123, 40145, 41006, 44001, 45001, 45007, 93018, 301019),
     "Upload the file again: more than 5 bytes, 20 MB at most; it lives for 3 days."),
    (ContentError,
     (40074, 40094, 41016, 41033, 45032, 45034, *range(42014, 42021), *range(42027, 42052)),
     "A field of this kind of message is missing or wrong."),
    (ContentError, (42052, 60140), "The message is too old to be changed."),
    # --- credentials --------------------------------------------------------------------
    (SetupError, (40013, 41002), "Copy corpid from 我的企业 → 企业信息 → 企业ID."),
    (SetupError, (40091, 41004),
     f"Copy corpsecret from Secret under {_APP}; it may be another app's."),
    (SetupError, (45031,), f"Reset the Secret under {_APP}: WeCom finds this one unsafe."),
    (SetupError, (40056, 41011), f"Copy agentid from AgentId under {_APP}."),
    (SetupError, (301002,),
     f"corpsecret and agentid are of two apps: copy both from the same page under {_APP}."),
    (SetupError, (41001,),
     "The access token got lost on the way: a proxy or gateway drops the query of the URL."),
    # --- recipients -----------------------------------------------------------------------
    (SetupError, (81013,),
     f"No recipient can be reached: correct touser, toparty and totag,"
     f" or add them to 可见范围 under {_APP}."),
    (SetupError, (60011, 60021), f"Add the recipients to 可见范围 under {_APP}."),
    (SetupError, (40003, 40031, 60111),
     "Correct touser: the user id is 账号 of a member under 通讯录."),
    (SetupError, (40066, 40068), "Correct toparty or totag: the numbers are in 通讯录."),
    (SetupError, (40032, 82002, 82003),
     "Name fewer recipients: 1000 users, 100 parties, 100 tags at most; or use a tag."),
    (SetupError, (81012, 82001), "Name a recipient: touser, toparty or totag."),
    (SetupError, (43004,), "The member has to follow 微信插件 first (我的企业 → 微信插件)."),
    (SetupError, (40050, 86001, 86003, 86006, 86008, 86216),
     "The group chat is unknown to this app: it has to be made by the same app."),
    # --- the app, the company, the network ------------------------------------------------
    (SetupError, (60020,),
     f"Add {{ip}} to 企业可信IP under {_APP}; it takes effect after about a minute."),
    (SetupError, (50003, 60031), f"Enable the app: 已启用 under {_APP}."),
    (SetupError, (48001, 48002, 48004),
     f"The app may not do this: take corpsecret and agentid of one 自建 app under {_APP}."),
    (SetupError, (48005,), "WeCom has retired this call: update wecom-logging."),
    (SetupError, (48006,), f"Permission lapsed after long disuse: renew it under {_APP}."),
    (SetupError, (48010,), "Use a newer Python or OpenSSL: WeCom refuses this version of TLS."),
    (SetupError, (43012,), f"Set a callback under {_APP} → 接收消息."),
    (SetupError, (301007,), "WeCom has closed the company's account: ask its support."),
    (SetupError, range(701000, 702000),
     "The recipients or the company lack a licence: see 我的企业 → 接口许可."),
    # --- the robot -------------------------------------------------------------------------
    (SetupError, (93000, 93006, 93007, 93019),
     "The robot is gone or its key is wrong: open the group's settings → 消息推送 (群机器人)"
     " and copy its Webhook address again."),
    (SetupError, (*range(93001, 93006), *range(93008, 93017)),
     "The group does not take the robot's messages: look at the group's settings → 消息推送"
     " (群机器人), and add a new robot if need be."),
)  # fmt: skip


def table() -> dict[int, Meaning]:
    """What each code means, apart from `gettoken`. For the pages: there are 1,200."""
    return {code: Meaning(error, advice) for error, codes, advice in _GROUPS for code in codes}


#: The codes about a robot and its group.
_ROBOT = range(93000, 93020)

#: Codes that mean something else at `gettoken`.
_GETTOKEN = {
    40001: Meaning(
        SetupError,
        f"corpsecret does not belong to corpid, or the app is stopped: copy Secret from {_APP},"
        " and see that it is 已启用.",
    ),
    45009: Meaning(
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
    ip = address[1] if address else "this machine's public address"
    said = one_line(_TAIL.sub("", errmsg))
    error = meaning.error(errcode, said, meaning.advice.replace("{ip}", ip))
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
    groups = (Meaning(error, advice) for error, codes, advice in _GROUPS if errcode in codes)
    meaning = next(groups, None)
    if call == "gettoken":
        meaning = _GETTOKEN.get(errcode, meaning)
        if meaning is not None and meaning.error in (TokenError, ContentError):
            # There is neither a token nor a message yet.
            meaning = Meaning(SetupError, "Check corpid, corpsecret and api_base.")
    # Kept, not dropped, where we know nothing: somebody can look it up, and mend it.
    url = f"https://open.work.weixin.qq.com/devtool/query?e={errcode}"
    return meaning or Meaning(SetupError, f"Look this code up at {url}.")
