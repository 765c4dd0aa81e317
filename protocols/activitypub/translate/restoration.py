"""An `Undo` of a moderator's `Delete` puts back what was removed from the group; here it is a Restoration.

Activitypub.md 4.5. What one of our people said, and was deleted as theirs, comes back under a new id instead: Mastodon 4.5 refuses old ones.
"""

from __future__ import annotations

from bridge.model.content.restoration import Restoration
from bridge.model.ids import ACTIVITYPUB
from bridge.refs import Ignored, Reading
from protocols.activitypub.ids import activity_url
from protocols.activitypub.translate.arrival import Arrival, refused
from protocols.activitypub.translate.moderating import act, group_meant, moderation, reason_of, undoing
from protocols.activitypub.translate.outgoing import Lack, Made, Outgoing
from protocols.activitypub.translate.thing import Thing

__all__ = ["read_undone_delete", "write_restoration"]


def read_undone_delete(arrival: Arrival, delete: Thing) -> Reading:
    """An author who takes back their own Delete (Lemmy) is refused: what was taken back is gone here, and is not kept (norms.md N02)."""
    url = delete.one_id("object")
    if not url:
        return refused("O6", "Undo of a Delete of nothing")
    known, spot = arrival.known(url), group_meant(arrival, url)
    if waits := arrival.needs():
        return waits
    if known is None or spot is None:
        return Ignored("Undo of a Delete: of something that never was in a group here")
    if "summary" not in delete.members:
        return Ignored("Undo of a Delete: what its author took back is not kept here, so it cannot be put back")
    return act(arrival, spot, Restoration(known.id, reason=reason_of(delete)), undone=delete)


def write_restoration(out: Outgoing, restoration: Restoration) -> Made:
    known = out.object(restoration.target)
    if known is None:
        return Lack("target.not_there", "What is put back never crossed to the fediverse.")
    if known.native.protocol != ACTIVITYPUB:
        return Lack("restoration.renamed", "It was deleted under its old address everywhere; it comes back under a new one.")
    removal = activity_url(out.me, restoration.removal or f"{out.event.id}-delete")
    return undoing(out, moderation(out, "Delete", known.native.id, activity=removal, reason=restoration.reason))
