"""Something said: a post, a reply, a message in a thread."""

from __future__ import annotations

import enum

import msgspec

from bridge.model.ids import Native, ObjectId
from bridge.model.richtext import RichText


class Mention(msgspec.Struct, frozen=True):
    """A person named in the text, and how they were called there."""

    actor: Native
    name: str


class Attachment(msgspec.Struct, frozen=True):
    """A file beside the words. Sizes in bytes and pixels, `duration` in seconds, `focus` x and y in -1..1."""

    url: str
    media_type: str
    description: str = ""
    name: str = ""
    size: int | None = None
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    blurhash: str | None = None
    focus: tuple[float, float] | None = None
    sensitive: bool = False


class Emoji(msgspec.Struct, frozen=True):
    """A picture that people of a server or room call `:name:`, as it stands in the text; `name` has letters, digits and `_` alone."""

    name: str
    url: str
    media_type: str = ""


class Location(msgspec.Struct, frozen=True):
    """A place in the world that the author named on purpose. Degrees north and east (WGS 84); None where it only has a name."""

    name: str = ""
    latitude: float | None = None
    longitude: float | None = None

    @property
    def said(self) -> str:
        """It in words: `📍 By the old mill (51.5, 0.1)`."""
        where = ""
        if self.latitude is not None and self.longitude is not None:
            where = f"{degrees(self.latitude)}, {degrees(self.longitude)}"
        return f"📍 {self.name} ({where})" if self.name and where else f"📍 {self.name or where}"


def degrees(value: float) -> str:
    """With at most six decimals, which is a hand's breadth."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


class ContentNote(msgspec.Struct, frozen=True):
    """What the author says before one looks: a content warning."""

    text: str = ""
    sensitive: bool = True


class Manner(enum.StrEnum):
    """How it was said on Matrix; elsewhere `emote` shows as the name before the words."""

    TEXT = "text"
    EMOTE = "emote"
    NOTICE = "notice"


class Message(msgspec.Struct, frozen=True, tag="message"):
    """`thread` is the object at the root of the conversation (None when this is one), `reply_to` the object answered.

    `poll`: it asks people to choose, which they can where it was asked and nowhere else.
    """

    text: RichText
    reply_to: ObjectId | None = None
    thread: ObjectId | None = None
    mentions: tuple[Mention, ...] = ()
    language: str | None = None
    title: str | None = None
    note: ContentNote | None = None
    attachments: tuple[Attachment, ...] = ()
    manner: Manner = Manner.TEXT
    emojis: tuple[Emoji, ...] = ()
    location: Location | None = None
    poll: bool = False

    @property
    def is_empty(self) -> bool:
        """Does it say and show nothing?"""
        return not (self.text or self.title or self.attachments or self.location)
