"""Words meant for the bridge itself, in a room, in the bot conversation, or by direct message to the group."""

from __future__ import annotations

import msgspec

from bridge.model.ids import Native, ObjectId


class Command(msgspec.Struct, frozen=True, tag="command"):
    """`words` without the leading mention, `!` kept; `about` the object it answers; `private` when only we and the author read it.

    `answer_in` is the native conversation to answer in (a Matrix direct room), None to use the author's own.
    """

    words: str
    private: bool = False
    about: ObjectId | None = None
    answer_in: Native | None = None
