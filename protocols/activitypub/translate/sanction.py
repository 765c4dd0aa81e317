"""A `Block` of somebody with the group as target is a ban, its `Undo` the end of one; a ban is such a Block, and a `Reject` of their Follow.

Activitypub.md 4.5. A Block of one person by another is for those two alone (block.py).
"""

from __future__ import annotations

from datetime import datetime

from bridge.model.content.sanction import Sanction
from bridge.model.ids import ACTIVITYPUB
from bridge.model.restriction import SERVER, Measure
from bridge.refs import Ignored, Reading
from protocols.activitypub.ids import activity_url, is_ours
from protocols.activitypub.translate.arrival import Arrival, group_spot, refused
from protocols.activitypub.translate.moderating import act, moderation, reason_of, undoing, whom
from protocols.activitypub.translate.outgoing import NO_ACTOR, Lack, Made, Outgoing
from protocols.activitypub.translate.thing import Thing
from protocols.activitypub.wire import ACTIVITY_STREAMS, Document, moment_of, stamp

__all__ = ["read_block", "write_block", "write_rejection"]


def read_block(arrival: Arrival, block: Thing, *, lifted: bool) -> Reading:
    """`block` is what arrived or, lifted, what is undone. Without a `target` it is between two people."""
    target, who = block.one_id("target"), block.one_id("object")
    if not target:
        return Ignored("Block: somebody blocks one of our people; kept for when people can see that themselves")
    if not who:
        return refused("O6", "Block of nobody")
    if not is_ours(arrival.me, target):
        return Ignored("Block: somebody is banned from a group elsewhere, which is its own affair")
    spot = group_spot(arrival, [target])
    subject = whom(arrival, who)
    if waits := arrival.needs():
        return waits
    if spot is None:
        return refused("O10", f"Block by {arrival.actor} from this server as a whole, which only its operator can do")
    until = _end_of(block)
    if until is not None and until <= arrival.received_at and not lifted:
        return Ignored("a Block that was over before it arrived")
    tidy = block.flag("removeData") or False
    content = Sanction(subject, Measure.BAN, until=until, reason=reason_of(block), lifted=lifted, tidy=tidy and not lifted)
    return act(arrival, spot, content, undone=block if lifted else None)


def _end_of(block: Thing) -> datetime | None:
    """`expires` is what Lemmy wrote before 0.19, and PieFed 1.6 writes both."""
    return moment_of(block.text("endTime")) or moment_of(block.text("expires"))


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
    block = moderation(out, "Block", who, activity=activity, more=more)
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
