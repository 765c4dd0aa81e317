"""One line of a conversation, as a page shows it to people."""

from __future__ import annotations

from datetime import datetime

import msgspec

from bridge.model.actor import Actor
from bridge.model.content import Message

__all__ = ["Line"]


class Line(msgspec.Struct, frozen=True):
    """One thing said, as a page shows it. `message` None: its words are on the server of their author alone, at `url`."""

    author: Actor
    url: str
    at: datetime | None = None
    message: Message | None = None
