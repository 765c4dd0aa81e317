"""An `Update` or `Delete` of an actor by itself is a new or ended face; a face that changed here is an `Update` or `Delete` of its actor.

Activitypub.md 3.1, 4.4. Never through a group: a group that could change its members' actors could take them over (FEP-171b).
"""

from __future__ import annotations

import hashlib

import msgspec

from bridge.changes import ForgetActor, PutActor
from bridge.model.actor import Actor
from bridge.model.audience import Audience
from bridge.model.content.profile import Profile
from bridge.model.event import Event, Provenance
from bridge.model.ids import ChannelId, CommunityId, event_id, revision_id
from bridge.model.place import Channel
from bridge.refs import Ignored, Read, Reading
from protocols.activitypub.ids import PUBLIC, followers_url, native
from protocols.activitypub.translate.actor import actor_from_document
from protocols.activitypub.translate.arrival import Arrival, Spot, refused
from protocols.activitypub.translate.outgoing import NO_ACTOR, Lack, Made, Outgoing
from protocols.activitypub.translate.thing import Thing
from protocols.activitypub.wire import ACTIVITY_STREAMS, clamped, stamp


def read_update_actor(arrival: Arrival, face: Thing) -> Reading:
    """The new face is remembered in any case; the event says which communities it concerns to whoever knows them: its own is empty."""
    if arrival.group is not None:
        return refused("O9", "Update of an actor through a group")
    if face.id != arrival.actor:
        return refused("O9", f"Update by {arrival.actor} of the actor {face.id or 'without id'}")
    actor = actor_from_document(face.members)
    if actor is None:
        return Ignored("Update of an actor that is none: no inbox, name or type")
    return Read((_event(arrival, actor, ended=False, revision=_revision(face)),), (PutActor(actor, arrival.received_at),))


def read_delete_actor(arrival: Arrival) -> Reading:
    """The account ended itself (its server vouches: rule O15). Nothing is fetched for it: its server may answer 410 by now."""
    if arrival.group is not None:
        return refused("O10", "Delete of an actor through a group")
    gone = arrival.nameless()
    return Read((_event(arrival, gone, ended=True, revision="ended"),), (ForgetActor(native(arrival.actor), arrival.received_at),))


def _event(arrival: Arrival, actor: Actor, *, ended: bool, revision: str) -> Event:
    """Said in no place of a community: where the account is known, only the relay can tell."""
    secret, where = arrival.me.secret, native(arrival.actor)
    return arrival.event(
        event_id(secret, native(f"{arrival.actor}#delete")) if ended else revision_id(secret, where, revision),
        Spot(Channel(ChannelId(""), CommunityId(""), ()), where),
        actor,
        Profile(actor, ended=ended),
        audience=Audience.PUBLIC,
        at=clamped(arrival.activity.text("published"), arrival.received_at),
        come=Provenance(where, url=actor.url),
    )


def _revision(face: Thing) -> str:
    return hashlib.blake2b(msgspec.json.encode(face.members, order="sorted"), digest_size=16).hexdigest()


def write_profile(out: Outgoing, profile: Profile, *, activity: str) -> Made:
    """`Update{Person}` with the actor as we serve it now (`document` of our own address), or its `Delete`."""
    actor = out.actor(profile.actor.native, ended=profile.ended)
    if actor is None:
        return NO_ACTOR
    document: object = actor
    if not profile.ended:
        served = out.refs.document(actor)
        if not served:
            return Lack("profile.no_actor", "The actor is not served any more, so there is nothing to show.")
        document = msgspec.Raw(served)
    return {
        "@context": ACTIVITY_STREAMS,
        "id": activity,
        "type": "Delete" if profile.ended else "Update",
        "actor": actor,
        "to": [PUBLIC],
        "cc": [followers_url(actor), out.group.id],
        "published": stamp(out.event.at),
        "object": document,
    }
