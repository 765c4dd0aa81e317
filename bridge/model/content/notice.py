"""What the bridge says to one person."""

from __future__ import annotations

import msgspec

from bridge.model.ids import Native, ObjectId
from bridge.model.richtext import RichText


class Notice(msgspec.Struct, frozen=True, tag="notice"):
    """`to` hears it in private; with `about` and no text it is only a neutral sign (`sign`, as 🏠 or ⏳) on that object.

    `knock`: the sign of a knock, which a reaction to this message answers.
    """

    to: Native
    text: RichText = RichText()
    about: ObjectId | None = None
    sign: str = ""
    answer_in: Native | None = None
    knock: str = ""
