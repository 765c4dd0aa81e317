"""In a hall this is an `expel` by a host of the room, or its end; on the fediverse a Block of the group; here a Sanction."""

from __future__ import annotations

from bridge.model.content.sanction import Sanction
from bridge.model.item import Item, Omission
from bridge.model.restriction import SERVER, Measure
from bridge.ports import Node
from bridge.refs import Ignored, Reading, Refs, Wire
from protocols.loopback.translate.frame import Frame, make, one_line, whom
from protocols.loopback.translate.outgoing import SPEAKER_OF_THE_HOUSE, act
from protocols.loopback.translate.words import name_of
from protocols.loopback.wire import Expel

__all__ = ["read", "write"]


def read(frame: Frame, expel: Expel, refs: Refs) -> Reading:
    """The hall let them, so they are a host of the room."""
    if not expel.who:
        return Ignored("nobody was sent out", refused=True)
    reason = one_line(expel.reason, 500)
    return make(frame, Sanction(whom(expel.who, refs), Measure.BAN, until=expel.until, reason=reason, lifted=expel.lifted))


def write(item: Item, sanction: Sanction, refs: Refs, me: Node) -> Wire | Omission:
    """By the bot: no person sends somebody out of a room they are not in themselves."""
    if sanction.whom.protocol == SERVER:
        return Omission(item.event_id, item.place, "sanction.server", "A hall knows people, not servers; the bridge keeps theirs out.")
    if sanction.measure is Measure.LIMIT:
        return Omission(item.event_id, item.place, "sanction.limit", "Whoever is limited may stay; the bridge holds what they say.")
    expel = Expel(name_of(sanction.whom, refs), sanction.until, lifted=sanction.lifted)
    return act(item, expel, SPEAKER_OF_THE_HOUSE, me)
