"""A person's `Announce` of something said here is a boost; a boost by one of our people has nobody to hear it and is not written.

Activitypub.md 3.1. What a group announces is not a boost but its conversation: see announce.py.
"""

from __future__ import annotations

from bridge.model.actor import ActorKind
from bridge.model.audience import Audience
from bridge.model.content.boost import Boost
from bridge.model.event import Provenance
from bridge.model.ids import event_id
from bridge.refs import Ignored, Read, Reading
from protocols.activitypub.ids import native
from protocols.activitypub.translate.addressing import audience_of
from protocols.activitypub.translate.arrival import Arrival, known_spot, refused
from protocols.activitypub.wire import clamped


def read_boost(arrival: Arrival) -> Reading:
    """`Announce` of one id, by anybody who is not a group followed here."""
    activity = arrival.activity
    known = arrival.known(activity.one_id("object"))
    if waits := arrival.needs():
        return waits
    if known is None:
        return Ignored("an announce of something that never was in a community here")
    spot, author = known_spot(arrival, known), arrival.author()
    if waits := arrival.needs():
        return waits
    if spot is None or author is None:
        return Ignored("a boost by somebody who could not be fetched" if author is None else "a boost in a community that is gone")
    if known.audience > Audience.UNLISTED and known.author != author.native:
        return refused("O12", f"Announce by {arrival.actor} of what {known.author.id} did not say to everybody")
    if author.kind is ActorKind.GROUP:
        return Ignored("an announce by a group that no community here follows")
    event = arrival.event(
        event_id(arrival.me.secret, native(activity.id)),
        spot,
        author,
        Boost(known.id),
        audience=max(audience_of(activity, activity, author.followers), known.audience),
        at=clamped(activity.text("published"), arrival.received_at),
        come=Provenance(native(activity.id)),
    )
    return Read((event,))
