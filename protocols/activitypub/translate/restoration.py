"""An `Undo` of a moderator's `Delete` puts back what was removed from the group; here it is a Restoration.

Activitypub.md 4.5. What one of our people said, and was deleted as theirs, comes back under a new id instead: Mastodon 4.5 refuses old ones.
"""

from __future__ import annotations

from bridge.model.content.restoration import Restoration
from bridge.model.ids import ACTIVITYPUB
from protocols.activitypub.ids import activity_url
from protocols.activitypub.translate.moderating import moderation, undoing
from protocols.activitypub.translate.outgoing import Lack, Made, Outgoing

__all__ = ["write_restoration"]


def write_restoration(out: Outgoing, restoration: Restoration) -> Made:
    known = out.object(restoration.target)
    if known is None:
        return Lack("target.not_there", "What is put back never crossed to the fediverse.")
    if known.native.protocol != ACTIVITYPUB:
        return Lack("restoration.renamed", "It was deleted under its old address everywhere; it comes back under a new one.")
    removal = activity_url(out.me, restoration.removal or f"{out.event.id}-delete")
    return undoing(out, moderation(out, "Delete", known.native.id, activity=removal, reason=restoration.reason))
