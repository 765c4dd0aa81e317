"""Makes a word about something that waits an event of its own, so that it is judged again in the order of everything else."""

from __future__ import annotations

from datetime import datetime

from bridge.model.actor import Actor
from bridge.model.audience import Audience
from bridge.model.content.release import Release
from bridge.model.event import Event, Provenance, decode
from bridge.model.ids import OURS, Native, event_id
from bridge.model.record import Hold

__all__ = ["released"]


def released(secret: bytes, release: Release, hold: Hold, author: Actor, now: datetime) -> Event:
    """The same word about the same wait is the same event; a later wait of the same event is another."""
    native = Native(OURS, f"release/{hold.event_id}/{hold.since.isoformat()}/{release.ending}")
    waits = decode(hold.body)
    return Event(
        id=event_id(secret, native),
        community=hold.community,
        channel=waits.channel,
        place=waits.place,
        author=author,
        content=release,
        audience=Audience.LOCAL,
        at=now,
        received_at=now,
        provenance=Provenance(native),
    )
