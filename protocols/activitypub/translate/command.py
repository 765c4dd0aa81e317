"""A direct message to the group alone is a command to the bridge; a command is never written to anybody, its answer is a notice.

Activitypub.md 3.3 (direct), 4.3 (Lemmy's private messages have only the recipient in `to`).
"""

from __future__ import annotations

from bridge.model.actor import Actor
from bridge.model.audience import Audience
from bridge.model.content.command import Command
from bridge.model.content.message import Message
from bridge.model.ids import event_id
from bridge.model.record import KnownObject
from bridge.refs import Ignored, Read, Reading
from protocols.activitypub.ids import native
from protocols.activitypub.translate.arrival import Arrival, Spot
from protocols.activitypub.translate.direct import read_direct
from protocols.activitypub.translate.note import People, provenance_of, read_message
from protocols.activitypub.translate.thing import Thing
from protocols.activitypub.wire import clamped


def read_command(arrival: Arrival, said: Thing, author: Actor, spot: Spot | None, known: KnownObject | None, *, edit: bool) -> Reading:
    """Words for a group are for the bridge, `known` is what they answer; words for one of our people are theirs (`direct.py`)."""
    if spot is None:
        return read_direct(arrival, said, author, known, edit=edit)
    if edit:
        return Ignored("a private message to the group was changed; its first form was answered")
    message = read_message(said, People(said, arrival.refs, arrival.me), reply_to=None, thread=None, parent=None)
    if waits := arrival.needs():
        return waits
    event = arrival.event(
        event_id(arrival.me.secret, native(said.id)),
        spot,
        author,
        Command(words=words_of(message), private=True, about=known.id if known else None),
        audience=Audience.DIRECT,
        at=clamped(said.text("published"), arrival.received_at),
        come=provenance_of(said),
    )
    return Read((event,))


def words_of(message: Message) -> str:
    """Without the names it starts with: every direct post begins with whom it is for."""
    rest = message.text.plain.strip()
    while rest.startswith("@"):
        rest = "".join(rest.split(None, 1)[1:])
    return rest
