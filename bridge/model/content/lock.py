"""A thread takes no more answers, or takes them again."""

from __future__ import annotations

import msgspec

from bridge.model.ids import ObjectId


class Lock(msgspec.Struct, frozen=True, tag="lock"):
    """`target` is what nobody may answer any more: the root of a thread, or an answer with all that hangs on it."""

    target: ObjectId
    locked: bool = True
    reason: str = ""
