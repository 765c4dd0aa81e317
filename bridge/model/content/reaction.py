"""A sign under something said."""

from __future__ import annotations

import msgspec

from bridge.model.content.message import Emoji
from bridge.model.ids import ObjectId


class Reaction(msgspec.Struct, frozen=True, tag="reaction"):
    """`key` is a Unicode emoji, or `:shortcode:` for a custom one, whose picture is `emoji`. A bare Like is `LIKE`."""

    target: ObjectId
    key: str
    emoji: Emoji | None = None


LIKE = "👍"
"""What a Like without words becomes where every reaction needs a sign."""
