"""A direct `Note` to one of our people alone is a private message; a private message is a direct `Note` to that one person, and nobody else.

Activitypub.md 3.3 (direct: every receiver is named in `to` and tagged). Pleroma and Lemmy write a `ChatMessage`, with a receiver and no tag.
Whom it is for is believed of `to` and `cc` alone: a mention in words addresses nobody.
"""

from __future__ import annotations

import msgspec

from bridge.model.actor import Actor, ActorKind
from bridge.model.audience import Audience
from bridge.model.content import Edit
from bridge.model.event import Provenance
from bridge.model.ids import ObjectId, event_id, revision_id
from bridge.model.place import Channel
from bridge.model.portal import far_side, portal_at, portal_id
from bridge.model.record import KnownObject
from bridge.refs import Ignored, Read, Reading
from protocols.activitypub.ids import native, tail_of, thread_url
from protocols.activitypub.translate.addressing import recipients
from protocols.activitypub.translate.arrival import Arrival, Spot
from protocols.activitypub.translate.note import People, digest_of, provenance_of, read_message
from protocols.activitypub.translate.outgoing import NOBODY, Made, Outgoing
from protocols.activitypub.translate.thing import Thing
from protocols.activitypub.wire import Document, clamped

__all__ = ["addressed", "read_direct"]


def read_direct(arrival: Arrival, said: Thing, author: Actor, known: KnownObject | None, *, edit: bool) -> Reading:
    """`known` is what it answers, shown as answered where that is of the same conversation."""
    named = [url for url in recipients(arrival.activity, said) if tail_of(arrival.me, url, "u")]
    if len(named) > 1:
        return Ignored("a private message to several people here; conversations of more than two do not cross")
    ghost = arrival.refs.ghost(native(named[0])) if named else None
    if waits := arrival.needs():
        return waits
    if ghost is None or ghost.ended is not None or ghost.kind is not ActorKind.PERSON or ghost.community is None:
        return Ignored("a private message to nobody here")
    id_ = portal_id(arrival.me.secret, ghost.of, author.native)
    spot = Spot(Channel(id_, ghost.community, ()), far_side(id_, author.native))
    parent = known if known is not None and known.channel == id_ else None
    message = read_message(
        said,
        People(said, arrival.refs, arrival.me),
        reply_to=parent.id if parent is not None else None,
        thread=None,
        parent=ghost.of,
    )
    if waits := arrival.needs():
        return waits
    born = event_id(arrival.me.secret, native(said.id))
    come = _provenance(said, named[0])
    at = clamped(
        (said.text("updated") if edit else "") or said.text("published") or arrival.activity.text("published"), arrival.received_at
    )
    event = arrival.event(
        revision_id(arrival.me.secret, native(said.id), digest_of(said)) if edit else born,
        spot,
        author,
        Edit(ObjectId(born), message) if edit else message,
        audience=Audience.DIRECT,
        at=at,
        come=come,
    )
    # Nobody passes it on, so its bytes are not kept.
    return Read((msgspec.structs.replace(event, wire=None),))


def _provenance(said: Thing, receiver: str) -> Provenance:
    return msgspec.structs.replace(provenance_of(said), about=receiver)


# ----------------------------------------------------------------------------------------------------------------- writing


def addressed(out: Outgoing, document: Document) -> Made:
    """The same, for that one person: no public, no followers, no group, and no addresses that anybody else could ask for.

    All of a conversation has one context, which Mastodon and GoToSocial show as one thread.
    """
    person = out.correspondent()
    if person is None:
        return NOBODY
    kept = {name: value for name, value in document.items() if name not in _FOR_OTHERS}
    kept |= {"to": [person.id], "cc": []}
    if "attributedTo" in document:
        thread = thread_url(out.me, portal_at(out.group) or "")
        kept |= {"context": thread, "conversation": thread}
    return kept


_FOR_OTHERS = frozenset({"audience", "replies", "url", "context", "conversation"})
