"""Our own item seen in its place: the receipt that nobody can lose (matrix.md section 5, the self-echo)."""

from __future__ import annotations

import msgspec

from bridge.model.ids import ObjectId


class Sighting(msgspec.Struct, frozen=True, tag="sighting"):
    """`target` is the object our marker names, `native` what the place calls its copy, or the `part` of it that shows `source`."""

    target: ObjectId
    native: str
    item: str = ""
    part: int | None = None
    source: str = ""
