"""What every act of moderators has in common on the wire: an actor that Lemmy takes for a person, two full lists of addresses, the group as audience.

Activitypub.md 4.4, 4.5. Who may do it is not asked here: whoever signed it is its author, and `bridge/moderation/deciding.py` knows the seats.
What people decide goes out in the name of the group's team: who decided is told to nobody (norms.md 4.6, scenario S06).
"""

from __future__ import annotations

from bridge.changes import Retract
from bridge.model.audience import Audience
from bridge.model.content import Content
from bridge.model.event import Provenance
from bridge.model.ids import Native, ObjectId, event_id
from bridge.refs import Read, Reading
from protocols.activitypub.ids import PUBLIC, is_ours, native
from protocols.activitypub.translate.addressing import recipients
from protocols.activitypub.translate.arrival import Arrival, Spot, group_spot, known_spot
from protocols.activitypub.translate.outgoing import Outgoing
from protocols.activitypub.translate.thing import Thing
from protocols.activitypub.wire import ACTIVITY_STREAMS, Document, clamped, stamp
from protocols.htmltree import scrub

__all__ = ["MODERATION_CONTEXT", "act", "group_meant", "moderation", "reason_of", "undoing", "whom"]

MOST_REASON = 500

MODERATION_CONTEXT: list[object] = [
    ACTIVITY_STREAMS,
    {
        "lemmy": "https://join-lemmy.org/ns#",
        "Lock": "lemmy:Lock",
        "removeData": "lemmy:removeData",
        "moderators": {"@id": "lemmy:moderators", "@type": "@id"},
    },
]


def reason_of(activity: Thing) -> str:
    """What the moderator wrote beside it, as one line."""
    return " ".join(scrub(activity.text("summary")).split())[:MOST_REASON]


def group_meant(arrival: Arrival, about: str = "") -> Spot | None:
    """Which group of ours it is for: the one where what it is `about` was said, whatever it is addressed to."""
    known = arrival.known(about)
    spot = known_spot(arrival, known) if known is not None else group_spot(arrival, recipients(arrival.activity))
    return spot if spot is not None and is_ours(arrival.me, spot.group.id) else None


def whom(arrival: Arrival, url: str) -> Native:
    """The person an actor's address stands for: themselves, or the one behind an actor of ours."""
    ghost = arrival.refs.ghost(native(url)) if is_ours(arrival.me, url) else None
    return ghost.of if ghost is not None else native(url)


def act(arrival: Arrival, spot: Spot, content: Content, *, undone: Thing | None = None) -> Reading:
    """What somebody says that they do as a moderator. `undone`: the activity that it takes back, which stays without effect when it comes later
    (GoToSocial 0.20 sent a Block after its Undo)."""
    author = arrival.author_or_name()
    if waits := arrival.needs():
        return waits
    done, secret = arrival.activity, arrival.me.secret
    event = arrival.event(
        event_id(secret, native(done.id)),
        spot,
        author,
        content,
        audience=Audience.PUBLIC,
        at=clamped(done.text("published"), arrival.received_at),
        come=Provenance(native(done.id)),
    )
    if undone is None or not undone.id:
        return Read((event,))
    return Read((event,), (Retract(ObjectId(event_id(secret, native(undone.id))), native(undone.id), arrival.received_at),))


# ----------------------------------------------------------------------------------------------------------------- writing


def moderation(out: Outgoing, kind: str, about: str, *, activity: str, reason: str | None = None, more: Document | None = None) -> Document:
    """`about`: the object's or the person's id. `reason` None: the activity has no `summary` at all."""
    return {
        "@context": MODERATION_CONTEXT,
        "id": activity,
        "type": kind,
        "actor": out.team(),
        "object": about,
        **(more or {}),
        **({"summary": reason} if reason is not None else {}),
        "to": [PUBLIC],
        "cc": [out.group.id],
        "audience": out.group.id,
        "published": stamp(out.event.at),
    }


def undoing(out: Outgoing, undone: Document) -> Document:
    """The whole of what is undone inside (trap 18)."""
    inner = {name: value for name, value in undone.items() if name != "@context"}
    return {
        "@context": MODERATION_CONTEXT,
        "id": out.own_activity(),
        "type": "Undo",
        "actor": out.team(),
        "object": inner,
        "to": [PUBLIC],
        "cc": [out.group.id],
        "audience": out.group.id,
        "published": stamp(out.event.at),
    }
