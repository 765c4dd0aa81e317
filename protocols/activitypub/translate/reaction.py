"""A `Like`, plain or with an emoji, is a reaction; a reaction is a `Like` that names its emoji, or a `Dislike` that only groups hear.

Activitypub.md 3.10, FEP-c0e0. `content` and `_misskey_reaction` together are the one encoding every peer takes for at least a like.
"""

from __future__ import annotations

import re

from bridge.model.content.reaction import LIKE, Reaction
from bridge.model.event import Provenance
from bridge.model.ids import event_id
from bridge.refs import Awaits, Ignored, Read, Reading
from protocols.activitypub.ids import native
from protocols.activitypub.translate.arrival import Arrival, known_spot
from protocols.activitypub.translate.emoji import read_emojis, write_emoji
from protocols.activitypub.translate.outgoing import NO_ACTOR, Lack, Made, Outgoing
from protocols.activitypub.translate.thing import Thing
from protocols.activitypub.wire import REACTION_CONTEXT, Document, clamped, stamp
from protocols.htmltree import scrub

_SHORTCODE = re.compile(r":([A-Za-z0-9_+-]{1,100})(?:@[^:\s]*)?:")
_AGAINST = frozenset({"👎", "😠", "😡", "🤬", "🤮", "💩", "🖕", "🙄", "🤢", "👿"})
MOST_KEY = 32
WAIT_FOR_TARGET = 60.0


def key_of(activity: Thing) -> str:
    """The sign: an emoji, a custom one as `:shortcode:`, else LIKE."""
    for text in (activity.text("content"), activity.text("_misskey_reaction")):
        sign = scrub(text).strip()
        if found := _SHORTCODE.fullmatch(sign):
            return f":{found[1]}:"
        if sign and len(sign) <= MOST_KEY and not any(letter.isspace() or (letter.isalnum() and not letter.isdigit()) for letter in sign):
            return sign if any(ord(letter) > 0x7F for letter in sign) else LIKE
    return LIKE


def read_like(arrival: Arrival) -> Reading:
    """`Like` and `EmojiReact`, of something that is known here."""
    target = arrival.activity.one_id("object")
    known = arrival.known(target)
    if waits := arrival.needs():
        return waits
    if known is None:
        if arrival.group is not None and target:
            return Awaits(native(target), WAIT_FOR_TARGET)
        return Ignored("a reaction to something that never was in a community here")
    spot, author = arrival.group or known_spot(arrival, known), arrival.author()
    if waits := arrival.needs():
        return waits
    if spot is None or author is None:
        return Ignored("a reaction by somebody who could not be fetched" if author is None else "a reaction in a community that is gone")
    activity, key = arrival.activity, key_of(arrival.activity)
    event = arrival.event(
        event_id(arrival.me.secret, native(activity.id)),
        spot,
        author,
        Reaction(known.id, key, next(iter(read_emojis(activity, key)), None)),
        audience=known.audience,
        at=clamped(activity.text("published"), arrival.received_at),
        come=Provenance(native(activity.id)),
    )
    return Read((event,))


def write_like(out: Outgoing, reaction: Reaction, *, to_group: bool) -> Made:
    """`to_group`: inside a group's wrap, where a sign against something may be a `Dislike`."""
    actor, target = out.actor(out.event.author.native), out.url(reaction.target)
    if actor is None:
        return NO_ACTOR
    if target is None:
        return Lack("target.not_there", "What it reacts to never crossed to the fediverse.")
    if is_against(reaction.key) and not to_group:
        return Lack("reaction.negative", f"{reaction.key} would be shown as a like there.")
    known = out.object(reaction.target)
    author = out.actor(known.author) if known else None
    picture = write_emoji(reaction.emoji) if reaction.emoji is not None else None
    return {
        "@context": REACTION_CONTEXT,
        "id": out.own_activity(),
        **sign_of(reaction.key),
        "actor": actor,
        "object": target,
        "to": [author] if author else [],
        "cc": [],
        "audience": out.group.id,
        "published": stamp(out.event.at),
        **({"tag": [picture]} if picture is not None else {}),
    }


def is_against(key: str) -> bool:
    """Whether microblogs, which know likes alone, would show the opposite of what was meant."""
    return key in _AGAINST


def sign_of(key: str) -> Document:
    """What the activity is and shows, when it is done and when it is undone; "" where the sign is not known."""
    if is_against(key):
        return {"type": "Dislike"}
    return {"type": "Like"} if key in {"", LIKE} else {"type": "Like", "content": key, "_misskey_reaction": key}
