"""A `Lock` closes a thread or an answer with all under it, its `Undo` opens it again; here both are a Lock.

Activitypub.md 4.5. Only threadiverse servers know it; elsewhere answers still come, and are held here.
"""

from __future__ import annotations

from bridge.model.content.lock import Lock
from protocols.activitypub.ids import activity_url
from protocols.activitypub.translate.moderating import moderation, undoing
from protocols.activitypub.translate.outgoing import Lack, Made, Outgoing

__all__ = ["write_lock"]


def write_lock(out: Outgoing, lock: Lock) -> Made:
    target = out.url(lock.target)
    if target is None:
        return Lack("target.not_there", "What is closed never crossed to the fediverse.")
    activity = out.own_activity() if lock.locked else activity_url(out.me, f"{out.event.id}-lock")
    made = moderation(out, "Lock", target, activity=activity, reason=lock.reason)
    return made if lock.locked else undoing(out, made)
