"""A `Block` of somebody with the group as target is a ban, its `Undo` the end of one; a ban is such a Block, and a `Reject` of their Follow.

Activitypub.md 4.5. A Block of one person by another is for those two alone (block.py).
"""

from __future__ import annotations

from bridge.model.content.sanction import Sanction
from bridge.model.ids import ACTIVITYPUB
from bridge.model.restriction import SERVER, Measure
from protocols.activitypub.ids import activity_url
from protocols.activitypub.translate.moderating import moderation, undoing
from protocols.activitypub.translate.outgoing import NO_ACTOR, Lack, Made, Outgoing
from protocols.activitypub.wire import ACTIVITY_STREAMS, Document, stamp

__all__ = ["write_block", "write_rejection"]


def write_block(out: Outgoing, sanction: Sanction) -> Made:
    """`Block` with both of the names its end has had (`endTime`, before Lemmy 0.19 `expires`); lifted, an `Undo` of the same."""
    if sanction.whom.protocol == SERVER:
        return Lack("sanction.server", "A group keeps people out, not servers; the bridge refuses theirs at its own door.")
    if sanction.measure is Measure.LIMIT:
        return Lack("sanction.limit", "Whoever is limited stays in the group; the bridge holds what they say.")
    who = out.actor(sanction.whom, ended=True)
    if who is None:
        return NO_ACTOR
    more: Document = {"target": out.group.id, "removeData": sanction.tidy}
    if sanction.until is not None:
        more |= {"endTime": stamp(sanction.until), "expires": stamp(sanction.until)}
    activity = activity_url(out.me, f"{out.event.id}-block") if sanction.lifted else out.own_activity()
    block = moderation(out, "Block", who, activity=activity, reason=sanction.reason, more=more)
    return undoing(out, block) if sanction.lifted else block


def write_rejection(out: Outgoing, sanction: Sanction, *, activity: str) -> Made:
    """Microblogs know no ban from a group, but that it no longer lets them follow (4.3)."""
    if sanction.lifted or sanction.request is None or sanction.whom.protocol != ACTIVITYPUB:
        return Lack("sanction.no_follow", "They did not follow the group, or may again; there is nothing to end.")
    return {
        "@context": ACTIVITY_STREAMS,
        "id": activity,
        "type": "Reject",
        "actor": out.group.id,
        "to": [sanction.whom.id],
        "cc": [],
        "object": {"id": sanction.request, "type": "Follow", "actor": sanction.whom.id, "object": out.group.id},
    }
