"""New words for something said before."""

from __future__ import annotations

import msgspec

from bridge.model.content.message import Message
from bridge.model.ids import ObjectId


class Edit(msgspec.Struct, frozen=True, tag="edit"):
    """`message` is the whole new form; its place in the thread is the old one's."""

    target: ObjectId
    message: Message
