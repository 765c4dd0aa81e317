"""What is said in the private room of the bot and one person: every message is a Command, and nothing of it ever crosses.

The event belongs to no community and no channel (both ids empty): who speaks, and the words, tell which community is meant.
"""

from __future__ import annotations

from datetime import datetime

from bridge.changes import PutConversation
from bridge.model.audience import Audience
from bridge.model.content.command import Command
from bridge.model.event import Event, Provenance
from bridge.model.ids import MATRIX, ChannelId, CommunityId, Native, ObjectId, event_id
from bridge.model.place import Channel
from bridge.refs import Ignored, Read, Reading, Refs
from protocols.matrix.ids import Me
from protocols.matrix.translate.frame import Frame, author_of, said_at
from protocols.matrix.translate.words import read_words
from protocols.matrix.wire import MatrixEvent, MemberContent, MessageContent, decode
from protocols.vocabulary import first_line

__all__ = ["NOWHERE", "read"]

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
    author = author_of(frame, refs)
    command = Command(words=line, private=True, about=about, answer_in=frame.room)
    return Read((
        Event(
            id=event_id(me.secret, frame.native),
            community=NOWHERE.community,
            channel=NOWHERE.id,
            place=frame.room,
            author=author,
            content=command,
            audience=Audience.DIRECT,
            at=said_at(frame),
            received_at=received_at,
            provenance=Provenance(native=frame.native),
        ),
    ))  # fmt: skip


def _left(raw: MatrixEvent, owner: Native) -> Reading:
    """Whoever leaves the bot's room is not written to there again."""
    content: MemberContent = decode(raw.content, MemberContent)
    if raw.state_key == owner.id and content.membership in {"leave", "ban"}:
        return Read((), (PutConversation(owner, None),))
    return Ignored("coming and going in a private conversation")
