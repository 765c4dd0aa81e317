"""What is said in the private room of the bot and one person: every message is a Command, and so is a sign on a knock; nothing of it ever crosses.

The event belongs to no community and no channel (both ids empty): who speaks, and the words, tell which community is meant.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from bridge.changes import PutConversation
from bridge.model.audience import Audience
from bridge.model.content.command import Command
from bridge.model.event import Event, Provenance
from bridge.model.ids import MATRIX, ChannelId, CommunityId, Native, ObjectId, event_id
from bridge.model.place import Channel
from bridge.refs import Ignored, Needs, Read, Reading, Refs
from protocols.htmltree import scrub
from protocols.matrix.ids import Me
from protocols.matrix.translate.frame import Frame, author_of, said_at
from protocols.matrix.translate.notice import KNOCK
from protocols.matrix.translate.outgoing import spot
from protocols.matrix.translate.words import read_words
from protocols.matrix.wire import MatrixEvent, MemberContent, MessageContent, ReactionContent, decode
from protocols.vocabulary import first_line

__all__ = ["EVENT", "NOWHERE", "invited", "read"]

EVENT: Final = "matrix-event:"
"""What the bot's own words are asked for by: the room and the event, as `spot` writes them."""

NOWHERE = Channel(ChannelId(""), CommunityId(""), ())
"""Where a conversation belongs: to no community."""


def read(raw: MatrixEvent, received_at: datetime, owner: Native, refs: Refs, me: Me) -> Reading:
    frame = Frame(me=me, raw=raw, channel=NOWHERE, received_at=received_at)
    if raw.type == "m.room.member":
        return _left(raw, owner)
    if raw.sender == me.bot:
        return Ignored("the bot's own words")
    if raw.sender != owner.id:
        return Ignored("said by somebody else in a private conversation", refused=True)
    if raw.type == "m.reaction" and raw.state_key is None:
        return _signed(frame, refs)
    if raw.type != "m.room.message" or raw.state_key is not None:
        return Ignored("only words are heard in a private conversation")
    content: MessageContent = decode(raw.content, MessageContent)
    if content.relates_to is not None and content.relates_to.rel_type == "m.replace":
        return Ignored("an edited message is not carried out again: write it anew")
    if content.msgtype not in {"m.text", "m.emote"}:
        return Ignored("only words are heard in a private conversation")
    answered = content.relates_to.in_reply_to if content.relates_to is not None else None
    line = first_line(read_words(content, me, refs, answers=answered is not None).text.plain)
    if not line:
        return Ignored("a message without words")
    about = ObjectId(event_id(me.secret, Native(MATRIX, answered.event_id))) if answered is not None else None
    return _commanded(frame, refs, line, about, answer_in=frame.room)


def _signed(frame: Frame, refs: Refs) -> Reading:
    """A reaction to what the bot said about a knock answers it; every other one is only a sign."""
    relation = decode(frame.raw.content, ReactionContent).relates_to
    if relation is None or not relation.event_id.startswith("$") or " " in (key := scrub(relation.key).strip()) or not key:
        return Ignored("a sign that answers nothing")
    body = refs.document(f"{EVENT}{spot(frame.raw.room_id, relation.event_id)}")
    if refs.missing:
        return Needs(tuple(refs.missing))
    try:
        said = msgspec.json.decode(body or b"{}", type=_Said)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Ignored("a sign on something that cannot be read")
    if said.sender != frame.me.bot or said.content.knock is None:
        return Ignored("a sign on something that asked for no answer")
    return _commanded(frame, refs, f"{key} {said.content.knock[:8]}", None, answer_in=frame.room)


class _Asked(msgspec.Struct):
    knock: str | None = msgspec.field(name=KNOCK, default=None)


class _Said(msgspec.Struct):
    sender: str = ""
    content: _Asked = msgspec.field(default_factory=_Asked)


def _commanded(frame: Frame, refs: Refs, line: str, about: ObjectId | None, *, answer_in: Native | None) -> Read:
    author = author_of(frame, refs)
    command = Command(words=line, private=True, about=about, answer_in=answer_in)
    return Read((
        Event(
            id=event_id(frame.me.secret, frame.native),
            community=NOWHERE.community,
            channel=NOWHERE.id,
            place=frame.room,
            author=author,
            content=command,
            audience=Audience.DIRECT,
            at=said_at(frame),
            received_at=frame.received_at,
            provenance=Provenance(native=frame.native),
        ),
    ))  # fmt: skip


def invited(raw: MatrixEvent, received_at: datetime, refs: Refs, me: Me) -> Reading:
    """Whoever invites the account of somebody elsewhere into a direct room would like to write to them: the same as `!write`.

    The room itself is not used: it is mostly encrypted, and its maker could let others in. A room of two is made instead.
    """
    content: MemberContent = decode(raw.content, MemberContent)
    whom = raw.state_key or ""
    if content.membership != "invite" or content.is_direct is not True or not me.is_ghost(whom):
        return Ignored("this room is linked to no community")
    if me.is_ours(raw.sender) or raw.sender.startswith("@_"):
        return Ignored("an account of a bridge invites another")
    return _commanded(Frame(me=me, raw=raw, channel=NOWHERE, received_at=received_at), refs, f"!write {whom}", None, answer_in=None)


def _left(raw: MatrixEvent, owner: Native) -> Reading:
    """Whoever leaves the bot's room is not written to there again."""
    content: MemberContent = decode(raw.content, MemberContent)
    if raw.state_key == owner.id and content.membership in {"leave", "ban"}:
        return Read((), (PutConversation(owner, None),))
    return Ignored("coming and going in a private conversation")
