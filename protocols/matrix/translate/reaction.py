"""On Matrix this is an `m.reaction` with an `m.annotation` relation; on the fediverse a Like or EmojiReact; here a Reaction.

https://spec.matrix.org/v1.18/client-server-api/#event-annotations-and-reactions. A custom emoji has an mxc address as its key and its name
in `shortcode` (a convention of Element and Cinny, in no release of the specification).
"""

from __future__ import annotations

import re

from bridge.model.content.reaction import Reaction
from bridge.model.item import Item, Omission
from bridge.refs import Ignored, Reading, Refs, Wire
from protocols.htmltree import scrub
from protocols.matrix.ids import Me
from protocols.matrix.translate.frame import Frame, aim, author_of, make
from protocols.matrix.translate.outgoing import absent, ghost_for, mark_of, send
from protocols.matrix.wire import ReactionContent, decode

__all__ = ["read", "write"]

_SHORTCODE = re.compile(r":?([A-Za-z0-9_-]{1,100}):?")
MOST_KEY = 100
"""Bytes: an emoji of many people is 40; text reactions of a few words pass too."""


def read(frame: Frame, refs: Refs) -> Reading:
    content = decode(frame.raw.content, ReactionContent)
    relation = content.relates_to
    if relation is None or relation.rel_type != "m.annotation":
        return Ignored("a reaction to nothing: it was taken back, or was never whole")
    key = scrub(relation.key).strip()
    if key.startswith("mxc://"):
        named = _SHORTCODE.fullmatch(content.shortcode or "")
        key = f":{named[1]}:" if named else ""
    if not key or len(key.encode()) > MOST_KEY or "\n" in key:
        return Ignored("a reaction whose sign cannot be shown elsewhere")
    target = aim(frame, refs, relation.event_id)
    if target is None:
        return Ignored("a reaction to something in another room", refused=True)
    return make(frame, Reaction(target=target.id, key=key), author_of(frame, refs), mark=content.mark, about=relation.event_id)


def write(item: Item, reaction: Reaction, refs: Refs, me: Me) -> Wire | Omission:
    """Custom emoji are shown by their name: their pictures have not crossed."""
    copy = refs.copy(reaction.target, item.place)
    if copy is None:
        return absent(item, "reaction")
    relation = {"rel_type": "m.annotation", "event_id": copy, "key": reaction.key}
    return send("m.reaction", {"m.relates_to": relation, **mark_of(item, me)}, ghost_for(item, refs))
