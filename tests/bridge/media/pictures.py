"""Small real files for tests, made on the spot: nothing of anybody's is in the repository."""

from __future__ import annotations

import io
import struct
from typing import Any

from PIL import Image

__all__ = ["FILM", "GPS", "RECORDING", "gif", "jpeg", "png", "saved"]

GPS = 0x8825
"""The Exif block that says where a picture was taken."""


def saved(image: Image.Image, kind: str, **more: Any) -> bytes:
    body = io.BytesIO()
    image.save(body, kind.upper(), **more)
    return body.getvalue()


def png(width: int = 8, height: int = 6, colour: str = "green") -> bytes:
    return saved(Image.new("RGB", (width, height), colour), "PNG")


def jpeg(*, turn: int = 1, located: bool = False, kind: str = "JPEG") -> bytes:
    """Eight by six pixels. `located`: with a place, a camera and a time, as telephones make them."""
    image = Image.new("RGB", (8, 6), "blue")
    exif = Image.Exif()
    if turn != 1:
        exif[0x0112] = turn
    if located:
        exif[0x010F] = "A camera"
        exif[0x0132] = "2026:11:24 12:00:00"
        exif.get_ifd(GPS).update({1: "N", 2: (51.0, 30.0, 0.0), 3: "E", 4: (0.0, 7.0, 0.0)})
    return saved(image, kind, exif=exif.tobytes()) if len(exif) or located else saved(image, kind)


def gif(*, frames: int = 2) -> bytes:
    images = [Image.new("L", (1, 1), 255 * (number % 2)) for number in range(frames)]
    return saved(images[0], "GIF", save_all=True, append_images=images[1:], loop=0, comment=b"made by hand")


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, kind) + body


_PLACE = _box(b"udta", _box(b"\xa9xyz", b"\0\x12\x15\xc7+51.5074-000.1278/"))
FILM = (
    _box(b"ftyp", b"isom\0\0\2\0isommp41")
    + _box(
        b"moov",
        _box(b"mvhd", b"\0\0\0\0" + b"\xe0\xe0\xe0\xe0" * 2 + bytes(88)) + _box(b"trak", _box(b"tkhd", bytes(84)) + _PLACE) + _PLACE,
    )
    + _box(b"mdat", b"frames" * 9)
)
"""The frame of a film with a place in it, twice."""

RECORDING = b"OggS\0\2" + bytes(20) + b"\1\x13OpusHead\1\1" + bytes(40)
