"""In a hall this is a `face`: a new name or picture, or the end of an account; on the fediverse an Update or Delete of an actor; here a Profile."""

from __future__ import annotations

from bridge.model.content.profile import Profile
from bridge.model.ids import LOOPBACK
from bridge.model.item import Item
from bridge.ports import Node
from bridge.refs import Ignored, Reading, Refs, Wire
from protocols.loopback.translate.frame import Frame, make, person
from protocols.loopback.translate.outgoing import act
from protocols.loopback.wire import Account, Face

__all__ = ["read", "shown", "write"]


def shown(actor_id: str, *, name: str, handle: str, avatar: str | None) -> Account:
    """How an account of ours looks: the person's name, and their home address beside it."""
    return Account(id=actor_id, name=name or handle, address=handle, avatar=avatar or "")


def read(frame: Frame, face: Face) -> Reading:
    if face.account.id != frame.raw.by.id:
        return Ignored("a new face for somebody else", refused=True)
    return make(frame, Profile(actor=person(face.account, frame.me), ended=face.ended))


def write(item: Item, profile: Profile, refs: Refs, me: Node) -> Wire:
    """Without a speaker when they never spoke here: then there is nothing to change. An end reaches also an account that ended before."""
    actor = profile.actor
    ghost = refs.ghost_of(LOOPBACK, actor.native)
    speaker = ghost.native if ghost is not None and (ghost.ended is None or profile.ended) else None
    account = shown(speaker.id if speaker is not None else "", name=actor.name, handle=actor.handle, avatar=actor.avatar)
    return act(item, Face(account=account, ended=profile.ended), speaker, me)
