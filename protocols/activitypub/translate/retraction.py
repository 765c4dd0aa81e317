"""A `Delete` or an `Undo` takes something back; taking something back is a `Delete` of a tombstone, or an `Undo` with what it undoes inside.

Activitypub.md 3.7, rule O10; traps 14, 16, 18. Undoing something unknown is harmless, and is remembered where it can be.
"""

from __future__ import annotations

from bridge.changes import Retract
from bridge.model.audience import Audience
from bridge.model.content import Membership, Retraction
from bridge.model.content.membership import Change
from bridge.model.event import Provenance
from bridge.model.ids import ACTIVITYPUB, EventId, ObjectId, event_id, item_id
from bridge.model.record import KnownObject
from bridge.refs import Ignored, Read, Reading
from protocols.activitypub.ids import PUBLIC, activity_url, followers_url, is_ours, native, object_url
from protocols.activitypub.translate.addressing import recipients
from protocols.activitypub.translate.arrival import Arrival, Spot, group_spot, known_spot, refused, same_server
from protocols.activitypub.translate.lock import read_lock
from protocols.activitypub.translate.membership import followed_spot
from protocols.activitypub.translate.moderating import act, group_meant, moderation, reason_of
from protocols.activitypub.translate.outgoing import NO_ACTOR, Lack, Made, Outgoing
from protocols.activitypub.translate.reaction import is_against, sign_of
from protocols.activitypub.translate.restoration import read_undone_delete
from protocols.activitypub.translate.sanction import read_block
from protocols.activitypub.translate.thing import Thing
from protocols.activitypub.wire import ACTIVITY_STREAMS, REACTION_CONTEXT, Document, clamped, stamp

_SIGNS = frozenset({"Like", "EmojiReact", "Announce"})


def read_delete(arrival: Arrival) -> Reading:
    """By id, tombstone or whole object. `summary` marks a moderator's act, even when it is empty (trap 16)."""
    activity = arrival.activity
    url = activity.one_id("object")
    if not url:
        return refused("O6", "Delete of nothing")
    if arrival.group is None and not same_server(url, arrival.actor):
        return _removal_claimed(arrival, url)
    if is_ours(arrival.me, url):
        return Ignored("a Delete of our people's words by a group elsewhere: there it is gone, here it is for our own moderators")
    known = arrival.known(url)
    spot = arrival.group or (known_spot(arrival, known) if known else group_spot(arrival, recipients(activity)))
    if waits := arrival.needs():
        return waits
    own = known is None or known.author == native(arrival.actor)
    if not same_server(url, arrival.actor) and not (arrival.group and same_server(arrival.group.group.id, arrival.actor)):
        return refused("O10", f"Delete by {arrival.actor} of something from another server")
    target = known.id if known else ObjectId(event_id(arrival.me.secret, native(url)))
    if spot is None:
        return Read((), (Retract(target, native(url), arrival.received_at),))
    author = arrival.author_or_name()
    if waits := arrival.needs():
        return waits
    moderator = not own or not same_server(url, arrival.actor) or "summary" in activity.members
    event = arrival.event(
        event_id(arrival.me.secret, native(f"{url}#delete")),
        spot,
        author,
        Retraction(target, reason=" ".join(activity.text("summary").split())[:500] if moderator else "", moderator=moderator),
        audience=known.audience if known else Audience.PUBLIC,
        at=clamped(activity.text("published"), arrival.received_at),
        come=Provenance(native(activity.id)),
    )
    return Read((event,))


def _removal_claimed(arrival: Arrival, url: str) -> Reading:
    """By somebody of neither the author's server nor, it seems, the author: a moderator's act, or nothing at all."""
    if "summary" not in arrival.activity.members:
        return refused("O10", f"Delete by {arrival.actor} of something from another server")
    known, spot = arrival.known(url), group_meant(arrival, url)
    if waits := arrival.needs():
        return waits
    if known is None or spot is None:
        return Ignored("Delete by a moderator: of something that never was in a group here")
    reason = reason_of(arrival.activity)
    return act(arrival, spot, Retraction(known.id, reason=reason, moderator=True, claimed=True))


def read_undo(arrival: Arrival) -> Reading:
    """With the undone inside, or its id alone."""
    inner = arrival.activity.thing("object")
    undone = arrival.activity.one_id("object")
    if not undone:
        return refused("O6", "Undo of nothing")
    if not same_server(undone, arrival.actor):
        return refused("O10", f"Undo by {arrival.actor} of something from another server")
    if inner is None or not inner.type:
        return _undo_by_id(arrival, undone)
    if inner.one_id("actor") not in {"", arrival.actor}:
        return refused("O10", f"Undo by {arrival.actor} of what {inner.one_id('actor')} did")
    if inner.type == "Follow":
        return _unfollow(arrival, inner.one_id("object"), undone)
    if inner.type in _SIGNS:
        return _undo_sign(arrival, inner, undone)
    if arrival.group is None:
        match inner.type:
            case "Block":
                return read_block(arrival, inner, lifted=True)
            case "Lock":
                return read_lock(arrival, inner, opened=True)
            case "Delete":
                return read_undone_delete(arrival, inner)
    return Ignored(f"Undo of a {inner.type}: what it undoes was not acted on")


def _undo_sign(arrival: Arrival, inner: Thing, undone: str) -> Reading:
    known = arrival.known(inner.one_id("object"))
    spot = known_spot(arrival, known) if known else None
    if waits := arrival.needs():
        return waits
    if known is None or spot is None:
        return Ignored(f"Undo of a {inner.type} of something that never was in a community here")
    return _taken_back(arrival, undone, spot_of=known.audience, spot=arrival.group or spot)


def _undo_by_id(arrival: Arrival, undone: str) -> Reading:
    known = arrival.known(undone)
    if known is not None:
        spot = arrival.group or known_spot(arrival, known)
        if waits := arrival.needs():
            return waits
        if known.author != native(arrival.actor):
            return refused("O10", f"Undo by {arrival.actor} of what {known.author.id} did")
        return _taken_back(arrival, undone, spot_of=known.audience, spot=spot) if spot else Ignored("Undo in a community that is gone")
    for url in recipients(arrival.activity)[:10]:
        if is_ours(arrival.me, url):
            follow = arrival.refs.follow(native(arrival.actor), native(url))
            if follow is not None and follow.request == undone:
                return _unfollow(arrival, url, undone)
    return arrival.needs() or Ignored("Undo of something unknown")


def _taken_back(arrival: Arrival, undone: str, *, spot_of: Audience, spot: Spot) -> Reading:
    author = arrival.author_or_name()
    if waits := arrival.needs():
        return waits
    event = arrival.event(
        event_id(arrival.me.secret, native(arrival.activity.id)),
        spot,
        author,
        Retraction(ObjectId(event_id(arrival.me.secret, native(undone)))),
        audience=spot_of,
        at=clamped(arrival.activity.text("published"), arrival.received_at),
        come=Provenance(native(arrival.activity.id)),
    )
    return Read((event,))


def _unfollow(arrival: Arrival, target: str, request: str) -> Reading:
    spot = followed_spot(arrival, target)
    if waits := arrival.needs():
        return waits
    author = arrival.author_or_name()
    if waits := arrival.needs():
        return waits
    if spot is None:
        return Ignored("Undo of a Follow of somebody who is not here")
    event = arrival.event(
        event_id(arrival.me.secret, native(arrival.activity.id)),
        spot,
        author,
        Membership(Change.UNFOLLOW, subject=author.native, target=native(target), request=request),
        audience=Audience.PUBLIC,
        at=clamped(arrival.activity.text("published"), arrival.received_at),
        come=Provenance(native(arrival.activity.id)),
    )
    return Read((event,))


# ----------------------------------------------------------------------------------------------------------------- writing


def write_retraction(out: Outgoing, retraction: Retraction, *, to_group: bool) -> Made:
    """`Delete` of what was said, `Undo` of a sign. `to_group`: inside a group's wrap, which alone can remove what people elsewhere said."""
    known = out.object(retraction.target)
    if known is None:
        return Lack("target.not_there", "What is taken back never crossed to the fediverse.")
    actor = out.actor(known.author, ended=True)
    if actor is None:
        return NO_ACTOR
    if known.kind in {"reaction", "boost"}:
        if is_against(retraction.key) and not to_group:
            return Lack("reaction.negative", f"{retraction.key} never was said outside of the group.")
        sign: Document = {"type": "Announce"} if known.kind == "boost" else sign_of(retraction.key)
        return _undo(out, actor, sign, retraction.target, out.url(known.reply_to) if known.reply_to else None)
    if retraction.moderator and to_group:
        # The reason, even an empty one, is what makes it a removal (Lemmy).
        where = known.native.id if known.native.protocol == ACTIVITYPUB else object_url(out.me, retraction.target)
        return moderation(out, "Delete", where, activity=_removal(out, known), reason=retraction.reason)
    if known.native.protocol == ACTIVITYPUB:
        return Lack("retraction.theirs", "It was said on another server; only its author can take it back there.")
    url = object_url(out.me, retraction.target)
    return {
        "@context": ACTIVITY_STREAMS,
        "id": out.own_activity(),
        "type": "Delete",
        "actor": actor,
        "object": {"id": url, "type": "Tombstone", "formerType": "Note", "deleted": stamp(out.event.at)},
        "to": [PUBLIC],
        "cc": [out.group.id],
        "audience": out.group.id,
        "published": stamp(out.event.at),
    }


def _removal(out: Outgoing, known: KnownObject) -> str:
    """One of our people's words are deleted in their own name too, which is another activity."""
    return out.own_activity() if known.native.protocol == ACTIVITYPUB else activity_url(out.me, f"{out.event.id}-removal")


def write_unboost(out: Outgoing, retraction: Retraction, *, activity: str) -> Made:
    """Microblogs show what the group boosted until it takes that back; they know no other removal (activitypub.md 4.5)."""
    known = out.object(retraction.target)
    if known is None or known.native.protocol != ACTIVITYPUB or known.kind != "message" or known.thread or known.reply_to:
        return Lack("retraction.not_boosted", "It was not boosted by the group, or is deleted by its author's own account.")
    boosted: Document = {
        "id": activity_url(out.me, item_id(out.me.secret, EventId(known.id), out.group, "boost")),
        "type": "Announce",
        "actor": out.group.id,
        "object": known.native.id,
    }
    return {
        "@context": ACTIVITY_STREAMS,
        "id": activity,
        "type": "Undo",
        "actor": out.group.id,
        "object": boosted,
        "to": [PUBLIC],
        "cc": [followers_url(out.group.id)],
        "published": stamp(out.event.at),
    }


def _undo(out: Outgoing, actor: str, sign: Document, undone: ObjectId, target: str | None) -> Document:
    inner: Document = {"id": activity_url(out.me, undone), **sign, "actor": actor}
    if target:
        inner["object"] = target
    return {
        "@context": REACTION_CONTEXT,
        "id": out.own_activity(),
        "type": "Undo",
        "actor": actor,
        "object": inner,
        "to": [PUBLIC],
        "cc": [out.group.id],
        "audience": out.group.id,
        "published": stamp(out.event.at),
    }
