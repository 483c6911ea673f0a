"""A screenshot with a palette of 256 colours: about a third of the bytes, and the same to the eye.

It reads the PNG files that Chromium writes (8 bits for each channel, not interlaced), with the standard library alone.
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TRUE_COLOUR, _WITH_ALPHA, _PALETTE = 2, 6, 3

Colour = tuple[int, int, int]


def smaller(png: bytes) -> bytes:
    """The same picture; colours beyond the 256 most frequent ones become the nearest of these. Raises `ValueError` for
    a file of another kind."""
    chunks = list(_chunks(png))
    width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    if depth != 8 or kind not in (_TRUE_COLOUR, _WITH_ALPHA) or interlaced:
        raise ValueError("not a PNG of 8 bits for each channel, in true colour")
    channels = 3 if kind == _TRUE_COLOUR else 4
    raw = zlib.decompress(b"".join(body for name, body in chunks if name == b"IDAT"))
    pixels = [
        tuple(row[at : at + 3]) for row in _rows(raw, width * channels, channels) for at in range(0, len(row), channels)
    ]
    counted = Counter(pixels)
    palette = [colour for colour, _ in counted.most_common(256)]
    index = {colour: number for number, colour in enumerate(palette)}
    for colour in counted.keys() - index.keys():
        index[colour] = min(range(len(palette)), key=lambda number: _distance(palette[number], colour))
    numbers = bytes(index[pixel] for pixel in pixels)
    lines = b"".join(b"\0" + numbers[at : at + width] for at in range(0, width * height, width))
    return _SIGNATURE + b"".join(
        _chunk(name, body)
        for name, body in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, _PALETTE, 0, 0, 0)),
            (b"PLTE", bytes(value for colour in palette for value in colour)),
            (b"IDAT", zlib.compress(lines, 9)),
            (b"IEND", b""),
        )
    )


def size(png: bytes) -> tuple[int, int]:
    """Width and height in pixels."""
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    if not png.startswith(_SIGNATURE):
        raise ValueError("not a PNG")
    at = len(_SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += 12 + length


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _rows(raw: bytes, length: int, step: int) -> Iterator[bytes]:
    """Each row without its filter (PNG specification, section 9)."""
    above = bytes(length)
    for at in range(0, len(raw), length + 1):
        kind, row = raw[at], bytearray(raw[at + 1 : at + 1 + length])
        for here in range(length) if kind else ():
            left = row[here - step] if here >= step else 0
            if kind == 1:
                guess = left
            elif kind == 2:
                guess = above[here]
            elif kind == 3:
                guess = (left + above[here]) // 2
            else:
                guess = _paeth(left, above[here], above[here - step] if here >= step else 0)
            row[here] = (row[here] + guess) & 255
        above = bytes(row)
        yield above


def _paeth(left: int, above: int, corner: int) -> int:
    guess = left + above - corner
    by_left, by_above, by_corner = abs(guess - left), abs(guess - above), abs(guess - corner)
    if by_left <= by_above and by_left <= by_corner:
        return left
    return above if by_above <= by_corner else corner


def _distance(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))
