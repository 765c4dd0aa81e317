"""Taking something back: a message, a reaction, a boost."""

from __future__ import annotations

import msgspec

from bridge.model.ids import ObjectId


class Retraction(msgspec.Struct, frozen=True, tag="retraction"):
    """`target` is the id of the event that said, reacted or boosted. `moderator` is true when it is not the author's own act. `key`: the
    sign that is taken back, once that is known: nobody can look it up afterwards, and its Undo has to name it. `claimed`: nobody vouches that
    they may take it back, neither a room's power nor the author's own server, so it is for those who hold a seat alone."""

    target: ObjectId
    reason: str = ""
    moderator: bool = False
    key: str = ""
    claimed: bool = False
