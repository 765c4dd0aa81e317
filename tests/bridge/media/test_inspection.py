"""A file is what its bytes say; what could run in a browser, or swell when it is opened, is no media."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image

from bridge.errors import Refused, TooLarge
from bridge.media.inspection import ENDINGS, Found, inspect
from tests.bridge.media.pictures import FILM, RECORDING, gif, jpeg, png, saved

MILLION = 1_000_000


def found(body: bytes) -> Found:
    return inspect(body, most_pixels=40 * MILLION)


@pytest.mark.parametrize("kind", ["jpeg", "png", "gif", "webp", "avif"])
def test_a_picture_is_known_by_its_bytes_and_measured(kind: str) -> None:
    assert found(saved(Image.new("RGB", (8, 5), "red"), kind)) == Found(f"image/{kind}", 8, 5)


def test_a_picture_that_lies_on_its_side_is_measured_as_it_is_shown() -> None:
    assert found(jpeg(turn=6)) == Found("image/jpeg", 6, 8)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (FILM, "video/mp4"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + bytes(64), "video/quicktime"),
        (b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webm" + bytes(64), "video/webm"),
        (b"\0\0\0\x1cftypM4A \0\0\0\0M4A mp42isom" + bytes(64), "audio/mp4"),
        (RECORDING, "audio/ogg"),
        (b"ID3\x03\0\0\0\0\0\0" + b"\xff\xfb\x90\0" + bytes(64), "audio/mpeg"),
        (b"fLaC\0\0\0\x22" + bytes(64), "audio/flac"),
        (b"RIFF\x24\0\0\0WAVEfmt " + bytes(64), "audio/wav"),
        (b"%PDF-1.7\n" + bytes(64), "application/pdf"),
    ],
)
def test_films_and_recordings_are_known_by_their_bytes(body: bytes, kind: str) -> None:
    assert found(body) == Found(kind)


@pytest.mark.parametrize(
    "body",
    [
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
        b"<!DOCTYPE html><html><script>alert(1)</script>",
        b"\xef\xbb\xbf  <html>",
        b"%!PS-Adobe-3.0 EPSF-3.0",
        b"MZ\x90\0" + bytes(64),
        b"\x7fELF" + bytes(64),
        b"PK\x03\x04" + bytes(64),
        b'{"@context":"https://www.w3.org/ns/activitystreams","type":"Note"}',
        b"BM" + bytes(64),
        b"II*\0" + bytes(64),
        b"just words",
        b"",
    ],
    ids=lambda body: repr(body[:12]),
)
def test_whatever_else_it_is_is_refused(body: bytes) -> None:
    with pytest.raises(Refused) as refusal:
        found(body)
    assert refusal.value.public in {"It is no picture, film or recording.", "The picture is damaged."}


def test_a_bomb_is_refused_before_a_pixel_is_made() -> None:
    """20,000 by 20,000 pixels in 60 kB: 1.2 GB when opened."""
    rows = zlib.compressobj(9)
    packed = b"".join(rows.compress(bytes(20_001)) for _ in range(20_000)) + rows.flush()
    bomb = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", struct.pack(">IIBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0)), (b"IDAT", packed), (b"IEND", b""))
    )
    assert len(bomb) < 500_000
    with pytest.raises(TooLarge, match="40 million pixels"):
        found(bomb)


def test_the_bound_on_pixels_is_exact() -> None:
    assert inspect(png(100, 100), most_pixels=10_000).width == 100
    with pytest.raises(TooLarge):
        inspect(png(100, 100), most_pixels=9_999)


def test_an_animation_without_end_is_refused() -> None:
    with pytest.raises(TooLarge, match="1000 frames"):
        found(gif(frames=1_001))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
def test_a_head_without_a_picture_is_damaged(kind: str) -> None:
    body = saved(Image.new("RGB", (64, 64)), kind)
    with pytest.raises(Refused):
        found(body[:10])


def test_words_that_begin_like_a_picture_are_no_picture() -> None:
    with pytest.raises(Refused):
        found(b"GIF89a/*<script>alert(1)</script>*/=1;" + bytes(32))


def test_every_kind_that_is_carried_has_an_ending_of_its_own() -> None:
    assert len(set(ENDINGS.values())) == len(ENDINGS)


def test_the_library_is_never_asked_to_open_another_format() -> None:
    """A TIFF under the name of a picture is what no one expects: its decoder has had the most holes."""
    body = io.BytesIO()
    Image.new("RGB", (4, 4)).save(body, "TIFF")
    with pytest.raises(Refused):
        found(body.getvalue())
