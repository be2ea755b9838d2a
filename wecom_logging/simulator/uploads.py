"""Files that come in chunks over a bot's long connection."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from wecom_logging.simulator.budgets import MINUTE, Gate, Window
from wecom_logging.simulator.errcodes import Refusal, parameter, too_long
from wecom_logging.simulator.media import MIB, TYPES, Upload, check_upload

#: Seconds in which an upload has to be finished.
LIFE = 1800.0
#: Bytes of a chunk, and chunks of a file.
CHUNK, MOST_CHUNKS = 512 * 1024, 100
#: Uploads of a bot in a minute, and under way at all.
_PER_MINUTE, _MOST = 30, 20


@dataclass
class _Unfinished:
    kind: str
    name: str
    size: int
    number: int
    md5: str
    began: float
    chunks: dict[int, bytes] = field(default_factory=dict)


class ChunkedUploads:
    """Those that are under way. A step done twice is done once, and chunks come in any order."""

    def __init__(self) -> None:
        self._unfinished: OrderedDict[str, _Unfinished] = OrderedDict()
        self._gates: dict[str, Gate] = {}

    def begin(self, bot_id: str, body: dict[str, Any], now: float) -> str:
        upload = _announced(body, now)
        gate = self._gates.setdefault(bot_id, Gate(Window(_PER_MINUTE, MINUTE)))
        if gate.closed(now):
            raise Refusal(45009)
        gate.window.add(now)
        upload_id = secrets.token_hex(16)
        self._unfinished[upload_id] = upload
        if len(self._unfinished) > _MOST:
            self._unfinished.popitem(last=False)
        return upload_id

    def add(self, body: dict[str, Any], now: float) -> None:
        upload, index = self._find(body, now), body.get("chunk_index")
        if type(index) is not int or not 0 <= index < upload.number:
            raise parameter("chunk_index is invalid")
        try:
            data = base64.b64decode(str(body.get("base64_data") or ""), validate=True)
        except binascii.Error:
            raise parameter("base64_data is invalid") from None
        if not 0 < len(data) <= CHUNK:
            raise parameter(f"base64_data expect size in [1, {CHUNK}]")
        upload.chunks[index] = data

    def end(self, body: dict[str, Any], now: float) -> tuple[str, Upload]:
        upload = self._find(body, now)
        data = b"".join(upload.chunks[index] for index in sorted(upload.chunks))
        if len(upload.chunks) != upload.number or len(data) != upload.size:
            raise parameter("chunks are missing")
        if upload.md5 and hashlib.md5(data, usedforsecurity=False).hexdigest() != upload.md5:
            raise Refusal(301019)
        file = Upload(upload.name, data)
        check_upload(file, upload.kind, 10 * MIB)
        return upload.kind, file

    def _find(self, body: dict[str, Any], now: float) -> _Unfinished:
        upload = self._unfinished.get(str(body.get("upload_id")))
        if upload is None or now - upload.began > LIFE:
            raise parameter("upload_id is invalid")
        return upload


def _announced(body: dict[str, Any], now: float) -> _Unfinished:
    kind, name, md5 = body.get("type"), body.get("filename"), body.get("md5")
    size, number = body.get("total_size"), body.get("total_chunks")
    if kind not in TYPES:
        raise Refusal(40005)
    if not isinstance(name, str) or not name:
        raise parameter("filename is empty")
    if len(name.encode("utf-8", "replace")) > 256:
        raise too_long("filename", 256)
    if type(size) is not int or size < 5:
        raise Refusal(40006)
    if size > 20 * MIB:
        raise Refusal(45001)
    if type(number) is not int or not 1 <= number <= MOST_CHUNKS:
        raise parameter(f"total_chunks expect [1, {MOST_CHUNKS}]")
    return _Unfinished(kind, name, size, number, str(md5 or ""), now)
