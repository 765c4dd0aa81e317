"""A fediverse attachment is a file beside the words; a file beside the words is a `Document`, which every peer accepts.

Activitypub.md 3.5. Lemmy drops the whole object over an attachment of type Video or Audio; the alternative text goes out as `name` and
as `summary`, since Mastodon is moving from the one to the other.
"""

from __future__ import annotations

import re

from bridge.model.content.message import Attachment
from protocols.activitypub.translate.thing import Thing
from protocols.activitypub.wire import Document

MOST = 16
MOST_PLAYED = 16_000_000
"""Bytes of the recording that is chosen where its server has it in several sizes: what one file may have by default."""
_FILES = frozenset({"Document", "Image", "Video", "Audio"})
_DURATION = re.compile(r"P(?:(\d{1,3})D)?T?(?:(\d{1,4})H)?(?:(\d{1,5})M)?(?:(\d{1,7}(?:\.\d{1,3})?)S)?")
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]{1,80}")
_GUESS = {"Image": "image/jpeg", "Video": "video/mp4", "Audio": "audio/mpeg"}
_ENDINGS = {
    "jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "gif": "image/gif", "webp": "image/webp", "avif": "image/avif",
    "mp4": "video/mp4", "webm": "video/webm", "mov": "video/quicktime", "mp3": "audio/mpeg", "ogg": "audio/ogg", "oga": "audio/ogg",
    "opus": "audio/ogg", "flac": "audio/flac", "wav": "audio/wav", "pdf": "application/pdf",
}  # fmt: skip


def read_attachments(said: Thing, *, sensitive: bool) -> tuple[Attachment, ...]:
    """The first sixteen files that have an address."""
    read = (_read(thing, sensitive=sensitive) for thing in said.things("attachment") if thing.type in _FILES)
    return tuple(attachment for attachment in read if attachment is not None)[:MOST]


def read_played(said: Thing, *, sensitive: bool) -> tuple[Attachment, ...]:
    """What a post is that is a film, recording or picture itself: the largest form of it that is not too much (PeerTube has up to eight)."""
    best: tuple[float, Attachment] | None = None
    for link in said.things("url"):
        size, href, media_type = link.number("size"), link.text("href"), link.text("mediaType").lower()
        if media_type.partition("/")[0] not in {"video", "audio", "image"} or not href.startswith(("https://", "http://")):
            continue
        height = link.number("height") or 0
        if (size is None or size <= MOST_PLAYED) and (best is None or height > best[0]):
            shown = said.having("url", href).having("mediaType", media_type)
            for name in ("width", "height"):
                shown = shown.having(name, link.members.get(name, said.members.get(name)))
            read = _read(shown.having("summary", said.text("name")), sensitive=sensitive)
            best = (height, read) if read is not None else best
    return (best[1],) if best is not None else ()


def type_by_ending(url: str) -> str | None:
    """The media type that the end of an address suggests."""
    return _ENDINGS.get(url.partition("?")[0].rpartition(".")[2].lower())


def _read(thing: Thing, *, sensitive: bool) -> Attachment | None:
    url = thing.one_id("url") or thing.text("href")
    if not url.startswith(("https://", "http://")):
        return None
    link = thing.thing("url")
    media_type = thing.text("mediaType").lower() or (link.text("mediaType").lower() if link else "")
    if not _MEDIA_TYPE.fullmatch(media_type):
        media_type = type_by_ending(url) or _GUESS.get(thing.type, "application/octet-stream")
    return Attachment(
        url=url,
        media_type=media_type,
        description=(thing.text("summary") or thing.text("name"))[:10_000],
        width=_size(thing, "width"),
        height=_size(thing, "height"),
        duration=_seconds(thing.text("duration")),
        blurhash=thing.text("blurhash")[:200] or None,
        focus=_focus(thing),
        sensitive=sensitive,
    )


def _size(thing: Thing, name: str) -> int | None:
    value = thing.number(name)
    return int(value) if value is not None and 0 < value < 100_000 else None


def _focus(thing: Thing) -> tuple[float, float] | None:
    match thing.many("focalPoint"):
        case [int() | float() as x, int() | float() as y] if -1 <= x <= 1 and -1 <= y <= 1:
            return (float(x), float(y))
    return None


def _seconds(text: str) -> float | None:
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()):
        return None
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return days * 86_400 + hours * 3_600 + minutes * 60 + seconds


def write_attachment(attachment: Attachment) -> Document:
    document: Document = {"type": "Document", "mediaType": attachment.media_type, "url": attachment.url}
    if attachment.description:
        document |= {"name": attachment.description, "summary": attachment.description}
    if attachment.width and attachment.height:
        document |= {"width": attachment.width, "height": attachment.height}
    if attachment.duration is not None:
        document["duration"] = f"PT{attachment.duration:g}S"
    if attachment.blurhash:
        document["blurhash"] = attachment.blurhash
    if attachment.focus is not None:
        document["focalPoint"] = list(attachment.focus)
    return document
