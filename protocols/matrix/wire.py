"""The shapes we accept from a homeserver and send to it; everything unknown is left aside, a wrong type is an error with its path.

Client event format: https://spec.matrix.org/v1.18/client-server-api/#room-event-format, transactions:
https://spec.matrix.org/v1.18/application-service-api/#pushing-events. Redactions carry `content.redacts` from room version 11.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType, field

from bridge.errors import Malformed
from bridge.model.ids import NAMESPACE

__all__ = [
    "MARK",
    "NAMED",
    "NODE",
    "TEXTS",
    "Envelope",
    "MatrixEvent",
    "MemberContent",
    "MessageContent",
    "OriginMark",
    "Ping",
    "PollContent",
    "ReactionContent",
    "RedactionContent",
    "Relation",
    "StateContent",
    "Transaction",
    "decode",
    "dump",
]

NODE = f"{NAMESPACE}.node"
"""The content key by which the bot of a node says, in its own membership of a room, that this node carries it: its names, as a list."""
MARK = f"{NAMESPACE}.origin"
"""The content key that names what an event of ours is a copy of."""

TEXTS = "org.matrix.msc1767.text"
"""The words again, each with its language (MSC1767, MSC3554)."""

NAMED = "com.beeper.reaction.shortcode"
"""Where clients and bridges write the name of a reaction that is a picture."""


class Transaction(msgspec.Struct):
    """What a homeserver pushes. Ephemeral data and its unstable twin are not read: nothing of ours depends on typing or receipts."""

    events: list[Raw] = field(default_factory=list)


class Ping(msgspec.Struct):
    transaction_id: str | None = None


class Envelope(msgspec.Struct):
    """As little of an event as the door needs."""

    event_id: str
    room_id: str


class Unsigned(msgspec.Struct):
    prev_content: Raw | UnsetType = UNSET
    redacted_because: Raw | UnsetType = UNSET


class MatrixEvent(msgspec.Struct):
    """`content` is decoded once the type is known. `origin_server_ts` in milliseconds."""

    type: str
    sender: str
    event_id: str
    room_id: str
    content: Raw
    origin_server_ts: int = 0
    state_key: str | None = None
    redacts: str | None = None
    unsigned: Unsigned | None = None


class OriginMark(msgspec.Struct):
    """What an event of a bridge of our kind says of itself. `part`: which of several events of one message it is, and the file it shows."""

    object: str
    node: str
    item: str = ""
    hops: int = 0
    part: int | None = None
    source: str = ""


class InReplyTo(msgspec.Struct):
    event_id: str


class Relation(msgspec.Struct):
    """`m.relates_to`; a reaction's `key` is at most 255 bytes of text, an emoji or an mxc address."""

    rel_type: str = ""
    event_id: str = ""
    key: str = ""
    is_falling_back: bool = False
    in_reply_to: InReplyTo | None = field(name="m.in_reply_to", default=None)


class Mentions(msgspec.Struct):
    user_ids: list[str] = field(default_factory=list)
    room: bool = False


class NewContent(msgspec.Struct):
    """The words of a message, or of its newer form inside an edit."""

    msgtype: str = ""
    body: str = ""
    format: str = ""
    formatted_body: str = ""
    filename: str | None = None
    geo_uri: str | None = None
    url: str | None = None
    file: Raw | UnsetType = UNSET
    """An encrypted file: address and keys."""
    info: Any = None
    spoiler: Any = field(name="page.codeberg.everypizza.msc4193.spoiler", default=None)
    spoiler_reason: Any = field(name="page.codeberg.everypizza.msc4193.spoiler.reason", default=None)
    mentions: Mentions | None = field(name="m.mentions", default=None)
    texts: Any = field(name=TEXTS, default=None)


class MessageContent(NewContent):
    """`m.room.message` and `m.sticker` as sent. `shortcode` names a custom emoji."""

    relates_to: Relation | None = field(name="m.relates_to", default=None)
    new_content: NewContent | None = field(name="m.new_content", default=None)
    mark: OriginMark | None = field(name=MARK, default=None)


class PollContent(msgspec.Struct):
    """`m.poll.start` under both of its names. What is asked is looked at by its reader."""

    poll: Any = field(name="m.poll", default=None)
    unstable: Any = field(name="org.matrix.msc3381.poll.start", default=None)
    new_content: Any = field(name="m.new_content", default=None)
    relates_to: Relation | None = field(name="m.relates_to", default=None)
    mark: OriginMark | None = field(name=MARK, default=None)


class ReactionContent(msgspec.Struct):
    relates_to: Relation | None = field(name="m.relates_to", default=None)
    shortcode: str | None = None
    named: str | None = field(name=NAMED, default=None)
    mark: OriginMark | None = field(name=MARK, default=None)


class RedactionContent(msgspec.Struct):
    redacts: str | None = None
    reason: str | None = None
    mark: OriginMark | None = field(name=MARK, default=None)


class MemberContent(msgspec.Struct):
    membership: str = ""
    displayname: str | None = None
    avatar_url: str | None = None
    is_direct: bool | None = None
    reason: str | None = None


class Predecessor(msgspec.Struct):
    """Room version 12 leaves `event_id` out."""

    room_id: str = ""


class StateContent(msgspec.Struct):
    """The one field that counts in each kind of state we follow."""

    join_rule: str | None = None
    history_visibility: str | None = None
    algorithm: str | None = None
    name: str | None = None
    replacement_room: str | None = None
    predecessor: Predecessor | None = None


_decoders: dict[type, msgspec.json.Decoder[Any]] = {
    shape: msgspec.json.Decoder(shape)
    for shape in (
        Transaction, Ping, Envelope, MatrixEvent, OriginMark, MessageContent, PollContent, ReactionContent, RedactionContent,
        MemberContent, StateContent,
    )
}  # fmt: skip

_Shape = Any


def decode(data: bytes | Raw, shape: type[_Shape]) -> _Shape:
    """JSON as one of the shapes above. Raises Malformed with the path of what is wrong, and never anything else."""
    try:
        return _decoders[shape].decode(data)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `")
        raise Malformed(what, path=path.rstrip("`") or "$") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed("not JSON") from error


def dump(content: Any) -> bytes:
    """JSON to send: keys in order, so that the same content is the same bytes."""
    return msgspec.json.encode(content, order="sorted")
