"""What a file tells of its maker goes, and nothing that is seen or heard changes."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image, PngImagePlugin

from bridge.errors import Refused
from bridge.media.inspection import inspect
from bridge.media.metadata import stripped
from tests.bridge.media.pictures import FILM, GPS, RECORDING, gif, jpeg, png, saved


def opened(body: bytes) -> Image.Image:
    return Image.open(io.BytesIO(body))


def exif(body: bytes) -> Image.Exif:
    return opened(body).getexif()


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "avif"])
def test_a_picture_with_a_place_crosses_without_it(kind: str) -> None:
    body = jpeg(located=True, kind=kind.upper())
    assert exif(body).get_ifd(GPS), "the test would prove nothing"
    clean = stripped(body, f"image/{kind}")
    assert not exif(clean)
    assert b"A camera" not in clean
    assert b"2026" not in clean
    assert inspect(clean, most_pixels=100).media_type == f"image/{kind}"


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
def test_no_pixel_changes(kind: str) -> None:
    body = jpeg(located=True, kind=kind.upper())
    assert opened(stripped(body, f"image/{kind}")).tobytes() == opened(body).tobytes()


@pytest.mark.parametrize("turn", range(2, 9))
def test_which_way_up_it_is_stays(turn: int) -> None:
    clean = stripped(jpeg(turn=turn, located=True), "image/jpeg")
    assert dict(exif(clean)) == {0x0112: turn}


def test_the_colours_a_picture_was_made_with_stay() -> None:
    profile = bytes(range(128)) * 2
    body = saved(Image.new("RGB", (8, 6)), "JPEG", icc_profile=profile, comment=b"made in the garden")
    clean = stripped(body, "image/jpeg")
    assert opened(clean).info["icc_profile"] == profile
    assert b"garden" not in clean


def test_a_progressive_picture_with_restarts_is_walked_whole() -> None:
    noise = Image.effect_noise((160, 120), 90).convert("RGB")
    body = saved(noise, "JPEG", progressive=True, restart_marker_rows=1, quality=95)
    assert opened(stripped(body, "image/jpeg")).tobytes() == opened(body).tobytes()


def test_words_in_a_png_go() -> None:
    told = PngImagePlugin.PngInfo()
    told.add_text("Author", "Ana")
    told.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta/>")
    clean = stripped(saved(Image.new("RGB", (8, 6)), "PNG", pnginfo=told), "image/png")
    assert b"Ana" not in clean
    assert b"xmpmeta" not in clean


def test_an_animation_keeps_moving_and_loses_its_comment() -> None:
    body = gif(frames=3)
    clean = stripped(body, "image/gif")
    assert b"made by hand" in body
    assert b"made by hand" not in clean
    assert (opened(clean).n_frames, opened(clean).info["loop"]) == (3, 0)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("kind", "body"), [("image/jpeg", jpeg()), ("image/png", png()), ("image/gif", gif())])
def test_a_file_that_is_two_things_at_once_arrives_as_one(kind: str, body: bytes) -> None:
    second = b"PK\x03\x04<script>alert(1)</script>"
    assert stripped(body + second, kind) == stripped(body, kind)
    assert second not in stripped(body + second, kind)


def test_a_webp_ends_where_it_says_it_ends() -> None:
    body = jpeg(kind="WEBP")
    assert stripped(body + b"<script>", "image/webp") == stripped(body, "image/webp")


def test_a_film_loses_its_place_and_no_offset_in_it_changes() -> None:
    clean = stripped(FILM, "video/mp4")
    assert b"+51.5074" in FILM
    assert b"+51.5074" not in clean
    assert len(clean) == len(FILM)
    assert clean.index(b"frames") == FILM.index(b"frames")
    assert b"\xe0\xe0\xe0\xe0" not in clean, "when it was made"


def test_a_recording_stays_as_it_was() -> None:
    assert stripped(RECORDING, "audio/ogg") == RECORDING


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("image/jpeg", jpeg()[:-2]),
        ("image/png", png()[:-12]),
        ("image/gif", gif()[:-1]),
        ("video/mp4", struct.pack(">I4s", 4, b"moov") + bytes(8)),
        ("video/mp4", struct.pack(">I4s", 4_000, b"moov") + bytes(8)),
    ],
)
def test_a_broken_structure_is_refused_not_passed_on(kind: str, body: bytes) -> None:
    with pytest.raises(Refused) as refusal:
        stripped(body, kind)
    assert refusal.value.public == "The file is damaged."
