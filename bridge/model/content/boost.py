"""Passing something on to one's own followers."""

from __future__ import annotations

import msgspec

from bridge.model.ids import ObjectId


class Boost(msgspec.Struct, frozen=True, tag="boost"):
    target: ObjectId
