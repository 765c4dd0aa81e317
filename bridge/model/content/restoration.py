"""What a moderator removed is back: the removal of something said is undone."""

from __future__ import annotations

import msgspec

from bridge.model.ids import EventId, ObjectId


class Restoration(msgspec.Struct, frozen=True, tag="restoration"):
    """`target` is what was removed, `removal` the event that removed it, which its undoing names."""

    target: ObjectId
    reason: str = ""
    removal: EventId | None = None
