"""What WeCom checks in the content of a message, and what it makes of it."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from wecom_logging.simulator.cards import card_text, check_card, part
from wecom_logging.simulator.config import Switches
from wecom_logging.simulator.errcodes import Refusal, parameter, too_long
from wecom_logging.simulator.media import MIB, Media, MediaFile, Upload, check_upload

#: Bytes of an application's text and markdown, and of a robot's markdown.
APP_BYTES = 2048
ROBOT_BYTES = 4096
#: Bytes of what a bot says.
BOT_BYTES = 20_480


@dataclass(frozen=True)
class Content:
    """A message's content as the receiver gets it."""

    # The fields are those of a `Message`.
    content: str
    shown: Mapping[str, Any]
    bytes: int
    limit: int | None = None
    truncated: bool = False
    file: MediaFile | None = None
    mentions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rules:
    """What the checks need to know about where a message comes from."""

    switches: Switches
    #: By type of message.
    checks: Mapping[str, Check]
    files: Media
    #: Whose files may be sent, see `MediaFile.owner`.
    owner: str
    now: float
    callback: bool = False
    #: As the request has it.
    safe: object = None

    @property
    def robot(self) -> bool:
        return self.checks is ROBOT_CHECKS

    def media(self, media_id: object, kind: str) -> MediaFile:
        return self.files.use(media_id, kind, self.owner, self.now)


def check_content(msgtype: object, body: Mapping[str, Any], rules: Rules) -> Content:
    """The content of `body`; a `Refusal` if WeCom would not take it."""
    check = rules.checks.get(msgtype) if isinstance(msgtype, str) else None
    if check is None:
        raise Refusal(40008)
    return check(part(body, str(msgtype)), str(msgtype), rules)


def byte_size(text: str) -> int:
    """Bytes in UTF-8; a lone surrogate counts three, as if it were a character."""
    return len(text.encode("utf-8", "surrogatepass"))


def cut(text: str, limit: int, *, by_byte: bool = False) -> str:
    """The first `limit` bytes; `by_byte` may leave half a character, shown as U+FFFD."""
    data = text.encode("utf-8", "replace")
    return data[:limit].decode("utf-8", "replace" if by_byte else "ignore")


def _string(payload: Mapping[str, Any], key: str, missing: int, rules: Rules) -> str:
    value = payload.get(key)
    if value is None or value == "":
        raise Refusal(missing)
    if not isinstance(value, str):
        raise parameter(f"{key} should be a string")
    return _legal(value, rules)


def _legal(text: str, rules: Rules) -> str:
    bad = any(
        (ord(each) < 32 and each not in "\n\r\t") or "\ud800" <= each <= "\udfff" for each in text
    )
    if bad and rules.switches.illegal_characters == "reject":
        raise Refusal(40033)
    return text.encode("utf-8", "replace").decode("utf-8") if bad else text


def _app_text(payload: Mapping[str, Any], msgtype: str, rules: Rules) -> Content:
    text = _string(payload, "content", 44004, rules)
    size = byte_size(text)
    if size <= APP_BYTES:
        return Content(text, payload, size, APP_BYTES)
    switch = (
        rules.switches.over_long_text if msgtype == "text" else rules.switches.over_long_markdown
    )
    if switch == "45002":
        raise Refusal(45002)
    if switch == "40058":
        raise too_long(f"{msgtype}.content", APP_BYTES)
    short = cut(text, APP_BYTES, by_byte=rules.switches.truncation == "byte")
    return Content(short, {**payload, "content": short}, size, APP_BYTES, truncated=True)


def _robot_text(payload: Mapping[str, Any], msgtype: str, rules: Rules) -> Content:
    text = _string(payload, "content", 44004, rules)
    limit = rules.switches.robot_text_limit if msgtype == "text" else ROBOT_BYTES
    if byte_size(text) > limit:
        raise too_long(f"{msgtype}.content", limit)
    mentions: list[str] = []
    if msgtype == "text":
        for key in ("mentioned_list", "mentioned_mobile_list"):
            names = payload.get(key) or []
            if not isinstance(names, list):
                raise parameter(f"text.{key} should be an array")
            mentions += [str(name) for name in names]
    return Content(text, payload, byte_size(text), limit, mentions=tuple(mentions))


def _bot_text(payload: Mapping[str, Any], msgtype: str, rules: Rules) -> Content:
    text = _string(payload, "content", 44004, rules)
    if byte_size(text) > BOT_BYTES:
        raise too_long(f"{msgtype}.content", BOT_BYTES)
    return Content(text, payload, byte_size(text), BOT_BYTES)


def _media(payload: Mapping[str, Any], msgtype: str, rules: Rules) -> Content:
    file = rules.media(payload.get("media_id"), msgtype)
    shown = dict(payload)
    for key, limit in (("title", 128), ("description", 512)):
        if isinstance(shown.get(key), str):
            shown[key] = cut(shown[key], limit)
    return Content(file.name, shown, file.size, file=file)


def _robot_image(payload: Mapping[str, Any], msgtype: str, rules: Rules) -> Content:
    try:
        data = base64.b64decode(str(payload.get("base64") or ""), validate=True)
    except binascii.Error:
        raise parameter("image.base64 is invalid") from None
    if not data:
        raise Refusal(44001)
    if len(data) > 2 * MIB:
        raise Refusal(93018)
    if hashlib.md5(data, usedforsecurity=False).hexdigest() != payload.get("md5"):
        raise Refusal(301019)
    upload = Upload("image", data)
    check_upload(upload, "image", 2 * MIB)
    return Content(
        "",
        {"md5": payload["md5"]},
        len(data),
        2 * MIB,
        file=rules.files.store(upload, "image", rules.owner, rules.now),
    )


def _textcard(payload: Mapping[str, Any], msgtype: str, rules: Rules) -> Content:
    title = _string(payload, "title", 41016, rules)
    description = _string(payload, "description", 41033, rules)
    _check_url(payload.get("url"), "textcard.url")
    in_bytes = rules.switches.textcard_unit == "bytes"
    shown = {
        **payload,
        "title": cut(title, 128) if in_bytes else title[:128],
        "description": cut(description, 512) if in_bytes else description[:512],
        "btntxt": str(payload.get("btntxt") or "详情")[:4],
    }
    truncated = (shown["title"], shown["description"]) != (title, description)
    text = f"{shown['title']}\n{shown['description']}"
    return Content(text, shown, byte_size(title + description), truncated=truncated)


def _check_url(url: object, name: str) -> None:
    if not isinstance(url, str) or not url:
        raise Refusal(40094)
    if not url.startswith(("http://", "https://")):
        raise Refusal(45034)
    if byte_size(url) > 2048:
        raise too_long(name, 2048)


def _articles(payload: Mapping[str, Any]) -> list[dict[str, Any]]:
    articles = payload.get("articles")
    if not isinstance(articles, list) or not articles:
        raise Refusal(40063)
    if len(articles) > 8:
        raise Refusal(45008)
    return [each if isinstance(each, dict) else {} for each in articles]


def _news(payload: Mapping[str, Any], msgtype: str, rules: Rules) -> Content:
    if isinstance(rules.safe, int) and rules.safe:
        raise Refusal(40074)
    shown, size = [], 0
    for article in _articles(payload):
        title = _string(article, "title", 41016, rules)
        if not (article.get("appid") and not rules.robot):
            _check_url(article.get("url"), "news.articles.url")
        if article.get("picurl"):
            _check_url(article["picurl"], "news.articles.picurl")
        description = _legal(str(article.get("description") or ""), rules)
        size += byte_size(title + description)
        shown.append({**article, "title": cut(title, 128), "description": cut(description, 512)})
    text = "\n".join(str(each["title"]) for each in shown)
    return Content(text, {"articles": shown}, size)


def _mpnews(payload: Mapping[str, Any], msgtype: str, rules: Rules) -> Content:
    shown, size = [], 0
    for article in _articles(payload):
        title = _string(article, "title", 41016, rules)
        rules.media(article.get("thumb_media_id"), "image")
        content = _string(article, "content", 44004, rules)
        size += byte_size(content)
        if byte_size(content) > 666 * 1024:
            raise Refusal(45002)
        if byte_size(str(article.get("author") or "")) > 64:
            raise Refusal(45032)
        digest = cut(str(article.get("digest") or ""), 512)
        shown.append({**article, "title": cut(title, 128), "digest": digest})
    text = "\n".join(str(each["title"]) for each in shown)
    return Content(text, {"articles": shown}, size, 666 * 1024)


def _card(payload: Mapping[str, Any], msgtype: str, rules: Rules) -> Content:
    check_card(payload, robot=rules.robot, callback=rules.callback)
    text = _legal(card_text(payload), rules)
    return Content(text, payload, byte_size(text))


def _miniprogram(payload: Mapping[str, Any], msgtype: str, rules: Rules) -> Content:
    _string(payload, "appid", 40063, rules)
    title = _string(payload, "title", 41016, rules)
    return Content(title, payload, byte_size(title))


Check = Callable[[Mapping[str, Any], str, Rules], Content]

_FILES = dict.fromkeys(("image", "voice", "video", "file"), _media)

APP_CHECKS: dict[str, Check] = {
    "text": _app_text, "markdown": _app_text, **_FILES, "textcard": _textcard, "news": _news,
    "mpnews": _mpnews, "miniprogram_notice": _miniprogram, "template_card": _card,
}  # fmt: skip

ROBOT_CHECKS: dict[str, Check] = {
    "text": _robot_text, "markdown": _robot_text, "markdown_v2": _robot_text,
    "image": _robot_image, "news": _news, "file": _media, "voice": _media, "template_card": _card,
}  # fmt: skip

#: What a bot may send without being asked; an answer may be a stream as well.
BOT_CHECKS: dict[str, Check] = {"markdown": _bot_text, **_FILES, "template_card": _card}
BOT_ANSWER_CHECKS: dict[str, Check] = {**BOT_CHECKS, "stream": _bot_text}
BOT_WELCOME_CHECKS: dict[str, Check] = {"text": _bot_text, "template_card": _card}
