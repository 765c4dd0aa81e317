"""Every activity a peer sends becomes events of ours, or is ignored by name; nothing it can contain raises.

Activitypub.md 2.8, 3.1. `Needs` is answered until everything the meaning depends on has been loaded.
"""

from __future__ import annotations

from datetime import datetime

from bridge.ports import Node
from bridge.refs import Ignored, Reading, Refs
from protocols.activitypub.ids import is_ours
from protocols.activitypub.translate.announce import read_announced
from protocols.activitypub.translate.appointment import read_change
from protocols.activitypub.translate.arrival import Arrival, foreign_group, refused, same_server
from protocols.activitypub.translate.boost import read_boost
from protocols.activitypub.translate.lock import read_lock
from protocols.activitypub.translate.membership import read_answer, read_follow
from protocols.activitypub.translate.message import read_create, read_said, read_update
from protocols.activitypub.translate.profile import read_delete_actor, read_update_actor
from protocols.activitypub.translate.reaction import read_like
from protocols.activitypub.translate.report import read_flag, read_resolve
from protocols.activitypub.translate.retraction import read_delete, read_undo
from protocols.activitypub.translate.sanction import read_block
from protocols.activitypub.translate.thing import ACTOR_TYPES, Thing, decode

_BY_NAME = {
    "Dislike": "Dislike: a vote against something is not shown",
    "Move": "Move: moving accounts are not followed yet",
    "QuoteRequest": "QuoteRequest: quotes come with their norm",
    "View": "View: who looked at what is nobody's business",
}


def read_activity(body: bytes, signer: str | None, refs: Refs, me: Node, received_at: datetime) -> Reading:
    """`body` as it came (kept for passing on); `signer` the actor whose key signed the request."""
    activity = decode(body)
    if activity is None:
        return Ignored("not a JSON object", refused=True)
    actor = activity.one_id("actor")
    if not activity.type:
        return Ignored("an activity without a type", refused=True)
    if not actor or not signer or actor != signer:
        return refused("O6", f"{activity.type} by {actor or 'nobody'}, signed by {signer or 'nobody'}")
    if not activity.id:
        return refused("O6", f"{activity.type} without an id")
    if not same_server(activity.id, actor):
        return refused("O6", f"{activity.type} by {actor} with an id on another server")
    if is_ours(me, actor):
        return Ignored("our own words coming back")
    return _read(Arrival(activity, actor, refs, me, received_at, wire=body))


def read_object(body: bytes, refs: Refs, me: Node, received_at: datetime) -> Reading:
    """A post that we asked its own server for; nothing of it can be passed on unchanged, because nobody sent it."""
    said = decode(body)
    if said is None:
        return Ignored("not a JSON object", refused=True)
    author = said.one_id("attributedTo")
    created = Thing({"type": "Create", "id": said.id, "actor": author, "object": said.members})
    return read_said(Arrival(created, author, refs, me, received_at), said)


def _read(arrival: Arrival) -> Reading:
    activity = arrival.activity
    match activity.type:
        case "Create":
            return read_create(arrival)
        case "Update":
            face = activity.thing("object")
            if face is not None and (face.type in ACTOR_TYPES or face.id == arrival.actor):
                return read_update_actor(arrival, face)
            if activity.one_id("object") == arrival.actor:
                return read_update_actor(arrival, face or arrival.fetched(arrival.actor) or Thing({"id": arrival.actor}))
            return read_update(arrival)
        case "Delete":
            return read_delete_actor(arrival) if activity.one_id("object") == arrival.actor else read_delete(arrival)
        case "Undo":
            return read_undo(arrival)
        case "Like" | "EmojiReact":
            return read_like(arrival)
        case "Announce":
            return _announced(arrival)
        case "Follow":
            return read_follow(arrival)
        case "Block":
            return read_block(arrival, activity, lifted=False)
        case "Lock":
            return read_lock(arrival, activity, opened=False)
        case "Add" | "Remove":
            return read_change(arrival)
        case "Flag":
            return read_flag(arrival)
        case "Resolve":
            return read_resolve(arrival)
        case "Accept" | "Reject":
            return read_answer(arrival)
        case other:
            return Ignored(_BY_NAME.get(other, f"unknown activity type {other[:60]}"))


def _announced(arrival: Arrival) -> Reading:
    spot = foreign_group(arrival)
    if waits := arrival.needs():
        return waits
    if spot is not None:
        return read_announced(arrival, spot)
    values = arrival.activity.many("object")
    if len(values) == 1 and (isinstance(values[0], str) or not Thing(values[0] if isinstance(values[0], dict) else {}).one_id("actor")):
        return read_boost(arrival)
    return Ignored("an Announce of activities by a group that no community here follows")
