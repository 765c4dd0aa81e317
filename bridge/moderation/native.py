"""What a moderator did with their own client, in the words of the vocabulary: a removal, a ban, a lock, a seat, or its undoing.

Norms.md 4.2 (native buttons) and 4.4. Whether its author may is not asked here.
"""

from __future__ import annotations

from msgspec.structs import replace

from bridge.model.act import Act, Deed, Via
from bridge.model.content import Appointment, Lock, Restoration, Retraction, Sanction
from bridge.model.event import Event
from bridge.model.place import Place, PlaceKind
from bridge.model.restriction import SERVER, Measure

__all__ = ["act_of", "is_vouched"]

_OF_PEOPLE = {Measure.LIMIT: Deed.LIMIT, Measure.REST: Deed.REST, Measure.BAN: Deed.BAN, Measure.BLOCK: Deed.BAN}
_OF_SERVERS = {
    Measure.LIMIT: Deed.SERVER_LIMIT,
    Measure.REST: Deed.SERVER_LIMIT,
    Measure.BAN: Deed.SERVER_BLOCK,
    Measure.BLOCK: Deed.SERVER_BLOCK,
}


def act_of(event: Event) -> Act | None:
    """None for what is no act of a moderator: also when an author takes their own words back."""
    plain = Act(id=event.id, deed=Deed.REMOVE, by=event.author.native, at=event.at, via=Via.NATIVE)
    match event.content:
        case Retraction(target=target, reason=reason, moderator=True):
            return replace(plain, object=target, reason=reason)
        case Restoration(target=target, reason=reason):
            return replace(plain, deed=Deed.RESTORE, object=target, reason=reason)
        case Lock(target=target, locked=locked, reason=reason):
            return replace(plain, deed=Deed.LOCK if locked else Deed.UNLOCK, object=target, reason=reason)
        case Appointment(whom=whom, ended=ended):
            return replace(plain, deed=Deed.END if ended else Deed.GRANT, person=whom)
        case Sanction():
            return _sanctioned(event, event.content, plain)
        case _:
            return None


def is_vouched(event: Event, place: Place) -> bool:
    """Did `place`, where it happened, itself let them do it? A homeserver asks for power in the room before it redacts or bans, and an author's own
    server answers for what it deletes. A group is only told, so there a seat is what counts."""
    if isinstance(event.content, Retraction):
        return not event.content.claimed
    return place.kind is PlaceKind.ROOM


def _sanctioned(event: Event, sanction: Sanction, plain: Act) -> Act:
    """Without an end it has the usual one: a client that names none means no decision of two people."""
    named = replace(plain, reason=sanction.reason)
    if sanction.whom.protocol == SERVER:
        deed = Deed.SERVER_LIFT if sanction.lifted else _OF_SERVERS[sanction.measure]
        return replace(named, deed=deed, server=sanction.whom.id)
    if sanction.lifted:
        return replace(named, deed=Deed.LIFT, person=sanction.whom)
    span = sanction.until - event.received_at if sanction.until is not None else None
    return replace(named, deed=_OF_PEOPLE[sanction.measure], person=sanction.whom, span=span, tidy=sanction.tidy)
