"""What every writer of a deed needs: who speaks, the mark that every deed of ours carries, and the words for "not here".

A `Wire` names the room in `path` and holds a `Draft`; the sender gives it the item's id, so that a repeat is the same deed.
"""

from __future__ import annotations

from bridge.model.ids import LOOPBACK, OURS, Native
from bridge.model.item import Item, Omission
from bridge.ports import Node
from bridge.refs import Refs, Wire
from protocols.loopback.ids import BOT
from protocols.loopback.wire import Act, Draft, Mark, dump

__all__ = ["SPEAKER_OF_THE_HOUSE", "absent", "act", "ghost_for"]

SPEAKER_OF_THE_HOUSE = Native(LOOPBACK, BOT)


def ghost_for(item: Item, refs: Refs, of: Native | None = None) -> Native | None:
    """The account that speaks for `of` (else for the item's own speaker); None when it is still to be made, which the sender does."""
    who = of or item.by
    if who.protocol == OURS:
        return SPEAKER_OF_THE_HOUSE
    if who.protocol == LOOPBACK:
        return who
    ghost = refs.ghost_of(LOOPBACK, who)
    return ghost.native if ghost is not None and ghost.ended is None else None


def act(item: Item, act: Act, speaker: Native | None, me: Node, *, room: str = "") -> Wire:
    """`room`: another one than the item's place."""
    mark = Mark(object=item.event_id, node=me.domain, item=item.id, hops=item.event.provenance.hops + 1)
    where = room or item.place.id
    return Wire(method=str(act.__struct_config__.tag), path=where, body=dump(Draft(act, mark)), speaker=speaker)


def absent(item: Item, what: str) -> Omission:
    """What it is about has no copy in this room, so there is nothing to show."""
    return Omission(item.event_id, item.place, "target.not_here", f"What this {what} is about is not in the room.")
