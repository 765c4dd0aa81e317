"""What every act of moderators has in common on the wire: an actor that Lemmy takes for a person, two full lists of addresses, the group as audience.

Activitypub.md 4.5. The acts of people go out in the name of the group's team: who decided is told to nobody (norms.md 4.6, scenario S06).
"""

from __future__ import annotations

from protocols.activitypub.ids import PUBLIC
from protocols.activitypub.translate.outgoing import Outgoing
from protocols.activitypub.wire import ACTIVITY_STREAMS, Document, stamp

__all__ = ["MODERATION_CONTEXT", "moderation", "undoing"]

MODERATION_CONTEXT: list[object] = [
    ACTIVITY_STREAMS,
    {
        "lemmy": "https://join-lemmy.org/ns#",
        "Lock": "lemmy:Lock",
        "removeData": "lemmy:removeData",
        "moderators": {"@id": "lemmy:moderators", "@type": "@id"},
    },
]


def moderation(out: Outgoing, kind: str, about: str, *, activity: str, reason: str | None = None, more: Document | None = None) -> Document:
    """`about`: the object's or the person's id. `reason` None: the activity has no `summary` at all."""
    return {
        "@context": MODERATION_CONTEXT,
        "id": activity,
        "type": kind,
        "actor": out.team(),
        "object": about,
        **(more or {}),
        **({"summary": reason} if reason is not None else {}),
        "to": [PUBLIC],
        "cc": [out.group.id],
        "audience": out.group.id,
        "published": stamp(out.event.at),
    }


def undoing(out: Outgoing, undone: Document) -> Document:
    """The whole of what is undone inside (trap 18)."""
    inner = {name: value for name, value in undone.items() if name != "@context"}
    return {
        "@context": MODERATION_CONTEXT,
        "id": out.own_activity(),
        "type": "Undo",
        "actor": out.team(),
        "object": inner,
        "to": [PUBLIC],
        "cc": [out.group.id],
        "audience": out.group.id,
        "published": stamp(out.event.at),
    }
