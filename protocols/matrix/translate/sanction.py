"""On Matrix this is the membership `ban`, or its end; on the fediverse a Block of the group; here a Sanction.

https://spec.matrix.org/v1.18/client-server-api/#banning-users-in-a-room. Read by `membership.py`, since the same state says both.
"""

from __future__ import annotations

import msgspec

from bridge.model.content.sanction import Sanction
from bridge.model.ids import MATRIX, Native
from bridge.model.item import Item, Omission
from bridge.model.restriction import SERVER, Measure
from bridge.refs import Ignored, Reading, Refs, Wire
from protocols.htmltree import scrub
from protocols.matrix.ids import Me
from protocols.matrix.translate.frame import Frame, author_of, make
from protocols.matrix.translate.outgoing import SANCTION
from protocols.matrix.wire import MemberContent, dump

__all__ = ["Sending", "read", "write"]

MOST_REASON = 500


class Sending(msgspec.Struct):
    """What the homeserver is asked for: `user` is sent out of the room, or (`lifted`) may come in again."""

    user: str
    lifted: bool = False


def read(frame: Frame, refs: Refs, user: str, now: MemberContent, *, lifted: bool) -> Reading:
    """By somebody whom the homeserver let do it, so they hold power in the room."""
    if user == frame.me.bot:
        return Ignored("the bot itself was sent out, or may come in again")
    subject = Native(MATRIX, user)
    if frame.me.is_ghost(user):
        ghost = refs.ghost(subject)
        subject = ghost.of if ghost is not None else subject
    reason = " ".join(scrub(now.reason or "").split())[:MOST_REASON]
    return make(frame, Sanction(subject, Measure.BAN, reason=reason, lifted=lifted), author_of(frame, refs))


def write(item: Item, sanction: Sanction, refs: Refs, me: Me) -> Wire | Omission:
    """By the bot. Who has no account in any room here is kept out by the bridge alone. Matrix knows no end of a ban; it is lifted then."""
    if sanction.whom.protocol == SERVER:
        return Omission(item.event_id, item.place, "sanction.server", "A room is asked for people; a server is kept out by the bridge.")
    if sanction.measure is Measure.LIMIT:
        return Omission(item.event_id, item.place, "sanction.limit", "Whoever is limited may stay; the bridge holds what they say.")
    user = sanction.whom
    if user.protocol != MATRIX:
        ghost = refs.ghost_of(MATRIX, user)
        if ghost is None:
            return Omission(
                item.event_id, item.place, "sanction.nobody", "They never spoke in a room here, so there is nobody to send out."
            )
        user = ghost.native
    body = Sending(user.id, sanction.lifted)
    return Wire(method=SANCTION, path="", body=dump(body), speaker=Native(MATRIX, me.bot))
