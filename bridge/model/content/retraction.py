"""Taking something back: a message, a reaction, a boost."""

from __future__ import annotations

import msgspec

from bridge.model.ids import ObjectId


class Retraction(msgspec.Struct, frozen=True, tag="retraction"):
    """`target` is the id of the event that said, reacted or boosted. `moderator` is true when it is not the author's own act."""

    target: ObjectId
    reason: str = ""
    moderator: bool = False
