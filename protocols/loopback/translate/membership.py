"""In a hall this is a `come`: into a room, out of it, or after a group elsewhere; on the fediverse a Follow or its Undo; here a Membership."""

from __future__ import annotations

from bridge.model.content.membership import Change, Membership
from bridge.model.item import Item, Omission
from bridge.ports import Node
from bridge.refs import Ignored, Reading, Refs, Wire
from protocols.loopback.ids import native_of
from protocols.loopback.translate.frame import Frame, make, whom
from protocols.loopback.translate.outgoing import act, ghost_for
from protocols.loopback.translate.words import name_of
from protocols.loopback.wire import Come

__all__ = ["read", "write"]

SHOWN = frozenset({Change.FOLLOW, Change.UNFOLLOW, Change.JOIN, Change.LEAVE})


def read(frame: Frame, come: Come, refs: Refs) -> Reading:
    """An unfollow names the Follow it ends, where one was sent."""
    if not come.who:
        return Ignored("a coming of nobody", refused=True)
    subject = whom(come.who, refs)
    target = native_of(come.to) if come.to else frame.room
    request = None
    if come.change is Change.UNFOLLOW:
        ghost = refs.ghost_of(target.protocol, subject)
        follow = refs.follow(ghost.native, target) if ghost is not None else None
        request = follow.request if follow is not None else None
    return make(frame, Membership(change=come.change, subject=subject, target=target, request=request))


def write(item: Item, membership: Membership, refs: Refs, me: Node) -> Wire | Omission:
    """Who comes and goes by themselves is shown. Whoever another room sends out may stay in this one, and following one person is no coming."""
    if membership.change not in SHOWN or membership.subject != item.event.author.native:
        return Omission(item.event_id, item.place, "membership.not_shown", "A hall shows who comes and goes by themselves, nothing else.")
    if membership.target != item.place and refs.channel(membership.target) is None:
        return Omission(item.event_id, item.place, "membership.of_one", "Following one person is not taking part in the community.")
    to = name_of(membership.target, refs) if membership.target != item.place else ""
    come = Come(change=membership.change, who=name_of(membership.subject, refs), to=to)
    return act(item, come, ghost_for(item, refs), me)
