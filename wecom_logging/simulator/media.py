"""Uploaded files: their checks, and a bounded store of them."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field

from wecom_logging.simulator.errcodes import Refusal

MIB = 1024 * 1024
#: Seconds for which a media id works.
MEDIA_LIFE = 3 * 86400.0
TYPES = ("image", "voice", "video", "file")
_LIMITS = {"voice": 2 * MIB, "video": 10 * MIB, "file": 20 * MIB}
_MAGIC = {"image": (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"), "voice": (b"#!AMR",)}


@dataclass(frozen=True)
class Upload:
    """The file in a multipart request."""

    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class MediaFile:
    """A file that was uploaded."""

    id: str
    type: str
    name: str
    data: bytes = field(repr=False)
    created: float
    #: Who may use it: "corp" for all applications, or the key of the robot it belongs to.
    owner: str = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.data)


class Media:
    """Files by media id; when they are more than `max_bytes`, the oldest go."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._files: OrderedDict[str, MediaFile] = OrderedDict()
        self._bytes = 0

    def store(self, upload: Upload, kind: str, owner: str, now: float) -> MediaFile:
        file = MediaFile(
            f"3{secrets.token_urlsafe(48)}", kind, upload.name, upload.data, now, owner
        )
        self._files[file.id] = file
        self._bytes += file.size
        while self._bytes > self.max_bytes:
            self._bytes -= self._files.popitem(last=False)[1].size
        return file

    def find(self, media_id: str) -> MediaFile | None:
        """The file, expired or not; None if it is unknown or no longer kept."""
        return self._files.get(media_id)

    def use(self, media_id: object, kind: str | None, owner: str, now: float) -> MediaFile:
        """The owner's file of that kind (None: any); a `Refusal` if there is none, or none now."""
        if not media_id:
            raise Refusal(41006)
        file = self._files.get(media_id) if isinstance(media_id, str) else None
        if file is None or file.owner != owner or kind not in (None, file.type):
            raise Refusal(40007)
        if now >= file.created + MEDIA_LIFE:
            raise Refusal(40145)
        return file


def check_upload(upload: Upload, kind: str, image_limit: int) -> None:
    """A `Refusal` if a file is too small, too large or not what it says it is."""
    if len(upload.data) <= 5:
        raise Refusal(40006)
    if len(upload.data) > _LIMITS.get(kind, image_limit):
        raise Refusal(45001)
    if kind in _MAGIC and not upload.data.startswith(_MAGIC[kind]):
        raise Refusal(40123 if kind == "image" else 40004)
