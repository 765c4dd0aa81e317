"""A group's `Announce` holds what its members did; what our members did leaves in our group's `Announce`, wrapped, and again as a bare id.

Activitypub.md 4.1 (the double announce), 4.4, rules O5–O7; traps 11–13, 24. What a group elsewhere says that somebody did is asked for at
its origin before it is believed; what passes through our group is passed on byte for byte.
"""

from __future__ import annotations

import msgspec

from bridge.changes import Change
from bridge.errors import Unverified
from bridge.model.event import Event
from bridge.refs import Awaits, Ignored, Needs, Read, Reading
from protocols.activitypub.ids import is_ours
from protocols.activitypub.keydocument import shown_in
from protocols.activitypub.proofs import check, read_proof
from protocols.activitypub.translate.addressing import announced_to
from protocols.activitypub.translate.arrival import Arrival, Spot, refused, same_server
from protocols.activitypub.translate.message import read_said, read_update
from protocols.activitypub.translate.note import SAID
from protocols.activitypub.translate.outgoing import Outgoing
from protocols.activitypub.translate.reaction import read_like
from protocols.activitypub.translate.retraction import read_delete, read_undo
from protocols.activitypub.translate.thing import ACTOR_TYPES, Thing, decode
from protocols.activitypub.wire import ACTIVITY_STREAMS, Document, stamp

KEY = "key:"
"""Before the id of somebody's key: the adapter answers with the key alone, as FEP-521a shows it, from what it remembers."""

MOST_INSIDE = 20
"""Activities in one Announce (PieFed 1.6 sends votes in lists)."""

_LATER = {
    "Add": "pins and moderators of other groups are not followed yet",
    "Remove": "pins and moderators of other groups are not followed yet",
    "Block": "bans in other groups are not followed yet",
    "Flag": "reports go to a group itself, and are nothing to be passed on",
    "Lock": "locks in other groups are not followed yet",
    "Move": "moves are not followed yet",
    "Dislike": "a vote against something is not shown",
}


def read_announced(arrival: Arrival, spot: Spot) -> Reading:
    """Everything in the Announce of a group that a community here follows."""
    values = arrival.activity.many("object")[:MOST_INSIDE]
    readings = [_one(arrival, spot, value) for value in values]
    if not readings:
        return Ignored("an Announce of nothing")
    return readings[0] if len(readings) == 1 else _together(readings)


def _together(readings: list[Reading]) -> Reading:
    needs = [need for reading in readings if isinstance(reading, Needs) for need in reading.needs]
    if needs:
        return Needs(tuple(dict.fromkeys(needs)))
    events: list[Event] = []
    changes: list[Change] = []
    for reading in readings:
        if isinstance(reading, Read):
            events += reading.events
            changes += reading.changes
    if events or changes:
        return Read(tuple(events), tuple(changes))
    awaited = next((reading for reading in readings if isinstance(reading, Awaits)), None)
    return awaited or Ignored(f"an Announce of {len(readings)} activities, none of them for here")


def _one(arrival: Arrival, spot: Spot, value: object) -> Reading:
    if isinstance(value, str):
        return _by_id(arrival, spot, value)
    if not isinstance(value, dict):
        return Ignored("an Announce of nothing")
    inner = Thing(value)
    if not inner.one_id("actor") or inner.type in SAID:
        return _by_id(arrival, spot, inner.id)
    return _activity(arrival, spot, inner, believed=False)


def _by_id(arrival: Arrival, spot: Spot, url: str) -> Reading:
    """Form 2, and activities named only: what its own server serves is what counts."""
    if not url:
        return Ignored("an Announce of something without an id")
    if is_ours(arrival.me, url):
        return Ignored("our own words coming back")
    if arrival.known(url) is not None:
        return Ignored("already here")
    found = arrival.fetched(url)
    if waits := arrival.needs():
        return waits
    if found is None:
        return Ignored(f"what was announced is not at its address {url}")
    if found.type in SAID:
        author = found.one_id("attributedTo")
        created = Thing({"type": "Create", "id": url, "actor": author, "object": found.members})
        return read_said(_within(arrival, spot, created, author), found)
    return _activity(arrival, spot, found, believed=True)


def _activity(arrival: Arrival, spot: Spot, inner: Thing, *, believed: bool) -> Reading:
    """`believed`: its own server serves it. So is what carries a proof of its actor; anything else is asked for."""
    actor = inner.one_id("actor")
    if is_ours(arrival.me, actor):
        return Ignored("our own words coming back")
    if not inner.id or not same_server(inner.id, actor):
        return refused("O6", f"announced {inner.type} of {actor or 'nobody'} has no id on their server")
    within = _within(arrival, spot, inner, actor)
    believed = believed or _is_proven(within, inner)
    if waits := arrival.needs():
        return waits
    match inner.type:
        case "Create" | "Update":
            return _said(within, inner, believed=believed)
        case "Delete":
            return read_delete(within) if believed and inner.one_id("object") != actor else _deleted(within, inner)
        case "Like" | "EmojiReact":
            return read_like(within) if believed or within.fetched(inner.id) is not None else _unproven(within, inner)
        case "Undo":
            return _undone(within, inner, believed=believed)
        case _:
            return Ignored(f"announced {inner.type}: {_LATER.get(inner.type, 'unknown activity type')}")


def _within(arrival: Arrival, spot: Spot, inner: Thing, actor: str) -> Arrival:
    return msgspec.structs.replace(arrival, activity=inner, actor=actor, wire=None, group=spot)


def _is_proven(within: Arrival, inner: Thing) -> bool:
    """Does it carry a proof by its actor, made lately? What does not hold is asked for at its origin, like everything without a proof."""
    try:
        proof = read_proof(inner.members, within.received_at)
    except Unverified:
        return False
    if proof is None or proof.made_since(within.received_at) is None or not same_server(proof.method, within.actor):
        return False
    body = within.refs.document(f"{KEY}{proof.method}")
    shown = shown_in(decode(body) or Thing({}), proof.method) if body else None
    try:
        return shown is not None and shown.owner == within.actor and check(inner.members, proof, shown.material())
    except Unverified:
        return False


def _unproven(within: Arrival, inner: Thing) -> Reading:
    return within.needs() or Ignored(f"announced {inner.type}: {within.actor}'s server does not confirm it")


def _said(within: Arrival, inner: Thing, *, believed: bool) -> Reading:
    embedded = inner.thing("object")
    if embedded is not None and embedded.type in ACTOR_TYPES:
        return refused("O9", "Update of an actor through a group")
    url = inner.one_id("object")
    if inner.type == "Create" and within.known(url) is not None:
        return Ignored("already here")
    found = embedded if believed and embedded is not None else within.fetched(url) if url else None
    if found is None:
        return _unproven(within, inner)
    confirmed = msgspec.structs.replace(within, activity=inner.having("object", found.members))
    return read_update(confirmed) if inner.type == "Update" else read_said(confirmed, found)


def _deleted(within: Arrival, inner: Thing) -> Reading:
    """Believed when it is gone, or when the group's own server removed it from the group (rule O10, 4.4)."""
    url = inner.one_id("object")
    if url == within.actor:
        return refused("O10", "Delete of an actor through a group")
    by_the_group = within.group is not None and same_server(within.actor, within.group.group.id) and "summary" in inner.members
    if by_the_group or (url and within.gone(url)):
        return read_delete(within)
    return within.needs() or Ignored("announced Delete: it is still where it was")


def _undone(within: Arrival, inner: Thing, *, believed: bool) -> Reading:
    """Believed when what was done is gone, or the Undo itself is served."""
    undone = inner.one_id("object")
    if believed or (undone and within.gone(undone)) or within.fetched(inner.id) is not None:
        return read_undo(within)
    return _unproven(within, inner)


# ----------------------------------------------------------------------------------------------------------------- writing


def wrap(out: Outgoing, author: str, inner: Document | bytes, *, activity: str) -> Document:
    """Form 1. `inner` as bytes is somebody else's activity and is not touched: changing it would break proofs and ids (trap 12)."""
    where = announced_to(out.event.audience, out.group.id, author)
    return {
        "@context": ACTIVITY_STREAMS,
        "id": activity,
        "type": "Announce",
        "actor": out.group.id,
        "published": stamp(out.event.received_at),
        "to": where.to,
        "cc": where.cc,
        "object": msgspec.Raw(inner) if isinstance(inner, bytes) else {name: value for name, value in inner.items() if name != "@context"},
    }


def boost(out: Outgoing, author: str, url: str, *, activity: str) -> Document:
    """Form 2: what microblogs show their users. New threads only; boosted answers would flood their timelines (trap 20)."""
    where = announced_to(out.event.audience, out.group.id, author)
    return {
        "@context": ACTIVITY_STREAMS,
        "id": activity,
        "type": "Announce",
        "actor": out.group.id,
        "published": stamp(out.event.received_at),
        "to": where.to,
        "cc": where.cc,
        "object": url,
    }
