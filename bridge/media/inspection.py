"""What a file is, told by looking at its bytes and never by what somebody says of it; too many pixels are refused before any is decoded.

activitypub.md 1.9, matrix.md section 13. SVG, HTML and XML are no media here: a browser would run what is in them.
"""

from __future__ import annotations

import io
import warnings
from typing import Final

import msgspec
import puremagic
from PIL import Image, UnidentifiedImageError

from bridge.errors import Refused, TooLarge

__all__ = ["ENDINGS", "MOST_FRAMES", "SHOWN", "Found", "inspect"]

ENDINGS: Final = {
    "image/jpeg": "jpg", "image/png": "png", "image/gif": "gif", "image/webp": "webp", "image/avif": "avif",
    "video/mp4": "mp4", "video/webm": "webm", "video/quicktime": "mov",
    "audio/mpeg": "mp3", "audio/ogg": "ogg", "audio/mp4": "m4a", "audio/flac": "flac", "audio/wav": "wav",
    "application/pdf": "pdf", "application/epub+zip": "epub",
}  # fmt: skip
"""Everything that is carried at all, and how its name ends."""

SHOWN: Final = frozenset(kind for kind in ENDINGS if not kind.startswith("application/"))
"""What we serve ourselves: pictures, films and recordings that browsers show without running anything."""

MOST_FRAMES: Final = 1_000
"""Of an animation."""

_SAME = {
    "image/jpg": "image/jpeg", "image/apng": "image/png", "audio/mp3": "audio/mpeg", "audio/x-flac": "audio/flac",
    "audio/wave": "audio/wav", "audio/x-wav": "audio/wav", "audio/vnd.wave": "audio/wav", "application/ogg": "audio/ogg",
    "audio/x-m4a": "audio/mp4", "audio/m4a": "audio/mp4", "video/x-m4v": "video/mp4", "audio/opus": "audio/ogg",
}  # fmt: skip
_FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/gif": "GIF", "image/webp": "WEBP", "image/avif": "AVIF"}
_HEAD = 4_096
_BRANDS = {
    b"avif": "image/avif", b"avis": "image/avif", b"qt  ": "video/quicktime", b"M4A ": "audio/mp4", b"M4B ": "audio/mp4", b"F4A ": "audio/mp4",
}  # fmt: skip
_FILMS = frozenset(
    {b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"dash", b"M4V ", b"MSNV", b"3gp4", b"3gp5", b"f4v "}
)


class Found(msgspec.Struct, frozen=True):
    """`width` and `height` in pixels as shown (a picture lying on its side is turned), for pictures only."""

    media_type: str
    width: int | None = None
    height: int | None = None


def inspect(body: bytes, *, most_pixels: int) -> Found:
    """Raises Refused for what is no picture, film, recording or document we carry, TooLarge for too many pixels or frames."""
    media_type = _sniff(body)
    if media_type not in ENDINGS:
        raise Refused("It is no picture, film or recording.", private=f"sniffed as {media_type or 'nothing known'}")
    kind = _FORMATS.get(media_type)
    if kind is None:
        return Found(media_type)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # our own bound is below the library's
            with Image.open(io.BytesIO(body), formats=[kind]) as image:
                width, height = image.size
                frames = getattr(image, "n_frames", 1) if width * height <= most_pixels else 1
                turned = image.getexif().get(0x0112, 1) in range(5, 9) if kind in {"JPEG", "WEBP"} else False
                if width * height <= most_pixels:
                    image.verify()
    except Image.DecompressionBombError as error:  # the library's own bound, far above ours
        raise _swollen(most_pixels) from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, KeyError, IndexError) as error:
        raise Refused("The picture is damaged.", private=f"{media_type}: {type(error).__name__}") from error
    if width * height > most_pixels:
        raise _swollen(most_pixels)
    if frames > MOST_FRAMES:
        raise TooLarge(f"The animation has more than {MOST_FRAMES} frames.")
    return Found(media_type, height, width) if turned else Found(media_type, width, height)


def _swollen(most_pixels: int) -> TooLarge:
    return TooLarge(f"The picture has more than {most_pixels / 1_000_000:g} million pixels.")


def _sniff(body: bytes) -> str:
    """The media type as the first bytes tell it, "" for none that is known."""
    head = body[:_HEAD]
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        # The library knows some brands of the MP4 family and takes others for any of six formats.
        return _BRANDS.get(brand) or ("video/mp4" if brand in _FILMS else "")
    if head[:4] == b"\x1aE\xdf\xa3":
        return "video/webm" if b"webm" in head[:64] else ""
    if head[:4] == b"OggS":
        return "audio/ogg" if any(codec in head for codec in (b"OpusHead", b"\x01vorbis", b"\x7fFLAC", b"Speex")) else ""
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(head[8:12], "")
    if head[:2] == b"PK":
        return "application/epub+zip" if head[30:58] == b"mimetypeapplication/epub+zip" else ""
    try:
        guesses = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        return ""
    for guess in guesses:
        named: str = _SAME.get(guess.mime_type, guess.mime_type)
        # A sign that may stand anywhere in a file is no sign of what the file is.
        if guess.offset == 0 and named in ENDINGS:
            return named
    return ""
