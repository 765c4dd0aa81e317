"""What happens in a hall, as it is told to a node and as a node makes it happen; a wrong type is an error with its path.

A `Deed` is one thing that happened: where, by whom, when, and the act itself. A `Draft` is an act that we ask the hall for; the hall names it.
Files, content notes and languages have the core's own shapes, so that nothing is lost here.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from bridge.errors import Malformed
from bridge.model.content.membership import Change
from bridge.model.content.message import Attachment, ContentNote, Emoji, Location, Manner
from bridge.model.place import Openness

__all__ = [
    "Account",
    "Act",
    "Arrange",
    "Boost",
    "Close",
    "Come",
    "Deed",
    "Draft",
    "Expel",
    "Face",
    "Mark",
    "Named",
    "React",
    "Revise",
    "Say",
    "TakeBack",
    "Words",
    "decode",
    "dump",
]


class Account(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who acts. `address` is where they are at home, when that is not the hall."""

    id: str
    name: str = ""
    address: str = ""
    avatar: str = ""


class Named(msgspec.Struct, frozen=True):
    """Somebody named in the words: `who` as `ids.written`, `name` as it stands there."""

    who: str
    name: str


class Words(msgspec.Struct, frozen=True, omit_defaults=True):
    """`html` is the core's subset (`bridge/model/richtext.py`), or empty: then `text` is all there is."""

    text: str = ""
    html: str = ""
    mentions: tuple[Named, ...] = ()
    language: str | None = None
    title: str | None = None
    note: ContentNote | None = None
    attachments: tuple[Attachment, ...] = ()
    manner: Manner = Manner.TEXT
    emojis: tuple[Emoji, ...] = ()
    location: Location | None = None
    poll: bool = False


class Say(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="do", tag="say"):
    """`thread` is the first message of the conversation it belongs to, `reply_to` the one it answers."""

    words: Words
    reply_to: str = ""
    thread: str = ""


class Revise(msgspec.Struct, frozen=True, tag_field="do", tag="revise"):
    """The whole new words of a message."""

    of: str
    words: Words


class TakeBack(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="do", tag="take_back"):
    """Of a message, a reaction or a boost. `author`: whose it was, which the hall knows."""

    of: str
    reason: str = ""
    author: str = ""


class React(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="do", tag="react"):
    of: str
    key: str
    emoji: Emoji | None = None


class Boost(msgspec.Struct, frozen=True, tag_field="do", tag="boost"):
    of: str


class Come(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="do", tag="come"):
    """Coming and going. `who` as `ids.written`; `to` likewise, empty for the room itself."""

    change: Change
    who: str
    to: str = ""


class Face(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="do", tag="face"):
    """A new name or picture; `ended`: the account is no more."""

    account: Account
    ended: bool = False


class Arrange(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="do", tag="arrange"):
    """What is None stays as it was."""

    openness: Openness | None = None
    name: str | None = None
    successor: str | None = None


class Expel(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="do", tag="expel"):
    """Somebody may not come into the room; `lifted`: they may again. `who` as `ids.written`, `until` None where no end was named."""

    who: str
    until: datetime | None = None
    reason: str = ""
    lifted: bool = False


class Close(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="do", tag="close"):
    """A conversation takes no more answers; `opened`: it does again. `of`: its first message."""

    of: str
    opened: bool = False
    reason: str = ""


Act = Say | Revise | TakeBack | React | Boost | Come | Face | Arrange | Expel | Close


class Mark(msgspec.Struct, frozen=True):
    """What an act of a bridge says of itself, so that nothing goes round."""

    object: str
    node: str
    item: str = ""
    hops: int = 0


class Draft(msgspec.Struct, frozen=True, omit_defaults=True):
    act: Act
    mark: Mark | None = None


class Deed(msgspec.Struct, frozen=True, omit_defaults=True):
    """`id` is never given twice, also not by the hall that a restart opens."""

    id: str
    room: str
    by: Account
    at: Annotated[datetime, Meta(tz=True)]
    act: Act
    mark: Mark | None = None


_Shape = TypeVar("_Shape")


def decode(data: bytes, shape: type[_Shape]) -> _Shape:
    """Raises Malformed with the path of what is wrong, and never anything else."""
    try:
        return msgspec.json.decode(data, type=shape)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `")
        raise Malformed(what, path=path.rstrip("`") or "$") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed("not JSON") from error


def dump(value: Deed | Draft) -> bytes:
    """JSON: keys in order, so that the same act is the same bytes."""
    return msgspec.json.encode(value, order="sorted")
