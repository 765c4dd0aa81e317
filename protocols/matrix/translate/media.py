"""On Matrix a file is an event of its own, `m.image`, `m.video`, `m.audio`, `m.file` or a sticker; here it is an Attachment of a message.

https://spec.matrix.org/v1.18/client-server-api/#mroommessage-msgtypes; captions since Matrix 1.10. Unstable: MSC4193 (spoilers, as gomuks and
Cinny show them) and MSC2448 (blurhash). A place in the world is never turned into a map link: the words of the sender say as much as they
wished to say.
"""

from __future__ import annotations

import hashlib
import html as _html
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import msgspec

from bridge.model.content.message import Attachment, ContentNote, Message
from bridge.model.ids import NAMESPACE
from bridge.model.record import Upload
from bridge.model.richtext import RichText
from bridge.refs import Refs
from protocols.htmltree import scrub
from protocols.matrix.ids import Me
from protocols.matrix.translate.words import Words, write_words
from protocols.matrix.wire import NewContent
from protocols.richtext import to_core

__all__ = ["File", "Gone", "Show", "completed", "described", "digest_of", "file_of", "is_file", "is_media", "read_file"]

MOST_DESCRIPTION: Final = 5_000
"""Characters; Mastodon 4 takes 1,500, and an edit carries them twice."""

SPOILER: Final = "page.codeberg.everypizza.msc4193.spoiler"
BLURHASH: Final = "xyz.amorgan.blurhash"
FOCUS: Final = f"{NAMESPACE}.focus"
"""The point of a picture that is never cut off, x and y in thousandths from -1000 to 1000: events have no fractions."""

_KINDS = {
    "m.image": ("🖼", "a picture", "image/jpeg"),
    "m.video": ("🎬", "a video", "video/mp4"),
    "m.audio": ("🔊", "a recording", "audio/ogg"),
    "m.file": ("📎", "a file", "application/octet-stream"),
    "m.sticker": ("🖼", "a sticker", "image/webp"),
    "m.location": ("📍", "a place", ""),
}
_MSGTYPES = {"image": "m.image", "video": "m.video", "audio": "m.audio"}
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]{1,80}")
_FILENAME = re.compile(r"[^\n]{1,120}\.[A-Za-z0-9]{2,5}")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\:*?\"<>|\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def is_media(msgtype: str) -> bool:
    return msgtype in _KINDS


def is_file(content: NewContent, msgtype: str) -> bool:
    """Does it hold a file, or only words about something?"""
    return msgtype in _KINDS and msgtype != "m.location" and (content.url is not None or content.file is not msgspec.UNSET)


def described(content: NewContent, msgtype: str, words: Words, url: str | None) -> RichText:
    """Its caption, then one line that names it and says where it can be seen. `url` None: the room is not for everyone."""
    sign, kind, _ = _KINDS[msgtype]
    captioned = content.filename is not None and content.filename != content.body
    name = " ".join(scrub((content.filename if captioned else content.body) or "").split())[:200] or kind
    label = _html.escape(name, quote=False)
    linked = f'<a href="{_html.escape(url)}">{label}</a>' if url else label
    told = "" if name == kind else f"{kind}; "
    line = f"<p>{sign} {linked} ({told}{'open it in the room' if url else 'it is in the room'})</p>"
    return to_core(RichText(html=(words.text.html if captioned else "") + line), len(words.mentions))


# ------------------------------------------------------------------------------------------------------------------ reading


def read_file(content: NewContent, msgtype: str, words: Words) -> tuple[RichText, Attachment, ContentNote | None]:
    """The words beside it, the file, and what its sender says before one looks.

    A caption is the words, and the description too: there is no other place for one. Without a caption `body` is the file's name, or
    "could be the alt text" as the specification says: what does not look like a name is taken for a description. An encrypted file has no
    address that anybody could use.
    """
    captioned = content.filename is not None and content.filename != content.body
    named = content.filename if captioned else content.body
    alone = " ".join(scrub(content.body).split())
    is_name = not captioned and msgtype != "m.sticker" and (_FILENAME.fullmatch(alone) is not None or content.filename == content.body)
    description = words.text.plain if captioned else "" if is_name else alone
    note = words.note
    if content.spoiler is True and note is None:
        reason = content.spoiler_reason if isinstance(content.spoiler_reason, str) else ""
        note = ContentNote(" ".join(scrub(reason).split())[:200])
    info: Mapping[str, Any] = content.info if isinstance(content.info, dict) else {}
    media_type = info.get("mimetype")
    blurhash = info.get(BLURHASH)
    attachment = Attachment(
        url=content.url if content.url is not None and content.file is msgspec.UNSET else "",
        media_type=media_type if isinstance(media_type, str) and _MEDIA_TYPE.fullmatch(media_type) else _KINDS[msgtype][2],
        description=description[:MOST_DESCRIPTION],
        name=_name(named or "") if captioned or is_name else "",
        size=_whole(info, "size", 2**40),
        width=_whole(info, "w", 100_000),
        height=_whole(info, "h", 100_000),
        duration=_seconds(info),
        blurhash=blurhash if isinstance(blurhash, str) and 6 <= len(blurhash) <= 120 else None,
        focus=_focus(info.get(FOCUS)),
        sensitive=note is not None,
    )
    return words.text if captioned else RichText(), attachment, note


def _focus(value: object) -> tuple[float, float] | None:
    match value:
        case [int() as x, int() as y] if -1000 <= x <= 1000 and -1000 <= y <= 1000:
            return (x / 1000, y / 1000)
    return None


def _whole(info: Mapping[str, Any], key: str, most: int) -> int | None:
    value = info.get(key)
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= most else None


def _seconds(info: Mapping[str, Any]) -> float | None:
    milliseconds = _whole(info, "duration", 10**9)
    return milliseconds / 1000 if milliseconds else None


def _name(text: str) -> str:
    return _UNSAFE.sub("_", " ".join(scrub(text).split()))[:120].strip(" .")


# ------------------------------------------------------------------------------------------------------------------ writing


class File(msgspec.Struct, frozen=True):
    """One file on its way into a room: fetched from `source`, then sent as `content`, or as `instead` where it cannot be had.

    `number` 0 is the copy's first event itself, since there were no words to be one. `replaces`: the event whose newer form this is.
    """

    number: int
    source: str
    digest: str
    content: dict[str, Any]
    instead: dict[str, Any]
    replaces: str = ""


class Gone(msgspec.Struct, frozen=True):
    """A part that is not shown any more."""

    number: int
    event: str


class Show(msgspec.Struct, frozen=True):
    """Several events that are one message: its words, if there are any, then its files in order."""

    words: dict[str, Any] | None = None
    files: tuple[File, ...] = ()
    gone: tuple[Gone, ...] = ()


def digest_of(attachment: Attachment, note: ContentNote | None, caption: str = "") -> str:
    """The same for a file that looks the same."""
    return hashlib.blake2b(msgspec.json.encode([attachment, note, caption]), digest_size=16).hexdigest()


def file_of(
    message: Message,
    number: int,
    attachment: Attachment,
    me: Me,
    refs: Refs,
    *,
    url: str | None,
    more: Mapping[str, Any],
    caption: str = "",
) -> File:
    """`number` as in File; `more` are the keys that every event of this message carries; `caption` is said before the description."""
    name = _name(attachment.name or unquote(PurePosixPath(urlsplit(attachment.url).path).name)) or "file"
    shown = "\n\n".join(filter(None, (caption, scrub(attachment.description)[:MOST_DESCRIPTION].strip())))
    content: dict[str, Any] = {"filename": name, "m.mentions": {}, **more}
    hidden = message.note is not None or attachment.sensitive
    if hidden:
        reason = " ".join(scrub(message.note.text).split()) if message.note is not None else ""
        content[SPOILER] = True
        if reason:
            content[f"{SPOILER}.reason"] = reason
        # Clients that do not know the sign show the picture: at least the words beside it say what it is.
        shown = " ".join(filter(None, (f"[{reason or 'Sensitive'}]", shown)))
    content["body"] = shown or name
    info: dict[str, Any] = {"mimetype": attachment.media_type}
    measures = (("size", attachment.size), ("w", attachment.width), ("h", attachment.height))
    info |= {key: value for key, value in measures if value}
    if attachment.duration is not None:
        info["duration"] = int(attachment.duration * 1000)
    if attachment.blurhash:
        info[BLURHASH] = attachment.blurhash
    if attachment.focus is not None:
        info[FOCUS] = [round(1000 * part) for part in attachment.focus]
    content["info"] = info
    return File(
        number=number,
        source=attachment.url,
        digest=digest_of(attachment, message.note, caption),
        content=content,
        instead={**write_words(_instead(message, attachment, url, caption), me, refs, url), **more},
    )


def _instead(message: Message, attachment: Attachment, url: str | None, caption: str) -> Message:
    """The file as words and where it can be seen."""
    sign, kind, _ = _KINDS[_msgtype(attachment.media_type)]
    label = " ".join(scrub(attachment.description or attachment.name).split())[:500] or kind
    where = attachment.url if attachment.url.startswith(("https://", "http://")) else url
    shown = _html.escape(label, quote=False)
    linked = f'<a href="{_html.escape(where)}">{shown}</a>' if where else shown
    told = "" if label == kind else f" ({kind})"
    before = f"<p>{_html.escape(caption, quote=False)}</p>" if caption else ""
    note = message.note or (ContentNote() if attachment.sensitive else None)
    text = to_core(RichText(html=f"{before}<p>{sign} {linked}{told}</p>"), 0)
    return Message(text=text, note=note)


def completed(file: File, upload: Upload) -> dict[str, Any]:
    """The content with the file in it: what was found counts, what its sender said fills in the rest."""
    info = dict(file.content["info"])
    if upload.media_type:  # else it is the homeserver's own, and nobody looked at it anew
        info |= {"mimetype": upload.media_type, "size": upload.size}
    if upload.width and upload.height:
        info |= {"w": upload.width, "h": upload.height}
    return {**file.content, "msgtype": _msgtype(info["mimetype"]), "url": upload.address, "info": info}


def _msgtype(media_type: str) -> str:
    return _MSGTYPES.get(media_type.partition("/")[0], "m.file")
