"""A message as a store keeps it, so that whoever sends it again sends the same."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, get_args

from wecom_logging._runtime.values import NamedTuple
from wecom_logging._senders.protocol import Message, MsgType


class Frozen(NamedTuple):
    """What a body holds."""

    message: Message
    #: The groups that it tells of; none: all of its digest.
    groups: tuple[str, ...] = ()


def body_of(message: Message, groups: Collection[str] = ()) -> str:
    """The body for a message that tells of these groups of its digest, or of all."""
    # Left out where it says nothing: an older version reads the same store.
    part = {"groups": list(groups)} if groups else {}
    return json.dumps({**vars(message), **part})


def read_body(body: str) -> Frozen | None:
    """What was frozen; None if it cannot be read: a store is as little trusted as a log."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    msgtype: Any
    msgtype, content = fields.get("msgtype"), fields.get("content")
    mentions, groups = fields.get("mentions", []), fields.get("groups", [])
    if msgtype not in get_args(MsgType) or not isinstance(content, str):
        return None
    if not (_are_names(mentions) and _are_names(groups)):
        return None
    return Frozen(Message(msgtype, content, tuple(mentions)), tuple(groups))


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
