"""What the bridge says to one person: on Matrix an `m.notice` by the bot in their own conversation, or only a neutral sign on a message.

https://spec.matrix.org/v1.18/client-server-api/#mnotice. Nothing on Matrix is read as one.
"""

from __future__ import annotations

from bridge.model.content.message import Manner, Message
from bridge.model.content.notice import Notice
from bridge.model.ids import MATRIX, NAMESPACE, Native, ObjectId
from bridge.model.item import Item, Omission
from bridge.refs import Refs, Wire
from protocols.matrix.ids import Me
from protocols.matrix.translate.outgoing import SAY, absent, sign, spot
from protocols.matrix.translate.words import write_words
from protocols.matrix.wire import dump

__all__ = ["KNOCK", "write"]

KNOCK = f"{NAMESPACE}.knock"
"""The content key with the sign of a knock, by which a reaction to it is understood."""


def write(item: Item, notice: Notice, refs: Refs, me: Me) -> Wire | Omission:
    """A notice without words is its sign. The conversation is looked up, or opened, by whoever sends."""
    bot = Native(MATRIX, me.bot)
    if not notice.text:
        found = _where(item, notice.about, refs)
        if found is None:
            return absent(item, "sign")
        relation = {"rel_type": "m.annotation", "event_id": found[1], "key": notice.sign}
        return sign({"m.relates_to": relation}, *found, bot)
    content = write_words(Message(text=notice.text, manner=Manner.NOTICE), me, refs, None)
    if notice.knock:
        content[KNOCK] = notice.knock
    room = notice.answer_in or refs.conversation(notice.to)
    return Wire(method=SAY, path=spot(room.id) if room is not None else "", body=dump(content), speaker=bot)


def _where(item: Item, about: ObjectId | None, refs: Refs) -> tuple[str, str] | None:
    """Room and event of what the sign goes on. What stays in its room is no object of ours: the notice's own origin tells where it is."""
    known = refs.object(about) if about is not None else None
    if known is not None:
        copy = known.native.id if known.place.protocol == MATRIX else None
        return (known.place.id, copy) if copy is not None else None
    born, place = item.event.provenance.native, item.event.place
    if born.protocol == MATRIX and born.id.startswith("$") and place.protocol == MATRIX and place.id.startswith("!"):
        return place.id, born.id
    return None
