"""A file on its way to WeCom, in chunks: one step, its answer, the next step."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from wecom_logging._bot.session import Cmd
from wecom_logging._model import text

Step = tuple[Cmd, dict[str, Any]]

#: Bytes of a chunk, of a file name, and how often a step is tried.
CHUNK, _NAME, _TRIES = 512 * 1024, 256, 3
#: Bytes of a file: less is refused, and more is cut.
_SMALLEST, LARGEST = 5, 20 * 1024 * 1024


class Upload:
    """A file for `user`. A step without an answer is tried again: twice is the same as once."""

    def __init__(self, name: str, data: bytes, user: str) -> None:
        self.name = text.cut_bytes(text.strip_hidden(name), _NAME) or "file.txt"
        self.user = user
        self._data = data[:LARGEST].ljust(_SMALLEST)
        self._id = ""
        self._next = 0
        self._tries = 0

    @property
    def chunks(self) -> int:
        return -(-len(self._data) // CHUNK)

    def start(self) -> Step:
        digest = hashlib.md5(self._data, usedforsecurity=False).hexdigest()
        return "aibot_upload_media_init", {
            "type": "file",
            "filename": self.name,
            "total_size": len(self._data),
            "total_chunks": self.chunks,
            "md5": digest,
        }

    def next(self, errcode: int | None, body: dict[str, Any]) -> Step | str | None:
        """The next step after an answer; at the end the file's media id; None: it failed."""
        if errcode is None or errcode == -1:
            self._tries += 1
            return self._step() if self._tries < _TRIES else None
        if errcode != 0:
            return None
        self._tries = 0
        media_id, upload_id = body.get("media_id"), body.get("upload_id")
        if self._next > self.chunks:
            return media_id if isinstance(media_id, str) and media_id else None
        if self._next == 0:
            if not isinstance(upload_id, str) or not upload_id:
                return None
            self._id = upload_id
        self._next += 1
        return self._step()

    def _step(self) -> Step:
        if self._next == 0:
            return self.start()
        if self._next > self.chunks:
            return "aibot_upload_media_finish", {"upload_id": self._id}
        index = self._next - 1
        chunk = self._data[index * CHUNK : self._next * CHUNK]
        return "aibot_upload_media_chunk", {
            "upload_id": self._id,
            "chunk_index": index,
            "base64_data": base64.b64encode(chunk).decode("ascii"),
        }
