"""The words of a message or of its newer form: on Matrix a content with `body`, here a Message; both directions side by side."""

from __future__ import annotations

from typing import Any

from bridge.model.content.message import Attachment, Message
from bridge.model.event import Event
from bridge.model.richtext import RichText
from bridge.refs import Refs
from protocols.matrix.ids import Me
from protocols.matrix.translate.frame import Frame, page
from protocols.matrix.translate.location import read_location
from protocols.matrix.translate.media import described, is_file, is_media, read_file
from protocols.matrix.translate.relation import Standing
from protocols.matrix.translate.words import Words, fits, language_of, spoken, write_words
from protocols.matrix.wire import NewContent
from protocols.richtext import from_text

__all__ = ["outside", "read_body", "whereabouts", "write_body"]

_SHORT = (8_000, 4_000)
"""Bytes of plain text when HTML and all does not fit."""


def read_body(frame: Frame, content: NewContent, msgtype: str, words: Words, standing: Standing) -> Message:
    """The message itself; a file or place that cannot be read becomes a line that says what it is."""
    text, note = words.text, words.note
    location = read_location(content) if msgtype == "m.location" else None
    attachments: tuple[Attachment, ...] = ()
    if is_file(content, msgtype):
        text, attachment, note = read_file(content, msgtype, words)
        attachments = (attachment,)
    elif location is not None:
        text = RichText()
    elif is_media(msgtype):
        text = described(content, msgtype, words, page(frame))
    return Message(
        text=text,
        reply_to=standing.reply_to,
        thread=standing.thread,
        mentions=words.mentions,
        language=language_of(content),
        note=note,
        attachments=attachments,
        manner=words.manner,
        emojis=words.emojis,
        location=location,
    )


def whereabouts(event: Event) -> str | None:
    """Where people can read it at home."""
    born = event.provenance.native.id
    return event.provenance.url or (born if born.startswith(("https://", "http://")) else None)


def outside(event: Event) -> dict[str, Any]:
    """The key by which clients offer that address."""
    url = whereabouts(event)
    return {"external_url": url} if url is not None and len(url) <= 2_000 else {}


def write_body(message: Message, event: Event, refs: Refs, me: Me) -> dict[str, Any]:
    """The words as Matrix shows them, small enough that an edit can carry them twice."""
    content = {**write_words(message, me, refs, whereabouts(event)), **outside(event)}
    for room in _SHORT:
        if fits({"first": content, "again": content}):
            break
        # Text of nothing but quotation marks doubles in JSON, so what the room's capability let through can still be too long.
        cut = message.text.plain.encode()[:room].decode("utf-8", "ignore")
        content["body"] = from_text(cut).plain + " …"
        content.pop("formatted_body", None)
        content.pop("format", None)
    told = spoken(content, message.language)
    return told if fits({"first": told, "again": told}) else content
