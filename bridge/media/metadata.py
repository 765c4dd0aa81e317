"""Takes out of a file where it was made, when and with what, and leaves every pixel and sample as it was (norms.md N08).

Pictures and films are walked by their own structure, nothing is decoded, and what stands behind the end of a picture goes too: a file that is
two things at once arrives as one. JPEG: ITU T.81 B.1; PNG: third edition 5.3; GIF89a; WebP: RFC 9649; MP4 and QuickTime: ISO 14496-12 4.2.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

from PIL import Image

from bridge.errors import Refused

__all__ = ["stripped"]

_PNG_HEAD = b"\x89PNG\r\n\x1a\n"
_PNG_TOLD = frozenset({b"eXIf", b"tEXt", b"iTXt", b"zTXt", b"tIME"})
_WEBP_TOLD = frozenset({b"EXIF", b"XMP "})
_WEBP_FLAGS = 0x08 | 0x04
_INSIDE = frozenset({b"moov", b"trak", b"mdia", b"minf", b"edts", b"dinf"})
_TOLD = frozenset({b"udta", b"meta", b"uuid"})
_QUALITY = 90


def stripped(body: bytes, media_type: str) -> bytes:
    """The same file without what it tells of its maker. Raises Refused when its structure is broken."""
    try:
        match media_type:
            case "image/jpeg":
                return b"".join(_jpeg(body))
            case "image/png":
                return b"".join(_png(body))
            case "image/gif":
                return b"".join(_gif(body))
            case "image/webp":
                return _webp(body)
            case "image/avif":
                return _avif(body)
            case "video/mp4" | "video/quicktime" | "audio/mp4":
                return _boxes(body)
            case _:
                return body
    except (struct.error, IndexError, ValueError, OSError, SyntaxError) as error:
        raise Refused("The file is damaged.", private=f"{media_type}: {error}") from error


def _jpeg(body: bytes) -> Iterator[bytes]:
    """Kept: JFIF, colour profile and Adobe's colour sign. Which way up the picture is stays, as the one field of a new Exif block."""
    yield body[:2]
    turn = _turn(body)
    if turn != 1:
        field = b"II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 0x0112, 3, 1, turn, 0, 0)
        yield b"\xff\xe1" + struct.pack(">H", len(field) + 8) + b"Exif\0\0" + field
    at = 2
    while True:
        if body[at] != 0xFF:
            raise ValueError(f"no marker at {at}")
        marker = body[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == 0xD9:
            yield b"\xff\xd9"
            return
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:
            yield body[at : at + 2]
            at += 2
            continue
        size = struct.unpack_from(">H", body, at + 2)[0]
        end = at + 2 + size
        if size < 2 or end > len(body):
            raise ValueError(f"a segment of {size} bytes at {at}")
        keeps = (marker == 0xE0 and body[at + 4 : at + 8] in {b"JFIF", b"JFXX"}) or marker == 0xEE
        keeps = keeps or (marker == 0xE2 and body[at + 4 : at + 15] == b"ICC_PROFILE")
        if keeps or not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            yield body[at:end]
        at = end
        if marker == 0xDA:
            at = _scan(body, at)
            yield body[end:at]


def _scan(body: bytes, at: int) -> int:
    """Where compressed data that begins at `at` ends: at a marker that is neither a stuffed byte nor a restart."""
    while True:
        at = body.find(b"\xff", at)
        if at < 0 or at + 1 >= len(body):
            raise ValueError("it has no end")
        if body[at + 1] != 0 and not 0xD0 <= body[at + 1] <= 0xD7:
            return at
        at += 2


def _turn(body: bytes) -> int:
    with Image.open(io.BytesIO(body), formats=["JPEG"]) as image:
        turn = image.getexif().get(0x0112, 1)
    return turn if isinstance(turn, int) and 1 <= turn <= 8 else 1


def _png(body: bytes) -> Iterator[bytes]:
    yield _PNG_HEAD
    at = len(_PNG_HEAD)
    while True:
        size, kind = struct.unpack_from(">I4s", body, at)
        end = at + 12 + size
        if end > len(body):
            raise ValueError(f"a chunk of {size} bytes at {at}")
        if kind not in _PNG_TOLD:
            yield body[at:end]
        if kind == b"IEND":
            return
        at = end


def _gif(body: bytes) -> Iterator[bytes]:
    """Comments and foreign applications go; the one that says how often an animation repeats stays."""
    at = 13 + (3 << ((body[10] & 7) + 1) if body[10] & 0x80 else 0)
    yield body[:at]
    while True:
        match body[at]:
            case 0x3B:
                yield b"\x3b"
                return
            case 0x2C:
                start = at + 10 + (3 << ((body[at + 9] & 7) + 1) if body[at + 9] & 0x80 else 0) + 1
                end = _sub_blocks(body, start)
                yield body[at:end]
            case 0x21:
                end = _sub_blocks(body, at + 2)
                label, name = body[at + 1], body[at + 3 : at + 14]
                if label in {0xF9, 0x01} or (label == 0xFF and name in {b"NETSCAPE2.0", b"ANIMEXTS1.0"}):
                    yield body[at:end]
            case other:
                raise ValueError(f"a block of the kind {other} at {at}")
        at = end


def _sub_blocks(body: bytes, at: int) -> int:
    while size := body[at]:
        at += size + 1
    return at + 1


def _webp(body: bytes) -> bytes:
    kept = []
    at, whole = 12, min(len(body), 8 + int(struct.unpack_from("<I", body, 4)[0]))
    while at + 8 <= whole:
        kind, size = struct.unpack_from("<4sI", body, at)
        end = at + 8 + size + size % 2
        if end > whole + 1:
            raise ValueError(f"a chunk of {size} bytes at {at}")
        chunk = body[at:end]
        if kind == b"VP8X":
            chunk = chunk[:8] + bytes([chunk[8] & ~_WEBP_FLAGS]) + chunk[9:]
        if kind not in _WEBP_TOLD:
            kept.append(chunk)
        at = end
    inside = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(inside)) + inside


def _avif(body: bytes) -> bytes:
    """Its Exif block is an item among the picture's own: what has one is written anew, the only format that loses by it."""
    with Image.open(io.BytesIO(body), formats=["AVIF"]) as image:
        if not image.getexif() and "xmp" not in image.info:
            return body
        made = io.BytesIO()
        image.save(made, "AVIF", quality=_QUALITY, save_all=getattr(image, "n_frames", 1) > 1, exif=b"", xmp=b"")
        return made.getvalue()


def _boxes(body: bytes) -> bytes:
    """What tells is turned into free space of the same size, so that no offset changes."""
    made = bytearray(body)
    _blank(made, 0, len(made), top=True)
    return bytes(made)


def _blank(body: bytearray, at: int, end: int, *, top: bool = False) -> None:
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", body, at)
        head = 8
        if size == 1:
            size, head = struct.unpack_from(">Q", body, at + 8)[0], 16
        elif size == 0:
            size = end - at
        if size < head or at + size > end:
            raise ValueError(f"a box of {size} bytes at {at}")
        if kind in _TOLD:
            body[at + 4 : at + 8] = b"free"
            body[at + head : at + size] = bytes(size - head)
        elif kind in _INSIDE:
            _blank(body, at + head, at + size)
        elif kind == b"mvhd" or kind in {b"tkhd", b"mdhd"}:
            wide = 8 if body[at + head] == 1 else 4
            body[at + head + 4 : at + head + 4 + 2 * wide] = bytes(2 * wide)
        at += size
    if top and at < end:
        del body[at:]
