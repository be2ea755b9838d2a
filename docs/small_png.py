"""PNG with few colours: a picture of text needs no more, and is a fifth of its size."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence

#: Shades of black on white, and the few colours of a page.
COLOURS = 32

#: The most frequent ones, which are chosen however near they are to each other.
_GROUNDS = 12

_SIGNATURE = b"\x89PNG\r\n\x1a\n"

Pixel = bytes


def small_png(data: bytes) -> bytes:
    """The same picture in its `COLOURS` most useful colours."""
    width, height, step, raw = _read(data)
    lines = _unfiltered(raw, width * step, height, step)
    rows = [[line[i : i + 3] for i in range(0, width * step, step)] for line in lines]
    index = _indices(Counter(pixel for row in rows for pixel in row))
    palette = sorted(set(index.values()))
    number = {colour: n for n, colour in enumerate(palette)}
    packed = b"".join(b"\0" + bytes(number[index[pixel]] for pixel in row) for row in rows)
    return b"".join((
        _SIGNATURE,
        _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        _chunk(b"PLTE", b"".join(palette)),
        _chunk(b"IDAT", zlib.compress(packed, 9)),
        _chunk(b"IEND", b""),
    ))  # fmt: skip


def _indices(counts: Counter[Pixel]) -> dict[Pixel, Pixel]:
    """Each colour, and the one that stands for it: frequent ones, and far from each other."""
    chosen = [colour for colour, _ in counts.most_common(_GROUNDS)]
    for nearest in (48, 24, 10, 0):
        for colour, _ in counts.most_common():
            if len(chosen) == COLOURS:
                break
            if all(_distance(colour, each) > nearest * nearest for each in chosen):
                chosen.append(colour)
    return {colour: min(chosen, key=lambda each: _distance(colour, each)) for colour in counts}


def _distance(one: Pixel, other: Pixel) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _read(data: bytes) -> tuple[int, int, int, bytes]:
    """Width, height, bytes of a pixel, and the filtered lines."""
    place, packed, header = len(_SIGNATURE), b"", b""
    while place < len(data):
        (size,), name = struct.unpack(">I", data[place : place + 4]), data[place + 4 : place + 8]
        body = data[place + 8 : place + 8 + size]
        header = body if name == b"IHDR" else header
        packed += body if name == b"IDAT" else b""
        place += size + 12
    width, height, depth, kind = struct.unpack(">IIBB", header[:10])
    assert (depth, kind) in ((8, 2), (8, 6)), "what chromium writes: RGB or RGBA of 8 bits"
    return width, height, 3 if kind == 2 else 4, zlib.decompress(packed)


def _unfiltered(raw: bytes, size: int, height: int, step: int) -> Iterator[bytes]:
    """The lines without the filters of PNG, each of which begins with the filter's number."""
    above: Sequence[int] = bytes(size)
    for y in range(height):
        kind = raw[y * (size + 1)]
        line = bytearray(raw[y * (size + 1) + 1 : (y + 1) * (size + 1)])
        if kind:
            for i in range(size):
                left = line[i - step] if i >= step else 0
                corner = above[i - step] if i >= step else 0
                line[i] = (line[i] + _predicted(kind, left, above[i], corner)) & 255
        above = line
        yield bytes(line)


def _predicted(kind: int, left: int, up: int, corner: int) -> int:
    if kind < 4:
        return (left, up, (left + up) // 2)[kind - 1]
    to_left, to_up, to_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
    if to_left <= to_up and to_left <= to_corner:
        return left
    return up if to_up <= to_corner else corner


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
