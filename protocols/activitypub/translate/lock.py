"""A `Lock` closes a thread or an answer with all under it, its `Undo` opens it again; here both are a Lock.

Activitypub.md 4.5. Only threadiverse servers know it; elsewhere answers still come, and are held here.
"""

from __future__ import annotations

from bridge.model.content.lock import Lock
from bridge.refs import Ignored, Reading
from protocols.activitypub.ids import activity_url
from protocols.activitypub.translate.arrival import Arrival, refused
from protocols.activitypub.translate.moderating import act, group_meant, moderation, reason_of, undoing
from protocols.activitypub.translate.outgoing import Lack, Made, Outgoing
from protocols.activitypub.translate.thing import Thing

__all__ = ["read_lock", "write_lock"]


def read_lock(arrival: Arrival, lock: Thing, *, opened: bool) -> Reading:
    """`lock` is what arrived or, opened, what is undone."""
    url = lock.one_id("object")
    if not url:
        return refused("O6", "Lock of nothing")
    known, spot = arrival.known(url), group_meant(arrival, url)
    if waits := arrival.needs():
        return waits
    if known is None or spot is None:
        return Ignored("Lock: of something that never was in a group here")
    return act(arrival, spot, Lock(known.id, locked=not opened, reason=reason_of(lock)), undone=lock if opened else None)


def write_lock(out: Outgoing, lock: Lock) -> Made:
    target = out.url(lock.target)
    if target is None:
        return Lack("target.not_there", "What is closed never crossed to the fediverse.")
    activity = out.own_activity() if lock.locked else activity_url(out.me, f"{out.event.id}-lock")
    made = moderation(out, "Lock", target, activity=activity, reason=lock.reason)
    return made if lock.locked else undoing(out, made)
