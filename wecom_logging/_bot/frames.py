"""Frames of the long connection as values. What cannot be read is None, never an error."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

#: Bytes of a frame; larger ones are not looked at. WeCom's own come to about a megabyte.
MAX_FRAME = 4 * 1024 * 1024
#: Characters of what somebody wrote or quoted that are looked at.
MAX_TEXT = 4000
#: Characters of an id: a chat, a user, a message, a task, a key.
_MAX_ID = 256

Json = dict[str, Any]


@dataclass(frozen=True)
class Callback:
    """Something that somebody did in a chat."""

    #: What an answer to it has to carry.
    req_id: str
    #: Tells it from every other one, also when it comes twice.
    msgid: str
    #: A group's chatid; alone with somebody, their user id.
    chat: str
    single: bool
    user: str
    #: When it happened, in seconds since the epoch by WeCom's clock, if it says so.
    at: float | None


@dataclass(frozen=True)
class Message(Callback):
    """Somebody wrote to the bot."""

    text: str
    #: The message that was quoted with it.
    quote: str = ""


@dataclass(frozen=True)
class Press(Callback):
    """Somebody pressed a button of a card."""

    task_id: str
    key: str
    #: What was chosen in the card's lists.
    chosen: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entered(Callback):
    """Somebody opened the chat with the bot, for the first time that day."""


@dataclass(frozen=True)
class Disconnected:
    """Another client has subscribed, and this connection is no longer wanted."""


@dataclass(frozen=True)
class Reply:
    """WeCom's answer to a frame of ours."""

    req_id: str
    errcode: int
    errmsg: str
    body: Json


Frame = Message | Press | Entered | Disconnected | Reply


def parse(raw: str | bytes) -> Frame | None:
    """What a frame says; None for what is none, or none that we know."""
    if len(raw) > MAX_FRAME:
        return None
    try:
        # Half a character must not cost the frame, nor a control character, which occur.
        text = raw if isinstance(raw, str) else raw.decode("utf-8", "replace")
        data = json.loads(text, strict=False)
    except (ValueError, RecursionError):  # RecursionError: a hundred thousand brackets
        return None
    if not isinstance(data, dict):
        return None
    body, headers = _object(data, "body"), _object(data, "headers")
    req_id = _id(headers, "req_id")
    if data.get("cmd") == "aibot_msg_callback":
        return _message(body, req_id)
    if data.get("cmd") == "aibot_event_callback":
        return _event(body, req_id)
    return _reply(data, req_id, body)


def render(cmd: str, req_id: str, body: Json | None = None) -> str:
    frame: Json = {"cmd": cmd, "headers": {"req_id": req_id}}
    if body is not None:
        frame["body"] = body
    return _encodable(json.dumps(frame, ensure_ascii=False))


def _reply(data: Json, req_id: str, body: Json) -> Reply | None:
    errcode = data.get("errcode")
    if type(errcode) is not int or not req_id:  # True is an int as well
        return None
    errmsg = data.get("errmsg")
    return Reply(req_id, errcode, errmsg[:300] if isinstance(errmsg, str) else "", body)


def _message(body: Json, req_id: str) -> Message | None:
    common = _common(body, req_id)
    text = _content(body)
    if common is None or text is None:
        return None
    quote = _content(_object(body, "quote")) or ""
    return Message(*common, text=text[:MAX_TEXT], quote=quote[:MAX_TEXT])


def _content(part: Json) -> str | None:
    """The words of a text, of pictures with text, or of what a bot wrote itself."""
    if part.get("msgtype") == "mixed":
        items = _object(part, "mixed").get("msg_item")
        found = [_content(each) for each in items[:50] if isinstance(each, dict)] \
            if isinstance(items, list) else []  # fmt: skip
        return "\n".join(filter(None, found)) or None
    if part.get("msgtype") == "template_card":
        return None
    for kind in ("text", "markdown", "stream"):
        content = _object(part, kind).get("content")
        if isinstance(content, str):
            return _encodable(content[:MAX_TEXT])
    return None


def _event(body: Json, req_id: str) -> Frame | None:
    event = _object(body, "event")
    kind = event.get("eventtype")
    if kind == "disconnected_event":
        return Disconnected()
    common = _common(body, req_id)
    if common is None:
        return None
    if kind == "enter_chat":
        return Entered(*common)
    if kind != "template_card_event":
        return None
    # Nested by the page, flat by an official library's types.
    press = _object(event, "template_card_event") or event
    task_id, key = _id(press, "task_id"), _id(press, "event_key")
    if not task_id or not key:
        return None
    return Press(*common, task_id=task_id, key=key, chosen=_chosen(press))


def _chosen(press: Json) -> tuple[str, ...]:
    items = _object(press, "selected_items").get("selected_item")
    found: list[str] = []
    for item in items[:10] if isinstance(items, list) else []:
        options = _object(item, "option_ids").get("option_id") if isinstance(item, dict) else None
        options = [options] if isinstance(options, str) else options
        if isinstance(options, list):
            found += [each for each in options[:10] if isinstance(each, str)]
    return tuple(each[:_MAX_ID] for each in found)


def _common(body: Json, req_id: str) -> tuple[str, str, str, bool, str, float | None] | None:
    msgid, user = _id(body, "msgid"), _id(_object(body, "from"), "userid")
    single = body.get("chattype") == "single"
    chat = user if single else _id(body, "chatid")
    if not (req_id and msgid and user and chat):
        return None
    return req_id, msgid, chat, single, user, _moment(body.get("create_time"))


def _moment(value: Any) -> float | None:
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value[:20])
    if type(value) not in (int, float) or not 0 < value < 1e14:
        return None
    seconds = float(value)
    return seconds / 1000 if seconds > 1e11 else seconds  # milliseconds, should they be


def _object(data: Json, key: str) -> Json:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _id(data: Json, key: str) -> str:
    value = data.get(key)
    if not isinstance(value, str) or len(value) > _MAX_ID or not value.isprintable():
        return ""
    return value


def _encodable(text: str) -> str:
    """Text that UTF-8 can hold: half a character becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")
