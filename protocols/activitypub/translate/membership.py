"""A `Follow` is somebody coming, its answer an `Accept`; when a community here follows a group elsewhere, the same the other way round.

Activitypub.md 4.2, 4.3, rule O13; trap 18: the whole Follow is embedded in every answer and every Undo.
"""

from __future__ import annotations

from bridge.model.audience import Audience
from bridge.model.content.membership import Change, Membership
from bridge.model.event import Provenance
from bridge.model.ids import ACTIVITYPUB, MATRIX, Native, event_id
from bridge.refs import Ignored, Read, Reading
from protocols.activitypub.ids import group_url, is_ours, native
from protocols.activitypub.translate.arrival import Arrival, Spot, foreign_group, group_spot, refused
from protocols.activitypub.translate.outgoing import Lack, Made, Outgoing
from protocols.activitypub.translate.thing import Thing
from protocols.activitypub.wire import ACTIVITY_STREAMS, Document, clamped

_ANSWERS = {"Accept": Change.ACCEPTED, "Reject": Change.REJECTED}


def followed_spot(arrival: Arrival, target: str) -> Spot | None:
    """A community of ours, or the one a person of ours speaks in (FEP-a974: everybody can be followed)."""
    spot = group_spot(arrival, [target])
    if spot is not None or not is_ours(arrival.me, target):
        return spot
    ghost = arrival.refs.ghost(native(target))
    if ghost is None or ghost.community is None or ghost.ended is not None:
        return None
    return group_spot(arrival, [group_url(arrival.me, ghost.community)])


def read_follow(arrival: Arrival) -> Reading:
    """Of a community, or of one of its people: `target` tells which."""
    target = arrival.activity.one_id("object")
    spot = followed_spot(arrival, target)
    if waits := arrival.needs():
        return waits
    if spot is None:
        return Ignored("a Follow of somebody who is not here")
    author = arrival.author()
    if waits := arrival.needs():
        return waits
    if author is None:
        return Ignored("a Follow by somebody who could not be fetched")
    content = Membership(Change.FOLLOW, subject=author.native, target=native(target), request=arrival.activity.id)
    event = arrival.event(
        event_id(arrival.me.secret, native(arrival.activity.id)),
        spot,
        author,
        content,
        audience=Audience.PUBLIC,
        at=clamped(arrival.activity.text("published"), arrival.received_at),
        come=Provenance(native(arrival.activity.id)),
    )
    return Read((event,))


def read_answer(arrival: Arrival) -> Reading:
    """`Accept` and `Reject` of a Follow of ours: only by whom it was addressed to, and only while it waits (rule O13)."""
    kind = arrival.activity.type
    inner = arrival.activity.thing("object")
    request = arrival.activity.one_id("object")
    if inner is not None and inner.type not in {"", "Follow"}:
        return Ignored(f"{kind} of a {inner.type}: nothing of ours waits for that")
    if not is_ours(arrival.me, request):
        return refused("O13", f"{kind} of a Follow that is not ours")
    if inner is not None and inner.one_id("object") not in {"", arrival.actor}:
        return refused("O13", f"{kind} by {arrival.actor} of a Follow addressed to somebody else")
    follower = _follower(arrival, inner, request)
    spot = foreign_group(arrival) if follower is not None else None
    author = arrival.author() if spot is not None else None
    if waits := arrival.needs():
        return waits
    if follower is None:
        return refused("O13", f"{kind} of a Follow that was never sent, or is not pending")
    if spot is None or author is None:
        return Ignored(f"{kind} by somebody no community here follows")
    event = arrival.event(
        event_id(arrival.me.secret, native(arrival.activity.id)),
        spot,
        author,
        Membership(_ANSWERS[kind], subject=follower, target=native(arrival.actor), request=request),
        audience=Audience.PUBLIC,
        at=clamped(arrival.activity.text("published"), arrival.received_at),
        come=Provenance(native(arrival.activity.id)),
    )
    return Read((event,))


def _follower(arrival: Arrival, inner: Thing | None, request: str) -> Native | None:
    """Whose Follow this answers. A Reject may also end one that was accepted before: that is how a group sends somebody away."""
    candidates = inner.ids("actor") if inner is not None and inner.one_id("actor") else arrival.activity.ids("to")
    for url in candidates[:10]:
        if not is_ours(arrival.me, url):
            continue
        follow = arrival.refs.follow(native(url), native(arrival.actor))
        if follow is not None and follow.request == request and (follow.accepted is None or arrival.activity.type == "Reject"):
            return native(url)
    return None


# ----------------------------------------------------------------------------------------------------------------- writing


def write_answer(membership: Membership, *, activity: str, accept: bool) -> Made:
    """By whom was followed, to who follows."""
    if membership.request is None or membership.subject.protocol != ACTIVITYPUB:
        return Lack("membership.unasked", "Nobody asked for this, so there is nothing to answer.")
    follow = _follow(membership.request, membership.subject.id, membership.target.id)
    return {
        "@context": ACTIVITY_STREAMS,
        "id": activity,
        "type": "Accept" if accept else "Reject",
        "actor": membership.target.id,
        "to": [membership.subject.id],
        "cc": [],
        "object": follow,
    }


def write_follow(out: Outgoing, membership: Membership, *, undo: bool) -> Made:
    """By our community's group, or one of its people, of a group elsewhere."""
    actor = out.actor(membership.subject)
    if actor is None or membership.subject.protocol == MATRIX:
        return Lack("membership.no_actor", "Who follows has no address on the fediverse.")
    request = membership.request or out.own_activity()
    follow = _follow(request, actor, membership.target.id)
    if not undo:
        return {"@context": ACTIVITY_STREAMS, **follow, "to": [membership.target.id], "cc": []}
    return {
        "@context": ACTIVITY_STREAMS,
        "id": out.own_activity(),
        "type": "Undo",
        "actor": actor,
        "to": [membership.target.id],
        "cc": [],
        "object": follow,
    }


def _follow(request: str, actor: str, target: str) -> Document:
    return {"id": request, "type": "Follow", "actor": actor, "object": target}
